/* arena.h - memory that is freed all at once: the nodes of one ast.
 *
 * Blocks come from the engine's heap, so they count. Nothing in an arena is freed singly.
 */
#ifndef RHAI_SYNTAX_ARENA_H
#define RHAI_SYNTAX_ARENA_H

#include <string.h>

#include "value/heap.h"

typedef struct arena_block arena_block;

typedef struct arena {
    heap *h;
    arena_block *blocks; /* newest first */
    char *next, *end;    /* free room in the newest block */
} arena;

void arena_init(arena *a, heap *h);
void arena_done(arena *a);
/* Everything in it goes; a block stays for what comes next. */
void arena_reset(arena *a);
/* Gives all that is in `from` to `a` and leaves `from` empty. */
void arena_join(arena *a, arena *from);
/* What an allocation takes; less than size: too much. */
static inline size_t arena_room(size_t size) {
    return size ? (size + 7) & ~(size_t)7 : 8;
}

/* For arena_alloc: memory from a new block. */
void *arena_alloc_slow(arena *a, size_t size);

/* Zeroed, aligned for pointers and 64-bit numbers; NULL: out of memory. */
static inline void *arena_alloc(arena *a, size_t size) {
    size_t rounded = arena_room(size);
    if (rounded < size || rounded > (size_t)(a->end - a->next)) return arena_alloc_slow(a, size);
    char *p = a->next;
    a->next += rounded;
    return memset(p, 0, rounded);
}

#endif
