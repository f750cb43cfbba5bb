/* object.h - the heap objects behind values: strings, arrays, blobs, maps, functions, ranges,
 * custom objects, shared cells.
 *
 * Strings, arrays, blobs and maps are values in the language: an object with more than one
 * reference is never changed. The `..._own` functions make *v the only holder (copying one
 * level if need be) and return the object to change; NULL means out of memory, *v unchanged.
 *
 * Recursive sizes: while heap.track_sizes is set, every array and map knows how many array
 * elements, map entries and string bytes are in it and below (as Rhai counts them for
 * max_array_size, max_map_size, max_string_size: nested arrays count their elements, a blob in
 * an array counts 1 + its bytes... see sizes_of_value). The mutators below keep the sizes of
 * the container they change; whoever changes a nested container through a path adds the
 * difference to each container above it (sizes_add).
 */
#ifndef RHAI_VALUE_OBJECT_H
#define RHAI_VALUE_OBJECT_H

#include "value/heap.h"

/* ---- Strings ---- */

/* Text is valid UTF-8 and NUL-terminated; len < 4 GiB. */
struct rhai_str {
    obj head;
    uint32_t hash;  /* 0: not computed yet */
    uint32_t len;   /* bytes, without the NUL */
    uint32_t cap;   /* bytes of room in data, without the NUL */
    uint32_t chars; /* characters; UINT32_MAX: not counted yet */
    /* The place of the last indexed character, so that walking a string by index is linear
     * whatever it contains. */
    uint32_t crumb_char, crumb_byte;
    char data[];
};

rhai_str *str_new(heap *h, const char *text, size_t len); /* copies; text must be valid UTF-8 */
rhai_str *str_new_room(heap *h, size_t cap);              /* empty, with room for cap bytes */
/* The one string of this content; names and literals are interned so that most comparisons
 * are by pointer. Returns a new reference. */
rhai_str *str_intern(heap *h, const char *text, size_t len);
uint32_t str_hash(rhai_str *s); /* never 0 */
uint32_t text_hash(const heap *h, const char *text, size_t len);
bool str_equal(const rhai_str *a, const rhai_str *b);
int str_compare(const rhai_str *a, const rhai_str *b); /* byte order: <0, 0, >0 */
size_t str_chars(rhai_str *s);                         /* number of characters */
static inline bool str_is_ascii(rhai_str *s) {
    return str_chars(s) == s->len;
}
/* Byte offset of character number `index` (may equal the count: the end). index must be <=
 * str_chars(s). O(1) for ASCII and for walks in either direction, else O(distance). */
size_t str_offset(rhai_str *s, size_t index);
/* Appends to *v, a string value, in place when nobody else holds it. Amortised O(len). False:
 * out of memory, *v unchanged. The text may lie inside *v's own string. */
bool str_append(heap *h, rhai_value *v, const char *text, size_t len);
/* *v's string, unshared and not interned, with room for `room` more bytes; caller sets len
 * via str_set_len. NULL: out of memory. */
rhai_str *str_own(heap *h, rhai_value *v, size_t room);
void str_set_len(rhai_str *s, size_t len); /* writes the NUL, forgets hash, count and crumb */

static inline rhai_str *as_str(const rhai_value *v) {
    return (rhai_str *)v->obj;
}
bool value_new_text(heap *h, const char *text, size_t len, rhai_value *ret);

/* UTF-8 (RFC 3629: no surrogates, no overlong forms). decode returns the bytes used (1-4), 0 at
 * invalid input; encode writes 1-4 bytes. */
size_t utf8_decode(const char *text, size_t len, uint32_t *ret);
size_t utf8_write(uint32_t c, char *ret);
bool utf8_is_valid(const char *text, size_t len);
size_t utf8_count(const char *text, size_t len); /* characters of valid text */

/* ---- Sizes ---- */

typedef struct sizes {
    uint64_t array, map, string;
} sizes;

/* ---- Arrays ---- */

typedef struct arr {
    obj head;
    uint32_t len, cap;
    rhai_value *items;
    union {
        sizes sizes;
        obj *next_dying; /* heap.dying */
    };
} arr;

