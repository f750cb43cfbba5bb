/* Calls natives of numbers, strings, ranges and bits with any arguments of their types.
 *
 * Input: which native, then its arguments; what is missing counts as zeros. A string is a length
 * byte and that many bytes, made valid first. Iterators that come back are run to their end.
 */
#include "engine/engine.h"
#include "lib/lib.h"

#include <string.h>

static const package *const packages[] = {
    &arith_package,   &bytes_package,        &math_package,      &logic_package,
    &strings_package, &strings_more_package, &bit_field_package, &ranges_package,
};

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static void take_bytes(input *in, void *to, size_t n) {
    memset(to, 0, n);
    size_t have = n < in->left ? n : in->left;
    memcpy(to, in->at, have);
    in->at += have;
    in->left -= have;
}

static uint8_t take_byte(input *in) {
    uint8_t byte;
    take_bytes(in, &byte, 1);
    return byte;
}

/* Small numbers are the interesting ones; 255 announces any other. */
static int64_t take_int(input *in) {
    int64_t i = (int8_t)take_byte(in);
    if (i == -1) take_bytes(in, &i, sizeof i);
    return i;
}

static rhai_value take_text(input *in, heap *h) {
    size_t len = take_byte(in);
    if (len > in->left) len = in->left;
    text t;
    text_init(&t, h);
    text_add_lossy(&t, (const char *)in->at, len);
    in->at += len;
    in->left -= len;
    rhai_value v = VALUE_UNIT;
    text_finish(&t, &v);
    return v;
}

static rhai_value take_argument(input *in, heap *h, char type) {
    rhai_value v = VALUE_UNIT;
    uint32_t c;
    switch (type) {
    case 'b': return VALUE_BOOL(take_byte(in) & 1);
    case 'i': return VALUE_INT(take_int(in));
    case 'y': return VALUE_BYTE(take_byte(in));
    case 'f': take_bytes(in, &v.f, sizeof v.f); return VALUE_FLOAT(v.f);
    case 'c':
        take_bytes(in, &c, 3);
        return VALUE_CHAR(c < 0xD800 || (c > 0xDFFF && c < 0x110000) ? c : 'x');
    case 's': return take_text(in, h);
    case 'l': {
        rhai_value s = take_text(in, h);
        blob *bytes = blob_new(h, as_str(&s)->len);
        if (as_str(&s)->len) memcpy(bytes->data, as_str(&s)->data, as_str(&s)->len);
        value_clear(h, &s);
        return VALUE_OBJ(RHAI_BLOB, bytes);
    }
    case 'r':
    case 'R': {
        int64_t from = take_int(in);
        value_new_range(h, from, take_int(in), type == 'R', &v);
        return v;
    }
    case '?': return take_argument(in, h, "bifcsuy"[take_byte(in) % 7]);
    default: return v;
    }
}

static void iterate(rhai_call *call, const rhai_value *v) {
    rhai_value item = VALUE_UNIT;
    int64_t state = 0;
    for (int n = 0; n < 1000; n++) {
        if (as_custom(v)->type->next(call, as_custom(v)->object, &state, &item) != RHAI_OK) break;
        value_clear(call->h, &item);
    }
}

static void run(rhai_engine *engine, input *in) {
    const package *p = packages[take_byte(in) % (sizeof packages / sizeof packages[0])];
    const rhai_native *native = &p->functions[take_byte(in) % p->count];
    rhai_call call = {.engine = engine,
                      .h = &engine->heap,
                      .vm = engine->vm,
                      .native = native,
                      .nargs = (uint32_t)strlen(native->params)};
    rhai_value args[8], ret = VALUE_UNIT;
    for (uint32_t i = 0; i < call.nargs; i++)
        args[i] = take_argument(in, call.h, native->params[i]);
    if (native->fn(&call, args, &ret) == RHAI_OK && ret.type == RHAI_CUSTOM) iterate(&call, &ret);
    if (ret.type == RHAI_STRING && !utf8_is_valid(as_str(&ret)->data, as_str(&ret)->len))
        __builtin_trap();
    if (call.nargs && args[0].type == RHAI_STRING &&
        !utf8_is_valid(as_str(&args[0])->data, as_str(&args[0])->len))
        __builtin_trap();
    rhai_error_free(call.error);
    value_clear(call.h, &ret);
    for (uint32_t i = 0; i < call.nargs; i++)
        value_clear(call.h, &args[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_engine_set_limit(engine, RHAI_MAX_STRING_SIZE, 1 << 16);
    input in = {data, size};
    while (in.left > 0)
        run(engine, &in);
    rhai_engine_free(engine);
    return 0;
}
