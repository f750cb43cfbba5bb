/* cmd_run.c - `rhai run`: runs one script. */
#include "commands.h"

#include <rhai_console/scripts.h>
#include <rhai_console/report.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char cmd_run_help[] =
    "rhai run [OPTION]... FILE|- [-- ARG...]\n"
    "    Runs the script in FILE, or from standard input. print writes to standard output,\n"
    "    debug to standard error. Exits 0, 1 when the script fails, 2 for wrong usage.\n"
    "    With --, the script sees what follows as the constant array ARGS.\n"
    "      --show-value            print the value's type and debug form after the run\n"
    "      --dump                  print the compiled code, and run nothing\n"
    "      --limit NAME=VALUE      max_operations, max_call_levels, max_expr_depth,\n"
    "                              max_function_expr_depth, max_string_size, max_array_size,\n"
    "                              max_map_size, max_variables, max_functions, max_modules,\n"
    "                              max_memory; 0 means none; sizes in bytes may end in\n"
    "                              K, M or G, or KB, MB, GB (powers of 1024)\n"
    "      --strict-variables      a variable that is not defined is a syntax error\n"
    "      --optimize LEVEL        none, simple (default) or full\n"
    "      --module-path DIR       look for imports here too, after the script's own folder\n";

typedef struct run_options {
    bool show_value, dump, strict_variables;
    rhai_optimize optimize;
    bool has_limit[RHAI_LIMIT_COUNT];
    uint64_t limit[RHAI_LIMIT_COUNT];
    const char **module_dirs;
    size_t module_dir_count;
    const char *file;
    bool has_args;
    char **args;
    size_t arg_count;
} run_options;

/* ---- Options ------------------------------------------------------------------------------ */

static int __attribute__((format(printf, 1, 2))) usage_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "rhai run: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return EXIT_USAGE;
}

/* Digits, and for sizes in bytes a suffix. */
static bool parse_limit_value(const char *text, bool is_bytes, uint64_t *ret) {
    if (*text < '0' || *text > '9') return false;
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno) return false;

    unsigned shift = 0;
    if (is_bytes && *end) {
        switch (*end++) {
        case 'K': shift = 10; break;
        case 'M': shift = 20; break;
        case 'G': shift = 30; break;
        default: return false;
        }
        if (*end == 'B') end++;
    }
    if (*end || value > UINT64_MAX >> shift) return false;
    *ret = value << shift;
    return true;
}

static int parse_limit(run_options *o, const char *setting) {
    const char *equals = strchr(setting, '=');
    if (!equals) return usage_error("--limit needs NAME=VALUE, not '%s'", setting);

    char name[64];
    rhai_limit limit;
    snprintf(name, sizeof name, "%.*s", (int)(equals - setting), setting);
    if (!rhai_limit_by_name(name, &limit)) return usage_error("no limit is called '%s'", name);
    bool is_bytes = limit == RHAI_MAX_STRING_SIZE || limit == RHAI_MAX_MEMORY;
    if (!parse_limit_value(equals + 1, is_bytes, &o->limit[limit]))
        return usage_error("'%s': the value is not a whole number", setting);
    o->has_limit[limit] = true;
    return 0;
}

static int parse_optimize(run_options *o, const char *level) {
    static const char *const names[] = {
        [RHAI_OPTIMIZE_NONE] = "none",
        [RHAI_OPTIMIZE_SIMPLE] = "simple",
        [RHAI_OPTIMIZE_FULL] = "full",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(level, names[i]) != 0) continue;
        o->optimize = (rhai_optimize)i;
        return 0;
    }
    return usage_error("--optimize is none, simple or full, not '%s'", level);
}

enum option_code {
    OPT_SHOW_VALUE = 256,
    OPT_DUMP,
    OPT_LIMIT,
    OPT_STRICT,
    OPT_OPTIMIZE,
    OPT_MODULE_PATH,
    OPT_HELP
};

static const struct option long_options[] = {
    {"show-value", no_argument, NULL, OPT_SHOW_VALUE},
    {"dump", no_argument, NULL, OPT_DUMP},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"strict-variables", no_argument, NULL, OPT_STRICT},
    {"optimize", required_argument, NULL, OPT_OPTIMIZE},
    {"module-path", required_argument, NULL, OPT_MODULE_PATH},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int parse_operands(run_options *o, int argc, char **argv) {
    if (optind == argc) return usage_error("no script is given; see rhai --help");
    if (optind + 1 < argc)
        return usage_error("'%s' is one operand too many (arguments for the script go behind --)",
                           argv[optind + 1]);
    o->file = argv[optind];
    return 0;
}

