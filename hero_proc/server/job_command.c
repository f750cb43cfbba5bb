#include "server/job_command.h"

#include "server/command_line.h"
#include "server/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/strbuf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 4
/* A longer script goes into a file: an argument may have 128 KiB (execve(2)). A shorter one does
 * not, so that a full disk keeps nothing from starting. */
#define SCRIPT_ARGUMENT_MAX_BYTES (100 * 1024)

static int fail_memory(struct rpc_error *err) {
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

/* ---- The script -------------------------------------------------------------------------- */

static void add_input(struct rpc_strbuf *out, const json_t *value) {
    if (json_is_string(value))
        rpc_strbuf_add_text(out, json_string_value(value));
    else
        rpc_strbuf_add_json(out, value);
}

/* The script with {{name}} replaced; a name that is no input stays as it is. */
static char *fill_in(const struct job *job) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    const char *at = job->spec->script, *open, *close;
    while (job->inputs && (open = strstr(at, "{{")) && (close = strstr(open, "}}"))) {
        char name[SPEC_NAME_MAX_BYTES];
        int len = (int)(close - open - 2);
        snprintf(name, sizeof name, "%.*s", len, open + 2);
        const json_t *value = json_object_get(job->inputs, name);
        rpc_strbuf_add(&out, at, (size_t)(open - at));
        if (value)
            add_input(&out, value);
        else
            rpc_strbuf_add(&out, open, (size_t)(close + 2 - open));
        at = close + 2;
    }
    rpc_strbuf_add_text(&out, at);
    char *text = rpc_strbuf_take(&out, NULL);
    rpc_strbuf_done(&out);
    return text;
}

static void script_path(const struct job *job, char out[PATH_MAX]) {
    const char *end = job->spec->interpreter == INTERPRETER_RHAI ? "rhai" : "sh";
    snprintf(out, PATH_MAX, "%s/%lld.%s", job->world->run_dir, (long long)job->id, end);
}

static int write_script(const char *text, const char *path, struct rpc_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int outcome = fd >= 0 ? rpc_fd_write_all(fd, text, strlen(text)) : -1;
    if (outcome < 0) rpc_error_set_errno(err, "cannot write the script to %s", path);
    rpc_fd_close(&fd);
    return outcome;
}

void job_command_remove_script(const struct job *job) {
    char path[PATH_MAX];
    if (job->spec->interpreter == INTERPRETER_EXEC) return;
    script_path(job, path);
    unlink(path);
}

/* ---- The program ------------------------------------------------------------------------- */

/* One of ours: beside the daemon, or in PATH. */
static char *find_ours(const struct job *job, const char *name, const char *path) {
    char beside[PATH_MAX];
    snprintf(beside, sizeof beside, "%s/%s", job->world->program_dir, name);
    return access(beside, X_OK) == 0 ? strdup(beside) : command_find(name, path);
}

/* argv in one block, as command_line_split gives it; the words live in the command. */
static int set_words(struct job_command *command, const char *const words[WORDS_MAX],
                     struct rpc_error *err) {
    size_t size = (WORDS_MAX + 1) * sizeof(char *), count = 0;
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        size += strlen(words[i]) + 1;
    command->argv = malloc(size);
    if (!command->argv) return fail_memory(err);
    char *out = (char *)(command->argv + WORDS_MAX + 1);
    for (; count < WORDS_MAX && words[count]; count++) {
        command->argv[count] = out;
        out = stpcpy(out, words[count]) + 1;
    }
    command->argv[count] = NULL;
    return 0;
}

static int find_program(struct job_command *command, const struct job *job, struct rpc_error *err) {
    const char *path = environment_get(command->envp, "PATH");
    char file[PATH_MAX];
    bool needs_file = job->spec->interpreter == INTERPRETER_RHAI;
    script_path(job, file);
    switch (job->spec->interpreter) {
    case INTERPRETER_EXEC:
        command->argv = command_line_split(command->script, err);
        if (!command->argv) return -1;
        command->path = command_find(command->argv[0], path);
        if (!command->path) rpc_error_set_errno(err, "cannot start %s", command->argv[0]);
        break;
    case INTERPRETER_BASH:
        command->path = command_find("bash", path);
        if (!command->path) rpc_error_set_errno(err, "cannot start bash");
        needs_file = strlen(command->script) > SCRIPT_ARGUMENT_MAX_BYTES;
        if (set_words(command,
                      needs_file ? (const char *const[]){"bash", file, NULL, NULL}
                                 : (const char *const[]){"bash", "-c", command->script, NULL},
                      err) < 0)
            return -1;
        break;
    case INTERPRETER_RHAI:
        command->path = find_ours(job, "hero_runner_rhai", path);
        if (!command->path) command->path = find_ours(job, "rhai", path);
        if (!command->path)
            rpc_error_set(err, RPC_ERROR_INVALID, 0,
                          "cannot start it: there is neither hero_runner_rhai nor rhai");
        if (set_words(command, (const char *const[]){"rhai", "run", file, NULL}, err) < 0)
            return -1;
        break;
    }
    if (!command->path) return -1;
    return needs_file ? write_script(command->script, file, err) : 0;
}

int job_command_make(struct job_command *command, const struct job *job, const char *mark,
                     struct rpc_error *err) {
    *command = (struct job_command){.script = fill_in(job)};
    command->envp = environment_make(job->spec->env, mark);
    if (!command->script || !command->envp) return fail_memory(err);
    if (find_program(command, job, err) < 0) return -1;
    const char *home = environment_get(command->envp, "HOME");
    command->spawn = (struct spawn_command){
        .path = command->path,
        .argv = command->argv,
        .envp = command->envp,
        .cwd = job->spec->cwd ? job->spec->cwd
               : *home        ? home
                              : "/",
    };
    return 0;
}

void job_command_done(struct job_command *command) {
    environment_free(command->envp);
    free(command->argv);
    free(command->path);
    free(command->script);
}
