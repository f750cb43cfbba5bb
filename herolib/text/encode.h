/* encode.h - bytes in forms of text. */
#ifndef HEROLIB_TEXT_ENCODE_H
#define HEROLIB_TEXT_ENCODE_H

#include "core/native.h"

#include <stdbool.h>

/* Base64 with padding (RFC 4648 §4), and percent-encoding of all but the unreserved characters
 * (RFC 3986 §2.3). From malloc; NULL: out of memory. */
char *encode_base64(struct bytes bytes);
char *encode_percent(struct bytes bytes);

/* Both alphabets, with or without the padding, with white space anywhere. `out` has room for `len`
 * bytes. False: it is not base64. */
bool decode_base64(const char *text, size_t len, uint8_t *out, size_t *ret_len);

#endif
