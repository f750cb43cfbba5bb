#include "server/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#define REDIRECTS_MAX 5L
#define PROTOCOLS "http,https"

struct http_call {
    LIST_ENTRY(http_call) link;
    struct http *http;
    CURL *curl;
    struct curl_slist *headers;
    char *body;
    int64_t max_bytes;
    char error[CURL_ERROR_SIZE];
    http_done *done;
    void *ctx;
    struct http_answer answer;
};

struct http {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    LIST_HEAD(, http_call) calls;
};

static void end_call(struct http_call *call) {
    LIST_REMOVE(call, link);
    curl_multi_remove_handle(call->http->multi, call->curl);
    curl_easy_cleanup(call->curl);
    curl_slist_free_all(call->headers);
    rpc_strbuf_done(&call->answer.body);
    free(call->answer.etag);
    free(call->body);
    free(call);
}

/* ---- Finished calls --------------------------------------------------------------------- */

static void finish(struct http_call *call, CURLcode code) {
    struct http_answer *answer = &call->answer;
    if (code == CURLE_OK) {
        curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    } else if (!answer->error) {
        answer->error = *call->error ? call->error : curl_easy_strerror(code);
    }
    if (!answer->error && answer->body.failed) answer->error = "out of memory";
    call->done(call->ctx, answer);
    end_call(call);
}

static void take_finished(struct http *http) {
    const CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct http_call *call;
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, code);
    }
}

/* ---- libcurl on the loop ---------------------------------------------------------------- */

static void on_socket_event(evutil_socket_t fd, short what, void *ctx) {
    struct http *http = ctx;
    int actions = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;
    curl_multi_socket_action(http->multi, fd, actions, &running);
    take_finished(http);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct http *http = ctx;
    int running;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_finished(http);
}

/* libcurl wants to know about a socket from now on. */
static int watch_socket(CURL *curl, curl_socket_t fd, int what, void *ctx, void *socket_ctx) {
    (void)curl;
    struct http *http = ctx;
    struct event *event = socket_ctx;
    if (event) event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        short flags = EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                      (what & CURL_POLL_OUT ? EV_WRITE : 0);
        event = event_new(http->base, fd, flags, on_socket_event, http);
        if (event) event_add(event, NULL);
    }
    curl_multi_assign(http->multi, fd, event);
    return 0;
}

static int watch_time(CURLM *multi, long ms, void *ctx) {
    (void)multi;
    struct http *http = ctx;
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (ms < 0)
        event_del(http->timer);
    else
        event_add(http->timer, &after);
    return 0;
}

struct http *http_new(struct event_base *base, struct rpc_error *err) {
    struct http *http = calloc(1, sizeof *http);
    if (http && curl_global_init(CURL_GLOBAL_DEFAULT) == 0) {
        http->base = base;
        LIST_INIT(&http->calls);
        http->multi = curl_multi_init();
        http->timer = event_new(base, -1, 0, on_timer, http);
        if (http->multi && http->timer) {
            curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
            curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
            curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, watch_time);
            curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
            return http;
        }
    }
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "cannot begin to use libcurl");
    http_free(http);
    return NULL;
}

void http_free(struct http *http) {
    if (!http) return;
    while (!LIST_EMPTY(&http->calls))
        end_call(LIST_FIRST(&http->calls));
    curl_multi_cleanup(http->multi);
    if (http->timer) event_free(http->timer);
    free(http);
}

/* ---- Calls ------------------------------------------------------------------------------ */

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx) {
    struct http_call *call = ctx;
    size_t len = size * count;
    if (call->answer.body.len + len > (size_t)call->max_bytes) {
        call->answer.error = "the answer is too large";
        return 0;
    }
    rpc_strbuf_add(&call->answer.body, bytes, len);
    return len;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *ctx) {
    static const char name[] = "etag:", status_line[] = "HTTP/";
    struct http_call *call = ctx;
    size_t len = size * count;
    if (len > sizeof status_line - 1 && memcmp(bytes, status_line, sizeof status_line - 1) == 0) {
        free(call->answer.etag); /* of an answer that redirects to this one */
        call->answer.etag = NULL;
    }
    if (len > sizeof name - 1 && strncasecmp(bytes, name, sizeof name - 1) == 0) {
        const char *value = bytes + sizeof name - 1, *end = bytes + len;
        while (value < end && *value == ' ')
            value++;
        while (end > value && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
            end--;
        free(call->answer.etag);
        call->answer.etag = strndup(value, (size_t)(end - value));
    }
    return len;
}

static void add_header(struct http_call *call, const char *name, const char *value) {
    struct rpc_strbuf line = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&line, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(call->headers, rpc_strbuf_text(&line));
    if (longer) call->headers = longer;
    rpc_strbuf_done(&line);
}

static void set_options(struct http_call *call, const struct http_request *request) {
    CURL *curl = call->curl;
    curl_easy_setopt(curl, CURLOPT_PRIVATE, call);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, PROTOCOLS);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, PROTOCOLS);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ""); /* any that libcurl can undo */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "hero_runner_rhai/" HERO_VERSION);
    curl_easy_setopt(curl, CURLOPT_PROXY, request->unix_socket ? "" : NULL);
    if (request->unix_socket)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    if (request->if_none_match) add_header(call, "If-None-Match", request->if_none_match);
    if (request->body) {
        add_header(call, "Content-Type", "application/json");
        add_header(call, "Expect", ""); /* no 100-continue */
        /* Whoever has moved gets the body too, not a GET without it. */
        curl_easy_setopt(curl, CURLOPT_POSTREDIR,
                         (long)(CURL_REDIR_POST_301 | CURL_REDIR_POST_302));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
}

static char *copy_bytes(const char *bytes, size_t len) {
    char *copy = malloc(len + 1);
    if (copy) memcpy(copy, bytes, len), copy[len] = '\0';
    return copy;
}

struct http_call *http_start(struct http *http, const struct http_request *request, http_done *done,
                             void *ctx) {
    struct http_call *call = calloc(1, sizeof *call);
    if (!call) return NULL;
    call->http = http;
    call->done = done;
    call->ctx = ctx;
    call->max_bytes = request->max_bytes;
    call->curl = curl_easy_init();
    if (request->body) call->body = copy_bytes(request->body, request->len);
    if (!call->curl || (request->body && !call->body)) {
        curl_easy_cleanup(call->curl);
        free(call->body);
        free(call);
        return NULL;
    }
    set_options(call, request);
    LIST_INSERT_HEAD(&http->calls, call, link);
    if (curl_multi_add_handle(http->multi, call->curl) == CURLM_OK) return call;
    end_call(call);
    return NULL;
}

bool http_is_address(const char *url) {
    CURLU *parsed = curl_url();
    bool is_good = parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
    curl_url_cleanup(parsed);
    return is_good;
}

void http_give_up(struct http_call *call) {
    end_call(call);
}
