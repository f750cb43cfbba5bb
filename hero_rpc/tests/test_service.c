/* What every service answers, over a real socket. */
#include "service_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void assert_get(struct fixture *f, const char *path, const char *expected) {
    struct answer answer;
    http(f->socket, "GET", path, NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.headers, "\r\nContent-Type: application/json\r\n"));
    assert_string_equal(answer.body, expected);
    answer_done(&answer);
}

static void the_standard_endpoints_answer(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    assert_get(&f, "/health",
               "{\"status\":\"degraded\",\"sessions\":3,\"service\":\"hero_test\",\"version\":"
               "\"1.2.3\"}");
    assert_get(&f, "/.well-known/heroservice.json",
               "{\"protocol\":\"openrpc\",\"name\":\"hero_test\",\"title\":\"Test\",\"version\":"
               "\"1.2.3\",\"description\":\"A service for tests\",\"socket\":\"rpc\"}");
    assert_get(&f, "/openrpc.json", service_document);
    fixture_stop(&f);
}

static json_t *result_of(struct fixture *f, const char *method) {
    char body[128];
    snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}", method);
    json_t *response = post_rpc(f->socket, body);
    json_t *result = json_incref(json_object_get(response, "result"));
    assert_non_null(result);
    json_decref(response);
    return result;
}

static void discover_returns_what_openrpc_json_serves(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    json_t *discovered = result_of(&f, "rpc.discover");
    json_t *served = json_loads(service_document, 0, NULL);
    assert_true(json_equal(discovered, served));
    json_decref(discovered);
    json_decref(served);
    fixture_stop(&f);
}

static void health_has_two_aliases(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    json_t *health = result_of(&f, "health");
    struct rpc_error err = {0};
    if (rpc_openrpc_check_result(rpc_service_openrpc(f.service), "health", health, &err) != 0)
        fail_msg("%s", err.message);
    static const char *const aliases[] = {"server.health", "rpc.health"};
    for (size_t i = 0; i < 2; i++) {
        json_t *alias = result_of(&f, aliases[i]);
        assert_true(json_equal(health, alias));
        json_decref(alias);
    }
    json_decref(health);
    json_t *response = post_rpc(
        f.socket, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\",\"params\":{\"x\":1}}");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(response, "error"), "code")), -32602);
    json_decref(response);
    fixture_stop(&f);
}

static void any_content_type_or_none_will_do(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    static const char *const types[] = {"", "Content-Type: text/plain\r\n",
                                        "Content-Type: application/x-www-form-urlencoded\r\n"};
    for (size_t i = 0; i < 3; i++) {
        int fd = connect_to(f.socket);
        send_post(fd, "/rpc", types[i],
                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.discover\"}");
        struct answer answer;
        read_answer(fd, &answer);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.body, "\"result\""));
        answer_done(&answer);
        close(fd);
    }
    fixture_stop(&f);
}

static void a_notification_is_answered_204(void **state) {
    (void)state;
    struct fixture f;
    struct answer answer;
    fixture_start(&f, NULL, add_service);
    http(f.socket, "POST", "/rpc", "{\"jsonrpc\":\"2.0\",\"method\":\"health\"}", &answer);
    assert_int_equal(answer.status, 204);
    assert_int_equal(answer.len, 0);
    answer_done(&answer);
    http(f.socket, "POST", "/rpc", "[{\"jsonrpc\":\"2.0\",\"method\":\"health\"}]", &answer);
    assert_int_equal(answer.status, 204);
    answer_done(&answer);
    fixture_stop(&f);
}

static void errors_of_json_rpc_are_answered_200(void **state) {
    (void)state;
    struct fixture f;
    static const struct {
        const char *body;
        int code;
    } cases[] = {{"not json", -32700}, {"", -32700}, {"[]", -32600}, {"{}", -32600}};
    fixture_start(&f, NULL, add_service);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *response = post_rpc(f.socket, cases[i].body);
        assert_int_equal(
            json_integer_value(json_object_get(json_object_get(response, "error"), "code")),
            cases[i].code);
        json_decref(response);
    }
    struct answer answer;
    http(f.socket, "GET", "/rpc", NULL, &answer);
    assert_int_equal(answer.status, 405);
    answer_done(&answer);
    fixture_stop(&f);
}

static void a_body_of_params_alone_has_their_checks_and_statuses_of_http(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *answer;
    } cases[] = {
        {"{\"who\":1}", 400,
         "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"parameter \\\"who\\\" must "
         "be a string, not an integer\",\"data\":{\"param\":\"who\"}},\"id\":null}"},
        {"[\"Ada\"]", 400,
         "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,\"message\":\"the body must be an "
         "object, "
         "the parameters of greet\"},\"id\":null}"},
        {"{\"who\"", 400, NULL},
        {"", 400, NULL},
        {"{\"who\":\"nobody\"}", 409,
         "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32001,\"message\":\"nobody is there\",\"data\":"
         "{\"who\":\"nobody\"}},\"id\":null}"},
        {"{\"who\":\"busy\"}", 503, NULL},
    };
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer answer;
        http(f.socket, "POST", "/greeting", cases[i].body, &answer);
        assert_int_equal(answer.status, cases[i].status);
        if (cases[i].answer) assert_string_equal(answer.body, cases[i].answer);
        assert_int_equal(strstr(answer.headers, "\r\nRetry-After: 1\r\n") != NULL,
                         answer.status == 503);
        answer_done(&answer);
    }
    fixture_stop(&f);
}

