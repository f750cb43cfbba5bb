/* The dispatch loop. One case an instruction, in the order of opcode.h; what does not fit a few
 * lines is a function elsewhere. The loop keeps the running frame's pc and base in locals: before
 * anything that may fail, call or look at the frame, SAVE writes pc back; after anything that may
 * have pushed or grown frames, RELOAD reads them again.
 */
#include "vm/plain.h"

#include <math.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The thrown error and what it was, kept while a catch block runs so that `throw;` can raise it
 * again. */
typedef struct caught {
    opaque head;
    rhai_error *error;
} caught;

static void caught_destroy(heap *h, opaque *o) {
    caught *c = (caught *)o;
    rhai_error_free(c->error);
    heap_free(h, c, sizeof *c);
}

/* Moves vm->error into an object in *slot and gives the value for the script. */
static rhai_status catch_error(vm *m, rhai_value *slot, bool wants_value) {
    frame *f = vm_top(m);
    caught *c = heap_alloc_zero(m->h, sizeof *c);
    if (!c) return vm_no_memory(m);
    c->head.head.refs = 1;
    c->head.head.type = OBJ_OPAQUE;
    c->head.destroy = caught_destroy;
    c->error = m->error;
    m->error = NULL;
    value_store(m->h, slot, VALUE_OBJ(OBJ_OPAQUE, c));
    if (!wants_value) return RHAI_OK;
    rhai_value v;
    if (!error_catch_value(m->h, c->error, f->source, &v)) return vm_no_memory(m);
    value_store(m->h, &slot[1], v);
    return RHAI_OK;
}

static bool is_empty_throw(const rhai_error *e) {
    return e->kind == ERR_RUNTIME && e->value.type == RHAI_UNIT;
}

/* `throw;` in a catch block raises the caught error again, from its own place. */
static void rethrow(vm *m, rhai_value *slot) {
    if (slot->type != OBJ_OPAQUE) return;
    caught *c = slot->obj;
    if (!c->error) return;
    rhai_error *again = c->error;
    c->error = NULL;
    if (again->h) again->pos = m->error->pos;
    vm_fail(m, again);
}

/* Finds who handles vm->error in frame f; NULL: nobody. */
static const insn *find_handler(vm *m, frame *f) {
    proto *p = f->p;
    uint32_t pc = insn_pc(p, f->pc) - 1;
    for (uint32_t i = 0; i < p->handlers_len; i++) {
        const handler *h = &p->handlers[i];
        if (pc < h->start || pc >= h->end) continue;
        if (!h->target) {
            if (is_empty_throw(m->error)) rethrow(m, &f->base[h->caught]);
        } else if (error_is_catchable(m->error)) {
            return p->code + h->target;
        }
    }
    return NULL;
}

static void note_origin(vm *m, frame *f) {
    rhai_error *e = m->error;
    if (!e->h || !pos_is_none(e->origin)) return;
    e->origin = pos_is_none(e->pos) ? frame_pos(f) : e->pos;
    if (f->source && !e->origin_source) {
        e->origin_source = f->source;
        obj_ref(e->origin_source);
    }
}

/* Wraps the error that leaves frame f, as Rhai's call does. */
static void leave_with_error(vm *m, frame *f) {
    if (f->is_main) return;
    rhai_error *e = m->error;
    rhai_str *source = f->source;
    if (f->is_eval) {
        m->error = error_in_call(m->h, "eval", source, e, frame_call_pos(m, f));
    } else if (error_is_system(e)) {
        if (e->h) e->pos = frame_call_pos(m, f);
    } else {
        m->error = error_in_call(m->h, f->p->name->data, source, e, frame_call_pos(m, f));
    }
}

/* Frame f does not come to the instruction that counts its operations as estimated: so much of
 * them as of its code lies behind it. */
static void note_operations(vm *m, const frame *f) {
    const proto *p = f->p;
    m->engine->operations += (uint64_t)p->operations * insn_pc(p, f->pc) / p->len;
}

/* Unwinds to a handler or to the frame that C waits for. Returns true when a handler runs. */
static bool unwind(vm *m, uint32_t depth) {
    for (;;) {
        frame *f = vm_top(m);
        if (!m->exited) {
            if (m->h->limit_hit) vm_no_memory(m);
            note_origin(m, f);
            const insn *target = find_handler(m, f);
            if (target) {
                f->pc = target;
                return true;
            }
            leave_with_error(m, f);
        }
        note_operations(m, f);
        if (f->is_main) vm_main_ends(m, f);
        vm_leave(m);
        if (m->frames_len == depth) return false;
    }
}

/* What interrupt() and terminate() asked for. False: the script ends. */
static bool poll_events(vm *m, rhai_pos pos) {
    rhai_engine *e = m->engine;
    atomic_store(&e->poll_flag, false);
    if (!atomic_load(&e->terminated) && e->poll && !e->poll(e->poll_data))
        atomic_store(&e->terminated, true);
    if (!atomic_load(&e->terminated)) return true;
    vm_fail(m, error_new(m->h, ERR_TERMINATED, pos));
    return false;
}

static const rhai_value *flat(const rhai_value *v) {
    return v->type == RHAI_SHARED ? &as_cell(v)->value : v;
}

static rhai_status not_bool(vm *m, const rhai_value *v, rhai_pos pos) {
    return vm_fail(m, error_mismatch(m->h, "bool", vm_raw_type_name(v), pos));
}

/* Rhai compares floats by their relative difference, or, where one is 0 or both are tiny, by the
 * difference itself. Where they are clearly apart by both the plain comparison says the same. False
 * for NaN and infinity. */
static inline bool distinct(double a, double b) {
    return fabs(a - b) > (fabs(a) + fabs(b) + 1.0) * 1e-15;
}

/* An integer and a float, as floats. */
static inline bool mixed_numbers(const rhai_value *a, const rhai_value *b, double *x, double *y) {
    if (a->type == RHAI_INT && b->type == RHAI_FLOAT) {
        *x = (double)a->i;
        *y = b->f;
        return true;
    }
    *x = a->f;
    *y = (double)b->i;
    return a->type == RHAI_FLOAT && b->type == RHAI_INT;
}

/* A comparing jump off its fast path: the source's operator on the source's operands. For != it
 * answers whether they are equal, as the jump is a negated one. */
static int compare_slowly(vm *m, op o, const rhai_value *left, const rhai_value *right) {
    rhai_value r = VALUE_UNIT;
    if (left->type == RHAI_STRING && right->type == RHAI_STRING && (o == OP_EQ || o == OP_NE))
        return str_equal(as_str(left), as_str(right));
    if (vm_binary(m, o, left, right, POS_CALLER, &r) != RHAI_OK) return -1;
    if (r.type != RHAI_BOOL) {
        not_bool(m, &r, POS_CALLER);
        value_drop(m->h, &r);
        return -1;
    }
    return o == OP_NE ? !r.b : r.b;
}

/* The entry that a site names, looked for first where it was last time; NULL: none. */
static inline rhai_value *map_property(map *o, site *s) {
    if (LIKELY(s->hint < o->len && o->entries[s->hint].key == s->name))
        return &o->entries[s->hint].value;
    rhai_value *found = map_find(o, s->name);
    if (found)
        s->hint =
            (uint32_t)((map_entry *)((char *)found - offsetof(map_entry, value)) - o->entries);
    return found;
}

static rhai_value *find_property(map *o, const insn *i, rhai_str *name) {
    rhai_value *found = map_find(o, name);
    if (found) {
        size_t entry =
            (size_t)((map_entry *)((char *)found - offsetof(map_entry, value)) - o->entries);
        if (entry <= UINT16_MAX) ((insn *)(uintptr_t)i)->c = (uint16_t)entry;
    }
    return found;
}

/* The same for an instruction, which has the name in the word behind it. */
static inline rhai_value *own_property(map *o, const insn *i) {
    rhai_str *name = (rhai_str *)(uintptr_t)insn_word(&i[1]);
    if (LIKELY(i->c < o->len && o->entries[i->c].key == name)) return &o->entries[i->c].value;
    return find_property(o, i, name);
}

/* item op= v between numbers of one type; false: not done. */
static inline bool assign_number(op o, rhai_value *item, const rhai_value *v) {
    int64_t n;
    bool overflow;
    if (item->type == RHAI_INT && v->type == RHAI_INT) {
        switch (o) {
        case OP_ADD: overflow = __builtin_add_overflow(item->i, v->i, &n); break;
        case OP_SUB: overflow = __builtin_sub_overflow(item->i, v->i, &n); break;
        case OP_MUL: overflow = __builtin_mul_overflow(item->i, v->i, &n); break;
        default: return false;
        }
        if (!overflow) item->i = n;
        return !overflow;
    }
    if (item->type != RHAI_FLOAT || v->type != RHAI_FLOAT) return false;
    switch (o) {
    case OP_ADD: item->f += v->f; return true;
    case OP_SUB: item->f -= v->f; return true;
    case OP_MUL: item->f *= v->f; return true;
    default: return false;
    }
}

/* An array literal that is too large fails at the element that made it so. */
static void blame_element(vm *m, const arr *a, const map_shape *shape) {
    sizes so_far = {0};
    for (uint32_t i = 0; i < a->len; i++) {
        sizes s = sizes_of_element(&a->items[i]);
        so_far.array += s.array + 1;
        so_far.map += s.map;
        so_far.string += s.string;
        if (vm_check_sizes(m, &so_far, shape->positions[i]) != RHAI_OK) return;
    }
}

static rhai_status make_array(vm *m, rhai_value *from, uint32_t n, const map_shape *shape,
                              rhai_value *ret) {
    arr *a = arr_new(m->h, n);
    if (!a) return vm_no_memory(m);
    rhai_value v = VALUE_OBJ(RHAI_ARRAY, a);
    for (uint32_t i = 0; i < n; i++) {
        if (!arr_push(m->h, a, &from[i])) {
            value_drop(m->h, &v);
            return vm_no_memory(m);
        }
        from[i] = VALUE_UNIT;
    }
    if (m->h->track_sizes && vm_check_size(m, &v, POS_CALLER) != RHAI_OK) {
        blame_element(m, a, shape);
        value_drop(m->h, &v);
        return RHAI_ERROR;
    }
    value_store(m->h, ret, v);
    return RHAI_OK;
}

