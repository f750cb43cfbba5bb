/* rand.c - random numbers, shuffling, sampling, as the Rhai Book's rhai-rand has them.
 *
 * All come from getrandom(2): there is no state that two processes forked from one engine could
 * share.
 */
#include "core/module.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- Where they come from ---------------------------------------------------------------- */

/* getrandom gives this much in one piece, and is not interrupted by signals. */
#define POOL_BYTES 256

/* Random bytes for one call of a function. */
struct pool {
    uint64_t numbers[POOL_BYTES / sizeof(uint64_t)];
    size_t left, size;
};

/* `size` numbers are fetched at a time. */
static struct pool pool_of(size_t size) {
    const size_t max = POOL_BYTES / sizeof(uint64_t);
    return (struct pool){.size = size < max ? size : max};
}

static rhai_status next_number(rhai_call *call, struct pool *pool, uint64_t *ret) {
    if (pool->left == 0) {
        size_t bytes = pool->size * sizeof *pool->numbers;
        if (getrandom(pool->numbers, bytes, 0) != (ssize_t)bytes)
            return rhai_throw(call, "rand: no random numbers: %s", strerror(errno));
        pool->left = pool->size;
    }
    *ret = pool->numbers[--pool->left];
    return RHAI_OK;
}

/* 0 <= *ret <= max, each as likely: numbers beyond the last whole round are thrown away. */
static rhai_status number_up_to(rhai_call *call, struct pool *pool, uint64_t max, uint64_t *ret) {
    uint64_t number = 0;
    do
        if (next_number(call, pool, &number) != RHAI_OK) return RHAI_ERROR;
    while (max != UINT64_MAX && number >= UINT64_MAX - UINT64_MAX % (max + 1));
    *ret = max == UINT64_MAX ? number : number % (max + 1);
    return RHAI_OK;
}

/* 0 <= *ret < 1, in steps of 2^-53. */
static rhai_status unit_number(rhai_call *call, double *ret) {
    struct pool pool = pool_of(1);
    uint64_t number = 0;
    if (next_number(call, &pool, &number) != RHAI_OK) return RHAI_ERROR;
    *ret = (double)(number >> 11) * 0x1p-53;
    return RHAI_OK;
}

/* ---- Numbers ----------------------------------------------------------------------------- */

static rhai_status give_between(rhai_call *call, int64_t from, int64_t to, rhai_value *ret) {
    struct pool pool = pool_of(1);
    uint64_t number = 0;
    if (number_up_to(call, &pool, (uint64_t)to - (uint64_t)from, &number) != RHAI_OK)
        return RHAI_ERROR;
    *ret = rhai_from_int((int64_t)((uint64_t)from + number));
    return RHAI_OK;
}

static rhai_status rand_any(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    return give_between(call, INT64_MIN, INT64_MAX, ret);
}

static rhai_status rand_range(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t from, to;
    rhai_as_range(&args[0], &from, &to);
    if (from >= to)
        return rhai_throw(call, "rand: the range %lld..%lld is empty", (long long)from,
                          (long long)to);
    return give_between(call, from, to - 1, ret);
}

static rhai_status give_inclusive(rhai_call *call, int64_t from, int64_t to, rhai_value *ret) {
    if (from <= to) return give_between(call, from, to, ret);
    return rhai_throw(call, "rand: the range %lld..=%lld is empty", (long long)from, (long long)to);
}

static rhai_status rand_range_inclusive(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t from, to;
    rhai_as_range(&args[0], &from, &to);
    return give_inclusive(call, from, to, ret);
}

static rhai_status rand_between(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return give_inclusive(call, rhai_as_int(&args[0]), rhai_as_int(&args[1]), ret);
}