static void answer_held(void *ctx) {
    (void)ctx;
    rpc_request_reply(rpc_call_take_request(service_held), 200, "text/plain", "late", 4);
    service_held = NULL;
}

static void such_a_call_is_answered_its_own_way_at_once_or_later(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    int fd = connect_to(f.socket);
    send_post(fd, "/greeting", "", "{\"who\":\"Ada\"}");
    char *stream = read_until(fd, "event: end\ndata: 5\n\n");
    assert_non_null(stream);
    free(stream);
    close(fd);

    fd = connect_to(f.socket);
    send_post(fd, "/greeting", "", "{\"who\":\"later\"}");
    wait_for(&f.signalled);
    fixture_run(&f, answer_held, NULL);
    struct answer answer;
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "late");
    answer_done(&answer);

    send_post(fd, "/greeting", "", "{\"who\":\"later\"}"); /* the connection lives on */
    wait_for(&f.signalled);
    close(fd);
    wait_for(&f.signalled); /* that we have left is noticed */
    assert_null(service_held);
    fixture_stop(&f);
}

static void a_20_mb_body_gets_413(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    struct rpc_strbuf answer = RPC_STRBUF_INIT;
    fixture_start(&f, NULL, add_service);
    size_t len = 20 * 1000 * 1000;
    char *body = malloc(len);
    memset(body, ' ', len);
    struct rpc_client *client = rpc_client_new_unix(f.socket, &err);
    assert_int_equal(rpc_client_http(client, "/rpc", body, len, &answer, &err), 413);
    assert_string_equal(answer.data, "{\"error\":\"the body is larger than 16777216 bytes\"}");
    rpc_client_free(client);
    rpc_strbuf_done(&answer);
    free(body);
    fixture_stop(&f);
}

static void reply_to_held(void *ctx) {
    (void)ctx;
    struct rpc_call *call = service_held;
    service_held = NULL;
    rpc_call_reply(call, json_string("done"));
}

static void a_held_call_in_a_batch_holds_the_whole_answer(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    static const char body[] =
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"},"
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"greet\",\"params\":[\"you\"]}]";
    int fd = connect_to(f.socket);
    send_post(fd, "/rpc", "", body);
    wait_for(&f.signalled);
    fixture_run(&f, reply_to_held, NULL);
    struct answer answer;
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "[{\"jsonrpc\":\"2.0\",\"result\":\"hello you\",\"id\":2},"
                                     "{\"jsonrpc\":\"2.0\",\"result\":\"done\",\"id\":1}]");
    answer_done(&answer);
    close(fd);
    fixture_stop(&f);
}

static void a_client_that_leaves_a_held_call_is_noticed(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    int fd = connect_to(f.socket);
    send_post(fd, "/rpc", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}");
    wait_for(&f.signalled);
    assert_non_null(service_held);
    close(fd);
    wait_for(&f.signalled);
    assert_null(service_held);
    fixture_stop(&f);
}

static void a_service_and_its_document_must_match(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    static const struct rpc_service_method methods[] = {{NULL, NULL}};
    struct rpc_service_options options = {.name = "x",
                                          .title = "X",
                                          .version = "1",
                                          .description = "",
                                          .protocol = "openrpc",
                                          .socket = "rpc",
                                          .openrpc = service_document,
                                          .openrpc_len = strlen(service_document),
                                          .methods = methods};
    fixture_start(&f, NULL, NULL);
    assert_null(rpc_service_new(f.server, &options, &err));
    assert_string_equal(err.message, "method \"greet\" is documented, but nothing does it");
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_endpoints_answer),
        cmocka_unit_test(discover_returns_what_openrpc_json_serves),
        cmocka_unit_test(health_has_two_aliases),
        cmocka_unit_test(any_content_type_or_none_will_do),
        cmocka_unit_test(a_notification_is_answered_204),
        cmocka_unit_test(errors_of_json_rpc_are_answered_200),
        cmocka_unit_test(a_body_of_params_alone_has_their_checks_and_statuses_of_http),
        cmocka_unit_test(such_a_call_is_answered_its_own_way_at_once_or_later),
        cmocka_unit_test(a_20_mb_body_gets_413),
        cmocka_unit_test(a_held_call_in_a_batch_holds_the_whole_answer),
        cmocka_unit_test(a_client_that_leaves_a_held_call_is_noticed),
        cmocka_unit_test(a_service_and_its_document_must_match),
    };
    return cmocka_run_group_tests_name("hero_rpc service", tests, NULL, NULL);
}
