/* package.c - packages of the system, by apt; and what system this is. */
#include "core/file.h"
#include "core/module.h"
#include "core/text.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Set in the environment of the session while package_set_debug is on. */
#define DEBUG_VARIABLE "PACKAGE_DEBUG"
#define RELEASE_MAX_BYTES (64 * 1024)

/* ---- Platform ---------------------------------------------------------------------------- */

/* Whether the value of ID or ID_LIKE in os-release(5) has the word. */
static bool release_has(const char *release, const char *word) {
    size_t len = strlen(word);
    for (const char *line = release; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        bool is_id = strncmp(line, "ID=", 3) == 0 || strncmp(line, "ID_LIKE=", 8) == 0;
        const char *end = line + strcspn(line, "\n");
        for (const char *at = strchr(line, '='); is_id && at && at + len < end; at++)
            if (strncmp(at + 1, word, len) == 0 && strchr(" \"'=", *at) &&
                (at + 1 + len == end || strchr(" \"'", at[1 + len])))
                return true;
    }
    return false;
}

/* Debian counts as Ubuntu: both are apt's. */
static bool has_apt(void) {
    char *release;
    size_t len;
    if (file_load("/etc/os-release", RELEASE_MAX_BYTES, &release, &len) < 0) return false;
    bool is_apt = release_has(release, "debian") || release_has(release, "ubuntu");
    free(release);
    return is_apt;
}

static rhai_status package_platform(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    const char *name = has_apt() ? "Ubuntu" : "Unknown";
    return text_value(call, name, strlen(name), ret);
}

static rhai_status check_platform(rhai_call *call) {
    return has_apt() ? RHAI_OK : rhai_throw(call, "os: packages: this system is not one with apt");
}

/* ---- Packages ---------------------------------------------------------------------------- */

static bool is_debug(void) {
    return getenv(DEBUG_VARIABLE) != NULL;
}

static rhai_status run_apt(rhai_call *call, const char *what, const char *operation,
                           const char *name) {
    if (check_platform(call) != RHAI_OK) return RHAI_ERROR;
    return os_run_apt(call, what, operation, name, !is_debug());
}

static rhai_status package_install(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_argument(call, &args[0], "os: the package's name");
    if (!name || run_apt(call, "install the package", "install", name) != RHAI_OK)
        return RHAI_ERROR;
    return os_say(call, ret, "Successfully installed package '%s'", name);
}

static rhai_status package_remove(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_argument(call, &args[0], "os: the package's name");
    if (!name || run_apt(call, "remove the package", "remove", name) != RHAI_OK) return RHAI_ERROR;
    return os_say(call, ret, "Successfully removed package '%s'", name);
}

static rhai_status package_update(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    if (run_apt(call, "update the package lists", "update", NULL) != RHAI_OK) return RHAI_ERROR;
    return os_say(call, ret, "Successfully updated package lists");
}

static rhai_status package_upgrade(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    if (run_apt(call, "upgrade packages", "upgrade", NULL) != RHAI_OK) return RHAI_ERROR;
    return os_say(call, ret, "Successfully upgraded packages");
}

/* The lines that begin with `prefix`, without it, each up to its first space. */
static rhai_status give_words(rhai_call *call, const struct command_output *output,
                              const char *prefix, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    rhai_value array, item;
    if (rhai_new_array(engine, &array) != RHAI_OK) return rhai_throw_out_of_memory(call);
    const char *at = output->text, *end = at + output->len;
    size_t prefix_len = strlen(prefix);
    for (size_t line_len; at < end; at += line_len + 1) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        line_len = (size_t)((newline ? newline : end) - at);
        if (line_len <= prefix_len || memcmp(at, prefix, prefix_len) != 0) continue;
        const char *word = at + prefix_len, *space = memchr(word, ' ', line_len - prefix_len);
        size_t len = space ? (size_t)(space - word) : line_len - prefix_len;
        item = rhai_unit();
        if (text_value(call, word, len, &item) != RHAI_OK ||
            rhai_array_push(engine, &array, &item) != RHAI_OK) {
            rhai_value_done(engine, &array);
            return rhai_throw_out_of_memory(call);
        }
    }
    *ret = array;
    return RHAI_OK;
}

