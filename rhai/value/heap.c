#include "value/heap.h"

#include "value/object.h"

#include <stdlib.h>
#include <string.h>

/* ---- Accounted allocation ---- */

enum { RUBBISH = 0xdb };

/* A resize that moves in any case. */
static void *move(heap *h, void *block, size_t old_size, size_t new_size) {
    void *moved =
        h->allocator ? h->allocator(h->allocator_data, NULL, 0, new_size) : malloc(new_size);
    if (!moved) return NULL;
    memcpy(moved, block, old_size < new_size ? old_size : new_size);
    memset(block, RUBBISH, old_size);
    if (h->allocator)
        h->allocator(h->allocator_data, block, old_size, 0);
    else
        free(block);
    return moved;
}

static void *raw_resize(heap *h, void *block, size_t old_size, size_t new_size) {
    if (IS_STRESSED) return move(h, block, old_size, new_size);
    if (h->allocator) return h->allocator(h->allocator_data, block, old_size, new_size);
    return realloc(block, new_size);
}

static bool fits(heap *h, size_t more) {
    if (h->limit == 0 || (h->used <= h->limit && more <= h->limit - h->used)) return true;
    h->limit_hit = true;
    return false;
}

static void account(heap *h, size_t more) {
    h->used += more;
    if (h->used > h->peak) h->peak = h->used;
}

void *heap_alloc(heap *h, size_t size) {
    if (size == 0) size = 1;
    if (!fits(h, size)) return NULL;
    void *block = h->allocator ? h->allocator(h->allocator_data, NULL, 0, size) : malloc(size);
    if (block) account(h, size);
    return block;
}

void *heap_alloc_zero(heap *h, size_t size) {
    void *block = heap_alloc(h, size);
    if (block) memset(block, 0, size);
    return block;
}

void *heap_resize(heap *h, void *block, size_t old_size, size_t new_size) {
    if (!block) return heap_alloc(h, new_size);
    if (new_size == 0) new_size = 1;
    if (old_size == 0) old_size = 1;
    if (new_size > old_size && !fits(h, new_size - old_size)) return NULL;
    void *moved = raw_resize(h, block, old_size, new_size);
    if (!moved) return NULL;
    h->used -= old_size;
    account(h, new_size);
    return moved;
}

void heap_free(heap *h, void *block, size_t size) {
    if (!block) return;
    if (size == 0) size = 1;
    h->used -= size;
    if (IS_STRESSED) memset(block, RUBBISH, size);
    if (h->allocator)
        h->allocator(h->allocator_data, block, size, 0);
    else
        free(block);
}

void *heap_grow(heap *h, void *block, size_t old_size, size_t need, size_t *size) {
    bool was_hit = h->limit_hit;
    if (*size < need || IS_STRESSED) *size = need;
    void *moved = heap_resize(h, block, old_size, *size);
    if (moved || *size == need) return moved;
    moved = heap_resize(h, block, old_size, need);
    if (moved) {
        h->limit_hit = was_hit;
        *size = need;
    }
    return moved;
}

/* ---- The end of objects ----
 *
 * An object whose count falls to 0 joins heap.dying; one loop frees them, so that the depth of
 * nesting never shows on the C stack. Objects that hold no others are freed at once. The link is
 * laid over a field that is of no use any more. */

static void forget_symbol(heap *h, const rhai_str *s);

static void free_str(heap *h, rhai_str *s) {
    if (s->head.flags & OBJ_INTERNED) forget_symbol(h, s);
    heap_free(h, s, sizeof *s + s->cap + 1);
}

static void free_blob(heap *h, blob *b) {
    heap_free(h, b->data, b->cap);
    heap_free(h, b, sizeof *b);
}

static void free_arr(heap *h, arr *a) {
    for (uint32_t i = 0; i < a->len; i++)
        value_drop(h, &a->items[i]);
    heap_free(h, a->items, a->cap * sizeof *a->items);
    heap_free(h, a, sizeof *a);
}

static void free_map(heap *h, map *m) {
    for (uint32_t i = 0; i < m->len; i++) {
        obj_unref(h, m->entries[i].key);
        value_drop(h, &m->entries[i].value);
    }
    heap_free(h, m->entries, m->cap * sizeof *m->entries);
    heap_free(h, m->index, m->index_cap * sizeof *m->index);
    heap_free(h, m->order, m->order_cap * sizeof *m->order);
    heap_free(h, m, sizeof *m);
}

static void free_fnptr(heap *h, fnptr *f) {
    obj_unref(h, f->code);
    obj_unref(h, f->env);
    for (uint32_t i = 0; i < f->ncurry; i++)
        value_drop(h, &f->curry[i]);
    heap_free(h, f, sizeof *f + f->ncurry * sizeof *f->curry);
}

static void free_custom(heap *h, custom *c) {
    if (c->type->free) c->type->free(c->object);
    heap_free(h, c, sizeof *c);
}

static void free_cell(heap *h, cell *c) {
    value_drop(h, &c->value);
    heap_free(h, c, sizeof *c);
}

static void unlink_cell(heap *h, cell *c) {
    if (c->prev)
        c->prev->next = c->next;
    else
        h->cells = c->next;
    if (c->next) c->next->prev = c->prev;
}

/* Prepares for the list; returns where the link goes. */
static obj **dying_link(heap *h, obj *o) {
    switch (o->type) {
    case RHAI_ARRAY: return &((arr *)o)->next_dying;
    case RHAI_MAP: return &((map *)o)->next_dying;
    case RHAI_CUSTOM: return &((custom *)o)->next_dying;
    case RHAI_FN: obj_unref(h, ((fnptr *)o)->name); return &((fnptr *)o)->next_dying;
    case RHAI_SHARED: unlink_cell(h, (cell *)o); return &((cell *)o)->next_dying;
    default: return NULL;
    }
}

