#include "schema.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper than values can be nested (RPC_NESTING_MAX) in any sensible schema: only schemas that
 * refer to themselves without descending into the value get here. */
#define CHECK_DEPTH_MAX 256
#define COMPILE_DEPTH_MAX 64

enum {
    TYPE_NULL = 1 << 0,
    TYPE_BOOLEAN = 1 << 1,
    TYPE_INTEGER = 1 << 2,
    TYPE_NUMBER = 1 << 3,
    TYPE_STRING = 1 << 4,
    TYPE_ARRAY = 1 << 5,
    TYPE_OBJECT = 1 << 6,
};

static const struct {
    const char *name;
    const char *with_article;
    unsigned type;
} type_names[] = {
    {"null", "null", TYPE_NULL},
    {"boolean", "a boolean", TYPE_BOOLEAN},
    {"integer", "an integer", TYPE_INTEGER},
    {"number", "a number", TYPE_NUMBER},
    {"string", "a string", TYPE_STRING},
    {"array", "an array", TYPE_ARRAY},
    {"object", "an object", TYPE_OBJECT},
};
#define TYPE_NAME_COUNT (sizeof type_names / sizeof *type_names)

struct property {
    const char *name;
    const struct schema *schema;
};

struct schema_list {
    const struct schema **items;
    size_t count;
};

struct schema {
    struct schema *next_owned;
    bool refuses_all; /* the schema false */
    const struct schema *ref;
    unsigned types; /* 0: any */
    struct property *properties;
    size_t property_count;
    const json_t *required; /* array of names, or NULL */
    bool is_closed;         /* additionalProperties: false */
    const struct schema *additional;
    const struct schema *items;
    const json_t *choices; /* enum */
    const json_t *constant;
    double minimum, maximum;
    size_t min_length, max_length;
    size_t min_items, max_items;
    struct schema_list one_of, any_of;
};

/* The schema that everything fits. Values without a schema of their own are checked against it all
 * the same: none may contain U+0000. */
static const struct schema any_value = {
    .minimum = -INFINITY,
    .maximum = INFINITY,
    .max_length = SIZE_MAX,
    .max_items = SIZE_MAX,
};

struct component {
    const char *name;
    struct schema *schema;
};

struct schema_set {
    struct schema *owned;
    struct component *components;
    size_t component_count;
};

/* --- Compiling --- */

struct compiler {
    struct schema_set *set;
    struct rpc_error *err;
    int depth;
};

static bool compile_into(struct compiler *compiler, struct schema *schema, const json_t *json,
                         const char *where);

static bool refuse(struct compiler *compiler, const char *where, const char *what) {
    rpc_error_set(compiler->err, RPC_ERROR_INVALID, 0, "%s: %s", where, what);
    return false;
}

static struct schema *new_schema(struct schema_set *set) {
    struct schema *schema = malloc(sizeof *schema);
    if (!schema) return NULL;
    *schema = any_value;
    schema->next_owned = set->owned;
    set->owned = schema;
    return schema;
}

static const struct schema *compile(struct compiler *compiler, const json_t *json,
                                    const char *where, const char *member) {
    struct schema *schema = new_schema(compiler->set);
    char *place = NULL;
    const struct schema *result = NULL;
    if (!schema || asprintf(&place, "%s/%s", where, member) < 0) {
        refuse(compiler, where, "out of memory");
        return NULL;
    }
    if (++compiler->depth > COMPILE_DEPTH_MAX)
        refuse(compiler, place, "schemas are nested too deep");
    else if (compile_into(compiler, schema, json, place))
        result = schema;
    compiler->depth--;
    free(place);
    return result;
}

typedef bool keyword_reader(struct compiler *compiler, struct schema *schema, const json_t *value,
                            const char *where);

static unsigned type_of_name(const char *name) {
    for (size_t i = 0; name && i < TYPE_NAME_COUNT; i++)
        if (strcmp(type_names[i].name, name) == 0) return type_names[i].type;
    return 0;
}

