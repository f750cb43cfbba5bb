#include "server/log_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/paths.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define OPEN_MAX_FILES 64
#define FREE_CHECK_BYTES (1024 * 1024) /* written between two looks at the free space */

struct log_file {
    uint64_t first_id;
    int64_t bytes;
};

struct source {
    TAILQ_ENTRY(source) link;
    char *name;
    int fd;        /* of the last file; -1: not open */
    uint64_t used; /* when, for closing the one that was not used for longest */
    int64_t bytes;
    struct log_file *files; /* oldest first */
    size_t count, cap;
};

struct log_files {
    char *dir;
    struct log_files_limits limits;
    TAILQ_HEAD(, source) sources;
    int64_t bytes, unchecked_bytes;
    bool is_full;
    unsigned open_count;
    uint64_t clock;
};

static void file_path(const struct log_files *files, const struct source *source, uint64_t first_id,
                      char out[PATH_MAX]) {
    snprintf(out, PATH_MAX, "%s/%s/%020llu.log", files->dir, source->name,
             (unsigned long long)first_id);
}

/* ---- Sources and their files -------------------------------------------------------------- */

static struct source *find(struct log_files *files, const char *name) {
    struct source *source;
    TAILQ_FOREACH(source, &files->sources, link)
    if (strcmp(source->name, name) == 0) return source;
    return NULL;
}

static struct source *add_source(struct log_files *files, const char *name) {
    struct source *source = calloc(1, sizeof *source);
    if (source) source->name = strdup(name);
    if (!source || !source->name) {
        free(source);
        return NULL;
    }
    source->fd = -1;
    TAILQ_INSERT_TAIL(&files->sources, source, link);
    return source;
}

static int add_file(struct log_files *files, struct source *source, uint64_t first_id,
                    int64_t bytes) {
    if (source->count == source->cap) {
        size_t cap = source->cap ? source->cap * 2 : 8;
        struct log_file *grown = realloc(source->files, cap * sizeof *grown);
        if (!grown) return -1;
        source->files = grown;
        source->cap = cap;
    }
    source->files[source->count++] = (struct log_file){first_id, bytes};
    source->bytes += bytes;
    files->bytes += bytes;
    return 0;
}

static void remove_oldest(struct log_files *files, struct source *source) {
    char path[PATH_MAX];
    file_path(files, source, source->files[0].first_id, path);
    unlink(path);
    source->bytes -= source->files[0].bytes;
    files->bytes -= source->files[0].bytes;
    memmove(source->files, source->files + 1, --source->count * sizeof *source->files);
}

static void close_file(struct log_files *files, struct source *source) {
    if (source->fd < 0) return;
    rpc_fd_close(&source->fd);
    files->open_count--;
}

/* The last file of a source stays, it is being written. */
static void keep_limits(struct log_files *files, struct source *writer) {
    while (writer->bytes > files->limits.source_bytes && writer->count > 1)
        remove_oldest(files, writer);
    while (files->bytes > files->limits.total_bytes) {
        struct source *source, *oldest = NULL;
        TAILQ_FOREACH(source, &files->sources, link) {
            if (source->count < 2) continue;
            if (!oldest || source->files[0].first_id < oldest->files[0].first_id) oldest = source;
        }
        if (!oldest) break;
        remove_oldest(files, oldest);
    }
}

static int compare_files(const void *a, const void *b) {
    const struct log_file *left = a, *right = b;
    return (left->first_id > right->first_id) - (left->first_id < right->first_id);
}

static void read_source(struct log_files *files, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", files->dir, name);
    DIR *dir = opendir(path);
    struct source *source = dir ? add_source(files, name) : NULL;
    for (struct dirent *entry; source && (entry = readdir(dir));) {
        unsigned long long first_id;
        struct stat info;
        char end[5];
        if (sscanf(entry->d_name, "%llu%4s", &first_id, end) != 2 || strcmp(end, ".log") != 0)
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, 0) == 0)
            add_file(files, source, first_id, info.st_size);
    }
    if (source && source->count > 1)
        qsort(source->files, source->count, sizeof *source->files, compare_files);
    if (dir) closedir(dir);
}

