/* Statements, functions and units to code. */
#include "code/emit.h"
#include "code/verify.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- Scopes ---- */

typedef struct scope_state {
    uint32_t locals, block_locals, variables, regs, floor, imports;
    bool is_dynamic;
} scope_state;

static scope_state scope_open(fn_state *fs) {
    scope_state s = {.locals = fs->locals_len,
                     .block_locals = fs->block_locals,
                     .variables = fs->variables,
                     .regs = fs->free_reg,
                     .floor = fs->dynamic_floor,
                     .imports = fs->imports_len,
                     .is_dynamic = fs->is_dynamic};
    fs->block_locals = fs->locals_len;
    return s;
}

static void scope_close(fn_state *fs, scope_state s) {
    fs->locals_len = s.locals;
    fs->block_locals = s.block_locals;
    fs->variables = s.variables;
    fs->dynamic_floor = s.floor;
    fs->imports_len = s.imports;
    fs->is_dynamic = s.is_dynamic;
    reg_free_to(fs, s.regs);
}

/* The mark of a block that may import or define names; REG_NONE: the function never does. */
static int take_mark(fn_state *fs) {
    if (!fs->needs_marks) return REG_NONE;
    uint16_t reg = reg_new(fs);
    emit(fs, OPC_MARK, 0, reg, 0, 0);
    return reg;
}

static void trim_mark(fn_state *fs, int mark) {
    if (mark >= 0) emit(fs, OPC_TRIM, 0, (unsigned)mark, 0, 0);
}

static void unit_to(fn_state *fs, int dst) {
    if (dst >= 0) emit(fs, OPC_UNIT, 0, (unsigned)dst, 0, 0);
}

static void statements_to(fn_state *fs, const block *b, int dst) {
    if (!b || !b->len) {
        unit_to(fs, dst);
        return;
    }
    for (uint32_t i = 0; i < b->len && !fs->failed; i++)
        stmt_to(fs, b->stmts[i], i + 1 == b->len ? dst : REG_NONE);
}

/* Values in registers that a block leaves would keep what they hold alive, and so make copies
 * of containers necessary that nobody else sees. */
static void clear_locals(fn_state *fs, scope_state s) {
    if (fs->locals_len > s.locals) emit(fs, OPC_CLEAR, 0, s.regs, fs->free_reg, 0);
}

void block_to(fn_state *fs, const block *b, int dst) {
    scope_state s = scope_open(fs);
    int mark = b && b->len ? take_mark(fs) : REG_NONE;
    fs->block_depth++;
    statements_to(fs, b, dst);
    fs->block_depth--;
    trim_mark(fs, mark);
    if (!fs->loop || fs->loop->body_depth != fs->block_depth) clear_locals(fs, s);
    scope_close(fs, s);
}

/* ---- Statements ---- */

/* D + the names that code found by name can see are too many; `more` will be added. */
static void count_variables(fn_state *fs, uint32_t more, rhai_pos pos) {
    if (!fs->options->count_variables) return;
    emit_d(fs, OPC_COUNT_VARIABLES, 0, 0,
           (int32_t)(fs->variables + more + (fs->outer ? fs->outer->count : 0)));
    emit_pos(fs, pos);
}

/* The variable of the same block that a new one takes the place of; NULL: none. */
static const local *replaced(const fn_state *fs, const rhai_str *name) {
    for (uint32_t i = fs->locals_len; i-- > fs->block_locals;)
        if (fs->locals[i].name == name) return fs->locals[i].is_exported ? NULL : &fs->locals[i];
    return NULL;
}

static void var_stmt(fn_state *fs, const stmt *s) {
    bool by_name = fs->is_inner_top && fs->block_depth == 0;
    bool is_global = fs->is_global && fs->block_depth == 0;
    bool is_new = !replaced(fs, s->var.name.name);
    if (is_new) count_variables(fs, 0, s->pos);
    uint16_t reg = reg_new(fs);
    if (s->var.value) {
        expr_to(fs, s->var.value, reg);
    } else {
        emit_count(fs, POS_NONE);
        emit(fs, OPC_UNIT, 0, reg, 0, 0);
    }
    if (by_name) {
        emit(fs, OPC_DEFINE_NAME, 0, s->var.is_const, reg,
             add_site(fs, s->var.name.name, s->var.name.pos));
        reg_free_to(fs, reg);
        return;
    }
    if (is_global && s->var.is_const && fs->u->tree->functions_len)
        emit_d(fs, OPC_SET_CONSTANT, 0, reg, (int32_t)add_name_const(fs, s->var.name.name));
    if (s->var.is_const) emit(fs, OPC_FREEZE, 0, reg, 0, 0);
    local *l = local_add(fs, s->var.name.name, reg, s->var.is_const);
    if (l) l->is_exported = s->var.is_exported;
    fs->variables -= !is_new;
    if (is_global) {
        global_var g = {s->var.name.name, reg, s->var.is_const, emit_here(fs)};
        TABLE_PUSH(fs, fs->p->globals, fs->p->globals_len, fs->globals_cap, g);
    }
    if (s->var.is_exported)
        emit(fs, OPC_EXPORT, 0, 1, reg, add_site(fs, s->var.name.name, s->var.name.pos));
}

/* Whether nothing behind the block runs after it. */
static bool never_ends(const block *b) {
    if (!b || !b->len) return false;
    stmt_kind last = (stmt_kind)b->stmts[b->len - 1]->kind;
    return last == STMT_RETURN || last == STMT_THROW || last == STMT_BREAK || last == STMT_CONTINUE;
}

static void if_stmt(fn_state *fs, const stmt *s, int dst) {
    jump_list otherwise = {0};
    expr_branch(fs, s->flow.condition, true, &otherwise);
    uint32_t before = fs->operations;
    block_to(fs, s->flow.body, dst);
    uint32_t body = fs->operations - before;
    fs->operations = before;
    bool has_else = s->flow.branch && s->flow.branch->len;
    if (has_else || dst >= 0) {
        uint32_t end = emit_jump(fs, OPC_JUMP, 0, 0);
        jumps_here(fs, &otherwise);
        block_to(fs, s->flow.branch, dst);
        patch_here(fs, end);
    } else {
        jumps_here(fs, &otherwise);
    }
    uint32_t branch = fs->operations - before;
    fs->operations = before + (never_ends(s->flow.body)     ? branch
                               : never_ends(s->flow.branch) ? body
                                                            : (body + branch + 1) / 2);
}

