/* Rules for statements and blocks. */
#include "syntax/optimizer.h"

#include <string.h>

/* ---- Node makers ---- */

static stmt *new_stmt(optimizer *o, stmt_kind kind, rhai_pos pos) {
    stmt *s = stmt_new(o->ast, kind, pos);
    return s ? s : note_no_memory(o);
}

static block *new_block(optimizer *o, uint32_t len, rhai_pos pos, rhai_pos end_pos) {
    block *b = arena_alloc(&o->ast->arena, sizeof *b);
    stmt **stmts = arena_alloc(&o->ast->arena, len * sizeof *stmts);
    if (!b || !stmts) return note_no_memory(o);
    b->stmts = stmts;
    b->len = len;
    b->pos = pos;
    b->end_pos = end_pos;
    return b;
}

stmt *stmt_from_expr(optimizer *o, expr *e) {
    stmt *s = new_stmt(o, STMT_EXPR, expr_start(e));
    if (s) s->expr = e;
    return s;
}

stmt *stmt_from_block(optimizer *o, block *b) {
    stmt *s = new_stmt(o, STMT_BLOCK, b->pos);
    if (s) s->block = b;
    return s;
}

block *block_from_stmt(optimizer *o, stmt *s) {
    if (s->kind == STMT_BLOCK) return s->block;
    bool is_noop = s->kind == STMT_NOOP;
    rhai_pos pos = stmt_start(s);
    block *b = new_block(o, !is_noop, pos, is_noop ? pos : POS_NONE);
    if (b && !is_noop) b->stmts[0] = s;
    return b;
}

static void replace(optimizer *o, stmt **slot, stmt *with) {
    if (!with) return;
    o->is_dirty = true;
    *slot = with;
}

static void replace_with_noop(optimizer *o, stmt **slot, rhai_pos pos) {
    replace(o, slot, new_stmt(o, STMT_NOOP, pos));
}

/* ---- Blocks ---- */

static bool any_block_dependent(const block *b) {
    for (uint32_t i = 0; i < b->len; i++) {
        if (stmt_is_block_dependent(b->stmts[i])) return true;
    }
    return false;
}

static bool may_flatten(const stmt *s) {
    return s->kind == STMT_BLOCK && !any_block_dependent(s->block);
}

static void push_flat(optimizer *o, stmt *s) {
    if (may_flatten(s)) {
        for (uint32_t i = 0; i < s->block->len; i++)
            push_flat(o, s->block->stmts[i]);
        return;
    }
    if (o->scratch_len == o->scratch_cap) {
        uint32_t cap = next_size(o->scratch_cap, 32);
        stmt **scratch =
            heap_resize(o->h, o->scratch, o->scratch_cap * sizeof *scratch, cap * sizeof *scratch);
        if (!scratch) {
            note_no_memory(o);
            return;
        }
        o->scratch = scratch;
        o->scratch_cap = cap;
    }
    o->scratch[o->scratch_len++] = s;
}

/* Blocks that define nothing dissolve into the one around them. */
static bool flatten(optimizer *o, block *b) {
    uint32_t i = 0;
    while (i < b->len && !may_flatten(b->stmts[i]))
        i++;
    if (i == b->len) return false;
    uint32_t mark = o->scratch_len;
    for (i = 0; i < b->len; i++)
        push_flat(o, b->stmts[i]);
    uint32_t len = o->scratch_len - mark;
    stmt **stmts = arena_alloc(&o->ast->arena, len * sizeof *stmts);
    if (stmts && !o->failed) {
        if (len) memcpy(stmts, o->scratch + mark, len * sizeof *stmts);
        b->stmts = stmts;
        b->len = len;
    } else {
        note_no_memory(o);
    }
    o->scratch_len = mark;
    return true;
}

/* Nothing runs after return, throw, break, continue. */
static void drop_dead_code(optimizer *o, block *b) {
    for (uint32_t i = 0; i + 1 < b->len; i++) {
        if (stmt_breaks_flow(b->stmts[i])) {
            b->len = i + 1;
            o->is_dirty = true;
        }
    }
}

