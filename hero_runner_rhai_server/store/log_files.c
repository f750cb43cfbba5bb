#include "store/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADERS_OF_ONE_LINE (FILE_HEADER_BYTES + BLOCK_HEADER_BYTES + STORE_LINE_HEADER_BYTES)

static const char *const part_suffixes[LOG_PARTS] = {
    [LOG_HEAD] = "log", [LOG_OLD] = "old", [LOG_TAIL] = "tail"};

/* ---- The table of logs ------------------------------------------------------------------- */

void log_files_init(struct log_files *files, const char *dir, int64_t session_bytes) {
    memset(files, 0, sizeof *files);
    files->dir = dir;
    /* Half for the head; the tail is between one and two of its files. At the least limit each
     * takes a line of 64 KiB with all headers. */
    files->tail_max = session_bytes / 4 + HEADERS_OF_ONE_LINE;
    files->head_max = session_bytes - 2 * files->tail_max;
    TAILQ_INIT(&files->open);
}

void log_files_done(struct log_files *files) {
    struct log *log;
    for (size_t i = 0; i < LOG_BUCKETS; i++)
        while ((log = LIST_FIRST(&files->buckets[i])))
            log_forget(files, log);
}

struct log *log_find(const struct log_files *files, int64_t row) {
    struct log *log;
    LIST_FOREACH(log, &files->buckets[(size_t)row % LOG_BUCKETS], bucket_link) {
        if (log->row == row) return log;
    }
    return NULL;
}

struct log *log_add(struct log_files *files, int64_t row, const char *id) {
    struct log *log = calloc(1, sizeof *log);
    if (!log) return NULL;
    log->row = row;
    memcpy(log->id, id, sizeof log->id);
    log->fd = -1;
    LIST_INSERT_HEAD(&files->buckets[(size_t)row % LOG_BUCKETS], log, bucket_link);
    return log;
}

static void close_file(struct log_files *files, struct log *log) {
    if (log->fd < 0) return;
    rpc_fd_close(&log->fd);
    TAILQ_REMOVE(&files->open, log, open_link);
    files->open_count--;
}

static void note_open(struct log_files *files, struct log *log, int fd) {
    if (files->open_count >= LOG_OPEN_MAX) close_file(files, TAILQ_FIRST(&files->open));
    log->fd = fd;
    TAILQ_INSERT_TAIL(&files->open, log, open_link);
    files->open_count++;
}

void log_forget(struct log_files *files, struct log *log) {
    close_file(files, log);
    LIST_REMOVE(log, bucket_link);
    free(log);
}

int64_t log_size(const struct log *log) {
    int64_t size = (int64_t)log->inline_bytes;
    for (size_t i = 0; i < LOG_PARTS; i++)
        size += log->sizes[i];
    return size;
}

/* ---- Files ------------------------------------------------------------------------------- */

void log_path(char out[LOG_PATH_BYTES], const char *dir, const char *id, enum log_part part) {
    snprintf(out, LOG_PATH_BYTES, "%s/%.2s/%s.%s", dir, id, id, part_suffixes[part]);
}

void log_remove_files(const char *dir, const char *id) {
    char path[LOG_PATH_BYTES];
    for (enum log_part part = LOG_HEAD; part < LOG_PARTS; part++) {
        log_path(path, dir, id, part);
        if (unlink(path) < 0 && errno == ENOENT && part == LOG_HEAD) return;
    }
}

/* At a place, so that what a failed write has left is written over by the next one. */
static int write_at(int fd, const char *bytes, size_t len, int64_t place) {
    while (len > 0) {
        ssize_t written = pwrite(fd, bytes, len, place);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -errno;
        if (written == 0) return -EIO;
        bytes += written;
        len -= (size_t)written;
        place += written;
    }
    return 0;
}

static int create_in_folder(const struct log_files *files, const char *id, const char *path) {
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        char folder[LOG_PATH_BYTES];
        snprintf(folder, sizeof folder, "%s/%.2s", files->dir, id);
        if (mkdir(folder, 0700) == 0 || errno == EEXIST) fd = open(path, flags, 0600);
    }
    return fd < 0 ? -errno : fd;
}

/* Writes a new file beside its place and then moves it there; the descriptor, or a negative errno.
 */
static int create_file(struct log_files *files, const struct log *log, enum log_part part,
                       uint32_t segment, const char *blocks, size_t len) {
    char path[LOG_PATH_BYTES], temporary[LOG_PATH_BYTES + 8];
    log_path(path, files->dir, log->id, part);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = create_in_folder(files, log->id, temporary);
    if (fd < 0) return fd;
    char header[FILE_HEADER_BYTES];
    file_put_header(header, log->row, segment);
    int error = write_at(fd, header, sizeof header, 0);
    if (!error) error = write_at(fd, blocks, len, sizeof header);
    if (!error && rename(temporary, path) < 0) error = -errno;
    if (!error) return fd;
    rpc_fd_close(&fd);
    unlink(temporary);
    return error;
}

