/* Sorting: the order, and what a comparer sees of the way to it. */
#include "script_fixture.h"

#include <stdio.h>

/* The array: `len` pseudo-random numbers below `below`. */
static const char script[] =
    "let a = []; let x = 1;"
    "for i in 0..%d { x = (x * 1103515245 + 12345) %% 2147483648; a.push(x / 65536 %% %d); }"
    "let asked = 0; let trace = 0; let verdict = \"sorted\";"
    "try { a.sort(|p, q| { asked += 1; trace = (trace * 31 + p * 7 + q) %% 1000003; %s }); }"
    "catch (e) { verdict = e; }"
    "let order = 0; for v in a { order = (order * 31 + v) %% 1000003; }"
    "`${verdict} ${asked} ${trace} ${order}`";

/* Recorded from Rhai: how often the comparer was asked, about what, and the order in the end; for
 * comparers that are no order, too. */
static void comparers_are_asked_what_rhai_asks(void **state) {
    (void)state;
    static const struct {
        int len, below;
        const char *comparer, *wanted;
    } cases[] = {
        {2, 100, "p - q", "\"sorted 1 444 1236\""},
        {7, 100, "p - q", "\"sorted 18 525944 883319\""},
        {20, 5, "p - q", "\"sorted 98 307211 346705\""},
        {21, 5, "p - q", "\"sorted 93 54913 74753\""},
        {40, 1000, "p < q", "\"sorted 232 183408 63657\""},
        {64, 7, "p <= q", "\"sorted 419 343676 609296\""},
        {65, 1000, "p - q", "\"sorted 382 416181 281195\""},
        {100, 4, "p <= q", "\"sorted 989 131523 630259\""},
        {300, 100000, "q - p", "\"sorted 2605 803502 981771\""},
        {1000, 5, "p - q", "\"sorted 3784 66794 784581\""},
        {1000, 100000, "p / 100 - q / 100", "\"sorted 10139 51809 56738\""},
        {5000, 100000, "p < q", "\"sorted 65458 171487 304203\""},
        {50, 1000, "(p * 7 + q * 13) % 3 - 1",
         "\"error in comparer for sorting 20 723320 796808\""},
        {200, 1000, "true", "\"sorted 199 178411 113908\""},
        {30, 10, "true", "\"sorted 29 639611 480138\""},
        {300, 1000, "(p * 7 + q * 13) % 3 - 1", "\"sorted 2208 687148 582351\""},
        {100, 1000, "throw p", "\"sorted 99 916206 580925\""},
        {100, 1000, "if p > q { \"later\" } else { -1 }", "\"sorted 661 494568 262566\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, script, cases[i].len, cases[i].below, cases[i].comparer);
        assert_script(text, cases[i].wanted);
    }
}

static void sorting_keeps_the_order_of_equal_elements(void **state) {
    (void)state;
    assert_script("let a = []; for i in 0..1000 { a.push([i * 7919 % 10, i]); }"
                  "a.sort(|x, y| x[0] - y[0]);"
                  "let wrong = 0; for i in 1..1000 { let x = a[i - 1]; let y = a[i];"
                  "  if x[0] > y[0] || (x[0] == y[0] && x[1] > y[1]) { wrong += 1; } }"
                  "wrong",
                  "0");
}

static void plain_values_sort_by_their_own_order(void **state) {
    (void)state;
    assert_script("let a = [3, -1, 2]; a.sort(); a", "[-1, 2, 3]");
    assert_script("[2.5, -0.5, 1.0].order()", "[-0.5, 1.0, 2.5]");
    assert_script("[\"b\", \"a\", \"\", \"ab\"].order()", "[\"\", \"a\", \"ab\", \"b\"]");
    assert_script("['b', '\u00e9', 'a'].order_desc()", "[\u00e9, b, a]");
    assert_script("[true, false, true].order()", "[false, true, true]");
    assert_script("[(), ()].order()", "[(), ()]");
    assert_script("let a = []; for i in 0..3000 { a.push(i * 7919 % 3001); } a.sort_desc();"
                  "let wrong = 0; for i in 1..3000 { if a[i - 1] < a[i] { wrong += 1; } } wrong",
                  "0");
}

static void not_a_number_does_not_stop_a_sort(void **state) {
    (void)state;
    assert_script("let n = 0.0 / 0.0; let a = [2.0, n, 1.0]; a.sort(); a.len()", "3");
    assert_script("let a = []; for i in 0..500 { a.push(if i % 3 == 0 { 0.0 / 0.0 } else"
                  " { (i * 7919 % 101).to_float() }); } try { a.sort(); } catch {} a.len()",
                  "500");
}

static void unordered_types_are_refused(void **state) {
    (void)state;
    assert_script_fails("[1, \"a\"].sort()", "Function not found: elements of different types "
                                             "cannot be sorted (line 1, position 10)");
    assert_script_fails(
        "[[], []].sort()",
        "Function not found: elements of array cannot be sorted (line 1, position 10)");
    assert_script_fails("[1..2, 1..2].sort()",
                        "Function not found: elements of core::ops::range::Range<i64> cannot be "
                        "sorted (line 1, position 14)");
}

static void ordering_leaves_the_array_as_it_is(void **state) {
    (void)state;
    assert_script("let a = [3, 1, 2]; let b = a; let c = a.order(); b.sort_desc(); [a, b, c]",
                  "[[3, 1, 2], [3, 2, 1], [1, 2, 3]]");
}

static void repetitions_are_removed_where_they_meet(void **state) {
    (void)state;
    assert_script("let a = [1, 1, 2, 2.0, 1]; let b = a; b.dedup(); [a, b]",
                  "[[1, 1, 2, 2.0, 1], [1, 2, 1]]");
    assert_script("let a = [1, 2, 3, 10, 11]; a.dedup(|x, y| y - x == 1); a", "[1, 3, 10]");
    assert_script("let a = [1, 1]; a.dedup(|x, y| throw 1); a", "[1, 1]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparers_are_asked_what_rhai_asks),
        cmocka_unit_test(sorting_keeps_the_order_of_equal_elements),
        cmocka_unit_test(plain_values_sort_by_their_own_order),
        cmocka_unit_test(not_a_number_does_not_stop_a_sort),
        cmocka_unit_test(unordered_types_are_refused),
        cmocka_unit_test(ordering_leaves_the_array_as_it_is),
        cmocka_unit_test(repetitions_are_removed_where_they_meet),
    };
    return cmocka_run_group_tests_name("sort", tests, NULL, NULL);
}
