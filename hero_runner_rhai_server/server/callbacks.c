#include "server/callbacks.h"

#include "server/log.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_S 1
#define MOST_PAUSE_S 300
#define STORE_PAUSE_MS 1000 /* when the store could not be asked */
#define CALLS_AT_ONCE 16
#define RESUMED_PER_PAGE 1000
#define ANSWER_MAX_BYTES (64 * 1024) /* nobody reads it */

/* One that is to be delivered. Between tries it holds nothing of its session but the id. */
struct callback {
    TAILQ_ENTRY(callback) link;
    TAILQ_ENTRY(callback) due_link;
    struct callbacks *callbacks;
    char id[SESSION_ID_BYTES];
    unsigned attempts;
    bool is_resumed; /* of an earlier server */
    bool is_due;     /* in the list of those */
    struct event *timer;
    /* A try. */
    bool is_being_tried;
    struct archive_search *search; /* for the session; NULL: not now */
    struct session *session;       /* a reference */
    struct http_call *call;        /* NULL: none under way */
};

struct callbacks {
    struct event_base *base;
    struct http *http;
    struct archive *archive;
    const struct config *config;
    TAILQ_HEAD(, callback) all; /* new ones first, then those resumed */
    TAILQ_HEAD(, callback) due; /* wait for others to be done */
    size_t count;
    unsigned being_tried;
    uint64_t given_up;
    uint64_t listed;      /* of earlier ones */
    struct event *resume; /* asks the store for them again */
};

static void try(struct callback *callback);

/* ---- The list ------------------------------------------------------------------------------ */

static void end_try(struct callback *callback) {
    if (!callback->is_being_tried) return;
    callback->is_being_tried = false;
    callback->callbacks->being_tried--;
    session_unref(callback->session);
    callback->session = NULL;
}

static void end(struct callback *callback) {
    struct callbacks *callbacks = callback->callbacks;
    TAILQ_REMOVE(&callbacks->all, callback, link);
    callbacks->count--;
    if (callback->is_due) TAILQ_REMOVE(&callbacks->due, callback, due_link);
    if (callback->search) archive_give_up(callback->search);
    if (callback->call) http_give_up(callback->call);
    end_try(callback);
    event_free(callback->timer);
    free(callback);
}

static void begin_due(struct callbacks *callbacks) {
    struct callback *callback;
    while (callbacks->being_tried < CALLS_AT_ONCE && (callback = TAILQ_FIRST(&callbacks->due))) {
        TAILQ_REMOVE(&callbacks->due, callback, due_link);
        callback->is_due = false;
        callback->is_being_tried = true;
        callbacks->being_tried++;
        try(callback);
    }
}

static void on_pause_over(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct callback *callback = ctx;
    callback->is_due = true;
    TAILQ_INSERT_TAIL(&callback->callbacks->due, callback, due_link);
    begin_due(callback->callbacks);
}

