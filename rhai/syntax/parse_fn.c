/* Functions and closures. */
#include "syntax/parser.h"

#include <string.h>

/* ---- Scopes ---- */

static void enter_scope(parser *p, fn_scope *scope, bool is_closure) {
    *scope = (fn_scope){
        .outer = p->scope,
        .serial = p->serials++,
        .first_var = p->vars_len,
        .block_var = p->vars_len,
        .is_closure = is_closure,
    };
    p->scope = scope;
}

static void leave_scope(parser *p, fn_scope *scope) {
    drop_vars(p, scope->first_var);
    p->scope = scope->outer;
}

static bool may_add_function(const parser *p) {
    return (uint64_t)p->functions_len + p->closures_len < p->options->max_functions;
}

static fn_def *new_fn(parser *p, rhai_pos pos) {
    fn_def *f = arena_alloc(&p->ast->arena, sizeof *f);
    if (!f) return fail_no_memory(p);
    f->pos = pos;
    return f;
}

/* ---- Doc-comments ---- */

/* A block comment's lines move left with it. */
static void add_block_comment(text *t, const doc_comment *doc) {
    const char *s = doc->text, *end = s + doc->len;
    size_t indent = doc->column - 1;
    for (const char *line = memchr(s, '\n', (size_t)(end - s)); line;
         line = memchr(line, '\n', (size_t)(end - line))) {
        size_t blanks = strspn(++line, " ");
        if (blanks < indent) indent = blanks;
    }
    for (const char *line; (line = memchr(s, '\n', (size_t)(end - s))); s = line + 1 + indent)
        text_add(t, s, (size_t)(line + 1 - s));
    text_add(t, s, (size_t)(end - s));
}

static rhai_str *keep_comment(parser *p, text *t) {
    rhai_value v;
    if (!text_finish(t, &v)) return fail_no_memory(p);
    return ast_keep(p->ast, v, &v) ? as_str(&v) : fail_no_memory(p);
}

/* Adjacent /// lines make one comment; each block comment is one. */
static bool take_comments(parser *p, fn_def *f) {
    const doc_comment *docs = p->lx.docs;
    uint32_t len = p->lx.docs_len;
    if (!len) return true;
    f->comments = arena_alloc(&p->ast->arena, len * sizeof *f->comments);
    if (!f->comments) return fail_no_memory(p);
    text t;
    text_init(&t, p->h);
    bool ok = true;
    for (uint32_t i = 0; i < len && ok; i++) {
        if (docs[i].is_block) {
            add_block_comment(&t, &docs[i]);
        } else {
            if (t.len) text_add(&t, "\n", 1);
            text_add(&t, docs[i].text, docs[i].len);
            if (i + 1 < len && !docs[i + 1].is_block) continue;
        }
        rhai_str *comment = keep_comment(p, &t);
        f->comments[f->comments_len++] = comment;
        ok = comment != NULL;
    }
    text_done(&t);
    return ok;
}

/* ---- fn ---- */

static bool add_param(parser *p, uint32_t mark, uint32_t name, rhai_pos pos, const char *of) {
    for (uint32_t i = mark; i < p->scratch_len; i++) {
        if (((ident *)p->scratch[i])->name == name_text(p, name))
            return fail(p, pos, "Duplicated parameter %s for function %s", name_text(p, name)->data,
                        of);
    }
    ident *param = arena_alloc(&p->ast->arena, sizeof *param);
    if (!param) return fail_no_memory(p);
    *param = (ident){name_text(p, name), pos};
    return push_var(p, name, false) && push_item(p, param);
}

