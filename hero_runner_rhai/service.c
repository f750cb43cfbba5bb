#include "service.h"

#include <hero_rpc/paths.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The server gives its sessions 5 s to end and kills them then. */
#define STOP_TIMEOUT_MS 12000
#define START_TIMEOUT_MS 20000
#define CHECK_INTERVAL_MS 10000
#define CHECK_TIMEOUT_MS 5000
#define CHECK_FAILURES 3
#define ATTEMPTS 10
#define DELAY_MS 500
#define DELAY_MAX_MS 30000
#define STABLE_MS 30000

const struct service_program service_programs[SERVICE_PROGRAMS_MAX] = {
    {
        .name = "hero_runner_rhai_server",
        .kind = "server",
        .description = "Runs Rhai scripts as isolated, observable, stoppable sessions",
        .sockets = {"rpc.sock"},
        .is_supervised = true,
    },
    {
        .name = "hero_runner_rhai_ui",
        .kind = "admin",
        .description = "Dashboard of hero_runner_rhai_server",
        .sockets = {"ui.sock", "admin.sock"},
        .is_supervised = true,
        .is_optional = true,
    },
    {
        .name = "hero_runner_rhai",
        .kind = "cli",
        .description = "Command line of the runner; starts and stops the service",
    },
};

const struct service_program *service_find_program(const char *name) {
    for (size_t i = 0; i < SERVICE_PROGRAMS_MAX; i++)
        if (strcmp(service_programs[i].name, name) == 0) return &service_programs[i];
    return NULL;
}

static int out_of_memory(struct rpc_error *err) {
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

char *service_program_path(const char *name, struct rpc_error *err) {
    char own[PATH_MAX], *path = NULL;
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    if (len < 0) {
        rpc_error_set_errno(err, "cannot find out where this program is");
        return NULL;
    }
    own[len] = '\0';
    char *slash = strrchr(own, '/');
    if (asprintf(&path, "%.*s%s", (int)(slash - own + 1), own, name) < 0) {
        out_of_memory(err);
        return NULL;
    }
    return path;
}

/* ---- Members ---------------------------------------------------------------------------- */

static void free_member(struct service_member *member) {
    free(member->command);
    for (size_t i = 0; i < SERVICE_SOCKETS_MAX; i++)
        free(member->sockets[i]);
    *member = (struct service_member){0};
}

/* 1 when it is made, 0 when it is not installed and need not be. */
static int make_member(struct service_member *member, const struct service_program *program,
                       struct rpc_error *err) {
    char *path = service_program_path(program->name, err);
    struct rpc_strbuf line = RPC_STRBUF_INIT;
    *member = (struct service_member){.program = program};
    if (!path) return -1;
    bool is_installed = access(path, X_OK) == 0;
    if (!is_installed && !program->is_optional)
        rpc_error_set_errno(err, "%s is not where this program is: %s", program->name, path);
    proc_quote_word(&line, path);
    free(path);
    member->command = is_installed ? rpc_strbuf_take(&line, NULL) : NULL;
    rpc_strbuf_done(&line);
    if (!is_installed) return program->is_optional ? 0 : -1;
    if (!member->command) return out_of_memory(err);
    for (size_t i = 0; program->sockets[i]; i++) {
        member->sockets[i] = rpc_path_socket(SERVICE_NAME, program->sockets[i], err);
        if (!member->sockets[i]) return -1;
        member->checks[i] = (struct proc_health_check){
            .kind = PROC_CHECK_OPENRPC_SOCKET,
            .target = member->sockets[i],
            .interval_ms = CHECK_INTERVAL_MS,
            .timeout_ms = CHECK_TIMEOUT_MS,
            .failures = CHECK_FAILURES,
        };
    }
    return 1;
}

static struct proc_action action_of(const struct service_member *member, char *const *env) {
    const char *const *sockets = (const char *const *)member->sockets;
    return (struct proc_action){
        .name = member->program->name,
        .script = member->command,
        .interpreter = "exec",
        .is_process = true,
        .env = (const char *const *)env,
        .start_timeout_ms = START_TIMEOUT_MS,
        .stop_timeout_ms = STOP_TIMEOUT_MS,
        .stop_signal = "SIGTERM",
        .retry_policy = {ATTEMPTS, DELAY_MS, DELAY_MAX_MS, 2},
        .stability_period_ms = STABLE_MS,
        .kill_other = {.socket = sockets},
        .health_checks = member->checks,
        /* Its other sockets are further names of the first. */
        .health_check_count = member->sockets[0] ? 1 : 0,
        .sockets = sockets,
    };
}

int service_plan_make(struct service_plan *plan, struct rpc_error *err) {
    static const char *const requires[] = {PROC_SERVICE, NULL};
    *plan = (struct service_plan){.env = service_env_make(err)};
    bool is_made = plan->env;
    for (size_t i = 0; is_made && i < SERVICE_PROGRAMS_MAX; i++) {
        const struct service_program *program = &service_programs[i];
        struct service_member *member = &plan->members[plan->count];
        int result = program->is_supervised ? make_member(member, program, err) : 0;
        if (result > 0) plan->actions[plan->count++] = action_of(member, plan->env);
        if (result < 0) free_member(member);
        is_made = result >= 0;
    }
    if (!is_made) {
        service_plan_done(plan);
        return -1;
    }
    plan->service = (struct proc_service){
        .name = SERVICE_NAME,
        .description = service_programs[0].description,
        .actions = plan->actions,
        .action_count = plan->count,
        .wanted = "start",
        .requires = requires,
        .after = requires,
        .require_ready = true,
    };
    return 0;
}

void service_plan_done(struct service_plan *plan) {
    for (size_t i = 0; i < plan->count; i++)
        free_member(&plan->members[i]);
    service_env_free(plan->env);
    *plan = (struct service_plan){0};
}

/* ---- The environment -------------------------------------------------------------------- */

/* What every program of Hero may need, with what holds where it is not set; NULL: it is left out.
 */
static const struct forwarded {
    const char *name, *otherwise;
} forwarded[] = {
    {"PATH_ROOT", "~/hero"}, {"PATH_VAR", NULL},
    {"PATH_BUILD", NULL},    {"PATH_CODE", NULL},
    {"PATH_SOCKET", NULL},   {"HERO_SOCKET_DIR", "~/hero/var/sockets"},
    {"HOME", NULL},          {"USER", NULL},
    {"LANG", NULL},          {"PATH", "/usr/local/bin:/usr/bin:/bin"},
};
enum { FORWARDED_COUNT = sizeof forwarded / sizeof forwarded[0] };

static const char own_prefix[] = "HERO_RUNNER_RHAI_";
/* By these a server finds what belongs to one of its sessions, and ends it. */
static const char *const session_marks[] = {"HERO_RUNNER_RHAI_INSTANCE=",
                                            "HERO_RUNNER_RHAI_SESSION="};

bool service_is_session_mark(const char *setting) {
    for (size_t i = 0; i < sizeof session_marks / sizeof session_marks[0]; i++)
        if (strncmp(setting, session_marks[i], strlen(session_marks[i])) == 0) return true;
    return false;
}

static bool is_own(const char *setting) {
    return strncmp(setting, own_prefix, strlen(own_prefix)) == 0 &&
           !service_is_session_mark(setting);
}

/* The value, or what holds otherwise; NULL: none. The caller frees it. */
static char *value_of(const struct forwarded *variable, struct rpc_error *err) {
    const char *value = getenv(variable->name), *home = getenv("HOME");
    char *expanded = NULL;
    if (value && *value) return strdup(value);
    if (strcmp(variable->name, "HERO_SOCKET_DIR") == 0) return rpc_path_socket_root(err);
    if (!variable->otherwise) return NULL;
    if (variable->otherwise[0] != '~') return strdup(variable->otherwise);
    if (asprintf(&expanded, "%s%s", home ? home : "", variable->otherwise + 1) < 0) return NULL;
    return expanded;
}

char **service_env_make(struct rpc_error *err) {
    size_t count = 0, most = FORWARDED_COUNT + 1;
    for (char **setting = environ; *setting; setting++)
        most += is_own(*setting);
    char **env = calloc(most, sizeof *env);
    bool is_whole = env;
    for (size_t i = 0; is_whole && i < FORWARDED_COUNT; i++) {
        char *value = value_of(&forwarded[i], err);
        if (value) is_whole = asprintf(&env[count++], "%s=%s", forwarded[i].name, value) >= 0;
        free(value);
    }
    for (char **setting = environ; is_whole && *setting; setting++)
        if (is_own(*setting)) is_whole = (env[count++] = strdup(*setting));
    if (is_whole) return env;
    service_env_free(env);
    out_of_memory(err);
    return NULL;
}

void service_env_free(char **env) {
    for (char **setting = env; setting && *setting; setting++)
        free(*setting);
    free(env);
}

/* ---- The description -------------------------------------------------------------------- */

static json_t *program_info(const struct service_program *program) {
    json_t *sockets = json_array();
    for (size_t i = 0; program->sockets[i]; i++)
        json_array_append_new(sockets, json_sprintf(SERVICE_NAME "/%s", program->sockets[i]));
    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", program->name, "kind", program->kind,
                     "desc", program->description, "supervised", program->is_supervised, "sockets",
                     sockets);
}

