/* engine.h - what an engine is made of. Private to the library. */
#ifndef RHAI_ENGINE_ENGINE_H
#define RHAI_ENGINE_ENGINE_H

#include <stdatomic.h>

#include "native/call.h"

struct vm;

/* One registered overload. Types are packed four bits a parameter, the first one lowest: the
 * rhai_type + 1, or TYPE_ANY; a custom type's identity is compared separately. */
typedef struct native_entry {
    const rhai_native *native;
    void *data;
    uint64_t types;
    uint32_t hash;
    uint32_t next; /* entry with the same name + 1, registered before; 0: none */
    uint8_t nparams;
    bool has_any;
    const rhai_custom_type **customs; /* per parameter, NULL: no custom type among them */
} native_entry;

enum { TYPE_ANY = 0, MAX_NATIVE_PARAMS = 16 };

typedef struct native_table {
    native_entry *entries;
    uint32_t len, cap;
    uint32_t *index; /* open-addressed by name: newest entry + 1 */
    uint32_t index_mask, names;
    uint32_t epoch; /* changes with every registration, so that caches notice */
} native_table;

typedef struct type_list {
    const rhai_custom_type **items;
    uint32_t len, cap;
} type_list;

struct rhai_engine {
    heap heap; /* first: natives reach it through the engine */
    uint64_t limits[RHAI_LIMIT_COUNT];
    sizes max_sizes; /* the three limits on sizes; UINT64_MAX: none */
    rhai_optimize optimize;
    bool strict_variables;
    rhai_print_fn print;
    void *print_data;
    rhai_debug_fn debug;
    void *debug_data;
    rhai_poll_fn poll;
    void *poll_data;
    rhai_resolver_fn resolver;
    void *resolver_data;
    atomic_bool poll_flag; /* something wants attention: interrupt or termination */
    atomic_bool terminated;
    native_table natives;
    type_list types;
    struct vm *vm;
    uint64_t operations;           /* as max_operations has it */
    uint64_t forgotten_operations; /* done, too, but not to be held against it */
    uint32_t closures;             /* running number for closure names */
};

typedef struct scope_entry {
    rhai_str *name;
    rhai_value value; /* flags: VALUE_CONST */
} scope_entry;

struct rhai_scope {
    scope_entry *entries;
    uint32_t len, cap;
};

/* Takes v over, also on failure. */
bool scope_add(heap *h, rhai_scope *s, rhai_str *name, rhai_value v, bool constant);

/* The packed types of a call's arguments. */
static inline uint64_t pack_types(const rhai_value *args, uint32_t n) {
    uint64_t types = 0;
    for (uint32_t i = 0; i < n; i++)
        types |= (uint64_t)(args[i].type + 1) << (4 * i);
    return types;
}

/* The overload for these arguments, or NULL. Exact types win, then the fewest wildcards counted
 * from the left, then the one registered last. At most MAX_NATIVE_PARAMS arguments. */
const native_entry *native_find(const native_table *t, const char *name, size_t len,
                                const rhai_value *args, uint32_t n);
/* Whether any overload has this name (and number of parameters, unless n < 0). */
bool native_exists(const native_table *t, const char *name, size_t len, int n);

rhai_status native_register(rhai_engine *e, const rhai_native *table, size_t count, void *data);
void natives_done(rhai_engine *e);

#endif
