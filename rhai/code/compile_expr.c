/* Expressions to code. Operands are evaluated left to right; a variable that is an operand is
 * read in place unless what is evaluated after it may change it. */
#include "code/emit.h"

#include <string.h>

static void load_const(fn_state *fs, const rhai_value *v, uint16_t dst) {
    if (v->type == RHAI_UNIT)
        emit(fs, OPC_UNIT, 0, dst, 0, 0);
    else if (v->type == RHAI_BOOL)
        emit_d(fs, OPC_BOOL, 0, dst, v->b);
    else if (v->type == RHAI_INT && v->i >= INT32_MIN && v->i <= INT32_MAX)
        emit_d(fs, OPC_INT, 0, dst, (int32_t)v->i);
    else
        emit_d(fs, OPC_CONST, 0, dst, (int32_t)add_const(fs, v));
}

/* A site for a variable found by name; a slot behind it serves when no such name was defined. */
static uint32_t name_site(fn_state *fs, const expr *e, const resolved *r) {
    uint32_t index = add_site(fs, e->var.name, e->pos);
    if (!fs->failed && r->has_fallback) {
        site *s = &fs->p->sites[index];
        s->object = OBJECT_SLOT;
        s->slot = r->reg;
        s->checked = r->is_checked;
    }
    return index;
}

static void var_to(fn_state *fs, const expr *e, uint16_t dst) {
    if (e->var.path.len) {
        uint32_t index = add_site(fs, e->var.name, e->pos);
        if (!fs->failed) site_path(fs, &fs->p->sites[index], e->var.path);
        emit(fs, OPC_GET_PATH, 0, dst, 0, index);
        emit_pos(fs, e->pos);
        return;
    }
    resolved r = resolve(fs, e->var.name);
    if (r.kind == NAME_DYNAMIC) {
        emit(fs, OPC_GET_NAME, 0, dst, 0, name_site(fs, e, &r));
        emit_pos(fs, e->pos);
    } else if (r.is_checked) {
        emit(fs, OPC_GET_CELL, 0, dst, r.reg, 0);
        emit_pos(fs, e->pos);
    } else if (r.reg != dst) {
        emit(fs, OPC_MOVE, 0, dst, r.reg, 0);
    }
}

/* The register of a variable that can be read in place. */
static bool plain_local(const fn_state *fs, const expr *e, uint16_t *ret) {
    if (e->kind != EXPR_VAR || e->var.path.len) return false;
    resolved r = resolve(fs, e->var.name);
    if (r.kind != NAME_LOCAL || r.is_checked) return false;
    *ret = r.reg;
    return true;
}

uint16_t expr_push(fn_state *fs, const expr *e) {
    uint16_t reg = reg_new(fs);
    expr_to(fs, e, reg);
    return reg;
}

operand expr_any(fn_state *fs, const expr *e) {
    uint16_t reg;
    if (plain_local(fs, e, &reg)) {
        emit_count(fs, e->pos);
        return (operand){reg, false};
    }
    return (operand){expr_push(fs, e), true};
}

static bool small_int(const expr *e, int16_t *ret) {
    if (e->kind != EXPR_CONST || e->value.type != RHAI_INT || e->value.i < INT16_MIN ||
        e->value.i > INT16_MAX)
        return false;
    *ret = (int16_t)e->value.i;
    return true;
}

