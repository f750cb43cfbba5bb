#include "zygote/huge_text.h"

#ifdef HERO_HUGE_TEXT

#include <inttypes.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* The segment with the text: text and constants, then the tables for unwinding, which are not worth
 * a page of their own. */
struct segment {
    char *begin;
    size_t len, used;
};

static size_t round_up(uintptr_t at) {
    return (at + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
}

/* Called for the program first. */
static int find_segment(struct dl_phdr_info *info, size_t size, void *ctx) {
    (void)size;
    struct segment *ret_segment = ctx;
    char *unwind = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        char *at = (char *)(info->dlpi_addr + header->p_vaddr);
        if (header->p_type == PT_LOAD && header->p_flags & PF_X)
            *ret_segment = (struct segment){at, header->p_memsz, header->p_memsz};
        if (header->p_type == PT_GNU_EH_FRAME) unwind = at;
    }
    if (unwind > ret_segment->begin && unwind < ret_segment->begin + ret_segment->len)
        ret_segment->used = (size_t)(unwind - ret_segment->begin);
    return 1;
}

/* Room that begins at a huge page, or NULL. */
static char *map_room(size_t len) {
    char *all = mmap(NULL, len + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;
    char *room = (char *)round_up((uintptr_t)all), *end = all + len + HUGE_PAGE_BYTES;
    if (room > all) munmap(all, (size_t)(room - all));
    if (end > room + len) munmap(room + len, (size_t)(end - (room + len)));
    return room;
}

/* Whether the kernel gave huge pages for all of it: small ones would make fork dearer. */
static bool is_huge(const char *room, size_t len) {
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char line[256];
    size_t huge_kib = 0;
    bool is_here = false;
    while (smaps && fgets(line, sizeof line, smaps)) {
        uintptr_t begin, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2)
            is_here = begin <= (uintptr_t)room && (uintptr_t)room + len <= end;
        if (is_here && sscanf(line, "AnonHugePages: %zu kB", &huge_kib) == 1) break;
    }
    if (smaps) fclose(smaps);
    return huge_kib * 1024 >= len;
}

void huge_text_move(void) {
    struct segment text = {NULL, 0, 0};
    dl_iterate_phdr(find_segment, &text);
    if (!text.begin || (uintptr_t)text.begin % HUGE_PAGE_BYTES != 0) return;
    size_t len = round_up(text.used);
    char *room = map_room(len);
    if (!room) return;
    madvise(room, len, MADV_HUGEPAGE);
    memcpy(room, text.begin, text.len < len ? text.len : len);
    /* The code that runs is the same before and after the last step, which is one system call. */
    if (!is_huge(room, len) || mprotect(room, len, PROT_READ | PROT_EXEC) < 0 ||
        mremap(room, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, text.begin) == MAP_FAILED)
        munmap(room, len);
}

#else

void huge_text_move(void) {}

#endif