static void optimize_var(optimizer *o, stmt *s) {
    if (s->var.value) optimize_expr(o, &s->var.value, false);
    expr *value = s->var.value;
    if (s->var.is_const && !value && !(value = expr_new_const(o->ast, VALUE_UNIT, POS_NONE)))
        note_no_memory(o);
    bool is_known = s->var.is_const && value && expr_is_constant(value);
    known_push(o, s->var.name.name, is_known ? value : NULL);
}

typedef bool (*stmt_test)(const stmt *);

/* Drops statements without effect, all but the last if that is the block's result. What is only
 * internally pure may go once nothing after it has an effect. */
static void drop_pure(optimizer *o, block *b, bool keeps_result, stmt_test is_pure) {
    uint32_t last_effect = b->len, kept = 0;
    while (last_effect > 0 && is_pure(b->stmts[last_effect - 1]))
        last_effect--;
    last_effect = last_effect ? last_effect - 1 : 0;
    for (uint32_t i = 0; i < b->len; i++) {
        stmt *s = b->stmts[i];
        bool is_result = keeps_result && i == b->len - 1;
        bool is_var = s->kind == STMT_EXPR && s->expr->kind == EXPR_VAR;
        if (!is_result && ((i >= last_effect && is_pure(s)) || is_var || stmt_is_pure(s)))
            o->is_dirty = true;
        else
            b->stmts[kept++] = s;
    }
    b->len = kept;
}

/* One rule for the end of a block whose value counts. False: none applies. */
static bool trim_result(optimizer *o, block *b, bool reduces_return, stmt_test is_pure) {
    if (!b->len) return false;
    stmt *last = b->stmts[b->len - 1], *before = b->len > 1 ? b->stmts[b->len - 2] : NULL;
    bool is_return = reduces_return && last->kind == STMT_RETURN;
    if (is_return && !last->expr && (!before || !stmt_returns_value(before))) {
        b->len--;
    } else if (!before && !stmt_returns_value(last) && is_pure(last)) {
        b->len = 0;
    } else if (is_return) { /* return x -> x */
        stmt *s = last->expr ? stmt_from_expr(o, last->expr) : new_stmt(o, STMT_NOOP, last->pos);
        if (!s) return false;
        b->stmts[b->len - 1] = s;
    } else if (!before || (last->kind == STMT_NOOP && stmt_returns_value(before))) {
        return false;
    } else if (!stmt_returns_value(last) && is_pure(last)) {
        if (stmt_returns_value(before)) {
            stmt *s = new_stmt(o, STMT_NOOP, stmt_start(last));
            if (!s) return false;
            b->stmts[b->len - 1] = s;
        } else {
            b->len--;
        }
    } else {
        return false;
    }
    return true;
}

/* The same where the value does not count. */
static bool trim_end(block *b, bool reduces_return, stmt_test is_pure) {
    if (!b->len) return false;
    const stmt *last = b->stmts[b->len - 1];
    bool returns_nothing =
        reduces_return && last->kind == STMT_RETURN && (!last->expr || expr_is_pure(last->expr));
    if (!returns_nothing && !is_pure(last)) return false;
    b->len--;
    return true;
}

static void optimize_pass(optimizer *o, block *b, bool keeps_result, bool reduces_return,
                          stmt_test is_pure) {
    drop_dead_code(o, b);
    for (uint32_t i = 0; i < b->len && !o->failed; i++) {
        if (b->stmts[i]->kind == STMT_VAR)
            optimize_var(o, b->stmts[i]);
        else
            optimize_stmt(o, &b->stmts[i], keeps_result && i == b->len - 1);
    }
    drop_pure(o, b, keeps_result, is_pure);
    while (keeps_result ? trim_result(o, b, reduces_return, is_pure)
                        : trim_end(b, reduces_return, is_pure))
        o->is_dirty = true;
}

