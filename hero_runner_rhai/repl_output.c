#include "repl_output.h"

#include <hero_rpc/clock.h>

/* As often as the receiver of a session's progress takes it (herolib.h). */
#define PROGRESS_EVERY_MS 100
/* More than this without a newline is shown without its end. */
#define LINE_MAX_BYTES (64 * 1024)

void repl_output_init(struct repl_output *output) {
    *output = (struct repl_output){.progress = progress_on(stderr)};
}

void repl_output_done(struct repl_output *output) {
    rpc_strbuf_done(&output->starts[0]);
    rpc_strbuf_done(&output->starts[1]);
    rpc_strbuf_done(&output->text);
}

/* ---- Lines ------------------------------------------------------------------------------ */

/* Standard output is flushed before anything goes to standard error, so that the two keep their
 * order on a terminal. */
static void put(FILE *out, const char *bytes, size_t len) {
    if (out == stderr) fflush(stdout);
    fwrite(bytes, 1, len, out);
}

static void end_line(struct repl_output *output) {
    if (output->open) put(output->open, "\n", 1);
    output->open = NULL;
}

/* `len` is not 0. The next bytes of the same stream go on with a line that has not ended. */
static void put_child(struct repl_output *output, FILE *out, const char *bytes, size_t len) {
    progress_clear(&output->progress);
    if (output->open != out) end_line(output);
    put(out, bytes, len);
    output->open = bytes[len - 1] == '\n' ? NULL : out;
}

static void on_write(void *data, herolib_stream stream, const char *bytes, size_t len) {
    struct repl_output *output = data;
    bool is_stderr = stream == HEROLIB_STDERR;
    FILE *out = is_stderr ? stderr : stdout;
    struct rpc_strbuf *start = &output->starts[is_stderr];
    const char *newline = memrchr(bytes, '\n', len);
    size_t lines_len = newline ? (size_t)(newline - bytes) + 1 : 0;
    if (lines_len > 0 || start->len + len > LINE_MAX_BYTES) {
        if (lines_len == 0) lines_len = len;
        if (start->len > 0) put_child(output, out, rpc_strbuf_text(start), start->len);
        rpc_strbuf_clear(start);
        put_child(output, out, bytes, lines_len);
    }
    rpc_strbuf_add(start, bytes + lines_len, len - lines_len);
}

static void flush_starts(struct repl_output *output) {
    for (int i = 0; i < 2; i++) {
        struct rpc_strbuf *start = &output->starts[i];
        if (start->len > 0)
            put_child(output, i ? stderr : stdout, rpc_strbuf_text(start), start->len);
        rpc_strbuf_clear(start);
    }
}

void repl_output_print(struct repl_output *output, FILE *out, const char *text, size_t len) {
    progress_clear(&output->progress);
    end_line(output);
    put(out, text, len);
    fputc('\n', out);
}

/* ---- Progress --------------------------------------------------------------------------- */

static void show_progress(struct repl_output *output) {
    fflush(stdout);
    end_line(output);
    progress_show(&output->progress, output->done, output->total, rpc_strbuf_text(&output->text));
    output->shown_ms = rpc_clock_monotonic_ms();
    output->is_waiting = false;
}

static void on_progress(void *data, double done, double total, const char *text, size_t len) {
    struct repl_output *output = data;
    output->done = done;
    output->total = total;
    output->is_waiting = true;
    rpc_strbuf_clear(&output->text);
    rpc_strbuf_add(&output->text, text, len);
    if (rpc_clock_monotonic_ms() - output->shown_ms >= PROGRESS_EVERY_MS) show_progress(output);
}

/* ---- Ends ------------------------------------------------------------------------------- */

static void on_flush(void *data, bool partial_lines) {
    struct repl_output *output = data;
    if (partial_lines) flush_starts(output);
    if (output->is_waiting) show_progress(output);
    fflush(stdout);
}

void repl_output_finish(struct repl_output *output) {
    output->is_waiting = false;
    progress_clear(&output->progress);
    flush_starts(output);
    end_line(output);
    fflush(stdout);
}

herolib_output repl_output_for_herolib(struct repl_output *output) {
    return (herolib_output){
        .data = output, .write = on_write, .flush = on_flush, .progress = on_progress};
}
