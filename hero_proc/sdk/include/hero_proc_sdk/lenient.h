/*
 * Reading answers of servers whose spelling is not known beforehand. `names` are alternatives
 * separated by '|'; the first one that is there and of the kind asked for is taken. What is no
 * object has no members. Everything returned is borrowed.
 */
#ifndef HERO_PROC_SDK_LENIENT_H
#define HERO_PROC_SDK_LENIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls back for each alternative until one returns true; says whether one did. */
bool lenient_each(const char *names, bool (*visit)(void *ctx, const char *name, size_t len),
                  void *ctx);

json_t *lenient_get(const json_t *object, const char *names);      /* a null is not there */
const char *lenient_text(const json_t *object, const char *names); /* NULL: none */
int64_t lenient_number(const json_t *object, const char *names, int64_t otherwise);
json_t *lenient_array(const json_t *object, const char *names);
/* The array in a result: the result itself, one of these members, or its only array. */
json_t *lenient_list(const json_t *result, const char *names);

/* The same letters, whatever their case, without '_', '-' and ' '. */
bool lenient_equal(const char *a, const char *b);

/* A moment in milliseconds, whichever unit a server counts in: seconds, milli-, micro- or
 * nanoseconds since 1970 are told apart by their size. */
int64_t lenient_time_ms(const json_t *value);

#endif
