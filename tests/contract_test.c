/* The contract: openrpc.json, every method in it against its result schema, and what wrong input
 * gets. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <hero_rpc/client.h>
#include <hero_rpc/openrpc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct rpc_openrpc *get_document(struct test_server *server) {
    struct rpc_error err = {0};
    struct rpc_strbuf body = RPC_STRBUF_INIT;
    struct rpc_client *client = rpc_client_new_unix(server->socket, &err);
    assert_int_equal(rpc_client_http(client, "/openrpc.json", NULL, 0, &body, &err), 200);
    struct rpc_openrpc *doc = rpc_openrpc_parse(rpc_strbuf_text(&body), body.len, &err);
    if (!doc) fail_msg("%s", err.message);
    rpc_strbuf_done(&body);
    rpc_client_free(client);
    return doc;
}

static void the_document_is_the_same_from_both_places(void **state) {
    struct test_server *server = *state;
    struct rpc_openrpc *doc = get_document(server);
    json_t *discovered = runner_discover(server->runner, NULL);
    assert_true(json_equal(discovered, rpc_openrpc_json(doc)));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(discovered, "info"), "version")),
        HERO_VERSION);
    json_decref(discovered);
    rpc_openrpc_free(doc);
}

static void every_method_says_what_it_is_for(void **state) {
    struct rpc_openrpc *doc = get_document(*state);
    size_t index, param_index;
    json_t *method, *param;
    json_array_foreach(json_object_get(rpc_openrpc_json(doc), "methods"), index, method) {
        assert_non_null(json_string_value(json_object_get(method, "summary")));
        assert_non_null(json_string_value(json_object_get(method, "description")));
        json_array_foreach(json_object_get(method, "params"), param_index, param) {
            const char *text = json_string_value(json_object_get(param, "description"));
            assert_true(text && *text);
        }
    }
    rpc_openrpc_free(doc);
}

/* One call of each method, with an ended session's id where one is needed. */
static const struct {
    const char *method, *params;
} calls[] = {
    {"health", "{}"},
    {"session_start", "{\"script\": \"1\"}"},
    {"session_run", "{\"script\": \"print(1); [1, 2.5, 'c']\", \"args\": [\"a\"], "
                    "\"env_vars\": {\"A\": \"b\"}, \"timeout_ms\": 10000}"},
    {"session_run", "{\"script\": \"throw 1\"}"},
    {"session_run", "{\"script\": \"exit(3)\", \"forward_logs\": true}"},
    {"session_run", "[\"1 + 1\", \"/\"]"},
    {"session_stop", "{\"session_id\": \"$ID\"}"},
    {"session_run", "{\"script\": \"loop {}\", \"wait_ms\": 20, \"tags\": [\"slow\"]}"},
    {"session_run", "{\"script\": \"/// @input n: int\\nn\", \"inputs\": {\"n\": 3}, "
                    "\"priority\": 5, \"limits\": {\"operations\": 1000}, "
                    "\"concurrency_key\": \"k\", \"concurrency_limit\": 2}"},
    {"session_stop_all", "{}"},
    {"session_list", "[]"},
    {"session_list", "{\"status\": [\"succeeded\"], \"sort\": \"cpu\", \"order\": \"asc\", "
                     "\"limit\": 2, \"text\": \"print\", \"since_ms\": 1}"},
    {"session_request", "{\"session_id\": \"$ID\"}"},
    {"session_get", "{\"session_id\": \"$ID\"}"},
    {"session_logs", "{\"session_id\": \"$ID\", \"after_seq\": 0, \"limit\": 5}"},
    {"session_logs", "{\"session_id\": \"$ID\", \"after_ts_ms\": 0, \"wait_ms\": 5}"},
    {"session_logs", "{\"session_id\": \"$ID\", \"before_seq\": 10, \"kind\": \"stdout\", "
                     "\"contains\": \"a\"}"},
    {"session_result", "[\"$ID\"]"},
    {"session_rerun", "{\"session_id\": \"$ID\", \"env_vars\": {\"A\": \"b\"}}"},
    {"session_delete", "{\"session_id\": \"$ID\"}"},
    {"script_save", "{\"name\": \"lib/a\", \"script\": \"print(1)\", \"description\": \"d\"}"},
    {"script_list", "{}"},
    {"script_get", "{\"name\": \"lib/a\"}"},
    {"session_run", "{\"script_name\": \"lib/a\", \"idempotency_key\": \"i\"}"},
    {"session_run", "{\"script_name\": \"lib/a\", \"idempotency_key\": \"i\"}"},
    {"script_delete", "{\"name\": \"lib/a\", \"version\": 1}"},
    {"script_check", "{\"script\": \"/// Says it.\\n/// @input n: int = 2\\nlet x = ;\"}"},
    {"functions", "{\"pattern\": \"sle*\"}"},
    {"stats", "{}"},
    {"stats", "{\"history_s\": 60, \"step_s\": 10}"},
    {"config_get", "{}"},
    {"reload", "{}"},
    {"drain", "{}"},
    {"rpc.discover", "{}"},
};

