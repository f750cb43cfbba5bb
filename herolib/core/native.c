#include "core/native.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>

struct bytes value_bytes(const rhai_value *value) {
    struct bytes bytes;
    bytes.data = rhai_type_of(value) == RHAI_BLOB
                     ? rhai_as_blob(value, &bytes.len)
                     : (const uint8_t *)rhai_as_text(value, &bytes.len);
    return bytes;
}

rhai_status value_take_blob(rhai_call *call, uint8_t *data, size_t len, rhai_value *ret) {
    if (!data) return rhai_throw_out_of_memory(call);
    rhai_status status = rhai_from_blob(rhai_call_engine(call), data, len, ret);
    free(data);
    return status == RHAI_OK ? RHAI_OK : rhai_throw_out_of_memory(call);
}

rhai_status value_custom(rhai_call *call, const rhai_custom_type *type, void *object,
                         rhai_value *ret) {
    if (!object) return rhai_throw_out_of_memory(call);
    if (rhai_from_custom(rhai_call_engine(call), type, object, ret) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

rhai_status value_put(rhai_call *call, rhai_value *map, const char *name, rhai_value *item) {
    if (rhai_map_set(rhai_call_engine(call), map, name, strlen(name), item) == RHAI_OK)
        return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

rhai_status value_put_text(rhai_call *call, rhai_value *map, const char *name, const char *text,
                           size_t len) {
    rhai_value item;
    if (text_value(call, text, len, &item) != RHAI_OK) return RHAI_ERROR;
    return value_put(call, map, name, &item);
}

rhai_status value_push(rhai_call *call, rhai_value *array, rhai_value *item) {
    if (rhai_array_push(rhai_call_engine(call), array, item) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

rhai_status value_push_text(rhai_call *call, rhai_value *array, const char *text, size_t len) {
    rhai_value item;
    if (text_value(call, text, len, &item) != RHAI_OK) return RHAI_ERROR;
    return value_push(call, array, &item);
}

static const struct value_option *find_option(const struct value_option *options, size_t count,
                                              const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(options[i].name, name) == 0) return &options[i];
    return NULL;
}

rhai_status value_check_options(rhai_call *call, const rhai_value *map, const char *what,
                                const struct value_option *options, size_t count) {
    rhai_engine *engine = rhai_call_engine(call);
    const rhai_value *item;
    const char *name;
    size_t len;
    for (size_t i = 0; (item = rhai_map_entry(engine, map, i, &name, &len)); i++) {
        const struct value_option *option = find_option(options, count, name);
        if (!option) return rhai_throw(call, "%s: there is no option '%s'", what, name);
        if (option->type != RHAI_UNIT && option->type != rhai_type_of(item))
            return rhai_throw(call, "%s: the option '%s' cannot be %s", what, name,
                              rhai_type_name(engine, item));
    }
    return RHAI_OK;
}
