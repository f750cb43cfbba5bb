/* Calls: frames, natives, function values, and what is found by name. */
#include "code/compile.h"
#include "vm/plain.h"

#include <string.h>

rhai_status vm_fail(vm *m, rhai_error *e) {
    if (m->error) rhai_error_free(m->error);
    if (e->h && e->pos.line == POS_CALLER.line) {
        bool is_origin = e->origin.line == POS_CALLER.line;
        e->pos = frame_pos(vm_top(m));
        if (is_origin) e->origin = e->pos;
    }
    m->error = e;
    return RHAI_ERROR;
}

/* An allocation that max_memory refused is the script's fault and says so; one that the system
 * refused is not. */
rhai_status vm_no_memory(vm *m) {
    heap *h = m->h;
    if (h->limit_hit) {
        h->limit_hit = false;
        size_t limit = h->limit;
        h->limit = 0; /* the report itself needs a little */
        rhai_error *e = error_newf(h, ERR_DATA_TOO_LARGE, frame_pos(vm_top(m)), "Memory in use");
        h->limit = limit;
        return vm_fail(m, e);
    }
    return vm_fail(m, error_out_of_memory(h));
}

rhai_pos frame_pos(const frame *f) {
    return proto_pos(f->p, insn_pc(f->p, f->pc) - 1);
}

rhai_pos frame_call_pos(const vm *m, const frame *f) {
    if (f->pos.line != UINT32_MAX) return f->pos;
    return f > m->frames ? frame_pos(f - 1) : POS_NONE;
}

bool vm_counted_too_many(vm *m, rhai_pos pos) {
    vm_fail(m, error_new(m->h, ERR_TOO_MANY_OPERATIONS, pos));
    return false;
}

/* ---- Libraries ---- */

libs *vm_libs_push(vm *m, libs *below, unit *u) {
    if (below && below->unit == u) return below;
    libs **list = below ? &below->children : &m->root_libs;
    for (libs *l = *list; l; l = l->sibling)
        if (l->unit == u) return l;
    libs *l = heap_alloc_zero(m->h, sizeof *l);
    if (!l) {
        vm_no_memory(m);
        return NULL;
    }
    obj_ref(u);
    *l = (libs){.number = ++m->libs_count, .unit = u, .parent = below, .sibling = *list};
    *list = l;
    return l;
}

libs *vm_unit_libs(vm *m, unit *u) {
    libs *l = NULL;
    for (uint32_t i = 0; i < u->earlier_len; i++)
        if (!(l = vm_libs_push(m, l, u->earlier[i]))) return NULL;
    return vm_libs_push(m, l, u);
}

proto *vm_find_function(const libs *l, const rhai_str *name, uint32_t nparams,
                        const rhai_value *self) {
    if (self) {
        const char *type = value_type_name(self);
        for (const libs *at = l; at; at = at->parent) {
            proto *p = unit_find(at->unit, name, nparams, type);
            if (p) return p;
        }
    }
    for (; l; l = l->parent) {
        proto *p = unit_find(l->unit, name, nparams, NULL);
        if (p) return p;
    }
    return NULL;
}

/* ---- Frames ---- */

static bool grow_frames(vm *m) {
    uint32_t cap = next_size(m->frames_cap, 16);
    frame *p = heap_resize(m->h, m->frames, m->frames_cap * sizeof *p, cap * sizeof *p);
    if (!p) {
        vm_no_memory(m);
        return false;
    }
    m->frames = p;
    m->frames_cap = cap;
    return true;
}

/* In registers. All of a chunk is cleared when it is made, so a deep recursion takes many rather
 * than a huge one that it uses half of. */
enum { FIRST_CHUNK = 2048, LARGEST_CHUNK = 8192 };

