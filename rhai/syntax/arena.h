/* arena.h - memory that is freed all at once: the nodes of one ast.
 *
 * Blocks come from the engine's heap, so they count. Nothing in an arena is freed singly.
 */
#ifndef RHAI_SYNTAX_ARENA_H
#define RHAI_SYNTAX_ARENA_H

#include "value/heap.h"

typedef struct arena_block arena_block;

typedef struct arena {
    heap *h;
    arena_block *blocks; /* newest first */
    char *next, *end;    /* free room in the newest block */
} arena;

void arena_init(arena *a, heap *h);
void arena_done(arena *a);
/* Zeroed, aligned for any type; NULL: out of memory. */
void *arena_alloc(arena *a, size_t size);

#endif
