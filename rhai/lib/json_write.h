/* json_write.h - values as JSON text, for to_json and for rhai_to_json. */
#ifndef RHAI_LIB_JSON_WRITE_H
#define RHAI_LIB_JSON_WRITE_H

#include "value/text.h"

typedef enum json_style {
    /* JSON of RFC 8259: chars as strings, blobs as base64, other values and floats that JSON does
     * not have as their debug text. */
    JSON_STANDARD,
    /* What Rhai's to_json() writes, which is JSON only for plain data: strings with the escapes
     * of scripts, blobs as arrays of numbers, functions as their names (or an array of the name
     * and the curried arguments), other values as their debug text, unquoted. */
    JSON_OF_SCRIPTS,
} json_style;

typedef enum json_outcome {
    JSON_WRITTEN,
    JSON_TOO_LONG, /* more than max_bytes; `out` holds a part */
    JSON_CYCLE,    /* a closure among the values holds, by what it captured, itself */
    JSON_WRITE_NO_MEMORY,
} json_outcome;

/* Appends to *out; max_bytes 0 is no bound. Without C recursion. */
json_outcome json_write(text *out, const rhai_value *v, json_style style, size_t max_bytes);

/* A string of JSON_STANDARD, quotes included. */
void json_write_string(text *out, const char *s, size_t len);

#endif
