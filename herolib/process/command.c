#include "process/command.h"

#include "core/text.h"
#include "process/child.h"
#include "process/program.h"
#include "process/tree.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define READ_BYTES (64 * 1024)
#define NOTE_MAX_BYTES 80

/* One of the two outputs of a running command. */
struct stream {
    herolib_stream kind;
    char *kept;
    size_t len, cap;
    uint64_t beyond;  /* bytes that were too many to keep */
    bool is_mid_line; /* the last byte was no newline */
};

struct run {
    herolib_session session; /* the caller's; without its stop descriptor once a stop is known */
    struct child child;
    struct tree tree;
    bool is_silent;
    struct stream streams[2];
    bool has_partial_line; /* something was written after the last flush of partial lines */
    bool has_exited;
    bool is_stopping; /* the session must stop */
    bool is_late;     /* the command has taken too long */
    int64_t last_output_ns;
    int64_t timeout_ns;   /* when it has taken too long */
    int64_t end_ns;       /* after this it is over: set by the exit, a stop and the timeout */
    struct pollfd fds[3]; /* the two outputs, in the order of `streams`, and the pidfd */
};

enum { FD_EXIT = 2 };

/* ---- What comes ------------------------------------------------------------------------- */

static int keep(struct stream *stream, const char *bytes, size_t len) {
    size_t room = COMMAND_KEPT_MAX_BYTES - stream->len;
    if (len > room) {
        stream->beyond += len - room;
        len = room;
    }
    if (stream->len + len > stream->cap) {
        size_t cap = stream->cap ? stream->cap * 2 : READ_BYTES;
        char *kept = realloc(stream->kept, cap);
        if (!kept) return -ENOMEM;
        stream->kept = kept;
        stream->cap = cap;
    }
    if (len > 0) memcpy(stream->kept + stream->len, bytes, len);
    stream->len += len;
    return 0;
}

static void pass_on(struct run *run, struct stream *stream, const char *bytes, size_t len) {
    if (run->is_silent) return;
    run->session.output.write(run->session.output.data, stream->kind, bytes, len);
    stream->is_mid_line = bytes[len - 1] != '\n';
    run->has_partial_line |= stream->is_mid_line;
}

/* One read, so that both streams get their turn. */
static int read_stream(struct run *run, size_t index) {
    char bytes[READ_BYTES];
    ssize_t got = read(run->fds[index].fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) {
        run->fds[index].fd = -1; /* closed; the child owns the descriptor */
        return 0;
    }
    run->last_output_ns = herolib_now_ns();
    pass_on(run, &run->streams[index], bytes, (size_t)got);
    return keep(&run->streams[index], bytes, (size_t)got);
}

/* ---- When it ends ----------------------------------------------------------------------- */

static void end_within(struct run *run, int64_t ms) {
    int64_t end = herolib_now_ns() + ms * NS_PER_MS;
    if (end < run->end_ns) run->end_ns = end;
}

static void on_exit_seen(struct run *run) {
    run->has_exited = true;
    run->fds[FD_EXIT].fd = -1;
    run->last_output_ns = herolib_now_ns(); /* silence counts from here */
    end_within(run, COMMAND_LINGER_MAX_MS);
}

/* From here on the command has a moment to end by itself. */
static void ask_to_end(struct run *run) {
    tree_signal(&run->tree, SIGTERM);
    end_within(run, COMMAND_STOP_GRACE_MS);
}

/* A stop is heard once. */
static void on_stop(struct run *run) {
    run->is_stopping = true;
    run->session.stop_fd = -1;
    ask_to_end(run);
}

static bool is_too_late(const struct run *run) {
    return !run->has_exited && !run->is_stopping && !run->is_late &&
           herolib_now_ns() >= run->timeout_ns;
}

static void on_timeout(struct run *run) {
    run->is_late = true;
    ask_to_end(run);
}

static bool is_over(const struct run *run) {
    bool is_closed = run->fds[0].fd < 0 && run->fds[1].fd < 0;
    return (run->has_exited && is_closed) || herolib_now_ns() >= run->end_ns;
}

/* The end, or before it the moment from which silence means something. */
static int64_t next_deadline(const struct run *run) {
    bool may_be_late = !run->has_exited && !run->is_stopping && !run->is_late;
    int64_t end = may_be_late && run->timeout_ns < run->end_ns ? run->timeout_ns : run->end_ns;
    if (!run->has_exited && !run->has_partial_line) return end;
    int64_t silence_ms = run->has_exited ? COMMAND_LINGER_MS : HEROLIB_PARTIAL_LINE_MS;
    int64_t deadline = run->last_output_ns + silence_ms * NS_PER_MS;
    return deadline < end ? deadline : end;
}

static void on_silence(struct run *run) {
    if (run->has_exited) run->end_ns = herolib_now_ns();
    if (run->has_partial_line) run->session.output.flush(run->session.output.data, true);
    run->has_partial_line = false;
}

static int watch(struct run *run) {
    while (!is_over(run)) {
        if (is_too_late(run)) on_timeout(run);
        int ready = herolib_wait(&run->session, run->fds, 3, next_deadline(run));
        if (ready == -ECANCELED)
            on_stop(run);
        else if (ready < 0)
            return ready;
        else if (ready == 0)
            on_silence(run);
        else {
            for (size_t i = 0; i < 2; i++) {
                int failed = run->fds[i].revents ? read_stream(run, i) : 0;
                if (failed) return failed;
            }
            if (run->fds[FD_EXIT].revents) on_exit_seen(run);
        }
    }
    /* The next command, or print, begins a line of its own. */
    for (size_t i = 0; i < 2; i++)
        if (run->streams[i].is_mid_line) pass_on(run, &run->streams[i], "\n", 1);
    return 0;
}

