/* Calls, chains (a[i].b.c()) and closures to code.
 *
 * Order of evaluation is Rhai's: in a call whose first argument is a plain variable, the other
 * arguments come first; in a chain, the value to assign, then every index and argument of the
 * whole chain from left to right, and only then the root.
 */
#include "code/emit.h"

#include <string.h>

static bool name_is(const rhai_str *name, const char *text) {
    return name->len == strlen(text) && memcmp(name->data, text, name->len) == 0;
}

/* Fills in where the object or first argument lives, if it can be handed over by reference.
 * False: it has to be evaluated like any other value. */
static bool object_by_reference(fn_state *fs, const expr *e, site *s, bool constants_too) {
    s->object_pos = e->pos;
    if (e->kind == EXPR_THIS) {
        s->object = OBJECT_THIS;
        return true;
    }
    if (e->kind != EXPR_VAR || e->var.path.len) return false;
    s->object_name = e->var.name;
    resolved r = resolve(fs, e->var.name);
    if (r.is_const && r.kind == NAME_LOCAL && !constants_too) return false;
    s->object = r.kind == NAME_LOCAL ? OBJECT_SLOT : OBJECT_NAME;
    s->slot = r.reg;
    s->checked = r.kind == NAME_LOCAL ? r.is_checked : r.has_fallback;
    return true;
}

/* A native's first argument, an object, or the root of a chain, as a value; variables of modules
 * are constants. */
static void root_to(fn_state *fs, const expr *root, uint16_t dst) {
    expr_to(fs, root, dst);
    if (root->kind == EXPR_VAR && root->var.path.len) emit(fs, OPC_FREEZE, 0, dst, 0, 0);
}

/* Arguments from register `base` on; the first one last when it is a variable. `by_reference`:
 * the first one is not evaluated at all. */
static void push_args(fn_state *fs, const expr_list *args, bool by_reference, bool to_script) {
    if (!args->len) return;
    uint16_t first = reg_new(fs);
    bool late =
        by_reference || args->items[0]->kind == EXPR_VAR || args->items[0]->kind == EXPR_THIS;
    if (late)
        emit_count(fs, args->items[0]->pos);
    else
        arg_to(fs, args->items[0], first);
    for (uint32_t i = 1; i < args->len && !fs->failed; i++)
        arg_push(fs, args->items[i]);
    if (late && !by_reference) {
        fs->uncounted++;
        if (to_script)
            expr_to(fs, args->items[0], first);
        else
            root_to(fs, args->items[0], first);
        fs->uncounted--;
    }
}

/* A variable keeps its cell: closures made by hand with curry() share it. */
static void push_raw(fn_state *fs, const expr *e) {
    if (e->kind == EXPR_VAR && !e->var.path.len) {
        resolved r = resolve(fs, e->var.name);
        if (r.kind == NAME_LOCAL && r.is_checked) {
            uint16_t reg = reg_new(fs);
            emit_count(fs, e->pos);
            emit(fs, OPC_GET_RAW, 0, reg, r.reg, 0);
            return;
        }
    }
    arg_push(fs, e);
}

/* Registers for a call begin at the destination itself when that is the topmost one. */
static uint16_t call_base(fn_state *fs, int dst) {
    if (dst >= 0 && (uint32_t)dst + 1 == fs->free_reg) fs->free_reg = (uint32_t)dst;
    return (uint16_t)fs->free_reg;
}

static void call_done(fn_state *fs, uint16_t base, int dst, uint32_t mark) {
    if (dst >= 0 && dst != base) emit(fs, OPC_TAKE, 0, (unsigned)dst, base, 0);
    reg_free_to(fs, mark);
}

