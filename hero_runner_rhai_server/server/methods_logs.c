/* session_logs: pages of lines, forwards from a cursor or backwards from one, held until there is
 * something to tell if the caller wants that. */
#include "server/methods.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 1000
#define MAX_LIMIT 10000
#define MAX_WAIT_MS 60000

/* What was asked for, also while the call is held. */
struct query {
    struct session_watch watch;
    struct session *session; /* held by the watch while the call is held */
    struct rpc_call *call;   /* NULL: the client has gone, while the store is read */
    struct runner *runner;
    struct event *timer;
    int64_t until_us; /* monotonic: when it is answered in any case */
    bool is_by_time, is_backwards;
    uint64_t after_seq;  /* forwards: the last line that needs not be looked at again */
    uint64_t before_seq; /* backwards */
    int64_t after_ts_ms;
    uint64_t limit;
    uint8_t stream;       /* 0: both */
    const char *contains; /* borrowed from the call; NULL: any text */
};

static bool passes(const struct query *query, const struct ring_line *line) {
    if (query->stream && (line->stream & ~FRAME_LINE_PARTIAL) != query->stream) return false;
    return !query->contains ||
           memmem(line->text, line->len, query->contains, strlen(query->contains));
}

/* ---- Pages -------------------------------------------------------------------------------- */

struct page {
    struct rpc_strbuf out; /* the lines */
    uint64_t count, dropped;
    uint64_t first_seq, next_seq; /* 0: none */
    uint64_t last_us;
};

static void add_line(struct page *page, const struct query *query, const struct ring_line *line) {
    if (page->count++ > 0) rpc_strbuf_add_char(&page->out, ',');
    session_write_line(query->session, line, &page->out);
    if (page->first_seq == 0) page->first_seq = line->seq;
    if (line->timestamp_us > page->last_us) page->last_us = line->timestamp_us;
}

/* The first line to look at; *ret_dropped: how many before it are lost. */
static uint64_t first_wanted(const struct query *query, uint64_t *ret_dropped) {
    const struct ring *ring = &query->session->ring;
    uint64_t seq = query->after_seq + 1;
    *ret_dropped = 0;
    if (!query->is_by_time && seq > session_visible_seq(query->session)) return seq;
    if (query->is_by_time) {
        seq = ring_find_time(ring, (uint64_t)query->after_ts_ms * 1000);
        /* Whether the lost ones were late enough is not known any more. */
        if (seq == ring->first_seq) *ret_dropped = ring_dropped(ring);
    } else if (seq < ring->first_seq) {
        *ret_dropped = ring->first_seq - seq;
        seq = ring->first_seq;
    }
    return seq;
}

static void fill_forwards(struct page *page, const struct query *query) {
    uint64_t seq = first_wanted(query, &page->dropped);
    struct ring_line line;
    page->next_seq = query->is_by_time || page->dropped > 0 ? seq - 1 : query->after_seq;
    uint64_t last = session_visible_seq(query->session);
    for (; page->count < query->limit && seq <= last && ring_get(&query->session->ring, seq, &line);
         seq++) {
        if (passes(query, &line)) add_line(page, query, &line);
        page->next_seq = seq;
    }
}

static void fill_backwards(struct page *page, const struct query *query) {
    const struct ring *ring = &query->session->ring;
    struct ring_line line;
    uint64_t behind = session_visible_seq(query->session) + 1;
    uint64_t end = query->before_seq < behind ? query->before_seq : behind;
    uint64_t found = 0, first = end;
    if (end < ring->first_seq) first = end = ring->first_seq; /* it is not stored yet */
    while (first > ring->first_seq && found < query->limit)
        if (ring_get(ring, --first, &line) && passes(query, &line)) found++;
    /* What is before the ring's lines is in the store, and comes with the next page. */
    if (first == ring->first_seq && found < query->limit && !query->session->row)
        page->dropped = ring_dropped(ring);
    for (uint64_t seq = first; seq < end && ring_get(ring, seq, &line); seq++)
        if (passes(query, &line)) add_line(page, query, &line);
    page->first_seq = page->dropped > 0 || end == 0 ? 1 : first;
    page->next_seq = end > 0 ? end - 1 : 0;
}

