#include "sessions.h"

#include "http.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_MAX_BYTES 1024

/* A script text that was never used before, and what must come of it. */
struct script {
    char text[128]; /* as it stands in a JSON string */
    char line[64];
    char value[64];
};

static void make_script(struct script *script) {
    static unsigned number = 100000;
    unsigned n = number++;
    snprintf(script->text, sizeof script->text, "let x = %u; print(`hello ${x}`); x * 2 + 1", n);
    snprintf(script->line, sizeof script->line, "\"hello %u\"", n);
    snprintf(script->value, sizeof script->value, "\"value\":%u,", n * 2 + 1);
}

static size_t format_call(char request[REQUEST_MAX_BYTES], const char *method,
                          const struct script *script) {
    char body[REQUEST_MAX_BYTES / 2];
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{\"script\":\"%s\"}}",
             method, script->text);
    return http_format_post(request, REQUEST_MAX_BYTES, body);
}

static void expect(const struct http *http, const char *text) {
    if (!strstr(http->answer, text)) errx(2, "expected %s in: %s", text, http->answer);
}

static void check_run(const struct http *http, const struct script *script) {
    expect(http, "\"success\":true");
    expect(http, script->line);
    expect(http, script->value);
}

void sessions_measure_call(const char *socket_path, struct samples *samples, size_t count) {
    struct http http;
    char request[REQUEST_MAX_BYTES];
    size_t len = http_format_post(request, sizeof request,
                                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\"}");
    http_open(&http, socket_path);
    for (size_t i = 0; i < count; i++) {
        double begin = now_us();
        http_send(&http, request, len);
        http_finish(&http);
        samples_add(samples, now_us() - begin);
        expect(&http, "\"status\":\"ok\"");
    }
    http_close(&http);
}

void sessions_measure_run(const char *socket_path, struct samples *samples, size_t count,
                          unsigned pause_us) {
    struct http http;
    char request[REQUEST_MAX_BYTES];
    http_open(&http, socket_path);
    for (size_t i = 0; i < count; i++) {
        struct script script;
        make_script(&script);
        size_t len = format_call(request, "session_run", &script);
        if (pause_us) usleep(pause_us);
        double begin = now_us();
        http_send(&http, request, len);
        http_finish(&http);
        samples_add(samples, now_us() - begin);
        check_run(&http, &script);
    }
    http_close(&http);
}

/* An open connection the server has answered on already. */
static void open_used(struct http *http, const char *socket_path) {
    char request[REQUEST_MAX_BYTES];
    http_open(http, socket_path);
    http_send(http, request, http_format_get(request, sizeof request, "/health"));
    http_finish(http);
}

static size_t format_subscription(char request[REQUEST_MAX_BYTES], const struct http *started) {
    static const char member[] = "\"session_id\":\"";
    const char *id = strstr(started->answer, member);
    if (!id) errx(2, "expected a session id in: %s", started->answer);
    id += sizeof member - 1;
    char path[128];
    snprintf(path, sizeof path, "/sse/session/%.*s", (int)strcspn(id, "\""), id);
    return http_format_get(request, REQUEST_MAX_BYTES, path);
}

static double read_first_line(struct http *stream) {
    while (http_read(stream)) {
        double now = now_us();
        if (strstr(stream->answer, "event: stdout")) return now;
    }
    errx(2, "the stream has ended without a line: %s", stream->answer);
}

static void check_stream(struct http *stream, const struct script *script) {
    while (http_read(stream))
        continue;
    expect(stream, script->line);
    expect(stream, "event: end");
    expect(stream, "\"status\":\"succeeded\"");
}

void sessions_measure_start(const char *socket_path, struct samples *to_id, struct samples *to_line,
                            size_t count) {
    struct http calls, stream;
    char request[REQUEST_MAX_BYTES];
    http_open(&calls, socket_path);
    for (size_t i = 0; i < count; i++) {
        struct script script;
        make_script(&script);
        size_t len = format_call(request, "session_start", &script);
        open_used(&stream, socket_path);
        double begin = now_us();
        http_send(&calls, request, len);
        http_finish(&calls);
        samples_add(to_id, now_us() - begin);
        len = format_subscription(request, &calls);
        http_send(&stream, request, len);
        samples_add(to_line, read_first_line(&stream) - begin);
        check_stream(&stream, &script);
        http_close(&stream);
    }
    http_close(&calls);
}

/* A connection of the throughput loop, and the script whose answer it waits for. */
struct caller {
    struct http http;
    struct script script;
};

static void call_next(struct caller *caller) {
    char request[REQUEST_MAX_BYTES];
    make_script(&caller->script);
    size_t len = format_call(request, "session_run", &caller->script);
    http_send(&caller->http, request, len);
}

/* Reads what there is; true when that was the end of the answer, which is right. */
static bool take_answer(struct caller *caller) {
    if (!http_read(&caller->http)) errx(2, "the server has closed a connection");
    if (!http_is_complete(&caller->http)) return false;
    check_run(&caller->http, &caller->script);
    return true;
}

double sessions_run_rate(const char *socket_path, unsigned at_once, double seconds) {
    struct caller *callers = calloc(at_once, sizeof *callers);
    struct pollfd *polls = calloc(at_once, sizeof *polls);
    if (!callers || !polls) err(2, "memory");
    for (unsigned i = 0; i < at_once; i++) {
        http_open(&callers[i].http, socket_path);
        polls[i] = (struct pollfd){.fd = callers[i].http.fd, .events = POLLIN};
    }
    double begin = now_us(), now = begin;
    for (unsigned i = 0; i < at_once; i++)
        call_next(&callers[i]);
    size_t done = 0;
    for (unsigned open = at_once; open > 0;) {
        if (poll(polls, at_once, -1) < 0) err(2, "poll");
        for (unsigned i = 0; i < at_once; i++) {
            if (!polls[i].revents || !take_answer(&callers[i])) continue;
            done++;
            now = now_us();
            if (now - begin < seconds * 1e6) {
                call_next(&callers[i]);
                continue;
            }
            http_close(&callers[i].http);
            polls[i].fd = -1; /* poll passes over it */
            open--;
        }
    }
    free(polls);
    free(callers);
    return (double)done / (now - begin) * 1e6;
}
