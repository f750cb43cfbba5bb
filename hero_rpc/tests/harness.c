#include "harness.h"

#include <event2/event.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void home_make(struct home *home) {
    static const char *const variables[] = {"PATH_SOCKET", "HERO_SOCKET_DIR", "PATH_VAR",
                                            "PATH_ROOT"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    strcpy(home->path, "/tmp/hero_rpc_test.XXXXXX");
    assert_non_null(mkdtemp(home->path));
    setenv("HOME", home->path, 1);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where) {
    (void)st, (void)type, (void)where;
    return remove(path);
}

void home_remove(struct home *home) {
    nftw(home->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void on_problem(void *ctx, const char *message) {
    struct fixture *f = ctx;
    snprintf(f->problem_text, sizeof f->problem_text, "%s", message);
    sem_post(&f->problem);
}

static void on_job(evutil_socket_t fd, short events, void *ctx) {
    (void)events;
    struct fixture *f = ctx;
    uint64_t count;
    assert_int_equal(read((int)fd, &count, sizeof count), sizeof count);
    if (f->job)
        f->job(f->job_ctx);
    else
        event_base_loopbreak(f->base);
    sem_post(&f->job_done);
}

static void *run_loop(void *ctx) {
    struct fixture *f = ctx;
    event_base_dispatch(f->base);
    return NULL;
}

void fixture_start(struct fixture *f, const struct rpc_server_config *config,
                   void (*add_routes)(struct fixture *f)) {
    struct rpc_error err = {0};
    memset(f, 0, sizeof *f);
    home_make(&f->home);
    snprintf(f->socket, sizeof f->socket, "%s/rpc.sock", f->home.path);
    sem_init(&f->job_done, 0, 0);
    sem_init(&f->signalled, 0, 0);
    sem_init(&f->problem, 0, 0);
    f->base = event_base_new();
    f->job_fd = eventfd(0, EFD_CLOEXEC);
    f->job_event = event_new(f->base, f->job_fd, EV_READ | EV_PERSIST, on_job, f);
    event_add(f->job_event, NULL);

    struct rpc_server_config full = config ? *config : (struct rpc_server_config){0};
    full.on_problem = on_problem;
    full.ctx = f;
    f->server = rpc_server_new(f->base, &full, &err);
    if (!f->server) fail_msg("%s", err.message);
    if (add_routes) add_routes(f);
    if (rpc_server_listen_unix(f->server, f->socket, NULL, &err) != 0) fail_msg("%s", err.message);
    pthread_create(&f->thread, NULL, run_loop, f);
}

void fixture_run(struct fixture *f, void (*job)(void *ctx), void *ctx) {
    uint64_t one = 1;
    f->job = job;
    f->job_ctx = ctx;
    assert_int_equal(write(f->job_fd, &one, sizeof one), sizeof one);
    wait_for(&f->job_done);
}

void fixture_stop(struct fixture *f) {
    fixture_run(f, NULL, NULL);
    pthread_join(f->thread, NULL);
    rpc_server_free(f->server);
    rpc_service_free(f->service);
    event_free(f->job_event);
    event_base_free(f->base);
    close(f->job_fd);
    sem_destroy(&f->job_done);
    sem_destroy(&f->signalled);
    sem_destroy(&f->problem);
    home_remove(&f->home);
}

void wait_for(sem_t *semaphore) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_LIMIT_S;
    while (sem_timedwait(semaphore, &until) != 0)
        if (errno != EINTR) fail_msg("it did not happen within %d s", WAIT_LIMIT_S);
}

int connect_to(const char *socket_path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail_msg("connect %s: %s", socket_path, strerror(errno));
    return fd;
}

void send_bytes(int fd, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0) fail_msg("send: %s", strerror(errno));
        bytes += n;
        len -= (size_t)n;
    }
}

void send_text(int fd, const char *text) {
    send_bytes(fd, text, strlen(text));
}

void send_post(int fd, const char *target, const char *headers, const char *body) {
    struct rpc_strbuf request = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&request,
                    "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
                    target, headers, strlen(body), body);
    send_bytes(fd, request.data, request.len);
    rpc_strbuf_done(&request);
}

/* As read, but fails the test when nothing comes. */
static ssize_t read_some(int fd, void *to, size_t max) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, WAIT_LIMIT_S * 1000) != 1) fail_msg("nothing came for %d s", WAIT_LIMIT_S);
    return read(fd, to, max);
}

char *read_until(int fd, const char *text) {
    struct rpc_strbuf all = RPC_STRBUF_INIT;
    while (!strstr(rpc_strbuf_text(&all), text)) {
        char *to = rpc_strbuf_reserve(&all, 4096);
        ssize_t n = read_some(fd, to, 4096);
        if (n <= 0) {
            rpc_strbuf_done(&all);
            return NULL;
        }
        all.len += (size_t)n;
        all.data[all.len] = '\0';
    }
    return rpc_strbuf_take(&all, NULL);
}

char *read_all(int fd) {
    struct rpc_strbuf all = RPC_STRBUF_INIT;
    for (;;) {
        char *to = rpc_strbuf_reserve(&all, 65536);
        ssize_t n = read_some(fd, to, 65536);
        if (n <= 0) break;
        all.len += (size_t)n;
        all.data[all.len] = '\0';
    }
    return rpc_strbuf_take(&all, NULL);
}

void answer_done(struct answer *answer) {
    free(answer->body);
    answer->body = NULL;
}

void read_answer(int fd, struct answer *answer) {
    memset(answer, 0, sizeof *answer);
    size_t len = 0;
    while (!strstr(answer->headers, "\r\n\r\n")) {
        assert_true(len + 1 < sizeof answer->headers);
        if (read_some(fd, answer->headers + len, 1) != 1) return;
        answer->headers[++len] = '\0';
    }
    if (sscanf(answer->headers, "HTTP/1.1 %d", &answer->status) != 1)
        fail_msg("not HTTP: %s", answer->headers);
    const char *length = strcasestr(answer->headers, "\r\nContent-Length:");
    answer->len = length ? strtoul(length + 17, NULL, 10) : 0;
    answer->body = calloc(1, answer->len + 1);
    for (size_t got = 0; got < answer->len;) {
        ssize_t n = read_some(fd, answer->body + got, answer->len - got);
        if (n <= 0) fail_msg("the body ended after %zu of %zu bytes", got, answer->len);
        got += (size_t)n;
    }
}

void http(const char *socket_path, const char *method, const char *target, const char *body,
          struct answer *ret_answer) {
    int fd = connect_to(socket_path);
    if (strcmp(method, "POST") == 0) {
        send_post(fd, target, "", body);
    } else {
        char request[512];
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", method,
                 target);
        send_text(fd, request);
    }
    read_answer(fd, ret_answer);
    close(fd);
}

json_t *post_rpc(const char *socket_path, const char *body) {
    struct answer answer;
    http(socket_path, "POST", "/rpc", body, &answer);
    assert_int_equal(answer.status, 200);
    json_t *json = json_loads(answer.body, 0, NULL);
    if (!json) fail_msg("not JSON: %s", answer.body);
    answer_done(&answer);
    return json;
}
