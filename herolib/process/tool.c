#include "process/tool.h"

#include "core/text.h"

#include <errno.h>
#include <string.h>

#define QUOTED_BYTES 1000

rhai_status tool_run(rhai_call *call, const char *module, const char *package,
                     const struct command *command, struct command_result *ret_result) {
    int failed = command_run(herolib_call_session(call), command, ret_result);
    if (!failed) return RHAI_OK;
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed == -ENOMEM) return rhai_throw_out_of_memory(call);
    const char *program = command->argv[0];
    if (failed == -ENOENT && package && !command->dir)
        return rhai_throw(call, "%s: cannot run %s: it is not installed (Debian package %s)", module,
                          program, package);
    return rhai_throw(call, "%s: cannot run %s: %s", module, program, strerror(-failed));
}

static size_t trimmed_len(const char *text, size_t len) {
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    return len;
}

rhai_status tool_throw(rhai_call *call, const char *module, const char *what,
                       struct command_result *result) {
    const char *text = result->err.text;
    size_t len = text ? trimmed_len(text, result->err.len) : 0, skip = 0;
    if (len > QUOTED_BYTES) skip = len - QUOTED_BYTES;
    while (skip < len && ((unsigned char)text[skip] & 0xC0) == 0x80)
        skip++;
    rhai_status status =
        len > 0 ? rhai_throw(call, "%s: %s: %.*s", module, what, (int)(len - skip), text + skip)
                : rhai_throw(call, "%s: %s: exit code %d", module, what, result->code);
    command_result_done(result);
    return status;
}

rhai_status tool_give_output(rhai_call *call, struct command_result *result, rhai_value *ret) {
    const char *text = result->out.text ? result->out.text : "";
    rhai_status status = text_value(call, text, trimmed_len(text, result->out.len), ret);
    command_result_done(result);
    return status;
}