/* ---- The result ------------------------------------------------------------------------- */

static int add_note(struct stream *stream) {
    char note[NOTE_MAX_BYTES];
    int len =
        snprintf(note, sizeof note, "%s[%ju more bytes were not kept]\n",
                 stream->kept[stream->len - 1] == '\n' ? "" : "\n", (uintmax_t)stream->beyond);
    char *kept = realloc(stream->kept, stream->len + (size_t)len);
    if (!kept) return -ENOMEM;
    memcpy(kept + stream->len, note, (size_t)len);
    stream->kept = kept;
    stream->len += (size_t)len;
    return 0;
}

/* Moves what was kept into `output`. */
static int take_output(struct stream *stream, struct command_output *output) {
    if (stream->beyond > 0 && add_note(stream) < 0) return -ENOMEM;
    if (stream->kept && !text_make_utf8(&stream->kept, &stream->len)) return -ENOMEM;
    *output = (struct command_output){stream->kept, stream->len};
    stream->kept = NULL;
    return 0;
}

static int take_result(struct run *run, struct command_result *ret) {
    struct command_result result = {0};
    int status;
    int failed = child_reap(&run->child, &status);
    if (!failed) failed = take_output(&run->streams[0], &result.out);
    if (!failed) failed = take_output(&run->streams[1], &result.err);
    if (failed) {
        command_result_done(&result);
        return failed;
    }
    result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result.code = result.signal ? 128 + result.signal : WEXITSTATUS(status);
    result.has_timed_out = run->is_late;
    if (result.has_timed_out) result.code = COMMAND_TIMEOUT_CODE;
    *ret = result;
    return 0;
}

/* ---- The start -------------------------------------------------------------------------- */

/* The input as a file in memory: nobody has to feed it while the command runs, and a command that
 * does not read it breaks no pipe. */
static int open_input(const struct command *command, int *ret_fd) {
    *ret_fd = -1;
    if (!command->input) return 0;
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0) return -errno;
    for (size_t done = 0; done < command->input_len;) {
        ssize_t written = pwrite(fd, command->input + done, command->input_len - done, (off_t)done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            int failed = -errno;
            close(fd);
            return failed;
        }
        done += (size_t)written;
    }
    *ret_fd = fd;
    return 0;
}

static int start(const struct command *command, struct child *ret_child) {
    char *path = program_find(command->argv[0]);
    if (!path) return -errno;
    struct child_spec spec = {
        .path = path,
        .argv = (char *const *)(uintptr_t)command->argv,
        .env = command->env,
        .dir = command->dir,
    };
    int failed = open_input(command, &spec.stdin_fd);
    if (!failed) failed = child_start(&spec, ret_child);
    if (spec.stdin_fd >= 0) close(spec.stdin_fd);
    free(path);
    return failed;
}

int command_run(herolib_session *session, const struct command *command,
                struct command_result *ret_result) {
    struct run run = {
        .session = *session,
        .child = CHILD_NONE,
        .is_silent = command->is_silent,
        .streams = {{.kind = HEROLIB_STDOUT}, {.kind = HEROLIB_STDERR}},
        .timeout_ns = command->timeout_ms > 0 ? herolib_now_ns() + command->timeout_ms * NS_PER_MS
                                              : HEROLIB_NO_DEADLINE,
        .end_ns = HEROLIB_NO_DEADLINE,
    };
    /* What the script has printed comes before whatever the command does. */
    session->output.flush(session->output.data, false);
    int failed = tree_prepare(&run.tree);
    if (failed) return failed;
    failed = start(command, &run.child);
    if (failed) {
        tree_done(&run.tree);
        return failed;
    }
    run.tree.root = run.child.pid;
    run.fds[0] = (struct pollfd){.fd = run.child.out_fd, .events = POLLIN};
    run.fds[1] = (struct pollfd){.fd = run.child.err_fd, .events = POLLIN};
    run.fds[FD_EXIT] = (struct pollfd){.fd = run.child.pidfd, .events = POLLIN};

    failed = watch(&run);
    if (failed || run.is_stopping || run.is_late) tree_end(&run.tree);
    if (!failed && run.is_stopping) failed = -ECANCELED;
    if (!failed) failed = take_result(&run, ret_result);
    child_close(&run.child);
    tree_done(&run.tree);
    for (size_t i = 0; i < 2; i++)
        free(run.streams[i].kept);
    return failed;
}

int command_run_shell(herolib_session *session, const char *text, bool is_silent,
                      struct command_result *ret_result) {
    const char *const argv[] = {COMMAND_SHELL, "-c", "--", text, NULL};
    struct command command = {.argv = argv, .is_silent = is_silent};
    return command_run(session, &command, ret_result);
}

void command_result_done(struct command_result *result) {
    free(result->out.text);
    free(result->err.text);
    *result = (struct command_result){0};
}

void command_error_tail(const struct command_result *result, const char **ret_tail, int *ret_len) {
    const struct command_output *err = &result->err;
    const char *tail = err->text ? err->text : "", *end = tail + err->len;
    while (end > tail && end[-1] == '\n')
        end--;
    if (end - tail > COMMAND_TAIL_MAX_BYTES)
        for (tail = end - COMMAND_TAIL_MAX_BYTES; text_is_continuation(*tail);)
            tail++;
    *ret_tail = tail;
    *ret_len = (int)(end - tail);
}
