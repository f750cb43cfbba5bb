/* Scripts that come in pieces, as an interactive host runs them. */
#include "script_fixture.h"

#include <stdlib.h>

/* Fails the allocation whose number comes up. */
typedef struct failing {
    size_t left;
} failing;

static void *allocate(void *data, void *block, size_t old_size, size_t new_size) {
    failing *f = data;
    (void)old_size;
    if (!new_size) {
        free(block);
        return NULL;
    }
    if (f->left && !--f->left) return NULL;
    return realloc(block, new_size);
}

static rhai_program *compile(rhai_engine *engine, const char *script) {
    rhai_error *error = NULL;
    rhai_program *program = rhai_compile(engine, script, strlen(script), NULL, NULL, &error);
    rhai_error_free(error);
    return program;
}

static int64_t call(rhai_engine *engine, rhai_program *program, const char *name) {
    rhai_value v;
    rhai_error *error = NULL;
    if (rhai_call_fn(engine, program, NULL, name, NULL, 0, &v, &error) != RHAI_OK)
        fail_msg("%s", rhai_error_text(error));
    return rhai_as_int(&v);
}

static void functions_of_earlier_pieces_are_called_though_the_pieces_are_freed(void **state) {
    (void)state;
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_program *first = compile(engine, "fn a() { 1 }");
    rhai_program *second = compile(engine, "fn b() { a() * 10 }");
    rhai_program *third = compile(engine, "fn a() { 2 }");
    assert_int_equal(rhai_program_continue(engine, second, first), RHAI_OK);
    rhai_program_free(engine, first);
    assert_int_equal(call(engine, second, "b"), 10);
    assert_int_equal(rhai_program_continue(engine, third, second), RHAI_OK);
    rhai_program_free(engine, second);
    assert_int_equal(call(engine, third, "b"), 20);
    rhai_program_free(engine, third);
    rhai_engine_free(engine);
}

static void names_so_far(void *data, const rhai_script_function *function) {
    char *names = data;
    strcat(names, function->name);
    for (size_t i = 0; i < function->param_count; i++)
        strcat(strcat(names, " "), function->params[i]);
    strcat(names, function->comment_count ? "+;" : ";");
}

static void functions_of_all_pieces_are_listed_in_order(void **state) {
    (void)state;
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_program *first = compile(engine, "/// Doc.\nfn z(x, y) {}");
    rhai_program *second = compile(engine, "fn a() {} let f = |q| q;");
    char names[64] = "";
    assert_int_equal(rhai_program_continue(engine, second, first), RHAI_OK);
    assert_int_equal(rhai_each_script_function(engine, second, names_so_far, names), RHAI_OK);
    assert_string_equal(names, "z x y+;a;");
    rhai_program_free(engine, first);
    rhai_program_free(engine, second);
    rhai_engine_free(engine);
}

static void text_is_incomplete_when_it_could_go_on(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool incomplete;
    } cases[] = {
        {"1", false},        {"", false},          {"1 +\n", true},      {"f(\n", true},
        {"fn f()\n", true},  {"#{a:\n", true},     {"[1,\n", true},      {"`a\n", true},
        {"`a${\n", true},    {"`a${`\n", true},    {"`a${1}\n", true},   {"`a${#{}}`\n", false},
        {"\"a\n", false},    {"\"a\\\n", true},    {"'a\n", false},      {"#\"a\n", true},
        {"/* a\n", true},    {"/* /* */\n", true}, {"// /*\n", false},   {"/// doc\n", true},
        {"1 // (\n", false}, {")\n", false},       {"break\n", false},   {"let let\n", false},
        {"try { }\n", true}, {"\"/*\"\n", false},  {"1 /* */\n", false},
    };
    rhai_engine *engine = rhai_engine_new(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (rhai_is_incomplete(engine, cases[i].text, strlen(cases[i].text)) != cases[i].incomplete)
            fail_msg("'%s' is%s complete", cases[i].text, cases[i].incomplete ? " not" : "");
    rhai_engine_free(engine);
}

static void constants_of_a_scope_stay_constant_over_runs(void **state) {
    (void)state;
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_scope *scope = rhai_scope_new(engine);
    rhai_value v = rhai_from_int(3);
    rhai_error *error = NULL;
    assert_int_equal(rhai_scope_push(engine, scope, "C", &v, true), RHAI_OK);
    for (int run = 0; run < 3; run++)
        assert_int_equal(rhai_eval(engine, "C", 1, scope, NULL, NULL), RHAI_OK);
    assert_int_equal(rhai_eval(engine, "C = 4", 5, scope, NULL, &error), RHAI_ERROR);
    assert_string_equal(rhai_error_text(error), "Cannot modify constant C (line 1, position 1)");
    rhai_error_free(error);
    rhai_scope_free(engine, scope);
    rhai_engine_free(engine);
}

/* Returns false when an allocation failed somewhere. */
static bool use_session(rhai_engine *engine) {
    char names[64] = "";
    rhai_value v;
    rhai_program *first = compile(engine, "fn a() { 1 }"), *second = compile(engine, "a()");
    bool ok = first && second && rhai_program_continue(engine, second, first) == RHAI_OK &&
              rhai_each_script_function(engine, second, names_so_far, names) == RHAI_OK &&
              rhai_is_incomplete(engine, "`${[1,\n", 7) &&
              rhai_run(engine, second, NULL, &v, NULL) == RHAI_OK;
    if (ok) rhai_value_done(engine, &v);
    rhai_program_free(engine, first);
    rhai_program_free(engine, second);
    return ok;
}

static void running_out_of_memory_anywhere_loses_nothing(void **state) {
    (void)state;
    bool done = false;
    for (size_t n = 1; !done; n++) {
        failing f = {0};
        rhai_engine *engine =
            rhai_engine_new(&(rhai_config){.allocator = allocate, .allocator_data = &f});
        assert_non_null(engine);
        f.left = n;
        done = use_session(engine) && f.left;
        rhai_engine_free(engine);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_earlier_pieces_are_called_though_the_pieces_are_freed),
        cmocka_unit_test(functions_of_all_pieces_are_listed_in_order),
        cmocka_unit_test(text_is_incomplete_when_it_could_go_on),
        cmocka_unit_test(constants_of_a_scope_stay_constant_over_runs),
        cmocka_unit_test(running_out_of_memory_anywhere_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
