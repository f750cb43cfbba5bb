/* What scripts declare as their inputs: `/// @input` lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rhai/rhai.h"

static rhai_inputs *read_script(const char *script) {
    rhai_inputs *inputs = rhai_inputs_read(script, strlen(script));
    assert_non_null(inputs);
    return inputs;
}

static void assert_schema(const char *script, const char *wanted) {
    rhai_inputs *inputs = read_script(script);
    if (inputs->error_count)
        fail_msg("%s\nline %u: %s", script, inputs->errors[0].pos.line, inputs->errors[0].message);
    assert_string_equal(inputs->schema, wanted);
    rhai_inputs_free(inputs);
}

/* Every error as "line:column message", a line each. */
static void assert_errors(const char *script, const char *wanted) {
    rhai_inputs *inputs = read_script(script);
    char all[1024] = "";
    for (size_t i = 0; i < inputs->error_count; i++) {
        const rhai_input_error *e = &inputs->errors[i];
        size_t len = strlen(all);
        snprintf(all + len, sizeof all - len, "%u:%u %s\n", e->pos.line, e->pos.column, e->message);
    }
    assert_string_equal(all, wanted);
    rhai_inputs_free(inputs);
}

static void a_declaration_has_name_type_default_and_description(void **state) {
    (void)state;
    rhai_inputs *inputs = read_script("/// @input host: string  Where it runs\n"
                                      "/// @input port: int = 5432  Its port\n"
                                      "print(host);\n");
    assert_int_equal(inputs->error_count, 0);
    assert_int_equal(inputs->count, 2);
    const rhai_input *host = &inputs->items[0], *port = &inputs->items[1];
    assert_string_equal(host->name, "host");
    assert_int_equal(host->type, RHAI_STRING);
    assert_null(host->default_json);
    assert_string_equal(host->description, "Where it runs");
    assert_true(host->required);
    assert_int_equal(host->pos.line, 1);
    assert_int_equal(host->pos.column, 12);
    assert_string_equal(port->name, "port");
    assert_int_equal(port->type, RHAI_INT);
    assert_string_equal(port->default_json, "5432");
    assert_string_equal(port->description, "Its port");
    assert_false(port->required);
    assert_int_equal(port->pos.line, 2);
    rhai_inputs_free(inputs);
}

static void every_type_has_its_schema(void **state) {
    (void)state;
    assert_schema("/// @input a: string\n/// @input b: int\n/// @input c: float\n"
                  "/// @input d: bool\n/// @input e: array\n/// @input f: map\n/// @input g\n",
                  "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},"
                  "\"b\":{\"type\":\"integer\"},\"c\":{\"type\":\"number\"},"
                  "\"d\":{\"type\":\"boolean\"},\"e\":{\"type\":\"array\"},"
                  "\"f\":{\"type\":\"object\"},\"g\":{}},"
                  "\"required\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"],"
                  "\"additionalProperties\":false}");
}

static void a_default_or_a_question_mark_makes_it_optional(void **state) {
    (void)state;
    assert_schema("/// @input a: string?  Maybe\n/// @input b: float = 3\n",
                  "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\","
                  "\"description\":\"Maybe\"},\"b\":{\"type\":\"number\",\"default\":3.0}},"
                  "\"required\":[],\"additionalProperties\":false}");
}

static void a_default_may_hold_what_separates_the_parts(void **state) {
    (void)state;
    assert_schema("/// @input a: string = \"b  = c: \\\"d\\\"\" the rest\n"
                  "/// @input m: map = {\"k\": [1, {\"l\": null}]}  Deep\n"
                  "/// @input any = null\n",
                  "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"description\":"
                  "\"the rest\",\"default\":\"b  = c: \\\"d\\\"\"},\"m\":{\"type\":\"object\","
                  "\"description\":\"Deep\",\"default\":{\"k\":[1,{\"l\":null}]}},"
                  "\"any\":{\"default\":null}},"
                  "\"required\":[],\"additionalProperties\":false}");
}

static void other_lines_describe_the_script(void **state) {
    (void)state;
    rhai_inputs *inputs = read_script("#!/usr/bin/env rhai\n"
                                      "// Copyright\n"
                                      "/// Copies a database,\n"
                                      "///   all of it.\n"
                                      "///\n"
                                      "/// @input host: string  Where\n"
                                      "///        it runs\n"
                                      "/// The end.\r\n"
                                      "let x = 1;\n"
                                      "/// @input late: int\n");
    assert_int_equal(inputs->count, 1);
    assert_string_equal(inputs->items[0].description, "Where it runs");
    assert_string_equal(inputs->description, "Copies a database,\n  all of it.\n\nThe end.");
    rhai_inputs_free(inputs);
}

static void block_comments_serve_too(void **state) {
    (void)state;
    rhai_inputs *inputs = read_script("/* plain: @input no: int */\n"
                                      "/** Greets.\n"
                                      " * @input name: string  Whom /* or what */\n"
                                      " *     to greet\n"
                                      " */\n"
                                      "print(name);");
    assert_int_equal(inputs->error_count, 0);
    assert_int_equal(inputs->count, 1);
    assert_string_equal(inputs->items[0].description, "Whom /* or what */ to greet");
    assert_int_equal(inputs->items[0].pos.line, 3);
    assert_int_equal(inputs->items[0].pos.column, 11);
    assert_string_equal(inputs->description, "Greets.");
    rhai_inputs_free(inputs);
}