static obj *next_dying(obj *o) {
    switch (o->type) {
    case RHAI_ARRAY: return ((arr *)o)->next_dying;
    case RHAI_MAP: return ((map *)o)->next_dying;
    case RHAI_CUSTOM: return ((custom *)o)->next_dying;
    case RHAI_FN: return ((fnptr *)o)->next_dying;
    default: return ((cell *)o)->next_dying;
    }
}

static void free_dying(heap *h, obj *o) {
    switch (o->type) {
    case RHAI_ARRAY: free_arr(h, (arr *)o); break;
    case RHAI_MAP: free_map(h, (map *)o); break;
    case RHAI_CUSTOM: free_custom(h, (custom *)o); break;
    case RHAI_FN: free_fnptr(h, (fnptr *)o); break;
    default: free_cell(h, (cell *)o); break;
    }
}

static void sweep(heap *h) {
    h->is_sweeping = true;
    while (h->dying) {
        obj *o = h->dying;
        h->dying = next_dying(o);
        free_dying(h, o);
    }
    h->is_sweeping = false;
}

/* Its owner's code frees it; what that lets go is queued meanwhile. */
static void free_opaque(heap *h, opaque *o) {
    bool was_sweeping = h->is_sweeping;
    h->is_sweeping = true;
    o->destroy(h, o);
    h->is_sweeping = was_sweeping;
    if (!was_sweeping) sweep(h);
}

void obj_destroy(heap *h, obj *o) {
    switch (o->type) {
    case RHAI_STRING: free_str(h, (rhai_str *)o); return;
    case RHAI_BLOB: free_blob(h, (blob *)o); return;
    case RHAI_RANGE:
    case RHAI_RANGE_INCLUSIVE: heap_free(h, o, sizeof(range)); return;
    case OBJ_OPAQUE: free_opaque(h, (opaque *)o); return;
    default: break;
    }
    obj **link = dying_link(h, o);
    *link = h->dying;
    h->dying = o;
    if (!h->is_sweeping) sweep(h);
}

/* ---- Interned strings: open addressing, linear probing, freed slots closed by shifting ---- */

static uint32_t symbol_home(const heap *h, uint32_t hash) {
    return hash & (h->symbols_cap - 1);
}

static void place_symbol(heap *h, rhai_str *s) {
    uint32_t i = symbol_home(h, s->hash);
    while (h->symbols[i])
        i = (i + 1) & (h->symbols_cap - 1);
    h->symbols[i] = s;
}

static bool grow_symbols(heap *h) {
    uint32_t old_cap = h->symbols_cap;
    if (old_cap > UINT32_MAX / 4) return false;
    uint32_t cap = old_cap ? old_cap * 2 : IS_STRESSED ? 2 : 64;
    rhai_str **table = heap_alloc_zero(h, cap * sizeof *table);
    if (!table) return false;
    rhai_str **old = h->symbols;
    h->symbols = table;
    h->symbols_cap = cap;
    for (uint32_t i = 0; i < old_cap; i++)
        if (old[i]) place_symbol(h, old[i]);
    heap_free(h, old, old_cap * sizeof *old);
    return true;
}

static rhai_str *find_symbol(const heap *h, const char *text, size_t len, uint32_t hash) {
    if (h->symbols_cap == 0) return NULL;
    for (uint32_t i = symbol_home(h, hash); h->symbols[i]; i = (i + 1) & (h->symbols_cap - 1)) {
        rhai_str *s = h->symbols[i];
        if (s->hash == hash && s->len == len && memcmp(s->data, text, len) == 0) return s;
    }
    return NULL;
}

rhai_str *str_intern(heap *h, const char *text, size_t len) {
    uint32_t hash = text_hash(h, text, len);
    rhai_str *s = find_symbol(h, text, len, hash);
    if (s) {
        obj_ref(s);
        return s;
    }
    if ((uint64_t)(h->symbols_len + 1) * 4 > (uint64_t)h->symbols_cap * 3 && !grow_symbols(h))
        return NULL;
    s = str_new(h, text, len);
    if (!s) return NULL;
    s->hash = hash;
    s->head.flags |= OBJ_INTERNED;
    place_symbol(h, s);
    h->symbols_len++;
    return s;
}

static void forget_symbol(heap *h, const rhai_str *s) {
    uint32_t mask = h->symbols_cap - 1;
    uint32_t hole = symbol_home(h, s->hash);
    while (h->symbols[hole] != s)
        hole = (hole + 1) & mask;
    for (uint32_t i = (hole + 1) & mask; h->symbols[i]; i = (i + 1) & mask) {
        uint32_t home = symbol_home(h, h->symbols[i]->hash);
        /* It may move back only as far as its home. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            h->symbols[hole] = h->symbols[i];
            hole = i;
        }
    }
    h->symbols[hole] = NULL;
    h->symbols_len--;
}

/* ---- Begin and end ---- */

void heap_init(heap *h, rhai_allocator allocator, void *data) {
    *h = (heap){.allocator = allocator, .allocator_data = data};
}

/* Closures that reach themselves do so through a cell. All cells are held while they are emptied,
 * so that the list stays as it is. */
static void break_cycles(heap *h) {
    for (cell *c = h->cells; c; c = c->next)
        obj_ref(c);
    for (cell *c = h->cells; c; c = c->next)
        value_clear(h, &c->value);
    for (cell *c = h->cells, *next; c; c = next) {
        next = c->next;
        obj_unref(h, c);
    }
}

void heap_done(heap *h) {
    break_cycles(h);
    heap_free(h, h->symbols, h->symbols_cap * sizeof *h->symbols);
    h->symbols = NULL;
    h->symbols_len = h->symbols_cap = 0;
}
