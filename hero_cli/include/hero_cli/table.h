/* table.h - what a command shows: columns for people, the same on a terminal and in a pipe, with
 * glyphs and colours only on a terminal. */
#ifndef HERO_CLI_TABLE_H
#define HERO_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* How to write to a stream. */
struct style {
    bool is_terminal; /* glyphs are shown, the last column is cut at the edge */
    bool has_colour;
    size_t width; /* columns of the terminal; 0: no limit */
};

/* Colours unless NO_COLOR is set and not empty (no-color.org), or TERM is "dumb". */
struct style style_of(FILE *out);

enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_RED, COLOUR_YELLOW, COLOUR_BLUE, COLOUR_GREY };

#define TABLE_COLUMNS_MAX 8

struct table_column {
    const char *title; /* NULL in all columns: no line of titles */
    bool is_right_aligned;
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    struct table_cell {
        char *text;
        enum colour colour;
    } * cells; /* row by row */
    size_t cell_count, cell_cap;
    bool failed; /* out of memory; nothing is printed then */
};

#define TABLE_INIT(column_table)                                                                   \
    { .columns = (column_table), .column_count = sizeof(column_table) / sizeof((column_table)[0]) }

/* The next cell; a row is full after as many as there are columns. Control characters become
 * spaces, so that no text of a script moves the cursor; what is not UTF-8 becomes '?'. */
void table_add(struct table *table, enum colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints titles and rows and ends the table. False when memory was short. */
bool table_print(struct table *table, FILE *out, const struct style *style);

#endif