static rhai_status make_map(vm *m, rhai_value *from, const map_shape *shape, rhai_value *ret) {
    map *made = map_new(m->h, shape->len);
    if (!made) return vm_no_memory(m);
    rhai_value v = VALUE_OBJ(RHAI_MAP, made);
    for (uint32_t i = 0; i < shape->len; i++) {
        if (!map_set(m->h, made, shape->keys[i], &from[i])) {
            value_drop(m->h, &v);
            return vm_no_memory(m);
        }
        from[i] = VALUE_UNIT;
        if (m->h->track_sizes && vm_check_size(m, &v, shape->positions[i]) != RHAI_OK) {
            value_drop(m->h, &v);
            return RHAI_ERROR;
        }
    }
    value_store(m->h, ret, v);
    return RHAI_OK;
}

static rhai_status interpolate(vm *m, rhai_value *from, uint32_t n, const map_shape *shape,
                               rhai_value *ret) {
    text t;
    text_init(&t, m->h);
    for (uint32_t i = 0; i < n; i++) {
        if (!vm_text_of(m, &from[i], &t, shape->positions[i])) goto fail;
        value_clear(m->h, &from[i]);
        if (UNLIKELY(t.len > m->engine->max_sizes.string)) {
            sizes s = {.string = t.len};
            if (vm_check_sizes(m, &s, shape->positions[i]) != RHAI_OK) goto fail;
        }
    }
    rhai_value v;
    if (!text_finish(&t, &v)) {
        vm_no_memory(m);
        goto fail;
    }
    value_store(m->h, ret, v);
    text_done(&t);
    return RHAI_OK;
fail:
    text_done(&t);
    return RHAI_ERROR;
}

static rhai_status make_closure(vm *m, frame *f, const closure_info *info, rhai_value *ret) {
    rhai_value *curry = info->len ? vm_scratch(m, info->len) : NULL;
    if (info->len && !curry) return RHAI_ERROR;
    rhai_status status = RHAI_OK;
    for (uint32_t i = 0; i < info->len && status == RHAI_OK; i++) {
        const capture *c = &info->captures[i];
        if (c->is_value) {
            curry[i] = value_take(&f->base[c->reg]);
            continue;
        }
        rhai_value *slot =
            c->by_name ? vm_capture_place(m, f, &f->p->sites[c->site]) : &f->base[c->reg];
        cell *shared = slot ? vm_share(m, slot) : NULL;
        if (!shared) {
            status = RHAI_ERROR;
        } else {
            obj_ref(shared);
            curry[i] = VALUE_OBJ(RHAI_SHARED, shared);
        }
    }
    env *e = NULL;
    if (status == RHAI_OK) status = vm_current_env(m, &e);
    if (status == RHAI_OK) {
        fnptr *fn = vm_fnptr(m, info->fn->name, info->fn, e, curry, info->len);
        if (fn)
            value_store(m->h, ret, VALUE_OBJ(RHAI_FN, fn));
        else
            status = RHAI_ERROR;
    }
    if (info->len) vm_scratch_end(m, info->len);
    return status;
}

static rhai_status curry_call(vm *m, rhai_value *args, uint32_t n, rhai_pos pos) {
    if (flat(&args[0])->type != RHAI_FN)
        return vm_fail(m, error_mismatch(m->h, "Fn", value_type_name(&args[0]), pos));
    rhai_value fn = value_copy(flat(&args[0])), made;
    bool ok = vm_curry(m, &fn, args + 1, n - 1, &made);
    value_drop(m->h, &fn);
    if (!ok) return RHAI_ERROR;
    for (uint32_t i = 1; i < n; i++)
        value_clear(m->h, &args[i]);
    value_store(m->h, &args[0], made);
    return RHAI_OK;
}

static rhai_status new_fn(vm *m, const rhai_value *name, rhai_pos pos, rhai_value *ret) {
    if (name->type != RHAI_STRING)
        return vm_fail(m, error_mismatch(m->h, "string", vm_raw_type_name(name), pos));
    rhai_error *e = vm_check_function_name(m, as_str(name), pos);
    if (e) return vm_fail(m, e);
    rhai_str *interned = str_intern(m->h, as_str(name)->data, as_str(name)->len);
    if (!interned) return vm_no_memory(m);
    fnptr *fn = vm_fnptr(m, interned, NULL, NULL, NULL, 0);
    obj_unref(m->h, interned);
    if (!fn) return RHAI_ERROR;
    value_store(m->h, ret, VALUE_OBJ(RHAI_FN, fn));
    return RHAI_OK;
}

static bool is_hashable(const rhai_value *v) {
    return v->type <= RHAI_MAP && v->type != RHAI_TIMESTAMP && v->type != RHAI_BYTE;
}

/* Rhai compares hashes: the same type and the same bits. */
static bool same_label(const rhai_value *label, const rhai_value *v, heap *h) {
    if (!is_hashable(v)) return false;
    if (label->type != v->type) return false;
    if (label->type <= RHAI_TIMESTAMP) return label->type == RHAI_UNIT || label->i == v->i;
    return label->type == RHAI_STRING ? str_equal(as_str(label), as_str(v))
                                      : value_equal(h, label, v);
}

static int32_t switch_target(vm *m, const switch_table *t, const rhai_value *v, uint32_t from) {
    v = flat(v);
    if (from < t->len) {
        uint64_t hash = label_hash(m->h, v);
        for (int32_t i = t->len ? t->buckets[hash & t->mask] : -1; i >= 0; i = t->entries[i].next)
            if ((uint32_t)i >= from && t->entries[i].hash == hash &&
                same_label(&t->entries[i].value, v, m->h))
                return t->entries[i].target;
    }
    if (v->type == RHAI_INT) {
        for (uint32_t i = from > t->len ? from - t->len : 0; i < t->ranges_len; i++) {
            const range *r = as_range(&t->ranges[i].value);
            bool inclusive = t->ranges[i].value.type == RHAI_RANGE_INCLUSIVE;
            if (v->i >= r->from && (inclusive ? v->i <= r->to : v->i < r->to))
                return (int32_t)t->ranges[i].arm;
        }
    } else if (v->type == RHAI_FLOAT) {
        for (uint32_t i = from > t->len ? from - t->len : 0; i < t->ranges_len; i++) {
            const range *r = as_range(&t->ranges[i].value);
            bool inclusive = t->ranges[i].value.type == RHAI_RANGE_INCLUSIVE;
            if (v->f >= (double)r->from &&
                (inclusive ? v->f <= (double)r->to : v->f < (double)r->to))
                return (int32_t)t->ranges[i].arm;
        }
    }
    return t->default_target;
}

/* ---- for ---- */

static void set_loop_var(vm *m, rhai_value *slot, rhai_value v) {
    value_store(m->h, slot->type == RHAI_SHARED ? &as_cell(slot)->value : slot, v);
}

static bool is_iterable(const rhai_value *v) {
    switch (v->type) {
    case RHAI_STRING:
    case RHAI_ARRAY:
    case RHAI_BLOB:
    case RHAI_RANGE:
    case RHAI_RANGE_INCLUSIVE: return true;
    case RHAI_CUSTOM: return as_custom(v)->type->next != NULL;
    default: return false;
    }
}

/* The next element of state[0] into *ret: 1, 0 at the end, -1 on error. state[1] is the cursor. */
static int next_element(vm *m, rhai_value *state, rhai_pos pos, rhai_value *ret) {
    rhai_value *v = &state[0];
    int64_t at = state[1].i;
    switch (v->type) {
    case RHAI_ARRAY:
        if (at >= (int64_t)as_arr(v)->len) return 0;
        *ret = value_copy(&as_arr(v)->items[at]);
        break;
    case RHAI_BLOB:
        if (at >= (int64_t)as_blob(v)->len) return 0;
        *ret = VALUE_BYTE(as_blob(v)->data[at]);
        break;
    case RHAI_STRING: {
        uint32_t c;
        rhai_str *s = as_str(v);
        if (at >= (int64_t)s->len) return 0;
        at += (int64_t)utf8_decode(s->data + at, s->len - (size_t)at, &c) - 1;
        *ret = VALUE_CHAR(c);
        break;
    }
    case RHAI_RANGE:
    case RHAI_RANGE_INCLUSIVE: {
        range *r = as_range(v);
        uint64_t left = r->to > r->from ? (uint64_t)r->to - (uint64_t)r->from : 0;
        if (v->type == RHAI_RANGE_INCLUSIVE && r->to >= r->from) left++;
        if ((uint64_t)at >= left) return 0;
        *ret = VALUE_INT(r->from + at);
        break;
    }
    default: {
        rhai_call call = {.engine = m->engine, .h = m->h, .vm = m, .pos = pos};
        *ret = VALUE_UNIT;
        rhai_status status =
            as_custom(v)->type->next(&call, as_custom(v)->object, &state[1].i, ret);
        if (status == RHAI_ERROR) {
            if (call.error) {
                error_fill_pos(call.error, pos);
                vm_fail(m, call.error);
            } else {
                vm_no_memory(m);
            }
            return -1;
        }
        return status == RHAI_OK;
    }
    }
    state[1].i = at + 1;
    return 1;
}

/* ---- Calls that need nothing but a frame ---- */

static bool is_special_method(const vm *m, const rhai_str *name) {
    return name == m->name_call || name == m->name_curry || name == m->name_is_shared ||
           name == m->name_type_of;
}

/* The function that a method call leads to, if it can run in a plain frame; under max_operations
 * the call is counted then. NULL: look closer. */
