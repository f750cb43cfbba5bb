#include "process/tool.h"

#include "core/native.h"
#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How much of an argument an error quotes. */
#define QUOTED_BYTES 200

rhai_status tool_run(rhai_call *call, const struct tool *tool, const struct command *command,
                     struct command_result *ret_result) {
    int failed = command_run(herolib_call_session(call), command, ret_result);
    if (!failed) return RHAI_OK;
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed == -ENOMEM) return rhai_throw_out_of_memory(call);
    bool is_missing = failed == -ENOENT && !command->dir;
    if (is_missing && tool->package)
        return rhai_throw(call, "%s: cannot run %s: it is not installed (Debian package %s)",
                          tool->module, tool->program, tool->package);
    if (is_missing)
        return rhai_throw(call, "%s: cannot run %s: it is not installed, or not in PATH",
                          tool->module, tool->program);
    return rhai_throw(call, "%s: cannot run %s: %s", tool->module, tool->program,
                      strerror(-failed));
}

rhai_status tool_throw(rhai_call *call, const struct tool *tool, const char *what,
                       const struct command_result *result) {
    const char *tail, *advice = tool->advice;
    int tail_len;
    command_error_tail(result, &tail, &tail_len);
    return rhai_throw(call, "%s: %s: exit code %d%s%.*s%s%s%s", tool->module, what, result->code,
                      tail_len > 0 ? ": " : "", tail_len, tail, advice ? " (" : "",
                      advice ? advice : "", advice ? ")" : "");
}

void tool_describe(const struct argv *argv, char ret_what[TOOL_WHAT_BYTES]) {
    const char *about = "";
    for (size_t i = 2; i < argv->count && !*about; i++)
        if (*argv->items[i] != '-') about = argv->items[i];
    size_t len = strlen(about);
    if (len > QUOTED_BYTES)
        for (len = QUOTED_BYTES; text_is_continuation(about[len]);)
            len--;
    snprintf(ret_what, TOOL_WHAT_BYTES, "%s%s%.*s", argv->items[1], len > 0 ? " " : "", (int)len,
             about);
}

rhai_status tool_do(rhai_call *call, const struct tool *tool, struct argv *argv,
                    const struct command *how, struct command_result *ret_result) {
    struct command command = *how;
    struct command_result result;
    char what[TOOL_WHAT_BYTES];
    if (argv->is_incomplete) {
        argv_done(argv);
        return rhai_throw_out_of_memory(call);
    }
    command.argv = (const char *const *)argv->items;
    rhai_status status = tool_run(call, tool, &command, &result);
    tool_describe(argv, what);
    argv_done(argv);
    if (status != RHAI_OK) return status;
    if (result.code == 0) {
        *ret_result = result;
        return RHAI_OK;
    }
    tool_throw(call, tool, what, &result);
    command_result_done(&result);
    return RHAI_ERROR;
}

/* ---- Functions that are one command of the program --------------------------------------- */

static bool is_scalar(rhai_type type) {
    return type == RHAI_BOOL || type == RHAI_INT || type == RHAI_FLOAT || type == RHAI_CHAR;
}

const char *tool_text(rhai_call *call, const struct tool *tool, const rhai_value *value,
                      rhai_value *ret_owned) {
    char what[80];
    snprintf(what, sizeof what, "%s: an argument", tool->module);
    *ret_owned = rhai_unit();
    if (rhai_type_of(value) == RHAI_STRING) return text_argument(call, value, what);
    if (!is_scalar(rhai_type_of(value))) {
        rhai_throw(call, "%s cannot be %s", what, rhai_type_name(rhai_call_engine(call), value));
        return NULL;
    }
    size_t len;
    if (rhai_to_text(rhai_call_engine(call), value, ret_owned) == RHAI_OK)
        return rhai_as_text(ret_owned, &len);
    rhai_throw_out_of_memory(call);
    return NULL;
}

rhai_status tool_check_name(rhai_call *call, const struct tool *tool, const char *name) {
    if (!*name) return rhai_throw(call, "%s: an argument is empty", tool->module);
    if (*name == '-')
        return rhai_throw(call, "%s: '%s' would be taken for an option", tool->module, name);
    return RHAI_OK;
}

static rhai_status add_argument(rhai_call *call, const struct tool *tool, const char *word,
                                const char *mark, const rhai_value *value, struct argv *argv) {
    rhai_value owned;
    const char *text = tool_text(call, tool, value, &owned);
    rhai_status status = text ? RHAI_OK : RHAI_ERROR;
    if (text && *mark == '$') status = tool_check_name(call, tool, text);
    if (status == RHAI_OK) argv_add_format(argv, "%.*s%s", (int)(mark - word), word, text);
    rhai_value_done(rhai_call_engine(call), &owned);
    return status;
}

