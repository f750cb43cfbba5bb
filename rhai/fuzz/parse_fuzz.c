/* Any bytes: parse, optimise, and go on after errors. The first byte chooses the options. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "syntax/optimize.h"
#include "syntax/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *data, const rhai_error *error) {
    (void)data;
    (void)error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    uint8_t choice = data[0];
    const char *script = (const char *)data + 1;
    size_t len = size - 1;
    parse_options options = {
        .max_expr_depth = choice & 1 ? 0 : 64,
        .max_function_expr_depth = choice & 1 ? 0 : 32,
        .max_functions = choice & 2 ? 3 : UINT64_MAX,
        .max_string_size = choice & 4 ? 10 : 0,
        .max_array_size = choice & 4 ? 3 : 0,
        .max_map_size = choice & 4 ? 3 : 0,
        .strict_variables = choice & 8,
        .skip_interpreter_line = choice & 16,
        .late_from = choice & 64 ? 1 : 0,
    };
    heap h;
    heap_init(&h, NULL, NULL);
    rhai_error *error = NULL;
    ast *a = parse_script(&h, &options, script, len, &error);
    bool is_good = a != NULL;
    if (a) {
        optimize_options optimize = {.level =
                                         choice & 32 ? RHAI_OPTIMIZE_FULL : RHAI_OPTIMIZE_SIMPLE};
        if (choice & 64) optimize.level = RHAI_OPTIMIZE_SIMPLE;
        if (!optimize_ast(a, &optimize)) abort();
        for (uint32_t i = 0; i < a->functions_len; i++)
            if (!ast_load_body(a, a->functions[i])) abort();
    } else {
        rhai_error_text(error);
    }
    ast_free(a);
    rhai_error_free(error);
    if (is_good != (parse_check(&h, &options, script, len, ignore, NULL) == 0)) abort();
    heap_done(&h);
    if (h.used) abort();
    return 0;
}
