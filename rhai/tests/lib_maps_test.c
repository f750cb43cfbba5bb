/* Object maps and parse_json: what the recorded cases do not show. */
#include "script_fixture.h"

static void changing_one_map_leaves_its_copies_alone(void **state) {
    (void)state;
    static const char *const changes[] = {
        "n.set(\"a\", 9)",
        "n.b = 1",
        "n.remove(\"a\")",
        "n.clear()",
        "n.mixin(#{b: 1})",
        "n += #{b: 1}",
        "n.fill_with(#{b: 1})",
        "n.drain(|k| true)",
        "n.retain(|k| false)",
        "n.map(|k| this += 1)",
        "n.filter(|k| { this += 1; true })",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char script[256];
        snprintf(script, sizeof script,
                 "let m = #{a: 1}; let n = m; let c = [n]; %s; [m, c, m == n]", changes[i]);
        assert_script(script, "[#{\"a\": 1}, [#{\"a\": 1}], false]");
    }
}

static void entries_are_visited_in_key_order(void **state) {
    (void)state;
    assert_script("let m = #{}; for i in 0..50 { m[`k${i * 37 % 50 + 10}`] = i; }"
                  "let seen = \"\"; m.filter(|k| { seen += k; false });"
                  "let sorted = m.keys(); sorted.sort();"
                  "let all = \"\"; for k in sorted { all += k; }"
                  "[seen == all, m.keys() == sorted, m.values().len()]",
                  "[true, true, 50]");
}

static void a_failed_call_back_loses_its_entry(void **state) {
    (void)state;
    assert_script("let m = #{a: 1, b: 2, c: 3, d: 4};"
                  "try { m.drain(|k, v| if v == 3 { throw 1; } else { v == 1 }); } catch {} m",
                  "#{\"b\": 2, \"d\": 4}");
    assert_script("let m = #{a: 1, b: 2, c: 3, d: 4};"
                  "try { m.retain(|k, v| if v == 3 { throw 1; } else { v == 1 }); } catch {} m",
                  "#{\"a\": 1, \"d\": 4}");
}

static void a_map_may_be_its_own_argument(void **state) {
    (void)state;
    assert_script("let m = #{a: 1}; m.mixin(m); m += m; m.fill_with(m); m.self = m; m == m + m && "
                  "m.self.a == 1",
                  "true");
}

static void json_of_any_kind_is_read_as_rhai_reads_it(void **state) {
    (void)state;
    assert_script("parse_json(`{\"a\": [1, -2.5e3, \"\\u00e9\\n\", null, true], \"b\": {}}`)",
                  "#{\"a\": [1, -2500.0, \"\u00e9\\n\", (), true], \"b\": #{}}");
    assert_script("parse_json(`{\"sum\": 1 + 2, /* three */ \"f\": [5].map(|x| x * 2)}`)",
                  "#{\"f\": [10], \"sum\": 3}");
    assert_script("parse_json(`{\"big\": 9223372036854775808, \"min\": -9223372036854775808}`)",
                  "#{\"big\": 9.223372036854776e18, \"min\": -9223372036854775808}");
    assert_script_fails("parse_json(`{\"a\": \"\\/\"}`)",
                        "Syntax error: Invalid escape sequence: '\\/' (line 1, position 9)");
    assert_script_fails("parse_json(`[1]`)",
                        "Output type incorrect: array (expecting map) (line 1, position 1)");
    assert_script_fails("let x = 1; parse_json(`{\"a\": x}`)",
                        "Variable not found: x (line 1, position 7)");
}

/* Recorded from Rhai. */
static void json_obeys_the_limits_of_scripts(void **state) {
    (void)state;
    static const struct {
        rhai_limit limit;
        uint64_t value;
        const char *script, *wanted;
    } cases[] = {
        {RHAI_MAX_ARRAY_SIZE, 3, "parse_json(`{\"a\": [1,2,3,4]}`)",
         "Syntax error: Size of array literal exceeds the maximum limit (3) (line 1, position 14)"},
        {RHAI_MAX_ARRAY_SIZE, 5, "parse_json(`{\"a\": [1,2,3], \"b\":[4,5,6]}`)",
         "Size of array/BLOB too large (line 1, position 20)"},
        {RHAI_MAX_ARRAY_SIZE, 6, "parse_json(`{\"a\": [1,2,3], \"b\":[4,5,6]}`)", NULL},
        {RHAI_MAX_MAP_SIZE, 2, "parse_json(`{\"a\": 1, \"b\": 2, \"c\": 3}`)",
         "Syntax error: Number of properties in object map literal exceeds the maximum limit (2) "
         "(line 1, position 23)"},
        {RHAI_MAX_OPERATIONS, 20, "parse_json(`{\"a\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}`)",
         "Too many operations (line 1, position 41)"},
        {RHAI_MAX_OPERATIONS, 30, "parse_json(`{\"a\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}`)",
         NULL},
        {RHAI_MAX_EXPR_DEPTH, 8, "parse_json(`{\"a\":[[1]]}`)",
         "Syntax error: Expression exceeds maximum complexity (line 1, position 7)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rhai_engine *engine = rhai_engine_new(NULL);
        assert_non_null(engine);
        rhai_engine_set_limit(engine, cases[i].limit, cases[i].value);
        rhai_value v;
        rhai_error *error = NULL;
        const char *script = cases[i].script;
        if (rhai_eval(engine, script, strlen(script), NULL, &v, &error) == RHAI_OK) {
            assert_null(cases[i].wanted);
            rhai_value_done(engine, &v);
        } else {
            assert_string_equal(rhai_error_text(error), cases[i].wanted ? cases[i].wanted : "");
            rhai_error_free(error);
        }
        rhai_engine_free(engine);
    }
}

static void a_value_that_holds_itself_is_no_json(void **state) {
    (void)state;
    assert_script_fails("let m = #{}; let f = || m; m.f = f; m.to_json()",
                        "Runtime error: cannot write a value that contains itself as JSON (line 1, "
                        "position 39)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changing_one_map_leaves_its_copies_alone),
        cmocka_unit_test(entries_are_visited_in_key_order),
        cmocka_unit_test(a_failed_call_back_loses_its_entry),
        cmocka_unit_test(a_map_may_be_its_own_argument),
        cmocka_unit_test(json_of_any_kind_is_read_as_rhai_reads_it),
        cmocka_unit_test(json_obeys_the_limits_of_scripts),
        cmocka_unit_test(a_value_that_holds_itself_is_no_json),
    };
    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
