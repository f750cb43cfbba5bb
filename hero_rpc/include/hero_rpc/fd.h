/*
 * System calls on descriptors that every program here needs, with EINTR handled. Every
 * descriptor made here is close-on-exec.
 */
#ifndef HERO_RPC_FD_H
#define HERO_RPC_FD_H

#include "hero_rpc/error.h"
#include "hero_rpc/strbuf.h"

#include <sys/resource.h>
#include <sys/types.h>

/* As read(2) and write(2), repeated on EINTR. */
ssize_t rpc_fd_read(int fd, void *data, size_t len);
ssize_t rpc_fd_write(int fd, const void *data, size_t len);
/* Writes all of it to a blocking descriptor. 0, or -1 with errno. */
int rpc_fd_write_all(int fd, const void *data, size_t len);
/* Closes *fd when it is not negative and sets it to -1. errno is preserved. */
void rpc_fd_close(int *fd);
/* Sets or clears O_NONBLOCK. 0, or -1 with errno. */
int rpc_fd_set_nonblocking(int fd, int on);

/* Appends a whole file. `limit` bytes at most: a larger file is RPC_ERROR_INVALID. */
int rpc_file_read(const char *path, size_t limit, struct rpc_strbuf *ret_content,
                  struct rpc_error *err);
/* Replaces a file so that readers see the old or the new content and a power cut leaves one of
 * the two: temporary file in the same directory, fsync, rename, fsync of the directory. */
int rpc_file_replace(const char *path, const void *data, size_t len, mode_t mode,
                     struct rpc_error *err);

/* Raises RLIMIT_NOFILE to the hard limit; *ret_before (may be NULL) gets what it was, to be put
 * back in programs started from here. */
int rpc_fd_raise_limit(struct rlimit *ret_before, struct rpc_error *err);

#endif
