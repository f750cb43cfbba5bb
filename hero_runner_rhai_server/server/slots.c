#include "server/slots.h"

#include "server/log.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/strbuf.h>
#include <stdlib.h>
#include <string.h>

#define REFILL_DELAY_MS 5  /* after a start, if the session has not ended before */
#define RETRY_DELAY_MS 100 /* after a failed fork or the death of a parked process */
#define AGE_CHECK_INTERVAL_S 1
#define CANCELLED_BEFORE_RUN "stopped before it ran"

/* ---- Keeping processes parked ------------------------------------------------------------ */

static void refill_after(struct slots *slots, int64_t ms) {
    if (event_pending(slots->refill, EV_TIMEOUT, NULL)) return;
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(slots->refill, &after);
}

/* How many sessions could run right now. */
static size_t waiting(const struct slots *slots) {
    size_t free_slots = (size_t)slots->config->workers - slots->running;
    size_t count = slots->queue.len < free_slots ? slots->queue.len : free_slots;
    return TAILQ_EMPTY(&slots->hidden_queue) ? count : count + 1;
}

/* How many parked processes there should be: what the operator says, and at least one for each
 * session that waits for nothing else. */
static size_t wanted(const struct slots *slots) {
    size_t parked = slots->idle ? 0 : (size_t)slots->config->parked;
    size_t least = waiting(slots);
    return least > parked ? least : parked;
}

/* Says how many more are wanted, which the zygote sees when it wakes up. */
static void want(struct slots *slots) {
    struct generation *current = slots->current;
    size_t there = slots->parked_count + (current ? current->requested : 0);
    if (slots->is_refill_paused || !current || wanted(slots) <= there) return;
    size_t count = wanted(slots) - there;
    if (zygote_link_want(current->link, count) < 0) return; /* it will say when it is ready */
    current->requested += count;
    current->is_awake = false;
}

/* And wakes it for those of which it may not know. */
static void refill(struct slots *slots) {
    want(slots);
    struct generation *current = slots->current;
    if (!current || current->requested == 0 || current->is_awake) return;
    zygote_link_wake(current->link);
    current->is_awake = true;
}

static void on_refill(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct slots *slots = ctx;
    slots->is_refill_paused = false;
    refill(slots);
}

/* After a failed fork, or the death of a process that had not begun: so that whatever kills them
 * does not make a loop of forks. */
static void pause_refill(struct slots *slots) {
    event_del(slots->refill);
    refill_after(slots, RETRY_DELAY_MS);
    slots->is_refill_paused = true;
}

static void unpark(struct slots *slots, struct process *process) {
    TAILQ_REMOVE(&slots->parked, process, link);
    slots->parked_count--;
    process->is_available = false;
    TAILQ_INSERT_TAIL(&slots->busy, process, link);
}

static void retire(struct slots *slots, struct process *process) {
    unpark(slots, process);
    process_retire(process);
}

static void on_age(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct slots *slots = ctx;
    int64_t oldest = rpc_clock_monotonic_ms() - slots->config->parked_age_s * 1000;
    struct process *process;
    while ((process = TAILQ_FIRST(&slots->parked)) && process->parked_at_ms < oldest) {
        retire(slots, process);
    }
    refill(slots);
}

/* ---- Starting sessions ------------------------------------------------------------------- */

static void start(struct slots *slots, struct session *session) {
    struct process *process = TAILQ_FIRST(&slots->parked);
    unpark(slots, process);
    if (!session->is_hidden) slots->running++;
    process_begin(process, session);
    session_unref(session); /* the queue's */
}

static void dispatch(struct slots *slots) {
    struct session *session;
    while (slots->parked_count > 0 && (session = TAILQ_FIRST(&slots->hidden_queue))) {
        TAILQ_REMOVE(&slots->hidden_queue, session, queue_link);
        start(slots, session);
    }
    while (slots->parked_count > 0 && slots->running < (size_t)slots->config->workers &&
           (session = queue_next(&slots->queue))) {
        queue_begin(&slots->queue, session);
        start(slots, session);
    }
    if (waiting(slots) > slots->parked_count) {
        refill(slots);
    } else {
        want(slots);
        refill_after(slots, REFILL_DELAY_MS);
    }
}

enum slots_outcome slots_can_admit(const struct slots *slots) {
    if (slots->is_draining) return SLOTS_DRAINING;
    size_t room = (size_t)slots->config->workers + (size_t)slots->config->queue;
    bool is_full = slots->running + slots->queue.len + slots->preparing_count >= room;
    return is_full ? SLOTS_FULL : SLOTS_TAKEN;
}

