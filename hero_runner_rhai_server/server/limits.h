/*
 * The limits of a session: one table with their names on the wire. Each has a default and a ceiling
 * among the settings (config.h), 0 meaning none.
 *
 *   cpu_ms         user and system time: in the session process by a timer of its CPU clock and
 *                  RLIMIT_CPU, of the whole tree by the server's looks at it (tree.h)
 *   memory_bytes   what the engine holds, exactly; RLIMIT_DATA with a margin for everything else
 *   operations     counted by the engine
 *   output_bytes   counted by the server as lines come
 *   processes      a control group where one can be made (cgroups.h); counted by the server's looks
 *                  at the tree
 *   open_files     RLIMIT_NOFILE: the call that opens one too many fails in the script
 *
 * The time limit is apart (session.h): it runs from the dispatch on and has its own reason.
 */
#ifndef RUNNER_SERVER_LIMITS_H
#define RUNNER_SERVER_LIMITS_H

#include <hero_rpc/strbuf.h>
#include <stdint.h>

enum limit {
    LIMIT_CPU_MS,
    LIMIT_MEMORY_BYTES,
    LIMIT_OPERATIONS,
    LIMIT_OUTPUT_BYTES,
    LIMIT_PROCESSES,
    LIMIT_OPEN_FILES,
    LIMIT_COUNT,
};

struct limits {
    int64_t value[LIMIT_COUNT]; /* 0: none */
};

const char *limit_name(enum limit limit); /* "cpu_ms" */

/* The members of the wire object, those that are set, without the braces. */
void limits_write(const struct limits *limits, struct rpc_strbuf *out);

/* Takes those that an object (NULL: none) asks for, above the defaults already in *limits. -1 when
 * one is over its ceiling or is given up where there is a ceiling; *ret_limit says which. */
int limits_take(struct limits *limits, const struct limits *ceilings, const json_t *asked,
                enum limit *ret_limit);

#endif
