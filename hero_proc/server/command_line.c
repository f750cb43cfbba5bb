#include "server/command_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copies the word at *at to *out without its quotes. False when a quote has no end. */
static bool take_word(const char **at, char **out) {
    char quote = '\0';
    for (; **at && (quote || !isspace((unsigned char)**at)); (*at)++) {
        char c = **at;
        if (c == quote) {
            quote = '\0';
        } else if (!quote && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == '\\' && quote != '\'' && (*at)[1]) {
            *(*out)++ = *++*at;
        } else {
            *(*out)++ = c;
        }
    }
    *(*out)++ = '\0';
    return !quote;
}

char **command_line_split(const char *line, struct rpc_error *err) {
    /* Each word needs a character of the line, but for the last one. */
    size_t len = strlen(line), most = len / 2 + 2, count = 0;
    char **argv = malloc(most * sizeof *argv + len + 2);
    if (!argv) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    char *out = (char *)(argv + most);
    const char *why = NULL;
    for (const char *at = line; !why;) {
        while (isspace((unsigned char)*at))
            at++;
        if (!*at) break;
        argv[count++] = out;
        if (!take_word(&at, &out)) why = "a quote in the command line has no end";
    }
    argv[count] = NULL;
    if (!why && count == 0) why = "the command line is empty";
    if (!why) return argv;
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s", why);
    free(argv);
    return NULL;
}

static bool is_program(const char *path) {
    struct stat info;
    if (stat(path, &info) < 0) return false;
    if (S_ISREG(info.st_mode) && access(path, X_OK) == 0) return true;
    errno = EACCES;
    return false;
}

char *command_find(const char *name, const char *path) {
    if (strchr(name, '/')) return is_program(name) ? strdup(name) : NULL;
    for (const char *dir = path; *dir;) {
        size_t len = strcspn(dir, ":");
        char *candidate;
        if (asprintf(&candidate, "%.*s/%s", (int)len, dir, name) < 0) return NULL;
        if (len > 0 && is_program(candidate)) return candidate;
        free(candidate);
        dir += len + (dir[len] == ':');
    }
    errno = ENOENT;
    return NULL;
}
