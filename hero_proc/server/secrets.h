/*
 * Secrets: texts by context and key. At rest each is a libsodium secretbox (XSalsa20-Poly1305)
 * under a key that lies in a file of its own, mode 0600; in memory they stay encrypted until
 * somebody asks.
 */
#ifndef HERO_PROC_SERVER_SECRETS_H
#define HERO_PROC_SERVER_SECRETS_H

#include "server/state_db.h"

#include <stdbool.h>

struct secrets;

#define SECRET_MAX_BYTES (64 * 1024)

/* Reads the key file, or makes it. */
struct secrets *secrets_open(const char *key_path, struct state_db *db, struct rpc_error *err);
void secrets_free(struct secrets *secrets); /* NULL is allowed */

/* `done` says whether it is stored; only then it is there. */
void secrets_set(struct secrets *secrets, const char *context, const char *key, const char *value,
                 state_db_done *done, void *ctx);
/* From malloc; NULL when there is none, or, with *err set, when it cannot be decrypted. */
char *secrets_get(const struct secrets *secrets, const char *context, const char *key,
                  struct rpc_error *err);
/* False when there is none; then `done` is not called. */
bool secrets_delete(struct secrets *secrets, const char *context, const char *key,
                    state_db_done *done, void *ctx);
json_t *secrets_keys(const struct secrets *secrets, const char *context);

#endif
