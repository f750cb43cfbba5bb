/* Chains: a[i].b.c(x) = y.
 *
 * A walk goes from the root along the steps by reference, as Rhai does: what a step finds is a
 * place inside its container, or a temporary (a character, a bit, what a getter returned) that
 * is written back if the rest of the chain changed it. Containers on the way are made unshared
 * only if the walk is going to change something.
 */
#include "vm/vm.h"

#include <stdio.h>
#include <string.h>

typedef enum spot_kind {
    SPOT_PLAIN,
    SPOT_BIT,
    SPOT_BITS,
    SPOT_BYTE,
    SPOT_CHAR,
    SPOT_SLICE
} spot_kind;

/* Something found on the way. */
typedef struct spot {
    rhai_value *place; /* the value itself, or &temp */
    rhai_value temp;   /* owned */
    cell *cell;
    bool is_ref;
    bool is_const;  /* part of a constant */
    spot_kind kind; /* other than PLAIN: `temp` is a piece of *source */
    rhai_value *source;
    int64_t mask;      /* BITS */
    uint32_t shift;    /* BIT, BITS */
    size_t start, end; /* BYTE, CHAR (start), SLICE: characters [start, end) */
} spot;

typedef struct walk {
    vm *m;
    path *p;
    rhai_value *regs;
    site *sites;
    bool owns;    /* containers are made unshared on the way */
    bool updated; /* the last part of the chain may have changed its target */
} walk;

static void spot_done(vm *m, spot *s) {
    value_clear(m->h, &s->temp);
}

static void spot_temp(spot *s, rhai_value v) {
    *s = (spot){.temp = v};
    s->place = &s->temp;
}

/* ---- Getters, setters, indexers ---- */

/* Calls accessor `name` with the object at `place` and up to two more values. The object is
 * lent, so setters of custom types change it. *ret_found: there was one for these types. */
static rhai_status call_accessor(vm *m, const char *name, rhai_value *place, const rhai_value *a,
                                 const rhai_value *b, rhai_pos pos, rhai_value *ret,
                                 bool *ret_found) {
    uint32_t n = 1 + (a != NULL) + (b != NULL);
    rhai_value *args = vm_scratch(m, n);
    *ret_found = true;
    if (!args) return RHAI_ERROR;
    if (a) args[1] = value_copy(a);
    if (b) args[2] = value_copy(b);
    uint8_t flags = place->flags;
    args[0] = *place;
    rhai_status status = RHAI_OK;
    const native_entry *e = native_find(&m->engine->natives, name, strlen(name), args, n);
    *ret_found = e != NULL;
    bool mutates = e && e->native->flags & RHAI_FN_MUTATES;
    if (mutates && (flags & VALUE_CONST)) {
        args[0] = VALUE_UNIT;
        status = vm_fail(m, error_newf(m->h, ERR_NON_PURE_ON_CONSTANT, pos, "%s", name));
    } else if (e) {
        *place = VALUE_UNIT;
        status = vm_call_native(m, e, args, n, mutates, pos, ret);
        *place = args[0];
        place->flags = flags;
        args[0] = VALUE_UNIT;
    } else {
        args[0] = VALUE_UNIT;
    }
    vm_scratch_end(m, n);
    return status;
}

static rhai_status no_indexer(vm *m, const rhai_value *object, const rhai_value *index,
                              const rhai_value *value, rhai_pos pos) {
    if (value)
        return vm_fail(m, error_newf(m->h, ERR_INDEXING_TYPE, pos, "%s [%s] = %s",
                                     value_type_name(object), value_type_name(index),
                                     value_type_name(value)));
    return vm_fail(m, error_newf(m->h, ERR_INDEXING_TYPE, pos, "%s [%s]", value_type_name(object),
                                 value_type_name(index)));
}

static rhai_status index_get(vm *m, rhai_value *object, const rhai_value *index, rhai_pos pos,
                             rhai_value *ret) {
    bool found;
    rhai_status status = call_accessor(m, "index$get$", object, index, NULL, pos, ret, &found);
    return found ? status : no_indexer(m, object, index, NULL, pos);
}

