#include "src/upstream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_BYTES_MAX (16 * 1024)
/* connect(2) on a Unix socket whose backlog is full fails instead of waiting. */
#define CONNECT_RETRY_MS 10
#define CONNECT_TRIES 300

struct upstream {
    struct event_base *base;
    const struct upstream_ops *ops;
    void *ctx;
    struct sockaddr_un address;
    unsigned tries;
    struct event *timer; /* until connected: the next try; then the time limit */
    unsigned timeout_ms;
    struct evbuffer *request; /* until connected */
    struct bufferevent *stream;
    bool has_head, is_complete, has_failed;
    bool is_calling, is_closed; /* closed from its own call-back: freed when that returns */
    uint64_t left;              /* bytes of the body still to come; UINT64_MAX: until the end */
};

static void release(struct upstream *u) {
    if (u->timer) event_free(u->timer);
    if (u->stream) bufferevent_free(u->stream);
    if (u->request) evbuffer_free(u->request);
    free(u);
}

void upstream_close(struct upstream *u) {
    if (!u) return;
    u->is_closed = true;
    if (!u->is_calling) release(u);
}

/* False: the call-back has closed it, and it is gone. */
static bool end_call(struct upstream *u) {
    u->is_calling = false;
    if (!u->is_closed) return true;
    release(u);
    return false;
}

static void fail(struct upstream *u, const char *why) {
    if (u->has_failed || u->is_complete) return;
    u->has_failed = true;
    event_del(u->timer);
    u->is_calling = true;
    u->ops->failed(u->ctx, why);
    end_call(u);
}

/* ---- The answer -------------------------------------------------------------------------- */

/* The value of a header line, or NULL when the line is another one. */
static char *header_value(char *line, const char *name) {
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':') return NULL;
    line += len + 1;
    return line + strspn(line, " \t");
}

bool upstream_parse_head(char *text, struct upstream_head *head) {
    *head = (struct upstream_head){.content_type = "", .retry_after = "", .len = UINT64_MAX};
    char *save = NULL;
    char *line = strtok_r(text, "\r\n", &save);
    if (!line || sscanf(line, "HTTP/1.%*1d %3u", &head->status) != 1) return false;
    if (head->status < 200 || head->status > 599) return false; /* HTTP/1.0 has no 1xx */
    while ((line = strtok_r(NULL, "\r\n", &save))) {
        char *value;
        if ((value = header_value(line, "Content-Type"))) head->content_type = value;
        if ((value = header_value(line, "Retry-After"))) head->retry_after = value;
        if ((value = header_value(line, "Content-Length"))) head->len = strtoull(value, NULL, 10);
    }
    if (head->status == 204 || head->status == 304) head->len = 0;
    return true;
}

static void count_body(struct upstream *u, size_t more) {
    if (u->left != UINT64_MAX) u->left -= more < u->left ? more : u->left;
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *ctx) {
    (void)input;
    struct upstream *u = ctx;
    if (u->has_head) count_body(u, info->n_added);
}

/* False: it is not whole yet, or u has failed or is gone. */
static bool take_head(struct upstream *u) {
    struct evbuffer *input = bufferevent_get_input(u->stream);
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    char text[HEAD_BYTES_MAX];
    struct upstream_head head;
    if (end.pos < 0 && evbuffer_get_length(input) < sizeof text) return false;
    size_t len = (size_t)end.pos + 4;
    if (end.pos < 0 || len >= sizeof text) {
        fail(u, "its answer is not HTTP");
        return false;
    }
    evbuffer_remove(input, text, len);
    text[len] = '\0';
    if (!upstream_parse_head(text, &head)) {
        fail(u, "its answer is not HTTP");
        return false;
    }
    u->has_head = true;
    u->left = head.len;
    count_body(u, evbuffer_get_length(input));
    u->is_calling = true;
    u->ops->head(u->ctx, &head);
    return end_call(u);
}

static void finish(struct upstream *u) {
    u->is_complete = true;
    event_del(u->timer);
    bufferevent_disable(u->stream, EV_READ | EV_WRITE);
}

