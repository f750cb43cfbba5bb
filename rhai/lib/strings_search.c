/* strings_search.c - looking into strings. */
#include "lib/strings.h"

#include "lib/slice.h"

#include <string.h>

/* ---- Finding ---- */

static size_t find_first(span in, span needle, size_t from) {
    const char *found = memmem(in.at + from, in.len - from, needle.at, needle.len);
    return found ? (size_t)(found - in.at) : SIZE_MAX;
}

/* The last place where a needle that is not empty ends at or before `end`. */
static size_t find_last(span in, span needle, size_t end) {
    while (end >= needle.len) {
        const char *found = memrchr(in.at, needle.at[0], end - needle.len + 1);
        if (!found) return SIZE_MAX;
        if (memcmp(found, needle.at, needle.len) == 0) return (size_t)(found - in.at);
        end = (size_t)(found - in.at) + needle.len - 1;
    }
    return SIZE_MAX;
}

static bool is_continuation(char c) {
    return ((uint8_t)c & 0xC0) == 0x80;
}

bool matcher_next(matcher *m, size_t *ret_at) {
    if (m->is_done) return false;
    if (m->needle.len > 0) {
        *ret_at = find_first(m->text, m->needle, m->at);
        m->is_done = *ret_at == SIZE_MAX;
        m->at = *ret_at + m->needle.len;
        return !m->is_done;
    }
    *ret_at = m->at;
    m->is_done = m->at == m->text.len;
    do
        m->at++;
    while (m->at < m->text.len && is_continuation(m->text.at[m->at]));
    return true;
}

bool matcher_previous(matcher *m, size_t *ret_at) {
    if (m->is_done) return false;
    if (m->needle.len > 0) {
        *ret_at = find_last(m->text, m->needle, m->at);
        m->is_done = *ret_at == SIZE_MAX;
        m->at = *ret_at;
        return !m->is_done;
    }
    *ret_at = m->at;
    m->is_done = m->at == 0;
    while (m->at > 0 && is_continuation(m->text.at[--m->at]))
        ;
    return true;
}

rhai_status string_contains(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    char buffer[4];
    span in = string_span(&args[0], buffer), needle = string_span(&args[1], buffer);
    *ret = VALUE_BOOL(find_first(in, needle, 0) != SIZE_MAX);
    return RHAI_OK;
}

rhai_status string_starts_with(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    char buffer[4];
    span in = string_span(&args[0], buffer), start = string_span(&args[1], buffer);
    *ret = VALUE_BOOL(start.len <= in.len && memcmp(in.at, start.at, start.len) == 0);
    return RHAI_OK;
}

rhai_status string_ends_with(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    char buffer[4];
    span in = string_span(&args[0], buffer), end = string_span(&args[1], buffer);
    *ret = VALUE_BOOL(end.len <= in.len && memcmp(in.at + in.len - end.len, end.at, end.len) == 0);
    return RHAI_OK;
}

/* index_of(string, needle [, start]). Nothing is found in an empty string nor behind the last
 * character, not even an empty needle. */
rhai_status string_index_of(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_str *s = as_str(&args[0]);
    int64_t start = call->nargs > 2 ? args[2].i : 0;
    size_t from = slice_start(str_chars(s), start);
    *ret = VALUE_INT(-1);
    if (from == str_chars(s)) return RHAI_OK;
    char buffer[4];
    span in = string_span(&args[0], buffer), needle = string_span(&args[1], buffer);
    size_t at = find_first(in, needle, str_offset(s, from));
    if (at != SIZE_MAX) ret->i = (int64_t)(str_is_ascii(s) ? at : utf8_count(s->data, at));
    return RHAI_OK;
}

/* ---- Parts ---- */

rhai_status string_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    rhai_str *s = as_str(&args[0]);
    size_t index;
    if (!slice_index(str_chars(s), args[1].i, &index)) return RHAI_OK;
    size_t at = str_offset(s, index);
    uint32_t c;
    utf8_decode(s->data + at, s->len - at, &c);
    *ret = VALUE_CHAR(c);
    return RHAI_OK;
}

rhai_status string_part(rhai_call *call, const rhai_value *v, size_t from, size_t to,
                        rhai_value *ret) {
    rhai_str *s = as_str(v);
    if (from == 0 && to == s->len) {
        obj_ref(s);
        *ret = VALUE_OBJ(RHAI_STRING, s);
        return RHAI_OK;
    }
    return value_new_text(call->h, s->data + from, to - from, ret) ? RHAI_OK : call_no_memory(call);
}

/* sub_string(string, start [, len]) or sub_string(string, range). */
rhai_status string_sub_string(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_str *s = as_str(&args[0]);
    int64_t start = args[1].i, count = INT64_MAX;
    if (call->nargs > 2 || args[1].type != RHAI_INT) slice_args(&args[1], &start, &count);
    slice part = slice_clamp(str_chars(s), start, count);
    size_t from = str_offset(s, part.from);
    return string_part(call, &args[0], from, str_offset(s, part.from + part.count), ret);
}
