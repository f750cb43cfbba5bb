#include "target.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define START_MS 20000

#ifndef OUR_SERVER
#define OUR_SERVER ""
#endif

bool target_has_ours(void) {
    return OUR_SERVER[0] != '\0';
}

static void become(const struct target *target) {
    static const char *const document[] = {[OTHER_WITH_DOCUMENT] = "http",
                                           [OTHER_WITH_DISCOVER] = "discover",
                                           [OTHER_WITHOUT] = "none"};
    char log[128];
    snprintf(log, sizeof log, "%s/server.log", target->home);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (target->kind == OURS)
        execl(OUR_SERVER, "hero_proc_server", "--socket", target->socket, NULL);
    else
        execl(OTHER_PROGRAM, "other_hero_proc", target->socket, target->home,
              document[target->kind], NULL);
    _exit(127);
}

static char *read_file(const struct target *target, const char *name) {
    char path[128];
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    snprintf(path, sizeof path, "%s/%s", target->home, name);
    rpc_file_read(path, 16 << 20, &text, NULL);
    char *taken = rpc_strbuf_take(&text, NULL);
    return taken ? taken : strdup("");
}

bool target_wait_until(bool (*condition)(void *ctx), void *ctx, int64_t ms) {
    for (int64_t since = rpc_clock_monotonic_ms(); rpc_clock_monotonic_ms() - since < ms;) {
        if (condition(ctx)) return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return condition(ctx);
}

static bool answers(void *client) {
    json_t *health = proc_health(client, NULL);
    json_decref(health);
    return health;
}

void target_start(struct target *target, enum target_kind kind) {
    struct rpc_error err = {0};
    *target = (struct target){.kind = kind};
    strcpy(target->home, "/tmp/proc_sdk_XXXXXX");
    assert_non_null(mkdtemp(target->home));
    setenv("HOME", target->home, 1);
    snprintf(target->socket, sizeof target->socket, "%s/hero/var/sockets/hero_proc/rpc.sock",
             target->home);
    target->pid = fork();
    assert_true(target->pid >= 0);
    if (target->pid == 0) become(target);
    target->client = proc_open(target->socket, &err);
    assert_non_null(target->client);
    if (target_wait_until(answers, target->client, START_MS)) return;
    fail_msg("hero_proc does not answer:\n%s", read_file(target, "server.log"));
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

/* With force, ours takes its children along. */
void target_stop(struct target *target) {
    if (target->kind == OURS)
        proc_shutdown(target->client, true, NULL);
    else
        kill(target->pid, SIGTERM);
    proc_close(target->client);
    waitpid(target->pid, NULL, 0);
    nftw(target->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

char *target_calls(const struct target *target) {
    return read_file(target, "calls.log");
}
