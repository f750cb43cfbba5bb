/*
 * Secrets: values by context and key, sealed at rest with a key of the daemon's own (libsodium,
 * crypto_secretbox) that lies beside the database in a file only the owner can read. Whoever can read
 * both can read the secrets; a copy of the database alone gives nothing away.
 */
#ifndef HERO_PROC_SERVER_SECRETS_H
#define HERO_PROC_SERVER_SECRETS_H

#include "server/state_db.h"

struct secrets;

#define SECRET_KEY_MAX_BYTES 256
#define SECRET_VALUE_MAX_BYTES (1024 * 1024)

/* The key file is made when it is missing. */
struct secrets *secrets_open(const char *key_path, struct state_db *db, struct rpc_error *err);
void secrets_close(struct secrets *secrets); /* NULL is allowed */

int secrets_set(struct secrets *secrets, const char *context, const char *key, const char *value,
                struct rpc_error *err);
/* From malloc, wiped by the caller; NULL with code SUPERVISOR_NOT_FOUND, or when it cannot be opened. */
char *secrets_get(struct secrets *secrets, const char *context, const char *key,
                  struct rpc_error *err);
int secrets_delete(struct secrets *secrets, const char *context, const char *key,
                   struct rpc_error *err);
/* An array of {key, changed_ms}; a new reference. */
json_t *secrets_list(struct secrets *secrets, const char *context);

#endif
