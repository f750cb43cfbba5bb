/* template_parse.c - from text to the tree: one pass, by recursive descent. */
#include "text/template_tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors and memory ------------------------------------------------------------------ */

bool template_fail(struct template_error *err, const char *name, unsigned line, const char *format,
                   ...) {
    int len = snprintf(err->message, sizeof err->message, "%.200s: line %u: ", name, line);
    va_list args;
    va_start(args, format);
    vsnprintf(err->message + len, sizeof err->message - (size_t)len, format, args);
    va_end(args);
    return false;
}

bool template_fail_memory(struct template_error *err) {
    snprintf(err->message, sizeof err->message, "out of memory");
    err->is_out_of_memory = true;
    return false;
}

/* Everything a template holds, freed at once. */
struct template_block {
    struct template_block *next;
    max_align_t bytes[];
};

struct parser {
    struct template *template;
    struct template_error *err;
    const char *at, *end;
    unsigned line, depth;
    bool trim; /* the last tag ended with "-": white space up to the next one goes */
};

static bool fail_memory(struct parser *parser) {
    return template_fail_memory(parser->err);
}

#define FAIL(parser, ...)                                                                          \
    template_fail((parser)->err, (parser)->template->name, (parser)->line, __VA_ARGS__)

static void *allocate(struct parser *parser, size_t size) {
    struct template_block *block = calloc(1, sizeof *block + size);
    if (!block) {
        fail_memory(parser);
        return NULL;
    }
    block->next = parser->template->blocks;
    parser->template->blocks = block;
    return block->bytes;
}

static struct expr *new_expr(struct parser *parser, enum expr_kind kind) {
    struct expr *expr = allocate(parser, sizeof *expr);
    if (!expr) return NULL;
    expr->kind = kind;
    expr->line = parser->line;
    return expr;
}

/* Notes that `outer` holds `inner`. What stands side by side in the text, as in a + b + c, is nested in
 * the tree, and the renderer descends it by recursion, so its depth has a bound. */
static bool nest(struct parser *parser, struct expr *outer, const struct expr *inner) {
    if (inner->depth >= EXPR_DEPTH_MAX) return FAIL(parser, "the expression is too long");
    if (outer->depth <= inner->depth) outer->depth = inner->depth + 1;
    return true;
}

/* An expression around another one; NULL when there is none, after its error. */
static struct expr *wrap(struct parser *parser, enum expr_kind kind, struct expr *left) {
    struct expr *expr = left ? new_expr(parser, kind) : NULL;
    if (!expr || !nest(parser, expr, left)) return NULL;
    expr->left = left;
    return expr;
}

static struct node *new_node(struct parser *parser, enum node_kind kind) {
    struct node *node = allocate(parser, sizeof *node);
    if (!node) return NULL;
    node->kind = kind;
    node->line = parser->line;
    return node;
}

/* ---- Words inside a tag ------------------------------------------------------------------ */

static void skip_space(struct parser *parser) {
    for (; parser->at < parser->end && isspace((unsigned char)*parser->at); parser->at++)
        if (*parser->at == '\n') parser->line++;
}

