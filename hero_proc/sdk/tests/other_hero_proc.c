/*
 * Another hero_proc, for tests: methods with other names, parameters nested, states in other cases,
 * fields in other units, no logs.insert, no secrets. It really runs processes, and refuses what its
 * document (other_openrpc.json) does not allow.
 *
 *   other_hero_proc SOCKET DIR http|discover|none
 *
 * DIR gets calls.log, one request a line, and the output of jobs. The last word says where the
 * document is to be had.
 */
#include <hero_rpc/fd.h>
#include <hero_rpc/http_server.h>
#include <hero_rpc/openrpc.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_BYTES 512

static struct rpc_openrpc *document;
static struct event_base *base;
static const char *dir, *document_place;
static FILE *calls;
/* name -> spec; name -> {"stopped": bool}; jobs by id - 1. */
static json_t *actions, *services, *jobs;

static const char *text(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "";
}

/* ---- Jobs ------------------------------------------------------------------------------- */

static void redirect_output(const char *log) {
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
}

static pid_t spawn(const json_t *spec, const char *log) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    setpgid(0, 0);
    redirect_output(log);
    const json_t *env = json_object_get(spec, "environment");
    const char *strings[64] = {NULL};
    for (size_t i = 0; i < json_array_size(env) && i < 63; i++)
        strings[i] = json_string_value(json_array_get(env, i));
    char command[4096];
    snprintf(command, sizeof command, "%s%s",
             strcmp(text(spec, "interpreter"), "Bash") == 0 ? "" : "exec ", text(spec, "command"));
    char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, command, NULL};
    execve("/bin/sh", argv, (char *const *)(uintptr_t)strings);
    _exit(127);
}

static json_t *start_job(const char *service, const json_t *spec) {
    size_t id = json_array_size(jobs) + 1;
    char log[512], name[256];
    snprintf(log, sizeof log, "%s/job_%zu.log", dir, id);
    snprintf(name, sizeof name, "%s%s%s", service, *service ? "." : "", text(spec, "name"));
    pid_t pid = spawn(spec, log);
    json_t *job = json_pack("{s:i, s:s, s:s, s:s, s:i, s:s}", "id", (int)id, "action_name", name,
                            "service", service, "state", "Running", "pid", (int)pid, "log", log);
    json_array_append_new(jobs, job);
    return job;
}

/* Takes note of what has ended. */
static void reap(void) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        size_t index;
        json_t *job;
        json_array_foreach(jobs, index, job) {
            if (json_integer_value(json_object_get(job, "pid")) != pid) continue;
            int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            json_object_set_new(job, "pid", json_integer(0));
            json_object_set_new(job, "exit_code", json_integer(code));
            json_object_set_new(job, "state", json_string(code == 0 ? "SUCCEEDED" : "Error"));
        }
    }
}

static json_t *state_of(const char *name) {
    const char *state = "INACTIVE";
    json_int_t pid = 0;
    size_t index;
    json_t *job;
    reap();
    json_array_foreach(jobs, index, job) {
        if (strcmp(text(job, "service"), name) != 0) continue;
        pid = json_integer_value(json_object_get(job, "pid"));
        bool is_stopped = json_is_true(json_object_get(json_object_get(services, name), "stopped"));
        state = pid ? "RUNNING" : is_stopped ? "Stopped" : text(job, "state");
    }
    return json_pack("{s:s, s:s, s:I, s:s}", "service", name, "state", state, "pid", pid, "status",
                     "Start");
}

/* ---- Methods ---------------------------------------------------------------------------- */

/* Each returns a result, or NULL and a message. */
typedef json_t *method(const json_t *params, char message[MESSAGE_BYTES]);

static json_t *put_action(const json_t *params, char message[MESSAGE_BYTES]) {
    (void)message;
    json_t *spec = json_object_get(params, "action");
    json_object_set(actions, text(spec, "name"), spec);
    return json_true();
}

static json_t *put_service(const json_t *params, char message[MESSAGE_BYTES]) {
    json_t *config = json_object_get(params, "config");
    size_t index;
    json_t *name;
    json_array_foreach(json_object_get(config, "actions"), index, name) {
        if (json_object_get(actions, json_string_value(name))) continue;
        snprintf(message, MESSAGE_BYTES, "action %s is not set", json_string_value(name));
        return NULL;
    }
    json_object_set(services, text(config, "name"), config);
    return json_true();
}

