/* regex.h - regular expressions: PCRE2 (pcre2api(3)) with UTF-8, a bound on the work of one match, and
 * a stop of the session honoured within it.
 *
 * Against the `regex` crate of Rust, whose dialect other Hero programs use: look-around and
 * back-references work here; \d, \w, \s and \b know ASCII only, unless the pattern begins with
 * (*UCP); a match that takes too many steps is an error instead of being linear in time.
 */
#ifndef HEROLIB_TEXT_REGEX_H
#define HEROLIB_TEXT_REGEX_H

#include <herolib/herolib.h>

#define REGEX_MATCH_STEPS_MAX 10000000
#define REGEX_GROUPS_MAX 100

struct regex;

struct regex_error {
    char message[256];
    bool is_out_of_memory;
    bool is_stopped; /* the session must stop */
};

/* NULL after an error. The session may be NULL. */
struct regex *regex_compile(herolib_session *session, const char *pattern, size_t len,
                            bool ignore_case, struct regex_error *err);
void regex_free(struct regex *regex);

/* Where a group matched; start SIZE_MAX: it did not take part. */
struct regex_span {
    size_t start, end;
};

/* The next match at or behind `from`: 1 and the spans of the whole and of the groups (valid until the
 * next match), 0 when there is none, -1 after an error. The text must be UTF-8, and `from` between
 * two characters. An empty match directly at `not_empty_at` is passed over (SIZE_MAX: none): give
 * the end of the match before to go on. */
int regex_next(struct regex *regex, const char *text, size_t len, size_t from, size_t not_empty_at,
               const struct regex_span **ret_spans, struct regex_error *err);
size_t regex_group_count(const struct regex *regex); /* with the whole match: at least 1 */
/* The number of a group by name; 0: there is none. */
size_t regex_group_number(const struct regex *regex, const char *name, size_t len);

/* Replaces all matches. In `with`, unless it is literal, $1, $name, ${1} and ${name} stand for what a
 * group matched and $$ for a dollar sign, as in Rust's crate: the longest name counts, so $1a is the
 * group "1a". From malloc; NULL after an error. */
char *regex_replace(struct regex *regex, const char *text, size_t len, const char *with,
                    size_t with_len, bool is_literal, size_t *ret_len, struct regex_error *err);

#endif
