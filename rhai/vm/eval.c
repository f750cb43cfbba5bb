/* Starting scripts, eval, and calls in the caller's scope. */
#include "vm/vm.h"

#include "code/compile.h"
#include "syntax/optimize.h"

/* ---- Compiling ---- */

static bool call_constant(void *data, rhai_str *wanted, const rhai_value *args, size_t nargs,
                          rhai_value *ret) {
    rhai_engine *e = data;
    vm *m = e->vm;
    if (nargs > MAX_NATIVE_PARAMS) return false;
    const native_entry *n =
        native_find(&e->natives, wanted->data, wanted->len, args, (uint32_t)nargs);
    if (!n || n->native->flags & RHAI_FN_VOLATILE) return false;
    rhai_value *regs = vm_scratch(m, (uint32_t)nargs);
    if (!regs) return false;
    for (size_t i = 0; i < nargs; i++)
        regs[i] = value_copy(&args[i]);
    rhai_value v = VALUE_UNIT;
    rhai_status status = vm_call_native(m, n, regs, (uint32_t)nargs, true, POS_NONE, &v);
    vm_scratch_end(m, (uint32_t)nargs);
    if (status == RHAI_OK) {
        *ret = v;
        return true;
    }
    rhai_error_free(m->error);
    m->error = NULL;
    return false;
}

parse_options vm_parse_options(const rhai_engine *e, const outer_var *outer, size_t outer_len) {
    const uint64_t *l = e->limits;
    return (parse_options){.max_expr_depth = (uint32_t)l[RHAI_MAX_EXPR_DEPTH],
                           .max_function_expr_depth = (uint32_t)l[RHAI_MAX_FUNCTION_EXPR_DEPTH],
                           .max_functions = l[RHAI_MAX_FUNCTIONS],
                           .max_string_size = l[RHAI_MAX_STRING_SIZE],
                           .max_array_size = l[RHAI_MAX_ARRAY_SIZE],
                           .max_map_size = l[RHAI_MAX_MAP_SIZE],
                           .strict_variables = e->strict_variables,
                           .outer = outer,
                           .outer_len = outer_len,
                           .first_closure = e->closures};
}

/* From this size on (bytes) a script's functions are parsed when they are called. */
enum { LONG_SCRIPT = IS_STRESSED ? 1 : 32 * 1024 };

static ast *parse(rhai_engine *e, const char *text_data, size_t len, const outer_var *outer,
                  size_t outer_len, size_t late_from, rhai_error **ret_error) {
    parse_options options = vm_parse_options(e, outer, outer_len);
    options.late_from = late_from;
    ast *tree = parse_script(&e->heap, &options, text_data, len, ret_error);
    if (tree) e->closures += tree->closures;
    return tree;
}

static compile_options compile_options_of(const rhai_engine *e) {
    return (compile_options){.count_operations = e->limits[RHAI_MAX_OPERATIONS] != 0,
                             .count_variables = e->limits[RHAI_MAX_VARIABLES] != UINT64_MAX};
}

static ast *parse_with_scope(rhai_engine *e, const char *text_data, size_t len,
                             const rhai_scope *scope, rhai_error **ret_error) {
    size_t count = scope ? scope->len : 0;
    outer_var *outer = count ? heap_alloc(&e->heap, count * sizeof *outer) : NULL;
    if (count && !outer) {
        *ret_error = error_out_of_memory(&e->heap);
        return NULL;
    }
    size_t late_from = e->optimize == RHAI_OPTIMIZE_FULL ? 0 : LONG_SCRIPT;
    for (size_t i = 0; i < count; i++) {
        outer[i] = (outer_var){scope->entries[i].name, scope->entries[i].value.flags & VALUE_CONST};
        if (outer[i].is_const) late_from = 0;
    }
    ast *tree = parse(e, text_data, len, outer, count, late_from, ret_error);
    if (outer) heap_free(&e->heap, outer, count * sizeof *outer);
    return tree;
}