static const struct binary_code {
    op op;
    uint8_t code, code_int; /* 0: none */
    bool swapped;           /* the instruction has the operands the other way round */
    int16_t min, max;       /* of code_int's immediate */
} binary_codes[] = {
    {OP_ADD, OPC_ADD, OPC_ADD_INT, false, INT16_MIN, INT16_MAX},
    {OP_SUB, OPC_SUB, OPC_SUB_INT, false, INT16_MIN, INT16_MAX},
    {OP_MUL, OPC_MUL, OPC_MUL_INT, false, INT16_MIN, INT16_MAX},
    {OP_DIV, OPC_DIV, OPC_DIV_INT, false, 2, INT16_MAX},
    {OP_MOD, OPC_MOD, OPC_MOD_INT, false, 2, INT16_MAX},
    {OP_BAND, OPC_BAND, OPC_BAND_INT, false, INT16_MIN, INT16_MAX},
    {OP_BOR, OPC_BOR, 0, false, 0, 0},
    {OP_XOR, OPC_XOR, 0, false, 0, 0},
    {OP_SHL, OPC_SHL, OPC_SHL_INT, false, 0, 63},
    {OP_SHR, OPC_SHR, OPC_SHR_INT, false, 0, 63},
    {OP_LT, OPC_LESS, 0, false, 0, 0},
    {OP_LE, OPC_LESS_EQUAL, 0, false, 0, 0},
    {OP_GT, OPC_LESS, 0, true, 0, 0},
    {OP_GE, OPC_LESS_EQUAL, 0, true, 0, 0},
    {OP_EQ, OPC_EQUAL, 0, false, 0, 0},
    {OP_NE, OPC_NOT_EQUAL, 0, false, 0, 0},
};

static const struct binary_code *find_binary(op o) {
    for (size_t i = 0; i < sizeof binary_codes / sizeof *binary_codes; i++)
        if (binary_codes[i].op == o) return &binary_codes[i];
    return NULL;
}

static bool takes_immediate(const struct binary_code *known, const expr *right, int16_t *ret) {
    return known && known->code_int && small_int(right, ret) && *ret >= known->min &&
           *ret <= known->max;
}

void operands_in_order(fn_state *fs, const expr *left, const expr *right, operand *l, operand *r) {
    if (expr_may_write(right))
        *l = (operand){arg_push(fs, left), true};
    else
        *l = arg_any(fs, left);
    *r = arg_any(fs, right);
}

static unsigned temp_flags(operand b, operand c) {
    return (b.is_temp ? F_B_TEMP : 0) | (c.is_temp ? F_C_TEMP : 0);
}

static void unary_to(fn_state *fs, const expr *e, uint16_t dst) {
    uint32_t mark = fs->free_reg;
    operand b = expr_any(fs, e->op.left);
    opcode code = e->op.op == OP_NOT ? OPC_NOT : e->op.op == OP_NEG ? OPC_NEGATE : OPC_PLUS;
    if (code == OPC_NEGATE) /* a call in Rhai, though not here when it is an integer's */
        emit_count(fs, e->pos);
    emit(fs, code, b.is_temp ? F_B_TEMP : 0, dst, b.reg, 0);
    emit_pos(fs, e->pos);
    reg_free_to(fs, mark);
}

/* As arguments of a call: the first one last when it is a variable. */
static void call_operands(fn_state *fs, const expr *first, const expr *second, operand *f,
                          operand *s) {
    if (first->kind != EXPR_VAR) {
        operands_in_order(fs, first, second, f, s);
        return;
    }
    emit_count(fs, first->pos);
    *s = arg_any(fs, second);
    fs->uncounted++;
    *f = arg_any(fs, first);
    fs->uncounted--;
}