static json_t *find_service(const json_t *params, char message[MESSAGE_BYTES]) {
    const char *name = text(params, "service_name");
    json_t *service = json_object_get(services, name);
    if (!service) snprintf(message, MESSAGE_BYTES, "service not found: %s", name);
    return service;
}

static json_t *get_state(const json_t *params, char message[MESSAGE_BYTES]) {
    return find_service(params, message) ? state_of(text(params, "service_name")) : NULL;
}

static json_t *list_services(const json_t *params, char message[MESSAGE_BYTES]) {
    (void)params, (void)message;
    json_t *list = json_array(), *service;
    const char *name;
    json_object_foreach(services, name, service)
        json_array_append_new(list, state_of(name));
    return list;
}

static json_t *start_service(const json_t *params, char message[MESSAGE_BYTES]) {
    json_t *service = find_service(params, message), *name;
    size_t index;
    if (!service) return NULL;
    json_object_set_new(service, "stopped", json_false());
    json_array_foreach(json_object_get(service, "actions"), index, name)
        start_job(text(service, "name"), json_object_get(actions, json_string_value(name)));
    return json_integer(1);
}

static json_t *stop_service(const json_t *params, char message[MESSAGE_BYTES]) {
    json_t *service = find_service(params, message), *job;
    size_t index;
    if (!service) return NULL;
    json_object_set_new(service, "stopped", json_true());
    json_array_foreach(jobs, index, job) {
        pid_t pid = (pid_t)json_integer_value(json_object_get(job, "pid"));
        if (strcmp(text(job, "service"), text(service, "name")) == 0 && pid > 0)
            kill(-pid, SIGTERM);
    }
    return json_true();
}

static json_t *remove_service(const json_t *params, char message[MESSAGE_BYTES]) {
    if (!find_service(params, message)) return NULL;
    json_object_del(services, text(params, "service_name"));
    return json_true();
}

static json_t *submit_job(const json_t *params, char message[MESSAGE_BYTES]) {
    const json_t *input = json_object_get(params, "input");
    const json_t *spec = json_object_get(input, "action");
    if (!spec) spec = json_object_get(actions, text(input, "action_name"));
    if (!spec) {
        snprintf(message, MESSAGE_BYTES, "action not found: %s", text(input, "action_name"));
        return NULL;
    }
    return json_incref(start_job("", spec));
}

static json_t *get_job(const json_t *params, char message[MESSAGE_BYTES]) {
    json_int_t id = json_integer_value(json_object_get(params, "job_id"));
    json_t *job = json_array_get(jobs, (size_t)id - 1);
    reap();
    if (!job) snprintf(message, MESSAGE_BYTES, "job not found");
    return json_incref(job);
}

static json_t *list_jobs(const json_t *params, char message[MESSAGE_BYTES]) {
    (void)params, (void)message;
    reap();
    return json_incref(jobs);
}

static json_t *get_job_logs(const json_t *params, char message[MESSAGE_BYTES]) {
    json_t *job = get_job(params, message), *lines = json_array();
    FILE *file = job ? fopen(text(job, "log"), "re") : NULL;
    char line[4096];
    while (file && fgets(line, sizeof line, file))
        json_array_append_new(lines, json_stringn(line, strcspn(line, "\n")));
    if (file) fclose(file);
    json_decref(job);
    return lines;
}

static json_t *shut_down(const json_t *params, char message[MESSAGE_BYTES]) {
    (void)params, (void)message;
    event_base_loopexit(base, &(struct timeval){.tv_usec = 50000});
    return json_true();
}

static json_t *discover(const json_t *params, char message[MESSAGE_BYTES]) {
    (void)params, (void)message;
    return json_deep_copy(rpc_openrpc_json(document));
}

static const struct {
    const char *name;
    method *call;
} methods[] = {
    {"action.put", put_action},
    {"service.put", put_service},
    {"service.state", get_state},
    {"service.list", list_services},
    {"service.start", start_service},
    {"service.stop", stop_service},
    {"service.remove", remove_service},
    {"job.submit", submit_job},
    {"job.status", get_job},
    {"job.list", list_jobs},
    {"job.logs", get_job_logs},
    {"system.shutdown", shut_down},
};