unit *vm_compile(rhai_engine *e, const char *text_data, size_t len, rhai_str *source,
                 const rhai_scope *scope, rhai_error **ret_error) {
    ast *tree = parse_with_scope(e, text_data, len, scope, ret_error);
    if (!tree) return NULL;
    struct optimize_constant *constants = NULL;
    size_t count = 0, cap = scope ? scope->len : 0;
    if (cap && !(constants = heap_alloc(&e->heap, cap * sizeof *constants))) {
        ast_free(tree);
        *ret_error = error_out_of_memory(&e->heap);
        return NULL;
    }
    for (size_t i = 0; i < cap; i++)
        if (scope->entries[i].value.flags & VALUE_CONST)
            constants[count++] =
                (struct optimize_constant){scope->entries[i].name, &scope->entries[i].value};
    optimize_options options = {.level = e->optimize,
                                .constants = constants,
                                .constants_len = count,
                                .call = call_constant,
                                .data = e,
                                .max_string_size = e->limits[RHAI_MAX_STRING_SIZE]};
    bool ok = optimize_ast(tree, &options);
    if (constants) heap_free(&e->heap, constants, cap * sizeof *constants);
    if (!ok) {
        ast_free(tree);
        *ret_error = error_out_of_memory(&e->heap);
        return NULL;
    }
    compile_options how = compile_options_of(e);
    how.is_optimized = e->optimize != RHAI_OPTIMIZE_NONE;
    return compile_unit(&e->heap, tree, source, &how, ret_error);
}

/* ---- Running ---- */

/* Where a frame entered from C begins. */
static rhai_value *stack_top(vm *m) {
    frame *f = vm_top(m);
    return f->base + f->p->nregs + f->scratch;
}

rhai_status vm_run_main(vm *m, unit *u, rhai_value *ret) {
    invocation c = {.how = ENTER_MAIN, .p = u->main, .args = stack_top(m), .ret = ret};
    return vm_call(m, &c);
}

/* ---- Code inside the caller's frame ---- */

/* Pushes p, which uses the registers of the top frame; only the slack above it is sure. */
static bool enter_inner(vm *m, proto *p, rhai_pos pos, rhai_value *ret) {
    frame *outer = vm_top(m);
    if (outer->base + p->nregs + STACK_SLACK / 2 > outer->chunk->end) {
        vm_fail(m, error_new(m->h, ERR_STACK_OVERFLOW, pos));
        return false;
    }
    invocation c = {.how = ENTER_INNER, .p = p, .args = outer->base, .ret = ret, .pos = pos};
    return vm_enter(m, &c) == CALL_PUSHED;
}

static rhai_status in_eval(vm *m, rhai_error *e, rhai_pos pos) {
    return vm_fail(m, error_in_call(m->h, "eval", vm_top(m)->p->unit->source, e, pos));
}

/* The names of scope variables for the parser, oldest first. NULL with *ret_len 0 when empty. */
static bool outer_names(vm *m, frame *f, const scope_table *scope, outer_var **ret,
                        uint32_t *ret_len) {
    uint32_t dynamic = vm_names_visible(m, f), len = scope->len + dynamic;
    *ret = NULL;
    if (m->engine->strict_variables) /* to Rhai, the text stands for itself then */
        len = 0;
    *ret_len = len;
    if (!len) return true;
    outer_var *vars = heap_alloc(m->h, len * sizeof *vars);
    if (!vars) return false;
    for (uint32_t i = 0; i < scope->len; i++)
        vars[i] = (outer_var){scope->vars[i].name, scope->vars[i].is_const};
    uint32_t at = len;
    for (name *n = m->names; n && n != f->names_floor; n = n->below)
        vars[--at] = (outer_var){n->name, n->value.flags & VALUE_CONST};
    *ret = vars;
    return true;
}

