#include "hero_cli/program.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SUMMARY_COLUMN_MIN 10
#define NAME_BYTES 64

/* The one that runs: messages begin with its name. */
static const struct program *current;

/* ---- Messages --------------------------------------------------------------------------- */

void tell(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fflush(stdout); /* what came before stays before it */
    fprintf(stderr, "%s: ", current->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int tell_error(struct rpc_error *err) {
    enum exit_code code = EXIT_FAILED;
    if (err->kind == RPC_ERROR_INTERRUPTED) code = EXIT_INTERRUPTED;
    if (code != EXIT_INTERRUPTED) tell("%s", err->message);
    if (err->kind == RPC_ERROR_UNREACHABLE) {
        code = current->unreachable_code;
        if (current->unreachable_hint) tell("%s", current->unreachable_hint);
    }
    rpc_error_clear(err);
    return code;
}

bool print_json(json_t *document) {
    bool is_printed = document && json_dumpf(document, stdout, JSON_INDENT(2)) == 0;
    if (is_printed) putchar('\n');
    json_decref(document);
    return is_printed;
}

/* ---- Help ------------------------------------------------------------------------------- */

/* Commands whose names begin with `noun` as a word; NULL: all. */
static bool is_of_noun(const struct command *command, const char *noun) {
    size_t len = noun ? strlen(noun) : 0;
    return !noun || (strncmp(command->name, noun, len) == 0 && command->name[len] == ' ');
}

static int name_width(const struct program *program) {
    size_t width = SUMMARY_COLUMN_MIN;
    for (size_t i = 0; i < program->command_count; i++)
        if (strlen(program->commands[i]->name) + 2 > width)
            width = strlen(program->commands[i]->name) + 2;
    return (int)width;
}

static void print_commands(const struct program *program, const char *noun) {
    for (size_t i = 0; i < program->command_count; i++) {
        const struct command *command = program->commands[i];
        if (is_of_noun(command, noun))
            printf("  %-*s%s\n", name_width(program), command->name, command->summary);
    }
}

static int print_help(const struct program *program) {
    printf("%s - %s\n\nUsage: %s COMMAND [OPTION]...\n\nCommands:\n", program->name, program->about,
           program->name);
    print_commands(program, NULL);
    printf("\n%s COMMAND --help tells more; --version shows the version.\n%s", program->name,
           program->notes);
    return EXIT_OK;
}

static int print_command_help(const struct program *program, const struct command *command,
                              const struct option_rules *rules) {
    printf("Usage: %s %s [OPTION]...%s%s\n\n%s\n\nOptions:\n", program->name, command->name,
           *command->operands ? " " : "", command->operands, command->description);
    options_print_help(rules, stdout);
    return EXIT_OK;
}

/* ---- Dispatch --------------------------------------------------------------------------- */

static int run_command(const struct program *program, const struct command *command, int argc,
                       char **argv) {
    struct option_rules rules = command->rules;
    struct option_line *line = calloc(1, program->options_bytes);
    char message[OPTIONS_MESSAGE_BYTES];
    int code;
    if (!line) {
        tell("out of memory");
        return EXIT_FAILED;
    }
    rules.common = program->common;
    rules.common_count = program->common_count;
    if (!options_parse(&rules, argc, argv, line, message)) {
        tell("%s: %s; see %s %s --help", command->name, message, program->name, command->name);
        code = EXIT_USAGE;
    } else if (line->wants_help)
        code = print_command_help(program, command, &rules);
    else
        code = command->run((const struct options *)line);
    options_done(&rules, line);
    free(line);
    return code;
}

static const char *resolve_alias(const struct program *program, const char *word, size_t len) {
    for (size_t i = 0; i < program->alias_count; i++)
        if (strlen(program->aliases[i].word) == len &&
            strncmp(program->aliases[i].word, word, len) == 0)
            return program->aliases[i].stands_for;
    return NULL;
}

/* The first word (up to a dot) without its alias, and the second, after the dot or the next word.
 * Returns how many words of argv a name of two words takes. */
static int read_name(const struct program *program, int argc, char **argv, char noun[NAME_BYTES],
                     char name[2 * NAME_BYTES]) {
    size_t len = strncmp(argv[0], "--", 2) == 0 ? strlen(argv[0]) : strcspn(argv[0], ".");
    bool is_dotted = argv[0][len] == '.';
    const char *alias = resolve_alias(program, argv[0], len);
    const char *verb = is_dotted ? argv[0] + len + 1 : argc > 1 ? argv[1] : "";
    snprintf(noun, NAME_BYTES, "%.*s", alias ? NAME_BYTES - 1 : (int)len, alias ? alias : argv[0]);
    snprintf(name, (size_t)2 * NAME_BYTES, "%s %.*s", noun, NAME_BYTES - 1, verb);
    return is_dotted ? 1 : 2;
}

static const struct command *find_command(const struct program *program, const char *name) {
    for (size_t i = 0; i < program->command_count; i++)
        if (strcmp(program->commands[i]->name, name) == 0) return program->commands[i];
    return NULL;
}

static bool is_noun(const struct program *program, const char *word) {
    for (size_t i = 0; i < program->command_count; i++)
        if (is_of_noun(program->commands[i], word)) return true;
    return false;
}

/* A noun alone, or with a verb that it does not have. */
static int explain_noun(const struct program *program, const char *noun, int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (!strcmp(verb, "--help") || !strcmp(verb, "-h")) {
        printf("Usage: %s %s COMMAND [OPTION]...\n\nCommands:\n", program->name, noun);
        print_commands(program, noun);
        return EXIT_OK;
    }
    if (*verb && *verb != '-')
        tell("there is no command '%s %s'; see %s %s --help", noun, verb, program->name, noun);
    else
        tell("what to do with %s is missing; see %s %s --help", noun, program->name, noun);
    return EXIT_USAGE;
}

/* argv begins with the name of the command. */
static int dispatch(const struct program *program, int argc, char **argv) {
    char noun[NAME_BYTES], name[2 * NAME_BYTES];
    if (argc < 1) {
        tell("no command is given; see %s --help", program->name);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) return print_help(program);
    if (!strcmp(argv[0], "--version")) {
        printf("%s %s\n", program->name, HERO_VERSION);
        return EXIT_OK;
    }
    int words = read_name(program, argc, argv, noun, name);
    const struct command *command = find_command(program, name);
    if (command) return run_command(program, command, argc - words, argv + words);
    command = words == 2 ? find_command(program, noun) : NULL;
    if (command) return run_command(program, command, argc - 1, argv + 1);
    if (words == 2 && is_noun(program, noun)) return explain_noun(program, noun, argc, argv);
    tell("there is no command '%s'; see %s --help", argv[0], program->name);
    return EXIT_USAGE;
}

/* How many words in front of the command's name are options that every command takes. */
static int leading_options(const struct program *program, int argc, char **argv) {
    int lead = 0;
    for (int width; (width = options_width(program->common, program->common_count, argc - lead,
                                           argv + lead)) > 0;)
        lead += width;
    return lead;
}

/* Options in front of the name go behind everything before "--": where they would stand otherwise.
 */
static int run_line(const struct program *program, int argc, char **argv) {
    int lead = leading_options(program, argc, argv);
    if (lead == 0) return dispatch(program, argc, argv);
    char **words = calloc((size_t)argc + 1, sizeof *words);
    if (!words) {
        tell("out of memory");
        return EXIT_FAILED;
    }
    int end = lead, count = 0;
    while (end < argc && strcmp(argv[end], "--") != 0)
        end++;
    for (int i = lead; i < end; i++)
        words[count++] = argv[i];
    for (int i = 0; i < lead && end > lead; i++)
        words[count++] = argv[i];
    for (int i = end; i < argc; i++)
        words[count++] = argv[i];
    int code = dispatch(program, count, words);
    free(words);
    return code;
}

int program_main(const struct program *program, int argc, char **argv) {
    current = program;
    /* A reader that goes away is an error of the write, so that what was begun can be ended. */
    signal(SIGPIPE, SIG_IGN);
    int code = run_line(program, argc - 1, argv + 1);
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    if (errno != EPIPE) tell("cannot write to standard output: %s", strerror(errno));
    return code == EXIT_OK ? EXIT_FAILED : code;
}
