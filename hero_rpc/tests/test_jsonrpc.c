/* JSON-RPC 2.0 by the letter, without a transport. */
#include "harness.h"

#include "hero_rpc/jsonrpc.h"

#include <stdlib.h>
#include <unistd.h>

static const char document[] =
    "{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"T\",\"version\":\"1\"},\"methods\":["
    "{\"name\":\"subtract\",\"params\":["
    "  {\"name\":\"minuend\",\"required\":true,\"schema\":{\"type\":\"integer\"}},"
    "  {\"name\":\"subtrahend\",\"required\":true,\"schema\":{\"type\":\"integer\"}}],"
    " \"result\":{\"name\":\"difference\",\"schema\":{\"type\":\"integer\"}}},"
    "{\"name\":\"echo\",\"params\":[{\"name\":\"text\",\"schema\":{\"type\":\"string\"}}],"
    " \"result\":{\"name\":\"text\",\"schema\":{\"type\":\"string\"}}},"
    "{\"name\":\"hold\",\"params\":[],\"result\":{\"name\":\"r\",\"schema\":{}}},"
    "{\"name\":\"refuse\",\"params\":[],\"result\":{\"name\":\"r\",\"schema\":{}}}]}";

static struct rpc_openrpc *doc;
static struct rpc_dispatcher *dispatcher;
static struct rpc_call *held[128];
static size_t held_count;
static unsigned echo_count, gone_count;
static char *answer; /* NULL: no answer, or none yet */
static unsigned answer_count;

static void call_subtract(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_reply(call, json_integer(rpc_call_integer(call, "minuend", 0) -
                                      rpc_call_integer(call, "subtrahend", 0)));
}

static void call_echo(struct rpc_call *call, void *ctx) {
    (void)ctx;
    echo_count++;
    rpc_call_reply(call, json_string(rpc_call_text(call, "text", "nothing")));
}

static void note_gone(void *ctx) {
    (void)ctx;
    gone_count++;
}

static void call_hold(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_on_gone(call, note_gone, NULL);
    held[held_count++] = call;
}

static void call_refuse(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_fail(call, -32001, json_pack("{s:s}", "session_id", "x"), "no session \"%s\"", "x");
}

static int set_up(void **state) {
    (void)state;
    doc = rpc_openrpc_parse(document, sizeof document - 1, NULL);
    dispatcher = rpc_dispatcher_new(doc, NULL);
    rpc_dispatcher_add(dispatcher, "subtract", 0, call_subtract, NULL, NULL);
    rpc_dispatcher_add(dispatcher, "echo", 0, call_echo, NULL, NULL);
    rpc_dispatcher_add(dispatcher, "hold", 0, call_hold, NULL, NULL);
    rpc_dispatcher_add(dispatcher, "refuse", 0, call_refuse, NULL, NULL);
    held_count = echo_count = gone_count = answer_count = 0;
    return doc && dispatcher ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    free(answer);
    answer = NULL;
    rpc_dispatcher_free(dispatcher);
    rpc_openrpc_free(doc);
    return 0;
}

static void take_answer(void *ctx, char *text, size_t len, int code) {
    (void)ctx, (void)code;
    free(answer);
    answer = text;
    answer_count++;
    if (text) assert_int_equal(strlen(text), len);
}

static struct rpc_exchange *handle(const char *body) {
    free(answer);
    answer = NULL;
    return rpc_dispatcher_handle(dispatcher, body, strlen(body), NULL, take_answer, NULL);
}

static void assert_answer(const char *body, const char *expected) {
    unsigned before = answer_count;
    assert_null(handle(body));
    assert_int_equal(answer_count, before + 1);
    if (expected)
        assert_string_equal(answer ? answer : "(none)", expected);
    else
        assert_null(answer);
}

/* Where the message of the JSON parser is not ours to fix: code and id alone. */
static void assert_error(const char *body, int code) {
    assert_null(handle(body));
    assert_non_null(answer);
    json_t *json = json_loads(answer, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "error"), "code")),
                     code);
    assert_true(json_is_null(json_object_get(json, "id")));
    json_decref(json);
}

