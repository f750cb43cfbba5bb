/* template_render.c - from the tree to text. */
#include "text/template_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct local {
    struct slice name;
    rhai_value value;
};

struct loop {
    size_t index, count;
    struct loop *outer;
};

struct render {
    const struct template *template; /* the one whose nodes are being rendered */
    rhai_engine *engine;
    const rhai_value *vars;
    const struct template_source *source;
    struct template_error *err;
    FILE *out;
    size_t written;
    struct local *locals;
    size_t local_count, local_cap;
    size_t scope; /* first local of the innermost loop round or included file */
    struct loop *loop;
    unsigned includes;
};

enum found { FOUND, UNDEFINED, FAILED };

#define FAIL(render, where, ...)                                                                   \
    template_fail((render)->err, (render)->template->name, (where)->line, __VA_ARGS__)

/* ---- Names ------------------------------------------------------------------------------- */

static bool is_same(struct slice a, struct slice b) {
    return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

static bool is_word(struct slice name, const char *word) {
    return is_same(name, (struct slice){word, strlen(word)});
}

static const rhai_value *find_name(const struct render *render, struct slice name) {
    for (size_t i = render->local_count; i-- > 0;)
        if (is_same(render->locals[i].name, name)) return &render->locals[i].value;
    return rhai_map_get(render->vars, name.text, name.len);
}

/* Takes *value over. */
static bool push_local(struct render *render, struct slice name, rhai_value *value) {
    if (render->local_count == render->local_cap) {
        size_t cap = render->local_cap ? render->local_cap * 2 : 8;
        struct local *grown = realloc(render->locals, cap * sizeof *grown);
        if (!grown) {
            rhai_value_done(render->engine, value);
            return template_fail_memory(render->err);
        }
        render->locals = grown;
        render->local_cap = cap;
    }
    render->locals[render->local_count++] = (struct local){name, *value};
    return true;
}

static void pop_locals(struct render *render, size_t down_to) {
    while (render->local_count > down_to)
        rhai_value_done(render->engine, &render->locals[--render->local_count].value);
}

/* The path as it stands in the template, for an error. */
static void write_path(const struct expr *expr, FILE *out) {
    switch (expr->kind) {
    case EXPR_NAME: fprintf(out, "%.*s", (int)expr->text.len, expr->text.text); break;
    case EXPR_MEMBER:
        write_path(expr->left, out);
        fprintf(out, ".%.*s", (int)expr->text.len, expr->text.text);
        break;
    case EXPR_INDEX:
        write_path(expr->left, out);
        fputs("[...]", out);
        break;
    default: fputs("(...)", out); break;
    }
}

static bool fail_undefined(struct render *render, const struct expr *expr) {
    char path[200] = "";
    FILE *out = fmemopen(path, sizeof path - 1, "w");
    if (out) {
        write_path(expr, out);
        fclose(out);
    }
    return FAIL(render, expr, "`%s` is not defined", path);
}

/* ---- Expressions ------------------------------------------------------------------------- */

/* *ret is owned by the caller when FOUND. */
static enum found eval(struct render *render, const struct expr *expr, rhai_value *ret);

/* Where an undefined name is an error. */
static bool eval_defined(struct render *render, const struct expr *expr, rhai_value *ret) {
    switch (eval(render, expr, ret)) {
    case FOUND: return true;
    case UNDEFINED: return fail_undefined(render, expr);
    default: return false;
    }
}

static bool is_true(const rhai_value *value) {
    size_t len;
    switch (rhai_type_of(value)) {
    case RHAI_UNIT: return false;
    case RHAI_BOOL: return rhai_as_bool(value);
    case RHAI_INT: return rhai_as_int(value) != 0;
    case RHAI_FLOAT: return rhai_as_float(value) != 0;
    case RHAI_STRING: rhai_as_text(value, &len); return len > 0;
    case RHAI_ARRAY: return rhai_array_len(value) > 0;
    case RHAI_MAP: return rhai_map_len(value) > 0;
    default: return true;
    }
}

static bool eval_truth(struct render *render, const struct expr *expr, bool *ret_truth) {
    rhai_value value;
    enum found found = eval(render, expr, &value);
    *ret_truth = found == FOUND && is_true(&value);
    if (found == FOUND) rhai_value_done(render->engine, &value);
    return found != FAILED;
}

static enum found eval_text(struct render *render, struct slice text, rhai_value *ret) {
    if (rhai_from_text(render->engine, text.text, text.len, ret) == RHAI_OK) return FOUND;
    template_fail_memory(render->err);
    return FAILED;
}

static enum found eval_array(struct render *render, const struct expr *expr, rhai_value *ret) {
    rhai_value array;
    if (rhai_new_array(render->engine, &array) != RHAI_OK) {
        template_fail_memory(render->err);
        return FAILED;
    }
    for (const struct expr *item = expr->items; item; item = item->next) {
        rhai_value value;
        bool is_pushed = eval_defined(render, item, &value);
        if (is_pushed && rhai_array_push(render->engine, &array, &value) != RHAI_OK)
            is_pushed = template_fail_memory(render->err);
        if (is_pushed) continue;
        rhai_value_done(render->engine, &array);
        return FAILED;
    }
    *ret = array;
    return FOUND;
}

static enum found copy_found(const rhai_value *value, rhai_value *ret) {
    if (!value) return UNDEFINED;
    rhai_value_copy(value, ret);
    return FOUND;
}

static enum found eval_loop_member(const struct render *render, struct slice name,
                                   rhai_value *ret) {
    const struct loop *loop = render->loop;
    if (is_word(name, "index"))
        *ret = rhai_from_int((int64_t)loop->index + 1);
    else if (is_word(name, "index0"))
        *ret = rhai_from_int((int64_t)loop->index);
    else if (is_word(name, "first"))
        *ret = rhai_from_bool(loop->index == 0);
    else if (is_word(name, "last"))
        *ret = rhai_from_bool(loop->index + 1 == loop->count);
    else
        return UNDEFINED;
    return FOUND;
}

static const rhai_value *array_at(const rhai_value *array, struct slice digits) {
    size_t index = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.text[i] < '0' || digits.text[i] > '9' || index > rhai_array_len(array))
            return NULL;
        index = index * 10 + (size_t)(digits.text[i] - '0');
    }
    return rhai_array_at(array, index);
}