static rhai_status index_set(vm *m, rhai_value *object, const rhai_value *index,
                             const rhai_value *value, rhai_pos pos, bool *ret_found) {
    rhai_value ignored = VALUE_UNIT;
    rhai_status status =
        call_accessor(m, "index$set$", object, index, value, pos, &ignored, ret_found);
    value_drop(m->h, &ignored);
    return *ret_found ? status : no_indexer(m, object, index, value, pos);
}

static void clear_error(vm *m) {
    rhai_error_free(m->error);
    m->error = NULL;
}

enum { MAX_ACCESSOR = 256 };

static rhai_status get_property(vm *m, rhai_value *object, const rhai_str *name, rhai_pos pos,
                                rhai_pos op_pos, rhai_value *ret) {
    char accessor[MAX_ACCESSOR];
    bool found = false;
    rhai_status status = RHAI_OK;
    if (snprintf(accessor, sizeof accessor, "get$%s", name->data) < MAX_ACCESSOR)
        status = call_accessor(m, accessor, object, NULL, NULL, pos, ret, &found);
    if (found) return status;
    if (!vm_track(m, pos)) return RHAI_ERROR;
    rhai_value key = VALUE_OBJ(RHAI_STRING, (void *)(uintptr_t)name);
    status = call_accessor(m, "index$get$", object, &key, NULL, op_pos, ret, &found);
    if (found) return status;
    if (!vm_track(m, op_pos)) return RHAI_ERROR;
    return vm_fail(m, error_newf(m->h, ERR_DOT_EXPR, pos,
                                 "Unknown property '%s' - a getter is not registered for type '%s'",
                                 name->data, value_type_name(object)));
}

static rhai_status set_property(vm *m, rhai_value *object, const rhai_str *name,
                                const rhai_value *value, rhai_pos pos, rhai_pos op_pos,
                                bool *ret_found) {
    char accessor[MAX_ACCESSOR];
    rhai_value ignored = VALUE_UNIT;
    rhai_status status = RHAI_OK;
    *ret_found = false;
    if (snprintf(accessor, sizeof accessor, "set$%s", name->data) < MAX_ACCESSOR)
        status = call_accessor(m, accessor, object, value, NULL, pos, &ignored, ret_found);
    value_drop(m->h, &ignored);
    if (*ret_found) return status;
    rhai_value key = VALUE_OBJ(RHAI_STRING, (void *)(uintptr_t)name);
    status = index_set(m, object, &key, value, op_pos, ret_found);
    if (*ret_found) return status;
    return vm_fail(
        m,
        error_newf(
            m->h, ERR_DOT_EXPR, pos,
            "No writable property '%s' - a setter is not registered for type '%s' to handle '%s'",
            name->data, value_type_name(object), value_type_name(value)));
}

/* ---- Finding an element ---- */

/* Index from the end when negative; false: out of bounds. */
static bool resolve_index(size_t len, int64_t index, size_t *ret) {
    if (index < 0) {
        uint64_t back = (uint64_t) - (index + 1) + 1;
        if (back > len) return false;
        *ret = len - (size_t)back;
        return true;
    }
    *ret = (size_t)index;
    return (uint64_t)index < len;
}

static bool is_range(const rhai_value *v) {
    return v->type == RHAI_RANGE || v->type == RHAI_RANGE_INCLUSIVE;
}

static rhai_status find_bits(vm *m, rhai_value *object, const rhai_value *index, rhai_pos pos,
                             spot *ret) {
    int64_t from = as_range(index)->from, to = as_range(index)->to;
    bool inclusive = index->type == RHAI_RANGE_INCLUSIVE;
    if (to == INT64_MAX) to = inclusive ? 63 : 64;
    if (from < 0 || from >= 64)
        return vm_fail(m, error_bounds(m->h, ERR_BIT_FIELD_BOUNDS, 64, from, pos));
    if (to < 0 || to > (inclusive ? 63 : 64))
        return vm_fail(m, error_bounds(m->h, ERR_BIT_FIELD_BOUNDS, 64, to, pos));
    int64_t width = to - from + inclusive;
    uint64_t mask = width <= 0    ? 0
                    : width >= 64 ? UINT64_MAX
                                  : ((UINT64_C(1) << width) - 1) << from;
    uint32_t shift = mask == 0 || mask == UINT64_MAX ? 0 : (uint32_t)from;
    spot_temp(ret, VALUE_INT((int64_t)(object->i & (int64_t)mask) >> shift));
    ret->kind = SPOT_BITS;
    ret->source = object;
    ret->mask = (int64_t)mask;
    ret->shift = shift;
    return RHAI_OK;
}

