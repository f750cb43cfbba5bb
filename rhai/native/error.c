#include "native/error.h"

#include <string.h>

static const struct {
    const char *name;
    bool is_catchable, is_system;
} kinds[] = {
#define X(kind, name, catchable, system) [kind] = {name, catchable, system},
    ERROR_KINDS(X)
#undef X
};

/* ---- Making and freeing ---- */

/* The error that is always there. It belongs to no heap, which is how every function here knows
 * to leave it alone. */
static const rhai_error no_memory = {.kind = ERR_SYSTEM};
static const char no_memory_text[] = "Out of memory";

static bool is_fixed(const rhai_error *e) {
    return e->h == NULL;
}

static rhai_error *alloc_node(heap *h, error_kind kind, rhai_pos pos) {
    rhai_error *e = heap_alloc(h, sizeof *e);
    if (e) *e = (rhai_error){.h = h, .kind = kind, .pos = pos, .origin = pos};
    return e;
}

void rhai_error_free(rhai_error *e) {
    while (e && !is_fixed(e)) {
        heap *h = e->h;
        rhai_error *inner = e->inner;
        obj_unref(h, e->text);
        obj_unref(h, e->text2);
        obj_unref(h, e->origin_source);
        obj_unref(h, e->shown);
        value_drop(h, &e->value);
        heap_free(h, e, sizeof *e);
        e = inner;
    }
}

/* The limit is for scripts: it does not keep us from saying that it was reached. */
rhai_error *error_out_of_memory(heap *h) {
    size_t limit = h->limit;
    h->limit = 0;
    rhai_error *e = alloc_node(h, ERR_SYSTEM, POS_NONE);
    if (e && !(e->text = str_new(h, no_memory_text, sizeof no_memory_text - 1))) {
        rhai_error_free(e);
        e = NULL;
    }
    h->limit = limit;
    return e ? e : (rhai_error *)(uintptr_t)&no_memory;
}

static rhai_error *give_up(heap *h, rhai_error *e) {
    rhai_error_free(e);
    return error_out_of_memory(h);
}

rhai_error *error_new(heap *h, error_kind kind, rhai_pos pos) {
    rhai_error *e = alloc_node(h, kind, pos);
    return e ? e : error_out_of_memory(h);
}

/* What embedders format into their errors may be any bytes. */
static rhai_str *finish_valid(text *t) {
    rhai_value v;
    text valid;
    text_init(&valid, t->h);
    if (t->data && !utf8_is_valid(t->data, t->len)) {
        text_add_lossy(&valid, t->data, t->len);
        valid.failed |= t->failed;
        text_done(t);
        t = &valid;
    }
    return text_finish(t, &v) ? as_str(&v) : NULL;
}

rhai_error *error_newv(heap *h, error_kind kind, rhai_pos pos, const char *format, va_list args) {
    text t;
    text_init(&t, h);
    text_vprintf(&t, format, args);
    rhai_error *e = alloc_node(h, kind, pos);
    if (!e) {
        text_done(&t);
        return error_out_of_memory(h);
    }
    e->text = finish_valid(&t);
    return e->text ? e : give_up(h, e);
}

rhai_error *error_newf(heap *h, error_kind kind, rhai_pos pos, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rhai_error *e = error_newv(h, kind, pos, format, args);
    va_end(args);
    return e;
}

rhai_error *error_mismatch(heap *h, const char *wanted, const char *actual, rhai_pos pos) {
    rhai_error *e = alloc_node(h, ERR_MISMATCH_DATA_TYPE, pos);
    if (e && (e->text = str_new(h, wanted, strlen(wanted))) &&
        (e->text2 = str_new(h, actual, strlen(actual))))
        return e;
    return give_up(h, e);
}

rhai_error *error_bounds(heap *h, error_kind kind, size_t length, int64_t index, rhai_pos pos) {
    rhai_error *e = error_new(h, kind, pos);
    if (!is_fixed(e)) {
        e->length = (int64_t)length;
        e->index = index;
    }
    return e;
}

