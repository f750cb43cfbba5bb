/*
 * A growing string of bytes.
 *
 * Out of memory is sticky: the buffer keeps what it had, ignores further additions and
 * `failed` stays true until rpc_strbuf_clear, so a caller checks once, at the end.
 */
#ifndef HERO_RPC_STRBUF_H
#define HERO_RPC_STRBUF_H

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct rpc_strbuf {
    char *data; /* NULL, or len bytes and a NUL behind them */
    size_t len;
    size_t cap;
    bool failed;
};

#define RPC_STRBUF_INIT                                                                            \
    { NULL, 0, 0, false }

void rpc_strbuf_init(struct rpc_strbuf *buf);
/* Frees the memory; the buffer is empty and usable afterwards. */
void rpc_strbuf_done(struct rpc_strbuf *buf);
/* Empties it and keeps the memory. */
void rpc_strbuf_clear(struct rpc_strbuf *buf);

/* Makes room for at least `more` bytes behind len; returns where they go, NULL without memory. */
char *rpc_strbuf_reserve(struct rpc_strbuf *buf, size_t more);
void rpc_strbuf_add(struct rpc_strbuf *buf, const void *data, size_t len);
void rpc_strbuf_add_text(struct rpc_strbuf *buf, const char *text);
void rpc_strbuf_add_char(struct rpc_strbuf *buf, char c);
void rpc_strbuf_addf(struct rpc_strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rpc_strbuf_vaddf(struct rpc_strbuf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Decimal digits of a number, without the cost of printf. */
void rpc_strbuf_add_int(struct rpc_strbuf *buf, long long value);
/* The bytes as a JSON string with its quotes (RFC 8259 §7). Bytes that are not UTF-8 become
 * U+FFFD, one for each maximal ill-formed part, so the output is always valid. */
void rpc_strbuf_add_json_string(struct rpc_strbuf *buf, const char *text, size_t len);
/* Back again: the text of the JSON string whose opening quote is at json[0]. Returns the bytes up
 * to and with its closing quote, 0 when there is no valid one within len (RFC 8259 §7; UTF-8), and
 * then the buffer may have a part of it. \u0000 is a NUL in the text. */
size_t rpc_strbuf_add_unquoted(struct rpc_strbuf *buf, const char *json, size_t len);
/* A JSON value in its shortest form (jansson's JSON_COMPACT | JSON_ENCODE_ANY). */
void rpc_strbuf_add_json(struct rpc_strbuf *buf, const json_t *value);

/* The text, never NULL; valid until the next change. */
const char *rpc_strbuf_text(const struct rpc_strbuf *buf);
/* Hands the memory to the caller, who frees it with free(); NULL when the buffer has failed or
 * never held anything. The buffer is empty afterwards. */
char *rpc_strbuf_take(struct rpc_strbuf *buf, size_t *ret_len);

#endif
