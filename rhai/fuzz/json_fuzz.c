/* JSON text of anybody: it is refused with a position inside the text, or it is read; what was
 * read is written as JSON that reads back as the same text. */
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

static void check_round_trip(rhai_engine *engine, const rhai_value *v) {
    rhai_value text, again, text_again;
    bool truncated;
    check(rhai_to_json(engine, v, 0, &text, &truncated) == RHAI_OK && !truncated, "writes");
    size_t len, len_again;
    const char *s = rhai_as_text(&text, &len);
    check(rhai_from_json(engine, s, len, &again, NULL) == RHAI_OK, "reads what it wrote");
    check(rhai_to_json(engine, &again, 0, &text_again, &truncated) == RHAI_OK, "writes again");
    const char *t = rhai_as_text(&text_again, &len_again);
    check(len == len_again && memcmp(s, t, len) == 0, "writes the same again");
    rhai_value_done(engine, &text);
    rhai_value_done(engine, &text_again);
    rhai_value_done(engine, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const rhai_config bare = {.no_standard_library = true};
    rhai_engine *engine = rhai_engine_new(&bare);
    check(engine != NULL, "engine");
    rhai_value v;
    rhai_error *error = NULL;
    if (rhai_from_json(engine, (const char *)data, size, &v, &error) == RHAI_OK) {
        check_round_trip(engine, &v);
        rhai_value_done(engine, &v);
    } else {
        rhai_pos pos = rhai_error_pos(error);
        check(pos.line >= 1 && pos.column >= 1 && pos.line + pos.column <= size + 2, "position");
        rhai_error_free(error);
    }
    rhai_engine_free(engine);
    return 0;
}