/* A chunk with room for n registers and the slack above them. */
static chunk *next_chunk(vm *m, uint32_t n) {
    chunk *c = m->chunk;
    size_t need = n + STACK_SLACK;
    if (c && c->above && (size_t)(c->above->end - c->above->regs) >= need) return c->above;
    while (c && c->above) {
        chunk *small = c->above;
        c->above = small->above;
        heap_free(m->h, small, (size_t)((char *)small->end - (char *)small));
    }
    size_t len = c ? (size_t)(c->end - c->regs) * 2 : FIRST_CHUNK;
    if (len > LARGEST_CHUNK) len = LARGEST_CHUNK;
    while (len < need)
        len *= 2;
    if (IS_STRESSED) len = need;
    size_t size = sizeof(chunk) + len * sizeof(rhai_value);
    chunk *fresh = heap_alloc_zero(m->h, size);
    if (!fresh) {
        vm_no_memory(m);
        return NULL;
    }
    fresh->end = fresh->regs + len;
    fresh->below = c;
    if (c) c->above = fresh;
    return fresh;
}

rhai_value *vm_scratch(vm *m, uint32_t n) {
    frame *f = vm_top(m);
    rhai_value *at = f->base + f->p->nregs + f->scratch;
    if (at + n + 16 > f->chunk->end) {
        vm_fail(m, error_new(m->h, ERR_STACK_OVERFLOW, frame_pos(f)));
        return NULL;
    }
    f->scratch += n;
    return at;
}

void vm_scratch_end(vm *m, uint32_t n) {
    frame *f = vm_top(m);
    f->scratch -= n;
    rhai_value *at = f->base + f->p->nregs + f->scratch;
    for (uint32_t i = 0; i < n; i++)
        value_clear(m->h, &at[i]);
}

static bool push_env(vm *m, env *e) {
    uint64_t below = m->imports_version;
    for (uint32_t i = 0; i < e->imports_len; i++)
        if (vm_imports_push(m, e->imports[i].alias, e->imports[i].module) != RHAI_OK) return false;
    if (e->below == below) {
        m->imports_version = e->above;
    } else {
        e->below = below;
        e->above = m->imports_version;
    }
    return true;
}

static bool check_limits(vm *m, const invocation *c) {
    const uint64_t *limits = m->engine->limits;
    error_kind kind;
    if (!vm_track(m, c->pos)) return false;
    if (m->level >= limits[RHAI_MAX_CALL_LEVELS])
        kind = ERR_STACK_OVERFLOW;
    else if (c->p->nparams > limits[RHAI_MAX_VARIABLES])
        kind = ERR_TOO_MANY_VARIABLES;
    else
        return true;
    vm_fail(m, error_new(m->h, kind, c->pos));
    return false;
}

/* The chain of libraries that the callee sees. */
static libs *callee_libs(vm *m, const invocation *c) {
    libs *l = vm_top(m)->libs;
    if (c->how == ENTER_MAIN) return vm_unit_libs(m, c->p->unit);
    if (c->how == ENTER_INNER) return l;
    if (c->env && !(l = vm_libs_push(m, l, c->env->unit))) return NULL;
    if (c->in_place) return l;
    return c->p->unit->is_inner ? l : vm_libs_push(m, l, c->p->unit);
}

static bool push_callee_imports(vm *m, const invocation *c) {
    if (c->how != ENTER_CALL) return true;
    if (c->p->unit->env && !push_env(m, (env *)c->p->unit->env)) return false;
    return !c->env || c->env == (env *)c->p->unit->env || push_env(m, c->env);
}

/* A frame begins at its arguments, unless these lie below scratch registers in use. */
static rhai_value *callee_base(const frame *caller, const invocation *c) {
    rhai_value *scratch = caller->base + caller->p->nregs;
    if (!caller->scratch || c->how == ENTER_INNER || (c->nargs && c->args >= scratch))
        return c->args;
    return scratch + caller->scratch;
}

