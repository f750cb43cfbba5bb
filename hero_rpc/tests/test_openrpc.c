/* The document and the subset of JSON Schema. */
#include "harness.h"

#include "hero_rpc/openrpc.h"

#include <stdlib.h>

/* A document with one method m, one parameter p of the schema given, and a result of the same. */
static struct rpc_openrpc *document_of(const char *schema, const char *components,
                                       struct rpc_error *err) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&text,
                    "{\"openrpc\":\"1.3.2\",\"info\":{\"title\":\"T\",\"version\":\"1\"},"
                    "\"methods\":[{\"name\":\"m\",\"params\":[{\"name\":\"p\",\"schema\":%s}],"
                    "\"result\":{\"name\":\"r\",\"schema\":%s}}],\"components\":{\"schemas\":%s}}",
                    schema, schema, components ? components : "{}");
    struct rpc_openrpc *doc = rpc_openrpc_parse(text.data, text.len, err);
    rpc_strbuf_done(&text);
    return doc;
}

/* expected NULL: valid. */
static void assert_check(const char *schema, const char *components, const char *value,
                         const char *expected) {
    struct rpc_error err = {0};
    struct rpc_openrpc *doc = document_of(schema, components, &err);
    if (!doc) fail_msg("%s", err.message);
    json_t *result = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(result);
    int outcome = rpc_openrpc_check_result(doc, "m", result, &err);
    if (expected) {
        assert_int_equal(outcome, -1);
        assert_string_equal(err.message, expected);
    } else if (outcome != 0) {
        fail_msg("%s against %s: %s", value, schema, err.message);
    }
    json_decref(result);
    rpc_openrpc_free(doc);
}

static void types_are_checked(void **state) {
    (void)state;
    assert_check("{\"type\":\"string\"}", NULL, "\"a\"", NULL);
    assert_check("{\"type\":\"string\"}", NULL, "1", "m: result must be a string, not an integer");
    assert_check("{\"type\":\"integer\"}", NULL, "1", NULL);
    assert_check("{\"type\":\"integer\"}", NULL, "1.0", NULL);
    assert_check("{\"type\":\"integer\"}", NULL, "1.5",
                 "m: result must be an integer, not a number");
    assert_check("{\"type\":\"number\"}", NULL, "1", NULL);
    assert_check("{\"type\":[\"string\",\"null\"]}", NULL, "null", NULL);
    assert_check("{\"type\":[\"string\",\"null\"]}", NULL, "true",
                 "m: result must be null or a string, not a boolean");
    assert_check("{}", NULL, "[{}]", NULL);
    assert_check("{}", NULL, "{\"a\":[\"text\",5]}", NULL);
    assert_check("true", NULL, "1", NULL);
    assert_check("false", NULL, "1", "m: result is not allowed");
}

static void numbers_and_lengths_have_bounds(void **state) {
    (void)state;
    assert_check("{\"minimum\":0,\"maximum\":10}", NULL, "10", NULL);
    assert_check("{\"minimum\":0}", NULL, "-1", "m: result must be at least 0");
    assert_check("{\"maximum\":10000}", NULL, "10000.5", "m: result must be at most 10000");
    assert_check("{\"minimum\":5}", NULL, "\"text\"", NULL); /* says nothing about text */
    /* Characters, not bytes. */
    assert_check("{\"minLength\":2,\"maxLength\":2}", NULL, "\"\u00e9\u00e9\"", NULL);
    assert_check("{\"maxLength\":2}", NULL, "\"abc\"",
                 "m: result must have at most 2 characters, not 3");
    assert_check("{\"minLength\":1}", NULL, "\"\"",
                 "m: result must have at least 1 characters, not 0");
    assert_check("{\"minItems\":1,\"maxItems\":2}", NULL, "[1,2]", NULL);
    assert_check("{\"maxItems\":2}", NULL, "[1,2,3]", "m: result must have at most 2 items, not 3");
}

static void members_and_items_are_checked_and_named(void **state) {
    (void)state;
    static const char schema[] =
        "{\"type\":\"object\",\"required\":[\"id\"],\"additionalProperties\":false,\"properties\":{"
        "\"id\":{\"type\":\"string\"},\"list\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
        "\"additionalProperties\":{\"type\":\"integer\"}}}}}";
    assert_check(schema, NULL, "{\"id\":\"x\",\"list\":[{},{\"a\":1}]}", NULL);
    assert_check(schema, NULL, "{}", "m: result.id is required");
    assert_check(schema, NULL, "{\"id\":\"x\",\"other\":1}", "m: result.other is unknown");
    assert_check(schema, NULL, "{\"id\":\"x\",\"list\":[{},{\"a\":\"b\"}]}",
                 "m: result.list[1].a must be an integer, not a string");
}