uint32_t add_scope_table(fn_state *fs) {
    proto *p = fs->p;
    uint32_t outer = fs->outer ? fs->outer->len : 0, len = outer + fs->locals_len;
    scope_table table = {.len = len,
                         .first_free = (uint16_t)fs->free_reg,
                         .count = (fs->outer ? fs->outer->count : 0) + fs->variables,
                         .has_dynamic = fs->is_dynamic || (fs->outer && fs->outer->has_dynamic)};
    if (len && !(table.vars = heap_alloc(fs->h, len * sizeof *table.vars))) {
        fs->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < outer; i++)
        table.vars[i] = fs->outer->vars[i];
    for (uint32_t i = 0; i < fs->locals_len; i++)
        table.vars[outer + i] =
            (scope_var){fs->locals[i].name, fs->locals[i].reg, fs->locals[i].is_const};
    if (TABLE_PUSH(fs, p->scopes, p->scopes_len, fs->scopes_cap, table)) return p->scopes_len - 1;
    if (table.vars) heap_free(fs->h, table.vars, len * sizeof *table.vars);
    return 0;
}

/* ---- Calls with a syntax of their own ---- */

static void fn_to(fn_state *fs, const expr *e, uint16_t base) {
    (void)base;
    uint16_t reg = arg_push(fs, e->call.args.items[0]);
    emit(fs, OPC_NEW_FN, 0, reg, reg, 0);
    emit_pos(fs, expr_start(e->call.args.items[0]));
}

/* The arguments of call(f, ...) and curry(f, ...): f has to be a function pointer before the
 * others are evaluated. */
static void push_pointer_and_args(fn_state *fs, const expr_list *args, uint16_t base) {
    push_raw(fs, args->items[0]);
    if (args->len > 1 && args->items[0]->kind != EXPR_CLOSURE) {
        emit(fs, OPC_CHECK_FN, 0, base, 0, 0);
        emit_pos(fs, expr_start(args->items[0]));
    }
    for (uint32_t i = 1; i < args->len; i++)
        push_raw(fs, args->items[i]);
}

static void pointer_call_to(fn_state *fs, const expr *e, uint16_t base) {
    const expr_list *args = &e->call.args;
    push_pointer_and_args(fs, args, base);
    uint32_t index = add_site(fs, e->call.name, e->pos);
    if (!fs->failed) fs->p->sites[index].arg_pos = expr_start(args->items[0]);
    emit(fs, OPC_CALL_POINTER, 0, base, args->len, index);
    emit_pos(fs, e->pos);
}

static void curry_to(fn_state *fs, const expr *e, uint16_t base) {
    const expr_list *args = &e->call.args;
    push_pointer_and_args(fs, args, base);
    emit(fs, OPC_CURRY, 0, base, args->len, 0);
    emit_pos(fs, expr_start(args->items[0]));
}

static void is_shared_to(fn_state *fs, const expr *e, uint16_t base) {
    push_raw(fs, e->call.args.items[0]);
    emit(fs, OPC_IS_SHARED, F_B_TEMP, base, base, 0);
}

static void type_of_to(fn_state *fs, const expr *e, uint16_t base) {
    arg_push(fs, e->call.args.items[0]);
    emit(fs, OPC_TYPE_OF, F_B_TEMP, base, base, 0);
    emit_pos(fs, e->pos);
}

static void is_def_var_to(fn_state *fs, const expr *e, uint16_t base) {
    arg_push(fs, e->call.args.items[0]);
    emit(fs, OPC_IS_DEF_VAR, F_B_TEMP, base, base, add_scope_table(fs));
    emit_pos(fs, expr_start(e->call.args.items[0]));
}

static void eval_to(fn_state *fs, const expr *e, uint16_t base) {
    arg_push(fs, e->call.args.items[0]);
    emit(fs, OPC_EVAL, F_B_TEMP, base, base, add_scope_table(fs));
    emit_pos(fs, expr_start(e->call.args.items[0]));
    fs->is_dynamic = true;
    fs->dynamic_floor = fs->locals_len;
}

static const struct special_call {
    const char *name;
    uint32_t min_args, max_args;
    void (*compile)(fn_state *fs, const expr *e, uint16_t base);
} special_calls[] = {
    {"Fn", 1, 1, fn_to},
    {"call", 1, UINT32_MAX, pointer_call_to},
    {"curry", 2, UINT32_MAX, curry_to},
    {"is_shared", 1, 1, is_shared_to},
    {"type_of", 1, 1, type_of_to},
    {"is_def_var", 1, 1, is_def_var_to},
    {"eval", 1, 1, eval_to},
};

