/* The blocking client, on libcurl's multi interface: that one can wait for one more descriptor. */
#include "hero_rpc/client.h"
#include "hero_rpc/clock.h"
#include "hero_rpc/paths.h"
#include "sse_parser.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 5000
#define TOTAL_TIMEOUT_MS 60000
#define FOLLOW_SILENCE_MS 45000 /* three heartbeats of 15 s */
#define ANSWER_MAX_BYTES (64u * 1024 * 1024)
#define POLL_MAX_MS 1000
#define STREAM_READ_BYTES (256 * 1024) /* read at once of a stream that has so much */

struct rpc_client {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    char *address; /* for messages: the socket path or the base URL */
    char *base_url;
    bool is_unix;
    long connect_ms;
    long total_ms; /* negative: no limit */
    int stop_fd;
    long long next_id;
    struct rpc_strbuf answer;
    struct rpc_strbuf last_event_id;
    char curl_message[CURL_ERROR_SIZE];
};

/* What happens to the bytes of an answer. */
struct transfer {
    struct rpc_client *client;
    struct sse_parser *parser; /* NULL: collected in client->answer */
    const struct rpc_follow *follow;
    bool has_news; /* bytes of the stream since the last pause */
    enum sse_result sse_result;
    bool is_too_large;
    long long byte_ms; /* when the last byte came, monotonic */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void rpc_client_free(struct rpc_client *client) {
    if (!client) return;
    if (client->easy) curl_easy_cleanup(client->easy);
    if (client->multi) curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    rpc_strbuf_done(&client->answer);
    rpc_strbuf_done(&client->last_event_id);
    free(client->address);
    free(client->base_url);
    free(client);
}

static bool add_header(struct rpc_client *client, const char *header) {
    struct curl_slist *list = curl_slist_append(client->headers, header);
    if (list) client->headers = list;
    return list != NULL;
}

static struct rpc_client *client_new(const char *address, const char *base_url,
                                     struct rpc_error *err) {
    pthread_once(&curl_once, start_curl);
    struct rpc_client *client = calloc(1, sizeof *client);
    if (client) {
        client->stop_fd = -1;
        client->connect_ms = CONNECT_TIMEOUT_MS;
        client->total_ms = TOTAL_TIMEOUT_MS;
        client->address = strdup(address);
        client->base_url = strdup(base_url);
        client->easy = curl_easy_init();
        client->multi = curl_multi_init();
        /* Expect would cost a round trip for nothing. */
        if (client->address && client->base_url && client->easy && client->multi &&
            add_header(client, "Content-Type: application/json") && add_header(client, "Expect:"))
            return client;
    }
    rpc_client_free(client);
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return NULL;
}

struct rpc_client *rpc_client_new_unix(const char *socket_path, struct rpc_error *err) {
    if (rpc_path_check_socket(socket_path, err) != 0) return NULL;
    struct rpc_client *client = client_new(socket_path, "http://localhost", err);
    if (client) client->is_unix = true;
    return client;
}

struct rpc_client *rpc_client_new_tcp(const char *base_url, const char *token,
                                      struct rpc_error *err) {
    struct rpc_client *client = client_new(base_url, base_url, err);
    if (!client || !token) return client;
    struct rpc_strbuf header = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&header, "Authorization: Bearer %s", token);
    bool is_added = !header.failed && add_header(client, header.data);
    rpc_strbuf_done(&header);
    if (is_added) return client;
    rpc_client_free(client);
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return NULL;
}

void rpc_client_set_timeouts(struct rpc_client *client, long connect_ms, long total_ms) {
    if (connect_ms) client->connect_ms = connect_ms;
    if (total_ms) client->total_ms = total_ms;
}

void rpc_client_set_stop_fd(struct rpc_client *client, int fd) {
    client->stop_fd = fd;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx) {
    struct transfer *t = ctx;
    size_t len = size * count;
    long status = 0;
    t->byte_ms = rpc_clock_monotonic_ms();
    curl_easy_getinfo(t->client->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->parser && status == 200) {
        t->has_news = true;
        t->sse_result = sse_parser_feed(t->parser, bytes, len);
        return t->sse_result == SSE_CONTINUE ? len : 0;
    }
    if (len > ANSWER_MAX_BYTES - t->client->answer.len) {
        t->is_too_large = true;
        return 0;
    }
    rpc_strbuf_add(&t->client->answer, bytes, len);
    return t->client->answer.failed ? 0 : len;
}

