/* Entry points; errors, names and variables for the other parse_*.c files. */
#include "syntax/parse.h"
#include "syntax/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Errors ---- */

void *fail_no_memory(parser *p) {
    if (!p->error) p->error = error_out_of_memory(p->h);
    return NULL;
}

void *fail(parser *p, rhai_pos pos, const char *format, ...) {
    if (p->error) return NULL;
    char small[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof small) {
        p->error = error_newf(p->h, ERR_PARSING, pos, "%s", small);
        return NULL;
    }
    size_t size = (size_t)n + 1;
    char *large = heap_alloc(p->h, size);
    if (!large) return fail_no_memory(p);
    va_start(args, format);
    vsnprintf(large, size, format, args);
    va_end(args);
    p->error = error_newf(p->h, ERR_PARSING, pos, "%s", large);
    heap_free(p->h, large, size);
    return NULL;
}

void *fail_expecting(parser *p, rhai_pos pos, token_kind wanted, const char *what) {
    return fail(p, pos, "Expecting '%s' %s", token_table[wanted].text, what);
}

void *fail_reserved(parser *p, const char *word, rhai_pos pos) {
    return fail(p, pos, "'%s' is a reserved %s", word,
                lex_is_name(word, strlen(word)) ? "keyword" : "symbol");
}

void *fail_fault(parser *p) {
    static const char *const before[] = {
        [FAULT_UNEXPECTED] = "Unexpected '",
        [FAULT_UNTERMINATED] = "Open string is not terminated",
        [FAULT_TOO_LONG] = "Length of string exceeds the maximum limit (",
        [FAULT_ESCAPE] = "Invalid escape sequence: '",
        [FAULT_NUMBER] = "Invalid number: '",
        [FAULT_CHAR] = "Invalid character: '",
        [FAULT_NAME] = "Variable name is not proper: '",
    };
    const token *tok = &p->lx.tok;
    switch (tok->fault) {
    case FAULT_MEMORY: return fail_no_memory(p);
    case FAULT_UNTERMINATED: return fail(p, tok->pos, "%s", before[tok->fault]);
    case FAULT_TOO_LONG:
        return fail(p, tok->pos, "%s%llu)", before[tok->fault],
                    (unsigned long long)p->options->max_string_size);
    case FAULT_SYMBOL: return fail(p, tok->pos, "%.*s", (int)tok->len, tok->text);
    default: return fail(p, tok->pos, "%s%.*s'", before[tok->fault], (int)tok->len, tok->text);
    }
}

void *fail_missing(parser *p, token_kind wanted, const char *what) {
    if (peek(p) == TOK_ERROR) return fail_fault(p);
    return fail_expecting(p, here(p), wanted, what);
}

void *fail_too_deep(parser *p, rhai_pos pos) {
    return fail(p, pos, "Expression exceeds maximum complexity");
}

/* ---- Lists ---- */

bool reserve_one(parser *p, void *items, uint32_t len, uint32_t *cap, size_t size) {
    if (len < *cap) return true;
    void **array = items;
    uint32_t new_cap = next_size(*cap, 16);
    void *grown = heap_resize(p->h, *array, *cap * size, new_cap * size);
    if (!grown) return fail_no_memory(p);
    *array = grown;
    *cap = new_cap;
    return true;
}

bool push_item(parser *p, void *item) {
    if (!reserve_one(p, &p->scratch, p->scratch_len, &p->scratch_cap, sizeof *p->scratch))
        return false;
    p->scratch[p->scratch_len++] = item;
    return true;
}

bool pop_items(parser *p, uint32_t mark, void *ret_items, uint32_t *ret_len) {
    uint32_t len = p->scratch_len - mark;
    p->scratch_len = mark;
    *ret_len = len;
    *(void **)ret_items = NULL;
    if (!len) return true;
    void **items = arena_alloc(&p->ast->arena, len * sizeof *items);
    if (!items) return fail_no_memory(p);
    memcpy(items, &p->scratch[mark], len * sizeof *items);
    *(void **)ret_items = items;
    return true;
}

