/* lex_scan.h - what the lex_*.c files share. While a token is scanned, its position is in lx->tok
 * already and lx->p is past its first character.
 */
#ifndef RHAI_SYNTAX_LEX_SCAN_H
#define RHAI_SYNTAX_LEX_SCAN_H

#include "syntax/lex.h"

/* ---- Characters ---- */

enum { LETTER = 1, DIGIT = 2, UNDERSCORE = 4, BLANK = 8, HEX = 16 };

extern const uint8_t lex_classes[256];

static inline bool is(char c, int class) {
    return (lex_classes[(unsigned char)c] & class) != 0;
}

/* Bytes of the character at s; the script was found to be valid UTF-8. */
static inline size_t char_len(const char *s) {
    unsigned char c = (unsigned char)*s;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

static inline int hex_digit(char c) {
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

static inline void set_text(lexer *lx, token_kind kind, const char *s, size_t len) {
    lx->tok.kind = (uint8_t)kind;
    lx->tok.text = s;
    lx->tok.len = len;
}

static inline void set_fault(lexer *lx, lex_fault fault, rhai_pos pos, const char *s, size_t len) {
    set_text(lx, TOK_ERROR, s, len);
    lx->tok.fault = (uint8_t)fault;
    lx->tok.pos = pos;
}

static inline void set_no_memory(lexer *lx) {
    lx->failed = true;
    set_fault(lx, FAULT_MEMORY, lx->tok.pos, "", 0);
}

/* ---- Literals ---- */

/* "..." and '...'. False: the token is an error. */
bool lex_scan_quoted(lexer *lx, char quote, token_kind kind);
void lex_scan_char(lexer *lx);
void lex_scan_backtick(lexer *lx);
void lex_scan_raw(lexer *lx); /* #"..."# */
/* `start`: the first digit. */
void lex_scan_number(lexer *lx, const char *start, bool is_negative);

#endif
