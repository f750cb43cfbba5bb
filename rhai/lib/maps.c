/* maps.c - functions of object maps. */
#include "lib/callback.h"
#include "lib/equality.h"
#include "lib/lib.h"

static rhai_status new_map(rhai_call *call, rhai_value *ret) {
    map *made = map_new(call->h, 0);
    if (!made) return call_no_memory(call);
    *ret = VALUE_OBJ(RHAI_MAP, made);
    return RHAI_OK;
}

/* Makes *v the map *other, which becomes what *v was. */
static void swap_contents(rhai_value *v, rhai_value *other) {
    void *contents = v->obj;
    v->obj = other->obj;
    other->obj = contents;
}

static rhai_status map_len(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_INT(as_map(args)->len);
    return RHAI_OK;
}

static rhai_status map_is_empty(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_BOOL(as_map(args)->len == 0);
    return RHAI_OK;
}

static rhai_status map_contains(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_BOOL(map_find(as_map(args), as_str(&args[1])) != NULL);
    return RHAI_OK;
}

static rhai_status map_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const rhai_value *found = map_find(as_map(args), as_str(&args[1]));
    if (found) *ret = value_copy(found);
    return RHAI_OK;
}

static rhai_status map_set_entry(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    map *m = map_own(call->h, &args[0]);
    rhai_value item = value_take(&args[2]);
    if (m && map_set(call->h, m, as_str(&args[1]), &item)) return RHAI_OK;
    value_drop(call->h, &item);
    return call_no_memory(call);
}

static rhai_status map_empty(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    map *m = as_map(args);
    if (m->len == 0) return RHAI_OK;
    if (m->head.refs == 1) {
        map_clear(call->h, m);
        return RHAI_OK;
    }
    rhai_value fresh = VALUE_UNIT;
    rhai_status status = new_map(call, &fresh);
    if (status == RHAI_OK) {
        swap_contents(&args[0], &fresh);
        value_drop(call->h, &fresh);
    }
    return status;
}

static rhai_status map_remove_entry(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_str *key = as_str(&args[1]);
    if (!map_find(as_map(args), key)) return RHAI_OK;
    map *m = map_own(call->h, &args[0]);
    if (!m) return call_no_memory(call);
    map_remove(call->h, m, key, ret);
    return RHAI_OK;
}

/* Adds the entries of *from to *v; entries that *v has already are replaced if asked to. */
static rhai_status add_entries(rhai_call *call, rhai_value *v, const rhai_value *from,
                               bool replace) {
    const map *other = as_map(from);
    if (other->len == 0) return RHAI_OK;
    map *m = map_own(call->h, v);
    if (!m) return call_no_memory(call);
    for (uint32_t i = 0; i < other->len; i++) {
        const map_entry *entry = &other->entries[i];
        if (!replace && map_find(m, entry->key)) continue;
        rhai_value item = value_copy(&entry->value);
        if (!map_set(call->h, m, entry->key, &item)) {
            value_drop(call->h, &item);
            return call_no_memory(call);
        }
    }
    return RHAI_OK;
}

static rhai_status map_mixin(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return add_entries(call, &args[0], &args[1], true);
}

static rhai_status map_merge(rhai_call *call, rhai_value *args, rhai_value *ret) {
    if (as_map(args)->len == 0 || as_map(&args[1])->len == 0) {
        *ret = value_take(&args[as_map(&args[1])->len != 0]);
        return RHAI_OK;
    }
    *ret = value_take(&args[0]);
    rhai_status status = add_entries(call, ret, &args[1], true);
    if (status != RHAI_OK) value_clear(call->h, ret);
    return status;
}

static rhai_status map_fill_with(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    if (as_map(args)->len > 0) return add_entries(call, &args[0], &args[1], false);
    if (as_map(&args[1])->len > 0) swap_contents(&args[0], &args[1]);
    return RHAI_OK;
}

static rhai_status map_equals(rhai_call *call, rhai_value *args, rhai_value *ret) {
    bool equal;
    rhai_status status = values_equal(call, &args[0], &args[1], &equal);
    if (status == RHAI_OK) *ret = VALUE_BOOL(equal);
    return status;
}

static rhai_status map_not_equals(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_status status = map_equals(call, args, ret);
    if (status == RHAI_OK) *ret = VALUE_BOOL(!ret->b);
    return status;
}