/* The part of `base` that `name` means: a map's entry, an array's item as in a.0. */
static const rhai_value *part_of(const rhai_value *base, struct slice name) {
    switch (rhai_type_of(base)) {
    case RHAI_MAP: return rhai_map_get(base, name.text, name.len);
    case RHAI_ARRAY: return array_at(base, name);
    default: return NULL;
    }
}

static enum found eval_member(struct render *render, const struct expr *expr, rhai_value *ret) {
    bool is_loop = expr->left->kind == EXPR_NAME && is_word(expr->left->text, "loop");
    if (is_loop && render->loop) return eval_loop_member(render, expr->text, ret);
    rhai_value base;
    enum found found = eval(render, expr->left, &base);
    if (found != FOUND) return found;
    found = copy_found(part_of(&base, expr->text), ret);
    rhai_value_done(render->engine, &base);
    return found;
}

static enum found eval_index(struct render *render, const struct expr *expr, rhai_value *ret) {
    rhai_value base, index;
    enum found found = eval(render, expr->left, &base);
    if (found != FOUND) return found;
    if (!eval_defined(render, expr->right, &index)) {
        rhai_value_done(render->engine, &base);
        return FAILED;
    }
    const rhai_value *part = NULL;
    if (rhai_type_of(&index) == RHAI_STRING) {
        struct slice name;
        name.text = rhai_as_text(&index, &name.len);
        part = part_of(&base, name);
    } else if (rhai_type_of(&index) == RHAI_INT && rhai_type_of(&base) == RHAI_ARRAY) {
        part = rhai_array_at(&base, (size_t)rhai_as_int(&index));
    }
    found = copy_found(part, ret);
    rhai_value_done(render->engine, &index);
    rhai_value_done(render->engine, &base);
    return found;
}

