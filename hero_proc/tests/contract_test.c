/* openrpc.json: every method is called, and its result is what its schema says. */
#include "fixture.h"

#include <hero_rpc/openrpc.h>

static struct rpc_openrpc *get_document(struct fixture *fixture) {
    struct rpc_error err = {0};
    struct rpc_strbuf body = RPC_STRBUF_INIT;
    assert_int_equal(rpc_client_http(fixture->client, "/openrpc.json", NULL, 0, &body, &err), 200);
    struct rpc_openrpc *doc = rpc_openrpc_parse(rpc_strbuf_text(&body), body.len, &err);
    if (!doc) fail_msg("%s", err.message);
    rpc_strbuf_done(&body);
    return doc;
}

/* In an order in which each finds what it needs. */
static const struct {
    const char *method, *params;
} calls[] = {
    {"health", "{}"},
    {"system.ping", "{}"},
    {"rpc.discover", "{}"},
    {"action.set", "{'spec':{'name':'sleep','script':'sleep 1000','is_process':true,'later':1}}"},
    {"action.put", "{'name':'once','script':'false','tags':['test'],'schedule':{'cron':'@daily'}}"},
    {"action.get", "{'name':'sleep'}"},
    {"action.list", "{}"},
    {"service.set", "{'config':{'name':'web','actions':['sleep'],'requires':['hero_proc']}}"},
    {"service.put", "{'name':'web','actions':['sleep']}"},
    {"service.create", "{'name':'failing','actions':['once'],'status':'start'}"},
    {"service.add", "{'name':'waiting','requires':['nobody'],'status':'spec'}"},
    {"service.get", "{'name':'web'}"},
    {"service.start", "{'name':'web'}"},
    {"service.status", "{'name':'web'}"},
    {"service.status", "{'name':'failing'}"},
    {"service.status", "{'name':'waiting'}"},
    {"service.status", "{'name':'hero_proc'}"},
    {"service.is_running", "{'name':'web'}"},
    {"service.why", "{'name':'waiting'}"},
    {"service.list", "{}"},
    {"service.restart", "{'name':'web'}"},
    {"service.start_all", "{}"},
    {"service.stop", "{'name':'web'}"},
    {"service.stop_all", "{}"},
    {"job.create", "{'action':'once','inputs':{'a':1},'tags':['t']}"},
    {"job.list", "{'limit':5}"},
    {"job.get", "{'id':1}"},
    {"job.status", "{'id':1}"},
    {"job.logs", "{'id':1}"},
    {"job.cancel", "{'id':1}"},
    {"job.stop", "{'id':1}"},
    {"run.submit", "{'jobs':[{'action':'once'},{'spec':{'script':'true'}}]}"},
    {"run.list", "{}"},
    {"run.get", "{'id':1}"},
    {"run.jobs", "{'id':1}"},
    {"run.cancel", "{'id':1}"},
    {"logs.insert", "{'entries':[{'source':'x','line':'l','level':'warn','tags':['a=b']}]}"},
    {"log.insert", "{'entries':[]}"},
    {"logs.list", "{}"},
    {"log.list", "{'source':'x','tags':['a=b'],'limit':1}"},
    {"logs.filter", "{'text':'l'}"},
    {"logs.sources", "{}"},
    {"log.sources", "{}"},
    {"secret.set", "{'key':'K','value':'v'}"},
    {"secrets.set", "{'key':'L','value':'v'}"},
    {"secret.get", "{'key':'K'}"},
    {"secrets.get", "['K']"},
    {"secret.list", "{}"},
    {"secrets.list", "{}"},
    {"secret.delete", "{'key':'K'}"},
    {"secrets.delete", "{'key':'L'}"},
    {"system.stats", "{}"},
    {"action.clean_by_tag", "{'tag':'test','dry_run':true}"},
    {"action.delete", "{'name':'once'}"},
    {"service.delete", "{'name':'waiting'}"},
};

static void note(const struct rpc_openrpc *doc, const char *method, bool *was_called) {
    for (size_t n = 0; n < rpc_openrpc_method_count(doc); n++)
        was_called[n] |= strcmp(rpc_openrpc_method_name(doc, n), method) == 0;
}

static void check(struct fixture *fixture, const struct rpc_openrpc *doc, const char *method,
                  const char *params, bool *was_called) {
    struct rpc_error err = {0};
    json_t *result = call(fixture, method, "%s", params);
    if (rpc_openrpc_check_result(doc, method, result, &err) < 0)
        fail_msg("%s: %s", method, err.message);
    note(doc, method, was_called);
    json_decref(result);
}

