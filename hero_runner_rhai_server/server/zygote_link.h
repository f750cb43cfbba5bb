/*
 * The zygote as the server sees it: started by descriptor, spoken to over the control socket,
 * watched through its pidfd, started again when it dies.
 *
 * The server is a child subreaper. When the zygote dies, every process that was below it is
 * reparented to the server, which kills and reaps all of them before anything else goes on. All
 * children of the server that are no zygote of a link are taken for such processes.
 */
#ifndef RUNNER_SERVER_ZYGOTE_LINK_H
#define RUNNER_SERVER_ZYGOTE_LINK_H

#include "zygote/control.h"

#include <hero_rpc/error.h>
#include <stdbool.h>

struct cgroups;
struct event_base;
struct zygote_link;

struct zygote_link_ops {
    void (*ready)(void *ctx);                             /* also after a restart */
    void (*parked)(void *ctx, pid_t pid, int session_fd); /* takes the descriptor */
    void (*park_failed)(void *ctx, int error);
    void (*exited)(void *ctx, const struct control_message *message);
    void (*dying)(void *ctx); /* it has died: its processes are to be killed */
    void (*died)(void *ctx);  /* and now nothing of them is left */
    /* It cannot be used at all (another build, failed self-test at the first start). Told at most
     * once; the owner may retire or free it, but not before this has returned to the loop. */
    void (*unusable)(void *ctx, const char *why);
    /* Something of the zygote, mostly a session process, has written this (server/strays.h). */
    void (*stray)(void *ctx, pid_t pid, uint8_t stream, const char *bytes, size_t len);
    void (*retired)(void *ctx); /* after zygote_link_retire: it has gone, the link is freed */
    void *ctx;
};

struct zygote_link_options {
    const char *const *environment; /* what the zygote and all sessions get; borrowed */
    unsigned long open_files;       /* soft limit for sessions */
    const char *script_roots;       /* as in the setting; borrowed */
    const struct cgroups *cgroups;  /* borrowed */
};

/* Opens the program beside our own and starts it. */
struct zygote_link *zygote_link_new(struct event_base *base, const struct zygote_link_ops *ops,
                                    const struct zygote_link_options *options,
                                    struct rpc_error *err);
/* Kills the zygote, and with it every session, and reaps all. */
void zygote_link_free(struct zygote_link *link);

/* Lets a zygote without session processes end, at once if it never was ready; frees the link, and
 * tells, when it has ended. */
void zygote_link_retire(struct zygote_link *link);

/* There should be so many more session processes. The zygote sees to it when it next wakes up, as
 * it does when a session process ends. 0, or -ESRCH when there is no zygote now. */
int zygote_link_want(struct zygote_link *link, size_t count);
/* Takes back what it has not seen yet, and says how many that was. */
size_t zygote_link_unwant(struct zygote_link *link);
void zygote_link_wake(struct zygote_link *link);

/* Tells the strays that are there now. */
void zygote_link_read_strays(struct zygote_link *link);

bool zygote_link_is_ready(const struct zygote_link *link);
pid_t zygote_link_pid(const struct zygote_link *link); /* 0: none now */

#endif
