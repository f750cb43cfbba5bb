/* Following sessions: streams of events, taken up again where they broke. */
#include "hero_runner_rhai_sdk/runner.h"
#include "internal.h"
#include "line_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the streams of events of a session have come to. */
struct following {
    struct runner *runner;
    const struct runner_follow *follow;
    struct rpc_strbuf text; /* of the line that is told */
    char *id;               /* RUNNER_ID_BYTES, to be filled in; NULL: it is known */
    uint64_t seen_seq;
    bool has_ended, is_failed;
    struct runner_session final;
    struct rpc_error *err;
};

static bool fail(struct following *following) {
    following->is_failed = true;
    return false;
}

static bool tell_line(struct following *following, const struct runner_line *line) {
    const struct runner_follow *follow = following->follow;
    following->seen_seq = line->seq;
    return !follow->line || follow->line(follow->ctx, line);
}

static bool on_line(struct following *following, json_t *json) {
    struct runner_line line;
    if (sdk_read_line(json, &line, following->err) < 0) return fail(following);
    return tell_line(following, &line);
}

static bool on_status(struct following *following, json_t *json) {
    struct runner_session session;
    if (sdk_read_session(json, &session, following->err) < 0) return fail(following);
    if (following->id) memcpy(following->id, session.id, RUNNER_ID_BYTES);
    following->id = NULL;
    const struct runner_follow *follow = following->follow;
    bool goes_on = !follow->status || follow->status(follow->ctx, &session);
    runner_session_done(&session);
    return goes_on;
}

static bool on_progress(struct following *following, json_t *json) {
    const struct runner_follow *follow = following->follow;
    const char *text = text_of(json, "text");
    return !follow->progress ||
           follow->progress(follow->ctx, json_number_value(json_object_get(json, "done")),
                            json_number_value(json_object_get(json, "total")), text ? text : "");
}

static bool on_gap(struct following *following, json_t *json) {
    const struct runner_follow *follow = following->follow;
    uint64_t dropped = (uint64_t)int_of(json, "dropped");
    following->seen_seq += dropped;
    return !follow->gap || follow->gap(follow->ctx, dropped);
}

static bool on_end(struct following *following, json_t *json) {
    following->has_ended = true;
    following->is_failed = sdk_read_session(json, &following->final, following->err) < 0;
    return false;
}

static const struct {
    const char *name;
    bool (*handle)(struct following *following, json_t *json);
} event_handlers[] = {
    {"stdout", on_line}, {"stderr", on_line},       {"end", on_end},
    {"gap", on_gap},     {"progress", on_progress}, {"status", on_status},
};

static bool on_event(void *ctx, const struct rpc_sse_event *event) {
    struct following *following = ctx;
    struct runner_line line;
    /* No other object looks like one of a line. */
    if (line_scan(event->data, event->data_len, &following->text, &line))
        return tell_line(following, &line);
    for (size_t i = 0; i < sizeof event_handlers / sizeof event_handlers[0]; i++) {
        if (strcmp(event->event, event_handlers[i].name) != 0) continue;
        json_t *json = json_loadb(event->data, event->data_len, JSON_ALLOW_NUL, NULL);
        if (!json) {
            sdk_unexpected(following->err, "JSON in an event");
            return fail(following);
        }
        bool goes_on = event_handlers[i].handle(following, json);
        json_decref(json);
        return goes_on;
    }
    return true; /* an event of a later version */
}

static bool on_pause(void *ctx) {
    const struct runner_follow *follow = ((struct following *)ctx)->follow;
    return follow->pause(follow->ctx);
}

/* A 404 of the stream is what the methods call an unknown session. */
static void translate_error(const char *id, struct rpc_error *err) {
    if (err && err->kind == RPC_ERROR_HTTP && err->code == 404)
        rpc_error_set(err, RPC_ERROR_RPC, RUNNER_ERROR_UNKNOWN_SESSION, "unknown session \"%s\"",
                      id);
}

/* One stream, from behind the last line that was told; body NULL: GET. */
static int read_stream(struct following *following, const char *path, const char *body) {
    char last_id[24];
    snprintf(last_id, sizeof last_id, "%llu", (unsigned long long)following->seen_seq);
    const struct rpc_follow follow = {
        .path = path,
        .last_event_id = body ? NULL : last_id,
        .body = body,
        .len = body ? strlen(body) : 0,
        .event = on_event,
        .pause = following->follow->pause ? on_pause : NULL,
        .ctx = following,
    };
    rpc_error_clear(following->err);
    return rpc_client_follow_with(sdk_client(following->runner), &follow, following->err);
}

/* Whether a stream that came out so broke off, and another one may go on. */
static bool is_broken(const struct following *following, int outcome) {
    if (following->has_ended || following->is_failed || outcome == RPC_FOLLOW_STOPPED) return false;
    if (outcome < 0) return sdk_is_worth_retrying(following->err);
    rpc_error_set(following->err, RPC_ERROR_UNREACHABLE, 0, "the server closed the stream");
    return true;
}

/* Streams until one comes to an end that is none of the connection. */
static int read_on(struct following *following, const char *id) {
    char path[256];
    snprintf(path, sizeof path, "/sse/session/%s", id);
    for (int tries = 0; tries < SDK_RECONNECTS_MAX; tries++) {
        uint64_t before = following->seen_seq;
        int outcome = read_stream(following, path, NULL);
        if (!is_broken(following, outcome)) return outcome;
        if (following->seen_seq > before) tries = 0;
    }
    return -1;
}

/* What the caller is told. */
static int finish(struct following *following, int outcome, struct runner_session *ret_session) {
    if (following->is_failed)
        outcome = -1;
    else if (following->has_ended)
        outcome = 0;
    if (outcome == 0 && ret_session)
        *ret_session = following->final;
    else
        runner_session_done(&following->final);
    rpc_strbuf_done(&following->text);
    return outcome;
}

int runner_session_follow(struct runner *runner, const char *id, const struct runner_follow *follow,
                          struct runner_session *ret_session, struct rpc_error *err) {
    struct rpc_error own = {0};
    if (!err) err = &own;
    struct following following = {
        .runner = runner, .follow = follow, .seen_seq = follow->after_seq, .err = err};
    if (strchr(id, '/') || strlen(id) > 128) id = "-"; /* not an id: unknown to the server */
    int outcome = finish(&following, read_on(&following, id), ret_session);
    if (outcome < 0) translate_error(id, err);
    rpc_error_clear(&own);
    return outcome;
}

int runner_session_start_follow(struct runner *runner, const struct runner_start *start,
                                const struct runner_follow *follow, char ret_id[RUNNER_ID_BYTES],
                                struct runner_session *ret_session, struct rpc_error *err) {
    struct rpc_error own = {0};
    if (!err) err = &own;
    ret_id[0] = '\0';
    json_t *params = sdk_start_params(start, err);
    if (!params) return -1;
    char *body = json_dumps(params, JSON_COMPACT);
    json_decref(params);
    if (!body) return sdk_out_of_memory(err);
    struct following following = {.runner = runner, .follow = follow, .id = ret_id, .err = err};
    int outcome = read_stream(&following, "/sse/run", body);
    free(body);
    if (is_broken(&following, outcome)) outcome = *ret_id ? read_on(&following, ret_id) : -1;
    outcome = finish(&following, outcome, ret_session);
    rpc_error_clear(&own);
    return outcome;
}
