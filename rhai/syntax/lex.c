/* Order: character classes, words, comments, strings, numbers, symbols, the token loop. */
#include "syntax/lex.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { PADDING = 16 };

const token_info token_table[TOK_COUNT] = {
#define X(name, text, precedence, flags) {text, precedence, flags},
    TOKENS(X)
#undef X
};

/* ---- Characters ---- */

enum { LETTER = 1, DIGIT = 2, UNDERSCORE = 4, BLANK = 8, HEX = 16 };

static const uint8_t classes[256] = {
    ['0' ... '9'] = DIGIT | HEX,
    ['A' ... 'F'] = LETTER | HEX,
    ['G' ... 'Z'] = LETTER,
    ['a' ... 'f'] = LETTER | HEX,
    ['g' ... 'z'] = LETTER,
    ['_'] = UNDERSCORE,
    [' '] = BLANK,
    ['\t'] = BLANK,
    ['\r'] = BLANK,
    ['\f'] = BLANK,
};

static inline bool is(char c, int class) {
    return (classes[(unsigned char)c] & class) != 0;
}

/* Bytes of the character at s; the script was found to be valid UTF-8. */
static inline size_t char_len(const char *s) {
    unsigned char c = (unsigned char)*s;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

static bool is_unicode_space(const char *s, size_t len) {
    uint32_t c = 0;
    if (!utf8_decode(s, len, &c)) return false;
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static int hex_digit(char c) {
    return is(c, DIGIT) ? c - '0' : is(c, HEX) ? (c | 32) - 'a' + 10 : -1;
}

/* ---- Positions ---- */

static inline rhai_pos pos_at(const lexer *lx, const char *p) {
    return (rhai_pos){lx->line, (uint32_t)(p - lx->line_base)};
}

/* Position of the character read last. */
static inline rhai_pos pos_last(const lexer *lx) {
    return pos_at(lx, lx->p - 1);
}

/* lx->p is just past the line's end. */
static inline void new_line(lexer *lx) {
    lx->line++;
    lx->line_base = lx->p - 1;
}

/* Steps over one character inside text, keeping columns. */
static inline void skip_char(lexer *lx) {
    size_t n = char_len(lx->p);
    lx->p += n;
    lx->line_base += n - 1;
}

/* ---- Token makers ---- */

static inline void set(lexer *lx, token_kind kind) {
    lx->tok.kind = (uint8_t)kind;
}

static void set_text(lexer *lx, token_kind kind, const char *s, size_t len) {
    lx->tok.kind = (uint8_t)kind;
    lx->tok.text = s;
    lx->tok.len = len;
}

static void set_fault(lexer *lx, lex_fault fault, rhai_pos pos, const char *s, size_t len) {
    set_text(lx, TOK_ERROR, s, len);
    lx->tok.fault = (uint8_t)fault;
    lx->tok.pos = pos;
}

static void set_symbol_fault(lexer *lx, const char *message) {
    set_fault(lx, FAULT_SYMBOL, lx->tok.pos, message, strlen(message));
}

static void set_no_memory(lexer *lx) {
    lx->failed = true;
    set_fault(lx, FAULT_MEMORY, lx->tok.pos, "", 0);
}

/* ---- Words ---- */

typedef struct word {
    const char *text;
    uint8_t len, kind, reserved;
} word;

#define W(s, kind)                                                                                 \
    { s, sizeof s - 1, TOK_##kind, 0 }
#define R(s, how)                                                                                  \
    { s, sizeof s - 1, TOK_RESERVED, how }
#define WORDS(...)                                                                                 \
    (const word[]) {                                                                               \
        __VA_ARGS__, {                                                                             \
            "", 0, 0, 0                                                                            \
        }                                                                                          \
    }
enum { CALL = RESERVED_CALL, BOTH = RESERVED_CALL | RESERVED_METHOD };

/* Keywords and reserved words by first letter. */
static const word *const words[128] = {
    ['F'] = WORDS(R("Fn", CALL)),
    ['a'] = WORDS(W("as", AS), R("async", 0), R("await", 0)),
    ['b'] = WORDS(W("break", BREAK)),
    ['c'] = WORDS(W("const", CONST), W("continue", CONTINUE), W("catch", CATCH), R("call", BOTH),
                  R("case", 0), R("curry", BOTH)),
    ['d'] = WORDS(W("do", DO), R("debug", CALL), R("default", 0)),
    ['e'] = WORDS(W("else", ELSE), W("export", EXPORT), R("eval", CALL)),
    ['f'] = WORDS(W("for", FOR), W("fn", FN), W("false", FALSE)),
    ['g'] = WORDS(R("go", 0), R("goto", 0)),
    ['i'] = WORDS(W("if", IF), W("in", IN), W("import", IMPORT), R("is", 0), R("is_shared", BOTH),
                  R("is_def_var", CALL), R("is_def_fn", CALL)),
    ['l'] = WORDS(W("let", LET), W("loop", LOOP)),
    ['m'] = WORDS(R("match", 0), R("module", 0)),
    ['n'] = WORDS(R("new", 0), R("nil", 0), R("null", 0)),
    ['p'] = WORDS(W("private", PRIVATE), R("print", CALL), R("public", 0), R("package", 0),
                  R("protected", 0)),
    ['r'] = WORDS(W("return", RETURN)),
    ['s'] = WORDS(W("switch", SWITCH), R("shared", 0), R("spawn", 0), R("static", 0), R("super", 0),
                  R("sync", 0)),
    ['t'] = WORDS(W("true", TRUE), W("throw", THROW), W("try", TRY), R("this", 0), R("thread", 0),
                  R("type_of", BOTH)),
    ['u'] = WORDS(W("until", UNTIL), R("use", 0)),
    ['v'] = WORDS(R("var", 0), R("void", 0)),
    ['w'] = WORDS(W("while", WHILE), R("with", 0)),
    ['y'] = WORDS(R("yield", 0)),
};
#undef W
#undef R
#undef WORDS

static const word *find_word(const char *s, size_t len) {
    const word *w = (unsigned char)*s < 128 ? words[(unsigned char)*s] : NULL;
    if (!w) return NULL;
    for (; w->len; w++) {
        if (w->len == len && w->text[1] == s[1] && memcmp(w->text, s, len) == 0) return w;
    }
    return NULL;
}

bool lex_is_name(const char *s, size_t len) {
    size_t i = 0;
    while (i < len && s[i] == '_')
        i++;
    if (i == len || !is(s[i], LETTER)) return false;
    while (i < len && is(s[i], LETTER | DIGIT | UNDERSCORE))
        i++;
    return i == len;
}

bool lex_is_function_name(const char *s, size_t len) {
    return lex_is_name(s, len) && !find_word(s, len);
}

static void scan_word(lexer *lx, const char *start) {
    const char *p = start + 1;
    while (is(*p, LETTER | DIGIT | UNDERSCORE))
        p++;
    lx->p = p;
    size_t len = (size_t)(p - start);
    const word *w = find_word(start, len);
    if (w) {
        set_text(lx, w->kind, start, len);
        lx->tok.reserved = w->reserved;
    } else if (is(*start, LETTER) || lex_is_name(start, len)) {
        set_text(lx, TOK_NAME, start, len);
    } else if (len == 1) {
        set(lx, TOK_UNDERSCORE);
    } else {
        set_fault(lx, FAULT_NAME, lx->tok.pos, start, len);
    }
}

/* ---- Comments ---- */

static void keep_doc(lexer *lx, const char *s, size_t len, bool is_block) {
    if (lx->docs_len == lx->docs_cap) {
        uint32_t cap = lx->docs_cap ? lx->docs_cap * 2 : 8;
        heap *h = lx->buffer.h;
        doc_comment *docs =
            heap_resize(h, lx->docs, lx->docs_cap * sizeof *docs, cap * sizeof *docs);
        if (!docs) {
            lx->failed = true;
            return;
        }
        lx->docs = docs;
        lx->docs_cap = cap;
    }
    lx->docs[lx->docs_len++] = (doc_comment){s, len, lx->tok.pos.column, is_block};
}

/* lx->p is at the second slash. A lone carriage return ends the comment, too. */
static void scan_line_comment(lexer *lx) {
    const char *start = lx->p - 1, *p = lx->p + 1;
    while (*p != '\n' && *p != '\r' && p < lx->end)
        p++;
    size_t len = (size_t)(p - start);
    if (len > 2 && start[2] == '/' && start[3] != '/') keep_doc(lx, start, len, false);
    if (len > 2 && start[2] == '!') {
        if (lx->module_doc.len) text_add(&lx->module_doc, "\n", 1);
        text_add(&lx->module_doc, start, len);
    }
    if (p >= lx->end) {
        while (lx->p < lx->end)
            skip_char(lx);
        return;
    }
    if (p[0] == '\r' && p[1] == '\n') p++;
    lx->p = p + 1;
    new_line(lx);
}

/* lx->p is at the star. Comments nest; one that does not end takes the rest of the script. */
static void scan_block_comment(lexer *lx) {
    const char *start = lx->p - 1;
    unsigned level = 1;
    lx->p++;
    while (lx->p < lx->end) {
        char c = *lx->p;
        if (c == '/' && lx->p[1] == '*') {
            lx->p += 2;
            level++;
        } else if (c == '*' && lx->p[1] == '/') {
            lx->p += 2;
            if (--level == 0) break;
        } else if (c == '\n') {
            lx->p++;
            new_line(lx);
        } else {
            skip_char(lx);
        }
    }
    size_t len = (size_t)(lx->p - start);
    if (level == 0 && len > 4 && start[2] == '*' && start[3] != '*' && start[3] != '/')
        keep_doc(lx, start, len, true);
}

/* ---- Strings ---- */

/* A string is a slice of the script as long as it can be; the first character that differs from
 * the script moves it to the buffer. */
typedef struct string_scan {
    const char *slice;
    size_t len;
    bool is_copy;
} string_scan;

static void add_bytes(lexer *lx, string_scan *s, const char *bytes, size_t len) {
    if (!s->is_copy) {
        if (s->len == 0) s->slice = bytes;
        if (s->slice + s->len == bytes && bytes >= lx->copy && bytes < lx->end) {
            s->len += len;
            return;
        }
        text_add(&lx->buffer, s->slice, s->len);
        s->is_copy = true;
    }
    text_add(&lx->buffer, bytes, len);
    s->len += len;
}

static bool finish_string(lexer *lx, const string_scan *s, token_kind kind) {
    if (lx->buffer.failed) {
        set_no_memory(lx);
        return false;
    }
    set_text(lx, kind, s->is_copy ? lx->buffer.data : s->slice, s->len);
    return true;
}

static bool is_too_long(lexer *lx, const string_scan *s, rhai_pos start) {
    if (!lx->max_string_size || s->len <= lx->max_string_size) return false;
    set_fault(lx, FAULT_TOO_LONG, start, "", 0);
    return true;
}

/* The escape sequence so far is a slice of the script that ends at lx->p. */
static void set_escape_fault(lexer *lx, const char *escape) {
    set_fault(lx, FAULT_ESCAPE, pos_last(lx), escape, (size_t)(lx->p - escape));
}

/* lx->p is past \x, \u or \U at `escape`. */
static bool scan_numeric_escape(lexer *lx, string_scan *s, const char *escape) {
    char letter = lx->p[-1], bytes[4];
    int digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
    uint32_t c = 0;
    while (digits-- > 0) {
        if (lx->p >= lx->end) {
            set_escape_fault(lx, escape);
            return false;
        }
        int digit = hex_digit(*lx->p);
        skip_char(lx);
        if (digit < 0) {
            set_escape_fault(lx, escape);
            return false;
        }
        c = c * 16 + (uint32_t)digit;
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        set_escape_fault(lx, escape);
        return false;
    }
    add_bytes(lx, s, bytes, utf8_encode(c, bytes));
    return true;
}

/* lx->p is past the backslash. False: the token is an error. */
static bool scan_escape(lexer *lx, string_scan *s, char quote, rhai_pos start,
                        uint32_t *ret_skip_until) {
    const char *escape = lx->p - 1;
    while (lx->p[0] == '\r' && lx->p[1] == '\n')
        lx->p++;
    if (lx->p >= lx->end) {
        set_fault(lx, FAULT_UNTERMINATED, start, "", 0);
        return false;
    }
    char c = *lx->p;
    skip_char(lx);
    switch (c) {
    case 'r': add_bytes(lx, s, "\r", 1); return true;
    case 'n': add_bytes(lx, s, "\n", 1); return true;
    case 't': add_bytes(lx, s, "\t", 1); return true;
    case '\\': add_bytes(lx, s, "\\", 1); return true;
    case 'x':
    case 'u':
    case 'U': return scan_numeric_escape(lx, s, escape);
    case '\n':
        if (quote != '"') break;
        new_line(lx);
        *ret_skip_until = start.column + 1;
        return true;
    default:
        if (c == quote) {
            add_bytes(lx, s, lx->p - 1, 1);
            return true;
        }
        set_escape_fault(lx, escape);
        return false;
    }
    set_fault(lx, FAULT_UNTERMINATED, start, "", 0);
    return false;
}

/* "..." and '...'; lx->p is past the opening quote, whose position is tok.pos. */
static bool scan_quoted(lexer *lx, char quote, token_kind kind) {
    rhai_pos start = lx->tok.pos;
    string_scan s = {.slice = lx->p};
    uint32_t skip_until = 0; /* after a line continuation: blanks before this column */
    for (;;) {
        if (lx->p >= lx->end) {
            set_fault(lx, FAULT_UNTERMINATED, start, "", 0);
            return false;
        }
        if (is_too_long(lx, &s, start)) return false;
        char c = *lx->p;
        if (c == quote) {
            lx->p++;
            if (*lx->p != quote) break;
            lx->p++;
            add_bytes(lx, &s, lx->p - 1, 1);
            skip_until = 0;
        } else if (c == '\\') {
            lx->p++;
            if (!scan_escape(lx, &s, quote, start, &skip_until)) return false;
        } else if (c == '\n') {
            set_fault(lx, FAULT_UNTERMINATED, start, "", 0);
            return false;
        } else if (c == '\r' && lx->p[1] == '\n') {
            lx->p++;
        } else {
            const char *from = lx->p;
            skip_char(lx);
            size_t n = (size_t)(lx->p - from);
            if (skip_until && pos_last(lx).column < skip_until && is_unicode_space(from, n))
                continue;
            skip_until = 0;
            add_bytes(lx, &s, from, n);
        }
    }
    if (is_too_long(lx, &s, start)) return false;
    return finish_string(lx, &s, kind);
}

/* `...` up to its end or ${. Text has no escapes but \${. `start` is where the part begins;
 * *ret_first is the position of its first character, none if it is empty. */
static void scan_text(lexer *lx, rhai_pos start, rhai_pos *ret_first) {
    string_scan s = {.slice = lx->p};
    token_kind kind = TOK_STRING;
    bool is_open = true;
    *ret_first = POS_NONE;
    while (lx->p < lx->end) {
        const char *from = lx->p;
        char c = *from;
        skip_char(lx);
        size_t n = (size_t)(lx->p - from);
        if (c == '$' && *lx->p == '{') {
            kind = TOK_INTERP;
            is_open = false;
            break;
        }
        if (c == '\\' && lx->p[0] == '$' && lx->p[1] == '{') {
            /* \$ counts as one column */
            from = lx->p++;
            lx->line_base++;
        }
        if (is_too_long(lx, &s, start)) return;
        if (c == '`') {
            if (*lx->p != '`') {
                is_open = false;
                break;
            }
            lx->p++;
        }
        if (pos_is_none(*ret_first)) *ret_first = pos_last(lx);
        if (c == '\r' && *lx->p == '\n') continue;
        add_bytes(lx, &s, from, n);
        if (c == '\n') new_line(lx);
    }
    if (is_too_long(lx, &s, start)) return;
    if (is_open)
        set_fault(lx, FAULT_UNTERMINATED, POS_NONE, "", 0);
    else
        finish_string(lx, &s, kind);
}

/* lx->p is past the opening back-tick. A line end right after it does not count. */
static void scan_backtick(lexer *lx) {
    rhai_pos opening = lx->tok.pos, first;
    if (*lx->p == '\r' || *lx->p == '\n') {
        if (lx->p[0] == '\r' && lx->p[1] == '\n') lx->p++;
        lx->p++;
        new_line(lx);
    }
    scan_text(lx, pos_last(lx), &first);
    if (lx->tok.kind != TOK_ERROR || lx->tok.fault == FAULT_UNTERMINATED) lx->tok.pos = opening;
}

void lex_next_text(lexer *lx) {
    rhai_pos first;
    lx->buffer.len = 0;
    lx->docs_len = 0;
    scan_text(lx, pos_last(lx), &first);
    if (lx->tok.kind != TOK_ERROR || lx->tok.fault == FAULT_UNTERMINATED) lx->tok.pos = first;
    lx->sign_is_binary = !(token_table[lx->tok.kind].flags & UNARY_NEXT);
}

/* #"..."#; lx->p is past the first #. */
static void scan_raw(lexer *lx) {
    rhai_pos start = lx->tok.pos;
    size_t hashes = 1;
    while (*lx->p == '#') {
        lx->p++;
        hashes++;
    }
    if (lx->p >= lx->end) {
        set_fault(lx, FAULT_UNTERMINATED, start, "", 0);
        return;
    }
    if (*lx->p != '"') {
        const char *c = lx->p;
        skip_char(lx);
        set_fault(lx, FAULT_UNEXPECTED, start, c, (size_t)(lx->p - c));
        return;
    }
    const char *body = ++lx->p, *quote = NULL; /* quote: one that may end it */
    size_t seen = 0;
    while (lx->p < lx->end) {
        char c = *lx->p;
        skip_char(lx);
        if (c == '"') {
            quote = lx->p - 1;
            seen = 0;
        } else if (quote && c == '#') {
            if (++seen == hashes) {
                set_text(lx, TOK_STRING, body, (size_t)(quote - body));
                return;
            }
        } else {
            /* Rhai does not count a line that ends right after a quote. */
            if (c == '\n' && !quote) new_line(lx);
            quote = NULL;
        }
        size_t len = (size_t)((quote ? quote : lx->p) - body);
        if (lx->max_string_size && len > lx->max_string_size) {
            set_fault(lx, FAULT_TOO_LONG, start, "", 0);
            return;
        }
    }
    set_fault(lx, FAULT_UNTERMINATED, start, "", 0);
}

static void scan_char(lexer *lx) {
    if (*lx->p == '\'') {
        set_fault(lx, FAULT_CHAR, lx->tok.pos, "", 0);
        return;
    }
    if (!scan_quoted(lx, '\'', TOK_CHAR)) return;
    uint32_t c;
    size_t n = utf8_decode(lx->tok.text, lx->tok.len, &c);
    if (n && n == lx->tok.len)
        lx->tok.c = c;
    else
        set_fault(lx, FAULT_CHAR, lx->tok.pos, lx->tok.text, lx->tok.len);
}

/* ---- Numbers ---- */

static void set_float(lexer *lx) {
    char *end;
    locale_t c = newlocale(LC_ALL_MASK, "C", NULL); /* glibc's static one: cannot fail */
    double f = strtod_l(lx->buffer.data, &end, c);
    freelocale(c);
    if (end == lx->buffer.data + lx->buffer.len) {
        set(lx, TOK_FLOAT);
        lx->tok.f = f;
    } else {
        set_fault(lx, FAULT_NUMBER, lx->tok.pos, lx->buffer.data, lx->buffer.len);
    }
}

/* Decimal digits with an optional sign. False: too large for an integer. */
static bool parse_decimal(const char *s, size_t len, int64_t *ret) {
    bool is_negative = *s == '-';
    uint64_t n = 0;
    for (size_t i = is_negative; i < len; i++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, s[i] - '0', &n))
            return false;
    }
    if (n > (uint64_t)INT64_MAX + is_negative) return false;
    *ret = (int64_t)(is_negative ? 0 - n : n);
    return true;
}

/* 0x, 0o, 0b: any 64 bits. After a sign Rhai takes the letter for a digit, which fails. */
static void set_radix(lexer *lx, int radix, bool is_negative) {
    const char *digits = lx->buffer.data + 2;
    size_t len = lx->buffer.len - 2;
    uint64_t n = 0;
    bool ok = len > 0 && !is_negative;
    for (size_t i = 0; ok && i < len; i++)
        ok = !__builtin_mul_overflow(n, (uint64_t)radix, &n) &&
             !__builtin_add_overflow(n, (uint64_t)hex_digit(digits[i]), &n);
    if (ok) {
        set(lx, TOK_INT);
        lx->tok.i = (int64_t)n;
    } else {
        set_fault(lx, FAULT_NUMBER, lx->tok.pos, digits, len);
    }
}

static inline void add_digit(lexer *lx, const char *s, size_t len) {
    text_add(&lx->buffer, s, len);
}

/* Reads a period that belongs to the number: before a digit, or before what cannot be a name, a
 * second period or an underscore. */
static bool scan_period(lexer *lx) {
    char after = lx->p[1];
    if (is(after, DIGIT)) {
        add_digit(lx, ".", 1);
    } else if (lx->p + 1 < lx->end && after != '_' && after != '.' && !is(after, LETTER)) {
        add_digit(lx, ".0", 2);
    } else {
        return false;
    }
    lx->p++;
    return true;
}

static bool scan_exponent(lexer *lx) {
    char after = lx->p[1];
    if (is(after, DIGIT)) {
        add_digit(lx, "e", 1);
        lx->p++;
    } else if (after == '+' || after == '-') {
        add_digit(lx, "e", 1);
        add_digit(lx, &after, 1);
        lx->p += 2;
    } else {
        return false;
    }
    return true;
}

static int radix_of(char c) {
    switch (c | 32) {
    case 'x': return 16;
    case 'o': return 8;
    case 'b': return 2;
    default: return 0;
    }
}

static bool is_radix_digit(char c, int radix) {
    int digit = hex_digit(c);
    return digit >= 0 && digit < radix;
}

/* Everything but a few plain digits. lx->p is past the first digit. */
static void scan_long_number(lexer *lx, const char *start, bool is_negative) {
    int radix = 10;
    bool has_period = false, has_exponent = false;
    if (is_negative) add_digit(lx, "-", 1);
    add_digit(lx, start, 1);
    size_t first = lx->buffer.len;
    for (;;) {
        char c = *lx->p;
        if (c == '_') {
            lx->p++;
        } else if (is_radix_digit(c, radix)) {
            add_digit(lx, lx->p++, 1);
        } else if (c == '.' && !has_period && radix == 10) {
            if (!scan_period(lx)) break;
            has_period = true;
        } else if ((c == 'e' || c == 'E') && !has_exponent && radix == 10) {
            if (!scan_exponent(lx)) break;
            has_exponent = has_period = true;
        } else if (radix == 10 && *start == '0' && lx->buffer.len == first && radix_of(c)) {
            radix = radix_of(c);
            add_digit(lx, lx->p++, 1);
        } else {
            break;
        }
    }
    if (lx->buffer.failed) {
        set_no_memory(lx);
    } else if (radix != 10) {
        set_radix(lx, radix, is_negative);
    } else if (!has_period && parse_decimal(lx->buffer.data, lx->buffer.len, &lx->tok.i)) {
        set(lx, TOK_INT);
    } else {
        set_float(lx);
    }
}

static void scan_number(lexer *lx, const char *start, bool is_negative) {
    const char *p = start;
    int64_t n = 0;
    while (is(*p, DIGIT) && p - start < 18)
        n = n * 10 + (*p++ - '0');
    if (!is(*p, DIGIT | LETTER | UNDERSCORE) && *p != '.') {
        lx->p = p;
        set(lx, TOK_INT);
        lx->tok.i = is_negative ? -n : n;
    } else {
        lx->p = start + 1;
        scan_long_number(lx, start, is_negative);
    }
}

/* ---- Symbols ---- */

static void set_reserved(lexer *lx, const char *start, size_t len) {
    lx->p = start + len;
    set_text(lx, TOK_RESERVED, start, len);
    lx->tok.reserved = 0;
}

static void take(lexer *lx, const char *start, size_t len, token_kind kind) {
    lx->p = start + len;
    set(lx, kind);
}

static void scan_hash(lexer *lx, const char *start) {
    switch (start[1]) {
    case '"':
    case '#': scan_raw(lx); break;
    case '{': take(lx, start, 2, TOK_MAP); break;
    case '!':
        set_reserved(lx, start, 2);
        lx->p = start + 1;
        break;
    case ' ':
        lx->p = start + 2;
        if (*lx->p == '{') {
            lx->p++;
            set_symbol_fault(lx, "'#' is not a valid symbol. Should it be '#{'?");
        } else {
            set_text(lx, TOK_RESERVED, start, 1);
            lx->tok.reserved = 0;
        }
        break;
    default: set_reserved(lx, start, 1);
    }
}

static void scan_minus(lexer *lx, const char *start) {
    if (is(start[1], DIGIT)) {
        if (lx->sign_is_binary)
            set(lx, TOK_MINUS);
        else
            scan_number(lx, start + 1, true);
    } else if (start[1] == '=') {
        take(lx, start, 2, TOK_SUB_ASSIGN);
    } else if (start[1] == '>') {
        lx->p++;
        set_symbol_fault(lx, "'->' is not a valid symbol. This is not C or C++!");
    } else if (start[1] == '-') {
        set_reserved(lx, start, 2);
    } else {
        set(lx, lx->sign_is_binary ? TOK_MINUS : TOK_UNARY_MINUS);
    }
}

static void scan_colon(lexer *lx, const char *start) {
    if (start[1] == ':' && start[2] == '<') {
        lx->p = start + 3;
        set_symbol_fault(lx, "'::<>' is not a valid symbol. This is not Rust! Should it be '::'?");
    } else if (start[1] == ':') {
        take(lx, start, 2, TOK_PATH);
    } else if (start[1] == '=') {
        lx->p++;
        set_symbol_fault(lx, "':=' is not a valid assignment operator. This is not Go or Pascal! "
                             "Should it be simply '='?");
    } else if (start[1] == ';') {
        lx->p++;
        set_symbol_fault(lx, "':;' is not a valid symbol. Should it be '::'?");
    } else {
        set(lx, TOK_COLON);
    }
}

static void scan_bang(lexer *lx, const char *start) {
    if (start[1] == 'i' && start[2] == 'n' && !is(start[3], LETTER | DIGIT | UNDERSCORE)) {
        take(lx, start, 3, TOK_NOT_IN);
    } else if (start[1] == '=' && start[2] == '=') {
        lx->p = start + 3;
        set_symbol_fault(
            lx, "'!==' is not a valid operator. This is not JavaScript! Should it be '!='?");
    } else if (start[1] == '=') {
        take(lx, start, 2, TOK_NE);
    } else if (start[1] == '.') {
        set_reserved(lx, start, 2);
    } else {
        set(lx, TOK_BANG);
    }
}

static void scan_equals(lexer *lx, const char *start) {
    if (start[1] == '=' && start[2] == '=') {
        lx->p = start + 3;
        set_symbol_fault(
            lx, "'===' is not a valid operator. This is not JavaScript! Should it be '=='?");
    } else if (start[1] == '=') {
        take(lx, start, 2, TOK_EQ);
    } else if (start[1] == '>') {
        take(lx, start, 2, TOK_ARROW);
    } else {
        set(lx, TOK_ASSIGN);
    }
}

static void set_pascal_comment(lexer *lx) {
    lx->p++;
    set_symbol_fault(lx, "'(* .. *)' is not a valid comment format. This is not Pascal! Should it "
                         "be '/* .. */'?");
}

static void scan_less(lexer *lx, const char *start) {
    switch (start[1]) {
    case '=': take(lx, start, 2, TOK_LE); break;
    case '-':
        lx->p++;
        set_symbol_fault(lx, "'<-' is not a valid symbol. This is not Go! Should it be '<='?");
        break;
    case '<':
        if (start[2] == '=')
            take(lx, start, 3, TOK_SHL_ASSIGN);
        else
            take(lx, start, 2, TOK_SHL);
        break;
    case '|': set_reserved(lx, start, 2); break;
    default: set(lx, TOK_LT);
    }
}

/* `c` alone or with an equals sign. */
static void take_or_assign(lexer *lx, const char *start, token_kind kind, token_kind assign) {
    if (start[1] == '=')
        take(lx, start, 2, assign);
    else
        set(lx, kind);
}

/* ---- The loop ---- */

/* One token from its first character, which lx->p is past. False: it was no token (white space,
 * a comment). */
static bool scan_token(lexer *lx, const char *start) {
    char next = start[1];
    switch (*start) {
    case ' ':
    case '\t':
    case '\r':
    case '\f': return false;
    case '\n': new_line(lx); return false;
    case 'A' ... 'Z':
    case 'a' ... 'z':
    case '_': scan_word(lx, start); break;
    case '0' ... '9': scan_number(lx, start, false); break;
    case '"': scan_quoted(lx, '"', TOK_STRING); break;
    case '`': scan_backtick(lx); break;
    case '\'': scan_char(lx); break;
    case '#': scan_hash(lx, start); break;
    case '{': set(lx, TOK_LBRACE); break;
    case '}': set(lx, TOK_RBRACE); break;
    case '(':
        if (next == ')')
            take(lx, start, 2, TOK_UNIT);
        else if (next == '*')
            set_pascal_comment(lx);
        else
            set(lx, TOK_LPAREN);
        break;
    case ')': set(lx, TOK_RPAREN); break;
    case '[': set(lx, TOK_LBRACKET); break;
    case ']': set(lx, TOK_RBRACKET); break;
    case '+':
        if (next == '=')
            take(lx, start, 2, TOK_ADD_ASSIGN);
        else if (next == '+')
            set_reserved(lx, start, 2);
        else
            set(lx, lx->sign_is_binary ? TOK_PLUS : TOK_UNARY_PLUS);
        break;
    case '-': scan_minus(lx, start); break;
    case '*':
        if (next == ')')
            set_pascal_comment(lx);
        else if (next == '*' && start[2] == '=')
            take(lx, start, 3, TOK_POW_ASSIGN);
        else if (next == '*')
            take(lx, start, 2, TOK_POW);
        else
            take_or_assign(lx, start, TOK_MUL, TOK_MUL_ASSIGN);
        break;
    case '/':
        if (next == '/') {
            scan_line_comment(lx);
            return false;
        }
        if (next == '*') {
            scan_block_comment(lx);
            return false;
        }
        take_or_assign(lx, start, TOK_DIV, TOK_DIV_ASSIGN);
        break;
    case ';': set(lx, TOK_SEMICOLON); break;
    case ',': set(lx, TOK_COMMA); break;
    case '.':
        if (next == '.' && start[2] == '.')
            set_reserved(lx, start, 3);
        else if (next == '.' && start[2] == '=')
            take(lx, start, 3, TOK_RANGE_INCLUSIVE);
        else if (next == '.')
            take(lx, start, 2, TOK_RANGE);
        else
            set(lx, TOK_DOT);
        break;
    case '=': scan_equals(lx, start); break;
    case ':': scan_colon(lx, start); break;
    case '<': scan_less(lx, start); break;
    case '>':
        if (next == '>' && start[2] == '=')
            take(lx, start, 3, TOK_SHR_ASSIGN);
        else if (next == '>')
            take(lx, start, 2, TOK_SHR);
        else
            take_or_assign(lx, start, TOK_GT, TOK_GE);
        break;
    case '!': scan_bang(lx, start); break;
    case '|':
        if (next == '|')
            take(lx, start, 2, TOK_OR);
        else if (next == '>')
            set_reserved(lx, start, 2);
        else
            take_or_assign(lx, start, TOK_PIPE, TOK_OR_ASSIGN);
        break;
    case '&':
        if (next == '&')
            take(lx, start, 2, TOK_AND);
        else
            take_or_assign(lx, start, TOK_AMP, TOK_AND_ASSIGN);
        break;
    case '^': take_or_assign(lx, start, TOK_XOR, TOK_XOR_ASSIGN); break;
    case '%': take_or_assign(lx, start, TOK_MOD, TOK_MOD_ASSIGN); break;
    case '~':
    case '@':
    case '$': set_reserved(lx, start, 1); break;
    case '?':
        if (next == '.')
            take(lx, start, 2, TOK_ELVIS);
        else if (next == '?')
            take(lx, start, 2, TOK_COALESCE);
        else if (next == '[')
            take(lx, start, 2, TOK_ELVIS_INDEX);
        else
            set_reserved(lx, start, 1);
        break;
    default:
        lx->p = start;
        skip_char(lx);
        set_fault(lx, FAULT_UNEXPECTED, lx->tok.pos, start, (size_t)(lx->p - start));
    }
    return true;
}

/* The token as parse_json takes it. */
static void dress_token(lexer *lx) {
    token *tok = &lx->tok;
    switch (tok->kind) {
    case TOK_LBRACE: set(lx, TOK_MAP); break;
    case TOK_RESERVED:
        if (tok->len == 4 && memcmp(tok->text, "null", 4) == 0) set(lx, TOK_UNIT);
        break;
    case TOK_UNIT: set_symbol_fault(lx, "Invalid symbol encountered: '()'"); break;
    case TOK_MAP: set_symbol_fault(lx, "Invalid symbol encountered: '#{'"); break;
    case TOK_INTERP:
        set_symbol_fault(lx, "Invalid symbol encountered: 'interpolated string'");
        break;
    default: break;
    }
}

void lex_next(lexer *lx) {
    lx->buffer.len = 0;
    lx->docs_len = 0;
    for (;;) {
        while (is(*lx->p, BLANK))
            lx->p++;
        const char *start = lx->p;
        if (start >= lx->end) {
            set(lx, TOK_EOF);
            lx->tok.pos = pos_at(lx, start);
            break;
        }
        lx->tok.pos = pos_at(lx, start);
        lx->p = start + 1;
        if (scan_token(lx, start)) break;
    }
    lx->sign_is_binary = !(token_table[lx->tok.kind].flags & UNARY_NEXT);
    if (lx->as_json) dress_token(lx);
    if (lx->failed) set_no_memory(lx);
}

bool lex_init(lexer *lx, heap *h, const char *script, size_t len, uint64_t max_string_size) {
    *lx = (lexer){.line = 1, .max_string_size = max_string_size};
    text_init(&lx->buffer, h);
    text_init(&lx->module_doc, h);
    lx->copy = len < SIZE_MAX - PADDING ? heap_alloc(h, len + PADDING) : NULL;
    if (!lx->copy) return false;
    lx->copy_size = len + PADDING;
    if (len) memcpy(lx->copy, script, len);
    memset(lx->copy + len, 0, PADDING);
    lx->p = lx->copy;
    lx->end = lx->copy + len;
    lx->line_base = lx->p - 1;
    return true;
}

void lex_done(lexer *lx) {
    heap *h = lx->buffer.h;
    heap_free(h, lx->copy, lx->copy_size);
    heap_free(h, lx->docs, lx->docs_cap * sizeof *lx->docs);
    text_done(&lx->buffer);
    text_done(&lx->module_doc);
}