/* An array of what `pick` makes of every entry, in key order. */
static rhai_status list_entries(rhai_call *call, rhai_value *args,
                                rhai_value (*pick)(const map_entry *entry), rhai_value *ret) {
    heap *h = call->h;
    map *m = as_map(args);
    arr *made = arr_new(h, m->len);
    for (uint32_t i = 0; made && i < m->len; i++) {
        const map_entry *entry = map_nth(h, m, i);
        rhai_value item = entry ? pick(entry) : VALUE_UNIT;
        if (!entry || !arr_push(h, made, &item)) {
            value_drop(h, &item);
            obj_unref(h, made);
            made = NULL;
        }
    }
    if (!made) return call_no_memory(call);
    *ret = VALUE_OBJ(RHAI_ARRAY, made);
    return RHAI_OK;
}

static rhai_value pick_key(const map_entry *entry) {
    obj_ref(entry->key);
    return VALUE_OBJ(RHAI_STRING, entry->key);
}

static rhai_value pick_value(const map_entry *entry) {
    return value_copy(&entry->value);
}

static rhai_status map_keys(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return list_entries(call, args, pick_key, ret);
}

static rhai_status map_values(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return list_entries(call, args, pick_value, ret);
}

/* Calls back with the key of entry number `i` and, if the function wants it, the value. */
static rhai_status ask_entry(rhai_call *call, const char *caller, rhai_value *args, uint32_t i,
                             rhai_value *ret) {
    const map_entry *entry = map_nth(call->h, as_map(args), i);
    if (!entry) return call_no_memory(call);
    rhai_value key = VALUE_OBJ(RHAI_STRING, entry->key);
    callback back = {.caller = caller, .fn = &args[1], .args = &key, .nargs = 1, .self_at = 1};
    return callback_item(call, &back, &args[0], i, ret);
}

/* Puts a copy of entry number `i` into `to`, with another value if one is given (taken over). */
static bool copy_entry(heap *h, rhai_value *args, uint32_t i, map *to, rhai_value *value) {
    const map_entry *entry = map_nth(h, as_map(args), i);
    if (!entry) return false;
    rhai_value item = value ? value_take(value) : value_copy(&entry->value);
    if (map_set(h, to, entry->key, &item)) return true;
    value_drop(h, &item);
    return false;
}

/* Rhai's map() on maps calls itself filter in call traces. */
static rhai_status map_map(rhai_call *call, rhai_value *args, rhai_value *ret) {
    heap *h = call->h;
    map *made = map_new(h, as_map(args)->len);
    rhai_status status = made ? RHAI_OK : call_no_memory(call);
    for (uint32_t i = 0; status == RHAI_OK && i < as_map(args)->len; i++) {
        rhai_value answer = VALUE_UNIT;
        status = ask_entry(call, "filter", args, i, &answer);
        if (status == RHAI_OK && !copy_entry(h, args, i, made, &answer))
            status = call_no_memory(call);
        else if (status == RHAI_EXITED)
            *ret = value_take(&answer);
        value_drop(h, &answer);
    }
    if (status == RHAI_OK)
        *ret = VALUE_OBJ(RHAI_MAP, made);
    else
        obj_unref(h, made);
    return status;
}

/* Copies the entries for which the call-back gives `wanted` into a new map. *ret_asked is the
 * number of entries that it was asked about without failing. */
static rhai_status select_entries(rhai_call *call, const char *caller, rhai_value *args,
                                  bool wanted, map *made, uint32_t *ret_asked, rhai_value *ret) {
    heap *h = call->h;
    rhai_status status = RHAI_OK;
    uint32_t i = 0;
    for (; status == RHAI_OK && i < as_map(args)->len; i++) {
        rhai_value answer = VALUE_UNIT;
        status = ask_entry(call, caller, args, i, &answer);
        if (status != RHAI_OK) {
            *ret = answer;
            break;
        }
        bool said = answer.type == RHAI_BOOL && answer.b;
        value_drop(h, &answer);
        if (said == wanted && !copy_entry(h, args, i, made, NULL)) status = call_no_memory(call);
    }
    *ret_asked = i;
    return status;
}

static rhai_status map_filter(rhai_call *call, rhai_value *args, rhai_value *ret) {
    map *made = map_new(call->h, 0);
    if (!made) return call_no_memory(call);
    uint32_t asked;
    rhai_status status = select_entries(call, "filter", args, true, made, &asked, ret);
    if (status == RHAI_OK)
        *ret = VALUE_OBJ(RHAI_MAP, made);
    else
        obj_unref(call->h, made);
    return status;
}

/* Removes the entries that `made` holds copies of and, as Rhai does, the one whose call-back
 * failed (number `failed`, if there is one). */
