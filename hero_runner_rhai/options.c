#include "options.h"

#include "duration.h"

#include <stdarg.h>

#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 24

static const struct option_spec help_option = {
    .name = "help",
    .letter = 'h',
    .kind = OPTION_FLAG,
    .offset = offsetof(struct options, wants_help),
    .help = "show this",
};

/* A command line that is being read. */
struct reader {
    const struct option_rules *rules;
    struct options *options;
    char **argv;
    int argc, next;
    size_t variable_count;
    char *message;
};

static bool __attribute__((format(printf, 2, 3)))
refuse(struct reader *reader, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(reader->message, OPTIONS_MESSAGE_BYTES, format, args);
    va_end(args);
    return false;
}

/* ---- Options ---------------------------------------------------------------------------- */

static const struct option_spec *find_by_name(const struct option_rules *rules, const char *name,
                                              size_t len) {
    for (size_t i = 0; i < rules->spec_count; i++)
        if (strlen(rules->specs[i].name) == len && memcmp(rules->specs[i].name, name, len) == 0)
            return &rules->specs[i];
    return len == strlen(help_option.name) && memcmp(name, help_option.name, len) == 0
               ? &help_option
               : NULL;
}

static const struct option_spec *find_by_letter(const struct option_rules *rules, char letter) {
    for (size_t i = 0; i < rules->spec_count; i++)
        if (rules->specs[i].letter == letter) return &rules->specs[i];
    return letter == help_option.letter ? &help_option : NULL;
}

static bool add_variable(struct reader *reader, const char *setting) {
    if (*setting == '=' || !strchr(setting, '='))
        return refuse(reader, "--env needs NAME=VALUE, not '%s'", setting);
    reader->options->env_vars[reader->variable_count++] = setting;
    return true;
}

static bool set_option(struct reader *reader, const struct option_spec *spec, const char *value) {
    void *member = (char *)reader->options + spec->offset;
    switch (spec->kind) {
    case OPTION_FLAG: *(bool *)member = true; return true;
    case OPTION_TEXT: *(const char **)member = value; return true;
    case OPTION_VARIABLE: return add_variable(reader, value);
    case OPTION_DURATION:
        if (duration_parse(value, member)) return true;
        return refuse(reader, "--%s needs a duration such as 500ms, 30s, 2m or 1h, not '%s'",
                      spec->name, value);
    }
    return false;
}

/* `argument` is "--name", "--name=value" or "-x"; the value of the others is the next one. */
static bool read_option(struct reader *reader, const char *argument) {
    bool is_long = argument[1] == '-';
    size_t name_len = is_long ? strcspn(argument + 2, "=") : 1;
    const char *after = argument + (is_long ? 2 : 1) + name_len;
    const struct option_spec *spec = is_long ? find_by_name(reader->rules, argument + 2, name_len)
                                             : find_by_letter(reader->rules, argument[1]);
    if (!spec || (!is_long && *after)) return refuse(reader, "there is no option '%s'", argument);

    const char *value = *after == '=' ? after + 1 : NULL;
    if (spec->kind == OPTION_FLAG && value)
        return refuse(reader, "--%s takes no value", spec->name);
    if (spec->kind != OPTION_FLAG && !value) {
        if (reader->next == reader->argc)
            return refuse(reader, "--%s needs a value (%s)", spec->name, spec->value_name);
        value = reader->argv[reader->next++];
    }
    return set_option(reader, spec, value);
}

/* ---- The whole line --------------------------------------------------------------------- */

static bool check_operands(struct reader *reader) {
    const struct option_rules *rules = reader->rules;
    const struct options *options = reader->options;
    if (options->operand_count < rules->operands_min)
        return refuse(reader, "%s is missing", rules->operand_name);
    if (options->operand_count <= rules->operands_max) return true;
    return refuse(reader, "'%s' is one operand too many%s", options->operands[rules->operands_max],
                  rules->has_script_args ? "; arguments for the script go behind --" : "");
}

static bool read_line(struct reader *reader) {
    struct options *options = reader->options;
    while (reader->next < reader->argc) {
        const char *argument = reader->argv[reader->next++];
        if (strcmp(argument, "--") == 0) {
            if (reader->rules->has_script_args) {
                options->script_args = (const char *const *)(reader->argv + reader->next);
                break;
            }
            while (reader->next < reader->argc)
                options->operands[options->operand_count++] = reader->argv[reader->next++];
        } else if (argument[0] == '-' && argument[1]) {
            if (!read_option(reader, argument)) return false;
            if (options->wants_help) return true;
        } else {
            options->operands[options->operand_count++] = argument;
        }
    }
    return check_operands(reader);
}

bool options_parse(const struct option_rules *rules, int argc, char **argv,
                   struct options *ret_options, char message[OPTIONS_MESSAGE_BYTES]) {
    static const char *const no_args[] = {NULL};
    size_t most = (size_t)argc + 1;
    *ret_options = (struct options){
        .env_vars = calloc(most, sizeof(char *)),
        .operands = calloc(most, sizeof(char *)),
        .script_args = no_args,
    };
    struct reader reader = {
        .rules = rules, .options = ret_options, .argv = argv, .argc = argc, .message = message};
    if (!ret_options->env_vars || !ret_options->operands) return refuse(&reader, "out of memory");
    return read_line(&reader);
}

void options_done(struct options *options) {
    free(options->env_vars);
    free(options->operands);
    *options = (struct options){0};
}

/* ---- Help ------------------------------------------------------------------------------- */

static void print_option(const struct option_spec *spec, FILE *out) {
    char head[64], letter[] = {'-', spec->letter, ',', ' ', '\0'};
    snprintf(head, sizeof head, "  %s--%s%s%s", spec->letter ? letter : "    ", spec->name,
             spec->value_name ? " " : "", spec->value_name ? spec->value_name : "");
    fprintf(out, "%-*s", HELP_COLUMN, head);
    if (strlen(head) >= HELP_COLUMN) fprintf(out, "\n%*s", HELP_COLUMN, "");
    const char *line = spec->help;
    for (size_t len; len = strcspn(line, "\n"), line[len]; line += len + 1)
        fprintf(out, "%.*s\n%*s", (int)len, line, HELP_COLUMN, "");
    fprintf(out, "%s\n", line);
}

void options_print_help(const struct option_rules *rules, FILE *out) {
    for (size_t i = 0; i < rules->spec_count; i++)
        print_option(&rules->specs[i], out);
    print_option(&help_option, out);
}