static bool read_type(struct compiler *compiler, struct schema *schema, const json_t *value,
                      const char *where) {
    schema->types = type_of_name(json_string_value(value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        unsigned type = type_of_name(json_string_value(json_array_get(value, i)));
        if (!type) return refuse(compiler, where, "unknown name in \"type\"");
        schema->types |= type;
    }
    return schema->types != 0 || refuse(compiler, where, "\"type\" must be a type name or a list");
}

static bool read_properties(struct compiler *compiler, struct schema *schema, const json_t *value,
                            const char *where) {
    if (!json_is_object(value)) return refuse(compiler, where, "\"properties\" must be an object");
    schema->properties = calloc(json_object_size(value) + 1, sizeof *schema->properties);
    if (!schema->properties) return refuse(compiler, where, "out of memory");
    const char *name;
    json_t *property;
    json_object_foreach((json_t *)(uintptr_t)value, name, property) {
        const struct schema *compiled = compile(compiler, property, where, name);
        if (!compiled) return false;
        schema->properties[schema->property_count++] = (struct property){name, compiled};
    }
    return true;
}

static bool read_required(struct compiler *compiler, struct schema *schema, const json_t *value,
                          const char *where) {
    if (!json_is_array(value)) return refuse(compiler, where, "\"required\" must be an array");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return refuse(compiler, where, "\"required\" must hold names");
    schema->required = value;
    return true;
}

static bool read_additional(struct compiler *compiler, struct schema *schema, const json_t *value,
                            const char *where) {
    schema->is_closed = json_is_false(value);
    if (json_is_boolean(value)) return true;
    return (schema->additional = compile(compiler, value, where, "additionalProperties")) != NULL;
}

static bool read_items(struct compiler *compiler, struct schema *schema, const json_t *value,
                       const char *where) {
    return (schema->items = compile(compiler, value, where, "items")) != NULL;
}

static bool read_enum(struct compiler *compiler, struct schema *schema, const json_t *value,
                      const char *where) {
    schema->choices = value;
    return json_array_size(value) > 0 ||
           refuse(compiler, where, "\"enum\" must be an array with members");
}

static bool read_const(struct compiler *compiler, struct schema *schema, const json_t *value,
                       const char *where) {
    (void)compiler, (void)where;
    schema->constant = value;
    return true;
}

static bool read_minimum(struct compiler *compiler, struct schema *schema, const json_t *value,
                         const char *where) {
    schema->minimum = json_number_value(value);
    return json_is_number(value) || refuse(compiler, where, "\"minimum\" must be a number");
}

static bool read_maximum(struct compiler *compiler, struct schema *schema, const json_t *value,
                         const char *where) {
    schema->maximum = json_number_value(value);
    return json_is_number(value) || refuse(compiler, where, "\"maximum\" must be a number");
}

static bool read_count(struct compiler *compiler, const json_t *value, const char *where,
                       size_t *ret_count) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return refuse(compiler, where, "a length must be a non-negative integer");
    *ret_count = (size_t)json_integer_value(value);
    return true;
}

static bool read_min_length(struct compiler *compiler, struct schema *schema, const json_t *value,
                            const char *where) {
    return read_count(compiler, value, where, &schema->min_length);
}

static bool read_max_length(struct compiler *compiler, struct schema *schema, const json_t *value,
                            const char *where) {
    return read_count(compiler, value, where, &schema->max_length);
}

static bool read_min_items(struct compiler *compiler, struct schema *schema, const json_t *value,
                           const char *where) {
    return read_count(compiler, value, where, &schema->min_items);
}

static bool read_max_items(struct compiler *compiler, struct schema *schema, const json_t *value,
                           const char *where) {
    return read_count(compiler, value, where, &schema->max_items);
}

static bool read_list(struct compiler *compiler, struct schema_list *list, const json_t *value,
                      const char *where, const char *keyword) {
    size_t count = json_array_size(value);
    if (count == 0) return refuse(compiler, where, "oneOf and anyOf must be arrays with members");
    list->items = calloc(count, sizeof *list->items);
    if (!list->items) return refuse(compiler, where, "out of memory");
    while (list->count < count) {
        const struct schema *item =
            compile(compiler, json_array_get(value, list->count), where, keyword);
        if (!item) return false;
        list->items[list->count++] = item;
    }
    return true;
}

static bool read_one_of(struct compiler *compiler, struct schema *schema, const json_t *value,
                        const char *where) {
    return read_list(compiler, &schema->one_of, value, where, "oneOf");
}

static bool read_any_of(struct compiler *compiler, struct schema *schema, const json_t *value,
                        const char *where) {
    return read_list(compiler, &schema->any_of, value, where, "anyOf");
}

