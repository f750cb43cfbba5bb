/* Cutting bytes into lines. */
#include "session/lines.h"

#include "session/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Notes each line as "[text]", a partial one as "[text~]"; long texts as their length. */
struct note {
    char text[4096];
};

static void note_line(void *ctx, const char *text, size_t len, bool is_partial) {
    struct note *note = ctx;
    size_t at = strlen(note->text);
    if (len > 100)
        snprintf(note->text + at, sizeof note->text - at, "[%zu bytes", len);
    else
        snprintf(note->text + at, sizeof note->text - at, "[%.*s", (int)len, text);
    strcat(note->text, is_partial ? "~]" : "]");
}

static void add(struct lines *lines, const char *text, struct note *note) {
    lines_add(lines, text, strlen(text), note_line, note);
}

static void complete_lines_pass_at_once_and_the_rest_waits(void **state) {
    (void)state;
    struct lines lines = {0};
    struct note note = {""};
    add(&lines, "one\ntwo\nthr", &note);
    assert_string_equal(note.text, "[one][two]");
    add(&lines, "ee\n\n", &note);
    assert_string_equal(note.text, "[one][two][three][]");
    lines_done(&lines);
}

static void flushing_passes_the_beginning_of_a_line(void **state) {
    (void)state;
    struct lines lines = {0};
    struct note note = {""};
    add(&lines, "name: ", &note);
    lines_flush(&lines, true, note_line, &note);
    add(&lines, "Ada\nlast", &note);
    lines_flush(&lines, false, note_line, &note);
    lines_flush(&lines, false, note_line, &note);
    assert_string_equal(note.text, "[name: ~][Ada][last]");
    lines_done(&lines);
}

static void a_line_over_the_bound_comes_in_pieces(void **state) {
    (void)state;
    size_t len = 2 * FRAME_LINE_MAX_BYTES + 10;
    char *text = malloc(len + 1);
    memset(text, 'x', len);
    text[len] = '\n';
    const char *expected = "[65536 bytes~][65536 bytes~][xxxxxxxxxx]";
    /* Whole, and in chunks that do not divide it. */
    const size_t chunks[] = {len + 1, 4096, 1000};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        struct lines lines = {0};
        struct note note = {""};
        for (size_t at = 0; at <= len; at += chunks[i]) {
            size_t piece = len + 1 - at < chunks[i] ? len + 1 - at : chunks[i];
            lines_add(&lines, text + at, piece, note_line, &note);
        }
        assert_string_equal(note.text, expected);
        lines_done(&lines);
    }
    free(text);
}

static void a_character_is_never_cut_in_two(void **state) {
    (void)state;
    static const char *const ends[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    static const char *const expected = "[65535 bytes~][\xc3\xa9!]"
                                        "[65535 bytes~][\xe2\x82\xac!]"
                                        "[65535 bytes~][\xf0\x9f\x98\x80!]";
    char *text = malloc(FRAME_LINE_MAX_BYTES + 16);
    struct note whole = {""}, in_pieces = {""}, printed = {""};
    struct lines lines = {0};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        memset(text, 'x', FRAME_LINE_MAX_BYTES - 1);
        size_t len = FRAME_LINE_MAX_BYTES - 1;
        len += (size_t)sprintf(text + len, "%s!\n", ends[i]);
        lines_add(&lines, text, len, note_line, &whole);
        lines_split(text, len - 1, note_line, &printed);
        for (size_t at = 0; at < len; at += 1000)
            lines_add(&lines, text + at, len - at < 1000 ? len - at : 1000, note_line, &in_pieces);
    }
    assert_string_equal(whole.text, expected);
    assert_string_equal(in_pieces.text, expected);
    assert_string_equal(printed.text, expected);

    /* Nor by a pause in the middle of it; what is no beginning of one is not waited for. */
    struct note note = {""};
    add(&lines, "a\xe2\x82", &note);
    lines_flush(&lines, true, note_line, &note);
    lines_flush(&lines, true, note_line, &note);
    add(&lines, "\xac\n\xff", &note);
    lines_flush(&lines, true, note_line, &note);
    add(&lines, "\xc3", &note);
    lines_flush(&lines, true, note_line, &note);
    lines_flush(&lines, false, note_line, &note);
    assert_string_equal(note.text, "[a~][\xe2\x82\xac][\xff~][\xc3]");
    lines_done(&lines);
    free(text);
}

static void a_line_of_exactly_the_bound_is_whole(void **state) {
    (void)state;
    char *text = malloc(FRAME_LINE_MAX_BYTES + 1);
    memset(text, 'x', FRAME_LINE_MAX_BYTES);
    text[FRAME_LINE_MAX_BYTES] = '\n';
    struct lines lines = {0};
    struct note note = {""};
    lines_add(&lines, text, FRAME_LINE_MAX_BYTES + 1, note_line, &note);
    assert_string_equal(note.text, "[65536 bytes]");
    lines_done(&lines);
    free(text);
}

static void printed_text_makes_one_line_more_than_it_has_newlines(void **state) {
    (void)state;
    struct note note = {""};
    lines_split("", 0, note_line, &note);
    lines_split("a", 1, note_line, &note);
    lines_split("b\nc", 3, note_line, &note);
    lines_split("d\n", 2, note_line, &note);
    assert_string_equal(note.text, "[][a][b][c][d][]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complete_lines_pass_at_once_and_the_rest_waits),
        cmocka_unit_test(flushing_passes_the_beginning_of_a_line),
        cmocka_unit_test(a_line_over_the_bound_comes_in_pieces),
        cmocka_unit_test(a_character_is_never_cut_in_two),
        cmocka_unit_test(a_line_of_exactly_the_bound_is_whole),
        cmocka_unit_test(printed_text_makes_one_line_more_than_it_has_newlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