void optimize_block(optimizer *o, block *b, bool keeps_result, bool is_internal,
                    bool reduces_return) {
    if (!b || !b->len) return;
    stmt_test is_pure = is_internal ? stmt_is_internally_pure : stmt_is_pure;
    bool was_dirty = o->is_dirty;
    was_dirty |= flatten(o, b);
    do {
        uint32_t vars_len = o->vars_len;
        bool propagates = o->propagates;
        o->is_dirty = false;
        optimize_pass(o, b, keeps_result, reduces_return, is_pure);
        known_drop(o, vars_len);
        o->propagates = propagates;
        was_dirty |= o->is_dirty;
    } while (o->is_dirty && !o->failed);
    o->is_dirty = was_dirty;
}

/* ---- Assignments ---- */

static bool has_assign_op(op o) {
    return o <= OP_XOR;
}

static bool is_plain_var(const expr *e) {
    return e->kind == EXPR_VAR && !e->var.path.len;
}

/* x = x + y -> x += y */
static bool shorten_assign(optimizer *o, stmt *s) {
    expr *target = s->assign.target, *value = s->assign.value;
    if (s->assign.has_op || !is_plain_var(target) || value->kind != EXPR_OP || !value->op.right ||
        !has_assign_op(value->op.op) || !is_plain_var(value->op.left) ||
        value->op.left->var.name != target->var.name)
        return false;
    s->assign.has_op = true;
    s->assign.op = value->op.op;
    s->assign.op_pos = s->pos = value->pos;
    s->assign.value = value->op.right;
    o->is_dirty = true;
    return true;
}

static void optimize_assign(optimizer *o, stmt *s) {
    if (shorten_assign(o, s)) return;
    optimize_target(o, s->assign.target);
    optimize_expr(o, &s->assign.value, false);
}

/* ---- if ---- */

static bool is_empty(const block *b) {
    return !b || !b->len;
}

/* if x {} -> x */
static void reduce_to_condition(optimizer *o, stmt **slot, bool keeps_result) {
    stmt *s = *slot;
    o->is_dirty = true;
    rhai_pos pos = expr_start(s->flow.condition);
    optimize_expr(o, &s->flow.condition, false);
    stmt *value = stmt_from_expr(o, s->flow.condition);
    if (!value) return;
    if (!keeps_result) {
        *slot = value;
        return;
    }
    block *b = new_block(o, 2, pos, POS_NONE);
    stmt *noop = new_stmt(o, STMT_NOOP, pos), *whole = b ? stmt_from_block(o, b) : NULL;
    if (!noop || !whole) return;
    b->stmts[0] = value;
    b->stmts[1] = noop;
    *slot = whole;
}

/* if true { a } else { b } -> a */
static void reduce_to_branch(optimizer *o, stmt **slot, block *b, bool keeps_result) {
    o->is_dirty = true;
    optimize_block(o, b, keeps_result, true, false);
    replace(o, slot,
            is_empty(b) ? new_stmt(o, STMT_NOOP, b ? b->pos : POS_NONE) : stmt_from_block(o, b));
}

static bool is_lone_if(const block *b) {
    return b->len == 1 && b->stmts[0]->kind == STMT_IF && is_empty(b->stmts[0]->flow.branch);
}

/* if a { if b { ... } } -> if a && b { ... } */
static void join_ifs(optimizer *o, stmt *s, bool keeps_result) {
    stmt *inner = s->flow.body->stmts[0];
    expr *first = s->flow.condition;
    bool is_and = first->kind == EXPR_AND;
    uint32_t n = is_and ? first->list.len : 1;
    expr *both = expr_new(o->ast, EXPR_AND, is_and ? first->pos : s->pos);
    expr **items = arena_alloc(&o->ast->arena, (n + 1) * sizeof *items);
    if (!both || !items) {
        note_no_memory(o);
        return;
    }
    o->is_dirty = true;
    s->flow.body->stmts = inner->flow.body->stmts;
    s->flow.body->len = inner->flow.body->len;
    optimize_block(o, s->flow.body, keeps_result, true, false);
    optimize_expr(o, &inner->flow.condition, false);
    if (is_and)
        memcpy(items, first->list.items, n * sizeof *items);
    else
        optimize_expr(o, &s->flow.condition, false);
    if (!is_and) items[0] = s->flow.condition;
    items[n] = inner->flow.condition;
    both->list.items = items;
    both->list.len = n + 1;
    s->flow.condition = both;
}

