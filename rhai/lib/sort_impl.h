/* sort_impl.h - the stable sort, as a template: include it once per comparison.
 *
 *     #define SORT_NAME(f) ints_##f              prefix of the functions made
 *     #define SORT_LESS(a, b, context) ...       is *a before *b? const rhai_value *a, *b
 *     #include "lib/sort_impl.h"
 *
 * makes   static bool ints_sort(rhai_value *v, size_t len, rhai_value *scratch,
 *                               size_t scratch_len, void *context);
 *
 * which returns false when it noticed that the comparison is no order at all; v then holds its
 * elements in some order. Room needed in scratch: sort_scratch_len.
 *
 * A script's comparer may print, fail or contradict itself, so not only the result but every
 * comparison can be observed. Hence the algorithm is the one of Rust's slice::sort_by, step by
 * step: up to 20 elements insertion sort; beyond, natural runs merged by powersort's policy,
 * where stretches without runs stay "unsorted" until they would no longer fit in the scratch
 * and are then sorted by a stable quicksort. (O. Peters, L. Bergdoll: driftsort; J. I. Munro,
 * S. Wild: Nearly-Optimal Mergesorts.)
 */

#define SORT_IS_LESS(a, b) SORT_LESS((a), (b), context)

/* Moves *tail, behind the sorted begin..tail, to its place. */
static void SORT_NAME(insert_tail)(rhai_value *begin, rhai_value *tail, void *context) {
    (void)context;
    if (!SORT_IS_LESS(tail, tail - 1)) return;
    rhai_value item = *tail;
    rhai_value *gap = tail;
    do {
        *gap = gap[-1];
        gap--;
    } while (gap > begin && SORT_IS_LESS(&item, gap - 1));
    *gap = item;
}

/* Sorts 4 elements of v into `to`. */
static void SORT_NAME(sort4)(const rhai_value *v, rhai_value *to, void *context) {
    (void)context;
    bool swap_first = SORT_IS_LESS(&v[1], &v[0]);
    bool swap_second = SORT_IS_LESS(&v[3], &v[2]);
    const rhai_value *a = &v[swap_first], *b = &v[!swap_first];
    const rhai_value *c = &v[2 + swap_second], *d = &v[2 + !swap_second];
    bool c_first = SORT_IS_LESS(c, a);
    bool b_last = SORT_IS_LESS(d, b);
    const rhai_value *left = c_first ? a : b_last ? c : b;
    const rhai_value *right = b_last ? d : c_first ? b : c;
    bool swap_middle = SORT_IS_LESS(right, left);
    to[0] = *(c_first ? c : a);
    to[1] = *(swap_middle ? right : left);
    to[2] = *(swap_middle ? left : right);
    to[3] = *(b_last ? b : d);
}

/* Merges the two sorted halves of `from` into `to`, from both ends at once. False when the ends
 * do not meet: the comparison is no order. */
static bool SORT_NAME(merge_halves)(const rhai_value *from, size_t len, rhai_value *to,
                                    void *context) {
    (void)context;
    size_t half = len / 2;
    const rhai_value *left = from, *right = from + half;
    const rhai_value *left_end = from + half, *right_end = from + len; /* shrink from behind */
    rhai_value *front = to, *back = to + len;
    for (size_t i = 0; i < half; i++) {
        bool take_right = SORT_IS_LESS(right, left);
        *front++ = take_right ? *right : *left;
        right += take_right;
        left += !take_right;
        bool take_left = SORT_IS_LESS(right_end - 1, left_end - 1);
        *--back = take_left ? left_end[-1] : right_end[-1];
        left_end -= take_left;
        right_end -= !take_left;
    }
    if (len % 2) {
        bool has_left = left < left_end;
        *front = has_left ? *left : *right;
        left += has_left;
        right += !has_left;
    }
    return left == left_end && right == right_end;
}

/* Sorts at most SORT_SMALL elements. scratch has room for len + 16. */
static bool SORT_NAME(small)(rhai_value *v, size_t len, rhai_value *scratch, void *context) {
    if (len < 2) return true;
    size_t half = len / 2, sorted;
    if (len >= 16) {
        rhai_value *fours = scratch + len;
        for (size_t side = 0; side <= half; side += half) {
            SORT_NAME(sort4)(v + side, fours, context);
            SORT_NAME(sort4)(v + side + 4, fours + 4, context);
            if (!SORT_NAME(merge_halves)(fours, 8, scratch + side, context)) return false;
        }
        sorted = 8;
    } else if (len >= 8) {
        SORT_NAME(sort4)(v, scratch, context);
        SORT_NAME(sort4)(v + half, scratch + half, context);
        sorted = 4;
    } else {
        scratch[0] = v[0];
        scratch[half] = v[half];
        sorted = 1;
    }
    for (size_t side = 0; side <= half; side += half) {
        size_t count = side ? len - half : half;
        for (size_t i = sorted; i < count; i++) {
            scratch[side + i] = v[side + i];
            SORT_NAME(insert_tail)(scratch + side, scratch + side + i, context);
        }
    }
    if (SORT_NAME(merge_halves)(scratch, len, v, context)) return true;
    memcpy(v, scratch, len * sizeof *v);
    return false;
}