typedef struct loop_scope {
    loop_state state;
    jump_list breaks, continues;
    scope_state scope;
    uint32_t body_regs; /* registers from scope.regs up to here were used */
} loop_scope;

static void loop_open(fn_state *fs, loop_scope *l, int dst) {
    *l = (loop_scope){.scope = scope_open(fs)};
    l->state = (loop_state){
        .outer = fs->loop, .dst = dst, .breaks = &l->breaks, .continues = &l->continues};
    l->state.mark = take_mark(fs);
    l->state.body_depth = fs->block_depth;
    l->state.operations_before = fs->operations;
    fs->loop = &l->state;
}

static void loop_close(fn_state *fs, loop_scope *l, int dst) {
    unit_to(fs, dst);
    jumps_here(fs, &l->breaks);
    fs->loop = l->state.outer;
    if (l->body_regs > l->scope.regs) emit(fs, OPC_CLEAR, 0, l->scope.regs, l->body_regs, 0);
    scope_close(fs, l->scope);
}

/* The body; registers it used are cleared once, when the loop ends. */
static void loop_body(fn_state *fs, loop_scope *l, const block *body) {
    uint32_t outer_max = fs->p->nregs;
    fs->p->nregs = fs->free_reg;
    block_to(fs, body, REG_NONE);
    l->body_regs = fs->p->nregs;
    if (fs->p->nregs < outer_max) fs->p->nregs = outer_max;
}

static void while_stmt(fn_state *fs, const stmt *s, int dst) {
    loop_scope l;
    loop_open(fs, &l, dst);
    const expr *condition = s->flow.condition;
    bool has_condition = condition && (!expr_is_const(condition, RHAI_BOOL) || !condition->value.b);
    /* The condition stands behind the body: one jump a round. What an eval in it defines would
     * come too late for the body there. */
    bool at_end = has_condition && !fs->all_checked;
    uint32_t first = at_end ? emit_jump(fs, OPC_JUMP, 0, 0) : 0;
    uint32_t top = emit_here(fs);
    jump_list out = {0};
    if (has_condition && !at_end) expr_branch(fs, condition, true, &out);
    if (!has_condition && (!s->flow.body || !s->flow.body->len))
        emit_count(fs, s->flow.body ? s->flow.body->pos : s->pos);
    loop_body(fs, &l, s->flow.body);
    jumps_here(fs, &l.continues);
    if (at_end) {
        patch_here(fs, first);
        uint32_t body = fs->operations - l.state.operations_before;
        expr_branch_back(fs, condition, true, top, s->pos);
        fs->operations -= body; /* the jump back counts each round, the first one, too */
    } else {
        emit_loop(fs, top, s->pos);
        jumps_here(fs, &out);
    }
    loop_close(fs, &l, dst);
}

static void do_stmt(fn_state *fs, const stmt *s, int dst) {
    loop_scope l;
    loop_open(fs, &l, dst);
    uint32_t top = emit_here(fs);
    loop_body(fs, &l, s->flow.body);
    /* Rhai goes straight on to the next round on `continue`, without the condition. */
    jump_list out = {0};
    expr_branch(fs, s->flow.condition, !s->flow.is_until, &out);
    jumps_here(fs, &l.continues);
    emit_loop(fs, top, s->pos);
    jumps_here(fs, &out);
    loop_close(fs, &l, dst);
}

static bool is_range(const expr *e) {
    return e->kind == EXPR_OP && e->op.right &&
           (e->op.op == OP_RANGE || e->op.op == OP_RANGE_INCLUSIVE);
}

/* The bounds of a range that the optimiser has made a constant. */
static bool const_range(const expr *e) {
    return e->kind == EXPR_CONST &&
           (e->value.type == RHAI_RANGE || e->value.type == RHAI_RANGE_INCLUSIVE);
}

static void load_bound(fn_state *fs, int64_t bound, uint16_t reg) {
    rhai_value v = VALUE_INT(bound);
    emit_d(fs, OPC_CONST, 0, reg, (int32_t)add_const(fs, &v));
}

static void for_stmt(fn_state *fs, const stmt *s, int dst) {
    loop_scope l;
    loop_open(fs, &l, dst);
    const expr *iterable = s->loop_for.iterable;
    bool has_counter = s->loop_for.counter.name != NULL;
    uint16_t base = reg_new(fs);
    reg_new(fs);
    reg_new(fs);
    count_variables(fs, has_counter, s->loop_for.var.pos);
    bool constant = const_range(iterable), range = constant || is_range(iterable);
    bool inclusive = constant ? iterable->value.type == RHAI_RANGE_INCLUSIVE
                              : range && iterable->op.op == OP_RANGE_INCLUSIVE;
    if (constant) {
        emit_count(fs, iterable->pos);
        load_bound(fs, as_range(&iterable->value)->from, base);
        load_bound(fs, as_range(&iterable->value)->to, (uint16_t)(base + 1));
    } else if (range) {
        emit_count(fs, iterable->pos);
        expr_to(fs, iterable->op.left, base);
        expr_to(fs, iterable->op.right, (uint16_t)(base + 1));
    } else {
        expr_to(fs, iterable, base);
    }
    uint16_t var = reg_new(fs);
    unsigned flags = has_counter ? F_C_TEMP : 0;
    if (has_counter) local_add(fs, s->loop_for.counter.name, reg_new(fs), false);
    local *v = local_add(fs, s->loop_for.var.name, var, false);
    if (fs->failed) return;
    l.state.operations_before = fs->operations;
    if (v->is_checked || (has_counter && fs->locals[fs->locals_len - 2].is_checked))
        flags |= F_CHECKED;
    /* A cell of an earlier run of this loop is not this run's. */
    emit(fs, OPC_CLEAR, 0, var, fs->free_reg, 0);
    uint32_t enter =
        emit_jump(fs, range ? OPC_FOR_RANGE : OPC_FOR, flags | (inclusive ? F_NEGATED : 0), base);
    emit_pos(fs, range ? iterable->pos : expr_start(iterable));
    uint32_t first_count = range ? emit_d(fs, OPC_EXTRA, 0, 0, 0) : 0;
    uint32_t top = emit_here(fs);
    if (!s->loop_for.body || !s->loop_for.body->len)
        emit_count(fs, s->loop_for.body ? s->loop_for.body->pos : s->pos);
    loop_body(fs, &l, s->loop_for.body);
    jumps_here(fs, &l.continues);
    if (!range) patch_here(fs, enter);
    emit_d(fs,
           !range  ? OPC_FOR_NEXT
           : flags ? OPC_FOR_RANGE_NEXT
                   : OPC_FOR_INT_NEXT,
           flags, base, (int32_t)top - (int32_t)emit_here(fs) - 1);
    emit_pos(fs, iterable->pos);
    int32_t round = (int32_t)round_operations(fs);
    emit_d(fs, OPC_EXTRA, 0, 0, round);
    if (range) patch_here(fs, enter);
    if (range && !fs->failed) fs->p->code[first_count].d = round;
    fs->operations = l.state.operations_before; /* each round is counted when it begins */
    loop_close(fs, &l, dst);
}

