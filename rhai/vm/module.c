/* Modules: import, export, names with a path. */
#include "vm/vm.h"

#include <string.h>

static void module_destroy(heap *h, opaque *o) {
    module *mod = (module *)o;
    obj_unref(h, mod->vars);
    for (uint32_t i = 0; i < mod->imports_len; i++) {
        obj_unref(h, mod->imports[i].alias);
        obj_unref(h, mod->imports[i].module);
    }
    if (mod->imports) heap_free(h, mod->imports, mod->imports_len * sizeof *mod->imports);
    obj_unref(h, mod->unit);
    obj_unref(h, mod->path);
    heap_free(h, mod, sizeof *mod);
}

static module *module_new(vm *m, unit *u, rhai_str *path) {
    module *mod = heap_alloc_zero(m->h, sizeof *mod);
    map *vars = mod ? map_new(m->h, 0) : NULL;
    if (!vars) {
        if (mod) heap_free(m->h, mod, sizeof *mod);
        vm_no_memory(m);
        return NULL;
    }
    mod->head.head.refs = 1;
    mod->head.head.type = OBJ_OPAQUE;
    mod->head.destroy = module_destroy;
    mod->vars = vars;
    mod->unit = u;
    mod->path = path;
    obj_ref(u);
    obj_ref(path);
    return mod;
}

/* ---- The stack of imports ---- */

rhai_status vm_imports_push(vm *m, rhai_str *alias, module *mod) {
    if (m->imports_len == m->imports_cap) {
        uint32_t cap = next_size(m->imports_cap, 8);
        import *p = heap_resize(m->h, m->imports, m->imports_cap * sizeof *p, cap * sizeof *p);
        if (!p) return vm_no_memory(m);
        m->imports = p;
        m->imports_cap = cap;
    }
    if (alias) obj_ref(alias);
    obj_ref(mod);
    m->imports[m->imports_len++] = (import){alias, mod};
    m->imports_version = ++m->imports_count;
    return RHAI_OK;
}

void vm_imports_trim(vm *m, uint32_t height) {
    while (m->imports_len > height) {
        import *i = &m->imports[--m->imports_len];
        obj_unref(m->h, i->alias);
        obj_unref(m->h, i->module);
        m->imports_version = ++m->imports_count;
    }
}

void vm_mark(vm *m, rhai_value *slot) {
    uint32_t depth = 0;
    for (name *n = m->names; n; n = n->below)
        depth++;
    value_store(m->h, slot, VALUE_INT((int64_t)depth << 32 | m->imports_len));
}

void vm_trim(vm *m, const rhai_value *slot) {
    uint32_t depth = 0, keep = (uint32_t)(slot->i >> 32);
    for (name *n = m->names; n; n = n->below)
        depth++;
    name *top = m->names;
    for (; depth > keep && top; depth--)
        top = top->below;
    vm_names_trim(m, top);
    vm_imports_trim(m, (uint32_t)slot->i);
}

/* ---- Import ---- */

static rhai_status resolve_source(vm *m, const rhai_value *path, rhai_pos pos,
                                  rhai_value *text_value, rhai_value *name_value) {
    rhai_engine *e = m->engine;
    frame *f = vm_top(m);
    rhai_call call = {.engine = e, .h = m->h, .vm = m, .pos = pos};
    libs *l = f->libs;
    const rhai_str *importer = l && l->unit->source ? l->unit->canonical : NULL;
    *text_value = *name_value = VALUE_UNIT;
    if (e->resolver &&
        e->resolver(e->resolver_data, &call, as_str(path)->data, importer ? importer->data : NULL,
                    text_value, name_value) == RHAI_OK)
        return RHAI_OK;
    if (call.error) return vm_fail(m, call.error);
    return vm_fail(m, error_newf(m->h, ERR_MODULE_NOT_FOUND, pos, "%s", as_str(path)->data));
}

/* A module gets what its statements exported, and the imports they left as sub-modules; its
 * functions see these imports when they run. */