void slots_admit(struct slots *slots, struct session *session) {
    TAILQ_INSERT_TAIL(&slots->preparing, session, queue_link);
    slots->preparing_count++;
    sessions_add(slots->sessions, session);
}

static void end_preparing(struct slots *slots, struct session *session) {
    TAILQ_REMOVE(&slots->preparing, session, queue_link);
    slots->preparing_count--;
}

void slots_enqueue(struct slots *slots, struct session *session) {
    if (session_is_over(session)) return;
    end_preparing(slots, session);
    if (queue_add(&slots->queue, session) < 0)
        session_set_ended(session, SESSION_FAILED, REASON_ERROR, "out of memory");
    else
        dispatch(slots);
}

void slots_fail(struct slots *slots, struct session *session, enum session_reason reason,
                const char *message) {
    if (session_is_over(session)) return;
    end_preparing(slots, session);
    session_set_ended(session, SESSION_FAILED, reason, message);
}

enum slots_outcome slots_submit_hidden(struct slots *slots, struct session *session) {
    if (slots->idle) return SLOTS_DRAINING;
    session_ref(session);
    TAILQ_INSERT_TAIL(&slots->hidden_queue, session, queue_link);
    dispatch(slots);
    return SLOTS_TAKEN;
}

/* ---- Generations that come and go ---------------------------------------------------------- */

static void end_if_unused(struct generation *generation) {
    struct slots *slots = generation->slots;
    if (generation == slots->retiring && generation->processes == 0 && generation->requested == 0)
        zygote_link_retire(generation->link);
}

/* Of a process that is over. */
static void forget_process(struct process *process) {
    process->generation->processes--;
    end_if_unused(process->generation);
}

/* The new zygote is ready: what is parked of the old one goes, what runs may end. */
static void take_over(struct generation *generation) {
    struct slots *slots = generation->slots;
    slots->retiring = slots->current;
    slots->retiring->requested -= zygote_link_unwant(slots->retiring->link);
    slots->current = generation;
    slots->candidate = NULL;
    struct process *process;
    while ((process = TAILQ_FIRST(&slots->parked)))
        retire(slots, process);
    end_if_unused(slots->retiring);
    slots->ops.reloaded(slots->ops.ctx, generation->number, NULL);
}

static void give_up_candidate(struct slots *slots, const char *why) {
    struct generation *candidate = slots->candidate;
    slots->ops.reloaded(slots->ops.ctx, slots->current->number, why);
    zygote_link_retire(candidate->link);
}

/* ---- Ending sessions --------------------------------------------------------------------- */

static bool is_queued(const struct session *session) {
    return session->request != NULL; /* made when it is put there */
}

static void cancel_pending(struct slots *slots, struct session *session, const char *message) {
    if (is_queued(session)) {
        queue_remove(&slots->queue, session);
        session_set_ended(session, SESSION_CANCELLED, REASON_NONE, message);
        session_unref(session); /* the queue's */
    } else {
        end_preparing(slots, session);
        session_set_ended(session, SESSION_CANCELLED, REASON_NONE, message);
    }
}

bool slots_stop(struct slots *slots, struct session *session) {
    if (session_is_over(session)) return false;
    session->is_stop_asked = true;
    if (session->process)
        process_stop(session->process);
    else
        cancel_pending(slots, session, CANCELLED_BEFORE_RUN);
    return true;
}

static void tell_if_idle(struct slots *slots) {
    if (slots->idle && slots->running == 0) slots->idle(slots->idle_ctx);
}

static void add_usage(struct slots *slots, const struct control_usage *usage) {
    slots->usage.user_us += usage->user_us;
    slots->usage.system_us += usage->system_us;
    slots->usage.voluntary_switches += usage->voluntary_switches;
    slots->usage.involuntary_switches += usage->involuntary_switches;
    if (usage->max_rss_kib > slots->usage.max_rss_kib)
        slots->usage.max_rss_kib = usage->max_rss_kib;
}

/* To the head of its queue, as if it had never left it. */
static void put_back(struct slots *slots, struct session *session) {
    session->process = NULL;
    if (session->is_hidden) {
        session_ref(session);
        TAILQ_INSERT_HEAD(&slots->hidden_queue, session, queue_link);
    } else {
        queue_put_back(&slots->queue, session);
    }
}

static void on_over(void *ctx, struct process *process) {
    struct slots *slots = ctx;
    struct session *session = process->session;
    if (process->is_available) {
        log_warn("a parked session process has died", "pid=%d status=%d", (int)process->pid,
                 process->exit.status);
        unpark(slots, process);
        pause_refill(slots);
    }
    TAILQ_REMOVE(&slots->busy, process, link);
    TAILQ_INSERT_TAIL(&slots->dead, process, link);
    event_active(slots->bury, EV_TIMEOUT, 0);
    if (process->is_unkillable) slots->unkillable++;
    forget_process(process);
    if (!session) return;
    if (!session->is_hidden) slots->running--;
    if (process->is_unread) {
        pause_refill(slots);
        put_back(slots, session);
    } else if (!session->is_hidden) {
        queue_end(&slots->queue, session);
        add_usage(slots, &process->exit.usage);
    }
    dispatch(slots);
    tell_if_idle(slots);
}

