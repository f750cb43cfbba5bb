/* command_run.c - runs a script as a session and shows its lines as they come. */
#include "command.h"

#include "progress.h"

#include <hero_rpc/fd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The server's bound for the text of a script. */
#define SCRIPT_MAX_BYTES (16 * 1024 * 1024)

/* ---- What to run ------------------------------------------------------------------------ */

static int read_standard_input(struct rpc_strbuf *text, struct rpc_error *err) {
    for (;;) {
        char *room = rpc_strbuf_reserve(text, 64 * 1024);
        ssize_t got = room ? rpc_fd_read(STDIN_FILENO, room, 64 * 1024) : 0;
        if (got < 0) {
            rpc_error_set_errno(err, "cannot read standard input");
            return -1;
        }
        if (!room || (text->len += (size_t)got) > SCRIPT_MAX_BYTES) {
            rpc_error_set(err, RPC_ERROR_INVALID, 0, "the script is larger than 16 MiB");
            return -1;
        }
        if (got == 0) return 0;
    }
}

int read_script(const char *file, struct rpc_strbuf *text, struct rpc_error *err) {
    if (strcmp(file, "-") == 0) return read_standard_input(text, err);
    return rpc_file_read(file, SCRIPT_MAX_BYTES, text, err);
}

/* A directory is meant as seen from here; the server does not know where that is. NULL without
 * memory, or when this place is gone. The caller frees it. */
static char *absolute_dir(const char *dir) {
    char *path = NULL, *here;
    if (*dir == '/') return strdup(dir);
    if (!(here = getcwd(NULL, 0))) return NULL;
    if (asprintf(&path, "%s/%s", here, dir) < 0) path = NULL;
    free(here);
    return path;
}

/* ---- What it says ----------------------------------------------------------------------- */

struct show {
    uint64_t last_seq;
    bool is_unread; /* standard output or error is closed */
    struct progress progress;
};

static bool on_line(void *ctx, const struct runner_line *line) {
    struct show *show = ctx;
    show->last_seq = line->seq;
    progress_clear(&show->progress);
    show->is_unread = !show_line(line);
    return !show->is_unread;
}

static bool on_pause(void *ctx) {
    struct show *show = ctx;
    show->is_unread = !show_pause();
    return !show->is_unread;
}

static bool on_progress(void *ctx, double done, double total, const char *text) {
    struct show *show = ctx;
    if (!on_pause(show)) return false;
    progress_show(&show->progress, done, total, text);
    return true;
}

static bool on_gap(void *ctx, uint64_t dropped) {
    struct show *show = ctx;
    show->last_seq += dropped;
    show_gap(dropped);
    return true;
}

/* Why it did not succeed. The text of an error of the script is shown as it is. */
static void tell_failure(const struct runner_session *session) {
    const char *reason = session->reason ? session->reason : "";
    const char *message = session->message ? session->message : "for no known reason";
    if (strcmp(reason, "error") == 0 || strcmp(reason, "limit") == 0) {
        fflush(stdout);
        fprintf(stderr, "%s\n", message);
    } else if (session->status == RUNNER_CANCELLED)
        tell("the session was cancelled: %s", message);
    else
        tell("the session failed: %s", message);
}

/* ---- The run ---------------------------------------------------------------------------- */

/* After Ctrl-C: the session is stopped, and what it still says is shown. A second Ctrl-C ends only
 * the waiting. */
static int stop_and_leave(struct runner *runner, const char *id, struct runner_follow *follow) {
    struct show *show = follow->ctx;
    struct rpc_error err = {0};
    forget_interrupt();
    follow->after_seq = show->last_seq;
    follow->progress = NULL;
    if (show->is_unread) follow->line = NULL, follow->gap = NULL, follow->pause = NULL;
    if (runner_session_stop(runner, id, NULL, &err) < 0 ||
        runner_session_follow(runner, id, follow, NULL, &err) < 0) {
        if (err.kind == RPC_ERROR_INTERRUPTED)
            tell("session %s may still be running", id);
        else
            tell_error(&err);
    }
    rpc_error_clear(&err);
    return show->is_unread ? EXIT_FAILED : EXIT_INTERRUPTED;
}

