#include "session/proc_children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NUMBER_BYTES 12 /* with its space */

int proc_children_open(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void proc_children_each(int fd, void (*visit)(void *ctx, pid_t pid), void *ctx) {
    char text[4096];
    for (off_t offset = 0;;) {
        ssize_t got = pread(fd, text, sizeof text - 1, offset);
        if (got <= 0) return;
        /* With room for one more number the kernel would have written it. */
        bool is_end = (size_t)got < sizeof text - 1 - MAX_NUMBER_BYTES;
        text[got] = '\0';
        /* Each number is followed by a space; one cut at the end comes again with the next piece.
         */
        char *end = strrchr(text, ' ');
        if (!end) return;
        end[1] = '\0';
        offset += end + 1 - text;
        for (char *at = text; *at;) {
            visit(ctx, (pid_t)strtol(at, &at, 10));
            while (*at == ' ')
                at++;
        }
        if (is_end) return;
    }
}