/* ---- Names ---- */

static bool grow_names(parser *p) {
    uint32_t cap = p->ast->names_cap;
    name_info *names =
        heap_resize(p->h, p->names, p->names_cap * sizeof *names, cap * sizeof *names);
    if (!names) return fail_no_memory(p);
    memset(names + p->names_cap, 0, (cap - p->names_cap) * sizeof *names);
    p->names = names;
    p->names_cap = cap;
    return true;
}

uint32_t token_name(parser *p) {
    uint32_t name = ast_name_number(p->ast, p->lx.tok.text, p->lx.tok.len);
    if (name == UINT32_MAX)
        fail_no_memory(p);
    else if (p->names_cap < p->ast->names_cap && !grow_names(p))
        return UINT32_MAX;
    return name;
}

bool parse_name(parser *p, uint32_t *ret_name, rhai_pos *ret_pos) {
    const token *tok = &p->lx.tok;
    if (tok->kind == TOK_ERROR) return fail_fault(p);
    bool is_word = tok->kind == TOK_RESERVED && lex_is_name(tok->text, tok->len);
    if (tok->kind != TOK_NAME && !is_word) return fail(p, tok->pos, "Expecting name of a variable");
    *ret_name = token_name(p);
    if (*ret_name == UINT32_MAX) return false;
    if (is_word) return fail_reserved(p, name_text(p, *ret_name)->data, tok->pos);
    *ret_pos = eat(p);
    return true;
}

/* ---- Variables ---- */

var_info *find_var(parser *p, uint32_t name) {
    uint32_t var = p->names[name].var;
    return var > p->scope->first_var ? &p->vars[var - 1] : NULL;
}

bool push_var(parser *p, uint32_t name, bool is_const) {
    if (!reserve_one(p, &p->vars, p->vars_len, &p->vars_cap, sizeof *p->vars)) return false;
    p->vars[p->vars_len++] = (var_info){name, p->names[name].var, is_const, false};
    p->names[name].var = p->vars_len;
    return true;
}

void drop_vars(parser *p, uint32_t len) {
    while (p->vars_len > len) {
        const var_info *v = &p->vars[--p->vars_len];
        p->names[v->name].var = v->shadowed;
    }
}

static bool is_captured(const fn_scope *scope, const rhai_str *name) {
    for (uint32_t i = 0; i < scope->captures_len; i++) {
        if (scope->captures[i].name == name) return true;
    }
    return false;
}

bool use_var(parser *p, uint32_t name, rhai_pos pos) {
    fn_scope *scope = p->scope;
    name_info *info = &p->names[name];
    uint32_t last = info->captured_in;
    if (!scope->is_closure || info->functions || last == scope->serial || find_var(p, name))
        return true;
    info->captured_in = scope->serial;
    /* A closure inside this one, newer than it, may have taken the mark. */
    if (last > scope->serial && is_captured(scope, name_text(p, name))) return true;
    if (!reserve_one(p, &scope->captures, scope->captures_len, &scope->captures_cap,
                     sizeof *scope->captures))
        return false;
    scope->captures[scope->captures_len++] = (ident){name_text(p, name), pos};
    return true;
}

bool is_outer_var(const parser *p, const rhai_str *name) {
    for (size_t i = 0; i < p->options->outer_len; i++) {
        if (str_equal(p->options->outer[i].name, name)) return true;
    }
    return false;
}

/* ---- Entry ---- */

static bool find_invalid(const char *script, size_t len, rhai_pos *ret) {
    if (utf8_is_valid(script, len)) return false;
    *ret = (rhai_pos){1, 1};
    for (size_t i = 0, n; i < len && (n = utf8_decode(script + i, len - i, &(uint32_t){0}));
         i += n) {
        if (script[i] == '\n')
            *ret = (rhai_pos){ret->line + 1, 1};
        else
            ret->column++;
    }
    return true;
}

