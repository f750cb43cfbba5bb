/* time.c - timestamps: moments of the monotonic clock, in nanoseconds; and sleep.
 *
 * Seconds given as a float count to the millisecond, as in Rhai. A moment more than 292 years
 * from the clock's start does not fit.
 */
#include "lib/lib.h"
#include "lib/number_text.h"

#include <math.h>
#include <time.h>

enum { NS_PER_S = 1000000000, NS_PER_MS = 1000000 };

#define VALUE_TIMESTAMP(x) ((rhai_value){.type = RHAI_TIMESTAMP, .i = (x)})

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* later - earlier in seconds. The whole seconds and the rest are added as floats, which is
 * exactly what Rhai computes. */
static double seconds_between(int64_t earlier, int64_t later) {
    uint64_t ns = (uint64_t)later - (uint64_t)earlier;
    return (double)(ns / NS_PER_S) + (double)(ns % NS_PER_S) / NS_PER_S;
}

static rhai_status timestamp(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    *ret = VALUE_TIMESTAMP(now_ns());
    return RHAI_OK;
}

static rhai_status elapsed(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t now = now_ns();
    if (args[0].i > now) return call_fail_arithmetic(call, "Time-stamp is later than now");
    *ret = VALUE_FLOAT(seconds_between(args[0].i, now));
    return RHAI_OK;
}

static rhai_status difference(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    int64_t a = args[0].i, b = args[1].i;
    *ret = VALUE_FLOAT(b > a ? -seconds_between(a, b) : seconds_between(b, a));
    return RHAI_OK;
}

/* ---- Moving a timestamp ---- */

/* Adds or subtracts args[1], a number of seconds. */
static rhai_status moved(rhai_call *call, const rhai_value *args, bool is_add, int64_t *ret) {
    char buffer[PLAIN_FLOAT_SIZE];
    int64_t ns;
    bool fits;
    if (args[1].type == RHAI_INT) {
        fits = !__builtin_mul_overflow(args[1].i, (int64_t)NS_PER_S, &ns);
    } else {
        double seconds = args[1].f;
        if (fabs(seconds) > (double)INT64_MAX)
            /* Subtracting a negative number is adding, and the message says so. */
            return call_fail_arithmetic(call, "Integer overflow for timestamp %s: %s",
                                        is_add == (seconds > 0) ? "add" : "subtract",
                                        plain_float(fabs(seconds), buffer));
        double ms = isnan(seconds) ? 0.0 : trunc(seconds * 1000.0);
        fits = fabs(ms) < (double)INT64_MAX / NS_PER_MS;
        ns = fits ? (int64_t)ms * NS_PER_MS : 0;
    }
    fits = fits && !(is_add ? __builtin_add_overflow(args[0].i, ns, ret)
                            : __builtin_sub_overflow(args[0].i, ns, ret));
    if (fits) return RHAI_OK;
    if (args[1].type == RHAI_INT)
        return call_fail_arithmetic(call, "Timestamp overflow when %s %lld second(s)",
                                    is_add ? "adding" : "subtracting", (long long)args[1].i);
    return call_fail_arithmetic(call, "Timestamp overflow when %s %s second(s)",
                                is_add == (args[1].f > 0) ? "adding" : "subtracting",
                                plain_float(fabs(args[1].f), buffer));
}

static rhai_status moved_copy(rhai_call *call, const rhai_value *args, bool is_add,
                              rhai_value *ret) {
    int64_t ns;
    rhai_status status = moved(call, args, is_add, &ns);
    if (status == RHAI_OK) *ret = VALUE_TIMESTAMP(ns);
    return status;
}

static rhai_status move_in_place(rhai_call *call, rhai_value *args, bool is_add) {
    int64_t ns;
    rhai_status status = moved(call, args, is_add, &ns);
    if (status == RHAI_OK) args[0].i = ns;
    return status;
}

static rhai_status add(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return moved_copy(call, args, true, ret);
}

static rhai_status subtract(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return moved_copy(call, args, false, ret);
}

static rhai_status add_assign(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return move_in_place(call, args, true);
}

static rhai_status subtract_assign(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return move_in_place(call, args, false);
}

/* ---- Comparing ---- */

#define COMPARE_NATIVE(name, relation)                                                             \
    static rhai_status name(rhai_call *call, rhai_value *args, rhai_value *ret) {                  \
        (void)call;                                                                                \
        *ret = VALUE_BOOL(args[0].i relation args[1].i);                                           \
        return RHAI_OK;                                                                            \
    }

COMPARE_NATIVE(is_equal, ==)
COMPARE_NATIVE(is_unequal, !=)
COMPARE_NATIVE(is_earlier, <)
COMPARE_NATIVE(is_earlier_or_equal, <=)
COMPARE_NATIVE(is_later, >)
COMPARE_NATIVE(is_later_or_equal, >=)

