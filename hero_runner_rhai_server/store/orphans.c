/* Files of logs whose session is not in the database: the process died between the two. */
#include "store/database.h"
#include "store/internal.h"
#include "store/log_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <string.h>
#include <unistd.h>

/* Whether a name in the folder is one of ours; its id is copied out. A file that was being made is
 * of no use to anybody (see create_file in log_files.c). */
static bool is_log(const char *name, const char *folder, char id[STORE_ID_BYTES],
                   bool *ret_is_unfinished) {
    static const char *const suffixes[] = {".log", ".old", ".tail"};
    size_t len = strspn(name, "0123456789abcdef-");
    if (len != STORE_ID_BYTES - 1 || strncmp(name, folder, 2) != 0) return false;
    memcpy(id, name, len);
    id[len] = '\0';
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t suffix_len = strlen(suffixes[i]);
        const char *rest = name + len + suffix_len;
        if (strncmp(name + len, suffixes[i], suffix_len) != 0) continue;
        *ret_is_unfinished = strcmp(rest, ".new") == 0;
        return *rest == '\0' || *ret_is_unfinished;
    }
    return false;
}

/* 1, 0 or a negative errno. */
static int is_known(sqlite3_stmt *find, const char *id) {
    sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    sqlite3_reset(find);
    return code == SQLITE_ROW ? 1 : database_errno(code);
}

static int sweep_folder(struct store *store, sqlite3_stmt *find, int logs_fd, const char *folder) {
    int fd = openat(logs_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        rpc_fd_close(&fd);
        return 0;
    }
    const struct dirent *entry;
    int error = 0;
    while (!error && (entry = readdir(dir))) {
        char id[STORE_ID_BYTES];
        bool is_unfinished;
        if (!is_log(entry->d_name, folder, id, &is_unfinished)) continue;
        int known = is_unfinished ? 0 : is_known(find, id);
        if (known < 0) error = known;
        if (known == 0 && unlinkat(fd, entry->d_name, 0) == 0) store->counters.orphans++;
    }
    closedir(dir);
    return error;
}

int orphans_remove(struct store *store) {
    DIR *logs = opendir(store->logs_dir);
    sqlite3_stmt *find = database_prepare(store->writer.db, "SELECT 1 FROM sessions WHERE id=?");
    const struct dirent *entry;
    int error = find ? 0 : -ENOMEM;
    while (!error && logs && (entry = readdir(logs)))
        if (strlen(entry->d_name) == 2 && entry->d_name[0] != '.')
            error = sweep_folder(store, find, dirfd(logs), entry->d_name);
    sqlite3_finalize(find);
    if (logs) closedir(logs);
    return error;
}
