#include "native/call.h"

rhai_status call_fail(rhai_call *call, rhai_error *error) {
    error_fill_pos(error, call->pos);
    rhai_error_free(call->error);
    call->error = error;
    return RHAI_ERROR;
}

rhai_status call_fail_arithmetic(rhai_call *call, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rhai_error *error = error_newv(call->h, ERR_ARITHMETIC, POS_NONE, format, args);
    va_end(args);
    return call_fail(call, error);
}

rhai_status call_fail_mismatch(rhai_call *call, const char *wanted, const char *actual) {
    return call_fail(call, error_mismatch(call->h, wanted, actual, POS_NONE));
}

rhai_status rhai_throw(rhai_call *call, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rhai_error *error = error_newv(call->h, ERR_RUNTIME, POS_NONE, format, args);
    va_end(args);
    /* The text is the value that is thrown. */
    if (error->kind == ERR_RUNTIME) {
        error->value = VALUE_OBJ(RHAI_STRING, error->text);
        error->text = NULL;
    }
    return call_fail(call, error);
}

rhai_status rhai_throw_value(rhai_call *call, rhai_value *v) {
    return call_fail(call, error_thrown(call->h, value_take(v), POS_NONE));
}

rhai_status rhai_throw_terminated(rhai_call *call) {
    return call_fail(call, error_new(call->h, ERR_TERMINATED, POS_NONE));
}

rhai_status rhai_throw_out_of_memory(rhai_call *call) {
    return call_fail(call, error_out_of_memory(call->h));
}

rhai_engine *rhai_call_engine(const rhai_call *call) {
    return call->engine;
}

void *rhai_call_data(const rhai_call *call) {
    return call->data;
}

size_t rhai_call_nargs(const rhai_call *call) {
    return call->nargs;
}

rhai_pos rhai_call_pos(const rhai_call *call) {
    return call->pos;
}

const char *rhai_call_name(const rhai_call *call) {
    return call->native ? call->native->name : "";
}