static const struct special_call *find_special(const expr *e) {
    if (e->call.path.len) return NULL;
    for (size_t i = 0; i < sizeof special_calls / sizeof *special_calls; i++) {
        const struct special_call *s = &special_calls[i];
        if (e->call.args.len >= s->min_args && e->call.args.len <= s->max_args &&
            name_is(e->call.name, s->name))
            return s;
    }
    return NULL;
}

/* ---- Ordinary calls ---- */

/* name!(...), or call!(f, ...), where the name comes from the first value. */
static void scoped_call_to(fn_state *fs, const expr *e, uint16_t base, unsigned discard) {
    bool by_pointer = e->call.args.len && name_is(e->call.name, "call");
    for (uint32_t i = 0; i < e->call.args.len && !fs->failed; i++)
        arg_push(fs, e->call.args.items[i]);
    uint32_t index = add_site(fs, e->call.name, e->pos);
    if (!fs->failed) fs->p->sites[index].nargs = e->call.args.len;
    if (!fs->failed && by_pointer) fs->p->sites[index].arg_pos = expr_start(e->call.args.items[0]);
    emit(fs, OPC_CALL_SCOPED, discard | (by_pointer ? F_B_TEMP : 0), base, e->call.args.len, index);
    emit_pos(fs, e->pos);
    uint32_t free_reg = fs->free_reg;
    fs->free_reg = base; /* the callee's parameters are the arguments where they are */
    emit_d(fs, OPC_EXTRA, 0, 0, (int32_t)add_scope_table(fs));
    fs->free_reg = free_reg;
}

static void named_call_to(fn_state *fs, const expr *e, uint16_t base, unsigned discard) {
    const expr_list *args = &e->call.args;
    const proto *fn = e->call.path.len ? NULL : unit_find(fs->u, e->call.name, args->len, NULL);
    if (fn && fn->number <= UINT16_MAX) {
        push_args(fs, args, false, true);
        emit(fs, OPC_CALL, discard, base, args->len, fn->number);
        emit_pos(fs, e->pos);
        return;
    }
    site s = {.name = e->call.name, .pos = e->pos, .nargs = args->len};
    site_path(fs, &s, e->call.path);
    bool by_reference = args->len && object_by_reference(fs, args->items[0], &s, false);
    if (args->len) s.arg_pos = expr_start(args->items[0]);
    push_args(fs, args, by_reference, e->call.path.len > 0);
    proto *p = fs->p;
    TABLE_PUSH(fs, p->sites, p->sites_len, fs->sites_cap, s);
    estimate(fs, 1);
    emit(fs, e->call.path.len ? OPC_CALL_PATH : OPC_CALL_NAME, discard, base, args->len,
         p->sites_len - 1);
    emit_pos(fs, e->pos);
}

void call_to(fn_state *fs, const expr *e, int dst) {
    emit_count(fs, e->pos);
    uint32_t mark = fs->free_reg;
    uint16_t base = call_base(fs, dst);
    unsigned discard = dst < 0 ? F_DISCARD : 0;
    reg_reserve(fs, e->call.args.len + 1);
    const struct special_call *special = find_special(e);
    if (e->call.in_caller_scope && (!special || special->compile == pointer_call_to))
        scoped_call_to(fs, e, base, discard);
    else if (special)
        special->compile(fs, e, base);
    else
        named_call_to(fs, e, base, discard);
    call_done(fs, base, dst, mark);
}

/* To Rhai it is a block that shares the variables and curries the function with them. */
static void count_capturing(fn_state *fs, const expr *e) {
    emit_count(fs, e->closure.captures[0].pos);
    emit_count(fs, e->pos);
    emit_count(fs, e->pos);
    if (!fs->options->is_optimized) emit_count(fs, e->pos);
    for (uint32_t i = 0; i < e->closure.captures_len; i++)
        emit_count(fs, e->closure.captures[i].pos);
}