/* Merges v[0..mid] with v[mid..len] through the scratch, which holds the shorter side. */
static void SORT_NAME(merge)(rhai_value *v, size_t len, size_t mid, rhai_value *scratch,
                             size_t scratch_len, void *context) {
    (void)context;
    size_t shorter = mid < len - mid ? mid : len - mid;
    if (shorter == 0 || shorter > scratch_len) return;
    if (mid <= len - mid) {
        memcpy(scratch, v, mid * sizeof *v);
        rhai_value *left = scratch, *left_end = scratch + mid;
        rhai_value *right = v + mid, *right_end = v + len, *to = v;
        while (left < left_end && right < right_end)
            *to++ = SORT_IS_LESS(right, left) ? *right++ : *left++;
        memcpy(to, left, (size_t)(left_end - left) * sizeof *v);
    } else {
        memcpy(scratch, v + mid, (len - mid) * sizeof *v);
        rhai_value *right = scratch + (len - mid), *left = v + mid, *to = v + len;
        while (left > v && right > scratch)
            *--to = SORT_IS_LESS(right - 1, left - 1) ? *--left : *--right;
        memcpy(left, scratch, (size_t)(right - scratch) * sizeof *v);
    }
}

static const rhai_value *SORT_NAME(median3)(const rhai_value *a, const rhai_value *b,
                                            const rhai_value *c, void *context) {
    (void)context;
    bool a_before_b = SORT_IS_LESS(a, b);
    bool a_before_c = SORT_IS_LESS(a, c);
    if (a_before_b != a_before_c) return a;
    bool b_before_c = SORT_IS_LESS(b, c);
    return b_before_c != a_before_b ? c : b;
}

/* A median of medians of `len` elements from each of a, b and c on; at most log8(n) deep. */
static const rhai_value *SORT_NAME(median)(const rhai_value *a, const rhai_value *b,
                                           const rhai_value *c, size_t len, void *context) {
    if (len * 8 >= 64) {
        size_t eighth = len / 8;
        a = SORT_NAME(median)(a, a + eighth * 4, a + eighth * 7, eighth, context);
        b = SORT_NAME(median)(b, b + eighth * 4, b + eighth * 7, eighth, context);
        c = SORT_NAME(median)(c, c + eighth * 4, c + eighth * 7, eighth, context);
    }
    return SORT_NAME(median3)(a, b, c, context);
}

static size_t SORT_NAME(choose_pivot)(const rhai_value *v, size_t len, void *context) {
    size_t eighth = len / 8;
    const rhai_value *a = v, *b = v + eighth * 4, *c = v + eighth * 7;
    return (size_t)((len < 64 ? SORT_NAME(median3)(a, b, c, context)
                              : SORT_NAME(median)(a, b, c, eighth, context)) -
                    v);
}

/* Moves what is before the pivot (or with `or_equal`, not behind it) to the front, the rest to
 * the end, both in their old order. Returns how many went to the front. */
static size_t SORT_NAME(partition)(rhai_value *v, size_t len, size_t pivot, bool or_equal,
                                   rhai_value *scratch, void *context) {
    (void)context;
    size_t front = 0;
    for (size_t i = 0; i < len; i++) {
        bool goes_front;
        if (i == pivot)
            goes_front = or_equal;
        else if (or_equal)
            goes_front = !SORT_IS_LESS(&v[pivot], &v[i]);
        else
            goes_front = SORT_IS_LESS(&v[i], &v[pivot]);
        /* Which way an element goes cannot be predicted, so its place is computed without a
         * branch. */
        size_t back = len - 1 - (i - front);
        size_t to = back ^ ((back ^ front) & -(size_t)goes_front);
        scratch[to] = v[i];
        front += goes_front;
    }
    memcpy(v, scratch, front * sizeof *v);
    for (size_t i = front; i < len; i++)
        v[i] = scratch[len - 1 - (i - front)];
    return front;
}

static bool SORT_NAME(drift)(rhai_value *v, size_t len, rhai_value *scratch, size_t scratch_len,
                             bool eager, void *context);

/* `limit` bounds the bad pivots, and with them the recursion. `ancestor` is the pivot that all
 * of v is not before, if any. */
static bool SORT_NAME(quick)(rhai_value *v, size_t len, rhai_value *scratch, size_t scratch_len,
                             unsigned limit, const rhai_value *ancestor, void *context) {
    while (len > SORT_SMALL) {
        if (limit-- == 0) return SORT_NAME(drift)(v, len, scratch, scratch_len, true, context);
        size_t at = SORT_NAME(choose_pivot)(v, len, context);
        rhai_value pivot = v[at];
        bool many_equal = ancestor && !SORT_IS_LESS(ancestor, &v[at]);
        size_t front = 0;
        if (!many_equal) {
            front = SORT_NAME(partition)(v, len, at, false, scratch, context);
            many_equal = front == 0;
        }
        if (many_equal) {
            size_t equal = SORT_NAME(partition)(v, len, at, true, scratch, context);
            v += equal;
            len -= equal;
            ancestor = NULL;
            continue;
        }
        if (!SORT_NAME(quick)(v + front, len - front, scratch, scratch_len, limit, &pivot, context))
            return false;
        len = front;
    }
    return SORT_NAME(small)(v, len, scratch, context);
}

