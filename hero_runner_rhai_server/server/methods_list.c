/*
 * session_list: sessions that have not ended (or whose record waits for a full disk) from memory,
 * all others from the store, as one list in the order asked for.
 */
#include "server/methods.h"
#include "server/record.h"
#include "server/users.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 1000
#define MAX_LIMIT 10000
#define STATUS_COUNT (SESSION_CANCELLED + 1)

struct order;

/* One call, while the store is asked. */
struct listing {
    struct rpc_call *call; /* NULL: the client has gone */
    struct runner *runner;
    bool wants[STATUS_COUNT];
    int64_t since_ms, until_ms;                 /* until 0: open */
    const char *text, *caller, *tag, *callback; /* borrowed from the call; NULL: any */
    const struct order *order;
    bool is_ascending;
    uint64_t offset, limit;
    uint64_t fetched_from; /* of the store's, the number of the first one asked for */
    /* Those in memory, in order, as they were before the store was asked; references. */
    struct session **live;
    size_t live_count, ended_count; /* ended_count: of them, when the answer has come */
    bool is_second;                 /* asked for the second time */
};

/* ---- Those in memory ---------------------------------------------------------------------- */

static bool has_tag(const struct session *session, const char *tag) {
    size_t index;
    const json_t *one;
    json_array_foreach(session_asked(session, "tags"), index, one) {
        if (strcmp(json_string_value(one), tag) == 0) return true;
    }
    return false;
}

static bool has_text(const struct session *session, const char *text) {
    size_t index;
    const json_t *tag, *script = session_script(session);
    if (strncasecmp(session->id, text, strlen(text)) == 0) return true;
    if (script && strcasestr(json_string_value(script), text)) return true;
    if (session->source_name && strcasestr(session->source_name, text)) return true;
    if (session->message && strcasestr(session->message, text)) return true;
    json_array_foreach(session_asked(session, "tags"), index, tag) {
        if (strcasestr(json_string_value(tag), text)) return true;
    }
    return false;
}

static bool has_caller(const struct session *session, const char *who) {
    const struct session_caller *caller = &session->caller;
    char uid[24] = "";
    const char *user = caller->has_uid ? users_name(caller->uid) : NULL;
    if (caller->has_uid) snprintf(uid, sizeof uid, "%u", caller->uid);
    return strcmp(uid, who) == 0 || (user && strcmp(user, who) == 0) ||
           (caller->hero_user && strcmp(caller->hero_user, who) == 0);
}

static bool has_callback(const struct session *session, const char *state) {
    const char *is = session_callback_name(session->callback.state);
    return is && strcmp(is, state) == 0;
}

static bool passes(const struct listing *listing, const struct session *session) {
    int64_t queued_ms = session->queued_us / 1000;
    return listing->wants[session->status] && queued_ms >= listing->since_ms &&
           (listing->until_ms == 0 || queued_ms < listing->until_ms) &&
           (!listing->tag || has_tag(session, listing->tag)) &&
           (!listing->callback || has_callback(session, listing->callback)) &&
           (!listing->caller || has_caller(session, listing->caller)) &&
           (!listing->text || has_text(session, listing->text));
}

/* ---- Orders -------------------------------------------------------------------------------- */

static int64_t by_queued(const struct session *s) {
    return s->queued_us;
}
static int64_t by_started(const struct session *s) {
    return s->started_us;
}
static int64_t by_ended(const struct session *s) {
    return session_has_ended(s) ? s->ended_us : 0;
}
static int64_t by_duration(const struct session *s) {
    if (!s->started_us) return 0;
    return (session_has_ended(s) ? s->ended_us : rpc_clock_wall_us()) - s->started_us;
}
static int64_t by_lines(const struct session *s) {
    return (int64_t)ring_last_seq(&s->ring);
}
static int64_t by_cpu(const struct session *s) {
    return s->usage.user_us + s->usage.system_us;
}
static int64_t by_memory(const struct session *s) {
    return s->usage.max_rss_kib;
}

static const struct order {
    const char *name;
    enum store_sort sort;
    int64_t (*key)(const struct session *session);
} orders[] = {
    {"queued", STORE_SORT_QUEUED, by_queued}, {"started", STORE_SORT_STARTED, by_started},
    {"ended", STORE_SORT_ENDED, by_ended},    {"duration", STORE_SORT_DURATION, by_duration},
    {"lines", STORE_SORT_LINES, by_lines},    {"cpu", STORE_SORT_CPU, by_cpu},
    {"memory", STORE_SORT_MEMORY, by_memory},
};

