#include "lib/equality.h"

typedef struct judgement {
    rhai_call *call;
    rhai_status status;
} judgement;

/* By a registered `==`, if there is one; the pair is of one type. */
static int judge_by_native(void *data, const rhai_value *a, const rhai_value *b) {
    judgement *j = data;
    rhai_call *call = j->call;
    rhai_value args[2] = {value_copy(a), value_copy(b)}, result = VALUE_UNIT;
    if (call_has_native(call, "==", args, 2))
        j->status = call_named(call, "==", args, 2, &result);
    else
        j->status =
            call_fail(call, error_newf(call->h, ERR_FUNCTION_NOT_FOUND, POS_NONE, "== (%s, %s)",
                                       value_type_name(a), value_type_name(b)));
    bool equal = result.type == RHAI_BOOL && result.b;
    value_drop(call->h, &result);
    value_drop(call->h, &args[0]);
    value_drop(call->h, &args[1]);
    return j->status == RHAI_OK ? equal : -1;
}

rhai_status values_equal(rhai_call *call, const rhai_value *a, const rhai_value *b, bool *ret) {
    judgement j = {.call = call};
    int equal = value_equal_with(call->h, a, b, judge_by_native, &j);
    *ret = equal == 1;
    if (equal == -2) return call_no_memory(call);
    return j.status;
}
