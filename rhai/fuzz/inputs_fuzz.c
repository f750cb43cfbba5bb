/* The head of anybody's script: whatever it declares, positions lie in it, and the schema and the
 * defaults are JSON that can be read. */
#include "rhai/rhai.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void check_json(rhai_engine *engine, const char *json, rhai_value *ret) {
    rhai_error *error = NULL;
    if (rhai_from_json(engine, json, strlen(json), ret, &error) == RHAI_OK) return;
    fprintf(stderr, "%s\n%s\n", json, rhai_error_text(error));
    abort();
}

static void check_pos(rhai_pos pos, size_t size) {
    check(pos.line >= 1 && pos.column >= 1 && pos.line + pos.column <= size + 2, "position");
}

static void check_default(rhai_engine *engine, const rhai_input *input) {
    if (!input->default_json) return;
    /* One level deeper inside the schema it may be nested too deeply, by itself it is not. */
    rhai_value v;
    check_json(engine, input->default_json, &v);
    check(input->type == RHAI_UNIT || input->type == rhai_type_of(&v), "type of the default");
    rhai_value_done(engine, &v);
}

static bool has_default(const rhai_inputs *inputs) {
    for (size_t i = 0; i < inputs->count; i++)
        if (inputs->items[i].default_json) return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const rhai_config bare = {.no_standard_library = true};
    rhai_engine *engine = rhai_engine_new(&bare);
    rhai_inputs *inputs = rhai_inputs_read((const char *)data, size);
    check(engine && inputs, "memory");
    for (size_t i = 0; i < inputs->count; i++) {
        check_pos(inputs->items[i].pos, size);
        check_default(engine, &inputs->items[i]);
    }
    for (size_t i = 0; i < inputs->error_count; i++)
        check_pos(inputs->errors[i].pos, size);
    if (!has_default(inputs)) {
        rhai_value schema;
        check_json(engine, inputs->schema, &schema);
        const rhai_value *properties = rhai_map_get(&schema, "properties", 10);
        check(properties && rhai_map_len(properties) == inputs->count, "properties");
        rhai_value_done(engine, &schema);
    }
    rhai_inputs_free(inputs);
    rhai_engine_free(engine);
    return 0;
}
