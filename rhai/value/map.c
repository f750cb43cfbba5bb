#include "value/object.h"

#include <string.h>

enum { NOT_FOUND = UINT32_MAX };

/* ---- Sizes ---- */

static void count_in(heap *h, map *m, const rhai_value *item) {
    if (!h->track_sizes) return;
    m->sizes.map++;
    if (!value_is_heap(item)) return;
    sizes s = sizes_of_element(item);
    m->sizes.array += s.array;
    m->sizes.map += s.map;
    m->sizes.string += s.string;
}

static void count_out(heap *h, map *m, const rhai_value *item) {
    if (!h->track_sizes) return;
    m->sizes.map--;
    if (!value_is_heap(item)) return;
    sizes s = sizes_of_element(item);
    m->sizes.array -= s.array;
    m->sizes.map -= s.map;
    m->sizes.string -= s.string;
}

/* ---- The hash index of a large map: linear probing, holes closed by shifting ---- */

static uint32_t probe_free(const map *m, uint32_t hash) {
    uint32_t mask = m->index_cap - 1, i = hash & mask;
    while (m->index[i].entry)
        i = (i + 1) & mask;
    return i;
}

/* The slot of an entry that is known to be there. */
static uint32_t probe_entry(const map *m, uint32_t hash, uint32_t entry) {
    uint32_t mask = m->index_cap - 1, i = hash & mask;
    while (m->index[i].entry != entry + 1)
        i = (i + 1) & mask;
    return i;
}

static void index_put(map *m, uint32_t hash, uint32_t entry) {
    m->index[probe_free(m, hash)] = (map_slot){.entry = entry + 1, .hash = hash};
}

static void index_remove(map *m, uint32_t hole) {
    uint32_t mask = m->index_cap - 1;
    for (uint32_t i = (hole + 1) & mask; m->index[i].entry; i = (i + 1) & mask) {
        uint32_t home = m->index[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->index[hole] = m->index[i];
            hole = i;
        }
    }
    m->index[hole] = (map_slot){0};
}

/* Makes the index hold `len` entries with a quarter of it free. */
static bool index_reserve(heap *h, map *m, size_t len) {
    uint32_t cap = m->index_cap ? m->index_cap : 16;
    while (len > (size_t)cap / 4 * 3) {
        if (cap > UINT32_MAX / 2) return false;
        cap *= 2;
    }
    if (cap == m->index_cap) return true;
    map_slot *old = m->index;
    uint32_t old_cap = m->index_cap;
    map_slot *index = heap_alloc_zero(h, cap * sizeof *index);
    if (!index) return false;
    m->index = index;
    m->index_cap = cap;
    if (old) {
        for (uint32_t i = 0; i < old_cap; i++)
            if (old[i].entry) m->index[probe_free(m, old[i].hash)] = old[i];
    } else {
        for (uint32_t i = 0; i < m->len; i++)
            index_put(m, str_hash(m->entries[i].key), i);
    }
    heap_free(h, old, old_cap * sizeof *old);
    return true;
}

/* ---- Key order of a large map ---- */

static void drop_order(heap *h, map *m) {
    heap_free(h, m->order, m->order_cap * sizeof *m->order);
    m->order = NULL;
    m->order_cap = 0;
}

/* A key with its first eight bytes as a number, so that most comparisons touch nothing else. */
typedef struct sort_key {
    uint64_t prefix;
    uint32_t entry;
} sort_key;

static uint64_t key_prefix(const rhai_str *key) {
    uint64_t prefix = 0;
    memcpy(&prefix, key->data, key->len < 8 ? key->len : 8);
    return __builtin_bswap64(prefix);
}

static bool is_after(const map *m, const sort_key *a, const sort_key *b) {
    if (a->prefix != b->prefix) return a->prefix > b->prefix;
    return str_compare(m->entries[a->entry].key, m->entries[b->entry].key) > 0;
}

static void merge(const map *m, const sort_key *from, sort_key *to, size_t left, size_t middle,
                  size_t right) {
    /* Runs that are in order already, as when keys were added in order, are only copied. */
    if (middle >= right || !is_after(m, &from[middle - 1], &from[middle])) {
        memcpy(to + left, from + left, (right - left) * sizeof *to);
        return;
    }
    size_t a = left, b = middle;
    for (size_t i = left; i < right; i++) {
        bool take_right = a == middle || (b < right && is_after(m, &from[a], &from[b]));
        to[i] = take_right ? from[b++] : from[a++];
    }
}

/* Sorts bottom-up by merging between two halves of `keys`; returns the sorted half. */
static const sort_key *sort_keys(const map *m, sort_key *keys, size_t len) {
    sort_key *from = keys, *to = keys + len;
    for (size_t width = 1; width < len; width *= 2) {
        for (size_t left = 0; left < len; left += 2 * width) {
            size_t middle = left + width < len ? left + width : len;
            size_t right = left + 2 * width < len ? left + 2 * width : len;
            merge(m, from, to, left, middle, right);
        }
        sort_key *other = from;
        from = to;
        to = other;
    }
    return from;
}