/* ---- Sleeping ---- */

/* How long a script may go on sleeping after the engine was told to end it. */
enum { SLEEP_SLICE_NS = 10 * NS_PER_MS };

/* Sleeps in slices, because another thread's rhai_engine_terminate wakes nobody. */
static rhai_status sleep_for(rhai_call *call, double seconds) {
    double limit = (double)(INT64_MAX - now_ns()) / NS_PER_S - 1;
    int64_t end = now_ns() + (int64_t)((seconds < limit ? seconds : limit) * NS_PER_S);
    for (int64_t now = now_ns(); now < end; now = now_ns()) {
        if (rhai_engine_is_terminated(call->engine)) return rhai_throw_terminated(call);
        int64_t until = end - now < SLEEP_SLICE_NS ? end : now + SLEEP_SLICE_NS;
        struct timespec wake = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
    }
    return RHAI_OK;
}

static rhai_status sleep_int(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return args[0].i > 0 ? sleep_for(call, (double)args[0].i) : RHAI_OK;
}

static rhai_status sleep_float(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    double seconds = args[0].f;
    return isnormal(seconds) && seconds > 0 ? sleep_for(call, seconds) : RHAI_OK;
}

static const rhai_native time_functions[] = {
    {"timestamp", "", timestamp, RHAI_FN_VOLATILE, "timestamp() -> timestamp",
     "The current moment of a clock that never goes back."},
    {"elapsed", "t", elapsed, RHAI_FN_VOLATILE, "elapsed(timestamp: timestamp) -> float",
     "Seconds that have passed since the timestamp; one that lies ahead is an error."},
    {"get$elapsed", "t", elapsed, RHAI_FN_VOLATILE, "timestamp.elapsed -> float",
     "Seconds that have passed since the timestamp; one that lies ahead is an error."},
    {"-", "tt", difference, 0, "-(x: timestamp, y: timestamp) -> float",
     "Seconds from `y` to `x`, negative when `y` is later."},
    {"+", "ti", add, 0, "+(timestamp: timestamp, seconds: int) -> timestamp",
     "A moment that many seconds later."},
    {"+", "tf", add, 0, "+(timestamp: timestamp, seconds: float) -> timestamp",
     "A moment that many seconds later, to the millisecond."},
    {"-", "ti", subtract, 0, "-(timestamp: timestamp, seconds: int) -> timestamp",
     "A moment that many seconds earlier."},
    {"-", "tf", subtract, 0, "-(timestamp: timestamp, seconds: float) -> timestamp",
     "A moment that many seconds earlier, to the millisecond."},
    {"+=", "ti", add_assign, RHAI_FN_MUTATES, "+=(timestamp: timestamp, seconds: int)",
     "Moves a timestamp ahead."},
    {"+=", "tf", add_assign, RHAI_FN_MUTATES, "+=(timestamp: timestamp, seconds: float)",
     "Moves a timestamp ahead, to the millisecond."},
    {"-=", "ti", subtract_assign, RHAI_FN_MUTATES, "-=(timestamp: timestamp, seconds: int)",
     "Moves a timestamp back."},
    {"-=", "tf", subtract_assign, RHAI_FN_MUTATES, "-=(timestamp: timestamp, seconds: float)",
     "Moves a timestamp back, to the millisecond."},
    {"==", "tt", is_equal, 0, "==(x: timestamp, y: timestamp) -> bool",
     "Tells whether both are the same moment."},
    {"!=", "tt", is_unequal, 0, "!=(x: timestamp, y: timestamp) -> bool",
     "Tells whether they are different moments."},
    {"<", "tt", is_earlier, 0, "<(x: timestamp, y: timestamp) -> bool",
     "Tells whether `x` is earlier than `y`."},
    {"<=", "tt", is_earlier_or_equal, 0, "<=(x: timestamp, y: timestamp) -> bool",
     "Tells whether `x` is not later than `y`."},
    {">", "tt", is_later, 0, ">(x: timestamp, y: timestamp) -> bool",
     "Tells whether `x` is later than `y`."},
    {">=", "tt", is_later_or_equal, 0, ">=(x: timestamp, y: timestamp) -> bool",
     "Tells whether `x` is not earlier than `y`."},
    {"sleep", "i", sleep_int, RHAI_FN_VOLATILE, "sleep(seconds: int)",
     "Waits; not at all when the number is not positive."},
    {"sleep", "f", sleep_float, RHAI_FN_VOLATILE, "sleep(seconds: float)",
     "Waits, also for parts of a second; not at all when the number is not positive."},
};
LIB_PACKAGE(time);