rhai_status tool_add_words(rhai_call *call, const struct tool *tool, const char *const *words,
                           const char *object, const rhai_value *args, struct argv *argv) {
    for (; *words; words++) {
        const char *mark = strpbrk(*words, "$%");
        bool is_place = mark && isdigit((unsigned char)mark[1]) && !mark[2];
        if (!is_place) {
            argv_add(argv, *words);
        } else if (mark[1] == '0') {
            argv_add(argv, object);
        } else {
            const rhai_value *value = &args[mark[1] - '0' - (object ? 0 : 1)];
            if (add_argument(call, tool, *words, mark, value, argv) != RHAI_OK) return RHAI_ERROR;
        }
    }
    return RHAI_OK;
}

rhai_status tool_command(rhai_call *call, const struct tool *tool, const char *const *words,
                         const char *object, bool is_silent, tool_giver *give, rhai_value *args,
                         rhai_value *ret) {
    struct argv argv = {0};
    struct command_result result;
    const struct command how = {.is_silent = is_silent};
    argv_add(&argv, tool->program);
    if (tool_add_words(call, tool, words, object, args, &argv) != RHAI_OK) {
        argv_done(&argv);
        return RHAI_ERROR;
    }
    if (tool_do(call, tool, &argv, &how, &result) != RHAI_OK) return RHAI_ERROR;
    return give(call, &result, ret);
}

/* ---- Results ------------------------------------------------------------------------------ */

static const char *output_of(const struct command_result *result) {
    return result->out.text ? result->out.text : "";
}

rhai_status tool_give_output(rhai_call *call, struct command_result *result, rhai_value *ret) {
    const char *text = output_of(result);
    size_t len = result->out.len;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    rhai_status status = text_value(call, text, len, ret);
    command_result_done(result);
    return status;
}

rhai_status tool_give_content(rhai_call *call, struct command_result *result, rhai_value *ret) {
    rhai_status status = text_value(call, output_of(result), result->out.len, ret);
    command_result_done(result);
    return status;
}

static rhai_status throw_unreadable(rhai_call *call, const struct tool *tool, const char *what,
                                    const char *why) {
    return rhai_throw(call, "%s: %s: cannot read its output (another version of %s?): %s",
                      tool->module, what, tool->program, why);
}

static rhai_status read_json(rhai_call *call, const struct tool *tool, const char *what,
                             const char *text, size_t len, rhai_value *ret) {
    rhai_error *error = NULL;
    if (rhai_from_json(rhai_call_engine(call), text, len, ret, &error) == RHAI_OK) return RHAI_OK;
    rhai_status status = throw_unreadable(call, tool, what, rhai_error_text(error));
    rhai_error_free(error);
    return status;
}

static rhai_status read_lines(rhai_call *call, const struct tool *tool, const char *what,
                              const char *text, const char *end, rhai_value *ret) {
    rhai_value item;
    if (rhai_new_array(rhai_call_engine(call), ret) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        if (read_json(call, tool, what, text, (size_t)(line_end - text), &item) != RHAI_OK ||
            value_push(call, ret, &item) != RHAI_OK) {
            rhai_value_done(rhai_call_engine(call), ret);
            return RHAI_ERROR;
        }
        text = newline ? newline + 1 : end;
    }
    return RHAI_OK;
}

/* Whether all that is in it is what was promised. */
static bool is_list_of_maps(const rhai_value *value) {
    if (rhai_type_of(value) != RHAI_ARRAY) return false;
    for (size_t i = 0; i < rhai_array_len(value); i++)
        if (rhai_type_of(rhai_array_at(value, i)) != RHAI_MAP) return false;
    return true;
}

rhai_status tool_give_list(rhai_call *call, const struct tool *tool, const char *what,
                           struct command_result *result, rhai_value *ret) {
    const char *text = output_of(result), *end = text + result->out.len;
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    while (text < end && isspace((unsigned char)*text))
        text++;
    rhai_value list;
    rhai_status status = text < end && *text == '['
                             ? read_json(call, tool, what, text, (size_t)(end - text), &list)
                             : read_lines(call, tool, what, text, end, &list);
    command_result_done(result);
    if (status != RHAI_OK) return status;
    if (is_list_of_maps(&list)) {
        *ret = list;
        return RHAI_OK;
    }
    rhai_value_done(rhai_call_engine(call), &list);
    return throw_unreadable(call, tool, what, "it is no list of objects");
}