/* ---- HTTP ------------------------------------------------------------------------------- */

static json_t *call_method(const char *name, json_t *params, json_int_t *ret_code,
                           char message[MESSAGE_BYTES]) {
    struct rpc_error err = {0};
    json_t *checked = NULL, *result = NULL;
    *ret_code = -32000;
    if (strcmp(name, "rpc.discover") == 0 && strcmp(document_place, "discover") == 0)
        return discover(params, message);
    if (rpc_openrpc_check_params(document, name, params, &checked, &err) < 0) {
        *ret_code = err.code;
        snprintf(message, MESSAGE_BYTES, "%s", err.message);
        rpc_error_clear(&err);
        return NULL;
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0) result = methods[i].call(checked, message);
    json_decref(checked);
    return result;
}

static void on_rpc(struct rpc_request *request, void *ctx) {
    (void)ctx;
    size_t len;
    const char *body = rpc_request_body(request, &len);
    json_t *call = json_loadb(body, len, 0, NULL), *id = json_object_get(call, "id");
    json_int_t code;
    char message[MESSAGE_BYTES] = "";
    fprintf(calls, "%.*s\n", (int)len, body);
    fflush(calls);
    json_t *result =
        call_method(text(call, "method"), json_object_get(call, "params"), &code, message);
    json_t *answer =
        result ? json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result)
               : json_pack("{s:s, s:O, s:{s:I, s:s}}", "jsonrpc", "2.0", "id", id, "error", "code",
                           code, "message", message);
    rpc_request_reply_json(request, 200, answer);
    json_decref(call);
}

static void on_document(struct rpc_request *request, void *ctx) {
    (void)ctx;
    size_t len;
    const char *bytes = rpc_openrpc_text(document, &len);
    rpc_request_reply(request, 200, "application/json", bytes, len);
}

static void on_health(struct rpc_request *request, void *ctx) {
    (void)ctx;
    rpc_request_reply_json(
        request, 200,
        json_pack("{s:s, s:s, s:s}", "status", "ok", "service", "hero_proc", "version", "0.6.0"));
}

static void on_signal(evutil_socket_t number, short events, void *ctx) {
    (void)number, (void)events, (void)ctx;
    event_base_loopbreak(base);
}

static void kill_jobs(void) {
    size_t index;
    json_t *job;
    json_array_foreach(jobs, index, job) {
        pid_t pid = (pid_t)json_integer_value(json_object_get(job, "pid"));
        if (pid > 0) kill(-pid, SIGKILL);
    }
}

int main(int argc, char **argv) {
    struct rpc_error err = {0};
    struct rpc_strbuf file = RPC_STRBUF_INIT;
    char path[512];
    if (argc != 4) return 2;
    dir = argv[2];
    document_place = argv[3];
    snprintf(path, sizeof path, "%s/calls.log", dir);
    calls = fopen(path, "we");
    actions = json_object();
    services = json_object();
    jobs = json_array();
    base = event_base_new();
    if (rpc_file_read(OTHER_DOCUMENT, 1 << 20, &file, &err) == 0)
        document = rpc_openrpc_parse(rpc_strbuf_text(&file), file.len, &err);
    rpc_strbuf_done(&file);
    struct rpc_server *server = document ? rpc_server_new(base, NULL, &err) : NULL;
    struct event *terminated = event_new(base, SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal, NULL);
    event_add(terminated, NULL);
    if (!server || !calls || rpc_server_route(server, "POST", "/rpc", on_rpc, NULL) < 0 ||
        rpc_server_route(server, "GET", "/health", on_health, NULL) < 0 ||
        (strcmp(document_place, "http") == 0 &&
         rpc_server_route(server, "GET", "/openrpc.json", on_document, NULL) < 0) ||
        rpc_server_listen_unix(server, argv[1], NULL, &err) < 0) {
        fprintf(stderr, "other_hero_proc: %s\n", err.message);
        return 1;
    }
    event_base_dispatch(base);
    kill_jobs();
    rpc_server_free(server);
    rpc_openrpc_free(document);
    event_free(terminated);
    event_base_free(base);
    json_decref(actions);
    json_decref(services);
    json_decref(jobs);
    fclose(calls);
    return 0;
}