/* The rest of the object, behind the lines. */
static void finish_page(struct page *page, const struct query *query, struct rpc_call *call) {
    const struct session *session = query->session;
    int64_t given_ts = query->is_by_time ? query->after_ts_ms : 0;
    bool is_end = session_has_ended(session) && page->next_seq >= ring_last_seq(&session->ring);
    rpc_strbuf_addf(&page->out,
                    "],\"first_seq\":%llu,\"next_seq\":%llu,\"next_ts_ms\":%lld,\"dropped\":%llu,"
                    "\"ended\":%s}",
                    (unsigned long long)page->first_seq, (unsigned long long)page->next_seq,
                    (long long)(page->last_us ? (int64_t)(page->last_us / 1000) : given_ts),
                    (unsigned long long)page->dropped, is_end ? "true" : "false");
    reply_buffer(call, &page->out);
}

static void reply_from_ring(const struct query *query, struct rpc_call *call) {
    struct page page = {.out = RPC_STRBUF_INIT};
    rpc_strbuf_add_text(&page.out, "{\"lines\":[");
    if (query->is_backwards)
        fill_backwards(&page, query);
    else
        fill_forwards(&page, query);
    finish_page(&page, query, call);
}

/* ---- Pages of the store --------------------------------------------------------------------- */

/* Whether the page begins in lines that have left the ring. */
static bool is_in_store(const struct query *query) {
    const struct ring *ring = &query->session->ring;
    if (!query->session->row || ring_dropped(ring) == 0) return false;
    if (query->is_backwards) return query->before_seq <= ring->first_seq;
    if (!query->is_by_time)
        return query->after_seq < ring_dropped(ring) &&
               query->after_seq < session_visible_seq(query->session);
    return ring_find_time(ring, (uint64_t)query->after_ts_ms * 1000) == ring->first_seq;
}

/* What the store was given and has not was lost, on a full disk for example: between the cursor and
 * the lines that are in the ring, or not written yet; backwards, behind the last one it has. */
static void add_lost(struct page *page, const struct query *query) {
    uint64_t visible = session_visible_seq(query->session);
    uint64_t last =
        query->is_backwards ? query->before_seq - 1 : ring_dropped(&query->session->ring);
    if (last > visible) last = visible;
    if (query->is_backwards) {
        if (page->next_seq < last) page->dropped += last - page->next_seq;
    } else if (!query->is_by_time && page->next_seq == query->after_seq && page->next_seq < last) {
        page->dropped += last - page->next_seq;
        page->next_seq = last;
    }
}

static void on_page(void *ctx, int status, struct store_log_page *stored) {
    struct query *query = ctx;
    struct page page = {.out = RPC_STRBUF_INIT};
    rpc_strbuf_add_text(&page.out, "{\"lines\":[");
    for (size_t i = 0; status == 0 && i < stored->count; i++) {
        const struct store_log_line *from = &stored->lines[i];
        const struct ring_line line = {.seq = from->seq,
                                       .timestamp_us = from->timestamp_us,
                                       .stream = from->stream,
                                       .text = from->text,
                                       .len = from->len};
        add_line(&page, query, &line);
    }
    if (status == 0) {
        page.dropped = stored->dropped;
        page.next_seq = stored->last_covered;
        page.first_seq = stored->first_covered;
        if (!query->is_backwards && page.next_seq < query->after_seq)
            page.next_seq = query->after_seq;
        add_lost(&page, query);
    }
    store_log_page_free(stored);
    /* One that is still in memory may have become too old for the history. */
    bool is_removed = status == -ENOENT && session_has_ended(query->session);
    if (is_removed) sessions_delete(&query->runner->sessions, query->session->id);
    if (query->call) {
        rpc_call_on_gone(query->call, NULL, NULL);
        if (status == 0)
            finish_page(&page, query, query->call);
        else if (is_removed)
            refuse_unknown(query->call, query->session->id);
        else
            fail_store(query->call, status);
    }
    rpc_strbuf_done(&page.out);
    session_unref(query->session);
    free(query);
}

static void on_gone_meanwhile(void *ctx) {
    struct query *query = ctx;
    query->call = NULL;
}

static void read_page(const struct query *asked) {
    struct query *query = malloc(sizeof *query);
    int failed = -ENOMEM;
    if (query) {
        *query = *asked;
        const struct store_log_query store_query = {
            .id = asked->session->id,
            .after_seq = asked->after_seq,
            .before_seq = asked->is_backwards ? asked->before_seq : 0,
            .since_us = asked->is_by_time ? (uint64_t)asked->after_ts_ms * 1000 : 0,
            .limit = (uint32_t)asked->limit,
            .stream = asked->stream,
            .contains = {asked->contains, asked->contains ? strlen(asked->contains) : 0},
        };
        failed =
            store_read_log(archive_store(asked->runner->archive), &store_query, on_page, query);
    }
    if (failed) {
        free(query);
        fail_store(asked->call, failed);
        return;
    }
    session_ref(query->session);
    rpc_call_on_gone(asked->call, on_gone_meanwhile, query);
}