void closure_to(fn_state *fs, const expr *e, uint16_t dst) {
    proto *p = fs->p;
    uint32_t len = e->closure.captures_len;
    closure_info info = {.len = len};
    if (len && !(info.captures = heap_alloc_zero(fs->h, len * sizeof *info.captures))) {
        fs->failed = true;
        return;
    }
    uint32_t mark = fs->free_reg;
    if (len) count_capturing(fs, e);
    for (uint32_t i = 0; i < len; i++) {
        const ident *c = &e->closure.captures[i];
        const expr *constant = e->closure.constants ? e->closure.constants[i] : NULL;
        if (constant) {
            info.captures[i] = (capture){.is_value = true, .reg = reg_new(fs)};
            expr_to_uncounted(fs, constant, info.captures[i].reg);
            continue;
        }
        resolved r = resolve(fs, c->name);
        info.captures[i] = (capture){.name = c->name, .pos = c->pos, .reg = r.reg};
        if (r.kind == NAME_DYNAMIC) {
            info.captures[i].by_name = true;
            uint32_t index = info.captures[i].site = add_site(fs, c->name, c->pos);
            if (!fs->failed && r.has_fallback) {
                p->sites[index].object = OBJECT_SLOT;
                p->sites[index].slot = r.reg;
                p->sites[index].checked = true;
            }
        }
    }
    reg_free_to(fs, mark);
    info.fn = compile_closure(fs->u, e->closure.fn, fs->options, &fs->failed, &fs->too_large);
    if (!TABLE_PUSH(fs, p->closures, p->closures_len, fs->closures_cap, info)) {
        if (info.captures) heap_free(fs->h, info.captures, len * sizeof *info.captures);
        return;
    }
    emit(fs, OPC_CLOSURE, 0, dst, 0, p->closures_len - 1);
    emit_pos(fs, e->pos);
}

/* ---- Chains ---- */

static bool has_method(const expr *e) {
    for (uint32_t i = 0; i < e->chain.len; i++)
        if (e->chain.steps[i].kind == STEP_METHOD) return true;
    return false;
}

static bool has_optional(const expr *e) {
    for (uint32_t i = 0; i < e->chain.len; i++)
        if (e->chain.steps[i].is_optional) return true;
    return false;
}

/* The operation that looking at the arguments of step i counts as. */
static void count_step(fn_state *fs, const expr *e, uint32_t i) {
    const chain_step *step = &e->chain.steps[i];
    if (e->chain.len == 1 &&
        (step->kind == STEP_PROPERTY || (step->kind == STEP_METHOD && !step->args.len)))
        return;
    if (i + 1 < e->chain.len)
        emit_count(fs, e->chain.steps[i + 1].op_pos);
    else
        emit_count(fs, step->kind == STEP_INDEX ? step->index->pos : step->pos);
}

/* A single index that is a literal is no operation at all. */
static bool is_free_index(const expr *e) {
    const expr *index = e->chain.steps[0].index;
    return e->chain.len == 1 && e->chain.steps[0].kind == STEP_INDEX &&
           (index->kind == EXPR_CONST || is_composite_literal(index));
}

static uint32_t step_site(fn_state *fs, const chain_step *step) {
    return step->kind == STEP_INDEX ? 0 : add_site(fs, step->name, step->pos);
}

static uint32_t add_path(fn_state *fs, const path *base, const expr *e) {
    proto *p = fs->p;
    path result = *base;
    result.len = e->chain.len;
    result.steps = heap_alloc_zero(fs->h, e->chain.len * sizeof *result.steps);
    if (!result.steps) {
        fs->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < e->chain.len; i++) {
        const chain_step *step = &e->chain.steps[i];
        result.steps[i] =
            (path_step){.kind = step->kind,
                        .is_optional = step->is_optional,
                        .op_pos = step->op_pos,
                        .pos = step->kind == STEP_INDEX ? expr_start(step->index) : step->pos,
                        .nargs = (uint16_t)step->args.len,
                        .site = step_site(fs, step)};
        if (step->kind == STEP_METHOD && !fs->failed) {
            site *s = &p->sites[result.steps[i].site];
            s->nargs = step->args.len;
            if (step->args.len) s->arg_pos = step->args.items[0]->pos;
        }
    }
    if (TABLE_PUSH(fs, p->paths, p->paths_len, fs->paths_cap, result)) return p->paths_len - 1;
    heap_free(fs->h, result.steps, e->chain.len * sizeof *result.steps);
    return 0;
}

