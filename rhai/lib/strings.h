/* strings.h - the natives of strings; strings_more.c has the table with their names and
 * overloads, strings.c the text forms of all values.
 *
 * args[0] is the string. Where Rhai has one overload for a string and one for a character, one
 * native serves both and reads the argument with string_span.
 */
#ifndef RHAI_LIB_STRINGS_H
#define RHAI_LIB_STRINGS_H

#include "lib/lib.h"
#include "lib/unicode.h"

/* clang-format off */
#define STRING_NATIVES(X)                                                                          \
    /* strings_edit.c */                                                                           \
    X(concat) X(prepend) X(append) X(remove) X(clear) X(truncate) X(trim) X(pop) X(pop_tail)       \
    X(set) X(replace) X(crop) X(pad) X(to_upper) X(to_lower) X(make_upper) X(make_lower)           \
    /* strings_search.c */                                                                         \
    X(contains) X(starts_with) X(ends_with) X(index_of) X(get) X(sub_string)                       \
    /* strings_split.c */                                                                          \
    X(split) X(split_rev) X(split_at) X(split_whitespace) X(to_chars)
/* clang-format on */

#define X(name) rhai_status string_##name(rhai_call *call, rhai_value *args, rhai_value *ret);
STRING_NATIVES(X)
#undef X

/* The text of a string or a character, which is written to `buffer`. */
static inline span string_span(const rhai_value *v, char buffer[4]) {
    if (v->type == RHAI_CHAR) return (span){buffer, utf8_write(v->c, buffer)};
    return (span){as_str(v)->data, as_str(v)->len};
}

/* Bytes [from, to) of `v`, a string, as a string value; the string itself when that is all. */
rhai_status string_part(rhai_call *call, const rhai_value *v, size_t from, size_t to,
                        rhai_value *ret);

/* What `v` adds to a string it is joined to: what print shows of it, and of a blob its text. */
void string_add_shown(rhai_call *call, text *t, const rhai_value *v);

/* The digits of the 64 bits of `i`, `shift` bits each: negative numbers show their two's
 * complement. */
rhai_status string_in_base(rhai_call *call, int64_t i, unsigned shift, rhai_value *ret);

/* The places of a needle in a text, without overlaps. An empty needle is found before every
 * character and at the end. */
typedef struct matcher {
    span text, needle;
    size_t at; /* forward: not before it; backward: not beyond it */
    bool is_done;
} matcher;

static inline matcher matcher_forward(span in, span needle) {
    return (matcher){.text = in, .needle = needle};
}
static inline matcher matcher_backward(span in, span needle) {
    return (matcher){.text = in, .needle = needle, .at = in.len};
}
/* False: no further match. *ret_at is where it begins, in bytes. */
bool matcher_next(matcher *m, size_t *ret_at);
bool matcher_previous(matcher *m, size_t *ret_at);

#endif
