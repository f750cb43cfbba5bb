/* command_run.c - runs a script as a session and shows its lines as they come. */
#include "command.h"

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

static int read_script(const char *file, struct rpc_strbuf *text, struct rpc_error *err) {
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
};

static bool on_line(void *ctx, const struct runner_line *line) {
    struct show *show = ctx;
    show->last_seq = line->seq;
    show->is_unread = !show_line(line);
    return !show->is_unread;
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
    if (show->is_unread) follow->line = NULL, follow->gap = NULL;
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

static int follow_session(struct runner *runner, const char *id) {
    struct show show = {0};
    struct runner_follow follow = {.line = on_line, .gap = on_gap, .ctx = &show};
    struct runner_session session = {0};
    struct rpc_error err = {0};
    int ended = runner_session_follow(runner, id, &follow, &session, &err);
    /* Nobody reads what it writes: as with any program at the end of a pipe, it ends. */
    if (ended > 0 || err.kind == RPC_ERROR_INTERRUPTED) {
        rpc_error_clear(&err);
        return stop_and_leave(runner, id, &follow);
    }
    if (ended < 0) return tell_error(&err);
    bool is_success = session.status == RUNNER_SUCCEEDED;
    if (!is_success) tell_failure(&session);
    runner_session_done(&session);
    return is_success ? EXIT_OK : EXIT_FAILED;
}

static int start_session(struct runner *runner, const struct options *options,
                         const struct runner_start *start) {
    char id[RUNNER_ID_BYTES];
    struct rpc_error err = {0};
    if (runner_session_start(runner, start, id, &err) < 0) return tell_error(&err);
    if (!options->detach) return follow_session(runner, id);
    printf("%s\n", id);
    return EXIT_OK;
}

static int run(const struct options *options) {
    struct rpc_strbuf script = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    struct runner *runner = NULL;
    char *dir = NULL;
    int code = EXIT_FAILED;
    if (read_script(options->line.operands[0], &script, &err) < 0) {
        tell_error(&err);
        code = EXIT_USAGE;
        goto done;
    }
    if (options->cwd && !(dir = absolute_dir(options->cwd))) {
        tell("--cwd %s: %s", options->cwd, strerror(errno));
        code = EXIT_USAGE;
        goto done;
    }
    if (!(runner = open_runner())) goto done;
    struct runner_start start = {
        .script = rpc_strbuf_text(&script),
        .script_len = script.len,
        .working_dir = dir,
        .env_vars = options->env_vars,
        .args = options->line.rest,
        .timeout_ms = options->timeout_ms,
        .forward_logs = options->forward_logs,
    };
    code = start_session(runner, options, &start);
done:
    runner_close(runner);
    rpc_strbuf_done(&script);
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
    {"forward-logs", 0, OPTION_FLAG, offsetof(struct options, forward_logs), NULL,
     "send its lines to hero_proc too"},
    {"detach", 'd', OPTION_FLAG, offsetof(struct options, detach), NULL,
     "print the session's ID and leave it running"},
};

const struct command command_run = {
    .name = "run",
    .operands = "FILE|- [-- ARG...]",
    .summary = "run a script and show what it prints",
    .description =
        "Runs the script in FILE, or from standard input, in a session of its own. What\n"
        "it prints goes to standard output, what it writes with debug to standard error,\n"
        "each line as it comes. What follows -- is the constant array ARGS of the script.\n"
        "Ctrl-C stops the session; a second Ctrl-C does not wait for its end.\n"
        "Exits 0 when the script succeeds and 1 when it fails.",
    .rules = {COMMAND_RULES(specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "the script (FILE, or - for standard input)",
              .rest_name = "arguments for the script"},
    .run = run,
};