static bool is_number(const rhai_value *value) {
    return rhai_type_of(value) == RHAI_INT || rhai_type_of(value) == RHAI_FLOAT;
}

static double as_number(const rhai_value *value) {
    return rhai_type_of(value) == RHAI_INT ? (double)rhai_as_int(value) : rhai_as_float(value);
}

/* Integers stay integers where the result is one. False on overflow or division by zero. */
static bool compute_int(enum expr_op op, int64_t a, int64_t b, rhai_value *ret) {
    int64_t result;
    switch (op) {
    case OP_ADD: if (__builtin_add_overflow(a, b, &result)) return false; break;
    case OP_SUBTRACT: if (__builtin_sub_overflow(a, b, &result)) return false; break;
    case OP_MULTIPLY: if (__builtin_mul_overflow(a, b, &result)) return false; break;
    default:
        if (b == 0 || (a == INT64_MIN && b == -1)) return false;
        if (op == OP_DIVIDE && a % b != 0) {
            *ret = rhai_from_float((double)a / (double)b);
            return true;
        }
        result = op == OP_DIVIDE ? a / b : a % b;
    }
    *ret = rhai_from_int(result);
    return true;
}

static bool compute_float(enum expr_op op, double a, double b, rhai_value *ret) {
    double result;
    switch (op) {
    case OP_ADD: result = a + b; break;
    case OP_SUBTRACT: result = a - b; break;
    case OP_MULTIPLY: result = a * b; break;
    case OP_DIVIDE: result = a / b; break;
    default: result = fmod(a, b); break;
    }
    *ret = rhai_from_float(result);
    return isfinite(result);
}

static bool compute(struct render *render, const struct expr *expr, const rhai_value *a,
                    const rhai_value *b, rhai_value *ret) {
    if (!is_number(a) || !is_number(b)) return FAIL(render, expr, "arithmetic needs numbers");
    bool is_int = rhai_type_of(a) == RHAI_INT && rhai_type_of(b) == RHAI_INT;
    bool is_done = is_int ? compute_int(expr->op, rhai_as_int(a), rhai_as_int(b), ret)
                          : compute_float(expr->op, as_number(a), as_number(b), ret);
    return is_done || FAIL(render, expr, "the result is not a number that can be held");
}

static bool concat(struct render *render, const rhai_value *a, const rhai_value *b,
                   rhai_value *ret) {
    rhai_value left = rhai_unit(), right = rhai_unit();
    bool is_made = rhai_to_text(render->engine, a, &left) == RHAI_OK &&
                   rhai_to_text(render->engine, b, &right) == RHAI_OK;
    char *text = NULL;
    if (is_made) {
        size_t left_len, right_len;
        const char *left_text = rhai_as_text(&left, &left_len);
        const char *right_text = rhai_as_text(&right, &right_len);
        text = malloc(left_len + right_len + 1);
        if (text) {
            memcpy(text, left_text, left_len);
            memcpy(text + left_len, right_text, right_len);
        }
        is_made =
            text && rhai_from_text(render->engine, text, left_len + right_len, ret) == RHAI_OK;
    }
    free(text);
    rhai_value_done(render->engine, &left);
    rhai_value_done(render->engine, &right);
    return is_made || template_fail_memory(render->err);
}

/* Equality of scalars; anything else by its debug form. */
static bool is_equal(struct render *render, const rhai_value *a, const rhai_value *b,
                     bool *ret_equal) {
    if (is_number(a) && is_number(b)) {
        bool is_int = rhai_type_of(a) == RHAI_INT && rhai_type_of(b) == RHAI_INT;
        *ret_equal =
            is_int ? rhai_as_int(a) == rhai_as_int(b) : as_number(a) == as_number(b);
        return true;
    }
    rhai_value left = rhai_unit(), right = rhai_unit();
    *ret_equal = false;
    if (rhai_type_of(a) != rhai_type_of(b)) return true;
    bool is_made = rhai_to_debug(render->engine, a, &left) == RHAI_OK &&
                   rhai_to_debug(render->engine, b, &right) == RHAI_OK;
    if (is_made) {
        size_t left_len, right_len;
        const char *left_text = rhai_as_text(&left, &left_len);
        const char *right_text = rhai_as_text(&right, &right_len);
        *ret_equal = left_len == right_len && memcmp(left_text, right_text, left_len) == 0;
    }
    rhai_value_done(render->engine, &left);
    rhai_value_done(render->engine, &right);
    return is_made || template_fail_memory(render->err);
}