static proto *plain_method(vm *m, const frame *f, site *s, const rhai_value *object,
                           rhai_value *args) {
    if (object->type == RHAI_FN)
        return s->name == m->name_call ? vm_plain_closure(m, f, as_fn(object), args, s->nargs)
                                       : NULL;
    if (object->type == RHAI_MAP) {
        const rhai_value *held = map_property(as_map(object), s);
        if (held && held->type == RHAI_FN)
            return is_special_method(m, s->name)
                       ? NULL
                       : vm_plain_closure(m, f, as_fn(held), args, s->nargs);
    }
    if (s->method_type != object->type + 1 || object->type == RHAI_CUSTOM || !s->method ||
        m->imports_len > m->imports_floor || !f->libs || s->libs != f->libs->number)
        return NULL;
    return is_plain_call(m, f, s->method, args) ? s->method : NULL;
}

/* ---- Chains through plain containers ---- */

/* The place that the first `len` steps of a chain lead to, if it can be changed there at once:
 * all containers are arrays and maps that nobody else holds, or that are copied if `owns`. */
static rhai_value *plain_place(vm *m, frame *f, const path *p, rhai_value *regs, uint32_t len,
                               bool owns) {
    rhai_value *place = p->root == ROOT_SLOT ? &f->base[p->slot] : f->this_ref;
    if (p->root != ROOT_SLOT && p->root != ROOT_THIS) return NULL;
    if (!place || place->flags & VALUE_CONST) return NULL;
    for (uint32_t k = 0; k < len; k++) {
        const path_step *step = &p->steps[k];
        const rhai_value *index = &regs[step->arg];
        if (step->is_optional) return NULL;
        if (place->type == RHAI_MAP) {
            map *o = as_map(place);
            if (o->head.refs != 1 && !(owns && (o = map_own(m->h, place)))) return NULL;
            if (step->kind == STEP_PROPERTY)
                place = map_property(o, &f->p->sites[step->site]);
            else if (step->kind == STEP_INDEX && index->type == RHAI_STRING)
                place = map_find(o, as_str(index));
            else
                return NULL;
        } else if (place->type == RHAI_ARRAY && step->kind == STEP_INDEX &&
                   index->type == RHAI_INT) {
            arr *a = as_arr(place);
            if ((uint64_t)index->i >= a->len) return NULL;
            if (a->head.refs != 1 && !(owns && (a = arr_own(m->h, place)))) return NULL;
            place = &a->items[index->i];
        } else {
            return NULL;
        }
        if (!place || place->type == RHAI_SHARED) return NULL;
    }
    return place;
}

/* Whether vm_note_sizes can go along the chain later. */
static bool can_note_sizes(const path *p, const rhai_value *regs) {
    for (uint32_t k = 0; k + 1 < p->len; k++)
        if (p->steps[k].kind == STEP_INDEX && regs[p->steps[k].arg].type != RHAI_INT) return false;
    return p->len <= CHAIN_PLAIN_MAX;
}

/* An element of a string, blob or map, where nothing can go wrong. */
static bool index_plainly(const rhai_value *object, const rhai_value *index, rhai_value *ret) {
    if (object->type == RHAI_MAP && index->type == RHAI_STRING) {
        const rhai_value *found = map_find(as_map(object), as_str(index));
        if (found) *ret = value_copy(found);
        return true;
    }
    if (index->type != RHAI_INT) return false;
    if (object->type == RHAI_STRING) {
        rhai_str *s = as_str(object);
        if ((uint64_t)index->i >= s->len || !str_is_ascii(s)) return false;
        *ret = VALUE_CHAR((unsigned char)s->data[index->i]);
        return true;
    }
    if (object->type != RHAI_BLOB || (uint64_t)index->i >= as_blob(object)->len) return false;
    *ret = VALUE_INT(as_blob(object)->data[index->i]);
    return true;
}

/* a[i].b = v and a[i].b += v through plain containers. False: not done. The sizes of containers
 * stay what they are while numbers take the place of numbers. */
static bool store_plainly(vm *m, frame *f, const path *p, rhai_value *regs, rhai_status *status) {
    rhai_value *place = plain_place(m, f, p, regs, p->len, true), *v = &regs[0];
    if (!place || (m->h->track_sizes && (value_is_heap(place) || value_is_heap(v)))) return false;
    if (m->counts && !vm_count_plainly(m, p->len)) return false;
    *status = RHAI_OK;
    if (p->mode == PATH_SET)
        value_store(m->h, place, value_take(v));
    else if (!assign_number(p->assign_op, place, v))
        *status = vm_assign_op(m, p->assign_op, place, v, p->set_pos, p->root_pos);
    return true;
}

/* A store with one step off its fast path; v is taken over. */
static rhai_status store_slowly(vm *m, path *p, rhai_value *object, rhai_value *index,
                                rhai_value v) {
    rhai_status status = object ? vm_store(m, p, object, index, &v)
                                : vm_fail(m, error_new(m->h, ERR_UNBOUND_THIS, p->root_pos));
    value_drop(m->h, &v);
    return status;
}

/* ---- The loop ---- */

/* What a finished call leaves in its argument registers, but for its result. */
static void clear_registers(heap *h, rhai_value *args, uint32_t n, const rhai_value *ret) {
    for (uint32_t k = 0; k < n; k++)
        if (&args[k] != ret && value_is_heap(&args[k])) value_clear(h, &args[k]);
}