static void params_come_by_position_or_by_name(void **state) {
    (void)state;
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":[42,23],\"id\":1}",
                  "{\"jsonrpc\":\"2.0\",\"result\":19,\"id\":1}");
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":{\"subtrahend\":23,"
                  "\"minuend\":42},\"id\":\"two\"}",
                  "{\"jsonrpc\":\"2.0\",\"result\":19,\"id\":\"two\"}");
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1.5}",
                  "{\"jsonrpc\":\"2.0\",\"result\":\"nothing\",\"id\":1.5}");
}

static void a_notification_runs_and_gets_no_answer(void **state) {
    (void)state;
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", NULL);
    assert_int_equal(echo_count, 1);
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"no_such_method\"}", NULL);
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":[\"a\"]}", NULL);
    /* A held one is over for the client; its answer later goes nowhere. */
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"hold\"}", NULL);
    assert_true(rpc_call_is_notification(held[0]));
    rpc_call_reply(held[0], json_true());
    assert_int_equal(answer_count, 4);
}

static void an_explicit_null_id_is_a_request(void **state) {
    (void)state;
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":null}",
                  "{\"jsonrpc\":\"2.0\",\"result\":\"nothing\",\"id\":null}");
}

static void what_is_not_json_is_a_parse_error(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "{",
        "{\"jsonrpc\":\"2.0\",\"method\":\"foobar,\"params\":\"bar\",\"baz]",
        "\"text\"",
        "17",
        "null",
        "[1,2",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\xff\"}",
        "{\"a\":1e999}",
        "{} {}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_error(bodies[i], RPC_PARSE_ERROR);
}

