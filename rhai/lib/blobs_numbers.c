/* blobs_numbers.c - numbers and text in the bytes of a blob. */
#include "lib/blobs.h"

#include <endian.h>
#include <string.h>

#include "lib/slice.h"

#define NATIVE(name)                                                                               \
    rhai_status blob_##name##_native(rhai_call *call __attribute__((unused)), rhai_value *args,    \
                                     rhai_value *ret __attribute__((unused)))

/* Up to 8 bytes of a span, the missing ones (at the end) 0. */
static uint64_t load_bytes(const rhai_value *args) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    const blob *b = as_blob(args);
    slice s = slice_clamp(b->len, start, count);
    uint64_t word = 0;
    if (s.count > 0) memcpy(&word, b->data + s.from, s.count < sizeof word ? s.count : sizeof word);
    return word;
}

static double float_of_bits(uint64_t bits) {
    double f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

NATIVE(parse_le_int) {
    *ret = VALUE_INT((int64_t)le64toh(load_bytes(args)));
    return RHAI_OK;
}

NATIVE(parse_be_int) {
    *ret = VALUE_INT((int64_t)be64toh(load_bytes(args)));
    return RHAI_OK;
}

NATIVE(parse_le_float) {
    *ret = VALUE_FLOAT(float_of_bits(le64toh(load_bytes(args))));
    return RHAI_OK;
}

NATIVE(parse_be_float) {
    *ret = VALUE_FLOAT(float_of_bits(be64toh(load_bytes(args))));
    return RHAI_OK;
}

/* Overwrites the start of the span that begins at args[1], as far as `bytes` reaches. */
static rhai_status store_bytes(rhai_call *call, rhai_value *args, const void *bytes, size_t len) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    slice s = slice_clamp(as_blob(args)->len, start, count);
    if (len > s.count) len = s.count;
    if (len == 0) return RHAI_OK;
    blob *b = blob_own(call->h, &args[0]);
    if (!b) return call_no_memory(call);
    memcpy(b->data + s.from, bytes, len);
    return RHAI_OK;
}

/* The value to write: behind the range, or behind start and length. An int and a float have
 * their bits in the same place. */
static const rhai_value *written_value(const rhai_value *args) {
    return args[1].type == RHAI_INT ? &args[3] : &args[2];
}

NATIVE(write_le) {
    uint64_t word = htole64((uint64_t)written_value(args)->i);
    return store_bytes(call, args, &word, sizeof word);
}

NATIVE(write_be) {
    uint64_t word = htobe64((uint64_t)written_value(args)->i);
    return store_bytes(call, args, &word, sizeof word);
}

NATIVE(write_utf8) {
    const rhai_str *s = as_str(written_value(args));
    return store_bytes(call, args, s->data, s->len);
}

/* Characters outside ASCII are left out. */
NATIVE(write_ascii) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    slice s = slice_clamp(as_blob(args)->len, start, count);
    const rhai_str *from = as_str(written_value(args));
    if (s.count == 0 || from->len == 0) return RHAI_OK;
    blob *b = blob_own(call->h, &args[0]);
    if (!b) return call_no_memory(call);
    uint8_t *to = b->data + s.from, *end = to + s.count;
    for (size_t i = 0; i < from->len && to < end; i++) {
        if ((unsigned char)from->data[i] < 0x80) *to++ = (uint8_t)from->data[i];
    }
    return RHAI_OK;
}
