/*
 * The changes that the journal keeps (INSERT, START, SCRIPT, APPEND, END) as bytes, in the byte
 * order of the machine.
 *
 *     | kind | row | numbers and texts of the session | of the request | value | id, block of lines
 * |
 *
 * Each kind has the members it needs. A text is its length and its bytes; ~0 is NULL.
 */
#ifndef RUNNER_STORE_OP_CODEC_H
#define RUNNER_STORE_OP_CODEC_H

#include "store/op.h"

/* Changes when the columns of a session do, or what is written here. */
uint32_t op_codec_format(void);

size_t op_encoded_size(const struct op *op);
/* Into that many bytes; seals the op's lines. */
void op_encode(const struct op *op, char *out);
/* NULL with errno: EBADMSG, ENOMEM. What texts point to is the op's own. */
struct op *op_decode(const char *bytes, size_t len);

#endif