static void op_to(fn_state *fs, const expr *e, uint16_t dst) {
    if (!e->op.right) {
        unary_to(fs, e, dst);
        return;
    }
    uint32_t mark = fs->free_reg;
    const struct binary_code *known = find_binary(e->op.op);
    int16_t imm;
    if (takes_immediate(known, e->op.right, &imm)) {
        operand l = expr_any(fs, e->op.left);
        emit_count(fs, e->op.right->pos);
        emit(fs, known->code_int, l.is_temp ? F_B_TEMP : 0, dst, l.reg, (uint16_t)imm);
        emit_pos(fs, e->pos);
        if (known->code_int == OPC_DIV_INT || known->code_int == OPC_MOD_INT)
            emit_word(fs, UINT64_MAX / (uint64_t)imm + 1);
        reg_free_to(fs, mark);
        return;
    }
    operand l, r;
    if (e->op.op == OP_NOT_IN)
        emit_count(fs, e->pos); /* to Rhai a call of ! around one of contains */
    if (e->op.op == OP_IN)
        call_operands(fs, e->op.right, e->op.left, &r, &l); /* contains(right, left) */
    else if (e->op.op == OP_NOT_IN)
        operands_in_order(fs, e->op.right, e->op.left, &r, &l);
    else
        operands_in_order(fs, e->op.left, e->op.right, &l, &r);
    if (known && known->swapped) {
        emit(fs, known->code, temp_flags(r, l) | F_SWAPPED, dst, r.reg, l.reg);
        emit_pos(fs, e->pos);
    } else if (known) {
        emit(fs, known->code, temp_flags(l, r), dst, l.reg, r.reg);
        emit_pos(fs, e->pos);
    } else {
        emit(fs, OPC_BINARY, temp_flags(l, r), dst, l.reg, r.reg);
        emit_pos(fs, e->pos);
        emit(fs, OPC_EXTRA, 0, e->op.op, 0, 0);
    }
    reg_free_to(fs, mark);
}

/* And, or: the value is always a bool. */
static void logic_to(fn_state *fs, const expr *e, uint16_t dst) {
    bool is_and = e->kind == EXPR_AND;
    jump_list out = {0};
    for (uint32_t i = 0; i < e->list.len; i++)
        expr_branch(fs, e->list.items[i], is_and, &out);
    emit_d(fs, OPC_BOOL, 0, dst, is_and);
    uint32_t end = emit_jump(fs, OPC_JUMP, 0, 0);
    jumps_here(fs, &out);
    emit_d(fs, OPC_BOOL, 0, dst, !is_and);
    patch_here(fs, end);
}

static void coalesce_to(fn_state *fs, const expr *e, uint16_t dst) {
    uint32_t mark = fs->free_reg;
    uint16_t value = reg_new(fs);
    jump_list out = {0};
    for (uint32_t i = 0; i < e->list.len; i++) {
        expr_to(fs, e->list.items[i], value);
        if (i + 1 < e->list.len) jump_add(fs, &out, emit_jump(fs, OPC_JUMP_UNIT, F_NEGATED, value));
    }
    jumps_here(fs, &out);
    emit(fs, OPC_TAKE, 0, dst, value, 0);
    reg_free_to(fs, mark);
}

static bool is_range_of_literals(const expr *e) {
    const expr *from = e->op.left, *to = e->op.right;
    if (!to || (e->op.op != OP_RANGE && e->op.op != OP_RANGE_INCLUSIVE)) return false;
    bool has_from = expr_is_const(from, RHAI_INT), has_to = expr_is_const(to, RHAI_INT);
    return (has_from && (has_to || expr_is_const(to, RHAI_UNIT))) ||
           (has_to && expr_is_const(from, RHAI_UNIT));
}

bool is_composite_literal(const expr *e) {
    switch ((expr_kind)e->kind) {
    case EXPR_ARRAY:
    case EXPR_MAP:
    case EXPR_INTERP: return expr_is_constant(e);
    case EXPR_OP: return is_range_of_literals(e);
    case EXPR_CALL:
        return !e->call.path.len && e->call.args.len == 1 &&
               strcmp(e->call.name->data, "Fn") == 0 &&
               expr_is_const(e->call.args.items[0], RHAI_STRING);
    default: return false;
    }
}

static bool begin_literal(fn_state *fs, const expr *e) {
    if (!fs->options->count_operations || !is_composite_literal(e)) return false;
    emit_count(fs, expr_start(e));
    fs->uncounted++;
    return true;
}

operand arg_any(fn_state *fs, const expr *e) {
    bool is_literal = begin_literal(fs, e);
    operand o = expr_any(fs, e);
    fs->uncounted -= is_literal;
    return o;
}

