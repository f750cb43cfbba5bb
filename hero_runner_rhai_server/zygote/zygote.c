/*
 * hero_runner_rhai_zygote: builds the engine once, and forks session processes from it.
 *
 * Started by the server with the descriptors of control.h; its arguments are the soft limit of open
 * files for scripts, the script roots and where groups are made (cgroup.h). It has one thread and
 * no event loop, links the engine, its modules and nothing else, and does only three things once it
 * is ready: fork as many as are wanted, reap what has died, end with the server.
 */
#include "zygote/cgroup.h"
#include "zygote/children.h"
#include "zygote/control.h"
#include "zygote/huge_text.h"
#include "zygote/imports.h"
#include "zygote/own_limits.h"
#include "zygote/park.h"
#include "zygote/session_process.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF_TEST_SECONDS 10
#define HEAP_TOP_BYTES (96 * 1024) /* room that a short script finds without asking the kernel */

static void on_child(int signal) {
    (void)signal;
} /* only there to end ppoll */

static void send_or_end(const struct control_message *message) {
    if (control_send(CONTROL_FD, message, -1) < 0) exit(1);
}

static void send_text(enum control_kind kind, const char *text) {
    struct control_message message = {.kind = kind};
    snprintf(message.text, sizeof message.text, "%s", text);
    send_or_end(&message);
}

static _Noreturn void fail(const char *what, const char *why) {
    char text[160];
    snprintf(text, sizeof text, "%s: %s", what, why);
    send_text(CONTROL_FAILED, text);
    exit(1);
}

/* The server's end is a pid that must be our parent: if it died before PDEATHSIG was in force,
 * nobody will ever kill us. */
static void bind_to_server(void) {
    struct ucred server;
    socklen_t len = sizeof server;
    if (getsockopt(CONTROL_FD, SOL_SOCKET, SO_PEERCRED, &server, &len) < 0) {
        fprintf(stderr, "hero_runner_rhai_zygote: is started by hero_runner_rhai_server\n");
        exit(2);
    }
    prctl(PR_SET_NAME, "rhai_zygote");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != server.pid) exit(1);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void set_open_files(const char *soft_limit) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = strtoul(soft_limit, NULL, 10);
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void build_engine(struct session_process *process, const char *script_roots) {
    static herolib_session session = HEROLIB_SESSION_INIT;
    process->session = &session;
    process->zygote = getpid();
    process->engine = rhai_engine_new(NULL);
    if (!process->engine) fail("engine", "out of memory");
    int failed = herolib_register(process->engine, &session);
    if (failed) fail("herolib", strerror(-failed));
    failed = imports_init(process->engine, script_roots);
    if (failed) fail("script roots", strerror(-failed));
    free(malloc(HEAP_TOP_BYTES));
    malloc_trim(HEAP_TOP_BYTES);
    own_limits_init();
}

/* Runs a script in a fork, so that nothing of it stays in the engine that all sessions get. */
static void test_engine(const struct session_process *process) {
    pid_t pid = fork();
    if (pid < 0) fail("fork", strerror(errno));
    if (pid == 0) {
        alarm(SELF_TEST_SECONDS);
        _exit(session_process_warm(process->engine) ? 0 : 1);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0) fail("self-test", "the engine gives wrong results");
}

/* Sessions do not get the mapping. */
static struct control_wanted *map_wanted(void) {
    struct control_wanted *wanted =
        mmap(NULL, sizeof *wanted, PROT_READ | PROT_WRITE, MAP_SHARED, CONTROL_WANTED_FD, 0);
    if (wanted == MAP_FAILED) fail("shared memory", strerror(errno));
    madvise(wanted, sizeof *wanted, MADV_DONTFORK);
    close(CONTROL_WANTED_FD);
    return wanted;
}

/* What the zygote works on. */
struct work {
    struct session_process process;
    struct children children;
    struct control_wanted *wanted;
};

static bool take_wanted(struct work *work) {
    int count = atomic_load(&work->wanted->count);
    while (count > 0)
        if (atomic_compare_exchange_weak(&work->wanted->count, &count, count - 1)) return true;
    return false;
}

/* One that is wanted is forked first: both together wake the server once. */
static void tell_exit(void *ctx, struct control_message *message) {
    struct work *work = ctx;
    int failed = take_wanted(work) ? park_session(&work->process, &work->children, message)
                                   : control_send(CONTROL_FD, message, -1);
    if (failed) exit(1);
}

static void park_wanted(struct work *work) {
    while (take_wanted(work)) {
        struct control_message message = {.kind = 0};
        if (park_session(&work->process, &work->children, &message) < 0) exit(1);
        /* Ends are told between forks, so that a long refill holds up nobody's result. */
        children_reap(&work->children, tell_exit, work);
    }
}

static void run(struct work *work) {
    struct sigaction child = {.sa_handler = on_child};
    sigaction(SIGCHLD, &child, NULL);
    sigset_t blocked, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
    sigdelset(&waiting, SIGCHLD);
    for (;;) {
        children_reap(&work->children, tell_exit, work);
        park_wanted(work);
        int patience = children_patience_ms(&work->children);
        struct timespec timeout = {.tv_nsec = patience * 1000000L};
        struct pollfd events[] = {{.fd = CONTROL_FD, .events = POLLIN},
                                  {.fd = CONTROL_WAKE_FD, .events = POLLIN}};
        int ready = ppoll(events, 2, patience < 0 ? NULL : &timeout, &waiting);
        if (ready > 0 && events[0].revents) return; /* the server has gone */
        eventfd_t times;
        if (ready > 0 && events[1].revents) eventfd_read(CONTROL_WAKE_FD, &times);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "hero_runner_rhai_zygote: is started by hero_runner_rhai_server\n");
        return 2;
    }
    bind_to_server();
    set_open_files(argv[1]);
    send_text(CONTROL_HELLO, HERO_BUILD_ID);
    const char *home = getenv("HOME");
    if (!home || chdir(home) < 0) fail("HOME", home ? strerror(errno) : "is not set");

    huge_text_move();
    struct work work = {.wanted = map_wanted()};
    int failed = children_init(&work.children);
    if (failed) fail("list of children in /proc", strerror(-failed));
    build_engine(&work.process, argv[2]);
    cgroup_init(argv[3], argv[4]);
    test_engine(&work.process);
    session_process_prepare(&work.process);
    send_text(CONTROL_READY, "");
    run(&work);
    /* The server has gone, or its end of the socket: sessions go with us (PDEATHSIG). */
    return 0;
}
