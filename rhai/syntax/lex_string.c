/* String and character literals. */
#include "syntax/lex_scan.h"

static bool is_unicode_space(const char *s, size_t len) {
    uint32_t c = 0;
    if (!utf8_decode(s, len, &c)) return false;
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

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
    add_bytes(lx, s, bytes, utf8_write(c, bytes));
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

bool lex_scan_quoted(lexer *lx, char quote, token_kind kind) {
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
void lex_scan_backtick(lexer *lx) {
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
void lex_scan_raw(lexer *lx) {
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

void lex_scan_char(lexer *lx) {
    if (*lx->p == '\'') {
        set_fault(lx, FAULT_CHAR, lx->tok.pos, "", 0);
        return;
    }
    if (!lex_scan_quoted(lx, '\'', TOK_CHAR)) return;
    uint32_t c;
    size_t n = utf8_decode(lx->tok.text, lx->tok.len, &c);
    if (n && n == lx->tok.len)
        lx->tok.c = c;
    else
        set_fault(lx, FAULT_CHAR, lx->tok.pos, lx->tok.text, lx->tok.len);
}
