/* strings.c - the text of any value, and numbers in other bases. */
#include "lib/strings.h"

#include "vm/vm.h"

#include <string.h>

void string_add_shown(rhai_call *call, text *t, const rhai_value *v) {
    if (v->type == RHAI_BLOB)
        text_add_lossy(t, (const char *)as_blob(v)->data, as_blob(v)->len);
    else if (v->type == RHAI_CUSTOM)
        vm_text_of(call->vm, v, t, call->pos); /* its own to_string, if one is registered */
    else
        text_add_display(t, v);
}

static rhai_status to_string(rhai_call *call, rhai_value *args, rhai_value *ret) {
    text t;
    text_init(&t, call->h);
    text_add_display(&t, &args[0]);
    return text_finish(&t, ret) ? RHAI_OK : call_no_memory(call);
}

static rhai_status to_debug(rhai_call *call, rhai_value *args, rhai_value *ret) {
    text t;
    text_init(&t, call->h);
    text_add_debug(&t, &args[0]);
    return text_finish(&t, ret) ? RHAI_OK : call_no_memory(call);
}

static rhai_status same_string(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = value_take(&args[0]);
    ret->tag = 0;
    return RHAI_OK;
}

rhai_status string_in_base(rhai_call *call, int64_t i, unsigned shift, rhai_value *ret) {
    char digits[64];
    size_t at = sizeof digits;
    uint64_t bits = (uint64_t)i;
    do {
        digits[--at] = "0123456789abcdef"[bits & ((1u << shift) - 1)];
        bits >>= shift;
    } while (bits);
    return value_new_text(call->h, digits + at, sizeof digits - at, ret) ? RHAI_OK
                                                                         : call_no_memory(call);
}

static rhai_status to_hex(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return string_in_base(call, args[0].i, 4, ret);
}

static rhai_status to_octal(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return string_in_base(call, args[0].i, 3, ret);
}

static rhai_status to_binary(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return string_in_base(call, args[0].i, 1, ret);
}

static const rhai_native strings_functions[] = {
    {"to_string", "?", to_string, 0, "to_string(value: any) -> string",
     "The value as `print` shows it."},
    {"to_string", "s", same_string, 0, "to_string(string: string) -> string",
     "Returns the string."},
    {"to_debug", "?", to_debug, 0, "to_debug(value: any) -> string",
     "The value as `debug` shows it: strings in quotes, with escapes."},
    {"to_hex", "i", to_hex, 0, "to_hex(value: int) -> string",
     "The number in base 16, without a prefix; a negative one as its 64 bits."},
    {"to_octal", "i", to_octal, 0, "to_octal(value: int) -> string",
     "The number in base 8, without a prefix; a negative one as its 64 bits."},
    {"to_binary", "i", to_binary, 0, "to_binary(value: int) -> string",
     "The number in base 2, without a prefix; a negative one as its 64 bits."},
};
LIB_PACKAGE(strings);