/* Not in the callbacks of those that are freed. */
static void on_bury(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct slots *slots = ctx;
    struct process *process;
    while ((process = TAILQ_FIRST(&slots->dead))) {
        TAILQ_REMOVE(&slots->dead, process, link);
        process_free(process);
    }
}

/* ---- What a zygote says ------------------------------------------------------------------ */

static void on_ready(void *ctx) {
    struct generation *generation = ctx;
    struct slots *slots = generation->slots;
    generation->requested = 0;
    generation->is_ready = true;
    slots->is_refill_paused = false;
    if (generation == slots->candidate) take_over(generation);
    if (generation != slots->current) return;
    refill(slots);
    slots->ops.ready(slots->ops.ctx, generation->number);
}

static void on_parked(void *ctx, pid_t pid, int session_fd) {
    struct generation *generation = ctx;
    struct slots *slots = generation->slots;
    if (generation->requested > 0) generation->requested--;
    struct process *process = process_new(slots->base, &slots->owner, pid, session_fd);
    if (!process) return;
    process->generation = generation;
    generation->processes++;
    TAILQ_INSERT_TAIL(&slots->parked, process, link);
    slots->parked_count++;
    process->is_available = true;
    if (generation != slots->current) /* asked for before the other took over */
        retire(slots, process);
    else
        dispatch(slots);
}

static void on_park_failed(void *ctx, int error) {
    struct generation *generation = ctx;
    if (generation->requested > 0) generation->requested--;
    log_warn("no new session process", "error=\"%s\"", strerror(error));
    pause_refill(generation->slots);
    end_if_unused(generation);
}

static struct process *find_process(const struct generation *generation, pid_t pid) {
    struct slots *slots = generation->slots;
    struct process *process;
    TAILQ_FOREACH(process, &slots->busy, link) {
        if (process->pid == pid && process->generation == generation) return process;
    }
    TAILQ_FOREACH(process, &slots->parked, link) {
        if (process->pid == pid && process->generation == generation) return process;
    }
    return NULL;
}

static void on_exited(void *ctx, const struct control_message *message) {
    struct process *process = find_process(ctx, message->pid);
    if (process) process_note_exit(process, message);
}

/* Of no session (a parked process, one that has ended already): for the operator. */
static void on_stray(void *ctx, pid_t pid, uint8_t stream, const char *bytes, size_t len) {
    struct process *process = find_process(ctx, pid);
    if (process && process_add_strays(process, stream, bytes, len)) return;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    rpc_strbuf_add_json_string(&text, bytes, len);
    log_warn("a process of the zygote writes", "pid=%d text=%s", (int)pid, rpc_strbuf_text(&text));
    rpc_strbuf_done(&text);
}

static void on_dying(void *ctx) {
    struct generation *generation = ctx;
    struct slots *slots = generation->slots;
    generation->requested = 0;
    if (generation == slots->candidate) {
        give_up_candidate(slots, "the new zygote has died");
        return;
    }
    slots->restarts++;
    struct process *process = TAILQ_FIRST(&slots->parked), *next;
    for (; process; process = next) {
        next = TAILQ_NEXT(process, link);
        if (process->generation == generation) unpark(slots, process);
    }
    TAILQ_FOREACH(process, &slots->busy, link) {
        if (process->generation == generation) process_kill(process);
    }
}

static void on_died(void *ctx) {
    struct generation *generation = ctx;
    struct slots *slots = generation->slots;
    struct process *process = TAILQ_FIRST(&slots->busy), *next;
    for (; process; process = next) {
        next = TAILQ_NEXT(process, link);
        if (process->generation == generation) process_note_lost(process, "zygote lost");
    }
}

static void on_unusable(void *ctx, const char *why) {
    struct generation *generation = ctx;
    struct slots *slots = generation->slots;
    if (generation == slots->candidate)
        give_up_candidate(slots, why);
    else
        slots->ops.unusable(slots->ops.ctx, why);
}

static void on_retired(void *ctx) {
    struct generation *generation = ctx;
    struct slots *slots = generation->slots;
    log_info("zygote has been replaced", "generation=%u", generation->number);
    if (slots->retiring == generation) slots->retiring = NULL;
    if (slots->candidate == generation) slots->candidate = NULL;
    free(generation);
}

