#include "text/regex.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Between two looks at the session: some milliseconds. */
#define STEPS_BETWEEN_POLLS 65536

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    herolib_session *session;
    unsigned steps;
    size_t groups;
    struct regex_span spans[REGEX_GROUPS_MAX];
};

static void fail(struct regex_error *err, int code, const char *where) {
    PCRE2_UCHAR text[160];
    if (code == PCRE2_ERROR_NOMEMORY) err->is_out_of_memory = true;
    if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_HEAPLIMIT ||
        code == PCRE2_ERROR_DEPTHLIMIT) {
        snprintf(err->message, sizeof err->message, "the match takes too many steps");
    } else {
        pcre2_get_error_message(code, text, sizeof text);
        snprintf(err->message, sizeof err->message, "%s%s", (const char *)text, where);
    }
}

static void fail_memory(struct regex_error *err) {
    fail(err, PCRE2_ERROR_NOMEMORY, "");
}

static bool must_stop(herolib_session *session) {
    return session && herolib_wait(session, NULL, 0, 0) < 0;
}

static int on_callout(pcre2_callout_block *block, void *data) {
    (void)block;
    struct regex *regex = data;
    if (++regex->steps % STEPS_BETWEEN_POLLS != 0) return 0;
    return must_stop(regex->session) ? PCRE2_ERROR_CALLOUT : 0;
}

static bool prepare(struct regex *regex) {
    regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
    regex->context = pcre2_match_context_create(NULL);
    if (!regex->match || !regex->context) return false;
    pcre2_set_match_limit(regex->context, REGEX_MATCH_STEPS_MAX);
    pcre2_set_callout(regex->context, on_callout, regex);
    return true;
}

struct regex *regex_compile(herolib_session *session, const char *pattern, size_t len,
                            bool ignore_case, struct regex_error *err) {
    struct regex *regex = calloc(1, sizeof *regex);
    if (!regex) {
        fail_memory(err);
        return NULL;
    }
    int code;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C;
    if (ignore_case) options |= PCRE2_CASELESS;
    regex->session = session;
    regex->code = pcre2_compile((PCRE2_SPTR)pattern, len, options, &code, &at, NULL);
    if (!regex->code) {
        char where[48];
        snprintf(where, sizeof where, " at byte %zu", (size_t)at);
        fail(err, code, where);
    } else if (!prepare(regex)) {
        fail_memory(err);
    } else {
        uint32_t groups;
        pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &groups);
        regex->groups = (size_t)groups + 1;
        if (regex->groups <= REGEX_GROUPS_MAX) return regex;
        snprintf(err->message, sizeof err->message, "more than %d groups", REGEX_GROUPS_MAX - 1);
    }
    regex_free(regex);
    return NULL;
}

void regex_free(struct regex *regex) {
    if (!regex) return;
    pcre2_match_context_free(regex->context);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    free(regex);
}

size_t regex_group_count(const struct regex *regex) {
    return regex->groups;
}

size_t regex_group_number(const struct regex *regex, const char *name, size_t len) {
    char text[64];
    if (len >= sizeof text) return 0;
    memcpy(text, name, len);
    text[len] = '\0';
    int number = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)text);
    return number > 0 ? (size_t)number : 0;
}

static size_t next_character(const char *text, size_t len, size_t at) {
    do
        at++;
    while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80);
    return at;
}

