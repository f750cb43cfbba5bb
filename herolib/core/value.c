/* value.c - small functions on values: join, println, progress, assertions. */
#include "core/module.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much of a value an assertion's error quotes. */
#define QUOTED_BYTES 300

/* ---- join -------------------------------------------------------------------------------- */

struct joined {
    char *text;
    size_t len, cap;
};

/* Makes room for `len` more bytes. */
static bool join_reserve(struct joined *joined, size_t len) {
    if (joined->len + len <= joined->cap) return true;
    size_t cap = 2 * (joined->len + len);
    char *grown = realloc(joined->text, cap);
    if (!grown) return false;
    joined->text = grown;
    joined->cap = cap;
    return true;
}

static bool join_add(struct joined *joined, const char *text, size_t len) {
    if (!join_reserve(joined, len)) return false;
    if (len > 0) memcpy(joined->text + joined->len, text, len);
    joined->len += len;
    return true;
}

static bool join_add_value(rhai_engine *engine, struct joined *joined, const rhai_value *value) {
    rhai_value text;
    size_t len;
    if (rhai_to_text(engine, value, &text) != RHAI_OK) return false;
    const char *bytes = rhai_as_text(&text, &len);
    bool is_added = join_add(joined, bytes, len);
    rhai_value_done(engine, &text);
    return is_added;
}

static rhai_status value_join(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct joined joined = {0};
    size_t separator_len, count = rhai_array_len(&args[0]);
    const char *separator = rhai_as_text(&args[1], &separator_len);
    bool is_joined = join_reserve(&joined, 1); /* a text also when it is empty */
    for (size_t i = 0; i < count && is_joined; i++)
        is_joined = (i == 0 || join_add(&joined, separator, separator_len)) &&
                    join_add_value(rhai_call_engine(call), &joined, rhai_array_at(&args[0], i));
    if (is_joined) return text_take(call, joined.text, joined.len, ret);
    free(joined.text);
    return rhai_throw_out_of_memory(call);
}

/* ---- println, progress ------------------------------------------------------------------- */

static rhai_status value_println(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const herolib_output *output = &herolib_call_session(call)->output;
    struct joined line = {0};
    bool is_made =
        rhai_call_nargs(call) == 0 || join_add_value(rhai_call_engine(call), &line, &args[0]);
    is_made = is_made && join_add(&line, "\n", 1);
    if (is_made) output->write(output->data, HEROLIB_STDOUT, line.text, line.len);
    free(line.text);
    return is_made ? RHAI_OK : rhai_throw_out_of_memory(call);
}

static bool take_number(const rhai_value *value, double *ret) {
    bool is_int = rhai_type_of(value) == RHAI_INT;
    if (!is_int && rhai_type_of(value) != RHAI_FLOAT) return false;
    *ret = is_int ? (double)rhai_as_int(value) : rhai_as_float(value);
    return isfinite(*ret) && *ret >= 0;
}

static rhai_status value_progress(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const herolib_output *output = &herolib_call_session(call)->output;
    double done, total;
    size_t len = 0;
    const char *text = rhai_call_nargs(call) > 2 ? rhai_as_text(&args[2], &len) : "";
    if (!take_number(&args[0], &done) || !take_number(&args[1], &total))
        return rhai_throw(call, "progress: done and total must be numbers from 0 on");
    output->progress(output->data, done, total, text, len);
    return RHAI_OK;
}

/* ---- Assertions -------------------------------------------------------------------------- */

static rhai_status value_assert(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    size_t len;
    if (rhai_as_bool(&args[0])) return RHAI_OK;
    if (rhai_call_nargs(call) == 1) return rhai_throw(call, "assertion failed");
    return rhai_throw(call, "assertion failed: %s", rhai_as_text(&args[1], &len));
}