void arg_to(fn_state *fs, const expr *e, uint16_t dst) {
    bool is_literal = begin_literal(fs, e);
    expr_to(fs, e, dst);
    fs->uncounted -= is_literal;
}

uint16_t arg_push(fn_state *fs, const expr *e) {
    uint16_t reg = reg_new(fs);
    arg_to(fs, e, reg);
    return reg;
}

void expr_to_uncounted(fn_state *fs, const expr *e, uint16_t dst) {
    fs->uncounted++;
    expr_to(fs, e, dst);
    fs->uncounted--;
}

/* Values in consecutive registers from the first free one on. */
static uint16_t push_list(fn_state *fs, const expr_list *list) {
    uint16_t first = (uint16_t)fs->free_reg;
    for (uint32_t i = 0; i < list->len && !fs->failed; i++)
        expr_push(fs, list->items[i]);
    return first;
}

/* Positions of values whose sizes are checked one by one. */
static uint32_t shape_of(fn_state *fs, rhai_str **keys, expr **values, uint32_t len) {
    proto *p = fs->p;
    map_shape shape = {.len = len};
    if (len) {
        shape.positions = heap_alloc(fs->h, len * sizeof *shape.positions);
        if (keys) shape.keys = heap_alloc(fs->h, len * sizeof *shape.keys);
        if (!shape.positions || (keys && !shape.keys)) goto fail;
        for (uint32_t i = 0; i < len; i++) {
            shape.positions[i] = values[i]->pos;
            if (keys) shape.keys[i] = keys[i];
        }
    }
    if (TABLE_PUSH(fs, p->shapes, p->shapes_len, fs->shapes_cap, shape)) return p->shapes_len - 1;
fail:
    heap_free(fs->h, shape.positions, len * sizeof *shape.positions);
    if (shape.keys) heap_free(fs->h, shape.keys, len * sizeof *shape.keys);
    fs->failed = true;
    return 0;
}

static void list_to(fn_state *fs, const expr *e, uint16_t dst, opcode code) {
    uint32_t mark = fs->free_reg;
    uint16_t first = push_list(fs, &e->list);
    emit(fs, code, 0, dst, first, e->list.len);
    emit_pos(fs, e->pos);
    emit_d(fs, OPC_EXTRA, 0, 0, (int32_t)shape_of(fs, NULL, e->list.items, e->list.len));
    reg_free_to(fs, mark);
}

static void map_to(fn_state *fs, const expr *e, uint16_t dst) {
    uint32_t mark = fs->free_reg, len = e->map.len;
    uint16_t first = (uint16_t)mark;
    rhai_str **keys = len ? heap_alloc(fs->h, len * sizeof *keys) : NULL;
    if (len && !keys) {
        fs->failed = true;
        return;
    }
    for (uint32_t i = 0; i < len && !fs->failed; i++) {
        keys[i] = e->map.keys[i].name;
        expr_push(fs, e->map.values[i]);
    }
    emit(fs, OPC_MAP, 0, dst, first, shape_of(fs, keys, e->map.values, len));
    emit_pos(fs, e->pos);
    if (keys) heap_free(fs->h, keys, len * sizeof *keys);
    reg_free_to(fs, mark);
}

void expr_to(fn_state *fs, const expr *e, uint16_t dst) {
    if (fs->failed) return;
    if (e->kind != EXPR_CALL) emit_count(fs, e->pos);
    switch ((expr_kind)e->kind) {
    case EXPR_CONST: load_const(fs, &e->value, dst); break;
    case EXPR_INTERP: list_to(fs, e, dst, OPC_INTERPOLATE); break;
    case EXPR_ARRAY: list_to(fs, e, dst, OPC_ARRAY); break;
    case EXPR_MAP: map_to(fs, e, dst); break;
    case EXPR_VAR: var_to(fs, e, dst); break;
    case EXPR_THIS:
        emit(fs, OPC_GET_THIS, 0, dst, 0, 0);
        emit_pos(fs, e->pos);
        break;
    case EXPR_BLOCK: block_to(fs, e->block, dst); break;
    case EXPR_CALL: call_to(fs, e, dst); break;
    case EXPR_OP: op_to(fs, e, dst); break;
    case EXPR_AND:
    case EXPR_OR: logic_to(fs, e, dst); break;
    case EXPR_COALESCE: coalesce_to(fs, e, dst); break;
    case EXPR_CHAIN: chain_to(fs, e, dst); break;
    case EXPR_CLOSURE: closure_to(fs, e, dst); break;
    }
}