static rhai_status find_bit(vm *m, rhai_value *object, const rhai_value *index, rhai_pos pos,
                            spot *ret) {
    size_t bit;
    if (index->type != RHAI_INT)
        return vm_fail(m, error_mismatch(m->h, "i64", value_type_name(index), pos));
    if (!resolve_index(64, index->i, &bit))
        return vm_fail(m, error_bounds(m->h, ERR_BIT_FIELD_BOUNDS, 64, index->i, pos));
    spot_temp(ret, VALUE_BOOL(((uint64_t)object->i >> bit) & 1));
    ret->kind = SPOT_BIT;
    ret->source = object;
    ret->shift = (uint32_t)bit;
    return RHAI_OK;
}

static rhai_status find_slice(vm *m, rhai_value *object, const rhai_value *index, rhai_pos pos,
                              spot *ret) {
    rhai_str *s = as_str(object);
    size_t chars = str_chars(s), from = 0, to = 0;
    bool inclusive = index->type == RHAI_RANGE_INCLUSIVE;
    range *r = as_range(index);
    rhai_value piece = value_copy(object);
    if (chars) {
        if (r->from >= 0)
            from = (size_t)r->from;
        else if (!resolve_index(chars, r->from, &from)) {
            value_drop(m->h, &piece);
            return vm_fail(m, error_bounds(m->h, ERR_STRING_BOUNDS, chars, r->from, pos));
        }
        if (r->to >= 0)
            to = (size_t)r->to;
        else if (!resolve_index(chars, r->to, &to))
            to = 0;
        if (from != 0 || to < chars - inclusive) {
            size_t take = to > from ? to - from + inclusive : 0;
            size_t start = from < chars ? from : chars;
            size_t end = take < chars - start ? start + take : chars;
            size_t at = str_offset(s, start), stop = str_offset(s, end);
            value_drop(m->h, &piece);
            if (!value_new_text(m->h, s->data + at, stop - at, &piece)) return vm_no_memory(m);
        }
        if (inclusive) to = to < chars ? to + 1 : chars;
    }
    spot_temp(ret, piece);
    ret->kind = SPOT_SLICE;
    ret->source = object;
    ret->start = from;
    ret->end = to < chars ? to : chars;
    return RHAI_OK;
}

static rhai_status find_char(vm *m, rhai_value *object, const rhai_value *index, rhai_pos pos,
                             spot *ret) {
    rhai_str *s = as_str(object);
    if (is_range(index)) return find_slice(m, object, index, pos, ret);
    if (index->type != RHAI_INT)
        return vm_fail(m, error_mismatch(m->h, "i64", value_type_name(index), pos));
    size_t chars = str_chars(s), at;
    if (!resolve_index(chars, index->i, &at))
        return vm_fail(m, error_bounds(m->h, ERR_STRING_BOUNDS, chars, index->i, pos));
    uint32_t c = 0;
    size_t offset = str_offset(s, at);
    utf8_decode(s->data + offset, s->len - offset, &c);
    spot_temp(ret, VALUE_CHAR(c));
    ret->kind = SPOT_CHAR;
    ret->source = object;
    /* An assignment through a negative index counts from the start: Rhai's own way. */
    ret->start = index->i >= 0 ? at : (size_t) - (index->i + 1) + 1;
    return RHAI_OK;
}

/* object[index] as a spot. `adds`: a missing key is added to a map (a store). `owns`: the
 * container is going to change. `indexers`: registered indexers may serve. */
