/* heap.h - memory of one engine: accounted allocation, counted objects, interned strings.
 *
 * Every byte a script can cause to be allocated goes through heap_alloc, so that max_memory
 * is exact and an embedder's allocator sees it. All functions that allocate return NULL (or
 * false) when there is no memory; nothing here aborts. A heap belongs to one thread.
 */
#ifndef RHAI_VALUE_HEAP_H
#define RHAI_VALUE_HEAP_H

#include "rhai/rhai.h"
#include "value/stress.h"

typedef struct obj obj;
typedef struct rhai_str rhai_str;
typedef struct cell cell;

typedef struct heap {
    rhai_allocator allocator;
    void *allocator_data;
    size_t used; /* bytes held now */
    size_t peak;
    size_t limit;     /* 0: none; an allocation that would pass it fails */
    bool limit_hit;   /* set when `limit` made an allocation fail; the VM clears and reports it */
    bool track_sizes; /* containers keep their recursive sizes (container.h) */
    obj *dying;       /* objects whose count fell to 0, freed without recursion */
    bool is_sweeping;
    cell *cells; /* every live shared cell, so that cycles can be broken at the end */
    /* Interned strings, by content; weak: a string leaves the table when it dies. */
    rhai_str **symbols;
    uint32_t symbols_len, symbols_cap; /* cap is a power of two */
    uint64_t hash_seed;
} heap;

void heap_init(heap *h, rhai_allocator allocator, void *data); /* NULL allocator: malloc */
/* Breaks cycles through cells, frees what is left and the tables. */
void heap_done(heap *h);

void *heap_alloc(heap *h, size_t size);
void *heap_alloc_zero(heap *h, size_t size);
void *heap_resize(heap *h, void *block, size_t old_size, size_t new_size);
void heap_free(heap *h, void *block, size_t size); /* block NULL: nothing */
/* Resizes a growing buffer to *size, or, when there is no memory for that, to `need`; *size
 * tells which it was. NULL: not even `need`; the block is as it was. */
void *heap_grow(heap *h, void *block, size_t old_size, size_t need, size_t *size);

/* Head of every counted object. `type` is a rhai_type, or one of these for objects that are
 * not script values themselves. */
enum { OBJ_OPAQUE = 64 };

struct obj {
    uint32_t refs;
    uint8_t type;
    uint8_t flags; /* OBJ_INTERNED ... */
    uint16_t spare;
};

enum {
    OBJ_INTERNED = 1,    /* a string that is the only one of its content among the interned */
    OBJ_FOREIGN_KEYS = 2 /* a map that may have keys that are not interned */
};

/* An object of another layer that values may keep alive (compiled code, modules). */
typedef struct opaque {
    obj head;
    void (*destroy)(heap *h, struct opaque *o); /* frees the memory too */
} opaque;

static inline void obj_ref(void *o) {
    ((obj *)o)->refs++;
}
/* Frees `o` and all that only it held, without recursion on the C stack. */
void obj_destroy(heap *h, obj *o);
static inline void obj_unref(heap *h, void *o) {
    if (o && --((obj *)o)->refs == 0) obj_destroy(h, (obj *)o);
}

/* rhai_value.flags: the variable holding it was declared with const. Copies lose it. */
enum { VALUE_CONST = 1 };

static inline bool value_is_heap(const rhai_value *v) {
    return v->type >= RHAI_STRING;
}

/* A copy that shares the payload and is never constant. */
static inline rhai_value value_copy(const rhai_value *v) {
    rhai_value r = *v;
    r.flags = 0;
    if (value_is_heap(v)) obj_ref(v->obj);
    return r;
}

/* Gives up a reference; *v must be overwritten or left alone afterwards. */
static inline void value_drop(heap *h, rhai_value *v) {
    if (value_is_heap(v)) obj_unref(h, v->obj);
}

static inline void value_clear(heap *h, rhai_value *v) {
    rhai_value old = *v;
    *v = (rhai_value){.type = RHAI_UNIT};
    value_drop(h, &old);
}

/* Stores `v` (taken over) in place of *slot. The old value goes last: its end may run code
 * that looks at the slot. */
static inline void value_store(heap *h, rhai_value *slot, rhai_value v) {
    rhai_value old = *slot;
    *slot = v;
    value_drop(h, &old);
}

/* Moves out, leaving (). */
static inline rhai_value value_take(rhai_value *v) {
    rhai_value r = *v;
    *v = (rhai_value){.type = RHAI_UNIT};
    r.flags = 0;
    return r;
}

/* All of a value's first eight bytes: type, flags and tag. Writing them at once lets the next
 * reader have them from the store buffer; single bytes written over a cleared value do not. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VALUE_HEAD(t) ((uint64_t)(t))
#define VALUE_HEAD_FLAGS ((uint64_t)0xff << 8)
#else
#define VALUE_HEAD(t) ((uint64_t)(t) << 56)
#define VALUE_HEAD_FLAGS ((uint64_t)0xff << 48)
#endif

static inline uint64_t value_head(const rhai_value *v) {
    uint64_t head;
    __builtin_memcpy(&head, v, sizeof head);
    return head;
}

static inline void value_set_head(rhai_value *v, uint64_t head) {
    __builtin_memcpy(v, &head, sizeof head);
}

#define VALUE_UNIT ((rhai_value){.type = RHAI_UNIT})
#define VALUE_BOOL(x) ((rhai_value){RHAI_BOOL, 0, 0, 0, {.i = (x) ? 1 : 0}})
#define VALUE_INT(x) ((rhai_value){RHAI_INT, 0, 0, 0, {.i = (x)}})
#define VALUE_FLOAT(x) ((rhai_value){RHAI_FLOAT, 0, 0, 0, {.f = (x)}})
#define VALUE_CHAR(x) ((rhai_value){RHAI_CHAR, 0, 0, 0, {.i = (int64_t)(uint32_t)(x)}})
#define VALUE_BYTE(x) ((rhai_value){RHAI_BYTE, 0, 0, 0, {.i = (uint8_t)(x)}})
#define VALUE_OBJ(t, o) ((rhai_value){(uint8_t)(t), 0, 0, 0, {.obj = (o)}})

#endif
