/* regex_functions.c - regular expressions for scripts. */
#include "core/module.h"
#include "core/text.h"
#include "text/regex.h"
#include "text/regex_value.h"

#include <string.h>

struct search {
    struct regex *regex;
    const char *text;
    size_t len;
};

rhai_status regex_throw(rhai_call *call, const struct regex_error *err) {
    if (err->is_stopped) return rhai_throw_terminated(call);
    if (err->is_out_of_memory) return rhai_throw_out_of_memory(call);
    return rhai_throw(call, "regex: %s", err->message);
}

/* args: pattern, text. False after an error has been thrown. */
static bool begin(rhai_call *call, rhai_value *args, struct search *ret) {
    struct regex_error err = {0};
    size_t pattern_len;
    const char *pattern = rhai_as_text(&args[0], &pattern_len);
    ret->text = rhai_as_text(&args[1], &ret->len);
    ret->regex = regex_compile(herolib_call_session(call), pattern, pattern_len, false, &err);
    if (!ret->regex) regex_throw(call, &err);
    return ret->regex;
}

static rhai_status end(rhai_call *call, struct search *search, int found,
                       const struct regex_error *err) {
    regex_free(search->regex);
    return found < 0 ? regex_throw(call, err) : RHAI_OK;
}

static rhai_status text_regex_is_match(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct search search;
    struct regex_error err = {0};
    const struct regex_span *spans;
    if (!begin(call, args, &search)) return RHAI_ERROR;
    int found = regex_next(search.regex, search.text, search.len, 0, SIZE_MAX, &spans, &err);
    *ret = rhai_from_bool(found > 0);
    return end(call, &search, found, &err);
}

static rhai_status span_value(rhai_call *call, const struct search *search, struct regex_span span,
                              rhai_value *ret) {
    *ret = rhai_unit();
    if (span.start == SIZE_MAX) return RHAI_OK;
    return text_value(call, search->text + span.start, span.end - span.start, ret);
}

static rhai_status text_regex_find(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct search search;
    struct regex_error err = {0};
    const struct regex_span *spans;
    if (!begin(call, args, &search)) return RHAI_ERROR;
    int found = regex_next(search.regex, search.text, search.len, 0, SIZE_MAX, &spans, &err);
    rhai_status status = found > 0 ? span_value(call, &search, spans[0], ret) : RHAI_OK;
    rhai_status ended = end(call, &search, found, &err);
    return status == RHAI_OK ? ended : status;
}

/* What is made of one match. */
typedef rhai_status match_value(rhai_call *call, const struct search *search,
                                const struct regex_span *spans, rhai_value *ret);

static rhai_status whole_match(rhai_call *call, const struct search *search,
                               const struct regex_span *spans, rhai_value *ret) {
    return span_value(call, search, spans[0], ret);
}

