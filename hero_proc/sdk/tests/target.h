/* target.h - a hero_proc to test the client against: the other one, or ours, in a home of its own.
 */
#ifndef PROC_SDK_TESTS_TARGET_H
#define PROC_SDK_TESTS_TARGET_H

#include "hero_proc_sdk/proc.h"

enum target_kind {
    OTHER_WITH_DOCUMENT, /* GET /openrpc.json */
    OTHER_WITH_DISCOVER, /* only rpc.discover */
    OTHER_WITHOUT,       /* neither */
    OURS,
};

struct target {
    enum target_kind kind;
    char home[64];
    char socket[128];
    pid_t pid;
    struct proc_client *client;
};

/* Starts it and waits until it answers; sets HOME. All failures fail the test. */
void target_start(struct target *target, enum target_kind kind);
/* Ends it, and removes the home. */
void target_stop(struct target *target);
/* What it was sent, of the other one: one request a line; the caller frees it. */
char *target_calls(const struct target *target);
/* Waits until a condition holds, and says whether it does. */
bool target_wait_until(bool (*condition)(void *ctx), void *ctx, int64_t ms);
/* Whether this build has our own daemon. */
bool target_has_ours(void);

#endif