/* Ascending; among equals by the time of posting. */
static int compare(const struct order *order, const struct session *a, const struct session *b) {
    int64_t x = order->key(a), y = order->key(b);
    if (x == y) x = a->queued_us, y = b->queued_us;
    return x < y ? -1 : x > y;
}

static int compare_live(const void *a, const void *b, void *ctx) {
    const struct listing *listing = ctx;
    int result = compare(listing->order, *(const struct session *const *)a,
                         *(const struct session *const *)b);
    return listing->is_ascending ? result : -result;
}

static bool is_live(const struct session *session) {
    return !session_has_ended(session) || !session->row || session->is_off_disk;
}

static bool collect_live(struct listing *listing) {
    const struct sessions *all = &listing->runner->sessions;
    listing->live = calloc(all->count + 1, sizeof *listing->live);
    if (!listing->live) return false;
    struct session *session;
    TAILQ_FOREACH(session, &all->list, table_link) {
        if (!is_live(session) || !passes(listing, session)) continue;
        if (session->process) process_sample(session->process);
        listing->live[listing->live_count++] = session_ref(session);
    }
    qsort_r(listing->live, listing->live_count, sizeof *listing->live, compare_live, listing);
    return true;
}

static void forget_live(struct listing *listing) {
    for (size_t i = 0; i < listing->live_count; i++)
        session_unref(listing->live[i]);
    free(listing->live);
    listing->live = NULL;
    listing->live_count = 0;
}

static void end(struct listing *listing) {
    forget_live(listing);
    free(listing);
}

/* ---- The answer ----------------------------------------------------------------------------- */

/* The live one with that id, if it has ended meanwhile; it may have left the table since. */
static struct session *ended_live(const struct listing *listing, const char *id) {
    for (size_t i = 0, left = listing->ended_count; left > 0; i++) {
        if (!session_has_ended(listing->live[i])) continue;
        if (strcmp(listing->live[i]->id, id) == 0) return listing->live[i];
        left--;
    }
    return NULL;
}

/* The store's next one that is not among the live ones (it may have ended meanwhile); NULL: none. A
 * new reference. */
static struct session *next_stored(const struct listing *listing,
                                   const struct store_sessions *stored, size_t *place,
                                   uint64_t *ret_twice) {
    for (; stored && *place < stored->count; ++*place) {
        const struct store_session *item = &stored->items[*place];
        struct session *known = ended_live(listing, item->id);
        if (known) {
            ++*ret_twice;
            /* There was room for it at last. */
            known->is_off_disk = false;
            continue;
        }
        ++*place;
        return record_to_session(item, NULL, (struct store_bytes){0},
                                 &listing->runner->ring_limits);
    }
    return NULL;
}

static void add(struct rpc_strbuf *out, const struct session *session, bool is_first) {
    rpc_strbuf_add_text(out, is_first ? "{" : ",{");
    session_write_info(session, out);
    rpc_strbuf_add_char(out, '}');
}

/* Merges both, which are in order. The store was asked for a part that begins at `fetched_from`, at
 * most as many before `offset` as there are live ones; so what of the live ones comes before that
 * part comes before `offset` too. */
static void write_list(const struct listing *listing, const struct store_sessions *stored,
                       struct rpc_strbuf *out) {
    uint64_t skip = listing->offset - listing->fetched_from, written = 0, twice = 0;
    size_t l = 0, s = 0;
    struct session *from_store = next_stored(listing, stored, &s, &twice);
    rpc_strbuf_add_text(out, "{\"sessions\":[");
    while (written < listing->limit && (l < listing->live_count || from_store)) {
        bool is_stored = from_store &&
                         (l == listing->live_count || compare_live(&from_store, &listing->live[l],
                                                                   (void *)(uintptr_t)listing) < 0);
        const struct session *next = is_stored ? from_store : listing->live[l++];
        if (skip > 0)
            skip--;
        else
            add(out, next, written++ == 0);
        if (is_stored) {
            session_unref(from_store);
            from_store = next_stored(listing, stored, &s, &twice);
        }
    }
    session_unref(from_store);
    uint64_t total = listing->live_count + (stored ? stored->total - twice : 0);
    rpc_strbuf_addf(out, "],\"total\":%llu}", (unsigned long long)total);
}

static void reply(struct listing *listing, const struct store_sessions *stored) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    for (size_t i = 0; i < listing->live_count; i++)
        listing->ended_count += session_has_ended(listing->live[i]);
    queue_number(&listing->runner->slots.queue);
    write_list(listing, stored, &out);
    reply_buffer(listing->call, &out);
}