static void reply_page(const struct query *query) {
    if (is_in_store(query))
        read_page(query);
    else
        reply_from_ring(query, query->call);
}

/* ---- Held calls --------------------------------------------------------------------------- */

/* Whether there is something to tell. Lines that do not pass need not be looked at again. */
static bool has_lines(struct query *query) {
    uint64_t dropped, seq = first_wanted(query, &dropped);
    struct ring_line line;
    if (is_in_store(query) || dropped > 0) return true;
    uint64_t last = session_visible_seq(query->session);
    for (; seq <= last && ring_get(&query->session->ring, seq, &line); seq++) {
        if (passes(query, &line)) return true;
        if (!query->is_by_time) query->after_seq = seq;
    }
    return false;
}

static void end_wait(struct query *query) {
    archive_end_reading(query->session);
    session_unwatch(query->session, &query->watch);
    event_free(query->timer);
    free(query);
}

static void answer(struct query *query) {
    struct session *session = session_ref(query->session);
    struct query answered = *query;
    end_wait(query);
    rpc_call_on_gone(answered.call, NULL, NULL);
    reply_page(&answered);
    session_unref(session);
}

static void on_changed(struct session_watch *watch) {
    struct query *query = (void *)((char *)watch - offsetof(struct query, watch));
    if (has_lines(query) || session_has_ended(query->session)) answer(query);
}

static void set_timer(struct query *query) {
    int64_t us = query->until_us - rpc_clock_monotonic_us();
    event_add(query->timer, &(struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000});
}

/* The loop's clock is a coarse one, so timers may come some milliseconds early. */
static void on_timed_out(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct query *query = ctx;
    if (rpc_clock_monotonic_us() < query->until_us)
        set_timer(query);
    else
        answer(query);
}

static void on_gone(void *ctx) {
    end_wait(ctx);
}

static void hold(const struct query *asked, int64_t wait_ms) {
    struct query *query = malloc(sizeof *query);
    struct event *timer = query ? event_new(asked->runner->base, -1, 0, on_timed_out, query) : NULL;
    if (!timer) {
        free(query);
        rpc_call_fail(asked->call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return;
    }
    *query = *asked;
    query->timer = timer;
    query->watch.changed = on_changed;
    session_watch(query->session, &query->watch);
    archive_begin_reading(query->runner->archive, query->session);
    rpc_call_on_gone(query->call, on_gone, query);
    query->until_us = rpc_clock_monotonic_us() + wait_ms * 1000;
    set_timer(query);
}

/* ---- The call ----------------------------------------------------------------------------- */

static uint8_t stream_of(const char *kind) {
    if (!kind) return 0;
    return strcmp(kind, "stderr") == 0 ? FRAME_STREAM_STDERR : FRAME_STREAM_STDOUT;
}

static void logs(struct rpc_call *call, struct runner *runner, struct session *session) {
    bool has_after = given_param(call, "after_seq") != NULL;
    if (given_param(call, "before_seq") && (has_after || given_param(call, "after_ts_ms"))) {
        refuse(call, "before_seq", "goes with neither after_seq nor after_ts_ms");
        return;
    }
    struct query query = {
        .session = session,
        .call = call,
        .runner = runner,
        .is_by_time = !has_after && given_param(call, "after_ts_ms"),
        .is_backwards = given_param(call, "before_seq") != NULL,
        .after_seq = (uint64_t)rpc_call_integer(call, "after_seq", 0),
        .before_seq = (uint64_t)rpc_call_integer(call, "before_seq", 0),
        .after_ts_ms = rpc_call_integer(call, "after_ts_ms", 0),
        .limit = (uint64_t)clamp(rpc_call_integer(call, "limit", DEFAULT_LIMIT), MAX_LIMIT),
        .stream = stream_of(rpc_call_text(call, "kind", NULL)),
        .contains = rpc_call_text(call, "contains", NULL),
    };
    long long wait_ms = clamp(rpc_call_integer(call, "wait_ms", 0), MAX_WAIT_MS);
    if (wait_ms == 0 || query.is_backwards || session_has_ended(session) || has_lines(&query))
        reply_page(&query);
    else
        hold(&query, wait_ms);
}

void session_logs(struct rpc_call *call, void *ctx) {
    with_session(call, ctx, false, logs);
}
