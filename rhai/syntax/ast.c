#include "syntax/ast.h"
#include "syntax/parser.h"

#include <string.h>

void ast_free(ast *a) {
    if (!a) return;
    heap *h = a->h;
    for (uint32_t i = 0; i < a->names_len; i++)
        obj_unref(h, a->names[i]);
    ast_drop_values(a, 0);
    heap_free(h, a->names, a->names_cap * sizeof *a->names);
    heap_free(h, a->name_hashes, a->names_cap * sizeof *a->name_hashes);
    heap_free(h, a->name_index, a->name_index_cap * sizeof *a->name_index);
    heap_free(h, a->values, a->values_cap * sizeof *a->values);
    if (a->module_doc) obj_unref(h, a->module_doc);
    late_done(a);
    arena_done(&a->arena);
    heap_free(h, a, sizeof *a);
}

/* ---- Names ---- */

/* Names are short: at most two overlapping words cover nearly all of them. The seed keeps a
 * script from choosing names that collide. */
static uint32_t name_hash(const ast *a, const char *s, size_t len) {
    uint64_t x = len ^ a->h->hash_seed, y;
    const uint64_t k = 0x9E3779B97F4A7C15u;
    for (; len > 8; s += 8, len -= 8) {
        memcpy(&y, s, 8);
        x = (x ^ y) * k;
        x ^= x >> 32;
    }
    if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, s, 4);
        memcpy(&last, s + len - 4, 4);
        y = (uint64_t)first << 32 | last;
    } else if (len > 0) {
        y = (uint64_t)(unsigned char)s[0] << 16 | (uint64_t)(unsigned char)s[len / 2] << 8 |
            (unsigned char)s[len - 1];
    } else {
        y = 0;
    }
    x = (x ^ y) * k;
    return (uint32_t)(x ^ x >> 32);
}

static bool grow_index(ast *a) {
    uint32_t cap = a->name_index_cap ? a->name_index_cap * 2 : IS_STRESSED ? 2 : 64;
    uint32_t *index = heap_alloc_zero(a->h, cap * sizeof *index);
    if (!index) return false;
    for (uint32_t i = 0; i < a->names_len; i++) {
        uint32_t slot = a->name_hashes[i] & (cap - 1);
        while (index[slot])
            slot = (slot + 1) & (cap - 1);
        index[slot] = i + 1;
    }
    heap_free(a->h, a->name_index, a->name_index_cap * sizeof *index);
    a->name_index = index;
    a->name_index_cap = cap;
    return true;
}

static bool grow_names(ast *a) {
    uint32_t cap = next_size(a->names_cap, 32);
    rhai_str **names = heap_alloc(a->h, cap * sizeof *names);
    uint32_t *hashes = heap_alloc(a->h, cap * sizeof *hashes);
    if (!names || !hashes) {
        heap_free(a->h, names, cap * sizeof *names);
        heap_free(a->h, hashes, cap * sizeof *hashes);
        return false;
    }
    if (a->names_len) {
        memcpy(names, a->names, a->names_len * sizeof *names);
        memcpy(hashes, a->name_hashes, a->names_len * sizeof *hashes);
    }
    heap_free(a->h, a->names, a->names_cap * sizeof *names);
    heap_free(a->h, a->name_hashes, a->names_cap * sizeof *hashes);
    a->names = names;
    a->name_hashes = hashes;
    a->names_cap = cap;
    return true;
}

uint32_t ast_name_number(ast *a, const char *s, size_t len) {
    uint32_t hash = name_hash(a, s, len);
    if (a->names_len * 2 >= a->name_index_cap && !grow_index(a)) return UINT32_MAX;
    uint32_t mask = a->name_index_cap - 1, slot = hash & mask;
    for (; a->name_index[slot]; slot = (slot + 1) & mask) {
        uint32_t i = a->name_index[slot] - 1;
        if (a->name_hashes[i] == hash && a->names[i]->len == len &&
            memcmp(a->names[i]->data, s, len) == 0)
            return i;
    }
    if (a->names_len == a->names_cap && !grow_names(a)) return UINT32_MAX;
    rhai_str *name = str_intern(a->h, s, len);
    if (!name) return UINT32_MAX;
    a->names[a->names_len] = name;
    a->name_hashes[a->names_len] = hash;
    a->name_index[slot] = ++a->names_len;
    return a->names_len - 1;
}

rhai_str *ast_name(ast *a, const char *s, size_t len) {
    uint32_t number = ast_name_number(a, s, len);
    return number == UINT32_MAX ? NULL : a->names[number];
}

/* ---- Values ---- */

bool ast_keep(ast *a, rhai_value v, rhai_value *ret) {
    if (value_is_heap(&v)) {
        if (a->values_len == a->values_cap) {
            uint32_t cap = next_size(a->values_cap, 16);
            rhai_value *values =
                heap_resize(a->h, a->values, a->values_cap * sizeof *values, cap * sizeof *values);
            if (!values) {
                value_drop(a->h, &v);
                return false;
            }
            a->values = values;
            a->values_cap = cap;
        }
        a->values[a->values_len++] = v;
    }
    *ret = v;
    return true;
}

