#include "crypt/store_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "HEROKEY1";
#define HEADER_BYTES (sizeof magic + CRYPT_SALT_BYTES)

bool store_file_salt(const uint8_t *bytes, size_t len, uint8_t ret_salt[CRYPT_SALT_BYTES]) {
    if (len < HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0) return false;
    memcpy(ret_salt, bytes + sizeof magic, CRYPT_SALT_BYTES);
    return true;
}

static bool is_map_of_texts(rhai_engine *engine, const rhai_value *value) {
    if (rhai_type_of(value) != RHAI_MAP) return false;
    const rhai_value *item;
    const char *key;
    size_t len;
    for (size_t i = 0; (item = rhai_map_entry(engine, value, i, &key, &len)); i++)
        if (rhai_type_of(item) != RHAI_STRING) return false;
    return true;
}

static enum store_file_result read_json(rhai_engine *engine, const uint8_t *json, size_t len,
                                        rhai_value *ret_entries) {
    rhai_error *error = NULL;
    bool is_read = rhai_from_json(engine, (const char *)json, len, ret_entries, &error) == RHAI_OK;
    rhai_error_free(error);
    if (!is_read) return STORE_FILE_WRONG;
    if (is_map_of_texts(engine, ret_entries)) return STORE_FILE_READ;
    rhai_value_done(engine, ret_entries);
    return STORE_FILE_WRONG;
}

enum store_file_result store_file_read(rhai_engine *engine, const uint8_t key[CRYPT_KEY_BYTES],
                                       const uint8_t *bytes, size_t len, rhai_value *ret_entries) {
    uint8_t *plain = malloc(len);
    size_t plain_len;
    if (!plain) return STORE_FILE_NO_MEMORY;
    enum store_file_result result = STORE_FILE_SEALED;
    if (crypt_open(key, bytes + HEADER_BYTES, len - HEADER_BYTES, plain, &plain_len))
        result = read_json(engine, plain, plain_len, ret_entries);
    sodium_memzero(plain, len);
    free(plain);
    return result;
}

int store_file_make(rhai_engine *engine, const uint8_t key[CRYPT_KEY_BYTES],
                    const uint8_t salt[CRYPT_SALT_BYTES], const rhai_value *entries,
                    uint8_t **ret_bytes, size_t *ret_len) {
    rhai_value json;
    bool is_truncated;
    if (rhai_to_json(engine, entries, 0, &json, &is_truncated) != RHAI_OK) return -ENOMEM;
    size_t json_len;
    const char *text = rhai_as_text(&json, &json_len);
    size_t len = HEADER_BYTES + CRYPT_SEALED_BYTES(json_len);
    uint8_t *bytes = len <= STORE_FILE_MAX_BYTES ? malloc(len) : NULL;
    if (bytes) {
        memcpy(bytes, magic, sizeof magic);
        memcpy(bytes + sizeof magic, salt, CRYPT_SALT_BYTES);
        crypt_seal(key, text, json_len, bytes + HEADER_BYTES);
    }
    rhai_value_done(engine, &json);
    if (!bytes) return len > STORE_FILE_MAX_BYTES ? -EFBIG : -ENOMEM;
    *ret_bytes = bytes;
    *ret_len = len;
    return 0;
}