static void nesting_ends_at_64(void **state) {
    (void)state;
    char body[256];
    for (int depth = 64; depth <= 65; depth++) {
        memset(body, '[', (size_t)depth);
        memset(body + depth, ']', (size_t)depth);
        body[2 * depth] = '\0';
        if (depth == 64)
            assert_answer(body, "[{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"a "
                                "request must be an object\"},\"id\":null}]");
        else
            assert_answer(body, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":"
                                "\"nested over 64 deep\"},\"id\":null}");
    }
    /* Brackets in strings do not count. */
    assert_answer(
        "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"text\":"
        "\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"},"
        "\"id\":1}",
        "{\"jsonrpc\":\"2.0\",\"result\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        "[[[[[[[[[[[[[[[[[[[[[[[[[[\",\"id\":1}");
}

static void bad_request_objects_are_named(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{}", "\\\"jsonrpc\\\" must be \\\"2.0\\\"\"},\"id\":null}"},
        {"{\"jsonrpc\":\"1.0\",\"method\":\"echo\",\"id\":4}",
         "\\\"jsonrpc\\\" must be \\\"2.0\\\"\"},\"id\":4}"},
        {"{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}",
         "\\\"method\\\" must be a string\"},\"id\":null}"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":\"bar\",\"id\":5}",
         "\\\"params\\\" must be an object or an array\"},\"id\":5}"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":{}}",
         "\\\"id\\\" must be a string, a number or null\"},\"id\":null}"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":true}",
         "\\\"id\\\" must be a string, a number or null\"},\"id\":null}"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":6,\"extra\":1}",
         "unknown member \\\"extra\\\" of the request\"},\"id\":6}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rpc_strbuf expected = RPC_STRBUF_INIT;
        rpc_strbuf_addf(&expected,
                        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"%s",
                        cases[i][1]);
        assert_answer(cases[i][0], expected.data);
        rpc_strbuf_done(&expected);
    }
}

static void unknown_methods_and_bad_params_are_named(void **state) {
    (void)state;
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"foobar\",\"id\":\"1\"}",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"unknown method "
                  "\\\"foobar\\\"\"},\"id\":\"1\"}");
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"echo\\u0000\",\"id\":1}",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"unknown method "
                  "\\\"echo\\\"\"},\"id\":1}");
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":{\"minuend\":\"a\"},"
                  "\"id\":1}",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"parameter "
                  "\\\"minuend\\\" must be an integer, not a string\",\"data\":{\"param\":"
                  "\"minuend\"}},\"id\":1}");
    assert_answer(
        "{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":[1],\"id\":1}",
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"parameter "
        "\\\"subtrahend\\\" is required\",\"data\":{\"param\":\"subtrahend\"}},\"id\":1}");
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"txet\":\"\"},\"id\":1}",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"unknown parameter "
                  "\\\"txet\\\"\",\"data\":{\"param\":\"txet\"}},\"id\":1}");
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"hold\",\"params\":[1],\"id\":1}",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"too many "
                  "parameters: 1, at most 0\"},\"id\":1}");
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[\"a\\u0000b\"],\"id\":1}",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"parameter "
                  "\\\"text\\\" must not contain the character U+0000\",\"data\":{\"param\":"
                  "\"text\"}},\"id\":1}");
}

static void a_method_may_fail_with_data(void **state) {
    (void)state;
    assert_answer("{\"jsonrpc\":\"2.0\",\"method\":\"refuse\",\"id\":1}",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32001,\"message\":\"no session "
                  "\\\"x\\\"\",\"data\":{\"session_id\":\"x\"}},\"id\":1}");
}

static void a_number_out_of_range_becomes_the_nearest_integer(void **state) {
    (void)state;
    static const struct {
        const char *json;
        long long integer;
    } cases[] = {
        {"7", 7},
        {"7.9", 7},
        {"-7.9", -7},
        {"1e300", INT64_MAX},
        {"-2e85", INT64_MIN},
        {"9223372036854775808.0", INT64_MAX},
        {"\"7\"", 42},
        {"null", 42},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        assert_int_equal(rpc_json_integer(value, 42), cases[i].integer);
        json_decref(value);
    }
    assert_int_equal(rpc_json_integer(NULL, 42), 42);
}

static void a_batch_is_answered_item_by_item(void **state) {
    (void)state;
    assert_answer(
        "[{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":[2,1],\"id\":\"1\"},"
        "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},"
        "{\"foo\":\"boo\"},"
        "1,"
        "{\"jsonrpc\":\"2.0\",\"method\":\"foo.get\",\"id\":\"5\"}]",
        "[{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":\"1\"},"
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"\\\"jsonrpc\\\" must "
        "be \\\"2.0\\\"\"},\"id\":null},"
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"a request must be an "
        "object\"},\"id\":null},"
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"unknown method "
        "\\\"foo.get\\\"\"},\"id\":\"5\"}]");
}

static void a_batch_of_notifications_gets_no_answer(void **state) {
    (void)state;
    assert_answer("[{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},"
                  "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]",
                  NULL);
    assert_int_equal(echo_count, 2);
}

static void an_empty_batch_is_an_invalid_request(void **state) {
    (void)state;
    assert_answer("[]",
                  "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"the batch is "
                  "empty\"},\"id\":null}");
}

static void a_batch_has_at_most_100_calls(void **state) {
    (void)state;
    for (int count = 100; count <= 101; count++) {
        struct rpc_strbuf body = RPC_STRBUF_INIT;
        for (int i = 0; i < count; i++)
            rpc_strbuf_addf(&body, "%c{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":%d}",
                            i ? ',' : '[', i);
        rpc_strbuf_add_char(&body, ']');
        assert_null(handle(body.data));
        json_t *json = json_loads(answer, 0, NULL);
        if (count == 100)
            assert_int_equal(json_array_size(json), 100);
        else
            assert_int_equal(
                json_integer_value(json_object_get(json_object_get(json, "error"), "code")),
                -32600);
        json_decref(json);
        rpc_strbuf_done(&body);
    }
    assert_int_equal(echo_count, 100);
}

static void held_calls_of_a_batch_are_collected(void **state) {
    (void)state;
    assert_non_null(
        handle("[{\"jsonrpc\":\"2.0\",\"method\":\"hold\",\"id\":1},"
               "{\"jsonrpc\":\"2.0\",\"method\":\"subtract\",\"params\":[3,1],\"id\":2},"
               "{\"jsonrpc\":\"2.0\",\"method\":\"hold\",\"id\":3}]"));
    assert_int_equal(answer_count, 0);
    rpc_call_reply_text(held[1], "\"third\"", 7);
    assert_int_equal(answer_count, 0);
    rpc_call_fail(held[0], -32002, NULL, "busy");
    assert_int_equal(answer_count, 1);
    assert_string_equal(answer, "[{\"jsonrpc\":\"2.0\",\"result\":2,\"id\":2},"
                                "{\"jsonrpc\":\"2.0\",\"result\":\"third\",\"id\":3},"
                                "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32002,\"message\":"
                                "\"busy\"},\"id\":1}]");
}

static void a_client_that_leaves_ends_the_waiting_only(void **state) {
    (void)state;
    struct rpc_exchange *exchange = handle("[{\"jsonrpc\":\"2.0\",\"method\":\"hold\",\"id\":1},"
                                           "{\"jsonrpc\":\"2.0\",\"method\":\"hold\",\"id\":2}]");
    rpc_call_on_gone(held[1], NULL, NULL); /* wants to go on */
    rpc_exchange_abandon(exchange);
    assert_int_equal(gone_count, 1); /* the other one is gone by now */
    rpc_call_reply(held[1], json_true());
    assert_int_equal(answer_count, 0);
}

static void without_memory_for_a_result_the_error_is_internal(void **state) {
    (void)state;
    assert_non_null(handle("{\"jsonrpc\":\"2.0\",\"method\":\"hold\",\"id\":1}"));
    rpc_call_reply(held[0], NULL);
    assert_string_equal(answer, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32603,\"message\":\"out "
                                "of memory\"},\"id\":1}");
}

static void documented_methods_and_functions_must_match(void **state) {
    (void)state;
    struct rpc_error err = {0};
    assert_int_equal(rpc_dispatcher_check(dispatcher, &err), 0);
    assert_int_equal(rpc_dispatcher_add(dispatcher, "echo", 0, call_echo, NULL, &err), -1);
    assert_string_equal(err.message, "method \"echo\" is there already");
    rpc_dispatcher_add(dispatcher, "alias", RPC_METHOD_UNDOCUMENTED, call_echo, NULL, NULL);
    assert_int_equal(rpc_dispatcher_check(dispatcher, &err), 0);
    rpc_dispatcher_add(dispatcher, "secret", RPC_METHOD_DOCUMENTED, call_echo, NULL, NULL);
    assert_int_equal(rpc_dispatcher_check(dispatcher, &err), -1);
    assert_string_equal(err.message, "method \"secret\" is not documented");
    struct rpc_dispatcher *empty = rpc_dispatcher_new(doc, NULL);
    assert_int_equal(rpc_dispatcher_check(empty, &err), -1);
    assert_string_equal(err.message, "method \"subtract\" is documented, but nothing does it");
    rpc_dispatcher_free(empty);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(params_come_by_position_or_by_name),
        TEST(a_notification_runs_and_gets_no_answer),
        TEST(an_explicit_null_id_is_a_request),
        TEST(what_is_not_json_is_a_parse_error),
        TEST(nesting_ends_at_64),
        TEST(bad_request_objects_are_named),
        TEST(unknown_methods_and_bad_params_are_named),
        TEST(a_method_may_fail_with_data),
        TEST(a_number_out_of_range_becomes_the_nearest_integer),
        TEST(a_batch_is_answered_item_by_item),
        TEST(a_batch_of_notifications_gets_no_answer),
        TEST(an_empty_batch_is_an_invalid_request),
        TEST(a_batch_has_at_most_100_calls),
        TEST(held_calls_of_a_batch_are_collected),
        TEST(a_client_that_leaves_ends_the_waiting_only),
        TEST(without_memory_for_a_result_the_error_is_internal),
        TEST(documented_methods_and_functions_must_match),
    };
    return cmocka_run_group_tests_name("hero_rpc JSON-RPC", tests, NULL, NULL);
}