/* Blanks out a first line that starts with #!. */
static void skip_interpreter_line(lexer *lx) {
    for (char *c = lx->copy; c < lx->end && *c != '\n'; c++)
        *c = ' ';
}

static bool parser_init(parser *p, heap *h, const parse_options *options, const char *script,
                        size_t len) {
    *p = (parser){.h = h, .options = options, .serials = 1};
    uint32_t depth = options->max_expr_depth;
    p->max_depth = depth && depth < PARSE_MAX_DEPTH ? depth : PARSE_MAX_DEPTH;
    rhai_pos invalid;
    if (find_invalid(script, len, &invalid)) {
        lex_init(&p->lx, h, "", 0, 0);
        return fail(p, invalid, "Script is not valid UTF-8");
    }
    if (!lex_init(&p->lx, h, script, len, options->max_string_size)) return fail_no_memory(p);
    p->lx.as_json = options->as_json;
    if (options->skip_interpreter_line && len > 1 && memcmp(script, "#!", 2) == 0)
        skip_interpreter_line(&p->lx);
    p->ast = heap_alloc_zero(h, sizeof *p->ast);
    if (!p->ast) return fail_no_memory(p);
    p->ast->h = h;
    p->ast->closures = options->first_closure;
    arena_init(&p->ast->arena, h);
    return !options->late_from || len < options->late_from || late_begin(p);
}

void parser_done(parser *p) {
    heap *h = p->h;
    lex_done(&p->lx);
    heap_free(h, p->names, p->names_cap * sizeof *p->names);
    heap_free(h, p->vars, p->vars_cap * sizeof *p->vars);
    heap_free(h, p->imports, p->imports_cap * sizeof *p->imports);
    heap_free(h, p->functions, p->functions_cap * sizeof *p->functions);
    heap_free(h, p->closures, p->closures_cap * sizeof *p->closures);
    heap_free(h, p->scratch, p->scratch_cap * sizeof *p->scratch);
    heap_free(h, p->steps, p->steps_cap * sizeof *p->steps);
}

static bool finish_functions(parser *p) {
    ast *a = p->ast;
    a->functions_len = p->functions_len + p->closures_len;
    if (!a->functions_len) return true;
    a->functions = arena_alloc(&a->arena, a->functions_len * sizeof *a->functions);
    if (!a->functions) return fail_no_memory(p);
    for (uint32_t i = 0; i < p->functions_len; i++)
        a->functions[i] = p->functions[i];
    for (uint32_t i = 0; i < p->closures_len; i++)
        a->functions[p->functions_len + i] = p->closures[i];
    return true;
}

static bool finish_doc(parser *p) {
    const text *doc = &p->lx.module_doc;
    if (doc->failed) return fail_no_memory(p);
    if (!doc->len) return true;
    p->ast->module_doc = str_new(p->h, doc->data, doc->len);
    return p->ast->module_doc || fail_no_memory(p);
}

static void run(parser *p) {
    fn_scope scope = {.serial = p->serials++};
    p->scope = &scope;
    lex_next(&p->lx);
    p->ast->body = p->lx.as_json ? parse_json_text(p) : parse_global(p);
    if (p->ast->body && finish_functions(p)) finish_doc(p);
}

ast *parse_script(heap *h, const parse_options *options, const char *script, size_t len,
                  rhai_error **ret_error) {
    parser p;
    if (parser_init(&p, h, options, script, len)) run(&p);
    if (!p.error && p.ast->late) {
        late_keep(&p);
        return p.ast;
    }
    parser_done(&p);
    if (!p.error) return p.ast;
    ast_free(p.ast);
    *ret_error = p.error;
    return NULL;
}

size_t parse_check(heap *h, const parse_options *options, const char *script, size_t len,
                   parse_report_fn report, void *data) {
    parser p;
    if (parser_init(&p, h, options, script, len)) {
        p.report = report;
        p.report_data = data;
        run(&p);
    }
    parser_done(&p);
    ast_free(p.ast);
    if (p.error) {
        report(data, p.error);
        rhai_error_free(p.error);
        p.reported++;
    }
    return p.reported;
}
