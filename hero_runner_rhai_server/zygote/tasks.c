#include "zygote/tasks.h"

#include <string.h>

/* A value that is being built; after a failure nothing more happens. */
struct building {
    rhai_engine *engine;
    rhai_value list;
    bool has_failed;
};

static void set(struct building *building, rhai_value *map, const char *name, rhai_value value) {
    if (building->has_failed) return;
    if (rhai_map_set(building->engine, map, name, strlen(name), &value) != RHAI_OK)
        building->has_failed = true;
}

static void set_text(struct building *building, rhai_value *map, const char *name,
                     const char *text) {
    rhai_value value;
    if (building->has_failed) return;
    if (rhai_from_text(building->engine, text, strlen(text), &value) != RHAI_OK)
        building->has_failed = true;
    else
        set(building, map, name, value);
}

static rhai_value new_map(struct building *building) {
    rhai_value map = rhai_unit();
    if (!building->has_failed && rhai_new_map(building->engine, &map) != RHAI_OK)
        building->has_failed = true;
    return map;
}

static void push(struct building *building, rhai_value map) {
    if (building->has_failed) return;
    if (rhai_array_push(building->engine, &building->list, &map) != RHAI_OK)
        building->has_failed = true;
}

static void add_problem(struct building *building, const char *message, rhai_pos pos) {
    rhai_value map = new_map(building);
    set_text(building, &map, "message", message);
    set(building, &map, "line", rhai_from_int(pos.line));
    set(building, &map, "position", rhai_from_int(pos.column));
    push(building, map);
}

static void add_syntax_error(void *data, const rhai_error *error) {
    add_problem(data, rhai_error_text(error), rhai_error_pos(error));
}

static void set_json(struct building *building, rhai_value *map, const char *name,
                     const char *json) {
    rhai_value value;
    rhai_error *error = NULL;
    if (building->has_failed) return;
    if (rhai_from_json(building->engine, json, strlen(json), &value, &error) == RHAI_OK)
        set(building, map, name, value);
    else
        building->has_failed = true;
    rhai_error_free(error);
}

bool task_check(rhai_engine *engine, const char *script, size_t len, rhai_value *ret) {
    struct building building = {.engine = engine};
    building.has_failed = rhai_new_array(engine, &building.list) != RHAI_OK;
    rhai_value result = new_map(&building);
    rhai_inputs *inputs = rhai_inputs_read(script, len);
    if (building.has_failed || !inputs) return false;
    /* In the order of the script: what it declares is at its top. */
    for (size_t i = 0; i < inputs->error_count; i++)
        add_problem(&building, inputs->errors[i].message, inputs->errors[i].pos);
    rhai_check(engine, script, len, add_syntax_error, &building);
    bool is_good = rhai_array_len(&building.list) == 0;
    set(&building, &result, "ok", rhai_from_bool(is_good));
    set(&building, &result, "errors", building.list);
    set_json(&building, &result, "inputs", inputs->schema);
    if (*inputs->description) set_text(&building, &result, "description", inputs->description);
    rhai_inputs_free(inputs);
    *ret = result;
    return !building.has_failed;
}

/* Functions come by name, and those of one signature in the order of registration: the last one is
 * the one that is called. */
struct listing {
    struct building building;
    const rhai_native *last; /* not listed yet */
};

static bool is_hidden_by(const rhai_native *earlier, const rhai_native *later) {
    return strcmp(earlier->name, later->name) == 0 && strcmp(earlier->params, later->params) == 0;
}

static void list_last(struct listing *listing) {
    struct building *building = &listing->building;
    const rhai_native *native = listing->last;
    if (!native || !native->doc) return;
    rhai_value map = new_map(building);
    set_text(building, &map, "name", native->name);
    set_text(building, &map, "signature", native->signature ? native->signature : native->name);
    set_text(building, &map, "doc", native->doc);
    push(building, map);
}

static void add_function(void *data, const rhai_native *native) {
    struct listing *listing = data;
    if (listing->last && !is_hidden_by(listing->last, native)) list_last(listing);
    listing->last = native;
}

bool task_functions(rhai_engine *engine, rhai_value *ret) {
    struct listing listing = {.building.engine = engine};
    struct building *building = &listing.building;
    building->has_failed = rhai_new_array(engine, &building->list) != RHAI_OK;
    rhai_each_function(engine, add_function, &listing);
    list_last(&listing);
    *ret = building->list;
    return !building->has_failed;
}
