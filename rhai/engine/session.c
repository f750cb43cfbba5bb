/* For interactive hosts: scripts that come in pieces, and what they define. */
#include "syntax/lex.h"
#include "vm/vm.h"

#include <string.h>

/* ---- Pieces ---- */

rhai_status rhai_program_continue(rhai_engine *e, rhai_program *program, rhai_program *before) {
    heap *h = &e->heap;
    unit *u = program->unit, *last = before->unit;
    uint32_t len = last->earlier_len;
    bool has_functions = last->functions_len > 0;
    last->is_inner = true;
    if (!len && !has_functions) return RHAI_OK;
    unit **earlier = heap_resize(h, last->earlier, len * sizeof *earlier,
                                 (len + has_functions) * sizeof *earlier);
    if (!earlier) return RHAI_ERROR;
    last->earlier = NULL;
    last->earlier_len = 0;
    if (has_functions) {
        obj_ref(last);
        earlier[len++] = last;
    }
    u->earlier = earlier;
    u->earlier_len = len;
    return RHAI_OK;
}

/* ---- Is that all? ---- */

/* Nothing but blanks and comments is left from `p` on: is the last comment open? Comments nest. */
static bool ends_in_comment(const char *p, const char *end) {
    int depth = 0;
    for (; p + 1 < end; p++) {
        if (!depth && p[0] == '/' && p[1] == '/') {
            const char *newline = memchr(p, '\n', (size_t)(end - p));
            if (!newline) return false;
            p = newline;
        } else if (p[0] == '/' && p[1] == '*') {
            depth++;
            p++;
        } else if (depth && p[0] == '*' && p[1] == '/') {
            depth--;
            p++;
        }
    }
    return depth > 0;
}

/* How the tokens end: in the middle of one or in a doc-comment of what comes next (true), or at
 * *ret_end. */
static bool ends_inside_token(lexer *lx, rhai_pos *ret_end) {
    enum { MAX_NESTING = 64 };
    uint32_t braces[MAX_NESTING], depth = 0; /* open braces of each interpolation, its own too */
    const char *from = lx->p;
    lex_next(lx);
    while (lx->tok.kind != TOK_EOF) {
        if (lx->tok.kind == TOK_ERROR)
            return lx->tok.fault == FAULT_UNTERMINATED && lx->p >= lx->end;
        if (lx->tok.kind == TOK_INTERP) {
            if (depth == MAX_NESTING) return false;
            braces[depth++] = 0;
        } else if (depth && (lx->tok.kind == TOK_LBRACE || lx->tok.kind == TOK_MAP)) {
            braces[depth - 1]++;
        } else if (depth && lx->tok.kind == TOK_RBRACE && --braces[depth - 1] == 0) {
            depth--;
            lex_next_text(lx);
            continue;
        }
        from = lx->p;
        lex_next(lx);
    }
    *ret_end = lx->tok.pos;
    return depth > 0 || lx->docs_len > 0 || ends_in_comment(from, lx->end);
}

bool rhai_is_incomplete(rhai_engine *e, const char *script, size_t len) {
    lexer lx;
    rhai_pos end = POS_NONE;
    bool inside = lex_init(&lx, &e->heap, script, len, 0) && ends_inside_token(&lx, &end);
    lex_done(&lx);
    if (inside || pos_is_none(end)) return inside;

    rhai_error *error = NULL;
    parse_options options = vm_parse_options(e, NULL, 0);
    ast *tree = parse_script(&e->heap, &options, script, len, &error);
    ast_free(tree);
    bool at_end = error && error->kind == ERR_PARSING && error->pos.line == end.line &&
                  error->pos.column == end.column;
    rhai_error_free(error);
    return at_end;
}

/* ---- What is defined ---- */

static const char **texts_of(heap *h, const ident *names, rhai_str *const *lines, uint32_t len) {
    const char **texts = heap_alloc(h, (len + 1) * sizeof *texts);
    for (uint32_t i = 0; texts && i < len; i++)
        texts[i] = names ? names[i].name->data : lines[i]->data;
    return texts;
}

static bool visit_function(heap *h, const fn_def *fn, rhai_script_function_visitor visit,
                           void *data) {
    const char **params = texts_of(h, fn->params, NULL, fn->nparams);
    const char **comments = texts_of(h, NULL, fn->comments, fn->comments_len);
    bool ok = params && comments;
    if (ok)
        visit(data, &(rhai_script_function){.name = fn->name->data,
                                            .this_type = fn->this_type ? fn->this_type->data : NULL,
                                            .params = params,
                                            .param_count = fn->nparams,
                                            .comments = comments,
                                            .comment_count = fn->comments_len,
                                            .is_private = fn->is_private,
                                            .pos = fn->pos});
    heap_free(h, params, (fn->nparams + 1) * sizeof *params);
    heap_free(h, comments, (fn->comments_len + 1) * sizeof *comments);
    return ok;
}

rhai_status rhai_each_script_function(rhai_engine *e, const rhai_program *program,
                                      rhai_script_function_visitor visit, void *data) {
    const unit *last = program->unit;
    for (uint32_t i = 0; i <= last->earlier_len; i++) {
        const unit *u = i < last->earlier_len ? last->earlier[i] : last;
        for (uint32_t f = 0; f < u->functions_len; f++)
            if (!visit_function(&e->heap, u->functions[f].fn->def, visit, data)) return RHAI_ERROR;
    }
    return RHAI_OK;
}
