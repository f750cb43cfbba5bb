#include "server/zygote_link.h"

#include "server/cgroups.h"
#include "server/log.h"
#include "server/strays.h"
#include "session/proc_children.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "hero_runner_rhai_zygote"
#define MESSAGES_PER_TURN 64
#define START_TIMEOUT_MS 30000 /* from exec to ready */
#define SWEEP_INTERVAL_MS 2
#define SWEEP_PATIENCE_MS 10000 /* for processes in D state */
#define STABLE_MS 5000          /* a zygote that lived so long is started again at once */
#define FIRST_DELAY_MS 100
#define MAX_DELAY_MS 10000
#define HIGH_FD 16 /* above those that the zygote is given by number */

struct zygote_link {
    LIST_ENTRY(zygote_link) entry;
    struct event_base *base;
    struct zygote_link_ops ops;
    struct zygote_link_options options;
    int program_fd, children_fd;
    int wanted_fd, wake_fd; /* wanted_fd: of `wanted` */
    struct control_wanted *wanted;
    struct strays strays;
    int control_fd, pidfd; /* -1: none now */
    pid_t pid;
    bool is_ready, was_ever_ready, is_retiring, is_told_unusable;
    int64_t started_ms, sweep_since_ms;
    int64_t restart_delay_ms;
    struct event *control_event, *pidfd_event;
    struct event *timer; /* start time-out, sweep or restart: one at a time */
};

static LIST_HEAD(, zygote_link) links = LIST_HEAD_INITIALIZER(links);

static int start(struct zygote_link *link, struct rpc_error *err);
static void on_start_timeout(evutil_socket_t fd, short what, void *ctx);

static void set_timer(struct zygote_link *link, int64_t ms, event_callback_fn fn) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_del(link->timer);
    event_assign(link->timer, link->base, -1, 0, fn, link);
    event_add(link->timer, &after);
}

/* ---- Its death -------------------------------------------------------------------------- */

#define SWEPT_AT_ONCE 256

/* Children of ours that are no zygote. */
struct orphans {
    pid_t pids[SWEPT_AT_ONCE];
    size_t count;
    bool are_more;
};

static void note_orphan(void *ctx, pid_t pid) {
    struct orphans *orphans = ctx;
    const struct zygote_link *link;
    LIST_FOREACH(link, &links, entry) {
        if (link->pid == pid) return;
    }
    if (orphans->count < SWEPT_AT_ONCE)
        orphans->pids[orphans->count++] = pid;
    else
        orphans->are_more = true;
}

/* One round over everything that has been reparented to us. True when nothing is left. */
static bool sweep(struct zygote_link *link) {
    struct orphans orphans = {.count = 0};
    proc_children_each(link->children_fd, note_orphan, &orphans);
    for (size_t i = 0; i < orphans.count; i++) {
        kill(orphans.pids[i], SIGKILL);
        while (waitpid(orphans.pids[i], NULL, WNOHANG) < 0 && errno == EINTR)
            continue;
    }
    if (orphans.count > 0) return false; /* what they had left is ours only now */
    return !orphans.are_more;
}

static void on_restart(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct zygote_link *link = ctx;
    struct rpc_error err = {0};
    if (start(link, &err) == 0) return;
    log_error("cannot start the zygote", "error=\"%s\"", err.message);
    rpc_error_clear(&err);
    set_timer(link, MAX_DELAY_MS, on_restart);
}

static void on_sweep(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct zygote_link *link = ctx;
    bool is_clean = sweep(link);
    if (!is_clean && rpc_clock_monotonic_ms() - link->sweep_since_ms < SWEEP_PATIENCE_MS) {
        set_timer(link, SWEEP_INTERVAL_MS, on_sweep);
        return;
    }
    if (!is_clean) log_error("processes of the dead zygote do not die", "%s", "");
    link->ops.died(link->ops.ctx);
    if (link->is_retiring) return;
    set_timer(link, link->restart_delay_ms, on_restart);
}

/* A retired one that is dead already. */
static void on_gone(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct zygote_link *link = ctx;
    struct zygote_link_ops ops = link->ops;
    zygote_link_free(link);
    ops.retired(ops.ctx);
}

