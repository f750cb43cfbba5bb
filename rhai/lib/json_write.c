#include "lib/json_write.h"

#include <math.h>
#include <string.h>

#include "value/escapes.h"

/* A container whose elements are being written. */
typedef struct branch {
    const rhai_value *v;
    uint32_t next;
} branch;

typedef struct writing {
    text *out;
    json_style style;
    size_t max_bytes;
    branch *stack;
    size_t depth, cap;
} writing;

/* ---- Text ---- */

static void write_escape(text *out, unsigned char c) {
    static const char short_forms[] = "btn-fr"; /* from 8 on; 11 has none */
    if (c == '"' || c == '\\') {
        char both[2] = {'\\', (char)c};
        text_add(out, both, 2);
    } else if (c >= 8 && c <= 13 && c != 11) {
        char both[2] = {'\\', short_forms[c - 8]};
        text_add(out, both, 2);
    } else {
        text_printf(out, "\\u%04x", c);
    }
}

void json_write_string(text *out, const char *s, size_t len) {
    text_add(out, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        text_add(out, s + from, i - from);
        write_escape(out, c);
        from = i + 1;
    }
    text_add(out, s + from, len - from);
    text_add(out, "\"", 1);
}

static void write_string(const writing *w, const rhai_str *s) {
    if (w->style == JSON_STANDARD)
        json_write_string(w->out, s->data, s->len);
    else
        text_add_quoted(w->out, s->data, s->len);
}

static void write_debug_text(text *out, const rhai_value *v) {
    text debug;
    text_init(&debug, out->h);
    text_add_debug(&debug, v);
    if (debug.failed)
        out->failed = true;
    else
        json_write_string(out, debug.data ? debug.data : "", debug.len);
    text_done(&debug);
}

/* ---- Leaves ---- */

/* RFC 4648, section 4. */
static void write_base64(text *out, const uint8_t *bytes, size_t len) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text_add(out, "\"", 1);
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t word = (uint32_t)bytes[i] << 16;
        if (n > 1) word |= (uint32_t)bytes[i + 1] << 8;
        if (n > 2) word |= bytes[i + 2];
        char four[4] = {digits[word >> 18], digits[word >> 12 & 63],
                        n > 1 ? digits[word >> 6 & 63] : '=', n > 2 ? digits[word & 63] : '='};
        text_add(out, four, 4);
    }
    text_add(out, "\"", 1);
}

static void write_byte_list(text *out, const blob *b) {
    text_add(out, "[", 1);
    for (uint32_t i = 0; i < b->len; i++) {
        if (i > 0) text_add(out, ",", 1);
        text_add_int(out, b->data[i]);
    }
    text_add(out, "]", 1);
}

static void write_standard_leaf(text *out, const rhai_value *v) {
    char utf8[4];
    switch (v->type) {
    case RHAI_FLOAT:
        if (isfinite(v->f))
            text_add_float(out, v->f);
        else
            write_debug_text(out, v);
        break;
    case RHAI_CHAR: json_write_string(out, utf8, utf8_write(v->c, utf8)); break;
    case RHAI_BLOB: write_base64(out, as_blob(v)->data, as_blob(v)->len); break;
    default: write_debug_text(out, v);
    }
}

/* As a character literal of a script. */
static void write_script_char(text *out, uint32_t c) {
    text_add(out, "'", 1);
    switch (c) {
    case '\'':
    case '\\': text_printf(out, "\\%c", (char)c); break;
    case '\0': text_add_cstr(out, "\\0"); break;
    case '\t': text_add_cstr(out, "\\t"); break;
    case '\n': text_add_cstr(out, "\\n"); break;
    case '\r': text_add_cstr(out, "\\r"); break;
    default:
        if (char_needs_escape(c))
            text_printf(out, "\\u{%x}", c);
        else
            text_add_char(out, c);
    }
    text_add(out, "'", 1);
}

static void write_script_leaf(text *out, const rhai_value *v) {
    switch (v->type) {
    case RHAI_CHAR: write_script_char(out, v->c); break;
    case RHAI_BLOB: write_byte_list(out, as_blob(v)); break;
    case RHAI_FN: text_add_quoted(out, as_fn(v)->name->data, as_fn(v)->name->len); break;
    default: text_add_debug(out, v);
    }
}

