#include "server/log_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/paths.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FILES_MAX 64
#define SUFFIX ".log"

struct source {
    LIST_ENTRY(source) link;
    TAILQ_ENTRY(source) order; /* of use, the latest first */
    char name[LOGS_SOURCE_MAX_BYTES + 1];
    FILE *file; /* NULL: not open */
    uint64_t bytes, total_bytes; /* of the newest file; of all */
};

struct log_files {
    char *dir;
    struct logs_limits limits;
    LIST_HEAD(, source) sources;
    TAILQ_HEAD(source_order, source) order;
    size_t open_count;
    uint64_t total_bytes, last_id;
};

static void path_of(const struct log_files *files, const char *source, uint64_t age,
                    char out[PATH_MAX]) {
    if (age == 0)
        snprintf(out, PATH_MAX, "%s/%s" SUFFIX, files->dir, source);
    else
        snprintf(out, PATH_MAX, "%s/%s" SUFFIX ".%" PRIu64, files->dir, source, age);
}

static uint64_t size_of(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* ---- Lines as text ------------------------------------------------------------------------ */

static int put_escaped(FILE *file, const char *text) {
    int written = 0;
    for (; *text; text++) {
        const char *escape = *text == '\\' ? "\\\\" : *text == '\n' ? "\\n" : *text == '\t' ? "\\t" : NULL;
        if (escape)
            fputs(escape, file);
        else
            fputc(*text, file);
        written += escape ? 2 : 1;
    }
    return written;
}

static void unescape(char *text) {
    char *out = text;
    for (; *text; text++) {
        if (*text != '\\' || !text[1]) {
            *out++ = *text;
            continue;
        }
        text++;
        *out++ = *text == 'n' ? '\n' : *text == 't' ? '\t' : *text;
    }
    *out = '\0';
}

bool log_files_parse(char *text, struct log_line *ret_line) {
    char *fields[5], *at = text;
    for (int i = 0; i < 5; i++) {
        fields[i] = at;
        at = i < 4 ? strchr(at, '\t') : at;
        if (!at) return false;
        if (i < 4) *at++ = '\0';
    }
    char *end;
    errno = 0;
    *ret_line = (struct log_line){.tags = fields[3], .text = fields[4]};
    ret_line->id = strtoull(fields[0], &end, 10);
    if (end == fields[0] || *end || errno) return false;
    ret_line->timestamp_ms = strtoll(fields[1], &end, 10);
    if (end == fields[1] || *end || errno) return false;
    ret_line->level = log_level_parse(fields[2]);
    unescape(fields[3]);
    unescape(fields[4]);
    return true;
}

/* ---- Sources ------------------------------------------------------------------------------ */

static struct source *find_source(const struct log_files *files, const char *name) {
    struct source *source;
    LIST_FOREACH(source, &files->sources, link)
        if (strcmp(source->name, name) == 0) return source;
    return NULL;
}

static struct source *add_source(struct log_files *files, const char *name) {
    struct source *source = calloc(1, sizeof *source);
    if (!source) return NULL;
    snprintf(source->name, sizeof source->name, "%s", name);
    LIST_INSERT_HEAD(&files->sources, source, link);
    TAILQ_INSERT_TAIL(&files->order, source, order);
    return source;
}

static void close_source(struct log_files *files, struct source *source) {
    if (!source->file) return;
    fclose(source->file);
    source->file = NULL;
    files->open_count--;
}

static void remove_source(struct log_files *files, struct source *source) {
    char path[PATH_MAX];
    close_source(files, source);
    for (uint64_t age = 0; age < files->limits.file_count; age++) {
        path_of(files, source->name, age, path);
        unlink(path);
    }
    files->total_bytes -= source->total_bytes;
    LIST_REMOVE(source, link);
    TAILQ_REMOVE(&files->order, source, order);
    free(source);
}

/* What a crash cut off at the end of the newest file is no line: the next one begins on its own. */
static void note_last_line(struct log_files *files, const char *path) {
    char *text = NULL, last[256] = "";
    size_t cap = 0;
    ssize_t len;
    FILE *file = fopen(path, "re");
    if (!file) return;
    /* The end is enough: the last numbers are the highest. */
    if (fseek(file, -(long)(4 * LOGS_LINE_MAX_BYTES), SEEK_END) == 0)
        (void)getline(&text, &cap, file);
    else
        rewind(file);
    while ((len = getline(&text, &cap, file)) > 0)
        if (text[len - 1] == '\n') snprintf(last, sizeof last, "%s", text);
    free(text);
    fclose(file);
    uint64_t id = strtoull(last, NULL, 10);
    if (id > files->last_id) files->last_id = id;
}

static void note_file(struct log_files *files, const char *name) {
    char source_name[LOGS_SOURCE_MAX_BYTES + 1], path[PATH_MAX];
    const char *suffix = NULL;
    for (const char *at = name; (at = strstr(at, SUFFIX)); at++)
        suffix = at;
    if (!suffix || (size_t)(suffix - name) >= sizeof source_name) return;
    bool is_newest = suffix[strlen(SUFFIX)] == '\0';
    snprintf(source_name, sizeof source_name, "%.*s", (int)(suffix - name), name);
    struct source *source = find_source(files, source_name);
    if (!source) source = add_source(files, source_name);
    if (!source) return;
    snprintf(path, sizeof path, "%s/%s", files->dir, name);
    uint64_t bytes = size_of(path);
    source->total_bytes += bytes;
    files->total_bytes += bytes;
    if (is_newest) source->bytes = bytes;
    if (is_newest) note_last_line(files, path);
}

struct log_files *log_files_open(const char *dir, const struct logs_limits *limits,
                                 struct rpc_error *err) {
    struct log_files *files = calloc(1, sizeof *files);
    if (files) files->dir = strdup(dir);
    if (!files || !files->dir) {
        free(files);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    files->limits = *limits;
    LIST_INIT(&files->sources);
    TAILQ_INIT(&files->order);
    DIR *opened = rpc_path_make_dirs(dir, 0700, err) == 0 ? opendir(dir) : NULL;
    if (!opened) {
        if (err && err->kind == RPC_ERROR_NONE) rpc_error_set_errno(err, "%s", dir);
        log_files_close(files);
        return NULL;
    }
    for (struct dirent *entry; (entry = readdir(opened));)
        if (entry->d_name[0] != '.') note_file(files, entry->d_name);
    closedir(opened);
    return files;
}

void log_files_close(struct log_files *files) {
    if (!files) return;
    for (struct source *source; (source = LIST_FIRST(&files->sources));) {
        close_source(files, source);
        LIST_REMOVE(source, link);
        free(source);
    }
    free(files->dir);
    free(files);
}

uint64_t log_files_last_id(const struct log_files *files) {
    return files->last_id;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static int open_source(struct log_files *files, struct source *source) {
    char path[PATH_MAX];
    if (files->open_count >= OPEN_FILES_MAX) {
        struct source *oldest;
        TAILQ_FOREACH_REVERSE(oldest, &files->order, source_order, order)
            if (oldest->file) break;
        if (oldest) close_source(files, oldest);
    }
    path_of(files, source->name, 0, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    source->file = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (!source->file) {
        int failed = -errno;
        if (fd >= 0) close(fd);
        return failed;
    }
    files->open_count++;
    return 0;
}

static void turn_over(struct log_files *files, struct source *source) {
    char from[PATH_MAX], to[PATH_MAX];
    close_source(files, source);
    path_of(files, source->name, files->limits.file_count - 1, to);
    uint64_t gone = size_of(to);
    for (uint64_t age = files->limits.file_count - 1; age > 0; age--) {
        path_of(files, source->name, age - 1, from);
        path_of(files, source->name, age, to);
        rename(from, to);
    }
    if (files->limits.file_count == 1) {
        path_of(files, source->name, 0, to);
        unlink(to);
        gone = source->bytes;
    }
    source->bytes = 0;
    source->total_bytes -= gone < source->total_bytes ? gone : source->total_bytes;
    files->total_bytes -= gone < files->total_bytes ? gone : files->total_bytes;
}

int log_files_append(struct log_files *files, const struct log_line *line) {
    struct source *source = find_source(files, line->source);
    if (!source) source = add_source(files, line->source);
    if (!source) return -ENOMEM;
    TAILQ_REMOVE(&files->order, source, order);
    TAILQ_INSERT_HEAD(&files->order, source, order);
    if (source->bytes >= files->limits.file_bytes) turn_over(files, source);
    int failed = source->file ? 0 : open_source(files, source);
    if (failed) return failed;
    int written = fprintf(source->file, "%" PRIu64 "\t%" PRId64 "\t%s\t", line->id,
                          line->timestamp_ms, log_level_name(line->level));
    written += put_escaped(source->file, line->tags);
    fputc('\t', source->file);
    written += put_escaped(source->file, line->text) + 2;
    fputc('\n', source->file);
    source->bytes += (uint64_t)written;
    source->total_bytes += (uint64_t)written;
    files->total_bytes += (uint64_t)written;
    files->last_id = line->id;
    return ferror(source->file) ? -EIO : 0;
}

int log_files_flush(struct log_files *files) {
    int failed = 0;
    struct source *source;
    LIST_FOREACH(source, &files->sources, link) {
        if (!source->file || fflush(source->file) == 0) continue;
        failed = -errno;
        /* What stdio still holds would be written again and again. */
        close_source(files, source);
        char path[PATH_MAX];
        path_of(files, source->name, 0, path);
        source->bytes = size_of(path);
    }
    while (files->total_bytes > files->limits.total_bytes) {
        struct source *quiet = TAILQ_LAST(&files->order, source_order);
        if (!quiet || quiet == TAILQ_FIRST(&files->order)) break;
        remove_source(files, quiet);
    }
    return failed;
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* The newest lines that fit, up to `limit`, or the first ones behind after_id: JSON texts by number. */
struct found {
    uint64_t id;
    char *json;
};

struct finding {
    const struct logs_filter *filter;
    uint64_t after_id;
    size_t limit;
    struct found *found; /* a circle of `limit` for one file, then all of them */
    size_t count, cap;
};

static int compare_found(const void *a, const void *b) {
    uint64_t left = ((const struct found *)a)->id, right = ((const struct found *)b)->id;
    return (left > right) - (left < right);
}

/* Keeps the `limit` that are wanted: the newest, or with after_id the oldest. */
static void cut(struct finding *finding) {
    if (finding->count <= finding->limit) return;
    qsort(finding->found, finding->count, sizeof *finding->found, compare_found);
    size_t extra = finding->count - finding->limit;
    bool keep_oldest = finding->after_id > 0;
    size_t first_gone = keep_oldest ? finding->limit : 0;
    for (size_t i = 0; i < extra; i++)
        free(finding->found[first_gone + i].json);
    if (!keep_oldest)
        memmove(finding->found, finding->found + extra, finding->limit * sizeof *finding->found);
    finding->count = finding->limit;
}

static void keep(struct finding *finding, const struct log_line *line) {
    struct rpc_strbuf json = RPC_STRBUF_INIT;
    if (finding->count == finding->cap) {
        size_t cap = finding->cap ? 2 * finding->cap : 256;
        struct found *grown = realloc(finding->found, cap * sizeof *grown);
        if (!grown) return;
        finding->found = grown;
        finding->cap = cap;
    }
    logs_write_line(line, &json);
    char *text = rpc_strbuf_take(&json, NULL);
    if (text) finding->found[finding->count++] = (struct found){line->id, text};
    if (finding->count >= 2 * finding->limit + 1024) cut(finding);
}

static void find_in_file(struct finding *finding, const char *path, const char *source) {
    FILE *file = fopen(path, "re");
    if (!file) return;
    char *text = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&text, &cap, file)) > 0) {
        struct log_line line;
        if (text[len - 1] != '\n') break;
        text[len - 1] = '\0';
        if (!log_files_parse(text, &line) || line.id <= finding->after_id) continue;
        line.source = source;
        if (logs_filter_fits(finding->filter, &line)) keep(finding, &line);
    }
    free(text);
    fclose(file);
}

/* Without a cursor the newest file first: the older ones are read only while lines are missing. */
static void find_in_source(const struct log_files *files, struct finding *finding,
                           const struct source *source) {
    size_t before = finding->count;
    for (uint64_t age = 0; age < files->limits.file_count; age++) {
        char path[PATH_MAX];
        path_of(files, source->name, age, path);
        find_in_file(finding, path, source->name);
        if (finding->after_id == 0 && finding->count - before >= finding->limit) break;
    }
    cut(finding);
}

void log_files_find(const struct log_files *files, const struct logs_filter *filter,
                    uint64_t after_id, size_t limit, struct rpc_strbuf *ret_lines,
                    uint64_t *ret_last_id) {
    struct finding finding = {.filter = filter, .after_id = after_id, .limit = limit};
    const struct source *source;
    LIST_FOREACH(source, &files->sources, link) {
        struct log_line any = {.source = source->name, .tags = "", .text = ""};
        struct logs_filter by_source = {.source = filter->source, .tags = "", .text = ""};
        if (logs_filter_fits(&by_source, &any)) find_in_source(files, &finding, source);
    }
    if (finding.count > 0)
        qsort(finding.found, finding.count, sizeof *finding.found, compare_found);
    *ret_last_id = finding.count > 0 ? finding.found[finding.count - 1].id : after_id;
    for (size_t i = 0; i < finding.count; i++) {
        if (i > 0) rpc_strbuf_add_char(ret_lines, ',');
        rpc_strbuf_add_text(ret_lines, finding.found[i].json);
        free(finding.found[i].json);
    }
    free(finding.found);
}
