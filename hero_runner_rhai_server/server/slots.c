#include "server/slots.h"

#include "server/log.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
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

/* How many parked processes there should be: what the operator says, and at least one for each
 * session that could run right now. */
static size_t wanted(const struct slots *slots) {
    size_t free_slots = (size_t)slots->config->workers - slots->running;
    size_t waiting = slots->queued < free_slots ? slots->queued : free_slots;
    if (!TAILQ_EMPTY(&slots->hidden_queue)) waiting++;
    size_t parked = slots->is_draining ? 0 : (size_t)slots->config->parked;
    return waiting > parked ? waiting : parked;
}

static void refill(struct slots *slots) {
    size_t there = slots->parked_count + slots->requested;
    if (slots->is_refill_paused || !slots->link || wanted(slots) <= there) return;
    size_t count = wanted(slots) - there;
    if (zygote_link_park(slots->link, (int)count) == 0)
        slots->requested += count;
    else
        refill_after(slots, RETRY_DELAY_MS); /* or when the zygote says that it is ready */
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

static void on_age(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct slots *slots = ctx;
    int64_t oldest = rpc_clock_monotonic_ms() - slots->config->parked_age_s * 1000;
    struct process *process;
    while ((process = TAILQ_FIRST(&slots->parked)) && process->parked_at_ms < oldest) {
        unpark(slots, process);
        process_retire(process);
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
           (session = TAILQ_FIRST(&slots->queue))) {
        TAILQ_REMOVE(&slots->queue, session, queue_link);
        slots->queued--;
        start(slots, session);
    }
    if (slots->parked_count == 0)
        refill(slots);
    else
        refill_after(slots, REFILL_DELAY_MS);
}

enum slots_outcome slots_submit(struct slots *slots, struct session *session) {
    if (slots->is_draining) return SLOTS_DRAINING;
    size_t room = (size_t)slots->config->workers + (size_t)slots->config->queue;
    if (!session->is_hidden && slots->running + slots->queued >= room) return SLOTS_FULL;
    session_ref(session);
    if (session->is_hidden) {
        TAILQ_INSERT_TAIL(&slots->hidden_queue, session, queue_link);
    } else {
        TAILQ_INSERT_TAIL(&slots->queue, session, queue_link);
        slots->queued++;
        sessions_add(slots->sessions, session);
    }
    dispatch(slots);
    return SLOTS_TAKEN;
}

/* ---- Ending sessions --------------------------------------------------------------------- */

static void cancel_pending(struct slots *slots, struct session *session, const char *message) {
    TAILQ_REMOVE(&slots->queue, session, queue_link);
    slots->queued--;
    session_set_ended(session, SESSION_CANCELLED, REASON_NONE, message);
    sessions_note_end(slots->sessions, session);
    session_unref(session);
}

bool slots_stop(struct slots *slots, struct session *session) {
    if (session_has_ended(session)) return false;
    session->is_stop_asked = true;
    if (session->process)
        process_stop(session->process);
    else
        cancel_pending(slots, session, CANCELLED_BEFORE_RUN);
    return true;
}

static void tell_if_idle(struct slots *slots) {
    if (slots->is_draining && slots->running == 0 && slots->idle) slots->idle(slots->idle_ctx);
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
    session_ref(session);
    if (session->is_hidden) {
        TAILQ_INSERT_HEAD(&slots->hidden_queue, session, queue_link);
    } else {
        TAILQ_INSERT_HEAD(&slots->queue, session, queue_link);
        slots->queued++;
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
    if (!session) return;
    if (!session->is_hidden) slots->running--;
    if (process->is_unread) {
        pause_refill(slots);
        put_back(slots, session);
    } else if (!session->is_hidden) {
        add_usage(slots, &process->exit.usage);
        sessions_note_end(slots->sessions, session);
    }
    dispatch(slots);
    tell_if_idle(slots);
}

/* After the answers: they were made active before, and asking the zygote wakes another process. */
static void on_bury(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct slots *slots = ctx;
    struct process *process;
    while ((process = TAILQ_FIRST(&slots->dead))) {
        TAILQ_REMOVE(&slots->dead, process, link);
        process_free(process);
    }
    refill(slots);
}

/* ---- What the zygote says ---------------------------------------------------------------- */

static void on_ready(void *ctx) {
    struct slots *slots = ctx;
    slots->requested = 0;
    slots->is_refill_paused = false;
    refill(slots);
}

static void on_parked(void *ctx, pid_t pid, const int fds[CONTROL_FD_COUNT]) {
    struct slots *slots = ctx;
    if (slots->requested > 0) slots->requested--;
    struct process *process = process_new(slots->base, &slots->owner, pid, fds);
    if (!process) return;
    TAILQ_INSERT_TAIL(&slots->parked, process, link);
    slots->parked_count++;
    process->is_available = true;
    dispatch(slots);
}

static void on_park_failed(void *ctx, int error) {
    struct slots *slots = ctx;
    if (slots->requested > 0) slots->requested--;
    log_warn("no new session process", "error=\"%s\"", strerror(error));
    pause_refill(slots);
}

static struct process *find_process(struct slots *slots, pid_t pid) {
    struct process *process;
    TAILQ_FOREACH(process, &slots->busy, link) {
        if (process->pid == pid) return process;
    }
    TAILQ_FOREACH(process, &slots->parked, link) {
        if (process->pid == pid) return process;
    }
    return NULL;
}

static void on_exited(void *ctx, const struct control_message *message) {
    struct process *process = find_process(ctx, message->pid);
    if (process) process_note_exit(process, message);
}

static void on_dying(void *ctx) {
    struct slots *slots = ctx;
    slots->requested = 0;
    struct process *process;
    while ((process = TAILQ_FIRST(&slots->parked)))
        unpark(slots, process);
    TAILQ_FOREACH(process, &slots->busy, link) {
        process_kill(process);
    }
}

static void on_died(void *ctx) {
    struct slots *slots = ctx;
    struct process *process = TAILQ_FIRST(&slots->busy), *next;
    for (; process; process = next) {
        next = TAILQ_NEXT(process, link);
        process_note_lost(process, "zygote lost");
    }
}

/* ---- Life -------------------------------------------------------------------------------- */

int slots_init(struct slots *slots, struct event_base *base, const struct config *config,
               struct sessions *sessions) {
    memset(slots, 0, sizeof *slots);
    slots->config = config;
    slots->sessions = sessions;
    slots->base = base;
    slots->owner = (struct process_owner){
        .over = on_over, .ctx = slots, .stop_grace_ms = config->stop_grace_ms};
    TAILQ_INIT(&slots->queue);
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

void slots_done(struct slots *slots) {
    struct process_list *lists[] = {&slots->parked, &slots->busy, &slots->dead};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct process *process;
        while ((process = TAILQ_FIRST(lists[i]))) {
            TAILQ_REMOVE(lists[i], process, link);
            process_free(process);
        }
    }
    struct session_queue *queues[] = {&slots->queue, &slots->hidden_queue};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        struct session *session;
        while ((session = TAILQ_FIRST(queues[i]))) {
            TAILQ_REMOVE(queues[i], session, queue_link);
            session_unref(session);
        }
    }
    if (slots->bury) event_free(slots->bury);
    if (slots->refill) event_free(slots->refill);
    if (slots->age) event_free(slots->age);
}

struct zygote_link_ops slots_zygote_ops(struct slots *slots) {
    return (struct zygote_link_ops){.ready = on_ready,
                                    .parked = on_parked,
                                    .park_failed = on_park_failed,
                                    .exited = on_exited,
                                    .dying = on_dying,
                                    .died = on_died,
                                    .ctx = slots};
}

void slots_drain(struct slots *slots, void (*idle)(void *ctx), void *ctx) {
    slots->is_draining = true;
    slots->idle = idle;
    slots->idle_ctx = ctx;
    while (!TAILQ_EMPTY(&slots->queue))
        cancel_pending(slots, TAILQ_FIRST(&slots->queue), "server stopped");
    tell_if_idle(slots);
}

void slots_stop_all(struct slots *slots) {
    struct process *process;
    TAILQ_FOREACH(process, &slots->busy, link) {
        process->lost = "server stopped";
        process_stop(process);
    }
}
