/*
 * The store as the server's loop uses it: what of a session is written when, and how a session or a
 * line that is no longer in memory is found again.
 *
 * A new session may be told to its caller when its row is stored, a line to a reader when it is
 * stored, and the final status is published when the end is stored: what anybody has been told
 * survives a kill -9 of the server. "Stored" is safe in the store's journal, or in its database.
 * Lines of a session that somebody follows are stored at once; others ARCHIVE_DELAY_MS after they
 * came, or with the end.
 */
#ifndef RUNNER_SERVER_ARCHIVE_H
#define RUNNER_SERVER_ARCHIVE_H

#include "server/config.h"
#include "server/sessions.h"
#include "store/store.h"

#define ARCHIVE_DELAY_MS 20
#define ARCHIVE_BATCH_BYTES (256 * 1024) /* of lines; more are written at once */

struct archive;
struct event_base;

/* Opens the store in <state_dir>; sessions that ran in a dead server are ended as lost. Those that
 * waited in it are in *ret_interrupted, among the others, as pending; NULL: there are none. */
struct archive *archive_new(struct event_base *base, const struct config *config,
                            const char *state_dir, struct sessions *sessions,
                            const struct ring_limits *limits,
                            struct store_sessions **ret_interrupted, struct rpc_error *err);
/* Writes what there is to write, publishes what has been waiting for it, closes. */
void archive_close(struct archive *archive);
void archive_free(struct archive *archive);
/* What is found now is too late to be gone on with. */
bool archive_is_closing(const struct archive *archive);

struct store *archive_store(struct archive *archive);

/* A new session: session->is_recorded is set when it is stored, mostly at once, else its watchers
 * are told. 0 or -errno: -ENOBUFS when the store cannot keep up. */
int archive_insert(struct archive *archive, struct session *session);
/* Its script has been fetched. */
void archive_note_script(struct archive *archive, const struct session *session);
/* It is about to begin in that process, and may when this is stored: true, it is; else process_go is
 * called for the process that has the session then. */
bool archive_note_start(struct archive *archive, struct session *session, pid_t pid);
/* Each line, before it goes into the ring. False: the store cannot keep up, see archive_is_full. */
void archive_add_line(struct archive *archive, struct session *session, uint64_t timestamp_us,
                      uint8_t stream, const char *text, size_t len);
/* After lines were added: has them written if it is time. True: lines wait in memory because the
 * store cannot take them now, and nothing more should be read from the process. */
bool archive_is_full(struct archive *archive, struct session *session);
/* Somebody begins to follow the lines of a session, and ends. */
void archive_begin_reading(struct archive *archive, struct session *session);
void archive_end_reading(struct session *session);
/* It has come to its end, which is to be published when it is stored. */
void archive_end(struct archive *archive, struct session *session);
void archive_note_callback(struct archive *archive, const struct session *session);

/* Gives a session from memory (at once) or from the store (later), NULL when there is none; then
 * `error` is NULL for an unknown one, else why the store cannot tell. The session is borrowed.
 * with_lines: its ring holds the newest lines. Returns a handle to give up, NULL when `found` has
 * been called already. */
typedef void archive_found(void *ctx, struct session *session, const char *error);
struct archive_search *archive_find(struct archive *archive, const char *id, bool with_lines,
                                    archive_found *found, void *ctx);
void archive_give_up(struct archive_search *search);

#endif
