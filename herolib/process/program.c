#include "process/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What execvp(3) searches when there is no PATH. */
#define STANDARD_PATH "/bin:/usr/bin"

static int check_program(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0) return errno;
    return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

char *program_find(const char *name) {
    if (strchr(name, '/')) return strdup(name);
    const char *dir = getenv("PATH");
    if (!dir) dir = STANDARD_PATH;
    int error = ENOENT;
    for (size_t len; *name; dir += len + 1) {
        char *path;
        len = strcspn(dir, ":");
        if (asprintf(&path, "%.*s%s%s", (int)len, dir, len > 0 ? "/" : "./", name) < 0) {
            errno = ENOMEM;
            return NULL;
        }
        int failed = check_program(path);
        if (!failed) return path;
        free(path);
        if (failed == EACCES) error = EACCES;
        if (!dir[len]) break;
    }
    errno = error;
    return NULL;
}