static rhai_status find_index(vm *m, rhai_value *object, const rhai_value *index, rhai_pos idx_pos,
                              rhai_pos op_pos, bool adds, bool owns, bool indexers, spot *ret) {
    size_t at;
    switch (object->type) {
    case RHAI_ARRAY:
    case RHAI_BLOB: {
        bool is_array = object->type == RHAI_ARRAY;
        size_t len = is_array ? as_arr(object)->len : as_blob(object)->len;
        if (index->type != RHAI_INT)
            return vm_fail(m, error_mismatch(m->h, "i64", vm_raw_type_name(index), idx_pos));
        if (!resolve_index(len, index->i, &at))
            return vm_fail(m, error_bounds(m->h, ERR_ARRAY_BOUNDS, len, index->i, idx_pos));
        if (owns && !(is_array ? (void *)arr_own(m->h, object) : (void *)blob_own(m->h, object)))
            return vm_no_memory(m);
        if (is_array) {
            *ret = (spot){.place = &as_arr(object)->items[at], .is_ref = true};
        } else {
            spot_temp(ret, VALUE_INT(as_blob(object)->data[at]));
            ret->kind = SPOT_BYTE;
            ret->source = object;
            ret->start = at;
        }
        return RHAI_OK;
    }
    case RHAI_MAP: {
        if (index->type != RHAI_STRING)
            return vm_fail(m, error_mismatch(m->h, "string", vm_raw_type_name(index), idx_pos));
        if (owns && !map_own(m->h, object)) return vm_no_memory(m);
        rhai_value *v = map_find(as_map(object), as_str(index));
        if (!v && adds && !(v = map_add(m->h, as_map(object), as_str(index))))
            return vm_no_memory(m);
        if (v)
            *ret = (spot){.place = v, .is_ref = true};
        else
            spot_temp(ret, VALUE_UNIT);
        return RHAI_OK;
    }
    case RHAI_INT:
        return is_range(index) ? find_bits(m, object, index, idx_pos, ret)
                               : find_bit(m, object, index, idx_pos, ret);
    case RHAI_STRING: return find_char(m, object, index, idx_pos, ret);
    default:
        if (!indexers) return no_indexer(m, object, index, NULL, op_pos);
        spot_temp(ret, VALUE_UNIT);
        return index_get(m, object, index, op_pos, &ret->temp);
    }
}

/* ---- Writing back ---- */

static rhai_status replace_chars(vm *m, spot *s, const char *text_data, size_t len) {
    rhai_str *old = as_str(s->source);
    size_t chars = str_chars(old);
    size_t start = s->start < chars ? s->start : chars;
    size_t end = s->kind == SPOT_CHAR ? (start < chars ? start + 1 : chars) : s->end;
    if (s->kind == SPOT_CHAR && start == chars) return RHAI_OK;
    if (end < start) end = s->end < chars ? s->end : chars;
    size_t from = str_offset(old, start), to = str_offset(old, end);
    text t;
    text_init(&t, m->h);
    text_add(&t, old->data, from);
    text_add(&t, text_data, len);
    text_add(&t, old->data + to, old->len - to);
    rhai_value v;
    bool ok = text_finish(&t, &v);
    text_done(&t);
    if (!ok) return vm_no_memory(m);
    v.tag = s->source->tag;
    value_store(m->h, s->source, v);
    return RHAI_OK;
}