/* As the script's own == has it, whose meaning may be that of a type or of the script. */
static rhai_status are_equal(rhai_call *call, const rhai_value *args, bool *ret) {
    static const char operator[] = "|a, b| a == b";
    rhai_engine *engine = rhai_call_engine(call);
    rhai_value function, equal = rhai_unit(), pair[2];
    if (rhai_eval(engine, operator, sizeof operator- 1, NULL, &function, NULL) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    rhai_value_copy(&args[0], &pair[0]);
    rhai_value_copy(&args[1], &pair[1]);
    rhai_status status = rhai_call_value(call, &function, NULL, pair, 2, &equal);
    rhai_value_done(engine, &function);
    if (status == RHAI_OK) *ret = rhai_type_of(&equal) == RHAI_BOOL && rhai_as_bool(&equal);
    rhai_value_done(engine, &equal);
    return status;
}

static rhai_status throw_values(rhai_call *call, rhai_value *args, const char *relation) {
    rhai_engine *engine = rhai_call_engine(call);
    rhai_value left = rhai_unit(), right = rhai_unit();
    rhai_status status = RHAI_ERROR;
    if (rhai_to_debug(engine, &args[0], &left) != RHAI_OK ||
        rhai_to_debug(engine, &args[1], &right) != RHAI_OK) {
        rhai_throw_out_of_memory(call);
    } else {
        size_t len;
        const char *message = rhai_call_nargs(call) > 2 ? rhai_as_text(&args[2], &len) : "";
        rhai_throw(call, "assertion failed: %s%s%.*s %s %.*s", message, *message ? ": " : "",
                   QUOTED_BYTES, rhai_as_text(&left, &len), relation, QUOTED_BYTES,
                   rhai_as_text(&right, &len));
    }
    rhai_value_done(engine, &left);
    rhai_value_done(engine, &right);
    return status;
}

static rhai_status value_assert_eq(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    bool is_equal = false;
    if (are_equal(call, args, &is_equal) != RHAI_OK) return RHAI_ERROR;
    return is_equal ? RHAI_OK : throw_values(call, args, "is not equal to");
}

static rhai_status value_assert_ne(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    bool is_equal = false;
    if (are_equal(call, args, &is_equal) != RHAI_OK) return RHAI_ERROR;
    return is_equal ? throw_values(call, args, "is equal to") : RHAI_OK;
}

#define PROGRESS_DOC                                                                               \
    "Shows how far the script has come, as a bar where the output is looked at. A total of 0 "     \
    "means "                                                                                       \
    "that nobody knows."
#define EQ_DOC "An error that shows both values unless they are equal, as == has it."
#define NE_DOC "An error that shows both values when they are equal, as == has it."
#define ASSERT_DOC "An error with the message unless the condition is true."

static const rhai_native functions[] = {
    {"join", "as", value_join, 0, "join(array: array, separator: string) -> string",
     "The elements as text, as print shows them, with the separator between them."},
    {"println", "", value_println, RHAI_FN_VOLATILE, "println()", "Prints an empty line."},
    {"println", "?", value_println, RHAI_FN_VOLATILE, "println(value: any)", "The same as print."},
    {"progress", "??", value_progress, RHAI_FN_VOLATILE, "progress(done: number, total: number)",
     PROGRESS_DOC},
    {"progress", "??s", value_progress, RHAI_FN_VOLATILE,
     "progress(done: number, total: number, text: string)", PROGRESS_DOC},
    {"assert", "b", value_assert, RHAI_FN_VOLATILE, "assert(condition: bool)",
     "An error unless the condition is true."},
    {"assert", "bs", value_assert, RHAI_FN_VOLATILE, "assert(condition: bool, message: string)",
     ASSERT_DOC},
    {"assert_true", "b", value_assert, RHAI_FN_VOLATILE, "assert_true(condition: bool)",
     "An error unless the condition is true."},
    {"assert_true", "bs", value_assert, RHAI_FN_VOLATILE,
     "assert_true(condition: bool, message: string)", ASSERT_DOC},
    {"assert_eq", "??", value_assert_eq, RHAI_FN_VOLATILE, "assert_eq(left: any, right: any)",
     EQ_DOC},
    {"assert_eq", "??s", value_assert_eq, RHAI_FN_VOLATILE,
     "assert_eq(left: any, right: any, message: string)", EQ_DOC},
    {"assert_ne", "??", value_assert_ne, RHAI_FN_VOLATILE, "assert_ne(left: any, right: any)",
     NE_DOC},
    {"assert_ne", "??s", value_assert_ne, RHAI_FN_VOLATILE,
     "assert_ne(left: any, right: any, message: string)", NE_DOC},
};

const herolib_module herolib_core_value_module = {
    .name = "core",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
