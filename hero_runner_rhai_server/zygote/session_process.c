#include "zygote/session_process.h"

#include "session/frames.h"
#include "zygote/control.h"
#include "zygote/imports.h"
#include "zygote/json.h"
#include "zygote/output.h"
#include "zygote/own_limits.h"
#include "zygote/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* One per process, static: signal handlers use them, and their pages are warm at fork. */
static rhai_engine *engine;
static struct output output;
static struct frame_reader reader;
static volatile sig_atomic_t is_stopping, is_cpu_over;

/* SIGTERM: somebody stops the session; SIGXCPU: its processor time is used up. The server says
 * nothing after the request, so the session socket becomes readable only now, which is what ends a
 * wait (herolib_session.stop_fd). */
static void on_stop_signal(int signal) {
    int saved = errno;
    if (signal == SIGXCPU)
        is_cpu_over = 1;
    else
        is_stopping = 1;
    rhai_engine_terminate(engine);
    shutdown(SESSION_SOCKET_FD, SHUT_RD);
    errno = saved;
}

static void on_timer(int signal) {
    (void)signal;
    rhai_engine_interrupt(engine);
}

static void on_print(void *data, const char *text, size_t len) {
    output_print(data, HEROLIB_STDOUT, text, len);
}

static void on_debug(void *data, const char *text, size_t len, const char *source, rhai_pos pos) {
    (void)source, (void)pos;
    output_print(data, HEROLIB_STDERR, text, len);
}

static bool on_poll(void *data) {
    output_tick(data);
    return true;
}

/* ---- Getting ready ---------------------------------------------------------------------- */

/* The zygote is never sent these, so they can be as its children want them. */
void session_process_prepare(const struct session_process *process) {
    engine = process->engine;
    struct sigaction timer = {.sa_handler = on_timer}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGALRM, &timer, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    rhai_engine_on_print(engine, on_print, &output);
    rhai_engine_on_debug(engine, on_debug, &output);
    rhai_engine_on_poll(engine, on_poll, &output);
    process->session->output = output_for_herolib(&output);
    process->session->stop_fd = SESSION_SOCKET_FD;
    output_init(&output, SESSION_SOCKET_FD, engine);
}

static void set_signals(void) {
    struct sigaction stop = {.sa_handler = on_stop_signal}, standard = {.sa_handler = SIG_DFL};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGXCPU, &stop, NULL);
    sigaction(SIGCHLD, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The session socket takes the place of the zygote's control socket. */
static bool arrange_descriptors(int socket_fd) {
    return dup2(CONTROL_STDOUT_FD, STDOUT_FILENO) >= 0 &&
           dup2(CONTROL_STDERR_FD, STDERR_FILENO) >= 0 &&
           dup3(socket_fd, SESSION_SOCKET_FD, O_CLOEXEC) >= 0 &&
           close_range(SESSION_SOCKET_FD + 1, ~0U, 0) == 0;
}

bool session_process_warm(rhai_engine *warm_engine) {
    static const char script[] = "let a = [20, \"x\"]; let f = |n| n + 2; a[0] + f.call(20)";
    rhai_value value = rhai_unit();
    rhai_error *error = NULL;
    bool is_right =
        rhai_eval(warm_engine, script, sizeof script - 1, NULL, &value, &error) == RHAI_OK &&
        rhai_type_of(&value) == RHAI_INT && rhai_as_int(&value) == 42;
    rhai_value_done(warm_engine, &value);
    rhai_error_free(error);
    return is_right;
}

static void park(const struct session_process *process, int socket_fd) {
    prctl(PR_SET_NAME, "rhai_session");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != process->zygote) _exit(SESSION_EXIT_ALONE);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!arrange_descriptors(socket_fd)) _exit(SESSION_EXIT_ALONE);
    set_signals();
    session_process_warm(engine);
}

/* ---- The request ------------------------------------------------------------------------ */

static struct frame wait_for_request(void) {
    struct frame frame;
    for (;;) {
        int have = frame_reader_next(&reader, &frame);
        if (have < 0 || (have > 0 && frame.kind != FRAME_REQUEST)) _exit(SESSION_EXIT_ALONE);
        if (have > 0) return frame;
        ssize_t got = frame_reader_fill(&reader, SESSION_SOCKET_FD);
        if (got <= 0) _exit(SESSION_EXIT_ALONE); /* 0: not needed any more */
    }
}

static int set_environment(const rhai_value *request) {
    const rhai_value *vars = rhai_map_get(request, "env_vars", 8);
    if (!vars) return 0;
    for (size_t i = 0, count = rhai_map_len(vars); i < count; i++) {
        const char *name;
        size_t name_len, value_len;
        const rhai_value *value = rhai_map_entry(engine, vars, i, &name, &name_len);
        if (setenv(name, rhai_as_text(value, &value_len), 1) < 0) return -errno;
    }
    return 0;
}

/* The arguments, for args() and as the constant ARGS. */
static int set_args(const rhai_value *request, herolib_session *session, rhai_scope *scope) {
    const rhai_value *args = rhai_map_get(request, "args", 4);
    rhai_value array;
    if (args)
        rhai_value_copy(args, &array);
    else if (rhai_new_array(engine, &array) != RHAI_OK)
        return -ENOMEM;
    size_t count = rhai_array_len(&array);
    const char **texts = calloc(count + 1, sizeof *texts);
    if (!texts) return -ENOMEM;
    /* The texts live as long as the request, which is never freed. */
    for (size_t i = 0, len; i < count; i++)
        texts[i] = rhai_as_text(rhai_array_at(&array, i), &len);
    session->args = texts;
    session->args_count = count;
    return rhai_scope_push(engine, scope, "ARGS", &array, true) == RHAI_OK ? 0 : -ENOMEM;
}

