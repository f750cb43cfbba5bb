#include "process/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_same_variable(const char *a, const char *b) {
    size_t len = strcspn(a, "=");
    return strncmp(a, b, len + 1) == 0;
}

/* Puts the variable where its name is, or at the end. */
static void put_variable(char **env, size_t *count, char *variable) {
    size_t i = 0;
    while (i < *count && !is_same_variable(variable, env[i]))
        i++;
    env[i] = variable;
    if (i == *count) (*count)++;
}

char **environment_with(char *const *variables, size_t count) {
    size_t env_count = 0;
    while (environ && environ[env_count])
        env_count++;
    char **env = calloc(env_count + count + 1, sizeof *env);
    if (!env) return NULL;
    if (env_count > 0) memcpy(env, environ, env_count * sizeof *env);
    for (size_t i = 0; i < count; i++)
        put_variable(env, &env_count, variables[i]);
    return env;
}