/* A parameter, or what is wrong: `fail_end` says that the list should end here. */
static bool parse_param(parser *p, uint32_t mark, const char *of,
                        void *(*fail_end)(parser *, const char *)) {
    const token *tok = &p->lx.tok;
    switch (tok->kind) {
    case TOK_NAME: {
        uint32_t name = token_name(p);
        return name != UINT32_MAX && add_param(p, mark, name, eat(p), of);
    }
    case TOK_ERROR: return fail_fault(p);
    case TOK_RESERVED: {
        uint32_t name = token_name(p);
        return name != UINT32_MAX && fail_reserved(p, name_text(p, name)->data, tok->pos);
    }
    default:
        if (token_table[tok->kind].flags & KEYWORD)
            return fail(p, tok->pos, "Expecting name of a variable");
        return fail_end(p, of);
    }
}

/* The captured names, then the parameters on the scratch list. */
static bool finish_params(parser *p, fn_def *f, uint32_t mark, const ident *captures,
                          uint32_t captures_len) {
    uint32_t len = p->scratch_len - mark;
    f->ncaptures = captures_len;
    f->nparams = captures_len + len;
    f->params = arena_alloc(&p->ast->arena, f->nparams * sizeof *f->params);
    if (!f->params) return fail_no_memory(p);
    if (captures_len) memcpy(f->params, captures, captures_len * sizeof *captures);
    for (uint32_t i = 0; i < len; i++)
        f->params[captures_len + i] = *(ident *)p->scratch[mark + i];
    p->scratch_len = mark;
    return true;
}

static void *fail_end_params(parser *p, const char *of) {
    return fail(p, here(p), "Expecting ')' to close the parameters list of function '%s'", of);
}

static bool parse_params(parser *p, const rhai_str *name) {
    uint32_t mark = p->scratch_len;
    if (match(p, TOK_UNIT)) return true;
    if (!match(p, TOK_LPAREN))
        return fail(p, here(p), "Expecting parameters for function %s", name->data);
    while (!match(p, TOK_RPAREN)) {
        if (!parse_param(p, mark, name->data, fail_end_params)) return false;
        if (match(p, TOK_RPAREN)) break;
        if (peek(p) == TOK_ERROR) return fail_fault(p);
        if (!match(p, TOK_COMMA))
            return fail(p, here(p), "Expecting ',' to separate the parameters of function '%s'",
                        name->data);
    }
    return true;
}

static rhai_str *type_name(parser *p, rhai_str *written) {
    const char *s = written->data;
    if (strcmp(s, "int") == 0)
        s = "i64";
    else if (strcmp(s, "float") == 0)
        s = "f64";
    else
        return written;
    rhai_str *name = ast_name(p->ast, s, 3);
    return name ? name : fail_no_memory(p);
}

/* name, Type.name, "type name".name */
static bool parse_fn_name(parser *p, fn_def *f, uint32_t *ret_name) {
    token_kind kind = peek(p);
    const token *tok = &p->lx.tok;
    rhai_pos pos = here(p);
    if (kind == TOK_NAME || kind == TOK_STRING) {
        *ret_name = token_name(p);
        if (*ret_name == UINT32_MAX) return false;
        eat(p);
        if (match(p, TOK_DOT)) {
            f->this_type = type_name(p, name_text(p, *ret_name));
            if (!f->this_type) return false;
            kind = peek(p);
            pos = here(p);
            if (kind == TOK_NAME) {
                *ret_name = token_name(p);
                if (*ret_name == UINT32_MAX) return false;
                eat(p);
            }
        } else if (kind == TOK_STRING) {
            return fail_expecting(p, here(p), TOK_DOT, "after the type name for 'this'");
        }
    }
    if (kind == TOK_RESERVED) {
        *ret_name = token_name(p);
        return *ret_name != UINT32_MAX && fail_reserved(p, name_text(p, *ret_name)->data, tok->pos);
    }
    return kind == TOK_NAME || fail(p, pos, "Expecting function name in function declaration");
}

