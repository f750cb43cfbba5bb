/* What scripts cost as their data grows. Two measures, none of them an absolute time: bytes asked
 * of the allocator, which are the same in every run, and how the CPU time of one size compares
 * with that of a quarter of it (4 where cost is linear, 16 where it is quadratic). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rhai/rhai.h"

static void *counting_alloc(void *data, void *block, size_t old_size, size_t new_size) {
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    if (new_size > old_size) *(size_t *)data += new_size - old_size;
    return realloc(block, new_size);
}

/* Runs a script on an engine of its own, which counts into *bytes. */
static void run(const char *script, size_t *bytes) {
    rhai_config config = {.allocator = counting_alloc, .allocator_data = bytes};
    rhai_engine *engine = rhai_engine_new(&config);
    assert_non_null(engine);
    *bytes = 0;
    rhai_error *error = NULL;
    rhai_value v;
    if (rhai_eval(engine, script, strlen(script), NULL, &v, &error) != RHAI_OK)
        fail_msg("%.200s\n%s", script, rhai_error_text(error));
    rhai_value_done(engine, &v);
    rhai_engine_free(engine);
}

static size_t bytes_of(const char *script) {
    size_t bytes;
    run(script, &bytes);
    return bytes;
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum { TRIES = 5 };

static double seconds_of(const char *script) {
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        size_t bytes;
        double start = cpu_seconds();
        run(script, &bytes);
        double used = cpu_seconds() - start;
        if (i == 0 || used < best) best = used;
    }
    return best;
}

typedef char *(*script_maker)(size_t n);

static void assert_linear_cost(script_maker make, size_t n) {
    char *small = make(n / 4), *large = make(n);
    double ratio = seconds_of(large) / seconds_of(small);
    if (ratio > 9) fail_msg("four times the size costs %.1f times as much:\n%.300s", ratio, large);
    free(small);
    free(large);
}

static void assert_linear_bytes(script_maker make, size_t n) {
    char *small = make(n / 4), *large = make(n);
    double ratio = (double)bytes_of(large) / (double)bytes_of(small);
    if (ratio > 6)
        fail_msg("four times the size takes %.1f times the bytes:\n%.300s", ratio, large);
    free(small);
    free(large);
}

static char *__attribute__((format(printf, 1, 2))) format(const char *text, ...) {
    char *script = NULL;
    va_list args;
    va_start(args, text);
    if (vasprintf(&script, text, args) < 0) abort();
    va_end(args);
    return script;
}

/* ---- Passing containers ---------------------------------------------------------------------- */

static void passing_an_array_and_returning_it_copies_nothing(void **state) {
    (void)state;
    const char *set_up = "fn same(a) { a } let a = []; a.pad(1000000, 1); ";
    char script[256];
    size_t none = bytes_of(set_up);
    snprintf(script, sizeof script, "%s for i in 0..100000 { a = same(a); }", set_up);
    assert_true(bytes_of(script) < none + 100000);
}

static void reading_through_a_parameter_copies_nothing(void **state) {
    (void)state;
    const char *set_up = "fn nth(a, i) { a[i] + a.len() } let a = []; a.pad(1000000, 1); ";
    char script[256];
    size_t none = bytes_of(set_up);
    snprintf(script, sizeof script, "%s let s = 0; for i in 0..10000 { s += nth(a, i); }", set_up);
    assert_true(bytes_of(script) < none + 100000);
}

/* ---- Changing nested containers -------------------------------------------------------------- */

static void changing_a_nested_element_copies_nothing(void **state) {
    (void)state;
    const char *set_up = "let a = []; for i in 0..100 { a.push(#{ b: [], c: #{ d: 0 } }); } "
                         "for i in 0..100 { a[i].b.pad(1000, 0); } ";
    char script[512];
    size_t none = bytes_of(set_up);
    snprintf(script, sizeof script,
             "%s for i in 0..100000 { a[i %% 100].b[i %% 1000] += 1; a[7].c.d += 1; "
             "a[8].b[2] = i; }",
             set_up);
    assert_true(bytes_of(script) < none + 100000);
}

static void changing_this_in_a_method_copies_nothing(void **state) {
    (void)state;
    const char *set_up = "fn note(i) { this.seen[i] += 1; this.total += i; } "
                         "let o = #{ seen: [], total: 0 }; o.seen.pad(10000, 0); ";
    char script[512];
    size_t none = bytes_of(set_up);
    snprintf(script, sizeof script, "%s for i in 0..100000 { o.note(i %% 10000); }", set_up);
    assert_true(bytes_of(script) < none + 100000);
}

/* ---- Appending ------------------------------------------------------------------------------- */

static char *pushes(size_t n) {
    return format("let a = []; for i in 0..%zu { a.push(i); a += [i]; }", n);
}
static char *appends(size_t n) {
    return format("let s = \"\"; for i in 0..%zu { s += \"ab\"; s += 'c'; s += `${i}`; }", n);
}
static char *bytes_pushed(size_t n) {
    return format("let b = blob(); for i in 0..%zu { b.push(i); }", n);
}

static void appending_is_linear_in_total(void **state) {
    (void)state;
    assert_linear_cost(pushes, 40000);
    assert_linear_cost(appends, 40000);
    assert_linear_cost(bytes_pushed, 40000);
    assert_linear_bytes(pushes, 40000);
    assert_linear_bytes(bytes_pushed, 40000);
}

