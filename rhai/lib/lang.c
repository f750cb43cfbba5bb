/* lang.c - what belongs to no type: ending the script, taking values, tags. Functions that need
 * the caller's scope or the script itself (type_of, eval, is_def_var ...) are part of the VM.
 */
#include "lib/lib.h"

static rhai_status exit_script(rhai_call *call, rhai_value *args, rhai_value *ret) {
    if (call->nargs > 0) *ret = value_take(&args[0]);
    return RHAI_EXITED;
}

static rhai_status take(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = value_take(&args[0]);
    return RHAI_OK;
}

static rhai_status get_tag(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_INT(args[0].tag);
    return RHAI_OK;
}

static rhai_status set_tag(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t tag = args[1].i;
    if (tag < INT32_MIN || tag > INT32_MAX)
        return call_fail_arithmetic(
            call, "%lld is too %s to fit into a tag (must be between %d and %d)", (long long)tag,
            tag < 0 ? "small" : "large", INT32_MIN, INT32_MAX);
    args[0].tag = (int32_t)tag;
    return RHAI_OK;
}

static const rhai_native lang_functions[] = {
    {"exit", "", exit_script, RHAI_FN_VOLATILE, "exit()", "Ends the script with the value `()`."},
    {"exit", "?", exit_script, RHAI_FN_VOLATILE, "exit(value: any)",
     "Ends the script, from whatever depth of calls; `value` is its result."},
    {"take", "?", take, RHAI_FN_MUTATES, "take(variable: any) -> any",
     "Moves the value out of a variable, leaving `()` there."},
    {"tag", "?", get_tag, 0, "tag(value: any) -> int",
     "The number that was attached to the value with `set_tag`, at first 0."},
    {"get$tag", "?", get_tag, 0, "any.tag -> int",
     "The number that was attached to the value, at first 0."},
    {"set_tag", "?i", set_tag, RHAI_FN_MUTATES, "set_tag(value: any, tag: int)",
     "Attaches a 32-bit number to a value. Copies keep it; it is no part of comparisons."},
    {"set$tag", "?i", set_tag, RHAI_FN_MUTATES, "any.tag = int",
     "Attaches a 32-bit number to a value. Copies keep it; it is no part of comparisons."},
};
LIB_PACKAGE(lang);