static char *with_id(const char *text, const char *id) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    const char *place = strstr(text, "$ID");
    if (place) {
        rpc_strbuf_add(&out, text, (size_t)(place - text));
        rpc_strbuf_add_text(&out, id);
        text = place + 3;
    }
    rpc_strbuf_add_text(&out, text);
    return rpc_strbuf_take(&out, NULL);
}

static void every_method_gives_what_its_schema_says(void **state) {
    struct test_server *server = *state;
    struct rpc_error err = {0};
    struct rpc_openrpc *doc = get_document(server);
    struct rpc_client *client = rpc_client_new_unix(server->socket, &err);
    struct runner_session session;
    run_session(server, "print(\"a\"); 1", &session, NULL);
    size_t count = rpc_openrpc_method_count(doc);
    bool *was_called = calloc(count, sizeof *was_called);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char *params_text = with_id(calls[i].params, session.id);
        json_t *params = json_loads(params_text, 0, NULL);
        json_t *result = rpc_client_call(client, calls[i].method, params, &err);
        if (!result) fail_msg("%s: %s", calls[i].method, err.message);
        if (rpc_openrpc_check_result(doc, calls[i].method, result, &err) < 0)
            fail_msg("%s: %s", calls[i].method, err.message);
        for (size_t n = 0; n < count; n++)
            was_called[n] |= strcmp(rpc_openrpc_method_name(doc, n), calls[i].method) == 0;
        json_decref(result);
        json_decref(params);
        free(params_text);
    }
    for (size_t n = 0; n < count; n++)
        if (!was_called[n]) fail_msg("%s is not called here", rpc_openrpc_method_name(doc, n));
    free(was_called);
    runner_session_done(&session);
    rpc_client_free(client);
    rpc_openrpc_free(doc);
}

static void the_examples_of_the_document_fit_its_schemas(void **state) {
    struct rpc_openrpc *doc = get_document(*state);
    size_t index, n;
    json_t *method, *example, *param;
    json_array_foreach(json_object_get(rpc_openrpc_json(doc), "methods"), index, method) {
        const char *name = json_string_value(json_object_get(method, "name"));
        json_array_foreach(json_object_get(method, "examples"), n, example) {
            struct rpc_error err = {0};
            json_t *params = json_object(), *checked;
            size_t at;
            json_array_foreach(json_object_get(example, "params"), at, param) {
                json_object_set(params, json_string_value(json_object_get(param, "name")),
                                json_object_get(param, "value"));
            }
            json_t *result = json_object_get(json_object_get(example, "result"), "value");
            if (rpc_openrpc_check_params(doc, name, params, &checked, &err) < 0 ||
                rpc_openrpc_check_result(doc, name, result, &err) < 0)
                fail_msg("%s: %s", name, err.message);
            json_decref(params);
            json_decref(checked);
        }
    }
    rpc_openrpc_free(doc);
}

