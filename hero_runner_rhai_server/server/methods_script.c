/* What can be asked about scripts without running them. */
#include "server/hidden.h"
#include "server/log.h"
#include "server/methods.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_TIMEOUT_MS 10000
#define FUNCTIONS_TIMEOUT_MS 10000

/* ---- script_check ------------------------------------------------------------------------- */

struct check {
    struct rpc_call *call;
    struct hidden *hidden;
};

static void check_done(void *ctx, const char *value, const char *error) {
    struct check *check = ctx;
    if (value)
        rpc_call_reply_text(check->call, value, strlen(value));
    else
        rpc_call_fail(check->call, ERROR_UNAVAILABLE, NULL, "cannot check: %s", error);
    free(check);
}

static void check_gone(void *ctx) {
    struct check *check = ctx;
    hidden_give_up(check->hidden);
    free(check);
}

void script_check(struct rpc_call *call, void *ctx) {
    const json_t *script = rpc_call_param(call, "script");
    struct rpc_strbuf request = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&request, "{\"task\":\"check\",\"script\":");
    rpc_strbuf_add_json_string(&request, json_string_value(script), json_string_length(script));
    rpc_strbuf_add_char(&request, '}');
    struct check *check = calloc(1, sizeof *check);
    if (check && !request.failed) {
        check->call = call;
        check->hidden =
            hidden_run(ctx, rpc_strbuf_text(&request), CHECK_TIMEOUT_MS, check_done, check);
    }
    rpc_strbuf_done(&request);
    if (check && check->hidden) {
        rpc_call_on_gone(call, check_gone, check);
        return;
    }
    free(check);
    rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
}

/* ---- functions ---------------------------------------------------------------------------- */

/* A call that came before the table. */
struct functions_wait {
    TAILQ_ENTRY(functions_wait) link;
    struct rpc_call *call;
    struct runner *runner;
};

static bool matches(const char *pattern, const char *name) {
    if (!pattern) return true;
    if (strpbrk(pattern, "*?[")) return fnmatch(pattern, name, 0) == 0;
    return strcasestr(name, pattern) != NULL;
}

static void reply_functions(struct rpc_call *call, const struct runner *runner) {
    const char *pattern = rpc_call_text(call, "pattern", NULL);
    if (!runner->functions) {
        rpc_call_fail(call, ERROR_UNAVAILABLE, NULL, "the engine is not ready yet");
        return;
    }
    json_t *found = json_array();
    size_t index;
    json_t *function;
    json_array_foreach(runner->functions, index, function) {
        const char *name = json_string_value(json_object_get(function, "name"));
        if (matches(pattern, name)) json_array_append(found, function);
    }
    rpc_call_reply(call, json_pack("{s:o}", "functions", found));
}

static void end_functions_wait(void *ctx) {
    struct functions_wait *wait = ctx;
    TAILQ_REMOVE(&wait->runner->functions_waits, wait, link);
    free(wait);
}

static void functions_done(void *ctx, const char *value, const char *error) {
    struct runner *runner = ctx;
    runner->functions_task = NULL;
    json_t *table = value ? json_loads(value, 0, NULL) : NULL;
    if (json_is_array(table)) {
        json_decref(runner->functions);
        runner->functions = table;
    } else {
        log_error("no table of functions", "error=\"%s\"", error ? error : "it is no JSON");
        json_decref(table);
    }
    struct functions_wait *wait;
    while ((wait = TAILQ_FIRST(&runner->functions_waits))) {
        struct rpc_call *call = wait->call;
        rpc_call_on_gone(call, NULL, NULL);
        end_functions_wait(wait);
        reply_functions(call, runner);
    }
}

void runner_init_functions(struct runner *runner) {
    TAILQ_INIT(&runner->functions_waits);
}

void runner_ask_functions(struct runner *runner) {
    if (runner->functions_task) hidden_give_up(runner->functions_task);
    runner->functions_task = hidden_run(runner, "{\"task\":\"functions\"}", FUNCTIONS_TIMEOUT_MS,
                                        functions_done, runner);
    if (!runner->functions_task) functions_done(runner, NULL, "out of memory");
}

void runner_forget_functions(struct runner *runner) {
    if (runner->functions_task) hidden_give_up(runner->functions_task);
    json_decref(runner->functions);
}

void functions(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct functions_wait *wait = NULL;
    if (!runner->functions && runner->functions_task) wait = malloc(sizeof *wait);
    if (!wait) {
        reply_functions(call, runner);
        return;
    }
    *wait = (struct functions_wait){.call = call, .runner = runner};
    TAILQ_INSERT_TAIL(&runner->functions_waits, wait, link);
    rpc_call_on_gone(call, end_functions_wait, wait);
}