static void tell_data(struct upstream *u) {
    u->is_calling = true;
    u->ops->data(u->ctx);
    end_call(u);
}

static void on_read(struct bufferevent *stream, void *ctx) {
    (void)stream;
    struct upstream *u = ctx;
    if (u->has_failed || u->is_complete) return;
    if (!u->has_head && !take_head(u)) return;
    if (u->left == 0) finish(u);
    tell_data(u);
}

static void on_event(struct bufferevent *stream, short events, void *ctx) {
    (void)stream;
    struct upstream *u = ctx;
    int error = EVUTIL_SOCKET_ERROR();
    if (u->has_failed || u->is_complete) return;
    if (events & BEV_EVENT_ERROR) {
        fail(u, strerror(error));
    } else if (!u->has_head) {
        fail(u, "it closed the connection without an answer");
    } else if (u->left != 0 && u->left != UINT64_MAX) {
        fail(u, "it closed the connection in the middle of an answer");
    } else {
        finish(u);
        tell_data(u);
    }
}

/* ---- The connection ---------------------------------------------------------------------- */

static void arm(struct event *timer, unsigned ms) {
    event_add(timer, &(struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000});
}

static void begin(struct upstream *u, int fd) {
    u->stream = bufferevent_socket_new(u->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!u->stream) {
        close(fd);
        fail(u, "out of memory");
        return;
    }
    bufferevent_setcb(u->stream, on_read, NULL, on_event, u);
    bufferevent_setwatermark(u->stream, EV_READ, 0, UPSTREAM_WINDOW_BYTES);
    evbuffer_add_cb(bufferevent_get_input(u->stream), on_input, u);
    bufferevent_write_buffer(u->stream, u->request);
    bufferevent_enable(u->stream, EV_READ | EV_WRITE);
    if (u->timeout_ms) arm(u->timer, u->timeout_ms);
}

static void try_to_connect(struct upstream *u) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail(u, strerror(errno));
        return;
    }
    if (connect(fd, (struct sockaddr *)&u->address, sizeof u->address) == 0) {
        begin(u, fd);
        return;
    }
    int error = errno;
    close(fd);
    if (error == EAGAIN && ++u->tries < CONNECT_TRIES)
        arm(u->timer, CONNECT_RETRY_MS);
    else
        fail(u, strerror(error));
}

static void on_timer(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    struct upstream *u = ctx;
    if (!u->stream)
        try_to_connect(u);
    else
        fail(u, "it does not answer in time");
}

static struct evbuffer *compose(const struct upstream_request *request) {
    struct evbuffer *out = evbuffer_new();
    if (!out) return NULL;
    int failed = evbuffer_add_printf(out, "%s %s HTTP/1.0\r\nHost: localhost\r\n%s",
                                     request->method, request->target, request->headers) < 0;
    if (request->body)
        failed |= evbuffer_add_printf(
                      out, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                      request->len) < 0 ||
                  evbuffer_add(out, request->body, request->len) != 0;
    else
        failed |= evbuffer_add(out, "\r\n", 2) != 0;
    if (!failed) return out;
    evbuffer_free(out);
    return NULL;
}

struct upstream *upstream_open(struct event_base *base, const char *socket_path,
                               const struct upstream_request *request,
                               const struct upstream_ops *ops, void *ctx) {
    struct upstream *u = calloc(1, sizeof *u);
    if (!u) return NULL;
    u->base = base;
    u->ops = ops;
    u->ctx = ctx;
    u->timeout_ms = request->timeout_ms;
    u->left = UINT64_MAX;
    u->address.sun_family = AF_UNIX;
    snprintf(u->address.sun_path, sizeof u->address.sun_path, "%s", socket_path);
    u->request = compose(request);
    u->timer = event_new(base, -1, 0, on_timer, u);
    if (!u->request || !u->timer) {
        upstream_close(u);
        return NULL;
    }
    arm(u->timer, 0);
    return u;
}

struct evbuffer *upstream_body(struct upstream *u) {
    return bufferevent_get_input(u->stream);
}

bool upstream_is_complete(const struct upstream *u) {
    return u->is_complete;
}
