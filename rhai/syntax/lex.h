/* lex.h - text to tokens, one at a time, without allocating per token.
 *
 * The lexer works on a copy of the script that ends in NUL bytes, so it may look ahead freely.
 * Columns count characters: `line_base` is the address that a character of column 0 would have
 * on the current line, moved along by every byte that is no character of its own.
 */
#ifndef RHAI_SYNTAX_LEX_H
#define RHAI_SYNTAX_LEX_H

#include "native/error.h"
#include "ops/ops.h"

enum {                 /* token flags */
       UNARY_NEXT = 1, /* a sign after it is a unary operator */
       KEYWORD = 2,    /* what Rhai calls a standard keyword */
       POSTFIX = 4,    /* may go on with an expression that has just ended */
};

/* name, text, precedence (0: no binary operator), flags */
#define TOKENS(X)                                                                                  \
    X(EOF, "{EOF}", 0, 0)                                                                          \
    X(ERROR, "", 0, UNARY_NEXT)                                                                    \
    X(INT, "", 0, 0)                                                                               \
    X(FLOAT, "", 0, 0)                                                                             \
    X(CHAR, "", 0, 0)                                                                              \
    X(STRING, "", 0, 0)                                                                            \
    X(INTERP, "string", 0, 0) /* text up to ${ */                                                  \
    X(NAME, "", 0, 0)                                                                              \
    X(RESERVED, "", 0, 0) /* keyword or symbol that Rhai keeps for itself */                       \
    X(LBRACE, "{", 0, UNARY_NEXT)                                                                  \
    X(RBRACE, "}", 0, 0)                                                                           \
    X(LPAREN, "(", 0, UNARY_NEXT | POSTFIX)                                                        \
    X(RPAREN, ")", 0, 0)                                                                           \
    X(LBRACKET, "[", 0, UNARY_NEXT | POSTFIX)                                                      \
    X(RBRACKET, "]", 0, 0)                                                                         \
    X(UNIT, "()", 0, POSTFIX)                                                                      \
    X(PLUS, "+", 150, UNARY_NEXT)                                                                  \
    X(UNARY_PLUS, "+", 0, UNARY_NEXT)                                                              \
    X(MINUS, "-", 150, UNARY_NEXT)                                                                 \
    X(UNARY_MINUS, "-", 0, UNARY_NEXT)                                                             \
    X(MUL, "*", 180, UNARY_NEXT)                                                                   \
    X(DIV, "/", 180, UNARY_NEXT)                                                                   \
    X(MOD, "%", 180, UNARY_NEXT)                                                                   \
    X(POW, "**", 190, UNARY_NEXT)                                                                  \
    X(SHL, "<<", 210, UNARY_NEXT)                                                                  \
    X(SHR, ">>", 210, UNARY_NEXT)                                                                  \
    X(SEMICOLON, ";", 0, UNARY_NEXT)                                                               \
    X(COLON, ":", 0, UNARY_NEXT)                                                                   \
    X(PATH, "::", 0, POSTFIX)                                                                      \
    X(ARROW, "=>", 0, 0)                                                                           \
    X(UNDERSCORE, "_", 0, 0)                                                                       \
    X(COMMA, ",", 0, UNARY_NEXT)                                                                   \
    X(DOT, ".", 0, POSTFIX)                                                                        \
    X(ELVIS, "?.", 0, POSTFIX)                                                                     \
    X(COALESCE, "??", 135, UNARY_NEXT)                                                             \
    X(ELVIS_INDEX, "?[", 0, UNARY_NEXT | POSTFIX)                                                  \
    X(RANGE, "..", 140, UNARY_NEXT)                                                                \
    X(RANGE_INCLUSIVE, "..=", 140, UNARY_NEXT)                                                     \
    X(MAP, "#{", 0, 0)                                                                             \
    X(ASSIGN, "=", 0, UNARY_NEXT)                                                                  \
    X(LT, "<", 130, UNARY_NEXT)                                                                    \
    X(GT, ">", 130, UNARY_NEXT)                                                                    \
    X(LE, "<=", 130, UNARY_NEXT)                                                                   \
    X(GE, ">=", 130, UNARY_NEXT)                                                                   \
    X(EQ, "==", 90, UNARY_NEXT)                                                                    \
    X(NE, "!=", 90, UNARY_NEXT)                                                                    \
    X(BANG, "!", 0, UNARY_NEXT | POSTFIX)                                                          \
    X(PIPE, "|", 30, UNARY_NEXT)                                                                   \
    X(OR, "||", 30, UNARY_NEXT)                                                                    \
    X(XOR, "^", 30, UNARY_NEXT)                                                                    \
    X(AMP, "&", 60, UNARY_NEXT)                                                                    \
    X(AND, "&&", 60, UNARY_NEXT)                                                                   \
    X(NOT_IN, "!in", 110, UNARY_NEXT)                                                              \
    X(ADD_ASSIGN, "+=", 0, UNARY_NEXT)                                                             \
    X(SUB_ASSIGN, "-=", 0, UNARY_NEXT)                                                             \
    X(MUL_ASSIGN, "*=", 0, UNARY_NEXT)                                                             \
    X(DIV_ASSIGN, "/=", 0, UNARY_NEXT)                                                             \
    X(MOD_ASSIGN, "%=", 0, UNARY_NEXT)                                                             \
    X(POW_ASSIGN, "**=", 0, UNARY_NEXT)                                                            \
    X(SHL_ASSIGN, "<<=", 0, UNARY_NEXT)                                                            \
    X(SHR_ASSIGN, ">>=", 0, UNARY_NEXT)                                                            \
    X(AND_ASSIGN, "&=", 0, UNARY_NEXT)                                                             \
    X(OR_ASSIGN, "|=", 0, UNARY_NEXT)                                                              \
    X(XOR_ASSIGN, "^=", 0, UNARY_NEXT)                                                             \
    X(TRUE, "true", 0, KEYWORD)                                                                    \
    X(FALSE, "false", 0, KEYWORD)                                                                  \
    X(LET, "let", 0, KEYWORD)                                                                      \
    X(CONST, "const", 0, KEYWORD)                                                                  \
    X(IF, "if", 0, UNARY_NEXT | KEYWORD)                                                           \
    X(ELSE, "else", 0, KEYWORD)                                                                    \
    X(SWITCH, "switch", 0, 0)                                                                      \
    X(DO, "do", 0, KEYWORD)                                                                        \
    X(WHILE, "while", 0, UNARY_NEXT | KEYWORD)                                                     \
    X(UNTIL, "until", 0, UNARY_NEXT | KEYWORD)                                                     \
    X(LOOP, "loop", 0, KEYWORD)                                                                    \
    X(FOR, "for", 0, KEYWORD)                                                                      \
    X(IN, "in", 110, UNARY_NEXT | KEYWORD)                                                         \
    X(FN, "fn", 0, KEYWORD)                                                                        \
    X(CONTINUE, "continue", 0, KEYWORD)                                                            \
    X(BREAK, "break", 0, KEYWORD)                                                                  \
    X(RETURN, "return", 0, UNARY_NEXT | KEYWORD)                                                   \
    X(THROW, "throw", 0, UNARY_NEXT | KEYWORD)                                                     \
    X(TRY, "try", 0, KEYWORD)                                                                      \
    X(CATCH, "catch", 0, KEYWORD)                                                                  \
    X(PRIVATE, "private", 0, KEYWORD)                                                              \
    X(IMPORT, "import", 0, KEYWORD)                                                                \
    X(EXPORT, "export", 0, KEYWORD)                                                                \
    X(AS, "as", 0, KEYWORD)

