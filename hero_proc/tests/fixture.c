#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/* ---- The daemon --------------------------------------------------------------------------- */

static void become(const struct fixture *fixture, const char *const *variables) {
    char log[128];
    snprintf(log, sizeof log, "%s/daemon.log", fixture->home);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (; variables && *variables; variables++)
        putenv((char *)(uintptr_t)*variables);
    execl(DAEMON_PROGRAM, "hero_proc_server", NULL);
    _exit(127);
}

static void print_log(const struct fixture *fixture) {
    char path[128];
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    snprintf(path, sizeof path, "%s/daemon.log", fixture->home);
    rpc_file_read(path, 1 << 20, &text, NULL);
    fprintf(stderr, "%s", rpc_strbuf_text(&text));
    rpc_strbuf_done(&text);
}

void fixture_start(struct fixture *fixture, const char *const *variables) {
    struct rpc_error err = {0};
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid == 0) become(fixture, variables);
    fixture->client = rpc_client_new_unix(fixture->socket, &err);
    assert_non_null(fixture->client);
    struct patience waiting = patience();
    for (;;) {
        json_t *pong = rpc_client_call(fixture->client, "system.ping", NULL, NULL);
        json_decref(pong);
        if (pong) return;
        if (rpc_clock_monotonic_ms() + 500 > waiting.until_ms) print_log(fixture);
        wait_more(&waiting, "the daemon does not answer");
    }
}

