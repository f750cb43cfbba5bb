/*
 * hero_runner_rhai_zygote: builds the engine once, and forks session processes from it.
 *
 * Started by the server with the control socket (control.h) as descriptor 3; its arguments are the
 * soft limit of open files for scripts, the script roots and where groups are made (cgroup.h). It
 * has one thread and no event loop, links the engine, its modules and nothing else, and does only
 * three things once it is ready: fork when asked, reap what has died, end with the server.
 */
#include "zygote/cgroup.h"
#include "zygote/children.h"
#include "zygote/control.h"
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
    if (control_send(CONTROL_FD, message, NULL, 0) < 0) exit(1);
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

static void tell_exit(void *ctx, const struct control_message *message) {
    (void)ctx;
    send_or_end(message);
}

/* Handles what the server asks for. False when it has gone. */
static bool serve(const struct session_process *process, struct children *children) {
    struct control_message message;
    int fds[CONTROL_FD_COUNT];
    int got = control_receive(CONTROL_FD, &message, fds);
    if (got <= 0) return false;
    if (message.kind != CONTROL_PARK) return true;
    for (int i = 0; i < message.number; i++) {
        if (park_session(CONTROL_FD, process, children) < 0) return false;
        /* Ends are told between forks, so that a long refill holds up nobody's result. */
        children_reap(children, tell_exit, NULL);
    }
    return true;
}

static void run(const struct session_process *process, struct children *children) {
    struct sigaction child = {.sa_handler = on_child};
    sigaction(SIGCHLD, &child, NULL);
    sigset_t blocked, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
    sigdelset(&waiting, SIGCHLD);
    for (;;) {
        children_reap(children, tell_exit, NULL);
        int patience = children_patience_ms(children);
        struct timespec timeout = {.tv_nsec = patience * 1000000L};
        struct pollfd control = {.fd = CONTROL_FD, .events = POLLIN};
        int ready = ppoll(&control, 1, patience < 0 ? NULL : &timeout, &waiting);
        if (ready > 0 && !serve(process, children)) return;
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

    struct children children;
    int failed = children_init(&children);
    if (failed) fail("list of children in /proc", strerror(-failed));
    struct session_process process;
    build_engine(&process, argv[2]);
    cgroup_init(argv[3], argv[4]);
    test_engine(&process);
    send_text(CONTROL_READY, "");
    run(&process, &children);
    /* The server has gone, or its end of the socket: sessions go with us (PDEATHSIG). */
    return 0;
}
