#include "server/process.h"

#include "server/cgroups.h"
#include "server/log.h"
#include "server/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* What one process may make the loop read before others have their turn. */
#define READS_PER_TURN 8

static void set_timer(struct process *process, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(&process->timer, &after);
}

/* It holds its end of the socket as long as it lives, and nobody else does. */
static bool is_alive(const struct process *process) {
    struct pollfd end = {.fd = process->socket};
    return process->socket >= 0 && poll(&end, 1, 0) >= 0 && !(end.revents & (POLLHUP | POLLERR));
}

/* If it is alive after the pidfd was opened, the pidfd is its own: until its death nobody else can
 * have its number. */
static void send_signal(struct process *process, int signal) {
    int pidfd = pidfd_open(process->pid, 0);
    if (pidfd < 0) return;
    if (is_alive(process)) pidfd_send_signal(pidfd, signal, NULL, 0);
    close(pidfd);
}

/* Whether its session may have a control group. */
static bool has_group(const struct process *process) {
    return process->session && process->session->limits.value[LIMIT_PROCESSES] > 0;
}

static bool is_refused_processes(const struct process *process) {
    return has_group(process) && cgroups_has_refused(process->owner->cgroups, process->pid);
}

/* The script may have seen it before the server did. */
static void note_refused_processes(struct process *process) {
    if (process->over_limit < 0 && is_refused_processes(process))
        process->over_limit = LIMIT_PROCESSES;
}

/* ---- The end ---------------------------------------------------------------------------- */

static void end_over_limit(struct process *process) {
    struct session *session = process->session;
    enum limit limit = (enum limit)process->over_limit;
    char text[128];
    snprintf(text, sizeof text, "over its limit of %s: %lld", limit_name(limit),
             (long long)session->limits.value[limit]);
    session_set_ended(session, SESSION_FAILED, REASON_LIMIT, text);
}

/* Limits that hold whatever the script came to: one that was refused a process may have come to
 * anything, and output is too much however soon it ends behind it. */
static bool is_over_whatever(const struct process *process) {
    return process->over_limit == LIMIT_PROCESSES || process->over_limit == LIMIT_OUTPUT_BYTES;
}

/* How the session ended, in order of precedence: else what the script itself came to counts more
 * than what was done to its process meanwhile. */
static void end_session(struct process *process) {
    struct session *session = process->session;
    const struct session_result *result = &session->result;
    char text[128];
    int status = process->exit.status;

    if (!session->started_us) { /* it died before it could say so */
        session->started_us = process->begun_us;
        session->pid = process->pid;
    }
    if (process->is_unkillable) {
        session_set_ended(session, SESSION_FAILED, REASON_UNKILLABLE,
                          "a process of the session does not die");
    } else if (is_over_whatever(process)) {
        end_over_limit(process);
    } else if (result->outcome == OUTCOME_OK) {
        session_set_ended(session, SESSION_SUCCEEDED, REASON_NONE, NULL);
    } else if (result->outcome == OUTCOME_EXIT) {
        session->exit_code = (int)result->exit_code;
        snprintf(text, sizeof text, "the script ended with exit(%lld)",
                 (long long)result->exit_code);
        session_set_ended(session, SESSION_FAILED, REASON_EXIT, text);
    } else if (result->outcome == OUTCOME_ERROR) {
        session_set_ended(session, SESSION_FAILED, result->is_limit ? REASON_LIMIT : REASON_ERROR,
                          result->error_message);
    } else if (process->over_limit >= 0) {
        end_over_limit(process);
    } else if (session->is_stop_asked) {
        session_set_ended(session, SESSION_CANCELLED, REASON_NONE, "stopped");
    } else if (process->is_timed_out) {
        snprintf(text, sizeof text, "timed out after %lld ms", (long long)session->timeout_ms);
        session_set_ended(session, SESSION_FAILED, REASON_TIMEOUT, text);
    } else if (process->lost) {
        session_set_ended(session, SESSION_FAILED, REASON_LOST, process->lost);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        session_set_ended(session, SESSION_FAILED, REASON_LIMIT, "over its limit of cpu_ms");
    } else if (WIFSIGNALED(status) || result->outcome == OUTCOME_TERMINATED) {
        session->signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGTERM;
        snprintf(text, sizeof text, "killed by signal %d (%s)", session->signal,
                 strsignal(session->signal));
        session_set_ended(session, SESSION_FAILED, REASON_SIGNAL, text);
    } else {
        snprintf(text, sizeof text, "the session process ended without a result (exit code %d)",
                 WEXITSTATUS(status));
        session_set_ended(session, SESSION_FAILED, REASON_LOST, text);
    }
}

