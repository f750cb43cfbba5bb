/* session_start, session_run and session_rerun. */
#include "server/methods.h"
#include "server/submit.h"

#include <stdlib.h>

/* A call that waits until its session is stored. */
struct record_wait {
    struct session_watch watch;
    struct session *session; /* held by the watch */
    struct rpc_call *call;
    struct runner *runner;
    session_method *method;
};

static void end_record_wait(struct record_wait *wait) {
    session_unwatch(wait->session, &wait->watch);
    free(wait);
}

static void record_changed(struct session_watch *watch) {
    struct record_wait *wait = (void *)((char *)watch - offsetof(struct record_wait, watch));
    if (!wait->session->is_recorded) return;
    rpc_call_on_gone(wait->call, NULL, NULL);
    wait->method(wait->call, wait->runner, wait->session);
    end_record_wait(wait);
}

static void record_gone(void *ctx) {
    end_record_wait(ctx);
}

void when_recorded(struct rpc_call *call, struct runner *runner, struct session *session,
                   session_method *method) {
    struct record_wait *wait =
        session->is_recorded || session_has_ended(session) ? NULL : calloc(1, sizeof *wait);
    if (!wait) {
        method(call, runner, session);
        return;
    }
    *wait = (struct record_wait){.watch.changed = record_changed,
                                 .session = session,
                                 .call = call,
                                 .runner = runner,
                                 .method = method};
    session_watch(session, &wait->watch);
    rpc_call_on_gone(call, record_gone, wait);
}

static void reply_id(struct rpc_call *call, struct runner *runner, struct session *session) {
    (void)runner;
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&out, "{\"session_id\":\"%s\"}", session->id);
    reply_buffer(call, &out);
}

static void tell_id(struct rpc_call *call, struct runner *runner, struct session *session) {
    when_recorded(call, runner, session, reply_id);
}

void session_start(struct rpc_call *call, void *ctx) {
    submit(call, ctx, rpc_call_params(call), NULL, tell_id);
}

/* ---- session_run ------------------------------------------------------------------------- */

/* A call that waits for the end of its session. */
struct run_wait {
    struct session_watch watch;
    struct session *session; /* held by the watch */
    struct rpc_call *call;
    struct event *timer; /* NULL: however long it takes */
};

static void end_run_wait(struct run_wait *wait) {
    session_unwatch(wait->session, &wait->watch);
    if (wait->timer) event_free(wait->timer);
    free(wait);
}

static void reply_run(struct rpc_call *call, const struct session *session) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&out, '{');
    session_write_run(session, &out);
    rpc_strbuf_add_char(&out, '}');
    reply_buffer(call, &out);
}

static void answer_run(struct run_wait *wait) {
    struct session *session = session_ref(wait->session);
    struct rpc_call *call = wait->call;
    end_run_wait(wait);
    reply_run(call, session);
    session_unref(session);
}

static void run_changed(struct session_watch *watch) {
    struct run_wait *wait = (void *)((char *)watch - offsetof(struct run_wait, watch));
    if (session_has_ended(wait->session)) answer_run(wait);
}

static void run_timed_out(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct run_wait *wait = ctx;
    if (wait->session->is_recorded)
        answer_run(wait);
    else /* what is told must be stored */
        event_add(wait->timer, &(struct timeval){.tv_usec = 1000});
}

static void run_gone(void *ctx) {
    end_run_wait(ctx);
}

static int add_timer(struct run_wait *wait, struct event_base *base, long long ms) {
    wait->timer = event_new(base, -1, 0, run_timed_out, wait);
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    return wait->timer ? event_add(wait->timer, &after) : -1;
}

static void wait_for_end(struct rpc_call *call, struct runner *runner, struct session *session) {
    long long wait_ms = rpc_call_integer(call, "wait_ms", -1);
    if (session_has_ended(session)) { /* a second request with the same idempotency key */
        reply_run(call, session);
        return;
    }
    struct run_wait *wait = calloc(1, sizeof *wait);
    if (!wait || (wait_ms >= 0 && add_timer(wait, runner->base, wait_ms) < 0)) {
        free(wait);
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return;
    }
    wait->watch.changed = run_changed;
    wait->session = session;
    wait->call = call;
    session_watch(session, &wait->watch);
    rpc_call_on_gone(call, run_gone, wait);
}

void session_run(struct rpc_call *call, void *ctx) {
    submit(call, ctx, rpc_call_params(call), NULL, wait_for_end);
}

/* ---- session_rerun ----------------------------------------------------------------------- */

/* What is new goes over what is old, member by member; null is for not giving one. */
static void put_over(json_t *params, const char *name, json_t *newer) {
    if (!newer) return;
    json_t *older = json_object_get(params, name), *value;
    json_t *both = older ? json_copy(older) : json_object();
    const char *member;
    json_object_foreach(newer, member, value) {
        if (json_is_null(value))
            json_object_del(both, member);
        else
            json_object_set(both, member, value);
    }
    json_object_set_new(params, name, both);
}

static void rerun(struct rpc_call *call, struct runner *runner, struct session *session) {
    json_t *params = json_copy(session->asked);
    json_object_del(params, "idempotency_key");
    json_object_del(params, "wait_ms");
    /* What was secret is so again. */
    json_object_set_new(params, "secret_vars", submit_secret_names(session->asked));
    /* The same text again, also when there is a newer version by now. */
    if (session->source_version)
        json_object_set_new(params, "script_version", json_integer(session->source_version));
    put_over(params, "env_vars", given_param(call, "env_vars"));
    put_over(params, "inputs", given_param(call, "inputs"));
    submit(call, runner, params, session->id, tell_id);
    json_decref(params);
}

void session_rerun(struct rpc_call *call, void *ctx) {
    with_session(call, ctx, false, rerun);
}