static void try_after(struct callback *callback, int64_t ms) {
    event_add(callback->timer,
              &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

static void try_later(struct callback *callback) {
    int64_t pause = FIRST_PAUSE_S;
    for (unsigned i = 1; i < callback->attempts && pause < MOST_PAUSE_S; i++)
        pause *= 2;
    try_after(callback, (pause < MOST_PAUSE_S ? pause : MOST_PAUSE_S) * 1000);
}

static struct callback *add(struct callbacks *callbacks, const char *id, bool is_resumed) {
    struct callback *callback = calloc(1, sizeof *callback);
    if (!callback) return NULL;
    callback->callbacks = callbacks;
    callback->is_resumed = is_resumed;
    memcpy(callback->id, id, sizeof callback->id - 1);
    callback->timer = event_new(callbacks->base, -1, 0, on_pause_over, callback);
    if (!callback->timer) {
        free(callback);
        return NULL;
    }
    if (is_resumed)
        TAILQ_INSERT_TAIL(&callbacks->all, callback, link);
    else
        TAILQ_INSERT_HEAD(&callbacks->all, callback, link);
    callbacks->count++;
    return callback;
}

/* ---- A try --------------------------------------------------------------------------------- */

static void note(struct session *session, enum callback_state state, unsigned attempts,
                 const char *error) {
    free(session->callback.error);
    session->callback.error = error ? strdup(error) : NULL;
    session->callback.attempts = attempts;
    session->callback.state = state;
}

/* One try is over; `error` NULL: it was answered well. */
static void take_outcome(struct callback *callback, const char *error) {
    struct callbacks *callbacks = callback->callbacks;
    bool is_last = ++callback->attempts >= (unsigned)callbacks->config->callback_tries;
    note(callback->session,
         !error    ? CALLBACK_DELIVERED
         : is_last ? CALLBACK_FAILED
                   : CALLBACK_PENDING,
         callback->attempts, error);
    archive_note_callback(callbacks->archive, callback->session);
    if (error && is_last) {
        callbacks->given_up++;
        log_warn("callback is given up", "session=%s attempts=%u error=\"%s\"", callback->id,
                 callback->attempts, error);
    }
    end_try(callback);
    if (error && !is_last)
        try_later(callback);
    else
        end(callback);
    begin_due(callbacks);
}

static void on_answer(void *ctx, struct http_answer *answer) {
    struct callback *callback = ctx;
    char error[64];
    callback->call = NULL;
    snprintf(error, sizeof error, "the answer has status %ld", answer->status);
    bool is_good = answer->status >= 200 && answer->status < 300;
    take_outcome(callback, answer->error ? answer->error : is_good ? NULL : error);
}

/* {url} or {socket, path?} */
static void post(struct callback *callback) {
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
    if (!body.failed && !address.failed)
        callback->call = http_start(callback->callbacks->http, &request, on_answer, callback);
    rpc_strbuf_done(&body);
    rpc_strbuf_done(&address);
    if (!callback->call) take_outcome(callback, "out of memory");
}

static void on_found(void *ctx, struct session *session, const char *error) {
    struct callback *callback = ctx;
    struct callbacks *callbacks = callback->callbacks;
    callback->search = NULL;
    if (session) {
        callback->session = session_ref(session);
        post(callback);
        return;
    }
    end_try(callback);
    if (error)
        try_after(callback, STORE_PAUSE_MS); /* that was no try */
    else
        end(callback); /* the session has been deleted */
    begin_due(callbacks);
}

static void try(struct callback *callback) {
    struct archive_search *search =
        archive_find(callback->callbacks->archive, callback->id, true, on_found, callback);
    /* Without a search, on_found has been called, and the callback may be gone. */
    if (search) callback->search = search;
}

void callbacks_begin(struct callbacks *callbacks, const struct session *session) {
    struct callback *callback = add(callbacks, session->id, false);
    /* From the loop: the session may still be telling its end to others. Without memory it is left
     * to the next server. */
    if (callback) try_after(callback, 0);
}

/* ---- Those of earlier servers --------------------------------------------------------------- */

/* A session may have ended here while the store was asked. */
static bool is_begun_here(const struct callbacks *callbacks, const char *id) {
    const struct callback *callback;
    TAILQ_FOREACH(callback, &callbacks->all, link) {
        if (callback->is_resumed) return false;
        if (strcmp(callback->id, id) == 0) return true;
    }
    return false;
}

static void ask_for_page(struct callbacks *callbacks);

/* All are known: they begin, not before, because with each one delivered the pages would shift. */
static void begin_resumed(struct callbacks *callbacks) {
    size_t count = 0;
    struct callback *callback;
    TAILQ_FOREACH(callback, &callbacks->all, link) {
        if (!callback->is_resumed) continue;
        count++;
        try_after(callback, 0);
    }
    if (count) log_info("callbacks of the last server are taken up", "count=%zu", count);
}

static void on_page(void *ctx, int status, struct store_sessions *page) {
    struct callbacks *callbacks = ctx;
    for (size_t i = 0; status == 0 && i < page->count; i++) {
        const struct store_session *session = &page->items[i];
        if (is_begun_here(callbacks, session->id)) continue;
        struct callback *callback = add(callbacks, session->id, true);
        if (callback) callback->attempts = (unsigned)session->callback_attempts;
    }
    size_t count = status == 0 ? page->count : 0;
    store_sessions_free(page);
    callbacks->listed += count;
    if (status < 0)
        event_add(callbacks->resume, &(struct timeval){.tv_sec = STORE_PAUSE_MS / 1000});
    else if (count == RESUMED_PER_PAGE)
        ask_for_page(callbacks);
    else
        begin_resumed(callbacks);
}

static void ask_for_page(struct callbacks *callbacks) {
    static const char *const ended[] = {"succeeded", "failed", "cancelled"};
    const struct store_query query = {
        .statuses = ended,
        .status_count = sizeof ended / sizeof ended[0],
        .callback = session_callback_name(CALLBACK_PENDING),
        .is_ascending = true,
        .offset = callbacks->listed,
        .limit = RESUMED_PER_PAGE,
    };
    if (store_list(archive_store(callbacks->archive), &query, on_page, callbacks) < 0)
        event_add(callbacks->resume, &(struct timeval){.tv_sec = STORE_PAUSE_MS / 1000});
}

static void on_resume(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    ask_for_page(ctx);
}

void callbacks_resume(struct callbacks *callbacks) {
    ask_for_page(callbacks);
}

/* ---- Life ----------------------------------------------------------------------------------- */

struct callbacks *callbacks_new(struct event_base *base, struct http *http,
                                struct archive *archive, const struct config *config) {
    struct callbacks *callbacks = calloc(1, sizeof *callbacks);
    if (!callbacks) return NULL;
    *callbacks =
        (struct callbacks){.base = base, .http = http, .archive = archive, .config = config};
    TAILQ_INIT(&callbacks->all);
    TAILQ_INIT(&callbacks->due);
    callbacks->resume = event_new(base, -1, 0, on_resume, callbacks);
    if (callbacks->resume) return callbacks;
    free(callbacks);
    return NULL;
}

void callbacks_free(struct callbacks *callbacks) {
    if (!callbacks) return;
    while (!TAILQ_EMPTY(&callbacks->all))
        end(TAILQ_FIRST(&callbacks->all));
    event_free(callbacks->resume);
    free(callbacks);
}

size_t callbacks_waiting(const struct callbacks *callbacks) {
    return callbacks->count;
}

uint64_t callbacks_given_up(const struct callbacks *callbacks) {
    return callbacks->given_up;
}
