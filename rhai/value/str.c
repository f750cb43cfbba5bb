#include "value/object.h"

#include <string.h>

enum { CHARS_UNKNOWN = UINT32_MAX };
#define STR_MAX ((size_t)UINT32_MAX - 64)

/* ---- Making ---- */

/* Blocks of malloc hold 16n + 8 bytes: room that would be wasted is made room to append. */
static size_t round_cap(size_t cap) {
    size_t size = sizeof(rhai_str) + cap + 1;
    size = ((size + 7) & ~(size_t)15) + 8;
    return size - sizeof(rhai_str) - 1;
}

static rhai_str *str_alloc(heap *h, size_t cap) {
    if (cap > STR_MAX) return NULL;
    cap = round_cap(cap);
    rhai_str *s = heap_alloc(h, sizeof *s + cap + 1);
    if (!s) return NULL;
    s->head = (obj){.refs = 1, .type = RHAI_STRING};
    s->cap = (uint32_t)cap;
    return s;
}

void str_set_len(rhai_str *s, size_t len) {
    s->data[len] = '\0';
    s->len = (uint32_t)len;
    s->hash = 0;
    s->chars = CHARS_UNKNOWN;
    s->crumb_char = s->crumb_byte = 0;
}

rhai_str *str_new_room(heap *h, size_t cap) {
    rhai_str *s = str_alloc(h, cap);
    if (s) str_set_len(s, 0);
    return s;
}

rhai_str *str_new(heap *h, const char *text, size_t len) {
    rhai_str *s = str_alloc(h, len);
    if (!s) return NULL;
    if (len) memcpy(s->data, text, len);
    str_set_len(s, len);
    return s;
}

bool value_new_text(heap *h, const char *text, size_t len, rhai_value *ret) {
    rhai_str *s = str_new(h, text, len);
    if (!s) return false;
    *ret = VALUE_OBJ(RHAI_STRING, s);
    return true;
}

/* ---- Comparing ---- */

static uint64_t fold(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const char *text, size_t n) {
    uint64_t word = 0;
    memcpy(&word, text, n);
    return word;
}

/* Multiply and fold, 16 bytes at a time. Strings are hashed far from any heap, so the secret is
 * not the heap's: it is the address this library was loaded at, which the system randomises, so
 * that nobody outside can prepare colliding keys. */
static uint32_t hash_bytes(const char *text, size_t len) {
    static const char anchor;
    const uint64_t k1 = UINT64_C(0x9e3779b97f4a7c15), k2 = UINT64_C(0xd1b54a32d192ed03);
    uint64_t x = fold((uint64_t)(uintptr_t)&anchor ^ k1, len ^ k2);
    while (len > 16) {
        x = fold(x ^ load(text, 8) ^ k2, load(text + 8, 8) ^ k1);
        text += 16;
        len -= 16;
    }
    if (len > 8)
        x = fold(x ^ load(text, 8) ^ k2, load(text + 8, len - 8) ^ k1);
    else
        x = fold(x ^ load(text, len) ^ k2, k1);
    uint32_t hash = (uint32_t)(x ^ x >> 32);
    return hash ? hash : 1;
}

uint32_t text_hash(const heap *h, const char *text, size_t len) {
    (void)h;
    return hash_bytes(text, len);
}

uint32_t str_hash(rhai_str *s) {
    if (s->hash == 0) s->hash = hash_bytes(s->data, s->len);
    return s->hash;
}

bool str_equal(const rhai_str *a, const rhai_str *b) {
    if (a == b) return true;
    if (a->len != b->len || (a->head.flags & b->head.flags & OBJ_INTERNED)) return false;
    if (a->hash && b->hash && a->hash != b->hash) return false;
    return memcmp(a->data, b->data, a->len) == 0;
}

int str_compare(const rhai_str *a, const rhai_str *b) {
    uint32_t shorter = a->len < b->len ? a->len : b->len;
    int r = memcmp(a->data, b->data, shorter);
    return r ? r : (a->len > b->len) - (a->len < b->len);
}

/* ---- Characters ---- */

size_t str_chars(rhai_str *s) {
    if (s->chars == CHARS_UNKNOWN) s->chars = (uint32_t)utf8_count(s->data, s->len);
    return s->chars;
}

static bool is_continuation(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t next_char(const rhai_str *s, size_t byte) {
    do
        byte++;
    while (is_continuation(s->data[byte]));
    return byte;
}

static size_t previous_char(const rhai_str *s, size_t byte) {
    do
        byte--;
    while (is_continuation(s->data[byte]));
    return byte;
}

size_t str_offset(rhai_str *s, size_t index) {
    size_t chars = str_chars(s);
    if (chars == s->len) return index;
    size_t at = s->crumb_char, byte = s->crumb_byte;
    if (index < at && index < at - index)
        at = byte = 0;
    else if (index > at && chars - index < index - at) {
        at = chars;
        byte = s->len;
    }
    for (; at < index; at++)
        byte = next_char(s, byte);
    for (; at > index; at--)
        byte = previous_char(s, byte);
    s->crumb_char = (uint32_t)at;
    s->crumb_byte = (uint32_t)byte;
    return byte;
}

/* ---- Changing ---- */

static bool is_own(const rhai_str *s) {
    return s->head.refs == 1 && !(s->head.flags & OBJ_INTERNED);
}

/* Grows by half, so that appending is linear and not too much lies idle. */
static rhai_str *grow_own(heap *h, rhai_str *s, size_t need) {
    size_t want = s->cap + s->cap / 2;
    if (want > STR_MAX) want = need;
    size_t size = sizeof *s + round_cap(want > need ? want : need) + 1;
    rhai_str *moved = heap_grow(h, s, sizeof *s + s->cap + 1, sizeof *s + need + 1, &size);
    if (moved) moved->cap = (uint32_t)(size - sizeof *moved - 1);
    return moved;
}

static rhai_str *copy_with_room(heap *h, const rhai_str *s, size_t need) {
    rhai_str *copy = str_alloc(h, need);
    if (!copy) return NULL;
    memcpy(copy->data, s->data, s->len);
    str_set_len(copy, s->len);
    copy->chars = s->chars;
    return copy;
}

rhai_str *str_own(heap *h, rhai_value *v, size_t room) {
    rhai_str *s = as_str(v);
    if (room > STR_MAX - s->len) return NULL;
    size_t need = s->len + room;
    if (is_own(s)) {
        if (need > s->cap) s = grow_own(h, s, need);
        if (s) v->obj = s;
        return s;
    }
    rhai_str *copy = copy_with_room(h, s, need);
    if (copy) {
        v->obj = copy;
        obj_unref(h, s);
    }
    return copy;
}

bool str_append(heap *h, rhai_value *v, const char *text, size_t len) {
    rhai_str *s = as_str(v);
    if (len == 0) return true;
    /* The text may be part of this very string, which may move or be copied. */
    bool is_inside = text >= s->data && text <= s->data + s->len;
    size_t inside_at = is_inside ? (size_t)(text - s->data) : 0;
    s = str_own(h, v, len);
    if (!s) return false;
    if (is_inside) text = s->data + inside_at;
    uint32_t chars = s->chars, crumb_char = s->crumb_char, crumb_byte = s->crumb_byte;
    if (chars != CHARS_UNKNOWN) chars += (uint32_t)utf8_count(text, len);
    memmove(s->data + s->len, text, len);
    str_set_len(s, s->len + len);
    s->chars = chars;
    s->crumb_char = crumb_char;
    s->crumb_byte = crumb_byte;
    return true;
}