/* A parked process may die just before it is given a session. The kernel tells: the request cannot
 * be sent, or was not read to its end; or it was not sent yet. Such a session can be run by another
 * process. */
static bool has_not_begun(const struct process *process) {
    const struct session *session = process->session;
    return session && (process->is_unread || process->is_held) &&
           session->status == SESSION_PENDING && !session->is_stop_asked &&
           !process->is_timed_out && !process->is_unkillable;
}

static void put_stray_line(void *ctx, const char *text, size_t len, bool is_partial);

/* What it has begun to write to 1 and 2 is all there will be. */
static void end_strays(struct process *process) {
    for (int i = 0; i < 2; i++) {
        struct process_strays *strays = &process->strays[i];
        event_del(&strays->silence);
        lines_flush(&strays->lines, false, put_stray_line, strays);
    }
}

static void tell_lines(struct process *process);

static void close_socket(struct process *process) {
    if (process->socket < 0) return;
    event_del(&process->readable);
    event_del(&process->writable);
    rpc_fd_close(&process->socket);
}

static void finish(struct process *process) {
    process->is_over = true;
    event_del(&process->timer);
    event_del(&process->look);
    event_del(&process->resume);
    close_socket(process);
    end_strays(process);
    process->is_unread = has_not_begun(process);
    if (process->session && !process->is_unread && !session_is_over(process->session)) {
        process->session->usage = process->exit.usage;
        end_session(process);
    }
    process->owner->over(process->owner->ctx, process);
}

static bool finish_if_over(struct process *process) {
    if (process->phase != PROCESS_EXITED || process->socket >= 0 || process->is_over) return false;
    finish(process);
    return true;
}

/* ---- Frames ----------------------------------------------------------------------------- */

/* A limit that is kept from here is broken. */
static void break_limit(struct process *process, enum limit limit) {
    if (process->over_limit >= 0) return;
    process->over_limit = (int)limit;
    if (limit == LIMIT_PROCESSES)
        process_kill(process); /* a fork bomb is given no time */
    else
        process_stop(process);
}

static void add_line(struct process *process, uint64_t timestamp_us, uint8_t stream,
                     const char *text, size_t len) {
    struct session *session = process->session;
    session_add_line(session, timestamp_us, stream, text, len);
    int64_t most = session->limits.value[LIMIT_OUTPUT_BYTES];
    if (most > 0 && session->bytes > (uint64_t)most) break_limit(process, LIMIT_OUTPUT_BYTES);
}

/* The result is the last thing a process says before it exits, which the zygote will tell. Until
 * then its end need not wake the loop. */
static void stop_watching(struct process *process) {
    event_del(&process->readable);
    if (process->phase == PROCESS_RUNNING) {
        process->phase = PROCESS_STOPPING;
        set_timer(process, process->owner->stop_grace_ms);
    }
}

/* 0 or -EPROTO. *ret_has_lines is set when a line came. */
static int take_frame(struct process *process, const struct frame *frame, bool *ret_has_lines) {
    struct session *session = process->session;
    if (!session) return -EPROTO; /* a parked process has nothing to say */
    switch (frame->kind) {
    case FRAME_STARTED:
        session_set_running(session, process->pid, (int64_t)frame->timestamp_us);
        return 0;
    case FRAME_LINE:
        *ret_has_lines = true;
        add_line(process, frame->timestamp_us, frame->payload[0], (const char *)frame->payload + 1,
                 frame->len - 1);
        return 0;
    case FRAME_PROGRESS: return session_take_progress(session, frame);
    case FRAME_RESULT: stop_watching(process); return session_take_result(session, frame);
    default: return -EPROTO;
    }
}