rhai_error *error_thrown(heap *h, rhai_value v, rhai_pos pos) {
    rhai_error *e = alloc_node(h, ERR_RUNTIME, pos);
    if (!e) {
        value_drop(h, &v);
        return error_out_of_memory(h);
    }
    e->value = value_take(&v);
    return e;
}

static rhai_error *wrap(heap *h, error_kind kind, const char *name, rhai_error *inner,
                        rhai_pos pos) {
    rhai_error *e = alloc_node(h, kind, pos);
    if (e && (e->text = str_new(h, name, strlen(name)))) {
        e->inner = inner;
        return e;
    }
    rhai_error_free(inner);
    return give_up(h, e);
}

rhai_error *error_in_call(heap *h, const char *function, const rhai_str *source, rhai_error *inner,
                          rhai_pos pos) {
    rhai_error *e = wrap(h, ERR_IN_FUNCTION_CALL, function, inner, pos);
    if (source && !is_fixed(e) && e->kind == ERR_IN_FUNCTION_CALL) {
        e->text2 = str_new(h, source->data, source->len);
        if (!e->text2) return give_up(h, e);
    }
    return e;
}

rhai_error *error_in_module(heap *h, const char *module, rhai_error *inner, rhai_pos pos) {
    return wrap(h, ERR_IN_MODULE, module, inner, pos);
}

/* ---- Asking ---- */

const char *error_kind_name(error_kind kind) {
    return kinds[kind].name;
}

const rhai_error *error_innermost(const rhai_error *e) {
    while (e->inner)
        e = e->inner;
    return e;
}

bool error_is_catchable(const rhai_error *e) {
    const rhai_error *innermost = error_innermost(e);
    return kinds[innermost->kind].is_catchable ||
           (innermost != e && innermost->kind == ERR_PARSING);
}

bool error_is_system(const rhai_error *e) {
    return kinds[e->kind].is_system;
}

void error_fill_pos(rhai_error *e, rhai_pos pos) {
    if (!is_fixed(e) && pos_is_none(e->pos)) e->pos = pos;
}

/* ---- The text ---- */

static void add_text(text *t, const rhai_str *s) {
    if (s) text_add_str(t, s);
}

static bool is_empty(const rhai_str *s) {
    return !s || s->len == 0;
}

/* Only the length's wording differs between the three kinds of bounds. */
static void add_bounds(const rhai_error *e, text *t, const char *what, const char *unit) {
    text_printf(t, "%s index %lld out of bounds: ", what, (long long)e->index);
    if (e->length == 0)
        text_printf(t, "%s is empty", unit[0] == 'e' ? "array" : "string");
    else
        text_printf(t, "only %lld %s%s in %s", (long long)e->length, unit,
                    e->length == 1 ? "" : "s", unit[0] == 'e' ? "array" : "string");
}

static void add_mismatch(const rhai_error *e, text *t, const char *what) {
    text_add_cstr(t, what);
    if (is_empty(e->text2)) {
        text_add_cstr(t, ", expecting ");
        add_text(t, e->text);
        return;
    }
    text_add_cstr(t, ": ");
    add_text(t, e->text2);
    if (!is_empty(e->text)) {
        text_add_cstr(t, " (expecting ");
        add_text(t, e->text);
        text_add_cstr(t, ")");
    }
}

/* The function may be one that the language calls for a property or an index. */
static void add_non_pure(const rhai_error *e, text *t) {
    const char *name = e->text ? e->text->data : "";
    if (strcmp(name, "index$get$") == 0)
        text_add_cstr(t, "Non-pure indexer cannot be accessed on constant");
    else if (strcmp(name, "index$set$") == 0)
        text_add_cstr(t, "Cannot assign to indexer of constant");
    else if (strncmp(name, "get$", 4) == 0)
        text_printf(t, "Non-pure property %s cannot be accessed on constant", name + 4);
    else if (strncmp(name, "set$", 4) == 0)
        text_printf(t, "Cannot modify property '%s' of constant", name + 4);
    else
        text_printf(t, "Non-pure method '%s' cannot be called on constant", name);
}

