/* Every allocation of a run fails once, from making the engine on: no crash, no leak, and the
 * error says what it was. What is done without memory's leave (folding a constant) may go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rhai/rhai.h"

enum { MAX_ALLOCATIONS = 3000 };

/* An allocator that fails once, when `countdown` reaches 0. */
typedef struct run {
    long countdown;
    size_t used;
    rhai_engine *engine;
} run;

static void *failing_alloc(void *data, void *block, size_t old_size, size_t new_size) {
    run *r = data;
    if (new_size > old_size && r->countdown > 0 && --r->countdown == 0) return NULL;
    void *moved = NULL;
    if (new_size == 0)
        free(block);
    else if (!(moved = realloc(block, new_size)))
        return NULL;
    r->used += new_size - old_size;
    return moved;
}

static void ignore_print(void *data, const char *text, size_t len) {
    (void)data, (void)text, (void)len;
}

static const char module_text[] = "export const X = [1, #{a: 2}];\n"
                                  "fn add(a, b) { a + b }\n"
                                  "fn adder(n) { |x| add(x, n) }\n"
                                  "fn int.twice() { this * 2 }\n"
                                  "fn boom() { throw \"boom\" }\n";

static rhai_status resolve(void *data, rhai_call *call, const char *path, const char *importer,
                           rhai_value *ret_text, rhai_value *ret_name) {
    run *r = data;
    (void)importer;
    if (rhai_from_text(r->engine, path, strlen(path), ret_name) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    if (rhai_from_text(r->engine, module_text, sizeof module_text - 1, ret_text) != RHAI_OK) {
        rhai_value_done(r->engine, ret_name);
        return rhai_throw_out_of_memory(call);
    }
    return RHAI_OK;
}

static void evaluate(run *r, const char *script, const char *expected, long n) {
    rhai_error *error = NULL;
    rhai_value v;
    if (rhai_eval(r->engine, script, strlen(script), NULL, &v, &error) == RHAI_OK) {
        rhai_value shown;
        if (rhai_to_text(r->engine, &v, &shown) == RHAI_OK) {
            assert_string_equal(rhai_as_text(&shown, NULL), expected);
            rhai_value_done(r->engine, &shown);
        }
        rhai_value_done(r->engine, &v);
    } else {
        const char *text = rhai_error_text(error);
        if (!strstr(text, "memory")) fail_msg("allocation %ld of\n%s\n%s", n, script, text);
        rhai_error_free(error);
    }
}

/* True when all was done before allocation number `n`. */
static bool runs_before(const char *script, const char *expected, long n) {
    run r = {.countdown = n};
    rhai_config config = {.allocator = failing_alloc, .allocator_data = &r};
    r.engine = rhai_engine_new(&config);
    if (r.engine) {
        rhai_engine_on_print(r.engine, ignore_print, NULL);
        rhai_engine_set_resolver(r.engine, resolve, &r);
        evaluate(&r, script, expected, n);
    }
    rhai_engine_free(r.engine);
    if (r.used != 0) fail_msg("allocation %ld of\n%s\nleaves %zu bytes", n, script, r.used);
    return r.countdown > 0;
}

static void check_every_allocation(const char *script, const char *expected) {
    long n = 1;
    while (!runs_before(script, expected, n))
        n++;
    assert_in_range(n, 10, MAX_ALLOCATIONS);
}

static void closures_and_loops(void **state) {
    (void)state;
    check_every_allocation("let fs = []; let n = 0;\n"
                           "for (i, k) in 0..3 { let j = i * k; fs.push(|| { n += j; n }); }\n"
                           "for f in fs { f.call(); }\n"
                           "let g = |a, b, c| a + b + c; let h = g.curry(n).curry(1);\n"
                           "fn named(x) { x + 1 }\n"
                           "let m = #{ v: 1, inc: |x| { this.v += x; this.v } };\n"
                           "m.inc(h.call(2)); [1, 2].map(named).reduce(|a, b| a + b, m.v)",
                           "14");
}

static void chains_and_containers(void **state) {
    (void)state;
    check_every_allocation(
        "let m = #{ a: [1, #{ b: \"text\", c: blob(3, 7) }], s: \"abc\", x: 5 };\n"
        "let other = m;\n"
        "m.a[1].b[0] = 'X'; m.a[1].c[1] += 5; m.s[0..1] = \"zz\"; m.x[3] = true;\n"
        "m.a[1].b += 'y'; m.nine = 9; m[\"ten\"] = [10]; m.ten.push(m?.q?.r ?? 11);\n"
        "fn grow(v) { this.a.push(v); this }\n"
        "m.grow(1).grow([2]); const K = m; let t = `${m.a} ${other.s} ${K.x}`;\n"
        "switch t { \"no\" => 0, _ => t.len }",
        "45");
}

static void errors_and_eval(void **state) {
    (void)state;
    check_every_allocation(
        "fn f(n) { if n == 0 { throw #{ code: n }; }\n"
        "          try { f(n - 1) } catch (e) { if n > 1 { throw; } throw `${n}`; } }\n"
        "let seen = [];\n"
        "try { f(3); } catch (e) { seen.push(e); }\n"
        "try { [1][5] } catch (e) { seen.push(e.error); }\n"
        "try { nope(1) } catch (e) { seen.push(e.line); }\n"
        "let x = 5; eval(\"let y = x * 2; x += y;\");\n"
        "fn see(k) { x * k } let z = see!(2) + call!(Fn(\"see\"), 3);\n"
        "try { eval(\"1 +\") } catch { seen.push(y + z); }\n"
        "seen.len + x + z",
        "94");
}

static void modules(void **state) {
    (void)state;
    check_every_allocation("import \"m\" as m; import \"n\" as n;\n"
                           "const K = m::X[1].a; fn k() { global::K + m::add(1, 1) }\n"
                           "let g = m::adder(3); let caught = 0;\n"
                           "try { m::boom(); } catch { caught += 1; }\n"
                           "{ import \"o\" as o; caught += o::add(1, 2); }\n"
                           "[5.twice(), g.call(4), k(), caught, n::X.len]",
                           "[10, 7, 4, 4, 2]");
}

/* Its functions are parsed when they are called. */
static void a_long_script(void **state) {
    (void)state;
    static const char functions[] =
        "fn add(a, b) { let s = [a, \"text\"]; s[0] + b }\n"
        "fn i64.twice() { this * 2 }\n"
        "fn empty() {} fn soon_empty() { if false { 1 } }\n"
        "fn closes(k) { || k + 1 }\n"
        "fn scoped(n) { let r = 0; for i in 0..n { if i % 2 == 0 { continue; } r += i + z; } r }\n"
        "let z = 1; let add3 = Fn(\"add\").curry(3);\n"
        "[add(1, 2), 5.twice(), empty(), soon_empty(), closes(7).call(), scoped!(4), "
        "add3.call(4)]\n";
    enum { SIZE = 40000 };
    char *script = malloc(SIZE);
    memset(script, ' ', SIZE);
    memcpy(script + SIZE - sizeof functions, functions, sizeof functions);
    check_every_allocation(script, "[3, 10, (), (), 8, 6, 7]");
    free(script);
}

/* What a script does until max_memory ends it: it cannot catch that, and learns where. */
static void max_memory_ends_scripts_where_they_grow(void **state) {
    (void)state;
    static const struct {
        const char *script, *error;
    } cases[] = {
        {"let s = \"abc\";\ntry { loop { s += s; } } catch { }",
         "Memory in use too large (line 2, position 16)"},
        {"let a = [1];\nloop { a = [a, [a]]; a.push([1, 2, 3]); }",
         "Memory in use too large (line 2, position "},
        {"let m = #{};\nlet i = 0;\nloop {\n  m[`k${i}`] = i;\n  i += 1;\n}",
         "Memory in use too large (line 4, position "},
        {"let f = [];\nloop {\n  let x = f.len;\n  f.push(|| x);\n}",
         "Memory in use too large (line 4, position "},
        {"let b =\n  blob(1000000000);", "Memory in use too large (line 2, position 3)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rhai_engine *engine = rhai_engine_new(NULL);
        assert_non_null(engine);
        rhai_engine_set_limit(engine, RHAI_MAX_MEMORY, 4 << 20);
        rhai_error *error = NULL;
        rhai_value v;
        assert_int_equal(
            rhai_eval(engine, cases[i].script, strlen(cases[i].script), NULL, &v, &error),
            RHAI_ERROR);
        const char *text = rhai_error_text(error);
        if (strncmp(text, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s\n%s", cases[i].script, text);
        /* The report itself needs a little more. */
        assert_true(rhai_engine_peak_memory(engine) <= (4 << 20) + 4096);
        rhai_error_free(error);
        rhai_engine_free(engine);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closures_and_loops),
        cmocka_unit_test(chains_and_containers),
        cmocka_unit_test(errors_and_eval),
        cmocka_unit_test(modules),
        cmocka_unit_test(a_long_script),
        cmocka_unit_test(max_memory_ends_scripts_where_they_grow),
    };
    return cmocka_run_group_tests_name("no memory", tests, NULL, NULL);
}