static bool add_function(parser *p, fn_def *f, uint32_t name) {
    for (const known_fn *k = p->names[name].functions; k; k = k->older) {
        if (k->fn->nparams != f->nparams || k->fn->this_type != f->this_type) continue;
        if (f->nparams == 0)
            return fail(p, f->pos, "Function %s with no parameters already exists", f->name->data);
        return fail(p, f->pos, "Function %s with %u parameter%s already exists", f->name->data,
                    f->nparams, f->nparams == 1 ? "" : "s");
    }
    known_fn *k = arena_alloc(&p->ast->arena, sizeof *k);
    if (!k) return fail_no_memory(p);
    *k = (known_fn){f, p->names[name].functions};
    p->names[name].functions = k;
    if (!reserve_one(p, &p->functions, p->functions_len, &p->functions_cap, sizeof *p->functions))
        return false;
    p->functions[p->functions_len++] = f;
    return true;
}

/* Everything after `fn`, in a scope of its own. */
static bool parse_fn_rest(parser *p, fn_def *f, uint32_t *ret_name) {
    context c = {.flags = IN_FUNCTION, .pos = f->pos};
    if (p->options->strict_variables) c.flags |= IS_STRICT;
    if (!deeper(p, &c) || !parse_fn_name(p, f, ret_name)) return false;
    f->name = name_text(p, *ret_name);
    uint32_t mark = p->scratch_len;
    if (!parse_params(p, f->name)) return false;
    uint32_t end = p->scratch_len;
    if (peek(p) != TOK_LBRACE)
        return fail(p, here(p), "Expecting body statement block for function %s", f->name->data);
    f->body = p->ast->late ? late_parse_body(p, c, f) : parse_block(p, c, false);
    p->scratch_len = end;
    return (f->body || f->late) && finish_params(p, f, mark, NULL, 0);
}

/* What counts is how deep a function's own expressions are. Returns the depth around it. */
static uint32_t set_function_depth(parser *p) {
    uint32_t depth = p->options->max_function_expr_depth, outer_depth = p->max_depth;
    p->max_depth = depth && depth < PARSE_MAX_DEPTH ? depth : PARSE_MAX_DEPTH;
    return outer_depth;
}

block *parse_body_again(parser *p, const fn_def *f) {
    fn_scope scope;
    enter_scope(p, &scope, false);
    uint32_t outer_depth = set_function_depth(p);
    context c = {.flags = IN_FUNCTION, .pos = f->pos};
    bool ok = deeper(p, &c);
    for (uint32_t i = 0; i < f->nparams && ok; i++) {
        uint32_t name = ast_name_number(p->ast, f->params[i].name->data, f->params[i].name->len);
        ok = name != UINT32_MAX && push_var(p, name, false);
    }
    block *b = ok ? parse_block(p, c, false) : NULL;
    p->max_depth = outer_depth;
    leave_scope(p, &scope);
    return b;
}

stmt *parse_fn(parser *p, context c) {
    fn_def *f = new_fn(p, POS_NONE);
    if (!f || !take_comments(p, f)) return NULL;
    f->is_private = match(p, TOK_PRIVATE);
    if (peek(p) != TOK_FN) return fail_expecting(p, here(p), TOK_FN, "following 'private'");
    f->pos = eat(p);
    if (!(c.flags & AT_GLOBAL_LEVEL))
        return fail(p, c.pos,
                    "Function definitions must be at global level and cannot be inside a "
                    "block or another function");
    if (!may_add_function(p))
        return fail(p, f->pos, "Number of functions defined exceeds maximum limit");

    fn_scope scope;
    enter_scope(p, &scope, false);
    uint32_t outer_depth = set_function_depth(p), name = UINT32_MAX;
    bool ok = parse_fn_rest(p, f, &name);
    p->max_depth = outer_depth;
    leave_scope(p, &scope);
    if (!ok || !add_function(p, f, name)) return NULL;
    stmt *s = stmt_new(p->ast, STMT_NOOP, f->pos);
    return s ? s : fail_no_memory(p);
}

/* ---- Closures ---- */

static void *fail_end_closure_params(parser *p, const char *of) {
    (void)of;
    return fail_expecting(p, here(p), TOK_PIPE,
                          "to close the parameters list of anonymous function or closure");
}