static void break_stmt(fn_state *fs, const stmt *s) {
    loop_state *l = fs->loop;
    if (!l) return; /* the parser has refused it */
    if (s->kind == STMT_BREAK) {
        if (s->expr) {
            if (l->dst >= 0)
                expr_to_safely(fs, s->expr, (uint16_t)l->dst);
            else
                expr_discard(fs, s->expr);
        } else {
            unit_to(fs, l->dst);
        }
    }
    trim_mark(fs, l->mark);
    jump_add(fs, s->kind == STMT_BREAK ? l->breaks : l->continues, emit_jump(fs, OPC_JUMP, 0, 0));
}

/* Calls and blocks use registers from the destination on, or write it before they are done. */
void expr_to_safely(fn_state *fs, const expr *e, uint16_t dst) {
    if (e->kind == EXPR_CONST || e->kind == EXPR_OP) {
        expr_to(fs, e, dst);
        return;
    }
    uint32_t mark = fs->free_reg;
    uint16_t value = expr_push(fs, e);
    emit(fs, OPC_TAKE, 0, dst, value, 0);
    reg_free_to(fs, mark);
}

/* A closure may have captured a constant. */
static void check_const(fn_state *fs, uint16_t reg, const expr *target) {
    emit_d(fs, OPC_CHECK_CONST, 0, reg, (int32_t)add_name_const(fs, target->var.name));
    emit_pos(fs, target->pos);
}

static const struct assign_code {
    op op;
    uint8_t code, code_int; /* 0: none */
} assign_codes[] = {
    {OP_ADD, OPC_ASSIGN_ADD, OPC_ASSIGN_ADD_INT},
    {OP_SUB, OPC_ASSIGN_SUB, OPC_ASSIGN_SUB_INT},
    {OP_MUL, OPC_ASSIGN_MUL, 0},
};

static const struct assign_code *find_assign(op o) {
    for (size_t i = 0; i < sizeof assign_codes / sizeof *assign_codes; i++)
        if (assign_codes[i].op == o) return &assign_codes[i];
    return NULL;
}

static void assign_op(fn_state *fs, const stmt *s, uint16_t target, bool checked) {
    const expr *value = s->assign.value;
    const struct assign_code *known = checked ? NULL : find_assign(s->assign.op);
    if (known && known->code_int && value->kind == EXPR_CONST && value->value.type == RHAI_INT &&
        value->value.i >= INT16_MIN && value->value.i <= INT16_MAX) {
        emit_count(fs, value->pos);
        emit_count(fs, s->assign.target->pos);
        emit(fs, known->code_int, 0, target, (uint16_t)(int16_t)value->value.i, 0);
    } else {
        operand v = expr_any(fs, value);
        emit_count(fs, s->assign.target->pos);
        if (checked) check_const(fs, target, s->assign.target);
        if (known)
            emit(fs, known->code, v.is_temp ? F_B_TEMP : 0, target, v.reg, 0);
        else
            emit(fs, OPC_ASSIGN_OP, (v.is_temp ? F_B_TEMP : 0) | (checked ? F_CHECKED : 0), target,
                 v.reg, s->assign.op);
    }
    emit_pos(fs, s->assign.op_pos);
}

static void assign_name(fn_state *fs, const stmt *s, const resolved *r) {
    const expr *target = s->assign.target;
    uint32_t index = add_site(fs, target->var.name, target->pos);
    if (fs->failed) return;
    site *found = &fs->p->sites[index];
    site_path(fs, found, target->var.path);
    if (r->has_fallback) {
        found->object = OBJECT_SLOT;
        found->slot = r->reg;
        found->checked = r->is_checked;
    }
    uint16_t value = expr_push(fs, s->assign.value);
    emit_count(fs, target->pos);
    if (s->assign.has_op && !target->var.path.len) { /* those of modules cannot be changed */
        uint16_t old = reg_new(fs);
        emit(fs, OPC_GET_NAME, F_CHECKED, old, 0, index);
        emit_pos(fs, target->pos);
        emit(fs, OPC_ASSIGN_OP, F_B_TEMP, old, value, s->assign.op);
        emit_pos(fs, s->assign.op_pos);
        value = old;
    }
    emit(fs, OPC_SET_NAME, F_B_TEMP, 0, value, index);
    emit_pos(fs, target->pos);
}