/* getopt tells an unknown short option by its letter, a long one by the argument it was in. */
static int option_error(const char *argument) {
    if (optopt > 0 && optopt < OPT_SHOW_VALUE)
        return usage_error("no option '-%c'; see rhai --help", optopt);
    return usage_error("no option '%s'; see rhai --help", argument);
}

/* Options may stand on either side of the file; what lies behind `--` is the script's and cut off
 * before getopt sees the rest. Returns 0, or EXIT_USAGE after a message; sets *ret_help when help
 * was asked for. */
static int parse_options(run_options *o, int argc, char **argv, bool *ret_help) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") != 0) continue;
        o->has_args = true;
        o->args = argv + i + 1;
        o->arg_count = (size_t)(argc - i - 1);
        argc = i;
    }
    int c, error = 0;
    opterr = 0;
    while (!error && (c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        switch (c) {
        case OPT_SHOW_VALUE: o->show_value = true; break;
        case OPT_DUMP: o->dump = true; break;
        case OPT_LIMIT: error = parse_limit(o, optarg); break;
        case OPT_STRICT: o->strict_variables = true; break;
        case OPT_OPTIMIZE: error = parse_optimize(o, optarg); break;
        case OPT_MODULE_PATH: o->module_dirs[o->module_dir_count++] = optarg; break;
        case OPT_HELP: *ret_help = true; return 0;
        case ':': error = usage_error("%s needs a value", argv[optind - 1]); break;
        default: error = option_error(argv[optind - 1]); break;
        }
    }
    return error ? error : parse_operands(o, argc, argv);
}

/* ---- Callbacks ---------------------------------------------------------------------------- */

/* Standard output stays buffered; it is flushed before anything goes to standard error, so
 * that the two keep their order on a terminal. */
static void put_line(FILE *out, const char *text, size_t len) {
    fwrite(text, 1, len, out);
    fputc('\n', out);
}

static void on_print(void *data, const char *text, size_t len) {
    (void)data;
    put_line(stdout, text, len);
}

static void on_debug(void *data, const char *text, size_t len, const char *source, rhai_pos pos) {
    (void)data, (void)source, (void)pos;
    fflush(stdout);
    put_line(stderr, text, len);
}

/* The first Ctrl-C or SIGTERM ends the script, so that what it has printed is not lost; the
 * second one ends the program. */
static rhai_engine *signal_engine;
static volatile sig_atomic_t signal_caught;

static void on_signal(int number) {
    signal_caught = number;
    rhai_engine_terminate(signal_engine);
}