struct log_files *log_files_open(const char *dir, const struct log_files_limits *limits,
                                 struct rpc_error *err) {
    struct log_files *files = calloc(1, sizeof *files);
    if (files) files->dir = strdup(dir);
    if (!files || !files->dir) {
        free(files);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    files->limits = *limits;
    TAILQ_INIT(&files->sources);
    DIR *opened = rpc_path_make_dirs(dir, 0700, err) == 0 ? opendir(dir) : NULL;
    if (!opened) {
        log_files_close(files);
        return NULL;
    }
    for (struct dirent *entry; (entry = readdir(opened));)
        if (entry->d_name[0] != '.') read_source(files, entry->d_name);
    closedir(opened);
    files->unchecked_bytes = FREE_CHECK_BYTES;
    return files;
}

void log_files_close(struct log_files *files) {
    if (!files) return;
    struct source *source;
    while ((source = TAILQ_FIRST(&files->sources))) {
        TAILQ_REMOVE(&files->sources, source, link);
        rpc_fd_close(&source->fd);
        free(source->name);
        free(source->files);
        free(source);
    }
    free(files->dir);
    free(files);
}

int64_t log_files_bytes(const struct log_files *files) {
    return files->bytes;
}

/* ---- Writing ------------------------------------------------------------------------------ */

static bool has_space(struct log_files *files, size_t len) {
    struct statvfs info;
    files->unchecked_bytes += (int64_t)len;
    if (files->unchecked_bytes < FREE_CHECK_BYTES && !files->is_full) return true;
    files->unchecked_bytes = 0;
    if (statvfs(files->dir, &info) == 0)
        files->is_full = (int64_t)info.f_bavail * (int64_t)info.f_frsize < files->limits.free_bytes;
    return !files->is_full;
}

static void close_one(struct log_files *files) {
    struct source *source, *oldest = NULL;
    TAILQ_FOREACH(source, &files->sources, link)
    if (source->fd >= 0 && (!oldest || source->used < oldest->used)) oldest = source;
    if (oldest) close_file(files, oldest);
}

static int open_file(struct log_files *files, struct source *source, uint64_t first_id) {
    char path[PATH_MAX];
    bool is_new =
        source->count == 0 || source->files[source->count - 1].bytes >= files->limits.file_bytes;
    if (is_new) close_file(files, source);
    if (source->fd >= 0) return 0;
    if (files->open_count >= OPEN_MAX_FILES) close_one(files);
    file_path(files, source, is_new ? first_id : source->files[source->count - 1].first_id, path);
    if (rpc_path_make_parent(path, 0700, NULL) < 0) return -1;
    source->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (source->fd < 0) return -1;
    files->open_count++;
    return is_new ? add_file(files, source, first_id, 0) : 0;
}

int log_files_write(struct log_files *files, const char *name, uint64_t first_id, const char *bytes,
                    size_t len) {
    struct source *source = find(files, name);
    if (!has_space(files, len)) {
        errno = ENOSPC;
        return -1;
    }
    if (!source) source = add_source(files, name);
    if (!source || open_file(files, source, first_id) < 0) return -1;
    source->used = ++files->clock;
    if (rpc_fd_write_all(source->fd, bytes, len) < 0) return -1;
    source->files[source->count - 1].bytes += (int64_t)len;
    source->bytes += (int64_t)len;
    files->bytes += (int64_t)len;
    keep_limits(files, source);
    return 0;
}

/* ---- Reading ------------------------------------------------------------------------------ */

struct found {
    struct log_line line; /* its texts follow the struct, but for the source */
};

struct results {
    const struct log_query *query;
    struct found **found;
    size_t count, cap;
};

static int compare_found(const void *a, const void *b) {
    const struct found *left = *(struct found *const *)a, *right = *(struct found *const *)b;
    return (left->line.id > right->line.id) - (left->line.id < right->line.id);
}

/* Sorts, and throws away what cannot be among the lines wanted. */
static void cut(struct results *results) {
    size_t limit = results->query->limit;
    if (results->count > 1)
        qsort(results->found, results->count, sizeof *results->found, compare_found);
    if (results->count <= limit) return;
    size_t more = results->count - limit;
    size_t first = results->query->after_id ? limit : 0;
    for (size_t i = first; i < first + more; i++)
        free(results->found[i]);
    if (first == 0) memmove(results->found, results->found + more, limit * sizeof *results->found);
    results->count = limit;
}

static void keep(struct results *results, const struct log_line *line, const char *source) {
    if (results->count == results->cap) {
        size_t cap = results->cap ? results->cap * 2 : 256;
        if (results->count > 4 * results->query->limit) {
            cut(results);
        } else {
            struct found **grown = realloc(results->found, cap * sizeof *grown);
            if (!grown) return;
            results->found = grown;
            results->cap = cap;
        }
    }
    struct found *found = malloc(sizeof *found + line->tags_len + line->len);
    if (!found) return;
    char *texts = (char *)(found + 1);
    found->line = *line;
    found->line.source = source;
    found->line.tags = memcpy(texts, line->tags, line->tags_len);
    found->line.text = memcpy(texts + line->tags_len, line->text, line->len);
    results->found[results->count++] = found;
}

/* The number of lines that matched. */
static size_t read_file(struct log_files *files, const struct source *source, size_t index,
                        struct results *results) {
    char path[PATH_MAX];
    struct rpc_strbuf content = RPC_STRBUF_INIT;
    size_t matched = 0;
    file_path(files, source, source->files[index].first_id, path);
    rpc_file_read(path, (size_t)source->files[index].bytes + LOG_LINE_MAX_BYTES, &content, NULL);
    const char *at = rpc_strbuf_text(&content), *end = at + content.len, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
        struct log_line line;
        if (log_line_decode(at, (size_t)(newline - at), &line) &&
            log_line_matches(&line, results->query)) {
            keep(results, &line, source->name);
            matched++;
        }
        at = newline + 1;
    }
    rpc_strbuf_done(&content);
    return matched;
}

