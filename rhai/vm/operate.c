/* Operators in full generality: built-in ones, then registered functions. */
#include "lib/lib.h"
#include "vm/vm.h"

#include <string.h>

static rhai_status call_operator(vm *m, const char *name, const rhai_value *a, const rhai_value *b,
                                 rhai_value *place, rhai_pos pos, rhai_value *ret) {
    uint32_t n = b ? 2 : 1;
    if (pos.line == POS_CALLER.line) pos = frame_pos(vm_top(m));
    rhai_value *args = vm_scratch(m, n);
    if (!args) return RHAI_ERROR;
    args[0] = place ? *place : value_copy(a);
    if (place) *place = VALUE_UNIT;
    if (b) args[1] = value_copy(b);
    const native_entry *e = native_find(&m->engine->natives, name, strlen(name), args, n);
    rhai_status status;
    if (e) {
        status = vm_call_native(m, e, args, n, place != NULL, pos, ret);
    } else if (!vm_track(m, pos)) {
        status = RHAI_ERROR;
    } else {
        rhai_str *s = str_intern(m->h, name, strlen(name));
        status = s ? vm_fail(m, vm_function_not_found(m, s, args, n, pos)) : vm_no_memory(m);
        obj_unref(m->h, s);
    }
    if (place) {
        *place = args[0];
        args[0] = VALUE_UNIT;
    }
    vm_scratch_end(m, n);
    return status;
}

const char *vm_raw_type_name(const rhai_value *v) {
    if (v->type == RHAI_RANGE) return "core::ops::range::Range<i64>";
    return v->type == RHAI_RANGE_INCLUSIVE ? "core::ops::range::RangeInclusive<i64>"
                                           : value_type_name(v);
}

/* Strings are joined by a built-in operator, whose errors have no position; other containers by
 * registered functions. */
static rhai_status check_result(vm *m, rhai_value *v, rhai_pos pos) {
    if (vm_check_size(m, v, v->type == RHAI_STRING ? POS_NONE : pos) == RHAI_OK) return RHAI_OK;
    value_clear(m->h, v);
    return RHAI_ERROR;
}

/* Whether Rhai calls a function where op_binary knows the answer: that counts as an operation. */
static bool is_call(op o, const rhai_value *a, const rhai_value *b) {
    bool is_variant = a->type == RHAI_RANGE || a->type == RHAI_RANGE_INCLUSIVE ||
                      a->type == RHAI_BYTE || b->type == RHAI_RANGE ||
                      b->type == RHAI_RANGE_INCLUSIVE || b->type == RHAI_BYTE;
    if (is_variant) return true;
    if (o >= OP_EQ && o <= OP_GE)
        return a->type == b->type && (a->type >= RHAI_ARRAY || a->type == RHAI_TIMESTAMP);
    if (a->type < RHAI_STRING && b->type < RHAI_STRING) return a->type == RHAI_TIMESTAMP;
    if (a->type == RHAI_BLOB && b->type == RHAI_BLOB) return false;
    bool joins = a->type == RHAI_STRING || a->type == RHAI_CHAR || a->type == RHAI_UNIT;
    bool is_joined = b->type == RHAI_STRING || b->type == RHAI_CHAR || b->type == RHAI_UNIT;
    return !(joins && is_joined) && !(a->type == RHAI_BLOB && b->type == RHAI_CHAR);
}

/* `key in map` where no function of the host's has a say. */
static bool is_plain_lookup(vm *m, const rhai_value *key, const rhai_value *container) {
    if (container->type != RHAI_MAP || key->type != RHAI_STRING || m->counts) return false;
    const native_table *natives = &m->engine->natives;
    if (m->contains_epoch != natives->epoch) {
        rhai_value args[] = {*container, *key};
        const native_entry *e = native_find(natives, "contains", strlen("contains"), args, 2);
        m->contains_epoch = natives->epoch;
        m->contains_is_own = e && e->native >= maps_package.functions &&
                             e->native < maps_package.functions + maps_package.count;
    }
    return m->contains_is_own;
}

/* How many functions Rhai calls for a op= b where op_assign knows the answer: a registered op=, or
 * first that in vain and then op. */
static unsigned assign_calls(op o, const rhai_value *a, const rhai_value *b) {
    if (a->type == RHAI_INT && b->type == RHAI_FLOAT) return o <= OP_POW ? 2 : 0;
    if (o != OP_ADD) return 0;
    if (a->type == RHAI_MAP) return b->type == RHAI_MAP ? 1 : 0;
    if (a->type == RHAI_STRING) {
        bool is_native = b->type != RHAI_STRING && b->type != RHAI_CHAR && b->type != RHAI_ARRAY &&
                         b->type != RHAI_MAP;
        return is_native ? 1 : 0;
    }
    bool appends = a->type == RHAI_CHAR || a->type == RHAI_ARRAY || a->type == RHAI_BLOB;
    return b->type == RHAI_STRING && !appends ? 2 : 0;
}

/* Rhai compares elements by calls of == whose operations are forgotten at their end; only the
 * limit must leave room for them. */