static void assign_stmt(fn_state *fs, const stmt *s) {
    const expr *target = s->assign.target;
    uint32_t mark = fs->free_reg;
    if (target->kind == EXPR_CHAIN) {
        chain_assign(fs, s);
    } else if (target->kind == EXPR_THIS) {
        emit(fs, OPC_BOUND_THIS, 0, 0, 0, 0);
        emit_pos(fs, target->pos);
        operand v = expr_any(fs, s->assign.value);
        unsigned flags = F_THIS | (v.is_temp ? F_B_TEMP : 0);
        emit_count(fs, target->pos);
        emit(fs, OPC_CHECK_THIS, 0, 0, 0, 0);
        emit_pos(fs, target->pos);
        if (s->assign.has_op) {
            emit(fs, OPC_ASSIGN_OP, flags, 0, v.reg, s->assign.op);
            emit_pos(fs, s->assign.op_pos);
        } else {
            emit(fs, OPC_SET_THIS, flags, 0, v.reg, 0);
            emit_pos(fs, target->pos);
        }
    } else {
        resolved r = resolve(fs, target->var.name);
        if (target->var.path.len || r.kind == NAME_DYNAMIC || r.is_const) {
            if (target->var.path.len) r.has_fallback = false;
            assign_name(fs, s, &r);
        } else if (s->assign.has_op) {
            assign_op(fs, s, r.reg, r.is_checked);
        } else if (r.is_checked) {
            operand v = expr_any(fs, s->assign.value);
            emit_count(fs, target->pos);
            check_const(fs, r.reg, target);
            emit(fs, OPC_SET_CELL, v.is_temp ? F_B_TEMP : 0, r.reg, v.reg, 0);
            emit_pos(fs, target->pos);
        } else if (fs->options->count_operations) {
            uint16_t value = expr_push(fs, s->assign.value);
            emit_count(fs, target->pos);
            emit(fs, OPC_TAKE, 0, r.reg, value, 0);
        } else {
            expr_to_safely(fs, s->assign.value, r.reg);
            emit_count(fs, target->pos);
        }
    }
    reg_free_to(fs, mark);
}

static void try_stmt(fn_state *fs, const stmt *s, int dst) {
    scope_state scope = scope_open(fs);
    int mark = take_mark(fs);
    uint16_t caught = reg_new(fs);
    uint16_t var = reg_new(fs);
    uint32_t start = emit_here(fs);
    block_to(fs, s->try_catch.body, dst);
    uint32_t end = emit_here(fs);
    uint32_t over = emit_jump(fs, OPC_JUMP, 0, 0);
    handler h = {start, end, emit_here(fs), caught};
    trim_mark(fs, mark);
    bool has_var = s->try_catch.var.name != NULL;
    uint32_t before = fs->operations;
    uint32_t catch = emit(fs, OPC_CATCH, 0, caught, has_var, 0);
    emit_pos(fs, s->try_catch.var.pos);
    if (has_var) count_variables(fs, 0, s->try_catch.var.pos);
    if (has_var) local_add(fs, s->try_catch.var.name, var, false);
    uint32_t catch_start = emit_here(fs);
    block_to(fs, s->try_catch.handler, REG_NONE);
    handler rethrow = {catch_start, emit_here(fs), 0, caught};
    if (!fs->failed) fs->p->code[catch].c = count_operand(fs->operations - before);
    fs->operations = before;
    emit(fs, OPC_CLEAR, 0, caught, caught + 2u, 0);
    unit_to(fs, dst);
    patch_here(fs, over);
    if (h.end > h.start) TABLE_PUSH(fs, fs->p->handlers, fs->p->handlers_len, fs->handlers_cap, h);
    if (rethrow.end > rethrow.start)
        TABLE_PUSH(fs, fs->p->handlers, fs->p->handlers_len, fs->handlers_cap, rethrow);
    scope_close(fs, scope);
}

static bool build_switch_index(fn_state *fs, switch_table *t) {
    uint32_t size = 4;
    while (size < t->len * 2)
        size *= 2;
    t->mask = size - 1;
    t->buckets = heap_alloc(fs->h, size * sizeof *t->buckets);
    if (!t->buckets) return false;
    memset(t->buckets, 0xff, size * sizeof *t->buckets);
    for (uint32_t i = t->len; i-- > 0;) {
        struct switch_entry *e = &t->entries[i];
        e->hash = label_hash(fs->h, &e->value);
        int32_t *bucket = &t->buckets[e->hash & t->mask];
        e->next = *bucket;
        *bucket = (int32_t)i;
    }
    return true;
}

static bool alloc_switch(fn_state *fs, const stmt *s, switch_table *t) {
    *t = (switch_table){.len = s->sw.labels_len, .ranges_len = s->sw.ranges_len};
    if (t->len && !(t->entries = heap_alloc_zero(fs->h, t->len * sizeof *t->entries))) goto fail;
    if (t->ranges_len && !(t->ranges = heap_alloc_zero(fs->h, t->ranges_len * sizeof *t->ranges)))
        goto fail;
    for (uint32_t i = 0; i < t->len; i++)
        t->entries[i].value = value_copy(&s->sw.labels[i].value);
    for (uint32_t i = 0; i < t->ranges_len; i++)
        t->ranges[i].value = value_copy(&s->sw.ranges[i].value);
    if (!build_switch_index(fs, t)) goto fail;
    return true;
fail:
    fs->failed = true;
    return false;
}

/* An arm with a condition gets a stub per label, which on a false condition continues the
 * search behind that label. */
static int32_t switch_target(fn_state *fs, const stmt *s, const switch_label *label, uint32_t next,
                             uint16_t value, uint32_t table, jump_list *bodies) {
    const switch_arm *arm = &s->sw.arms[label->arm];
    int32_t target = (int32_t)emit_here(fs);
    if (arm->condition) {
        fs->skips_count = expr_is_const(arm->condition, RHAI_BOOL);
        jump_list failed = {0};
        expr_branch(fs, arm->condition, true, &failed);
        jump_add(fs, &bodies[label->arm], emit_jump(fs, OPC_JUMP, 0, 0));
        jumps_here(fs, &failed);
        emit_d(fs, OPC_SWITCH, 0, value, (int32_t)table);
        emit_d(fs, OPC_EXTRA, 0, 0, (int32_t)next);
    } else {
        jump_add(fs, &bodies[label->arm], emit_jump(fs, OPC_JUMP, 0, 0));
    }
    return target;
}

static bool has_conditions(const stmt *s) {
    for (uint32_t i = 0; i < s->sw.arms_len; i++)
        if (s->sw.arms[i].condition) return true;
    return false;
}

