/*
 * What the library itself costs: round trips of JSON-RPC calls, requests per second, the way from a
 * wake to its reader, events per second. The server runs in a forked process, the client talks raw
 * HTTP, so that no client library is measured. A bare exchange of one byte over the same kind of
 * socket stands beside them as the floor.
 */
#include "hero_rpc/fd.h"
#include "hero_rpc/service.h"
#include "hero_rpc/stream.h"

#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <signal.h>
#include <unistd.h>

#define ROUND_TRIPS 20000
#define CONNECTIONS 16
#define THROUGHPUT_REQUESTS 200000
#define EVENTS 3000000ULL
#define IDLE_STREAMS 900

static const char document[] =
    "{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"Bench\",\"version\":\"1\"},\"methods\":["
    "{\"name\":\"echo\",\"params\":[{\"name\":\"text\",\"required\":true,\"schema\":{\"type\":"
    "\"string\"}}],\"result\":{\"name\":\"text\",\"schema\":{\"type\":\"string\"}}},"
    "{\"name\":\"hold\",\"params\":[],\"result\":{\"name\":\"done\",\"schema\":{\"type\":"
    "\"boolean\"}}},"
    "{\"name\":\"tick\",\"params\":[],\"result\":{\"name\":\"done\",\"schema\":{\"type\":"
    "\"boolean\"}}}]}";

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* --- The server --- */

struct bench {
    struct event_base *base;
    struct rpc_stream *ticks;
    unsigned long long ticked, tick_cursor;
    struct rpc_call *held;
    struct event *answer_held;
};

static void call_echo(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_reply(call, json_incref(rpc_call_param(call, "text")));
}

/* Answered in a later round of the loop, as a call that waits for another process is. */
static void call_hold(struct rpc_call *call, void *ctx) {
    struct bench *bench = ctx;
    bench->held = call;
    event_add(bench->answer_held, &(struct timeval){0, 0});
}

static void on_answer_held(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    struct bench *bench = ctx;
    rpc_call_reply(bench->held, json_true());
}

static void call_tick(struct rpc_call *call, void *ctx) {
    struct bench *bench = ctx;
    bench->ticked++;
    if (bench->ticks) rpc_stream_wake(bench->ticks);
    rpc_call_reply(call, json_true());
}

static enum rpc_stream_state produce_ticks(void *ctx, struct rpc_strbuf *out, size_t want) {
    (void)want;
    struct bench *bench = ctx;
    while (bench->tick_cursor < bench->ticked)
        rpc_sse_add_numbered(out, NULL, ++bench->tick_cursor, "tick", 4);
    return RPC_STREAM_IDLE;
}

static void ticks_closed(void *ctx) {
    ((struct bench *)ctx)->ticks = NULL;
}

static void get_ticks(struct rpc_request *request, void *ctx) {
    static const struct rpc_stream_ops ops = {produce_ticks, ticks_closed};
    struct bench *bench = ctx;
    bench->ticks = rpc_stream_open(request, &ops, ctx);
}

/* A log line as the runner sends them. */
static enum rpc_stream_state produce_flood(void *ctx, struct rpc_strbuf *out, size_t want) {
    unsigned long long *cursor = ctx;
    static const char line[] =
        "{\"session_id\":\"4f9d3c1e\",\"seq\":1,\"timestamp_ms\":1790000000000,"
        "\"kind\":\"stdout\",\"line\":\"hello\"}";
    while (out->len < want && *cursor < EVENTS)
        rpc_sse_add_numbered(out, "stdout", ++*cursor, line, sizeof line - 1);
    return *cursor == EVENTS ? RPC_STREAM_END : RPC_STREAM_MORE;
}

static enum rpc_stream_state produce_nothing(void *ctx, struct rpc_strbuf *out, size_t want) {
    (void)ctx, (void)out, (void)want;
    return RPC_STREAM_IDLE;
}

static void nothing_closed(void *ctx) {
    (void)ctx;
}