static rhai_status run_for_words(rhai_call *call, const char *what, const char *const *argv,
                                 const char *prefix, rhai_value *ret) {
    struct command_result result;
    if (check_platform(call) != RHAI_OK || os_run(call, what, argv, &result) != RHAI_OK)
        return RHAI_ERROR;
    rhai_status status = give_words(call, &result.out, prefix, ret);
    command_result_done(&result);
    return status;
}

static rhai_status package_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    static const char *const argv[] = {"dpkg-query", "--show",
                                       "--showformat=${db:Status-Abbrev}${Package}\\n", NULL};
    return run_for_words(call, "list packages", argv, "ii ", ret);
}

static rhai_status package_search(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *query = text_argument(call, &args[0], "os: the query");
    const char *const argv[] = {"apt-cache", "search", "--", query, NULL};
    return query ? run_for_words(call, "search packages", argv, "", ret) : RHAI_ERROR;
}

/* dpkg-query fails for a package that it does not know. */
static rhai_status package_is_installed(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char installed[] = "install ok installed";
    const char *name = text_argument(call, &args[0], "os: the package's name");
    if (!name || check_platform(call) != RHAI_OK) return RHAI_ERROR;
    const char *const argv[] = {"dpkg-query", "--show", "--showformat=${Status}", "--", name, NULL};
    const struct command command = {.argv = argv, .is_silent = true};
    struct command_result result;
    int failed = command_run(herolib_call_session(call), &command, &result);
    if (failed) return os_throw(call, "run", argv[0], failed);
    *ret = rhai_from_bool(result.code == 0 && result.out.len == sizeof installed - 1 &&
                          memcmp(result.out.text, installed, sizeof installed - 1) == 0);
    command_result_done(&result);
    return RHAI_OK;
}

static rhai_status package_set_debug(rhai_call *call, rhai_value *args, rhai_value *ret) {
    bool is_on = rhai_as_bool(&args[0]);
    int failed = is_on ? setenv(DEBUG_VARIABLE, "1", 1) : unsetenv(DEBUG_VARIABLE);
    if (failed) return rhai_throw_out_of_memory(call);
    *ret = rhai_from_bool(is_on);
    return RHAI_OK;
}

static const rhai_native functions[] = {
    {"package_install", "s", package_install, RHAI_FN_VOLATILE,
     "package_install(name: string) -> string", "Installs a package of the system with apt-get."},
    {"package_remove", "s", package_remove, RHAI_FN_VOLATILE,
     "package_remove(name: string) -> string", "Removes a package of the system."},
    {"package_update", "", package_update, RHAI_FN_VOLATILE, "package_update() -> string",
     "Brings the lists of packages up to date."},
    {"package_upgrade", "", package_upgrade, RHAI_FN_VOLATILE, "package_upgrade() -> string",
     "Installs newer versions of the packages that are installed."},
    {"package_list", "", package_list, RHAI_FN_VOLATILE, "package_list() -> array",
     "The names of the packages that are installed."},
    {"package_search", "s", package_search, RHAI_FN_VOLATILE,
     "package_search(query: string) -> array",
     "The names of the packages whose name or description matches."},
    {"package_is_installed", "s", package_is_installed, RHAI_FN_VOLATILE,
     "package_is_installed(name: string) -> bool", "Whether a package is installed."},
    {"package_set_debug", "b", package_set_debug, RHAI_FN_VOLATILE,
     "package_set_debug(on: bool) -> bool",
     "Whether what apt-get writes is shown among the session's lines. Gives what was set."},
    {"package_platform", "", package_platform, RHAI_FN_VOLATILE, "package_platform() -> string",
     "Ubuntu for systems with apt (Debian as well), else Unknown."},
};

const herolib_module herolib_os_package_module = {
    .name = "os",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
