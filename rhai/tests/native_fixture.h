/* native_fixture.h - calls single natives of the standard library, without any script.
 *
 * The engine behind the calls is there for its heap and its limits. Expectations compare with
 * the debug form of values, as a script would see them.
 */
#ifndef RHAI_TESTS_NATIVE_FIXTURE_H
#define RHAI_TESTS_NATIVE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "lib/lib.h"

static rhai_engine *engine;
static rhai_call call; /* of the last native; its error stays until the next */

static int start_engine(void **state) {
    (void)state;
    engine = rhai_engine_new(NULL);
    return engine ? 0 : -1;
}

static int stop_engine(void **state) {
    (void)state;
    rhai_error_free(call.error);
    call = (rhai_call){0};
    rhai_engine_free(engine);
    return 0;
}

static inline rhai_value text_value(const char *s) {
    rhai_value v;
    assert_int_equal(rhai_from_text(engine, s, strlen(s), &v), RHAI_OK);
    return v;
}

static inline rhai_value range_value(int64_t from, int64_t to, bool inclusive) {
    rhai_value v;
    assert_true(value_new_range(&engine->heap, from, to, inclusive, &v));
    return v;
}

#define INT(x) VALUE_INT(x)
#define FLOAT(x) VALUE_FLOAT(x)
#define CHAR(x) VALUE_CHAR(x)
#define BOOL(x) VALUE_BOOL(x)
#define BYTE(x) VALUE_BYTE(x)
#define TEXT(x) text_value(x)
#define RANGE(from, to) range_value(from, to, false)
#define RANGE_INCLUSIVE(from, to) range_value(from, to, true)

static const rhai_native *find_native(const package *p, const char *name, const char *params) {
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->functions[i].name, name) && !strcmp(p->functions[i].params, params))
            return &p->functions[i];
    fail_msg("there is no native %s(%s) in package %s", name, params, p->name);
    return NULL;
}

/* Calls a native on `args`, which stay the caller's. */
static inline rhai_status call_native(const package *p, const char *name, const char *params,
                                      rhai_value *args, rhai_value *ret) {
    rhai_error_free(call.error);
    call = (rhai_call){.engine = engine,
                       .h = &engine->heap,
                       .vm = engine->vm,
                       .native = find_native(p, name, params),
                       .nargs = (uint32_t)strlen(params),
                       .pos = {7, 3}};
    *ret = VALUE_UNIT;
    return call.native->fn(&call, args, ret);
}

static inline void assert_value_shows(const rhai_value *v, const char *expected) {
    rhai_value shown;
    assert_int_equal(rhai_to_debug(engine, v, &shown), RHAI_OK);
    assert_string_equal(rhai_as_text(&shown, NULL), expected);
    rhai_value_done(engine, &shown);
}

static inline void check_native(const package *p, const char *name, const char *params,
                                rhai_value *args, const char *result, const char *object) {
    rhai_value ret;
    if (call_native(p, name, params, args, &ret) != RHAI_OK)
        fail_msg("%s failed: %s", name, rhai_error_text(call.error));
    if (result) assert_value_shows(&ret, result);
    if (object) assert_value_shows(&args[0], object);
    rhai_value_done(engine, &ret);
    for (size_t i = 0; i < strlen(params); i++)
        rhai_value_done(engine, &args[i]);
}

static inline void check_native_fails(const package *p, const char *name, const char *params,
                                      rhai_value *args, const char *message) {
    rhai_value ret;
    assert_int_equal(call_native(p, name, params, args, &ret), RHAI_ERROR);
    assert_string_equal(rhai_error_text(call.error), message);
    assert_int_equal(ret.type, RHAI_UNIT);
    for (size_t i = 0; i < strlen(params); i++)
        rhai_value_done(engine, &args[i]);
}

/* assert_native(math, "sqrt", "f", "3.0", FLOAT(9)): the result. */
#define assert_native(package, name, params, result, ...)                                          \
    check_native(&package##_package, name, params, (rhai_value[]){__VA_ARGS__}, result, NULL)
/* ... of a native that changes its object: what that is afterwards. */
#define assert_changes(package, name, params, object, ...)                                         \
    check_native(&package##_package, name, params, (rhai_value[]){__VA_ARGS__}, NULL, object)
#define assert_fails(package, name, params, message, ...)                                          \
    check_native_fails(&package##_package, name, params, (rhai_value[]){__VA_ARGS__}, message)

/* All that iterating over `v`, a custom value, gives, as an array's debug form. */
static inline void assert_iterates(rhai_value v, const char *expected) {
    const custom *c = as_custom(&v);
    rhai_value all, item = VALUE_UNIT;
    assert_int_equal(rhai_new_array(engine, &all), RHAI_OK);
    int64_t state = 0;
    while (c->type->next(&call, c->object, &state, &item) == RHAI_OK)
        assert_int_equal(rhai_array_push(engine, &all, &item), RHAI_OK);
    assert_value_shows(&all, expected);
    rhai_value_done(engine, &all);
    rhai_value_done(engine, &v);
}

static inline rhai_value native_result(const package *p, const char *name, const char *params,
                                       rhai_value *args) {
    rhai_value ret;
    assert_int_equal(call_native(p, name, params, args, &ret), RHAI_OK);
    for (size_t i = 0; i < strlen(params); i++)
        rhai_value_done(engine, &args[i]);
    return ret;
}
#define result_of(package, name, params, ...)                                                      \
    native_result(&package##_package, name, params, (rhai_value[]){__VA_ARGS__})

#endif