static void add_thrown(const rhai_error *e, text *t) {
    text_add_cstr(t, "Runtime error");
    bool is_silent =
        e->value.type == RHAI_UNIT || (e->value.type == RHAI_STRING && as_str(&e->value)->len == 0);
    if (is_silent) return;
    text_add_cstr(t, ": ");
    text_add_plain_display(t, &e->value);
}

static void add_call(const rhai_error *e, text *t) {
    if (e->text && strncmp(e->text->data, "anon$", 5) == 0)
        text_add_cstr(t, "\nin closure call");
    else
        text_printf(t, "\nin call to function '%s'", e->text ? e->text->data : "");
    if (!is_empty(e->text2)) text_printf(t, " (from '%s')", e->text2->data);
}

static void add_module(const rhai_error *e, text *t) {
    text_add_cstr(t, "\nin module");
    if (!is_empty(e->text)) text_printf(t, " '%s'", e->text->data);
}

/* Kinds whose text is a constant, followed by what they carry. */
static const char *const prefixes[] = {
    [ERR_SYSTEM] = "",
    [ERR_PARSING] = "Syntax error: ",
    [ERR_VARIABLE_EXISTS] = "Variable already defined: ",
    [ERR_FORBIDDEN_VARIABLE] = "Forbidden variable name: ",
    [ERR_VARIABLE_NOT_FOUND] = "Variable not found: ",
    [ERR_PROPERTY_NOT_FOUND] = "Property not found: ",
    [ERR_INDEX_NOT_FOUND] = "Invalid index: ",
    [ERR_FUNCTION_NOT_FOUND] = "Function not found: ",
    [ERR_MODULE_NOT_FOUND] = "Module not found: ",
    [ERR_UNBOUND_THIS] = "'this' not bound",
    [ERR_INDEXING_TYPE] = "Indexer unavailable: ",
    [ERR_FOR] = "For loop expects iterable type",
    [ERR_ASSIGNMENT_TO_CONSTANT] = "Cannot modify constant ",
    [ERR_DOT_EXPR] = "",
    [ERR_ARITHMETIC] = "",
    [ERR_TOO_MANY_OPERATIONS] = "Too many operations",
    [ERR_TOO_MANY_VARIABLES] = "Too many variables defined",
    [ERR_TOO_MANY_MODULES] = "Too many modules imported",
    [ERR_STACK_OVERFLOW] = "Stack overflow",
    [ERR_TERMINATED] = "Script terminated",
};

/* What one node says, without what it carries and without its position. */
static void add_own_text(const rhai_error *e, text *t) {
    switch (e->kind) {
    case ERR_IN_FUNCTION_CALL: add_call(e, t); return;
    case ERR_IN_MODULE: add_module(e, t); return;
    case ERR_MISMATCH_DATA_TYPE: add_mismatch(e, t, "Data type incorrect"); return;
    case ERR_MISMATCH_OUTPUT_TYPE: add_mismatch(e, t, "Output type incorrect"); return;
    case ERR_ARRAY_BOUNDS: add_bounds(e, t, "Array", "element"); return;
    case ERR_STRING_BOUNDS: add_bounds(e, t, "String", "character"); return;
    case ERR_BIT_FIELD_BOUNDS:
        text_printf(t, "Bit-field index %lld out of bounds: only %lld bits in bit-field",
                    (long long)e->index, (long long)e->length);
        return;
    case ERR_NON_PURE_ON_CONSTANT: add_non_pure(e, t); return;
    case ERR_RUNTIME: add_thrown(e, t); return;
    case ERR_DATA_RACE:
        text_add_cstr(t, "Data race detected");
        if (!is_empty(e->text)) text_printf(t, " on variable '%s'", e->text->data);
        return;
    case ERR_DATA_TOO_LARGE:
        add_text(t, e->text);
        text_add_cstr(t, " too large");
        return;
    default: break;
    }
    text_add_cstr(t, prefixes[e->kind]);
    if (is_fixed(e))
        text_add_cstr(t, no_memory_text);
    else if (e->kind == ERR_INDEX_NOT_FOUND)
        text_add_plain_display(t, &e->value);
    else if (e->kind == ERR_DOT_EXPR && is_empty(e->text))
        text_add_cstr(t, "Malformed dot expression");
    else if (e->kind == ERR_ARITHMETIC && is_empty(e->text))
        text_add_cstr(t, "Arithmetic error");
    else
        add_text(t, e->text);
}