static bool read_ref(struct compiler *compiler, struct schema *schema, const json_t *value,
                     const char *where) {
    static const char prefix[] = "#/components/schemas/";
    const char *ref = json_string_value(value);
    if (!ref || strncmp(ref, prefix, sizeof prefix - 1) != 0)
        return refuse(compiler, where, "\"$ref\" must begin with #/components/schemas/");
    const struct schema_set *set = compiler->set;
    for (size_t i = 0; i < set->component_count; i++)
        if (strcmp(set->components[i].name, ref + sizeof prefix - 1) == 0)
            schema->ref = set->components[i].schema;
    return schema->ref || refuse(compiler, where, "\"$ref\" leads nowhere");
}

static bool pass_over(struct compiler *compiler, struct schema *schema, const json_t *value,
                      const char *where) {
    (void)compiler, (void)schema, (void)value, (void)where;
    return true;
}

static const struct {
    const char *name;
    keyword_reader *read;
} keywords[] = {
    {"$ref", read_ref},
    {"type", read_type},
    {"properties", read_properties},
    {"required", read_required},
    {"additionalProperties", read_additional},
    {"items", read_items},
    {"enum", read_enum},
    {"const", read_const},
    {"minimum", read_minimum},
    {"maximum", read_maximum},
    {"minLength", read_min_length},
    {"maxLength", read_max_length},
    {"minItems", read_min_items},
    {"maxItems", read_max_items},
    {"oneOf", read_one_of},
    {"anyOf", read_any_of},
    {"title", pass_over},
    {"description", pass_over},
    {"default", pass_over},
    {"examples", pass_over},
    {"format", pass_over},
    {"deprecated", pass_over},
    {"readOnly", pass_over},
    {"writeOnly", pass_over},
    {"$comment", pass_over},
    {"$id", pass_over},
    {"$schema", pass_over},
};

static keyword_reader *find_keyword(const char *name) {
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(keywords[i].name, name) == 0) return keywords[i].read;
    return strncmp(name, "x-", 2) == 0 ? pass_over : NULL;
}

static bool compile_into(struct compiler *compiler, struct schema *schema, const json_t *json,
                         const char *where) {
    schema->refuses_all = json_is_false(json);
    if (json_is_boolean(json)) return true;
    if (!json_is_object(json))
        return refuse(compiler, where, "a schema must be an object or a boolean");
    bool has_ref = json_object_get(json, "$ref") != NULL;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, name, value) {
        keyword_reader *read = find_keyword(name);
        if (!read || (has_ref && read != pass_over && read != read_ref)) {
            rpc_error_set(compiler->err, RPC_ERROR_INVALID, 0,
                          read ? "%s: \"%s\" beside $ref would be ignored"
                               : "%s: the keyword \"%s\" is not supported",
                          where, name);
            return false;
        }
        if (!read(compiler, schema, value, where)) return false;
    }
    return true;
}

static bool compile_components(struct compiler *compiler, const json_t *components) {
    struct schema_set *set = compiler->set;
    size_t count = json_object_size(components);
    set->components = calloc(count + 1, sizeof *set->components);
    if (!set->components) return refuse(compiler, "components", "out of memory");
    const char *name;
    json_t *json;
    /* All names before all contents: they may refer to one another. */
    json_object_foreach((json_t *)(uintptr_t)components, name, json) {
        struct schema *schema = new_schema(set);
        if (!schema) return refuse(compiler, "components", "out of memory");
        set->components[set->component_count++] = (struct component){name, schema};
    }
    for (size_t i = 0; i < set->component_count; i++) {
        struct component *c = &set->components[i];
        char where[128];
        snprintf(where, sizeof where, "components/schemas/%s", c->name);
        if (!compile_into(compiler, c->schema, json_object_get(components, c->name), where))
            return false;
    }
    return true;
}

struct schema_set *schema_set_new(const json_t *components, struct rpc_error *err) {
    struct schema_set *set = calloc(1, sizeof *set);
    struct compiler compiler = {.set = set, .err = err};
    if (!set) {
        refuse(&compiler, "components", "out of memory");
        return NULL;
    }
    if (components && !json_is_object(components))
        refuse(&compiler, "components/schemas", "must be an object");
    else if (compile_components(&compiler, components))
        return set;
    schema_set_free(set);
    return NULL;
}