outcome vm_enter(vm *m, const invocation *c) {
    proto *p = c->p;
    if (c->how == ENTER_CALL && !check_limits(m, c)) return CALL_FAILED;
    rhai_error *error;
    if (!p->code && !compile_function(p, &error)) {
        vm_fail(m, error);
        return CALL_FAILED;
    }
    libs *l = callee_libs(m, c);
    uint32_t imports = m->imports_len;
    uint64_t imports_version = m->imports_version;
    if (!l || !push_callee_imports(m, c) || (m->frames_len == m->frames_cap && !grow_frames(m))) {
        vm_imports_trim(m, imports);
        return CALL_FAILED;
    }
    frame *caller = vm_top(m);
    rhai_value *base = callee_base(caller, c);
    chunk *room = m->chunk;
    if (c->how != ENTER_INNER && (base + p->nregs + STACK_SLACK > room->end || base < room->regs)) {
        room = next_chunk(m, p->nregs);
        if (!room) {
            vm_imports_trim(m, imports);
            return CALL_FAILED;
        }
        base = room->regs;
        m->chunk = room;
    }
    if (base != c->args)
        for (uint32_t i = 0; i < c->nargs; i++)
            base[i] = value_take(&c->args[i]);
    if (c->self_cell) {
        c->self_cell->borrows++;
        obj_ref(c->self_cell);
    }
    bool inner = c->how == ENTER_INNER;
    m->frames[m->frames_len++] = (frame){
        .p = p,
        .pc = p->code,
        .base = base,
        .ret = c->ret,
        .this_ref = inner ? caller->this_ref : c->self,
        .this_cell = c->self_cell,
        .libs = l,
        .chunk = room,
        .names = m->names,
        .names_floor = inner                  ? caller->names_floor
                       : c->how == ENTER_MAIN ? m->main_floor
                                              : m->names,
        .imports = imports,
        .env_top = !c->env || c->env == (env *)p->unit->env ? m->imports_len : UINT32_MAX,
        .imports_version = imports_version,
        .level_before = m->level,
        .pos = c->pos,
        .source = p->unit->source || !(c->by_pointer || inner) ? p->unit->source : caller->source,
        .is_main = c->how == ENTER_MAIN,
        .is_inner = inner,
        .forgets = m->remembers && !m->memory.has_begun && c->how == ENTER_CALL};
    m->level += c->how != ENTER_MAIN;
    return CALL_PUSHED;
}

bool vm_grow_elements(vm *m) {
    uint32_t cap = next_size(m->elements_cap, 8);
    sizes *p = heap_resize(m->h, m->elements, m->elements_cap * sizeof *p, cap * sizeof *p);
    if (!p) {
        vm_no_memory(m);
        return false;
    }
    m->elements = p;
    m->elements_cap = cap;
    return true;
}

void vm_leave(vm *m) {
    frame *f = vm_top(m);
    if (f->is_element) vm_end_element(m, f);
    uint32_t from = f->is_inner ? f->p->first_reg : 0;
    rhai_value *end = f->base + f->p->nregs + f->scratch;
    for (rhai_value *v = f->base + from; v < end; v++)
        if (value_is_heap(v)) value_clear(m->h, v);
    /* What eval defines stays until the block around it ends. */
    if (!f->is_eval) {
        if (m->names != f->names) vm_names_trim(m, f->names);
        if (m->imports_len != f->imports) {
            vm_imports_trim(m, f->imports);
            m->imports_version = f->imports_version;
        }
    }
    if (f->this_cell) {
        f->this_cell->borrows--;
        obj_unref(m->h, f->this_cell);
    }
    if (f->forgets) vm_forget(m, &m->memory);
    m->level = f->level_before;
    m->frames_len--;
    if (m->frames_len) m->chunk = vm_top(m)->chunk;
}

bool vm_c_stack_low(const vm *m) {
    return (char *)__builtin_frame_address(0) < m->stack_limit;
}