static path root_path(fn_state *fs, const expr *root) {
    path result = {.root = ROOT_TEMP, .root_pos = expr_start(root)};
    if (root->kind == EXPR_THIS) {
        result.root = ROOT_THIS;
    } else if (root->kind == EXPR_VAR) {
        result.root_name = root->var.name;
        if (root->var.path.len) return result;
        resolved r = resolve(fs, root->var.name);
        result.root = r.kind == NAME_LOCAL ? ROOT_SLOT : ROOT_NAME;
        result.slot = r.reg;
        result.checked = r.is_checked;
        if (r.kind == NAME_DYNAMIC) {
            result.site = add_site(fs, root->var.name, root->pos);
            if (!fs->failed && r.has_fallback) {
                site *s = &fs->p->sites[result.site];
                s->object = OBJECT_SLOT;
                s->slot = r.reg;
                s->checked = r.is_checked;
            }
        }
    }
    return result;
}

/* The general form: everything evaluated into registers, then one instruction walks. `value`:
 * register of the value to assign (already evaluated, first of all), REG_NONE when reading. */
static void general_chain(fn_state *fs, const expr *e, path shape, int dst, int value) {
    uint32_t mark = fs->free_reg;
    uint16_t base = value >= 0 ? (uint16_t)value : call_base(fs, dst);
    uint32_t index = add_path(fs, &shape, e);
    if (fs->failed) return;
    for (uint32_t i = 0; i < e->chain.len && !fs->failed; i++) {
        const chain_step *step = &e->chain.steps[i];
        uint16_t arg = 0;
        bool is_free = is_free_index(e);
        if (!is_free) count_step(fs, e, i);
        fs->uncounted += is_free;
        if (step->kind == STEP_INDEX) {
            arg = expr_push(fs, step->index);
        } else if (step->kind == STEP_METHOD) {
            arg = reg_new(fs); /* room for the object, before its arguments */
            for (uint32_t k = 0; k < step->args.len; k++)
                arg_push(fs, step->args.items[k]);
        }
        fs->uncounted -= is_free;
        if (!fs->failed) fs->p->paths[index].steps[i].arg = (uint16_t)(arg - base);
    }
    if (shape.root == ROOT_TEMP) {
        uint16_t root = reg_new(fs);
        root_to(fs, e->chain.root, root);
        if (!fs->failed) fs->p->paths[index].slot = (uint16_t)(root - base);
    } else {
        emit_count(fs, e->chain.root->pos);
    }
    reg_reserve(fs, 1);
    if (!fs->failed) fs->p->paths[index].nregs = (uint16_t)(fs->free_reg - base);
    bool reads = shape.mode == PATH_GET;
    estimate(fs, e->chain.len);
    emit(fs, OPC_CHAIN, reads && dst < 0 ? F_DISCARD : 0, reads && dst >= 0 ? (unsigned)dst : base,
         base, index);
    emit_pos(fs, e->pos);
    reg_free_to(fs, mark);
}

