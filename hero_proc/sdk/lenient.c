#include "hero_proc_sdk/lenient.h"

#include <ctype.h>
#include <hero_rpc/jsonrpc.h>
#include <string.h>

bool lenient_each(const char *names, bool (*visit)(void *ctx, const char *name, size_t len),
                  void *ctx) {
    for (size_t len; *names; names += len + (names[len] == '|')) {
        len = strcspn(names, "|");
        if (visit(ctx, names, len)) return true;
    }
    return false;
}

struct lookup {
    const json_t *object;
    bool (*is_wanted)(const json_t *value);
    json_t *found;
};

static bool look_up(void *ctx, const char *name, size_t len) {
    struct lookup *lookup = ctx;
    json_t *value = json_object_getn(lookup->object, name, len);
    if (!value || !lookup->is_wanted(value)) return false;
    lookup->found = value;
    return true;
}

static json_t *find(const json_t *object, const char *names,
                    bool (*is_wanted)(const json_t *value)) {
    struct lookup lookup = {object, is_wanted, NULL};
    lenient_each(names, look_up, &lookup);
    return lookup.found;
}

static bool is_value(const json_t *value) {
    return !json_is_null(value);
}
static bool is_text(const json_t *value) {
    return json_is_string(value);
}
static bool is_number(const json_t *value) {
    return json_is_number(value);
}
static bool is_array(const json_t *value) {
    return json_is_array(value);
}

json_t *lenient_get(const json_t *object, const char *names) {
    return find(object, names, is_value);
}

const char *lenient_text(const json_t *object, const char *names) {
    return json_string_value(find(object, names, is_text));
}

int64_t lenient_number(const json_t *object, const char *names, int64_t otherwise) {
    return rpc_json_integer(find(object, names, is_number), otherwise);
}

json_t *lenient_array(const json_t *object, const char *names) {
    return find(object, names, is_array);
}

json_t *lenient_list(const json_t *result, const char *names) {
    if (json_is_array(result)) return (json_t *)(uintptr_t)result;
    json_t *found = lenient_array(result, names), *value;
    if (found) return found;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)result, key, value) {
        if (!json_is_array(value)) continue;
        if (found) return NULL;
        found = value;
    }
    return found;
}

static const char *skip_separators(const char *text) {
    return text + strspn(text, "_- ");
}

bool lenient_equal(const char *a, const char *b) {
    for (;; a++, b++) {
        a = skip_separators(a);
        b = skip_separators(b);
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

int64_t lenient_time_ms(const json_t *value) {
    if (json_is_real(value)) return rpc_integer_of_real(json_real_value(value) * 1000);
    int64_t number = json_integer_value(value);
    if (number > INT64_C(100000000000000000)) return number / 1000000; /* nanoseconds */
    if (number > INT64_C(100000000000000)) return number / 1000;       /* microseconds */
    if (number > INT64_C(100000000000)) return number;
    return number > INT64_MIN / 1000 ? number * 1000 : INT64_MIN;
}