static void get_silence(struct rpc_request *request, void *ctx) {
    static const struct rpc_stream_ops ops = {produce_nothing, nothing_closed};
    rpc_stream_open(request, &ops, ctx);
}

static void get_flood(struct rpc_request *request, void *ctx) {
    (void)ctx;
    static const struct rpc_stream_ops ops = {produce_flood, free};
    void *cursor = calloc(1, sizeof(unsigned long long));
    if (!rpc_stream_open(request, &ops, cursor)) free(cursor);
}

static void serve(const char *path, int ready) {
    struct bench bench = {.base = event_base_new()};
    struct rpc_error err = {0};
    static const struct rpc_service_method methods[] = {
        {"echo", call_echo}, {"hold", call_hold}, {"tick", call_tick}, {NULL, NULL}};
    bench.answer_held = evtimer_new(bench.base, on_answer_held, &bench);
    struct rpc_server *server = rpc_server_new(bench.base, NULL, &err);
    const struct rpc_service_options options = {.name = "bench",
                                                .title = "Bench",
                                                .version = "1",
                                                .description = "",
                                                .protocol = "openrpc",
                                                .socket = "rpc",
                                                .openrpc = document,
                                                .openrpc_len = sizeof document - 1,
                                                .methods = methods,
                                                .methods_ctx = &bench};
    if (!server || !rpc_service_new(server, &options, &err) ||
        rpc_server_route(server, "GET", "/ticks", get_ticks, &bench) != 0 ||
        rpc_server_route(server, "GET", "/flood", get_flood, NULL) != 0 ||
        rpc_server_route(server, "GET", "/silence", get_silence, NULL) != 0 ||
        rpc_server_listen_unix(server, path, NULL, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
    if (write(ready, "r", 1) != 1) _exit(1);
    event_base_dispatch(bench.base);
    _exit(0);
}

/* --- The client --- */

static int open_connection(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
    return fd;
}

static size_t make_call(char *to, size_t size, const char *body) {
    return (size_t)snprintf(to, size,
                            "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(body), body);
}

/* One answer whole, which all of these are in one read or a few. */
static void read_answer(int fd) {
    char buffer[4096];
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, buffer + len, sizeof buffer - 1 - len);
        if (n <= 0) die("read");
        len += (size_t)n;
        buffer[len] = '\0';
        const char *end = strstr(buffer, "\r\n\r\n");
        const char *length = strstr(buffer, "Content-Length: ");
        if (!end || !length) continue;
        if (buffer + len >= end + 4 + strtoul(length + 16, NULL, 10)) break;
    }
    if (strncmp(buffer, "HTTP/1.1 200", 12) != 0 || !strstr(buffer, "\"result\"")) {
        fprintf(stderr, "unexpected answer: %s\n", buffer);
        exit(1);
    }
}

static int compare_times(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void print_times(const char *name, double *times, size_t count) {
    qsort(times, count, sizeof *times, compare_times);
    printf("%-28s p50 %7.1f us   p90 %7.1f us   p99 %7.1f us\n", name, times[count / 2],
           times[count * 9 / 10], times[count * 99 / 100]);
}

static void bench_floor(void) {
    static double times[ROUND_TRIPS];
    int pair[2];
    char byte = 'x';
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) die("socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (read(pair[1], &byte, 1) == 1 && write(pair[1], &byte, 1) == 1) {
        }
        _exit(0);
    }
    for (size_t i = 0; i < ROUND_TRIPS; i++) {
        double start = now_us();
        if (write(pair[0], &byte, 1) != 1 || read(pair[0], &byte, 1) != 1) die("floor");
        times[i] = now_us() - start;
    }
    kill(pid, SIGKILL);
    print_times("one byte there and back", times, ROUND_TRIPS);
}

static void bench_round_trips(const char *path, const char *name, const char *body) {
    static double times[ROUND_TRIPS];
    char call[512];
    size_t len = make_call(call, sizeof call, body);
    int fd = open_connection(path);
    for (size_t i = 0; i < ROUND_TRIPS; i++) {
        double start = now_us();
        if (write(fd, call, len) != (ssize_t)len) die("write");
        read_answer(fd);
        times[i] = now_us() - start;
    }
    close(fd);
    print_times(name, times, ROUND_TRIPS);
}