/* Targets are instruction numbers: an arm's search may be resumed from several places. */
static void switch_stmt(fn_state *fs, const stmt *s, int dst) {
    uint32_t mark = fs->free_reg;
    /* Conditions may change a variable, and the search goes on after them. */
    uint16_t value = has_conditions(s) ? expr_push(fs, s->sw.value) : expr_any(fs, s->sw.value).reg;
    proto *p = fs->p;
    switch_table empty = {0};
    if (!TABLE_PUSH(fs, p->switches, p->switches_len, fs->switches_cap, empty)) return;
    uint32_t index = p->switches_len - 1;
    if (!alloc_switch(fs, s, &p->switches[index])) return;
    jump_list *bodies =
        s->sw.arms_len ? heap_alloc_zero(fs->h, s->sw.arms_len * sizeof *bodies) : NULL;
    if (s->sw.arms_len && !bodies) {
        fs->failed = true;
        return;
    }
    emit_d(fs, OPC_SWITCH, 0, value, (int32_t)index);
    emit_d(fs, OPC_EXTRA, 0, 0, 0);
    for (uint32_t i = 0; i < s->sw.labels_len && !fs->failed; i++)
        p->switches[index].entries[i].target =
            switch_target(fs, s, &s->sw.labels[i], i + 1, value, index, bodies);
    for (uint32_t i = 0; i < s->sw.ranges_len && !fs->failed; i++)
        p->switches[index].ranges[i].arm = (uint32_t)switch_target(
            fs, s, &s->sw.ranges[i], s->sw.labels_len + i + 1, value, index, bodies);
    jump_list end = {0};
    if (!fs->failed) p->switches[index].default_target = (int32_t)emit_here(fs);
    if (s->sw.default_arm >= 0) {
        jump_add(fs, &bodies[s->sw.default_arm], emit_jump(fs, OPC_JUMP, 0, 0));
    } else {
        unit_to(fs, dst);
        jump_add(fs, &end, emit_jump(fs, OPC_JUMP, 0, 0));
    }
    uint32_t before = fs->operations;
    for (uint32_t i = 0; i < s->sw.arms_len && !fs->failed; i++) {
        jumps_here(fs, &bodies[i]);
        scope_state scope = scope_open(fs);
        if (dst >= 0)
            expr_to_safely(fs, s->sw.arms[i].body, (uint16_t)dst);
        else
            expr_discard(fs, s->sw.arms[i].body);
        scope_close(fs, scope);
        jump_add(fs, &end, emit_jump(fs, OPC_JUMP, 0, 0));
    }
    if (s->sw.arms_len) /* an arm of medium length */
        fs->operations = before + (fs->operations - before) / s->sw.arms_len;
    jumps_here(fs, &end);
    for (uint32_t i = 0; bodies && i < s->sw.arms_len; i++)
        heap_free(fs->h, bodies[i].at, bodies[i].cap * sizeof *bodies[i].at);
    if (bodies) heap_free(fs->h, bodies, s->sw.arms_len * sizeof *bodies);
    reg_free_to(fs, mark);
}

static void return_stmt(fn_state *fs, const stmt *s) {
    uint32_t mark = fs->free_reg;
    bool throws = s->kind == STMT_THROW;
    if (s->expr) {
        operand v = expr_any(fs, s->expr);
        emit_d(fs, throws ? OPC_THROW : OPC_RETURN, 0, v.reg, throws ? 0 : (int32_t)fs->operations);
    } else if (throws) {
        uint16_t v = reg_new(fs);
        emit(fs, OPC_UNIT, 0, v, 0, 0);
        emit(fs, OPC_THROW, 0, v, 0, 0);
    } else {
        emit_d(fs, OPC_RETURN_UNIT, 0, 0, (int32_t)fs->operations);
    }
    emit_pos(fs, s->pos);
    reg_free_to(fs, mark);
}

static void import_stmt(fn_state *fs, const stmt *s) {
    uint32_t mark = fs->free_reg;
    uint16_t path = expr_push(fs, s->import.path);
    uint32_t index = add_site(fs, s->import.alias.name, s->pos);
    if (!fs->failed) {
        fs->p->sites[index].arg_pos = expr_start(s->import.path);
        fs->p->sites[index].object_pos = s->import.path->pos;
    }
    emit(fs, OPC_IMPORT, 0, 0, path, index);
    emit_pos(fs, s->pos);
    reg_free_to(fs, mark);
    TABLE_PUSH(fs, fs->imports, fs->imports_len, fs->imports_cap, s->import.alias.name);
}

static void export_stmt(fn_state *fs, const stmt *s) {
    resolved r = resolve(fs, s->export_.name.name);
    for (uint32_t i = fs->locals_len; i-- > 0;) {
        if (fs->locals[i].name == s->export_.name.name) {
            fs->locals[i].is_exported = true;
            break;
        }
    }
    rhai_str *alias = s->export_.alias.name ? s->export_.alias.name : s->export_.name.name;
    uint32_t index = add_site(fs, alias, s->export_.name.pos);
    if (!fs->failed) fs->p->sites[index].object_name = s->export_.name.name;
    emit(fs, OPC_EXPORT, 0, r.has_fallback, r.reg, index);
    emit_pos(fs, s->export_.name.pos);
}

void stmt_to(fn_state *fs, const stmt *s, int dst) {
    if (fs->failed) return;
    emit_count(fs, s->pos);
    bool sets_dst = false;
    switch ((stmt_kind)s->kind) {
    case STMT_NOOP: break;
    case STMT_EXPR:
        fs->skips_count = s->is_call;
        if (dst >= 0)
            expr_to_safely(fs, s->expr, (uint16_t)dst);
        else
            expr_discard(fs, s->expr);
        sets_dst = true;
        break;
    case STMT_BLOCK:
        block_to(fs, s->block, dst);
        sets_dst = true;
        break;
    case STMT_IF:
        if_stmt(fs, s, dst);
        sets_dst = true;
        break;
    case STMT_SWITCH:
        switch_stmt(fs, s, dst);
        sets_dst = true;
        break;
    case STMT_WHILE:
        while_stmt(fs, s, dst);
        sets_dst = true;
        break;
    case STMT_DO:
        do_stmt(fs, s, dst);
        sets_dst = true;
        break;
    case STMT_FOR:
        for_stmt(fs, s, dst);
        sets_dst = true;
        break;
    case STMT_TRY:
        try_stmt(fs, s, dst);
        sets_dst = true;
        break;
    case STMT_VAR: var_stmt(fs, s); break;
    case STMT_ASSIGN: assign_stmt(fs, s); break;
    case STMT_BREAK:
    case STMT_CONTINUE: break_stmt(fs, s); break;
    case STMT_RETURN:
    case STMT_THROW: return_stmt(fs, s); break;
    case STMT_IMPORT: import_stmt(fs, s); break;
    case STMT_EXPORT: export_stmt(fs, s); break;
    }
    if (!sets_dst) unit_to(fs, dst);
}