static bool make_order(heap *h, map *m) {
    size_t size = 2 * (size_t)m->len * sizeof(sort_key);
    uint32_t *order = heap_alloc(h, m->len * sizeof *order);
    sort_key *keys = order ? heap_alloc(h, size) : NULL;
    if (!keys) {
        heap_free(h, order, m->len * sizeof *order);
        return false;
    }
    for (uint32_t i = 0; i < m->len; i++)
        keys[i] = (sort_key){.prefix = key_prefix(m->entries[i].key), .entry = i};
    const sort_key *sorted = sort_keys(m, keys, m->len);
    for (uint32_t i = 0; i < m->len; i++)
        order[i] = sorted[i].entry;
    heap_free(h, keys, size);
    m->order = order;
    m->order_cap = m->len;
    return true;
}

/* After entry `len - 1` was added: keeps the order if its key is the last, else forgets it. */
static void extend_order(heap *h, map *m) {
    if (!m->order) return;
    uint32_t entry = m->len - 1, last = m->order[entry - 1];
    if (str_compare(m->entries[last].key, m->entries[entry].key) > 0) {
        drop_order(h, m);
        return;
    }
    if (entry == m->order_cap) {
        size_t old_size = m->order_cap * sizeof *m->order;
        size_t size = (m->order_cap + m->order_cap / 2) * sizeof *m->order;
        uint32_t *order = heap_grow(h, m->order, old_size, old_size + sizeof *order, &size);
        if (!order) {
            drop_order(h, m);
            return;
        }
        m->order = order;
        m->order_cap = (uint32_t)(size / sizeof *order);
    }
    m->order[entry] = entry;
}

/* ---- Finding ---- */

static uint32_t find_large(const map *m, const rhai_str *key, const char *text, size_t len,
                           uint32_t hash) {
    uint32_t mask = m->index_cap - 1;
    for (uint32_t i = hash & mask; m->index[i].entry; i = (i + 1) & mask) {
        if (m->index[i].hash != hash) continue;
        const rhai_str *found = m->entries[m->index[i].entry - 1].key;
        if (found == key || (found->len == len && memcmp(found->data, text, len) == 0))
            return m->index[i].entry - 1;
    }
    return NOT_FOUND;
}

static uint32_t find_small(const map *m, const rhai_str *key) {
    for (uint32_t i = 0; i < m->len; i++)
        if (m->entries[i].key == key) return i;
    if (key->head.flags & OBJ_INTERNED && !(m->head.flags & OBJ_FOREIGN_KEYS)) return NOT_FOUND;
    for (uint32_t i = 0; i < m->len; i++)
        if (str_equal(m->entries[i].key, key)) return i;
    return NOT_FOUND;
}

static uint32_t find_entry(const map *m, rhai_str *key) {
    if (m->index) return find_large(m, key, key->data, key->len, str_hash(key));
    return find_small(m, key);
}

rhai_value *map_find(map *m, rhai_str *key) {
    uint32_t i = find_entry(m, key);
    return i == NOT_FOUND ? NULL : &m->entries[i].value;
}

rhai_value *map_find_text(const heap *h, map *m, const char *key, size_t len) {
    if (m->index) {
        uint32_t i = find_large(m, NULL, key, len, text_hash(h, key, len));
        return i == NOT_FOUND ? NULL : &m->entries[i].value;
    }
    for (uint32_t i = 0; i < m->len; i++) {
        const rhai_str *found = m->entries[i].key;
        if (found->len == len && memcmp(found->data, key, len) == 0) return &m->entries[i].value;
    }
    return NULL;
}

/* ---- Making and copying ---- */

map *map_new(heap *h, size_t cap) {
    if (cap > UINT32_MAX / 2) return NULL;
    map *m = heap_alloc(h, sizeof *m);
    if (!m) return NULL;
    *m = (map){.head = {.refs = 1, .type = RHAI_MAP}, .cap = (uint32_t)cap};
    if (cap && !(m->entries = heap_alloc(h, cap * sizeof *m->entries))) {
        heap_free(h, m, sizeof *m);
        return NULL;
    }
    return m;
}

static void *copy_block(heap *h, const void *block, size_t size) {
    void *copy = heap_alloc(h, size);
    if (copy) memcpy(copy, block, size);
    return copy;
}

map *map_own(heap *h, rhai_value *v) {
    map *m = as_map(v);
    if (m->head.refs == 1) return m;
    map *copy = map_new(h, m->len);
    if (!copy) return NULL;
    if (m->index) {
        copy->index = copy_block(h, m->index, m->index_cap * sizeof *m->index);
        if (!copy->index) {
            obj_unref(h, copy);
            return NULL;
        }
        copy->index_cap = m->index_cap;
    }
    for (uint32_t i = 0; i < m->len; i++) {
        obj_ref(m->entries[i].key);
        copy->entries[i].key = m->entries[i].key;
        copy->entries[i].value = value_copy(&m->entries[i].value);
    }
    copy->len = m->len;
    copy->head.flags |= m->head.flags & OBJ_FOREIGN_KEYS;
    copy->sizes = m->sizes;
    v->obj = copy;
    obj_unref(h, m);
    return copy;
}