/* x.f(...) on a variable, this, or a fresh value: a call, no walk. */
static bool method_call(fn_state *fs, const expr *e, int dst) {
    const chain_step *step = &e->chain.steps[0];
    if (e->chain.len != 1 || step->kind != STEP_METHOD || step->is_optional) return false;
    site s = {.name = step->name, .pos = step->pos, .nargs = step->args.len};
    if (step->args.len) s.arg_pos = step->args.items[0]->pos;
    bool by_reference = object_by_reference(fs, e->chain.root, &s, true);
    if (s.object == OBJECT_NAME) return false;
    uint32_t mark = fs->free_reg;
    uint16_t base = call_base(fs, dst);
    uint16_t object = reg_new(fs);
    count_step(fs, e, 0);
    for (uint32_t i = 0; i < step->args.len && !fs->failed; i++)
        arg_push(fs, step->args.items[i]);
    if (by_reference)
        emit_count(fs, e->chain.root->pos);
    else
        root_to(fs, e->chain.root, object);
    proto *p = fs->p;
    TABLE_PUSH(fs, p->sites, p->sites_len, fs->sites_cap, s);
    estimate(fs, 1);
    emit(fs, OPC_CALL_METHOD, dst < 0 ? F_DISCARD : 0, base, step->args.len, p->sites_len - 1);
    emit_pos(fs, step->pos);
    call_done(fs, base, dst, mark);
    return true;
}

/* Only indices and properties: step by step through a temporary. */
static void read_chain(fn_state *fs, const expr *e, int dst) {
    uint32_t mark = fs->free_reg;
    uint16_t target = dst >= 0 ? (uint16_t)dst : reg_new(fs);
    const expr *root = e->chain.root;
    operand *indices = heap_alloc_zero(fs->h, e->chain.len * sizeof *indices);
    if (!indices) {
        fs->failed = true;
        return;
    }
    bool later_writes = false;
    for (uint32_t i = 0; i < e->chain.len; i++)
        if (e->chain.steps[i].index) later_writes |= expr_may_write(e->chain.steps[i].index);
    for (uint32_t i = 0; i < e->chain.len && !fs->failed; i++) {
        const chain_step *step = &e->chain.steps[i];
        bool is_free = is_free_index(e);
        if (!is_free) count_step(fs, e, i);
        fs->uncounted += is_free;
        if (step->kind == STEP_INDEX)
            indices[i] = later_writes ? (operand){expr_push(fs, step->index), true}
                                      : expr_any(fs, step->index);
        fs->uncounted -= is_free;
    }
    operand object = {0};
    unsigned object_flags = 0;
    if (root->kind == EXPR_THIS) {
        emit_count(fs, root->pos);
        object_flags = F_THIS;
    } else {
        object = expr_any(fs, root);
    }
    rhai_pos object_pos = root->pos;
    jump_list unit = {0};
    if (e->chain.len > 1 && !object.is_temp && !has_optional(e) && !fs->options->count_operations)
        emit(fs, OPC_FETCH, 0, target, 0, e->chain.len);
    for (uint32_t i = 0; i < e->chain.len && !fs->failed; i++) {
        const chain_step *step = &e->chain.steps[i];
        if (step->is_optional) {
            if (object_flags & F_THIS) {
                object = (operand){reg_new(fs), true};
                emit(fs, OPC_GET_THIS, 0, object.reg, 0, 0);
                emit_pos(fs, object_pos);
                object_flags = 0;
            }
            jump_add(fs, &unit, emit_jump(fs, OPC_JUMP_UNIT, 0, object.reg));
        }
        bool last = i + 1 == e->chain.len;
        uint16_t to = last ? target : object.is_temp ? object.reg : reg_new(fs);
        path one = {.root_pos = root->kind == EXPR_THIS && i == 0 ? root->pos : POS_NONE};
        expr single = {.kind = EXPR_CHAIN};
        single.chain.steps = &e->chain.steps[i];
        single.chain.len = 1;
        uint32_t index = add_path(fs, &one, &single);
        unsigned flags = object_flags | (object.is_temp ? F_B_TEMP : 0);
        if (fs->options->count_operations && step->kind == STEP_PROPERTY)
            emit(fs, OPC_TRACK_STEP, object_flags, 0, object.reg, 0);
        else
            emit_count(fs, POS_NONE);
        if (step->kind == STEP_INDEX) {
            emit(fs, OPC_INDEX, flags | (indices[i].is_temp ? F_C_TEMP : 0), to, object.reg,
                 indices[i].reg);
            emit_pos(fs, step->op_pos);
            emit_d(fs, OPC_EXTRA, 0, 0, (int32_t)index);
        } else {
            emit(fs, OPC_PROPERTY, flags, to, object.reg, 0);
            emit_pos(fs, step->pos);
            emit_word(fs, (uintptr_t)step->name);
            emit_d(fs, OPC_EXTRA, 0, 0, (int32_t)index);
        }
        object = (operand){to, true};
        object_flags = 0;
    }
    heap_free(fs->h, indices, e->chain.len * sizeof *indices);
    if (unit.len) {
        uint32_t end = emit_jump(fs, OPC_JUMP, 0, 0);
        jumps_here(fs, &unit);
        emit(fs, OPC_UNIT, 0, target, 0, 0);
        patch_here(fs, end);
    }
    reg_free_to(fs, mark);
}

