#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "syntax/lex.h"

/* All tokens of the script as `text@line:column`, one space between them. */
static void check(const char *script, const char *expected) {
    heap h;
    heap_init(&h, NULL, NULL);
    lexer lx;
    text t;
    text_init(&t, &h);
    assert_true(lex_init(&lx, &h, script, strlen(script), 0));
    do {
        lex_next(&lx);
        const token *tok = &lx.tok;
        if (t.len) text_add(&t, " ", 1);
        switch (tok->kind) {
        case TOK_INT: text_printf(&t, "%lld", (long long)tok->i); break;
        case TOK_FLOAT: text_add_float(&t, tok->f); break;
        case TOK_CHAR: text_printf(&t, "'%x'", tok->c); break;
        case TOK_STRING: text_add_quoted(&t, tok->text, tok->len); break;
        case TOK_INTERP:
            text_add_quoted(&t, tok->text, tok->len);
            text_add_cstr(&t, "$");
            break;
        case TOK_ERROR: text_printf(&t, "error%d", tok->fault); /* fall through */
        case TOK_NAME: text_printf(&t, "<%.*s>", (int)tok->len, tok->text); break;
        case TOK_RESERVED: text_printf(&t, "!%.*s", (int)tok->len, tok->text); break;
        case TOK_UNARY_MINUS:
        case TOK_UNARY_PLUS: text_add_cstr(&t, "unary"); /* fall through */
        default: text_add_cstr(&t, token_table[tok->kind].text);
        }
        text_printf(&t, "@%u:%u", tok->pos.line, tok->pos.column);
    } while (lx.tok.kind != TOK_EOF && lx.tok.kind != TOK_ERROR);
    assert_string_equal(t.data, expected);
    text_done(&t);
    lex_done(&lx);
    heap_done(&h);
    assert_int_equal(h.used, 0);
}

static void words_are_names_keywords_or_reserved(void **state) {
    (void)state;
    check("let lets _x go is_def_fn",
          "let@1:1 <lets>@1:5 <_x>@1:10 !go@1:13 !is_def_fn@1:16 {EOF}@1:25");
    check("_ __a1", "_@1:1 <__a1>@1:3 {EOF}@1:7");
    check("_1", "error6<_1>@1:1");
    check("__", "error6<__>@1:1");
}

static void numbers_take_all_bases_separators_and_exponents(void **state) {
    (void)state;
    check("1_000 0xFF 0o17 0b1_1", "1000@1:1 255@1:7 15@1:12 3@1:17 {EOF}@1:22");
    check("1.5 1e3 2.5e-1 1.", "1.5@1:1 1000.0@1:5 0.25@1:9 1@1:16 .@1:17 {EOF}@1:18");
    check("0xFFFFFFFFFFFFFFFF", "-1@1:1 {EOF}@1:19");
    check("9223372036854775808", "9.223372036854776e18@1:1 {EOF}@1:20");
    check("0x", "error4<>@1:1");
    check("1e+", "error4<1e+>@1:1");
}

static void a_period_after_a_number_may_be_a_range_or_a_method(void **state) {
    (void)state;
    check("1..2", "1@1:1 ..@1:2 2@1:4 {EOF}@1:5");
    check("1.abs", "1@1:1 .@1:2 <abs>@1:3 {EOF}@1:6");
    check("1.;", "1.0@1:1 ;@1:3 {EOF}@1:4");
}

static void a_minus_belongs_to_the_number_where_an_operand_begins(void **state) {
    (void)state;
    check("-1 -1", "-1@1:1 -@1:4 1@1:5 {EOF}@1:6");
    check("x = -9223372036854775808", "<x>@1:1 =@1:3 -9223372036854775808@1:5 {EOF}@1:25");
    check("(-x)", "(@1:1 unary-@1:2 <x>@1:3 )@1:4 {EOF}@1:5");
    check("-0x10", "error4<x10>@1:1");
}

static void strings_have_escapes_and_continue_on_the_next_line(void **state) {
    (void)state;
    check("\"a\\tb\\x41\\u00e9\"", "\"a\\tbA\xc3\xa9\"@1:1 {EOF}@1:17");
    check("\"a\"\"b\"", "\"a\\\"b\"@1:1 {EOF}@1:7");
    check("  \"one \\\n   two\"", "\"one two\"@1:3 {EOF}@2:8");
    check("\"\\q\"", "error3<\\q>@1:3");
    check("\"\\ud800\"", "error3<\\ud800>@1:7");
    check("\"open\n", "error1<>@1:1");
    check("\"\xc3\xa9\" x", "\"\xc3\xa9\"@1:1 <x>@1:5 {EOF}@1:6");
}

static void raw_and_multi_line_strings_keep_their_text(void **state) {
    (void)state;
    check("#\"a\\n\"b\"#", "\"a\\\\n\\\"b\"@1:1 {EOF}@1:10");
    check("##\"a\"#b\"## x", "\"a\\\"#b\"@1:1 <x>@1:12 {EOF}@1:13");
    check("`\na\nb` x", "\"a\\nb\"@1:1 <x>@3:4 {EOF}@3:5");
    check("`a``b`", "\"a`b\"@1:1 {EOF}@1:7");
    check("`\\${`", "\"${\"@1:1 {EOF}@1:5");
    check("`open", "error1<>@1:1");
}

static void characters_are_one_scalar_value(void **state) {
    (void)state;
    check("'x' '\\n' '\xe2\x82\xac'", "'78'@1:1 'a'@1:5 '20ac'@1:10 {EOF}@1:13");
    check("''", "error5<>@1:1");
    check("'ab'", "error5<ab>@1:1");
}

static void comments_nest_and_line_ends_count(void **state) {
    (void)state;
    check("a /* x /* y\n */ z */ b // c\nd", "<a>@1:1 <b>@2:10 <d>@3:1 {EOF}@3:2");
    check("a // x\rb", "<a>@1:1 <b>@2:1 {EOF}@2:2");
    check("/* open", "{EOF}@1:8");
}

static void symbols_of_other_languages_are_explained(void **state) {
    (void)state;
    check("a ... b", "<a>@1:1 !...@1:3 <b>@1:7 {EOF}@1:8");
    check("===", "error7<'===' is not a valid operator. This is not JavaScript! Should it be "
                 "'=='?>@1:1");
    check("a !in b !inx", "<a>@1:1 !in@1:3 <b>@1:7 !@1:9 <inx>@1:10 {EOF}@1:13");
    check("a ** b **= c", "<a>@1:1 **@1:3 <b>@1:6 **=@1:8 <c>@1:12 {EOF}@1:13");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_names_keywords_or_reserved),
        cmocka_unit_test(numbers_take_all_bases_separators_and_exponents),
        cmocka_unit_test(a_period_after_a_number_may_be_a_range_or_a_method),
        cmocka_unit_test(a_minus_belongs_to_the_number_where_an_operand_begins),
        cmocka_unit_test(strings_have_escapes_and_continue_on_the_next_line),
        cmocka_unit_test(raw_and_multi_line_strings_keep_their_text),
        cmocka_unit_test(characters_are_one_scalar_value),
        cmocka_unit_test(comments_nest_and_line_ends_count),
        cmocka_unit_test(symbols_of_other_languages_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