static void a_comment_on_a_function_is_the_functions(void **state) {
    (void)state;
    rhai_inputs *inputs = read_script("/// The script.\n\n/// Adds one.\nfn add(x) { x + 1 }\n");
    assert_string_equal(inputs->description, "The script.");
    rhai_inputs_free(inputs);
    inputs = read_script("/// The script.\n/// @input n: int\nfn add(x) { x + 1 }\n");
    assert_string_equal(inputs->description, "The script.");
    assert_int_equal(inputs->count, 1);
    rhai_inputs_free(inputs);
}

static void a_script_without_a_block_has_no_inputs(void **state) {
    (void)state;
    static const char *const scripts[] = {"",
                                          "40 + 2",
                                          "// @input a: int\n",
                                          "//// @input a: int\n",
                                          "/// @inputs: many\n",
                                          "\"/// @input a: int\""};
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        rhai_inputs *inputs = read_script(scripts[i]);
        assert_int_equal(inputs->count, 0);
        assert_int_equal(inputs->error_count, 0);
        rhai_inputs_free(inputs);
    }
    assert_schema("", "{\"type\":\"object\",\"properties\":{},\"required\":[],"
                      "\"additionalProperties\":false}");
}

static void errors_name_the_input_and_its_place(void **state) {
    (void)state;
    assert_errors("/// @input\n"
                  "/// @input let: int\n"
                  "/// @input 1st: int\n"
                  "/// @input a: number\n"
                  "/// @input b: int = \"x\"\n"
                  "/// @input c: int = five\n"
                  "/// @input d: array = [1, 2\n"
                  "/// @input e: int = 5x\n"
                  "/// @input f: int\n"
                  "///   more of f\n"
                  "/// @input \303\274: int\n"
                  "/// @input f: string\n"
                  "/// @input g: string = 'x'\n",
                  "1:11 @input needs a name\n"
                  "2:12 'let' cannot be the name of a variable\n"
                  "3:12 '1st' cannot be the name of a variable\n"
                  "4:15 input 'a' needs a type: string, int, float, bool, array or map\n"
                  "5:21 the default of input 'b' must be int, not string\n"
                  "6:21 the default of input 'c' is not JSON: unexpected character\n"
                  "7:28 the default of input 'd' is not JSON: expecting ',' or ']'\n"
                  "8:22 unexpected text in the declaration of input 'e'\n"
                  "11:12 '\303\274' cannot be the name of a variable\n"
                  "12:12 input 'f' is declared on line 9 already\n"
                  "13:24 the default of input 'g' is not JSON: unexpected character\n");
}

static void good_declarations_beside_faulty_ones_are_read(void **state) {
    (void)state;
    rhai_inputs *inputs = read_script("/// @input a: x\n///   lost\n/// @input b: int  Kept\n");
    assert_int_equal(inputs->error_count, 1);
    assert_int_equal(inputs->count, 1);
    assert_string_equal(inputs->items[0].description, "Kept");
    assert_string_equal(inputs->description, "");
    rhai_inputs_free(inputs);
}

static void invalid_utf8_is_an_error_or_replaced(void **state) {
    (void)state;
    assert_errors("/// @input a\xff: int\n", "1:11 invalid UTF-8\n");
    rhai_inputs *inputs = read_script("/// caf\xe9\n/// @input a: int\n");
    assert_string_equal(inputs->description, "caf\xef\xbf\xbd");
    rhai_inputs_free(inputs);
}

static void their_number_is_bounded(void **state) {
    (void)state;
    char script[16384] = "";
    for (int i = 0; i < 300; i++)
        sprintf(script + strlen(script), "/// @input v%d: int\n", i);
    rhai_inputs *inputs = read_script(script);
    assert_int_equal(inputs->count, 256);
    assert_int_equal(inputs->error_count, 44);
    assert_string_equal(inputs->errors[0].message, "there are more than 256 inputs");
    assert_int_equal(inputs->errors[0].pos.line, 257);
    rhai_inputs_free(inputs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declaration_has_name_type_default_and_description),
        cmocka_unit_test(every_type_has_its_schema),
        cmocka_unit_test(a_default_or_a_question_mark_makes_it_optional),
        cmocka_unit_test(a_default_may_hold_what_separates_the_parts),
        cmocka_unit_test(other_lines_describe_the_script),
        cmocka_unit_test(block_comments_serve_too),
        cmocka_unit_test(a_comment_on_a_function_is_the_functions),
        cmocka_unit_test(a_script_without_a_block_has_no_inputs),
        cmocka_unit_test(errors_name_the_input_and_its_place),
        cmocka_unit_test(good_declarations_beside_faulty_ones_are_read),
        cmocka_unit_test(invalid_utf8_is_an_error_or_replaced),
        cmocka_unit_test(their_number_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