static rhai_status collect(vm *m, frame *f, module *mod) {
    for (uint32_t i = 0; i < m->exports_len; i++) {
        const rhai_value *slot = m->exports[i].slot;
        rhai_value v = value_copy(slot->type == RHAI_SHARED ? &as_cell(slot)->value : slot);
        if (!map_set(m->h, mod->vars, m->exports[i].alias, &v)) {
            value_drop(m->h, &v);
            return vm_no_memory(m);
        }
    }
    uint32_t n = m->imports_len - f->imports;
    if (!n) return RHAI_OK;
    if (!(mod->imports = heap_alloc(m->h, n * sizeof *mod->imports))) return vm_no_memory(m);
    for (; mod->imports_len < n; mod->imports_len++) {
        import *i = &m->imports[f->imports + mod->imports_len];
        mod->imports[mod->imports_len] = *i;
        if (i->alias) obj_ref(i->alias);
        obj_ref(i->module);
    }
    env *e = vm_new_env(m, NULL);
    if (!e) return vm_no_memory(m);
    mod->unit->env = &e->head;
    return RHAI_OK;
}

void vm_main_ends(vm *m, frame *f) {
    if (m->loading) {
        if (!m->error || m->exited) m->collect_failed = collect(m, f, m->loading) != RHAI_OK;
    } else if (m->host_scope) {
        uint32_t pc = insn_pc(f->p, f->pc);
        for (uint32_t i = 0; i < f->p->globals_len; i++) {
            const global_var *g = &f->p->globals[i];
            if (pc < g->from_pc) break;
            const rhai_value *slot = &f->base[g->reg];
            scope_add(m->h, m->host_scope, g->name,
                      value_copy(slot->type == RHAI_SHARED ? &as_cell(slot)->value : slot),
                      g->is_const);
        }
    }
}

static rhai_status run_module(vm *m, unit *u, rhai_str *path, rhai_pos pos, module **ret) {
    module *mod = module_new(m, u, path);
    if (!mod) return RHAI_ERROR;
    /* The statements run as a script of their own: nothing of the importer is visible. */
    struct module *loading = m->loading;
    export_entry *exports = m->exports;
    uint32_t exports_len = m->exports_len, exports_cap = m->exports_cap, floor = m->imports_floor;
    uint32_t level = m->level;
    name *main_floor = m->main_floor;
    m->main_floor = m->names;
    m->loading = mod;
    m->exports = NULL;
    m->exports_len = m->exports_cap = 0;
    m->imports_floor = m->imports_len;
    m->level = 0;
    m->collect_failed = false;
    rhai_value ignored = VALUE_UNIT;
    memory outer = m->memory;
    m->memory = (memory){0};
    if (!m->remembers) vm_note_unit(m, u);
    rhai_status status = vm_run_main(m, u, &ignored);
    vm_forget(m, &m->memory);
    m->memory = outer;
    value_drop(m->h, &ignored);
    if (status != RHAI_OK && m->exited) { /* exit() ends the module's statements, no more */
        m->exited = false;
        value_clear(m->h, &m->exit_value);
        status = RHAI_OK;
    }
    if (status == RHAI_OK && m->collect_failed) status = m->error ? RHAI_ERROR : vm_no_memory(m);
    if (m->exports) heap_free(m->h, m->exports, m->exports_cap * sizeof *m->exports);
    m->loading = loading;
    m->exports = exports;
    m->exports_len = exports_len;
    m->exports_cap = exports_cap;
    m->imports_floor = floor;
    m->main_floor = main_floor;
    m->level = level;
    if (status == RHAI_OK) {
        *ret = mod;
        return RHAI_OK;
    }
    obj_unref(m->h, mod);
    if (!m->exited) m->error = error_in_module(m->h, path->data, m->error, pos);
    return RHAI_ERROR;
}