static int order_of_texts(const rhai_value *a, const rhai_value *b) {
    size_t a_len, b_len;
    const char *a_text = rhai_as_text(a, &a_len), *b_text = rhai_as_text(b, &b_len);
    int order = memcmp(a_text, b_text, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static bool order(struct render *render, const struct expr *expr, const rhai_value *a,
                  const rhai_value *b, bool *ret_holds) {
    double difference;
    if (is_number(a) && is_number(b))
        difference = as_number(a) - as_number(b);
    else if (rhai_type_of(a) == RHAI_STRING && rhai_type_of(b) == RHAI_STRING)
        difference = order_of_texts(a, b);
    else
        return FAIL(render, expr, "only two numbers or two strings have an order");
    switch (expr->op) {
    case OP_LESS: *ret_holds = difference < 0; break;
    case OP_LESS_EQUAL: *ret_holds = difference <= 0; break;
    case OP_GREATER: *ret_holds = difference > 0; break;
    default: *ret_holds = difference >= 0; break;
    }
    return true;
}

static bool contains(struct render *render, const struct expr *expr, const rhai_value *item,
                     const rhai_value *in, bool *ret_holds) {
    size_t len, in_len;
    *ret_holds = false;
    if (rhai_type_of(in) == RHAI_ARRAY) {
        for (size_t i = 0; i < rhai_array_len(in) && !*ret_holds; i++)
            if (!is_equal(render, item, rhai_array_at(in, i), ret_holds)) return false;
        return true;
    }
    if (rhai_type_of(item) != RHAI_STRING)
        return FAIL(render, expr, "`in` needs an array, or a string on both sides");
    const char *text = rhai_as_text(item, &len);
    if (rhai_type_of(in) == RHAI_MAP) {
        *ret_holds = rhai_map_get(in, text, len) != NULL;
    } else if (rhai_type_of(in) == RHAI_STRING) {
        const char *in_text = rhai_as_text(in, &in_len);
        *ret_holds = memmem(in_text, in_len, text, len) != NULL;
    } else {
        return FAIL(render, expr, "`in` needs an array, a map or a string on its right");
    }
    return true;
}

static bool apply_binary(struct render *render, const struct expr *expr, const rhai_value *a,
                         const rhai_value *b, rhai_value *ret) {
    bool holds = false, is_done;
    switch (expr->op) {
    case OP_CONCAT: return concat(render, a, b, ret);
    case OP_EQUAL:
    case OP_UNEQUAL: is_done = is_equal(render, a, b, &holds); break;
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL: is_done = order(render, expr, a, b, &holds); break;
    case OP_IN:
    case OP_NOT_IN: is_done = contains(render, expr, a, b, &holds); break;
    default: return compute(render, expr, a, b, ret);
    }
    if (expr->op == OP_UNEQUAL || expr->op == OP_NOT_IN) holds = !holds;
    *ret = rhai_from_bool(holds);
    return is_done;
}

static enum found eval_logic(struct render *render, const struct expr *expr, rhai_value *ret) {
    bool truth;
    if (!eval_truth(render, expr->left, &truth)) return FAILED;
    bool is_decided = truth == (expr->op == OP_OR);
    if (!is_decided && !eval_truth(render, expr->right, &truth)) return FAILED;
    *ret = rhai_from_bool(truth);
    return FOUND;
}

static enum found eval_binary(struct render *render, const struct expr *expr, rhai_value *ret) {
    if (expr->op == OP_AND || expr->op == OP_OR) return eval_logic(render, expr, ret);
    rhai_value a, b;
    if (!eval_defined(render, expr->left, &a)) return FAILED;
    if (!eval_defined(render, expr->right, &b)) {
        rhai_value_done(render->engine, &a);
        return FAILED;
    }
    bool is_done = apply_binary(render, expr, &a, &b, ret);
    rhai_value_done(render->engine, &a);
    rhai_value_done(render->engine, &b);
    return is_done ? FOUND : FAILED;
}

static enum found eval_negation(struct render *render, const struct expr *expr, rhai_value *ret) {
    rhai_value value, zero = rhai_from_int(0);
    if (!eval_defined(render, expr->left, &value)) return FAILED;
    struct expr minus = {.line = expr->line, .op = OP_SUBTRACT};
    bool is_done = compute(render, &minus, &zero, &value, ret);
    rhai_value_done(render->engine, &value);
    return is_done ? FOUND : FAILED;
}

static enum found eval_default(struct render *render, const struct expr *expr, rhai_value *ret) {
    enum found found = eval(render, expr->left, ret);
    if (found != UNDEFINED) return found;
    if (expr->filter_args[0]) return eval_defined(render, expr->filter_args[0], ret) ? FOUND : FAILED;
    FAIL(render, expr, "the filter `default` needs the argument `value`");
    return FAILED;
}

static enum found eval_filter(struct render *render, const struct expr *expr, rhai_value *ret) {
    const struct filter *filter = expr->filter;
    if (filter->is_default) return eval_default(render, expr, ret);
    rhai_value value, args[FILTER_PARAMS_MAX] = {rhai_unit(), rhai_unit()};
    if (!eval_defined(render, expr->left, &value)) return FAILED;
    bool is_done = true;
    for (int i = 0; i < FILTER_PARAMS_MAX && is_done; i++)
        if (expr->filter_args[i]) is_done = eval_defined(render, expr->filter_args[i], &args[i]);
    if (is_done && filter->apply && !filter->apply(render->engine, &value, args, render->err)) {
        char why[256];
        snprintf(why, sizeof why, "%.255s", render->err->message);
        is_done = render->err->is_out_of_memory ? false : FAIL(render, expr, "%s", why);
    }
    for (int i = 0; i < FILTER_PARAMS_MAX; i++)
        rhai_value_done(render->engine, &args[i]);
    if (is_done)
        *ret = value;
    else
        rhai_value_done(render->engine, &value);
    return is_done ? FOUND : FAILED;
}

static enum found eval_is_defined(struct render *render, const struct expr *expr,
                                  rhai_value *ret) {
    rhai_value value;
    enum found found = eval(render, expr->left, &value);
    if (found == FAILED) return FAILED;
    if (found == FOUND) rhai_value_done(render->engine, &value);
    *ret = rhai_from_bool((found == FOUND) == expr->truth);
    return FOUND;
}

static enum found eval(struct render *render, const struct expr *expr, rhai_value *ret) {
    bool truth;
    switch (expr->kind) {
    case EXPR_TEXT: return eval_text(render, expr->text, ret);
    case EXPR_INT: *ret = rhai_from_int(expr->integer); return FOUND;
    case EXPR_FLOAT: *ret = rhai_from_float(expr->number); return FOUND;
    case EXPR_BOOL: *ret = rhai_from_bool(expr->truth); return FOUND;
    case EXPR_ARRAY: return eval_array(render, expr, ret);
    case EXPR_NAME: return copy_found(find_name(render, expr->text), ret);
    case EXPR_MEMBER: return eval_member(render, expr, ret);
    case EXPR_INDEX: return eval_index(render, expr, ret);
    case EXPR_NEGATE: return eval_negation(render, expr, ret);
    case EXPR_NOT:
        if (!eval_truth(render, expr->left, &truth)) return FAILED;
        *ret = rhai_from_bool(!truth);
        return FOUND;
    case EXPR_BINARY: return eval_binary(render, expr, ret);
    case EXPR_DEFINED: return eval_is_defined(render, expr, ret);
    case EXPR_FILTER: return eval_filter(render, expr, ret);
    }
    return FAILED;
}

/* ---- Nodes ------------------------------------------------------------------------------- */

static bool render_nodes(struct render *render, const struct node *node);

static bool emit(struct render *render, const struct node *node, const char *text, size_t len) {
    render->written += len;
    if (render->written > TEMPLATE_OUTPUT_MAX_BYTES)
        return FAIL(render, node, "the result is larger than 64 MiB");
    fwrite(text, 1, len, render->out);
    return !ferror(render->out) || template_fail_memory(render->err);
}

static bool emit_escaped(struct render *render, const struct node *node, const char *text,
                         size_t len) {
    for (const char *end = text + len; text < end;) {
        const char *stop = text;
        while (stop < end && !strchr("&<>\"'", *stop))
            stop++;
        if (!emit(render, node, text, (size_t)(stop - text))) return false;
        if (stop == end) return true;
        const char *entity = *stop == '&'   ? "&amp;"
                             : *stop == '<' ? "&lt;"
                             : *stop == '>' ? "&gt;"
                             : *stop == '"' ? "&quot;"
                                            : "&#x27;";
        /* A NUL is found in the set as its end. */
        bool is_nul = *stop == '\0';
        if (!emit(render, node, is_nul ? stop : entity, is_nul ? 1 : strlen(entity))) return false;
        text = stop + 1;
    }
    return true;
}

static bool is_escaping(const struct template *template) {
    static const char *const ends[] = {".html", ".htm", ".xml"};
    size_t len = strlen(template->name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end_len = strlen(ends[i]);
        if (len >= end_len && strcmp(template->name + len - end_len, ends[i]) == 0) return true;
    }
    return false;
}

static bool render_print(struct render *render, const struct node *node) {
    rhai_value value, text;
    if (!eval_defined(render, node->expr, &value)) return false;
    if (rhai_type_of(&value) == RHAI_UNIT) return true;
    bool is_made = rhai_to_text(render->engine, &value, &text) == RHAI_OK;
    rhai_value_done(render->engine, &value);
    if (!is_made) return template_fail_memory(render->err);
    bool is_safe = node->expr->kind == EXPR_FILTER && node->expr->filter->is_safe;
    size_t len;
    const char *bytes = rhai_as_text(&text, &len);
    bool is_done = is_escaping(render->template) && !is_safe
                       ? emit_escaped(render, node, bytes, len)
                       : emit(render, node, bytes, len);
    rhai_value_done(render->engine, &text);
    return is_done;
}

static bool render_if(struct render *render, const struct node *node) {
    for (;;) {
        bool truth;
        if (!eval_truth(render, node->expr, &truth)) return false;
        if (truth) return render_nodes(render, node->body);
        /* An elif is an `if` that stands alone in `rest`. */
        const struct node *rest = node->rest;
        if (!rest || rest->kind != NODE_IF || rest->next) return render_nodes(render, rest);
        node = rest;
    }
}

static bool push_copy(struct render *render, struct slice name, const rhai_value *value) {
    rhai_value copy;
    rhai_value_copy(value, &copy);
    return push_local(render, name, &copy);
}

static bool push_round(struct render *render, const struct node *node, const rhai_value *over,
                       size_t index) {
    if (!node->key.text) return push_copy(render, node->item, rhai_array_at(over, index));
    const char *key;
    size_t key_len;
    const rhai_value *value = rhai_map_entry(render->engine, over, index, &key, &key_len);
    rhai_value key_value;
    if (!value || rhai_from_text(render->engine, key, key_len, &key_value) != RHAI_OK)
        return template_fail_memory(render->err);
    return push_local(render, node->key, &key_value) && push_copy(render, node->item, value);
}

static bool render_rounds(struct render *render, const struct node *node, const rhai_value *over,
                          size_t count) {
    size_t outer_scope = render->scope;
    struct loop loop = {.count = count, .outer = render->loop};
    bool is_done = true;
    render->loop = &loop;
    render->scope = render->local_count;
    for (; loop.index < count && is_done; loop.index++) {
        if (render->source->keep_going && !render->source->keep_going(render->source->ctx)) {
            render->err->is_stopped = true;
            is_done = false;
            break;
        }
        is_done = push_round(render, node, over, loop.index) && render_nodes(render, node->body);
        pop_locals(render, render->scope);
    }
    render->scope = outer_scope;
    render->loop = loop.outer;
    return is_done;
}

static bool render_for(struct render *render, const struct node *node) {
    rhai_value over;
    if (!eval_defined(render, node->expr, &over)) return false;
    rhai_type type = rhai_type_of(&over);
    bool is_done;
    if (type != (node->key.text ? RHAI_MAP : RHAI_ARRAY)) {
        is_done = FAIL(render, node, node->key.text
                                         ? "a loop with two variables needs a map"
                                         : "a loop with one variable needs an array");
    } else {
        size_t count = node->key.text ? rhai_map_len(&over) : rhai_array_len(&over);
        is_done = count > 0 ? render_rounds(render, node, &over, count)
                            : render_nodes(render, node->rest);
    }
    rhai_value_done(render->engine, &over);
    return is_done;
}

static bool render_set(struct render *render, const struct node *node) {
    rhai_value value;
    if (!eval_defined(render, node->expr, &value)) return false;
    for (size_t i = render->scope; i < render->local_count; i++) {
        if (!is_same(render->locals[i].name, node->text)) continue;
        rhai_value_done(render->engine, &render->locals[i].value);
        render->locals[i].value = value;
        return true;
    }
    return push_local(render, node->text, &value);
}

/* Names that an included file sets point into its text, so they go with it. */
static bool render_included(struct render *render, const struct template *included) {
    const struct template *including = render->template;
    size_t outer_scope = render->scope;
    render->template = included;
    render->scope = render->local_count;
    render->includes++;
    bool is_done = render_nodes(render, included->nodes);
    pop_locals(render, render->scope);
    render->includes--;
    render->scope = outer_scope;
    render->template = including;
    return is_done;
}

static bool render_include(struct render *render, const struct node *node) {
    if (render->includes == TEMPLATE_INCLUDE_MAX)
        return FAIL(render, node, "files include each other more than %d deep",
                    TEMPLATE_INCLUDE_MAX);
    char *name = strndup(node->text.text, node->text.len), *text = NULL;
    if (!name) return template_fail_memory(render->err);
    size_t len = 0;
    bool is_done = render->source->load(render->source->ctx, name, &text, &len, render->err);
    if (!is_done && !render->err->is_out_of_memory) {
        char why[256];
        snprintf(why, sizeof why, "%.255s", render->err->message);
        FAIL(render, node, "include \"%s\": %s", name, why);
    }
    struct template *included = is_done ? template_parse(name, text, len, render->err) : NULL;
    is_done = included && render_included(render, included);
    template_free(included);
    free(text);
    free(name);
    return is_done;
}

static bool render_node(struct render *render, const struct node *node) {
    switch (node->kind) {
    case NODE_TEXT: return emit(render, node, node->text.text, node->text.len);
    case NODE_PRINT: return render_print(render, node);
    case NODE_IF: return render_if(render, node);
    case NODE_FOR: return render_for(render, node);
    case NODE_SET: return render_set(render, node);
    case NODE_INCLUDE: return render_include(render, node);
    }
    return false;
}

static bool render_nodes(struct render *render, const struct node *node) {
    for (; node; node = node->next)
        if (!render_node(render, node)) return false;
    return true;
}

bool template_render(const struct template *template, rhai_engine *engine, const rhai_value *vars,
                     const struct template_source *source, char **ret_text, size_t *ret_len,
                     struct template_error *err) {
    char *text = NULL;
    size_t len = 0;
    struct render render = {
        .template = template, .engine = engine, .vars = vars, .source = source, .err = err};
    render.out = open_memstream(&text, &len);
    if (!render.out) return template_fail_memory(err);
    bool is_done = render_nodes(&render, template->nodes);
    pop_locals(&render, 0);
    free(render.locals);
    if (fclose(render.out) != 0 && is_done) is_done = template_fail_memory(err);
    if (!is_done) {
        free(text);
        return false;
    }
    *ret_text = text;
    *ret_len = len;
    return true;
}
