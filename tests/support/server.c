#include "support/server.h"

#include "support/process.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define START_MS 20000
#define STOP_MS 20000
#define MAX_OPTIONS 16

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

void server_init(struct test_server *server) {
    memset(server, 0, sizeof *server);
    strcpy(server->home, "/tmp/runner_test_XXXXXX");
    assert_non_null(mkdtemp(server->home));
    snprintf(server->socket, sizeof server->socket, "%s/hero/var/sockets/hero_runner_rhai/rpc.sock",
             server->home);
}

void server_done(struct test_server *server) {
    if (server->pid) server_stop(server);
    nftw(server->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void exec_server(const struct test_server *server, const char *const *options) {
    char log[128], home[128];
    close_range(3, ~0u, 0); /* other threads of the test have connections open */
    snprintf(log, sizeof log, "%s/server.log", server->home);
    snprintf(home, sizeof home, "HOME=%s", server->home);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDERR_FILENO);
    dup2(fd, STDOUT_FILENO);
    const char *argv[MAX_OPTIONS + 2] = {SERVER_PROGRAM};
    for (int i = 0; options && options[i] && i < MAX_OPTIONS; i++)
        argv[i + 1] = options[i];
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", secret[] = "SERVER_SECRET=hidden",
         lang[] = "LANG=C.UTF-8",
         /* Tests look at its memory: AddressSanitizer holds back a quarter of a GiB otherwise. */
         sanitizer[] = "ASAN_OPTIONS=quarantine_size_mb=4";
    const char *env[16] = {home, path, secret, lang, sanitizer};
    for (int i = 0; i < 8 && server->variables[i]; i++)
        env[5 + i] = server->variables[i];
    if (server->prepare) server->prepare(server);
    execve(SERVER_PROGRAM, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    _exit(127);
}

static bool is_healthy(void *ctx) {
    struct test_server *server = ctx;
    json_t *health = runner_health(server->runner, NULL);
    const char *status = json_string_value(json_object_get(health, "status"));
    bool is_good = status && strcmp(status, "ok") == 0;
    json_decref(health);
    return is_good;
}

void server_start(struct test_server *server, const char *const *options) {
    server->pid = fork();
    if (server->pid == 0) exec_server(server, options);
    assert_true(server->pid > 0);
    server->runner = server_client(server);
    if (wait_until(is_healthy, server, START_MS)) return;
    char *log = server_log(server);
    print_error("the server does not become healthy:\n%s\n", log);
    free(log);
    fail();
}

void server_wait(struct test_server *server) {
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
    runner_close(server->runner);
    server->runner = NULL;
}

int server_stop(struct test_server *server) {
    kill(server->pid, SIGTERM);
    int status = 0;
    int64_t since = now_ms();
    while (waitpid(server->pid, &status, WNOHANG) == 0) {
        if (now_ms() - since > STOP_MS) kill(server->pid, SIGKILL);
        pause_ms(5);
    }
    server->pid = 0;
    runner_close(server->runner);
    server->runner = NULL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

pid_t server_zygote(struct test_server *server) {
    json_t *health = runner_health(server->runner, NULL);
    pid_t pid =
        (pid_t)json_integer_value(json_object_get(json_object_get(health, "zygote"), "pid"));
    json_decref(health);
    return pid;
}

char *server_log(const struct test_server *server) {
    char path[128];
    snprintf(path, sizeof path, "%s/server.log", server->home);
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 64 * 1024);
    if (file && text && fread(text, 1, 64 * 1024 - 1, file) == 0) text[0] = '\0';
    if (file) fclose(file);
    return text;
}

struct runner *server_client(const struct test_server *server) {
    struct rpc_error err = {0};
    struct runner *runner = runner_open(server->socket, &err);
    if (!runner) fail_msg("%s", err.message);
    return runner;
}

/* ---- Sessions ---------------------------------------------------------------------------- */

void start_session(struct test_server *server, const char *script, char ret_id[RUNNER_ID_BYTES]) {
    struct rpc_error err = {0};
    struct runner_start start = {.script = script};
    if (runner_session_start(server->runner, &start, ret_id, &err) < 0) fail_msg("%s", err.message);
}

void run_session(struct test_server *server, const char *script, struct runner_session *ret_session,
                 struct runner_result *ret_result) {
    struct rpc_error err = {0};
    struct runner_start start = {.script = script};
    if (runner_session_run(server->runner, &start, ret_session, ret_result, &err) < 0)
        fail_msg("%s", err.message);
}

void get_session(struct test_server *server, const char *id, struct runner_session *ret_session) {
    struct rpc_error err = {0};
    if (runner_session_get(server->runner, id, ret_session, &err) < 0) fail_msg("%s", err.message);
}

static void get_page(struct test_server *server, const char *id, uint64_t after_seq,
                     struct runner_log_page *page) {
    struct rpc_error err = {0};
    struct runner_log_query query = {.after_seq = after_seq, .limit = 1, .wait_ms = 20000};
    if (runner_session_logs(server->runner, id, &query, page, &err) < 0)
        fail_msg("%s", err.message);
}

void await_lines(struct test_server *server, const char *id, uint64_t count) {
    struct runner_log_page page = {0};
    for (uint64_t seen = 0; seen < count; seen = page.next_seq) {
        runner_log_page_done(&page);
        get_page(server, id, seen, &page);
        if (page.count == 0) fail_msg("the session has only %llu lines", (unsigned long long)seen);
    }
    runner_log_page_done(&page);
}

void await_end(struct test_server *server, const char *id, struct runner_session *ret_session) {
    struct rpc_error err = {0};
    struct runner_follow follow = {.after_seq = UINT32_MAX};
    if (runner_session_follow(server->runner, id, &follow, ret_session, &err) != 0)
        fail_msg("%s", err.message);
}

int setup_server(void **state) {
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, NULL);
    *state = server;
    return 0;
}

int teardown_server(void **state) {
    server_done(*state);
    free(*state);
    return 0;
}
