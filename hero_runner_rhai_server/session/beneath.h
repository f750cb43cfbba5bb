/*
 * Opening files below a directory and never outside it, whatever ".." and links are on the way
 * (openat2(2), RESOLVE_BENEATH). Only regular files are opened.
 */
#ifndef RUNNER_SESSION_BENEATH_H
#define RUNNER_SESSION_BENEATH_H

/* Opens `path` (relative) below the directory `root`. A descriptor (read only, close-on-exec), or
 * -errno: -EXDEV when the path leads out, -EISDIR for a directory, -ENXIO for what else is no
 * regular file. *ret_real gets the real path of the file, from malloc; NULL: not wanted. */
int beneath_open(const char *root, const char *path, char **ret_real);

/* The same below the first of `roots` (separated by ':') that has it. An absolute path must lead
 * into one of them (-EXDEV: into none). */
int beneath_open_in_roots(const char *roots, const char *path, char **ret_real);

#endif