static void add_node(const rhai_error *e, const rhai_error *outer, text *t) {
    add_own_text(e, t);
    if (outer && outer->kind == ERR_IN_FUNCTION_CALL && !is_empty(outer->text2))
        text_printf(t, " @ '%s'", outer->text2->data);
    if (!pos_is_none(e->pos)) text_printf(t, " (line %u, position %u)", e->pos.line, e->pos.column);
}

/* The innermost error comes first. Traces are as long as calls are deep, so no recursion. */
void error_display(const rhai_error *e, text *t) {
    const rhai_error *few[64], **nodes = few;
    size_t len = 0, room = 0;
    for (const rhai_error *i = e; i; i = i->inner)
        len++;
    if (len > sizeof few / sizeof *few) {
        room = len * sizeof *nodes;
        nodes = heap_alloc(t->h, room);
        if (!nodes) {
            t->failed = true;
            return;
        }
    }
    len = 0;
    for (const rhai_error *i = e; i; i = i->inner)
        nodes[len++] = i;
    while (len-- > 0)
        add_node(nodes[len], len > 0 ? nodes[len - 1] : NULL, t);
    if (nodes != few) heap_free(t->h, nodes, room);
}

/* ---- What catch binds ---- */

typedef struct fields {
    heap *h;
    map *m;
    bool failed;
} fields;

/* Takes v over. */
static void put(fields *f, const char *name, rhai_value v) {
    rhai_str *key = f->failed ? NULL : str_intern(f->h, name, strlen(name));
    if (!key || !map_set(f->h, f->m, key, &v)) {
        f->failed = true;
        value_drop(f->h, &v);
    }
    obj_unref(f->h, key);
}

static void put_cstr(fields *f, const char *name, const char *s) {
    rhai_value v;
    if (value_new_text(f->h, s, strlen(s), &v))
        put(f, name, v);
    else
        f->failed = true;
}

static void put_str(fields *f, const char *name, rhai_str *s) {
    if (!s) {
        put_cstr(f, name, "");
        return;
    }
    obj_ref(s);
    put(f, name, VALUE_OBJ(RHAI_STRING, s));
}

static void put_message(fields *f, const rhai_error *e) {
    text t;
    rhai_value v;
    text_init(&t, f->h);
    error_display(e, &t);
    if (text_finish(&t, &v))
        put(f, "message", v);
    else
        f->failed = true;
}

/* Under which names the parts of an error are found. */
typedef struct part_names {
    const char *text, *text2;
    bool has_bounds;
} part_names;

static const part_names parts[] = {
    [ERR_RUNTIME] = {0},
    [ERR_FUNCTION_NOT_FOUND] = {"function", NULL, false},
    [ERR_NON_PURE_ON_CONSTANT] = {"function", NULL, false},
    [ERR_IN_FUNCTION_CALL] = {"function", "source", false},
    [ERR_MISMATCH_DATA_TYPE] = {"requested", "actual", false},
    [ERR_MISMATCH_OUTPUT_TYPE] = {"requested", "actual", false},
    [ERR_ARRAY_BOUNDS] = {NULL, NULL, true},
    [ERR_STRING_BOUNDS] = {NULL, NULL, true},
    [ERR_BIT_FIELD_BOUNDS] = {NULL, NULL, true},
    [ERR_VARIABLE_EXISTS] = {"variable", NULL, false},
    [ERR_FORBIDDEN_VARIABLE] = {"variable", NULL, false},
    [ERR_VARIABLE_NOT_FOUND] = {"variable", NULL, false},
    [ERR_PROPERTY_NOT_FOUND] = {"variable", NULL, false},
    [ERR_DATA_RACE] = {"variable", NULL, false},
    [ERR_ASSIGNMENT_TO_CONSTANT] = {"variable", NULL, false},
    [ERR_IN_MODULE] = {"module", NULL, false},
    [ERR_MODULE_NOT_FOUND] = {"module", NULL, false},
    [ERR_DOT_EXPR] = {"property", NULL, false},
    [ERR_INDEXING_TYPE] = {"type", NULL, false},
    [ERR_DATA_TOO_LARGE] = {"type", NULL, false},
};

