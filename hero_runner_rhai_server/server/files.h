/*
 * Script files below the script roots, read on a thread of its own, because a file may be on a disk
 * or a network that lets its reader wait.
 *
 * A path is absolute and leads into a root, or is relative to a root (the first that has it wins).
 * Whatever links and ".." are on the way, nothing outside the root is opened (openat2(2),
 * RESOLVE_BENEATH).
 */
#ifndef RUNNER_SERVER_FILES_H
#define RUNNER_SERVER_FILES_H

#include <event2/event.h>
#include <hero_rpc/error.h>
#include <stdbool.h>

#define FILES_MAX_BYTES (16 * 1024 * 1024) /* of one script */
#define FILES_QUEUE_MAX 1000               /* waiting to be read */

struct files;
struct files_job;

/* `roots`: absolute paths separated by ':', borrowed. NULL, and *err names what is wrong. */
struct files *files_new(struct event_base *base, const char *roots, struct rpc_error *err);
/* Jobs under way are ended as stopped. */
void files_free(struct files *files);

struct files_script {
    char *text; /* from malloc, the callee's; NULL: see error */
    size_t len;
    char *dir;         /* the real path of its directory; the callee's */
    const char *error; /* what is wrong, to stand behind the path; NULL: nothing */
    bool is_stopped;   /* by files_free: there is nothing else */
};
typedef void files_done(void *ctx, struct files_script *script);

/* `done` is called later, from the loop or files_free, unless the job is given up before. NULL: too
 * many wait, or no memory. */
struct files_job *files_read(struct files *files, const char *path, files_done *done, void *ctx);
void files_give_up(struct files_job *job);

#endif
