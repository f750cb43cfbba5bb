#include "hero_cli/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <unistr.h>
#include <uniwidth.h>

#define GAP 2 /* spaces between two columns */

static const char *const colour_codes[] = {
    [COLOUR_NONE] = "",           [COLOUR_GREEN] = "\033[32m", [COLOUR_RED] = "\033[31m",
    [COLOUR_YELLOW] = "\033[33m", [COLOUR_BLUE] = "\033[34m",  [COLOUR_GREY] = "\033[90m",
};

struct style style_of(FILE *out) {
    struct style style = {.is_terminal = isatty(fileno(out))};
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size;
    if (!style.is_terminal) return style;
    style.has_colour = !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
    return style;
}

/* ---- Text ------------------------------------------------------------------------------- */

static const uint8_t *as_utf8(const char *text) {
    return (const uint8_t *)text;
}

static void make_harmless(char *text) {
    for (uint8_t *bad; (bad = (uint8_t *)(uintptr_t)u8_check(as_utf8(text), strlen(text)));)
        *bad = '?';
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7F) *at = ' ';
    /* The C1 control characters, U+0080 to U+009F, are C2 80 to C2 9F. */
    for (uint8_t *at = (uint8_t *)text; *at; at++)
        if (at[0] == 0xC2 && at[1] < 0xA0) at[0] = at[1] = ' ';
}

static size_t width_of(const char *text) {
    return (size_t)u8_strwidth(as_utf8(text), "UTF-8");
}

/* The bytes of the longest beginning that is at most `width` columns wide. */
static size_t bytes_within(const char *text, size_t width) {
    size_t bytes = 0, taken = 0;
    ucs4_t character;
    for (int len; text[bytes]; bytes += (size_t)len) {
        len = u8_strmbtouc(&character, as_utf8(text) + bytes);
        int columns = uc_width(character, "UTF-8");
        if (columns > 0) taken += (size_t)columns;
        if (taken > width) break;
    }
    return bytes;
}

/* ---- Tables ----------------------------------------------------------------------------- */

void table_add(struct table *table, enum colour colour, const char *format, ...) {
    if (table->cell_count == table->cell_cap) {
        size_t cap = table->cell_cap ? table->cell_cap * 2 : 64;
        struct table_cell *cells = realloc(table->cells, cap * sizeof *cells);
        if (!cells) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->cell_cap = cap;
    }
    struct table_cell *cell = &table->cells[table->cell_count];
    va_list args;
    va_start(args, format);
    int len = vasprintf(&cell->text, format, args);
    va_end(args);
    if (len < 0) {
        table->failed = true;
        return;
    }
    make_harmless(cell->text);
    cell->colour = colour;
    table->cell_count++;
}

static void print_spaces(size_t count, FILE *out) {
    fprintf(out, "%*s", (int)count, "");
}

/* A cell of the last column is not padded, but cut where the terminal ends. */
static void print_last(const char *text, size_t room, FILE *out) {
    size_t bytes = strlen(text);
    if (room > 0 && width_of(text) > room) {
        fprintf(out, "%.*s…", (int)bytes_within(text, room - 1), text);
        return;
    }
    fwrite(text, 1, bytes, out);
}

static void print_row(const struct table *table, const struct table_cell *row, const size_t *widths,
                      const struct style *style, FILE *out) {
    size_t used = 0, last = table->column_count - 1;
    /* Nothing follows the last cell that has a text, so that no line ends in spaces. */
    while (last > 0 && !*row[last].text)
        last--;
    for (size_t i = 0; i <= last; i++) {
        const char *text = row[i].text;
        bool has_colour = style->has_colour && row[i].colour;
        size_t padding = widths[i] - width_of(text);
        bool is_right = table->columns[i].is_right_aligned;
        if (is_right) print_spaces(padding, out);
        if (has_colour) fputs(colour_codes[row[i].colour], out);
        if (i < table->column_count - 1)
            fputs(text, out);
        else
            print_last(text, style->width > used ? style->width - used : 0, out);
        if (has_colour) fputs("\033[0m", out);
        if (i < last) print_spaces((is_right ? 0 : padding) + GAP, out);
        used += widths[i] + GAP;
    }
    fputc('\n', out);
}

bool table_print(struct table *table, FILE *out, const struct style *style) {
    size_t widths[TABLE_COLUMNS_MAX], columns = table->column_count;
    struct table_cell titles[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < columns; i++) {
        /* Only read from here on. */
        const char *title = table->columns[i].title ? table->columns[i].title : "";
        titles[i] = (struct table_cell){(char *)(uintptr_t)title, COLOUR_GREY};
        widths[i] = width_of(titles[i].text);
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t width = width_of(table->cells[i].text);
        if (width > widths[i % columns]) widths[i % columns] = width;
    }
    if (!table->failed) {
        if (table->columns[0].title) print_row(table, titles, widths, style, out);
        for (size_t i = 0; i + columns <= table->cell_count; i += columns)
            print_row(table, table->cells + i, widths, style, out);
    }
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = table->cell_cap = 0;
    return !table->failed;
}
