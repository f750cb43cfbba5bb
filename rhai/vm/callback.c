/* What native functions may ask of the machine: calling back, calling by name, printing. */
#include "vm/plain.h"

#include <string.h>

#include "lib/lib.h"

static rhai_status hand_over(rhai_call *call, rhai_status status) {
    vm *m = call->vm;
    if (status != RHAI_OK && m->error && !m->exited) {
        if (call->error) rhai_error_free(call->error);
        call->error = m->error;
        m->error = NULL;
    }
    return m->exited ? RHAI_ERROR : status;
}

rhai_status call_check_sizes(rhai_call *call, const sizes *what) {
    return hand_over(call, vm_check_sizes(call->vm, what, POS_NONE));
}

/* The same for a script function that takes just these values: straight into its registers.
 * NULL: it is not as simple as that. */
static frame *push_simply(vm *m, const rhai_value *fn, rhai_value *args, uint32_t n, rhai_pos pos,
                          rhai_value *ret) {
    frame *f = vm_top(m);
    rhai_value *regs = f->base + f->p->nregs + f->scratch;
    fnptr *function = as_fn(fn);
    if (function->ncurry || vm_c_stack_low(m) || regs + n > f->chunk->end) return NULL;
    proto *p = vm_plain_closure(m, f, function, regs, n);
    if (!p) return NULL;
    for (uint32_t i = 0; i < n; i++)
        regs[i] = value_take(&args[i]);
    f = push_plain(m, f, p, regs, ret, NULL, f->libs, pos);
    f->pc = p->code;
    f->is_entry = true;
    return f;
}

/* Calls fn with n values taken from args. `lib` calls count as a level of their own. */
static rhai_status invoke(vm *m, const rhai_value *fn, const target *self, rhai_value *args,
                          uint32_t n, rhai_pos pos, rhai_value *ret) {
    rhai_value result = VALUE_UNIT;
    /* As in Rhai, what a call-back does is counted from where its caller stands, and forgotten. */
    uint64_t operations = m->engine->operations;
    memory outer = m->memory;
    m->memory = (memory){0};
    rhai_status status = RHAI_ERROR;
    rhai_value *regs;
    if (!self && push_simply(m, fn, args, n, pos, &result)) {
        status = vm_run(m, m->frames_len - 1);
    } else if ((regs = vm_scratch(m, n + 1))) {
        for (uint32_t i = 0; i < n; i++)
            regs[i] = value_take(&args[i]);
        status = vm_finish(m, vm_call_fn(m, fn, self, regs, n, pos, &result));
        vm_scratch_end(m, n + 1);
    }
    vm_forget(m, &m->memory);
    m->memory = outer;
    vm_forget_operations(m, operations);
    if (status == RHAI_OK)
        value_store(m->h, ret, result);
    else
        value_drop(m->h, &result);
    return status;
}

rhai_status rhai_call_value(rhai_call *call, const rhai_value *fn, rhai_value *self,
                            rhai_value *args, size_t nargs, rhai_value *ret) {
    vm *m = call->vm;
    target t = {.place = self, .is_ref = true};
    if (fn->type != RHAI_FN)
        return call_fail(call, error_mismatch(m->h, "Fn", value_type_name(fn), call->pos));
    return hand_over(call, invoke(m, fn, self ? &t : NULL, args, (uint32_t)nargs, call->pos, ret));
}

enum { MAX_BACK = 8 };

/* One way of calling back: args, extras and perhaps self among them. */
static rhai_status attempt(rhai_call *call, const rhai_value *fn, rhai_value *self,
                           const rhai_value *args, size_t nargs, const rhai_value *extras,
                           size_t nextras, int self_at, rhai_value *ret) {
    rhai_value all[MAX_BACK + 1];
    uint32_t n = 0;
    for (size_t i = 0; i < nargs + nextras; i++)
        all[n++] = value_copy(i < nargs ? &args[i] : &extras[i - nargs]);
    const fnptr *f = as_fn(fn);
    if (self && self_at < 0 && f->ncurry && !f->code &&
        !vm_find_function(vm_top(call->vm)->libs, f->name, f->ncurry + n, self))
        self_at = 0; /* a native takes curried values first, then the object */
    if (self_at >= 0) {
        memmove(&all[self_at + 1], &all[self_at], (n - (uint32_t)self_at) * sizeof *all);
        all[self_at] = value_copy(self);
        n++;
        self = NULL;
    }
    target t = {.place = self, .is_ref = true};
    rhai_status status = invoke(call->vm, fn, self ? &t : NULL, all, n, call->pos, ret);
    for (uint32_t i = 0; i < n; i++)
        value_drop(call->h, &all[i]);
    return status;
}

