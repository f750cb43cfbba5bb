#include "hero_cli/options.h"

#include "hero_cli/duration.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 24

static const struct option_spec help_option = {
    .name = "help",
    .letter = 'h',
    .kind = OPTION_FLAG,
    .offset = offsetof(struct option_line, wants_help),
    .help = "show this",
};

/* A command line that is being read. */
struct reader {
    const struct option_rules *rules;
    struct option_line *line;
    char **argv;
    int argc, next;
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

typedef bool spec_test(const struct option_spec *spec, const char *name, size_t len);

static bool has_name(const struct option_spec *spec, const char *name, size_t len) {
    return strlen(spec->name) == len && memcmp(spec->name, name, len) == 0;
}

static bool has_letter(const struct option_spec *spec, const char *name, size_t len) {
    return len == 1 && spec->letter == *name;
}

static const struct option_spec *find_in(const struct option_spec *specs, size_t count,
                                         spec_test *test, const char *name, size_t len) {
    for (size_t i = 0; i < count; i++)
        if (test(&specs[i], name, len)) return &specs[i];
    return NULL;
}

static const struct option_spec *find(const struct option_rules *rules, spec_test *test,
                                      const char *name, size_t len) {
    const struct option_spec *spec = find_in(rules->specs, rules->spec_count, test, name, len);
    if (!spec) spec = find_in(rules->common, rules->common_count, test, name, len);
    return spec ? spec : find_in(&help_option, 1, test, name, len);
}

static void *member_of(struct option_line *line, const struct option_spec *spec) {
    return (char *)line + spec->offset;
}

static bool is_list(const struct option_spec *spec) {
    return spec->kind == OPTION_LIST || spec->kind == OPTION_VARIABLE;
}

static bool add_to_list(struct reader *reader, const char ***list, const char *value) {
    size_t count = 0;
    if (!*list) *list = calloc((size_t)reader->argc + 1, sizeof(char *));
    if (!*list) return refuse(reader, "out of memory");
    while ((*list)[count])
        count++;
    (*list)[count] = value;
    return true;
}

static bool set_number(int64_t *number, const char *value) {
    char *end;
    errno = 0;
    *number = strtoll(value, &end, 10);
    return *value >= '0' && *value <= '9' && !*end && errno == 0;
}

static bool set_option(struct reader *reader, const struct option_spec *spec, const char *value) {
    void *member = member_of(reader->line, spec);
    switch (spec->kind) {
    case OPTION_FLAG: *(bool *)member = true; return true;
    case OPTION_TEXT: *(const char **)member = value; return true;
    case OPTION_LIST: return add_to_list(reader, member, value);
    case OPTION_VARIABLE:
        if (*value != '=' && strchr(value, '=')) return add_to_list(reader, member, value);
        return refuse(reader, "--%s needs NAME=VALUE, not '%s'", spec->name, value);
    case OPTION_NUMBER:
        if (set_number(member, value)) return true;
        return refuse(reader, "--%s needs a number, not '%s'", spec->name, value);
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
    const struct option_spec *spec = find(reader->rules, is_long ? has_name : has_letter,
                                          argument + (is_long ? 2 : 1), name_len);
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
    const struct option_line *line = reader->line;
    if (line->operand_count < rules->operands_min)
        return refuse(reader, "%s is missing", rules->operand_name);
    if (line->operand_count <= rules->operands_max) return true;
    return refuse(reader, "'%s' is one operand too many%s%s%s", line->operands[rules->operands_max],
                  rules->rest_name ? "; " : "", rules->rest_name ? rules->rest_name : "",
                  rules->rest_name ? " go behind --" : "");
}

static bool read_line(struct reader *reader) {
    struct option_line *line = reader->line;
    while (reader->next < reader->argc) {
        const char *argument = reader->argv[reader->next++];
        if (strcmp(argument, "--") == 0) {
            if (reader->rules->rest_name) {
                line->rest = (const char *const *)(reader->argv + reader->next);
                break;
            }
            while (reader->next < reader->argc)
                line->operands[line->operand_count++] = reader->argv[reader->next++];
        } else if (argument[0] == '-' && argument[1]) {
            if (!read_option(reader, argument)) return false;
            if (line->wants_help) return true;
        } else {
            line->operands[line->operand_count++] = argument;
        }
    }
    return check_operands(reader);
}

bool options_parse(const struct option_rules *rules, int argc, char **argv,
                   struct option_line *ret_line, char message[OPTIONS_MESSAGE_BYTES]) {
    static const char *const nothing[] = {NULL};
    ret_line->operands = calloc((size_t)argc + 1, sizeof(char *));
    ret_line->rest = nothing;
    struct reader reader = {
        .rules = rules, .line = ret_line, .argv = argv, .argc = argc, .message = message};
    if (!ret_line->operands) return refuse(&reader, "out of memory");
    return read_line(&reader);
}

static void free_lists(const struct option_spec *specs, size_t count, struct option_line *line) {
    for (size_t i = 0; i < count; i++) {
        if (!is_list(&specs[i])) continue;
        const char ***list = member_of(line, &specs[i]);
        free(*list);
        *list = NULL;
    }
}

void options_done(const struct option_rules *rules, struct option_line *line) {
    free_lists(rules->specs, rules->spec_count, line);
    free_lists(rules->common, rules->common_count, line);
    free(line->operands);
    *line = (struct option_line){0};
}

int options_width(const struct option_spec *specs, size_t count, int argc, char **argv) {
    if (argc < 1 || strncmp(argv[0], "--", 2) != 0) return 0;
    const char *name = argv[0] + 2;
    size_t len = strcspn(name, "=");
    const struct option_spec *spec = find_in(specs, count, has_name, name, len);
    if (!spec) return 0;
    return spec->kind == OPTION_FLAG || name[len] == '=' || argc < 2 ? 1 : 2;
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
    for (size_t i = 0; i < rules->common_count; i++)
        print_option(&rules->common[i], out);
    print_option(&help_option, out);
}
