#include "server/secrets.h"

#include <errno.h>
#include <hero_rpc/fd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERHEAD (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)

struct secrets {
    unsigned char key[crypto_secretbox_KEYBYTES];
    struct state_db *db;
    json_t *boxes; /* "context/key": base64 of nonce and box */
};

static int fail(struct rpc_error *err, const char *what) {
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s", what);
    return -1;
}

/* ---- The key ------------------------------------------------------------------------------ */

static int read_key(struct secrets *secrets, const char *path, struct rpc_error *err) {
    struct rpc_error missing = {0};
    struct rpc_strbuf content = RPC_STRBUF_INIT;
    int outcome = rpc_file_read(path, 1024, &content, &missing);
    if (outcome < 0 && missing.code == ENOENT) {
        crypto_secretbox_keygen(secrets->key);
        outcome = rpc_file_replace(path, secrets->key, sizeof secrets->key, 0600, err);
    } else if (outcome < 0) {
        rpc_error_set(err, missing.kind, missing.code, "%s", missing.message);
    } else if (content.len != sizeof secrets->key) {
        outcome = fail(err, "the key file of the secrets has a wrong length");
    } else {
        memcpy(secrets->key, content.data, sizeof secrets->key);
    }
    if (content.data) sodium_memzero(content.data, content.len);
    rpc_strbuf_done(&content);
    rpc_error_clear(&missing);
    return outcome;
}

/* ---- Boxes -------------------------------------------------------------------------------- */

static json_t *encrypt(const struct secrets *secrets, const char *value) {
    size_t len = strlen(value), sealed_len = len + OVERHEAD;
    size_t text_len = sodium_base64_ENCODED_LEN(sealed_len, sodium_base64_VARIANT_ORIGINAL);
    unsigned char *sealed = malloc(sealed_len);
    char *text = malloc(text_len);
    json_t *box = NULL;
    if (sealed && text) {
        randombytes_buf(sealed, crypto_secretbox_NONCEBYTES);
        crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, (const unsigned char *)value,
                              len, sealed, secrets->key);
        sodium_bin2base64(text, text_len, sealed, sealed_len, sodium_base64_VARIANT_ORIGINAL);
        box = json_string(text);
    }
    free(sealed);
    free(text);
    return box;
}

static char *decrypt(const struct secrets *secrets, const char *text, struct rpc_error *err) {
    size_t sealed_len = 0, most = strlen(text);
    unsigned char *sealed = malloc(most + 1);
    char *value = calloc(1, most + 1);
    bool is_good = sealed && value &&
                   sodium_base642bin(sealed, most, text, most, NULL, &sealed_len, NULL,
                                     sodium_base64_VARIANT_ORIGINAL) == 0 &&
                   sealed_len >= OVERHEAD &&
                   crypto_secretbox_open_easy(
                       (unsigned char *)value, sealed + crypto_secretbox_NONCEBYTES,
                       sealed_len - crypto_secretbox_NONCEBYTES, sealed, secrets->key) == 0;
    free(sealed);
    if (is_good) return value;
    free(value);
    fail(err, "the secret cannot be decrypted: the key file is not the one it was stored with");
    return NULL;
}

/* ---- The table ---------------------------------------------------------------------------- */

static void make_key(const char *context, const char *key, char out[STATE_KEY_MAX_BYTES]) {
    snprintf(out, STATE_KEY_MAX_BYTES, "%s/%s", context, key);
}

struct change {
    struct secrets *secrets;
    char key[STATE_KEY_MAX_BYTES];
    json_t *box; /* NULL: delete */
    state_db_done *done;
    void *ctx;
};

static void on_stored(void *ctx, const char *why) {
    struct change *change = ctx;
    if (!why && change->box) json_object_set(change->secrets->boxes, change->key, change->box);
    if (!why && !change->box) json_object_del(change->secrets->boxes, change->key);
    change->done(change->ctx, why);
    json_decref(change->box);
    free(change);
}

static void store(struct secrets *secrets, const char *key, json_t *box, state_db_done *done,
                  void *ctx) {
    struct change *change = calloc(1, sizeof *change);
    if (!change) {
        json_decref(box);
        done(ctx, "out of memory");
        return;
    }
    *change = (struct change){.secrets = secrets, .box = box, .done = done, .ctx = ctx};
    snprintf(change->key, sizeof change->key, "%s", key);
    json_t *body = box ? json_pack("{s:O}", "box", box) : NULL;
    state_db_put(secrets->db, STATE_SECRET, key, body, on_stored, change);
    json_decref(body);
}

void secrets_set(struct secrets *secrets, const char *context, const char *name, const char *value,
                 state_db_done *done, void *ctx) {
    char key[STATE_KEY_MAX_BYTES];
    json_t *box = encrypt(secrets, value);
    make_key(context, name, key);
    if (box)
        store(secrets, key, box, done, ctx);
    else
        done(ctx, "out of memory");
}

char *secrets_get(const struct secrets *secrets, const char *context, const char *name,
                  struct rpc_error *err) {
    char key[STATE_KEY_MAX_BYTES];
    make_key(context, name, key);
    const char *box = json_string_value(json_object_get(secrets->boxes, key));
    return box ? decrypt(secrets, box, err) : NULL;
}

bool secrets_delete(struct secrets *secrets, const char *context, const char *name,
                    state_db_done *done, void *ctx) {
    char key[STATE_KEY_MAX_BYTES];
    make_key(context, name, key);
    if (!json_object_get(secrets->boxes, key)) return false;
    store(secrets, key, NULL, done, ctx);
    return true;
}

json_t *secrets_keys(const struct secrets *secrets, const char *context) {
    json_t *keys = json_array(), *box;
    size_t len = strlen(context);
    const char *key;
    json_object_foreach(secrets->boxes, key, box)
        if (strncmp(key, context, len) == 0 && key[len] == '/')
            json_array_append_new(keys, json_string(key + len + 1));
    return keys;
}

static void read_box(void *ctx, const char *key, json_t *body) {
    struct secrets *secrets = ctx;
    json_object_set(secrets->boxes, key, json_object_get(body, "box"));
}

struct secrets *secrets_open(const char *key_path, struct state_db *db, struct rpc_error *err) {
    struct secrets *secrets = calloc(1, sizeof *secrets);
    if (secrets) secrets->boxes = json_object();
    if (!secrets || !secrets->boxes || sodium_init() < 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        secrets_free(secrets);
        return NULL;
    }
    secrets->db = db;
    if (read_key(secrets, key_path, err) == 0 &&
        state_db_load(db, STATE_SECRET, read_box, secrets, err) == 0)
        return secrets;
    secrets_free(secrets);
    return NULL;
}

void secrets_free(struct secrets *secrets) {
    if (!secrets) return;
    sodium_memzero(secrets->key, sizeof secrets->key);
    json_decref(secrets->boxes);
    free(secrets);
}
