/* number_text.h - numbers out of text and into error messages. */
#ifndef RHAI_LIB_NUMBER_TEXT_H
#define RHAI_LIB_NUMBER_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Both return NULL with *ret set, or say what is wrong with the text. */
const char *parse_int_text(const char *text, size_t len, unsigned radix, int64_t *ret);
const char *parse_float_text(const char *text, size_t len, double *ret);

/* Enough for any double written out without an exponent. */
enum { PLAIN_FLOAT_SIZE = 400 };
/* The shortest digits that read back as `f`, never with an exponent: "1", "0.25",
 * "100000000000000000000", "inf". This is how errors show floats; values print differently. */
const char *plain_float(double f, char buffer[PLAIN_FLOAT_SIZE]);

#endif
