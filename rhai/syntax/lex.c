/* Words, comments, symbols, and the loop that tells tokens apart. */
#include "syntax/lex_scan.h"

#include <string.h>

enum { PADDING = 16 };

const token_info token_table[TOK_COUNT] = {
#define X(name, text, precedence, flags) {text, precedence, flags},
    TOKENS(X)
#undef X
};

const uint8_t lex_classes[256] = {
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

static void set_symbol_fault(lexer *lx, const char *message) {
    set_fault(lx, FAULT_SYMBOL, lx->tok.pos, message, strlen(message));
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
        uint32_t cap = next_size(lx->docs_cap, 8);
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
    case '#': lex_scan_raw(lx); break;
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
            lex_scan_number(lx, start + 1, true);
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
    case '0' ... '9': lex_scan_number(lx, start, false); break;
    case '"': lex_scan_quoted(lx, '"', TOK_STRING); break;
    case '`': lex_scan_backtick(lx); break;
    case '\'': lex_scan_char(lx); break;
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

lex_mark lex_mark_token(const lexer *lx) {
    return (lex_mark){lx->p - 1, lx->line_base, lx->line};
}

void lex_return(lexer *lx, const lex_mark *mark) {
    lx->p = mark->at;
    lx->line_base = mark->line_base;
    lx->line = mark->line;
    lx->sign_is_binary = false;
    lx->module_doc.len = 0;
    lex_next(lx);
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