/* |a, b| or ||; parameters go on the scratch list. */
static bool parse_closure_params(parser *p) {
    uint32_t mark = p->scratch_len;
    if (match(p, TOK_OR)) return true;
    eat(p);
    while (!match(p, TOK_PIPE)) {
        if (!parse_param(p, mark, "", fail_end_closure_params)) return false;
        if (match(p, TOK_PIPE)) break;
        if (peek(p) == TOK_ERROR) return fail_fault(p);
        if (!match(p, TOK_COMMA))
            return fail_expecting(p, here(p), TOK_COMMA,
                                  "to separate the parameters of anonymous function");
    }
    return true;
}

static rhai_str *closure_name(parser *p) {
    char name[] = "anon$0000000000000000";
    char *digit = name + sizeof name - 1;
    for (uint32_t number = p->ast->closures++; number > 0; number /= 16)
        *--digit = "0123456789abcdef"[number % 16];
    rhai_str *s = ast_name(p->ast, name, sizeof name - 1);
    return s ? s : fail_no_memory(p);
}

static bool parse_closure_body(parser *p, context c, fn_def *f, fn_scope *scope) {
    uint32_t mark = p->scratch_len;
    if (!parse_closure_params(p)) return false;
    uint32_t end = p->scratch_len;
    c.flags = IN_FUNCTION | IN_CLOSURE;
    if (!deeper(p, &c)) return false;
    stmt *s = parse_stmt(p, c);
    f->body = s ? block_of_stmt(p, s) : NULL;
    p->scratch_len = end;
    return f->body && finish_params(p, f, mark, scope->captures, scope->captures_len);
}

/* What the closure captures, the function around it uses: a closure around it captures it, too.
 * Only outside all closures can a variable be known not to exist. */
static bool use_captures(parser *p, context c, const fn_def *f) {
    for (uint32_t i = 0; i < f->ncaptures; i++) {
        const rhai_str *name = f->params[i].name;
        uint32_t number = ast_name_number(p->ast, name->data, name->len);
        if (number == UINT32_MAX) return fail_no_memory(p);
        if (!use_var(p, number, f->params[i].pos)) return false;
        bool is_known = find_var(p, number) || p->names[number].functions;
        if (!is_known && (c.flags & IS_STRICT) && !(c.flags & IN_CLOSURE) && !is_outer_var(p, name))
            return fail(p, f->params[i].pos, "Undefined variable: %s", name->data);
    }
    return true;
}

static expr *new_closure(parser *p, fn_def *f) {
    expr *e = expr_new(p->ast, EXPR_CLOSURE, f->pos);
    if (!e) return fail_no_memory(p);
    e->closure.fn = f;
    e->closure.captures = f->params;
    e->closure.captures_len = f->ncaptures;
    return e;
}

/* Adds one to the depth of the body. */
expr *parse_closure(parser *p, context c) {
    if (!may_add_function(p))
        return fail(p, c.pos, "Number of functions defined exceeds maximum limit");
    fn_def *f = new_fn(p, c.pos);
    if (!f) return NULL;
    f->is_closure = true;
    fn_scope scope;
    enter_scope(p, &scope, true);
    bool outer_stop = p->stop_at_pipe;
    p->stop_at_pipe = false;
    bool ok = parse_closure_body(p, c, f, &scope);
    p->stop_at_pipe = outer_stop;
    leave_scope(p, &scope);
    heap_free(p->h, scope.captures, scope.captures_cap * sizeof *scope.captures);
    if (!ok || !use_captures(p, c, f)) return NULL;
    f->name = closure_name(p);
    if (!f->name) return NULL;
    if (!reserve_one(p, &p->closures, p->closures_len, &p->closures_cap, sizeof *p->closures))
        return NULL;
    p->closures[p->closures_len++] = f;
    return new_closure(p, f);
}
