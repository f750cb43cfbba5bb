/*
 * The program's text in huge pages.
 *
 * Text that is mapped from the file is mapped anew in each forked process, by a page fault for each
 * 64 KiB that it comes to, and unmapped again at its end. One huge page is one entry of the page
 * table, which fork copies. So at start-up the text, and the constants behind it, are copied into
 * anonymous memory that is mapped in their place. (The linker puts them at a boundary of 2 MiB, see
 * CMakeLists.txt; perf(1) sees no symbols in such memory, so there is the option HERO_HUGE_TEXT.)
 */
#ifndef RUNNER_ZYGOTE_HUGE_TEXT_H
#define RUNNER_ZYGOTE_HUGE_TEXT_H

/* Before any other thread is there. Where the kernel has no huge pages to give
 * (/sys/kernel/mm/transparent_hugepage/enabled: never), all stays as it is. */
void huge_text_move(void);

#endif