static void optimize_if(optimizer *o, stmt **slot, bool keeps_result) {
    stmt *s = *slot;
    expr *condition = s->flow.condition;
    bool has_branch = !is_empty(s->flow.branch);
    if (is_empty(s->flow.body) && !has_branch) {
        reduce_to_condition(o, slot, keeps_result);
    } else if (expr_is_bool(condition, false) && !has_branch) {
        replace_with_noop(o, slot, condition->pos);
    } else if (expr_is_const(condition, RHAI_BOOL)) {
        reduce_to_branch(o, slot, condition->value.b ? s->flow.body : s->flow.branch, keeps_result);
    } else if (!has_branch && is_lone_if(s->flow.body)) {
        join_ifs(o, s, keeps_result);
    } else {
        optimize_expr(o, &s->flow.condition, false);
        optimize_block(o, s->flow.body, keeps_result, true, false);
        optimize_block(o, s->flow.branch, keeps_result, true, false);
    }
}

/* ---- switch ---- */

static bool arm_is_always(const switch_arm *a) {
    return !a->condition || expr_is_bool(a->condition, true);
}

static bool arm_is_never(const switch_arm *a) {
    return a->condition && expr_is_bool(a->condition, false);
}

/* The statement an arm's body makes when it takes the place of the whole switch. */
static stmt *promote_arm(optimizer *o, const stmt *s, uint32_t arm) {
    stmt *body = stmt_from_expr(o, s->sw.arms[arm].body);
    if (body) optimize_stmt(o, &body, true);
    return body;
}

/* switch CONST { x if c => a, _ => b } -> if c { a } else { b } */
static stmt *switch_to_if(optimizer *o, const stmt *s, uint32_t arm) {
    stmt *result = new_stmt(o, STMT_IF, expr_start(s->sw.value));
    if (!result) return NULL;
    optimize_expr(o, &s->sw.arms[arm].condition, false);
    result->flow.condition = s->sw.arms[arm].condition;
    if (s->sw.default_arm >= 0) {
        stmt *other = promote_arm(o, s, (uint32_t)s->sw.default_arm);
        result->flow.branch = other ? block_from_stmt(o, other) : NULL;
        if (!result->flow.branch) return NULL;
    }
    stmt *body = stmt_from_expr(o, s->sw.arms[arm].body);
    result->flow.body = body ? block_from_stmt(o, body) : NULL;
    return result->flow.body ? result : NULL;
}

static bool same_label(optimizer *o, const rhai_value *a, const rhai_value *b) {
    return a->type == b->type && value_equal(o->h, a, b);
}

/* Only arrays, maps, ranges and functions come here; they are in no range. Of several arms that
 * fit, Rhai forgets those with conditions. */
static void reduce_switch(optimizer *o, stmt **slot, const rhai_value *value) {
    stmt *s = *slot;
    uint32_t fitting = 0, arm = 0;
    for (uint32_t i = 0; i < s->sw.labels_len; i++) {
        if (!same_label(o, &s->sw.labels[i].value, value)) continue;
        arm = s->sw.labels[i].arm;
        if (arm_is_always(&s->sw.arms[arm])) {
            replace(o, slot, promote_arm(o, s, arm));
            return;
        }
        fitting++;
    }
    if (fitting == 1) {
        replace(o, slot, switch_to_if(o, s, arm));
        return;
    }
    bool all_certain = true;
    for (uint32_t i = 0; i < s->sw.ranges_len; i++)
        all_certain &= arm_is_always(&s->sw.arms[s->sw.ranges[i].arm]);
    if (s->sw.ranges_len > 1 && !all_certain) {
        s->sw.labels_len = s->sw.ranges_len = 0;
        o->is_dirty = true;
    } else if (s->sw.default_arm >= 0) {
        replace(o, slot, promote_arm(o, s, (uint32_t)s->sw.default_arm));
    } else {
        block *b = new_block(o, 0, s->pos, s->pos);
        replace(o, slot, b ? stmt_from_block(o, b) : NULL);
    }
}

