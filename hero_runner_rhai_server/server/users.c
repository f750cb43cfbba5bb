#include "server/users.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHED_MAX 256 /* further ones are looked up each time */

static struct user {
    uid_t uid;
    char *name;           /* NULL: none */
} cached[CACHED_MAX + 1]; /* the last place is for those that are not kept */
static unsigned count;

static char *look_up(uid_t uid) {
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *entry;
    char *name = NULL;
    while (file && !name && (entry = fgetpwent(file)))
        if (entry->pw_uid == uid) name = strdup(entry->pw_name);
    if (file) fclose(file);
    return name;
}

const char *users_name(uid_t uid) {
    for (unsigned i = 0; i < count; i++)
        if (cached[i].uid == uid) return cached[i].name;
    struct user *place = &cached[count];
    if (count < CACHED_MAX)
        count++;
    else
        free(place->name);
    *place = (struct user){.uid = uid, .name = look_up(uid)};
    return place->name;
}