static int set_failure(struct rpc_client *client, const struct transfer *t, CURLcode code,
                       struct rpc_error *err) {
    long os_errno = 0;
    curl_off_t connected_us = 0;
    curl_easy_getinfo(client->easy, CURLINFO_OS_ERRNO, &os_errno);
    curl_easy_getinfo(client->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    const char *what = client->curl_message[0] ? client->curl_message : curl_easy_strerror(code);
    if (t->is_too_large || t->sse_result == SSE_TOO_LARGE)
        rpc_error_set(err, RPC_ERROR_PROTOCOL, 0, "the answer of %s is too large", client->address);
    else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        rpc_error_set(err, RPC_ERROR_UNREACHABLE, (int)os_errno, "no server reachable at %s: %s",
                      client->address, os_errno ? strerror((int)os_errno) : what);
    else if (code == CURLE_OPERATION_TIMEDOUT && connected_us == 0)
        rpc_error_set(err, RPC_ERROR_UNREACHABLE, ETIMEDOUT,
                      "no server reachable at %s within %ld ms", client->address,
                      client->connect_ms);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        rpc_error_set(err, RPC_ERROR_TIMEOUT, 0, "no answer from %s within %ld ms", client->address,
                      client->total_ms);
    else
        rpc_error_set(err, RPC_ERROR_PROTOCOL, 0, "%s: %s", client->address, what);
    return -1;
}

/* Waits for the transfer or the stop descriptor. A stream pauses first when neither is ready. */
static CURLMcode wait_for_more(struct transfer *t, struct curl_waitfd *stop) {
    CURLM *multi = t->client->multi;
    unsigned stops = stop->fd >= 0;
    int ready = 0;
    if (t->has_news && t->follow->pause) {
        CURLMcode status = curl_multi_poll(multi, stop, stops, 0, &ready);
        if (status != CURLM_OK || ready > 0) return status;
        t->has_news = false;
        if (!t->follow->pause(t->follow->ctx)) {
            t->sse_result = SSE_STOPPED;
            return CURLM_OK;
        }
    }
    return curl_multi_poll(multi, stop, stops, POLL_MAX_MS, NULL);
}

/* Runs the transfer until it ends, the stop descriptor fires or, for a stream, silence lasts too
 * long. 0 and curl's outcome, or -1 and the error. */
static int run(struct rpc_client *client, struct transfer *t, CURLcode *ret_code,
               struct rpc_error *err) {
    int running = 1;
    t->byte_ms = rpc_clock_monotonic_ms();
    while (running) {
        CURLMcode status = curl_multi_perform(client->multi, &running);
        if (status == CURLM_OK && !running) break;
        struct curl_waitfd stop = {.fd = client->stop_fd, .events = CURL_WAIT_POLLIN};
        if (status == CURLM_OK) status = wait_for_more(t, &stop);
        if (status != CURLM_OK) {
            rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "%s", curl_multi_strerror(status));
            return -1;
        }
        if (t->sse_result == SSE_STOPPED) return 0;
        if (stop.revents) {
            rpc_error_set(err, RPC_ERROR_INTERRUPTED, 0, "interrupted");
            return -1;
        }
        if (t->parser && rpc_clock_monotonic_ms() - t->byte_ms > FOLLOW_SILENCE_MS) {
            rpc_error_set(err, RPC_ERROR_TIMEOUT, 0, "%s has been silent for %d s", client->address,
                          FOLLOW_SILENCE_MS / 1000);
            return -1;
        }
    }
    int left;
    CURLMsg *message;
    *ret_code = CURLE_RECV_ERROR;
    while ((message = curl_multi_info_read(client->multi, &left)))
        if (message->msg == CURLMSG_DONE) *ret_code = message->data.result;
    return 0;
}

/* One request and its answer. The HTTP status, or -1. A stream that the handler has stopped counts
 * as 200. */
