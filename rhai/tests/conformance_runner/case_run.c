#include "case_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A script that has gone wild is ended before it fills the machine. */
enum { OUTPUT_MAX_BYTES = 8 << 20 };
#define MEMORY_MAX_BYTES ((size_t)1 << 30)

typedef struct run {
    const test_case *test;
    rhai_engine *engine;
    FILE *out, *err; /* memory streams */
    size_t output_bytes;
    size_t memory_bytes;
    char *first_path[CASE_MODULES_MAX]; /* by which a module was imported; NULL: not yet */
} run;

/* ---- What the engine calls ---------------------------------------------------------------- */

/* Counts, so that at the end every byte is known to have been given back. */
static void *count_memory(void *data, void *block, size_t old_size, size_t new_size) {
    run *r = data;
    if (!new_size) {
        free(block);
        r->memory_bytes -= old_size;
        return NULL;
    }
    if (r->memory_bytes - old_size + new_size > MEMORY_MAX_BYTES) return NULL;
    void *moved = realloc(block, new_size);
    if (moved) r->memory_bytes += new_size - old_size;
    return moved;
}

static void put_line(run *r, FILE *out, const char *text, size_t len) {
    r->output_bytes += len + 1;
    if (r->output_bytes > OUTPUT_MAX_BYTES) {
        rhai_engine_terminate(r->engine);
        return;
    }
    fwrite(text, 1, len, out);
    fputc('\n', out);
}

static void on_print(void *data, const char *text, size_t len) {
    run *r = data;
    put_line(r, r->out, text, len);
}

static void on_debug(void *data, const char *text, size_t len, const char *source, rhai_pos pos) {
    (void)source, (void)pos;
    run *r = data;
    put_line(r, r->err, text, len);
}

/* ---- Modules ------------------------------------------------------------------------------ */

static span without_ending(span path) {
    if (path.len >= 5 && !memcmp(path.text + path.len - 5, ".rhai", 5)) path.len -= 5;
    return path;
}

static const case_module *find_module(const test_case *c, const char *folder, size_t folder_len,
                                      const char *path) {
    span want = without_ending((span){path, strlen(path)});
    for (size_t i = 0; i < c->module_count; i++) {
        span have = without_ending(c->modules[i].path);
        if (have.len == folder_len + want.len && !memcmp(have.text, folder, folder_len) &&
            !memcmp(have.text + folder_len, want.text, want.len))
            return &c->modules[i];
    }
    return NULL;
}

/* Relative to the importing module first, then as given. Where a module is, is what the import
 * that loaded it said, as with Rhai's own resolver of files. */
static rhai_status resolve(void *data, rhai_call *call, const char *path, const char *importer,
                           rhai_value *ret_text, rhai_value *ret_name) {
    run *r = data;
    const case_module *m = NULL, *from = importer ? find_module(r->test, "", 0, importer) : NULL;
    const char *folder = from ? r->first_path[from - r->test->modules] : NULL;
    const char *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash) m = find_module(r->test, folder, (size_t)(slash - folder) + 1, path);
    if (!m) m = find_module(r->test, "", 0, path);
    if (!m) return RHAI_ERROR;

    char **first = &r->first_path[m - r->test->modules];
    if (!*first && !(*first = strdup(path))) return rhai_throw_out_of_memory(call);
    rhai_value text, name;
    span id = without_ending(m->path);
    if (rhai_from_text(r->engine, m->text.text, m->text.len, &text) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    if (rhai_from_text(r->engine, id.text, id.len, &name) != RHAI_OK) {
        rhai_value_done(r->engine, &text);
        return rhai_throw_out_of_memory(call);
    }
    *ret_text = text;
    *ret_name = name;
    return RHAI_OK;
}

/* ---- The run ------------------------------------------------------------------------------ */

static void set_up(run *r) {
    const test_case *c = r->test;
    for (int i = 0; i < RHAI_LIMIT_COUNT; i++)
        if (c->has_limit[i]) rhai_engine_set_limit(r->engine, (rhai_limit)i, c->limit[i]);
    rhai_engine_set_strict_variables(r->engine, c->strict_variables);
    rhai_engine_set_optimize(r->engine, c->optimize);
    rhai_engine_set_resolver(r->engine, resolve, r);
    rhai_engine_on_print(r->engine, on_print, r);
    rhai_engine_on_debug(r->engine, on_debug, r);
}