int log_begin_file(struct log_files *files, struct log *log, const char *blocks, size_t len,
                   uint64_t last_seq) {
    int fd = create_file(files, log, LOG_HEAD, 0, blocks, len);
    if (fd < 0) return fd;
    note_open(files, log, fd);
    log->has_file = true;
    log->size = log->sizes[LOG_HEAD] = FILE_HEADER_BYTES + (int64_t)len;
    log->last_seq = last_seq;
    log->inline_bytes = 0;
    return 0;
}

/* The oldest lines of the tail go, and a new file takes the newest. In between a reader finds the
 * tail as .old only. */
static int rotate(struct log_files *files, struct log *log) {
    char tail[LOG_PATH_BYTES], old[LOG_PATH_BYTES];
    log_path(tail, files->dir, log->id, LOG_TAIL);
    log_path(old, files->dir, log->id, LOG_OLD);
    bool is_moved = log->segment > 0 && rename(tail, old) == 0;
    if (is_moved) {
        log->sizes[LOG_OLD] = log->sizes[LOG_TAIL];
        log->sizes[LOG_TAIL] = 0;
    }
    int fd = create_file(files, log, LOG_TAIL, log->segment + 1, NULL, 0);
    if (fd < 0) {
        if (is_moved && rename(old, tail) == 0) {
            log->sizes[LOG_TAIL] = log->sizes[LOG_OLD];
            log->sizes[LOG_OLD] = 0;
        }
        return fd;
    }
    close_file(files, log);
    note_open(files, log, fd);
    log->segment++;
    log->size = log->sizes[LOG_TAIL] = FILE_HEADER_BYTES;
    return 0;
}

/* Bytes that the file that is written may take yet. */
static size_t room_in(const struct log_files *files, const struct log *log) {
    int64_t most = log->segment == 0 ? files->head_max : files->tail_max;
    return log->size < most ? (size_t)(most - log->size) : 0;
}

static int reopen(struct log_files *files, struct log *log) {
    char path[LOG_PATH_BYTES];
    log_path(path, files->dir, log->id, log->segment == 0 ? LOG_HEAD : LOG_TAIL);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -errno;
    note_open(files, log, fd);
    return 0;
}

static int append_block(struct log_files *files, struct log *log, const struct store_lines *lines) {
    if (log->fd < 0) {
        int error = reopen(files, log);
        if (error) return error;
    } else {
        TAILQ_REMOVE(&files->open, log, open_link);
        TAILQ_INSERT_TAIL(&files->open, log, open_link);
    }
    int error = write_at(log->fd, lines->data, lines->block.size, log->size);
    if (error) return error;
    log->size += (int64_t)lines->block.size;
    log->sizes[log->segment == 0 ? LOG_HEAD : LOG_TAIL] = log->size;
    log->last_seq = store_lines_last(lines);
    return 0;
}

/* A step of writing the lines from number `seq` on: as many as the file has room for, or, when it
 * has room for none, the next file. Takes what it writes off *lost. */
static int append_part(struct log_files *files, struct log *log, const struct store_lines *lines,
                       uint64_t seq, struct log_lost *lost) {
    struct store_lines *part = store_lines_cut(lines, seq, room_in(files, log));
    if (!part) return -ENOMEM;
    int error = 0;
    if (part->block.count > 0) {
        store_lines_seal(part);
        error = append_block(files, log, part);
        if (!error) lost->lines -= part->block.count;
        if (!error) lost->bytes -= part->block.size - BLOCK_HEADER_BYTES;
    } else if (log->segment > 0 && log->size == FILE_HEADER_BYTES) {
        log->last_seq = seq; /* too long for any file */
    } else {
        error = rotate(files, log);
    }
    store_lines_free(part);
    return error;
}

int log_append_file(struct log_files *files, struct log *log, const struct store_lines *lines,
                    struct log_lost *ret_lost) {
    uint64_t first = lines->block.first_seq, last = store_lines_last(lines);
    int error = 0;
    *ret_lost = (struct log_lost){0};
    if (last <= log->last_seq) return 0;
    if (first > log->last_seq && lines->block.size <= room_in(files, log)) {
        error = append_block(files, log, lines);
        if (!error) return 0;
    }
    *ret_lost = (struct log_lost){lines->block.count, lines->block.size - BLOCK_HEADER_BYTES};
    while (!error && log->last_seq < last)
        error = append_part(files, log, lines, first > log->last_seq ? first : log->last_seq + 1,
                            ret_lost);
    return error;
}
