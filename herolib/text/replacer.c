/* replacer.c - a builder of replacements, and the replacer it makes.
 *
 * Both are the same object: pairs of what is to be found and what is to stand there, applied in order.
 * The last pair of a builder is the one that is being described.
 */
#include "core/file.h"
#include "core/module.h"
#include "core/text.h"
#include "text/regex.h"
#include "text/regex_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX 1000

struct pair {
    char *pattern; /* NULL: not given yet */
    size_t pattern_len;
    char *replacement;
    size_t replacement_len;
    bool is_regex, ignores_case;
};

struct replacer {
    struct pair *pairs;
    size_t count;
};

static void replacer_free(void *object) {
    struct replacer *replacer = object;
    for (size_t i = 0; i < replacer->count; i++) {
        free(replacer->pairs[i].pattern);
        free(replacer->pairs[i].replacement);
    }
    free(replacer->pairs);
    free(replacer);
}

static bool copy_bytes(char **to, const char *from, size_t len) {
    char *copy = malloc(len + 1);
    if (!copy) return false;
    memcpy(copy, from, len);
    copy[len] = '\0';
    free(*to);
    *to = copy;
    return true;
}

static bool copy_pair(struct pair *to, const struct pair *from) {
    *to = *from;
    to->pattern = to->replacement = NULL;
    return (!from->pattern || copy_bytes(&to->pattern, from->pattern, from->pattern_len)) &&
           (!from->replacement ||
            copy_bytes(&to->replacement, from->replacement, from->replacement_len));
}

/* A copy with room for one more pair. */
static void *replacer_clone(const void *object) {
    const struct replacer *replacer = object;
    struct replacer *copy = calloc(1, sizeof *copy);
    if (!copy) return NULL;
    copy->pairs = calloc(replacer->count + 1, sizeof *copy->pairs);
    bool is_copied = copy->pairs;
    for (size_t i = 0; i < replacer->count && is_copied; i++) {
        is_copied = copy_pair(&copy->pairs[i], &replacer->pairs[i]);
        copy->count++;
    }
    if (is_copied) return copy;
    replacer_free(copy);
    return NULL;
}

static size_t builder_text(const void *object, char *buffer, size_t size) {
    const struct replacer *replacer = object;
    int len = snprintf(buffer, size, "TextReplacerBuilder(%zu pairs)", replacer->count);
    return (size_t)len < size ? (size_t)len : size - 1;
}

static size_t replacer_text(const void *object, char *buffer, size_t size) {
    const struct replacer *replacer = object;
    int len = snprintf(buffer, size, "TextReplacer(%zu pairs)", replacer->count);
    return (size_t)len < size ? (size_t)len : size - 1;
}

static const rhai_custom_type builder_type = {
    .name = "TextReplacerBuilder",
    .free = replacer_free,
    .clone = replacer_clone,
    .text = builder_text,
};

/* A handle: nothing changes a replacer that has been built. */
static const rhai_custom_type replacer_type = {
    .name = "TextReplacer",
    .free = replacer_free,
    .text = replacer_text,
};

/* ---- Building ---------------------------------------------------------------------------- */