static bool remove_selected(heap *h, rhai_value *v, const map *made, uint32_t failed) {
    bool has_failed = failed < as_map(v)->len;
    if (made->len == 0 && !has_failed) return true;
    map *m = map_own(h, v);
    map_entry *entry = m && has_failed ? map_nth(h, m, failed) : NULL;
    if (!m || (has_failed && !entry)) return false;
    if (entry) {
        rhai_str *key = entry->key;
        obj_ref(key);
        map_remove(h, m, key, NULL);
        obj_unref(h, key);
    }
    for (uint32_t i = 0; i < made->len; i++)
        map_remove(h, m, made->entries[i].key, NULL);
    return true;
}

static rhai_status separate(rhai_call *call, const char *caller, rhai_value *args, bool taken,
                            rhai_value *ret) {
    map *made = map_new(call->h, 0);
    if (!made) return call_no_memory(call);
    uint32_t asked;
    rhai_status status = select_entries(call, caller, args, taken, made, &asked, ret);
    if (!remove_selected(call->h, &args[0], made, asked) && status == RHAI_OK)
        status = call_no_memory(call);
    if (status == RHAI_OK)
        *ret = VALUE_OBJ(RHAI_MAP, made);
    else
        obj_unref(call->h, made);
    return status;
}

static rhai_status map_drain(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return separate(call, "drain", args, true, ret);
}

static rhai_status map_retain(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return separate(call, "retain", args, false, ret);
}

#define PURE 0
#define CHANGES RHAI_FN_MUTATES
#define LENDS RHAI_FN_BORROWS

static const rhai_native maps_functions[] = {
    {"len", "m", map_len, PURE, "len(map: map) -> int", "The number of entries."},
    {"is_empty", "m", map_is_empty, PURE, "is_empty(map: map) -> bool",
     "Does the map have no entries?"},
    {"contains", "ms", map_contains, PURE, "contains(map: map, key: string) -> bool",
     "Is there an entry with this key? This is what the operator `in` asks."},
    {"get", "ms", map_get, PURE, "get(map: map, key: string) -> ?",
     "A copy of the value with this key, or () if there is none."},
    {"set", "ms?", map_set_entry, CHANGES, "set(map: map, key: string, value: ?)",
     "Sets the value with this key; the entry is added if there is none."},
    {"clear", "m", map_empty, CHANGES, "clear(map: map)", "Removes all entries."},
    {"remove", "ms", map_remove_entry, CHANGES, "remove(map: map, key: string) -> ?",
     "Removes the entry with this key and returns its value, or () if there is none."},
    {"mixin", "mm", map_mixin, CHANGES, "mixin(map: map, other: map)",
     "Copies all entries of another map into the map, over those with the same keys."},
    {"+=", "mm", map_mixin, CHANGES, "map += other",
     "Copies all entries of another map into the map, over those with the same keys."},
    {"+", "mm", map_merge, PURE, "map1 + map2 -> map",
     "The entries of both maps as a new map; the second one's win."},
    {"fill_with", "mm", map_fill_with, CHANGES, "fill_with(map: map, other: map)",
     "Copies those entries of another map whose keys the map does not have."},
    {"==", "mm", map_equals, PURE, "map1 == map2 -> bool",
     "Have both maps the same keys and equal values?"},
    {"!=", "mm", map_not_equals, PURE, "map1 != map2 -> bool",
     "Do the maps differ in any key or value?"},
    {"keys", "m", map_keys, PURE, "keys(map: map) -> array", "All keys, in order."},
    {"values", "m", map_values, PURE, "values(map: map) -> array",
     "Copies of all values, in the order of their keys."},
    {"map", "mF", map_map, LENDS, "map(map: map, mapper: Fn) -> map",
     "A map with the same keys and the values that a function returns. The function takes the key "
     "and, if it has one more parameter, the value, which is also in `this` otherwise."},
    {"filter", "mF", map_filter, LENDS, "filter(map: map, filter: Fn) -> map",
     "A copy of the entries for which a function returns true. The function takes the key and, if "
     "it has one more parameter, the value, which is also in `this` otherwise."},
    {"drain", "mF", map_drain, CHANGES, "drain(map: map, filter: Fn) -> map",
     "Removes the entries for which a function returns true and returns them as a new map. The "
     "function takes what it takes for filter."},
    {"retain", "mF", map_retain, CHANGES, "retain(map: map, filter: Fn) -> map",
     "Keeps the entries for which a function returns true; returns the others as a new map. The "
     "function takes what it takes for filter."},
};
LIB_PACKAGE(maps);