static void put_parts(fields *f, const rhai_error *e) {
    const part_names *p = &parts[e->kind];
    if (p->text) put_str(f, p->text, e->text);
    if (p->text2) put_str(f, p->text2, e->text2);
    if (p->has_bounds) {
        put(f, "length", VALUE_INT(e->length));
        put(f, "index", VALUE_INT(e->index));
    }
    if (e->kind == ERR_INDEX_NOT_FOUND) put(f, "index", value_copy(&e->value));
    if (e->kind == ERR_TERMINATED) put(f, "token", value_copy(&e->value));
}

bool error_catch_value(heap *h, rhai_error *e, const rhai_str *source, rhai_value *ret) {
    const rhai_error *innermost = error_innermost(e);
    if (innermost->kind == ERR_RUNTIME) {
        *ret = value_copy(&innermost->value);
        return true;
    }
    fields f = {.h = h, .m = map_new(h, 0)};
    if (!f.m) return false;
    rhai_pos pos = e->pos;
    if (!is_fixed(e)) e->pos = POS_NONE;
    put_message(&f, e);
    if (source) put_cstr(&f, "source", source->data);
    if (!pos_is_none(pos)) {
        put(&f, "line", VALUE_INT(pos.line));
        put(&f, "position", VALUE_INT(pos.column));
    }
    put_cstr(&f, "error", kinds[e->kind].name);
    put_parts(&f, e);
    if (f.failed)
        obj_unref(h, f.m);
    else
        *ret = VALUE_OBJ(RHAI_MAP, f.m);
    return !f.failed;
}

/* ---- For embedders ---- */

const char *rhai_error_text(const rhai_error *e) {
    if (is_fixed(e)) return no_memory_text;
    if (!e->shown) {
        text t;
        rhai_value v;
        text_init(&t, e->h);
        error_display(e, &t);
        if (!text_finish(&t, &v)) return no_memory_text;
        /* Errors are shown as they are when first asked; remembering it changes nothing. */
        ((rhai_error *)(uintptr_t)e)->shown = as_str(&v);
    }
    return e->shown->data;
}

const char *rhai_error_kind(const rhai_error *e) {
    return kinds[e->kind].name;
}

bool rhai_error_is_limit(const rhai_error *e) {
    const rhai_error *innermost = error_innermost(e);
    return error_is_system(innermost) && innermost->kind != ERR_PARSING &&
           innermost->kind != ERR_TERMINATED;
}

rhai_pos rhai_error_pos(const rhai_error *e) {
    rhai_pos pos = POS_NONE;
    for (; e; e = e->inner) {
        if (!pos_is_none(e->origin))
            pos = e->origin;
        else if (!pos_is_none(e->pos))
            pos = e->pos;
    }
    return pos;
}

const char *rhai_error_source(const rhai_error *e) {
    const rhai_str *source = NULL;
    for (; e; e = e->inner) {
        if (e->kind == ERR_IN_FUNCTION_CALL)
            source = e->text2;
        else if (e->origin_source)
            source = e->origin_source;
    }
    return is_empty(source) ? NULL : source->data;
}

const rhai_value *rhai_error_value(const rhai_error *e) {
    e = error_innermost(e);
    return e->kind == ERR_RUNTIME ? &e->value : NULL;
}