typedef enum token_kind {
#define X(name, text, precedence, flags) TOK_##name,
    TOKENS(X)
#undef X
        TOK_COUNT
} token_kind;

typedef struct token_info {
    const char *text;
    uint8_t precedence, flags;
} token_info;
extern const token_info token_table[TOK_COUNT];

/* What a TOK_ERROR says; `text` is what the message quotes. */
typedef enum lex_fault {
    FAULT_UNEXPECTED,
    FAULT_UNTERMINATED,
    FAULT_TOO_LONG,
    FAULT_ESCAPE,
    FAULT_NUMBER,
    FAULT_CHAR,
    FAULT_NAME,
    FAULT_SYMBOL, /* text is the whole message */
    FAULT_MEMORY,
} lex_fault;

enum {                      /* of reserved words: how they may be used nevertheless */
       RESERVED_CALL = 1,   /* called as a function */
       RESERVED_METHOD = 2, /* called as a method */
};

typedef struct token {
    uint8_t kind;
    uint8_t reserved; /* TOK_RESERVED: RESERVED_... */
    uint8_t fault;    /* TOK_ERROR: lex_fault */
    rhai_pos pos;
    /* Of names, reserved words, strings and faults. In the script or in the lexer's buffer: good
     * until the next token is read. */
    const char *text;
    size_t len;
    union {
        int64_t i;
        double f;
        uint32_t c;
    };
} token;

/* A doc-comment, markers included. */
typedef struct doc_comment {
    const char *text;
    size_t len;
    uint32_t column;
    bool is_block;
} doc_comment;

typedef struct lexer {
    token tok; /* the current token */
    const char *p, *end;
    const char *line_base;
    uint32_t line;
    bool sign_is_binary; /* the token before was an operand */
    char *copy;          /* the script and LEX_PADDING NULs */
    size_t copy_size;
    uint64_t max_string_size;
    text buffer; /* text of a string with escapes, or of a fault */
    /* Doc-comments between the token before and the current one. */
    doc_comment *docs;
    uint32_t docs_len, docs_cap;
    text module_doc;
    bool failed; /* out of memory; the current token is an error then */
    /* For parse_json: { is read as #{ and null as (); #{, () and ${ are faults. */
    bool as_json;
} lexer;

/* False: out of memory (lex_done is due all the same). Call lex_next for the first token. */
bool lex_init(lexer *lx, heap *h, const char *script, size_t len, uint64_t max_string_size);
void lex_done(lexer *lx);
void lex_next(lexer *lx);
/* Where a token of one character begins, to return to; good as long as the lexer. */
typedef struct lex_mark {
    const char *at, *line_base;
    uint32_t line;
} lex_mark;
lex_mark lex_mark_token(const lexer *lx);         /* the current token, of one character */
void lex_return(lexer *lx, const lex_mark *mark); /* makes it the current token again */
/* The current token is the } that ends ${...}: reads on as text. */
void lex_next_text(lexer *lx);

/* Letters, digits and underscores, with a letter before the first digit. */
bool lex_is_name(const char *s, size_t len);
/* May a script define a function of this name? */
bool lex_is_function_name(const char *s, size_t len);

#endif