void chain_to(fn_state *fs, const expr *e, int dst) {
    if (!has_method(e))
        read_chain(fs, e, dst);
    else if (!method_call(fs, e, dst))
        general_chain(fs, e, root_path(fs, e->chain.root), dst, REG_NONE);
}

static void store_operands(fn_state *fs, const stmt *s, operand *value, operand *index) {
    const expr *target = s->assign.target, *from = s->assign.value,
               *at = target->chain.steps[0].index;
    *value = expr_may_write(at) ? (operand){expr_push(fs, from), true} : expr_any(fs, from);
    bool is_free = is_free_index(target);
    if (!is_free) count_step(fs, target, 0);
    fs->uncounted += is_free;
    *index = expr_any(fs, at);
    fs->uncounted -= is_free;
}

/* a[i] = v, a.x = v and the same with += on a variable of the function itself, or on this. */
static bool simple_store(fn_state *fs, const stmt *s) {
    const expr *target = s->assign.target;
    const chain_step *step = &target->chain.steps[0];
    const expr *root = target->chain.root;
    bool has_op = s->assign.has_op;
    if (target->chain.len != 1 || fs->options->count_operations || step->is_optional) return false;
    path shape = root_path(fs, root);
    if (shape.root != ROOT_THIS &&
        (shape.root != ROOT_SLOT || shape.checked || resolve(fs, root->var.name).is_const))
        return false;
    shape.mode = has_op ? PATH_ASSIGN_OP : PATH_SET;
    shape.assign_op = s->assign.op;
    shape.set_pos = s->assign.op_pos;
    estimate(fs, 1);
    uint32_t mark = fs->free_reg;
    unsigned flags = shape.root == ROOT_THIS ? F_THIS : 0;
    if (step->kind == STEP_INDEX) {
        operand value, index;
        store_operands(fs, s, &value, &index);
        emit_count(fs, root->pos);
        emit(fs, has_op ? OPC_ASSIGN_INDEX : OPC_SET_INDEX,
             flags | (index.is_temp ? F_B_TEMP : 0) | (value.is_temp ? F_C_TEMP : 0), shape.slot,
             index.reg, value.reg);
        emit_pos(fs, target->pos);
    } else {
        operand value = expr_any(fs, s->assign.value);
        emit_count(fs, root->pos);
        emit(fs, has_op ? OPC_ASSIGN_PROPERTY : OPC_SET_PROPERTY,
             flags | (value.is_temp ? F_B_TEMP : 0), shape.slot, value.reg, 0);
        emit_pos(fs, target->pos);
        emit_word(fs, (uintptr_t)step->name);
    }
    emit_d(fs, OPC_EXTRA, 0, has_op ? s->assign.op : 0, (int32_t)add_path(fs, &shape, target));
    reg_free_to(fs, mark);
    return true;
}

void chain_assign(fn_state *fs, const stmt *s) {
    if (simple_store(fs, s)) return;
    uint32_t mark = fs->free_reg;
    uint16_t value = expr_push(fs, s->assign.value);
    path shape = root_path(fs, s->assign.target->chain.root);
    shape.mode = s->assign.has_op ? PATH_ASSIGN_OP : PATH_SET;
    shape.assign_op = s->assign.op;
    shape.set_pos = s->assign.op_pos;
    general_chain(fs, s->assign.target, shape, REG_NONE, value);
    reg_free_to(fs, mark);
}
