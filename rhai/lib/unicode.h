/* unicode.h - properties and case of characters, and what strings do with them.
 *
 * ASCII never reaches the tables. Text is valid UTF-8, as in every string.
 */
#ifndef RHAI_LIB_UNICODE_H
#define RHAI_LIB_UNICODE_H

#include "value/text.h"

/* A piece of some text. */
typedef struct span {
    const char *at;
    size_t len;
} span;

bool unicode_is_space(uint32_t c); /* White_Space of the Unicode Character Database */
span unicode_trim(span s);         /* without the white space at both ends */

/* The character in the other case; itself where that would take several ("ß" is "SS"). */
uint32_t unicode_upper_char(uint32_t c);
uint32_t unicode_lower_char(uint32_t c);
/* Whole text: "ß" gives "SS", a capital sigma that ends a word gives the final one. */
void unicode_add_upper(text *t, span s);
void unicode_add_lower(text *t, span s);

#endif
