/* Asking for sessions, stopping and deleting them. */
#include "server/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A call that has cancelled a pending session: answered when that is stored and published. */
struct cancel_wait {
    struct session_watch watch;
    struct session *session; /* held by the watch */
    struct rpc_call *call;
};

static void end_cancel_wait(void *ctx) {
    struct cancel_wait *wait = ctx;
    session_unwatch(wait->session, &wait->watch);
    free(wait);
}

static void cancel_changed(struct session_watch *watch) {
    struct cancel_wait *wait = (void *)((char *)watch - offsetof(struct cancel_wait, watch));
    if (!session_has_ended(wait->session)) return;
    rpc_call_on_gone(wait->call, NULL, NULL);
    rpc_call_reply(wait->call, json_pack("{s:b}", "ok", 1));
    end_cancel_wait(wait);
}

static void stop(struct rpc_call *call, struct runner *runner, struct session *session) {
    bool is_pending = !session->process;
    bool is_stopping = slots_stop(&runner->slots, session);
    struct cancel_wait *wait = NULL;
    if (is_stopping && is_pending && !session_has_ended(session)) wait = calloc(1, sizeof *wait);
    if (!wait) {
        rpc_call_reply(call, json_pack("{s:b}", "ok", is_stopping));
        return;
    }
    *wait = (struct cancel_wait){.watch.changed = cancel_changed, .session = session, .call = call};
    session_watch(session, &wait->watch);
    rpc_call_on_gone(call, end_cancel_wait, wait);
}

void session_stop(struct rpc_call *call, void *ctx) {
    with_session(call, ctx, false, stop);
}

void session_stop_all(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    json_int_t stopped = 0, cancelled = 0;
    size_t count = 0;
    struct session *session, **all = calloc(runner->sessions.count + 1, sizeof *all);
    /* Stopping one may change the list. */
    if (all) {
        TAILQ_FOREACH(session, &runner->sessions.list, table_link) {
            if (!session_is_over(session)) all[count++] = session_ref(session);
        }
    }
    for (size_t i = 0; i < count; i++) {
        bool is_running = all[i]->process != NULL;
        if (slots_stop(&runner->slots, all[i])) *(is_running ? &stopped : &cancelled) += 1;
        session_unref(all[i]);
    }
    free(all);
    rpc_call_reply(call, json_pack("{s:I, s:I}", "stopped", stopped, "cancelled", cancelled));
}

static void reply_object(struct rpc_call *call, const struct session *session,
                         void (*write)(const struct session *, struct rpc_strbuf *)) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&out, '{');
    write(session, &out);
    rpc_strbuf_add_char(&out, '}');
    reply_buffer(call, &out);
}

static void get(struct rpc_call *call, struct runner *runner, struct session *session) {
    if (session->process) process_sample(session->process);
    queue_number(&runner->slots.queue);
    reply_object(call, session, session_write_info);
}

void session_get(struct rpc_call *call, void *ctx) {
    with_session(call, ctx, false, get);
}

static void get_request(struct rpc_call *call, struct runner *runner, struct session *session) {
    (void)runner;
    reply_object(call, session, session_write_request);
}

void session_request(struct rpc_call *call, void *ctx) {
    with_session(call, ctx, false, get_request);
}

static void get_result(struct rpc_call *call, struct runner *runner, struct session *session) {
    (void)runner;
    if (session_has_ended(session))
        reply_object(call, session, session_write_result);
    else
        rpc_call_reply(call, json_null());
}

void session_result(struct rpc_call *call, void *ctx) {
    with_session(call, ctx, true, get_result);
}

/* ---- session_delete ----------------------------------------------------------------------- */

/* The store answers in any case; when the client has gone nobody hears it. */
struct deletion {
    struct rpc_call *call; /* NULL: the client has gone */
    struct runner *runner;
    char id[SESSION_ID_BYTES];
};

static void deletion_gone(void *ctx) {
    struct deletion *deletion = ctx;
    deletion->call = NULL;
}

static void on_deleted(void *ctx, int status) {
    struct deletion *deletion = ctx;
    /* Retention may have come before, with the session still in memory. */
    if ((status == 0 || status == -ENOENT) &&
        sessions_delete(&deletion->runner->sessions, deletion->id))
        status = 0;
    if (deletion->call) {
        rpc_call_on_gone(deletion->call, NULL, NULL);
        if (status == 0)
            rpc_call_reply(deletion->call, json_pack("{s:b}", "ok", 1));
        else if (status == -ENOENT)
            refuse_unknown(deletion->call, deletion->id);
        else
            fail_store(deletion->call, status);
    }
    free(deletion);
}

static void delete (struct rpc_call *call, struct runner *runner, struct session *session) {
    if (!session_has_ended(session)) {
        rpc_call_fail(call, ERROR_WRONG_STATE, json_pack("{s:s}", "session_id", session->id),
                      "session \"%s\" has not ended", session->id);
        return;
    }
    struct deletion *deletion = calloc(1, sizeof *deletion);
    int failed = -ENOMEM;
    if (deletion) {
        deletion->call = call;
        deletion->runner = runner;
        memcpy(deletion->id, session->id, sizeof deletion->id);
        failed = store_delete(archive_store(runner->archive), session->id, on_deleted, deletion);
    }
    if (!failed) {
        rpc_call_on_gone(call, deletion_gone, deletion);
        return;
    }
    free(deletion);
    fail_store(call, failed);
}

void session_delete(struct rpc_call *call, void *ctx) {
    with_session(call, ctx, false, delete);
}