static bool is_name_start(char c) {
    return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether `symbol` comes next; it is taken then. */
static bool take(struct parser *parser, const char *symbol) {
    skip_space(parser);
    size_t len = strlen(symbol);
    if ((size_t)(parser->end - parser->at) < len || memcmp(parser->at, symbol, len) != 0)
        return false;
    parser->at += len;
    return true;
}

static struct slice peek_name(struct parser *parser) {
    skip_space(parser);
    const char *end = parser->at;
    if (end < parser->end && is_name_start(*end))
        while (end < parser->end && is_name_char(*end))
            end++;
    return (struct slice){parser->at, (size_t)(end - parser->at)};
}

static bool is_word(struct slice name, const char *word) {
    return name.len == strlen(word) && memcmp(name.text, word, name.len) == 0;
}

static bool take_word(struct parser *parser, const char *word) {
    struct slice name = peek_name(parser);
    if (!is_word(name, word)) return false;
    parser->at += name.len;
    return true;
}

static bool take_name(struct parser *parser, const char *what, struct slice *ret_name) {
    *ret_name = peek_name(parser);
    parser->at += ret_name->len;
    return ret_name->len > 0 || FAIL(parser, "%s is missing", what);
}

/* What is next, for an error message: a few characters of this line. */
static int rest_len(const struct parser *parser) {
    int len = 0;
    while (len < 20 && parser->at + len < parser->end && parser->at[len] != '\n')
        len++;
    return len;
}

static bool fail_unexpected(struct parser *parser) {
    skip_space(parser);
    if (parser->at == parser->end) return FAIL(parser, "the template ends inside a tag");
    return FAIL(parser, "unexpected `%.*s`", rest_len(parser), parser->at);
}

/* ---- Expressions ------------------------------------------------------------------------- */

static struct expr *parse_expr(struct parser *parser);

static struct expr *parse_string(struct parser *parser, char quote) {
    struct expr *expr = new_expr(parser, EXPR_TEXT);
    if (!expr) return NULL;
    const char *close = memchr(parser->at, quote, (size_t)(parser->end - parser->at));
    if (!close) {
        FAIL(parser, "a string has no end");
        return NULL;
    }
    expr->text = (struct slice){parser->at, (size_t)(close - parser->at)};
    for (; parser->at <= close; parser->at++)
        if (*parser->at == '\n') parser->line++;
    return expr;
}

static struct expr *parse_number(struct parser *parser) {
    char text[64];
    size_t len = 0;
    bool is_float = false;
    for (const char *c = parser->at; c < parser->end && len < sizeof text - 1; c++) {
        bool is_point = *c == '.' && !is_float && c + 1 < parser->end && isdigit((unsigned char)c[1]);
        if (!isdigit((unsigned char)*c) && !is_point) break;
        is_float |= is_point;
        text[len++] = *c;
    }
    text[len] = '\0';
    parser->at += len;
    struct expr *expr = new_expr(parser, is_float ? EXPR_FLOAT : EXPR_INT);
    if (!expr) return NULL;
    errno = 0;
    if (is_float)
        expr->number = strtod(text, NULL);
    else
        expr->integer = strtoll(text, NULL, 10);
    if (errno == ERANGE || len == sizeof text - 1) {
        FAIL(parser, "the number %s is too large", text);
        return NULL;
    }
    return expr;
}

/* Behind the bracket. */
static struct expr *parse_array(struct parser *parser) {
    struct expr *array = new_expr(parser, EXPR_ARRAY);
    if (!array) return NULL;
    struct expr **tail = &array->items;
    while (!take(parser, "]")) {
        bool is_first = tail == &array->items;
        if (!is_first && !take(parser, ",")) {
            fail_unexpected(parser);
            return NULL;
        }
        if (!is_first && take(parser, "]")) break;
        *tail = parse_expr(parser);
        if (!*tail || !nest(parser, array, *tail)) return NULL;
        tail = &(*tail)->next;
    }
    return array;
}

static struct expr *parse_word(struct parser *parser) {
    struct slice name = peek_name(parser);
    bool is_true = is_word(name, "true") || is_word(name, "True");
    if (is_true || is_word(name, "false") || is_word(name, "False")) {
        struct expr *expr = new_expr(parser, EXPR_BOOL);
        if (expr) expr->truth = is_true;
        parser->at += name.len;
        return expr;
    }
    struct expr *expr = new_expr(parser, EXPR_NAME);
    if (!expr) return NULL;
    expr->text = name;
    parser->at += name.len;
    const char *paren = parser->at;
    if (take(parser, "(")) {
        parser->at = paren;
        FAIL(parser, "functions are not supported: `%.*s()`", (int)name.len, name.text);
        return NULL;
    }
    parser->at = paren;
    return expr;
}

static struct expr *parse_primary(struct parser *parser) {
    skip_space(parser);
    char c = parser->at < parser->end ? *parser->at : '\0';
    if (c == '"' || c == '\'' || c == '`') {
        parser->at++;
        return parse_string(parser, c);
    }
    if (isdigit((unsigned char)c)) return parse_number(parser);
    if (is_name_start(c)) return parse_word(parser);
    if (take(parser, "(")) {
        struct expr *expr = parse_expr(parser);
        if (expr && !take(parser, ")")) {
            fail_unexpected(parser);
            return NULL;
        }
        return expr;
    }
    if (take(parser, "[")) return parse_array(parser);
    fail_unexpected(parser);
    return NULL;
}

/* Members and indexes behind a primary. */
static struct expr *parse_path(struct parser *parser) {
    struct expr *expr = parse_primary(parser);
    while (expr) {
        const char *before = parser->at;
        struct expr *outer;
        if (take(parser, ".")) {
            outer = wrap(parser, EXPR_MEMBER, expr);
            if (!outer) return NULL;
            skip_space(parser);
            const char *start = parser->at;
            while (parser->at < parser->end && is_name_char(*parser->at))
                parser->at++;
            outer->text = (struct slice){start, (size_t)(parser->at - start)};
            if (outer->text.len == 0) {
                fail_unexpected(parser);
                return NULL;
            }
        } else if (take(parser, "[")) {
            outer = wrap(parser, EXPR_INDEX, expr);
            if (!outer || !(outer->right = parse_expr(parser))) return NULL;
            if (!nest(parser, outer, outer->right)) return NULL;
            if (!take(parser, "]")) {
                fail_unexpected(parser);
                return NULL;
            }
        } else {
            parser->at = before;
            return expr;
        }
        expr = outer;
    }
    return NULL;
}

static struct expr *parse_negation(struct parser *parser) {
    const char *before = parser->at;
    unsigned line = parser->line;
    skip_space(parser);
    /* "-}}" and "-%}" end the tag. */
    bool is_minus = parser->end - parser->at > 1 && parser->at[0] == '-' && parser->at[1] != '}' &&
                    parser->at[1] != '%';
    if (!is_minus) {
        parser->at = before;
        parser->line = line;
        return parse_path(parser);
    }
    parser->at++;
    return wrap(parser, EXPR_NEGATE, parse_path(parser));
}

struct operator {
    const char *symbol;
    enum expr_op op;
};

/* Takes one of the symbols of a table, longer ones before their beginnings. */
static const struct operator *take_operator(struct parser *parser, const struct operator *table,
                                            size_t count) {
    for (size_t i = 0; i < count; i++) {
        skip_space(parser);
        const char *before = parser->at;
        if (!take(parser, table[i].symbol)) continue;
        char next = parser->at < parser->end ? *parser->at : '\0';
        bool is_end_of_tag = (*before == '-' || *before == '%') && next == '}';
        bool is_dash_of_end = *before == '-' && next == '%';
        if (!is_end_of_tag && !is_dash_of_end) return &table[i];
        parser->at = before;
    }
    return NULL;
}

static struct expr *new_binary(struct parser *parser, enum expr_op op, struct expr *left,
                               struct expr *right) {
    struct expr *expr = right ? wrap(parser, EXPR_BINARY, left) : NULL;
    if (!expr || !nest(parser, expr, right)) return NULL;
    expr->op = op;
    expr->right = right;
    return expr;
}

static const struct operator products[] = {
    {"*", OP_MULTIPLY}, {"/", OP_DIVIDE}, {"%", OP_REMAINDER}};
static const struct operator sums[] = {{"+", OP_ADD}, {"-", OP_SUBTRACT}, {"~", OP_CONCAT}};
static const struct operator comparisons[] = {
    {"==", OP_EQUAL},      {"!=", OP_UNEQUAL}, {"<=", OP_LESS_EQUAL},
    {">=", OP_GREATER_EQUAL}, {"<", OP_LESS},     {">", OP_GREATER}};

#define TABLE(t) t, sizeof(t) / sizeof((t)[0])

static struct expr *parse_product(struct parser *parser) {
    struct expr *left = parse_negation(parser);
    const struct operator *found;
    while (left && (found = take_operator(parser, TABLE(products))))
        left = new_binary(parser, found->op, left, parse_negation(parser));
    return left;
}

static struct expr *parse_sum(struct parser *parser) {
    struct expr *left = parse_product(parser);
    const struct operator *found;
    while (left && (found = take_operator(parser, TABLE(sums))))
        left = new_binary(parser, found->op, left, parse_product(parser));
    return left;
}

/* name = value, ... up to the parenthesis; the opening one has been taken. */
static bool parse_filter_args(struct parser *parser, struct expr *filter) {
    const struct filter *known = filter->filter;
    for (bool is_first = true; !take(parser, ")"); is_first = false) {
        struct slice name;
        if (!is_first && !take(parser, ",")) return fail_unexpected(parser);
        if (!take_name(parser, "the name of an argument", &name)) return false;
        size_t i = 0;
        while (i < FILTER_PARAMS_MAX && known->params[i] && !is_word(name, known->params[i]))
            i++;
        if (i == FILTER_PARAMS_MAX || !known->params[i])
            return FAIL(parser, "the filter `%s` has no argument `%.*s`", known->name,
                        (int)name.len, name.text);
        if (!take(parser, "=")) return fail_unexpected(parser);
        struct expr *value = parse_expr(parser);
        if (!value || !nest(parser, filter, value)) return false;
        filter->filter_args[i] = value;
    }
    return true;
}

/* As in Tera, filters apply to the whole sum before them. */
static struct expr *parse_filtered(struct parser *parser) {
    struct expr *value = parse_sum(parser);
    while (value && take(parser, "|")) {
        struct slice name;
        struct expr *filter = wrap(parser, EXPR_FILTER, value);
        if (!filter || !take_name(parser, "the name of a filter", &name)) return NULL;
        filter->filter = filter_find(name.text, name.len);
        if (!filter->filter) {
            FAIL(parser, "unknown filter `%.*s`", (int)name.len, name.text);
            return NULL;
        }
        if (take(parser, "(") && !parse_filter_args(parser, filter)) return NULL;
        value = filter;
    }
    return value;
}

static struct expr *parse_test(struct parser *parser, struct expr *value) {
    bool is_not = take_word(parser, "not");
    struct slice name;
    struct expr *test = wrap(parser, EXPR_DEFINED, value);
    if (!test || !take_name(parser, "the name of a test", &name)) return NULL;
    if (!is_word(name, "defined") && !is_word(name, "undefined")) {
        FAIL(parser, "unknown test `%.*s`", (int)name.len, name.text);
        return NULL;
    }
    test->truth = is_word(name, "defined") != is_not;
    return test;
}

static struct expr *parse_comparison(struct parser *parser) {
    struct expr *left = parse_filtered(parser);
    if (!left) return NULL;
    const struct operator *found = take_operator(parser, TABLE(comparisons));
    if (found) return new_binary(parser, found->op, left, parse_filtered(parser));
    if (take_word(parser, "is")) return parse_test(parser, left);
    if (take_word(parser, "in")) return new_binary(parser, OP_IN, left, parse_filtered(parser));
    const char *before = parser->at;
    unsigned line = parser->line;
    if (take_word(parser, "not")) {
        if (take_word(parser, "in"))
            return new_binary(parser, OP_NOT_IN, left, parse_filtered(parser));
        parser->at = before;
        parser->line = line;
    }
    return left;
}

static struct expr *parse_not(struct parser *parser) {
    if (!take_word(parser, "not")) return parse_comparison(parser);
    if (++parser->depth > TEMPLATE_NESTING_MAX) {
        FAIL(parser, "nested too deeply");
        return NULL;
    }
    struct expr *expr = wrap(parser, EXPR_NOT, parse_not(parser));
    parser->depth--;
    return expr;
}

static struct expr *parse_and(struct parser *parser) {
    struct expr *left = parse_not(parser);
    while (left && take_word(parser, "and"))
        left = new_binary(parser, OP_AND, left, parse_not(parser));
    return left;
}

static struct expr *parse_expr(struct parser *parser) {
    if (++parser->depth > TEMPLATE_NESTING_MAX) {
        FAIL(parser, "nested too deeply");
        return NULL;
    }
    struct expr *left = parse_and(parser);
    while (left && take_word(parser, "or"))
        left = new_binary(parser, OP_OR, left, parse_and(parser));
    parser->depth--;
    return left;
}

/* ---- Tags -------------------------------------------------------------------------------- */

/* The end of a tag: `close` is "}}" or "%}", perhaps with a "-" before it. */
static bool take_end(struct parser *parser, const char *close) {
    skip_space(parser);
    const char *before = parser->at;
    parser->trim = take(parser, "-");
    if (take(parser, close)) return true;
    parser->at = before;
    return fail_unexpected(parser);
}

/* Which word ended a list of nodes. */
enum list_end { END_OF_TEXT, END_ELIF, END_ELSE, END_ENDIF, END_ENDFOR };

static bool parse_nodes(struct parser *parser, struct node **ret_nodes, enum list_end *ret_end);

static bool parse_if(struct parser *parser, struct node *node) {
    const unsigned line = node->line;
    enum list_end end;
    for (;;) {
        if (!(node->expr = parse_expr(parser)) || !take_end(parser, "%}")) return false;
        if (!parse_nodes(parser, &node->body, &end)) return false;
        if (end != END_ELIF) break;
        node->rest = new_node(parser, NODE_IF);
        if (!node->rest) return false;
        node = node->rest;
    }
    if (end == END_ELSE && (!take_end(parser, "%}") || !parse_nodes(parser, &node->rest, &end)))
        return false;
    if (end != END_ENDIF) return FAIL(parser, "the `if` of line %u has no `endif`", line);
    return take_end(parser, "%}");
}

static bool parse_for(struct parser *parser, struct node *node) {
    enum list_end end;
    if (!take_name(parser, "the name of the loop's variable", &node->item)) return false;
    if (take(parser, ",")) {
        node->key = node->item;
        if (!take_name(parser, "the name of the loop's second variable", &node->item)) return false;
    }
    if (!take_word(parser, "in")) return fail_unexpected(parser);
    if (!(node->expr = parse_expr(parser)) || !take_end(parser, "%}")) return false;
    if (!parse_nodes(parser, &node->body, &end)) return false;
    if (end == END_ELSE && (!take_end(parser, "%}") || !parse_nodes(parser, &node->rest, &end)))
        return false;
    if (end != END_ENDFOR) return FAIL(parser, "the `for` of line %u has no `endfor`", node->line);
    return take_end(parser, "%}");
}

static bool parse_set(struct parser *parser, struct node *node) {
    if (!take_name(parser, "the name to set", &node->text)) return false;
    if (!take(parser, "=")) return fail_unexpected(parser);
    return (node->expr = parse_expr(parser)) && take_end(parser, "%}");
}

static bool parse_include(struct parser *parser, struct node *node) {
    struct expr *name = parse_primary(parser);
    if (!name) return false;
    if (name->kind != EXPR_TEXT) return FAIL(parser, "include needs a file name in quotes");
    node->text = name->text;
    return take_end(parser, "%}");
}

static const struct {
    const char *word;
    enum node_kind kind;
    bool (*parse)(struct parser *parser, struct node *node);
} statements[] = {
    {"if", NODE_IF, parse_if},
    {"for", NODE_FOR, parse_for},
    {"set", NODE_SET, parse_set},
    {"include", NODE_INCLUDE, parse_include},
};

static const struct {
    const char *word;
    enum list_end end;
} list_ends[] = {
    {"elif", END_ELIF}, {"else", END_ELSE}, {"endif", END_ENDIF}, {"endfor", END_ENDFOR}};

/* Behind "{%". Sets *ret_end when the tag ends the list it stands in. */
static bool parse_statement(struct parser *parser, struct node **ret_node, enum list_end *ret_end) {
    struct slice word;
    if (!take_name(parser, "the name of a tag", &word)) return false;
    for (size_t i = 0; i < sizeof list_ends / sizeof list_ends[0]; i++) {
        if (!is_word(word, list_ends[i].word)) continue;
        *ret_end = list_ends[i].end;
        return true;
    }
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!is_word(word, statements[i].word)) continue;
        *ret_node = new_node(parser, statements[i].kind);
        return *ret_node && statements[i].parse(parser, *ret_node);
    }
    return FAIL(parser, "the tag `%.*s` is not supported", (int)word.len, word.text);
}