void expr_discard(fn_state *fs, const expr *e) {
    if (fs->failed) return;
    uint32_t mark = fs->free_reg;
    switch ((expr_kind)e->kind) {
    case EXPR_CALL: call_to(fs, e, REG_NONE); break;
    case EXPR_CHAIN:
        emit_count(fs, e->pos);
        chain_to(fs, e, REG_NONE);
        break;
    case EXPR_BLOCK:
        emit_count(fs, e->pos);
        block_to(fs, e->block, REG_NONE);
        break;
    case EXPR_CONST: emit_count(fs, e->pos); break;
    default: expr_push(fs, e);
    }
    reg_free_to(fs, mark);
}

/* ---- Conditions ---- */

/* Comparisons that jump, and those that jump when they do not hold. `swapped` ones compare the
 * operands the other way round. */
static const struct compare_code {
    op op;
    bool is_not_equal;
    struct compare_jump {
        uint8_t code, code_int;
        bool swapped;
    } holds, fails;
} compare_codes[] = {
    {OP_LT,
     false,
     {OPC_JUMP_LESS, OPC_JUMP_LESS_INT, false},
     {OPC_JUMP_LESS_EQUAL, OPC_JUMP_GREATER_EQUAL_INT, true}},
    {OP_LE,
     false,
     {OPC_JUMP_LESS_EQUAL, OPC_JUMP_LESS_EQUAL_INT, false},
     {OPC_JUMP_LESS, OPC_JUMP_GREATER_INT, true}},
    {OP_GT,
     false,
     {OPC_JUMP_LESS, OPC_JUMP_GREATER_INT, true},
     {OPC_JUMP_LESS_EQUAL, OPC_JUMP_LESS_EQUAL_INT, false}},
    {OP_GE,
     false,
     {OPC_JUMP_LESS_EQUAL, OPC_JUMP_GREATER_EQUAL_INT, true},
     {OPC_JUMP_LESS, OPC_JUMP_LESS_INT, false}},
    {OP_EQ,
     false,
     {OPC_JUMP_EQUAL, OPC_JUMP_EQUAL_INT, false},
     {OPC_JUMP_NOT_EQUAL, OPC_JUMP_NOT_EQUAL_INT, false}},
    {OP_NE,
     true,
     {OPC_JUMP_NOT_EQUAL, OPC_JUMP_NOT_EQUAL_INT, false},
     {OPC_JUMP_EQUAL, OPC_JUMP_EQUAL_INT, false}},
};

/* The operator that the source shows travels in the next word's A, whether it has to hold in
 * F_NEGATED: when the fast path does not apply, these decide (for != with the question whether
 * the operands are equal). */
