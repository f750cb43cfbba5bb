#include "server/forward.h"

#include "server/log.h"

#include <event2/event.h>
#include <hero_proc_sdk/shipper.h>
#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE "hero_runner_rhai_server"
#define LOOK_MS 200
#define SETTLE_MS 5000 /* after the end of a session whose lines do not get there */
#define FAREWELL_MS 500

/* A session that is forwarded. */
struct forwarded {
    LIST_ENTRY(forwarded) link;
    struct session_watch watch;
    struct forward *forward;
    struct session *session; /* a reference */
    uint64_t next_seq;
    char session_tag[sizeof "session=" + SESSION_ID_BYTES];
    /* Once it has ended: when, and how many lines of all sessions were handed over by then. */
    int64_t ended_ms; /* monotonic; 0: not yet */
    uint64_t last_line;
};

struct forward {
    struct proc_shipper *shipper; /* NULL: nobody has asked yet, or it could not be started */
    bool is_asked;
    struct event *timer;
    enum session_forwarding state, told; /* what is so, and what the log was told */
    uint64_t handed_over;
    LIST_HEAD(, forwarded) list;
};

/* ---- Lines ------------------------------------------------------------------------------ */

static void hand_over(struct forwarded *forwarded, const struct ring_line *line) {
    bool is_stderr = (line->stream & ~FRAME_LINE_PARTIAL) == FRAME_STREAM_STDERR;
    const char *const tags[] = {forwarded->session_tag, is_stderr ? "kind=stderr" : "kind=stdout",
                                NULL};
    const struct proc_shipper_line copy = {
        .text = line->text,
        .len = line->len,
        .level = "info",
        .timestamp_ms = (int64_t)(line->timestamp_us / 1000),
        .tags = tags,
    };
    forwarded->forward->handed_over++;
    proc_shipper_add(forwarded->forward->shipper, &copy);
}

static void on_changed(struct session_watch *watch) {
    struct forwarded *forwarded = (void *)((char *)watch - offsetof(struct forwarded, watch));
    const struct session *session = forwarded->session;
    struct ring_line line;
    if (forwarded->next_seq < session->ring.first_seq)
        forwarded->next_seq = session->ring.first_seq;
    for (; ring_get(&session->ring, forwarded->next_seq, &line); forwarded->next_seq++)
        hand_over(forwarded, &line);
    if (!session_has_ended(session) || forwarded->ended_ms) return;
    forwarded->ended_ms = rpc_clock_monotonic_ms();
    forwarded->last_line = forwarded->forward->handed_over;
}

/* ---- State ------------------------------------------------------------------------------ */

static void drop(struct forwarded *forwarded) {
    LIST_REMOVE(forwarded, link);
    session_unwatch(forwarded->session, &forwarded->watch);
    session_unref(forwarded->session);
    free(forwarded);
}

static void note_state(struct forward *forward, const struct proc_shipper_status *status) {
    enum session_forwarding state =
        status->state == PROC_SHIPPER_ACTIVE ? FORWARDING_ACTIVE : FORWARDING_UNAVAILABLE;
    if (status->state == PROC_SHIPPER_CONNECTING || state == forward->told) return;
    forward->state = forward->told = state;
    if (state == FORWARDING_ACTIVE)
        log_info("lines are forwarded", "dropped=%llu", (unsigned long long)status->dropped);
    else
        log_warn("lines are not forwarded", "error=\"%s\"", status->message);
}

/* Whether there is nothing more to learn about a session: its last line has been sent or dropped.
 */
static bool is_settled(const struct forwarded *forwarded,
                       const struct proc_shipper_status *status) {
    if (!forwarded->ended_ms) return false;
    return status->sent + status->dropped >= forwarded->last_line ||
           rpc_clock_monotonic_ms() - forwarded->ended_ms > SETTLE_MS;
}

static void look(struct forward *forward) {
    struct proc_shipper_status status;
    proc_shipper_status(forward->shipper, &status);
    note_state(forward, &status);
    struct forwarded *forwarded = LIST_FIRST(&forward->list), *next;
    for (; forwarded; forwarded = next) {
        next = LIST_NEXT(forwarded, link);
        forwarded->session->forwarding = forward->state;
        if (is_settled(forwarded, &status)) drop(forwarded);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    look(ctx);
}

/* ---- Life ------------------------------------------------------------------------------- */

static void begin(struct forward *forward) {
    const struct proc_shipper_options options = {.source = SOURCE};
    struct rpc_error err = {0};
    forward->is_asked = true;
    forward->state = FORWARDING_UNAVAILABLE;
    forward->shipper = proc_shipper_start(&options, &err);
    if (forward->shipper)
        event_add(forward->timer, &(struct timeval){.tv_usec = LOOK_MS * 1000});
    else
        log_error("cannot forward lines", "error=\"%s\"", err.message);
    rpc_error_clear(&err);
}

void forward_session(struct forward *forward, struct session *session) {
    struct forwarded *forwarded = calloc(1, sizeof *forwarded);
    if (!forward->is_asked) begin(forward);
    session->forwarding = FORWARDING_UNAVAILABLE;
    if (!forwarded || !forward->shipper) {
        free(forwarded);
        return;
    }
    forwarded->forward = forward;
    forwarded->session = session_ref(session);
    forwarded->next_seq = 1;
    forwarded->watch.changed = on_changed;
    snprintf(forwarded->session_tag, sizeof forwarded->session_tag, "session=%s", session->id);
    LIST_INSERT_HEAD(&forward->list, forwarded, link);
    session_watch(session, &forwarded->watch);
    look(forward);
    on_changed(&forwarded->watch); /* it may run already */
}

enum session_forwarding forward_state(const struct forward *forward) {
    return forward->state;
}

struct forward *forward_new(struct event_base *base, bool at_once) {
    struct forward *forward = calloc(1, sizeof *forward);
    if (!forward) return NULL;
    LIST_INIT(&forward->list);
    forward->timer = event_new(base, -1, EV_PERSIST, on_timer, forward);
    if (!forward->timer) {
        free(forward);
        return NULL;
    }
    if (at_once) begin(forward);
    return forward;
}

void forward_free(struct forward *forward) {
    if (!forward) return;
    while (!LIST_EMPTY(&forward->list))
        drop(LIST_FIRST(&forward->list));
    proc_shipper_stop(forward->shipper, FAREWELL_MS);
    event_free(forward->timer);
    free(forward);
}