/* Reads until there is nothing, or for one turn. Watchers are told once for all lines. */
static void read_socket(struct process *process, int turns) {
    bool has_lines = false;
    int failed = 0;
    while (process->socket >= 0 && !failed && turns-- > 0) {
        ssize_t got = frame_reader_fill(&process->reader, process->socket);
        if (got == -EAGAIN) break;
        if (got <= 0) {
            process->is_unread |= got == -ECONNRESET;
            close_socket(process); /* its end, or as good as that */
            break;
        }
        struct frame frame;
        int have;
        while ((have = frame_reader_next(&process->reader, &frame)) > 0) {
            have = take_frame(process, &frame, &has_lines);
            if (have < 0) break;
        }
        failed = have;
        /* Less than there was room for: the next read would only say EAGAIN. At the end it is
         * needed, to see the end. */
        if (process->phase != PROCESS_EXITED && (size_t)got < process->reader.cap / 2) break;
    }
    if (has_lines) tell_lines(process);
    if (failed) {
        log_error("session process does not speak the protocol", "pid=%d", (int)process->pid);
        process_kill(process);
        close_socket(process);
    }
}

/* The store cannot take more lines now: the process waits in its next write until it can. */
static void pause_if_full(struct process *process) {
    if (process->phase == PROCESS_EXITED ||
        !process->owner->is_full(process->owner->ctx, process->session))
        return;
    if (process->socket >= 0) event_del(&process->readable);
    event_add(&process->resume, &(struct timeval){.tv_usec = PROCESS_FULL_PAUSE_MS * 1000});
}

/* Lines were added. Watchers are told of those that survive the server by now, which single ones do
 * at once; of the others when they do. */
static void tell_lines(struct process *process) {
    pause_if_full(process);
    uint64_t visible_seq = session_visible_seq(process->session);
    if (visible_seq == process->told_seq) return;
    process->told_seq = visible_seq;
    session_tell(process->session);
}

static void on_resume(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct process *process = ctx;
    if (process->is_over) return;
    if (process->socket >= 0) event_add(&process->readable, NULL);
    pause_if_full(process);
}

/* ---- Strays ----------------------------------------------------------------------------- */

static void put_stray_line(void *ctx, const char *text, size_t len, bool is_partial) {
    struct process_strays *strays = ctx;
    if (!strays->process->session) return;
    uint8_t stream = strays->stream | (is_partial ? FRAME_LINE_PARTIAL : 0);
    add_line(strays->process, (uint64_t)rpc_clock_wall_us(), stream, text, len);
}

static void on_strays_silent(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct process_strays *strays = ctx;
    lines_flush(&strays->lines, true, put_stray_line, strays);
    if (strays->process->session) tell_lines(strays->process);
}

bool process_add_strays(struct process *process, uint8_t stream, const char *bytes, size_t len) {
    struct process_strays *strays = &process->strays[stream == FRAME_STREAM_STDERR];
    if (!process->session || session_is_over(process->session)) return false;
    lines_add(&strays->lines, bytes, len, put_stray_line, strays);
    if (strays->lines.len > 0) {
        struct timeval after = {.tv_usec = PROCESS_PARTIAL_LINE_MS * 1000};
        event_add(&strays->silence, &after);
    }
    tell_lines(process);
    return true;
}

/* The script has come to its end by itself and nothing else of it is left: what has been written is
 * all there will be, and nobody need wait until the process has gone. */
static void end_early(struct process *process) {
    struct session *session = process->session;
    if (session && session->result.is_alone) note_refused_processes(process);
    if (!session || !session->result.is_alone || session_is_over(session) ||
        session->is_stop_asked || process->is_timed_out || process->over_limit >= 0 ||
        process->lost || session->result.outcome == OUTCOME_TERMINATED)
        return;
    process->owner->read_strays(process->owner->ctx, process);
    end_strays(process);
    end_session(process);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct process *process = ctx;
    read_socket(process, READS_PER_TURN);
    end_early(process);
    finish_if_over(process);
}

/* ---- The request ------------------------------------------------------------------------ */