static rhai_status write_back(vm *m, spot *s, rhai_pos pos) {
    const rhai_value *v = &s->temp;
    switch (s->kind) {
    case SPOT_PLAIN: return RHAI_OK;
    case SPOT_BIT:
        if (v->type != RHAI_BOOL)
            return vm_fail(m, error_mismatch(m->h, "bool", vm_raw_type_name(v), pos));
        if (v->b)
            s->source->i |= (int64_t)(UINT64_C(1) << s->shift);
        else
            s->source->i &= ~(int64_t)(UINT64_C(1) << s->shift);
        return RHAI_OK;
    case SPOT_BITS:
        if (v->type != RHAI_INT)
            return vm_fail(m, error_mismatch(m->h, "integer", vm_raw_type_name(v), pos));
        s->source->i =
            (s->source->i & ~s->mask) | ((int64_t)((uint64_t)v->i << s->shift) & s->mask);
        return RHAI_OK;
    case SPOT_BYTE:
        if (v->type != RHAI_INT)
            return vm_fail(m, error_mismatch(m->h, "INT", vm_raw_type_name(v), pos));
        as_blob(s->source)->data[s->start] = (uint8_t)(v->i & 0xff);
        return RHAI_OK;
    case SPOT_CHAR: {
        char c[4];
        if (v->type != RHAI_CHAR)
            return vm_fail(m, error_mismatch(m->h, "char", vm_raw_type_name(v), pos));
        return replace_chars(m, s, c, utf8_write(v->c, c));
    }
    case SPOT_SLICE: {
        text t;
        text_init(&t, m->h);
        text_add_display(&t, v);
        rhai_status status =
            t.failed ? vm_no_memory(m) : replace_chars(m, s, t.data ? t.data : "", t.len);
        text_done(&t);
        return status;
    }
    }
    return RHAI_OK;
}

/* *target op= value, or = value (taken over). */
static rhai_status assign(walk *w, spot *target, rhai_value *value) {
    vm *m = w->m;
    const path *p = w->p;
    if (target->is_const)
        return vm_fail(m, error_newf(m->h, ERR_ASSIGNMENT_TO_CONSTANT, p->root_pos, "%s",
                                     p->root_name ? p->root_name->data : ""));
    if (p->mode == PATH_ASSIGN_OP) {
        if (vm_assign_op(m, p->assign_op, target->place, value, p->set_pos, p->root_pos) != RHAI_OK)
            return RHAI_ERROR;
    } else {
        value_store(m->h, target->place, value_take(value));
    }
    return write_back(m, target, p->set_pos);
}

/* ---- Steps ---- */

static rhai_status step_on(walk *w, uint32_t i, spot *t, rhai_value *ret);

/* A container knows the sizes of what is in it: tell it what a change below made of them. */
static void note_sizes(walk *w, rhai_value *container, const spot *item, const sizes *before) {
    if (!w->m->h->track_sizes || !item->is_ref || container->type < RHAI_ARRAY) return;
    sizes after = sizes_of_value(item->place);
    sizes_add(container, before, &after);
}

static sizes sizes_before(walk *w, const spot *item) {
    return w->m->h->track_sizes && item->is_ref ? sizes_of_value(item->place) : (sizes){0};
}

static rhai_status take_result(walk *w, spot *item, rhai_value *ret) {
    value_store(w->m->h, ret, item->is_ref ? value_copy(item->place) : value_take(&item->temp));
    w->updated = false;
    return RHAI_OK;
}

static rhai_status assign_by_indexer(walk *w, const path_step *step, rhai_value *object,
                                     const rhai_value *index) {
    vm *m = w->m;
    rhai_value value = value_take(&w->regs[0]);
    rhai_status status = RHAI_OK;
    if (w->p->mode == PATH_ASSIGN_OP) {
        spot old;
        spot_temp(&old, VALUE_UNIT);
        if (index_get(m, object, index, step->op_pos, &old.temp) == RHAI_OK) {
            status =
                vm_assign_op(m, w->p->assign_op, &old.temp, &value, w->p->set_pos, w->p->root_pos);
            value_store(m->h, &value, value_take(&old.temp));
            if (status == RHAI_OK) status = vm_check_size(m, &value, w->p->set_pos);
        } else {
            clear_error(m);
        }
    }
    bool found;
    if (status == RHAI_OK) status = index_set(m, object, index, &value, step->op_pos, &found);
    value_drop(m->h, &value);
    w->updated = true;
    return status;
}