/* ---- Tails: the last statement of a function returns its value itself ---- */

static void block_tail(fn_state *fs, const block *b);

static void expr_tail(fn_state *fs, const expr *e) {
    uint32_t mark = fs->free_reg;
    operand v = expr_any(fs, e);
    emit_d(fs, OPC_RETURN, 0, v.reg, (int32_t)fs->operations);
    reg_free_to(fs, mark);
}

static void stmt_tail(fn_state *fs, const stmt *s) {
    if (s->kind == STMT_EXPR && s->expr->kind != EXPR_BLOCK) {
        emit_count(fs, s->pos);
        fs->skips_count = s->is_call;
        expr_tail(fs, s->expr);
    } else if (s->kind == STMT_IF && !fs->needs_marks) {
        emit_count(fs, s->pos);
        jump_list otherwise = {0};
        expr_branch(fs, s->flow.condition, true, &otherwise);
        uint32_t before = fs->operations;
        block_tail(fs, s->flow.body);
        fs->operations = before;
        jumps_here(fs, &otherwise);
        block_tail(fs, s->flow.branch);
    } else {
        uint32_t mark = fs->free_reg;
        uint16_t dst = reg_new(fs);
        stmt_to(fs, s, dst);
        emit_d(fs, OPC_RETURN, 0, dst, (int32_t)fs->operations);
        reg_free_to(fs, mark);
    }
}

static void block_tail(fn_state *fs, const block *b) {
    scope_state s = scope_open(fs);
    fs->block_depth++;
    for (uint32_t i = 0; b && i + 1 < b->len && !fs->failed; i++)
        stmt_to(fs, b->stmts[i], REG_NONE);
    if (b && b->len)
        stmt_tail(fs, b->stmts[b->len - 1]);
    else
        emit_d(fs, OPC_RETURN_UNIT, 0, 0, (int32_t)fs->operations);
    fs->block_depth--;
    scope_close(fs, s);
}

/* The statements at global level: variables stay in their registers to the end. */
static void global_tail(fn_state *fs, const block *b) {
    uint16_t dst = reg_new(fs);
    statements_to(fs, b, dst);
    emit_d(fs, OPC_RETURN, 0, dst, (int32_t)fs->operations);
}

/* ---- Functions and units ---- */

static void collect_capture(void *data, rhai_str *name) {
    fn_state *fs = data;
    for (uint32_t i = 0; i < fs->captured_len; i++)
        if (fs->captured[i] == name) return;
    TABLE_PUSH(fs, fs->captured, fs->captured_len, fs->captured_cap, name);
}

static void fn_open(fn_state *fs, unit *u, const compile_options *o, proto *p, const block *body) {
    *fs = (fn_state){.u = u, .h = u->h, .options = o, .p = p};
    scan_result r = {.capture = collect_capture, .data = fs};
    scan_function(&r, body);
    fs->all_checked = r.has_eval;
    fs->needs_marks = r.has_eval || r.has_import;
}

static void shrink(fn_state *fs, void **table, uint32_t len, uint32_t cap, size_t size) {
    if (len == cap) return;
    void *p = heap_resize(fs->h, *table, cap * size, len * size);
    if (p || !len)
        *table = len ? p : NULL;
    else
        fs->failed = true;
}

/* Where a jump to `target` ends up. */
static uint32_t final_target(const proto *p, uint32_t target) {
    for (int hops = 0; hops < 8 && p->code[target].op == OPC_JUMP; hops++)
        target = (uint32_t)((int64_t)target + 1 + p->code[target].d);
    return target;
}

/* A label's stub is one jump to the arm's body, unless the arm has a condition. */
static void shorten_switches(proto *p) {
    for (uint32_t i = 0; i < p->switches_len; i++) {
        switch_table *t = &p->switches[i];
        for (uint32_t k = 0; k < t->len; k++)
            t->entries[k].target = (int32_t)final_target(p, (uint32_t)t->entries[k].target);
        for (uint32_t k = 0; k < t->ranges_len; k++)
            t->ranges[k].arm = final_target(p, t->ranges[k].arm);
        t->default_target = (int32_t)final_target(p, (uint32_t)t->default_target);
    }
}

