/* Programs, scopes and runs: the public face of compiler and VM. */
#include "code/compile.h"
#include "code/dump.h"
#include "vm/vm.h"

#include <string.h>
#include <sys/resource.h>

/* ---- Scopes ---- */

bool scope_add(heap *h, rhai_scope *s, rhai_str *name_str, rhai_value v, bool constant) {
    if (s->len == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 8;
        scope_entry *p = heap_resize(h, s->entries, s->cap * sizeof *p, cap * sizeof *p);
        if (!p) {
            value_drop(h, &v);
            return false;
        }
        s->entries = p;
        s->cap = cap;
    }
    v.flags = constant ? VALUE_CONST : 0;
    obj_ref(name_str);
    s->entries[s->len++] = (scope_entry){name_str, v};
    return true;
}

rhai_scope *rhai_scope_new(rhai_engine *e) {
    return heap_alloc_zero(&e->heap, sizeof(rhai_scope));
}

static void clear_scope(heap *h, rhai_scope *s) {
    for (uint32_t i = 0; i < s->len; i++) {
        value_drop(h, &s->entries[i].value);
        obj_unref(h, s->entries[i].name);
    }
    s->len = 0;
}

void rhai_scope_free(rhai_engine *e, rhai_scope *s) {
    if (!s) return;
    clear_scope(&e->heap, s);
    heap_free(&e->heap, s->entries, s->cap * sizeof *s->entries);
    heap_free(&e->heap, s, sizeof *s);
}

rhai_status rhai_scope_push(rhai_engine *e, rhai_scope *s, const char *name_text, rhai_value *v,
                            bool constant) {
    rhai_value taken = value_take(v);
    rhai_str *name_str = str_intern(&e->heap, name_text, strlen(name_text));
    if (!name_str) {
        value_drop(&e->heap, &taken);
        return RHAI_ERROR;
    }
    bool ok = scope_add(&e->heap, s, name_str, taken, constant);
    obj_unref(&e->heap, name_str);
    return ok ? RHAI_OK : RHAI_ERROR;
}

const rhai_value *rhai_scope_get(const rhai_scope *s, const char *name_text) {
    for (uint32_t i = s->len; i-- > 0;)
        if (strcmp(s->entries[i].name->data, name_text) == 0) return &s->entries[i].value;
    return NULL;
}

size_t rhai_scope_len(const rhai_scope *s) {
    return s->len;
}
const char *rhai_scope_name(const rhai_scope *s, size_t index) {
    return index < s->len ? s->entries[index].name->data : NULL;
}

/* ---- The machine ---- */

/* The frame under all others: C code calls from it. */
static proto idle = {0};

vm *vm_new(rhai_engine *e) {
    heap *h = &e->heap;
    vm *m = heap_alloc_zero(h, sizeof *m);
    if (!m) return NULL;
    m->engine = e;
    m->h = h;
    size_t len = 1024, size = sizeof(chunk) + len * sizeof(rhai_value);
    if (!(m->chunk = heap_alloc_zero(h, size))) goto fail;
    m->chunk->end = m->chunk->regs + len;
    m->frames_cap = 8;
    if (!(m->frames = heap_alloc_zero(h, m->frames_cap * sizeof *m->frames))) goto fail;
    m->frames[0] = (frame){.p = &idle, .base = m->chunk->regs, .chunk = m->chunk, .is_main = true};
    m->frames_len = 1;
    static const char *const words[] = {"call", "curry", "is_shared", "type_of"};
    rhai_str **const slots[] = {&m->name_call, &m->name_curry, &m->name_is_shared,
                                &m->name_type_of};
    for (size_t i = 0; i < 4; i++)
        if (!(*slots[i] = str_intern(h, words[i], strlen(words[i])))) goto fail;
    return m;
fail:
    e->vm = m;
    vm_free(m);
    e->vm = NULL;
    return NULL;
}

static void free_libs(heap *h, libs *l) {
    /* The tree is as deep as modules called each other, at most the call depth. */
    while (l) {
        libs *next = l->sibling;
        free_libs(h, l->children);
        /* A constant may be a closure, which keeps its unit. */
        map *constants = l->unit->constants;
        l->unit->constants = NULL;
        obj_unref(h, constants);
        obj_unref(h, l->unit);
        heap_free(h, l, sizeof *l);
        l = next;
    }
}