static rhai_status load_module(vm *m, const rhai_value *path, const rhai_value *source,
                               const rhai_value *name, rhai_pos pos, module **ret) {
    rhai_error *error = NULL;
    rhai_engine *e = m->engine;
    unit *u = vm_compile(e, as_str(source)->data, as_str(source)->len, as_str(path), NULL, &error);
    if (!u) return vm_fail(m, error_in_module(m->h, as_str(path)->data, error, pos));
    u->canonical = as_str(name);
    obj_ref(u->canonical);
    rhai_status status = run_module(m, u, as_str(path), pos, ret);
    obj_unref(m->h, u);
    return status;
}

static rhai_status find_or_load(vm *m, const rhai_value *path, rhai_pos pos, module **ret) {
    rhai_value source, name_value;
    if (resolve_source(m, path, pos, &source, &name_value) != RHAI_OK) return RHAI_ERROR;
    rhai_status status = RHAI_OK;
    if (!m->module_cache && !(m->module_cache = map_new(m->h, 4))) {
        status = vm_no_memory(m);
        goto done;
    }
    rhai_value *known = map_find(m->module_cache, as_str(&name_value));
    if (known && known->type == RHAI_UNIT) {
        rhai_value v;
        text t;
        text_init(&t, m->h);
        text_printf(&t, "Module '%s' imports itself", as_str(path)->data);
        status = text_finish(&t, &v) ? vm_fail(m, error_thrown(m->h, v, pos)) : vm_no_memory(m);
        text_done(&t);
        goto done;
    }
    if (known) {
        *ret = known->obj;
        goto done;
    }
    rhai_value loading = VALUE_UNIT;
    if (!map_set(m->h, m->module_cache, as_str(&name_value), &loading)) {
        status = vm_no_memory(m);
        goto done;
    }
    status = load_module(m, path, &source, &name_value, pos, ret);
    rhai_value loaded = VALUE_UNIT;
    if (status != RHAI_OK) {
        map_remove(m->h, m->module_cache, as_str(&name_value), &loaded);
        goto done;
    }
    loaded = VALUE_OBJ(OBJ_OPAQUE, *ret);
    if (!map_set(m->h, m->module_cache, as_str(&name_value), &loaded)) {
        value_drop(m->h, &loaded);
        status = vm_no_memory(m);
    }
done:
    value_drop(m->h, &source);
    value_drop(m->h, &name_value);
    return status;
}

rhai_status vm_import(vm *m, const rhai_value *path, const site *s, rhai_pos pos) {
    uint64_t max = m->engine->limits[RHAI_MAX_MODULES];
    if (m->modules_loaded >= max) return vm_fail(m, error_new(m->h, ERR_TOO_MANY_MODULES, pos));
    if (path->type != RHAI_STRING)
        return vm_fail(m, error_mismatch(m->h, "string", vm_raw_type_name(path), s->object_pos));
    module *mod = NULL;
    if (find_or_load(m, path, s->arg_pos, &mod) != RHAI_OK) return RHAI_ERROR;
    m->modules_loaded++;
    return vm_imports_push(m, s->name, mod);
}

rhai_status vm_export(vm *m, frame *f, const site *s, rhai_value *slot) {
    name *n = vm_name_find(m, f, s->object_name ? s->object_name : s->name);
    if (n) slot = &n->value;
    if (!slot)
        return vm_fail(
            m, error_newf(m->h, ERR_VARIABLE_NOT_FOUND, s->pos, "%s", s->object_name->data));
    if (m->exports_len == m->exports_cap) {
        uint32_t cap = next_size(m->exports_cap, 8);
        export_entry *p =
            heap_resize(m->h, m->exports, m->exports_cap * sizeof *p, cap * sizeof *p);
        if (!p) return vm_no_memory(m);
        m->exports = p;
        m->exports_cap = cap;
    }
    m->exports[m->exports_len++] = (export_entry){s->name, slot};
    return RHAI_OK;
}

/* ---- Names with a path ---- */

