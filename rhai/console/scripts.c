#include <rhai_console/scripts.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Reading ------------------------------------------------------------------------------ */

/* The size of a regular file with room to see its end in one more read; a pipe has no size. */
static size_t first_capacity(int fd) {
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) return (size_t)st.st_size + 1;
    return 64 * 1024;
}

static int read_all(int fd, char **ret_block, size_t *ret_len) {
    size_t cap = first_capacity(fd), len = 0;
    char *block = malloc(cap);
    if (!block) return ENOMEM;
    for (;;) {
        if (len == cap) {
            char *larger = realloc(block, cap * 2);
            if (!larger) {
                free(block);
                return ENOMEM;
            }
            block = larger;
            cap *= 2;
        }
        ssize_t n = read(fd, block + len, cap - len);
        if (n == 0) break;
        if (n < 0) {
            if (errno == EINTR) continue;
            int error = errno;
            free(block);
            return error;
        }
        len += (size_t)n;
    }
    *ret_block = block;
    *ret_len = len;
    return 0;
}

int script_read(const char *path, script_text *ret_text) {
    bool is_stdin = !strcmp(path, "-");
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;

    char *block = NULL;
    size_t len = 0;
    int error = read_all(fd, &block, &len);
    if (!is_stdin) close(fd);
    if (error) return error;

    size_t skip = 0;
    if (len >= 2 && !memcmp(block, "#!", 2)) {
        const char *newline = memchr(block, '\n', len);
        skip = newline ? (size_t)(newline - block) : len;
    }
    *ret_text = (script_text){.text = block + skip, .len = len - skip, .block = block};
    return 0;
}

void script_text_done(script_text *t) {
    free(t->block);
    *t = (script_text){0};
}

/* ---- Modules ------------------------------------------------------------------------------ */

typedef struct loaded_module {
    struct loaded_module *next;
    char *file;
    char path[]; /* as imported */
} loaded_module;

/* The folder part of a path, its slash included; empty for a bare name. */
static size_t folder_len(const char *path) {
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && !strcmp(text + len - end_len, end);
}

/* The real path of the regular file `path` in the folder dir[0..dir_len), or NULL. */
static char *find_in(const char *dir, size_t dir_len, const char *path) {
    const char *slash = dir_len && dir[dir_len - 1] != '/' ? "/" : "";
    const char *ending = ends_with(path, ".rhai") ? "" : ".rhai";
    if (path[0] == '/') dir_len = 0, slash = "";

    char *candidate = NULL, *real = NULL;
    if (asprintf(&candidate, "%.*s%s%s%s", (int)dir_len, dir, slash, path, ending) < 0) return NULL;
    struct stat st;
    if (stat(candidate, &st) == 0 && S_ISREG(st.st_mode)) real = realpath(candidate, NULL);
    free(candidate);
    return real;
}

static char *find_module(const module_files *m, const char *path, const char *importer) {
    char *file = NULL;
    if (importer) file = find_in(importer, folder_len(importer), path);
    if (!file) file = find_in(m->script ? m->script : "", folder_len(m->script), path);
    for (size_t i = 0; !file && i < m->dir_count; i++)
        file = find_in(m->dirs[i], strlen(m->dirs[i]), path);
    return file;
}

/* Takes `file` over, also when it fails. */
static bool remember(module_files *m, const char *path, char *file) {
    size_t size = strlen(path) + 1;
    loaded_module *module = malloc(sizeof *module + size);
    if (!module) {
        free(file);
        return false;
    }
    memcpy(module->path, path, size);
    module->file = file;
    module->next = m->loaded;
    m->loaded = module;
    return true;
}

rhai_status module_files_resolve(void *data, rhai_call *call, const char *path,
                                 const char *importer, rhai_value *ret_text, rhai_value *ret_name) {
    module_files *m = data;
    rhai_engine *engine = rhai_call_engine(call);
    char *file = find_module(m, path, importer);
    if (!file) return RHAI_ERROR;
    if (!remember(m, path, file)) return rhai_throw_out_of_memory(call);

    script_text source;
    int error = script_read(file, &source);
    if (error) return rhai_throw(call, "cannot read module '%s': %s", file, strerror(error));
    rhai_value text;
    rhai_status status = rhai_from_text(engine, source.text, source.len, &text);
    script_text_done(&source);
    if (status != RHAI_OK) return rhai_throw(call, "module '%s' is not UTF-8 text", file);

    rhai_value name;
    if (rhai_from_text(engine, file, strlen(file), &name) != RHAI_OK) {
        rhai_value_done(engine, &text);
        return rhai_throw(call, "the path of module '%s' is not UTF-8 text", path);
    }
    *ret_text = text;
    *ret_name = name;
    return RHAI_OK;
}

const char *module_files_find(const module_files *m, const char *path) {
    for (const loaded_module *module = m->loaded; module; module = module->next)
        if (!strcmp(module->path, path)) return module->file;
    return NULL;
}

void module_files_done(module_files *m) {
    while (m->loaded) {
        loaded_module *module = m->loaded;
        m->loaded = module->next;
        free(module->file);
        free(module);
    }
}
