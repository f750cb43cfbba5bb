/* Asking for sessions, stopping and deleting them. */
#include "server/methods.h"
#include "server/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT_LIMIT 1000
#define LIST_MAX_LIMIT 10000

void session_stop(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct session *session = find_session(call, runner);
    if (session)
        rpc_call_reply(call, json_pack("{s:b}", "ok", slots_stop(&runner->slots, session)));
}

void session_stop_all(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    json_int_t stopped = 0, cancelled = 0;
    size_t count = 0;
    struct session *session, **all = calloc(runner->sessions.count + 1, sizeof *all);
    /* Stopping one may change the list. */
    if (all) {
        TAILQ_FOREACH(session, &runner->sessions.list, table_link) {
            if (!session_has_ended(session)) all[count++] = session_ref(session);
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

void session_get(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct session *session = find_session(call, runner);
    if (!session) return;
    queue_number(&runner->slots.queue);
    reply_object(call, session, session_write_info);
}

void session_request(struct rpc_call *call, void *ctx) {
    struct session *session = find_session(call, ctx);
    if (session) reply_object(call, session, session_write_request);
}

void session_result(struct rpc_call *call, void *ctx) {
    struct session *session = find_session(call, ctx);
    if (!session) return;
    if (session_has_ended(session))
        reply_object(call, session, session_write_result);
    else
        rpc_call_reply(call, json_null());
}

void session_delete(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct session *session = find_session(call, runner);
    if (!session) return;
    if (!session_has_ended(session)) {
        rpc_call_fail(call, ERROR_WRONG_STATE, json_pack("{s:s}", "session_id", session->id),
                      "session \"%s\" has not ended", session->id);
        return;
    }
    sessions_delete(&runner->sessions, session);
    rpc_call_reply(call, json_pack("{s:b}", "ok", 1));
}

/* ---- session_list ------------------------------------------------------------------------ */

struct filter {
    const json_t *statuses; /* NULL: all */
    int64_t since_ms, until_ms;
    const char *text, *caller, *tag; /* NULL: any */
};

static bool has_status(const struct filter *filter, const struct session *session) {
    size_t index;
    const json_t *name;
    if (!filter->statuses) return true;
    json_array_foreach(filter->statuses, index, name) {
        if (strcmp(json_string_value(name), session_status_name(session->status)) == 0) return true;
    }
    return false;
}

static bool has_tag(const struct session *session, const char *tag) {
    size_t index;
    const json_t *one;
    json_array_foreach(session_asked(session, "tags"), index, one) {
        if (strcmp(json_string_value(one), tag) == 0) return true;
    }
    return false;
}

static bool has_text(const struct session *session, const char *text) {
    size_t index;
    const json_t *tag, *script = session_script(session);
    if (strcasestr(session->id, text)) return true;
    if (script && strcasestr(json_string_value(script), text)) return true;
    if (session->source_name && strcasestr(session->source_name, text)) return true;
    if (session->message && strcasestr(session->message, text)) return true;
    json_array_foreach(session_asked(session, "tags"), index, tag) {
        if (strcasestr(json_string_value(tag), text)) return true;
    }
    return false;
}

static bool has_caller(const struct session *session, const char *who) {
    const struct session_caller *caller = &session->caller;
    char uid[24] = "";
    const char *user = caller->has_uid ? users_name(caller->uid) : NULL;
    if (caller->has_uid) snprintf(uid, sizeof uid, "%u", caller->uid);
    return strcmp(uid, who) == 0 || (user && strcmp(user, who) == 0) ||
           (caller->hero_user && strcmp(caller->hero_user, who) == 0);
}

static bool passes(const struct filter *filter, const struct session *session) {
    int64_t queued_ms = session->queued_us / 1000;
    return has_status(filter, session) && queued_ms >= filter->since_ms &&
           queued_ms < filter->until_ms && (!filter->tag || has_tag(session, filter->tag)) &&
           (!filter->caller || has_caller(session, filter->caller)) &&
           (!filter->text || has_text(session, filter->text));
}

/* What there is to sort by, each a number. */
static int64_t by_queued(const struct session *s) {
    return s->queued_us;
}
static int64_t by_started(const struct session *s) {
    return s->started_us;
}
static int64_t by_ended(const struct session *s) {
    return s->ended_us;
}
static int64_t by_duration(const struct session *s) {
    return s->started_us ? s->ended_us - s->started_us : 0;
}
static int64_t by_lines(const struct session *s) {
    return (int64_t)ring_last_seq(&s->ring);
}
static int64_t by_cpu(const struct session *s) {
    return s->usage.user_us + s->usage.system_us;
}
static int64_t by_memory(const struct session *s) {
    return s->usage.max_rss_kib;
}

static const struct order {
    const char *name;
    int64_t (*key)(const struct session *session);
} orders[] = {
    {"queued", by_queued}, {"started", by_started}, {"ended", by_ended},   {"duration", by_duration},
    {"lines", by_lines},   {"cpu", by_cpu},         {"memory", by_memory},
};

struct listed {
    const struct session *session;
    int64_t key;
    size_t place; /* keeps the order of equals */
};

static int compare(const void *a, const void *b) {
    const struct listed *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

static const struct order *order_of(const struct rpc_call *call) {
    const char *name = rpc_call_text(call, "sort", "queued");
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (strcmp(orders[i].name, name) == 0) return &orders[i];
    return &orders[0];
}

void session_list(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    const struct filter filter = {
        .statuses = given_param(call, "status"),
        .since_ms = rpc_call_integer(call, "since_ms", 0),
        .until_ms = rpc_call_integer(call, "until_ms", INT64_MAX),
        .text = rpc_call_text(call, "text", NULL),
        .caller = rpc_call_text(call, "caller", NULL),
        .tag = rpc_call_text(call, "tag", NULL),
    };
    const struct order *order = order_of(call);
    size_t count = 0, place = 0;
    struct listed *listed = calloc(runner->sessions.count + 1, sizeof *listed);
    if (!listed) {
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return;
    }
    queue_number(&runner->slots.queue);
    const struct session *session;
    TAILQ_FOREACH_REVERSE(session, &runner->sessions.list, session_list, table_link) {
        if (!passes(&filter, session)) continue;
        listed[count++] =
            (struct listed){.session = session, .key = order->key(session), .place = place++};
    }
    if (order->key != by_queued) qsort(listed, count, sizeof *listed, compare);

    bool is_descending = strcmp(rpc_call_text(call, "order", "desc"), "desc") == 0;
    size_t offset = (size_t)rpc_call_integer(call, "offset", 0);
    size_t limit = (size_t)clamp(rpc_call_integer(call, "limit", LIST_DEFAULT_LIMIT), LIST_MAX_LIMIT);
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&out, "{\"sessions\":[");
    for (size_t i = offset; i < count && i - offset < limit; i++) {
        rpc_strbuf_add_text(&out, i == offset ? "{" : ",{");
        session_write_info(listed[is_descending ? count - 1 - i : i].session, &out);
        rpc_strbuf_add_char(&out, '}');
    }
    rpc_strbuf_addf(&out, "],\"total\":%zu}", count);
    free(listed);
    reply_buffer(call, &out);
}