static void drop_body(optimizer *o, switch_arm *a) {
    if (expr_is_unit(a->body)) return;
    expr *unit = expr_new_const(o->ast, VALUE_UNIT, a->body->pos);
    if (!unit) {
        note_no_memory(o);
        return;
    }
    a->body = unit;
    o->is_dirty = true;
}

static uint32_t drop_never(optimizer *o, const stmt *s, switch_label *labels, uint32_t len) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < len; i++) {
        if (!arm_is_never(&s->sw.arms[labels[i].arm])) labels[kept++] = labels[i];
    }
    o->is_dirty |= kept < len;
    return kept;
}

static bool is_scalar(const rhai_value *v) {
    return v->type <= RHAI_STRING;
}

/* A label that is certain hides equal ones after it. */
static void drop_hidden(optimizer *o, stmt *s) {
    uint32_t len = s->sw.labels_len, cap = 16, kept = 0;
    while (cap < len * 2)
        cap *= 2;
    uint32_t *seen = heap_alloc_zero(o->h, cap * sizeof *seen);
    if (!seen) {
        note_no_memory(o);
        return;
    }
    for (uint32_t i = 0; i < len; i++) {
        const switch_label label = s->sw.labels[i];
        uint64_t hash = is_scalar(&label.value) ? value_hash(o->h, &label.value) : 0;
        uint32_t slot = (uint32_t)(hash ^ hash >> 32) & (cap - 1);
        while (seen[slot] && !same_label(o, &s->sw.labels[seen[slot] - 1].value, &label.value))
            slot = (slot + 1) & (cap - 1);
        if (seen[slot]) continue;
        s->sw.labels[kept++] = label;
        if (arm_is_always(&s->sw.arms[label.arm])) seen[slot] = kept;
    }
    heap_free(o->h, seen, cap * sizeof *seen);
    o->is_dirty |= kept < len;
    s->sw.labels_len = kept;
}

/* Bodies of arms that nothing leads to any more. */
static void drop_unused(optimizer *o, stmt *s) {
    size_t size = s->sw.arms_len;
    bool *used = heap_alloc_zero(o->h, size ? size : 1);
    if (!used) {
        note_no_memory(o);
        return;
    }
    for (uint32_t i = 0; i < s->sw.labels_len; i++)
        used[s->sw.labels[i].arm] = true;
    for (uint32_t i = 0; i < s->sw.ranges_len; i++)
        used[s->sw.ranges[i].arm] = true;
    if (s->sw.default_arm >= 0) used[s->sw.default_arm] = true;
    for (uint32_t i = 0; i < s->sw.arms_len; i++) {
        if (!used[i]) drop_body(o, &s->sw.arms[i]);
    }
    heap_free(o->h, used, size ? size : 1);
}

/* Rhai folds a switch only on constants of the kinds it boxes: not on numbers, strings ... */
static bool is_boxed_constant(const expr *e) {
    return e->kind == EXPR_CLOSURE ? expr_is_constant(e)
                                   : e->kind == EXPR_CONST && e->value.type > RHAI_STRING;
}

static void optimize_switch(optimizer *o, stmt **slot) {
    stmt *s = *slot;
    rhai_value value;
    if (is_boxed_constant(s->sw.value)) {
        if (expr_literal(o->h, s->sw.value, &value) != LITERAL_DONE) {
            note_no_memory(o);
            return;
        }
        reduce_switch(o, slot, &value);
        value_drop(o->h, &value);
        return;
    }
    optimize_expr(o, &s->sw.value, false);
    for (uint32_t i = 0; i < s->sw.arms_len; i++) {
        switch_arm *a = &s->sw.arms[i];
        if (a->condition) optimize_expr(o, &a->condition, false);
        optimize_expr(o, &a->body, false);
        if (arm_is_never(a)) drop_body(o, a);
    }
    s->sw.labels_len = drop_never(o, s, s->sw.labels, s->sw.labels_len);
    s->sw.ranges_len = drop_never(o, s, s->sw.ranges, s->sw.ranges_len);
    drop_hidden(o, s);
    drop_unused(o, s);
}