static void reap(struct fixture *fixture) {
    rpc_client_free(fixture->client);
    fixture->client = NULL;
    if (fixture->pid <= 0) return;
    int status;
    waitpid(fixture->pid, &status, 0);
    fixture->pid = 0;
    bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (was_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return;
    print_log(fixture);
    fail_msg("the daemon has ended with status %d", status);
}

void fixture_kill(struct fixture *fixture) {
    kill(fixture->pid, SIGKILL);
    reap(fixture);
}

void fixture_shut_down(struct fixture *fixture, bool force) {
    tell(fixture, "system.shutdown", "{'force':%s}", force ? "true" : "false");
    reap(fixture);
}

int fixture_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->home, "/tmp/hero_proc_XXXXXX");
    assert_non_null(mkdtemp(fixture->home));
    snprintf(fixture->socket, sizeof fixture->socket, "%s/hero/var/sockets/hero_proc/rpc.sock",
             fixture->home);
    snprintf(fixture->state_dir, sizeof fixture->state_dir, "%s/hero/var/hero_proc", fixture->home);
    static const char *const others[] = {"PATH_ROOT", "PATH_VAR", "PATH_SOCKET", "HERO_SOCKET_DIR"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        unsetenv(others[i]);
    setenv("HOME", fixture->home, 1);
    *state = fixture;
    fixture_start(fixture, NULL);
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    if (fixture->pid > 0) fixture_shut_down(fixture, true);
    nftw(fixture->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

/* ---- Calls -------------------------------------------------------------------------------- */

static json_t *make_params(const char *format, va_list args) {
    char *text;
    json_error_t error;
    assert_true(vasprintf(&text, format, args) >= 0);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    json_t *params = json_loads(text, 0, &error);
    if (!params) fail_msg("%s: %s", text, error.text);
    free(text);
    return params;
}

static json_t *call_with(struct fixture *fixture, const char *method, json_t *params) {
    struct rpc_error err = {0};
    json_t *result = rpc_client_call(fixture->client, method, params, &err);
    json_decref(params);
    if (!result) fail_msg("%s: %s", method, err.message);
    return result;
}

json_t *call(struct fixture *fixture, const char *method, const char *params, ...) {
    va_list args;
    va_start(args, params);
    json_t *made = make_params(params, args);
    va_end(args);
    return call_with(fixture, method, made);
}

void tell(struct fixture *fixture, const char *method, const char *params, ...) {
    va_list args;
    va_start(args, params);
    json_t *made = make_params(params, args);
    va_end(args);
    json_decref(call_with(fixture, method, made));
}

int refused(struct fixture *fixture, const char **ret_message, const char *method,
            const char *params, ...) {
    static struct rpc_error err;
    va_list args;
    rpc_error_clear(&err);
    va_start(args, params);
    json_t *made = make_params(params, args);
    va_end(args);
    json_t *result = rpc_client_call(fixture->client, method, made, &err);
    json_decref(made);
    if (result) fail_msg("%s was not refused", method);
    if (ret_message) *ret_message = err.message;
    return err.code;
}

/* ---- Services and jobs -------------------------------------------------------------------- */

void set_service(struct fixture *fixture, const char *name, const char *script, const char *action,
                 const char *service) {
    tell(fixture, "action.set",
         "{'name':'%s','script':'%s','interpreter':'bash','is_process':true%s}", name, script,
         action);
    tell(fixture, "service.set", "{'name':'%s','actions':['%s']%s}", name, name, service);
}

json_t *status_of(struct fixture *fixture, const char *name) {
    return call(fixture, "service.status", "{'name':'%s'}", name);
}

static const char *text_of(struct fixture *fixture, const char *name, const char *field) {
    static char text[512];
    json_t *status = status_of(fixture, name);
    snprintf(text, sizeof text, "%s", text_in(status, field));
    json_decref(status);
    return text;
}

const char *state_of(struct fixture *fixture, const char *name) {
    return text_of(fixture, name, "state");
}

const char *why_of(struct fixture *fixture, const char *name) {
    return text_of(fixture, name, "why");
}

pid_t pid_of(struct fixture *fixture, const char *name) {
    json_t *status = status_of(fixture, name);
    pid_t pid = (pid_t)number_in(status, "pid");
    json_decref(status);
    return pid;
}

void await_state(struct fixture *fixture, const char *name, const char *wanted) {
    struct patience waiting = patience();
    char what[1200];
    for (;;) {
        json_t *status = status_of(fixture, name);
        bool is_there = strcmp(text_in(status, "state"), wanted) == 0;
        snprintf(what, sizeof what, "%s is not %s but %s: %s", name, wanted,
                 text_in(status, "state"), text_in(status, "why"));
        json_decref(status);
        if (is_there) return;
        wait_more(&waiting, what);
    }
}

int64_t run_job(struct fixture *fixture, const char *params) {
    json_t *result = call(fixture, "job.create", "%s", params);
    int64_t id = number_in(result, "id");
    json_decref(result);
    return id;
}

json_t *await_job(struct fixture *fixture, int64_t id) {
    struct patience waiting = patience();
    for (;;) {
        json_t *job = call(fixture, "job.get", "{'id':%lld}", (long long)id);
        if (number_in(job, "ended_ms") > 0) return job;
        json_decref(job);
        wait_more(&waiting, "the job does not end");
    }
}

char *lines_of(struct fixture *fixture, const char *source) {
    json_t *page = call(fixture, "logs.list", "{'source':'%s','limit':10000}", source), *line;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    size_t index;
    json_array_foreach(json_object_get(page, "lines"), index, line)
        rpc_strbuf_addf(&text, "%s\n", text_in(line, "line"));
    json_decref(page);
    char *taken = rpc_strbuf_take(&text, NULL);
    return taken ? taken : strdup("");
}

void await_line(struct fixture *fixture, const char *source, const char *text) {
    struct patience waiting = patience();
    for (;;) {
        char *lines = lines_of(fixture, source);
        bool is_there = strstr(lines, text);
        free(lines);
        if (is_there) return;
        wait_more(&waiting, text);
    }
}

/* ---- Small things ------------------------------------------------------------------------- */

const char *text_in(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

int64_t number_in(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

/* A zombie, which nobody but its parent can see, is not. */
bool is_alive(pid_t pid) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    const char *rest = strrchr(line, ')');
    return rest && strncmp(rest, ") Z", 3) != 0;
}

void await_gone(pid_t pid) {
    struct patience waiting = patience();
    while (is_alive(pid))
        wait_more(&waiting, "a process does not end");
}

void pause_ms(int ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

struct patience patience(void) {
    return (struct patience){rpc_clock_monotonic_ms() + PATIENCE_MS};
}

void wait_more(const struct patience *waiting, const char *what) {
    if (rpc_clock_monotonic_ms() > waiting->until_ms) fail_msg("%s", what);
    pause_ms(10);
}