rhai_status vm_finish(vm *m, outcome o) {
    if (o != CALL_PUSHED) return o == CALL_DONE ? RHAI_OK : RHAI_ERROR;
    frame *f = vm_top(m);
    if (vm_c_stack_low(m)) {
        rhai_pos pos = frame_call_pos(m, f);
        vm_leave(m);
        return vm_fail(m, error_new(m->h, ERR_STACK_OVERFLOW, pos));
    }
    f->is_entry = true;
    return vm_run(m, m->frames_len - 1);
}

rhai_status vm_call(vm *m, const invocation *c) {
    return vm_finish(m, vm_enter(m, c));
}

/* ---- Size limits ---- */

rhai_status vm_too_large(vm *m, const sizes *s, rhai_pos pos) {
    const sizes *max = &m->engine->max_sizes;
    const char *what = s->string > max->string ? "Length of string"
                       : s->array > max->array ? "Size of array/BLOB"
                                               : "Size of object map";
    return vm_fail(m, error_newf(m->h, ERR_DATA_TOO_LARGE, pos, "%s", what));
}

/* ---- Natives ---- */

static rhai_status native_failed(vm *m, rhai_call *call) {
    if (call->error) {
        error_fill_pos(call->error, call->pos);
        return vm_fail(m, call->error);
    }
    return m->error ? RHAI_ERROR : vm_no_memory(m);
}

rhai_status vm_call_native(vm *m, const native_entry *n, rhai_value *args, uint32_t nargs,
                           bool by_reference, rhai_pos pos, rhai_value *ret) {
    rhai_call call = {.engine = m->engine,
                      .h = m->h,
                      .vm = m,
                      .data = n->data,
                      .native = n->native,
                      .nargs = nargs,
                      .pos = pos};
    rhai_value result = VALUE_UNIT;
    if (!vm_track(m, pos)) return RHAI_ERROR;
    m->memory.has_begun = true;
    m->level++;
    rhai_status status = n->native->fn(&call, args, &result);
    m->level--;
    if (status == RHAI_OK) {
        if (m->h->track_sizes) {
            if (vm_check_size(m, &result, pos) != RHAI_OK ||
                (by_reference && nargs && vm_check_size(m, &args[0], pos) != RHAI_OK)) {
                value_drop(m->h, &result);
                return RHAI_ERROR;
            }
        }
        value_store(m->h, ret, result);
        return RHAI_OK;
    }
    if (status == RHAI_EXITED) {
        value_store(m->h, &m->exit_value, result);
        m->exited = true;
        return RHAI_ERROR;
    }
    value_drop(m->h, &result);
    return native_failed(m, &call);
}

rhai_error *vm_function_not_found(vm *m, const rhai_str *name, const rhai_value *args,
                                  uint32_t nargs, rhai_pos pos) {
    text t;
    text_init(&t, m->h);
    text_add_str(&t, name);
    text_add_cstr(&t, " (");
    for (uint32_t i = 0; i < nargs; i++) {
        if (i) text_add_cstr(&t, ", ");
        const char *type = value_type_name(&args[i]);
        text_add_cstr(&t, args[i].type == RHAI_STRING ? "&str | ImmutableString | String" : type);
    }
    text_add_cstr(&t, ")");
    rhai_error *e = t.failed
                        ? error_out_of_memory(m->h)
                        : error_newf(m->h, ERR_FUNCTION_NOT_FOUND, pos, "%.*s", (int)t.len, t.data);
    text_done(&t);
    return e;
}

/* The native for these arguments, through the site's cache when there is one. Argument types
 * with custom objects among them are not cached: the object's type decides. */
static const native_entry *find_native(vm *m, const rhai_str *name, site *s, const rhai_value *args,
                                       uint32_t nargs) {
    if (!s || nargs > MAX_NATIVE_PARAMS)
        return native_find(&m->engine->natives, name->data, name->len, args, nargs);
    uint64_t types = pack_types(args, nargs);
    if (s->native && s->arg_types == types && s->epoch == m->engine->natives.epoch)
        return s->native;
    const native_entry *n = native_find(&m->engine->natives, name->data, name->len, args, nargs);
    for (uint32_t i = 0; i < nargs; i++)
        if (args[i].type == RHAI_CUSTOM) return n;
    s->native = n;
    s->arg_types = types;
    s->epoch = m->engine->natives.epoch;
    return n;
}