static void write_leaf(const writing *w, const rhai_value *v) {
    switch (v->type) {
    case RHAI_UNIT: text_add(w->out, "null", 4); break;
    case RHAI_BOOL: text_add_cstr(w->out, v->b ? "true" : "false"); break;
    case RHAI_INT:
    case RHAI_BYTE: text_add_int(w->out, v->i); break;
    case RHAI_STRING: write_string(w, as_str(v)); break;
    default:
        if (w->style == JSON_STANDARD)
            write_standard_leaf(w->out, v);
        else
            write_script_leaf(w->out, v);
    }
}

/* ---- Branches ---- */

static bool is_branch(const writing *w, const rhai_value *v) {
    if (v->type == RHAI_ARRAY || v->type == RHAI_MAP) return true;
    return v->type == RHAI_FN && w->style == JSON_OF_SCRIPTS && as_fn(v)->ncurry > 0;
}

static bool is_open(const writing *w, const rhai_value *v) {
    for (size_t i = 0; i < w->depth; i++) {
        if (w->stack[i].v->obj == v->obj) return true;
    }
    return false;
}

static json_outcome begin_branch(writing *w, const rhai_value *v) {
    if (w->depth == w->cap) {
        size_t old_size = w->cap * sizeof *w->stack, size = old_size ? 2 * old_size : 512;
        branch *grown = heap_resize(w->out->h, w->stack, old_size, size);
        if (!grown) return JSON_WRITE_NO_MEMORY;
        w->stack = grown;
        w->cap = size / sizeof *grown;
    }
    w->stack[w->depth++] = (branch){.v = v};
    text_add(w->out, v->type == RHAI_MAP ? "{" : "[", 1);
    return JSON_WRITTEN;
}

/* Steps to the next element of *b, writing what comes before it; NULL: that was all. A function's
 * first element is its name, which is written here. */
static json_outcome next_element(writing *w, branch *b, const rhai_value **ret) {
    const rhai_value *v = b->v;
    uint32_t len = v->type == RHAI_ARRAY ? as_arr(v)->len
                   : v->type == RHAI_MAP ? as_map(v)->len
                                         : as_fn(v)->ncurry;
    *ret = NULL;
    if (v->type == RHAI_FN && b->next == 0)
        text_add_quoted(w->out, as_fn(v)->name->data, as_fn(v)->name->len);
    if (b->next == len) return JSON_WRITTEN;
    uint32_t i = b->next++;
    if (i > 0 || v->type == RHAI_FN) text_add(w->out, ",", 1);
    if (v->type == RHAI_ARRAY) {
        *ret = &as_arr(v)->items[i];
    } else if (v->type == RHAI_FN) {
        *ret = &as_fn(v)->curry[i];
    } else {
        const map_entry *entry = map_nth(w->out->h, as_map(v), i);
        if (!entry) return JSON_WRITE_NO_MEMORY;
        write_string(w, entry->key);
        text_add(w->out, ":", 1);
        *ret = &entry->value;
    }
    return JSON_WRITTEN;
}

static json_outcome check_length(const writing *w, const rhai_value *coming) {
    size_t len = w->out->len;
    if (coming && coming->type == RHAI_STRING) len += as_str(coming)->len;
    if (coming && coming->type == RHAI_BLOB) len += as_blob(coming)->len;
    return w->max_bytes && len > w->max_bytes ? JSON_TOO_LONG : JSON_WRITTEN;
}

static json_outcome write_value(writing *w, const rhai_value *v) {
    json_outcome outcome = JSON_WRITTEN;
    for (;;) {
        if (v && v->type == RHAI_SHARED) {
            /* Only what a closure captured is shared, so only here can a circle close. */
            v = &as_cell(v)->value;
            if (is_branch(w, v) && is_open(w, v)) return JSON_CYCLE;
        }
        outcome = check_length(w, v);
        if (outcome != JSON_WRITTEN) return outcome;
        if (v && is_branch(w, v))
            outcome = begin_branch(w, v);
        else if (v)
            write_leaf(w, v);
        else
            text_add(w->out, w->stack[--w->depth].v->type == RHAI_MAP ? "}" : "]", 1);
        if (outcome != JSON_WRITTEN) return outcome;
        if (w->out->failed) return JSON_WRITE_NO_MEMORY;
        if (w->depth == 0) return check_length(w, NULL);
        outcome = next_element(w, &w->stack[w->depth - 1], &v);
        if (outcome != JSON_WRITTEN) return outcome;
    }
}

json_outcome json_write(text *out, const rhai_value *v, json_style style, size_t max_bytes) {
    writing w = {.out = out, .style = style, .max_bytes = max_bytes};
    json_outcome outcome = write_value(&w, v);
    heap_free(out->h, w.stack, w.cap * sizeof *w.stack);
    return outcome;
}
