/* Strings, interpolated text, arrays and maps. */
#include "syntax/parser.h"

#include <string.h>

/* ---- Text ---- */

/* The current token's text as a constant; does not eat it. */
static expr *string_const(parser *p, rhai_pos pos) {
    rhai_str *s = str_intern(p->h, p->lx.tok.text, p->lx.tok.len);
    if (!s) return fail_no_memory(p);
    expr *e = expr_new_const(p->ast, VALUE_OBJ(RHAI_STRING, s), pos);
    return e ? e : fail_no_memory(p);
}

expr *parse_string(parser *p) {
    expr *e = string_const(p, here(p));
    if (e) lex_next(&p->lx);
    return e;
}

/* A part of the text that is not empty. */
static bool push_text(parser *p) {
    if (!p->lx.tok.len) return true;
    expr *e = string_const(p, here(p));
    return e && push_item(p, e);
}

expr *parse_interpolation(parser *p, context c) {
    uint32_t mark = p->scratch_len;
    do {
        if (!push_text(p)) return NULL;
        lex_next(&p->lx);
        block *b = parse_block(p, c, true);
        if (!b) return NULL;
        expr *part = expr_of_block(p, b);
        if (!part || !push_item(p, part)) return NULL;
        lex_next_text(&p->lx);
    } while (peek(p) == TOK_INTERP);
    if (peek(p) == TOK_ERROR) return fail_fault(p);
    if (!push_text(p)) return NULL;
    lex_next(&p->lx);

    expr *e = expr_new(p->ast, EXPR_INTERP, c.pos);
    if (!e) return fail_no_memory(p);
    return pop_items(p, mark, &e->list.items, &e->list.len) ? e : NULL;
}

/* ---- Arrays ---- */

static const char array_end[] = "to end this array literal";

/* Adds one to the depth of the items. */
expr *parse_array(parser *p, context c) {
    c.pos = eat(p);
    rhai_pos pos = c.pos;
    uint32_t mark = p->scratch_len;
    uint64_t max = p->options->max_array_size;
    for (;;) {
        if (max && p->scratch_len - mark >= max)
            return fail(p, here(p), "Size of array literal exceeds the maximum limit (%llu)",
                        (unsigned long long)max);
        if (match(p, TOK_RBRACKET)) break;
        if (peek(p) == TOK_EOF) return fail_expecting(p, here(p), TOK_RBRACKET, array_end);
        context inner = c;
        if (!deeper(p, &inner)) return NULL;
        expr *item = parse_expr(p, inner);
        if (!item || !push_item(p, item)) return NULL;
        if (peek(p) == TOK_EOF) return fail_expecting(p, here(p), TOK_RBRACKET, array_end);
        if (!match(p, TOK_COMMA) && peek(p) != TOK_RBRACKET)
            return fail_missing(p, TOK_COMMA, "to separate the items of this array literal");
    }
    expr *e = expr_new(p->ast, EXPR_ARRAY, pos);
    if (!e) return fail_no_memory(p);
    return pop_items(p, mark, &e->list.items, &e->list.len) ? e : NULL;
}

/* ---- Maps ---- */

static const char map_end[] = "to end this object map literal";

/* Keys and values lie in turn on the scratch list. Each name remembers the map that had it last:
 * an older map than this one cannot have taken it from this one, a nested one can. */
static bool is_duplicate(parser *p, uint32_t mark, uint32_t serial, uint32_t name) {
    uint32_t last = p->names[name].key_of;
    if (last <= serial) return last == serial;
    for (uint32_t i = mark; i < p->scratch_len; i += 2) {
        if (((ident *)p->scratch[i])->name == name_text(p, name)) return true;
    }
    return false;
}

static bool parse_key(parser *p, uint32_t mark, uint32_t serial, ident **ret) {
    const token *tok = &p->lx.tok;
    bool is_first = p->scratch_len == mark;
    uint32_t name = UINT32_MAX;
    switch (tok->kind) {
    case TOK_NAME:
        if (p->lx.as_json) return fail(p, tok->pos, "Expecting name of a property");
        /* fall through */
    case TOK_STRING:
        name = token_name(p);
        if (name == UINT32_MAX) return false;
        break;
    case TOK_INTERP: return fail(p, tok->pos, "Expecting name of a property");
    case TOK_ERROR: return fail_fault(p);
    case TOK_RESERVED:
        if (lex_is_name(tok->text, tok->len)) {
            name = token_name(p);
            return name != UINT32_MAX && fail_reserved(p, name_text(p, name)->data, tok->pos);
        }
        /* fall through */
    default:
        if (is_first) return fail_expecting(p, tok->pos, TOK_RBRACE, map_end);
        return fail(p, tok->pos, "Expecting name of a property");
    }
    if (is_duplicate(p, mark, serial, name))
        return fail(p, tok->pos, "Duplicated property for object map literal: %s",
                    name_text(p, name)->data);
    p->names[name].key_of = serial;
    ident *key = arena_alloc(&p->ast->arena, sizeof *key);
    if (!key) return fail_no_memory(p);
    *key = (ident){name_text(p, name), eat(p)};
    *ret = key;
    if (match(p, TOK_COLON)) return true;
    if (peek(p) == TOK_ERROR) return fail_fault(p);
    return fail(p, here(p), "Expecting ':' to follow the property '%s' in this object map literal",
                key->name->data);
}

static bool parse_map_separator(parser *p) {
    if (match(p, TOK_COMMA) || peek(p) == TOK_RBRACE) return true;
    if (peek(p) == TOK_NAME)
        return fail_expecting(p, here(p), TOK_COMMA,
                              "to separate the items of this object map literal");
    return fail_missing(p, TOK_RBRACE, map_end);
}

static expr *new_map(parser *p, uint32_t mark, rhai_pos pos) {
    uint32_t len = (p->scratch_len - mark) / 2;
    expr *e = expr_new(p->ast, EXPR_MAP, pos);
    ident *keys = arena_alloc(&p->ast->arena, len * sizeof *keys);
    expr **values = arena_alloc(&p->ast->arena, len * sizeof *values);
    if (!e || !keys || !values) return fail_no_memory(p);
    for (uint32_t i = 0; i < len; i++) {
        keys[i] = *(ident *)p->scratch[mark + 2 * i];
        values[i] = p->scratch[mark + 2 * i + 1];
    }
    p->scratch_len = mark;
    e->map = (map_literal){keys, values, len};
    return e;
}

/* Adds one to the depth of the values. */
expr *parse_map(parser *p, context c) {
    c.pos = eat(p);
    rhai_pos pos = c.pos;
    uint32_t mark = p->scratch_len, serial = p->serials++;
    uint64_t max = p->options->max_map_size;
    while (!match(p, TOK_RBRACE)) {
        if (peek(p) == TOK_EOF) return fail_expecting(p, here(p), TOK_RBRACE, map_end);
        ident *key = NULL;
        if (!parse_key(p, mark, serial, &key)) return NULL;
        if (max && (p->scratch_len - mark) / 2 >= max)
            return fail(
                p, here(p),
                "Number of properties in object map literal exceeds the maximum limit (%llu)",
                (unsigned long long)max);
        context inner = c;
        if (!deeper(p, &inner)) return NULL;
        expr *value = parse_expr(p, inner);
        if (!value || !push_item(p, key) || !push_item(p, value)) return NULL;
        if (!parse_map_separator(p)) return NULL;
    }
    return new_map(p, mark, pos);
}
