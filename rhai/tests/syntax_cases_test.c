/* Every script of the recorded cases goes through the parser: those whose recorded error is a
 * syntax error of the script itself must fail with exactly that text, all others must parse; also
 * when the bodies of functions are only checked (parse_options.late_from). */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "syntax/parse.h"

/* Cases whose syntax error comes from a module or from eval, while the script runs. */
static bool fails_while_running(const char *script) {
    static const char *const signs[] = {"import", "eval",       "Fn(",
                                        "call(",  "parse_json", "\"while\""};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strstr(script, signs[i])) return true;
    }
    return false;
}

typedef struct case_text {
    char name[128], where[512];
    parse_options options;
    char *script, *error;
    size_t script_len;
} case_text;

static unsigned checked, wrong;

static void report(const case_text *c, const char *actual) {
    wrong++;
    print_error("%s:\n  recorded: %s\n  parsed:   %s\n", c->where, c->error ? c->error : "(parses)",
                actual ? actual : "(parses)");
}

static void check_case(const case_text *c, size_t late_from) {
    heap h;
    heap_init(&h, NULL, NULL);
    rhai_error *error = NULL;
    parse_options options = c->options;
    options.late_from = late_from;
    ast *a = parse_script(&h, &options, c->script, c->script_len, &error);
    bool wants_error = c->error && strncmp(c->error, "Syntax error: ", 14) == 0;
    checked++;
    if (a) {
        if (wants_error && !fails_while_running(c->script)) report(c, NULL);
    } else if (!wants_error || strcmp(rhai_error_text(error), c->error) != 0) {
        report(c, rhai_error_text(error));
    }
    ast_free(a);
    rhai_error_free(error);
    heap_done(&h);
    assert_int_equal(h.used, 0);
}

static void set_limit(parse_options *o, const char *name, uint64_t value) {
    if (strcmp(name, "max_expr_depth") == 0) o->max_expr_depth = (uint32_t)value;
    if (strcmp(name, "max_function_expr_depth") == 0) o->max_function_expr_depth = (uint32_t)value;
    if (strcmp(name, "max_functions") == 0) o->max_functions = value;
    if (strcmp(name, "max_string_size") == 0) o->max_string_size = value;
    if (strcmp(name, "max_array_size") == 0) o->max_array_size = value;
    if (strcmp(name, "max_map_size") == 0) o->max_map_size = value;
}

static void check_file(const char *path, const char *file) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *line = NULL, *script = NULL, *error = NULL;
    size_t cap = 0, script_len = 0, error_len = 0;
    case_text c = {0};
    enum { BEFORE, DIRECTIVES, MODULE, SCRIPT, ERROR, OTHER } state = BEFORE;
    for (ssize_t n;;) {
        n = getline(&line, &cap, f);
        bool is_end = n < 0;
        if (is_end || strncmp(line, "=== ", 4) == 0) {
            if (state != BEFORE) {
                c.script = script ? script : strdup("");
                c.script_len = script_len;
                if (error && error_len) error[error_len - 1] = 0;
                c.error = error;
                check_case(&c, 0);
                check_case(&c, 1);
                free(c.script);
                free(error);
                script = error = NULL;
                script_len = error_len = 0;
            }
            if (is_end) break;
            line[n - 1] = 0;
            c = (case_text){.options = {.max_expr_depth = 64,
                                        .max_function_expr_depth = 32,
                                        .max_functions = UINT64_MAX}};
            snprintf(c.name, sizeof c.name, "%s", line + 4);
            snprintf(c.where, sizeof c.where, "%s %s", file, c.name);
            state = DIRECTIVES;
            continue;
        }
        if (state == BEFORE) continue;
        if (strncmp(line, "--- ", 4) == 0) {
            state = strncmp(line, "--- error", 9) == 0 ? ERROR : OTHER;
            continue;
        }
        if ((state == DIRECTIVES || state == MODULE) && line[0] == '@') {
            char name[64];
            unsigned long long value;
            state = DIRECTIVES;
            if (strncmp(line, "@script", 7) == 0) state = SCRIPT;
            if (strncmp(line, "@module", 7) == 0) state = MODULE;
            if (strncmp(line, "@strict_variables", 17) == 0) c.options.strict_variables = true;
            if (sscanf(line, "@limit %63s %llu", name, &value) == 2)
                set_limit(&c.options, name, value);
            continue;
        }
        if (state == DIRECTIVES) state = SCRIPT;
        char **to = state == SCRIPT ? &script : state == ERROR ? &error : NULL;
        size_t *len = state == SCRIPT ? &script_len : &error_len;
        if (!to) continue;
        *to = realloc(*to, *len + (size_t)n + 1);
        memcpy(*to + *len, line, (size_t)n + 1);
        *len += (size_t)n;
    }
    free(line);
    fclose(f);
}

static void recorded_scripts_parse_or_fail_as_recorded(void **state) {
    (void)state;
    DIR *d = opendir(CASES);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[1024];
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".cases") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", CASES, e->d_name);
        check_file(path, e->d_name);
    }
    closedir(d);
    print_message("%u cases, each twice\n", checked / 2);
    assert_true(checked > 4000);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_scripts_parse_or_fail_as_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