static int ask_store(struct listing *listing);

static bool is_collected(const struct listing *listing, const struct session *session) {
    size_t i = 0;
    while (i < listing->live_count && listing->live[i] != session)
        i++;
    return i < listing->live_count;
}

/* Whether the store could not take the record of a session that had ended when it was asked. */
static bool has_missed_one(const struct listing *listing) {
    const struct session *session;
    TAILQ_FOREACH(session, &listing->runner->sessions.list, table_link) {
        if (session->is_off_disk && session_has_ended(session) && passes(listing, session) &&
            !is_collected(listing, session))
            return true;
    }
    return false;
}

/* Asks anew, with what is in memory now. */
static bool begin_again(struct listing *listing) {
    forget_live(listing);
    listing->fetched_from = 0;
    return collect_live(listing) && ask_store(listing) > 0;
}

static void on_stored(void *ctx, int status, struct store_sessions *stored) {
    struct listing *listing = ctx;
    if (listing->call && status == 0 && !listing->is_second && has_missed_one(listing)) {
        listing->is_second = true;
        store_sessions_free(stored);
        if (begin_again(listing)) return;
        stored = NULL;
        status = -ENOMEM;
    }
    if (listing->call) {
        rpc_call_on_gone(listing->call, NULL, NULL);
        if (status == 0)
            reply(listing, stored);
        else
            fail_store(listing->call, status);
    }
    store_sessions_free(stored);
    end(listing);
}

static void on_gone(void *ctx) {
    struct listing *listing = ctx;
    listing->call = NULL;
}

/* ---- The call ------------------------------------------------------------------------------- */

static void read_statuses(struct listing *listing) {
    const json_t *given = given_param(listing->call, "status"), *name;
    size_t index;
    for (int i = 0; i < STATUS_COUNT; i++)
        listing->wants[i] = !given;
    json_array_foreach(given, index, name) {
        listing->wants[session_status_from(json_string_value(name))] = true;
    }
}

static int ask_store(struct listing *listing) {
    size_t live_count = listing->live_count;
    const char *statuses[STATUS_COUNT];
    size_t count = 0;
    for (int i = SESSION_SUCCEEDED; i < STATUS_COUNT; i++)
        if (listing->wants[i]) statuses[count++] = session_status_name((enum session_status)i);
    if (count == 0) return 0;
    if (listing->offset > live_count) listing->fetched_from = listing->offset - live_count;
    const struct store_query query = {
        .statuses = statuses,
        .status_count = count,
        .since_us = listing->since_ms * 1000,
        .until_us = listing->until_ms * 1000,
        .text = listing->text,
        .caller = listing->caller,
        .tag = listing->tag,
        .callback = listing->callback,
        .sort = listing->order->sort,
        .is_ascending = listing->is_ascending,
        .offset = listing->fetched_from,
        .limit = (uint32_t)(listing->limit + live_count),
    };
    int failed = store_list(archive_store(listing->runner->archive), &query, on_stored, listing);
    return failed ? failed : 1;
}

void session_list(struct rpc_call *call, void *ctx) {
    struct listing *listing = calloc(1, sizeof *listing);
    if (!listing) {
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return;
    }
    *listing = (struct listing){
        .call = call,
        .runner = ctx,
        .since_ms = rpc_call_integer(call, "since_ms", 0),
        .until_ms = rpc_call_integer(call, "until_ms", 0),
        .text = rpc_call_text(call, "text", NULL),
        .caller = rpc_call_text(call, "caller", NULL),
        .tag = rpc_call_text(call, "tag", NULL),
        .callback = rpc_call_text(call, "callback", NULL),
        .order = &orders[0],
        .is_ascending = strcmp(rpc_call_text(call, "order", "desc"), "asc") == 0,
        .offset = (uint64_t)rpc_call_integer(call, "offset", 0),
        .limit = (uint64_t)clamp(rpc_call_integer(call, "limit", DEFAULT_LIMIT), MAX_LIMIT),
    };
    const char *sort = rpc_call_text(call, "sort", "queued");
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (strcmp(orders[i].name, sort) == 0) listing->order = &orders[i];
    read_statuses(listing);
    int asked = collect_live(listing) ? ask_store(listing) : -ENOMEM;
    if (asked > 0) {
        rpc_call_on_gone(call, on_gone, listing);
        return;
    }
    if (asked == 0)
        reply(listing, NULL);
    else
        fail_store(call, asked);
    end(listing);
}