static rhai_status give(rhai_call *call, const rhai_custom_type *type, struct replacer *replacer,
                        rhai_value *ret) {
    if (!replacer) return rhai_throw_out_of_memory(call);
    if (rhai_from_custom(rhai_call_engine(call), type, replacer, ret) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

static rhai_status text_replacer_new(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    static const struct replacer empty = {.count = 0};
    struct replacer *replacer = replacer_clone(&empty);
    if (replacer) replacer->count = 1;
    return give(call, &builder_type, replacer, ret);
}

/* A changed copy of the builder args[0]; its last pair. NULL after an error. */
static struct pair *changed(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct replacer *copy = replacer_clone(rhai_as_custom(&args[0]));
    if (give(call, &builder_type, copy, ret) != RHAI_OK) return NULL;
    return &copy->pairs[copy->count - 1];
}

static rhai_status set_bytes(rhai_call *call, const rhai_value *value, char **bytes, size_t *ret_len,
                             rhai_value *ret) {
    const char *text = rhai_as_text(value, ret_len);
    if (copy_bytes(bytes, text, *ret_len)) return RHAI_OK;
    rhai_value_done(rhai_call_engine(call), ret);
    return rhai_throw_out_of_memory(call);
}

static rhai_status text_pattern(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct pair *pair = changed(call, args, ret);
    return pair ? set_bytes(call, &args[1], &pair->pattern, &pair->pattern_len, ret) : RHAI_ERROR;
}

static rhai_status text_replacement(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct pair *pair = changed(call, args, ret);
    return pair ? set_bytes(call, &args[1], &pair->replacement, &pair->replacement_len, ret)
                : RHAI_ERROR;
}

static rhai_status text_is_regex(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct pair *pair = changed(call, args, ret);
    if (pair) pair->is_regex = rhai_as_bool(&args[1]);
    return pair ? RHAI_OK : RHAI_ERROR;
}

static rhai_status text_case_insensitive(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct pair *pair = changed(call, args, ret);
    if (pair) pair->ignores_case = rhai_as_bool(&args[1]);
    return pair ? RHAI_OK : RHAI_ERROR;
}

static rhai_status text_and(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct replacer *replacer = rhai_as_custom(&args[0]);
    if (!replacer->pairs[replacer->count - 1].pattern)
        return rhai_throw(call, "replacer: `and` before a pattern was given");
    if (replacer->count == PAIRS_MAX)
        return rhai_throw(call, "replacer: more than %d pairs", PAIRS_MAX);
    struct replacer *copy = replacer_clone(replacer);
    if (copy) copy->count++;
    return give(call, &builder_type, copy, ret);
}

/* ---- Replacing --------------------------------------------------------------------------- */

/* A literal pattern as a regular expression: \Q...\E, but for an \E inside. */
static char *quote_pattern(const char *pattern, size_t len, size_t *ret_len) {
    char *quoted = malloc(4 * len + 1), *out = quoted;
    for (size_t i = 0; quoted && i < len; i++) {
        unsigned char c = (unsigned char)pattern[i];
        bool is_word = c >= 0x80 || c == '_' || (c >= '0' && c <= '9') ||
                       ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (c == '\0') {
            memcpy(out, "\\x00", 4);
            out += 4;
            continue;
        }
        if (!is_word) *out++ = '\\';
        *out++ = (char)c;
    }
    *ret_len = (size_t)(out - quoted);
    return quoted;
}

static struct regex *compile_pair(herolib_session *session, const struct pair *pair,
                                  struct regex_error *err) {
    if (pair->is_regex)
        return regex_compile(session, pair->pattern, pair->pattern_len, pair->ignores_case, err);
    size_t len;
    char *quoted = quote_pattern(pair->pattern, pair->pattern_len, &len);
    struct regex *regex = NULL;
    if (quoted)
        regex = regex_compile(session, quoted, len, pair->ignores_case, err);
    else
        err->is_out_of_memory = true;
    free(quoted);
    return regex;
}

/* The text with all pairs applied, from malloc; NULL after an error. */
static char *replace_all(herolib_session *session, const struct replacer *replacer, const char *text,
                         size_t len, size_t *ret_len, struct regex_error *err) {
    char *current = NULL;
    *ret_len = len;
    for (size_t i = 0; i < replacer->count; i++) {
        const struct pair *pair = &replacer->pairs[i];
        struct regex *regex = compile_pair(session, pair, err);
        char *next = NULL;
        if (regex)
            next = regex_replace(regex, current ? current : text, *ret_len,
                                 pair->replacement ? pair->replacement : "", pair->replacement_len,
                                 !pair->is_regex, ret_len, err);
        regex_free(regex);
        free(current);
        if (!next) return NULL;
        current = next;
    }
    return current;
}

static rhai_status text_build(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct replacer *builder = rhai_as_custom(&args[0]);
    for (size_t i = 0; i < builder->count; i++) {
        struct regex_error err = {0};
        if (!builder->pairs[i].pattern)
            return rhai_throw(call, "replacer: pair %zu has no pattern", i + 1);
        struct regex *regex = compile_pair(herolib_call_session(call), &builder->pairs[i], &err);
        if (!regex) return regex_throw(call, &err);
        regex_free(regex);
    }
    return give(call, &replacer_type, replacer_clone(builder), ret);
}

static rhai_status text_replace(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct regex_error err = {0};
    size_t len, made_len;
    const char *text = rhai_as_text(&args[1], &len);
    char *made = replace_all(herolib_call_session(call), rhai_as_custom(&args[0]), text, len,
                             &made_len, &err);
    return made ? text_take(call, made, made_len, ret) : regex_throw(call, &err);
}

/* The file's text with all pairs applied, from malloc; NULL after an error. */
static char *replace_file(rhai_call *call, const rhai_value *replacer, const char *path,
                          size_t *ret_len) {
    char *text = NULL, *made = NULL;
    size_t len;
    struct regex_error err = {0};
    int failed = file_load(path, FILE_LOAD_MAX_BYTES, &text, &len);
    if (failed) {
        rhai_throw(call, "replacer: cannot read %s: %s", path, strerror(-failed));
        return NULL;
    }
    if (text_make_utf8(&text, &len))
        made = replace_all(herolib_call_session(call), rhai_as_custom(replacer), text, len, ret_len,
                           &err);
    else
        err.is_out_of_memory = true;
    free(text);
    if (!made) regex_throw(call, &err);
    return made;
}

static rhai_status text_replace_file(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[1], "replacer: the path");
    size_t len;
    char *made = path ? replace_file(call, &args[0], path, &len) : NULL;
    return made ? text_take(call, made, len, ret) : RHAI_ERROR;
}

static rhai_status rewrite(rhai_call *call, rhai_value *args, const char *from, const char *to) {
    size_t len;
    char *made = replace_file(call, &args[0], from, &len);
    if (!made) return RHAI_ERROR;
    int failed = file_store(to, made, len);
    free(made);
    if (!failed) return RHAI_OK;
    return rhai_throw(call, "replacer: cannot write %s: %s", to, strerror(-failed));
}

static rhai_status text_replace_file_in_place(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const char *path = text_argument(call, &args[1], "replacer: the path");
    return path ? rewrite(call, args, path, path) : RHAI_ERROR;
}

static rhai_status text_replace_file_to(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const char *from = text_argument(call, &args[1], "replacer: the path");
    const char *to = from ? text_argument(call, &args[2], "replacer: the path") : NULL;
    return to ? rewrite(call, args, from, to) : RHAI_ERROR;
}

#define BUILDER "{TextReplacerBuilder}"
#define REPLACER "{TextReplacer}"
#define NEW_DOC "Starts a replacer: describe a pair with pattern and replacement, then build."

static const rhai_native functions[] = {
    {"text_replacer_new", "", text_replacer_new, 0, "text_replacer_new() -> TextReplacerBuilder",
     NEW_DOC},
    {"text_replacer_builder", "", text_replacer_new, 0,
     "text_replacer_builder() -> TextReplacerBuilder", NEW_DOC},
    {"pattern", BUILDER "s", text_pattern, 0,
     "TextReplacerBuilder.pattern(pattern: string) -> TextReplacerBuilder", "What to find."},
    {"replacement", BUILDER "s", text_replacement, 0,
     "TextReplacerBuilder.replacement(text: string) -> TextReplacerBuilder",
     "What to put there; nothing when it is not given. With regex(true), $1 and ${name} stand for "
     "groups."},
    {"regex", BUILDER "b", text_is_regex, 0,
     "TextReplacerBuilder.regex(on: bool) -> TextReplacerBuilder",
     "Whether the pattern is a regular expression; otherwise it is taken literally."},
    {"case_insensitive", BUILDER "b", text_case_insensitive, 0,
     "TextReplacerBuilder.case_insensitive(on: bool) -> TextReplacerBuilder",
     "Whether upper and lower case are the same."},
    {"and", BUILDER, text_and, 0, "TextReplacerBuilder.and() -> TextReplacerBuilder",
     "Ends this pair and begins the next one; pairs apply in order."},
    {"build", BUILDER, text_build, 0, "TextReplacerBuilder.build() -> TextReplacer",
     "The replacer. A bad regular expression, or a pair without a pattern, is an error."},
    {"replace", REPLACER "s", text_replace, 0, "TextReplacer.replace(text: string) -> string",
     "The text with all pairs applied."},
    {"replace_file", REPLACER "s", text_replace_file, RHAI_FN_VOLATILE,
     "TextReplacer.replace_file(path: string) -> string",
     "The text of a file with all pairs applied; the file stays as it is."},
    {"replace_file_in_place", REPLACER "s", text_replace_file_in_place, RHAI_FN_VOLATILE,
     "TextReplacer.replace_file_in_place(path: string)", "Rewrites a file."},
    {"replace_file_to", REPLACER "ss", text_replace_file_to, RHAI_FN_VOLATILE,
     "TextReplacer.replace_file_to(from: string, to: string)",
     "Writes a second file with all pairs applied."},
};

static const rhai_custom_type *const types[] = {&builder_type, &replacer_type};

const herolib_module herolib_text_replacer_module = {
    .name = "text",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
