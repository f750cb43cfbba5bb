#include "value/object.h"

#include <string.h>

static blob *blob_with_room(heap *h, size_t cap) {
    if (cap > UINT32_MAX) return NULL;
    blob *b = heap_alloc(h, sizeof *b);
    if (!b) return NULL;
    *b = (blob){.head = {.refs = 1, .type = RHAI_BLOB}, .cap = (uint32_t)cap};
    if (cap && !(b->data = heap_alloc(h, cap))) {
        heap_free(h, b, sizeof *b);
        return NULL;
    }
    return b;
}

blob *blob_new(heap *h, size_t len) {
    blob *b = blob_with_room(h, len);
    if (b && len) {
        memset(b->data, 0, len);
        b->len = (uint32_t)len;
    }
    return b;
}

blob *blob_own(heap *h, rhai_value *v) {
    blob *b = as_blob(v);
    if (b->head.refs == 1) return b;
    blob *copy = blob_with_room(h, b->len);
    if (!copy) return NULL;
    if (b->len) memcpy(copy->data, b->data, b->len);
    copy->len = b->len;
    v->obj = copy;
    obj_unref(h, b);
    return copy;
}

bool blob_resize(heap *h, blob *b, size_t len) {
    if (len > UINT32_MAX) return false;
    if (len > b->cap) {
        size_t size = (size_t)b->cap + b->cap / 2;
        if (size > UINT32_MAX || size < len) size = len < 16 ? 16 : len;
        uint8_t *data = heap_grow(h, b->data, b->cap, len, &size);
        if (!data) return false;
        b->data = data;
        b->cap = (uint32_t)size;
    }
    if (len > b->len) memset(b->data + b->len, 0, len - b->len);
    b->len = (uint32_t)len;
    return true;
}
