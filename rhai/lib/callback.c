/* callback.c - lending elements to call-backs. */
#include "lib/callback.h"

#include "vm/vm.h"

static rhai_value *item_slot(heap *h, const rhai_value *container, size_t index) {
    if (container->type == RHAI_ARRAY) return &as_arr(container)->items[index];
    map_entry *entry = map_nth(h, as_map(container), index);
    return entry ? &entry->value : NULL;
}

/* A script function that takes the element as a parameter gets a copy; all others may find it
 * in `this`. */
static bool takes_this(const callback *back) {
    const fnptr *f = as_fn(back->fn);
    if (!f->code || back->self_at < 0) return true;
    uint32_t with_item = f->ncurry + back->nargs + 1;
    return f->nparams != with_item && f->nparams != with_item + back->nextras;
}

static rhai_status call_with(rhai_call *call, const callback *back, rhai_value *self,
                             rhai_value *ret) {
    return call_back(call, back->caller, back->fn, self, back->args, back->nargs, back->extras,
                     back->nextras, back->self_at, ret);
}

static rhai_status lend_in_place(rhai_call *call, const callback *back, rhai_value *container,
                                 rhai_value *slot, rhai_value *ret) {
    if (!call->h->track_sizes) return call_with(call, back, slot, ret);
    sizes before = sizes_of_element(slot);
    rhai_status status = call_with(call, back, slot, ret);
    sizes after = sizes_of_element(slot);
    sizes_add(container, &before, &after);
    return status;
}

/* Stores what a call-back made of its `this`. */
static bool store_back(heap *h, rhai_value *container, size_t index, rhai_value *item) {
    if (container->type == RHAI_ARRAY) {
        arr *a = arr_own(h, container);
        if (!a) return false;
        arr_set(h, a, index, value_take(item));
        return true;
    }
    map *m = map_own(h, container);
    map_entry *entry = m ? map_nth(h, m, index) : NULL;
    return entry && map_set(h, m, entry->key, item);
}

rhai_status callback_item(rhai_call *call, const callback *back, rhai_value *container,
                          size_t index, rhai_value *ret) {
    rhai_value *slot = item_slot(call->h, container, index);
    if (!slot) return call_no_memory(call);
    bool lends = takes_this(back);
    bool is_constant = container->flags != 0;
    if (lends && !is_constant && ((obj *)container->obj)->refs == 1)
        return lend_in_place(call, back, container, slot, ret);

    rhai_value self = value_copy(slot);
    if (lends) self.flags = container->flags;
    rhai_value before = self;
    rhai_status status = call_with(call, back, &self, ret);
    bool changed = self.type != before.type || self.i != before.i || self.tag != before.tag;
    if (lends && !is_constant && changed && !store_back(call->h, container, index, &self)) {
        if (status == RHAI_OK) {
            value_clear(call->h, ret);
            status = call_no_memory(call);
        }
    }
    value_drop(call->h, &self);
    return status;
}

rhai_status callback_test(rhai_call *call, const callback *back, rhai_value *container,
                          size_t index, bool *ret) {
    rhai_value result = VALUE_UNIT;
    rhai_status status = callback_item(call, back, container, index, &result);
    *ret = status == RHAI_OK && result.type == RHAI_BOOL && result.b;
    value_drop(call->h, &result);
    return status;
}

/* A call-back that ended the script with exit() fails without an error. */
static void forget_exit(rhai_call *call) {
    vm *m = call->vm;
    m->exited = false;
    value_clear(call->h, &m->exit_value);
}

bool callback_forgive(rhai_call *call, rhai_status status) {
    if (status == RHAI_OK) return true;
    if (!call->error) {
        forget_exit(call);
        return true;
    }
    if (error_innermost(call->error)->kind == ERR_TERMINATED) return false;
    rhai_error_free(call->error);
    call->error = NULL;
    return true;
}
