/*
 * The server's side of one session process: its descriptors, what it sends, its time limits and its
 * end.
 *
 * A process is parked (waits for its one request), then runs a session. It is over when the zygote
 * has told its exit (nothing of it survives then) and its socket has been read to its end; then the
 * owner is told. The session gets its final status at that time too, or earlier:
 * when the process has given the result and said that nothing else of the session is left.
 */
#ifndef RUNNER_SERVER_PROCESS_H
#define RUNNER_SERVER_PROCESS_H

#include "server/session.h"
#include "session/lines.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#define PROCESS_PARTIAL_LINE_MS 100
/* After the exit: a socket that somebody outside the session still holds open is not waited for. */
#define PROCESS_READ_PATIENCE_MS 1000
/* After SIGKILL: a process in D state is given up. */
#define PROCESS_UNKILLABLE_MS 10000
/* How often the tree of a session with a limit of processes or processor time is looked at. */
#define PROCESS_LOOK_MS 50
#define PROCESS_FULL_PAUSE_MS 2
#define PROCESS_SAMPLE_MS 250 /* what a running session uses is not looked at more often */

enum process_phase {
    PROCESS_PARKED,
    PROCESS_RUNNING,
    PROCESS_STOPPING, /* SIGTERM has been sent, or the result has come: it is about to exit */
    PROCESS_KILLING,  /* SIGKILL has been sent */
    PROCESS_EXITED,   /* the rest of its output is being read */
};

struct cgroups;
struct process;
struct generation;

/* What it writes to its descriptor 1 or 2 directly (server/strays.h). */
struct process_strays {
    struct process *process;
    struct event silence;
    struct lines lines;
    uint8_t stream;
};

struct process_owner {
    /* The process is over, or is given up as unkillable, and its session, if it had one, has its
     * final status, or is pending as before (is_unread). The owner frees the process, but not
     * before this has returned to the loop. */
    void (*over)(void *ctx, struct process *process);
    /* More lines of the session cannot be taken now. */
    bool (*is_full)(void *ctx, struct session *session);
    /* Calls process_add_strays for all that has been written by now. */
    void (*read_strays)(void *ctx, struct process *process);
    void *ctx;
    const struct cgroups *cgroups;
    int64_t stop_grace_ms;
};

struct process {
    const struct process_owner *owner;
    TAILQ_ENTRY(process) link;     /* the owner's */
    struct generation *generation; /* the owner's: where it comes from */
    pid_t pid;
    int socket; /* -1: read to its end */
    enum process_phase phase;
    struct event readable, writable, timer, look, resume;
    struct frame_reader reader;
    struct process_strays strays[2];
    struct session *session; /* NULL while parked */
    size_t request_sent;
    uint64_t told_seq;    /* the last line of which watchers were told from here */
    int64_t parked_at_ms; /* monotonic */
    int64_t begun_us;     /* wall clock */
    bool is_available;    /* the owner's: in its list of parked ones */
    bool is_held; /* it has its session, and gets the request when that may begin (process_go) */
    bool is_timed_out, is_unkillable, is_over;
    bool is_unread;   /* it died before it had read its request: the session has not begun */
    const char *lost; /* why its work is lost, if it is; NULL: it is not */
    int over_limit;   /* enum limit: the one that the server saw broken; -1: none */
    struct control_message exit;
};

/* Takes our end of its session socket (closes it on failure). NULL without memory. */
struct process *process_new(struct event_base *base, const struct process_owner *owner, pid_t pid,
                            int socket);
void process_free(struct process *process);

/* Gives a parked process its session, which begins at once or with process_go (session_begin);
 * takes a reference. */
void process_begin(struct process *process, struct session *session);
/* Its session may begin. Nothing when it has, or is not to any more. */
void process_go(struct process *process);
/* Lets a parked process exit. */
void process_retire(struct process *process);
/* SIGTERM now, SIGKILL after the grace time. Nothing when that is under way. */
void process_stop(struct process *process);
void process_kill(struct process *process);

/* What it has written past the frames. `stream` as in session/frames.h. False: it has no session
 * that could take it. */
bool process_add_strays(struct process *process, uint8_t stream, const char *bytes, size_t len);

/* Looks at what its session uses now, for who asks: session->usage and session->live. */
void process_sample(struct process *process);

/* The zygote has reaped it. */
void process_note_exit(struct process *process, const struct control_message *message);
/* The zygote has gone, and it with it; nothing of it survives. `why` is constant text. */
void process_note_lost(struct process *process, const char *why);

#endif