static void fn_close(fn_state *fs) {
    proto *p = fs->p;
    p->operations = fs->operations;
    if (!fs->failed) {
        shorten_switches(p);
        finish_code(p->code, p->len);
    }
#define SHRINK(table)                                                                              \
    shrink(fs, (void **)&p->table, p->table##_len, fs->table##_cap, sizeof *p->table)
    shrink(fs, (void **)&p->code, p->len, fs->code_cap, sizeof *p->code);
    SHRINK(consts);
    SHRINK(positions);
    SHRINK(handlers);
    SHRINK(sites);
    SHRINK(paths);
    SHRINK(switches);
    SHRINK(scopes);
    SHRINK(closures);
    SHRINK(shapes);
    SHRINK(globals);
#undef SHRINK
#ifndef NDEBUG
    uint32_t pc;
    const char *problem = fs->failed ? NULL : verify_code(fs->h, p, &pc);
    if (problem)
        fprintf(stderr, "%s at instruction %u, %s\n", problem, pc,
                pc < p->len ? opcodes[p->code[pc].op].name : "the end");
    assert(!problem);
#endif
    if (fs->locals) heap_free(fs->h, fs->locals, fs->locals_cap * sizeof *fs->locals);
    if (fs->imports) heap_free(fs->h, fs->imports, fs->imports_cap * sizeof *fs->imports);
    if (fs->captured) heap_free(fs->h, fs->captured, fs->captured_cap * sizeof *fs->captured);
}

/* Function pointers count references to a proto; the first one keeps the unit (see vm/). */
static void proto_released(heap *h, opaque *o) {
    obj_unref(h, ((proto *)o)->unit);
}

static proto *proto_new(unit *u, rhai_str *name) {
    if (u->protos_len == u->protos_cap) {
        uint32_t cap = next_size(u->protos_cap, 8);
        proto **grown =
            heap_resize(u->h, u->protos, u->protos_cap * sizeof *grown, cap * sizeof *grown);
        if (!grown) return NULL;
        u->protos = grown;
        u->protos_cap = cap;
    }
    proto *p = heap_alloc_zero(u->h, sizeof *p);
    if (!p) return NULL;
    p->head.head.type = OBJ_OPAQUE;
    p->head.destroy = proto_released;
    p->unit = u;
    p->name = name;
    p->number = u->protos_len;
    u->protos[u->protos_len++] = p;
    return p;
}

static void add_params(fn_state *fs, const fn_def *fn) {
    for (uint32_t i = 0; i < fn->nparams; i++) {
        uint16_t reg = reg_new(fs);
        local *l = local_add(fs, fn->params[i].name, reg, false);
        if (l && i < fn->ncaptures) l->is_checked = true;
    }
}

static void describe(proto *p, fn_def *fn) {
    p->def = fn;
    p->this_type = fn->this_type;
    p->nparams = fn->nparams;
    p->is_private = fn->is_private;
    p->is_closure = fn->is_closure;
}

bool proto_is_empty(proto *p) {
    return (p->def->body || ast_load_body(p->unit->tree, p->def)) && !p->def->body->len;
}

static void free_switch(heap *h, switch_table *t) {
    for (uint32_t i = 0; i < t->len && t->entries; i++)
        value_drop(h, &t->entries[i].value);
    for (uint32_t i = 0; i < t->ranges_len && t->ranges; i++)
        value_drop(h, &t->ranges[i].value);
    if (t->buckets) heap_free(h, t->buckets, (t->mask + 1) * sizeof *t->buckets);
    if (t->entries) heap_free(h, t->entries, t->len * sizeof *t->entries);
    if (t->ranges) heap_free(h, t->ranges, t->ranges_len * sizeof *t->ranges);
}

static void free_tables(heap *h, proto *p) {
    for (uint32_t i = 0; i < p->consts_len; i++)
        value_drop(h, &p->consts[i]);
    for (uint32_t i = 0; i < p->paths_len; i++)
        heap_free(h, p->paths[i].steps, p->paths[i].len * sizeof *p->paths[i].steps);
    for (uint32_t i = 0; i < p->switches_len; i++)
        free_switch(h, &p->switches[i]);
    for (uint32_t i = 0; i < p->scopes_len; i++)
        heap_free(h, p->scopes[i].vars, p->scopes[i].len * sizeof *p->scopes[i].vars);
    for (uint32_t i = 0; i < p->closures_len; i++)
        heap_free(h, p->closures[i].captures, p->closures[i].len * sizeof *p->closures[i].captures);
    for (uint32_t i = 0; i < p->shapes_len; i++) {
        if (p->shapes[i].keys)
            heap_free(h, p->shapes[i].keys, p->shapes[i].len * sizeof *p->shapes[i].keys);
        heap_free(h, p->shapes[i].positions, p->shapes[i].len * sizeof *p->shapes[i].positions);
    }
#define FREE(table)                                                                                \
    heap_free(h, p->table, p->table##_len * sizeof *p->table);                                     \
    p->table = NULL;                                                                               \
    p->table##_len = 0
    heap_free(h, p->code, p->len * sizeof *p->code);
    p->code = NULL;
    p->len = 0;
    FREE(consts);
    FREE(positions);
    FREE(handlers);
    FREE(sites);
    FREE(paths);
    FREE(switches);
    FREE(scopes);
    FREE(closures);
    FREE(shapes);
    FREE(globals);
#undef FREE
}

static void proto_free(heap *h, proto *p) {
    free_tables(h, p);
    heap_free(h, p, sizeof *p);
}

static void compile_body(unit *u, proto *p, fn_def *fn, const compile_options *o, bool *failed,
                         bool *too_large) {
    fn_state fs;
    if (!ast_load_body(u->tree, fn)) {
        *failed = true;
        return;
    }
    fn_open(&fs, u, o, p, fn->body);
    estimate(&fs, 1); /* the call */
    add_params(&fs, fn);
    block_tail(&fs, fn->body);
    fn_close(&fs);
    if (fs.failed) free_tables(u->h, p);
    *failed |= fs.failed;
    *too_large |= fs.too_large;
}

proto *compile_closure(unit *u, fn_def *fn, const compile_options *o, bool *failed,
                       bool *too_large) {
    proto *p = proto_new(u, fn->name);
    if (!p) {
        *failed = true;
        return NULL;
    }
    describe(p, fn);
    /* What has no code is not entered in a plain frame, which would count the call: that of an
     * empty function is no operation. */
    if (fn->body->len) compile_body(u, p, fn, o, failed, too_large);
    return p;
}

static rhai_error *compile_error(heap *h, bool too_large) {
    if (too_large) return error_newf(h, ERR_PARSING, POS_NONE, "Function is too large");
    return error_out_of_memory(h);
}

static void unit_destroy(heap *h, opaque *o) {
    unit *u = (unit *)o;
    for (uint32_t i = 0; i < u->protos_len; i++)
        proto_free(h, u->protos[i]);
    heap_free(h, u->protos, u->protos_cap * sizeof *u->protos);
    heap_free(h, u->functions, u->functions_cap * sizeof *u->functions);
    if (u->function_index)
        heap_free(h, u->function_index, (u->function_mask + 1) * sizeof *u->function_index);
    for (uint32_t i = 0; i < u->earlier_len; i++)
        obj_unref(h, u->earlier[i]);
    heap_free(h, u->earlier, u->earlier_len * sizeof *u->earlier);
    obj_unref(h, u->constants);
    obj_unref(h, u->env);
    obj_unref(h, u->source);
    obj_unref(h, u->canonical);
    ast_free(u->tree);
    heap_free(h, u, sizeof *u);
}

static unit *unit_new(heap *h, ast *tree, rhai_str *source) {
    unit *u = heap_alloc_zero(h, sizeof *u);
    if (!u) return NULL;
    u->head.head.refs = 1;
    u->head.head.type = OBJ_OPAQUE;
    u->head.destroy = unit_destroy;
    u->h = h;
    u->tree = tree;
    u->source = source;
    if (source) obj_ref(source);
    return u;
}

static uint32_t function_hash(const rhai_str *name, uint32_t nparams) {
    uint64_t x =
        ((uint64_t)(uintptr_t)name >> 4) * 0x9E3779B97F4A7C15u + nparams * 0xC2B2AE3D27D4EB4Fu;
    return (uint32_t)(x >> 32);
}

/* Declares every function before any body is compiled, so that calls find them. */
static bool declare_functions(unit *u) {
    const ast *tree = u->tree;
    uint32_t size = 8;
    while (size < tree->functions_len * 2)
        size *= 2;
    u->function_mask = size - 1;
    u->functions_cap = tree->functions_len;
    if (tree->functions_len &&
        !(u->functions = heap_alloc_zero(u->h, tree->functions_len * sizeof *u->functions)))
        return false;
    if (!(u->function_index = heap_alloc_zero(u->h, size * sizeof *u->function_index)))
        return false;
    for (uint32_t i = 0; i < tree->functions_len; i++) {
        fn_def *fn = tree->functions[i];
        if (fn->is_closure) continue;
        proto *p = proto_new(u, fn->name);
        if (!p) return false;
        describe(p, fn);
        u->functions[u->functions_len++] = (fn_slot){fn->name, fn->this_type, fn->nparams, p};
        uint32_t at = function_hash(fn->name, fn->nparams) & u->function_mask;
        while (u->function_index[at])
            at = (at + 1) & u->function_mask;
        u->function_index[at] = u->functions_len;
    }
    return true;
}

proto *unit_find(const unit *u, const rhai_str *name, uint32_t nparams, const char *this_type) {
    if (!u->function_index) return NULL;
    uint32_t at = function_hash(name, nparams) & u->function_mask;
    for (; u->function_index[at]; at = (at + 1) & u->function_mask) {
        const fn_slot *f = &u->functions[u->function_index[at] - 1];
        if (f->name == name && f->nparams == nparams &&
            (this_type ? f->this_type && strcmp(f->this_type->data, this_type) == 0
                       : !f->this_type))
            return f->fn;
    }
    return NULL;
}

rhai_pos proto_pos(const proto *p, uint32_t pc) {
    uint32_t low = 0, high = p->positions_len;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (p->positions[mid].pc < pc)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < p->positions_len && p->positions[low].pc == pc) return p->positions[low].pos;
    return POS_NONE;
}

bool compile_function(proto *p, rhai_error **ret_error) {
    bool failed = false, too_large = false;
    compile_body(p->unit, p, p->def, &p->unit->options, &failed, &too_large);
    if (failed) *ret_error = compile_error(p->unit->h, too_large);
    return !failed;
}

bool compile_all(unit *u, rhai_error **ret_error) {
    for (uint32_t i = 0; i < u->functions_len; i++) {
        proto *p = u->functions[i].fn;
        if (!p->code && !proto_is_empty(p) && !compile_function(p, ret_error)) return false;
    }
    return true;
}

unit *compile_unit(heap *h, ast *tree, rhai_str *source, const compile_options *options,
                   rhai_error **ret_error) {
    unit *u = unit_new(h, tree, source);
    if (!u) {
        ast_free(tree);
        *ret_error = error_out_of_memory(h);
        return NULL;
    }
    u->options = *options;
    bool failed = !declare_functions(u), too_large = false;
    if (!failed && (u->main = proto_new(u, NULL))) {
        fn_state fs;
        fn_open(&fs, u, options, u->main, tree->body);
        fs.is_global = true;
        global_tail(&fs, tree->body);
        fn_close(&fs);
        failed = fs.failed;
        too_large |= fs.too_large;
    } else {
        failed = true;
    }
    if (failed) {
        *ret_error = compile_error(h, too_large);
        obj_unref(h, u);
        return NULL;
    }
    return u;
}

unit *compile_inner(heap *h, ast *tree, rhai_str *source, const scope_table *scope,
                    const compile_options *options, rhai_error **ret_error) {
    unit *u = unit_new(h, tree, source);
    if (!u) {
        ast_free(tree);
        *ret_error = error_out_of_memory(h);
        return NULL;
    }
    bool failed = false, too_large = false;
    u->is_inner = true;
    if ((u->main = proto_new(u, NULL))) {
        fn_state fs;
        fn_open(&fs, u, options, u->main, tree->body);
        fs.outer = scope;
        fs.is_inner_top = true;
        fs.is_dynamic = true;
        fs.free_reg = u->main->nregs = u->main->first_reg = scope->first_free;
        global_tail(&fs, tree->body);
        fn_close(&fs);
        failed = fs.failed;
        too_large = fs.too_large;
    } else {
        failed = true;
    }
    if (failed) {
        *ret_error = compile_error(h, too_large);
        obj_unref(h, u);
        return NULL;
    }
    return u;
}

proto *compile_scoped_call(unit *u, fn_def *fn, const scope_table *scope,
                           const compile_options *options, rhai_error **ret_error) {
    proto *p = proto_new(u, fn->name);
    bool failed = !p || !ast_load_body(u->tree, fn), too_large = false;
    if (!failed) {
        describe(p, fn);
        fn_state fs;
        fn_open(&fs, u, options, p, fn->body);
        fs.outer = scope;
        fs.is_dynamic = true;
        fs.free_reg = p->nregs = p->first_reg = scope->first_free;
        estimate(&fs, 1);
        add_params(&fs, fn);
        block_tail(&fs, fn->body);
        fn_close(&fs);
        failed = fs.failed;
        too_large = fs.too_large;
    }
    if (failed) {
        *ret_error = compile_error(u->h, too_large);
        return NULL;
    }
    return p;
}
