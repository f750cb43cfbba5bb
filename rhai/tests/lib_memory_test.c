/* Every allocation of a script over the collections fails once: no crash, no leak, and the error
 * says what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rhai/rhai.h"

/* An allocator that fails once, when `countdown` reaches 0. */
typedef struct failing {
    long countdown;
    size_t used;
} failing;

static void *failing_alloc(void *data, void *block, size_t old_size, size_t new_size) {
    failing *f = data;
    if (new_size > old_size && f->countdown > 0 && --f->countdown == 0) return NULL;
    void *moved = NULL;
    if (new_size == 0)
        free(block);
    else if (!(moved = realloc(block, new_size)))
        return NULL;
    f->used += new_size - old_size;
    return moved;
}

/* True when the script ran to its end before allocation number `n`. */
static bool runs_before(const char *script, long n) {
    failing f = {0};
    rhai_config config = {.allocator = failing_alloc, .allocator_data = &f};
    rhai_engine *engine = rhai_engine_new(&config);
    assert_non_null(engine);
    rhai_error *error = NULL;
    rhai_program *program = rhai_compile(engine, script, strlen(script), NULL, NULL, &error);
    if (!program) fail_msg("%s", rhai_error_text(error));
    f.countdown = n;
    rhai_value v;
    if (rhai_run(engine, program, NULL, &v, &error) == RHAI_OK) {
        rhai_value_done(engine, &v);
    } else {
        const char *text = rhai_error_text(error);
        if (!strstr(text, "memory")) fail_msg("allocation %ld of\n%s\n%s", n, script, text);
        rhai_error_free(error);
    }
    bool reached_end = f.countdown > 0;
    rhai_program_free(engine, program);
    rhai_engine_free(engine);
    if (f.used != 0) fail_msg("allocation %ld of\n%s\nleaves %zu bytes", n, script, f.used);
    return reached_end;
}

static void check_every_allocation(const char *script) {
    long n = 1;
    while (!runs_before(script, n))
        n++;
    assert_true(n > 10);
}

static void arrays(void **state) {
    (void)state;
    check_every_allocation(
        "let a = [1, 2, 3]; let b = a; b.push(4); b.insert(0, 0); b.append([7, 8]); b += a;"
        "b.pad(30, [a]); let c = a + b; c.splice(1, 2, a); let d = c.extract(2, 9);"
        "let e = c.split(4); e.drain(1, 2); e.retain(0, 3); e.drain(|x| x == 1);"
        "d.retain(|x| x != 2); a.map(|x| [x]); a.filter(|x| x > 1); a.for_each(|| this += 1);"
        "a.reduce(|s, x| [s, x]); a.zip(b, |x, y| [x, y]); a.index_of(\"name\"); a == b;"
        "b.reverse(); b.chop(2); b.truncate(1); b.clear(); c.contains([a])");
}

static void sorting(void **state) {
    (void)state;
    /* A comparer's error is not seen, so the end may be reached with another order. */
    check_every_allocation("let a = []; for i in 0..70 { a.push(i * 37 % 70); } let b = a;"
                           "b.sort(); b = a.order_desc(); let s = a.map(|x| `${x}`); s.sort();"
                           "[1.5, 0.5].order(); b.dedup()");
}

static void blobs(void **state) {
    (void)state;
    check_every_allocation(
        "let a = blob(3, 7); let b = a; b.push(1); b.append(\"text\"); b.append(a); b.insert(1, 9);"
        "b.pad(40, 1); b.splice(1, 2, a); let c = b.extract(2, 9); let d = b.split(5);"
        "d.drain(1, 2); d.retain(1, 3); d.to_array(); b.as_string(); blob(2, 255).as_string();"
        "b.write_le(0, 8, 5); c.reverse(); c == d");
}

static void maps(void **state) {
    (void)state;
    check_every_allocation(
        "let m = #{a: 1, b: [2], c: #{}}; let n = m; n.set(\"d\", 4); n.mixin(#{e: 5}); n += m;"
        "for i in 0..20 { n[`k${i}`] = i; } let o = n + m; o.fill_with(#{z: 1}); n.keys();"
        "n.values(); n.map(|k, v| [v]); n.filter(|k, v| v == 1); n.drain(|k| k == \"a\");"
        "o.retain(|k| k > \"b\"); n.remove(\"b\"); n == m; m.clear(); n");
}

static void json(void **state) {
    (void)state;
    check_every_allocation(
        "let m = parse_json(`{\"a\": [1, 2.5, \"x\\ty\", {\"b\": null}], \"c\": 1e300}`);"
        "let n = parse_json(`{\"sum\": 1 + 2}`); m.to_json() + n.to_json()"
        " + #{f: Fn(\"f\").curry([1]), b: blob(3), c: 'x'}.to_json()");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays), cmocka_unit_test(sorting), cmocka_unit_test(blobs),
        cmocka_unit_test(maps),   cmocka_unit_test(json),
    };
    return cmocka_run_group_tests_name("collections without memory", tests, NULL, NULL);
}
