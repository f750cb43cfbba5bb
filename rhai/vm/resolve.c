/* What a call by name leads to, where Rhai's own memory of such calls can be seen.
 *
 * Rhai remembers a function from the second call of its name and number of arguments on, and stays
 * with it wherever the next such call stands: a module's call may then run the main script's
 * function of the same name, or the other way round (programs: mod-name-shadowing-between-script-
 * and-modules). The memory begins with the first call by name; one that began inside a function is
 * gone when that function returns; modules' statements and call-backs have memories of their own.
 * Only where two units know functions of one name does that make a difference, so only then is it
 * kept, and calls go the slow way.
 */
#include "code/compile.h"
#include "vm/vm.h"

#include <string.h>

/* Whether v defines or calls what u defines. */
static bool knows_functions_of(const unit *v, const unit *u) {
    for (uint32_t i = 0; i < u->functions_len; i++) {
        const fn_slot *f = &u->functions[i];
        for (uint32_t j = 0; j < v->functions_len; j++)
            if (v->functions[j].nparams == f->nparams && str_equal(v->functions[j].name, f->name))
                return true;
        for (uint32_t j = 0; j < v->protos_len; j++) {
            const proto *p = v->protos[j];
            for (uint32_t k = 0; k < p->sites_len; k++) {
                const site *s = &p->sites[k];
                if (s->name && !s->path.len && s->nargs == f->nparams &&
                    str_equal(s->name, f->name))
                    return true;
            }
        }
    }
    return false;
}

/* Which functions a unit calls shows in its code. Should memory be short, whoever calls one of
 * those without code will say so. */
static void compile_rest(unit *u) {
    rhai_error *error;
    if (!compile_all(u, &error)) rhai_error_free(error);
}

void vm_note_unit(vm *m, unit *u) {
    compile_rest(u);
    for (const libs *l = m->root_libs; l; l = l->sibling)
        compile_rest(l->unit);
    for (const libs *l = m->root_libs; l && !m->remembers; l = l->sibling)
        m->remembers = knows_functions_of(l->unit, u) || knows_functions_of(u, l->unit);
    if (m->remembers) m->plain_level = 0;
}

void vm_forget(vm *m, memory *what) {
    if (what->items) heap_free(m->h, what->items, what->cap * sizeof *what->items);
    *what = (memory){0};
}

static remembered *find(const memory *mem, const rhai_str *name, uint32_t nparams,
                        const char *type) {
    for (uint32_t i = 0; i < mem->len; i++) {
        remembered *r = &mem->items[i];
        bool same_type = type ? r->type && strcmp(r->type, type) == 0 : !r->type;
        if (r->nparams == nparams && same_type && str_equal(r->name, name)) return r;
    }
    return NULL;
}

/* Without memory for it, the call is not remembered. */
static void add(vm *m, proto *p, uint32_t nparams, const char *type) {
    memory *mem = &m->memory;
    if (mem->len == mem->cap) {
        uint32_t cap = next_size(mem->cap, 8);
        remembered *items =
            heap_resize(m->h, mem->items, mem->cap * sizeof *items, cap * sizeof *items);
        if (!items) return;
        mem->items = items;
        mem->cap = cap;
    }
    mem->items[mem->len++] = (remembered){p->name, nparams, type, p, false};
}

static proto *recall(vm *m, proto *found, const rhai_str *name, uint32_t nparams,
                     const char *type) {
    m->memory.has_begun = true;
    remembered *r = find(&m->memory, name, nparams, type);
    if (r && r->sticks) return r->fn;
    if (!found) return NULL;
    if (r) {
        r->fn = found;
        r->sticks = true;
    } else {
        add(m, found, nparams, type);
    }
    return found;
}

proto *vm_recall(vm *m, const rhai_str *name, uint32_t nparams) {
    return recall(m, vm_find_function(vm_top(m)->libs, name, nparams, NULL), name, nparams, NULL);
}

proto *vm_recall_method(vm *m, proto *found, const rhai_str *name, uint32_t nparams,
                        const rhai_value *object) {
    proto *typed =
        recall(m, found && found->this_type ? found : NULL, name, nparams, value_type_name(object));
    if (typed) return typed;
    return recall(m, found && !found->this_type ? found : NULL, name, nparams, NULL);
}