static int perform(struct rpc_client *client, const char *path, const char *body, size_t len,
                   struct curl_slist *headers, struct transfer *t, struct rpc_error *err) {
    struct rpc_strbuf url = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&url, "%s%s", client->base_url, path);
    rpc_strbuf_clear(&client->answer);
    client->curl_message[0] = '\0';
    t->client = client;

    /* The options are set anew each time; the connection is the multi handle's and stays. */
    CURL *easy = client->easy;
    curl_easy_reset(easy);
    if (client->is_unix) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->address);
    curl_easy_setopt(easy, CURLOPT_URL, rpc_strbuf_text(&url));
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->curl_message);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, client->connect_ms);
    if (t->parser)
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)STREAM_READ_BYTES);
    else if (client->total_ms > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, client->total_ms);
    if (body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    }

    CURLcode code = CURLE_OUT_OF_MEMORY;
    int result = url.failed || curl_multi_add_handle(client->multi, easy) != CURLM_OK
                     ? 0
                     : run(client, t, &code, err);
    curl_multi_remove_handle(client->multi, easy);
    rpc_strbuf_done(&url);
    if (result != 0) return -1;
    if (t->sse_result == SSE_STOPPED) return 200;
    if (code != CURLE_OK) return set_failure(client, t, code, err);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

int rpc_client_http(struct rpc_client *client, const char *path, const char *body, size_t len,
                    struct rpc_strbuf *ret_body, struct rpc_error *err) {
    struct transfer t = {0};
    int status = perform(client, path, body, len, client->headers, &t, err);
    if (status < 0 || !ret_body) return status;
    rpc_strbuf_clear(ret_body);
    rpc_strbuf_add(ret_body, rpc_strbuf_text(&client->answer), client->answer.len);
    return status;
}

json_t *rpc_client_call(struct rpc_client *client, const char *method, json_t *params,
                        struct rpc_error *err) {
    long long id = ++client->next_id;
    size_t len;
    char *body = rpc_encode_call(id, method, params, &len);
    if (!body) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    struct transfer t = {0};
    int status = perform(client, "/rpc", body, len, client->headers, &t, err);
    free(body);
    if (status < 0) return NULL;
    return rpc_read_answer(status, &client->answer, id, err);
}

static struct curl_slist *follow_headers(struct rpc_client *client, const char *last_event_id) {
    struct curl_slist *list = curl_slist_append(NULL, "Accept: text/event-stream");
    for (const struct curl_slist *h = client->headers; h && list; h = h->next)
        if (!curl_slist_append(list, h->data)) goto fail;
    if (list && last_event_id && *last_event_id) {
        struct rpc_strbuf header = RPC_STRBUF_INIT;
        rpc_strbuf_addf(&header, "Last-Event-ID: %s", last_event_id);
        struct curl_slist *longer = header.failed ? NULL : curl_slist_append(list, header.data);
        rpc_strbuf_done(&header);
        if (!longer) goto fail;
    }
    return list;
fail:
    curl_slist_free_all(list);
    return NULL;
}

int rpc_client_follow_with(struct rpc_client *client, const struct rpc_follow *follow,
                           struct rpc_error *err) {
    const char *last_id = follow->last_event_id ? follow->last_event_id : "";
    /* It may be our own rpc_client_last_event_id. */
    struct curl_slist *headers = follow_headers(client, last_id);
    if (!headers) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    struct sse_parser parser;
    sse_parser_init(&parser, follow->event, follow->ctx);
    rpc_strbuf_add_text(&parser.id, last_id);
    rpc_strbuf_add_text(&parser.last_id, last_id);
    struct transfer t = {.parser = &parser, .follow = follow};
    int status = perform(client, follow->path, follow->body, follow->len, headers, &t, err);
    rpc_strbuf_clear(&client->last_event_id);
    rpc_strbuf_add_text(&client->last_event_id, rpc_strbuf_text(&parser.last_id));
    sse_parser_done(&parser);
    curl_slist_free_all(headers);
    if (status < 0) return -1;
    if (status != 200) {
        rpc_set_http_error(status, &client->answer, err);
        return -1;
    }
    return t.sse_result == SSE_STOPPED ? RPC_FOLLOW_STOPPED : RPC_FOLLOW_CLOSED;
}

int rpc_client_follow(struct rpc_client *client, const char *path, const char *last_event_id,
                      rpc_sse_handler *handler, void *ctx, struct rpc_error *err) {
    const struct rpc_follow follow = {
        .path = path, .last_event_id = last_event_id, .event = handler, .ctx = ctx};
    return rpc_client_follow_with(client, &follow, err);
}

const char *rpc_client_last_event_id(const struct rpc_client *client) {
    return rpc_strbuf_text(&client->last_event_id);
}
