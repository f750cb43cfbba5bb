/* strings_split.c - strings into arrays. */
#include "lib/strings.h"

#include "lib/slice.h"

/* Appends bytes [from, to) of `v`, a string, to an array. */
static rhai_status push_part(rhai_call *call, arr *into, const rhai_value *v, size_t from,
                             size_t to) {
    rhai_value part;
    rhai_status status = string_part(call, v, from, to, &part);
    if (status != RHAI_OK || arr_push(call->h, into, &part)) return status;
    value_clear(call->h, &part);
    return call_no_memory(call);
}

typedef rhai_status (*splitter)(rhai_call *call, rhai_value *args, arr *into);

static rhai_status split_with(rhai_call *call, rhai_value *args, splitter split, size_t cap,
                              rhai_value *ret) {
    arr *into = arr_new(call->h, cap);
    if (!into) return call_no_memory(call);
    rhai_status status = split(call, args, into);
    if (status == RHAI_OK)
        *ret = VALUE_OBJ(RHAI_ARRAY, into);
    else
        obj_unref(call->h, into);
    return status;
}

/* ---- At a delimiter ---- */

/* How many parts split(string, delimiter [, segments]) makes at most. */
static uint64_t segment_limit(const rhai_call *call, const rhai_value *args) {
    if (as_str(&args[0])->len == 0) return 1;
    if (call->nargs < 3) return UINT64_MAX;
    return args[2].i > 1 ? (uint64_t)args[2].i : 1;
}

static rhai_status at_delimiter(rhai_call *call, rhai_value *args, arr *into) {
    char buffer[4];
    span whole = string_span(&args[0], buffer), delimiter = string_span(&args[1], buffer);
    matcher m = matcher_forward(whole, delimiter);
    size_t from = 0, at;
    for (uint64_t limit = segment_limit(call, args); limit > 1 && matcher_next(&m, &at); limit--) {
        rhai_status status = push_part(call, into, &args[0], from, at);
        if (status != RHAI_OK) return status;
        from = at + delimiter.len;
    }
    return push_part(call, into, &args[0], from, whole.len);
}

static rhai_status at_delimiter_from_end(rhai_call *call, rhai_value *args, arr *into) {
    char buffer[4];
    span whole = string_span(&args[0], buffer), delimiter = string_span(&args[1], buffer);
    matcher m = matcher_backward(whole, delimiter);
    size_t to = whole.len, at;
    for (uint64_t limit = segment_limit(call, args); limit > 1 && matcher_previous(&m, &at);
         limit--) {
        rhai_status status = push_part(call, into, &args[0], at + delimiter.len, to);
        if (status != RHAI_OK) return status;
        to = at;
    }
    return push_part(call, into, &args[0], 0, to);
}

rhai_status string_split(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return split_with(call, args, at_delimiter, 0, ret);
}

rhai_status string_split_rev(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return split_with(call, args, at_delimiter_from_end, 0, ret);
}

/* ---- At a position, at white space, everywhere ---- */

/* Zero stands for the end here, as if it were minus zero. */
static rhai_status at_position(rhai_call *call, rhai_value *args, arr *into) {
    rhai_str *s = as_str(&args[0]);
    size_t len = str_chars(s);
    size_t at = str_offset(s, args[1].i == 0 ? len : slice_start(len, args[1].i));
    rhai_status status = push_part(call, into, &args[0], 0, at);
    return status == RHAI_OK ? push_part(call, into, &args[0], at, s->len) : status;
}

rhai_status string_split_at(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return split_with(call, args, at_position, 2, ret);
}

static rhai_status at_white_space(rhai_call *call, rhai_value *args, arr *into) {
    const rhai_str *s = as_str(&args[0]);
    if (s->len == 0) return push_part(call, into, &args[0], 0, 0);
    size_t from = 0, at = 0;
    while (at <= s->len) {
        uint32_t c = ' ';
        size_t used = at < s->len ? utf8_decode(s->data + at, s->len - at, &c) : 1;
        if (unicode_is_space(c)) {
            rhai_status status = at > from ? push_part(call, into, &args[0], from, at) : RHAI_OK;
            if (status != RHAI_OK) return status;
            from = at + used;
        }
        at += used;
    }
    return RHAI_OK;
}

rhai_status string_split_whitespace(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return split_with(call, args, at_white_space, 0, ret);
}

static rhai_status everywhere(rhai_call *call, rhai_value *args, arr *into) {
    (void)call;
    const rhai_str *s = as_str(&args[0]);
    for (size_t at = 0; at < s->len;) {
        uint32_t c;
        at += utf8_decode(s->data + at, s->len - at, &c);
        into->items[into->len++] = VALUE_CHAR(c);
    }
    arr_recount(call->h, into);
    return RHAI_OK;
}

rhai_status string_to_chars(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return split_with(call, args, everywhere, str_chars(as_str(&args[0])), ret);
}