int regex_next(struct regex *regex, const char *text, size_t len, size_t from, size_t not_empty_at,
               const struct regex_span **ret_spans, struct regex_error *err) {
    for (;;) {
        if (from > len) return 0;
        uint32_t options = PCRE2_NO_UTF_CHECK;
        int found = pcre2_match(regex->code, (PCRE2_SPTR)text, len, from, options, regex->match,
                                regex->context);
        if (found == PCRE2_ERROR_NOMATCH) return 0;
        if (found < 0) {
            err->is_stopped = found == PCRE2_ERROR_CALLOUT;
            fail(err, found, "");
            return -1;
        }
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(regex->match);
        for (size_t i = 0; i < regex->groups; i++)
            regex->spans[i] = (struct regex_span){ends[2 * i], ends[2 * i + 1]};
        *ret_spans = regex->spans;
        bool is_empty_again =
            regex->spans[0].start == regex->spans[0].end && regex->spans[0].start == not_empty_at;
        if (!is_empty_again) return 1;
        from = next_character(text, len, from);
        not_empty_at = SIZE_MAX;
    }
}

/* ---- Replacing --------------------------------------------------------------------------- */

static size_t find_group(const struct regex *regex, const char *name, size_t len, bool *ret_exists) {
    size_t number = 0;
    bool is_number = len > 0 && len < 4;
    for (size_t i = 0; i < len && is_number; i++) {
        is_number = isdigit((unsigned char)name[i]);
        number = number * 10 + (size_t)(name[i] - '0');
    }
    if (!is_number) number = regex_group_number(regex, name, len);
    *ret_exists = is_number ? number < regex->groups : number > 0;
    return number;
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* The name behind a dollar sign; its length with the dollar and the braces, 0 when it is no name. */
static size_t read_reference(const char *at, const char *end, const char **ret_name,
                             size_t *ret_len) {
    bool has_brace = end - at > 1 && at[1] == '{';
    const char *name = at + 1 + has_brace, *stop = name;
    if (has_brace)
        while (stop < end && *stop != '}')
            stop++;
    else
        while (stop < end && is_name_char(*stop))
            stop++;
    *ret_name = name;
    *ret_len = (size_t)(stop - name);
    if (*ret_len == 0 || (has_brace && stop == end)) return 0;
    return (size_t)(stop - at) + has_brace;
}

static void write_expanded(const struct regex *regex, const char *text, const char *with,
                           size_t with_len, FILE *out) {
    for (const char *at = with, *end = with + with_len; at < end;) {
        const char *name;
        size_t name_len, taken;
        if (*at != '$') {
            fputc(*at++, out);
        } else if (end - at > 1 && at[1] == '$') {
            fputc('$', out);
            at += 2;
        } else if ((taken = read_reference(at, end, &name, &name_len)) > 0) {
            bool exists;
            size_t number = find_group(regex, name, name_len, &exists);
            const struct regex_span *span = exists ? &regex->spans[number] : NULL;
            if (span && span->start != SIZE_MAX)
                fwrite(text + span->start, 1, span->end - span->start, out);
            at += taken;
        } else {
            fputc(*at++, out);
        }
    }
}

static bool write_replaced(struct regex *regex, const char *text, size_t len, const char *with,
                           size_t with_len, bool is_literal, FILE *out, struct regex_error *err) {
    size_t from = 0, last_end = SIZE_MAX;
    const struct regex_span *spans;
    int found;
    while ((found = regex_next(regex, text, len, from, last_end, &spans, err)) > 0) {
        fwrite(text + from, 1, spans[0].start - from, out);
        if (is_literal)
            fwrite(with, 1, with_len, out);
        else
            write_expanded(regex, text, with, with_len, out);
        from = last_end = spans[0].end;
    }
    fwrite(text + from, 1, len - from, out);
    return found == 0;
}

char *regex_replace(struct regex *regex, const char *text, size_t len, const char *with,
                    size_t with_len, bool is_literal, size_t *ret_len, struct regex_error *err) {
    char *made = NULL;
    FILE *out = open_memstream(&made, ret_len);
    if (!out) {
        fail_memory(err);
        return NULL;
    }
    bool is_done = write_replaced(regex, text, len, with, with_len, is_literal, out, err);
    bool is_written = !ferror(out);
    is_written &= fclose(out) == 0;
    if (is_done && is_written) return made;
    if (is_done) fail_memory(err);
    free(made);
    return NULL;
}