/* The functions that show what is told. */
static struct runner_follow show_with(struct show *show) {
    *show = (struct show){.progress = progress_on(stderr)};
    prepare_lines();
    return (struct runner_follow){
        .line = on_line, .progress = on_progress, .gap = on_gap, .pause = on_pause, .ctx = show};
}

/* The following has come out as `outcome`, `session` and `err`, which are released. The exit code.
 */
static int end_following(struct runner *runner, const char *id, struct runner_follow *follow,
                         int outcome, struct runner_session *session, struct rpc_error *err) {
    struct show *show = follow->ctx;
    progress_clear(&show->progress);
    if (outcome == 0) {
        bool is_success = session->status == RUNNER_SUCCEEDED;
        bool is_read = show_pause();
        if (!is_success) tell_failure(session);
        runner_session_done(session);
        return is_success && is_read ? EXIT_OK : EXIT_FAILED;
    }
    /* Nobody reads what it writes: as with any program at the end of a pipe, it ends. */
    bool is_to_stop = outcome > 0 || (err->kind == RPC_ERROR_INTERRUPTED && *id);
    if (!is_to_stop) return tell_error(err);
    rpc_error_clear(err);
    if (outcome < 0 && is_time_over()) {
        show_pause();
        tell("session %s still runs", id);
        return EXIT_TIME_OVER;
    }
    return stop_and_leave(runner, id, follow);
}

int follow_session(struct runner *runner, const char *id) {
    struct show show;
    struct runner_follow follow = show_with(&show);
    struct runner_session session = {0};
    struct rpc_error err = {0};
    int outcome = runner_session_follow(runner, id, &follow, &session, &err);
    return end_following(runner, id, &follow, outcome, &session, &err);
}

static int run_session(struct runner *runner, const struct runner_start *start, int64_t wait_ms) {
    char id[RUNNER_ID_BYTES];
    if (wait_ms > 0) interrupt_after(wait_ms);
    struct show show;
    struct runner_follow follow = show_with(&show);
    struct runner_session session = {0};
    struct rpc_error err = {0};
    int outcome = runner_session_start_follow(runner, start, &follow, id, &session, &err);
    return end_following(runner, id, &follow, outcome, &session, &err);
}

static int detach_session(struct runner *runner, const struct runner_start *start) {
    char id[RUNNER_ID_BYTES];
    struct rpc_error err = {0};
    if (runner_session_start(runner, start, id, &err) < 0) return tell_error(&err);
    printf("%s\n", id);
    return EXIT_OK;
}

/* ---- Options ---------------------------------------------------------------------------- */

json_t *parse_inputs(const char *const *inputs) {
    json_t *object = json_object();
    for (; inputs && *inputs; inputs++) {
        const char *equals = strchr(*inputs, '=');
        json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
        if (!value) value = json_string(equals + 1);
        json_object_setn_new(object, *inputs, (size_t)(equals - *inputs), value);
    }
    return object;
}

