#include "server/environment.h"

#include "server/process.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

#define STANDARD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const passed[] = {
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TZ",
    "PATH_ROOT",
    "PATH_VAR",
    "PATH_BUILD",
    "PATH_CODE",
    "PATH_SOCKET",
    "HERO_SOCKET_DIR",
};

static bool is_passed(const char *entry, size_t name_len) {
    if (strncmp(entry, "LC_", 3) == 0) return true;
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        if (strlen(passed[i]) == name_len && strncmp(entry, passed[i], name_len) == 0) return true;
    return false;
}

static bool add(char **environment, size_t *count, const char *name, const char *value) {
    if (asprintf(&environment[*count], "%s=%s", name, value) < 0) {
        environment[*count] = NULL;
        return false;
    }
    environment[++*count] = NULL;
    return true;
}

static bool add_passed(char **environment, size_t *count, const json_t *added) {
    for (char **entry = environ; *entry; entry++) {
        char name[256];
        size_t len = strcspn(*entry, "=");
        if (len >= sizeof name || !(*entry)[len] || !is_passed(*entry, len)) continue;
        memcpy(name, *entry, len);
        name[len] = '\0';
        if (json_object_get(added, name)) continue;
        if (!add(environment, count, name, *entry + len + 1)) return false;
    }
    return true;
}

char **environment_make(const json_t *added, const char *mark) {
    size_t most = json_object_size(added) + 4, count = 0;
    for (char **entry = environ; *entry; entry++)
        most++;
    char **environment = calloc(most, sizeof *environment);
    if (!environment) return NULL;
    const char *name;
    json_t *value;
    bool is_made = add_passed(environment, &count, added);
    json_object_foreach((json_t *)(uintptr_t)added, name, value)
        is_made = is_made && add(environment, &count, name, json_string_value(value));
    if (is_made && !*environment_get(environment, "PATH"))
        is_made = add(environment, &count, "PATH", STANDARD_PATH);
    if (is_made && mark) is_made = add(environment, &count, PROCESS_MARK, mark);
    if (is_made) return environment;
    environment_free(environment);
    return NULL;
}

void environment_free(char **environment) {
    for (char **entry = environment; entry && *entry; entry++)
        free(*entry);
    free(environment);
}

const char *environment_get(char *const *environment, const char *name) {
    size_t len = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    return "";
}
