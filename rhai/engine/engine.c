/* Engines: making, settings, memory. */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/lib.h"
#include "vm/vm.h"

static void *malloc_allocator(void *data, void *block, size_t old_size, size_t new_size) {
    (void)data;
    (void)old_size;
    if (new_size) return realloc(block, new_size);
    free(block);
    return NULL;
}

static void print_line(void *data, const char *text_data, size_t len) {
    (void)data;
    fwrite(text_data, 1, len, stdout);
    fputc('\n', stdout);
}

static void debug_line(void *data, const char *text_data, size_t len, const char *source,
                       rhai_pos pos) {
    (void)data;
    (void)source;
    (void)pos;
    fwrite(text_data, 1, len, stderr);
    fputc('\n', stderr);
}

static const package *const standard[] = {
    &core_package,  &arith_package,   &bytes_package,        &math_package,
    &logic_package, &strings_package, &strings_more_package, &bit_field_package,
    &time_package,  &ranges_package,  &lang_package,         &arrays_package,
    &blobs_package, &maps_package,    &json_package,         &fn_ptr_package,
};

static bool register_standard(rhai_engine *e) {
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        if (native_register(e, standard[i]->functions, standard[i]->count, NULL) != RHAI_OK)
            return false;
    return true;
}

static uint64_t max_size(const rhai_engine *e, rhai_limit limit) {
    return e->limits[limit] ? e->limits[limit] : UINT64_MAX;
}

/* What is looked at often, made of e->limits. */
static void apply_limits(rhai_engine *e) {
    e->heap.limit = (size_t)e->limits[RHAI_MAX_MEMORY];
    e->heap.track_sizes = e->limits[RHAI_MAX_STRING_SIZE] || e->limits[RHAI_MAX_ARRAY_SIZE] ||
                          e->limits[RHAI_MAX_MAP_SIZE];
    e->max_sizes = (sizes){.array = max_size(e, RHAI_MAX_ARRAY_SIZE),
                           .map = max_size(e, RHAI_MAX_MAP_SIZE),
                           .string = max_size(e, RHAI_MAX_STRING_SIZE)};
}

rhai_engine *rhai_engine_new(const rhai_config *config) {
    rhai_allocator allocator = config && config->allocator ? config->allocator : malloc_allocator;
    void *data = config ? config->allocator_data : NULL;
    rhai_engine *e = allocator(data, NULL, 0, sizeof *e);
    if (!e) return NULL;
    memset(e, 0, sizeof *e);
    heap_init(&e->heap, allocator, data);
    e->limits[RHAI_MAX_VARIABLES] = e->limits[RHAI_MAX_FUNCTIONS] = e->limits[RHAI_MAX_MODULES] =
        UINT64_MAX;
    e->limits[RHAI_MAX_CALL_LEVELS] = 64;
    e->limits[RHAI_MAX_EXPR_DEPTH] = 64;
    e->limits[RHAI_MAX_FUNCTION_EXPR_DEPTH] = 32;
    apply_limits(e);
    e->optimize = RHAI_OPTIMIZE_SIMPLE;
    e->print = print_line;
    e->debug = debug_line;
    atomic_init(&e->poll_flag, false);
    atomic_init(&e->terminated, false);
    if (!(e->vm = vm_new(e)) ||
        !((config && config->no_standard_library) || register_standard(e))) {
        rhai_engine_free(e);
        return NULL;
    }
    return e;
}

void rhai_engine_free(rhai_engine *e) {
    if (!e) return;
    rhai_allocator allocator = e->heap.allocator;
    void *data = e->heap.allocator_data;
    vm_free(e->vm);
    natives_done(e);
    heap_done(&e->heap);
    allocator(data, e, sizeof *e, 0);
}

/* ---- Settings ---- */

static const char *const limit_names[RHAI_LIMIT_COUNT] = {
    [RHAI_MAX_OPERATIONS] = "max_operations",
    [RHAI_MAX_CALL_LEVELS] = "max_call_levels",
    [RHAI_MAX_EXPR_DEPTH] = "max_expr_depth",
    [RHAI_MAX_FUNCTION_EXPR_DEPTH] = "max_function_expr_depth",
    [RHAI_MAX_STRING_SIZE] = "max_string_size",
    [RHAI_MAX_ARRAY_SIZE] = "max_array_size",
    [RHAI_MAX_MAP_SIZE] = "max_map_size",
    [RHAI_MAX_VARIABLES] = "max_variables",
    [RHAI_MAX_FUNCTIONS] = "max_functions",
    [RHAI_MAX_MODULES] = "max_modules",
    [RHAI_MAX_MEMORY] = "max_memory",
};

const char *rhai_limit_name(rhai_limit limit) {
    return limit_names[limit];
}