static void bench_throughput(const char *path) {
    char call[512];
    size_t len = make_call(call, sizeof call,
                           "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"text\":"
                           "\"hello\"}}");
    struct pollfd polls[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++)
        polls[i] = (struct pollfd){.fd = open_connection(path), .events = POLLIN};
    double start = now_us();
    size_t sent = 0, answered = 0;
    for (; sent < CONNECTIONS; sent++)
        if (write(polls[sent].fd, call, len) != (ssize_t)len) die("write");
    while (answered < THROUGHPUT_REQUESTS) {
        if (poll(polls, CONNECTIONS, -1) < 0) die("poll");
        for (size_t i = 0; i < CONNECTIONS; i++) {
            if (!polls[i].revents) continue;
            read_answer(polls[i].fd);
            answered++;
            if (sent < THROUGHPUT_REQUESTS) {
                if (write(polls[i].fd, call, len) != (ssize_t)len) die("write");
                sent++;
            }
        }
    }
    double seconds = (now_us() - start) / 1e6;
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(polls[i].fd);
    printf("%-28s %.0f calls/s over %d connections\n", "throughput", THROUGHPUT_REQUESTS / seconds,
           CONNECTIONS);
}

static int open_stream(const char *path, const char *target) {
    char request[256], headers[2048];
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    int fd = open_connection(path);
    if (write(fd, request, (size_t)n) != n) die("write");
    size_t len = 0;
    do {
        if (read(fd, headers + len, 1) != 1) die("read");
        headers[++len] = '\0';
    } while (len + 1 < sizeof headers && !strstr(headers, "\r\n\r\n"));
    return fd;
}

/* From the write of a call that publishes an event to the read of the event elsewhere. */
static void bench_wake(const char *path, const char *name) {
    static double times[ROUND_TRIPS];
    char call[512], buffer[4096];
    size_t len = make_call(call, sizeof call, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tick\"}");
    int stream = open_stream(path, "/ticks");
    int fd = open_connection(path);
    for (size_t i = 0; i < ROUND_TRIPS; i++) {
        double start = now_us();
        if (write(fd, call, len) != (ssize_t)len) die("write");
        if (read(stream, buffer, sizeof buffer) <= 0) die("read");
        times[i] = now_us() - start;
        read_answer(fd);
    }
    close(fd);
    close(stream);
    print_times(name, times, ROUND_TRIPS);
}

static void bench_flood(const char *path) {
    static char buffer[1 << 20];
    int fd = open_stream(path, "/flood");
    double start = now_us();
    unsigned long long bytes = 0;
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        bytes += (unsigned long long)n;
    double seconds = (now_us() - start) / 1e6;
    close(fd);
    printf("%-28s %.0f events/s, %.0f MB/s\n", "one stream, one reader", (double)EVENTS / seconds,
           (double)bytes / seconds / 1e6);
}

int main(void) {
    char dir[] = "/tmp/hero_rpc_bench.XXXXXX", path[64], byte;
    int ready[2];
    if (rpc_fd_raise_limit(NULL, NULL) != 0 || !mkdtemp(dir) || pipe(ready) != 0) die("setup");
    snprintf(path, sizeof path, "%s/rpc.sock", dir);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(path, ready[1]);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) return 1;
    bench_floor();
    bench_round_trips(path, "call answered at once",
                      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"text\":"
                      "\"hello\"}}");
    bench_round_trips(path, "call held for a round",
                      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}");
    bench_wake(path, "call to event at a reader");
    bench_throughput(path);
    bench_flood(path);
    for (int i = 0; i < IDLE_STREAMS; i++)
        open_stream(path, "/silence");
    bench_wake(path, "the same, 900 idle streams");
    kill(pid, SIGKILL);
    unlink(path);
    char lock[80];
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(lock);
    rmdir(dir);
    return 0;
}