outcome vm_call_place(vm *m, rhai_str *name, site *s, const target *t, rhai_value *args,
                      uint32_t nargs, rhai_pos pos, rhai_value *ret, bool *ret_updated) {
    uint8_t flags = t->place->flags;
    value_clear(m->h, &args[0]);
    args[0] = *t->place; /* without a reference of its own until it is known how it is passed */
    const native_entry *n = find_native(m, name, s, args, nargs);
    if (!n) {
        if (vm_track(m, pos)) vm_fail(m, vm_function_not_found(m, name, args, nargs, pos));
        args[0] = VALUE_UNIT;
        return CALL_FAILED;
    }
    bool mutates = n->native->flags & RHAI_FN_MUTATES;
    if (mutates && t->is_const && t->is_method) {
        args[0] = VALUE_UNIT;
        vm_fail(m, error_newf(m->h, ERR_NON_PURE_ON_CONSTANT, pos, "%s", name->data));
        return CALL_FAILED;
    }
    bool lends = (mutates && !t->is_const) || (n->native->flags & RHAI_FN_BORROWS);
    if (lends) {
        if (t->is_const) args[0].flags |= VALUE_CONST;
        *t->place = VALUE_UNIT;
        if (t->cell) t->cell->borrows++;
    } else {
        args[0] = value_copy(t->place);
    }
    rhai_value result = VALUE_UNIT;
    rhai_status status = vm_call_native(m, n, args, nargs, lends, pos, &result);
    if (lends) {
        *t->place = args[0];
        t->place->flags = flags;
        args[0] = VALUE_UNIT;
        if (t->cell) t->cell->borrows--;
    }
    if (status != RHAI_OK) return CALL_FAILED;
    if (ret_updated) *ret_updated = mutates;
    if (ret)
        value_store(m->h, ret, result);
    else
        value_drop(m->h, &result);
    return CALL_DONE;
}

/* The script function that a site's name leads to, or NULL. A site that found none need not
 * look again while the libraries are the same. */
static proto *find_script(vm *m, rhai_str *name, site *s, uint32_t nargs) {
    libs *l = vm_top(m)->libs;
    if (m->remembers) return vm_recall(m, name, nargs);
    if (s && l && s->libs == l->number) return NULL;
    proto *p = vm_find_function(l, name, nargs, NULL);
    if (s && !p) s->libs = l ? l->number : 0;
    return p;
}

static outcome enter_or_skip(vm *m, const invocation *c) {
    if (!proto_is_empty(c->p)) return vm_enter(m, c);
    if (c->ret) value_clear(m->h, c->ret);
    return CALL_DONE;
}

outcome vm_call_by_name(vm *m, rhai_str *name, site *s, rhai_value *args, uint32_t nargs,
                        rhai_pos pos, rhai_value *ret) {
    proto *p = find_script(m, name, s, nargs);
    if (p) {
        if (nargs) args[0].flags = 0;
        invocation c = {
            .p = p, .in_place = m->remembers, .args = args, .nargs = nargs, .ret = ret, .pos = pos};
        return enter_or_skip(m, &c);
    }
    const native_entry *n = find_native(m, name, s, args, nargs);
    if (!n) {
        if (vm_track(m, pos)) vm_fail(m, vm_function_not_found(m, name, args, nargs, pos));
        return CALL_FAILED;
    }
    rhai_value result = VALUE_UNIT;
    if (nargs && args[0].flags & VALUE_CONST && n->native->flags & RHAI_FN_MUTATES) {
        if (vm_track(m, pos))
            vm_fail(m, error_newf(m->h, ERR_NON_PURE_ON_CONSTANT, pos, "%s", name->data));
        return CALL_FAILED;
    }
    if (vm_call_native(m, n, args, nargs, false, pos, &result) != RHAI_OK) return CALL_FAILED;
    if (ret)
        value_store(m->h, ret, result);
    else
        value_drop(m->h, &result);
    return CALL_DONE;
}

