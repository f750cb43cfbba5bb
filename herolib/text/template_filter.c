/* template_filter.c - what stands behind "|". */
#include "text/template_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

static bool fail(struct template_error *err, const char *filter, const char *what) {
    snprintf(err->message, sizeof err->message, "the filter `%s` %s", filter, what);
    return false;
}

static bool is_text(const rhai_value *value) {
    return rhai_type_of(value) == RHAI_STRING;
}

/* Puts a text from malloc (NULL: out of memory) in the place of a value. */
static bool replace_value(rhai_engine *engine, rhai_value *value, char *text, size_t len,
                          struct template_error *err) {
    rhai_value made = rhai_unit();
    bool is_made = text && rhai_from_text(engine, text, len, &made) == RHAI_OK;
    free(text);
    if (!is_made) return template_fail_memory(err);
    rhai_value_done(engine, value);
    *value = made;
    return true;
}

typedef uint8_t *case_mapping(const uint8_t *text, size_t len, const char *language,
                              uninorm_t normalise, uint8_t *result, size_t *ret_len);

static bool map_case(rhai_engine *engine, rhai_value *value, const char *filter,
                     case_mapping *mapping, struct template_error *err) {
    if (!is_text(value)) return fail(err, filter, "needs a string");
    size_t len, mapped_len = 0;
    const char *text = rhai_as_text(value, &len);
    if (len == 0) return true;
    uint8_t *mapped = mapping((const uint8_t *)text, len, NULL, NULL, NULL, &mapped_len);
    return replace_value(engine, value, (char *)mapped, mapped_len, err);
}

static bool apply_upper(rhai_engine *engine, rhai_value *value, const rhai_value *args,
                        struct template_error *err) {
    (void)args;
    return map_case(engine, value, "upper", u8_toupper, err);
}

static bool apply_lower(rhai_engine *engine, rhai_value *value, const rhai_value *args,
                        struct template_error *err) {
    (void)args;
    return map_case(engine, value, "lower", u8_tolower, err);
}

static bool apply_trim(rhai_engine *engine, rhai_value *value, const rhai_value *args,
                       struct template_error *err) {
    (void)args;
    if (!is_text(value)) return fail(err, "trim", "needs a string");
    size_t len;
    const char *text = rhai_as_text(value, &len);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    rhai_value trimmed;
    if (rhai_from_text(engine, text, len, &trimmed) != RHAI_OK) return template_fail_memory(err);
    rhai_value_done(engine, value);
    *value = trimmed;
    return true;
}

static bool apply_length(rhai_engine *engine, rhai_value *value, const rhai_value *args,
                         struct template_error *err) {
    (void)args;
    size_t length;
    switch (rhai_type_of(value)) {
    case RHAI_STRING: {
        const char *text = rhai_as_text(value, &length);
        length = u8_mbsnlen((const uint8_t *)text, length);
        break;
    }
    case RHAI_ARRAY: length = rhai_array_len(value); break;
    case RHAI_MAP: length = rhai_map_len(value); break;
    default: return fail(err, "length", "needs a string, an array or a map");
    }
    rhai_value_done(engine, value);
    *value = rhai_from_int((int64_t)length);
    return true;
}

static bool write_joined(rhai_engine *engine, const rhai_value *array, const char *separator,
                         size_t separator_len, FILE *out) {
    for (size_t i = 0, count = rhai_array_len(array), len; i < count; i++) {
        rhai_value text;
        if (i > 0) fwrite(separator, 1, separator_len, out);
        if (rhai_to_text(engine, rhai_array_at(array, i), &text) != RHAI_OK) return false;
        const char *bytes = rhai_as_text(&text, &len);
        fwrite(bytes, 1, len, out);
        rhai_value_done(engine, &text);
    }
    return !ferror(out);
}

static bool apply_join(rhai_engine *engine, rhai_value *value, const rhai_value *args,
                       struct template_error *err) {
    if (rhai_type_of(value) != RHAI_ARRAY) return fail(err, "join", "needs an array");
    if (!is_text(&args[0]) && rhai_type_of(&args[0]) != RHAI_UNIT)
        return fail(err, "join", "needs a string as `sep`");
    size_t separator_len = 0, len = 0;
    const char *separator = is_text(&args[0]) ? rhai_as_text(&args[0], &separator_len) : "";
    char *text = NULL;
    FILE *out = open_memstream(&text, &len);
    if (!out) return template_fail_memory(err);
    bool is_written = write_joined(engine, value, separator, separator_len, out);
    if (fclose(out) != 0 || !is_written) {
        free(text);
        return template_fail_memory(err);
    }
    return replace_value(engine, value, text, len, err);
}

static void write_replaced(const char *text, size_t len, const char *from, size_t from_len,
                           const char *to, size_t to_len, FILE *out) {
    const char *end = text + len, *found;
    while (from_len > 0 && (found = memmem(text, (size_t)(end - text), from, from_len))) {
        fwrite(text, 1, (size_t)(found - text), out);
        fwrite(to, 1, to_len, out);
        text = found + from_len;
    }
    fwrite(text, 1, (size_t)(end - text), out);
}

static bool apply_replace(rhai_engine *engine, rhai_value *value, const rhai_value *args,
                          struct template_error *err) {
    if (!is_text(value)) return fail(err, "replace", "needs a string");
    if (!is_text(&args[0]) || !is_text(&args[1]))
        return fail(err, "replace", "needs the strings `from` and `to`");
    size_t len, from_len, to_len, made_len = 0;
    const char *text = rhai_as_text(value, &len);
    const char *from = rhai_as_text(&args[0], &from_len), *to = rhai_as_text(&args[1], &to_len);
    char *made = NULL;
    FILE *out = open_memstream(&made, &made_len);
    if (!out) return template_fail_memory(err);
    write_replaced(text, len, from, from_len, to, to_len, out);
    bool is_written = !ferror(out);
    if (fclose(out) != 0 || !is_written) {
        free(made);
        return template_fail_memory(err);
    }
    return replace_value(engine, value, made, made_len, err);
}

static const struct filter filters[] = {
    {.name = "upper", .apply = apply_upper},
    {.name = "lower", .apply = apply_lower},
    {.name = "trim", .apply = apply_trim},
    {.name = "length", .apply = apply_length},
    {.name = "join", .params = {"sep"}, .apply = apply_join},
    {.name = "replace", .params = {"from", "to"}, .apply = apply_replace},
    {.name = "default", .params = {"value"}, .is_default = true},
    {.name = "safe", .is_safe = true},
};

const struct filter *filter_find(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (strlen(filters[i].name) == len && memcmp(filters[i].name, name, len) == 0)
            return &filters[i];
    return NULL;
}
