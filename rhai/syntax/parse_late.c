/* Function bodies of long scripts. They are parsed for their errors and dropped, and parsed again
 * when the function is first called: most functions of a long script never are, and a tree takes
 * ten times the memory of its text. A body with a closure stays: closures are known by name before
 * anybody calls what is around them. */
#include "syntax/optimizer.h"
#include "syntax/parser.h"

struct late_bodies {
    arena dropped;   /* trees under construction that nobody will need */
    lex_mark *marks; /* where the bodies begin, by fn_def.late - 1 */
    uint32_t marks_len, marks_cap;
    /* What parsing and optimising go on with once the script has been parsed. Both know all its
     * names, and making that anew for each function would take quadratic time. */
    parser parser;
    parse_options parse_options;
    optimizer optimizer;
    optimize_options optimize_options;
};

bool late_begin(parser *p) {
    late_bodies *late = heap_alloc_zero(p->h, sizeof *late);
    if (!late) return fail_no_memory(p);
    arena_init(&late->dropped, p->h);
    late->parser.h = late->optimizer.h = p->h;
    p->ast->late = late;
    return true;
}

void late_done(ast *a) {
    late_bodies *late = a->late;
    if (!late) return;
    heap *h = a->h;
    arena_done(&late->dropped);
    parser_done(&late->parser);
    optimizer_done(&late->optimizer);
    heap_free(h, late->marks, late->marks_cap * sizeof *late->marks);
    heap_free(h, late, sizeof *late);
}

static void swap_arenas(ast *a) {
    arena other = a->arena;
    a->arena = a->late->dropped;
    a->late->dropped = other;
}

block *late_parse_body(parser *p, context c, fn_def *f) {
    ast *a = p->ast;
    late_bodies *late = a->late;
    if (!reserve_one(p, &late->marks, late->marks_len, &late->marks_cap, sizeof *late->marks))
        return NULL;
    uint32_t closures_len = p->closures_len, values_len = a->values_len;
    lex_mark mark = lex_mark_token(&p->lx);
    swap_arenas(a);
    block *b = parse_block(p, c, false);
    swap_arenas(a);
    if (!b) return NULL;
    if (p->closures_len > closures_len) {
        arena_join(&a->arena, &late->dropped);
        return b;
    }
    ast_drop_values(a, values_len);
    arena_reset(&late->dropped);
    late->marks[late->marks_len++] = mark;
    f->late = late->marks_len;
    return NULL;
}

void late_keep(parser *p) {
    late_bodies *late = p->ast->late;
    arena_done(&late->dropped);
    drop_vars(p, 0);
    late->parse_options = *p->options;
    late->parse_options.strict_variables = false;
    late->parse_options.outer_len = late->parse_options.modules_len = 0; /* the caller's */
    late->parser = *p;
    late->parser.options = &late->parse_options;
}

void late_optimize(ast *a, const optimize_options *options) {
    late_bodies *late = a->late;
    late->optimize_options = *options;
    late->optimizer = (optimizer){.ast = a, .h = a->h, .options = &late->optimize_options};
}

static bool optimize_body(late_bodies *late, block *b) {
    optimizer *o = &late->optimizer;
    if (!o->options) return true;
    o->failed = false;
    o->scratch_len = 0;
    optimize_top_level(o, b);
    return !o->failed;
}

bool ast_load_body(ast *a, fn_def *f) {
    if (f->body) return true;
    parser *p = &a->late->parser;
    lex_return(&p->lx, &a->late->marks[f->late - 1]);
    block *b = parse_body_again(p, f);
    if (b && optimize_body(a->late, b)) {
        f->body = b;
        return true;
    }
    rhai_error_free(p->error); /* there is no memory */
    p->error = NULL;
    p->scratch_len = p->steps_len = 0;
    return false;
}