rhai_status vm_run(vm *m, uint32_t depth) {
    heap *const h = m->h;
    rhai_engine *const engine = m->engine;
    frame *f;
    rhai_value *base;
    const insn *i; /* being executed */
    rhai_value result;

    static const void *const labels[] = {
#define X(name, operands, text) &&L_##name,
        OPCODES(X)
#undef X
    };

#define REG(x) ((rhai_value *)((char *)base + (size_t)(x) * (sizeof(rhai_value) / REG_SCALE)))
#define RA REG(i->a)
#define RB REG(i->b)
#define RC REG(i->c)
#define SB ((int16_t)i->b)
#define SC ((int16_t)i->c)
#define CASE(name) L_##name
#define DISPATCH goto *labels[i->op]
#define NEXT                                                                                       \
    do {                                                                                           \
        i++;                                                                                       \
        DISPATCH;                                                                                  \
    } while (0)
/* On behind the word or words that follow the instruction. */
#define NEXT_BUT_ONE                                                                               \
    do {                                                                                           \
        i += 2;                                                                                    \
        DISPATCH;                                                                                  \
    } while (0)
#define NEXT_BUT_TWO                                                                               \
    do {                                                                                           \
        i += 3;                                                                                    \
        DISPATCH;                                                                                  \
    } while (0)
/* Where a jump leads; the distance is in bytes, see opcode.h. All that follows waits for this
 * address, so that it is made first: the empty statement keeps it there. It also keeps what leads
 * here a branch, which is predicted; a conditional move of i would wait for the comparison. */
#define TARGET(to, distance)                                                                       \
    const insn *to = (const insn *)((const char *)i + (distance));                                 \
    __asm__ volatile("" : "+r"(to))
#define GO(to)                                                                                     \
    do {                                                                                           \
        i = (to);                                                                                  \
        DISPATCH;                                                                                  \
    } while (0)
#define JUMP_BY(distance) GO((const insn *)((const char *)i + (distance)))
#define SAVE() (f->pc = i + 1)
#define RELOAD() (f = vm_top(m), base = f->base, i = f->pc - 1)
#define POS() frame_pos(f)
#define FAIL_IF(condition)                                                                         \
    do {                                                                                           \
        if (UNLIKELY(condition)) goto failed;                                                      \
    } while (0)
/* Overwrites a register whose old value may have a heap part. */
#define SET(slot, v)                                                                               \
    do {                                                                                           \
        rhai_value *slot_ = (slot);                                                                \
        rhai_value old_ = *slot_;                                                                  \
        *slot_ = (v);                                                                              \
        if (UNLIKELY(value_is_heap(&old_))) obj_unref(h, old_.obj);                                \
    } while (0)
#define SET_SCALAR(slot, type_, field, x)                                                          \
    do {                                                                                           \
        rhai_value *slot_ = (slot);                                                                \
        if (UNLIKELY(value_is_heap(slot_))) value_clear(h, slot_);                                 \
        value_set_head(slot_, VALUE_HEAD(type_));                                                  \
        slot_->field = (x);                                                                        \
    } while (0)
#define SET_INT(slot, x) SET_SCALAR(slot, RHAI_INT, i, x)
#define SET_FLOAT(slot, x) SET_SCALAR(slot, RHAI_FLOAT, f, x)
#define SET_BOOL(slot, x) SET_SCALAR(slot, RHAI_BOOL, i, x)
/* A copy without the flags of the original. */
#define SET_COPY(slot, from)                                                                       \
    do {                                                                                           \
        const rhai_value *from_ = (from);                                                          \
        rhai_value *to_ = (slot);                                                                  \
        uint64_t head_ = value_head(from_) & ~VALUE_HEAD_FLAGS;                                    \
        int64_t payload_ = from_->i;                                                               \
        if (value_is_heap(from_)) obj_ref(from_->obj);                                             \
        if (UNLIKELY(value_is_heap(to_))) value_clear(h, to_);                                     \
        value_set_head(to_, head_);                                                                \
        to_->i = payload_;                                                                         \
    } while (0)
#define CONSUME(flag, slot)                                                                        \
    do {                                                                                           \
        if ((i->flags & (flag)) && value_is_heap(slot)) value_clear(h, slot);                      \
    } while (0)
#define BOTH(t, x, y) ((x)->type == (t) && (y)->type == (t))
/* A binary operator off its fast path. The position is looked up if it fails. */
#define SLOW_BINARY(o, b_, c_)                                                                     \
    do {                                                                                           \
        rhai_value result_ = VALUE_UNIT;                                                           \
        SAVE();                                                                                    \
        FAIL_IF(vm_binary(m, (o), (b_), (c_), POS_CALLER, &result_) != RHAI_OK);                   \
        RELOAD();                                                                                  \
        CONSUME(F_B_TEMP, RB);                                                                     \
        CONSUME(F_C_TEMP, RC);                                                                     \
        SET(RA, result_);                                                                          \
    } while (0)
#define SLOW_BINARY_INT(o)                                                                         \
    do {                                                                                           \
        rhai_value c_ = VALUE_INT(SC), result_ = VALUE_UNIT;                                       \
        SAVE();                                                                                    \
        FAIL_IF(vm_binary(m, (o), RB, &c_, POS_CALLER, &result_) != RHAI_OK);                      \
        RELOAD();                                                                                  \
        CONSUME(F_B_TEMP, RB);                                                                     \
        SET(RA, result_);                                                                          \
    } while (0)
#define ARITHMETIC(name, overflow, operator)                                                       \
    CASE(name) : {                                                                                 \
        const rhai_value *b = RB, *c = RC;                                                         \
        int64_t n;                                                                                 \
        if (LIKELY(BOTH(RHAI_INT, b, c)) && LIKELY(!overflow(b->i, c->i, &n))) {                   \
            SET_INT(RA, n);                                                                        \
            NEXT;                                                                                  \
        }                                                                                          \
        if (LIKELY(BOTH(RHAI_FLOAT, b, c))) {                                                      \
            SET_FLOAT(RA, b->f operator c->f);                                                     \
            NEXT;                                                                                  \
        }                                                                                          \
        double x, y;                                                                               \
        if (mixed_numbers(b, c, &x, &y)) {                                                         \
            SET_FLOAT(RA, x operator y);                                                           \
            NEXT;                                                                                  \
        }                                                                                          \
        SLOW_BINARY(OP_##name, b, c);                                                              \
        NEXT;                                                                                      \
    }
#define ARITHMETIC_INT(name, overflow, operator)                                                   \
    CASE(name##_INT) : {                                                                           \
        const rhai_value *b = RB;                                                                  \
        int64_t n;                                                                                 \
        if (LIKELY(b->type == RHAI_INT) && LIKELY(!overflow(b->i, (int64_t)SC, &n))) {             \
            SET_INT(RA, n);                                                                        \
            NEXT;                                                                                  \
        }                                                                                          \
        if (b->type == RHAI_FLOAT) {                                                               \
            SET_FLOAT(RA, b->f operator(double) SC);                                               \
            NEXT;                                                                                  \
        }                                                                                          \
        SLOW_BINARY_INT(OP_##name);                                                                \
        NEXT;                                                                                      \
    }
/* Division of an integer from 0 to 2^48 - 1 by a constant c below 2^15: with m = floor(2^64 / c)
 * + 1 the upper half of n * m is the quotient, since n * (m * c - 2^64) < 2^63. */
#define DIVIDE_INT(name, fast, slow)                                                               \
    CASE(name##_INT) : {                                                                           \
        const rhai_value *b = RB;                                                                  \
        if (LIKELY(b->type == RHAI_INT)) {                                                         \
            uint64_t n = (uint64_t)b->i;                                                           \
            int64_t r;                                                                             \
            if (LIKELY(n >> 48 == 0)) {                                                            \
                uint64_t quotient = (uint64_t)(((unsigned __int128)n * insn_word(&i[1])) >> 64);   \
                r = (int64_t)(fast);                                                               \
            } else {                                                                               \
                r = b->i slow(int64_t) SC;                                                         \
            }                                                                                      \
            SET_INT(RA, r);                                                                        \
            NEXT_BUT_ONE;                                                                          \
        }                                                                                          \
        SLOW_BINARY_INT(OP_##name);                                                                \
        NEXT_BUT_ONE;                                                                              \
    }
#define BITWISE(name, condition, result)                                                           \
    CASE(name) : {                                                                                 \
        const rhai_value *b = RB, *c = RC;                                                         \
        if (LIKELY(BOTH(RHAI_INT, b, c)) && LIKELY(condition)) {                                   \
            SET_INT(RA, result);                                                                   \
            NEXT;                                                                                  \
        }                                                                                          \
        SLOW_BINARY(OP_##name, b, c);                                                              \
        NEXT;                                                                                      \
    }
#define BITWISE_INT(name, result)                                                                  \
    CASE(name##_INT) : {                                                                           \
        const rhai_value *b = RB;                                                                  \
        if (LIKELY(b->type == RHAI_INT)) {                                                         \
            SET_INT(RA, result);                                                                   \
            NEXT;                                                                                  \
        }                                                                                          \
        SLOW_BINARY_INT(OP_##name);                                                                \
        NEXT;                                                                                      \
    }
#define COMPARE(name, o, swapped_o, operator)                                                      \
    CASE(name) : {                                                                                 \
        const rhai_value *b = RB, *c = RC;                                                         \
        if (LIKELY(BOTH(RHAI_INT, b, c))) {                                                        \
            SET_BOOL(RA, b->i operator c->i);                                                      \
            NEXT;                                                                                  \
        }                                                                                          \
        if (BOTH(RHAI_FLOAT, b, c) && distinct(b->f, c->f)) {                                      \
            SET_BOOL(RA, b->f operator c->f);                                                      \
            NEXT;                                                                                  \
        }                                                                                          \
        if (BOTH(RHAI_CHAR, b, c)) {                                                               \
            SET_BOOL(RA, b->c operator c->c);                                                      \
            NEXT;                                                                                  \
        }                                                                                          \
        if (i->flags & F_SWAPPED)                                                                  \
            SLOW_BINARY(swapped_o, c, b);                                                          \
        else                                                                                       \
            SLOW_BINARY(o, b, c);                                                                  \
        NEXT;                                                                                      \
    }
#define ASSIGN(name, overflow, operator)                                                           \
    CASE(ASSIGN_##name) : {                                                                        \
        rhai_value *a = RA;                                                                        \
        const rhai_value *b = RB;                                                                  \
        int64_t n;                                                                                 \
        if (LIKELY(BOTH(RHAI_INT, a, b)) && LIKELY(!overflow(a->i, b->i, &n))) {                   \
            a->i = n;                                                                              \
            NEXT;                                                                                  \
        }                                                                                          \
        if (LIKELY(BOTH(RHAI_FLOAT, a, b))) {                                                      \
            a->f = a->f operator b->f;                                                             \
            NEXT;                                                                                  \
        }                                                                                          \
        SLOW_ASSIGN(OP_##name, a);                                                                 \
        NEXT;                                                                                      \
    }
#define ASSIGN_INT(name, overflow)                                                                 \
    CASE(ASSIGN_##name##_INT) : {                                                                  \
        rhai_value *a = RA;                                                                        \
        int64_t n;                                                                                 \
        if (LIKELY(a->type == RHAI_INT) && LIKELY(!overflow(a->i, (int64_t)SB, &n))) {             \
            a->i = n;                                                                              \
            NEXT;                                                                                  \
        }                                                                                          \
        SAVE();                                                                                    \
        rhai_value v = VALUE_INT(SB);                                                              \
        FAIL_IF(vm_assign_op(m, OP_##name, a, &v, POS_CALLER, POS_CALLER) != RHAI_OK);             \
        RELOAD();                                                                                  \
        NEXT;                                                                                      \
    }
#define SLOW_ASSIGN(o, target)                                                                     \
    do {                                                                                           \
        SAVE();                                                                                    \
        rhai_value v_ = i->flags & F_B_TEMP ? value_take(RB) : value_copy(RB);                     \
        rhai_status status_ = vm_assign_op(m, (o), (target), &v_, POS_CALLER, POS_CALLER);         \
        value_drop(h, &v_);                                                                        \
        FAIL_IF(status_ != RHAI_OK);                                                               \
        RELOAD();                                                                                  \
    } while (0)
#define POLL()                                                                                     \
    do {                                                                                           \
        if (UNLIKELY(atomic_load_explicit(&engine->poll_flag, memory_order_relaxed))) {            \
            SAVE();                                                                                \
            FAIL_IF(!poll_events(m, POS()));                                                       \
        }                                                                                          \
    } while (0)
#define NO_ROUND() ((void)0)
/* A loop goes round, and has so many operations more: 0 where TRACK counts them one by one. */
#define ROUND(n)                                                                                   \
    do {                                                                                           \
        engine->operations += (uint64_t)(n);                                                       \
        POLL();                                                                                    \
    } while (0)
#define ROUND_C() ROUND(i->c)
#define ROUND_WORD() ROUND(i[1].d)
/* Along the next word's distance, or on behind it. */
#define BRANCH(condition, round)                                                                   \
    do {                                                                                           \
        if (condition) {                                                                           \
            TARGET(to_, i[1].d);                                                                   \
            round();                                                                               \
            GO(to_);                                                                               \
        }                                                                                          \
        NEXT_BUT_ONE;                                                                              \
    } while (0)
/* The fast paths do not look at F_NEGATED: the instruction was chosen with that in mind. */
#define JUMP_COMPARE(name, round, operator)                                                        \
    CASE(name) : {                                                                                 \
        rhai_value *x = RA, *y = RB;                                                               \
        if (LIKELY(BOTH(RHAI_INT, x, y))) BRANCH(x->i operator y->i, round);                       \
        if (BOTH(RHAI_FLOAT, x, y) && LIKELY(distinct(x->f, y->f)))                                \
            BRANCH(x->f operator y->f, round);                                                     \
        if (BOTH(RHAI_CHAR, x, y)) BRANCH(x->c operator y->c, round);                              \
        bool swapped = i->flags & F_SWAPPED;                                                       \
        SAVE();                                                                                    \
        int r = compare_slowly(m, (op)i[1].a, swapped ? y : x, swapped ? x : y);                   \
        FAIL_IF(r < 0);                                                                            \
        RELOAD();                                                                                  \
        CONSUME(swapped ? F_C_TEMP : F_B_TEMP, RA);                                                \
        CONSUME(swapped ? F_B_TEMP : F_C_TEMP, RB);                                                \
        BRANCH(r != ((i->flags & F_NEGATED) != 0), round);                                         \
    }
#define JUMP_COMPARE_INT(name, round, operator)                                                    \
    CASE(name) : {                                                                                 \
        rhai_value *x = RA;                                                                        \
        if (LIKELY(x->type == RHAI_INT)) BRANCH(x->i operator SB, round);                          \
        rhai_value y = VALUE_INT(SB);                                                              \
        SAVE();                                                                                    \
        int r = compare_slowly(m, (op)i[1].a, x, &y);                                              \
        FAIL_IF(r < 0);                                                                            \
        RELOAD();                                                                                  \
        CONSUME(F_B_TEMP, RA);                                                                     \
        BRANCH(r != ((i->flags & F_NEGATED) != 0), round);                                         \
    }
#define JUMPS(kind, round)                                                                         \
    JUMP_COMPARE(kind##_LESS, round, <)                                                            \
    JUMP_COMPARE(kind##_LESS_EQUAL, round, <=)                                                     \
    JUMP_COMPARE(kind##_EQUAL, round, ==)                                                          \
    JUMP_COMPARE(kind##_NOT_EQUAL, round, !=)                                                      \
    JUMP_COMPARE_INT(kind##_LESS_INT, round, <)                                                    \
    JUMP_COMPARE_INT(kind##_LESS_EQUAL_INT, round, <=)                                             \
    JUMP_COMPARE_INT(kind##_GREATER_INT, round, >)                                                 \
    JUMP_COMPARE_INT(kind##_GREATER_EQUAL_INT, round, >=)                                          \
    JUMP_COMPARE_INT(kind##_EQUAL_INT, round, ==)                                                  \
    JUMP_COMPARE_INT(kind##_NOT_EQUAL_INT, round, !=)
#define JUMP_BOOL(name, round, words)                                                              \
    CASE(name) : {                                                                                 \
        const rhai_value *a = RA;                                                                  \
        if (UNLIKELY(a->type != RHAI_BOOL)) {                                                      \
            SAVE();                                                                                \
            not_bool(m, a, POS());                                                                 \
            goto failed;                                                                           \
        }                                                                                          \
        if (a->b == !(i->flags & F_NEGATED)) {                                                     \
            TARGET(to, i->d);                                                                      \
            round();                                                                               \
            GO(to);                                                                                \
        }                                                                                          \
        i += (words);                                                                              \
        NEXT;                                                                                      \
    }
/* After a call: either its result is there, or its frame is the top one now. */
#define AFTER_CALL(o)                                                                              \
    do {                                                                                           \
        outcome o_ = (o);                                                                          \
        FAIL_IF(o_ == CALL_FAILED);                                                                \
        if (o_ == CALL_DONE) clear_registers(h, args, nargs, ret);                                 \
        RELOAD();                                                                                  \
        NEXT;                                                                                      \
    } while (0)

    RELOAD();
    NEXT;

    CASE(EXTRA) : NEXT;
    CASE(UNIT) : {
        SET_SCALAR(RA, RHAI_UNIT, i, 0);
        NEXT;
    }
    CASE(BOOL) : {
        SET_BOOL(RA, i->d != 0);
        NEXT;
    }
    CASE(INT) : {
        SET_INT(RA, i->d);
        NEXT;
    }
    CASE(CONST) : {
        SET_COPY(RA, &f->p->consts[i->d]);
        NEXT;
    }
    CASE(MOVE) : {
        SET_COPY(RA, RB);
        NEXT;
    }
    CASE(TAKE) : {
        rhai_value v = value_take(RB);
        SET(RA, v);
        NEXT;
    }
    CASE(FREEZE) : {
        RA->flags |= VALUE_CONST;
        NEXT;
    }
    CASE(GET_CELL) : {
        const rhai_value *v = RB;
        if (v->type == RHAI_SHARED) {
            cell *c = as_cell(v);
            if (UNLIKELY(c->borrows)) {
                SAVE();
                vm_fail(m, error_new(h, ERR_DATA_RACE, POS_NONE));
                goto failed;
            }
            v = &c->value;
        }
        SET(RA, value_copy(v));
        NEXT;
    }
    CASE(SET_CELL) : {
        rhai_value *slot = RA;
        rhai_value v = i->flags & F_B_TEMP ? value_take(RB) : value_copy(RB);
        if (slot->type == RHAI_SHARED) {
            cell *c = as_cell(slot);
            if (UNLIKELY(c->borrows)) {
                SAVE();
                value_drop(h, &v);
                vm_fail(m, error_new(h, ERR_DATA_RACE, POS_NONE));
                goto failed;
            }
            slot = &c->value;
        }
        SET(slot, v);
        NEXT;
    }
    CASE(GET_RAW) : {
        SET(RA, value_copy(RB));
        NEXT;
    }
    CASE(GET_THIS) : {
        if (UNLIKELY(!f->this_ref)) {
            SAVE();
            vm_fail(m, error_new(h, ERR_UNBOUND_THIS, POS()));
            goto failed;
        }
        SET(RA, value_copy(f->this_ref));
        NEXT;
    }
    CASE(SET_THIS) : {
        rhai_value v = i->flags & F_B_TEMP ? value_take(RB) : value_copy(RB);
        SET(f->this_ref, v);
        NEXT;
    }
    CASE(CLEAR) : {
        for (rhai_value *v = RA, *end = base + i->b; v < end; v++)
            SET(v, VALUE_UNIT);
        NEXT;
    }

    ARITHMETIC(ADD, __builtin_add_overflow, +)
    ARITHMETIC(SUB, __builtin_sub_overflow, -)
    ARITHMETIC(MUL, __builtin_mul_overflow, *)
    CASE(DIV) : {
        const rhai_value *b = RB, *c = RC;
        double x, y;
        if (LIKELY(BOTH(RHAI_INT, b, c)) && LIKELY(c->i > 0))
            SET_INT(RA, b->i / c->i);
        else if (BOTH(RHAI_FLOAT, b, c))
            SET_FLOAT(RA, b->f / c->f);
        else if (mixed_numbers(b, c, &x, &y))
            SET_FLOAT(RA, x / y);
        else
            SLOW_BINARY(OP_DIV, b, c);
        NEXT;
    }
    CASE(MOD) : {
        const rhai_value *b = RB, *c = RC;
        if (LIKELY(BOTH(RHAI_INT, b, c)) && LIKELY(c->i > 0))
            SET_INT(RA, b->i % c->i);
        else
            SLOW_BINARY(OP_MOD, b, c);
        NEXT;
    }
    BITWISE(BAND, true, b->i & c->i)
    BITWISE(BOR, true, b->i | c->i)
    BITWISE(XOR, true, b->i ^ c->i)
    BITWISE(SHL, (uint64_t)c->i < 64, (int64_t)((uint64_t)b->i << c->i))
    BITWISE(SHR, (uint64_t)c->i < 64, b->i >> c->i)
    CASE(BINARY) : {
        SLOW_BINARY((op)i[1].a, RB, RC);
        NEXT_BUT_ONE;
    }
    ARITHMETIC_INT(ADD, __builtin_add_overflow, +)
    ARITHMETIC_INT(SUB, __builtin_sub_overflow, -)
    ARITHMETIC_INT(MUL, __builtin_mul_overflow, *)
    DIVIDE_INT(DIV, quotient, /)
    DIVIDE_INT(MOD, n - quotient * (uint64_t)SC, %)
    BITWISE_INT(BAND, b->i & SC)
    BITWISE_INT(SHL, (int64_t)((uint64_t)b->i << SC))
    BITWISE_INT(SHR, b->i >> SC)
    COMPARE(LESS, OP_LT, OP_GT, <)
    COMPARE(LESS_EQUAL, OP_LE, OP_GE, <=)
    COMPARE(EQUAL, OP_EQ, OP_EQ, ==)
    COMPARE(NOT_EQUAL, OP_NE, OP_NE, !=)
    CASE(ASSIGN_OP) : {
        SAVE();
        rhai_value *target = i->flags & F_THIS ? f->this_ref : RA;
        cell *shared = NULL;
        if (target->type == RHAI_SHARED) {
            shared = as_cell(target);
            if (shared->borrows) {
                vm_fail(m, error_new(h, ERR_DATA_RACE, POS_NONE));
                goto failed;
            }
            target = &shared->value;
        }
        SLOW_ASSIGN((op)i->c, target);
        NEXT;
    }
    CASE(CHECK_CONST) : {
        const rhai_value *slot = RA;
        if (slot->type == RHAI_SHARED) slot = &as_cell(slot)->value;
        if (UNLIKELY(slot->flags & VALUE_CONST)) {
            SAVE();
            vm_fail(m, error_newf(h, ERR_ASSIGNMENT_TO_CONSTANT, POS(), "%s",
                                  as_str(&f->p->consts[i->d])->data));
            goto failed;
        }
        NEXT;
    }
    CASE(BOUND_THIS) : {
        if (UNLIKELY(!f->this_ref)) {
            SAVE();
            vm_fail(m, error_new(h, ERR_UNBOUND_THIS, POS()));
            goto failed;
        }
        NEXT;
    }
    CASE(CHECK_THIS) : {
        SAVE();
        if (f->this_ref->flags & VALUE_CONST) {
            vm_fail(m, error_newf(h, ERR_ASSIGNMENT_TO_CONSTANT, POS(), "%s", ""));
            goto failed;
        }
        NEXT;
    }
    ASSIGN(ADD, __builtin_add_overflow, +)
    ASSIGN(SUB, __builtin_sub_overflow, -)
    ASSIGN(MUL, __builtin_mul_overflow, *)
    ASSIGN_INT(ADD, __builtin_add_overflow)
    ASSIGN_INT(SUB, __builtin_sub_overflow)
    CASE(NOT) : {
        if (LIKELY(RB->type == RHAI_BOOL)) {
            SET_BOOL(RA, !RB->b);
            NEXT;
        }
        SAVE();
        FAIL_IF(vm_unary(m, OP_NOT, RB, POS(), RA) != RHAI_OK);
        RELOAD();
        NEXT;
    }
    CASE(NEGATE) : {
        if (LIKELY(RB->type == RHAI_INT && RB->i != INT64_MIN)) {
            SET_INT(RA, -RB->i);
            NEXT;
        }
        if (RB->type == RHAI_FLOAT) {
            SET_FLOAT(RA, -RB->f);
            NEXT;
        }
        SAVE();
        FAIL_IF(vm_unary(m, OP_NEG, RB, POS(), RA) != RHAI_OK);
        RELOAD();
        NEXT;
    }
    CASE(PLUS) : {
        SAVE();
        FAIL_IF(vm_unary(m, OP_PLUS, RB, POS(), RA) != RHAI_OK);
        RELOAD();
        NEXT;
    }
    CASE(JUMP) : {
        JUMP_BY(i->d);
    }
    CASE(LOOP) : {
        TARGET(to, i->d);
        ROUND(i->a);
        GO(to);
    }
    JUMP_BOOL(JUMP_IF, NO_ROUND, 0)
    JUMP_BOOL(LOOP_IF, ROUND_WORD, 1)
    JUMPS(JUMP, NO_ROUND)
    JUMPS(LOOP, ROUND_C)
    CASE(JUMP_UNIT) : {
        if ((RA->type == RHAI_UNIT) == !(i->flags & F_NEGATED)) JUMP_BY(i->d);
        NEXT;
    }
    CASE(SWITCH) : {
        i = f->p->code + switch_target(m, &f->p->switches[i->d], RA, (uint32_t)i[1].d);
        DISPATCH;
    }
    CASE(FETCH) : {
        const insn *step = i + 1;
        const rhai_value *place = step->flags & F_THIS ? f->this_ref : REG(step->b);
        bool has_texts = false;
        for (uint32_t left = i->c; left && place; left--) {
            if (step->op == OPC_INDEX) {
                const rhai_value *index = REG(step->c);
                if (LIKELY(place->type == RHAI_ARRAY && index->type == RHAI_INT &&
                           (uint64_t)index->i < as_arr(place)->len)) {
                    place = &as_arr(place)->items[index->i];
                } else if (place->type == RHAI_MAP && index->type == RHAI_STRING) {
                    has_texts = true;
                    place = map_find(as_map(place), as_str(index));
                } else {
                    place = NULL;
                }
                step += 2;
            } else {
                place = place->type == RHAI_MAP ? own_property(as_map(place), step) : NULL;
                step += 3;
            }
        }
        if (UNLIKELY(!place)) NEXT;
        const insn *at = i + 1;
        rhai_value *to = RA;
        if (UNLIKELY(has_texts)) {
            rhai_value v = value_copy(place);
            for (; at < step; at += at->op == OPC_INDEX ? 2 : 3)
                if (at->op == OPC_INDEX && at->flags & F_C_TEMP && value_is_heap(REG(at->c)))
                    value_clear(h, REG(at->c));
            SET(to, v);
        } else {
            SET_COPY(to, place);
        }
        i = step;
        DISPATCH;
    }
    CASE(INDEX) : {
        rhai_value *object = i->flags & F_THIS ? f->this_ref : RB;
        const rhai_value *index = RC;
        if (LIKELY(object && object->type == RHAI_ARRAY && index->type == RHAI_INT)) {
            arr *a = as_arr(object);
            if (LIKELY((uint64_t)index->i < a->len)) {
                const rhai_value *item = &a->items[index->i];
                if (UNLIKELY(i->flags & F_B_TEMP)) {
                    rhai_value v = value_copy(item);
                    value_clear(h, RB);
                    SET(RA, v);
                } else {
                    SET_COPY(RA, item);
                }
                NEXT_BUT_ONE;
            }
        }
        rhai_value v = VALUE_UNIT;
        if (object && index_plainly(object, index, &v)) {
            if (!(i->flags & F_THIS)) CONSUME(F_B_TEMP, RB);
            CONSUME(F_C_TEMP, RC);
            SET(RA, v);
            NEXT_BUT_ONE;
        }
        SAVE();
        const path *p = &f->p->paths[i[1].d];
        if (!object) {
            vm_fail(m, error_new(h, ERR_UNBOUND_THIS, p->root_pos));
            goto failed;
        }
        FAIL_IF(vm_index(m, object, index, p->steps[0].pos, p->steps[0].op_pos, &v) != RHAI_OK);
        RELOAD();
        if (!(i->flags & F_THIS)) CONSUME(F_B_TEMP, RB);
        CONSUME(F_C_TEMP, RC);
        SET(RA, v);
        i++;
        NEXT;
    }
    CASE(PROPERTY) : {
        rhai_value *object = i->flags & F_THIS ? f->this_ref : RB;
        rhai_value v = VALUE_UNIT;
        if (LIKELY(object && object->type == RHAI_MAP)) {
            const rhai_value *found = own_property(as_map(object), i);
            if (LIKELY(found && (!(i->flags & F_B_TEMP) || i->flags & F_THIS))) {
                SET_COPY(RA, found);
                NEXT_BUT_TWO;
            }
            if (found) v = value_copy(found);
        } else {
            SAVE();
            const path *p = &f->p->paths[i[2].d];
            if (!object) {
                vm_fail(m, error_new(h, ERR_UNBOUND_THIS, p->root_pos));
                goto failed;
            }
            FAIL_IF(vm_property(m, object, &p->steps[0], &f->p->sites[p->steps[0].site], &v) !=
                    RHAI_OK);
            RELOAD();
        }
        if (!(i->flags & F_THIS)) CONSUME(F_B_TEMP, RB);
        SET(RA, v);
        NEXT_BUT_TWO;
    }
    CASE(SET_INDEX) : {
        rhai_value *object = i->flags & F_THIS ? f->this_ref : RA;
        rhai_value v = i->flags & F_C_TEMP ? value_take(RC) : value_copy(RC);
        const rhai_value *index = RB;
        if (LIKELY(object && object->type == RHAI_ARRAY && index->type == RHAI_INT)) {
            arr *a = as_arr(object);
            if (LIKELY(a->head.refs == 1 && (uint64_t)index->i < a->len &&
                       !(object->flags & VALUE_CONST))) {
                rhai_value *item = &a->items[index->i];
                if (LIKELY(!value_is_heap(item) && !value_is_heap(&v))) {
                    *item = v;
                    NEXT_BUT_ONE;
                }
                if (!h->track_sizes) {
                    SET(item, v);
                    NEXT_BUT_ONE;
                }
            }
        } else if (object && object->type == RHAI_BLOB && index->type == RHAI_INT &&
                   v.type == RHAI_INT) {
            blob *bytes = as_blob(object);
            if (LIKELY(bytes->head.refs == 1 && (uint64_t)index->i < bytes->len &&
                       !(object->flags & VALUE_CONST))) {
                bytes->data[index->i] = (uint8_t)v.i;
                NEXT_BUT_ONE;
            }
        }
        SAVE();
        FAIL_IF(store_slowly(m, &f->p->paths[i[1].d], object, RB, v) != RHAI_OK);
        RELOAD();
        CONSUME(F_B_TEMP, RB);
        i++;
        NEXT;
    }
    CASE(SET_PROPERTY) : {
        rhai_value *object = i->flags & F_THIS ? f->this_ref : RA;
        rhai_value v = i->flags & F_B_TEMP ? value_take(RB) : value_copy(RB);
        if (LIKELY(object && object->type == RHAI_MAP)) {
            map *o = as_map(object);
            rhai_value *found = own_property(o, i);
            if (LIKELY(found && o->head.refs == 1 && !(object->flags & VALUE_CONST) &&
                       (!h->track_sizes || !(value_is_heap(found) || value_is_heap(&v))))) {
                SET(found, v);
                NEXT_BUT_TWO;
            }
        }
        SAVE();
        FAIL_IF(store_slowly(m, &f->p->paths[i[2].d], object, NULL, v) != RHAI_OK);
        RELOAD();
        NEXT_BUT_TWO;
    }
    CASE(ASSIGN_INDEX) : {
        rhai_value *object = i->flags & F_THIS ? f->this_ref : RA;
        const rhai_value *index = RB;
        rhai_value *item = NULL;
        if (LIKELY(object && object->type == RHAI_ARRAY && index->type == RHAI_INT)) {
            arr *a = as_arr(object);
            if (LIKELY(a->head.refs == 1 && (uint64_t)index->i < a->len))
                item = &a->items[index->i];
        } else if (object && object->type == RHAI_MAP && index->type == RHAI_STRING &&
                   as_map(object)->head.refs == 1) {
            item = map_find(as_map(object), as_str(index));
        }
        if (LIKELY(item && !(object->flags & VALUE_CONST)) &&
            LIKELY(assign_number((op)i[1].a, item, RC))) {
            CONSUME(F_B_TEMP, RB);
            NEXT_BUT_ONE;
        }
        rhai_value v = i->flags & F_C_TEMP ? value_take(RC) : value_copy(RC);
        SAVE();
        FAIL_IF(store_slowly(m, &f->p->paths[i[1].d], object, RB, v) != RHAI_OK);
        RELOAD();
        CONSUME(F_B_TEMP, RB);
        NEXT_BUT_ONE;
    }
    CASE(ASSIGN_PROPERTY) : {
        rhai_value *object = i->flags & F_THIS ? f->this_ref : RA;
        if (LIKELY(object && object->type == RHAI_MAP && !(object->flags & VALUE_CONST))) {
            map *o = as_map(object);
            rhai_value *found = own_property(o, i);
            if (LIKELY(found && o->head.refs == 1) && LIKELY(assign_number((op)i[2].a, found, RB)))
                NEXT_BUT_TWO;
        }
        rhai_value v = i->flags & F_B_TEMP ? value_take(RB) : value_copy(RB);
        SAVE();
        FAIL_IF(store_slowly(m, &f->p->paths[i[2].d], object, NULL, v) != RHAI_OK);
        RELOAD();
        NEXT_BUT_TWO;
    }
    CASE(CHAIN) : {
        path *p = &f->p->paths[i->c];
        rhai_value *regs = RB;
        rhai_value v = VALUE_UNIT;
        rhai_status status;
        SAVE();
        if (p->mode == PATH_GET) {
            const path_step *last = &p->steps[p->len - 1];
            rhai_value *place = last->kind == STEP_METHOD && !last->is_optional &&
                                        (!h->track_sizes || can_note_sizes(p, regs))
                                    ? plain_place(m, f, p, regs, p->len - 1, false)
                                    : NULL;
            if (place && (!m->counts || vm_count_plainly(m, p->len - 1))) {
                site *s = &f->p->sites[last->site];
                rhai_value *args = &regs[last->arg], *ret = i->flags & F_DISCARD ? NULL : RA;
                uint32_t nargs = s->nargs + 1;
                POLL();
                proto *function = plain_method(m, f, s, place, args + 1);
                if (function || !h->track_sizes) clear_registers(h, regs, last->arg, NULL);
                if (LIKELY(function)) {
                    if (place->type == RHAI_FN) place = NULL;
                    f = push_plain(m, f, function, args + 1, ret, place, f->libs, last->pos);
                    if (UNLIKELY(h->track_sizes && place)) {
                        f->pc = function->code + 1; /* where an error here finds itself */
                        FAIL_IF(!vm_note_element(m, f, place));
                    }
                    base = args + 1;
                    i = function->code;
                    DISPATCH;
                }
                if (!h->track_sizes) {
                    target t = {
                        .place = place, .is_ref = true, .is_method = true, .name = p->root_name};
                    AFTER_CALL(vm_method(m, s, &t, args, last->pos, ret, NULL));
                }
                if (m->counts) engine->operations -= p->len - 1;
            }
            status = vm_chain(m, p, regs, &v);
        } else if (!store_plainly(m, f, p, regs, &status)) {
            status = vm_chain(m, p, regs, &v);
        }
        if (status != RHAI_OK) {
            value_drop(h, &v);
            goto failed;
        }
        RELOAD();
        for (uint32_t k = 0; k < p->nregs; k++)
            if (value_is_heap(&regs[k])) value_clear(h, &regs[k]);
        if (p->mode == PATH_GET && !(i->flags & F_DISCARD))
            SET(RA, v);
        else
            value_drop(h, &v);
        NEXT;
    }
    CASE(ARRAY) : {
        SAVE();
        FAIL_IF(make_array(m, RB, i->c, &f->p->shapes[i[1].d], RA) != RHAI_OK);
        i++;
        NEXT;
    }
    CASE(MAP) : {
        SAVE();
        FAIL_IF(make_map(m, RB, &f->p->shapes[i->c], RA) != RHAI_OK);
        NEXT;
    }
    CASE(INTERPOLATE) : {
        SAVE();
        FAIL_IF(interpolate(m, RB, i->c, &f->p->shapes[i[1].d], RA) != RHAI_OK);
        RELOAD();
        i++;
        NEXT;
    }
    CASE(FOR) : {
        rhai_value *state = RA;
        if (UNLIKELY(!is_iterable(state))) {
            SAVE();
            vm_fail(m, error_new(h, ERR_FOR, POS()));
            goto failed;
        }
        SET(&state[1], VALUE_INT(0));
        SET(&state[2], VALUE_INT(-1));
        if (i->flags & F_C_TEMP) SET(&state[4], VALUE_INT(0));
        JUMP_BY(i->d);
    }
    CASE(FOR_NEXT) : {
        rhai_value *state = RA;
        rhai_value v;
        int more;
        POLL();
        if (LIKELY(state->type == RHAI_ARRAY)) {
            arr *a = as_arr(state);
            more = state[1].i < (int64_t)a->len;
            if (more) v = value_copy(&a->items[state[1].i++]);
        } else {
            SAVE();
            more = next_element(m, state, POS(), &v);
            FAIL_IF(more < 0);
            RELOAD();
        }
        if (!more) NEXT_BUT_ONE;
        engine->operations += (uint64_t)i[1].d;
        state[2].i++;
        if (UNLIKELY(i->flags & F_CHECKED)) {
            if (i->flags & F_C_TEMP) set_loop_var(m, &state[4], VALUE_INT(state[2].i));
            set_loop_var(m, &state[3], v);
        } else {
            if (i->flags & F_C_TEMP) SET(&state[4], VALUE_INT(state[2].i));
            SET(&state[3], v);
        }
        JUMP_BY(i->d);
    }
    CASE(FOR_RANGE) : {
        rhai_value *state = RA;
        bool inclusive = i->flags & F_NEGATED;
        if (UNLIKELY(state[0].type != RHAI_INT || state[1].type != RHAI_INT)) {
            SAVE();
            rhai_value made = VALUE_UNIT;
            op o = inclusive ? OP_RANGE_INCLUSIVE : OP_RANGE;
            FAIL_IF(vm_binary(m, o, &state[0], &state[1], POS(), &made) != RHAI_OK);
            RELOAD();
            state = RA;
            if (made.type != RHAI_RANGE && made.type != RHAI_RANGE_INCLUSIVE) {
                value_drop(h, &made);
                vm_fail(m, error_new(h, ERR_FOR, POS()));
                goto failed;
            }
            inclusive = made.type == RHAI_RANGE_INCLUSIVE;
            SET(&state[0], VALUE_INT(as_range(&made)->from));
            SET(&state[1], VALUE_INT(as_range(&made)->to));
            value_drop(h, &made);
        }
        int64_t from = state[0].i, to = state[1].i;
        uint64_t left = to > from ? (uint64_t)to - (uint64_t)from : 0;
        if (inclusive && to >= from) left++;
        if (!left) JUMP_BY(i->d);
        state[1].i = (int64_t)(left - 1);
        SET(&state[2], VALUE_INT(0));
        if (i->flags & F_C_TEMP) SET(&state[4], VALUE_INT(0));
        SET(&state[3], VALUE_INT(from));
        engine->operations += (uint64_t)i[1].d;
        NEXT_BUT_ONE;
    }
    CASE(FOR_RANGE_NEXT) : {
        rhai_value *state = RA;
        if (state[1].i == 0) NEXT_BUT_ONE;
        ROUND_WORD();
        state[1].i--;
        state[2].i++;
        int64_t n = ++state[0].i;
        if (UNLIKELY(i->flags & F_CHECKED)) {
            if (i->flags & F_C_TEMP) set_loop_var(m, &state[4], VALUE_INT(state[2].i));
            set_loop_var(m, &state[3], VALUE_INT(n));
        } else {
            if (i->flags & F_C_TEMP) SET(&state[4], VALUE_INT(state[2].i));
            SET(&state[3], VALUE_INT(n));
        }
        JUMP_BY(i->d);
    }
    CASE(FOR_INT_NEXT) : {
        TARGET(to, i->d);
        rhai_value *state = RA;
        if (UNLIKELY(state[1].i == 0)) NEXT_BUT_ONE;
        ROUND_WORD();
        state[1].i--;
        int64_t n = ++state[0].i;
        SET_INT(&state[3], n);
        GO(to);
    }
    CASE(CALL) : {
        POLL();
        SAVE();
        rhai_value *args = RA, *ret = i->flags & F_DISCARD ? NULL : RA;
        proto *p = f->p->unit->protos[i->c];
        if (LIKELY(is_plain_call(m, f, p, args))) {
            f = push_plain(m, f, p, args, ret, NULL, f->libs, POS_CALLER);
            base = args;
            i = p->code;
            DISPATCH;
        }
        uint32_t nargs = i->b;
        if (UNLIKELY(m->remembers)) {
            rhai_str *name = p->name;
            p = vm_recall(m, name, nargs);
            if (!p) {
                vm_fail(m, vm_function_not_found(m, name, args, nargs, POS()));
                goto failed;
            }
        }
        if (UNLIKELY(proto_is_empty(p))) {
            clear_registers(h, args, nargs, NULL);
            if (ret) SET(ret, VALUE_UNIT);
            NEXT;
        }
        invocation c = {.p = p,
                        .in_place = m->remembers,
                        .args = args,
                        .nargs = nargs,
                        .ret = ret,
                        .pos = POS_CALLER};
        FAIL_IF(vm_enter(m, &c) == CALL_FAILED);
        RELOAD();
        NEXT;
    }
    CASE(CALL_NAME) : {
        POLL();
        SAVE();
        rhai_value *args = RA, *ret = i->flags & F_DISCARD ? NULL : RA;
        uint32_t nargs = i->b;
        site *s = &f->p->sites[i->c];
        AFTER_CALL(vm_call_site(m, s, args, nargs, s->pos, ret));
    }
    CASE(CALL_METHOD) : {
        POLL();
        SAVE();
        rhai_value *args = RA, *ret = i->flags & F_DISCARD ? NULL : RA;
        uint32_t nargs = i->b + 1u;
        site *s = &f->p->sites[i->c];
        rhai_value *self = s->object == OBJECT_SLOT   ? &base[s->slot]
                           : s->object == OBJECT_THIS ? f->this_ref
                                                      : NULL;
        if (LIKELY(self && self->type != RHAI_SHARED)) {
            proto *p = plain_method(m, f, s, self, args + 1);
            if (p) {
                if (self->type == RHAI_FN) self = NULL;
                f = push_plain(m, f, p, args + 1, ret, self, f->libs, POS_CALLER);
                base = args + 1;
                i = p->code;
                DISPATCH;
            }
        }
        target t;
        FAIL_IF(!vm_site_object(m, f, s, &t));
        if (t.cell && t.cell->borrows) {
            vm_fail(m, error_new(h, ERR_DATA_RACE, POS_NONE));
            goto failed;
        }
        t.is_method = true;
        rhai_value object = VALUE_UNIT;
        if (!t.place) {
            /* A temporary lives beside its arguments while the call runs. */
            t.is_ref = false;
            t.is_const = args[0].flags & VALUE_CONST;
            t.place = vm_scratch(m, 1);
            FAIL_IF(!t.place);
            *t.place = args[0];
            args[0] = VALUE_UNIT;
            outcome o = vm_method(m, s, &t, args, s->pos, &object, NULL);
            rhai_status status = vm_finish(m, o);
            vm_scratch_end(m, 1);
            if (status != RHAI_OK) {
                value_drop(h, &object);
                goto failed;
            }
            RELOAD();
            clear_registers(h, args, nargs, NULL);
            SET(args, object);
            NEXT;
        }
        AFTER_CALL(vm_method(m, s, &t, args, s->pos, ret, NULL));
    }
    CASE(CALL_PATH) : {
        POLL();
        SAVE();
        rhai_value *args = RA, *ret = i->flags & F_DISCARD ? NULL : RA;
        uint32_t nargs = i->b;
        site *s = &f->p->sites[i->c];
        if (LIKELY(s->method && s->imports_version == m->imports_version && f->libs &&
                   s->libs == f->libs->number && s->object <= OBJECT_SLOT &&
                   has_plain_room(m, f, s->method, args))) {
            proto *p = s->method;
            if (nargs && s->object == OBJECT_SLOT) SET_COPY(args, flat(&base[s->slot]));
            f = push_plain(m, f, p, args, ret, NULL, s->callee_libs, POS_CALLER);
            base = args;
            i = p->code;
            DISPATCH;
        }
        AFTER_CALL(vm_call_path(m, s, args, nargs, s->pos, ret));
    }
    CASE(CALL_POINTER) : {
        POLL();
        SAVE();
        rhai_value *args = RA, *ret = i->flags & F_DISCARD ? NULL : RA;
        uint32_t nargs = i->b;
        site *s = &f->p->sites[i->c];
        if (flat(&args[0])->type != RHAI_FN) {
            vm_fail(m, error_mismatch(h, "Fn", value_type_name(&args[0]), s->arg_pos));
            goto failed;
        }
        proto *p = vm_plain_closure(m, f, as_fn(flat(&args[0])), args + 1, nargs - 1);
        if (p) {
            f = push_plain(m, f, p, args + 1, ret, NULL, f->libs, POS_CALLER);
            base = args + 1;
            i = p->code;
            DISPATCH;
        }
        rhai_value fn = value_copy(flat(&args[0]));
        value_clear(h, &args[0]);
        outcome o = vm_call_fn(m, &fn, NULL, args + 1, nargs - 1, s->pos, ret);
        value_drop(h, &fn);
        AFTER_CALL(o);
    }
    CASE(CHECK_FN) : {
        if (UNLIKELY(flat(RA)->type != RHAI_FN)) {
            SAVE();
            vm_fail(m, error_mismatch(h, "Fn", value_type_name(flat(RA)), POS()));
            goto failed;
        }
        NEXT;
    }
    CASE(CALL_SCOPED) : {
        POLL();
        SAVE();
        rhai_value *args = RA, *ret = i->flags & F_DISCARD ? NULL : RA;
        uint32_t nargs = i->b;
        const scope_table *scope = &f->p->scopes[i[1].d];
        site *s = &f->p->sites[i->c];
        outcome o = i->flags & F_B_TEMP
                        ? vm_call_pointer_scoped(m, s, scope, args, nargs, POS(), ret)
                        : vm_call_scoped(m, s, s->name, scope, args, nargs, POS(), ret);
        FAIL_IF(o == CALL_FAILED);
        RELOAD();
        clear_registers(h, args, nargs, ret);
        i++;
        NEXT;
    }
    CASE(NEW_FN) : {
        SAVE();
        FAIL_IF(new_fn(m, RB, POS(), RA) != RHAI_OK);
        NEXT;
    }
    CASE(CURRY) : {
        SAVE();
        FAIL_IF(curry_call(m, RA, i->b, POS()) != RHAI_OK);
        NEXT;
    }
    CASE(CLOSURE) : {
        SAVE();
        FAIL_IF(make_closure(m, f, &f->p->closures[i->c], RA) != RHAI_OK);
        NEXT;
    }
    CASE(IS_SHARED) : {
        bool shared = RB->type == RHAI_SHARED;
        SET(RA, VALUE_BOOL(shared));
        NEXT;
    }
    CASE(TYPE_OF) : {
        const char *type = value_type_name(RB);
        rhai_value v;
        SAVE();
        if (!value_new_text(h, type, strlen(type), &v)) {
            vm_no_memory(m);
            goto failed;
        }
        SET(RA, v);
        NEXT;
    }
    CASE(IS_DEF_VAR) : {
        SAVE();
        if (RB->type != RHAI_STRING) {
            vm_fail(m, error_mismatch(h, "string", vm_raw_type_name(RB), POS()));
            goto failed;
        }
        bool defined = vm_is_defined(m, f, &f->p->scopes[i->c], as_str(RB));
        SET(RA, VALUE_BOOL(defined));
        NEXT;
    }
    CASE(EVAL) : {
        SAVE();
        rhai_value script = value_take(RB), v = VALUE_UNIT;
        rhai_status status = vm_eval(m, &script, &f->p->scopes[i->c], POS(), &v);
        value_drop(h, &script);
        FAIL_IF(status != RHAI_OK);
        RELOAD();
        SET(RA, v);
        NEXT;
    }
    CASE(RETURN) : {
        engine->operations += (uint64_t)i->d;
        result = value_take(RA);
        goto leave;
    }
    CASE(RETURN_UNIT) : {
        engine->operations += (uint64_t)i->d;
        result = VALUE_UNIT;
        goto leave;
    }
    CASE(THROW) : {
        SAVE();
        rhai_value v = value_take(RA);
        vm_fail(m, error_thrown(h, v, POS()));
        goto failed;
    }
    CASE(CATCH) : {
        SAVE();
        FAIL_IF(catch_error(m, RA, i->b) != RHAI_OK);
        engine->operations += i->c;
        NEXT;
    }
    CASE(GET_NAME) : {
        SAVE();
        site *s = &f->p->sites[i->c];
        FAIL_IF(i->flags & F_CHECKED && vm_check_assignable(m, f, s) != RHAI_OK);
        FAIL_IF(vm_get_name(m, f, s, RA) != RHAI_OK);
        NEXT;
    }
    CASE(SET_NAME) : {
        SAVE();
        rhai_value v = value_take(RB);
        rhai_status status = vm_set_name(m, f, &f->p->sites[i->c], &v);
        value_drop(h, &v);
        FAIL_IF(status != RHAI_OK);
        NEXT;
    }
    CASE(DEFINE_NAME) : {
        SAVE();
        FAIL_IF(vm_name_define(m, f->p->sites[i->c].name, value_take(RB), i->a) != RHAI_OK);
        NEXT;
    }
    CASE(GET_PATH) : {
        SAVE();
        FAIL_IF(vm_get_path(m, f, &f->p->sites[i->c], RA) != RHAI_OK);
        NEXT;
    }
    CASE(SET_CONSTANT) : {
        SAVE();
        unit *u = f->p->unit;
        if (!u->constants && !(u->constants = map_new(h, 4))) {
            vm_no_memory(m);
            goto failed;
        }
        rhai_value v = value_copy(flat(RA));
        if (!map_set(h, u->constants, as_str(&f->p->consts[i->d]), &v)) {
            value_drop(h, &v);
            vm_no_memory(m);
            goto failed;
        }
        NEXT;
    }
    CASE(MARK) : {
        vm_mark(m, RA);
        NEXT;
    }
    CASE(TRIM) : {
        vm_trim(m, RA);
        NEXT;
    }
    CASE(IMPORT) : {
        SAVE();
        rhai_value path = value_take(RB);
        rhai_status status = vm_import(m, &path, &f->p->sites[i->c], POS());
        value_drop(h, &path);
        FAIL_IF(status != RHAI_OK);
        RELOAD();
        NEXT;
    }
    CASE(EXPORT) : {
        SAVE();
        FAIL_IF(vm_export(m, f, &f->p->sites[i->c], i->a ? RB : NULL) != RHAI_OK);
        NEXT;
    }
    CASE(TRACK) : {
        uint64_t counted = engine->operations + (uint64_t)i->d;
        if (LIKELY(counted <= engine->limits[RHAI_MAX_OPERATIONS])) {
            engine->operations = counted;
            i += i->d;
            DISPATCH;
        }
        SAVE();
        FAIL_IF(!vm_track(m, POS_CALLER));
        NEXT;
    }
    CASE(TRACK_STEP) : {
        const rhai_value *object = i->flags & F_THIS ? f->this_ref : RB;
        if (!object || object->type != RHAI_MAP) NEXT;
        SAVE();
        FAIL_IF(!vm_track(m, POS_CALLER));
        NEXT;
    }
    CASE(COUNT_VARIABLES) : {
        if (UNLIKELY((uint64_t)i->d + vm_names_visible(m, f) >=
                     engine->limits[RHAI_MAX_VARIABLES])) {
            SAVE();
            vm_fail(m, error_new(h, ERR_TOO_MANY_VARIABLES, POS()));
            goto failed;
        }
        NEXT;
    }

leave : {
    rhai_value *ret = f->ret;
    bool is_entry = f->is_entry;
    if (UNLIKELY(result.type == RHAI_SHARED)) {
        rhai_value inner = value_copy(&as_cell(&result)->value);
        value_drop(h, &result);
        result = inner;
    }
    if (UNLIKELY(!f->is_plain) && f->is_element) vm_end_element(m, f);
    if (LIKELY(f->is_plain && m->names == f->names && m->imports_len == f->imports)) {
        for (rhai_value *v = base, *end = base + f->p->nregs; v < end; v++)
            if (UNLIKELY(value_is_heap(v))) value_clear(h, v);
        m->level = f->level_before;
        m->frames_len--;
        f--;
        if (ret)
            SET(ret, result);
        else
            value_drop(h, &result);
        if (UNLIKELY(is_entry)) return RHAI_OK;
        base = f->base;
        i = f->pc;
        DISPATCH;
    }
    SAVE();
    if (UNLIKELY(f->is_main)) vm_main_ends(m, f);
    vm_leave(m);
    if (ret)
        SET(ret, result);
    else
        value_drop(h, &result);
    if (is_entry) return RHAI_OK;
    RELOAD();
    NEXT;
}

failed:
    if (!unwind(m, depth)) return RHAI_ERROR;
    RELOAD();
    NEXT;
}
