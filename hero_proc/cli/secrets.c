/* secrets.c - values that services read. */
#include "command.h"

#include <hero_rpc/fd.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX_BYTES (64 * 1024)

static const char *key_of(const struct options *options) {
    return options->line.operands[0];
}

static int run_get(const struct options *options) {
    struct session session;
    json_t *result = NULL;
    bool is_done = false;
    if (session_begin(&session, options))
        result = session_call(&session, PROC_SECRET_GET,
                              params_of(options, "key", key_of(options), NULL));
    if (result && options->as_json)
        is_done = print_json(json_incref(result));
    else if (result) {
        const char *value =
            json_is_string(result) ? json_string_value(result) : lenient_text(result, "value");
        is_done = value && printf("%s\n", value) >= 0;
        if (!value) tell("there is no secret %s", key_of(options));
    }
    json_decref(result);
    return session_end(&session, is_done);
}

/* From standard input, without the newline at its end: so it is in no history and no list of
 * processes. NULL after a message; the caller frees it. */
static char *read_value(void) {
    char *value = calloc(1, VALUE_MAX_BYTES + 1);
    size_t len = 0;
    for (ssize_t got = 1; value && got > 0 && len < VALUE_MAX_BYTES; len += (size_t)got)
        if ((got = rpc_fd_read(STDIN_FILENO, value + len, VALUE_MAX_BYTES - len)) < 0) got = 0;
    if (!value || len == VALUE_MAX_BYTES) {
        tell(value ? "the value is larger than 64 KiB" : "out of memory");
        free(value);
        return NULL;
    }
    if (len > 0 && value[len - 1] == '\n') value[len - 1] = '\0';
    return value;
}

static int run_set(const struct options *options) {
    const char *given = options->line.operand_count > 1 ? options->line.operands[1] : "-";
    char *read = strcmp(given, "-") == 0 ? read_value() : NULL;
    if (strcmp(given, "-") == 0 && !read) return EXIT_USAGE;
    json_t *params = params_of(options, "key", key_of(options), "value", read ? read : given, NULL);
    free(read);
    return do_quietly(options, PROC_SECRET_SET, params, "%s is set", key_of(options));
}

static int run_delete(const struct options *options) {
    return do_quietly(options, PROC_SECRET_DELETE, params_of(options, "key", key_of(options), NULL),
                      "%s is deleted", key_of(options));
}

static int run_list(const struct options *options) {
    struct session session;
    json_t *result = NULL, *secret;
    bool is_done = false;
    size_t index;
    if (session_begin(&session, options))
        result = session_call(&session, PROC_SECRET_LIST, params_of(options, NULL));
    if (result && options->as_json)
        is_done = print_json(json_incref(result));
    else if (result) {
        is_done = true;
        json_array_foreach(lenient_list(result, "secrets|keys|items"), index, secret) {
            const char *key = json_is_string(secret) ? json_string_value(secret)
                                                     : lenient_text(secret, "key|name");
            if (key) printf("%s\n", key);
        }
    }
    json_decref(result);
    return session_end(&session, is_done);
}

static const struct command secret_list = {
    .name = "secret list",
    .operands = "",
    .summary = "show the names of secrets",
    .description = "Shows which secrets are set, not what they are.",
    .run = run_list,
};

static const struct command secret_get = {
    .name = "secret get",
    .operands = "KEY",
    .summary = "print a secret",
    .description = "Prints the value of a secret.",
    .rules = {.operands_min = 1, .operands_max = 1, .operand_name = "KEY"},
    .run = run_get,
};

static const struct command secret_set = {
    .name = "secret set",
    .operands = "KEY [VALUE|-]",
    .summary = "set a secret",
    .description =
        "Sets a secret. Without VALUE, or with -, it is read from standard input and so\n"
        "is in no history of commands.",
    .rules = {.operands_min = 1, .operands_max = 2, .operand_name = "KEY"},
    .run = run_set,
};

static const struct command secret_delete = {
    .name = "secret delete",
    .operands = "KEY",
    .summary = "forget a secret",
    .description = "Forgets a secret.",
    .rules = {.operands_min = 1, .operands_max = 1, .operand_name = "KEY"},
    .run = run_delete,
};

const struct command *const secret_commands[] = {
    &secret_list, &secret_get, &secret_set, &secret_delete, NULL,
};
