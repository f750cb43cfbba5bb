/* Values as hosts make and take them apart, where that needs the engine's memory. */
#include "engine/engine.h"

const char *rhai_type_name(rhai_engine *e, const rhai_value *v) {
    (void)e;
    return value_type_name(v);
}

void rhai_value_done(rhai_engine *e, rhai_value *v) {
    if (v) value_clear(&e->heap, v);
}

rhai_status rhai_from_text(rhai_engine *e, const char *text_data, size_t len, rhai_value *ret) {
    if (!utf8_is_valid(text_data, len)) return RHAI_ERROR;
    return value_new_text(&e->heap, text_data, len, ret) ? RHAI_OK : RHAI_ERROR;
}

rhai_status rhai_from_blob(rhai_engine *e, const void *bytes, size_t len, rhai_value *ret) {
    blob *b = blob_new(&e->heap, len);
    if (!b) return RHAI_ERROR;
    if (len) __builtin_memcpy(b->data, bytes, len);
    *ret = VALUE_OBJ(RHAI_BLOB, b);
    return RHAI_OK;
}

rhai_status rhai_new_array(rhai_engine *e, rhai_value *ret) {
    arr *a = arr_new(&e->heap, 0);
    if (!a) return RHAI_ERROR;
    *ret = VALUE_OBJ(RHAI_ARRAY, a);
    return RHAI_OK;
}

rhai_status rhai_new_map(rhai_engine *e, rhai_value *ret) {
    map *m = map_new(&e->heap, 0);
    if (!m) return RHAI_ERROR;
    *ret = VALUE_OBJ(RHAI_MAP, m);
    return RHAI_OK;
}

rhai_status rhai_array_push(rhai_engine *e, rhai_value *v, rhai_value *item) {
    rhai_value taken = value_take(item);
    arr *a = arr_own(&e->heap, v);
    if (a && arr_push(&e->heap, a, &taken)) return RHAI_OK;
    value_drop(&e->heap, &taken);
    return RHAI_ERROR;
}

rhai_status rhai_map_set(rhai_engine *e, rhai_value *v, const char *key, size_t len,
                         rhai_value *item) {
    rhai_value taken = value_take(item);
    rhai_str *name = str_intern(&e->heap, key, len);
    map *m = name ? map_own(&e->heap, v) : NULL;
    bool ok = m && map_set(&e->heap, m, name, &taken);
    obj_unref(&e->heap, name);
    if (ok) return RHAI_OK;
    value_drop(&e->heap, &taken);
    return RHAI_ERROR;
}

const rhai_value *rhai_map_entry(rhai_engine *e, const rhai_value *v, size_t index,
                                 const char **ret_key, size_t *ret_len) {
    map_entry *entry = map_nth(&e->heap, as_map(v), index);
    if (!entry) return NULL;
    *ret_key = entry->key->data;
    *ret_len = entry->key->len;
    return &entry->value;
}

static rhai_status as_text(rhai_engine *e, const rhai_value *v,
                           void (*add)(text *, const rhai_value *), rhai_value *ret) {
    text t;
    text_init(&t, &e->heap);
    add(&t, v);
    rhai_value made;
    bool ok = text_finish(&t, &made);
    text_done(&t);
    if (!ok) return RHAI_ERROR;
    *ret = made;
    return RHAI_OK;
}

rhai_status rhai_to_text(rhai_engine *e, const rhai_value *v, rhai_value *ret) {
    return as_text(e, v, text_add_display, ret);
}

rhai_status rhai_to_debug(rhai_engine *e, const rhai_value *v, rhai_value *ret) {
    return as_text(e, v, text_add_debug, ret);
}

rhai_status rhai_from_custom(rhai_engine *e, const rhai_custom_type *type, void *object,
                             rhai_value *ret) {
    custom *c = custom_new(&e->heap, type, object);
    if (!c) return RHAI_ERROR;
    *ret = VALUE_OBJ(RHAI_CUSTOM, c);
    return RHAI_OK;
}
