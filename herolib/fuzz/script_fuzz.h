/* script_fuzz.h - calls one function of herolib with the fuzzer's bytes as its text. */
#ifndef HEROLIB_FUZZ_SCRIPT_FUZZ_H
#define HEROLIB_FUZZ_SCRIPT_FUZZ_H

#include <herolib/herolib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_TEXT_MAX_BYTES (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_write(void *data, herolib_stream stream, const char *bytes, size_t len) {
    (void)data, (void)stream, (void)bytes, (void)len;
}

static void fuzz_flush(void *data, bool partial_lines) {
    (void)data, (void)partial_lines;
}

static void fuzz_progress(void *data, double done, double total, const char *text, size_t len) {
    (void)data, (void)done, (void)total, (void)text, (void)len;
}

/* Evaluates `script`, in which TEXT is the bytes; what it comes to does not matter. Bytes that are not
 * UTF-8 never reach a script, so they are left out. */
static int fuzz_script(const char *script, const uint8_t *data, size_t size) {
    static herolib_session session = {.stop_fd = -1,
                                      .output = {NULL, fuzz_write, fuzz_flush, fuzz_progress}};
    if (size > FUZZ_TEXT_MAX_BYTES) return 0;
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_scope *scope = engine ? rhai_scope_new(engine) : NULL;
    rhai_value text, value = rhai_unit();
    rhai_error *error = NULL;
    if (!scope || herolib_register(engine, &session) < 0) abort();
    if (rhai_from_text(engine, (const char *)data, size, &text) == RHAI_OK &&
        rhai_scope_push(engine, scope, "TEXT", &text, true) == RHAI_OK) {
        if (rhai_eval(engine, script, strlen(script), scope, &value, &error) == RHAI_OK)
            rhai_value_done(engine, &value);
        rhai_error_free(error);
    }
    rhai_scope_free(engine, scope);
    rhai_engine_free(engine);
    return 0;
}

#endif
