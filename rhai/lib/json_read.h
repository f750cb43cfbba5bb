/* json_read.h - JSON text to values, for parse_json and for rhai_from_json.
 *
 * One pass, no recursion. Objects become maps (of equal keys the last one counts), numbers
 * without fraction and exponent integers if they fit, null ().
 */
#ifndef RHAI_LIB_JSON_READ_H
#define RHAI_LIB_JSON_READ_H

#include "value/text.h"

enum { JSON_MAX_DEPTH = 64 };

typedef enum json_result { JSON_OK, JSON_INVALID, JSON_NO_MEMORY } json_result;

typedef struct json_reader {
    heap *h;
    const char *text; /* valid UTF-8 */
    size_t len;
    uint32_t max_depth; /* containers in containers; at most JSON_MAX_DEPTH */
    /* Accept only what parse_json, which reads scripts' expressions, would read the same way: an
     * object on the outside, distinct keys, only escapes that scripts have too. */
    bool only_script_like;
    bool is_prefix; /* more text may follow the value; after JSON_OK `at` is where it begins */
    /* After JSON_INVALID: what was wrong where. */
    const char *message;
    size_t at;
} json_reader;

json_result json_read(json_reader *r, rhai_value *ret);

#endif