static bool parse_print(struct parser *parser, struct node **ret_node) {
    struct node *node = new_node(parser, NODE_PRINT);
    *ret_node = node;
    return node && (node->expr = parse_expr(parser)) && take_end(parser, "}}");
}

static bool skip_comment(struct parser *parser) {
    for (; parser->end - parser->at >= 2; parser->at++) {
        if (*parser->at == '\n') parser->line++;
        if (parser->at[0] != '#' || parser->at[1] != '}') continue;
        parser->trim = parser->at[-1] == '-';
        parser->at += 2;
        return true;
    }
    return FAIL(parser, "a comment has no end");
}

/* The text up to the next tag, or to the end. */
static bool parse_text(struct parser *parser, struct node **ret_node) {
    const char *start = parser->at, *tag = start;
    while (tag < parser->end &&
           !(parser->end - tag > 1 && tag[0] == '{' && strchr("{%#", tag[1])))
        tag++;
    const char *end = tag;
    if (parser->trim)
        while (start < end && isspace((unsigned char)*start))
            start++;
    if (parser->end - tag > 2 && tag[2] == '-')
        while (end > start && isspace((unsigned char)end[-1]))
            end--;
    parser->trim = false;
    for (; parser->at < tag; parser->at++)
        if (*parser->at == '\n') parser->line++;
    if (start == end) return true;
    *ret_node = new_node(parser, NODE_TEXT);
    if (*ret_node) (*ret_node)->text = (struct slice){start, (size_t)(end - start)};
    return *ret_node;
}