/* Lets go of what belonged to a run that is over. */
static void end_run(vm *m) {
    heap *h = m->h;
    vm_names_trim(m, NULL);
    vm_imports_trim(m, 0);
    value_clear(h, &m->name_value);
    obj_unref(h, m->last_env);
    m->last_env = NULL;
    if (m->exports) heap_free(h, m->exports, m->exports_cap * sizeof *m->exports);
    m->exports = NULL;
    m->exports_len = m->exports_cap = 0;
    obj_unref(h, m->module_cache);
    m->module_cache = NULL;
    free_libs(h, m->root_libs);
    m->root_libs = NULL;
    vm_forget(m, &m->memory);
    m->remembers = false;
    m->modules_loaded = 0;
    m->level = 0;
    while (m->chunk->above) {
        chunk *c = m->chunk->above;
        m->chunk->above = c->above;
        heap_free(h, c, (size_t)((char *)c->end - (char *)c));
    }
}

void vm_free(vm *m) {
    if (!m) return;
    heap *h = m->h;
    if (m->chunk) end_run(m);
    if (m->error) rhai_error_free(m->error);
    value_clear(h, &m->exit_value);
    obj_unref(h, m->name_call);
    obj_unref(h, m->name_curry);
    obj_unref(h, m->name_is_shared);
    obj_unref(h, m->name_type_of);
    heap_free(h, m->imports, m->imports_cap * sizeof *m->imports);
    heap_free(h, m->frames, m->frames_cap * sizeof *m->frames);
    heap_free(h, m->elements, m->elements_cap * sizeof *m->elements);
    if (m->chunk) heap_free(h, m->chunk, (size_t)((char *)m->chunk->end - (char *)m->chunk));
    heap_free(h, m, sizeof *m);
}

/* ---- Programs ---- */

rhai_program *rhai_compile(rhai_engine *e, const char *text_data, size_t len, const char *source,
                           const rhai_scope *scope, rhai_error **ret_error) {
    heap *h = &e->heap;
    rhai_error *error = NULL;
    rhai_str *source_str = source ? str_intern(h, source, strlen(source)) : NULL;
    rhai_program *p = heap_alloc_zero(h, sizeof *p);
    if (!p || (source && !source_str))
        error = error_out_of_memory(h);
    else if ((p->unit = vm_compile(e, text_data, len, source_str, scope, &error)) && source_str) {
        p->unit->canonical = source_str;
        obj_ref(source_str);
    }
    obj_unref(h, source_str);
    if (!error) return p;
    heap_free(h, p, p ? sizeof *p : 0);
    if (ret_error)
        *ret_error = error;
    else
        rhai_error_free(error);
    return NULL;
}

void rhai_program_free(rhai_engine *e, rhai_program *p) {
    if (!p) return;
    obj_unref(&e->heap, p->unit);
    heap_free(&e->heap, p, sizeof *p);
}

rhai_status rhai_program_dump(rhai_engine *e, rhai_program *p, rhai_value *ret,
                              rhai_error **ret_error) {
    if (!compile_all(p->unit, ret_error)) return RHAI_ERROR;
    text t;
    text_init(&t, &e->heap);
    dump_unit(p->unit, &t);
    bool ok = text_finish(&t, ret);
    text_done(&t);
    if (ok) return RHAI_OK;
    *ret_error = error_out_of_memory(&e->heap);
    return RHAI_ERROR;
}

typedef struct check_state {
    rhai_check_fn report;
    void *data;
} check_state;

static void report_error(void *data, const rhai_error *error) {
    const check_state *c = data;
    c->report(c->data, error);
}

size_t rhai_check(rhai_engine *e, const char *text_data, size_t len, rhai_check_fn report,
                  void *data) {
    parse_options options = vm_parse_options(e, NULL, 0);
    check_state c = {report, data};
    return parse_check(&e->heap, &options, text_data, len, report_error, &c);
}

/* ---- Runs ---- */

/* The C stack that natives, call-backs and eval may use: half of what the system allows, as the
 * caller may stand anywhere on it. */
static char *stack_limit(void) {
    struct rlimit limit;
    size_t budget = 4u << 20;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur / 2 < budget)
        budget = (size_t)limit.rlim_cur / 2;
    return (char *)__builtin_frame_address(0) - budget;
}

/* The host's variables become names that code finds, and go back with what became of them. */
static rhai_status lend_scope(vm *m, rhai_scope *s) {
    for (uint32_t i = 0; i < s->len; i++) {
        scope_entry *e = &s->entries[i];
        bool constant = e->value.flags & VALUE_CONST;
        rhai_value v = value_take(&e->value);
        if (vm_name_define(m, e->name, v, constant) != RHAI_OK) return RHAI_ERROR;
    }
    return RHAI_OK;
}

static void return_scope(vm *m, rhai_scope *s, uint32_t lent) {
    uint32_t depth = 0;
    for (name *n = m->names; n != m->main_floor; n = n->below)
        depth++;
    for (name *n = m->names; n != m->main_floor; n = n->below) {
        depth--;
        uint8_t flags = n->value.flags & VALUE_CONST;
        rhai_value v = value_take(&n->value);
        if (v.type == RHAI_SHARED) {
            rhai_value inner = value_copy(&as_cell(&v)->value);
            value_drop(m->h, &v);
            v = inner;
        }
        if (depth < lent) {
            v.flags = flags;
            s->entries[depth].value = v;
        } else {
            value_drop(m->h, &v);
        }
    }
}

