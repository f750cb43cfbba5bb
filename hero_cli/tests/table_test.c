/* Tables: alignment, cutting, colours, and texts that try to be more than text. */
#include "hero_cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct table_column columns[] = {{"ID", false}, {"TIME", true}, {"DETAIL", false}};

static void expect(struct table *table, struct style style, const char *expected) {
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_true(table_print(table, out, &style));
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void add_row(struct table *table, const char *id, const char *time, const char *detail) {
    table_add(table, COLOUR_NONE, "%s", id);
    table_add(table, COLOUR_NONE, "%s", time);
    table_add(table, COLOUR_RED, "%s", detail);
}

static void columns_are_aligned_and_lines_end_with_text(void **state) {
    (void)state;
    struct table table = TABLE_INIT(columns);
    add_row(&table, "abc", "5ms", "");
    add_row(&table, "d", "12m05s", "done");
    expect(&table, (struct style){0},
           "ID     TIME  DETAIL\n"
           "abc     5ms\n"
           "d    12m05s  done\n");
}

static void a_table_without_rows_is_its_titles(void **state) {
    (void)state;
    struct table table = TABLE_INIT(columns);
    expect(&table, (struct style){0}, "ID  TIME  DETAIL\n");
}

static void wide_characters_count_their_columns(void **state) {
    (void)state;
    struct table table = TABLE_INIT(columns);
    add_row(&table, "✓ é", "1s", "x");
    add_row(&table, "日本", "1s", "x");
    expect(&table, (struct style){0},
           "ID    TIME  DETAIL\n"
           "✓ é     1s  x\n"
           "日本    1s  x\n");
}

static void the_last_column_is_cut_at_the_edge(void **state) {
    (void)state;
    struct table table = TABLE_INIT(columns);
    add_row(&table, "a", "1s", "a long story");
    add_row(&table, "b", "1s", "fitting");
    expect(&table, (struct style){.is_terminal = true, .width = 17},
           "ID  TIME  DETAIL\n"
           "a     1s  a long…\n"
           "b     1s  fitting\n");
}

static void colours_end_where_the_text_ends(void **state) {
    (void)state;
    struct table table = TABLE_INIT(columns);
    add_row(&table, "a", "1s", "bad");
    expect(&table, (struct style){.has_colour = true},
           "\033[90mID\033[0m  \033[90mTIME\033[0m  \033[90mDETAIL\033[0m\n"
           "a     1s  \033[31mbad\033[0m\n");
}

static void control_characters_do_not_reach_the_terminal(void **state) {
    (void)state;
    struct table table = TABLE_INIT(columns);
    add_row(&table, "a", "1s", "x\033[2J\r\n\ty\177\302\233z\377!");
    expect(&table, (struct style){0},
           "ID  TIME  DETAIL\n"
           "a     1s  x [2J   y   z?!\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_and_lines_end_with_text),
        cmocka_unit_test(a_table_without_rows_is_its_titles),
        cmocka_unit_test(wide_characters_count_their_columns),
        cmocka_unit_test(the_last_column_is_cut_at_the_edge),
        cmocka_unit_test(colours_end_where_the_text_ends),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