static rhai_status push(rhai_call *call, rhai_value *array, rhai_value *item) {
    if (rhai_array_push(rhai_call_engine(call), array, item) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

static rhai_status groups_of_match(rhai_call *call, const struct search *search,
                                   const struct regex_span *spans, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    rhai_value groups;
    if (rhai_new_array(engine, &groups) != RHAI_OK) return rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < regex_group_count(search->regex); i++) {
        rhai_value group;
        rhai_status status = span_value(call, search, spans[i], &group);
        if (status == RHAI_OK) status = push(call, &groups, &group);
        if (status == RHAI_OK) continue;
        rhai_value_done(engine, &groups);
        return status;
    }
    *ret = groups;
    return RHAI_OK;
}

static rhai_status all_matches(rhai_call *call, rhai_value *args, match_value *make,
                               rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    struct search search;
    struct regex_error err = {0};
    const struct regex_span *spans;
    rhai_value all;
    if (!begin(call, args, &search)) return RHAI_ERROR;
    if (rhai_new_array(engine, &all) != RHAI_OK) {
        regex_free(search.regex);
        return rhai_throw_out_of_memory(call);
    }
    rhai_status status = RHAI_OK;
    int found;
    for (size_t from = 0, last = SIZE_MAX; status == RHAI_OK; last = from) {
        rhai_value item;
        found = regex_next(search.regex, search.text, search.len, from, last, &spans, &err);
        if (found <= 0) break;
        from = spans[0].end;
        status = make(call, &search, spans, &item);
        if (status == RHAI_OK) status = push(call, &all, &item);
    }
    if (status == RHAI_OK) status = end(call, &search, found, &err);
    else regex_free(search.regex);
    if (status == RHAI_OK)
        *ret = all;
    else
        rhai_value_done(engine, &all);
    return status;
}

static rhai_status text_regex_find_all(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return all_matches(call, args, whole_match, ret);
}

static rhai_status text_regex_captures_all(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return all_matches(call, args, groups_of_match, ret);
}

static rhai_status text_regex_captures(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct search search;
    struct regex_error err = {0};
    const struct regex_span *spans;
    if (!begin(call, args, &search)) return RHAI_ERROR;
    int found = regex_next(search.regex, search.text, search.len, 0, SIZE_MAX, &spans, &err);
    rhai_status status = found > 0 ? groups_of_match(call, &search, spans, ret) : RHAI_OK;
    rhai_status ended = end(call, &search, found, &err);
    return status == RHAI_OK ? ended : status;
}

static rhai_status text_regex_replace(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct search search;
    struct regex_error err = {0};
    size_t with_len, len = 0;
    const char *with = rhai_as_text(&args[2], &with_len);
    if (!begin(call, args, &search)) return RHAI_ERROR;
    char *text = regex_replace(search.regex, search.text, search.len, with, with_len, false, &len,
                               &err);
    regex_free(search.regex);
    return text ? text_take(call, text, len, ret) : regex_throw(call, &err);
}

static rhai_status text_regex_split(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    struct search search;
    struct regex_error err = {0};
    const struct regex_span *spans;
    rhai_value parts;
    if (!begin(call, args, &search)) return RHAI_ERROR;
    if (rhai_new_array(engine, &parts) != RHAI_OK) {
        regex_free(search.regex);
        return rhai_throw_out_of_memory(call);
    }
    rhai_status status = RHAI_OK;
    int found = 1;
    for (size_t from = 0, last = SIZE_MAX; found > 0 && status == RHAI_OK; last = from) {
        rhai_value part;
        found = regex_next(search.regex, search.text, search.len, from, last, &spans, &err);
        if (found < 0) break;
        struct regex_span between = {from, found > 0 ? spans[0].start : search.len};
        status = span_value(call, &search, between, &part);
        if (status == RHAI_OK) status = push(call, &parts, &part);
        if (found > 0) from = spans[0].end;
    }
    regex_free(search.regex);
    if (status == RHAI_OK && found < 0) status = regex_throw(call, &err);
    if (status == RHAI_OK)
        *ret = parts;
    else
        rhai_value_done(engine, &parts);
    return status;
}

static const rhai_native functions[] = {
    {"regex_is_match", "ss", text_regex_is_match, 0,
     "regex_is_match(pattern: string, text: string) -> bool",
     "Whether the pattern matches anywhere in the text."},
    {"regex_find", "ss", text_regex_find, 0,
     "regex_find(pattern: string, text: string) -> string | ()",
     "The first match, or () when there is none."},
    {"regex_find_all", "ss", text_regex_find_all, 0,
     "regex_find_all(pattern: string, text: string) -> array", "All matches, one after another."},
    {"regex_captures", "ss", text_regex_captures, 0,
     "regex_captures(pattern: string, text: string) -> array | ()",
     "The first match and its groups: number 0 is the whole, a group that did not take part is (). "
     "() when there is no match."},
    {"regex_captures_all", "ss", text_regex_captures_all, 0,
     "regex_captures_all(pattern: string, text: string) -> array",
     "The same of all matches, as an array of arrays."},
    {"regex_replace", "sss", text_regex_replace, 0,
     "regex_replace(pattern: string, text: string, with: string) -> string",
     "Replaces all matches. In `with`, $1, $name, ${1} and ${name} stand for groups, $$ for a "
     "dollar sign."},
    {"regex_split", "ss", text_regex_split, 0,
     "regex_split(pattern: string, text: string) -> array",
     "What stands between the matches."},
};

const herolib_module herolib_text_regex_module = {
    .name = "text",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