void ast_drop_values(ast *a, uint32_t len) {
    while (a->values_len > len)
        value_drop(a->h, &a->values[--a->values_len]);
}

/* ---- Nodes ---- */

#define EXPR_SIZE(member) (offsetof(expr, member) + sizeof((expr *)0)->member)
#define STMT_SIZE(member) (offsetof(stmt, member) + sizeof((stmt *)0)->member)

/* A node has room for its own kind only: trees are large, memory is what parsing costs. */
static const uint8_t expr_sizes[] = {
    [EXPR_CONST] = EXPR_SIZE(value), [EXPR_INTERP] = EXPR_SIZE(list),
    [EXPR_ARRAY] = EXPR_SIZE(list),  [EXPR_MAP] = EXPR_SIZE(map),
    [EXPR_VAR] = EXPR_SIZE(var),     [EXPR_THIS] = offsetof(expr, value),
    [EXPR_BLOCK] = EXPR_SIZE(block), [EXPR_CALL] = EXPR_SIZE(call),
    [EXPR_OP] = EXPR_SIZE(op),       [EXPR_AND] = EXPR_SIZE(list),
    [EXPR_OR] = EXPR_SIZE(list),     [EXPR_COALESCE] = EXPR_SIZE(list),
    [EXPR_CHAIN] = EXPR_SIZE(chain), [EXPR_CLOSURE] = EXPR_SIZE(closure),
};

static const uint8_t stmt_sizes[] = {
    [STMT_NOOP] = offsetof(stmt, expr), [STMT_EXPR] = STMT_SIZE(expr),
    [STMT_BLOCK] = STMT_SIZE(block),    [STMT_IF] = STMT_SIZE(flow),
    [STMT_SWITCH] = STMT_SIZE(sw),      [STMT_WHILE] = STMT_SIZE(flow),
    [STMT_DO] = STMT_SIZE(flow),        [STMT_FOR] = STMT_SIZE(loop_for),
    [STMT_VAR] = STMT_SIZE(var),        [STMT_ASSIGN] = STMT_SIZE(assign),
    [STMT_TRY] = STMT_SIZE(try_catch),  [STMT_BREAK] = STMT_SIZE(expr),
    [STMT_CONTINUE] = STMT_SIZE(expr),  [STMT_RETURN] = STMT_SIZE(expr),
    [STMT_THROW] = STMT_SIZE(expr),     [STMT_IMPORT] = STMT_SIZE(import),
    [STMT_EXPORT] = STMT_SIZE(export_),
};

expr *expr_new(ast *a, expr_kind kind, rhai_pos pos) {
    expr *e = arena_alloc(&a->arena, expr_sizes[kind]);
    if (!e) return NULL;
    e->kind = (uint8_t)kind;
    e->pos = pos;
    return e;
}

stmt *stmt_new(ast *a, stmt_kind kind, rhai_pos pos) {
    stmt *s = arena_alloc(&a->arena, stmt_sizes[kind]);
    if (!s) return NULL;
    s->kind = (uint8_t)kind;
    s->pos = pos;
    return s;
}

expr *expr_new_const(ast *a, rhai_value v, rhai_pos pos) {
    rhai_value kept;
    if (!ast_keep(a, v, &kept)) return NULL;
    expr *e = expr_new(a, EXPR_CONST, pos);
    if (e) e->value = kept;
    return e;
}

/* ---- What Rhai asks of its nodes ---- */

rhai_pos expr_start(const expr *e) {
    for (;;) {
        switch (e->kind) {
        case EXPR_AND:
        case EXPR_OR:
        case EXPR_COALESCE: e = e->list.items[0]; break;
        case EXPR_CHAIN: e = e->chain.root; break;
        case EXPR_VAR: return e->var.path.len ? e->var.path.names[0].pos : e->pos;
        default: return e->pos;
        }
    }
}

rhai_pos stmt_start(const stmt *s) {
    switch (s->kind) {
    case STMT_EXPR: return expr_start(s->expr);
    case STMT_BLOCK: return s->block->pos;
    default: return s->pos;
    }
}

static bool all_constant(expr *const *items, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        if (!items[i] || !expr_is_constant(items[i])) return false;
    }
    return true;
}

bool expr_is_constant(const expr *e) {
    switch (e->kind) {
    case EXPR_CONST: return true;
    case EXPR_CLOSURE:
        if (!e->closure.captures_len) return true;
        return e->closure.constants && all_constant(e->closure.constants, e->closure.captures_len);
    case EXPR_ARRAY:
    case EXPR_INTERP: return all_constant(e->list.items, e->list.len);
    case EXPR_MAP: return all_constant(e->map.values, e->map.len);
    default: return false;
    }
}

