/* csv.c - comma-separated values (RFC 4180), by libcsv. */
#include "core/module.h"
#include "core/text.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    unsigned char delimiter, quote;
    bool has_header;
};

/* ---- Options ----------------------------------------------------------------------------- */

static rhai_status read_sign(rhai_call *call, const rhai_value *value, const char *name,
                             unsigned char *ret) {
    size_t len = 0;
    const char *text = rhai_type_of(value) == RHAI_STRING ? rhai_as_text(value, &len) : "";
    uint32_t c = rhai_type_of(value) == RHAI_CHAR ? rhai_as_char(value)
                 : len == 1                       ? (unsigned char)text[0]
                                                  : 0;
    if (c == 0 || c >= 0x80 || c == '\n' || c == '\r')
        return rhai_throw(call, "csv: the option `%s` needs one ASCII character", name);
    *ret = (unsigned char)c;
    return RHAI_OK;
}

static rhai_status read_option(rhai_call *call, const char *name, const rhai_value *value,
                               struct options *options) {
    if (strcmp(name, "delimiter") == 0) return read_sign(call, value, name, &options->delimiter);
    if (strcmp(name, "quote") == 0) return read_sign(call, value, name, &options->quote);
    if (strcmp(name, "header") != 0) return rhai_throw(call, "csv: there is no option `%s`", name);
    if (rhai_type_of(value) != RHAI_BOOL)
        return rhai_throw(call, "csv: the option `header` needs true or false");
    options->has_header = rhai_as_bool(value);
    return RHAI_OK;
}

static rhai_status read_options(rhai_call *call, const rhai_value *map, struct options *options) {
    for (size_t i = 0, count = rhai_map_len(map); i < count; i++) {
        const char *name;
        size_t len;
        const rhai_value *value = rhai_map_entry(rhai_call_engine(call), map, i, &name, &len);
        if (!value) return rhai_throw_out_of_memory(call);
        rhai_status status = read_option(call, name, value, options);
        if (status != RHAI_OK) return status;
    }
    if (options->delimiter == options->quote)
        return rhai_throw(call, "csv: delimiter and quote must differ");
    return RHAI_OK;
}

static const struct options standard = {.delimiter = ',', .quote = '"', .has_header = false};

/* ---- Reading ----------------------------------------------------------------------------- */

struct reading {
    rhai_call *call;
    rhai_engine *engine;
    bool has_header, is_header_read;
    rhai_value rows, row, header;
    size_t column;
    rhai_status status; /* of the first thing that went wrong */
};

static void note(struct reading *reading, rhai_status status) {
    if (status == RHAI_OK || reading->status != RHAI_OK) return;
    reading->status = rhai_throw_out_of_memory(reading->call);
}

static void set_field(struct reading *reading, rhai_value *field) {
    if (!reading->has_header || !reading->is_header_read) {
        note(reading, rhai_array_push(reading->engine, &reading->row, field));
        return;
    }
    char number[32];
    size_t len;
    const char *key = number;
    if (reading->column < rhai_array_len(&reading->header))
        key = rhai_as_text(rhai_array_at(&reading->header, reading->column), &len);
    else
        len = (size_t)snprintf(number, sizeof number, "column_%zu", reading->column + 1);
    note(reading, rhai_map_set(reading->engine, &reading->row, key, len, field));
}

static rhai_status begin_row(struct reading *reading) {
    bool is_map = reading->has_header && reading->is_header_read;
    return is_map ? rhai_new_map(reading->engine, &reading->row)
                  : rhai_new_array(reading->engine, &reading->row);
}

static void on_field(void *bytes, size_t len, void *data) {
    struct reading *reading = data;
    if (reading->status != RHAI_OK) return;
    if (rhai_type_of(&reading->row) == RHAI_UNIT) note(reading, begin_row(reading));
    rhai_value field = rhai_unit();
    if (reading->status == RHAI_OK) {
        rhai_status status = text_value(reading->call, bytes ? bytes : "", len, &field);
        if (status != RHAI_OK) reading->status = status;
    }
    if (reading->status == RHAI_OK) set_field(reading, &field);
    reading->column++;
}

