/* exec.c - scripts that scripts run: from a URL, a file or a text. */
#include "core/file.h"
#include "core/module.h"
#include "os/os.h"
#include "os/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_url(const char *source) {
    return strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0;
}

static rhai_status download_script(rhai_call *call, const char *url, struct command_result *ret) {
    const char *const argv[] = {"curl",         "--fail", "--location", "--silent",
                                "--show-error", "--url",  url,          NULL};
    char *what;
    if (asprintf(&what, "download %s", url) < 0) return rhai_throw_out_of_memory(call);
    rhai_status status = os_run(call, what, argv, ret);
    free(what);
    return status;
}

static rhai_status throw_script(rhai_call *call, const char *source, bool is_text,
                                rhai_error *error) {
    bool has_ended = strcmp(rhai_error_kind(error), "ErrorTerminated") == 0;
    if (has_ended) {
        rhai_error_free(error);
        return rhai_throw_terminated(call);
    }
    rhai_status status = is_text ? rhai_throw(call, "exec: %s", rhai_error_text(error))
                                 : rhai_throw(call, "exec: %s: %s", source, rhai_error_text(error));
    rhai_error_free(error);
    return status;
}

/* The engine is the caller's, the variables and functions are the script's own. An exit() in it
 * ends it with its value. */
static rhai_status run_script(rhai_call *call, const char *source, bool is_text, const char *script,
                              size_t len, rhai_value *ret) {
    rhai_error *error = NULL;
    rhai_status status = rhai_eval(rhai_call_engine(call), script, len, NULL, ret, &error);
    return status == RHAI_ERROR ? throw_script(call, source, is_text, error) : RHAI_OK;
}

static rhai_status exec_url(rhai_call *call, const char *url, rhai_value *ret) {
    struct command_result result;
    if (download_script(call, url, &result) != RHAI_OK) return RHAI_ERROR;
    const char *script = result.out.text ? result.out.text : "";
    rhai_status status = run_script(call, url, false, script, result.out.len, ret);
    command_result_done(&result);
    return status;
}

static rhai_status exec_file(rhai_call *call, const char *path, rhai_value *ret) {
    char *script;
    size_t len;
    int failed = file_load(path, FILE_LOAD_MAX_BYTES, &script, &len);
    if (failed) return os_throw(call, "read", path, failed);
    rhai_status status = run_script(call, path, false, script, len, ret);
    free(script);
    return status;
}

static rhai_status os_exec(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len;
    const char *source = rhai_as_text(&args[0], &len);
    bool is_name = strlen(source) == len;
    if (is_name && is_url(source)) return exec_url(call, source, ret);
    if (is_name && access(source, F_OK) == 0 && !path_is_dir(source))
        return exec_file(call, source, ret);
    return run_script(call, source, true, source, len, ret);
}

static const rhai_native functions[] = {
    {"exec", "s", os_exec, RHAI_FN_VOLATILE, "exec(source: string) -> any",
     "Runs another script and gives its value: one that is downloaded (http:// or https://), a "
     "file "
     "if there is one of that path, else the text itself. It has all functions, but variables and "
     "functions of its own."},
};

const herolib_module herolib_os_exec_module = {
    .name = "os",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
