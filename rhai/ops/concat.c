/* + and - of texts and containers. */
#include "ops/families.h"

#include <stdio.h>
#include <string.h>

/* ---- What a value adds to a string ---- */

enum { SHORT_TEXT = 24 };

/* The bytes of an operand as text: in the operand, in `few`, or in `built`. */
typedef struct piece {
    const char *data;
    size_t len;
    char few[SHORT_TEXT];
    text built;
} piece;

static void piece_done(piece *p) {
    text_done(&p->built);
}

static void piece_of_value(piece *p, const rhai_value *v) {
    if (v->type == RHAI_BLOB)
        text_add_lossy(&p->built, (const char *)as_blob(v)->data, as_blob(v)->len);
    else
        text_add_display(&p->built, v);
    if (p->built.data) p->data = p->built.data;
    p->len = p->built.len;
}

/* False: how this value prints is for registered functions to say. */
static bool piece_init(piece *p, heap *h, const rhai_value *v) {
    text_init(&p->built, h);
    p->data = p->few;
    p->len = 0;
    switch (v->type) {
    case RHAI_UNIT: return true;
    case RHAI_STRING:
        p->data = as_str(v)->data;
        p->len = as_str(v)->len;
        return true;
    case RHAI_CHAR: p->len = utf8_write(v->c, p->few); return true;
    case RHAI_INT: p->len = int_text(v->i, p->few); return true;
    case RHAI_BOOL:
    case RHAI_FLOAT:
    case RHAI_TIMESTAMP:
    case RHAI_BLOB:
    case RHAI_FN:
    case RHAI_RANGE:
    case RHAI_RANGE_INCLUSIVE: piece_of_value(p, v); return true;
    default: return false;
    }
}

/* ---- Strings ---- */

static op_result give_copy(const operation *o, const rhai_value *v) {
    *o->ret = value_copy(v);
    o->ret->tag = 0;
    return OP_DONE;
}

static op_result join(const operation *o, const piece *a, const piece *b) {
    if (a->built.failed || b->built.failed) return op_fail_no_memory(o);
    if (o->a->type == RHAI_STRING && b->len == 0) return give_copy(o, o->a);
    if (o->b->type == RHAI_STRING && a->len == 0) return give_copy(o, o->b);
    rhai_str *s = str_new_room(o->h, a->len + b->len);
    if (!s) return op_fail_no_memory(o);
    memcpy(s->data, a->data, a->len);
    memcpy(s->data + a->len, b->data, b->len);
    str_set_len(s, a->len + b->len);
    *o->ret = VALUE_OBJ(RHAI_STRING, s);
    return OP_DONE;
}

static op_result concat_text(const operation *o) {
    piece a, b;
    bool known = piece_init(&a, o->h, o->a);
    known = piece_init(&b, o->h, o->b) && known;
    op_result result = known ? join(o, &a, &b) : OP_NOT_BUILTIN;
    piece_done(&a);
    piece_done(&b);
    return result;
}

/* ---- Containers ---- */

static op_result concat_arrays(const operation *o) {
    const arr *a = as_arr(o->a), *b = as_arr(o->b);
    if (a->len == 0 || b->len == 0) return give_copy(o, b->len == 0 ? o->a : o->b);
    arr *both = arr_new(o->h, (size_t)a->len + b->len);
    if (!both) return op_fail_no_memory(o);
    for (uint32_t i = 0; i < a->len; i++)
        both->items[both->len++] = value_copy(&a->items[i]);
    for (uint32_t i = 0; i < b->len; i++)
        both->items[both->len++] = value_copy(&b->items[i]);
    both->sizes.array = a->sizes.array + b->sizes.array;
    both->sizes.map = a->sizes.map + b->sizes.map;
    both->sizes.string = a->sizes.string + b->sizes.string;
    *o->ret = VALUE_OBJ(RHAI_ARRAY, both);
    return OP_DONE;
}

/* Sets all of `from` in *target, which is owned by the caller. */
static bool mix_in(heap *h, rhai_value *target, const map *from) {
    map *m = map_own(h, target);
    if (!m) return false;
    for (uint32_t i = 0; i < from->len; i++) {
        rhai_value item = value_copy(&from->entries[i].value);
        if (!map_set(h, m, from->entries[i].key, &item)) {
            value_drop(h, &item);
            return false;
        }
    }
    return true;
}

static op_result concat_maps(const operation *o) {
    if (as_map(o->a)->len == 0 || as_map(o->b)->len == 0)
        return give_copy(o, as_map(o->b)->len == 0 ? o->a : o->b);
    rhai_value both = value_copy(o->a);
    both.tag = 0;
    if (!mix_in(o->h, &both, as_map(o->b))) {
        value_drop(o->h, &both);
        return op_fail_no_memory(o);
    }
    *o->ret = both;
    return OP_DONE;
}

static bool append_bytes(heap *h, rhai_value *target, const void *bytes, size_t len) {
    blob *b = blob_own(h, target);
    size_t old_len = b ? b->len : 0;
    if (!b || !blob_resize(h, b, old_len + len)) return false;
    if (len) memcpy(b->data + old_len, bytes, len);
    return true;
}

static op_result concat_bytes(const operation *o, const void *bytes, size_t len) {
    rhai_value both = value_copy(o->a);
    both.tag = 0;
    if (!append_bytes(o->h, &both, bytes, len)) {
        value_drop(o->h, &both);
        return op_fail_no_memory(o);
    }
    *o->ret = both;
    return OP_DONE;
}