static inline arr *as_arr(const rhai_value *v) {
    return (arr *)v->obj;
}
arr *arr_new(heap *h, size_t cap);
arr *arr_own(heap *h, rhai_value *v);
/* All of these want an owned array and take *item over; false: out of memory, item unchanged. */
bool arr_push(heap *h, arr *a, rhai_value *item);
bool arr_insert(heap *h, arr *a, size_t index, rhai_value *item); /* index <= len */
rhai_value arr_remove(heap *h, arr *a, size_t index);             /* index < len; owned */
void arr_set(heap *h, arr *a, size_t index, rhai_value item);     /* drops the old element */
bool arr_reserve(heap *h, arr *a, size_t cap);
void arr_truncate(heap *h, arr *a, size_t len);
/* After items[] was rearranged, filled or emptied by hand. */
void arr_recount(heap *h, arr *a);

/* ---- Blobs ---- */

typedef struct blob {
    obj head;
    uint32_t len, cap;
    uint8_t *data;
} blob;

static inline blob *as_blob(const rhai_value *v) {
    return (blob *)v->obj;
}
blob *blob_new(heap *h, size_t len); /* zeroed */
blob *blob_own(heap *h, rhai_value *v);
bool blob_resize(heap *h, blob *b, size_t len); /* new bytes are zero */

/* ---- Maps ---- */

/* Keys iterate in byte order. Up to MAP_SMALL entries are kept sorted in `entries`; beyond,
 * `entries` is in no order, `index` is an open-addressed hash table, and `order` (entry numbers
 * in key order) is made on demand and dropped when the keys change, except that a key behind
 * the last one is appended to it. */
enum { MAP_SMALL = IS_STRESSED ? 2 : 8 };

typedef struct map_slot {
    uint32_t entry; /* number + 1; 0: free */
    uint32_t hash;  /* of its key, so that probing and moving slots need not touch keys */
} map_slot;

typedef struct map_entry {
    rhai_str *key;
    rhai_value value;
} map_entry;

typedef struct map {
    obj head;
    uint32_t len, cap;
    map_entry *entries;
    map_slot *index;    /* NULL while small */
    uint32_t index_cap; /* a power of two */
    uint32_t order_cap;
    uint32_t *order; /* NULL: not made; else len numbers */
    union {
        sizes sizes;
        obj *next_dying;
    };
} map;

static inline map *as_map(const rhai_value *v) {
    return (map *)v->obj;
}
map *map_new(heap *h, size_t cap);
map *map_own(heap *h, rhai_value *v);
/* Pointers into a map live until its keys change. NULL: no such key. */
rhai_value *map_find(map *m, rhai_str *key);
rhai_value *map_find_text(const heap *h, map *m, const char *key, size_t len);
/* Finds or adds with (); NULL: out of memory. The key gains a reference when added. The caller
 * who writes through the pointer keeps the sizes (sizes_add), or uses map_set. */
rhai_value *map_add(heap *h, map *m, rhai_str *key);
bool map_set(heap *h, map *m, rhai_str *key, rhai_value *item); /* takes item; false: no memory */
/* False: no such key. ret NULL: the value is dropped. */
bool map_remove(heap *h, map *m, rhai_str *key, rhai_value *ret);
void map_clear(heap *h, map *m);
/* Gives back the room for more entries. */
void map_trim(heap *h, map *m);
/* Entry number i in key order; NULL past the end or when out of memory. */
map_entry *map_nth(heap *h, map *m, size_t i);

sizes sizes_of_other(const rhai_value *v); /* neither a string nor a map nor an array */
/* What a value counts for by itself: an array its contents, a string its bytes ... */
static inline sizes sizes_of_value(const rhai_value *v) {
    if (v->type == RHAI_STRING) return (sizes){.string = as_str(v)->len};
    if (v->type == RHAI_MAP) return as_map(v)->sizes;
    if (v->type == RHAI_ARRAY) return as_arr(v)->sizes;
    return sizes_of_other(v);
}
/* What it adds to the array or map it is stored in, besides the 1 for its place: the same, but
 * a blob counts one more. Whoever replaces an element takes `before` and `after` from here. */