static void on_row(int last, void *data) {
    (void)last;
    struct reading *reading = data;
    reading->column = 0;
    if (reading->status != RHAI_OK || rhai_type_of(&reading->row) == RHAI_UNIT) return;
    if (reading->has_header && !reading->is_header_read) {
        reading->header = reading->row;
        reading->row = rhai_unit();
        reading->is_header_read = true;
    } else {
        note(reading, rhai_array_push(reading->engine, &reading->rows, &reading->row));
    }
}

/* White space around a field belongs to it (RFC 4180 §2.4). */
static int no_space(unsigned char c) {
    (void)c;
    return 0;
}

static rhai_status throw_csv(rhai_call *call, struct csv_parser *parser) {
    int error = csv_error(parser);
    if (error == CSV_ENOMEM) return rhai_throw_out_of_memory(call);
    return rhai_throw(call, "csv: a quote stands where it must not, or has no end");
}

static rhai_status parse(rhai_call *call, const rhai_value *value, const struct options *options,
                         rhai_value *ret) {
    struct csv_parser parser;
    struct reading reading = {.call = call,
                              .engine = rhai_call_engine(call),
                              .has_header = options->has_header};
    if (rhai_new_array(reading.engine, &reading.rows) != RHAI_OK ||
        csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        rhai_value_done(reading.engine, &reading.rows);
        return rhai_throw_out_of_memory(call);
    }
    csv_set_delim(&parser, options->delimiter);
    csv_set_quote(&parser, options->quote);
    csv_set_space_func(&parser, no_space);
    size_t len;
    const char *text = rhai_as_text(value, &len);
    bool is_parsed = csv_parse(&parser, text, len, on_field, on_row, &reading) == len &&
                     csv_fini(&parser, on_field, on_row, &reading) == 0;
    rhai_status status = reading.status;
    if (status == RHAI_OK && !is_parsed) status = throw_csv(call, &parser);
    csv_free(&parser);
    rhai_value_done(reading.engine, &reading.row);
    rhai_value_done(reading.engine, &reading.header);
    if (status == RHAI_OK)
        *ret = reading.rows;
    else
        rhai_value_done(reading.engine, &reading.rows);
    return status;
}

static rhai_status text_csv_parse(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return parse(call, &args[0], &standard, ret);
}

static rhai_status text_csv_parse_with(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct options options = standard;
    rhai_status status = read_options(call, &args[1], &options);
    return status == RHAI_OK ? parse(call, &args[0], &options, ret) : status;
}

/* ---- Writing ----------------------------------------------------------------------------- */

struct writing {
    rhai_call *call;
    rhai_engine *engine;
    const struct options *options;
    FILE *out;
};

static rhai_status write_field(const struct writing *writing, const rhai_value *value) {
    rhai_value text;
    size_t len;
    if (rhai_type_of(value) == RHAI_UNIT) return RHAI_OK;
    if (rhai_to_text(writing->engine, value, &text) != RHAI_OK)
        return rhai_throw_out_of_memory(writing->call);
    const char *bytes = rhai_as_text(&text, &len);
    bool needs_quotes = len > 0 && (bytes[0] == ' ' || bytes[len - 1] == ' ');
    for (size_t i = 0; i < len && !needs_quotes; i++) {
        unsigned char c = (unsigned char)bytes[i];
        needs_quotes = c == writing->options->delimiter || c == writing->options->quote ||
                       c == '\n' || c == '\r';
    }
    if (needs_quotes)
        csv_fwrite2(writing->out, bytes, len, writing->options->quote);
    else
        fwrite(bytes, 1, len, writing->out);
    rhai_value_done(writing->engine, &text);
    return RHAI_OK;
}

static rhai_status write_array(const struct writing *writing, const rhai_value *row) {
    for (size_t i = 0, count = rhai_array_len(row); i < count; i++) {
        if (i > 0) fputc(writing->options->delimiter, writing->out);
        rhai_status status = write_field(writing, rhai_array_at(row, i));
        if (status != RHAI_OK) return status;
    }
    fputs("\r\n", writing->out);
    return RHAI_OK;
}

/* The values of a map in the order of the columns; an entry that is missing is empty. */
static rhai_status write_map(const struct writing *writing, const rhai_value *row,
                             const rhai_value *columns) {
    for (size_t i = 0, count = rhai_array_len(columns); i < count; i++) {
        size_t len;
        const char *name = rhai_as_text(rhai_array_at(columns, i), &len);
        const rhai_value *value = rhai_map_get(row, name, len);
        if (i > 0) fputc(writing->options->delimiter, writing->out);
        rhai_status status = value ? write_field(writing, value) : RHAI_OK;
        if (status != RHAI_OK) return status;
    }
    fputs("\r\n", writing->out);
    return RHAI_OK;
}