static rhai_status index_step(walk *w, uint32_t i, spot *t, rhai_value *ret) {
    vm *m = w->m;
    const path_step *step = &w->p->steps[i];
    rhai_value *index = &w->regs[step->arg];
    bool last = i + 1 == w->p->len, stores = w->p->mode != PATH_GET;
    spot item = {0};
    if (!vm_track(m, POS_NONE)) return RHAI_ERROR;
    bool is_new = t->is_const && t->place->type == RHAI_MAP && index->type == RHAI_STRING &&
                  !map_find(as_map(t->place), as_str(index));
    rhai_status status = find_index(m, t->place, index, step->pos, step->op_pos, last && stores,
                                    w->owns, !(last && stores), &item);
    if (last && stores && status != RHAI_OK && m->error && m->error->kind == ERR_INDEXING_TYPE) {
        clear_error(m);
        return assign_by_indexer(w, step, t->place, index);
    }
    if (status != RHAI_OK) goto done;
    if (last && !stores) {
        status = take_result(w, &item, ret);
        goto done;
    }
    item.is_const = t->is_const && item.is_ref && !is_new;
    sizes before = sizes_before(w, &item);
    if (last) {
        status = assign(w, &item, &w->regs[0]);
        if (status == RHAI_OK) status = vm_check_size(m, item.place, w->p->set_pos);
        w->updated = true;
    } else {
        status = step_on(w, i + 1, &item, ret);
        if (status == RHAI_OK && w->updated && !item.is_ref && item.kind == SPOT_PLAIN) {
            bool found;
            status = index_set(m, t->place, index, &item.temp, step->op_pos, &found);
            if (!found) {
                clear_error(m);
                status = RHAI_OK;
            }
        }
    }
    note_sizes(w, t->place, &item, &before);
done:
    spot_done(m, &item);
    return status;
}

/* .name on a map: its entry. */
static rhai_status entry_step(walk *w, uint32_t i, spot *t, rhai_value *ret) {
    vm *m = w->m;
    const path_step *step = &w->p->steps[i];
    rhai_value key = VALUE_OBJ(RHAI_STRING, w->sites[step->site].name);
    bool last = i + 1 == w->p->len, stores = last && w->p->mode != PATH_GET;
    spot item = {0};
    if (!vm_track(m, POS_NONE)) return RHAI_ERROR;
    bool is_new = t->is_const && !map_find(as_map(t->place), w->sites[step->site].name);
    rhai_status status =
        find_index(m, t->place, &key, step->pos, step->op_pos, stores, w->owns, false, &item);
    if (status != RHAI_OK) return status;
    item.is_const = t->is_const && item.is_ref && !is_new;
    if (last && !stores) {
        status = take_result(w, &item, ret);
        goto done;
    }
    sizes before = sizes_before(w, &item);
    status = last ? assign(w, &item, &w->regs[0]) : step_on(w, i + 1, &item, ret);
    note_sizes(w, t->place, &item, &before);
    if (last) {
        w->updated = true;
        if (status == RHAI_OK) status = vm_check_size(m, t->place, w->p->set_pos);
    }
done:
    spot_done(m, &item);
    return status;
}

/* .name on anything else: getters and setters. */
static rhai_status property_step(walk *w, uint32_t i, spot *t, rhai_value *ret) {
    vm *m = w->m;
    const path_step *step = &w->p->steps[i];
    const rhai_str *name = w->sites[step->site].name;
    bool last = i + 1 == w->p->len, stores = last && w->p->mode != PATH_GET;
    bool found;
    spot item;
    spot_temp(&item, VALUE_UNIT);
    rhai_status status = RHAI_OK;
    if (!stores || w->p->mode == PATH_ASSIGN_OP)
        status = get_property(m, t->place, name, step->pos, step->op_pos, &item.temp);
    if (status != RHAI_OK) goto done;
    if (last && !stores) {
        status = take_result(w, &item, ret);
        goto done;
    }
    if (!last) {
        status = step_on(w, i + 1, &item, ret);
        if (status == RHAI_OK && w->updated) {
            status = set_property(m, t->place, name, &item.temp, step->pos, step->op_pos, &found);
            if (!found) {
                clear_error(m);
                status = RHAI_OK;
            }
        }
        goto done;
    }
    if (w->p->mode == PATH_ASSIGN_OP)
        status = vm_assign_op(m, w->p->assign_op, &item.temp, &w->regs[0], w->p->set_pos,
                              w->p->root_pos);
    else
        item.temp = value_take(&w->regs[0]);
    if (status == RHAI_OK)
        status = set_property(m, t->place, name, &item.temp, step->pos, step->op_pos, &found);
    w->updated = true;
done:
    spot_done(m, &item);
    return status;
}

