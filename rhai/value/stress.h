/* stress.h - what the stress build (CMake option RHAI_STRESS) does differently.
 *
 * Tables begin with almost no room, and every block that is resized moves, even when it shrinks;
 * what is freed is overwritten. Whoever kept a pointer across a call that may have moved the block
 * then reads rubbish (under AddressSanitizer: is caught). Memory in use is counted as always.
 */
#ifndef RHAI_VALUE_STRESS_H
#define RHAI_VALUE_STRESS_H

#ifdef RHAI_STRESS
enum { IS_STRESSED = 1 };
#else
enum { IS_STRESSED = 0 };
#endif

/* The first size of a table, and how much it grows by: doubling, or one more. */
static inline unsigned first_size(unsigned n) {
    return IS_STRESSED ? 1 : n;
}
static inline unsigned next_size(unsigned cap, unsigned first) {
    return !cap ? first_size(first) : IS_STRESSED ? cap + 1 : cap * 2;
}

#endif
