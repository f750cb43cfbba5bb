/* path.h - paths as texts, and the directories above them. */
#ifndef HEROLIB_OS_PATH_H
#define HEROLIB_OS_PATH_H

#include <stdbool.h>

/* How many directories deep a tree may be that is copied, deleted or searched. */
#define PATH_DEPTH_MAX 256
/* What is returned beside negative errnos when it is deeper. */
#define PATH_TOO_DEEP (-10000)

/* "dir/name", from malloc; NULL without memory. */
char *path_join(const char *dir, const char *name);
/* The last part of the path, without slashes behind it, from malloc; NULL without memory. */
char *path_name(const char *path);
/* Whether it is a directory, or a link to one. */
bool path_is_dir(const char *path);

/* Makes a directory, and those above it, with mode 0777 less the umask. One that is there is no
 * error. 0 or -errno. */
int path_make_dirs(const char *path);
/* The same for the directories above the path. */
int path_make_parents(const char *path);

/* Where a copy of `from` goes: into `to` under the same name when that is a directory, or ends with
 * a slash; else `to` itself. From malloc; NULL without memory. */
char *path_target(const char *from, const char *to);

#endif