static void forget_zygote(struct zygote_link *link) {
    if (link->control_event) event_free(link->control_event);
    if (link->pidfd_event) event_free(link->pidfd_event);
    link->control_event = link->pidfd_event = NULL;
    event_del(link->timer);
    rpc_fd_close(&link->control_fd);
    rpc_fd_close(&link->pidfd);
    link->pid = 0;
    link->is_ready = false;
}

static int receive(struct zygote_link *link, int turns);

static void on_death(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct zygote_link *link = ctx;
    /* What it said before it died still counts: sessions that had ended have ended. */
    receive(link, INT_MAX);
    if (!link->pidfd_event) return; /* one of those messages made it unusable */
    siginfo_t info = {0};
    waitid(P_PIDFD, (id_t)link->pidfd, &info, WEXITED);
    if (!link->is_retiring)
        log_warn("zygote has died", "pid=%d %s=%d", (int)link->pid,
                 info.si_code == CLD_EXITED ? "exit_code" : "signal", info.si_status);

    if (link->is_retiring) {
        forget_zygote(link);
        struct zygote_link_ops ops = link->ops;
        zygote_link_free(link);
        ops.retired(ops.ctx);
        return;
    }
    bool was_stable = link->is_ready && rpc_clock_monotonic_ms() - link->started_ms >= STABLE_MS;
    if (was_stable)
        link->restart_delay_ms = 0;
    else if (link->restart_delay_ms == 0)
        link->restart_delay_ms = link->is_ready ? 1 : FIRST_DELAY_MS;
    else if (link->restart_delay_ms < MAX_DELAY_MS / 2)
        link->restart_delay_ms *= 2;
    forget_zygote(link);
    link->sweep_since_ms = rpc_clock_monotonic_ms();
    link->ops.dying(link->ops.ctx);
    if (!link->is_retiring) on_sweep(-1, 0, link);
}

/* ---- Messages --------------------------------------------------------------------------- */

static void tell_unusable(struct zygote_link *link, const char *why) {
    if (link->is_told_unusable) return;
    link->is_told_unusable = true;
    link->ops.unusable(link->ops.ctx, why);
}

static void take_hello(struct zygote_link *link, const struct control_message *message) {
    if (strncmp(message->text, HERO_BUILD_ID, sizeof message->text) == 0) return;
    tell_unusable(link, PROGRAM " is of another build than the server: install both");
}

static void take_failure(struct zygote_link *link, const struct control_message *message) {
    log_error("zygote has failed", "error=\"%.*s\"", (int)sizeof message->text, message->text);
    if (!link->was_ever_ready)
        tell_unusable(link, "the zygote cannot serve, see the message before");
}

static void take_ready(struct zygote_link *link) {
    link->is_ready = link->was_ever_ready = true;
    event_del(link->timer);
    log_info("zygote is ready", "pid=%d after_ms=%lld", (int)link->pid,
             (long long)(rpc_clock_monotonic_ms() - link->started_ms));
    link->ops.ready(link->ops.ctx);
}

static void take(struct zygote_link *link, const struct control_message *message, int session_fd) {
    /* First, so that a session that waits for the slot of the other finds it there. */
    if (message->parked_pid) link->ops.parked(link->ops.ctx, message->parked_pid, session_fd);
    switch (message->kind) {
    case CONTROL_HELLO: take_hello(link, message); return;
    case CONTROL_READY: take_ready(link); return;
    case CONTROL_FAILED: take_failure(link, message); return;
    case CONTROL_PARKED: return;
    case CONTROL_PARK_FAILED: link->ops.park_failed(link->ops.ctx, message->number); return;
    case CONTROL_EXITED: link->ops.exited(link->ops.ctx, message); return;
    default: log_error("unknown message from the zygote", "kind=%u", message->kind); return;
    }
}

static int receive(struct zygote_link *link, int turns) {
    struct control_message message;
    int session_fd;
    while (turns-- > 0 && link->control_fd >= 0) {
        int got = control_receive(link->control_fd, &message, &session_fd);
        if (got == 1) {
            take(link, &message, session_fd);
        } else if (got == -EMSGSIZE) {
            /* Without its descriptor the process is of no use: it sees the end of its socket and
             * exits. Its exit will be told for a pid that nobody knows. */
            log_error("a session process has come without its descriptor", "pid=%d",
                      (int)message.parked_pid);
            link->ops.park_failed(link->ops.ctx, EMFILE);
            message.parked_pid = 0;
            take(link, &message, -1);
        } else if (got == -EPROTO) {
            log_error("zygote does not speak the protocol", "pid=%d", (int)link->pid);
            kill(link->pid, SIGKILL);
            return got;
        } else {
            return got; /* nothing more now; its end is told by the pidfd */
        }
    }
    return 0;
}