/* Whether a file may hold lines that are wanted; ids tell the time too. */
static bool may_hold(const struct source *source, size_t index, const struct log_query *query) {
    bool is_last = index + 1 == source->count;
    uint64_t next_id = is_last ? UINT64_MAX : source->files[index + 1].first_id;
    if (next_id <= query->after_id) return false;
    return !query->since_ms || is_last || next_id / 1000 >= (uint64_t)query->since_ms;
}

static void read_lines(struct log_files *files, const struct source *source,
                       struct results *results) {
    const struct log_query *query = results->query;
    size_t matched = 0;
    for (size_t i = 0; i < source->count && matched < query->limit; i++) {
        size_t index = query->after_id ? i : source->count - 1 - i;
        if (may_hold(source, index, query)) matched += read_file(files, source, index, results);
    }
}

void log_files_query(struct log_files *files, const struct log_query *query,
                     struct rpc_strbuf *out) {
    struct results results = {.query = query};
    const struct source *source;
    TAILQ_FOREACH(source, &files->sources, link)
    if (log_source_matches(source->name, query->source)) read_lines(files, source, &results);
    cut(&results);
    uint64_t cursor = query->after_id;
    rpc_strbuf_add_text(out, "{\"lines\":[");
    for (size_t i = 0; i < results.count; i++) {
        if (i > 0) rpc_strbuf_add_char(out, ',');
        log_line_add_json(&results.found[i]->line, out);
        cursor = results.found[i]->line.id;
        free(results.found[i]);
    }
    rpc_strbuf_addf(out, "],\"cursor\":%llu}", (unsigned long long)cursor);
    free(results.found);
}
