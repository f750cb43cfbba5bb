/* The text forms of values. Containers are walked with a stack of our own. */
#include "value/text.h"

#include <string.h>

typedef enum text_form { SCRIPT, PLAIN } text_form;

/* A container being printed. */
typedef struct frame {
    const obj *o;
    uint32_t at; /* elements printed */
    uint64_t id; /* see slot_id */
} frame;

/* Captured variables may contain themselves. Rhai stops at a place that holds one and was passed
 * already; the places seen are remembered from the outermost captured variable on. */
typedef struct place_set {
    uint64_t *ids; /* open addressing; 0: free */
    uint32_t len, cap;
} place_set;

typedef struct printer {
    text *t;
    text_form form;
    frame *frames;
    size_t len, cap;
    size_t captured; /* frames that are captured variables */
    place_set seen;
} printer;

/* ---- Places ---- */

static uint64_t mix(uint64_t x) {
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

/* In Rhai every container is a copy of its own, here copies share memory: so a place is known not
 * by its address, but by the way to it from the captured variable it is in. */
static uint64_t slot_id(uint64_t container, uint32_t index) {
    uint64_t id = mix(container + index + 1);
    return id ? id : 1;
}

static bool set_put(place_set *s, uint64_t id) {
    uint32_t i = (uint32_t)(id >> 32) & (s->cap - 1);
    while (s->ids[i] && s->ids[i] != id)
        i = (i + 1) & (s->cap - 1);
    bool is_new = s->ids[i] == 0;
    s->ids[i] = id;
    return is_new;
}

static bool set_grow(heap *h, place_set *s) {
    place_set larger = {.cap = s->cap ? s->cap * 2 : 16, .len = s->len};
    larger.ids = heap_alloc_zero(h, larger.cap * sizeof *larger.ids);
    if (!larger.ids) return false;
    for (uint32_t i = 0; i < s->cap; i++)
        if (s->ids[i]) set_put(&larger, s->ids[i]);
    heap_free(h, s->ids, s->cap * sizeof *s->ids);
    *s = larger;
    return true;
}

static bool is_first_visit(printer *p, uint64_t id) {
    if (p->seen.len >= p->seen.cap / 2 && !set_grow(p->t->h, &p->seen)) {
        p->t->failed = true;
        return false;
    }
    bool is_new = set_put(&p->seen, id);
    p->seen.len += is_new;
    return is_new;
}

static void forget_places(printer *p) {
    if (p->seen.ids) memset(p->seen.ids, 0, p->seen.cap * sizeof *p->seen.ids);
    p->seen.len = 0;
}

/* ---- Values that hold no others ---- */

static void add_range(text *t, const range *r, const char *dots) {
    text_add_int(t, r->from);
    text_add_cstr(t, dots);
    if (r->to != INT64_MAX) text_add_int(t, r->to);
}

static void add_blob(text *t, const blob *b) {
    static const char digits[] = "0123456789abcdef";
    text_add(t, "[", 1);
    for (uint32_t i = 0; i < b->len && !t->failed; i++) {
        char hex[3] = {' ', digits[b->data[i] >> 4], digits[b->data[i] & 15]};
        bool begins_group = i > 0 && i % 8 == 0;
        text_add(t, begins_group ? hex : hex + 1, begins_group ? 3 : 2);
    }
    text_add(t, "]", 1);
}

static void add_custom(text *t, const custom *c) {
    if (!c->type->text) {
        text_add_cstr(t, c->type->name);
        return;
    }
    char few[256];
    size_t len = c->type->text(c->object, few, sizeof few);
    if (len <= sizeof few) {
        text_add_lossy(t, few, len);
        return;
    }
    char *many = heap_alloc(t->h, len);
    if (!many) {
        t->failed = true;
        return;
    }
    size_t again = c->type->text(c->object, many, len);
    text_add_lossy(t, many, again < len ? again : len);
    heap_free(t->h, many, len);
}

static void add_function_name(text *t, const fnptr *f) {
    text_add_cstr(t, "Fn(");
    text_add_str(t, f->name);
    text_add(t, ")", 1);
}

static void add_leaf_display(text *t, const rhai_value *v) {
    switch (v->type) {
    case RHAI_UNIT: break;
    case RHAI_BOOL: text_add_cstr(t, v->b ? "true" : "false"); break;
    case RHAI_BYTE:
    case RHAI_INT: text_add_int(t, v->i); break;
    case RHAI_FLOAT: text_add_float(t, v->f); break;
    case RHAI_CHAR: text_add_char(t, v->c); break;
    case RHAI_TIMESTAMP: text_add_cstr(t, "<timestamp>"); break;
    case RHAI_STRING: text_add_str(t, as_str(v)); break;
    case RHAI_BLOB: add_blob(t, as_blob(v)); break;
    case RHAI_FN: add_function_name(t, as_fn(v)); break;
    case RHAI_RANGE: add_range(t, as_range(v), ".."); break;
    case RHAI_RANGE_INCLUSIVE: add_range(t, as_range(v), "..="); break;
    case RHAI_CUSTOM: add_custom(t, as_custom(v)); break;
    default: break;
    }
}

static void add_leaf_debug(text *t, const rhai_value *v, text_form form) {
    if (v->type == RHAI_UNIT)
        text_add(t, "()", 2);
    else if (v->type == RHAI_FLOAT)
        text_add_float_debug(t, v->f);
    else if (v->type == RHAI_STRING)
        text_add_quoted(t, as_str(v)->data, as_str(v)->len);
    else if (v->type == RHAI_CHAR && form == PLAIN)
        text_add_quoted_char(t, v->c);
    else
        add_leaf_display(t, v);
}

/* ---- Containers ---- */

static bool push_frame(printer *p, const void *o, uint64_t id) {
    if (p->len == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        frame *frames =
            heap_resize(p->t->h, p->frames, p->cap * sizeof *frames, cap * sizeof *frames);
        if (!frames) {
            p->t->failed = true;
            return false;
        }
        p->frames = frames;
        p->cap = cap;
    }
    p->frames[p->len++] = (frame){.o = o, .id = id};
    return true;
}

static void open_function(printer *p, const fnptr *f, uint64_t id) {
    text_add_cstr(p->t, f->code ? "Fn*" : "Fn");
    if (f->env && p->captured == 0) text_add(p->t, "+", 1);
    text_add(p->t, "(", 1);
    text_add_quoted(p->t, f->name->data, f->name->len);
    push_frame(p, f, id);
}

static void open_captured(printer *p, const cell *c, uint64_t id) {
    if (p->captured == 0) forget_places(p);
    if (c->borrows > 0 || !is_first_visit(p, id))
        text_add_cstr(p->t, "<shared>");
    else if (push_frame(p, c, slot_id((uint64_t)(uintptr_t)c, 0)))
        p->captured++;
}

/* Prints the value, or the beginning of a container, which then has a frame. */
static void open_value(printer *p, const rhai_value *v, uint64_t id) {
    if (v->type == RHAI_ARRAY) {
        text_add(p->t, "[", 1);
        push_frame(p, v->obj, id);
    } else if (v->type == RHAI_MAP) {
        text_add(p->t, "#{", 2);
        push_frame(p, v->obj, id);
    } else if (v->type == RHAI_FN && p->form == PLAIN) {
        open_function(p, as_fn(v), id);
    } else if (v->type == RHAI_SHARED) {
        open_captured(p, as_cell(v), id);
    } else {
        add_leaf_debug(p->t, v, p->form);
    }
}

static const rhai_value *next_element(printer *p, frame *f) {
    if (f->o->type == RHAI_ARRAY) {
        const arr *a = (const arr *)f->o;
        return f->at < a->len ? &a->items[f->at] : NULL;
    }
    if (f->o->type == RHAI_FN) {
        const fnptr *fn = (const fnptr *)f->o;
        return f->at < fn->ncurry ? &fn->curry[f->at] : NULL;
    }
    if (f->o->type == RHAI_SHARED) return f->at == 0 ? &((const cell *)f->o)->value : NULL;
    /* Finding the order of keys changes no map that anyone could see. */
    map *m = (map *)(uintptr_t)f->o;
    map_entry *entry = map_nth(p->t->h, m, f->at);
    if (!entry) {
        p->t->failed |= f->at < m->len;
        return NULL;
    }
    if (f->at > 0) text_add(p->t, ", ", 2);
    text_add_quoted(p->t, entry->key->data, entry->key->len);
    text_add(p->t, ": ", 2);
    return &entry->value;
}

static void close_container(printer *p, const frame *f) {
    static const char *const ends[] = {
        [RHAI_ARRAY] = "]", [RHAI_MAP] = "}", [RHAI_FN] = ")", [RHAI_SHARED] = " (shared)"};
    text_add_cstr(p->t, ends[f->o->type]);
    if (f->o->type == RHAI_SHARED) p->captured--;
    p->len--;
}

static void print_elements(printer *p) {
    while (p->len > 0 && !p->t->failed) {
        frame *f = &p->frames[p->len - 1];
        const rhai_value *v = next_element(p, f);
        if (!v) {
            close_container(p, f);
            continue;
        }
        if (f->o->type == RHAI_FN || (f->o->type == RHAI_ARRAY && f->at > 0))
            text_add(p->t, ", ", 2);
        uint32_t at = f->at++;
        open_value(p, v, slot_id(f->id, at));
    }
}

static void add_debug(text *t, const rhai_value *v, text_form form) {
    printer p = {.t = t, .form = form};
    open_value(&p, v, 1);
    print_elements(&p);
    heap_free(t->h, p.frames, p.cap * sizeof *p.frames);
    heap_free(t->h, p.seen.ids, p.seen.cap * sizeof *p.seen.ids);
}

static void add_display(text *t, const rhai_value *v, text_form form) {
    if (v->type == RHAI_SHARED) v = &as_cell(v)->value;
    if (v->type == RHAI_ARRAY || v->type == RHAI_MAP)
        add_debug(t, v, form);
    else
        add_leaf_display(t, v);
}

void text_add_display(text *t, const rhai_value *v) {
    add_display(t, v, SCRIPT);
}

void text_add_debug(text *t, const rhai_value *v) {
    if (v->type == RHAI_SHARED) v = &as_cell(v)->value;
    add_debug(t, v, SCRIPT);
}

void text_add_plain_display(text *t, const rhai_value *v) {
    add_display(t, v, PLAIN);
}

void text_add_plain_debug(text *t, const rhai_value *v) {
    add_debug(t, v, PLAIN);
}
