/* The text that parse_json takes: one expression and nothing behind it. */
#include "syntax/parser.h"

static void add_token_text(parser *p, text *t) {
    const token *tok = &p->lx.tok;
    switch (tok->kind) {
    case TOK_INT: text_add_int(t, tok->i); break;
    case TOK_FLOAT: text_add_float(t, tok->f); break;
    case TOK_CHAR: text_add_char(t, tok->c); break;
    case TOK_NAME:
    case TOK_RESERVED: text_add(t, tok->text, tok->len); break;
    case TOK_STRING:
        text_add(t, "\"", 1);
        text_add(t, tok->text, tok->len);
        text_add(t, "\"", 1);
        break;
    case TOK_ERROR: { /* its message is quoted in turn */
        fail_fault(p);
        if (p->error->text) text_add_str(t, p->error->text);
        break;
    }
    default: text_add_cstr(t, token_table[tok->kind].text);
    }
}

void *fail_unexpected(parser *p) {
    text t;
    text_init(&t, p->h);
    add_token_text(p, &t);
    rhai_error_free(p->error);
    p->error = NULL;
    if (t.failed)
        fail_no_memory(p);
    else
        fail(p, here(p), "Unexpected '%s'", t.data ? t.data : "");
    text_done(&t);
    return NULL;
}

block *parse_json_text(parser *p) {
    context c = {.flags = AT_GLOBAL_LEVEL, .pos = {1, 1}};
    if (p->options->strict_variables) c.flags |= IS_STRICT;
    expr *e = parse_expr(p, c);
    if (!e) return NULL;
    if (peek(p) != TOK_EOF) return fail_unexpected(p);
    stmt *s = stmt_new(p->ast, STMT_EXPR, e->pos);
    if (!s) return fail_no_memory(p);
    s->expr = e;
    return block_of_stmt(p, s);
}
