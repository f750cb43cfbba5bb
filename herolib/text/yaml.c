/* yaml.c - YAML 1.2, by libfyaml.
 *
 * Plain scalars are resolved by the core schema (yaml.org/spec/1.2.2, §10.3.2): null, true, false,
 * integers in base 8, 10 and 16, floats. Aliases are followed and `<<` merges; tags are passed over.
 * A small text can stand for a huge value by aliases of aliases, so the number of values has a bound.
 */
#include "core/module.h"
#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <libfyaml.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YAML_DEPTH_MAX 64
#define YAML_VALUES_MAX 1000000

/* ---- Scalars ----------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum { NULL_WORD, TRUE_WORD, FALSE_WORD, INF_WORD, NAN_WORD } meaning;
} words[] = {
    {"", NULL_WORD},      {"~", NULL_WORD},     {"null", NULL_WORD},  {"Null", NULL_WORD},
    {"NULL", NULL_WORD},  {"true", TRUE_WORD},  {"True", TRUE_WORD},  {"TRUE", TRUE_WORD},
    {"false", FALSE_WORD}, {"False", FALSE_WORD}, {"FALSE", FALSE_WORD}, {".inf", INF_WORD},
    {".Inf", INF_WORD},   {".INF", INF_WORD},   {"+.inf", INF_WORD},  {".nan", NAN_WORD},
    {".NaN", NAN_WORD},   {".NAN", NAN_WORD},
};

static bool resolve_word(const char *text, rhai_value *ret) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i].text) != 0) continue;
        switch (words[i].meaning) {
        case NULL_WORD: *ret = rhai_unit(); break;
        case TRUE_WORD: *ret = rhai_from_bool(true); break;
        case FALSE_WORD: *ret = rhai_from_bool(false); break;
        case INF_WORD: *ret = rhai_from_float(INFINITY); break;
        case NAN_WORD: *ret = rhai_from_float(NAN); break;
        }
        return true;
    }
    return false;
}

static bool resolve_int(const char *text, rhai_value *ret) {
    int base = strncmp(text, "0x", 2) == 0 ? 16 : strncmp(text, "0o", 2) == 0 ? 8 : 10;
    const char *digits = base == 10 ? text : text + 2;
    const char *first = digits + (base == 10 && (*digits == '-' || *digits == '+'));
    if (!isxdigit((unsigned char)*first)) return false;
    char *end;
    errno = 0;
    long long number = strtoll(digits, &end, base);
    if (*end || errno) return false;
    *ret = rhai_from_int(number);
    return true;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *c) {
    if (*c == '-' || *c == '+') c++;
    size_t whole = strspn(c, "0123456789"), fraction = 0;
    c += whole;
    if (*c == '.') {
        fraction = strspn(++c, "0123456789");
        c += fraction;
    }
    if (whole + fraction == 0) return false;
    if (*c == 'e' || *c == 'E') {
        c++;
        if (*c == '-' || *c == '+') c++;
        size_t digits = strspn(c, "0123456789");
        if (digits == 0) return false;
        c += digits;
    }
    return *c == '\0';
}

/* What a plain scalar means; false: it is a text. */
static bool resolve_plain(const char *text, rhai_value *ret) {
    if (resolve_word(text, ret) || resolve_int(text, ret)) return true;
    if (strcmp(text, "-.inf") == 0) {
        *ret = rhai_from_float(-INFINITY);
        return true;
    }
    if (!is_float(text)) return false;
    *ret = rhai_from_float(strtod(text, NULL));
    return true;
}

/* ---- Reading ----------------------------------------------------------------------------- */

struct reading {
    rhai_call *call;
    rhai_engine *engine;
    size_t values;
    unsigned depth;
};

static rhai_status read_node(struct reading *reading, struct fy_node *node, rhai_value *ret);

static rhai_status read_scalar(struct reading *reading, struct fy_node *node, rhai_value *ret) {
    size_t len;
    const char *text = fy_node_get_scalar(node, &len);
    if (fy_node_get_style(node) == FYNS_PLAIN || !text) {
        const char *plain = fy_node_get_scalar0(node);
        if (resolve_plain(plain ? plain : "", ret)) return RHAI_OK;
    }
    return text_value(reading->call, text ? text : "", len, ret);
}