static bool SORT_NAME(quicksort)(rhai_value *v, size_t len, rhai_value *scratch, size_t scratch_len,
                                 void *context) {
    unsigned log = 63 - (unsigned)__builtin_clzll((unsigned long long)(len | 1));
    return SORT_NAME(quick)(v, len, scratch, scratch_len, 2 * log, NULL, context);
}

/* Length of the run at the start of v: not descending, or strictly descending. */
static size_t SORT_NAME(find_run)(const rhai_value *v, size_t len, bool *ret_descends,
                                  void *context) {
    (void)context;
    *ret_descends = false;
    if (len < 2) return len;
    size_t run = 2;
    bool descends = SORT_IS_LESS(&v[1], &v[0]);
    while (run < len && SORT_IS_LESS(&v[run], &v[run - 1]) == descends)
        run++;
    *ret_descends = descends;
    return run;
}

static bool SORT_NAME(make_run)(rhai_value *v, size_t len, rhai_value *scratch, size_t scratch_len,
                                size_t good_len, bool eager, sort_run *ret, void *context) {
    if (len >= good_len) {
        bool descends;
        size_t run = SORT_NAME(find_run)(v, len, &descends, context);
        if (run >= good_len) {
            for (size_t i = 0; descends && i < run / 2; i++) {
                rhai_value item = v[i];
                v[i] = v[run - 1 - i];
                v[run - 1 - i] = item;
            }
            *ret = (sort_run){.len = run, .is_sorted = true};
            return true;
        }
    }
    size_t bound = eager ? SORT_SMALL : good_len;
    *ret = (sort_run){.len = len < bound ? len : bound, .is_sorted = eager};
    return !eager || SORT_NAME(quick)(v, ret->len, scratch, scratch_len, 0, NULL, context);
}

/* Two neighbouring runs become one; they are sorted now only if one of them already is, or if
 * together they would not fit in the scratch any more. */
static bool SORT_NAME(join_runs)(rhai_value *v, rhai_value *scratch, size_t scratch_len,
                                 sort_run left, sort_run right, sort_run *ret, void *context) {
    size_t len = left.len + right.len;
    *ret = (sort_run){.len = len};
    if (len <= scratch_len && !left.is_sorted && !right.is_sorted) return true;
    if (!left.is_sorted && !SORT_NAME(quicksort)(v, left.len, scratch, scratch_len, context))
        return false;
    if (!right.is_sorted &&
        !SORT_NAME(quicksort)(v + left.len, right.len, scratch, scratch_len, context))
        return false;
    SORT_NAME(merge)(v, len, left.len, scratch, scratch_len, context);
    ret->is_sorted = true;
    return true;
}

static bool SORT_NAME(drift)(rhai_value *v, size_t len, rhai_value *scratch, size_t scratch_len,
                             bool eager, void *context) {
    if (len < 2) return true;
    uint64_t scale = sort_tree_scale(len);
    size_t good_len = sort_good_run(len);
    /* Depths on the stack increase strictly, so 66 entries suffice. */
    sort_run runs[66], last = {.is_sorted = true};
    unsigned depths[66], stack = 0;
    size_t at = 0;
    for (;;) {
        sort_run next = {.is_sorted = true};
        unsigned depth = 0;
        if (at < len) {
            if (!SORT_NAME(make_run)(v + at, len - at, scratch, scratch_len, good_len, eager, &next,
                                     context))
                return false;
            depth = sort_tree_depth(at - last.len, at, at + next.len, scale);
        }
        while (stack > 1 && depths[stack - 1] >= depth) {
            sort_run left = runs[--stack];
            if (!SORT_NAME(join_runs)(v + at - left.len - last.len, scratch, scratch_len, left,
                                      last, &last, context))
                return false;
        }
        runs[stack] = last;
        depths[stack++] = depth;
        if (at >= len) break;
        at += next.len;
        last = next;
    }
    return last.is_sorted || SORT_NAME(quicksort)(v, len, scratch, scratch_len, context);
}

static bool SORT_NAME(sort)(rhai_value *v, size_t len, rhai_value *scratch, size_t scratch_len,
                            void *context) {
    if (len <= SORT_INSERTION) {
        for (size_t i = 1; i < len; i++)
            SORT_NAME(insert_tail)(v, v + i, context);
        return true;
    }
    return SORT_NAME(drift)(v, len, scratch, scratch_len, len <= 2 * SORT_SMALL, context);
}

#undef SORT_IS_LESS
#undef SORT_NAME
#undef SORT_LESS
