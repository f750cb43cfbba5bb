/* The functions of rhai.h on values that need no engine. */
#include "native/error.h"

rhai_value rhai_unit(void) {
    return VALUE_UNIT;
}

rhai_value rhai_from_bool(bool b) {
    return VALUE_BOOL(b);
}

rhai_value rhai_from_int(int64_t i) {
    return VALUE_INT(i);
}

rhai_value rhai_from_float(double f) {
    return VALUE_FLOAT(f);
}

rhai_value rhai_from_char(uint32_t c) {
    return VALUE_CHAR(c);
}

const char *rhai_as_text(const rhai_value *v, size_t *ret_len) {
    const rhai_str *s = as_str(v);
    if (ret_len) *ret_len = s->len;
    return s->data;
}

const uint8_t *rhai_as_blob(const rhai_value *v, size_t *ret_len) {
    const blob *b = as_blob(v);
    if (ret_len) *ret_len = b->len;
    return b->data;
}

void rhai_as_range(const rhai_value *v, int64_t *ret_from, int64_t *ret_to) {
    *ret_from = as_range(v)->from;
    *ret_to = as_range(v)->to;
}

void *rhai_as_custom(const rhai_value *v) {
    return as_custom(v)->object;
}

void rhai_value_copy(const rhai_value *from, rhai_value *ret) {
    *ret = value_copy(from);
}

size_t rhai_array_len(const rhai_value *v) {
    return as_arr(v)->len;
}

const rhai_value *rhai_array_at(const rhai_value *v, size_t index) {
    return index < as_arr(v)->len ? &as_arr(v)->items[index] : NULL;
}

size_t rhai_map_len(const rhai_value *v) {
    return as_map(v)->len;
}

const rhai_value *rhai_map_get(const rhai_value *v, const char *key, size_t len) {
    return map_find_text(NULL, as_map(v), key, len);
}