/* Writes as much of the frame as the socket takes; the rest when it has room again. */
static void send_request(struct process *process) {
    struct session *session = process->session;
    uint8_t header[FRAME_HEADER_BYTES];
    frame_put_header(header, FRAME_REQUEST, (uint64_t)rpc_clock_wall_us(), session->request_len);
    size_t sent = process->request_sent, in_payload = 0;
    struct iovec parts[2];
    int count = 0;
    if (sent < sizeof header)
        parts[count++] = (struct iovec){.iov_base = header + sent, .iov_len = sizeof header - sent};
    else
        in_payload = sent - sizeof header;
    parts[count++] = (struct iovec){.iov_base = session->request + in_payload,
                                    .iov_len = session->request_len - in_payload};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t got = sendmsg(process->socket, &message, MSG_NOSIGNAL);
    if (got > 0) process->request_sent += (size_t)got;
    /* EBADF: its end was seen, and the socket closed, while it was parked. */
    process->is_unread |= got < 0 && (errno == EPIPE || errno == EBADF);
    if (process->request_sent < sizeof header + session->request_len &&
        (got > 0 || errno == EAGAIN || errno == EINTR)) {
        event_add(&process->writable, NULL);
    }
    /* Else it is sent, or the process is dead, which its exit will tell. */
}

static void on_writable(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    send_request(ctx);
}

/* ---- Time ------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct process *process = ctx;
    switch (process->phase) {
    case PROCESS_RUNNING:
        process->is_timed_out = true;
        process_stop(process);
        return;
    case PROCESS_STOPPING: process_kill(process); return;
    case PROCESS_KILLING:
        log_error("session process does not die", "pid=%d", (int)process->pid);
        process->is_unkillable = true;
        finish(process);
        return;
    case PROCESS_EXITED: finish(process); return; /* somebody else holds the socket */
    default: return;
    }
}

static bool is_looked_at(const struct session *session) {
    return session->limits.value[LIMIT_PROCESSES] > 0 || session->limits.value[LIMIT_CPU_MS] > 0;
}

static void look_again(struct process *process) {
    struct timeval after = {.tv_usec = PROCESS_LOOK_MS * 1000};
    event_add(&process->look, &after);
}

/* Looks whether the tree of the session keeps its limits. */
static void on_look(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct process *process = ctx;
    const struct limits *limits = &process->session->limits;
    int64_t most = limits->value[LIMIT_PROCESSES], cpu_ms = limits->value[LIMIT_CPU_MS];
    struct tree tree;
    if (process->phase >= PROCESS_KILLING) return;
    tree_look(process->pid, most > 0 && most < TREE_MAX ? (unsigned)most + 1 : TREE_MAX, &tree);
    if (most > 0 && (tree.processes > most || is_refused_processes(process)))
        break_limit(process, LIMIT_PROCESSES);
    else if (cpu_ms > 0 && (tree.user_us + tree.system_us) / 1000 > cpu_ms)
        break_limit(process, LIMIT_CPU_MS);
    look_again(process);
}

void process_sample(struct process *process) {
    struct session *session = process->session;
    int64_t now = rpc_clock_monotonic_ms();
    if (!session || session->status != SESSION_RUNNING || session_is_over(session) ||
        session->result.outcome != OUTCOME_NONE || process->phase == PROCESS_EXITED ||
        (session->live.sampled_ms && now - session->live.sampled_ms < PROCESS_SAMPLE_MS))
        return;
    struct tree tree;
    struct process_status status;
    tree_look(process->pid, TREE_MAX, &tree);
    process_status_read(process->pid, &status);
    session->live.sampled_ms = now;
    session->live.rss_bytes = tree.rss_bytes;
    session->live.processes = tree.processes;
    session->usage = (struct control_usage){.user_us = tree.user_us,
                                            .system_us = tree.system_us,
                                            .max_rss_kib = status.peak_rss_kib,
                                            .voluntary_switches = status.voluntary_switches,
                                            .involuntary_switches = status.involuntary_switches};
}

/* ---- For the owner ---------------------------------------------------------------------- */

