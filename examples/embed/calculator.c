/* A calculator: Rhai expressions with functions written in C.
 *
 * Reads a line at a time and prints its value. Variables stay from line to line. The functions
 * show overloads by type (`mean` of two integers, of two floats, of an array), an operator for
 * types that Rhai has none for (text times a number), user data, and errors that scripts can
 * catch.
 */
#include <math.h>
#include <rhai/rhai.h>
#include <stdio.h>
#include <string.h>

/* mean(int, int): args have the types that the table says, nothing is left to check. */
static rhai_status mean_ints(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_float(((double)rhai_as_int(&args[0]) + (double)rhai_as_int(&args[1])) / 2);
    return RHAI_OK;
}

static rhai_status mean_floats(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_float((rhai_as_float(&args[0]) + rhai_as_float(&args[1])) / 2);
    return RHAI_OK;
}

/* The number in an element of an array, which may be of any type. */
static rhai_status number_of(rhai_call *call, const rhai_value *v, double *ret) {
    switch (rhai_type_of(v)) {
    case RHAI_INT: *ret = (double)rhai_as_int(v); return RHAI_OK;
    case RHAI_FLOAT: *ret = rhai_as_float(v); return RHAI_OK;
    default:
        return rhai_throw(call, "mean: %s is not a number",
                          rhai_type_name(rhai_call_engine(call), v));
    }
}

static rhai_status mean_array(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len = rhai_array_len(&args[0]);
    double sum = 0, number = 0;
    if (len == 0) return rhai_throw(call, "mean: the array is empty");
    for (size_t i = 0; i < len; i++) {
        if (number_of(call, rhai_array_at(&args[0], i), &number) != RHAI_OK) return RHAI_ERROR;
        sum += number;
    }
    *ret = rhai_from_float(sum / (double)len);
    return RHAI_OK;
}

static rhai_status hypotenuse(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_float(hypot(rhai_as_float(&args[0]), rhai_as_float(&args[1])));
    return RHAI_OK;
}

/* "ab" * 3, an operator for types that Rhai has none for. */
static rhai_status repeat_text(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len;
    const char *text = rhai_as_text(&args[0], &len);
    char buffer[256];
    int64_t count = rhai_as_int(&args[1]);
    if (count < 0 || (len && (uint64_t)count > sizeof buffer / len))
        return rhai_throw(call, "the text would be too long");
    for (int64_t i = 0; i < count; i++)
        memcpy(buffer + (size_t)i * len, text, len);
    return rhai_from_text(rhai_call_engine(call), buffer, (size_t)count * len, ret);
}

/* User data: every call of `count` raises the number that was registered with it. */
static rhai_status count_up(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    int64_t *calls = rhai_call_data(call);
    *ret = rhai_from_int(++*calls);
    return RHAI_OK;
}

static const rhai_native functions[] = {
    {"mean", "ii", mean_ints, 0, "mean(x: int, y: int) -> float", "The mean of two numbers."},
    {"mean", "ff", mean_floats, 0, "mean(x: float, y: float) -> float", "The mean of two numbers."},
    {"mean", "a", mean_array, 0, "mean(numbers: array) -> float", "The mean of all numbers."},
    {"hypot", "ff", hypotenuse, 0, "hypot(a: float, b: float) -> float",
     "The longest side of a right-angled triangle."},
    {"*", "si", repeat_text, 0, "string * int -> string", "The text several times over."},
};

static const rhai_native counter[] = {
    {"count", "", count_up, RHAI_FN_VOLATILE, "count() -> int", "How often it was called."},
};

static void calculate(rhai_engine *engine, rhai_scope *scope, const char *line) {
    rhai_value value, shown;
    rhai_error *error = NULL;
    if (rhai_eval(engine, line, strlen(line), scope, &value, &error) == RHAI_ERROR) {
        printf("error: %s\n", rhai_error_text(error));
        rhai_error_free(error);
        return;
    }
    if (rhai_type_of(&value) != RHAI_UNIT && rhai_to_text(engine, &value, &shown) == RHAI_OK) {
        printf("%s\n", rhai_as_text(&shown, NULL));
        rhai_value_done(engine, &shown);
    }
    rhai_value_done(engine, &value);
}

int main(void) {
    char line[1024];
    int64_t calls = 0;
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_scope *scope = engine ? rhai_scope_new(engine) : NULL;
    if (!scope ||
        rhai_register(engine, functions, sizeof functions / sizeof functions[0], NULL) != RHAI_OK ||
        rhai_register(engine, counter, 1, &calls) != RHAI_OK) {
        fprintf(stderr, "out of memory\n");
        rhai_engine_free(engine);
        return 1;
    }
    rhai_engine_set_limit(engine, RHAI_MAX_OPERATIONS, 1000000);
    while (fgets(line, sizeof line, stdin))
        calculate(engine, scope, line);
    rhai_scope_free(engine, scope);
    rhai_engine_free(engine);
    return 0;
}