bool vm_site_object(vm *m, frame *f, site *s, target *t) {
    *t = (target){.is_ref = true, .name = s->object_name};
    switch (s->object) {
    case OBJECT_TEMP: t->place = NULL; return true;
    case OBJECT_SLOT: t->place = &f->base[s->slot]; break;
    case OBJECT_THIS:
        t->place = f->this_ref;
        if (!t->place) {
            vm_fail(m, error_new(m->h, ERR_UNBOUND_THIS, s->object_pos));
            return false;
        }
        break;
    case OBJECT_NAME:
        t->place = vm_name_place(m, f, s->object_name, s, s->object_pos);
        if (!t->place) return false;
        break;
    }
    if (t->place->type == RHAI_SHARED) {
        t->cell = as_cell(t->place);
        t->place = &t->cell->value;
    }
    t->is_const = t->place->flags & VALUE_CONST;
    return true;
}

outcome vm_call_site(vm *m, site *s, rhai_value *args, uint32_t nargs, rhai_pos pos,
                     rhai_value *ret) {
    if (s->object == OBJECT_TEMP) return vm_call_by_name(m, s->name, s, args, nargs, pos, ret);
    target t;
    if (!vm_site_object(m, vm_top(m), s, &t)) return CALL_FAILED;
    if (t.cell && t.cell->borrows) {
        vm_fail(m, error_new(m->h, ERR_DATA_RACE, POS_NONE));
        return CALL_FAILED;
    }
    if (t.cell || find_script(m, s->name, s, nargs)) {
        value_store(m->h, &args[0], value_copy(t.place));
        return vm_call_by_name(m, s->name, s, args, nargs, pos, ret);
    }
    return vm_call_place(m, s->name, s, &t, args, nargs, pos, ret, NULL);
}

/* ---- Function values ---- */

/* Pointers count references to a function; while there is one, its unit stays (the first
 * reference takes one on the unit, the proto's destroy gives it back). */
fnptr *vm_fnptr(vm *m, rhai_str *name, proto *p, env *e, const rhai_value *curry, uint32_t ncurry) {
    fnptr *f = fnptr_new(m->h, name, p ? &p->head : NULL, e ? &e->head : NULL, p ? p->nparams : 0,
                         curry, ncurry);
    if (!f) {
        vm_no_memory(m);
        return NULL;
    }
    if (p && p->head.head.refs == 1) obj_ref(p->unit);
    return f;
}

proto *vm_plain_closure(vm *m, const frame *f, const fnptr *fn, rhai_value *args, uint32_t nargs) {
    proto *p = (proto *)fn->code;
    const env *e = (const env *)fn->env;
    if (!p || p->nparams != nargs + fn->ncurry || !f->libs || (f->source && !p->unit->source))
        return NULL;
    if (e &&
        (e != m->last_env || m->last_env_version != m->imports_version || e->unit != f->libs->unit))
        return NULL;
    if (!is_plain_call(m, f, p, args)) return NULL;
    for (uint32_t k = nargs; fn->ncurry && k-- > 0;)
        args[fn->ncurry + k] = value_take(&args[k]);
    for (uint32_t k = 0; k < fn->ncurry; k++)
        args[k] = value_copy(&fn->curry[k]);
    return p;
}

/* Natives, and functions found by name, get the values of shared variables. */
static void flatten(vm *m, rhai_value *args, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (args[i].type == RHAI_SHARED)
            value_store(m->h, &args[i], value_copy(&as_cell(&args[i])->value));
}

