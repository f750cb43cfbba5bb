/* Streams over several sessions: their lines, and the changes of all. */
#include "hero_runner_rhai_sdk/runner.h"
#include "internal.h"

#include <hero_rpc/strbuf.h>
#include <stdio.h>
#include <string.h>

static json_t *read_event(const struct rpc_sse_event *event, struct rpc_error *err) {
    json_t *json = json_loadb(event->data, event->data_len, JSON_ALLOW_NUL, NULL);
    if (!json) sdk_unexpected(err, "JSON in an event");
    return json;
}

/* The error of a server that closed, where a stream should have gone on. */
static int closed(struct rpc_error *err) {
    rpc_error_set(err, RPC_ERROR_UNREACHABLE, 0, "the server closed the stream");
    return -1;
}

/* ---- Lines of several sessions ------------------------------------------------------------- */

struct following {
    const struct runner_follow_many *follow;
    const char *const *ids;
    size_t count, ended;
    bool has_ended[RUNNER_FOLLOW_MAX];
    bool is_failed, is_stopped;
    uint64_t events; /* that have come */
    struct rpc_error *err;
};

static bool on_line(struct following *following, const char *id, json_t *json) {
    struct runner_line line;
    following->is_failed = sdk_read_line(json, &line, following->err) < 0;
    return !following->is_failed &&
           (!following->follow->line || following->follow->line(following->follow->ctx, id, &line));
}

static bool on_gap(struct following *following, const char *id, json_t *json) {
    uint64_t dropped = (uint64_t)json_integer_value(json_object_get(json, "dropped"));
    return !following->follow->gap || following->follow->gap(following->follow->ctx, id, dropped);
}

/* A stream that is taken up again tells the ends of before once more. */
static bool on_end(struct following *following, const char *id, json_t *json) {
    struct runner_session session;
    size_t i = 0;
    while (i < following->count && strcmp(following->ids[i], id) != 0)
        i++;
    if (i == following->count || following->has_ended[i]) return true;
    following->is_failed = sdk_read_session(json, &session, following->err) < 0;
    if (following->is_failed) return false;
    following->has_ended[i] = true;
    following->ended++;
    bool goes_on =
        !following->follow->end || following->follow->end(following->follow->ctx, &session);
    runner_session_done(&session);
    return goes_on;
}

static const struct {
    const char *name;
    bool (*handle)(struct following *following, const char *id, json_t *json);
} handlers[] = {{"stdout", on_line}, {"stderr", on_line}, {"gap", on_gap}, {"end", on_end}};

static bool on_event(void *ctx, const struct rpc_sse_event *event) {
    struct following *following = ctx;
    following->events++;
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (strcmp(event->event, handlers[i].name) != 0) continue;
        json_t *json = read_event(event, following->err);
        const char *id = json_string_value(json_object_get(json, "session_id"));
        if (json && !id) sdk_unexpected(following->err, "session_id");
        following->is_failed = !id;
        bool goes_on = id && handlers[i].handle(following, id, json);
        following->is_stopped = !goes_on && !following->is_failed;
        json_decref(json);
        return goes_on;
    }
    return true;
}

/* The path of the stream; -1 when an id cannot be part of one, or without memory. */
static int add_path(struct rpc_strbuf *path, const char *const *ids, size_t count,
                    struct rpc_error *err) {
    rpc_strbuf_add_text(path, "/sse/logs");
    for (size_t i = 0; i < count; i++) {
        if (strspn(ids[i], "0123456789abcdefABCDEF-") != strlen(ids[i])) {
            rpc_error_set(err, RPC_ERROR_RPC, RUNNER_ERROR_UNKNOWN_SESSION,
                          "unknown session \"%s\"", ids[i]);
            return -1;
        }
        rpc_strbuf_addf(path, "%csession=%s", i ? '&' : '?', ids[i]);
    }
    return path->failed ? sdk_out_of_memory(err) : 0;
}

/* One connection after the other. */
static int follow_path(struct runner *runner, const char *path, struct following *following) {
    struct rpc_client *client = sdk_client(runner);
    const char *last_id = NULL;
    int outcome = -1;
    for (int tries = 0; tries < SDK_RECONNECTS_MAX; tries++) {
        uint64_t before = following->events;
        rpc_error_clear(following->err);
        outcome = rpc_client_follow(client, path, last_id, on_event, following, following->err);
        if (following->is_failed || following->is_stopped) break;
        if (outcome == RPC_FOLLOW_CLOSED && following->ended == following->count) break;
        if (outcome < 0 && !sdk_is_worth_retrying(following->err)) break;
        if (outcome >= 0) outcome = closed(following->err);
        last_id = rpc_client_last_event_id(client);
        if (following->events > before) tries = 0;
    }
    return following->is_failed ? -1 : outcome;
}

int runner_sessions_follow(struct runner *runner, const char *const *ids, size_t count,
                           const struct runner_follow_many *follow, struct rpc_error *err) {
    struct rpc_error own = {0};
    struct following following = {
        .follow = follow, .ids = ids, .count = count, .err = err ? err : &own};
    if (count == 0 || count > RUNNER_FOLLOW_MAX) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "from 1 to %d sessions can be followed at a time",
                      RUNNER_FOLLOW_MAX);
        return -1;
    }
    struct rpc_strbuf path = RPC_STRBUF_INIT;
    int outcome = add_path(&path, ids, count, following.err);
    if (outcome == 0) outcome = follow_path(runner, rpc_strbuf_text(&path), &following);
    rpc_strbuf_done(&path);
    if (outcome < 0 && following.err->kind == RPC_ERROR_HTTP && following.err->code == 404)
        rpc_error_set(following.err, RPC_ERROR_RPC, RUNNER_ERROR_UNKNOWN_SESSION,
                      "one of the sessions is unknown");
    rpc_error_clear(&own);
    return outcome;
}

/* ---- All sessions ---------------------------------------------------------------------------- */

struct watching {
    const struct runner_watch *watch;
    bool is_failed;
    struct rpc_error *err;
};

static bool tell(struct watching *watching, const char *event, json_t *json) {
    const struct runner_watch *watch = watching->watch;
    if (strcmp(event, "stats") == 0) return !watch->stats || watch->stats(watch->ctx, json);
    if (strcmp(event, "gap") == 0)
        return !watch->gap || watch->gap(watch->ctx, (uint64_t)json_integer_value(
                                                         json_object_get(json, "dropped")));
    if (strcmp(event, "session") != 0) return true;
    struct runner_session session;
    watching->is_failed = sdk_read_session(json, &session, watching->err) < 0;
    if (watching->is_failed) return false;
    bool goes_on = !watch->session || watch->session(watch->ctx, &session);
    runner_session_done(&session);
    return goes_on;
}

static bool on_change(void *ctx, const struct rpc_sse_event *event) {
    struct watching *watching = ctx;
    json_t *json = read_event(event, watching->err);
    watching->is_failed = !json;
    bool goes_on = json && tell(watching, event->event, json);
    json_decref(json);
    return goes_on;
}

int runner_watch(struct runner *runner, const struct runner_watch *watch, struct rpc_error *err) {
    struct rpc_error own = {0};
    struct watching watching = {.watch = watch, .err = err ? err : &own};
    int outcome = rpc_client_follow(sdk_client(runner), "/sse/sessions", NULL, on_change, &watching,
                                    watching.err);
    if (watching.is_failed) outcome = -1;
    if (outcome == RPC_FOLLOW_CLOSED) outcome = closed(watching.err);
    rpc_error_clear(&own);
    return outcome;
}