static literal_result literal_array(heap *h, const expr *e, rhai_value *ret) {
    arr *a = arr_new(h, e->list.len);
    if (!a) return LITERAL_NO_MEMORY;
    literal_result result = LITERAL_DONE;
    for (uint32_t i = 0; i < e->list.len && result == LITERAL_DONE; i++) {
        rhai_value item;
        result = expr_literal(h, e->list.items[i], &item);
        if (result == LITERAL_DONE && !arr_push(h, a, &item)) {
            value_drop(h, &item);
            result = LITERAL_NO_MEMORY;
        }
    }
    if (result == LITERAL_DONE)
        *ret = VALUE_OBJ(RHAI_ARRAY, a);
    else
        obj_unref(h, a);
    return result;
}

static literal_result literal_map(heap *h, const expr *e, rhai_value *ret) {
    map *m = map_new(h, e->map.len);
    if (!m) return LITERAL_NO_MEMORY;
    literal_result result = LITERAL_DONE;
    for (uint32_t i = 0; i < e->map.len && result == LITERAL_DONE; i++) {
        rhai_value item;
        result = expr_literal(h, e->map.values[i], &item);
        if (result == LITERAL_DONE && !map_set(h, m, e->map.keys[i].name, &item)) {
            value_drop(h, &item);
            result = LITERAL_NO_MEMORY;
        }
    }
    if (result == LITERAL_DONE)
        *ret = VALUE_OBJ(RHAI_MAP, m);
    else
        obj_unref(h, m);
    return result;
}

static literal_result literal_text(heap *h, const expr *e, rhai_value *ret) {
    text t;
    text_init(&t, h);
    literal_result result = LITERAL_DONE;
    for (uint32_t i = 0; i < e->list.len && result == LITERAL_DONE; i++) {
        rhai_value part;
        result = expr_literal(h, e->list.items[i], &part);
        if (result == LITERAL_DONE) {
            text_add_plain_display(&t, &part);
            value_drop(h, &part);
        }
    }
    if (result == LITERAL_DONE && !text_finish(&t, ret)) result = LITERAL_NO_MEMORY;
    text_done(&t);
    return result;
}

/* 1..5, 1.. (then the end is (), up to the largest integer) and ()..5 (from 0). */
static literal_result literal_range(heap *h, const expr *e, rhai_value *ret) {
    const expr *from = e->op.left, *to = e->op.right;
    bool has_from = expr_is_const(from, RHAI_INT), has_to = expr_is_const(to, RHAI_INT);
    if (!(has_from && has_to) && !(has_from && expr_is_const(to, RHAI_UNIT)) &&
        !(has_to && expr_is_const(from, RHAI_UNIT)))
        return LITERAL_NONE;
    bool ok = value_new_range(h, has_from ? from->value.i : 0, has_to ? to->value.i : INT64_MAX,
                              e->op.op == OP_RANGE_INCLUSIVE, ret);
    return ok ? LITERAL_DONE : LITERAL_NO_MEMORY;
}

static literal_result literal_fn(heap *h, rhai_str *name, uint32_t nparams, rhai_value *ret) {
    fnptr *f = fnptr_new(h, name, NULL, NULL, nparams, NULL, 0);
    if (!f) return LITERAL_NO_MEMORY;
    *ret = VALUE_OBJ(RHAI_FN, f);
    return LITERAL_DONE;
}

literal_result expr_literal(heap *h, const expr *e, rhai_value *ret) {
    switch (e->kind) {
    case EXPR_CONST: *ret = value_copy(&e->value); return LITERAL_DONE;
    case EXPR_CLOSURE:
        if (e->closure.captures_len) return LITERAL_NONE;
        return literal_fn(h, e->closure.fn->name, e->closure.fn->nparams, ret);
    case EXPR_ARRAY: return expr_is_constant(e) ? literal_array(h, e, ret) : LITERAL_NONE;
    case EXPR_MAP: return expr_is_constant(e) ? literal_map(h, e, ret) : LITERAL_NONE;
    case EXPR_INTERP: return expr_is_constant(e) ? literal_text(h, e, ret) : LITERAL_NONE;
    case EXPR_CALL:
        if (e->call.path.len || e->call.args.len != 1 || strcmp(e->call.name->data, "Fn") != 0 ||
            !expr_is_const(e->call.args.items[0], RHAI_STRING))
            return LITERAL_NONE;
        if (!lex_is_function_name(as_str(&e->call.args.items[0]->value)->data,
                                  as_str(&e->call.args.items[0]->value)->len))
            return LITERAL_NONE;
        return literal_fn(h, as_str(&e->call.args.items[0]->value), 0, ret);
    case EXPR_OP:
        if (e->op.op == OP_RANGE || e->op.op == OP_RANGE_INCLUSIVE) return literal_range(h, e, ret);
        return LITERAL_NONE;
    default: return LITERAL_NONE;
    }
}
