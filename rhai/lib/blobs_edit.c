/* blobs_edit.c - functions that look at and change bytes. */
#include "lib/blobs.h"

#include <string.h>

#include "lib/slice.h"

#define NATIVE(name)                                                                               \
    rhai_status blob_##name##_native(rhai_call *call __attribute__((unused)), rhai_value *args,    \
                                     rhai_value *ret __attribute__((unused)))

static uint8_t low_byte(const rhai_value *v) {
    return (uint8_t)(v->i & 0xff);
}

/* Where a span begins; an empty blob has no memory to point into. */
static const uint8_t *bytes_at(const rhai_value *v, size_t from) {
    return from < as_blob(v)->len ? as_blob(v)->data + from : NULL;
}

static rhai_status new_blob(rhai_call *call, const uint8_t *bytes, size_t len, rhai_value *ret) {
    blob *made = blob_new(call->h, len);
    if (!made) return call_no_memory(call);
    if (len) memcpy(made->data, bytes, len);
    *ret = VALUE_OBJ(RHAI_BLOB, made);
    return RHAI_OK;
}

/* Makes *v the blob *other, which becomes what *v was. */
static void swap_contents(rhai_value *v, rhai_value *other) {
    void *contents = v->obj;
    v->obj = other->obj;
    other->obj = contents;
}

/* Opens a gap of `count` bytes before byte `at`, for the caller to fill. NULL: no memory. */
static uint8_t *open_gap(heap *h, rhai_value *v, size_t at, size_t count) {
    blob *b = blob_own(h, v);
    size_t len = b ? b->len : 0;
    if (!b || !blob_resize(h, b, len + count)) return NULL;
    memmove(b->data + at + count, b->data + at, len - at);
    return b->data + at;
}

static rhai_status insert_bytes(rhai_call *call, rhai_value *v, size_t at, const void *bytes,
                                size_t count) {
    if (count == 0) return RHAI_OK;
    uint8_t *gap = open_gap(call->h, v, at, count);
    if (!gap) return call_no_memory(call);
    memcpy(gap, bytes, count);
    return RHAI_OK;
}

static rhai_status append_bytes(rhai_call *call, rhai_value *v, const void *bytes, size_t count) {
    return insert_bytes(call, v, as_blob(v)->len, bytes, count);
}

static rhai_status drop_bytes(rhai_call *call, rhai_value *v, size_t from, size_t count) {
    if (count == 0) return RHAI_OK;
    blob *b = blob_own(call->h, v);
    if (!b) return call_no_memory(call);
    memmove(b->data + from, b->data + from + count, b->len - from - count);
    blob_resize(call->h, b, b->len - count);
    return RHAI_OK;
}

/* Moves bytes out into a new blob. */
static rhai_status cut_bytes(rhai_call *call, rhai_value *v, slice s, rhai_value *ret) {
    rhai_status status = new_blob(call, bytes_at(v, s.from), s.count, ret);
    if (status == RHAI_OK && (status = drop_bytes(call, v, s.from, s.count)) != RHAI_OK)
        value_clear(call->h, ret);
    return status;
}

NATIVE(new) {
    int64_t len = call->nargs > 0 && args[0].i > 0 ? args[0].i : 0;
    sizes total = {.array = (uint64_t)len};
    rhai_status status = len ? call_check_sizes(call, &total) : RHAI_OK;
    if (status != RHAI_OK) return status;
    blob *made = blob_new(call->h, (size_t)len);
    if (!made) return call_no_memory(call);
    if (call->nargs > 1 && len > 0) memset(made->data, low_byte(&args[1]), (size_t)len);
    *ret = VALUE_OBJ(RHAI_BLOB, made);
    return RHAI_OK;
}

NATIVE(to_array) {
    const blob *b = as_blob(args);
    arr *made = arr_new(call->h, b->len);
    if (!made) return call_no_memory(call);
    for (size_t i = 0; i < b->len; i++)
        made->items[i] = VALUE_INT(b->data[i]);
    made->len = b->len;
    arr_recount(call->h, made);
    *ret = VALUE_OBJ(RHAI_ARRAY, made);
    return RHAI_OK;
}

