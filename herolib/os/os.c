#include "os/os.h"

#include "core/module.h"
#include "core/text.h"
#include "os/path.h"
#include "process/environment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rhai_status os_say(rhai_call *call, rhai_value *ret, const char *format, ...) {
    char *message;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&message, format, args);
    va_end(args);
    return len < 0 ? rhai_throw_out_of_memory(call) : text_take(call, message, (size_t)len, ret);
}

rhai_status os_throw(rhai_call *call, const char *what, const char *path, int failed) {
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed == -ENOMEM) return rhai_throw_out_of_memory(call);
    if (failed == PATH_TOO_DEEP)
        return rhai_throw(call, "os: cannot %s %s: more than %d directories deep", what, path,
                          PATH_DEPTH_MAX);
    return rhai_throw(call, "os: cannot %s %s: %s", what, path, strerror(-failed));
}

static rhai_status throw_run(rhai_call *call, const char *what, const char *program, int failed) {
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed == -ENOMEM) return rhai_throw_out_of_memory(call);
    if (failed == -ENOENT) return rhai_throw(call, "os: cannot %s: no program %s", what, program);
    return rhai_throw(call, "os: cannot %s: %s: %s", what, program, strerror(-failed));
}

static rhai_status run(rhai_call *call, const char *what, const struct command *command,
                       struct command_result *ret_result) {
    struct command_result result;
    const char *program = command->argv[0];
    int failed = command_run(herolib_call_session(call), command, &result);
    if (failed) return throw_run(call, what, program, failed);
    if (result.code == 0) {
        *ret_result = result;
        return RHAI_OK;
    }
    const char *tail;
    int len;
    command_error_tail(&result, &tail, &len);
    rhai_status status = rhai_throw(call, "os: cannot %s: %s exited with code %d%s%.*s", what,
                                    program, result.code, len > 0 ? ": " : "", len, tail);
    command_result_done(&result);
    return status;
}

rhai_status os_run(rhai_call *call, const char *what, const char *const *argv,
                   struct command_result *ret_result) {
    const struct command command = {.argv = argv, .is_silent = true};
    return run(call, what, &command, ret_result);
}

rhai_status os_run_only(rhai_call *call, const char *what, const char *const *argv,
                        bool is_silent) {
    const struct command command = {.argv = argv, .is_silent = is_silent};
    struct command_result result;
    rhai_status status = run(call, what, &command, &result);
    if (status == RHAI_OK) command_result_done(&result);
    return status;
}

rhai_status os_run_apt(rhai_call *call, const char *what, const char *operation, const char *name,
                       bool is_silent) {
    static char frontend[] = "DEBIAN_FRONTEND=noninteractive";
    char *const variables[] = {frontend};
    const char *const argv[] = {"apt-get", "--yes", operation, name ? "--" : NULL, name, NULL};
    char **env = environment_with(variables, 1);
    if (!env) return rhai_throw_out_of_memory(call);
    const struct command command = {.argv = argv, .env = env, .is_silent = is_silent};
    struct command_result result;
    rhai_status status = run(call, what, &command, &result);
    if (status == RHAI_OK) command_result_done(&result);
    free(env);
    return status;
}