static rhai_status rand_float(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    double number;
    if (unit_number(call, &number) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_float(number);
    return RHAI_OK;
}

static rhai_status rand_float_between(rhai_call *call, rhai_value *args, rhai_value *ret) {
    double from = rhai_as_float(&args[0]), to = rhai_as_float(&args[1]), number;
    if (!(from < to) || !isfinite(from) || !isfinite(to))
        return rhai_throw(call, "rand: there are no numbers between %g and %g", from, to);
    if (unit_number(call, &number) != RHAI_OK) return RHAI_ERROR;
    /* In halves, as the distance may be more than a float can hold. Rounding may reach the end. */
    double given = (from / 2 + (to / 2 - from / 2) * number) * 2;
    *ret = rhai_from_float(given < to ? fmax(given, from) : nextafter(to, from));
    return RHAI_OK;
}

static rhai_status rand_bool(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    double number;
    if (unit_number(call, &number) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_bool(number < 0.5);
    return RHAI_OK;
}

static rhai_status rand_bool_with(rhai_call *call, rhai_value *args, rhai_value *ret) {
    double probability = rhai_as_float(&args[0]), number;
    if (!(probability >= 0 && probability <= 1))
        return rhai_throw(call, "rand: the probability %g is not between 0.0 and 1.0", probability);
    if (unit_number(call, &number) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_bool(number < probability);
    return RHAI_OK;
}

/* ---- Arrays ------------------------------------------------------------------------------ */

/* Picks `count` different places of `len` in random order: the first steps of a shuffle
 * (Durstenfeld). From malloc; NULL after an error. */
static size_t *pick_places(rhai_call *call, size_t len, size_t count) {
    size_t *places = malloc((len + 1) * sizeof *places);
    if (!places) {
        rhai_throw_out_of_memory(call);
        return NULL;
    }
    for (size_t i = 0; i < len; i++)
        places[i] = i;
    struct pool pool = pool_of(count);
    for (size_t i = 0; i < count; i++) {
        uint64_t distance;
        if (number_up_to(call, &pool, len - 1 - i, &distance) != RHAI_OK) {
            free(places);
            return NULL;
        }
        size_t place = places[i + distance];
        places[i + distance] = places[i];
        places[i] = place;
    }
    return places;
}

/* A new array of `count` elements of another, chosen at random. */
static rhai_status choose(rhai_call *call, const rhai_value *array, size_t count, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    size_t *places = pick_places(call, rhai_array_len(array), count);
    if (!places) return RHAI_ERROR;
    rhai_value chosen = rhai_unit();
    rhai_status status = rhai_new_array(engine, &chosen);
    for (size_t i = 0; i < count && status == RHAI_OK; i++) {
        rhai_value item;
        rhai_value_copy(rhai_array_at(array, places[i]), &item);
        status = rhai_array_push(engine, &chosen, &item);
    }
    free(places);
    if (status == RHAI_OK) {
        *ret = chosen;
        return RHAI_OK;
    }
    rhai_value_done(engine, &chosen);
    return rhai_throw_out_of_memory(call);
}

static rhai_status array_shuffle(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    rhai_value shuffled;
    if (choose(call, &args[0], rhai_array_len(&args[0]), &shuffled) != RHAI_OK) return RHAI_ERROR;
    shuffled.tag = args[0].tag;
    rhai_value_done(rhai_call_engine(call), &args[0]);
    args[0] = shuffled;
    return RHAI_OK;
}

static rhai_status array_sample(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len = rhai_array_len(&args[0]);
    struct pool pool = pool_of(1);
    uint64_t place;
    if (len == 0) return RHAI_OK;
    if (number_up_to(call, &pool, len - 1, &place) != RHAI_OK) return RHAI_ERROR;
    rhai_value_copy(rhai_array_at(&args[0], place), ret);
    return RHAI_OK;
}

static rhai_status array_sample_many(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t wanted = rhai_as_int(&args[1]);
    size_t len = rhai_array_len(&args[0]), count = wanted > 0 ? (size_t)wanted : 0;
    return choose(call, &args[0], count < len ? count : len, ret);
}

static const rhai_native functions[] = {
    {"rand", "", rand_any, RHAI_FN_VOLATILE, "rand() -> int", "A random integer of all there are."},
    {"rand", "r", rand_range, RHAI_FN_VOLATILE, "rand(range: range) -> int",
     "A random integer of the range start..end, whose end is not in it."},
    {"rand", "R", rand_range_inclusive, RHAI_FN_VOLATILE, "rand(range: range=) -> int",
     "A random integer of the range start..=end."},
    {"rand", "ii", rand_between, RHAI_FN_VOLATILE, "rand(start: int, end: int) -> int",
     "A random integer from start to end, which is in it."},
    {"rand_float", "", rand_float, RHAI_FN_VOLATILE, "rand_float() -> float",
     "A random float from 0.0 to 1.0, which is not in it."},
    {"rand_float", "ff", rand_float_between, RHAI_FN_VOLATILE,
     "rand_float(start: float, end: float) -> float",
     "A random float from start to end, which is not in it."},
    {"rand_bool", "", rand_bool, RHAI_FN_VOLATILE, "rand_bool() -> bool",
     "true or false, each as likely."},
    {"rand_bool", "f", rand_bool_with, RHAI_FN_VOLATILE, "rand_bool(probability: float) -> bool",
     "true with the probability, from 0.0 (never) to 1.0 (always)."},
    {"shuffle", "a", array_shuffle, RHAI_FN_MUTATES | RHAI_FN_VOLATILE, "shuffle(array: array)",
     "Puts the elements of the array into random order."},
    {"sample", "a", array_sample, RHAI_FN_VOLATILE, "sample(array: array) -> any",
     "A random element of the array; () when there is none."},
    {"sample", "ai", array_sample_many, RHAI_FN_VOLATILE,
     "sample(array: array, count: int) -> array",
     "So many different elements of the array in random order; all of them when it has no more."},
};

const herolib_module herolib_rand_module = {
    .name = "rand",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