/* Bytes at the start of invalid UTF-8 that could have begun a character: they are replaced
 * together (Unicode Standard, 3.9, "substitution of maximal subparts"). */
static size_t invalid_prefix(const uint8_t *s, size_t len) {
    size_t wanted;
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        wanted = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        wanted = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        wanted = 4;
    else
        return 1;
    switch (s[0]) {
    case 0xe0: low = 0xa0; break;
    case 0xed: high = 0x9f; break;
    case 0xf0: low = 0x90; break;
    case 0xf4: high = 0x8f; break;
    default: break;
    }
    size_t n = 1;
    while (n < wanted && n < len && s[n] >= low && s[n] <= high) {
        low = 0x80;
        high = 0xbf;
        n++;
    }
    return n;
}

NATIVE(as_string) {
    const blob *b = as_blob(args);
    const char *bytes = b->len ? (const char *)b->data : "";
    bool done;
    if (utf8_is_valid(bytes, b->len)) {
        done = value_new_text(call->h, bytes, b->len, ret);
    } else {
        text t;
        text_init(&t, call->h);
        for (size_t i = 0; i < b->len;) {
            uint32_t c;
            size_t used = utf8_decode(bytes + i, b->len - i, &c);
            text_add_char(&t, used ? c : 0xfffd);
            i += used ? used : invalid_prefix(b->data + i, b->len - i);
        }
        done = text_finish(&t, ret);
        text_done(&t);
    }
    return done ? RHAI_OK : call_no_memory(call);
}

NATIVE(len) {
    *ret = VALUE_INT(as_blob(args)->len);
    return RHAI_OK;
}

NATIVE(is_empty) {
    *ret = VALUE_BOOL(as_blob(args)->len == 0);
    return RHAI_OK;
}

NATIVE(contains) {
    const blob *b = as_blob(args);
    *ret = VALUE_BOOL(b->len > 0 && memchr(b->data, low_byte(&args[1]), b->len) != NULL);
    return RHAI_OK;
}

NATIVE(get) {
    const blob *b = as_blob(args);
    size_t at = slice_start(b->len, args[1].i);
    *ret = VALUE_INT(at < b->len ? b->data[at] : 0);
    return RHAI_OK;
}

NATIVE(set) {
    size_t at = slice_start(as_blob(args)->len, args[1].i);
    if (at >= as_blob(args)->len) return RHAI_OK;
    blob *b = blob_own(call->h, &args[0]);
    if (!b) return call_no_memory(call);
    b->data[at] = low_byte(&args[2]);
    return RHAI_OK;
}

NATIVE(push) {
    uint8_t byte = low_byte(&args[1]);
    return append_bytes(call, &args[0], &byte, 1);
}

NATIVE(append) {
    if (as_blob(args)->len == 0 && as_blob(&args[1])->len > 0) {
        swap_contents(&args[0], &args[1]);
        return RHAI_OK;
    }
    return append_bytes(call, &args[0], as_blob(&args[1])->data, as_blob(&args[1])->len);
}

NATIVE(append_string) {
    return append_bytes(call, &args[0], as_str(&args[1])->data, as_str(&args[1])->len);
}

NATIVE(append_char) {
    char bytes[4];
    return append_bytes(call, &args[0], bytes, utf8_write(args[1].c, bytes));
}

NATIVE(insert) {
    uint8_t byte = low_byte(&args[2]);
    size_t at = slice_start(as_blob(args)->len, args[1].i);
    return insert_bytes(call, &args[0], at, &byte, 1);
}

NATIVE(pad) {
    int64_t len = args[1].i;
    uint64_t limit = rhai_engine_limit(call->engine, RHAI_MAX_ARRAY_SIZE);
    if (len > 0 && limit > 0 && (uint64_t)len > limit)
        return call_fail(call, error_newf(call->h, ERR_DATA_TOO_LARGE, POS_NONE, "Size of BLOB"));
    size_t have = as_blob(args)->len;
    if (len <= 0 || (uint64_t)len <= have) return RHAI_OK;
    uint8_t *gap = open_gap(call->h, &args[0], have, (size_t)len - have);
    if (!gap) return call_no_memory(call);
    memset(gap, low_byte(&args[2]), (size_t)len - have);
    return RHAI_OK;
}