static void health_and_discovery_answer_on_the_socket(void **state) {
    struct test_server *server = *state;
    static const char *const paths[] = {"/health", "/openrpc.json",
                                        "/.well-known/heroservice.json"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int fd = http_connect(server->socket);
        char *body;
        http_send_get(fd, paths[i], "");
        assert_int_equal(http_read_answer(fd, &body), 200);
        json_t *json = json_loads(body, 0, NULL);
        assert_true(json_is_object(json));
        json_decref(json);
        free(body);
        close(fd);
    }
}

/* ---- Wrong input ------------------------------------------------------------------------- */

#define CALL(METHOD, PARAMS)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" METHOD "\",\"params\":" PARAMS "}"

static const struct {
    const char *body;
    int code;
    const char *message; /* exact; NULL: whatever the library says */
    const char *param;   /* data.param; NULL: not checked */
} wrong[] = {
    {"{\"jsonrpc\":", -32700, NULL, NULL},
    {"", -32700, NULL, NULL},
    {"[]", -32600, NULL, NULL},
    {"{\"id\":1,\"method\":\"health\"}", -32600, NULL, NULL},
    {CALL("session_begin", "{}"), -32601, NULL, NULL},
    {CALL("session_start", "{}"), -32602, NULL, "script"},
    {CALL("session_start", "{\"script\":42}"), -32602, NULL, "script"},
    {CALL("session_start", "{\"script\":\"1\",\"scrip\":\"2\"}"), -32602, NULL, "scrip"},
    {CALL("session_start", "{\"script\":\"1\",\"args\":[\"a\",2]}"), -32602, NULL, "args[1]"},
    {CALL("session_start", "{\"script\":\"1\",\"env_vars\":{\"A\":1}}"), -32602, NULL,
     "env_vars.A"},
    {CALL("session_start", "{\"script\":\"1\",\"timeout_ms\":-1}"), -32602, NULL, "timeout_ms"},
    {CALL("session_start", "{\"script\":\"1\",\"env_vars\":{\"A=B\":\"c\"}}"), -32602,
     "parameter \"env_vars.A=B\" is not a name of a variable", "env_vars.A=B"},
    {CALL("session_start", "{\"script\":\"1\",\"env_vars\":{\"\":\"c\"}}"), -32602,
     "parameter \"env_vars.\" is not a name of a variable", "env_vars."},
    {CALL("session_start", "{\"script\":\"1\",\"env_vars\":{\"A\":\"b\\u0000c\"}}"), -32602,
     "parameter \"env_vars.A\" must not contain the character U+0000", "env_vars.A"},
    {CALL("session_start", "{\"script\":\"1\",\"args\":[\"\",\"b\\u0000c\"]}"), -32602,
     "parameter \"args[1]\" must not contain the character U+0000", "args[1]"},
    {CALL("session_start", "{\"script\":\"1\",\"working_dir\":\"/no/such/dir\"}"), -32602,
     "parameter \"working_dir\" cannot be entered: \"/no/such/dir\": No such file or directory",
     "working_dir"},
    {CALL("session_start", "{\"script\":\"1\",\"working_dir\":\"/etc/passwd\"}"), -32602,
     "parameter \"working_dir\" is not a directory: \"/etc/passwd\"", "working_dir"},
    {CALL("session_start", "{\"script\":\"1\",\"working_dir\":\"relative\"}"), -32602,
     "parameter \"working_dir\" must be an absolute path", "working_dir"},
    {CALL("session_get", "{\"session_id\":\"nobody\"}"), -32001, "unknown session \"nobody\"",
     NULL},
    {CALL("session_stop", "[\"nobody\"]"), -32001, "unknown session \"nobody\"", NULL},
    {CALL("session_result", "[\"nobody\"]"), -32001, "unknown session \"nobody\"", NULL},
    {CALL("session_logs", "[\"nobody\"]"), -32001, "unknown session \"nobody\"", NULL},
    {CALL("session_logs", "{\"session_id\":\"x\",\"after_seq\":-1}"), -32602, NULL, "after_seq"},
};