static void put_value(run *r, FILE *to, const rhai_value *value) {
    rhai_value debug;
    fprintf(to, "--- value %s\n", rhai_type_name(r->engine, value));
    if (rhai_to_debug(r->engine, value, &debug) != RHAI_OK) {
        fprintf(to, "(no memory for the debug form)\n");
        return;
    }
    size_t len;
    const char *text = rhai_as_text(&debug, &len);
    fwrite(text, 1, len, to);
    fputc('\n', to);
    rhai_value_done(r->engine, &debug);
}

/* Runs the script and writes the last section. */
static void evaluate(run *r, FILE *to) {
    const test_case *c = r->test;
    rhai_value value;
    rhai_error *error = NULL;
    rhai_scope *scope = rhai_scope_new(r->engine);
    if (!scope) {
        fprintf(to, "(no memory for a scope)\n");
        return;
    }
    if (rhai_eval(r->engine, c->script.text, c->script.len, scope, &value, &error) == RHAI_ERROR) {
        fprintf(to, "--- error\n%s\n", rhai_error_text(error));
        rhai_error_free(error);
    } else {
        put_value(r, to, &value);
        rhai_value_done(r->engine, &value);
    }
    rhai_scope_free(r->engine, scope);
}

static void put_section(FILE *to, const char *title, const char *text, size_t len) {
    if (!len) return;
    fprintf(to, "--- %s\n", title);
    fwrite(text, 1, len, to);
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* anon$0123456789abcdef becomes anon$... in place. */
static size_t normalise(char *text, size_t len) {
    enum { DIGITS = 16 };
    size_t to = 0;
    for (size_t from = 0; from < len;) {
        size_t end = from + 5;
        if (len - from < 5 || memcmp(text + from, "anon$", 5) != 0) {
            text[to++] = text[from++];
            continue;
        }
        while (end < len && end < from + 5 + DIGITS && is_hex(text[end]))
            end++;
        bool is_generated = end == from + 5 + DIGITS;
        memmove(text + to, text + from, 5);
        to += 5;
        from += 5;
        if (is_generated) {
            memcpy(text + to, "...", 3);
            to += 3;
            from = end;
        }
    }
    text[to] = '\0';
    return to;
}

bool case_run(const test_case *c, case_result *ret) {
    char *out = NULL, *err = NULL, *last = NULL, *all = NULL;
    size_t out_len = 0, err_len = 0, last_len = 0, all_len = 0;
    run r = {
        .test = c, .out = open_memstream(&out, &out_len), .err = open_memstream(&err, &err_len)};
    FILE *end = open_memstream(&last, &last_len), *to = open_memstream(&all, &all_len);
    if (!r.out || !r.err || !end || !to) return false; /* the process ends with this case */

    r.engine = rhai_engine_new(&(rhai_config){.allocator = count_memory, .allocator_data = &r});
    if (r.engine) {
        set_up(&r);
        evaluate(&r, end);
    } else {
        fprintf(end, "(no engine)\n");
    }
    rhai_engine_free(r.engine);
    fclose(r.out);
    fclose(r.err);
    fclose(end);

    put_section(to, "out", out, out_len);
    put_section(to, "err", err, err_len);
    fwrite(last, 1, last_len, to);
    if (r.memory_bytes) fprintf(to, "(%zu bytes of memory were not given back)\n", r.memory_bytes);
    if (r.output_bytes > OUTPUT_MAX_BYTES) fprintf(to, "(too much output)\n");
    fclose(to);
    for (size_t i = 0; i < CASE_MODULES_MAX; i++)
        free(r.first_path[i]);
    free(out);
    free(err);
    free(last);
    if (!all) return false;
    *ret =
        (case_result){.text = all, .len = normalise(all, all_len), .leaked = r.memory_bytes != 0};
    return true;
}
