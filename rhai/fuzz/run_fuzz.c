/* Any bytes as a script: compiled and run under limits. The first byte chooses them; an import
 * gives the script itself or a small module. */
#include <rhai/rhai.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct run {
    rhai_engine *engine;
    const char *script;
    size_t len;
    unsigned polls;
    size_t memory;
} run;

static void *count_memory(void *data, void *block, size_t old_size, size_t new_size) {
    run *r = data;
    r->memory += new_size - old_size;
    if (new_size) return realloc(block, new_size);
    free(block);
    return NULL;
}

/* Every loop and call is looked at: this ends scripts also where operations are not counted. */
static bool poll(void *data) {
    run *r = data;
    rhai_engine_interrupt(r->engine);
    return ++r->polls < 20000;
}

static void ignore_print(void *data, const char *text, size_t len) {
    (void)data, (void)text, (void)len;
}

static void ignore_debug(void *data, const char *text, size_t len, const char *source,
                         rhai_pos pos) {
    (void)data, (void)text, (void)len, (void)source, (void)pos;
}

static rhai_status resolve(void *data, rhai_call *call, const char *path, const char *importer,
                           rhai_value *ret_text, rhai_value *ret_name) {
    static const char module[] = "export const X = [1, #{a: 2}]; export let y = 'c'; let k = 3;\n"
                                 "fn f(x) { x + 1 } fn g() { |x| x + f(1) } fn h(x) { x.call() }\n"
                                 "fn int.twice() { this *= 2; this } fn t() { throw [1] }\n";
    run *r = data;
    (void)importer;
    bool is_self = !strcmp(path, "self");
    if (!is_self && strcmp(path, "m") != 0) return RHAI_ERROR;
    if (rhai_from_text(r->engine, path, strlen(path), ret_name) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    if (rhai_from_text(r->engine, is_self ? r->script : module,
                       is_self ? r->len : sizeof module - 1, ret_text) != RHAI_OK) {
        rhai_value_done(r->engine, ret_name);
        return rhai_throw_out_of_memory(call);
    }
    return RHAI_OK;
}

static void set_up(run *r, uint8_t choice) {
    rhai_engine *e = r->engine;
    rhai_engine_set_limit(e, RHAI_MAX_MEMORY, 4 << 20);
    if (choice & 1) rhai_engine_set_limit(e, RHAI_MAX_OPERATIONS, 20000);
    if (choice & 2) {
        rhai_engine_set_limit(e, RHAI_MAX_STRING_SIZE, 100);
        rhai_engine_set_limit(e, RHAI_MAX_ARRAY_SIZE, 20);
        rhai_engine_set_limit(e, RHAI_MAX_MAP_SIZE, 10);
    }
    if (choice & 4) rhai_engine_set_limit(e, RHAI_MAX_VARIABLES, 10);
    rhai_engine_set_limit(e, RHAI_MAX_CALL_LEVELS, choice & 8 ? 10000 : 64);
    rhai_engine_set_optimize(e, choice & 16   ? RHAI_OPTIMIZE_NONE
                                : choice & 32 ? RHAI_OPTIMIZE_FULL
                                              : RHAI_OPTIMIZE_SIMPLE);
    rhai_engine_set_strict_variables(e, choice & 64);
    rhai_engine_on_print(e, ignore_print, NULL);
    rhai_engine_on_debug(e, ignore_debug, NULL);
    rhai_engine_on_poll(e, poll, r);
    rhai_engine_set_resolver(e, resolve, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    run r = {.script = (const char *)data + 1, .len = size - 1};
    /* Sleeping takes long and finds nothing. */
    if (memmem(r.script, r.len, "sleep", 5)) return 0;
    r.engine = rhai_engine_new(&(rhai_config){.allocator = count_memory, .allocator_data = &r});
    if (!r.engine) abort();
    set_up(&r, data[0]);
    rhai_scope *scope = data[0] & 128 ? rhai_scope_new(r.engine) : NULL;
    rhai_error *error = NULL;
    rhai_value value;
    rhai_engine_interrupt(r.engine);
    if (rhai_eval(r.engine, r.script, r.len, scope, &value, &error) == RHAI_ERROR) {
        rhai_error_text(error);
        rhai_error_free(error);
    } else {
        rhai_value_done(r.engine, &value);
    }
    rhai_scope_free(r.engine, scope);
    rhai_engine_free(r.engine);
    if (r.memory) abort();
    return 0;
}
