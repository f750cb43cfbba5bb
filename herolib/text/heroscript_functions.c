/* heroscript_functions.c - HeroScript for scripts. */
#include "core/module.h"
#include "core/text.h"
#include "text/heroscript.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static rhai_status throw_error(rhai_call *call, const struct heroscript_error *err) {
    if (err->line == 0 && strcmp(err->message, "out of memory") == 0)
        return rhai_throw_out_of_memory(call);
    if (err->line == 0) return rhai_throw(call, "heroscript: %s", err->message);
    return rhai_throw(call, "heroscript: line %u: %s", err->line, err->message);
}

static rhai_status text_heroscript_parse(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len;
    const char *text = rhai_as_text(&args[0], &len);
    struct heroscript_error err = {0};
    if (heroscript_parse(rhai_call_engine(call), text, len, ret, &err)) return RHAI_OK;
    return throw_error(call, &err);
}

/* "actor.name" of an action, or "name"; false when it is too long to match anything. */
static bool full_name(const rhai_value *action, char *out, size_t size) {
    if (rhai_type_of(action) != RHAI_MAP) return false;
    const rhai_value *actor = rhai_map_get(action, "actor", 5);
    const rhai_value *name = rhai_map_get(action, "name", 4);
    bool has_actor = actor && rhai_type_of(actor) == RHAI_STRING;
    if (!name || rhai_type_of(name) != RHAI_STRING) return false;
    size_t actor_len = 0, len;
    const char *actor_text = has_actor ? rhai_as_text(actor, &actor_len) : "";
    int written = snprintf(out, size, "%s%s%s", actor_text, actor_len ? "." : "",
                           rhai_as_text(name, &len));
    return written >= 0 && (size_t)written < size;
}

static rhai_status text_heroscript_find(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    const char *pattern = text_argument(call, &args[1], "heroscript: the pattern");
    if (!pattern) return RHAI_ERROR;
    rhai_value found;
    if (rhai_new_array(engine, &found) != RHAI_OK) return rhai_throw_out_of_memory(call);
    for (size_t i = 0, count = rhai_array_len(&args[0]); i < count; i++) {
        const rhai_value *action = rhai_array_at(&args[0], i);
        char name[512];
        rhai_value copy;
        if (!full_name(action, name, sizeof name) || fnmatch(pattern, name, 0) != 0) continue;
        rhai_value_copy(action, &copy);
        if (rhai_array_push(engine, &found, &copy) == RHAI_OK) continue;
        rhai_value_done(engine, &found);
        return rhai_throw_out_of_memory(call);
    }
    *ret = found;
    return RHAI_OK;
}

static rhai_status text_heroscript_write(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct heroscript_error err = {0};
    size_t len = 0;
    char *text = heroscript_write(rhai_call_engine(call), &args[0], &len, &err);
    return text ? text_take(call, text, len, ret) : throw_error(call, &err);
}

static const rhai_native functions[] = {
    {"heroscript_parse", "s", text_heroscript_parse, 0, "heroscript_parse(text: string) -> array",
     "The actions of a HeroScript text, each a map: actor, name, level (how many `!`), line, "
     "comment, params (a map of texts) and args (an array of texts)."},
    {"heroscript_find", "as", text_heroscript_find, 0,
     "heroscript_find(actions: array, pattern: string) -> array",
     "Those actions whose `actor.name` matches a pattern with wildcards, such as \"git.*\"."},
    {"heroscript_write", "m", text_heroscript_write, 0,
     "heroscript_write(action: map) -> string",
     "An action as HeroScript text."},
};

const herolib_module herolib_text_heroscript_module = {
    .name = "text",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