static rhai_status read_sequence(struct reading *reading, struct fy_node *node, rhai_value *ret) {
    rhai_value array;
    if (rhai_new_array(reading->engine, &array) != RHAI_OK)
        return rhai_throw_out_of_memory(reading->call);
    rhai_status status = RHAI_OK;
    void *at = NULL;
    struct fy_node *child;
    while (status == RHAI_OK && (child = fy_node_sequence_iterate(node, &at))) {
        rhai_value item;
        status = read_node(reading, child, &item);
        if (status == RHAI_OK && rhai_array_push(reading->engine, &array, &item) != RHAI_OK)
            status = rhai_throw_out_of_memory(reading->call);
    }
    if (status == RHAI_OK)
        *ret = array;
    else
        rhai_value_done(reading->engine, &array);
    return status;
}

/* Entries of `from` that `map` does not have. */
static rhai_status merge_map(struct reading *reading, rhai_value *map, const rhai_value *from) {
    for (size_t i = 0; i < rhai_map_len(from); i++) {
        const char *key;
        size_t len;
        rhai_value copy;
        const rhai_value *value = rhai_map_entry(reading->engine, from, i, &key, &len);
        if (!value) return rhai_throw_out_of_memory(reading->call);
        if (rhai_map_get(map, key, len)) continue;
        rhai_value_copy(value, &copy);
        if (rhai_map_set(reading->engine, map, key, len, &copy) != RHAI_OK)
            return rhai_throw_out_of_memory(reading->call);
    }
    return RHAI_OK;
}

/* `<<`: a map, or several of which earlier ones win. */
static rhai_status merge(struct reading *reading, rhai_value *map, struct fy_node *node) {
    rhai_value from;
    rhai_status status = read_node(reading, node, &from);
    if (status != RHAI_OK) return status;
    if (rhai_type_of(&from) == RHAI_MAP) status = merge_map(reading, map, &from);
    size_t count = rhai_type_of(&from) == RHAI_ARRAY ? rhai_array_len(&from) : 0;
    for (size_t i = 0; i < count && status == RHAI_OK; i++) {
        const rhai_value *item = rhai_array_at(&from, i);
        if (rhai_type_of(item) == RHAI_MAP) status = merge_map(reading, map, item);
    }
    rhai_value_done(reading->engine, &from);
    return status;
}

static rhai_status read_pair(struct reading *reading, struct fy_node *key_node,
                             struct fy_node *value_node, rhai_value *map) {
    rhai_value key = rhai_unit(), value;
    size_t len;
    if (key_node && fy_node_is_alias(key_node)) key_node = fy_node_resolve_alias(key_node);
    if (key_node && !fy_node_is_scalar(key_node))
        return rhai_throw(reading->call, "yaml: a key that is no text cannot be in a map");
    rhai_status status = RHAI_OK;
    const char *key_text = key_node ? fy_node_get_scalar(key_node, &len) : NULL;
    if (key_text) status = text_value(reading->call, key_text, len, &key);
    if (status == RHAI_OK) status = read_node(reading, value_node, &value);
    if (status == RHAI_OK) {
        key_text = rhai_type_of(&key) == RHAI_STRING ? rhai_as_text(&key, &len) : (len = 0, "");
        if (rhai_map_set(reading->engine, map, key_text, len, &value) != RHAI_OK)
            status = rhai_throw_out_of_memory(reading->call);
    }
    rhai_value_done(reading->engine, &key);
    return status;
}

static bool is_merge_key(struct fy_node *key) {
    size_t len;
    const char *text = key && fy_node_is_scalar(key) && fy_node_get_style(key) == FYNS_PLAIN
                           ? fy_node_get_scalar(key, &len)
                           : NULL;
    return text && len == 2 && memcmp(text, "<<", 2) == 0;
}

/* The map's own entries first, so that what is merged does not replace them. */
static rhai_status read_mapping(struct reading *reading, struct fy_node *node, rhai_value *ret) {
    rhai_value map;
    if (rhai_new_map(reading->engine, &map) != RHAI_OK)
        return rhai_throw_out_of_memory(reading->call);
    rhai_status status = RHAI_OK;
    for (int merging = 0; merging < 2; merging++) {
        void *at = NULL;
        struct fy_node_pair *pair;
        while (status == RHAI_OK && (pair = fy_node_mapping_iterate(node, &at))) {
            struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
            if (is_merge_key(key) != (merging == 1)) continue;
            status = merging ? merge(reading, &map, value) : read_pair(reading, key, value, &map);
        }
    }
    if (status == RHAI_OK)
        *ret = map;
    else
        rhai_value_done(reading->engine, &map);
    return status;
}

static rhai_status read_known_node(struct reading *reading, struct fy_node *node, rhai_value *ret) {
    switch (fy_node_get_type(node)) {
    case FYNT_SEQUENCE: return read_sequence(reading, node, ret);
    case FYNT_MAPPING: return read_mapping(reading, node, ret);
    default: return read_scalar(reading, node, ret);
    }
}

