/* strings_edit.c - making new strings of old ones, and changing strings in place.
 *
 * A function that changes its string leaves the value's tag as it is, so it exchanges the string
 * object only.
 */
#include "lib/strings.h"

#include "lib/slice.h"

#include <string.h>

/* Puts `s` (taken over) in place of *v's string. */
static void exchange(heap *h, rhai_value *v, rhai_str *s) {
    rhai_str *old = as_str(v);
    v->obj = s;
    obj_unref(h, old);
}

static rhai_status make_empty(rhai_call *call, rhai_value *v) {
    rhai_str *empty = str_intern(call->h, "", 0);
    if (!empty) return call_no_memory(call);
    exchange(call->h, v, empty);
    return RHAI_OK;
}

/* Reduces *v, a string, to its bytes [from, to). */
static rhai_status keep_part(rhai_call *call, rhai_value *v, size_t from, size_t to) {
    rhai_str *s = as_str(v);
    if (from == 0 && to == s->len) return RHAI_OK;
    if (from == to) return make_empty(call, v);
    if (s->head.refs > 1) {
        rhai_str *part = str_new(call->h, s->data + from, to - from);
        if (!part) return call_no_memory(call);
        exchange(call->h, v, part);
        return RHAI_OK;
    }
    s = str_own(call->h, v, 0);
    if (!s) return call_no_memory(call);
    memmove(s->data, s->data + from, to - from);
    str_set_len(s, to - from);
    return RHAI_OK;
}

static rhai_status finish_text(rhai_call *call, text *t, rhai_value *ret) {
    return text_finish(t, ret) ? RHAI_OK : call_no_memory(call);
}

/* ---- Joining ---- */

/* Appends what print shows of `item` to *v, a string. */
static rhai_status append_shown(rhai_call *call, rhai_value *v, const rhai_value *item) {
    if (item->type == RHAI_UNIT) return RHAI_OK;
    if (item->type == RHAI_STRING || item->type == RHAI_CHAR) {
        char buffer[4];
        span s = string_span(item, buffer);
        return str_append(call->h, v, s.at, s.len) ? RHAI_OK : call_no_memory(call);
    }
    text t;
    text_init(&t, call->h);
    string_add_shown(call, &t, item);
    bool is_done = !t.failed && str_append(call->h, v, t.data ? t.data : "", t.len);
    text_done(&t);
    return is_done ? RHAI_OK : call_no_memory(call);
}

/* string + any. A left side that nobody else holds grows in place. */
rhai_status string_concat(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_value joined = value_take(&args[0]);
    joined.tag = 0;
    rhai_status status = append_shown(call, &joined, &args[1]);
    if (status == RHAI_OK)
        *ret = joined;
    else
        value_clear(call->h, &joined);
    return status;
}

/* any + string */
rhai_status string_prepend(rhai_call *call, rhai_value *args, rhai_value *ret) {
    text t;
    text_init(&t, call->h);
    string_add_shown(call, &t, &args[0]);
    text_add_str(&t, as_str(&args[1]));
    return finish_text(call, &t, ret);
}

rhai_status string_append(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return append_shown(call, &args[0], &args[1]);
}

/* ---- Taking away ---- */

rhai_status string_clear(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return make_empty(call, &args[0]);
}

rhai_status string_truncate(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    rhai_str *s = as_str(&args[0]);
    int64_t len = args[1].i;
    if (len <= 0) return make_empty(call, &args[0]);
    if ((uint64_t)len >= str_chars(s)) return RHAI_OK;
    return keep_part(call, &args[0], 0, str_offset(s, (size_t)len));
}

rhai_status string_trim(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const rhai_str *s = as_str(&args[0]);
    span kept = unicode_trim((span){s->data, s->len});
    size_t from = (size_t)(kept.at - s->data);
    return keep_part(call, &args[0], from, from + kept.len);
}

/* crop(string, start [, len]) or crop(string, range). */
rhai_status string_crop(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    rhai_str *s = as_str(&args[0]);
    int64_t start = args[1].i, count = INT64_MAX;
    if (call->nargs > 2 || args[1].type != RHAI_INT) slice_args(&args[1], &start, &count);
    slice part = slice_clamp(str_chars(s), start, count);
    size_t from = str_offset(s, part.from);
    return keep_part(call, &args[0], from, str_offset(s, part.from + part.count));
}

rhai_status string_pop(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_str *s = as_str(&args[0]);
    size_t chars = str_chars(s);
    if (chars == 0) return RHAI_OK;
    size_t last = str_offset(s, chars - 1);
    uint32_t c;
    utf8_decode(s->data + last, s->len - last, &c);
    rhai_status status = keep_part(call, &args[0], 0, last);
    if (status == RHAI_OK) *ret = VALUE_CHAR(c);
    return status;
}

rhai_status string_pop_tail(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_str *s = as_str(&args[0]);
    slice tail = slice_clamp(str_chars(s), 0, args[1].i); /* how many there are to pop */
    size_t from = str_offset(s, str_chars(s) - tail.count);
    rhai_status status = string_part(call, &args[0], from, s->len, ret);
    if (status == RHAI_OK) status = keep_part(call, &args[0], 0, from);
    if (status != RHAI_OK) value_clear(call->h, ret);
    return status;
}

/* ---- Replacing ---- */

