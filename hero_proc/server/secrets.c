#include "server/secrets.h"

#include "server/registry.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct secrets {
    struct state_db *db;
    unsigned char key[crypto_secretbox_KEYBYTES];
};

static int read_key(struct secrets *secrets, const char *path, struct rpc_error *err) {
    struct rpc_strbuf content = RPC_STRBUF_INIT;
    if (rpc_file_read(path, sizeof secrets->key, &content, err) < 0) return -1;
    bool is_key = content.len == sizeof secrets->key;
    if (is_key) memcpy(secrets->key, content.data, content.len);
    rpc_strbuf_done(&content);
    if (is_key) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s is not the key it should be", path);
    return -1;
}

struct secrets *secrets_open(const char *key_path, struct state_db *db, struct rpc_error *err) {
    struct secrets *secrets = calloc(1, sizeof *secrets);
    if (!secrets || sodium_init() < 0) {
        free(secrets);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    secrets->db = db;
    int outcome;
    if (access(key_path, F_OK) == 0) {
        outcome = read_key(secrets, key_path, err);
    } else {
        crypto_secretbox_keygen(secrets->key);
        outcome = rpc_file_replace(key_path, secrets->key, sizeof secrets->key, 0600, err);
    }
    if (outcome == 0) return secrets;
    secrets_close(secrets);
    return NULL;
}

void secrets_close(struct secrets *secrets) {
    if (!secrets) return;
    sodium_memzero(secrets->key, sizeof secrets->key);
    free(secrets);
}

static int cannot_write(const struct secrets *secrets, struct rpc_error *err) {
    rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "Database error: %s", state_db_problem(secrets->db));
    return -1;
}

/* The nonce, then the box. */
int secrets_set(struct secrets *secrets, const char *context, const char *key, const char *value,
                struct rpc_error *err) {
    size_t len = strlen(value), sealed_len = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + len;
    if (!*key || strlen(key) > SECRET_KEY_MAX_BYTES || len > SECRET_VALUE_MAX_BYTES) {
        rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_BAD_SPEC,
                      "a secret needs a key of 1 to %d bytes and a value of at most 1 MiB",
                      SECRET_KEY_MAX_BYTES);
        return -1;
    }
    unsigned char *sealed = malloc(sealed_len);
    if (!sealed) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    randombytes_buf(sealed, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, (const unsigned char *)value, len,
                          sealed, secrets->key);
    int outcome =
        state_db_put_secret(secrets->db, context, key, sealed, sealed_len, rpc_clock_wall_ms());
    free(sealed);
    return outcome == 0 ? 0 : cannot_write(secrets, err);
}

struct opening {
    const struct secrets *secrets;
    char *value;
    bool is_there;
};

static void open_secret(void *ctx, const char *key, const void *sealed, size_t len,
                        int64_t changed_ms) {
    (void)key, (void)changed_ms;
    struct opening *opening = ctx;
    opening->is_there = true;
    if (len < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES) return;
    size_t box_len = len - crypto_secretbox_NONCEBYTES;
    size_t value_len = box_len - crypto_secretbox_MACBYTES;
    unsigned char *value = malloc(value_len + 1);
    const unsigned char *nonce = sealed;
    if (value && crypto_secretbox_open_easy(value, nonce + crypto_secretbox_NONCEBYTES, box_len, nonce,
                                            opening->secrets->key) == 0) {
        value[value_len] = '\0';
        opening->value = (char *)value;
    } else {
        free(value);
    }
}

char *secrets_get(struct secrets *secrets, const char *context, const char *key,
                  struct rpc_error *err) {
    struct opening opening = {.secrets = secrets};
    state_db_each_secret(secrets->db, context, key, open_secret, &opening);
    if (!opening.is_there)
        registry_not_found(err, "secret", key);
    else if (!opening.value)
        rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "the secret was sealed with another key");
    return opening.value;
}

int secrets_delete(struct secrets *secrets, const char *context, const char *key,
                   struct rpc_error *err) {
    int outcome = state_db_delete_secret(secrets->db, context, key);
    if (outcome < 0) return cannot_write(secrets, err);
    return outcome > 0 ? 0 : registry_not_found(err, "secret", key);
}

static void append_secret(void *ctx, const char *key, const void *sealed, size_t len,
                          int64_t changed_ms) {
    (void)sealed, (void)len;
    json_array_append_new(ctx, json_pack("{s:s, s:I}", "key", key, "changed_ms",
                                         (json_int_t)changed_ms));
}

json_t *secrets_list(struct secrets *secrets, const char *context) {
    json_t *list = json_array();
    state_db_each_secret(secrets->db, context, NULL, append_secret, list);
    return list;
}
