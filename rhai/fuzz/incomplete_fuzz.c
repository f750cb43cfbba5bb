/* rhai_is_incomplete on any bytes: a text that compiles as it stands, up to the line end it ends
 * with, is whole unless it stops inside a comment or right after a doc-comment. */
#include "rhai/rhai.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_comment(const char *text, size_t len) {
    return memmem(text, len, "//", 2) || memmem(text, len, "/*", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const rhai_config bare = {.no_standard_library = true};
    const char *text = (const char *)data;
    rhai_engine *engine = rhai_engine_new(&bare);
    if (!engine) abort();
    bool is_incomplete = rhai_is_incomplete(engine, text, size);
    rhai_program *program = rhai_compile(engine, text, size, NULL, NULL, NULL);
    if (program && is_incomplete && !has_comment(text, size)) {
        fprintf(stderr, "compiles, and is called incomplete\n");
        abort();
    }
    rhai_program_free(engine, program);
    rhai_engine_free(engine);
    return 0;
}