outcome vm_call_fn(vm *m, const rhai_value *value, const target *self, rhai_value *args,
                   uint32_t nargs, rhai_pos pos, rhai_value *ret) {
    fnptr *fn = as_fn(value);
    uint32_t total = nargs + fn->ncurry, reserved = 0;
    rhai_value *own = NULL;
    outcome o = CALL_FAILED;
    obj_ref(fn);
    proto *p = (proto *)fn->code;
    bool is_bound = p && p->nparams == total;
    /* Curried values, and an object that becomes an argument, need registers of their own: the
     * call is built above all those in use. */
    if (fn->ncurry || (self && !is_bound)) {
        own = vm_scratch(m, total + 1);
        if (!own) goto done;
        reserved = total + 1;
        for (uint32_t i = 0; i < fn->ncurry; i++)
            own[1 + i] = value_copy(&fn->curry[i]);
        for (uint32_t i = 0; i < nargs; i++)
            own[1 + fn->ncurry + i] = value_take(&args[i]);
        args = own + 1;
    }
    if (!is_bound)
        p = self ? vm_find_function(vm_top(m)->libs, fn->name, total, self->place) : NULL;
    if (p) {
        invocation c = {.p = p,
                        .by_pointer = true,
                        .env = (env *)fn->env,
                        .self = self ? self->place : NULL,
                        .self_cell = self ? self->cell : NULL,
                        .args = args,
                        .nargs = total,
                        .ret = ret,
                        .pos = pos};
        o = enter_or_skip(m, &c);
    } else if (self) {
        flatten(m, args, total);
        o = vm_call_place(m, fn->name, NULL, self, own, total + 1, pos, ret, NULL);
    } else {
        flatten(m, args, total);
        o = vm_call_by_name(m, fn->name, NULL, args, total, pos, ret);
    }
done:
    obj_unref(m->h, fn);
    if (o == CALL_PUSHED)
        m->frames[m->frames_len - 2].scratch -= reserved; /* the callee's registers now */
    else if (reserved)
        vm_scratch_end(m, reserved);
    return o;
}

static void env_destroy(heap *h, opaque *o) {
    env *e = (env *)o;
    for (uint32_t i = 0; i < e->imports_len; i++) {
        obj_unref(h, e->imports[i].alias);
        obj_unref(h, e->imports[i].module);
    }
    heap_free(h, e->imports, e->imports_len * sizeof *e->imports);
    obj_unref(h, e->unit);
    heap_free(h, e, sizeof *e);
}

env *vm_new_env(vm *m, unit *u) {
    env *e = heap_alloc_zero(m->h, sizeof *e);
    if (!e) return NULL;
    e->head.head.refs = 1;
    e->head.head.type = OBJ_OPAQUE;
    e->head.destroy = env_destroy;
    e->unit = u;
    if (u) obj_ref(u);
    /* Imports below the floor belong to the importer of the module that runs. */
    uint32_t len = m->imports_len - m->imports_floor;
    if (len && !(e->imports = heap_alloc(m->h, len * sizeof *e->imports))) {
        env_destroy(m->h, &e->head);
        return NULL;
    }
    for (; e->imports_len < len; e->imports_len++) {
        import *i = &m->imports[m->imports_floor + e->imports_len];
        e->imports[e->imports_len] = *i;
        if (i->alias) obj_ref(i->alias);
        obj_ref(i->module);
    }
    return e;
}

rhai_status vm_current_env(vm *m, env **ret) {
    frame *f = vm_top(m);
    *ret = NULL;
    if (!f->libs || (!m->imports_len && !f->libs->parent && !f->libs->unit->source)) return RHAI_OK;
    env *last = m->last_env;
    if (!last || m->last_env_version != m->imports_version || last->unit != f->libs->unit) {
        env *e = vm_new_env(m, f->libs->unit);
        if (!e) return vm_no_memory(m);
        obj_unref(m->h, last);
        m->last_env = e;
        m->last_env_version = m->imports_version;
    }
    *ret = m->last_env;
    return RHAI_OK;
}
