/* core.c - the script's surroundings: environment, arguments, time. */
#include "core/module.h"
#include "core/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND 1000000000

static rhai_status core_env(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_argument(call, &args[0], "env: the name");
    if (!name) return RHAI_ERROR;
    const char *value = getenv(name);
    return value ? text_value(call, value, strlen(value), ret) : RHAI_OK;
}

static rhai_status core_set_env(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const char *name = text_argument(call, &args[0], "set_env: the name");
    const char *value = name ? text_argument(call, &args[1], "set_env: the value") : NULL;
    if (!value) return RHAI_ERROR;
    if (setenv(name, value, 1) == 0) return RHAI_OK;
    if (errno == ENOMEM) return rhai_throw_out_of_memory(call);
    return rhai_throw(call, "set_env: '%s' cannot be the name of a variable", name);
}

static rhai_status push_text(rhai_call *call, rhai_value *array, const char *text) {
    rhai_value item = rhai_unit();
    rhai_status status = text_value(call, text, strlen(text), &item);
    if (status != RHAI_OK) return status;
    if (rhai_array_push(rhai_call_engine(call), array, &item) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

static rhai_status core_args(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    rhai_engine *engine = rhai_call_engine(call);
    const herolib_session *session = herolib_call_session(call);
    rhai_value array;
    if (rhai_new_array(engine, &array) != RHAI_OK) return rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < session->args_count; i++) {
        rhai_status status = push_text(call, &array, session->args[i]);
        if (status == RHAI_OK) continue;
        rhai_value_done(engine, &array);
        return status;
    }
    *ret = array;
    return RHAI_OK;
}

static rhai_status core_monotonic_ns(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    *ret = rhai_from_int(herolib_now_ns());
    return RHAI_OK;
}

static rhai_status sleep_for(rhai_call *call, double seconds) {
    /* 2^62 ns are 146 years, and the deadline after them still fits. */
    double ns = seconds * NS_PER_SECOND;
    int64_t deadline = ns < 0x1p62 ? herolib_now_ns() + (int64_t)ns : HEROLIB_NO_DEADLINE;
    int failed = herolib_wait(herolib_call_session(call), NULL, 0, deadline);
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    return failed < 0 ? rhai_throw(call, "sleep: %s", strerror(-failed)) : RHAI_OK;
}

static rhai_status core_sleep_int(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t seconds = rhai_as_int(&args[0]);
    return seconds > 0 ? sleep_for(call, (double)seconds) : RHAI_OK;
}

static rhai_status core_sleep_ms(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t ms = rhai_as_int(&args[0]);
    return ms > 0 ? sleep_for(call, (double)ms / 1000) : RHAI_OK;
}

/* As Rhai's: what is no proper positive number does not sleep. */
static rhai_status core_sleep_float(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    double seconds = rhai_as_float(&args[0]);
    return isnormal(seconds) && seconds > 0 ? sleep_for(call, seconds) : RHAI_OK;
}

static const rhai_native functions[] = {
    {"env", "s", core_env, RHAI_FN_VOLATILE, "env(name: string) -> string | ()",
     "The value of an environment variable of this session, or () when it is not set."},
    {"set_env", "ss", core_set_env, RHAI_FN_VOLATILE, "set_env(name: string, value: string)",
     "Sets an environment variable of this session, for env() and for the programs that it starts "
     "from now on."},
    {"args", "", core_args, RHAI_FN_VOLATILE, "args() -> array",
     "The arguments given to this script, as strings. The same as the constant ARGS, also inside "
     "functions."},
    {"monotonic_ns", "", core_monotonic_ns, RHAI_FN_VOLATILE, "monotonic_ns() -> int",
     "Nanoseconds of a clock that only goes forward, for measuring how long something takes. It "
     "is the same clock in all programs of this machine."},
    {"sleep", "i", core_sleep_int, RHAI_FN_VOLATILE, "sleep(seconds: int)",
     "Waits that many seconds. Ends at once when the session is stopped."},
    {"sleep", "f", core_sleep_float, RHAI_FN_VOLATILE, "sleep(seconds: float)",
     "Waits that many seconds, which may be a fraction. Ends at once when the session is stopped."},
    {"sleep_ms", "i", core_sleep_ms, RHAI_FN_VOLATILE, "sleep_ms(milliseconds: int)",
     "Waits that many milliseconds. Ends at once when the session is stopped."},
};

const herolib_module herolib_core_module = {
    .name = "core",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