void schema_set_free(struct schema_set *set) {
    if (!set) return;
    struct schema *schema = set->owned;
    while (schema) {
        struct schema *next = schema->next_owned;
        free(schema->properties);
        free(schema->one_of.items);
        free(schema->any_of.items);
        free(schema);
        schema = next;
    }
    free(set->components);
    free(set);
}

const struct schema *schema_compile(struct schema_set *set, const json_t *json, const char *where,
                                    struct rpc_error *err) {
    struct compiler compiler = {.set = set, .err = err};
    return compile(&compiler, json, where, "schema");
}

/* --- Checking --- */

/* The way from the root to the value being checked, on the C stack. */
struct step {
    const struct step *up;
    const char *name; /* NULL: an array index */
    size_t index;
    int depth;
};

static void render(struct rpc_strbuf *out, const struct step *step) {
    if (step->up) render(out, step->up);
    if (!step->name)
        rpc_strbuf_addf(out, "[%zu]", step->index);
    else
        rpc_strbuf_addf(out, "%s%s", step->up && out->len ? "." : "", step->name);
}

/* report NULL: a trial of oneOf or anyOf. */
static bool __attribute__((format(printf, 3, 4)))
fail(struct schema_report *report, const struct step *at, const char *format, ...) {
    if (!report) return false;
    rpc_strbuf_clear(&report->path);
    render(&report->path, at);
    va_list args;
    va_start(args, format);
    vsnprintf(report->message, sizeof report->message, format, args);
    va_end(args);
    return false;
}

static unsigned types_of(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_NULL: return TYPE_NULL;
    case JSON_TRUE:
    case JSON_FALSE: return TYPE_BOOLEAN;
    case JSON_INTEGER: return TYPE_INTEGER | TYPE_NUMBER;
    case JSON_REAL:
        return json_real_value(value) == trunc(json_real_value(value)) ? TYPE_NUMBER | TYPE_INTEGER
                                                                       : TYPE_NUMBER;
    case JSON_STRING: return TYPE_STRING;
    case JSON_ARRAY: return TYPE_ARRAY;
    case JSON_OBJECT: return TYPE_OBJECT;
    }
    return 0;
}

/* "a string or null" */
static void name_types(unsigned types, char *to, size_t size) {
    size_t len = 0;
    to[0] = '\0';
    for (size_t i = 0; i < TYPE_NAME_COUNT; i++) {
        if (!(types & type_names[i].type)) continue;
        int n =
            snprintf(to + len, size - len, "%s%s", len ? " or " : "", type_names[i].with_article);
        if (n < 0 || (size_t)n >= size - len) return;
        len += (size_t)n;
    }
}

static const char *name_of_value(const json_t *value) {
    unsigned types = types_of(value);
    if (json_is_integer(value)) types = TYPE_INTEGER;
    if (json_is_real(value)) types = TYPE_NUMBER;
    for (size_t i = 0; i < TYPE_NAME_COUNT; i++)
        if (types & type_names[i].type) return type_names[i].with_article;
    return "unknown";
}

static bool check(const struct schema *schema, const json_t *value, const struct step *at,
                  struct schema_report *report);

static size_t count_characters(const char *text, size_t len) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static bool check_string(const struct schema *schema, const json_t *value, const struct step *at,
                         struct schema_report *report) {
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    /* C code would see only what is in front of it. */
    if (memchr(text, '\0', len)) return fail(report, at, "must not contain the character U+0000");
    if (schema->min_length == 0 && len <= schema->max_length) return true;
    size_t count = count_characters(text, len);
    if (count < schema->min_length)
        return fail(report, at, "must have at least %zu characters, not %zu", schema->min_length,
                    count);
    if (count > schema->max_length)
        return fail(report, at, "must have at most %zu characters, not %zu", schema->max_length,
                    count);
    return true;
}

static bool check_number(const struct schema *schema, const json_t *value, const struct step *at,
                         struct schema_report *report) {
    double number = json_number_value(value);
    if (number < schema->minimum)
        return fail(report, at, "must be at least %.16g", schema->minimum);
    if (number > schema->maximum) return fail(report, at, "must be at most %.16g", schema->maximum);
    return true;
}

static bool check_array(const struct schema *schema, const json_t *value, const struct step *at,
                        struct schema_report *report) {
    size_t count = json_array_size(value);
    if (count < schema->min_items)
        return fail(report, at, "must have at least %zu items, not %zu", schema->min_items, count);
    if (count > schema->max_items)
        return fail(report, at, "must have at most %zu items, not %zu", schema->max_items, count);
    const struct schema *items = schema->items ? schema->items : &any_value;
    for (size_t i = 0; i < count; i++) {
        struct step step = {.up = at, .index = i, .depth = at->depth + 1};
        if (!check(items, json_array_get(value, i), &step, report)) return false;
    }
    return true;
}

