#include "net/http.h"

#include "core/library.h"

/* Types are checked where curl's macros allow it; here the functions are pointers. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define HEADERS_MAX_BYTES (256 * 1024)
#define HEADERS_MAX_COUNT 1000
#define REDIRECTS_MAX 10
#define RETRY_WAIT_MAX_S 60.0
#define SOCKETS_MAX 16

#define FUNCTIONS(X)                                                                               \
    X(curl_easy_init)                                                                              \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_strerror)                                                                          \
    X(curl_easy_cleanup)                                                                           \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)                                                                         \
    X(curl_multi_init)                                                                             \
    X(curl_multi_setopt)                                                                           \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_multi_socket_action)                                                                    \
    X(curl_multi_info_read)                                                                        \
    X(curl_multi_cleanup)

static struct {
    FUNCTIONS(LIBRARY_MEMBER)
} api;

static const char *const names[] = {FUNCTIONS(LIBRARY_NAME) NULL};
static const struct library libcurl = {"libcurl.so.4", "libcurl4", names};

struct transfer {
    rhai_call *call;
    const struct http_request *request;
    struct http_response *response;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    unsigned header_count; /* of the present answer */
    char detail[CURL_ERROR_SIZE];
    const char *problem; /* why a callback ended the transfer */
    struct pollfd fds[SOCKETS_MAX];
    size_t fd_count;
    int64_t timer_ns; /* when curl wants to be called at the latest */
};

/* ---- What comes -------------------------------------------------------------------------- */

static bool append(char **text, size_t *len, const char *bytes, size_t count) {
    char *longer = realloc(*text, *len + count + 1);
    if (!longer) return false;
    memcpy(longer + *len, bytes, count);
    *text = longer;
    *len += count;
    longer[*len] = '\0';
    return true;
}

static size_t stop_with(struct transfer *transfer, const char *problem) {
    transfer->problem = problem;
    return 0;
}

static size_t write_out(struct transfer *transfer, const char *bytes, size_t len) {
    for (size_t done = 0; done < len;) {
        ssize_t written = write(transfer->request->body_fd, bytes + done, len - done);
        if (written < 0 && errno != EINTR) return stop_with(transfer, strerror(errno));
        if (written > 0) done += (size_t)written;
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data) {
    struct transfer *transfer = data;
    struct http_response *response = transfer->response;
    size_t len = size * count;
    long status = 0;
    api.curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->request->body_fd >= 0 && status / 100 == 2)
        return write_out(transfer, bytes, len);
    if (response->body_len + len > HTTP_BODY_MAX_BYTES)
        return stop_with(transfer, "the answer is too large (64 MiB)");
    if (append(&response->body, &response->body_len, bytes, len)) return len;
    return stop_with(transfer, strerror(ENOMEM));
}

/* Each answer begins with its status line: those before the last one (redirects, 100 Continue) go. */
static size_t on_header(char *bytes, size_t size, size_t count, void *data) {
    struct transfer *transfer = data;
    struct http_response *response = transfer->response;
    size_t len = size * count;
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        response->headers_len = response->body_len = transfer->header_count = 0;
    if (++transfer->header_count > HEADERS_MAX_COUNT)
        return stop_with(transfer, "the answer has too many headers (1,000)");
    if (response->headers_len + len > HEADERS_MAX_BYTES)
        return stop_with(transfer, "the answer's headers are too large (256 KiB)");
    if (append(&response->headers, &response->headers_len, bytes, len)) return len;
    return stop_with(transfer, strerror(ENOMEM));
}

static int on_progress(void *data, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up_done) {
    (void)up_total, (void)up_done;
    struct transfer *transfer = data;
    const herolib_output *output = &herolib_call_session(transfer->call)->output;
    const char *text = transfer->request->progress;
    if (done > 0) output->progress(output->data, (double)done, (double)total, text, strlen(text));
    return 0;
}

/* ---- Waiting ----------------------------------------------------------------------------- */

