/* repl.c - scripts typed piece by piece. */
#include "parts.h"

#include <rhai_console/report.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Ctrl-C ------------------------------------------------------------------------------- */

static const repl_setup *signal_setup;

static void on_interrupt(int number) {
    (void)number;
    int saved = errno;
    rhai_engine_terminate(signal_setup->engine);
    ssize_t written = write(signal_setup->stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written; /* there is none, or it is full, and then it is readable already */
    errno = saved;
}

static void forget_interrupt(const repl *r) {
    uint64_t count;
    ssize_t got = read(r->setup->stop_fd, &count, sizeof count);
    (void)got; /* nothing to forget is as good */
    rhai_engine_clear_termination(r->engine);
}

/* ---- Running a piece ---------------------------------------------------------------------- */

static void show_value(const repl *r, const rhai_value *value) {
    rhai_value debug;
    if (rhai_type_of(value) == RHAI_UNIT) return;
    if (rhai_to_debug(r->engine, value, &debug) != RHAI_OK) {
        fprintf(stderr, "out of memory\n");
        return;
    }
    size_t len;
    const char *text = rhai_as_text(&debug, &len);
    fwrite(text, 1, len, stdout);
    putchar('\n');
    rhai_value_done(r->engine, &debug);
}

static void show_error(const repl *r, const rhai_error *error, const char *path,
                       const script_text *script, const module_files *modules) {
    fflush(stdout);
    fprintf(stderr, "%s\n", rhai_error_text(error));
    if (r->is_terminal)
        report_error(stderr, error, path, script, modules,
                     &(known_names){r->engine, r->scope, r->program});
}

/* Functions of a piece stay even when its statements fail. */
static void run_piece(repl *r, const char *path, const script_text *script) {
    rhai_error *error = NULL;
    rhai_value value;
    module_files modules = {.script = strcmp(path, "input") ? path : NULL};
    rhai_engine_set_resolver(r->engine, module_files_resolve, &modules);
    forget_interrupt(r);
    rhai_program *program =
        rhai_compile(r->engine, script->text, script->len, NULL, r->scope, &error);
    if (program && r->program && rhai_program_continue(r->engine, program, r->program) != RHAI_OK) {
        rhai_program_free(r->engine, program);
        program = NULL;
        fprintf(stderr, "out of memory\n");
    }
    rhai_status status = RHAI_ERROR;
    if (program) {
        rhai_program_free(r->engine, r->program);
        r->program = program;
        status = rhai_run(r->engine, program, r->scope, &value, &error);
    }
    if (r->setup->piece_ended) r->setup->piece_ended(r->setup->data);
    if (error) {
        show_error(r, error, path, script, &modules);
        rhai_error_free(error);
    } else if (status != RHAI_ERROR) {
        show_value(r, &value);
        rhai_value_done(r->engine, &value);
    }
    r->is_over |= status == RHAI_EXITED;
    fflush(stdout);
    module_files_done(&modules);
}

/* ---- Commands ----------------------------------------------------------------------------- */

static void show_help(repl *r, const char *operand) {
    (void)r, (void)operand;
    for (const repl_command *c = repl_commands; c->name; c++)
        printf("%-10s %-10s %s\n", c->name, c->operand, c->help);
    printf("Anything else is Rhai. Ctrl-C ends what runs, Ctrl-D the session, Tab completes.\n");
}

static void load(repl *r, const char *path) {
    script_text script;
    if (!*path) {
        fprintf(stderr, ".load needs a file\n");
        return;
    }
    int error = script_read(path, &script);
    if (error) {
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(error));
        return;
    }
    run_piece(r, path, &script);
    script_text_done(&script);
}

static void show_functions(repl *r, const char *pattern) {
    repl_list_functions(r, pattern, stdout);
}

static void quit(repl *r, const char *operand) {
    (void)operand;
    r->is_over = true;
}

const repl_command repl_commands[] = {
    {".help", "", "show this", show_help},
    {".load", "FILE", "run a file as if it were typed here", load},
    {".functions", "[PATTERN]", "functions whose names contain the pattern", show_functions},
    {".quit", "", "end the session", quit},
    {NULL, NULL, NULL, NULL},
};

static void run_command(repl *r, char *line) {
    size_t name_len = strcspn(line, " \t\r\n");
    char *operand = line + name_len + strspn(line + name_len, " \t");
    size_t len = strlen(operand);
    while (len && strchr(" \t\r\n", operand[len - 1]))
        operand[--len] = '\0';
    for (const repl_command *c = repl_commands; c->name; c++) {
        if (strlen(c->name) != name_len || strncmp(c->name, line, name_len) != 0) continue;
        c->run(r, operand);
        fflush(stdout);
        return;
    }
    fprintf(stderr, "no command '%.*s'; .help lists them\n", (int)name_len, line);
}

/* ---- The loop ----------------------------------------------------------------------------- */

typedef struct input {
    char *text;
    size_t len;
} input;

static bool input_add(input *in, const char *line, size_t len) {
    char *text = realloc(in->text, in->len + len + 1);
    if (!text) return false;
    memcpy(text + in->len, line, len);
    in->text = text;
    in->len += len;
    text[in->len] = '\0';
    return true;
}

static void run_input(repl *r, line_reader *lr, input *in) {
    size_t blank = strspn(in->text, " \t\r\n");
    if (blank == in->len) return;
    line_reader_remember(lr, in->text);
    if (in->text[0] == '.')
        run_command(r, in->text);
    else
        run_piece(r, "input", &(script_text){.text = in->text, .len = in->len});
}

/* Reads lines until they are a whole piece. False: there is no more input. */
static bool read_input(repl *r, line_reader *lr, input *in) {
    for (;;) {
        const char *line;
        size_t len;
        switch (line_reader_read(lr, in->len ? "  ... " : "rhai> ", &line, &len)) {
        case LINE_END: return false;
        case LINE_CANCELLED: in->len = 0; continue;
        case LINE_READ: break;
        }
        if (!input_add(in, line, len)) {
            fprintf(stderr, "out of memory\n");
            in->len = 0;
            continue;
        }
        if (in->text[0] == '.' || !rhai_is_incomplete(r->engine, in->text, in->len)) return true;
    }
}

static void run_session(repl *r, line_reader *lr) {
    input in = {0};
    bool more = true;
    while (more && !r->is_over && !ferror(stdout)) {
        in.len = 0;
        more = read_input(r, lr, &in);
        if (in.len) run_input(r, lr, &in);
    }
    free(in.text);
}

bool repl_run(const repl_setup *setup) {
    repl r = {.setup = setup,
              .engine = setup->engine,
              .scope = setup->scope,
              .is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    line_reader *lr = line_reader_open(&r);
    if (!lr) return false;
    signal_setup = setup;
    /* Without SA_RESTART, so that Ctrl-C ends the reading of a line, too. */
    if (r.is_terminal) sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    if (r.is_terminal) printf("%s\n", setup->greeting);
    run_session(&r, lr);
    if (r.is_terminal) signal(SIGINT, SIG_DFL);
    line_reader_close(lr);
    rhai_program_free(r.engine, r.program);
    return true;
}