static rhai_status method_step(walk *w, uint32_t i, spot *t, rhai_value *ret) {
    vm *m = w->m;
    const path_step *step = &w->p->steps[i];
    target object = {.place = t->place,
                     .is_const = t->is_const,
                     .cell = t->cell,
                     .is_ref = t->is_ref,
                     .is_method = true,
                     .name = w->p->root_name};
    spot item;
    spot_temp(&item, VALUE_UNIT);
    bool last = i + 1 == w->p->len, updated = false;
    rhai_status status =
        vm_finish(m, vm_method(m, &w->sites[step->site], &object, &w->regs[step->arg], step->pos,
                               &item.temp, &updated));
    if (status == RHAI_OK && updated) status = write_back(m, t, step->pos);
    if (status == RHAI_OK && last) {
        value_store(m->h, ret, value_take(&item.temp));
        w->updated = updated;
    } else if (status == RHAI_OK) {
        status = step_on(w, i + 1, &item, ret);
    }
    spot_done(m, &item);
    return status;
}

static rhai_status step_on(walk *w, uint32_t i, spot *t, rhai_value *ret) {
    const path_step *step = &w->p->steps[i];
    if (step->is_optional && t->place->type == RHAI_UNIT) {
        value_store(w->m->h, ret, VALUE_UNIT);
        w->updated = false;
        return RHAI_OK;
    }
    if ((char *)__builtin_frame_address(0) < w->m->stack_limit)
        return vm_fail(w->m, error_new(w->m->h, ERR_STACK_OVERFLOW, step->op_pos));
    switch (step->kind) {
    case STEP_INDEX: return index_step(w, i, t, ret);
    case STEP_METHOD: return method_step(w, i, t, ret);
    case STEP_PROPERTY: break;
    }
    return t->place->type == RHAI_MAP ? entry_step(w, i, t, ret) : property_step(w, i, t, ret);
}

/* Whether the first method of a reading chain may change what it is called on: only then are
 * the containers before it made unshared. */
static bool will_change(walk *w, rhai_value *v) {
    if (w->p->mode != PATH_GET) return true;
    for (uint32_t i = 0; i < w->p->len; i++) {
        const path_step *step = &w->p->steps[i];
        size_t at;
        if (step->kind == STEP_METHOD)
            return vm_method_mutates(w->m, &w->sites[step->site], v, &w->regs[step->arg]);
        const rhai_value *index = &w->regs[step->arg];
        if (step->kind == STEP_PROPERTY) {
            v = v->type == RHAI_MAP ? map_find(as_map(v), w->sites[step->site].name) : NULL;
        } else if (v->type == RHAI_ARRAY && index->type == RHAI_INT &&
                   resolve_index(as_arr(v)->len, index->i, &at)) {
            v = &as_arr(v)->items[at];
        } else if (v->type == RHAI_MAP && index->type == RHAI_STRING) {
            v = map_find(as_map(v), as_str(index));
        } else {
            v = NULL;
        }
        if (!v) return true;
    }
    return false;
}

static rhai_status find_root(walk *w, frame *f, spot *root) {
    vm *m = w->m;
    path *p = w->p;
    *root = (spot){.is_ref = true};
    switch (p->root) {
    case ROOT_TEMP:
        root->place = &w->regs[p->slot];
        root->is_ref = false;
        return RHAI_OK;
    case ROOT_SLOT: root->place = &f->base[p->slot]; break;
    case ROOT_NAME:
        root->place = vm_name_place(m, f, p->root_name, &f->p->sites[p->site], p->root_pos);
        if (!root->place) return RHAI_ERROR;
        break;
    case ROOT_THIS:
        root->place = f->this_ref;
        if (!root->place) return vm_fail(m, error_new(m->h, ERR_UNBOUND_THIS, p->root_pos));
        break;
    }
    if (root->place->type == RHAI_SHARED) {
        root->cell = as_cell(root->place);
        root->place = &root->cell->value;
        if (root->cell->borrows) return vm_fail(m, error_new(m->h, ERR_DATA_RACE, POS_NONE));
    }
    return RHAI_OK;
}

