#include "server/callbacks.h"

#include "server/log.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_S 1
#define MOST_PAUSE_S 300
#define ANSWER_MAX_BYTES (64 * 1024) /* nobody reads it */

struct callback {
    LIST_ENTRY(callback) link;
    struct callbacks *callbacks;
    struct session *session; /* a reference */
    struct event *timer;
    struct http_call *call; /* under way; NULL: none */
};

struct callbacks {
    struct event_base *base;
    struct http *http;
    const struct config *config;
    callbacks_tried *tried;
    void *ctx;
    LIST_HEAD(, callback) list;
};

static void try(struct callback *callback);

static void end(struct callback *callback) {
    LIST_REMOVE(callback, link);
    if (callback->call) http_give_up(callback->call);
    if (callback->timer) event_free(callback->timer);
    session_unref(callback->session);
    free(callback);
}

static void on_pause_over(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    try(ctx);
}

static void try_later(struct callback *callback) {
    unsigned attempts = callback->session->callback.attempts;
    long pause = FIRST_PAUSE_S;
    while (--attempts > 0 && pause < MOST_PAUSE_S)
        pause *= 2;
    event_add(callback->timer,
              &(struct timeval){.tv_sec = pause < MOST_PAUSE_S ? pause : MOST_PAUSE_S});
}

/* One try is over; `error` NULL: it was answered well. */
static void note(struct callback *callback, const char *error) {
    struct callbacks *callbacks = callback->callbacks;
    struct session *session = session_ref(callback->session);
    free(session->callback.error);
    session->callback.error = error ? strdup(error) : NULL;
    session->callback.attempts++;
    if (!error) {
        session->callback.state = CALLBACK_DELIVERED;
        end(callback);
    } else if (session->callback.attempts >= (unsigned)callbacks->config->callback_tries) {
        session->callback.state = CALLBACK_FAILED;
        log_warn("callback is given up", "session=%s attempts=%u error=\"%s\"", session->id,
                 session->callback.attempts, error);
        end(callback);
    } else {
        try_later(callback);
    }
    callbacks->tried(callbacks->ctx, session);
    session_unref(session);
}

static void on_answer(void *ctx, struct http_answer *answer) {
    struct callback *callback = ctx;
    char error[64];
    callback->call = NULL;
    snprintf(error, sizeof error, "the answer has status %ld", answer->status);
    bool is_good = answer->status >= 200 && answer->status < 300;
    note(callback, answer->error ? answer->error : is_good ? NULL : error);
}

/* {url} or {socket, path?} */
static void try(struct callback *callback) {
    const struct session *session = callback->session;
    const json_t *asked = session_asked(session, "callback");
    const char *url = json_string_value(json_object_get(asked, "url"));
    const char *path = json_string_value(json_object_get(asked, "path"));
    struct rpc_strbuf body = RPC_STRBUF_INIT, address = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&body, '{');
    session_write_run(session, &body);
    rpc_strbuf_add_char(&body, '}');
    if (url)
        rpc_strbuf_add_text(&address, url);
    else
        rpc_strbuf_addf(&address, "http://localhost%s%s", path && *path == '/' ? "" : "/",
                        path ? path : "");
    const struct http_request request = {
        .url = rpc_strbuf_text(&address),
        .unix_socket = json_string_value(json_object_get(asked, "socket")),
        .body = rpc_strbuf_text(&body),
        .len = body.len,
        .timeout_ms = callback->callbacks->config->url_timeout_ms,
        .max_bytes = ANSWER_MAX_BYTES,
    };
    callback->call = http_start(callback->callbacks->http, &request, on_answer, callback);
    rpc_strbuf_done(&body);
    rpc_strbuf_done(&address);
    if (!callback->call) note(callback, "out of memory");
}

void callbacks_begin(struct callbacks *callbacks, struct session *session) {
    struct callback *callback = calloc(1, sizeof *callback);
    struct event *timer =
        callback ? event_new(callbacks->base, -1, 0, on_pause_over, callback) : NULL;
    if (!timer) {
        free(callback);
        session->callback.state = CALLBACK_FAILED;
        return;
    }
    callback->callbacks = callbacks;
    callback->session = session_ref(session);
    callback->timer = timer;
    LIST_INSERT_HEAD(&callbacks->list, callback, link);
    /* From the loop: the session may still be telling its end to others. */
    event_add(timer, &(struct timeval){0});
}

struct callbacks *callbacks_new(struct event_base *base, struct http *http,
                                const struct config *config, callbacks_tried *tried, void *ctx) {
    struct callbacks *callbacks = calloc(1, sizeof *callbacks);
    if (!callbacks) return NULL;
    *callbacks = (struct callbacks){
        .base = base, .http = http, .config = config, .tried = tried, .ctx = ctx};
    LIST_INIT(&callbacks->list);
    return callbacks;
}

void callbacks_free(struct callbacks *callbacks) {
    if (!callbacks) return;
    while (!LIST_EMPTY(&callbacks->list))
        end(LIST_FIRST(&callbacks->list));
    free(callbacks);
}
