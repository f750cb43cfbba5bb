/* Methods: object.name(args). */
#include "vm/vm.h"

static outcome done(vm *m, rhai_value *ret, rhai_value v) {
    if (ret)
        value_store(m->h, ret, v);
    else
        value_drop(m->h, &v);
    return CALL_DONE;
}

static outcome failed(vm *m, rhai_error *e) {
    vm_fail(m, e);
    return CALL_FAILED;
}

/* A closure that captured the very variable it is called on finds it in use. */
static bool races(const fnptr *fn, const target *t, uint32_t *ret_number) {
    for (uint32_t i = 0; i < fn->ncurry; i++) {
        if (fn->curry[i].type == RHAI_SHARED &&
            (as_cell(&fn->curry[i]) == t->cell || as_cell(&fn->curry[i])->borrows)) {
            *ret_number = i + 1;
            return true;
        }
    }
    return false;
}

/* object.call(f, args): f runs with the object as `this`. */
static outcome call_on_object(vm *m, site *s, const target *t, rhai_value *args, rhai_pos pos,
                              rhai_value *ret) {
    if (!s->nargs) return failed(m, error_mismatch(m->h, "Fn", value_type_name(t->place), pos));
    if (args[1].type != RHAI_FN)
        return failed(m, error_mismatch(m->h, "Fn", value_type_name(&args[1]), s->arg_pos));
    uint32_t number;
    if (races(as_fn(&args[1]), t, &number))
        return failed(m, error_newf(m->h, ERR_DATA_RACE, POS_NONE, "argument #%u of function '%s'",
                                    number, as_fn(&args[1])->name->data));
    rhai_value fn = value_take(&args[1]);
    outcome o = vm_call_fn(m, &fn, t, args + 2, s->nargs - 1, pos, ret);
    value_drop(m->h, &fn);
    return o;
}

/* variable.call(args): a shared variable is in use while the function that it holds runs. */
static outcome call_held(vm *m, site *s, const target *t, rhai_value *args, rhai_pos pos,
                         rhai_value *ret) {
    cell *held = t->cell;
    outcome o = vm_call_fn(m, t->place, NULL, args + 1, s->nargs, pos, ret);
    if (o == CALL_PUSHED && held && !vm_top(m)->this_cell) {
        vm_top(m)->this_cell = held;
        vm_top(m)->is_plain = false;
        held->borrows++;
        obj_ref(held);
    }
    return o;
}

static outcome curry(vm *m, site *s, const target *t, rhai_value *args, rhai_pos pos,
                     rhai_value *ret) {
    if (t->place->type != RHAI_FN)
        return failed(m, error_mismatch(m->h, "Fn", value_type_name(t->place), pos));
    rhai_value v;
    if (!vm_curry(m, t->place, args + 1, s->nargs, &v)) return CALL_FAILED;
    return done(m, ret, v);
}

bool vm_curry(vm *m, const rhai_value *fn, rhai_value *args, uint32_t nargs, rhai_value *ret) {
    fnptr *old = as_fn(fn);
    uint32_t total = old->ncurry + nargs;
    rhai_value *all = total ? heap_alloc(m->h, total * sizeof *all) : NULL;
    if (total && !all) {
        vm_no_memory(m);
        return false;
    }
    for (uint32_t i = 0; i < total; i++)
        all[i] = i < old->ncurry ? old->curry[i] : args[i - old->ncurry];
    fnptr *f = vm_fnptr(m, old->name, (proto *)old->code, (env *)old->env, all, total);
    if (all) heap_free(m->h, all, total * sizeof *all);
    if (!f) return false;
    *ret = VALUE_OBJ(RHAI_FN, f);
    return true;
}

/* A function held in a map under the method's name is called with the map as `this`. */
static const rhai_value *function_in_map(const site *s, const rhai_value *object) {
    if (object->type != RHAI_MAP) return NULL;
    const rhai_value *v = map_find(as_map(object), s->name);
    return v && v->type == RHAI_FN ? v : NULL;
}