/* The keys of all maps together, in byte order. */
static rhai_status collect_columns(rhai_call *call, const rhai_value *rows, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    rhai_value names = rhai_unit(), columns = rhai_unit();
    bool is_done = rhai_new_map(engine, &names) == RHAI_OK &&
                   rhai_new_array(engine, &columns) == RHAI_OK;
    for (size_t i = 0; is_done && i < rhai_array_len(rows); i++) {
        const rhai_value *row = rhai_array_at(rows, i);
        for (size_t j = 0; is_done && rhai_type_of(row) == RHAI_MAP && j < rhai_map_len(row); j++) {
            const char *key;
            size_t len;
            rhai_value nothing = rhai_unit();
            is_done = rhai_map_entry(engine, row, j, &key, &len) != NULL &&
                      rhai_map_set(engine, &names, key, len, &nothing) == RHAI_OK;
        }
    }
    for (size_t i = 0; is_done && i < rhai_map_len(&names); i++) {
        const char *key;
        size_t len;
        rhai_value name;
        is_done = rhai_map_entry(engine, &names, i, &key, &len) != NULL &&
                  rhai_from_text(engine, key, len, &name) == RHAI_OK &&
                  rhai_array_push(engine, &columns, &name) == RHAI_OK;
    }
    rhai_value_done(engine, &names);
    if (is_done)
        *ret = columns;
    else
        rhai_value_done(engine, &columns);
    return is_done ? RHAI_OK : rhai_throw_out_of_memory(call);
}

static rhai_status write_rows(const struct writing *writing, const rhai_value *rows) {
    rhai_value columns;
    rhai_status status = collect_columns(writing->call, rows, &columns);
    if (status != RHAI_OK) return status;
    if (rhai_array_len(&columns) > 0) status = write_array(writing, &columns);
    for (size_t i = 0, count = rhai_array_len(rows); status == RHAI_OK && i < count; i++) {
        const rhai_value *row = rhai_array_at(rows, i);
        switch (rhai_type_of(row)) {
        case RHAI_ARRAY: status = write_array(writing, row); break;
        case RHAI_MAP: status = write_map(writing, row, &columns); break;
        default:
            status = rhai_throw(writing->call, "csv: row %zu is neither an array nor a map", i);
        }
    }
    rhai_value_done(writing->engine, &columns);
    return status;
}

static rhai_status format(rhai_call *call, const rhai_value *rows, const struct options *options,
                          rhai_value *ret) {
    char *text = NULL;
    size_t len = 0;
    struct writing writing = {.call = call,
                              .engine = rhai_call_engine(call),
                              .options = options,
                              .out = open_memstream(&text, &len)};
    if (!writing.out) return rhai_throw_out_of_memory(call);
    rhai_status status = write_rows(&writing, rows);
    bool is_written = fclose(writing.out) == 0;
    if (status == RHAI_OK) return text_take(call, is_written ? text : NULL, len, ret);
    free(text);
    return status;
}

static rhai_status text_csv_format(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return format(call, &args[0], &standard, ret);
}

static rhai_status text_csv_format_with(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct options options = standard;
    rhai_status status = read_options(call, &args[1], &options);
    return status == RHAI_OK ? format(call, &args[0], &options, ret) : status;
}

static const rhai_native functions[] = {
    {"csv_parse", "s", text_csv_parse, 0, "csv_parse(text: string) -> array",
     "The rows of comma-separated values, each an array of texts."},
    {"csv_parse", "sm", text_csv_parse_with, 0, "csv_parse(text: string, options: map) -> array",
     "With the options `delimiter` and `quote` (one character each) and `header`: when it is true, "
     "the first row names the columns and each other row is a map."},
    {"csv_format", "a", text_csv_format, 0, "csv_format(rows: array) -> string",
     "Rows as comma-separated values: arrays, or maps, whose keys then become the header."},
    {"csv_format", "am", text_csv_format_with, 0,
     "csv_format(rows: array, options: map) -> string",
     "With the options `delimiter` and `quote`, one character each."},
};

const herolib_module herolib_text_csv_module = {
    .name = "text",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