static bool compare_branch(fn_state *fs, const expr *e, bool wanted, jump_list *jumps,
                           unsigned loop) {
    if (e->kind != EXPR_OP || !e->op.right) return false;
    const struct compare_code *known = NULL;
    for (size_t i = 0; i < sizeof compare_codes / sizeof *compare_codes; i++)
        if (compare_codes[i].op == e->op.op) known = &compare_codes[i];
    if (!known) return false;
    emit_count(fs, e->pos);
    uint32_t mark = fs->free_reg;
    const struct compare_jump *jump = wanted ? &known->fails : &known->holds;
    unsigned negated = (wanted != known->is_not_equal) ? F_NEGATED : 0;
    int16_t imm;
    if (small_int(e->op.right, &imm)) {
        operand l = expr_any(fs, e->op.left);
        emit_count(fs, e->op.right->pos);
        emit(fs, jump->code_int + loop, negated | (l.is_temp ? F_B_TEMP : 0), l.reg, (uint16_t)imm,
             loop ? round_operations(fs) : 0);
    } else {
        operand l, r;
        operands_in_order(fs, e->op.left, e->op.right, &l, &r);
        unsigned flags = negated | temp_flags(l, r) | (jump->swapped ? F_SWAPPED : 0);
        unsigned round = loop ? round_operations(fs) : 0;
        if (jump->swapped)
            emit(fs, jump->code + loop, flags, r.reg, l.reg, round);
        else
            emit(fs, jump->code + loop, flags, l.reg, r.reg, round);
    }
    emit_pos(fs, e->pos);
    jump_add(fs, jumps, emit_d(fs, OPC_EXTRA, 0, e->op.op, 0));
    reg_free_to(fs, mark);
    return true;
}

/* From a jump's code to that of the same jump backwards. */
enum { LOOPS = OPC_LOOP_LESS - OPC_JUMP_LESS };
_Static_assert(OPC_LOOP_NOT_EQUAL_INT - OPC_JUMP_NOT_EQUAL_INT == LOOPS, "one order of both");

/* A condition that is neither a constant nor made of others. */
static void branch_plain(fn_state *fs, const expr *e, bool wanted, jump_list *jumps,
                         unsigned loop) {
    if (compare_branch(fs, e, wanted, jumps, loop)) return;
    uint32_t mark = fs->free_reg;
    operand o = expr_any(fs, e);
    jump_add(fs, jumps,
             emit_jump(fs, loop ? OPC_LOOP_IF : OPC_JUMP_IF,
                       (wanted ? F_NEGATED : 0) | (o.is_temp ? F_B_TEMP : 0), o.reg));
    emit_pos(fs, e->pos);
    if (loop) emit_d(fs, OPC_EXTRA, 0, 0, round_operations(fs));
    reg_free_to(fs, mark);
}

static void branch_list(fn_state *fs, const expr *e, bool wanted, jump_list *jumps) {
    bool is_and = e->kind == EXPR_AND;
    if (is_and == wanted) {
        for (uint32_t i = 0; i < e->list.len; i++)
            expr_branch(fs, e->list.items[i], wanted, jumps);
        return;
    }
    /* One operand of the other kind decides: all but the last leave for the fall-through. */
    jump_list through = {0};
    for (uint32_t i = 0; i + 1 < e->list.len; i++)
        expr_branch(fs, e->list.items[i], is_and, &through);
    expr_branch(fs, e->list.items[e->list.len - 1], wanted, jumps);
    jumps_here(fs, &through);
}

void expr_branch(fn_state *fs, const expr *e, bool wanted, jump_list *jumps) {
    if (fs->failed) return;
    if (e->kind == EXPR_CONST && e->value.type == RHAI_BOOL) {
        emit_count(fs, e->pos);
        if (e->value.b != wanted) jump_add(fs, jumps, emit_jump(fs, OPC_JUMP, 0, 0));
        return;
    }
    if (e->kind == EXPR_AND || e->kind == EXPR_OR) {
        emit_count(fs, e->pos);
        branch_list(fs, e, wanted, jumps);
        return;
    }
    branch_plain(fs, e, wanted, jumps, 0);
}

void expr_branch_back(fn_state *fs, const expr *e, bool wanted, uint32_t target, rhai_pos pos) {
    if (fs->failed) return;
    jump_list back = {0};
    if (e->kind != EXPR_AND && e->kind != EXPR_OR && e->kind != EXPR_CONST) {
        branch_plain(fs, e, !wanted, &back, LOOPS);
    } else {
        jump_list out = {0};
        expr_branch(fs, e, wanted, &out);
        emit_loop(fs, target, pos);
        jumps_here(fs, &out);
    }
    jumps_to(fs, &back, target);
}