static void values_may_be_enumerated(void **state) {
    (void)state;
    assert_check("{\"enum\":[\"a\",1,null]}", NULL, "\"a\"", NULL);
    assert_check("{\"enum\":[\"a\",1,null]}", NULL, "1.0", NULL);
    assert_check("{\"enum\":[\"a\",1,null]}", NULL, "\"b\"",
                 "m: result must be one of \"a\", 1, null");
    assert_check("{\"const\":5}", NULL, "5", NULL);
    assert_check("{\"const\":5}", NULL, "6",
                 "m: result has another value than the only one allowed");
}

static void forms_may_be_alternatives(void **state) {
    (void)state;
    static const char one[] = "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}";
    static const char any[] = "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}";
    assert_check(one, NULL, "1.5", NULL);
    assert_check(one, NULL, "1", "m: result must be exactly one of the forms allowed");
    assert_check(any, NULL, "1", NULL);
    assert_check(any, NULL, "\"a\"", "m: result is none of the forms allowed");
}

static void references_lead_to_components_also_to_themselves(void **state) {
    (void)state;
    static const char components[] =
        "{\"Tree\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
        "\"children\":"
        "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Tree\"}}}},"
        "\"Loop\":{\"$ref\":\"#/components/schemas/Loop\"}}";
    static const char tree[] = "{\"$ref\":\"#/components/schemas/Tree\",\"description\":\"d\"}";
    assert_check(tree, components, "{\"children\":[{\"children\":[]},{}]}", NULL);
    assert_check(tree, components, "{\"children\":[{\"children\":[{\"x\":1}]}]}",
                 "m: result.children[0].children[0].x is unknown");
    assert_check("{\"$ref\":\"#/components/schemas/Loop\"}", components, "1",
                 "m: result is nested too deep");
}