/* The declared inputs, each a constant. */
static int set_inputs(const rhai_value *request, rhai_scope *scope) {
    const rhai_value *inputs = rhai_map_get(request, "inputs", 6);
    for (size_t i = 0, count = inputs ? rhai_map_len(inputs) : 0; i < count; i++) {
        const char *name;
        size_t len;
        rhai_value copy;
        rhai_value_copy(rhai_map_entry(engine, inputs, i, &name, &len), &copy);
        if (rhai_scope_push(engine, scope, name, &copy, true) != RHAI_OK) return -ENOMEM;
    }
    return 0;
}

static const char *prepare(const rhai_value *request, herolib_session *session, rhai_scope *scope) {
    static char message[4200];
    size_t len;
    const char *dir = json_member_text(request, "working_dir", &len);
    if (dir && chdir(dir) < 0) {
        snprintf(message, sizeof message, "working_dir: cannot enter \"%s\": %s", dir,
                 strerror(errno));
        return message;
    }
    imports_set_dir(json_member_text(request, "dir", &len));
    if (set_environment(request) < 0 || set_args(request, session, scope) < 0 ||
        set_inputs(request, scope) < 0)
        return "out of memory";
    own_limits_set(engine, rhai_map_get(request, "limits", 6));
    return NULL;
}

/* ---- The run ---------------------------------------------------------------------------- */

static struct json_result cpu_is_over(const rhai_error *error) {
    static char message[80];
    snprintf(message, sizeof message, "over its limit of cpu_ms: %lld",
             (long long)own_limits_cpu_ms());
    return (struct json_result){
        .outcome = "error", .message = message, .error = error, .is_limit = true};
}

static struct json_result run_script(const char *text, size_t len, rhai_scope *scope) {
    static rhai_value value;
    rhai_error *error = NULL;
    rhai_program *program = rhai_compile(engine, text, len, NULL, scope, &error);
    if (!program)
        return (struct json_result){
            .outcome = "error", .error = error, .is_limit = rhai_error_is_limit(error)};
    switch (rhai_run(engine, program, scope, &value, &error)) {
    case RHAI_OK: return (struct json_result){.outcome = "ok", .value = &value};
    case RHAI_EXITED: {
        bool is_failure = rhai_type_of(&value) == RHAI_INT && rhai_as_int(&value) != 0;
        return (struct json_result){.outcome = is_failure ? "exit" : "ok", .value = &value};
    }
    default:
        if (is_cpu_over) return cpu_is_over(error);
        return (struct json_result){.outcome = is_stopping ? "terminated" : "error",
                                    .error = error,
                                    .is_limit = rhai_error_is_limit(error)};
    }
}

static struct json_result run_task(const char *task, const char *script, size_t len) {
    static rhai_value value;
    bool is_done = strcmp(task, "functions") == 0 ? task_functions(engine, &value)
                                                  : task_check(engine, script, len, &value);
    if (is_done) return (struct json_result){.outcome = "ok", .value = &value};
    return (struct json_result){.outcome = "error", .message = "out of memory"};
}

/* The process is the subreaper of everything that the script started, so without children there is
 * nothing of it. */
static bool is_alone(void) {
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

/* As wait4(2) will give it, but for the exit itself. */
static struct control_usage own_usage(void) {
    struct rusage self, children;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    struct control_usage usage = control_usage_of(&self), more = control_usage_of(&children);
    usage.user_us += more.user_us;
    usage.system_us += more.system_us;
    if (more.max_rss_kib > usage.max_rss_kib) usage.max_rss_kib = more.max_rss_kib;
    usage.voluntary_switches += more.voluntary_switches;
    usage.involuntary_switches += more.involuntary_switches;
    return usage;
}

/* True: it has also told that nothing else of the session is left. */
static bool send_result(struct json_result *result) {
    struct control_usage usage = own_usage();
    if (is_alone()) result->usage = &usage;
    static char no_memory[] =
        "{\"outcome\":\"error\",\"error\":{\"message\":\"out of memory\"},\"limit\":true}";
    struct json_text json = json_result(engine, result);
    if (!json.bytes) json = (struct json_text){no_memory, sizeof no_memory - 1};
    struct iovec part = {.iov_base = json.bytes, .iov_len = json.len};
    output_frame(&output, FRAME_RESULT, &part, 1);
    return result->usage != NULL;
}

/* Memory is not freed on purpose: the process is about to exit. */
_Noreturn void session_process_run(const struct session_process *process, int socket_fd) {
    park(process, socket_fd);
    struct frame frame = wait_for_request();
    output_begin(&output);
    output_frame(&output, FRAME_STARTED, NULL, 0);

    struct json_result result = {.outcome = "error", .message = "out of memory"};
    rhai_value request;
    rhai_error *error = NULL;
    rhai_scope *scope = rhai_scope_new(engine);
    size_t len = 0, task_len;
    const char *script = NULL, *task = NULL;
    if (scope && rhai_from_json(engine, (const char *)frame.payload, frame.len, &request, &error) ==
                     RHAI_OK) {
        script = json_member_text(&request, "script", &len);
        if (script) script = imports_behind_shebang(script, &len);
        task = json_member_text(&request, "task", &task_len);
        if (task)
            result = run_task(task, script, len);
        else if (script && !(result.message = prepare(&request, process->session, scope)))
            result = run_script(script, len, scope);
    }
    output_finish(&output);
    bool is_left_alone = send_result(&result);
    output_flush(&output);
    _exit(is_left_alone ? SESSION_EXIT_ALONE : SESSION_EXIT_NOT_ALONE);
}
