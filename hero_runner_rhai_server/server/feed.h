/*
 * The lines of a session as server-sent events, encoded once for all who follow it.
 *
 * Followers are cursors: each asks for what comes behind the last line it was sent, and is given
 * bytes of a block that all of them send from the same memory. Blocks are filled from the ring, or
 * from the store in pages, when somebody first asks for their lines, and are kept while they are
 * among those of all sessions that were used last, FEEDS_MAX_BYTES together. So readers that lag
 * behind each other by less than that cost one encoding, others one each; and one that does not
 * read at all holds the block it is in the middle of, of FEED_BLOCK_BYTES or a single longer line.
 *
 * An event begins with its line "id: <number>".
 */
#ifndef RUNNER_SERVER_FEED_H
#define RUNNER_SERVER_FEED_H

#include "server/archive.h"

#include <hero_rpc/stream.h>

#define FEEDS_MAX_BYTES (32 * 1024 * 1024)
#define FEED_BLOCK_BYTES (64 * 1024)

struct feed;
struct feed_block;

/* What the feeds of all sessions share. */
struct feeds {
    struct archive *archive;
    TAILQ_HEAD(, feed_block) blocks; /* the one used last is last */
    size_t bytes;
};

void feeds_init(struct feeds *feeds, struct archive *archive);

/* Somebody follows the session, which must outlive that. The feed is made for the first and freed
 * with the last. NULL without memory. */
struct feed *feed_open(struct feeds *feeds, struct session *session);
void feed_close(struct feed *feed); /* NULL is fine */

enum feed_next {
    FEED_LINES,  /* *ret_piece holds the next ones, up to last_seq */
    FEED_GAP,    /* lines up to last_seq are kept nowhere */
    FEED_WAIT,   /* for a line to be stored, or read: then the session's watchers are told */
    FEED_FAILED, /* they cannot be read now */
};

struct feed_piece {
    uint64_t last_seq;
    struct rpc_block *block; /* borrowed, until the loop goes on */
    size_t offset, len;
};

/* What comes behind line `after`, of lines that may be told, up to `until`. */
enum feed_next feed_next(struct feed *feed, uint64_t after, uint64_t until,
                         struct feed_piece *ret_piece);

#endif