static void assert_refused(const char *schema, const char *expected) {
    struct rpc_error err = {0};
    assert_null(document_of(schema, NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_string_equal(err.message, expected);
}

static void a_document_with_more_than_the_subset_is_refused(void **state) {
    (void)state;
    assert_refused("{\"pattern\":\"a\"}", "p/schema: the keyword \"pattern\" is not supported");
    assert_refused("{\"items\":{\"uniqueItems\":true}}",
                   "p/schema/items: the keyword \"uniqueItems\" is not supported");
    assert_refused("{\"type\":\"text\"}", "p/schema: \"type\" must be a type name or a list");
    assert_refused("{\"$ref\":\"#/components/schemas/Missing\"}",
                   "p/schema: \"$ref\" leads nowhere");
    assert_refused("{\"$ref\":\"#/components/schemas/Missing\",\"type\":\"string\"}",
                   "p/schema: \"$ref\" leads nowhere");
    assert_refused("{\"enum\":[]}", "p/schema: \"enum\" must be an array with members");
    assert_refused("5", "p/schema: a schema must be an object or a boolean");
}

static void a_broken_document_says_what_is_wrong(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"info\":{}}", "OpenRPC document: openrpc: the version is missing"},
        {"{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"T\"}}",
         "OpenRPC document: info: title and version are required"},
        {"{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"T\",\"version\":\"1\"},\"methods\":[{"
         "\"name\":"
         "\"m\"}]}",
         "OpenRPC document: m: params must be an array"},
        {"{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"T\",\"version\":\"1\"},\"methods\":[{"
         "\"name\":"
         "\"m\",\"params\":[]},{\"name\":\"m\",\"params\":[]}]}",
         "OpenRPC document: m: is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rpc_error err = {0};
        assert_null(rpc_openrpc_parse(cases[i][0], strlen(cases[i][0]), &err));
        assert_string_equal(err.message, cases[i][1]);
    }
    struct rpc_error err = {0};
    assert_null(rpc_openrpc_parse("{\n\n!", 4, &err));
    assert_non_null(strstr(err.message, "OpenRPC document: line 3: "));
}

static const char three_params[] =
    "{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"T\",\"version\":\"1\"},\"methods\":["
    "{\"name\":\"m\",\"params\":["
    "{\"name\":\"script\",\"required\":true,\"schema\":{\"type\":\"string\"}},"
    "{\"name\":\"dir\",\"schema\":{\"type\":\"string\"}},"
    "{\"name\":\"env\",\"schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":"
    "\"string\"}}}]},"
    "{\"name\":\"named\",\"paramStructure\":\"by-name\",\"params\":[]},"
    "{\"name\":\"placed\",\"paramStructure\":\"by-position\",\"params\":[]}]}";

/* The params by name as JSON text, or "code: message [data]". */
static void assert_params(const char *method, const char *params, const char *expected) {
    struct rpc_openrpc *doc = rpc_openrpc_parse(three_params, sizeof three_params - 1, NULL);
    struct rpc_error err = {0};
    struct rpc_strbuf got = RPC_STRBUF_INIT;
    json_t *given = params ? json_loads(params, 0, NULL) : NULL, *named = NULL;
    assert_non_null(doc);
    if (rpc_openrpc_check_params(doc, method, given, &named, &err) == 0) {
        rpc_strbuf_add_json(&got, named);
    } else {
        assert_int_equal(err.kind, RPC_ERROR_RPC);
        rpc_strbuf_addf(&got, "%d: %s", err.code, err.message);
        const char *param = json_string_value(json_object_get(err.data, "param"));
        if (param) rpc_strbuf_addf(&got, " [%s]", param);
    }
    assert_string_equal(got.data, expected);
    rpc_strbuf_done(&got);
    rpc_error_clear(&err);
    json_decref(named);
    json_decref(given);
    rpc_openrpc_free(doc);
}

static void params_are_given_names_and_checked(void **state) {
    (void)state;
    assert_params("m", "[\"x\"]", "{\"script\":\"x\"}");
    assert_params("m", "[\"x\",null,{\"A\":\"b\"}]", "{\"script\":\"x\",\"env\":{\"A\":\"b\"}}");
    assert_params("m", "{\"script\":\"x\",\"dir\":\"/\"}", "{\"script\":\"x\",\"dir\":\"/\"}");
    assert_params("m", NULL, "-32602: parameter \"script\" is required [script]");
    assert_params("m", "[null]",
                  "-32602: parameter \"script\" must be a string, not null [script]");
    assert_params("m", "{\"script\":\"x\",\"dir\":null}",
                  "-32602: parameter \"dir\" must be a string, not null [dir]");
    assert_params("m", "{\"script\":\"x\",\"env\":{\"A\":1}}",
                  "-32602: parameter \"env.A\" must be a string, not an integer [env.A]");
    assert_params("m", "[\"x\",\"d\",{},4]", "-32602: too many parameters: 4, at most 3");
    assert_params("none", NULL, "-32601: unknown method \"none\"");
    assert_params("named", "[]", "-32602: named takes its parameters by name");
    assert_params("placed", "{}", "-32602: placed takes its parameters by position");
}

static void the_text_is_served_as_it_was_given(void **state) {
    (void)state;
    struct rpc_openrpc *doc = rpc_openrpc_parse(three_params, sizeof three_params - 1, NULL);
    size_t len;
    assert_string_equal(rpc_openrpc_text(doc, &len), three_params);
    assert_int_equal(len, sizeof three_params - 1);
    assert_int_equal(rpc_openrpc_method_count(doc), 3);
    assert_string_equal(rpc_openrpc_method_name(doc, 1), "named");
    assert_null(rpc_openrpc_method_name(doc, 3));
    rpc_openrpc_free(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_checked),
        cmocka_unit_test(numbers_and_lengths_have_bounds),
        cmocka_unit_test(members_and_items_are_checked_and_named),
        cmocka_unit_test(values_may_be_enumerated),
        cmocka_unit_test(forms_may_be_alternatives),
        cmocka_unit_test(references_lead_to_components_also_to_themselves),
        cmocka_unit_test(a_document_with_more_than_the_subset_is_refused),
        cmocka_unit_test(a_broken_document_says_what_is_wrong),
        cmocka_unit_test(params_are_given_names_and_checked),
        cmocka_unit_test(the_text_is_served_as_it_was_given),
    };
    return cmocka_run_group_tests_name("hero_rpc OpenRPC", tests, NULL, NULL);
}