static void on_control(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct zygote_link *link = ctx;
    if (receive(link, MESSAGES_PER_TURN) == 0 && link->control_event) {
        /* At the end of the connection it would be readable for ever. */
        char byte;
        if (recv(link->control_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            event_del(link->control_event);
    }
}

static void on_start_timeout(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct zygote_link *link = ctx;
    log_error("zygote does not become ready", "pid=%d", (int)link->pid);
    kill(link->pid, SIGKILL); /* its death is dealt with as any other */
}

/* ---- Its start -------------------------------------------------------------------------- */

static int move_high(int fd) {
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    rpc_fd_close(&fd);
    return high;
}

static int open_program(struct rpc_error *err) {
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof PROGRAM - 1);
    if (len < 0) {
        rpc_error_set_errno(err, "cannot find the own program");
        return -1;
    }
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, PROGRAM);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rpc_error_set_errno(err, "cannot open %s", path);
        return -1;
    }
    int high = move_high(fd);
    if (high < 0) rpc_error_set_errno(err, "cannot open %s", path);
    return high;
}

static int share_wanted(struct zygote_link *link, struct rpc_error *err) {
    link->wake_fd = move_high(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    link->wanted_fd = move_high(memfd_create("zygote_wanted", MFD_CLOEXEC));
    if (link->wanted_fd >= 0 && ftruncate(link->wanted_fd, sizeof *link->wanted) == 0) {
        void *wanted = mmap(NULL, sizeof *link->wanted, PROT_READ | PROT_WRITE, MAP_SHARED,
                            link->wanted_fd, 0);
        if (wanted != MAP_FAILED) link->wanted = wanted;
    }
    if (link->wanted && link->wake_fd >= 0) return 0;
    rpc_error_set_errno(err, "cannot share memory with the zygote");
    return -1;
}

static pid_t spawn(const struct zygote_link *link, int control, struct rpc_error *err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, control, CONTROL_FD);
    posix_spawn_file_actions_adddup2(&actions, link->strays.streams[0].theirs, CONTROL_STDOUT_FD);
    posix_spawn_file_actions_adddup2(&actions, link->strays.streams[1].theirs, CONTROL_STDERR_FD);
    posix_spawn_file_actions_adddup2(&actions, link->wanted_fd, CONTROL_WANTED_FD);
    posix_spawn_file_actions_adddup2(&actions, link->wake_fd, CONTROL_WAKE_FD);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    char path[64], open_files[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", link->program_fd);
    snprintf(open_files, sizeof open_files, "%lu", link->options.open_files);
    char program[] = PROGRAM;
    const struct cgroups *cgroups = link->options.cgroups;
    char *argv[] = {program,
                    open_files,
                    (char *)(uintptr_t)link->options.script_roots,
                    (char *)(uintptr_t)cgroups_pids_dir(cgroups),
                    (char *)(uintptr_t)cgroups_kill_dir(cgroups),
                    NULL};
    pid_t pid;
    int failed = posix_spawn(&pid, path, &actions, &attr, argv,
                             (char *const *)(uintptr_t)link->options.environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (failed) {
        errno = failed;
        rpc_error_set_errno(err, "cannot start %s", PROGRAM);
        return -1;
    }
    return pid;
}

static int start(struct zygote_link *link, struct rpc_error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        rpc_error_set_errno(err, "cannot make the control socket");
        return -1;
    }
    rpc_fd_set_nonblocking(pair[0], 1);
    atomic_store(&link->wanted->count, 0);
    int theirs = move_high(pair[1]);
    pid_t pid = theirs < 0 ? -1 : spawn(link, theirs, err);
    rpc_fd_close(&theirs);
    if (pid < 0) {
        close(pair[0]);
        return -1;
    }
    link->pid = pid;
    link->control_fd = pair[0];
    link->pidfd = pidfd_open(pid, 0);
    link->started_ms = rpc_clock_monotonic_ms();
    link->control_event =
        event_new(link->base, link->control_fd, EV_READ | EV_PERSIST, on_control, link);
    link->pidfd_event = event_new(link->base, link->pidfd, EV_READ | EV_PERSIST, on_death, link);
    if (link->pidfd < 0 || !link->control_event || !link->pidfd_event) {
        rpc_error_set_errno(err, "cannot watch %s", PROGRAM);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        forget_zygote(link);
        return -1;
    }
    event_add(link->control_event, NULL);
    event_add(link->pidfd_event, NULL);
    set_timer(link, START_TIMEOUT_MS, on_start_timeout);
    return 0;
}

/* ---- For the owner ---------------------------------------------------------------------- */

static void on_stray(void *ctx, pid_t pid, uint8_t stream, const char *bytes, size_t len) {
    struct zygote_link *link = ctx;
    link->ops.stray(link->ops.ctx, pid, stream, bytes, len);
}

struct zygote_link *zygote_link_new(struct event_base *base, const struct zygote_link_ops *ops,
                                    const struct zygote_link_options *options,
                                    struct rpc_error *err) {
    struct zygote_link *link = calloc(1, sizeof *link);
    if (!link) return NULL;
    *link = (struct zygote_link){
        .base = base,
        .ops = *ops,
        .options = *options,
        .control_fd = -1,
        .pidfd = -1,
        .program_fd = -1,
        .wanted_fd = -1,
        .wake_fd = -1,
    };
    LIST_INSERT_HEAD(&links, link, entry);
    link->timer = event_new(base, -1, 0, on_restart, link);
    link->children_fd = proc_children_open();
    if (link->children_fd < 0) {
        errno = -link->children_fd;
        rpc_error_set_errno(err, "the kernel does not list children in /proc");
        goto fail;
    }
    link->program_fd = open_program(err);
    if (link->program_fd < 0 || share_wanted(link, err) < 0 ||
        strays_open(&link->strays, base, HIGH_FD, on_stray, link, err) < 0 || start(link, err) < 0)
        goto fail;
    return link;
fail:
    zygote_link_free(link);
    return NULL;
}

void zygote_link_free(struct zygote_link *link) {
    if (!link) return;
    LIST_REMOVE(link, entry);
    if (link->pid > 0) {
        kill(link->pid, SIGKILL);
        link->pid = 0; /* swept with what was below it */
    }
    int64_t since = rpc_clock_monotonic_ms();
    while (link->children_fd >= 0 && !link->is_retiring && !sweep(link)) {
        if (rpc_clock_monotonic_ms() - since > SWEEP_PATIENCE_MS) break;
        usleep(SWEEP_INTERVAL_MS * 1000);
    }
    forget_zygote(link);
    event_free(link->timer);
    strays_close(&link->strays);
    if (link->wanted) munmap(link->wanted, sizeof *link->wanted);
    rpc_fd_close(&link->wanted_fd);
    rpc_fd_close(&link->wake_fd);
    rpc_fd_close(&link->children_fd);
    rpc_fd_close(&link->program_fd);
    free(link);
}

void zygote_link_retire(struct zygote_link *link) {
    link->is_retiring = true;
    if (link->pid > 0 && link->was_ever_ready)
        shutdown(link->control_fd, SHUT_RDWR); /* it ends by itself */
    else if (link->pid > 0)
        kill(link->pid, SIGKILL);
    else
        set_timer(link, 0, on_gone);
}

int zygote_link_want(struct zygote_link *link, size_t count) {
    if (!link->is_ready) return -ESRCH;
    atomic_fetch_add(&link->wanted->count, (int)count);
    return 0;
}

size_t zygote_link_unwant(struct zygote_link *link) {
    return (size_t)atomic_exchange(&link->wanted->count, 0);
}

void zygote_link_wake(struct zygote_link *link) {
    eventfd_write(link->wake_fd, 1);
}

void zygote_link_read_strays(struct zygote_link *link) {
    strays_read(&link->strays);
}

bool zygote_link_is_ready(const struct zygote_link *link) {
    return link->is_ready;
}
pid_t zygote_link_pid(const struct zygote_link *link) {
    return link->pid;
}