static rhai_status run_chain(vm *m, path *p, rhai_value *regs, rhai_value *ret) {
    frame *f = vm_top(m);
    walk w = {.m = m, .p = p, .regs = regs, .sites = f->p->sites};
    spot root;
    if (find_root(&w, f, &root) != RHAI_OK) return RHAI_ERROR;
    root.is_const = root.place->flags & VALUE_CONST;
    if (root.cell) {
        obj_ref(root.cell);
        root.cell->borrows++;
    }
    w.owns = will_change(&w, root.place);
    rhai_status status = step_on(&w, 0, &root, ret);
    if (root.cell) {
        root.cell->borrows--;
        obj_unref(m->h, root.cell);
    }
    return status;
}

rhai_status vm_chain(vm *m, path *p, rhai_value *regs, rhai_value *ret) {
    /* What later steps need lies above the arguments of earlier ones; with a scratch register in
     * use, functions that are called begin above all of it. */
    if (!vm_scratch(m, 1)) return RHAI_ERROR;
    rhai_status status = run_chain(m, p, regs, ret);
    vm_scratch_end(m, 1);
    return status;
}

/* The chain that called the method is the instruction at which the caller waits; its indices are
 * numbers, and still in their registers. */
void vm_note_sizes(const frame *method, const sizes *before, const sizes *now) {
    const frame *f = method - 1;
    const insn *chain = f->pc - 1;
    const path *p = &f->p->paths[chain->c];
    const rhai_value *regs = f->base + chain->b / REG_SCALE;
    rhai_value *root = p->root == ROOT_SLOT ? &f->base[p->slot] : f->this_ref;
    rhai_value *containers[CHAIN_PLAIN_MAX], *place = root;
    uint32_t n = p->len - 1;
    for (uint32_t k = 0; k < n; k++) {
        const path_step *step = &p->steps[k];
        containers[k] = place;
        place = place->type == RHAI_MAP ? map_find(as_map(place), f->p->sites[step->site].name)
                                        : &as_arr(place)->items[regs[step->arg].i];
    }
    for (uint32_t k = 0; k < n; k++)
        sizes_add(containers[k], before, now);
}

/* ---- Single steps ---- */

rhai_status vm_index(vm *m, rhai_value *object, const rhai_value *index, rhai_pos idx_pos,
                     rhai_pos op_pos, rhai_value *ret) {
    spot item = {0};
    rhai_status status = find_index(m, object, index, idx_pos, op_pos, false, false, true, &item);
    if (status == RHAI_OK)
        value_store(m->h, ret, item.is_ref ? value_copy(item.place) : value_take(&item.temp));
    spot_done(m, &item);
    return status;
}

rhai_status vm_property(vm *m, rhai_value *object, const path_step *step, site *s,
                        rhai_value *ret) {
    if (object->type == RHAI_MAP) {
        const rhai_value *v = map_find(as_map(object), s->name);
        value_store(m->h, ret, v ? value_copy(v) : VALUE_UNIT);
        return RHAI_OK;
    }
    rhai_value result = VALUE_UNIT;
    if (get_property(m, object, s->name, step->pos, step->op_pos, &result) != RHAI_OK)
        return RHAI_ERROR;
    value_store(m->h, ret, result);
    return RHAI_OK;
}

rhai_status vm_store(vm *m, path *p, rhai_value *object, rhai_value *index, rhai_value *value) {
    frame *f = vm_top(m);
    rhai_value regs[2] = {value_take(value), index ? *index : VALUE_UNIT};
    path_step step = p->steps[0];
    path one = *p;
    step.arg = 1;
    one.steps = &step;
    walk w = {.m = m, .p = &one, .regs = regs, .owns = true, .sites = f->p->sites};
    spot root = {.place = object, .is_ref = true, .is_const = object->flags & VALUE_CONST};
    rhai_value ignored = VALUE_UNIT;
    rhai_status status = step_on(&w, 0, &root, &ignored);
    value_drop(m->h, &ignored);
    value_drop(m->h, &regs[0]);
    return status;
}
