/* file.h - whole files, read and written.
 *
 * Writing is atomic (rename(2)): a reader sees the old contents or the new ones, also when the process
 * is killed. A symbolic link is followed, so the file it names is the one that changes.
 */
#ifndef HEROLIB_CORE_FILE_H
#define HEROLIB_CORE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#define FILE_LOAD_MAX_BYTES (256 * 1024 * 1024)

/* The contents, from malloc, with a NUL behind them that is not counted. 0 or -errno; -EFBIG for more
 * than max_bytes. */
int file_load(const char *path, size_t max_bytes, char **ret_bytes, size_t *ret_len);

/* Makes the file hold just these bytes. A file that exists keeps its mode, a new one gets 0666 less
 * the umask. Missing directories are an error (-ENOENT). 0 or -errno. */
int file_store(const char *path, const char *bytes, size_t len);

#endif