static bool is_missing(const vm *m, const fnptr *fn) {
    return m->error && !m->exited && m->error->kind == ERR_FUNCTION_NOT_FOUND && m->error->text &&
           strncmp(m->error->text->data, fn->name->data, fn->name->len) == 0;
}

static void forget(vm *m) {
    rhai_error_free(m->error);
    m->error = NULL;
}

/* A name that is not bound to a function yet is tried with more and more arguments. */
static rhai_status attempt_all(rhai_call *call, const char *caller, const rhai_value *fn,
                               rhai_value *self, const rhai_value *args, size_t nargs,
                               const rhai_value *extras, size_t nextras, int self_at,
                               rhai_value *ret) {
    vm *m = call->vm;
    bool moves = self && self_at >= 0;
    rhai_status status = attempt(call, fn, self, args, nargs, NULL, 0, -1, ret);
    if (status != RHAI_OK && moves && is_missing(m, as_fn(fn))) {
        forget(m);
        status = attempt(call, fn, self, args, nargs, NULL, 0, self_at, ret);
    }
    if (status != RHAI_OK && is_missing(m, as_fn(fn))) {
        forget(m);
        status = attempt(call, fn, self, args, nargs, extras, nextras, moves ? self_at : -1, ret);
    }
    if (status != RHAI_OK && m->error && !m->exited)
        m->error =
            error_in_call(m->h, caller, vm_top(m)->p->unit ? vm_top(m)->p->unit->source : NULL,
                          m->error, POS_NONE);
    return status;
}

rhai_status call_back(rhai_call *call, const char *caller, const rhai_value *fn, rhai_value *self,
                      const rhai_value *args, size_t nargs, const rhai_value *extras,
                      size_t nextras, int self_at, rhai_value *ret) {
    const fnptr *f = as_fn(fn);
    if (nargs + nextras > MAX_BACK) return call_no_memory(call);
    rhai_status status;
    size_t wants = f->nparams - f->ncurry;
    bool moves = self && self_at >= 0;
    if (!f->code)
        status = attempt_all(call, caller, fn, self, args, nargs, extras, nextras, self_at, ret);
    else if (wants == nargs)
        status = attempt(call, fn, self, args, nargs, NULL, 0, -1, ret);
    else if (moves && wants == nargs + 1)
        status = attempt(call, fn, self, args, nargs, NULL, 0, self_at, ret);
    else if (moves && wants == nargs + nextras + 1)
        status = attempt(call, fn, self, args, nargs, extras, nextras, self_at, ret);
    else if (wants == nargs + nextras)
        status = attempt(call, fn, self, args, nargs, extras, nextras, -1, ret);
    else
        status = attempt_all(call, caller, fn, self, args, nargs, extras, nextras, self_at, ret);
    return hand_over(call, status);
}

rhai_status call_named(rhai_call *call, const char *name_text, rhai_value *args, size_t nargs,
                       rhai_value *ret) {
    vm *m = call->vm;
    rhai_str *wanted = str_intern(m->h, name_text, strlen(name_text));
    rhai_value *regs = wanted ? vm_scratch(m, (uint32_t)nargs + 1) : NULL;
    if (!regs) {
        rhai_status status = wanted ? RHAI_ERROR : vm_no_memory(m);
        obj_unref(m->h, wanted);
        return hand_over(call, status);
    }
    for (size_t i = 0; i < nargs; i++)
        regs[i] = value_take(&args[i]);
    rhai_value result = VALUE_UNIT;
    rhai_status status =
        vm_finish(m, vm_call_by_name(m, wanted, NULL, regs, (uint32_t)nargs, call->pos, &result));
    vm_scratch_end(m, (uint32_t)nargs + 1);
    obj_unref(m->h, wanted);
    if (status == RHAI_OK)
        value_store(m->h, ret, result);
    else
        value_drop(m->h, &result);
    return hand_over(call, status);
}