/* ---- Loops ---- */

static void optimize_while(optimizer *o, stmt **slot) {
    stmt *s = *slot;
    if (s->flow.condition && expr_is_bool(s->flow.condition, false)) {
        replace_with_noop(o, slot, s->flow.condition->pos);
        return;
    }
    if (s->flow.condition) optimize_expr(o, &s->flow.condition, false);
    if (s->flow.condition && expr_is_bool(s->flow.condition, true)) s->flow.condition = NULL;
    optimize_block(o, s->flow.body, false, true, false);
}

/* ---- Others ---- */

static void optimize_block_stmt(optimizer *o, stmt **slot, bool keeps_result) {
    block *b = (*slot)->block;
    optimize_block(o, b, keeps_result, true, false);
    if (!b->len)
        replace_with_noop(o, slot, b->pos);
    else if (b->len == 1 && !stmt_is_block_dependent(b->stmts[0]))
        replace(o, slot, b->stmts[0]);
}

/* try { pure } catch ... -> { pure } */
static void optimize_try(optimizer *o, stmt **slot) {
    stmt *s = *slot;
    block *b = s->try_catch.body;
    bool is_safe = true;
    for (uint32_t i = 0; i < b->len; i++)
        is_safe &= stmt_is_pure(b->stmts[i]);
    optimize_block(o, b, false, true, false);
    if (is_safe)
        replace(o, slot, stmt_from_block(o, b));
    else
        optimize_block(o, s->try_catch.handler, false, true, false);
}

static void optimize_expr_stmt(optimizer *o, stmt **slot) {
    stmt *s = *slot;
    if (s->expr->kind == EXPR_BLOCK) {
        block *b = s->expr->block;
        o->is_dirty = true;
        if (b->len) {
            optimize_block(o, b, true, true, false);
            replace(o, slot, stmt_from_block(o, b));
        } else {
            replace_with_noop(o, slot, b->pos);
        }
    } else if (expr_is_call(s->expr) && !s->is_call) {
        s->is_call = true;
        o->is_dirty = true;
    } else {
        optimize_expr(o, &s->expr, false);
        s->is_call = s->is_call && expr_is_call(s->expr);
        s->pos = expr_start(s->expr);
    }
}

void optimize_stmt(optimizer *o, stmt **slot, bool keeps_result) {
    stmt *s = *slot;
    if (o->failed) return;
    switch ((stmt_kind)s->kind) {
    case STMT_ASSIGN: optimize_assign(o, s); break;
    case STMT_IF: optimize_if(o, slot, keeps_result); break;
    case STMT_SWITCH: optimize_switch(o, slot); break;
    case STMT_WHILE: optimize_while(o, slot); break;
    case STMT_DO:
        optimize_expr(o, &s->flow.condition, false);
        optimize_block(o, s->flow.body, false, true, false);
        break;
    case STMT_FOR:
        optimize_expr(o, &s->loop_for.iterable, false);
        optimize_block(o, s->loop_for.body, false, true, false);
        break;
    case STMT_VAR:
        if (!s->var.is_const && s->var.value) optimize_expr(o, &s->var.value, false);
        break;
    case STMT_IMPORT: optimize_expr(o, &s->import.path, false); break;
    case STMT_BLOCK: optimize_block_stmt(o, slot, keeps_result); break;
    case STMT_TRY: optimize_try(o, slot); break;
    case STMT_EXPR: optimize_expr_stmt(o, slot); break;
    case STMT_BREAK:
    case STMT_RETURN:
    case STMT_THROW:
        if (s->expr) optimize_expr(o, &s->expr, false);
        break;
    case STMT_CONTINUE:
    case STMT_EXPORT:
    case STMT_NOOP: break;
    }
}
