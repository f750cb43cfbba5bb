/* Variables found by name: the host's scope, what eval defined, function names used as values. */
#include "vm/vm.h"

#include "syntax/lex.h"

#include <string.h>

name *vm_name_find(vm *m, const frame *f, const rhai_str *wanted) {
    for (name *n = m->names; n && n != f->names_floor; n = n->below)
        if (n->name == wanted || str_equal(n->name, wanted)) return n;
    return NULL;
}

rhai_status vm_name_define(vm *m, rhai_str *s, rhai_value v, bool is_const) {
    name *n = heap_alloc(m->h, sizeof *n);
    if (!n) {
        value_drop(m->h, &v);
        return vm_no_memory(m);
    }
    obj_ref(s);
    v.flags = is_const ? VALUE_CONST : 0;
    *n = (name){.below = m->names, .name = s, .value = v};
    m->names = n;
    return RHAI_OK;
}

void vm_names_trim(vm *m, const name *top) {
    while (m->names && m->names != top) {
        name *n = m->names;
        m->names = n->below;
        value_drop(m->h, &n->value);
        obj_unref(m->h, n->name);
        heap_free(m->h, n, sizeof *n);
    }
}

cell *vm_share(vm *m, rhai_value *slot) {
    if (slot->type == RHAI_SHARED) return as_cell(slot);
    uint8_t flags = slot->flags;
    cell *c = cell_new(m->h, *slot);
    if (!c) {
        vm_no_memory(m);
        return NULL;
    }
    *slot = VALUE_OBJ(RHAI_SHARED, c);
    slot->flags = flags;
    return c;
}

/* A script function's name without parentheses is a pointer to it. */
static proto *function_named(const libs *l, const rhai_str *wanted) {
    for (; l; l = l->parent)
        for (uint32_t i = 0; i < l->unit->functions_len; i++)
            if (str_equal(l->unit->functions[i].name, wanted)) return l->unit->functions[i].fn;
    return NULL;
}

/* A function hides variables of its name that the parser did not see. */
static rhai_value *find_place(vm *m, frame *f, rhai_str *wanted, const site *s) {
    if (s->object != OBJECT_SLOT && function_named(f->libs, wanted)) return NULL;
    name *n = vm_name_find(m, f, wanted);
    if (n) return &n->value;
    return s->object == OBJECT_SLOT ? &f->base[s->slot] : NULL;
}

rhai_value *vm_name_place(vm *m, frame *f, rhai_str *wanted, const site *s, rhai_pos pos) {
    name *n = vm_name_find(m, f, wanted);
    if (n) return &n->value;
    if (s->checked) /* a fall-back slot was recorded */
        return &f->base[s->slot];
    proto *p = function_named(f->libs, wanted);
    if (p) {
        env *e;
        if (vm_current_env(m, &e) != RHAI_OK) return NULL;
        fnptr *fn = vm_fnptr(m, p->name, p, e, NULL, 0);
        if (!fn) return NULL;
        value_store(m->h, &m->name_value, VALUE_OBJ(RHAI_FN, fn));
        return &m->name_value;
    }
    vm_fail(m, error_newf(m->h, ERR_VARIABLE_NOT_FOUND, pos, "%s", wanted->data));
    return NULL;
}

rhai_status vm_get_name(vm *m, frame *f, site *s, rhai_value *ret) {
    rhai_value *place = find_place(m, f, s->name, s);
    if (!place) {
        proto *p = function_named(f->libs, s->name);
        if (!p)
            return vm_fail(m,
                           error_newf(m->h, ERR_VARIABLE_NOT_FOUND, s->pos, "%s", s->name->data));
        env *e;
        if (vm_current_env(m, &e) != RHAI_OK) return RHAI_ERROR;
        fnptr *fn = vm_fnptr(m, p->name, p, e, NULL, 0);
        if (!fn) return RHAI_ERROR;
        value_store(m->h, ret, VALUE_OBJ(RHAI_FN, fn));
        return RHAI_OK;
    }
    if (place->type == RHAI_SHARED) {
        cell *c = as_cell(place);
        if (c->borrows) return vm_fail(m, error_new(m->h, ERR_DATA_RACE, POS_NONE));
        place = &c->value;
    }
    value_store(m->h, ret, value_copy(place));
    return RHAI_OK;
}

static rhai_status constant(vm *m, const site *s) {
    return vm_fail(m, error_newf(m->h, ERR_ASSIGNMENT_TO_CONSTANT, s->pos, "%s", s->name->data));
}

rhai_status vm_check_assignable(vm *m, frame *f, site *s) {
    const rhai_value *place = find_place(m, f, s->name, s);
    if (place ? place->flags & VALUE_CONST : function_named(f->libs, s->name) != NULL)
        return constant(m, s);
    return RHAI_OK;
}

/* Variables of modules are constants, if they are there. */
static rhai_status fail_to_set_path(vm *m, frame *f, const site *s) {
    rhai_value v = VALUE_UNIT;
    if (vm_get_path(m, f, s, &v) != RHAI_OK) return RHAI_ERROR;
    value_drop(m->h, &v);
    return constant(m, s);
}

rhai_status vm_set_name(vm *m, frame *f, site *s, rhai_value *v) {
    if (s->path.len) return fail_to_set_path(m, f, s);
    if (vm_check_assignable(m, f, s) != RHAI_OK) return RHAI_ERROR;
    rhai_value *place = find_place(m, f, s->name, s);
    if (!place)
        return vm_fail(m, error_newf(m->h, ERR_VARIABLE_NOT_FOUND, s->pos, "%s", s->name->data));
    if (place->type == RHAI_SHARED) place = &as_cell(place)->value;
    value_store(m->h, place, *v);
    *v = VALUE_UNIT;
    return RHAI_OK;
}

rhai_value *vm_capture_place(vm *m, frame *f, const site *s) {
    rhai_value *place = find_place(m, f, s->name, s);
    if (!place) vm_fail(m, error_newf(m->h, ERR_VARIABLE_NOT_FOUND, s->pos, "%s", s->name->data));
    return place;
}

bool vm_is_defined(vm *m, const frame *f, const scope_table *scope, const rhai_str *wanted) {
    if (vm_name_find(m, f, wanted)) return true;
    for (uint32_t i = 0; i < scope->len; i++)
        if (str_equal(scope->vars[i].name, wanted)) return true;
    return false;
}

uint32_t vm_names_visible(const vm *m, const frame *f) {
    uint32_t count = 0;
    for (const name *n = m->names; n && n != f->names_floor; n = n->below)
        count++;
    return count;
}

static bool is_symbol(const rhai_str *s) {
    static const char *const symbols[] = {
#define X(token, text, precedence, flags) text,
        TOKENS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (s->len && strcmp(symbols[i], s->data) == 0) return true;
    return false;
}

rhai_error *vm_check_function_name(vm *m, const rhai_str *wanted, rhai_pos pos) {
    if (lex_is_function_name(wanted->data, wanted->len)) return NULL;
    if (lex_is_name(wanted->data, wanted->len))
        return error_newf(m->h, ERR_PARSING, pos, "'%s' is a reserved keyword", wanted->data);
    if (is_symbol(wanted))
        return error_newf(m->h, ERR_PARSING, pos, "'%s' is a reserved symbol", wanted->data);
    return error_newf(m->h, ERR_FUNCTION_NOT_FOUND, pos, "%s", wanted->data);
}
