#include "tests/stand_in.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLS_MAX_BYTES 16384

static char dir[] = "/tmp/stand_in.XXXXXX";
static const char *program;

static const char recorder[] = "#!/bin/sh\n"
                               "dir=${0%/*}\n"
                               "{ printf '%s' \"${0##*/}\"\n"
                               "  for word; do case $word in\n"
                               "    ''|*' '*) printf ' \"%s\"' \"$word\";;\n"
                               "    *) printf ' %s' \"$word\";;\n"
                               "  esac; done\n"
                               "  echo\n"
                               "  while IFS= read -r line; do printf '< %s\\n' \"$line\"; done\n"
                               "} >> \"$dir/calls\"\n";

static void path_of(const char *name, char path[PATH_MAX]) {
    snprintf(path, PATH_MAX, "%s/%s", dir, name);
}

static void remove_file(const char *name) {
    char path[PATH_MAX];
    path_of(name, path);
    unlink(path);
}

int stand_in_set_up(const char *name) {
    program = name;
    return mkdtemp(dir) && setenv("PATH", dir, 1) == 0 ? 0 : -1;
}

int stand_in_tear_down(void) {
    char command[64];
    snprintf(command, sizeof command, "/bin/rm -rf '%s'", dir);
    return system(command) == 0 ? 0 : -1; /* NOLINT: of our own directory */
}

void stand_in_answer(const char *shell_text) {
    char path[PATH_MAX];
    path_of(program, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s%s\n", recorder, shell_text);
    fclose(file);
    chmod(path, 0755);
    remove_file("calls");
}

void stand_in_remove(void) {
    remove_file(program);
}

void stand_in_expect(const char *calls) {
    char path[PATH_MAX], text[CALLS_MAX_BYTES] = "";
    path_of("calls", path);
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[len] = '\0';
    remove_file("calls");
    assert_string_equal(text, calls);
}