static short events_of(int what) {
    return (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
}

/* curl says which sockets it waits for. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused) {
    (void)easy, (void)unused;
    struct transfer *transfer = data;
    size_t i = 0;
    while (i < transfer->fd_count && transfer->fds[i].fd != fd)
        i++;
    if (what == CURL_POLL_REMOVE) {
        if (i < transfer->fd_count) transfer->fds[i] = transfer->fds[--transfer->fd_count];
        return 0;
    }
    if (i == SOCKETS_MAX) return -1;
    transfer->fds[i] = (struct pollfd){.fd = fd, .events = events_of(what)};
    if (i == transfer->fd_count) transfer->fd_count++;
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *data) {
    (void)multi;
    struct transfer *transfer = data;
    transfer->timer_ns = ms < 0 ? HEROLIB_NO_DEADLINE : herolib_now_ns() + ms * NS_PER_MS;
    return 0;
}

static int tell_ready(struct transfer *transfer) {
    int running = 0;
    struct pollfd ready[SOCKETS_MAX]; /* the list changes while curl works */
    size_t count = transfer->fd_count;
    memcpy(ready, transfer->fds, count * sizeof *ready);
    for (size_t i = 0; i < count; i++) {
        int what = (ready[i].revents & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) |
                   (ready[i].revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
                   (ready[i].revents & (POLLERR | POLLNVAL) ? CURL_CSELECT_ERR : 0);
        if (what) api.curl_multi_socket_action(transfer->multi, ready[i].fd, what, &running);
    }
    return running;
}

/* Until the transfer is over; its result. -ECANCELED when the session must stop. */
static int drive(struct transfer *transfer, CURLcode *ret_code) {
    int running = 1, left;
    api.curl_multi_socket_action(transfer->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    while (running > 0) {
        int ready = herolib_wait(herolib_call_session(transfer->call), transfer->fds,
                                 transfer->fd_count, transfer->timer_ns);
        if (ready < 0) return ready;
        if (ready > 0) {
            running = tell_ready(transfer);
        } else {
            transfer->timer_ns = HEROLIB_NO_DEADLINE;
            api.curl_multi_socket_action(transfer->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
    }
    CURLMsg *message = api.curl_multi_info_read(transfer->multi, &left);
    *ret_code = message ? message->data.result : CURLE_FAILED_INIT;
    return 0;
}

/* ---- One attempt ------------------------------------------------------------------------- */

static bool set_options(struct transfer *transfer) {
    const struct http_request *request = transfer->request;
    CURL *easy = transfer->easy;
#define SET(option, value) api.curl_easy_setopt(easy, option, value)
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *list = api.curl_slist_append(transfer->headers, request->headers[i]);
        if (!list) return false;
        transfer->headers = list;
    }
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_USERAGENT, "hero_runner_rhai");
    SET(CURLOPT_ACCEPT_ENCODING, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a stop does not wait for the thread that looks up a name */
    SET(CURLOPT_FOLLOWLOCATION, request->keeps_redirects ? 0L : 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(CURLOPT_TIMEOUT_MS, (long)(request->timeout_s * 1000));
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_ERRORBUFFER, transfer->detail);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    if (request->body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        SET(CURLOPT_POSTFIELDS, request->body);
    }
    if (strcmp(request->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else if (request->body || strcmp(request->method, "GET") != 0)
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    if (request->is_insecure) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (request->ca_file) SET(CURLOPT_CAINFO, request->ca_file);
    if (request->unix_socket) SET(CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    if (request->user) SET(CURLOPT_USERNAME, request->user);
    if (request->password) SET(CURLOPT_PASSWORD, request->password);
    if (request->progress) {
        SET(CURLOPT_NOPROGRESS, 0L);
        SET(CURLOPT_XFERINFOFUNCTION, on_progress);
        SET(CURLOPT_XFERINFODATA, transfer);
    }
#undef SET
    api.curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    api.curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETDATA, transfer);
    api.curl_multi_setopt(transfer->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    api.curl_multi_setopt(transfer->multi, CURLMOPT_TIMERDATA, transfer);
    return api.curl_multi_add_handle(transfer->multi, transfer->easy) == CURLM_OK;
}

static void read_result(struct transfer *transfer) {
    long status = 0;
    char *url = NULL;
    api.curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    api.curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
    transfer->response->status = (int)status;
    transfer->response->url = strdup(url ? url : transfer->request->url);
}

/* *ret_retry_s is what the server asks for, or 0. */
static enum http_outcome attempt(rhai_call *call, const struct http_request *request,
                                 struct http_response *response, char *error, double *ret_retry_s) {
    struct transfer transfer = {.call = call,
                                .request = request,
                                .response = response,
                                .timer_ns = HEROLIB_NO_DEADLINE,
                                .easy = api.curl_easy_init(),
                                .multi = api.curl_multi_init()};
    enum http_outcome outcome = HTTP_THROWN;
    CURLcode code = CURLE_OK;
    *ret_retry_s = 0;
    if (!transfer.easy || !transfer.multi || !set_options(&transfer)) {
        rhai_throw_out_of_memory(call);
    } else if (drive(&transfer, &code) < 0) {
        rhai_throw_terminated(call);
    } else if (code == CURLE_OK) {
        curl_off_t seconds = 0;
        api.curl_easy_getinfo(transfer.easy, CURLINFO_RETRY_AFTER, &seconds);
        *ret_retry_s = (double)seconds;
        read_result(&transfer);
        outcome = transfer.response->url ? HTTP_ANSWERED : HTTP_THROWN;
        if (outcome == HTTP_THROWN) rhai_throw_out_of_memory(call);
    } else {
        const char *cause = transfer.problem ? transfer.problem : transfer.detail;
        snprintf(error, HTTP_ERROR_BYTES, "%s", *cause ? cause : api.curl_easy_strerror(code));
        outcome = HTTP_FAILED;
    }
    if (transfer.multi && transfer.easy) api.curl_multi_remove_handle(transfer.multi, transfer.easy);
    if (transfer.easy) api.curl_easy_cleanup(transfer.easy);
    if (transfer.multi) api.curl_multi_cleanup(transfer.multi);
    api.curl_slist_free_all(transfer.headers);
    if (outcome != HTTP_ANSWERED) http_response_done(response);
    return outcome;
}

/* ---- Attempts ---------------------------------------------------------------------------- */

static bool is_worth_retrying(enum http_outcome outcome, int status) {
    if (outcome == HTTP_ANSWERED)
        return status == 429 || status == 502 || status == 503 || status == 504;
    return outcome == HTTP_FAILED;
}

/* What a failed attempt wrote to the file goes. */
static bool begin_again(const struct http_request *request) {
    return request->body_fd < 0 ||
           (ftruncate(request->body_fd, 0) == 0 && lseek(request->body_fd, 0, SEEK_SET) == 0);
}

enum http_outcome http_perform(rhai_call *call, const struct http_request *request,
                               struct http_response *ret_response, char error[HTTP_ERROR_BYTES]) {
    if (library_load(call, "net", &libcurl, &api) != RHAI_OK) return HTTP_THROWN;
    double delay_s = request->retry_delay_s, asked_s;
    for (int retries = request->retries;; retries--) {
        *ret_response = (struct http_response){0};
        enum http_outcome outcome = attempt(call, request, ret_response, error, &asked_s);
        if (retries <= 0 || !is_worth_retrying(outcome, ret_response->status) ||
            !begin_again(request))
            return outcome;
        http_response_done(ret_response);
        double wait_s = asked_s > 0 ? asked_s : delay_s;
        if (wait_s > RETRY_WAIT_MAX_S) wait_s = RETRY_WAIT_MAX_S;
        int64_t deadline_ns = herolib_now_ns() + (int64_t)(wait_s * 1e9);
        if (herolib_wait(herolib_call_session(call), NULL, 0, deadline_ns) < 0) {
            rhai_throw_terminated(call);
            return HTTP_THROWN;
        }
        delay_s *= 2;
    }
}

void http_response_done(struct http_response *response) {
    free(response->body);
    free(response->headers);
    free(response->url);
    *response = (struct http_response){0};
}
