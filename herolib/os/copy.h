/* copy.h - files and whole directories: copied, moved, deleted.
 *
 * Nothing follows a symbolic link: a link is copied as a link, and deleted as one. All of these may
 * take long, and end with -ECANCELED when the session must stop. What else goes wrong is told with
 * the path where it did.
 */
#ifndef HEROLIB_OS_COPY_H
#define HEROLIB_OS_COPY_H

#include <herolib/herolib.h>

#include <limits.h>

struct copy_error {
    char path[PATH_MAX]; /* "": the path that was given */
};

/* Copies a file, a link, a pipe or a directory with all that is in it, to just this path, whose
 * directory must exist. Modes are kept. A file that is there is replaced, in one step; a directory
 * that is there gets the new entries beside those it has. 0 or -errno. */
int copy_tree(herolib_session *session, const char *from, const char *to, struct copy_error *err);

/* Renames; between file systems it copies and then deletes. */
int move_tree(herolib_session *session, const char *from, const char *to, struct copy_error *err);

/* Deletes a file, or a directory with all that is in it. -ENOENT when there is nothing. */
int delete_tree(herolib_session *session, const char *path, struct copy_error *err);

#endif