/* ---- Changing ---- */

static bool reserve_entry(heap *h, map *m) {
    if (m->len < m->cap) return true;
    if (m->len >= UINT32_MAX / 2) return false;
    size_t old_size = m->cap * sizeof *m->entries;
    size_t want = m->cap < 4 ? 4 : m->cap + m->cap / 2;
    size_t size = want * sizeof *m->entries;
    map_entry *entries =
        heap_grow(h, m->entries, old_size, (m->len + (size_t)1) * sizeof *m->entries, &size);
    if (!entries) return false;
    m->entries = entries;
    m->cap = (uint32_t)(size / sizeof *m->entries);
    return true;
}

static rhai_value *add_small(map *m, rhai_str *key) {
    uint32_t at = m->len;
    while (at > 0 && str_compare(m->entries[at - 1].key, key) > 0)
        at--;
    memmove(m->entries + at + 1, m->entries + at, (m->len - at) * sizeof *m->entries);
    m->entries[at] = (map_entry){.key = key, .value = VALUE_UNIT};
    m->len++;
    return &m->entries[at].value;
}

static rhai_value *add_large(heap *h, map *m, rhai_str *key) {
    uint32_t at = m->len;
    m->entries[at] = (map_entry){.key = key, .value = VALUE_UNIT};
    index_put(m, str_hash(key), at);
    m->len++;
    extend_order(h, m);
    return &m->entries[at].value;
}

/* Adds a key that is not there. */
static rhai_value *add_entry(heap *h, map *m, rhai_str *key) {
    if (!reserve_entry(h, m)) return NULL;
    bool stays_small = !m->index && m->len < MAP_SMALL;
    if (!stays_small && !index_reserve(h, m, (size_t)m->len + 1)) return NULL;
    obj_ref(key);
    if (!(key->head.flags & OBJ_INTERNED)) m->head.flags |= OBJ_FOREIGN_KEYS;
    return stays_small ? add_small(m, key) : add_large(h, m, key);
}

rhai_value *map_add(heap *h, map *m, rhai_str *key) {
    uint32_t i = find_entry(m, key);
    if (i != NOT_FOUND) return &m->entries[i].value;
    rhai_value *slot = add_entry(h, m, key);
    if (slot) count_in(h, m, slot);
    return slot;
}

bool map_set(heap *h, map *m, rhai_str *key, rhai_value *item) {
    rhai_value *slot = map_add(h, m, key);
    if (!slot) return false;
    count_out(h, m, slot);
    count_in(h, m, item);
    value_store(h, slot, value_take(item));
    return true;
}

/* The last entry takes the place of the one that goes. */
static void remove_large(heap *h, map *m, uint32_t at) {
    uint32_t last = m->len - 1;
    drop_order(h, m);
    index_remove(m, probe_entry(m, str_hash(m->entries[at].key), at));
    if (at != last) {
        m->index[probe_entry(m, str_hash(m->entries[last].key), last)].entry = at + 1;
        m->entries[at] = m->entries[last];
    }
    m->len--;
}

static void remove_small(map *m, uint32_t at) {
    m->len--;
    memmove(m->entries + at, m->entries + at + 1, (m->len - at) * sizeof *m->entries);
}

bool map_remove(heap *h, map *m, rhai_str *key, rhai_value *ret) {
    uint32_t at = find_entry(m, key);
    if (at == NOT_FOUND) return false;
    map_entry entry = m->entries[at];
    count_out(h, m, &entry.value);
    if (m->index)
        remove_large(h, m, at);
    else
        remove_small(m, at);
    if (ret)
        *ret = entry.value;
    else
        value_drop(h, &entry.value);
    obj_unref(h, entry.key);
    return true;
}

void map_clear(heap *h, map *m) {
    map_entry *entries = m->entries;
    uint32_t len = m->len, cap = m->cap;
    drop_order(h, m);
    heap_free(h, m->index, m->index_cap * sizeof *m->index);
    m->index = NULL;
    m->index_cap = 0;
    m->entries = NULL;
    m->len = m->cap = 0;
    m->sizes = (sizes){0};
    for (uint32_t i = 0; i < len; i++) {
        obj_unref(h, entries[i].key);
        value_drop(h, &entries[i].value);
    }
    heap_free(h, entries, cap * sizeof *entries);
}

void map_trim(heap *h, map *m) {
    if (m->cap == m->len || !m->len) return;
    map_entry *entries =
        heap_resize(h, m->entries, m->cap * sizeof *entries, m->len * sizeof *entries);
    if (!entries) return;
    m->entries = entries;
    m->cap = m->len;
}

map_entry *map_nth(heap *h, map *m, size_t i) {
    if (i >= m->len) return NULL;
    if (!m->index) return &m->entries[i];
    if (!m->order && !make_order(h, m)) return NULL;
    return &m->entries[m->order[i]];
}
