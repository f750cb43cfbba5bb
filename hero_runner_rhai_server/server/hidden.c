#include "server/hidden.h"

#include <stdlib.h>

struct hidden {
    struct session_watch watch;
    struct session *session; /* held by the watch */
    hidden_done *done;
    void *ctx;
};

void hidden_give_up(struct hidden *hidden) {
    session_unwatch(hidden->session, &hidden->watch);
    free(hidden);
}

static void on_changed(struct session_watch *watch) {
    struct hidden *hidden = (void *)((char *)watch - offsetof(struct hidden, watch));
    struct session *session = hidden->session;
    if (!session_has_ended(session)) return;
    bool is_good = session->status == SESSION_SUCCEEDED && session->result.value;
    const char *error = session->message ? session->message : "the answer is too large";
    hidden_done *done = hidden->done;
    void *ctx = hidden->ctx;
    session_ref(session);
    hidden_give_up(hidden);
    done(ctx, is_good ? session->result.value : NULL, is_good ? NULL : error);
    session_unref(session);
}

struct hidden *hidden_run(struct runner *runner, const char *request, int64_t timeout_ms,
                          hidden_done *done, void *ctx) {
    struct hidden *hidden = calloc(1, sizeof *hidden);
    struct session *session = hidden ? session_new_hidden(request, &runner->ring_limits) : NULL;
    if (!session) {
        free(hidden);
        return NULL;
    }
    *hidden =
        (struct hidden){.watch.changed = on_changed, .session = session, .done = done, .ctx = ctx};
    session->timeout_ms = timeout_ms;
    session_watch(session, &hidden->watch);
    if (slots_submit_hidden(&runner->slots, session) != SLOTS_TAKEN) {
        hidden_give_up(hidden);
        hidden = NULL;
    }
    session_unref(session);
    return hidden;
}