static module *find_import(import *list, uint32_t from, uint32_t len, const rhai_str *alias) {
    for (uint32_t i = len; i-- > from;)
        if (list[i].alias && str_equal(list[i].alias, alias)) return list[i].module;
    return NULL;
}

static module *find_module(vm *m, const site *s, bool *ret_has_root) {
    const name_path *path = &s->path;
    module *mod = s->import_back ? m->imports[m->imports_len - s->import_back].module
                                 : find_import(m->imports, m->imports_floor, m->imports_len,
                                               path->names[0].name);
    *ret_has_root = mod != NULL;
    for (uint32_t i = 1; mod && i < path->len; i++)
        mod = find_import(mod->imports, 0, mod->imports_len, path->names[i].name);
    return mod;
}

static void add_path(text *t, const name_path *path, const char *end) {
    for (uint32_t i = 0; i < path->len; i++) {
        if (i) text_add_cstr(t, "::");
        text_add_str(t, path->names[i].name);
    }
    text_add_cstr(t, end);
}

static rhai_status not_found(vm *m, error_kind kind, const name_path *path, const char *separator,
                             const char *rest, rhai_pos pos) {
    text t;
    text_init(&t, m->h);
    add_path(&t, path, separator);
    text_add_cstr(&t, rest);
    rhai_status status = t.failed
                             ? vm_no_memory(m)
                             : vm_fail(m, error_newf(m->h, kind, pos, "%.*s", (int)t.len, t.data));
    text_done(&t);
    return status;
}

rhai_status vm_get_path(vm *m, frame *f, const site *s, rhai_value *ret) {
    bool has_root;
    const name_path *path = &s->path;
    rhai_pos pos = path->names[0].pos;
    module *mod = find_module(m, s, &has_root);
    const rhai_value *v = NULL;
    if (mod)
        v = map_find(mod->vars, s->name);
    else if (!has_root && path->len == 1 && strcmp(path->names[0].name->data, "global") == 0)
        v = f->libs && f->libs->unit->constants ? map_find(f->libs->unit->constants, s->name)
                                                : NULL;
    else if (!has_root)
        return not_found(m, ERR_MODULE_NOT_FOUND, path, "", "", pos);
    if (!v) return not_found(m, ERR_VARIABLE_NOT_FOUND, path, "::", s->name->data, pos);
    value_store(m->h, ret, value_copy(v));
    return RHAI_OK;
}

outcome vm_call_path(vm *m, site *s, rhai_value *args, uint32_t nargs, rhai_pos pos,
                     rhai_value *ret) {
    bool has_root;
    if (nargs && s->object != OBJECT_TEMP) {
        target t;
        if (!vm_site_object(m, vm_top(m), s, &t)) return CALL_FAILED;
        value_store(m->h, &args[0], value_copy(t.place));
    }
    module *mod = find_module(m, s, &has_root);
    if (!has_root) {
        not_found(m, ERR_MODULE_NOT_FOUND, &s->path, "", "", s->path.names[0].pos);
        return CALL_FAILED;
    }
    proto *p = mod ? unit_find(mod->unit, s->name, nargs, NULL) : NULL;
    if (!p || p->is_private) {
        rhai_error *e = vm_function_not_found(m, s->name, args, nargs, pos);
        not_found(m, ERR_FUNCTION_NOT_FOUND, &s->path, "::", e->text ? e->text->data : "", pos);
        rhai_error_free(e);
        return CALL_FAILED;
    }
    if (proto_is_empty(p)) {
        if (ret) value_clear(m->h, ret);
        return CALL_DONE;
    }
    libs *l = vm_top(m)->libs;
    s->method = p;
    s->imports_version = m->imports_version;
    s->libs = l ? l->number : 0;
    if (l && !(s->callee_libs = p->unit->is_inner ? l : vm_libs_push(m, l, p->unit)))
        return CALL_FAILED;
    invocation c = {.p = p, .args = args, .nargs = nargs, .ret = ret, .pos = pos};
    return vm_enter(m, &c);
}
