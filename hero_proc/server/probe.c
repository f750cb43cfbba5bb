/*
 * The network kinds are done by libcurl, driven by the loop (libcurl-multi(3)): it speaks HTTP over
 * Unix sockets and TCP and keeps the time limits.
 */
#include "server/probe.h"

#include "server/command_line.h"
#include "server/environment.h"
#include "server/reaper.h"
#include "server/spawn.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct probe {
    const struct check_spec *check;
    probe_answer *answer;
    void *ctx;
    CURL *easy; /* of the network kinds */
    char curl_error[CURL_ERROR_SIZE];
    struct reaper_child child; /* of a command; pid 0: not started */
    struct event *timer;       /* of a command: its time; else an answer that is known already */
    char why[256];
};

static struct event_base *loop;
static CURLM *multi;
static struct event *curl_timer;

static void end(struct probe *probe, const char *why) {
    probe_answer *answer = probe->answer;
    void *ctx = probe->ctx;
    char text[sizeof probe->why];
    snprintf(text, sizeof text, "%s", why ? why : "");
    probe_cancel(probe);
    answer(ctx, why ? text : NULL);
}

/* ---- libcurl on the loop ------------------------------------------------------------------ */

static void end_transfers(void) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        struct probe *probe;
        CURLcode result = message->data.result;
        long status = 0;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &probe);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        bool speaks_http = probe->check->kind != CHECK_TCP_PORT;
        char why[sizeof probe->why] = "";
        if (result != CURLE_OK)
            snprintf(why, sizeof why, "%.120s: %.120s", probe->check->target,
                     *probe->curl_error ? probe->curl_error : curl_easy_strerror(result));
        else if (speaks_http && (status < 200 || status > 299))
            snprintf(why, sizeof why, "%.200s: HTTP status %ld", probe->check->target, status);
        end(probe, *why ? why : NULL);
    }
}

static void on_curl_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    int running;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    end_transfers();
}

static void on_socket(evutil_socket_t fd, short what, void *ctx) {
    (void)ctx;
    int running,
        flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(multi, fd, flags, &running);
    end_transfers();
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known) {
    (void)easy, (void)ctx;
    struct event *event = known;
    if (event) event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        short events = EV_PERSIST;
        if (what != CURL_POLL_OUT) events |= EV_READ;
        if (what != CURL_POLL_IN) events |= EV_WRITE;
        event = event_new(loop, fd, events, on_socket, NULL);
        if (event) event_add(event, NULL);
    }
    curl_multi_assign(multi, fd, event);
    return 0;
}

static int set_curl_timer(CURLM *handle, long ms, void *ctx) {
    (void)handle, (void)ctx;
    if (ms < 0)
        event_del(curl_timer);
    else
        event_add(curl_timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    return 0;
}

int probes_init(struct event_base *base) {
    loop = base;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) return -1;
    multi = curl_multi_init();
    curl_timer = event_new(base, -1, 0, on_curl_timer, NULL);
    if (!multi || !curl_timer) return -1;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
    return 0;
}

void probes_done(void) {
    if (multi) curl_multi_cleanup(multi);
    if (curl_timer) event_free(curl_timer);
    multi = NULL;
    curl_timer = NULL;
    curl_global_cleanup();
}

static size_t swallow(char *bytes, size_t size, size_t count, void *ctx) {
    (void)bytes, (void)ctx;
    return size * count;
}

/* "8080" or "host:8080". */
static void port_url(const char *target, char *out, size_t size) {
    snprintf(out, size, "http://%s%s/", strchr(target, ':') ? "" : "127.0.0.1:", target);
}

static bool start_transfer(struct probe *probe) {
    const struct check_spec *check = probe->check;
    char url[1024];
    CURL *easy = probe->easy = curl_easy_init();
    if (!easy) return false;
    switch (check->kind) {
    case CHECK_OPENRPC_SOCKET:
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, check->target);
        snprintf(url, sizeof url, "http://localhost/health");
        break;
    case CHECK_TCP_PORT:
        port_url(check->target, url, sizeof url);
        curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
        break;
    default: snprintf(url, sizeof url, "%s", check->target); break;
    }
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)check->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, probe->curl_error);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, probe);
    return curl_multi_add_handle(multi, easy) == CURLM_OK;
}

/* ---- Commands ---------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct probe *probe = ctx;
    char why[sizeof probe->why];
    if (probe->child.pid > 0)
        snprintf(why, sizeof why, "%.200s: no answer in %lld ms", probe->check->target,
                 (long long)probe->check->timeout_ms);
    else
        snprintf(why, sizeof why, "%s", probe->why);
    end(probe, why);
}

static void on_command_ended(struct reaper_child *child, int status) {
    struct probe *probe = (void *)((char *)child - offsetof(struct probe, child));
    char why[sizeof probe->why];
    probe->child.pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        end(probe, NULL);
        return;
    }
    snprintf(why, sizeof why, "%.200s: %s %d", probe->check->target,
             WIFEXITED(status) ? "exit code" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    end(probe, why);
}

/* A command that cannot be started is not well: the answer comes from the timer, at once. */
static bool start_command(struct probe *probe) {
    struct rpc_error err = {0};
    int64_t wait_ms = probe->check->timeout_ms;
    char **envp = environment_make(NULL, NULL);
    char **argv = command_line_split(probe->check->target, &err);
    char *path = argv && envp ? command_find(argv[0], environment_get(envp, "PATH")) : NULL;
    struct spawn_command command = {.path = path, .argv = argv, .envp = envp};
    if (path && spawn(&command, &probe->child.pid) == 0) {
        probe->child.ended = on_command_ended;
        reaper_watch(&probe->child);
    } else {
        probe->child.pid = 0;
        snprintf(probe->why, sizeof probe->why, "%.200s: cannot be started", probe->check->target);
        wait_ms = 0;
    }
    free(path);
    free(argv);
    environment_free(envp);
    struct timeval after = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    return event_add(probe->timer, &after) == 0;
}

/* ---- Both -------------------------------------------------------------------------------- */

struct probe *probe_start(const struct check_spec *check, probe_answer *answer, void *ctx) {
    struct probe *probe = calloc(1, sizeof *probe);
    if (!probe) return NULL;
    *probe = (struct probe){.check = check, .answer = answer, .ctx = ctx};
    probe->timer = event_new(loop, -1, 0, on_timer, probe);
    bool is_started =
        probe->timer && (check->kind == CHECK_EXEC ? start_command(probe) : start_transfer(probe));
    if (is_started) return probe;
    probe_cancel(probe);
    return NULL;
}

void probe_cancel(struct probe *probe) {
    if (!probe) return;
    if (probe->easy) {
        curl_multi_remove_handle(multi, probe->easy);
        curl_easy_cleanup(probe->easy);
    }
    /* Not watched any more, it is reaped as anybody else's. */
    if (probe->child.pid > 0) {
        reaper_unwatch(&probe->child);
        kill(-probe->child.pid, SIGKILL);
    }
    if (probe->timer) event_free(probe->timer);
    free(probe);
}
