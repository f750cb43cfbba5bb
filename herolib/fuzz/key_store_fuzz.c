/* The file of a key store: bytes as the file, which no key opens; and bytes as what is sealed in
 * it, where what is read can be written and read again. */
#include "crypt/store_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[CRYPT_KEY_BYTES] = "a key that the fuzzer has not";
static const uint8_t salt[CRYPT_SALT_BYTES] = "salt";

static void open_file(rhai_engine *engine, const uint8_t *data, size_t size) {
    uint8_t its_salt[CRYPT_SALT_BYTES];
    rhai_value entries;
    if (store_file_salt(data, size, its_salt) &&
        store_file_read(engine, key, data, size, &entries) != STORE_FILE_SEALED)
        abort();
}

/* The header of an empty store, with `data` sealed behind it. */
static uint8_t *seal(rhai_engine *engine, const uint8_t *data, size_t size, size_t *ret_len) {
    rhai_value none;
    uint8_t *bytes = NULL;
    size_t len;
    if (rhai_new_map(engine, &none) != RHAI_OK) abort();
    if (store_file_make(engine, key, salt, &none, &bytes, &len) < 0) abort();
    rhai_value_done(engine, &none);
    size_t header_len = len - CRYPT_SEALED_BYTES(strlen("{}"));
    *ret_len = header_len + CRYPT_SEALED_BYTES(size);
    bytes = realloc(bytes, *ret_len);
    if (!bytes) abort();
    crypt_seal(key, data, size, bytes + header_len);
    return bytes;
}

static void open_contents(rhai_engine *engine, const uint8_t *data, size_t size) {
    rhai_value entries, again;
    size_t len;
    uint8_t *bytes = seal(engine, data, size, &len);
    if (store_file_read(engine, key, bytes, len, &entries) == STORE_FILE_READ) {
        uint8_t *made = NULL;
        size_t made_len;
        if (store_file_make(engine, key, salt, &entries, &made, &made_len) < 0) abort();
        if (store_file_read(engine, key, made, made_len, &again) != STORE_FILE_READ) abort();
        if (rhai_map_len(&again) != rhai_map_len(&entries)) abort();
        rhai_value_done(engine, &again);
        rhai_value_done(engine, &entries);
        free(made);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rhai_engine *engine = rhai_engine_new(NULL);
    if (!engine) abort();
    open_file(engine, data, size);
    open_contents(engine, data, size);
    rhai_engine_free(engine);
    return 0;
}