static bool has_room_to_compare(vm *m, const rhai_value *a, const rhai_value *b, rhai_pos pos) {
    bool compares =
        a->type == b->type &&
        ((a->type == RHAI_ARRAY && as_arr(a)->len && as_arr(a)->len == as_arr(b)->len) ||
         (a->type == RHAI_MAP && as_map(a)->len && as_map(a)->len == as_map(b)->len));
    if (!compares || !vm_count(m, pos)) return !compares;
    m->engine->operations--;
    return true;
}

static bool has_room_to_search(vm *m, const rhai_value *list, rhai_pos pos) {
    if (list->type != RHAI_ARRAY || !as_arr(list)->len) return true;
    m->engine->operations++; /* the call of contains itself */
    bool has_room = vm_count(m, pos);
    m->engine->operations -= 2;
    return has_room;
}

rhai_status vm_binary(vm *m, op o, const rhai_value *a, const rhai_value *b, rhai_pos pos,
                      rhai_value *ret) {
    rhai_error *error = NULL;
    if (o == OP_IN || o == OP_NOT_IN) {
        rhai_value found = VALUE_UNIT;
        if (m->counts && !has_room_to_search(m, b, pos)) return RHAI_ERROR;
        if (is_plain_lookup(m, a, b))
            found = VALUE_BOOL(map_find(as_map(b), as_str(a)) != NULL);
        else if (call_operator(m, "contains", b, a, NULL, pos, &found) != RHAI_OK)
            return RHAI_ERROR;
        if (o == OP_NOT_IN && found.type == RHAI_BOOL) found = VALUE_BOOL(!found.b);
        value_store(m->h, ret, found);
        return RHAI_OK;
    }
    rhai_value result = VALUE_UNIT;
    if (a->type != RHAI_CUSTOM && b->type != RHAI_CUSTOM) {
        if (m->counts && is_call(o, a, b) && !vm_count(m, pos)) return RHAI_ERROR;
        if (m->counts && (o == OP_EQ || o == OP_NE) && !has_room_to_compare(m, a, b, pos))
            return RHAI_ERROR;
        switch (op_binary(m->h, o, a, b, &result, &error)) {
        case OP_DONE:
            if (m->h->track_sizes && check_result(m, &result, pos) != RHAI_OK) return RHAI_ERROR;
            value_store(m->h, ret, result);
            return RHAI_OK;
        case OP_FAILED: return vm_fail(m, error);
        case OP_NOT_BUILTIN: break;
        }
        if (m->counts && is_call(o, a, b)) m->engine->operations--;
        return call_operator(m, op_text(o), a, b, NULL, pos, ret);
    }
    if (call_operator(m, op_text(o), a, b, NULL, pos, ret) == RHAI_OK) return RHAI_OK;
    if (m->error && m->error->kind == ERR_FUNCTION_NOT_FOUND &&
        op_binary(m->h, o, a, b, &result, &error) == OP_DONE) {
        rhai_error_free(m->error);
        m->error = NULL;
        value_store(m->h, ret, result);
        return RHAI_OK;
    }
    return RHAI_ERROR;
}

rhai_status vm_unary(vm *m, op o, const rhai_value *a, rhai_pos pos, rhai_value *ret) {
    if (m->counts && o == OP_NEG) /* counted already */
        m->engine->operations--;
    return call_operator(m, op_text(o), a, NULL, NULL, pos, ret);
}

/* target op= value, as Rhai: built in, else a registered `op=`, else target = target op value. */
rhai_status vm_assign_op(vm *m, op o, rhai_value *target, rhai_value *value, rhai_pos pos,
                         rhai_pos root_pos) {
    rhai_error *error = NULL;
    if (target->type != RHAI_CUSTOM && value->type != RHAI_CUSTOM) {
        for (unsigned i = m->counts ? assign_calls(o, target, value) : 0; i > 0; i--)
            if (!vm_count(m, pos)) return RHAI_ERROR;
        switch (op_assign(m->h, o, target, value, &error)) {
        case OP_DONE: return vm_check_size(m, target, pos);
        case OP_FAILED: error_fill_pos(error, pos); return vm_fail(m, error);
        case OP_NOT_BUILTIN: break;
        }
    }
    rhai_value result = VALUE_UNIT;
    rhai_status status = call_operator(m, op_assign_text(o), NULL, value, target, pos, &result);
    if (status == RHAI_OK) {
        value_drop(m->h, &result);
    } else if (m->error && m->error->kind == ERR_FUNCTION_NOT_FOUND) {
        status = call_operator(m, op_text(o), target, value, NULL, pos, &result);
        if (status == RHAI_OK) value_store(m->h, target, result);
    }
    return status == RHAI_OK ? vm_check_size(m, target, root_pos) : status;
}

bool vm_text_of(vm *m, const rhai_value *v, text *t, rhai_pos pos) {
    if (v->type != RHAI_CUSTOM) {
        text_add_display(t, v);
        return true;
    }
    rhai_value shown = VALUE_UNIT;
    rhai_value probe = *v;
    if (native_find(&m->engine->natives, "to_string", 9, &probe, 1) &&
        call_operator(m, "to_string", v, NULL, NULL, pos, &shown) == RHAI_OK &&
        shown.type == RHAI_STRING)
        text_add_str(t, as_str(&shown));
    else
        text_add_display(t, v);
    value_drop(m->h, &shown);
    return true;
}