static rhai_status check_length(rhai_call *call, uint64_t len) {
    sizes made = {.string = len};
    return call_check_sizes(call, &made);
}

/* Replaces every `find` in *v by `with`. The result's length is known, and checked, before
 * anything is built. */
static rhai_status replace_all(rhai_call *call, rhai_value *v, span find, span with) {
    char buffer[4];
    span old = string_span(v, buffer);
    size_t at, count = 0;
    for (matcher m = matcher_forward(old, find); matcher_next(&m, &at);)
        count++;
    if (count == 0) return RHAI_OK;
    size_t len = old.len - count * find.len + count * with.len;
    rhai_status status = check_length(call, len);
    if (status != RHAI_OK) return status;
    rhai_str *made = str_new_room(call->h, len);
    if (!made) return call_no_memory(call);
    char *out = made->data;
    size_t from = 0;
    for (matcher m = matcher_forward(old, find); matcher_next(&m, &at); from = at + find.len) {
        out = mempcpy(out, old.at + from, at - from);
        out = mempcpy(out, with.at, with.len);
    }
    memcpy(out, old.at + from, old.len - from);
    str_set_len(made, len);
    exchange(call->h, v, made);
    return RHAI_OK;
}

rhai_status string_replace(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    if (as_str(&args[0])->len == 0) return RHAI_OK;
    char find[4], with[4];
    return replace_all(call, &args[0], string_span(&args[1], find), string_span(&args[2], with));
}

rhai_status string_remove(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    char buffer[4];
    span find = string_span(&args[1], buffer);
    return find.len > 0 ? replace_all(call, &args[0], find, (span){"", 0}) : RHAI_OK;
}

rhai_status string_set(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    rhai_str *s = as_str(&args[0]);
    size_t index, chars = str_chars(s);
    if (!slice_index(chars, args[1].i, &index)) return RHAI_OK;
    char with[4];
    size_t with_len = utf8_write(args[2].c, with);
    size_t at = str_offset(s, index), behind = str_offset(s, index + 1);
    s = str_own(call->h, &args[0], with_len);
    if (!s) return call_no_memory(call);
    size_t len = s->len - (behind - at) + with_len;
    memmove(s->data + at + with_len, s->data + behind, s->len - behind);
    memcpy(s->data + at, with, with_len);
    str_set_len(s, len);
    /* Known still, so that a loop over a string does not count it each time. */
    s->chars = (uint32_t)chars;
    s->crumb_char = (uint32_t)index;
    s->crumb_byte = (uint32_t)at;
    return RHAI_OK;
}

/* ---- Padding ---- */

/* The bytes of the first `count` characters of text that repeats `s` without end; UINT64_MAX
 * when that is no number. */
static uint64_t repeated_size(span s, uint64_t chars, uint64_t count) {
    uint64_t rounds = count / chars, bytes;
    size_t rest = 0;
    for (uint64_t n = count % chars; n > 0; n--) {
        uint32_t c;
        rest += utf8_decode(s.at + rest, s.len - rest, &c);
    }
    if (__builtin_mul_overflow(rounds, (uint64_t)s.len, &bytes) ||
        __builtin_add_overflow(bytes, (uint64_t)rest, &bytes))
        return UINT64_MAX;
    return bytes;
}

/* Padding with an empty string changes nothing, where Rhai never returns. */
rhai_status string_pad(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    rhai_str *s = as_str(&args[0]);
    char buffer[4];
    span with = string_span(&args[2], buffer);
    uint64_t len = args[1].i > 0 ? (uint64_t)args[1].i : 0;
    rhai_status status = check_length(call, len);
    if (status != RHAI_OK || len <= str_chars(s) || with.len == 0) return status;
    uint64_t bytes = repeated_size(with, utf8_count(with.at, with.len), len - str_chars(s));
    status = check_length(call, bytes > UINT64_MAX - s->len ? UINT64_MAX : s->len + bytes);
    if (status != RHAI_OK) return status;
    if (bytes > UINT32_MAX) return call_no_memory(call);
    s = str_own(call->h, &args[0], (size_t)bytes);
    if (!s) return call_no_memory(call);
    char *out = s->data + s->len;
    for (size_t left = (size_t)bytes; left > 0;) {
        size_t n = left < with.len ? left : with.len;
        out = mempcpy(out, with.at, n);
        left -= n;
    }
    str_set_len(s, s->len + (size_t)bytes);
    return RHAI_OK;
}

/* ---- Case ---- */

static rhai_status in_case(rhai_call *call, const rhai_value *v, void (*add)(text *, span),
                           rhai_value *ret) {
    text t;
    text_init(&t, call->h);
    add(&t, (span){as_str(v)->data, as_str(v)->len});
    return finish_text(call, &t, ret);
}

static rhai_status make_case(rhai_call *call, rhai_value *v, void (*add)(text *, span)) {
    rhai_value made;
    rhai_status status = in_case(call, v, add, &made);
    if (status == RHAI_OK) exchange(call->h, v, as_str(&made));
    return status;
}

rhai_status string_to_upper(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return in_case(call, &args[0], unicode_add_upper, ret);
}

rhai_status string_to_lower(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return in_case(call, &args[0], unicode_add_lower, ret);
}

rhai_status string_make_upper(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return make_case(call, &args[0], unicode_add_upper);
}

rhai_status string_make_lower(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return make_case(call, &args[0], unicode_add_lower);
}