/* Typed methods of imported modules are visible everywhere. */
static proto *find_typed(vm *m, const rhai_str *name, uint32_t nparams, const rhai_value *object) {
    const char *type = value_type_name(object);
    for (libs *l = vm_top(m)->libs; l; l = l->parent) {
        proto *p = unit_find(l->unit, name, nparams, type);
        if (p) return p;
    }
    for (uint32_t i = m->imports_len; i-- > m->imports_floor;) {
        proto *p = unit_find(m->imports[i].module->unit, name, nparams, type);
        if (p && !p->is_private) return p;
    }
    return NULL;
}

static proto *script_method(vm *m, site *s, const rhai_value *object) {
    libs *l = vm_top(m)->libs;
    if (m->remembers) {
        proto *p = find_typed(m, s->name, s->nargs, object);
        if (!p) p = vm_find_function(l, s->name, s->nargs, NULL);
        return vm_recall_method(m, p, s->name, s->nargs, object);
    }
    if (m->imports_len > m->imports_floor) {
        proto *p = find_typed(m, s->name, s->nargs, object);
        return p ? p : vm_find_function(l, s->name, s->nargs, NULL);
    }
    if (s->method_type == object->type + 1 && l && s->libs == l->number &&
        object->type != RHAI_CUSTOM)
        return s->method;
    s->method = vm_find_function(l, s->name, s->nargs, object);
    s->libs = l ? l->number : 0;
    s->method_type = object->type + 1;
    return s->method;
}

bool vm_method_mutates(vm *m, site *s, rhai_value *object, rhai_value *args) {
    if (s->name == m->name_call && object->type == RHAI_FN) return false;
    if (s->name == m->name_call || function_in_map(s, object) || script_method(m, s, object))
        return true;
    value_clear(m->h, &args[0]);
    args[0] = *object;
    const native_entry *n =
        native_find(&m->engine->natives, s->name->data, s->name->len, args, s->nargs + 1);
    args[0] = VALUE_UNIT;
    return n && n->native->flags & (RHAI_FN_MUTATES | RHAI_FN_BORROWS);
}

outcome vm_method(vm *m, site *s, const target *t, rhai_value *args, rhai_pos pos, rhai_value *ret,
                  bool *ret_updated) {
    if (ret_updated) *ret_updated = false;
    if (s->name == m->name_call) {
        if (t->place->type != RHAI_FN) return call_on_object(m, s, t, args, pos, ret);
        return call_held(m, s, t, args, pos, ret);
    }
    if (s->name == m->name_curry) return curry(m, s, t, args, pos, ret);
    if (s->name == m->name_is_shared && !s->nargs) return done(m, ret, VALUE_BOOL(t->cell != NULL));
    if (s->name == m->name_type_of && !s->nargs) {
        const char *type = value_type_name(t->place);
        rhai_value v;
        if (!value_new_text(m->h, type, __builtin_strlen(type), &v))
            return vm_no_memory(m) == RHAI_OK ? CALL_DONE : CALL_FAILED;
        return done(m, ret, v);
    }
    const rhai_value *held = function_in_map(s, t->place);
    if (held) {
        rhai_value fn = value_copy(held);
        outcome o = vm_call_fn(m, &fn, t, args + 1, s->nargs, pos, ret);
        value_drop(m->h, &fn);
        return o;
    }
    proto *p = script_method(m, s, t->place);
    if (!p) return vm_call_place(m, s->name, s, t, args, s->nargs + 1, pos, ret, ret_updated);
    if (proto_is_empty(p)) return done(m, ret, VALUE_UNIT);
    invocation c = {.p = p,
                    .self = t->place,
                    .self_cell = t->cell,
                    .args = args + 1,
                    .nargs = s->nargs,
                    .ret = ret,
                    .pos = pos};
    return vm_enter(m, &c);
}