bool call_has_native(rhai_call *call, const char *name_text, const rhai_value *args, size_t nargs) {
    return nargs <= MAX_NATIVE_PARAMS &&
           native_find(&call->engine->natives, name_text, strlen(name_text), args, (uint32_t)nargs);
}

/* ---- Functions that need the machine ---- */

static rhai_status shown(rhai_call *call, const rhai_value *v, bool debug, text *t) {
    text_init(t, call->h);
    if (debug)
        text_add_debug(t, v);
    else if (!vm_text_of(call->vm, v, t, call->pos))
        return hand_over(call, RHAI_ERROR);
    return t->failed ? call_no_memory(call) : RHAI_OK;
}

static rhai_status print(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    rhai_engine *e = call->engine;
    if (!call->nargs || args[0].type == RHAI_STRING) {
        const rhai_str *s = call->nargs ? as_str(&args[0]) : NULL;
        e->print(e->print_data, s ? s->data : "", s ? s->len : 0);
        return RHAI_OK;
    }
    text t;
    rhai_status status = shown(call, &args[0], false, &t);
    if (status == RHAI_OK) e->print(e->print_data, t.data ? t.data : "", t.len);
    text_done(&t);
    return status;
}

static rhai_status debug(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    rhai_engine *e = call->engine;
    text t;
    text_init(&t, call->h);
    rhai_status status = call->nargs ? shown(call, &args[0], true, &t) : RHAI_OK;
    if (status == RHAI_OK) {
        unit *u = vm_top(call->vm)->p->unit;
        e->debug(e->debug_data, t.data ? t.data : "", t.len,
                 u && u->source ? u->source->data : NULL, call->pos);
    }
    text_done(&t);
    return status;
}

static bool matches_def(const fn_slot *f, const rhai_value *name_value, int64_t count,
                        const rhai_value *type) {
    return f->nparams == (uint64_t)count && str_equal(f->name, as_str(name_value)) &&
           (type ? f->this_type && str_equal(f->this_type, as_str(type)) : !f->this_type);
}

static rhai_status is_def_fn(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const rhai_value *type = call->nargs == 3 ? &args[0] : NULL;
    const rhai_value *name_value = &args[call->nargs - 2], *count = &args[call->nargs - 1];
    if (type && type->type != RHAI_STRING)
        return call_fail_mismatch(call, "string", vm_raw_type_name(type));
    if (name_value->type != RHAI_STRING)
        return call_fail_mismatch(call, "string", vm_raw_type_name(name_value));
    if (count->type != RHAI_INT) return call_fail_mismatch(call, "i64", vm_raw_type_name(count));
    bool found = false;
    for (const libs *l = vm_top(call->vm)->libs; l && !found && count->i >= 0; l = l->parent)
        for (uint32_t i = 0; i < l->unit->functions_len && !found; i++)
            found = matches_def(&l->unit->functions[i], name_value, count->i, type);
    *ret = VALUE_BOOL(found);
    return RHAI_OK;
}

static bool set_field(heap *h, map *m, const char *key, rhai_value v) {
    rhai_str *name = str_intern(h, key, strlen(key));
    bool ok = name && map_set(h, m, name, &v);
    if (!ok) value_drop(h, &v);
    obj_unref(h, name);
    return ok;
}

static bool set_text(heap *h, map *m, const char *key, const rhai_str *s) {
    rhai_value v;
    return value_new_text(h, s->data, s->len, &v) && set_field(h, m, key, v);
}

