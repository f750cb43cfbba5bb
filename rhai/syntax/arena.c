#include "syntax/arena.h"

#include <stdalign.h>

struct arena_block {
    arena_block *older;
    size_t size; /* head included */
    alignas(max_align_t) char room[];
};

/* Blocks grow with the tree: an eval of one line stays small, a long script needs few blocks.
 * Stressed, each node has its own. */
enum { FIRST_BLOCK = IS_STRESSED ? 1 : 2048, LARGEST_BLOCK = IS_STRESSED ? 1 : 256 * 1024 };

void arena_init(arena *a, heap *h) {
    *a = (arena){.h = h};
}

void arena_done(arena *a) {
    for (arena_block *b = a->blocks; b;) {
        arena_block *older = b->older;
        heap_free(a->h, b, b->size);
        b = older;
    }
    *a = (arena){.h = a->h};
}

void arena_reset(arena *a) {
    arena_block *newest = a->blocks;
    if (!newest) return;
    *a = (arena){.h = a->h, .blocks = newest->older};
    arena_done(a);
    newest->older = NULL;
    *a = (arena){a->h, newest, newest->room, (char *)newest + newest->size};
}

void arena_join(arena *a, arena *from) {
    arena_block **last = a->blocks ? &a->blocks->older : &a->blocks;
    arena_block *older = *last;
    *last = from->blocks;
    while (*last)
        last = &(*last)->older;
    *last = older;
    if (!a->next) {
        a->next = from->next;
        a->end = from->end;
    }
    *from = (arena){.h = from->h};
}

static bool add_block(arena *a, size_t wanted) {
    size_t size = a->blocks ? a->blocks->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
    if (size < sizeof(arena_block) + wanted) size = sizeof(arena_block) + wanted;
    arena_block *b = heap_alloc(a->h, size);
    if (!b) return false;
    b->older = a->blocks;
    b->size = size;
    a->blocks = b;
    a->next = b->room;
    a->end = (char *)b + size;
    return true;
}

void *arena_alloc_slow(arena *a, size_t size) {
    if (size > SIZE_MAX / 2 || !add_block(a, arena_room(size))) return NULL;
    return arena_alloc(a, size);
}
