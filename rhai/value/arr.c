#include "value/object.h"

#include <string.h>

/* ---- Recursive sizes ---- */

sizes sizes_of_other(const rhai_value *v) {
    switch (v->type) {
    case RHAI_BLOB: return (sizes){.array = as_blob(v)->len};
    case RHAI_SHARED: return sizes_of_value(&as_cell(v)->value);
    default: return (sizes){0};
    }
}

void sizes_add(rhai_value *container, const sizes *before, const sizes *after) {
    sizes *s =
        container->type == RHAI_ARRAY ? &as_arr(container)->sizes : &as_map(container)->sizes;
    s->array += after->array - before->array;
    s->map += after->map - before->map;
    s->string += after->string - before->string;
}

static void count_in(heap *h, arr *a, const rhai_value *item) {
    if (!h->track_sizes) return;
    a->sizes.array++;
    if (!value_is_heap(item)) return;
    sizes s = sizes_of_element(item);
    a->sizes.array += s.array;
    a->sizes.map += s.map;
    a->sizes.string += s.string;
}

static void count_out(heap *h, arr *a, const rhai_value *item) {
    if (!h->track_sizes) return;
    a->sizes.array--;
    if (!value_is_heap(item)) return;
    sizes s = sizes_of_element(item);
    a->sizes.array -= s.array;
    a->sizes.map -= s.map;
    a->sizes.string -= s.string;
}

void arr_recount(heap *h, arr *a) {
    a->sizes = (sizes){0};
    if (!h->track_sizes) return;
    for (uint32_t i = 0; i < a->len; i++)
        count_in(h, a, &a->items[i]);
}

/* ---- Arrays ---- */

arr *arr_new(heap *h, size_t cap) {
    if (cap > UINT32_MAX) return NULL;
    arr *a = heap_alloc(h, sizeof *a);
    if (!a) return NULL;
    *a = (arr){.head = {.refs = 1, .type = RHAI_ARRAY}, .cap = (uint32_t)cap};
    if (cap && !(a->items = heap_alloc(h, cap * sizeof *a->items))) {
        heap_free(h, a, sizeof *a);
        return NULL;
    }
    return a;
}

arr *arr_own(heap *h, rhai_value *v) {
    arr *a = as_arr(v);
    if (a->head.refs == 1) return a;
    arr *copy = arr_new(h, a->len);
    if (!copy) return NULL;
    for (uint32_t i = 0; i < a->len; i++)
        copy->items[i] = value_copy(&a->items[i]);
    copy->len = a->len;
    copy->sizes = a->sizes;
    v->obj = copy;
    obj_unref(h, a);
    return copy;
}

bool arr_reserve(heap *h, arr *a, size_t cap) {
    if (cap <= a->cap) return true;
    if (cap > UINT32_MAX) return false;
    size_t want = (size_t)a->cap + a->cap / 2;
    if (want > UINT32_MAX || want < cap) want = cap < 4 ? 4 : cap;
    size_t size = want * sizeof *a->items;
    rhai_value *items =
        heap_grow(h, a->items, a->cap * sizeof *a->items, cap * sizeof *a->items, &size);
    if (!items) return false;
    a->items = items;
    a->cap = (uint32_t)(size / sizeof *a->items);
    return true;
}

bool arr_push(heap *h, arr *a, rhai_value *item) {
    if (a->len == a->cap && !arr_reserve(h, a, (size_t)a->len + 1)) return false;
    count_in(h, a, item);
    a->items[a->len++] = value_take(item);
    return true;
}

bool arr_insert(heap *h, arr *a, size_t index, rhai_value *item) {
    if (a->len == a->cap && !arr_reserve(h, a, (size_t)a->len + 1)) return false;
    count_in(h, a, item);
    memmove(a->items + index + 1, a->items + index, (a->len - index) * sizeof *a->items);
    a->items[index] = value_take(item);
    a->len++;
    return true;
}

rhai_value arr_remove(heap *h, arr *a, size_t index) {
    rhai_value item = a->items[index];
    count_out(h, a, &item);
    a->len--;
    memmove(a->items + index, a->items + index + 1, (a->len - index) * sizeof *a->items);
    return item;
}

void arr_set(heap *h, arr *a, size_t index, rhai_value item) {
    count_out(h, a, &a->items[index]);
    count_in(h, a, &item);
    item.flags = 0;
    value_store(h, &a->items[index], item);
}

void arr_truncate(heap *h, arr *a, size_t len) {
    while (a->len > len) {
        rhai_value last = a->items[--a->len];
        count_out(h, a, &last);
        value_drop(h, &last);
    }
}
