/* switch. */
#include "syntax/parser.h"

#include <string.h>

typedef struct switch_scan {
    uint32_t arms_mark; /* condition and body in turn on the scratch list */
    switch_label *labels, *ranges;
    uint32_t labels_len, labels_cap, ranges_len, ranges_cap;
    int32_t default_arm;
} switch_scan;

static bool parse_labels(parser *p, context c) {
    bool outer = p->stop_at_pipe;
    do {
        p->stop_at_pipe = true;
        expr *label = parse_expr(p, c);
        p->stop_at_pipe = outer;
        if (label) {
            if (!push_item(p, label)) return false;
        } else {
            if (p->error->kind != ERR_PARSING) return false;
            rhai_pos pos = p->error->pos;
            rhai_error_free(p->error);
            p->error = NULL;
            return fail(p, pos, "Expecting literal expression");
        }
    } while (match(p, TOK_PIPE));
    return true;
}

static bool is_empty_range(const rhai_value *v) {
    const range *r = as_range(v);
    return v->type == RHAI_RANGE ? r->from >= r->to : r->from > r->to;
}

static bool add_label(parser *p, switch_scan *sw, const expr *label, uint32_t arm) {
    rhai_value v;
    switch (expr_literal(p->h, label, &v)) {
    case LITERAL_NO_MEMORY: return fail_no_memory(p);
    case LITERAL_NONE: return fail(p, expr_start(label), "Expecting a literal expression");
    case LITERAL_DONE: break;
    }
    if (!ast_keep(p->ast, v, &v)) return fail_no_memory(p);
    bool is_range = v.type == RHAI_RANGE || v.type == RHAI_RANGE_INCLUSIVE;
    if (is_range && !is_empty_range(&v)) {
        if (!reserve_one(p, &sw->ranges, sw->ranges_len, &sw->ranges_cap, sizeof *sw->ranges))
            return false;
        sw->ranges[sw->ranges_len++] = (switch_label){v, arm};
    } else if ((v.type == RHAI_INT || v.type == RHAI_FLOAT) && sw->ranges_len) {
        return fail(p, expr_start(label), "Numeric switch case cannot follow a range case");
    }
    /* A range is an exact value, too: it matches an equal range. */
    if (!reserve_one(p, &sw->labels, sw->labels_len, &sw->labels_cap, sizeof *sw->labels))
        return false;
    sw->labels[sw->labels_len++] = (switch_label){v, arm};
    return true;
}

/* label | label if condition => body, */
static bool parse_arm(parser *p, context c, switch_scan *sw) {
    uint32_t arm = (p->scratch_len - sw->arms_mark) / 2, mark = p->scratch_len;
    expr *condition = NULL;
    expr **labels = NULL;
    uint32_t labels_len = 0;
    if (match(p, TOK_UNDERSCORE)) {
        if (peek(p) == TOK_IF) return fail(p, here(p), "This switch case cannot have a condition");
        sw->default_arm = (int32_t)arm;
    } else {
        if (!parse_labels(p, c) || !pop_items(p, mark, &labels, &labels_len)) return false;
        if (match(p, TOK_IF)) {
            condition = parse_condition(p, c);
            if (!condition) return false;
        }
    }
    if (!match(p, TOK_ARROW)) return fail_missing(p, TOK_ARROW, "in this switch case");
    stmt *s = parse_stmt(p, c);
    expr *body = s ? expr_of_stmt(p, s) : NULL;
    if (!body || !push_item(p, condition) || !push_item(p, body)) return false;
    for (uint32_t i = 0; i < labels_len; i++) {
        if (!add_label(p, sw, labels[i], arm)) return false;
    }
    if (match(p, TOK_COMMA) || peek(p) == TOK_RBRACE) return true;
    if (peek(p) == TOK_EOF)
        return fail_expecting(p, here(p), TOK_RPAREN, "to end this switch block");
    if (peek(p) == TOK_ERROR) return fail_fault(p);
    if (is_self_terminated(s)) return true;
    return fail_expecting(p, here(p), TOK_COMMA, "to separate the items in this switch block");
}

static switch_label *keep_labels(parser *p, const switch_label *labels, uint32_t len) {
    switch_label *kept = arena_alloc(&p->ast->arena, len * sizeof *kept);
    if (!kept) return fail_no_memory(p);
    if (len) memcpy(kept, labels, len * sizeof *kept);
    return kept;
}

static stmt *new_switch(parser *p, rhai_pos pos, expr *value, const switch_scan *scan) {
    uint32_t len = (p->scratch_len - scan->arms_mark) / 2;
    stmt *s = new_stmt(p, STMT_SWITCH, pos);
    switch_arm *arms = arena_alloc(&p->ast->arena, len * sizeof *arms);
    if (!s || !arms) return fail_no_memory(p);
    for (uint32_t i = 0; i < len; i++) {
        arms[i].condition = p->scratch[scan->arms_mark + 2 * i];
        arms[i].body = p->scratch[scan->arms_mark + 2 * i + 1];
    }
    s->sw.value = value;
    s->sw.arms = arms;
    s->sw.arms_len = len;
    s->sw.labels = keep_labels(p, scan->labels, scan->labels_len);
    s->sw.labels_len = scan->labels_len;
    s->sw.ranges = keep_labels(p, scan->ranges, scan->ranges_len);
    s->sw.ranges_len = scan->ranges_len;
    s->sw.default_arm = scan->default_arm;
    return s->sw.labels && s->sw.ranges ? s : NULL;
}

/* Adds one to the depth. */
stmt *parse_switch(parser *p, context c) {
    if (!deeper_at(p, &c, eat(p))) return NULL;
    expr *value = parse_expr(p, c);
    if (!value) return NULL;
    if (!match(p, TOK_LBRACE)) return fail_missing(p, TOK_LBRACE, "to start a switch block");

    switch_scan scan = {.arms_mark = p->scratch_len, .default_arm = -1};
    bool ok = true;
    rhai_pos default_pos = POS_NONE;
    while (ok && peek(p) != TOK_RBRACE) {
        if (peek(p) == TOK_EOF)
            ok = fail_expecting(p, here(p), TOK_RBRACE, "to end this switch block");
        else if (scan.default_arm >= 0)
            ok = fail(p, default_pos, "Default switch case must be the last");
        else {
            if (peek(p) == TOK_UNDERSCORE) default_pos = here(p);
            ok = parse_arm(p, c, &scan);
        }
    }
    if (ok) eat(p);
    stmt *s = ok ? new_switch(p, c.pos, value, &scan) : NULL;
    p->scratch_len = scan.arms_mark;
    heap_free(p->h, scan.labels, scan.labels_cap * sizeof *scan.labels);
    heap_free(p->h, scan.ranges, scan.ranges_cap * sizeof *scan.ranges);
    return s;
}