static inline sizes sizes_of_element(const rhai_value *v) {
    sizes s = sizes_of_value(v);
    if (v->type == RHAI_BLOB) s.array++;
    return s;
}
/* Adds (after - before) to the sizes of an array or map. */
void sizes_add(rhai_value *container, const sizes *before, const sizes *after);

/* ---- Functions ---- */

typedef struct fnptr {
    obj head;
    union {
        rhai_str *name;
        obj *next_dying;
    };
    opaque *code;     /* the script function it is bound to, or NULL: found by name at each call */
    opaque *env;      /* the compiled unit whose functions and imports it sees, or NULL */
    uint32_t nparams; /* of `code`, captured ones included */
    uint32_t ncurry;
    rhai_value *curry; /* may hold RHAI_SHARED values: what a closure captured */
} fnptr;

static inline fnptr *as_fn(const rhai_value *v) {
    return (fnptr *)v->obj;
}
/* Takes references of its own to name, code and env; copies `ncurry` values. */
fnptr *fnptr_new(heap *h, rhai_str *name, opaque *code, opaque *env, uint32_t nparams,
                 const rhai_value *curry, size_t ncurry);

/* ---- Ranges, custom objects, cells ---- */

typedef struct range {
    obj head;
    int64_t from, to;
} range;

static inline range *as_range(const rhai_value *v) {
    return (range *)v->obj;
}
bool value_new_range(heap *h, int64_t from, int64_t to, bool inclusive, rhai_value *ret);

typedef struct custom {
    obj head;
    const rhai_custom_type *type;
    void *object;
    obj *next_dying;
} custom;

static inline custom *as_custom(const rhai_value *v) {
    return (custom *)v->obj;
}
/* Owns `object` from now on, also on failure (NULL). */
custom *custom_new(heap *h, const rhai_custom_type *type, void *object);
/* *v's object, to be changed: a clone if others hold it and its type is a value; a handle stays
 * the one it is. NULL: out of memory. */
custom *custom_own(heap *h, rhai_value *v);

/* A variable that closures share. `borrows` > 0 while a call holds it as `this` or by
 * reference: reading it meanwhile is Rhai's data race. The value is never RHAI_SHARED. */
struct cell {
    obj head;
    int32_t borrows;
    rhai_value value;
    union {
        cell *prev; /* heap.cells */
        obj *next_dying;
    };
    cell *next;
};

static inline cell *as_cell(const rhai_value *v) {
    return (cell *)v->obj;
}
cell *cell_new(heap *h, rhai_value v); /* takes v over; NULL: no memory, v still the caller's */

/* ---- Whole values ---- */

/* Rhai's type_of: "()", "bool", "i64", "f64", "char", "string", "array", "blob", "map", "Fn",
 * "timestamp", "range", "range=", a custom type's name; a cell answers for its value. */
const char *value_type_name(const rhai_value *v);
/* Deep equality as Rhai's == on containers' elements. Ints and floats compare as numbers, floats
 * with Rhai's tolerance, NaN differs from itself; other values of different types are unequal.
 * Without C recursion. Pairs for which the language has no == (functions, custom objects) are
 * unequal, as is everything when memory runs out. */
bool value_equal(heap *h, const rhai_value *a, const rhai_value *b);
/* The same, asking `judge` about pairs of one type that have no built-in ==. judge gives 1
 * equal, 0 unequal, -1 stop. Returns 1, 0, -1 when judge said so, -2 when out of memory. */
typedef int (*value_judge)(void *data, const rhai_value *a, const rhai_value *b);
int value_equal_with(heap *h, const rhai_value *a, const rhai_value *b, value_judge judge,
                     void *data);
bool float_equal(double a, double b); /* Rhai's ==: relative difference of at most 2^-52 */
uint64_t value_hash(const heap *h,
                    const rhai_value *v); /* of ints, bools, chars, floats, strings, () */

#endif