/* A whole number, for bytes with K, M or G (powers of 1,024) behind it. */
static bool parse_amount(const char *text, int64_t *ret) {
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    long long amount = strtoll(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (end == text || errno || amount < 0 || (*end && (!unit || end[1]))) return false;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (amount > INT64_MAX >> shift) return false;
    *ret = amount << shift;
    return true;
}

static bool parse_limits(const char *const *texts, struct runner_limits *limits) {
    const struct {
        const char *name;
        int64_t *place;
    } places[] = {
        {"cpu_ms", &limits->cpu_ms},         {"memory", &limits->memory_bytes},
        {"operations", &limits->operations}, {"output", &limits->output_bytes},
        {"processes", &limits->processes},   {"open_files", &limits->open_files},
    };
    for (; texts && *texts; texts++) {
        size_t name_len = strcspn(*texts, "="), i = 0, count = sizeof places / sizeof places[0];
        while (i < count && (strlen(places[i].name) != name_len ||
                             memcmp(places[i].name, *texts, name_len) != 0))
            i++;
        if (i < count && strcmp(*texts + name_len, "=none") == 0) {
            *places[i].place = -1;
        } else if (i == count || !parse_amount(*texts + name_len + 1, places[i].place) ||
                   *places[i].place == 0) {
            tell("--limit %s: needs cpu_ms, memory, operations, output, processes or open_files, "
                 "and a number over 0, or none",
                 *texts);
            return false;
        }
    }
    return true;
}

static bool parse_priority(const char *text, int *ret) {
    char *end;
    long number = text ? strtol(text, &end, 10) : 0;
    if (text && (*end || end == text || number < -100 || number > 100)) {
        tell("--priority %s: needs a number from -100 to 100", text);
        return false;
    }
    *ret = (int)number;
    return true;
}

/* An address, or the path of a socket, with what is asked of it behind a colon. */
static void parse_callback(const char *text, struct runner_start *start, char **ret_socket) {
    if (!text || *text != '/') {
        start->callback_url = text;
        return;
    }
    const char *colon = strchr(text, ':');
    *ret_socket = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
    start->callback_socket = *ret_socket;
    start->callback_path = colon ? colon + 1 : NULL;
}

/* Where the script comes from: exactly one of FILE, --name, --url and --path. */
static bool has_one_source(const struct options *options) {
    int count = (options->line.operand_count > 0) + (options->script_name != NULL) +
                (options->script_url != NULL) + (options->script_path != NULL);
    if (count == 1) return true;
    tell("run: needs one script: FILE, - for standard input, --name, --url or --path; see "
         "hero_runner_rhai run --help");
    return false;
}

/* Fills what needs reading or parsing; the exit code when that fails, else EXIT_OK. */
static int fill_start(const struct options *options, struct runner_start *start,
                      struct rpc_strbuf *script, char **ret_dir, char **ret_socket) {
    struct rpc_error err = {0};
    parse_callback(options->callback, start, ret_socket);
    if (!has_one_source(options) || !parse_limits(options->limits, &start->limits) ||
        !parse_priority(options->priority, &start->priority))
        return EXIT_USAGE;
    if (options->line.operand_count > 0) {
        if (read_script(options->line.operands[0], script, &err) < 0) {
            tell_error(&err);
            return EXIT_USAGE;
        }
        start->script = rpc_strbuf_text(script);
        start->script_len = script->len;
    }
    if (options->cwd && !(*ret_dir = absolute_dir(options->cwd))) {
        tell("--cwd %s: %s", options->cwd, strerror(errno));
        return EXIT_USAGE;
    }
    start->working_dir = *ret_dir;
    return EXIT_OK;
}

static int run(const struct options *options) {
    struct rpc_strbuf script = RPC_STRBUF_INIT;
    struct runner *runner = NULL;
    char *dir = NULL, *callback_socket = NULL;
    struct runner_start start = {
        .script_name = options->script_name,
        .script_url = options->script_url,
        .script_path = options->script_path,
        .script_version = options->version,
        .inputs = options->inputs ? parse_inputs(options->inputs) : NULL,
        .tags = options->tags,
        .secret_vars = options->secrets,
        .concurrency_key = options->concurrency_key,
        .concurrency_limit = options->concurrency_limit,
        .idempotency_key = options->idempotency_key,
        .env_vars = options->env_vars,
        .args = options->line.rest,
        .timeout_ms = options->timeout_ms,
        .forward_logs = options->forward_logs,
        .keep_logs_here = options->keep_logs_here,
    };
    int code = fill_start(options, &start, &script, &dir, &callback_socket);
    if (code == EXIT_OK)
        code = !(runner = open_runner()) ? EXIT_FAILED
               : options->detach         ? detach_session(runner, &start)
                                         : run_session(runner, &start, options->wait_ms);
    runner_close(runner);
    rpc_strbuf_done(&script);
    json_decref(start.inputs);
    free(callback_socket);
    free(dir);
    return code;
}

static const struct option_spec specs[] = {
    {"env", 0, OPTION_VARIABLE, offsetof(struct options, env_vars), "NAME=VALUE",
     "set an environment variable of the script; may be\ngiven several times"},
    {"cwd", 0, OPTION_TEXT, offsetof(struct options, cwd), "DIR",
     "directory in which the script runs (default: the home\nof the server's owner)"},
    {"timeout", 0, OPTION_DURATION, offsetof(struct options, timeout_ms), "TIME",
     "end the script after this time: 500ms, 30s, 2m, 1h"},
    {"name", 0, OPTION_TEXT, offsetof(struct options, script_name), "NAME",
     "run a script of the library instead of a FILE"},
    {"version", 0, OPTION_NUMBER, offsetof(struct options, version), "N",
     "that version of it (default: the newest)"},
    {"path", 0, OPTION_TEXT, offsetof(struct options, script_path), "PATH",
     "run a file below the server's script roots"},
    {"url", 0, OPTION_TEXT, offsetof(struct options, script_url), "URL",
     "run a script that the server fetches"},
    {"input", 'i', OPTION_VARIABLE, offsetof(struct options, inputs), "NAME=VALUE",
     "value of an input that the script declares: JSON, or\nelse a text; may be given several "
     "times"},
    {"tag", 't', OPTION_LIST, offsetof(struct options, tags), "TAG",
     "a word to find the session by; several times"},
    {"limit", 0, OPTION_VARIABLE, offsetof(struct options, limits), "NAME=N",
     "cpu_ms, memory, operations, output, processes or\nopen_files; bytes also as 64K, 512M, 2G; "
     "or none"},
    {"priority", 0, OPTION_TEXT, offsetof(struct options, priority), "N",
     "-100 to 100: sessions with a higher one run first"},
    {"key", 0, OPTION_TEXT, offsetof(struct options, concurrency_key), "KEY",
     "only one session with this key runs at a time,"},
    {"key-limit", 0, OPTION_NUMBER, offsetof(struct options, concurrency_limit), "N", "or so many"},
    {"once", 0, OPTION_TEXT, offsetof(struct options, idempotency_key), "KEY",
     "begin nothing when a session was begun with this KEY,\nbut show that one"},
    {"callback", 0, OPTION_TEXT, offsetof(struct options, callback), "URL|SOCKET[:PATH]",
     "where the server posts the end of the session to"},
    {"secret", 0, OPTION_LIST, offsetof(struct options, secrets), "NAME",
     "a variable of --env, or an input, whose value is never\nstored"},
    {"forward-logs", 0, OPTION_FLAG, offsetof(struct options, forward_logs), NULL,
     "send its lines to hero_proc too"},
    {"no-forward-logs", 0, OPTION_FLAG, offsetof(struct options, keep_logs_here), NULL,
     "do not, whatever the server does by default"},
    {"wait", 'w', OPTION_DURATION, offsetof(struct options, wait_ms), "TIME",
     "show what it prints for so long at most, then leave it\nrunning and exit with 124"},
    {"detach", 'd', OPTION_FLAG, offsetof(struct options, detach), NULL,
     "print the session's ID and leave it running"},
};

const struct command run_command = {
    .name = "run",
    .operands = "[FILE|-] [-- ARG...]",
    .summary = "run a script and show what it prints",
    .description =
        "Runs the script in FILE, from standard input, or from where --name, --path or\n"
        "--url say, in a session of its own. What\n"
        "it prints goes to standard output, what it writes with debug to standard error,\n"
        "each line as it comes. What follows -- is the constant array ARGS of the script.\n"
        "Ctrl-C stops the session; a second Ctrl-C does not wait for its end.\n"
        "Exits 0 when the script succeeds and 1 when it fails.",
    .rules = {COMMAND_RULES(specs), .operands_min = 0, .operands_max = 1,
              .operand_name = "the script (FILE, or - for standard input)",
              .rest_name = "arguments for the script"},
    .run = run,
};