static void every_method_gives_what_its_schema_says(void **state) {
    struct fixture *fixture = *state;
    struct rpc_openrpc *doc = get_document(fixture);
    bool *was_called = calloc(rpc_openrpc_method_count(doc), sizeof *was_called);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        check(fixture, doc, calls[i].method, calls[i].params, was_called);
    int64_t id = run_job(fixture, "{'spec':{'script':'true'}}");
    json_decref(await_job(fixture, id));
    char params[64];
    snprintf(params, sizeof params, "{'id':%lld}", (long long)id);
    check(fixture, doc, "job.retry", params, was_called);
    check(fixture, doc, "job.delete", params, was_called);
    struct patience waiting = patience();
    json_t *run;
    for (bool has_ended = false; !has_ended; json_decref(run)) {
        wait_more(&waiting, "a run does not end");
        run = call(fixture, "run.get", "{'id':1}");
        has_ended = strcmp(text_in(run, "state"), "running") != 0 &&
                    strcmp(text_in(run, "state"), "retrying") != 0;
    }
    check(fixture, doc, "run.delete", "{'id':1}", was_called);
    note(doc, "system.shutdown", was_called); /* by each test's end */
    for (size_t n = 0; n < rpc_openrpc_method_count(doc); n++)
        if (!was_called[n]) fail_msg("%s is not called here", rpc_openrpc_method_name(doc, n));
    free(was_called);
    rpc_openrpc_free(doc);
}

static void what_is_stored_comes_back_with_every_field(void **state) {
    struct fixture *fixture = *state;
    tell(fixture, "action.set",
         "{'spec':{'name':'a','script':'true','ai_config':{'model':'m'},"
         "'of_tomorrow':[1]}}");
    fixture_kill(fixture);
    fixture_start(fixture, NULL);
    json_t *spec = call(fixture, "action.get", "{'name':'a'}");
    assert_int_equal(json_array_size(json_object_get(spec, "of_tomorrow")), 1);
    assert_string_equal(text_in(json_object_get(spec, "ai_config"), "model"), "m");
    json_decref(spec);
}

static const struct {
    const char *method, *params;
    int code;
    const char *message; /* a part of it */
} wrong[] = {
    {"service.status", "{'name':'nobody'}", -32000, "service \"nobody\" not found"},
    {"service.status", "{}", -32602, "name"},
    {"service.set", "{'name':'a b'}", -32602, "\"name\" may have letters"},
    {"service.set", "{'name':'hero_proc'}", -32003, "is this daemon"},
    {"service.stop", "{'name':'hero_proc'}", -32003, "is this daemon"},
    {"service.set", "{'name':'a','requires':['a']}", -32602, "a -> a"},
    {"service.set", "{'name':'a','status':'perhaps'}", -32602, "\"status\" must be"},
    {"action.set", "{'name':'a'}", -32602, "\"script\" is missing"},
    {"action.set", "{'name':'a','script':'x','interpreter':'perl'}", -32602, "interpreter"},
    {"action.set", "{'name':'a','script':'x','stop_signal':'SIGNOT'}", -32602, "stop_signal"},
    {"action.set", "{'name':'a','script':'x','tty':true}", -32602, "tty"},
    {"action.set", "{'name':'a','script':'x','health_checks':[{'kind':'x','target':'y'}]}", -32602,
     "health_checks.kind"},
    {"job.create", "{'action':'nobody'}", -32000, "action \"nobody\" not found"},
    {"job.create", "{}", -32602, "\"action\" or \"spec\""},
    {"run.submit", "{'jobs':[{'action':'nobody'}]}", -32000, "not found"},
    {"run.get", "{'id':99}", -32000, "run \"99\" not found"},
    {"secret.get", "{'key':'nothing'}", -32000, "not found"},
    {"no.such", "{}", -32601, "no.such"},
};

static void wrong_input_is_refused_and_named(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *message;
        int code = refused(fixture, &message, wrong[i].method, "%s", wrong[i].params);
        if (code != wrong[i].code || !strstr(message, wrong[i].message))
            fail_msg("%s %s: %d %s", wrong[i].method, wrong[i].params, code, message);
    }
}

#define WITH_DAEMON(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DAEMON(every_method_gives_what_its_schema_says),
        WITH_DAEMON(what_is_stored_comes_back_with_every_field),
        WITH_DAEMON(wrong_input_is_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