static void wrong_input_gets_its_exact_error_and_starts_nothing(void **state) {
    struct test_server *server = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *answer = NULL;
        assert_int_equal(http_rpc(server->socket, wrong[i].body, &answer), 200);
        const json_t *error = json_object_get(answer, "error");
        const char *message = json_string_value(json_object_get(error, "message"));
        const char *param =
            json_string_value(json_object_get(json_object_get(error, "data"), "param"));
        if (!error) fail_msg("accepted: %s", wrong[i].body);
        if (json_integer_value(json_object_get(error, "code")) != wrong[i].code)
            fail_msg("%s: %s", wrong[i].body, message);
        assert_true(message && *message);
        if (wrong[i].message) assert_string_equal(message, wrong[i].message);
        if (wrong[i].param && (!param || strcmp(param, wrong[i].param) != 0))
            fail_msg("%s: %s: %s", wrong[i].body, param ? param : "no param", message);
        json_decref(answer);
    }
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    assert_int_equal(list.count, 0);
    runner_session_list_done(&list);
}

static void an_unknown_session_is_named_in_the_errors_data(void **state) {
    struct test_server *server = *state;
    struct rpc_error err = {0};
    struct runner_session session;
    assert_int_equal(runner_session_get(server->runner, "nobody", &session, &err), -1);
    assert_int_equal(err.code, RUNNER_ERROR_UNKNOWN_SESSION);
    assert_string_equal(json_string_value(json_object_get(err.data, "session_id")), "nobody");
    rpc_error_clear(&err);
    assert_int_equal(
        runner_session_follow(server->runner, "nobody", &(struct runner_follow){0}, NULL, &err),
        -1);
    assert_int_equal(err.code, RUNNER_ERROR_UNKNOWN_SESSION);
    rpc_error_clear(&err);
}

static void a_body_of_20_megabytes_is_413_and_the_server_goes_on(void **state) {
    struct test_server *server = *state;
    size_t len = 20 * 1024 * 1024;
    char *body = malloc(len);
    memset(body, ' ', len);
    int fd = http_connect(server->socket);
    char *answer;
    http_send_rpc(fd, body, len);
    assert_int_equal(http_read_answer(fd, &answer), 413);
    close(fd);
    free(answer);
    free(body);
    struct runner_session session;
    run_session(server, "1", &session, NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
}

static void a_script_of_15_megabytes_runs(void **state) {
    struct test_server *server = *state;
    size_t len = 15 * 1024 * 1024;
    char *script = malloc(len + 1);
    memset(script, ' ', len);
    script[len] = '\0';
    memcpy(script, "40 +", 4);
    script[len - 1] = '2';
    struct runner_result result;
    run_session(server, script, NULL, &result);
    assert_int_equal(json_integer_value(result.value), 42);
    runner_result_done(&result);
    free(script);
}

static void a_notification_starts_a_session_and_gets_no_answer(void **state) {
    struct test_server *server = *state;
    json_t *answer = NULL;
    assert_int_equal(http_rpc(server->socket,
                              "{\"jsonrpc\":\"2.0\",\"method\":\"session_start\","
                              "\"params\":[\"1\"]}",
                              &answer),
                     204);
    assert_null(answer);
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    runner_session_list_done(&list);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(the_document_is_the_same_from_both_places),
        ON_SERVER(every_method_says_what_it_is_for),
        ON_SERVER(every_method_gives_what_its_schema_says),
        ON_SERVER(the_examples_of_the_document_fit_its_schemas),
        ON_SERVER(health_and_discovery_answer_on_the_socket),
        ON_SERVER(wrong_input_gets_its_exact_error_and_starts_nothing),
        ON_SERVER(an_unknown_session_is_named_in_the_errors_data),
        ON_SERVER(a_body_of_20_megabytes_is_413_and_the_server_goes_on),
        ON_SERVER(a_script_of_15_megabytes_runs),
        ON_SERVER(a_notification_starts_a_session_and_gets_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
