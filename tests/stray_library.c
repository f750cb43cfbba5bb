/* Stands in for a client library that a module loads at its first use: it writes past everything.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(int fd, const char *text) {
    if (write(fd, text, strlen(text)) < 0) _exit(1);
}

__attribute__((constructor)) static void on_load(void) {
    say(STDOUT_FILENO, "loaded\n");
    say(STDERR_FILENO, "is dam");
    say(STDERR_FILENO, "aged");
    static char much[150001];
    if (getenv("LIBRARY_SAYS_MUCH")) {
        memset(much, 'x', sizeof much - 1);
        say(STDOUT_FILENO, much);
    }
    if (getenv("LIBRARY_ABORTS")) abort();
}
