/* Decoding of UTF-8, for everything that must answer with valid JSON. */
#ifndef HERO_RPC_UTF8_H
#define HERO_RPC_UTF8_H

#include <stddef.h>

/* The length of the well-formed character (Unicode table 3-7) that begins at text, 1-4; 0 when
 * there is none, and then *ret_skip is the length of the maximal ill-formed part. len is at
 * least 1. */
size_t utf8_char_len(const unsigned char *text, size_t len, size_t *ret_skip);

#endif