static op_result concat_blob(const operation *o) {
    if (o->b->type == RHAI_BLOB) {
        if (as_blob(o->a)->len == 0) return give_copy(o, o->b);
        return concat_bytes(o, as_blob(o->b)->data, as_blob(o->b)->len);
    }
    char bytes[4];
    return concat_bytes(o, bytes, utf8_write(o->b->c, bytes));
}

op_result op_concat(const operation *o) {
    uint8_t a = o->a->type, b = o->b->type;
    if (a == RHAI_STRING || b == RHAI_STRING || (a == RHAI_CHAR && b == RHAI_CHAR))
        return concat_text(o);
    if (a == RHAI_BLOB && (b == RHAI_BLOB || b == RHAI_CHAR)) return concat_blob(o);
    if (a == RHAI_ARRAY && b == RHAI_ARRAY) return concat_arrays(o);
    if (a == RHAI_MAP && b == RHAI_MAP) return concat_maps(o);
    return OP_NOT_BUILTIN;
}

/* All occurrences of a text removed. Nothing minus a string is that string; so says Rhai. */
op_result op_without(const operation *o) {
    if (o->a->type != RHAI_STRING || (o->b->type != RHAI_STRING && o->b->type != RHAI_CHAR))
        return OP_NOT_BUILTIN;
    piece what;
    piece_init(&what, o->h, o->b);
    const rhai_str *s = as_str(o->a);
    if (s->len == 0 && o->b->type == RHAI_STRING) return give_copy(o, o->b);
    const char *at = s->data, *end = s->data + s->len;
    const char *found = what.len ? memmem(at, s->len, what.data, what.len) : NULL;
    if (!found) return give_copy(o, o->a);
    rhai_str *rest = str_new_room(o->h, s->len - what.len);
    if (!rest) return op_fail_no_memory(o);
    size_t len = 0;
    for (; found; found = memmem(at, (size_t)(end - at), what.data, what.len)) {
        memcpy(rest->data + len, at, (size_t)(found - at));
        len += (size_t)(found - at);
        at = found + what.len;
    }
    memcpy(rest->data + len, at, (size_t)(end - at));
    str_set_len(rest, len + (size_t)(end - at));
    *o->ret = VALUE_OBJ(RHAI_STRING, rest);
    return OP_DONE;
}

/* ---- += ---- */

static bool append_text(const operation *o, rhai_value *target, op_result *ret) {
    piece p;
    bool known = piece_init(&p, o->h, o->b);
    if (known) {
        bool done = !p.built.failed && str_append(o->h, target, p.data, p.len);
        *ret = done ? OP_DONE : op_fail_no_memory(o);
    }
    piece_done(&p);
    return known;
}

/* An array gains the elements of an array; any other value as an element. Both operands may be
 * the same variable. */
static bool append_elements(heap *h, rhai_value *target, const rhai_value *v) {
    arr *a = arr_own(h, target);
    if (!a) return false;
    if (v->type != RHAI_ARRAY) {
        rhai_value item = value_copy(v);
        if (arr_push(h, a, &item)) return true;
        value_drop(h, &item);
        return false;
    }
    uint32_t len = as_arr(v)->len;
    if ((size_t)a->len + len > a->cap && !arr_reserve(h, a, (size_t)a->len + len)) return false;
    for (uint32_t i = 0; i < len; i++) {
        rhai_value item = value_copy(&as_arr(v)->items[i]);
        arr_push(h, a, &item);
    }
    return true;
}

static bool append_to_blob(const operation *o, rhai_value *target, op_result *ret) {
    const rhai_value *v = o->b;
    char bytes[4];
    bool done;
    if (v->type == RHAI_INT) {
        bytes[0] = (char)(v->i & 0xff);
        done = append_bytes(o->h, target, bytes, 1);
    } else if (v->type == RHAI_CHAR) {
        done = append_bytes(o->h, target, bytes, utf8_write(v->c, bytes));
    } else if (v->type == RHAI_STRING) {
        done = append_bytes(o->h, target, as_str(v)->data, as_str(v)->len);
    } else if (v->type == RHAI_BLOB) {
        /* Held, because it may be the target itself, whose bytes would move. */
        rhai_value held = value_copy(v);
        done = append_bytes(o->h, target, as_blob(&held)->data, as_blob(&held)->len);
        value_drop(o->h, &held);
    } else {
        return false;
    }
    *ret = done ? OP_DONE : op_fail_no_memory(o);
    return true;
}

static bool append_map(const operation *o, rhai_value *target, op_result *ret) {
    if (o->b->type != RHAI_MAP) return false;
    bool done = as_map(o->b) == as_map(target) || mix_in(o->h, target, as_map(o->b));
    *ret = done ? OP_DONE : op_fail_no_memory(o);
    return true;
}

bool op_append(const operation *o, rhai_value *target, op_result *ret) {
    switch (target->type) {
    case RHAI_STRING: return append_text(o, target, ret);
    case RHAI_ARRAY:
        *ret = append_elements(o->h, target, o->b) ? OP_DONE : op_fail_no_memory(o);
        return true;
    case RHAI_BLOB: return append_to_blob(o, target, ret);
    case RHAI_MAP: return append_map(o, target, ret);
    default: return false;
    }
}
