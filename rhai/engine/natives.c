/* The table of native functions: registration and overload resolution. */
#include "engine/engine.h"

#include <string.h>

static uint32_t name_hash(const char *name, size_t len) {
    uint32_t x = 2166136261u;
    for (size_t i = 0; i < len; i++)
        x = (x ^ (uint8_t)name[i]) * 16777619u;
    return x ? x : 1;
}

static const native_entry *newest(const native_table *t, const char *name, size_t len,
                                  uint32_t hash) {
    if (!t->index) return NULL;
    for (uint32_t at = hash & t->index_mask; t->index[at]; at = (at + 1) & t->index_mask) {
        const native_entry *e = &t->entries[t->index[at] - 1];
        if (e->hash == hash && strncmp(e->native->name, name, len) == 0 && !e->native->name[len])
            return e;
    }
    return NULL;
}

static bool grow_index(rhai_engine *e, uint32_t size) {
    native_table *t = &e->natives;
    uint32_t *index = heap_alloc_zero(&e->heap, size * sizeof *index);
    if (!index) return false;
    if (t->index) {
        for (uint32_t i = 0; i <= t->index_mask; i++) {
            if (!t->index[i]) continue;
            uint32_t at = t->entries[t->index[i] - 1].hash & (size - 1);
            while (index[at])
                at = (at + 1) & (size - 1);
            index[at] = t->index[i];
        }
        heap_free(&e->heap, t->index, (t->index_mask + 1) * sizeof *index);
    }
    t->index = index;
    t->index_mask = size - 1;
    return true;
}

static bool reserve(rhai_engine *e, size_t count) {
    native_table *t = &e->natives;
    if (t->len + count > t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 256;
        while (cap < t->len + count)
            cap *= 2;
        native_entry *p = heap_resize(&e->heap, t->entries, t->cap * sizeof *p, cap * sizeof *p);
        if (!p) return false;
        t->entries = p;
        t->cap = cap;
    }
    uint32_t size = t->index ? t->index_mask + 1 : 512;
    while (size < (t->names + count) * 2)
        size *= 2;
    return (t->index && size == t->index_mask + 1) || grow_index(e, size);
}

static int type_letter(char c) {
    switch (c) {
    case 'u': return RHAI_UNIT;
    case 'b': return RHAI_BOOL;
    case 'i': return RHAI_INT;
    case 'f': return RHAI_FLOAT;
    case 'c': return RHAI_CHAR;
    case 'y': return RHAI_BYTE;
    case 't': return RHAI_TIMESTAMP;
    case 's': return RHAI_STRING;
    case 'a': return RHAI_ARRAY;
    case 'l': return RHAI_BLOB;
    case 'm': return RHAI_MAP;
    case 'F': return RHAI_FN;
    case 'r': return RHAI_RANGE;
    case 'R': return RHAI_RANGE_INCLUSIVE;
    default: return -1;
    }
}

static const rhai_custom_type *find_type(const rhai_engine *e, const char *name, size_t len) {
    for (uint32_t i = e->types.len; i-- > 0;)
        if (strncmp(e->types.items[i]->name, name, len) == 0 && !e->types.items[i]->name[len])
            return e->types.items[i];
    return NULL;
}

/* Reads `params` into the entry; false: out of memory or a letter or type that does not exist. */
static bool parse_params(rhai_engine *e, native_entry *n, const char *params) {
    while (*params) {
        if (n->nparams == MAX_NATIVE_PARAMS) return false;
        uint64_t code;
        if (*params == '?') {
            code = TYPE_ANY;
            n->has_any = true;
            params++;
        } else if (*params == '{') {
            const char *end = strchr(params, '}');
            const rhai_custom_type *type =
                end ? find_type(e, params + 1, (size_t)(end - params - 1)) : NULL;
            if (!type) return false;
            if (!n->customs &&
                !(n->customs = heap_alloc_zero(&e->heap, MAX_NATIVE_PARAMS * sizeof *n->customs)))
                return false;
            n->customs[n->nparams] = type;
            code = RHAI_CUSTOM + 1;
            params = end + 1;
        } else {
            int type = type_letter(*params++);
            if (type < 0) return false;
            code = (uint64_t)type + 1;
        }
        n->types |= code << (4 * n->nparams++);
    }
    return true;
}

rhai_status native_register(rhai_engine *e, const rhai_native *table, size_t count, void *data) {
    native_table *t = &e->natives;
    if (!reserve(e, count)) return RHAI_ERROR;
    t->epoch++;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(table[i].name);
        native_entry n = {.native = &table[i], .data = data, .hash = name_hash(table[i].name, len)};
        if (!parse_params(e, &n, table[i].params)) {
            if (n.customs) heap_free(&e->heap, n.customs, MAX_NATIVE_PARAMS * sizeof *n.customs);
            return RHAI_ERROR;
        }
        uint32_t at = n.hash & t->index_mask;
        for (; t->index[at]; at = (at + 1) & t->index_mask) {
            const native_entry *other = &t->entries[t->index[at] - 1];
            if (other->hash == n.hash && strcmp(other->native->name, table[i].name) == 0) break;
        }
        n.next = t->index[at];
        t->names += !n.next;
        t->entries[t->len++] = n;
        t->index[at] = t->len;
    }
    return RHAI_OK;
}

static bool matches(const native_entry *e, uint64_t types, const rhai_value *args, uint32_t n,
                    uint32_t *ret_wildcards) {
    uint32_t wildcards = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t want = (e->types >> (4 * i)) & 15;
        if (want == TYPE_ANY)
            wildcards |= 1u << (n - i - 1);
        else if (want != ((types >> (4 * i)) & 15))
            return false;
        else if (want == RHAI_CUSTOM + 1 && e->customs[i] != as_custom(&args[i])->type)
            return false;
    }
    *ret_wildcards = wildcards;
    return true;
}

const native_entry *native_find(const native_table *t, const char *name, size_t len,
                                const rhai_value *args, uint32_t n) {
    if (n > MAX_NATIVE_PARAMS) return NULL;
    uint64_t types = pack_types(args, n);
    const native_entry *best = NULL;
    uint32_t fewest = UINT32_MAX;
    const native_entry *e = newest(t, name, len, name_hash(name, len));
    while (e) {
        uint32_t wildcards;
        if (e->nparams == n && matches(e, types, args, n, &wildcards) && wildcards < fewest) {
            best = e;
            fewest = wildcards;
            if (!wildcards) break;
        }
        e = e->next ? &t->entries[e->next - 1] : NULL;
    }
    return best;
}

bool native_exists(const native_table *t, const char *name, size_t len, int n) {
    const native_entry *e = newest(t, name, len, name_hash(name, len));
    for (; e; e = e->next ? &t->entries[e->next - 1] : NULL)
        if (n < 0 || e->nparams == n) return true;
    return false;
}

void natives_done(rhai_engine *e) {
    native_table *t = &e->natives;
    for (uint32_t i = 0; i < t->len; i++)
        if (t->entries[i].customs)
            heap_free(&e->heap, t->entries[i].customs,
                      MAX_NATIVE_PARAMS * sizeof *t->entries[i].customs);
    heap_free(&e->heap, t->entries, t->cap * sizeof *t->entries);
    if (t->index) heap_free(&e->heap, t->index, (t->index_mask + 1) * sizeof *t->index);
    heap_free(&e->heap, e->types.items, e->types.cap * sizeof *e->types.items);
}
