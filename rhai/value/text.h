/* text.h - building text, and the text forms of values.
 *
 * A text is the engine's one string buffer. After a failed allocation it remembers the failure
 * and ignores further appends, so callers check once, at the end.
 */
#ifndef RHAI_VALUE_TEXT_H
#define RHAI_VALUE_TEXT_H

#include "value/object.h"

typedef struct text {
    heap *h;
    char *data; /* NUL-terminated once anything was appended; NULL before */
    size_t len, cap;
    bool failed; /* out of memory */
} text;

void text_init(text *t, heap *h);
void text_done(text *t);
void text_add(text *t, const char *s, size_t len);
void text_add_cstr(text *t, const char *s);
void text_add_str(text *t, const rhai_str *s);
void text_add_char(text *t, uint32_t c); /* as UTF-8 */
void text_add_int(text *t, int64_t i);
void text_printf(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes the string value and empties the buffer; false: out of memory. */
bool text_finish(text *t, rhai_value *ret);

/* Rhai's Display and Debug of values (to_string, to_debug), without C recursion. Floats: the
 * shortest digits that read back the same, "1.0" for whole numbers, exponents as Rhai writes
 * them. Elements inside arrays and maps print in the form that Rhai uses for each type. */
void text_add_display(text *t, const rhai_value *v);
void text_add_debug(text *t, const rhai_value *v);
void text_add_float(text *t, double f);
void text_add_quoted(text *t, const char *s, size_t len); /* "..." with Rust's escapes */

#endif