static const struct schema *find_property(const struct schema *schema, const char *name) {
    for (size_t i = 0; i < schema->property_count; i++)
        if (strcmp(schema->properties[i].name, name) == 0) return schema->properties[i].schema;
    return schema->additional;
}

static bool check_object(const struct schema *schema, const json_t *value, const struct step *at,
                         struct schema_report *report) {
    for (size_t i = 0; i < json_array_size(schema->required); i++) {
        const char *name = json_string_value(json_array_get(schema->required, i));
        struct step step = {.up = at, .name = name};
        if (json_object_get(value, name)) continue;
        if (report) report->is_missing = true;
        return fail(report, &step, "is required");
    }
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, name, member) {
        struct step step = {.up = at, .name = name, .depth = at->depth + 1};
        const struct schema *property = find_property(schema, name);
        if (!property && schema->is_closed) {
            if (report) report->is_unknown = true;
            return fail(report, &step, "is unknown");
        }
        if (!check(property ? property : &any_value, member, &step, report)) return false;
    }
    return true;
}

/* How many of the list a value fits, counted up to two. */
static size_t count_fits(const struct schema_list *list, const json_t *value,
                         const struct step *at) {
    size_t fits = 0;
    struct step deeper = *at;
    deeper.depth++;
    for (size_t i = 0; i < list->count && fits < 2; i++)
        fits += check(list->items[i], value, &deeper, NULL);
    return fits;
}

/* 1 and 1.0 are the same number in JSON Schema, but not for json_equal. */
static bool is_same(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool check_choices(const struct schema *schema, const json_t *value, const struct step *at,
                          struct schema_report *report) {
    struct rpc_strbuf list = RPC_STRBUF_INIT;
    for (size_t i = 0; i < json_array_size(schema->choices); i++) {
        const json_t *choice = json_array_get(schema->choices, i);
        if (is_same(choice, value)) {
            rpc_strbuf_done(&list);
            return true;
        }
        if (report && i) rpc_strbuf_add_text(&list, ", ");
        if (report) rpc_strbuf_add_json(&list, choice);
    }
    fail(report, at, "must be one of %s", rpc_strbuf_text(&list));
    rpc_strbuf_done(&list);
    return false;
}

static bool check(const struct schema *schema, const json_t *value, const struct step *at,
                  struct schema_report *report) {
    struct step deeper = *at;
    while (schema->ref) {
        if (++deeper.depth > CHECK_DEPTH_MAX) return fail(report, at, "is nested too deep");
        schema = schema->ref;
    }
    at = &deeper;
    if (at->depth > CHECK_DEPTH_MAX) return fail(report, at, "is nested too deep");
    if (schema->refuses_all) return fail(report, at, "is not allowed");
    if (schema->types && !(schema->types & types_of(value))) {
        char want[96];
        name_types(schema->types, want, sizeof want);
        return fail(report, at, "must be %s, not %s", want, name_of_value(value));
    }
    if (schema->choices && !check_choices(schema, value, at, report)) return false;
    if (schema->constant && !is_same(schema->constant, value))
        return fail(report, at, "has another value than the only one allowed");
    if (schema->any_of.count && count_fits(&schema->any_of, value, at) == 0)
        return fail(report, at, "is none of the forms allowed");
    if (schema->one_of.count && count_fits(&schema->one_of, value, at) != 1)
        return fail(report, at, "must be exactly one of the forms allowed");
    switch (json_typeof(value)) {
    case JSON_STRING: return check_string(schema, value, at, report);
    case JSON_INTEGER:
    case JSON_REAL: return check_number(schema, value, at, report);
    case JSON_ARRAY: return check_array(schema, value, at, report);
    case JSON_OBJECT: return check_object(schema, value, at, report);
    default: return true;
    }
}

bool schema_check(const struct schema *schema, const char *name, const json_t *value,
                  struct schema_report *report) {
    struct step root = {.name = name};
    return check(schema, value, &root, report);
}

void schema_report_done(struct schema_report *report) {
    rpc_strbuf_done(&report->path);
}
