/* json.c - parse_json and to_json. */
#include "lib/json_read.h"
#include "lib/json_write.h"
#include "lib/lib.h"

/* Rhai reads JSON as an expression of its own language. A text that is plain JSON, and that no
 * limit could stop, gives the same value when it is read directly, which is much faster; all
 * others (expressions, comments, errors and their texts) take the language's own way. */

/* Limits that reading directly would not notice. Whatever they count is at most the number of
 * bytes in the text. */
static bool may_pass_limit(const rhai_engine *engine, size_t len) {
    static const rhai_limit limits[] = {RHAI_MAX_OPERATIONS, RHAI_MAX_STRING_SIZE,
                                        RHAI_MAX_ARRAY_SIZE, RHAI_MAX_MAP_SIZE};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint64_t limit = rhai_engine_limit(engine, limits[i]);
        if (limit != 0 && len > limit) return true;
    }
    return false;
}

/* A container costs three levels of an expression's depth, what is in it a few more. */
static uint32_t nesting_within(uint64_t max_expr_depth) {
    if (max_expr_depth == 0 || max_expr_depth > 3 * JSON_MAX_DEPTH) return JSON_MAX_DEPTH;
    return max_expr_depth < 9 ? 0 : (uint32_t)(max_expr_depth - 6) / 3;
}

static rhai_status parse_json(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const rhai_str *source = as_str(&args[0]);
    if (!may_pass_limit(call->engine, source->len)) {
        json_reader reader = {
            .h = call->h,
            .text = source->data,
            .len = source->len,
            .max_depth = nesting_within(rhai_engine_limit(call->engine, RHAI_MAX_EXPR_DEPTH)),
            .only_script_like = true,
        };
        switch (json_read(&reader, ret)) {
        case JSON_OK: return RHAI_OK;
        case JSON_NO_MEMORY: return call_no_memory(call);
        case JSON_INVALID: break;
        }
    }
    rhai_value v = VALUE_UNIT;
    rhai_status status = call_eval_json(call, source->data, source->len, &v);
    if (status == RHAI_OK && v.type != RHAI_MAP) {
        rhai_error *error = error_mismatch(call->h, "map", value_type_name(&v), POS_NONE);
        if (error->kind == ERR_MISMATCH_DATA_TYPE) /* and not out of memory */
            error->kind = ERR_MISMATCH_OUTPUT_TYPE;
        value_drop(call->h, &v);
        return call_fail(call, error);
    }
    *ret = v;
    return status;
}

static rhai_status map_to_json(rhai_call *call, rhai_value *args, rhai_value *ret) {
    text out;
    text_init(&out, call->h);
    rhai_status status = RHAI_OK;
    switch (json_write(&out, &args[0], JSON_OF_SCRIPTS, 0)) {
    case JSON_CYCLE:
        status = rhai_throw(call, "cannot write a value that contains itself as JSON");
        break;
    case JSON_WRITTEN:
        if (text_finish(&out, ret)) break;
        /* fall through */
    default: status = call_no_memory(call);
    }
    text_done(&out);
    return status;
}

static const rhai_native json_functions[] = {
    {"parse_json", "s", parse_json, 0, "parse_json(json: string) -> map",
     "Reads the text of a JSON object. null becomes (), numbers integers or floats."},
    {"to_json", "m", map_to_json, 0, "to_json(map: map) -> string",
     "The map as JSON, () as null. Values that JSON does not have, functions for instance, are "
     "written as they print and cannot be read again."},
};
LIB_PACKAGE(json);
