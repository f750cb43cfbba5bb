/* Functions, ranges, custom objects and cells; names of types. */
#include "value/object.h"

#include <string.h>

fnptr *fnptr_new(heap *h, rhai_str *name, opaque *code, opaque *env, uint32_t nparams,
                 const rhai_value *curry, size_t ncurry) {
    fnptr *f = heap_alloc(h, sizeof *f + ncurry * sizeof *curry);
    if (!f) return NULL;
    *f = (fnptr){.head = {.refs = 1, .type = RHAI_FN},
                 .name = name,
                 .code = code,
                 .env = env,
                 .nparams = nparams,
                 .ncurry = (uint32_t)ncurry,
                 .curry = ncurry ? (rhai_value *)(f + 1) : NULL};
    obj_ref(name);
    if (code) obj_ref(code);
    if (env) obj_ref(env);
    for (size_t i = 0; i < ncurry; i++)
        f->curry[i] = value_copy(&curry[i]);
    return f;
}

bool value_new_range(heap *h, int64_t from, int64_t to, bool inclusive, rhai_value *ret) {
    range *r = heap_alloc(h, sizeof *r);
    if (!r) return false;
    uint8_t type = inclusive ? RHAI_RANGE_INCLUSIVE : RHAI_RANGE;
    *r = (range){.head = {.refs = 1, .type = type}, .from = from, .to = to};
    *ret = VALUE_OBJ(type, r);
    return true;
}

custom *custom_new(heap *h, const rhai_custom_type *type, void *object) {
    custom *c = heap_alloc(h, sizeof *c);
    if (!c) {
        if (type->free) type->free(object);
        return NULL;
    }
    *c = (custom){.head = {.refs = 1, .type = RHAI_CUSTOM}, .type = type, .object = object};
    return c;
}

custom *custom_own(heap *h, rhai_value *v) {
    custom *c = as_custom(v);
    if (c->head.refs == 1 || !c->type->clone) return c;
    void *object = c->type->clone(c->object);
    custom *copy = object ? custom_new(h, c->type, object) : NULL;
    if (copy) {
        v->obj = copy;
        obj_unref(h, c);
    }
    return copy;
}

cell *cell_new(heap *h, rhai_value v) {
    cell *c = heap_alloc(h, sizeof *c);
    if (!c) return NULL;
    *c = (cell){.head = {.refs = 1, .type = RHAI_SHARED}, .value = v, .next = h->cells};
    if (h->cells) h->cells->prev = c;
    h->cells = c;
    return c;
}

const char *value_type_name(const rhai_value *v) {
    static const char *const names[] = {
        [RHAI_UNIT] = "()",
        [RHAI_BOOL] = "bool",
        [RHAI_INT] = "i64",
        [RHAI_FLOAT] = "f64",
        [RHAI_CHAR] = "char",
        [RHAI_BYTE] = "u8",
        [RHAI_TIMESTAMP] = "timestamp",
        [RHAI_STRING] = "string",
        [RHAI_ARRAY] = "array",
        [RHAI_BLOB] = "blob",
        [RHAI_MAP] = "map",
        [RHAI_FN] = "Fn",
        [RHAI_RANGE] = "range",
        [RHAI_RANGE_INCLUSIVE] = "range=",
    };
    if (v->type == RHAI_SHARED) v = &as_cell(v)->value;
    return v->type == RHAI_CUSTOM ? as_custom(v)->type->name : names[v->type];
}

uint64_t value_hash(const heap *h, const rhai_value *v) {
    uint64_t x = 0;
    switch (v->type) {
    case RHAI_UNIT: break;
    case RHAI_STRING: x = str_hash(as_str(v)); break;
    case RHAI_BOOL: x = v->b; break;
    case RHAI_CHAR: x = v->c; break;
    case RHAI_FLOAT: memcpy(&x, &v->f, sizeof x); break;
    default: x = (uint64_t)v->i; break;
    }
    x = (x ^ h->hash_seed ^ (uint64_t)v->type << 56) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}