/* ---- Strings --------------------------------------------------------------------------------- */

static char *ascii_walk(size_t n) {
    return format("let s = \"\"; s.pad(%zu, \"abcd\"); let n = s.len(); let c = 0; "
                  "for i in 0..n { if s[i] == 'a' { c += 1; } } for x in s { c += 1; }",
                  n);
}
static char *other_walk(size_t n) {
    return format("let s = \"\"; s.pad(%zu, \"aö€😀\"); let n = s.len(); let c = 0; "
                  "for i in 0..n { if s[i] == 'a' { c += 1; } } "
                  "for i in 0..n { if s[n - 1 - i] == '€' { c += 1; } } for x in s { c += 1; }",
                  n);
}
static char *slices(size_t n) {
    return format("let s = \"\"; s.pad(%zu, \"aö€😀\"); let n = s.len() - 4; let c = 0; "
                  "for i in 0..n { c += s.sub_string(i, 3).len(); c += s[i..i + 2].len(); }",
                  n);
}

static void strings_are_walked_and_cut_in_linear_time(void **state) {
    (void)state;
    assert_linear_cost(ascii_walk, 80000);
    assert_linear_cost(other_walk, 80000);
    assert_linear_cost(slices, 40000);
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static char *map_fill(size_t n) {
    return format("let m = #{}; let n = %zu; for i in 0..n { m[`key${i}`] = i; } let s = 0; "
                  "for i in 0..n { s += m[`key${i}`]; } s += m.keys().len();",
                  n);
}
static char *map_empty(size_t n) {
    return format("let m = #{}; let n = %zu; for i in 0..n { m[`key${i}`] = i; } "
                  "for i in 0..n { m.remove(`key${i}`); }",
                  n);
}

static void maps_keep_their_speed_from_ten_to_a_million_keys(void **state) {
    (void)state;
    size_t bytes;
    run("let m = #{}; for i in 0..10 { m[`key${i}`] = i; } m.key3", &bytes);
    assert_linear_cost(map_fill, 40000);
    assert_linear_cost(map_empty, 40000);
    char *million = map_fill(1000000);
    run(million, &bytes);
    assert_true(bytes < (size_t)400 * 1000000);
    free(million);
}

/* ---- Many functions -------------------------------------------------------------------------- */

static char *closures(size_t n) {
    return format("let a = []; for i in 0..%zu { let k = i; a.push(|x| x + k); } let s = 0; "
                  "for f in a { s += f.call(1); }",
                  n);
}
static char *functions(size_t n) {
    size_t size = n * 64 + 64, len = 0;
    char *script = malloc(size);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(script + len, size - len, "fn f%zu(x) { x + %zu }\n", i, i);
    snprintf(script + len, size - len, "f%zu(1)", n - 1);
    return script;
}

/* Each is parsed when it is called, for the script is long. */
static char *called_functions(size_t n) {
    size_t size = n * 80 + 64, len = 0;
    char *script = malloc(size);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(script + len, size - len,
                                "fn f%zu(x) { let y = x; y + %zu }\nf%zu(1);\n", i, i, i);
    script[len] = 0;
    return script;
}

static void many_closures_and_functions_cost_no_more_each(void **state) {
    (void)state;
    assert_linear_cost(closures, 100000);
    assert_linear_cost(functions, 10000);
    assert_linear_bytes(functions, 10000);
    assert_linear_cost(called_functions, 10000);
    assert_linear_bytes(called_functions, 10000);
}

/* ---- Compilation ----------------------------------------------------------------------------- */

static char *repeated(const char *line, size_t n) {
    size_t len = strlen(line);
    char *script = malloc(n * len + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(script + i * len, line, len);
    script[n * len] = 0;
    return script;
}
static char *statements(size_t n) {
    return repeated("if 1 > 2 { let a = [1, 2, #{ b: \"c\" }]; a[2].b += `${a[0]}`; }\n", n);
}
static char *variables(size_t n) {
    size_t size = n * 48, len = 0;
    char *script = malloc(size);
    for (size_t i = 0; i < n; i++)
        len +=
            (size_t)snprintf(script + len, size - len, "{ let v%zu = %zu; v%zu += 1; }\n", i, i, i);
    return script;
}
static char *long_expression(size_t n) {
    return repeated("let x = 1 + 2 * 3 - 4 + 5 * 6 - 7; x = -x + x * x;\nx = ();\n", n / 4);
}

static void compiling_is_linear_in_the_length_of_the_source(void **state) {
    (void)state;
    assert_linear_cost(statements, 8000);
    assert_linear_bytes(statements, 8000);
    assert_linear_cost(variables, 8000);
    assert_linear_cost(long_expression, 4000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passing_an_array_and_returning_it_copies_nothing),
        cmocka_unit_test(reading_through_a_parameter_copies_nothing),
        cmocka_unit_test(changing_a_nested_element_copies_nothing),
        cmocka_unit_test(changing_this_in_a_method_copies_nothing),
        cmocka_unit_test(appending_is_linear_in_total),
        cmocka_unit_test(strings_are_walked_and_cut_in_linear_time),
        cmocka_unit_test(maps_keep_their_speed_from_ten_to_a_million_keys),
        cmocka_unit_test(many_closures_and_functions_cost_no_more_each),
        cmocka_unit_test(compiling_is_linear_in_the_length_of_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