static void init_strays(struct event_base *base, struct process *process) {
    static const uint8_t streams[2] = {FRAME_STREAM_STDOUT, FRAME_STREAM_STDERR};
    for (int i = 0; i < 2; i++) {
        struct process_strays *strays = &process->strays[i];
        *strays = (struct process_strays){.process = process, .stream = streams[i]};
        event_assign(&strays->silence, base, -1, 0, on_strays_silent, strays);
    }
}

struct process *process_new(struct event_base *base, const struct process_owner *owner, pid_t pid,
                            int socket) {
    struct process *process = calloc(1, sizeof *process);
    if (!process) {
        close(socket);
        return NULL;
    }
    process->owner = owner;
    process->over_limit = -1;
    process->pid = pid;
    process->socket = socket;
    process->parked_at_ms = rpc_clock_monotonic_ms();
    frame_reader_init(&process->reader);
    fcntl(socket, F_SETFL, O_NONBLOCK); /* it comes with no other flag set */
    event_assign(&process->readable, base, process->socket, EV_READ | EV_PERSIST, on_readable,
                 process);
    event_assign(&process->writable, base, process->socket, EV_WRITE, on_writable, process);
    event_assign(&process->timer, base, -1, 0, on_timer, process);
    event_assign(&process->look, base, -1, 0, on_look, process);
    event_assign(&process->resume, base, -1, 0, on_resume, process);
    event_add(&process->readable, NULL);
    init_strays(base, process);
    return process;
}

void process_free(struct process *process) {
    if (!process) return;
    event_del(&process->timer);
    event_del(&process->look);
    event_del(&process->resume);
    close_socket(process);
    end_strays(process);
    for (int i = 0; i < 2; i++)
        lines_done(&process->strays[i].lines);
    frame_reader_done(&process->reader);
    if (process->session && process->session->process == process) process->session->process = NULL;
    session_unref(process->session);
    free(process);
}

void process_begin(struct process *process, struct session *session) {
    process->session = session_ref(session);
    process->phase = PROCESS_RUNNING;
    session->process = process;
    process->is_held = true;
    if (session_begin(session, process->pid)) process_go(process);
}

void process_go(struct process *process) {
    struct session *session = process->session;
    if (!process->is_held || process->phase != PROCESS_RUNNING) return;
    process->is_held = false;
    process->begun_us = rpc_clock_wall_us();
    if (session->timeout_ms > 0) set_timer(process, session->timeout_ms);
    if (is_looked_at(session)) look_again(process);
    send_request(process);
}

void process_retire(struct process *process) {
    close_socket(process);
}

void process_stop(struct process *process) {
    if (process->is_held) { /* nothing has begun */
        process->session->is_stop_asked = true;
        process_kill(process);
    }
    if (process->phase != PROCESS_RUNNING) return;
    process->phase = PROCESS_STOPPING;
    send_signal(process, SIGTERM);
    set_timer(process, process->owner->stop_grace_ms);
}

void process_kill(struct process *process) {
    if (process->phase >= PROCESS_KILLING) return;
    process->phase = PROCESS_KILLING;
    if (has_group(process)) cgroups_kill(process->owner->cgroups, process->pid);
    send_signal(process, SIGKILL);
    set_timer(process, PROCESS_UNKILLABLE_MS);
}

/* Everything it has written is there to be read now. */
static void read_rest(struct process *process) {
    if (process->is_over) return;
    note_refused_processes(process);
    if (has_group(process)) cgroups_remove(process->owner->cgroups, process->pid);
    process->phase = PROCESS_EXITED;
    if (process->session && session_is_over(process->session)) {
        close_socket(process); /* it has said all that it had to say */
    } else {
        read_socket(process, READS_PER_TURN);
        process->owner->read_strays(process->owner->ctx, process);
    }
    if (!finish_if_over(process)) set_timer(process, PROCESS_READ_PATIENCE_MS);
}

void process_note_exit(struct process *process, const struct control_message *message) {
    process->exit = *message;
    process->is_unkillable = message->is_survived;
    read_rest(process);
}

void process_note_lost(struct process *process, const char *why) {
    process->lost = why;
    process->exit.status = SIGKILL;
    read_rest(process);
}