static rhai_status remove_at(rhai_call *call, rhai_value *args, size_t at, rhai_value *ret) {
    uint8_t byte = as_blob(args)->data[at];
    rhai_status status = drop_bytes(call, &args[0], at, 1);
    if (status == RHAI_OK) *ret = VALUE_INT(byte);
    return status;
}

/* What the removing functions give when there is nothing to remove. */
static rhai_status no_byte(rhai_value *ret) {
    *ret = VALUE_INT(0);
    return RHAI_OK;
}

NATIVE(pop) {
    size_t len = as_blob(args)->len;
    return len ? remove_at(call, args, len - 1, ret) : no_byte(ret);
}

NATIVE(shift) {
    return as_blob(args)->len ? remove_at(call, args, 0, ret) : no_byte(ret);
}

NATIVE(remove) {
    size_t at;
    bool exists = slice_index(as_blob(args)->len, args[1].i, &at);
    return exists ? remove_at(call, args, at, ret) : no_byte(ret);
}

NATIVE(clear) {
    return drop_bytes(call, &args[0], 0, as_blob(args)->len);
}

NATIVE(truncate) {
    size_t have = as_blob(args)->len;
    size_t len = args[1].i > 0 ? slice_start(have, args[1].i) : 0;
    return drop_bytes(call, &args[0], len, have - len);
}

NATIVE(chop) {
    size_t have = as_blob(args)->len;
    size_t len = args[1].i > 0 ? slice_start(have, args[1].i) : 0;
    return drop_bytes(call, &args[0], 0, have - len);
}

NATIVE(reverse) {
    if (as_blob(args)->len == 0) return RHAI_OK;
    blob *b = blob_own(call->h, &args[0]);
    if (!b) return call_no_memory(call);
    for (size_t i = 0, j = b->len - 1; i < j; i++, j--) {
        uint8_t byte = b->data[i];
        b->data[i] = b->data[j];
        b->data[j] = byte;
    }
    return RHAI_OK;
}

/* With nothing to replace, the new bytes go to the end wherever the span begins. */
NATIVE(splice) {
    int64_t start, count;
    rhai_value *with = &args[1 + slice_args(&args[1], &start, &count)];
    const blob *b = as_blob(with);
    size_t have = as_blob(args)->len;
    if (have == 0) {
        swap_contents(&args[0], with);
        return RHAI_OK;
    }
    slice s = slice_clamp(have, start, count);
    if (s.count == 0) return append_bytes(call, &args[0], b->data, b->len);
    rhai_status status = insert_bytes(call, &args[0], s.from + s.count, b->data, b->len);
    return status == RHAI_OK ? drop_bytes(call, &args[0], s.from, s.count) : status;
}

NATIVE(extract) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    slice s = slice_clamp(as_blob(args)->len, start, count);
    return new_blob(call, bytes_at(args, s.from), s.count, ret);
}

NATIVE(extract_tail) {
    slice s = slice_clamp(as_blob(args)->len, args[1].i, INT64_MAX);
    return new_blob(call, bytes_at(args, s.from), s.count, ret);
}

NATIVE(split) {
    slice s = slice_clamp(as_blob(args)->len, args[1].i, INT64_MAX);
    return cut_bytes(call, &args[0], s, ret);
}

NATIVE(drain) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    return cut_bytes(call, &args[0], slice_clamp(as_blob(args)->len, start, count), ret);
}

/* Returns the bytes before the span, then those behind it. A span that is asked for but lies
 * outside keeps nothing; one of no length removes nothing. */
NATIVE(retain) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    size_t have = as_blob(args)->len;
    slice s = slice_clamp(have, start, count);
    if (count <= 0) return new_blob(call, NULL, 0, ret);
    if (s.count == 0) s.from = have;
    slice tail = {.from = s.from + s.count, .count = have - s.from - s.count};
    rhai_status status = cut_bytes(call, &args[0], tail, ret);
    if (status != RHAI_OK) return status;
    status = insert_bytes(call, ret, 0, as_blob(args)->data, s.from);
    if (status == RHAI_OK) status = drop_bytes(call, &args[0], 0, s.from);
    if (status != RHAI_OK) value_clear(call->h, ret);
    return status;
}