static rhai_status read_node(struct reading *reading, struct fy_node *node, rhai_value *ret) {
    *ret = rhai_unit();
    if (!node) return RHAI_OK;
    if (++reading->values > YAML_VALUES_MAX)
        return rhai_throw(reading->call, "yaml: more than %d values", YAML_VALUES_MAX);
    if (reading->depth == YAML_DEPTH_MAX)
        return rhai_throw(reading->call, "yaml: nested more than %d deep", YAML_DEPTH_MAX);
    if (fy_node_is_alias(node)) {
        node = fy_node_resolve_alias(node);
        if (!node) return rhai_throw(reading->call, "yaml: an alias has no anchor");
    }
    reading->depth++;
    rhai_status status = read_known_node(reading, node, ret);
    reading->depth--;
    return status;
}

/* The first mistake that the parser has noted. */
static rhai_status throw_parse_error(rhai_call *call, struct fy_diag *diag) {
    void *at = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);
    if (!error) return rhai_throw(call, "yaml: this is not YAML");
    return rhai_throw(call, "yaml: line %d, column %d: %s", error->line, error->column, error->msg);
}

/* Documents one after another; with `all` NULL the first alone, in *ret. */
static rhai_status read_documents(struct reading *reading, struct fy_parser *parser,
                                  struct fy_diag *diag, rhai_value *all, rhai_value *ret) {
    rhai_status status = RHAI_OK;
    struct fy_document *document;
    while (status == RHAI_OK && (document = fy_parse_load_document(parser))) {
        rhai_value value;
        status = read_node(reading, fy_document_root(document), &value);
        fy_parse_document_destroy(parser, document);
        if (status != RHAI_OK) break;
        if (!all) {
            *ret = value;
            return RHAI_OK;
        }
        if (rhai_array_push(reading->engine, all, &value) != RHAI_OK)
            status = rhai_throw_out_of_memory(reading->call);
    }
    if (status == RHAI_OK && fy_diag_got_error(diag)) status = throw_parse_error(reading->call, diag);
    return status;
}

static rhai_status parse(rhai_call *call, const rhai_value *value, rhai_value *all,
                         rhai_value *ret) {
    struct reading reading = {.call = call, .engine = rhai_call_engine(call)};
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    struct fy_diag *diag = fy_diag_create(&diag_config);
    if (!diag) return rhai_throw_out_of_memory(call);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&config);
    size_t len;
    const char *text = rhai_as_text(value, &len);
    rhai_status status;
    if (parser && fy_parser_set_string(parser, text, len) == 0)
        status = read_documents(&reading, parser, diag, all, ret);
    else
        status = rhai_throw_out_of_memory(call);
    if (parser) fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return status;
}

static rhai_status text_yaml_parse(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return parse(call, &args[0], NULL, ret);
}

static rhai_status text_yaml_parse_all(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_value all;
    if (rhai_new_array(rhai_call_engine(call), &all) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    rhai_status status = parse(call, &args[0], &all, ret);
    if (status == RHAI_OK)
        *ret = all;
    else
        rhai_value_done(rhai_call_engine(call), &all);
    return status;
}

/* ---- Writing -----------------------------------------------------------------------------
 *
 * A value becomes YAML on one line, in flow style, with quotes only where they are needed; libfyaml
 * lays that out over lines.
 */

struct writing {
    rhai_engine *engine;
    FILE *out;
    unsigned depth;
    bool is_too_deep;
};

/* Words that readers of YAML 1.1 take for booleans. */
static bool is_old_boolean(const char *text) {
    static const char *const old[] = {"y", "n", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        if (strcasecmp(text, old[i]) == 0) return true;
    return false;
}

/* Whether a text stands for itself without quotes, also in flow style. */
static bool is_plain_text(const char *text, size_t len) {
    rhai_value meaning;
    if (len == 0 || strchr("-?:#&*!|>'\"%@` ", text[0]) || text[len - 1] == ' ') return false;
    if (resolve_plain(text, &meaning) || is_old_boolean(text)) return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || strchr(",[]{}\x7F", text[i])) return false;
        if (text[i] == ':' && (i + 1 == len || text[i + 1] == ' ')) return false;
        if (text[i] == '#' && text[i - 1] == ' ') return false;
    }
    return true;
}

static void write_text(const struct writing *writing, const char *text, size_t len) {
    if (is_plain_text(text, len)) {
        fwrite(text, 1, len, writing->out);
        return;
    }
    fputc('"', writing->out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *escape = c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\t' ? "\\t" : NULL;
        if (escape)
            fputs(escape, writing->out);
        else if (c < ' ' || c == 0x7F)
            fprintf(writing->out, "\\x%02x", c);
        else
            fputc(c, writing->out);
    }
    fputc('"', writing->out);
}