static bool set_strings(heap *h, map *m, const char *key, const ident *names,
                        rhai_str *const *lines, uint32_t n) {
    arr *a = arr_new(h, n);
    if (!a) return false;
    rhai_value list = VALUE_OBJ(RHAI_ARRAY, a);
    for (uint32_t i = 0; i < n; i++) {
        const rhai_str *s = names ? names[i].name : lines[i];
        rhai_value v;
        if (!value_new_text(h, s->data, s->len, &v) || !arr_push(h, a, &v)) {
            value_drop(h, &list);
            return false;
        }
    }
    return set_field(h, m, key, list);
}

/* What a script can know of a function: the map that Rhai gives. */
static bool describe(heap *h, const fn_def *fn, const rhai_str *source, rhai_value *ret) {
    map *m = map_new(h, 8);
    if (!m) return false;
    *ret = VALUE_OBJ(RHAI_MAP, m);
    rhai_value access;
    bool ok =
        value_new_text(h, fn->is_private ? "private" : "public", fn->is_private ? 7 : 6, &access) &&
        set_field(h, m, "access", access) &&
        set_field(h, m, "is_anonymous", VALUE_BOOL(fn->is_closure)) &&
        set_text(h, m, "name", fn->name) &&
        set_strings(h, m, "params", fn->params, NULL, fn->nparams) &&
        (!fn->this_type || set_text(h, m, "this_type", fn->this_type)) &&
        (!fn->comments_len ||
         set_strings(h, m, "comments", NULL, fn->comments, fn->comments_len)) &&
        (!source || set_text(h, m, "namespace", source));
    if (!ok) value_clear(h, ret);
    return ok;
}

static rhai_status get_fn_metadata_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    heap *h = call->h;
    arr *list = arr_new(h, 4);
    if (!list) return call_no_memory(call);
    *ret = VALUE_OBJ(RHAI_ARRAY, list);
    for (const libs *l = vm_top(call->vm)->libs; l; l = l->parent) {
        const ast *tree = l->unit->tree;
        for (uint32_t i = 0; i < tree->functions_len; i++) {
            const fn_def *fn = tree->functions[i];
            if (call->nargs > 0 && !str_equal(fn->name, as_str(&args[0]))) continue;
            if (call->nargs > 1 && (args[1].i < 0 || fn->nparams != (uint64_t)args[1].i)) continue;
            rhai_value v;
            if (!describe(h, fn, NULL, &v)) return call_no_memory(call);
            if (!arr_push(h, list, &v)) {
                value_drop(h, &v);
                return call_no_memory(call);
            }
        }
    }
    return RHAI_OK;
}

static const rhai_native core_functions[] = {
    {"print", "", print, RHAI_FN_VOLATILE, "print()", "Prints an empty line."},
    {"print", "?", print, RHAI_FN_VOLATILE, "print(value: any)",
     "Prints a value as text, and a line end."},
    {"debug", "", debug, RHAI_FN_VOLATILE, "debug()", "Shows an empty line to the developer."},
    {"debug", "?", debug, RHAI_FN_VOLATILE, "debug(value: any)",
     "Shows a value in its debug form to the developer: strings in quotes, and so on."},
    {"is_def_fn", "??", is_def_fn, RHAI_FN_VOLATILE, "is_def_fn(name: string, params: int) -> bool",
     "Whether the script defines a function of this name with so many parameters."},
    {"is_def_fn", "???", is_def_fn, RHAI_FN_VOLATILE,
     "is_def_fn(type: string, name: string, params: int) -> bool",
     "Whether the script defines a method of this name for objects of the type."},
    {"get_fn_metadata_list", "", get_fn_metadata_list, RHAI_FN_VOLATILE,
     "get_fn_metadata_list() -> array",
     "Descriptions of the script's functions: name, params, access and so on, as maps."},
    {"get_fn_metadata_list", "s", get_fn_metadata_list, RHAI_FN_VOLATILE,
     "get_fn_metadata_list(name: string) -> array", "Descriptions of the functions of this name."},
    {"get_fn_metadata_list", "si", get_fn_metadata_list, RHAI_FN_VOLATILE,
     "get_fn_metadata_list(name: string, params: int) -> array",
     "Descriptions of the functions of this name with so many parameters."},
};

LIB_PACKAGE(core);