/* The tag at `at`, behind its opening. */
static bool parse_tag(struct parser *parser, struct node **ret_node, enum list_end *ret_end) {
    char kind = parser->at[1];
    parser->at += 2;
    if (parser->at < parser->end && *parser->at == '-') parser->at++;
    switch (kind) {
    case '{': return parse_print(parser, ret_node);
    case '%': return parse_statement(parser, ret_node, ret_end);
    default: return skip_comment(parser);
    }
}

static bool parse_nodes(struct parser *parser, struct node **ret_nodes, enum list_end *ret_end) {
    if (++parser->depth > TEMPLATE_NESTING_MAX) return FAIL(parser, "nested too deeply");
    struct node **tail = ret_nodes;
    *ret_end = END_OF_TEXT;
    while (parser->at < parser->end && *ret_end == END_OF_TEXT) {
        struct node *node = NULL;
        if (!parse_text(parser, &node)) return false;
        if (node) {
            *tail = node;
            tail = &node->next;
            node = NULL;
        }
        if (parser->at == parser->end) break;
        if (!parse_tag(parser, &node, ret_end)) return false;
        if (node) {
            *tail = node;
            tail = &node->next;
        }
    }
    parser->depth--;
    return true;
}

static bool parse_all(struct parser *parser) {
    static const char *const words[] = {
        [END_ELIF] = "elif", [END_ELSE] = "else", [END_ENDIF] = "endif", [END_ENDFOR] = "endfor"};
    enum list_end end;
    if (!parse_nodes(parser, &parser->template->nodes, &end)) return false;
    return end == END_OF_TEXT || FAIL(parser, "`%s` does not belong here", words[end]);
}

struct template *template_parse(const char *name, const char *text, size_t len,
                                struct template_error *err) {
    struct template *template = calloc(1, sizeof *template);
    if (template) template->name = strdup(name);
    if (!template || !template->name) {
        template_fail_memory(err);
        template_free(template);
        return NULL;
    }
    struct parser parser = {
        .template = template, .err = err, .at = text, .end = text + len, .line = 1};
    bool is_done = len > TEMPLATE_SOURCE_MAX_BYTES
                       ? FAIL(&parser, "the template is larger than 16 MiB")
                       : parse_all(&parser);
    if (is_done) return template;
    template_free(template);
    return NULL;
}

void template_free(struct template *template) {
    if (!template) return;
    for (struct template_block *block = template->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(template->name);
    free(template);
}