static void catch_signals(rhai_engine *engine) {
    signal_engine = engine;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- The run ------------------------------------------------------------------------------ */

static void apply_options(rhai_engine *engine, const run_options *o, module_files *modules) {
    for (int i = 0; i < RHAI_LIMIT_COUNT; i++)
        if (o->has_limit[i]) rhai_engine_set_limit(engine, (rhai_limit)i, o->limit[i]);
    rhai_engine_set_optimize(engine, o->optimize);
    rhai_engine_set_strict_variables(engine, o->strict_variables);
    rhai_engine_set_resolver(engine, module_files_resolve, modules);
    rhai_engine_on_print(engine, on_print, NULL);
    rhai_engine_on_debug(engine, on_debug, NULL);
}

/* ARGS as an array of strings. The scope stays empty without `--`: a variable more would be
 * visible to max_variables and to name look-ups. */
static rhai_status push_args(rhai_engine *engine, rhai_scope *scope, const run_options *o) {
    rhai_value args, item;
    if (!o->has_args) return RHAI_OK;
    if (rhai_new_array(engine, &args) != RHAI_OK) return RHAI_ERROR;
    for (size_t i = 0; i < o->arg_count; i++) {
        if (rhai_from_text(engine, o->args[i], strlen(o->args[i]), &item) != RHAI_OK ||
            rhai_array_push(engine, &args, &item) != RHAI_OK) {
            rhai_value_done(engine, &args);
            return RHAI_ERROR;
        }
    }
    return rhai_scope_push(engine, scope, "ARGS", &args, true);
}

static int show_value(rhai_engine *engine, const rhai_value *value) {
    rhai_value debug;
    if (rhai_to_debug(engine, value, &debug) != RHAI_OK) {
        fprintf(stderr, "rhai: out of memory\n");
        return EXIT_SCRIPT;
    }
    size_t len;
    const char *text = rhai_as_text(&debug, &len);
    printf("=> %s\n", rhai_type_name(engine, value));
    put_line(stdout, text, len);
    rhai_value_done(engine, &debug);
    return 0;
}

static void show_error(const rhai_error *error, const known_names *known, const run_options *o,
                       const script_text *script, const module_files *modules) {
    fflush(stdout);
    fprintf(stderr, "%s\n", rhai_error_text(error));
    if (isatty(STDERR_FILENO))
        report_error(stderr, error, strcmp(o->file, "-") ? o->file : "standard input", script,
                     modules, known);
}

static int dump_script(rhai_engine *engine, const run_options *o, const script_text *script,
                       const module_files *modules, const rhai_scope *scope) {
    rhai_error *error = NULL;
    rhai_program *program = rhai_compile(engine, script->text, script->len, NULL, scope, &error);
    rhai_value code;
    rhai_status status = program ? rhai_program_dump(engine, program, &code, &error) : RHAI_ERROR;
    rhai_program_free(engine, program);
    if (status != RHAI_OK) {
        show_error(error, &(known_names){.engine = engine, .scope = scope}, o, script, modules);
        rhai_error_free(error);
        return EXIT_SCRIPT;
    }
    size_t len;
    const char *lines = rhai_as_text(&code, &len);
    fwrite(lines, 1, len, stdout);
    rhai_value_done(engine, &code);
    return 0;
}

static int run_script(rhai_engine *engine, const run_options *o, const script_text *script,
                      const module_files *modules) {
    rhai_scope *scope = rhai_scope_new(engine);
    if (!scope || push_args(engine, scope, o) != RHAI_OK) {
        rhai_scope_free(engine, scope);
        fprintf(stderr, "rhai: out of memory, or an argument that is not UTF-8 text\n");
        return EXIT_USAGE;
    }
    int code = 0;
    rhai_value value;
    rhai_error *error = NULL;
    if (o->dump) {
        code = dump_script(engine, o, script, modules, scope);
        rhai_scope_free(engine, scope);
        return code;
    }
    if (rhai_eval(engine, script->text, script->len, scope, &value, &error) == RHAI_ERROR) {
        show_error(error, &(known_names){.engine = engine, .scope = scope}, o, script, modules);
        rhai_error_free(error);
        code = EXIT_SCRIPT;
    } else {
        if (o->show_value) code = show_value(engine, &value);
        rhai_value_done(engine, &value);
    }
    rhai_scope_free(engine, scope);
    return code;
}

static int run_file(const run_options *o) {
    script_text script;
    int error = script_read(o->file, &script);
    if (error) {
        fprintf(stderr, "rhai: cannot read %s: %s\n", o->file, strerror(error));
        return EXIT_USAGE;
    }
    rhai_engine *engine = rhai_engine_new(NULL);
    if (!engine) {
        script_text_done(&script);
        fprintf(stderr, "rhai: out of memory\n");
        return EXIT_SCRIPT;
    }
    module_files modules = {
        .script = strcmp(o->file, "-") ? o->file : NULL,
        .dirs = o->module_dirs,
        .dir_count = o->module_dir_count,
    };
    apply_options(engine, o, &modules);
    catch_signals(engine);
    int code = run_script(engine, o, &script, &modules);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    rhai_engine_free(engine);
    module_files_done(&modules);
    script_text_done(&script);
    return code;
}

int cmd_run(int argc, char **argv) {
    bool help = false;
    run_options o = {.optimize = RHAI_OPTIMIZE_SIMPLE};
    o.module_dirs = calloc((size_t)argc, sizeof *o.module_dirs);
    if (!o.module_dirs) return EXIT_SCRIPT;

    int code = parse_options(&o, argc, argv, &help);
    if (!code && help) fputs(cmd_run_help, stdout);
    if (!code && !help) code = run_file(&o);
    free(o.module_dirs);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "rhai: cannot write to standard output: %s\n", strerror(errno));
        code = EXIT_SCRIPT;
    }
    if (signal_caught) raise(signal_caught); /* the caller sees what ended us */
    return code;
}
