/* parse_json reads plain JSON directly and leaves the rest to the language. Whatever it reads
 * directly, the language must read as the same value. */
#include "engine/engine.h"
#include "lib/json_read.h"
#include "native/call.h"

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

static rhai_status by_the_language(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return call_eval_json(call, as_str(&args[0])->data, as_str(&args[0])->len, ret);
}

static const rhai_native natives[] = {
    {"by_the_language", "s", by_the_language, RHAI_FN_VOLATILE, "", NULL},
};
static const char script[] = "fn read(s) { by_the_language(s) }";

static rhai_engine *engine;
static rhai_program *program;

static void start(void) {
    engine = rhai_engine_new(NULL);
    check(engine && rhai_register(engine, natives, 1, NULL) == RHAI_OK, "engine");
    program = rhai_compile(engine, script, sizeof script - 1, NULL, NULL, NULL);
    check(program != NULL, "program");
}

static void check_same(rhai_value *direct, rhai_value *source) {
    rhai_value other, shown, other_shown;
    rhai_error *error = NULL;
    if (rhai_call_fn(engine, program, NULL, "read", source, 1, &other, &error) != RHAI_OK) {
        fprintf(stderr, "the language refuses it: %s\n", rhai_error_text(error));
        abort();
    }
    check(rhai_to_debug(engine, direct, &shown) == RHAI_OK, "shows");
    check(rhai_to_debug(engine, &other, &other_shown) == RHAI_OK, "shows");
    check(str_equal(as_str(&shown), as_str(&other_shown)), "the same value");
    rhai_value_done(engine, &shown);
    rhai_value_done(engine, &other_shown);
    rhai_value_done(engine, &other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!engine) start();
    rhai_value source, direct;
    if (rhai_from_text(engine, (const char *)data, size, &source) != RHAI_OK) return 0;
    json_reader reader = {.h = &engine->heap,
                          .text = as_str(&source)->data,
                          .len = as_str(&source)->len,
                          .max_depth = 19, /* what 64 levels of an expression hold */
                          .only_script_like = true};
    if (json_read(&reader, &direct) == JSON_OK) {
        check_same(&direct, &source);
        rhai_value_done(engine, &direct);
    }
    rhai_value_done(engine, &source);
    return 0;
}