static json_t *env_info(void) {
    json_t *list = json_array();
    for (size_t i = 0; i < FORWARDED_COUNT; i++)
        json_array_append_new(list, json_pack("{s:s, s:s*}", "name", forwarded[i].name, "default",
                                              forwarded[i].otherwise));
    return list;
}

json_t *service_info(const struct service_program *only) {
    json_t *programs = json_array();
    for (size_t i = 0; i < SERVICE_PROGRAMS_MAX; i++)
        if (!only || only == &service_programs[i])
            json_array_append_new(programs, program_info(&service_programs[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:[{s:s, s:s, s:s}]}", "name",
                     SERVICE_NAME, "title", "Rhai runner", "version", HERO_VERSION, "description",
                     only ? only->description : service_programs[0].description, "category", "tool",
                     "binaries", programs, "env", env_info(), "dependencies", "repo", PROC_SERVICE,
                     "bin", "hero_proc_server", "socket", "hero_proc/rpc.sock");
}

/* A basic string of TOML is written as one of JSON (toml.io, v1.0.0, "String"), and so are booleans
 * and arrays of strings. */
static void print_members(const json_t *object, FILE *out) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        if (json_is_object(json_array_get(value, 0))) continue;
        fprintf(out, "%s = ", name);
        json_dumpf(value, out, JSON_ENCODE_ANY);
        fputc('\n', out);
    }
}

void service_print_toml(const json_t *info, FILE *out) {
    const char *name;
    json_t *list, *entry;
    size_t index;
    fputs("# Made by hero_runner_rhai --info --toml; nothing reads it but others.\n", out);
    print_members(info, out);
    json_object_foreach((json_t *)(uintptr_t)info, name, list) {
        if (!json_is_object(json_array_get(list, 0))) continue;
        json_array_foreach(list, index, entry) {
            fprintf(out, "\n[[%s]]\n", name);
            print_members(entry, out);
        }
    }
}
