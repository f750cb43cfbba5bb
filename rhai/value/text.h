/* text.h - building text, and the text forms of values.
 *
 * A text is the engine's one string buffer. After a failed allocation it remembers the failure
 * and ignores further appends, so callers check once, at the end.
 */
#ifndef RHAI_VALUE_TEXT_H
#define RHAI_VALUE_TEXT_H

#include "value/object.h"

#include <stdarg.h>

typedef struct text {
    heap *h;
    rhai_str *str; /* being built; data points into it */
    char *data;    /* NUL-terminated once anything was appended; NULL before */
    size_t len, cap;
    bool failed; /* out of memory */
} text;

void text_init(text *t, heap *h);
void text_done(text *t);
void text_add(text *t, const char *s, size_t len);
void text_add_cstr(text *t, const char *s);
void text_add_str(text *t, const rhai_str *s);
void text_add_char(text *t, uint32_t c); /* as UTF-8 */
/* An integer's digits, without NUL; returns how many characters. */
enum { INT_TEXT_MAX = 20 };
size_t int_text(int64_t i, char ret[INT_TEXT_MAX]);
void text_add_int(text *t, int64_t i);
/* Room for `len` more bytes, to be written at data + len by the caller, who then adds to len and
 * writes a NUL. False: out of memory. */
bool text_reserve(text *t, size_t len);
void text_printf(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(text *t, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Makes the string value and empties the buffer; false: out of memory. */
bool text_finish(text *t, rhai_value *ret);

/* What to_string and to_debug (and so print and debug) give. Elements of arrays and maps print
 * in the debug form; there, a char is bare and a function is Fn(name). Without C recursion. */
void text_add_display(text *t, const rhai_value *v);
void text_add_debug(text *t, const rhai_value *v);

/* The forms of folded interpolations and of error texts ("Runtime error: ..."): inside
 * containers chars are quoted, and functions show what is bound to them: Fn*+("name", 1). A
 * captured variable is followed by " (shared)"; one that was shown already, or is borrowed, is
 * "<shared>". */
void text_add_plain_display(text *t, const rhai_value *v);
void text_add_plain_debug(text *t, const rhai_value *v);

/* Floats have the shortest digits that read back the same. Display: "1.0" for whole numbers,
 * exponents below 1e-13 and above 1e13, never "-0.0". Debug: exponents below 1e-4 and from 1e16. */
void text_add_float(text *t, double f);
void text_add_float_debug(text *t, double f);
void text_add_quoted(text *t, const char *s, size_t len); /* "..." with escapes */
void text_add_quoted_char(text *t, uint32_t c);           /* '.' with escapes */
/* Bytes that may not be UTF-8: each invalid part becomes U+FFFD (WHATWG "maximal subpart"). */
void text_add_lossy(text *t, const char *s, size_t len);

#endif