/* ---- Generations ------------------------------------------------------------------------- */

static struct generation *start_generation(struct slots *slots, struct rpc_error *err) {
    struct generation *generation = calloc(1, sizeof *generation);
    if (!generation) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    generation->slots = slots;
    generation->number = slots->generations + 1;
    const struct zygote_link_ops ops = {.ready = on_ready,
                                        .parked = on_parked,
                                        .park_failed = on_park_failed,
                                        .exited = on_exited,
                                        .dying = on_dying,
                                        .died = on_died,
                                        .unusable = on_unusable,
                                        .stray = on_stray,
                                        .retired = on_retired,
                                        .ctx = generation};
    generation->link = zygote_link_new(slots->base, &ops, &slots->zygote_options, err);
    if (!generation->link) {
        free(generation);
        return NULL;
    }
    slots->generations++;
    return generation;
}

int slots_start(struct slots *slots, struct rpc_error *err) {
    slots->current = start_generation(slots, err);
    return slots->current ? 0 : -1;
}

enum slots_outcome slots_reload(struct slots *slots, struct rpc_error *err) {
    if (slots->candidate || slots->retiring || !slots->current->is_ready) return SLOTS_FULL;
    slots->candidate = start_generation(slots, err);
    return slots->candidate ? SLOTS_TAKEN : SLOTS_NO_MEMORY;
}

/* ---- Life -------------------------------------------------------------------------------- */

static bool is_full(void *ctx, struct session *session) {
    struct slots *slots = ctx;
    return !session->is_hidden && slots->ops.is_full(slots->ops.ctx, session);
}

static void read_strays(void *ctx, struct process *process) {
    (void)ctx;
    zygote_link_read_strays(process->generation->link);
}

int slots_init(struct slots *slots, struct event_base *base, const struct config *config,
               struct sessions *sessions, const struct zygote_link_options *options,
               const struct slots_ops *ops) {
    memset(slots, 0, sizeof *slots);
    slots->config = config;
    slots->sessions = sessions;
    slots->base = base;
    slots->ops = *ops;
    slots->zygote_options = *options;
    slots->owner = (struct process_owner){.over = on_over,
                                          .is_full = is_full,
                                          .read_strays = read_strays,
                                          .ctx = slots,
                                          .cgroups = options->cgroups,
                                          .stop_grace_ms = config->stop_grace_ms};
    queue_init(&slots->queue);
    TAILQ_INIT(&slots->preparing);
    TAILQ_INIT(&slots->hidden_queue);
    TAILQ_INIT(&slots->parked);
    TAILQ_INIT(&slots->busy);
    TAILQ_INIT(&slots->dead);
    slots->bury = event_new(base, -1, 0, on_bury, slots);
    slots->refill = event_new(base, -1, 0, on_refill, slots);
    slots->age = event_new(base, -1, EV_PERSIST, on_age, slots);
    if (!slots->bury || !slots->refill || !slots->age) return -1;
    return event_add(slots->age, &(struct timeval){.tv_sec = AGE_CHECK_INTERVAL_S});
}

void slots_stop_zygotes(struct slots *slots) {
    struct generation **all[] = {&slots->current, &slots->candidate, &slots->retiring};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!*all[i]) continue;
        zygote_link_free((*all[i])->link);
        free(*all[i]);
        *all[i] = NULL;
    }
}

void slots_done(struct slots *slots) {
    struct process_list *lists[] = {&slots->parked, &slots->busy, &slots->dead};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct process *process;
        while ((process = TAILQ_FIRST(lists[i]))) {
            TAILQ_REMOVE(lists[i], process, link);
            process_free(process);
        }
    }
    queue_done(&slots->queue);
    struct session *session;
    while ((session = TAILQ_FIRST(&slots->hidden_queue))) {
        TAILQ_REMOVE(&slots->hidden_queue, session, queue_link);
        session_unref(session);
    }
    if (slots->bury) event_free(slots->bury);
    if (slots->refill) event_free(slots->refill);
    if (slots->age) event_free(slots->age);
}

void slots_drain(struct slots *slots, bool on) {
    slots->is_draining = on || slots->idle;
}

void slots_end(struct slots *slots, void (*idle)(void *ctx), void *ctx) {
    slots->is_draining = true;
    slots->idle = idle;
    slots->idle_ctx = ctx;
    struct session *session;
    while ((session = queue_first(&slots->queue)) || (session = TAILQ_FIRST(&slots->preparing)))
        cancel_pending(slots, session, "server stopped");
    tell_if_idle(slots);
}

void slots_stop_all(struct slots *slots) {
    struct process *process;
    TAILQ_FOREACH(process, &slots->busy, link) {
        process->lost = "server stopped";
        process_stop(process);
    }
}