bool rhai_limit_by_name(const char *name, rhai_limit *ret) {
    for (int i = 0; i < RHAI_LIMIT_COUNT; i++) {
        if (strcmp(limit_names[i], name) == 0) {
            *ret = (rhai_limit)i;
            return true;
        }
    }
    return false;
}

void rhai_engine_set_limit(rhai_engine *e, rhai_limit limit, uint64_t value) {
    e->limits[limit] = value;
    apply_limits(e);
}

uint64_t rhai_engine_limit(const rhai_engine *e, rhai_limit limit) {
    return e->limits[limit];
}
void rhai_engine_set_optimize(rhai_engine *e, rhai_optimize level) {
    e->optimize = level;
}
void rhai_engine_set_strict_variables(rhai_engine *e, bool strict) {
    e->strict_variables = strict;
}

void rhai_engine_on_print(rhai_engine *e, rhai_print_fn fn, void *data) {
    e->print = fn;
    e->print_data = data;
}

void rhai_engine_on_debug(rhai_engine *e, rhai_debug_fn fn, void *data) {
    e->debug = fn;
    e->debug_data = data;
}

void rhai_engine_on_poll(rhai_engine *e, rhai_poll_fn fn, void *data) {
    e->poll = fn;
    e->poll_data = data;
}

void rhai_engine_set_resolver(rhai_engine *e, rhai_resolver_fn fn, void *data) {
    e->resolver = fn;
    e->resolver_data = data;
}

void rhai_engine_interrupt(rhai_engine *e) {
    atomic_store(&e->poll_flag, true);
}

void rhai_engine_terminate(rhai_engine *e) {
    atomic_store(&e->terminated, true);
    atomic_store(&e->poll_flag, true);
}

void rhai_engine_clear_termination(rhai_engine *e) {
    atomic_store(&e->terminated, false);
}
bool rhai_engine_is_terminated(const rhai_engine *e) {
    return atomic_load(&e->terminated);
}

size_t rhai_engine_memory(const rhai_engine *e) {
    return e->heap.used;
}
size_t rhai_engine_peak_memory(const rhai_engine *e) {
    return e->heap.peak;
}
uint64_t rhai_engine_operations(const rhai_engine *e) {
    return e->operations + e->forgotten_operations;
}

/* ---- Native functions and types ---- */

rhai_status rhai_register(rhai_engine *e, const rhai_native *table, size_t count, void *data) {
    return native_register(e, table, count, data);
}

rhai_status rhai_register_type(rhai_engine *e, const rhai_custom_type *type) {
    type_list *t = &e->types;
    if (t->len == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 16;
        const rhai_custom_type **p =
            heap_resize(&e->heap, t->items, t->cap * sizeof *p, cap * sizeof *p);
        if (!p) return RHAI_ERROR;
        t->items = p;
        t->cap = cap;
    }
    t->items[t->len++] = type;
    return RHAI_OK;
}

static int compare_natives(const void *a, const void *b) {
    const rhai_native *x = *(const rhai_native *const *)a, *y = *(const rhai_native *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->params, y->params);
}

/* What the compiler makes code of (code/compile_call.c); to who calls them they are functions. */
static const rhai_native special_calls[] = {
    {"Fn", "s", NULL, 0, "Fn(name: string) -> Fn", "A pointer to the functions of that name."},
    {"call", "F", NULL, 0, "call(function: Fn, ...) -> any",
     "Calls what the pointer names with these arguments, or as function.call(...). With call! it "
     "sees the variables of the caller."},
    {"curry", "F?", NULL, 0, "curry(function: Fn, value: any, ...) -> Fn",
     "The same pointer with its first arguments given."},
    {"eval", "s", NULL, 0, "eval(script: string) -> any",
     "Runs a script where it stands: it sees the variables here, and what it defines stays."},
    {"is_def_var", "s", NULL, 0, "is_def_var(name: string) -> bool",
     "Whether there is a variable of that name here."},
    {"is_shared", "?", NULL, 0, "is_shared(variable: any) -> bool",
     "Whether a closure has captured the variable."},
    {"type_of", "?", NULL, 0, "type_of(value: any) -> string",
     "The name of a value's type, such as i64, string, array or map."},
};
enum { SPECIAL_CALLS = sizeof special_calls / sizeof special_calls[0] };

void rhai_each_function(rhai_engine *e, rhai_function_visitor visit, void *data) {
    uint32_t len = e->natives.len + SPECIAL_CALLS;
    const rhai_native **sorted = heap_alloc(&e->heap, (len + 1) * sizeof *sorted);
    if (!sorted) return;
    for (uint32_t i = 0; i < len; i++)
        sorted[i] =
            i < SPECIAL_CALLS ? &special_calls[i] : e->natives.entries[i - SPECIAL_CALLS].native;
    qsort(sorted, len, sizeof *sorted, compare_natives);
    for (uint32_t i = 0; i < len; i++)
        visit(data, sorted[i]);
    heap_free(&e->heap, sorted, (len + 1) * sizeof *sorted);
}
