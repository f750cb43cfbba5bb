/* native.h - values of scripts, taken apart and put together by native functions.
 *
 * The functions that return a status have thrown when it is not RHAI_OK.
 */
#ifndef HEROLIB_CORE_NATIVE_H
#define HEROLIB_CORE_NATIVE_H

#include <rhai/rhai.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

/* Of a string or a blob; borrowed from it. */
struct bytes value_bytes(const rhai_value *value);

/* Bytes from malloc (NULL: out of memory), which are freed, as a blob. */
rhai_status value_take_blob(rhai_call *call, uint8_t *data, size_t len, rhai_value *ret);

/* An object as a value, which owns it also when this fails; NULL means out of memory. */
rhai_status value_custom(rhai_call *call, const rhai_custom_type *type, void *object, rhai_value *ret);

/* Put `item`, which is taken over, or a text that is made UTF-8, into a map or behind an array. */
rhai_status value_put(rhai_call *call, rhai_value *map, const char *name, rhai_value *item);
rhai_status value_put_text(rhai_call *call, rhai_value *map, const char *name, const char *text,
                           size_t len);
rhai_status value_push(rhai_call *call, rhai_value *array, rhai_value *item);
rhai_status value_push_text(rhai_call *call, rhai_value *array, const char *text, size_t len);

/* An options map: each entry must have a name of the list and the type named beside it. What a script
 * misspells is an error and not silently ignored. `what` is the function: "http_get". */
struct value_option {
    const char *name;
    rhai_type type; /* RHAI_UNIT: any */
};
rhai_status value_check_options(rhai_call *call, const rhai_value *map, const char *what,
                                const struct value_option *options, size_t count);

#endif