typedef struct run_state {
    bool is_outermost;
    rhai_scope *host_scope;
    name *main_floor;
} run_state;

static run_state begin_run(vm *m) {
    run_state r = {m->frames_len == 1, m->host_scope, m->main_floor};
    m->main_floor = m->names;
    if (r.is_outermost) {
        m->stack_limit = stack_limit();
        m->engine->operations = m->engine->forgotten_operations = 0;
        m->counts = m->engine->limits[RHAI_MAX_OPERATIONS] != 0;
        bool is_plain = m->engine->limits[RHAI_MAX_VARIABLES] == UINT64_MAX;
        m->plain_level = is_plain ? m->engine->limits[RHAI_MAX_CALL_LEVELS] : 0;
        m->h->limit_hit = false;
        if (atomic_load(&m->engine->terminated)) atomic_store(&m->engine->poll_flag, true);
    }
    return r;
}

static rhai_status finish_run(vm *m, run_state r, rhai_status status, rhai_value *result,
                              rhai_value *ret, rhai_error **ret_error) {
    m->host_scope = r.host_scope;
    vm_names_trim(m, m->main_floor);
    m->main_floor = r.main_floor;
    if (r.is_outermost) end_run(m);
    if (status != RHAI_OK && m->exited) {
        m->exited = false;
        value_drop(m->h, result);
        *result = value_take(&m->exit_value);
        status = RHAI_EXITED;
    }
    if (status == RHAI_ERROR) {
        value_drop(m->h, result);
        rhai_error *e = m->error;
        m->error = NULL;
        if (ret_error)
            *ret_error = e;
        else
            rhai_error_free(e);
        return RHAI_ERROR;
    }
    if (ret)
        *ret = *result;
    else
        value_drop(m->h, result);
    return status;
}

rhai_status rhai_run(rhai_engine *e, rhai_program *p, rhai_scope *scope, rhai_value *ret,
                     rhai_error **ret_error) {
    vm *m = e->vm;
    run_state r = begin_run(m);
    rhai_value result = VALUE_UNIT;
    uint32_t lent = scope ? scope->len : 0;
    rhai_status status = scope ? lend_scope(m, scope) : RHAI_OK;
    m->host_scope = scope;
    if (status == RHAI_OK) status = vm_run_main(m, p->unit, &result);
    if (scope) return_scope(m, scope, lent);
    return finish_run(m, r, status, &result, ret, ret_error);
}

rhai_status rhai_eval(rhai_engine *e, const char *text_data, size_t len, rhai_scope *scope,
                      rhai_value *ret, rhai_error **ret_error) {
    rhai_program *p = rhai_compile(e, text_data, len, NULL, scope, ret_error);
    if (!p) return RHAI_ERROR;
    rhai_status status = rhai_run(e, p, scope, ret, ret_error);
    rhai_program_free(e, p);
    return status;
}

rhai_status rhai_call_fn(rhai_engine *e, rhai_program *p, rhai_scope *scope, const char *function,
                         rhai_value *args, size_t nargs, rhai_value *ret, rhai_error **ret_error) {
    vm *m = e->vm;
    run_state r = begin_run(m);
    rhai_value result = VALUE_UNIT;
    uint32_t lent = scope ? scope->len : 0;
    rhai_status status = scope ? lend_scope(m, scope) : RHAI_OK;
    rhai_str *wanted = str_intern(m->h, function, strlen(function));
    libs *saved = vm_top(m)->libs;
    rhai_value *regs = NULL;
    if (status == RHAI_OK && wanted) regs = vm_scratch(m, (uint32_t)nargs + 1);
    if (!wanted) status = vm_no_memory(m);
    if (status == RHAI_OK && (!regs || !(vm_top(m)->libs = vm_unit_libs(m, p->unit))))
        status = RHAI_ERROR;
    for (size_t i = 0; i < nargs; i++) {
        rhai_value v = value_take(&args[i]);
        if (status == RHAI_OK)
            regs[i] = v;
        else
            value_drop(m->h, &v);
    }
    if (status == RHAI_OK)
        status = vm_finish(
            m, vm_call_by_name(m, wanted, NULL, regs, (uint32_t)nargs, POS_NONE, &result));
    if (regs) vm_scratch_end(m, (uint32_t)nargs + 1);
    vm_top(m)->libs = saved;
    obj_unref(m->h, wanted);
    if (scope) return_scope(m, scope, lent);
    return finish_run(m, r, status, &result, ret, ret_error);
}