static unit *compile_eval(vm *m, const char *text_data, size_t len, const scope_table *scope,
                          rhai_error **error) {
    frame *f = vm_top(m);
    outer_var *vars;
    uint32_t count;
    if (!outer_names(m, f, scope, &vars, &count)) {
        *error = error_out_of_memory(m->h);
        return NULL;
    }
    ast *tree = parse(m->engine, text_data, len, vars, count, 0, error);
    if (vars) heap_free(m->h, vars, count * sizeof *vars);
    if (!tree) return NULL;
    if (tree->functions_len) {
        ast_free(tree);
        *error = error_newf(m->h, ERR_PARSING, POS_NONE, "%s",
                            "Function definitions must be at global level and cannot be inside a "
                            "block or another function");
        return NULL;
    }
    compile_options how = compile_options_of(m->engine);
    return compile_inner(m->h, tree, f->p->unit->source, scope, &how, error);
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

rhai_status vm_eval(vm *m, const rhai_value *script, const scope_table *scope, rhai_pos pos,
                    rhai_value *ret) {
    if (script->type != RHAI_STRING)
        return vm_fail(m, error_mismatch(m->h, "string", vm_raw_type_name(script), pos));
    if (!vm_track(m, pos)) {
        rhai_error *error = m->error;
        m->error = NULL;
        return in_eval(m, error, pos);
    }
    const char *from = as_str(script)->data, *end = from + as_str(script)->len;
    while (from < end && is_space(*from))
        from++;
    while (end > from && is_space(end[-1]))
        end--;
    if (from == end) return RHAI_OK;
    rhai_error *error = NULL;
    unit *u = compile_eval(m, from, (size_t)(end - from), scope, &error);
    if (!u) return in_eval(m, error, pos);
    rhai_status status = RHAI_ERROR;
    if (enter_inner(m, u->main, pos, ret)) {
        vm_top(m)->is_eval = true;
        status = vm_finish(m, CALL_PUSHED);
    }
    obj_unref(m->h, u);
    return status;
}

/* The limits of a call whose variables join those of the caller. */
static bool has_room(vm *m, const proto *p, const scope_table *scope, rhai_pos pos) {
    const uint64_t *limits = m->engine->limits;
    uint64_t variables = (uint64_t)scope->count + vm_names_visible(m, vm_top(m)) + p->nparams;
    if (m->level >= limits[RHAI_MAX_CALL_LEVELS])
        vm_fail(m, error_new(m->h, ERR_STACK_OVERFLOW, pos));
    else if (variables > limits[RHAI_MAX_VARIABLES])
        vm_fail(m, error_new(m->h, ERR_TOO_MANY_VARIABLES, pos));
    else
        return true;
    return false;
}

outcome vm_call_scoped(vm *m, site *s, rhai_str *wanted, const scope_table *scope, rhai_value *args,
                       uint32_t nargs, rhai_pos pos, rhai_value *ret) {
    proto *p = vm_find_function(vm_top(m)->libs, wanted, nargs, NULL);
    if (!p) {
        rhai_value result = VALUE_UNIT;
        outcome o = vm_call_by_name(m, wanted, NULL, args, nargs, pos, &result);
        if (vm_finish(m, o) != RHAI_OK) return CALL_FAILED;
        if (ret)
            value_store(m->h, ret, result);
        else
            value_drop(m->h, &result);
        return CALL_DONE;
    }
    if (proto_is_empty(p)) {
        if (ret) value_clear(m->h, ret);
        return CALL_DONE;
    }
    if (!vm_track(m, pos) || !has_room(m, p, scope, pos)) return CALL_FAILED;
    if (!s->scoped || s->scoped->def != p->def) {
        rhai_error *error = NULL;
        compile_options how = compile_options_of(m->engine);
        s->scoped = compile_scoped_call(p->unit, p->def, scope, &how, &error);
        if (!s->scoped) {
            vm_fail(m, error);
            return CALL_FAILED;
        }
    }
    rhai_value result = VALUE_UNIT;
    if (!enter_inner(m, s->scoped, pos, &result)) return CALL_FAILED;
    vm_top(m)->this_ref = NULL;
    if (vm_finish(m, CALL_PUSHED) != RHAI_OK) return CALL_FAILED;
    if (ret)
        value_store(m->h, ret, result);
    else
        value_drop(m->h, &result);
    return CALL_DONE;
}

outcome vm_call_pointer_scoped(vm *m, site *s, const scope_table *scope, rhai_value *args,
                               uint32_t nargs, rhai_pos pos, rhai_value *ret) {
    rhai_value fn = args[0].type == RHAI_SHARED ? as_cell(&args[0])->value : args[0];
    if (fn.type != RHAI_FN) {
        vm_fail(m, error_mismatch(m->h, "Fn", value_type_name(&fn), s->arg_pos));
        return CALL_FAILED;
    }
    fn = value_copy(&fn);
    value_clear(m->h, &args[0]);
    const fnptr *f = as_fn(&fn);
    uint32_t total = f->ncurry + nargs - 1;
    outcome o = CALL_FAILED;
    if (f->code && ((proto *)f->code)->nparams == total) {
        /* A pointer bound to its function has a scope of its own. */
        rhai_value result = VALUE_UNIT;
        rhai_status status =
            vm_finish(m, vm_call_fn(m, &fn, NULL, args + 1, nargs - 1, pos, &result));
        if (status == RHAI_OK && ret)
            value_store(m->h, ret, result);
        else
            value_drop(m->h, &result);
        o = status == RHAI_OK ? CALL_DONE : CALL_FAILED;
    } else if (f->ncurry > STACK_SLACK / 4) {
        vm_fail(m, error_new(m->h, ERR_STACK_OVERFLOW, pos));
    } else {
        /* The arguments begin at args[0], curried ones first. */
        rhai_value *to = args + f->ncurry;
        if (f->ncurry)
            for (uint32_t i = nargs; --i > 0;)
                to[i - 1] = value_take(&args[i]);
        else
            for (uint32_t i = 1; i < nargs; i++)
                to[i - 1] = value_take(&args[i]);
        for (uint32_t i = 0; i < f->ncurry; i++)
            args[i] = value_copy(&f->curry[i]);
        o = vm_call_scoped(m, s, f->name, scope, args, total, pos, ret);
        for (uint32_t i = 0; i < total; i++)
            if (&args[i] != ret) value_clear(m->h, &args[i]);
    }
    value_drop(m->h, &fn);
    return o;
}

/* parse_json compiles its text as a map literal and runs it in a scope of its own. */
rhai_status call_eval_json(rhai_call *call, const char *text_data, size_t len, rhai_value *ret) {
    vm *m = call->vm;
    rhai_engine *e = call->engine;
    parse_options options = vm_parse_options(e, NULL, 0);
    options.as_json = true;
    rhai_error *error = NULL;
    ast *tree = parse_script(m->h, &options, text_data, len, &error);
    compile_options how = compile_options_of(e);
    unit *u = tree ? compile_unit(m->h, tree, NULL, &how, &error) : NULL;
    if (!u) return call_fail(call, error);
    rhai_value result = VALUE_UNIT;
    name *main_floor = m->main_floor;
    m->main_floor = m->names;
    uint64_t operations = e->operations; /* the text has max_operations for itself */
    e->operations = 0;
    rhai_status status = vm_run_main(m, u, &result);
    vm_forget_operations(m, 0);
    e->operations = operations;
    m->main_floor = main_floor;
    obj_unref(m->h, u);
    if (status == RHAI_OK) {
        *ret = result;
        return RHAI_OK;
    }
    value_drop(m->h, &result);
    if (m->error && !m->exited) {
        call->error = m->error;
        m->error = NULL;
    }
    return RHAI_ERROR;
}