static void write_float(const struct writing *writing, double number) {
    char text[64];
    if (isnan(number))
        strcpy(text, ".nan");
    else if (isinf(number))
        strcpy(text, number < 0 ? "-.inf" : ".inf");
    else
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, number);
            if (strtod(text, NULL) == number) break;
        }
    fprintf(writing->out, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

static bool write_value(struct writing *writing, const rhai_value *value);

static bool write_array(struct writing *writing, const rhai_value *array) {
    fputc('[', writing->out);
    for (size_t i = 0, count = rhai_array_len(array); i < count; i++) {
        if (i > 0) fputs(", ", writing->out);
        if (!write_value(writing, rhai_array_at(array, i))) return false;
    }
    fputc(']', writing->out);
    return true;
}

static bool write_map(struct writing *writing, const rhai_value *map) {
    fputc('{', writing->out);
    for (size_t i = 0, count = rhai_map_len(map); i < count; i++) {
        const char *key;
        size_t len;
        const rhai_value *value = rhai_map_entry(writing->engine, map, i, &key, &len);
        if (!value) return false;
        if (i > 0) fputs(", ", writing->out);
        write_text(writing, key, len);
        fputs(": ", writing->out);
        if (!write_value(writing, value)) return false;
    }
    fputc('}', writing->out);
    return true;
}

/* What has no form of its own in YAML is its text. */
static bool write_other(struct writing *writing, const rhai_value *value) {
    rhai_value text;
    if (rhai_to_text(writing->engine, value, &text) != RHAI_OK) return false;
    size_t len;
    const char *bytes = rhai_as_text(&text, &len);
    bool is_scalar = rhai_type_of(value) == RHAI_INT || rhai_type_of(value) == RHAI_BOOL ||
                     rhai_type_of(value) == RHAI_BYTE;
    if (is_scalar)
        fwrite(bytes, 1, len, writing->out);
    else
        write_text(writing, bytes, len);
    rhai_value_done(writing->engine, &text);
    return true;
}

static bool write_value(struct writing *writing, const rhai_value *value) {
    if (writing->depth == YAML_DEPTH_MAX) {
        writing->is_too_deep = true;
        return false;
    }
    writing->depth++;
    bool is_done = true;
    switch (rhai_type_of(value)) {
    case RHAI_UNIT: fputs("null", writing->out); break;
    case RHAI_FLOAT: write_float(writing, rhai_as_float(value)); break;
    case RHAI_ARRAY: is_done = write_array(writing, value); break;
    case RHAI_MAP: is_done = write_map(writing, value); break;
    default: is_done = write_other(writing, value); break;
    }
    writing->depth--;
    return is_done;
}

/* From one line to many. NULL without memory. */
static char *lay_out(const char *flow, size_t len) {
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2};
    struct fy_document *document = fy_document_build_from_string(&config, flow, len);
    if (!document) return NULL;
    char *text = fy_emit_document_to_string(document, FYECF_WIDTH_INF | FYECF_INDENT_2 |
                                                          FYECF_MODE_BLOCK);
    fy_document_destroy(document);
    return text;
}

static rhai_status text_yaml_format(rhai_call *call, rhai_value *args, rhai_value *ret) {
    char *flow = NULL;
    size_t len = 0;
    struct writing writing = {.engine = rhai_call_engine(call), .out = open_memstream(&flow, &len)};
    if (!writing.out) return rhai_throw_out_of_memory(call);
    bool is_written = write_value(&writing, &args[0]);
    is_written &= fclose(writing.out) == 0;
    char *text = is_written ? lay_out(flow, len) : NULL;
    free(flow);
    if (writing.is_too_deep)
        return rhai_throw(call, "yaml: nested more than %d deep", YAML_DEPTH_MAX);
    return text_take(call, text, text ? strlen(text) : 0, ret);
}

static const rhai_native functions[] = {
    {"yaml_parse", "s", text_yaml_parse, 0, "yaml_parse(text: string) -> any",
     "The first document of a YAML text: maps, arrays, texts, numbers, booleans and (). Aliases are "
     "followed and `<<` merges maps."},
    {"yaml_parse_all", "s", text_yaml_parse_all, 0, "yaml_parse_all(text: string) -> array",
     "All documents of a YAML text."},
    {"yaml_format", "?", text_yaml_format, 0, "yaml_format(value: any) -> string",
     "A value as YAML text. Texts that could be taken for something else are quoted."},
};

const herolib_module herolib_text_yaml_module = {
    .name = "text",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
