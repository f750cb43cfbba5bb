/* store_file.h - the file of a key store: magic, salt, then the JSON of all entries sealed with the
 * key that the password and the salt give.
 */
#ifndef HEROLIB_CRYPT_STORE_FILE_H
#define HEROLIB_CRYPT_STORE_FILE_H

#include "crypt/crypt.h"

#define STORE_FILE_MAX_BYTES (16 * 1024 * 1024)

/* False: it is no file of a key store. */
bool store_file_salt(const uint8_t *bytes, size_t len, uint8_t ret_salt[CRYPT_SALT_BYTES]);

enum store_file_result {
    STORE_FILE_READ,
    STORE_FILE_SEALED, /* with another key, or it has been changed */
    STORE_FILE_WRONG,  /* what is in it are no entries */
    STORE_FILE_NO_MEMORY,
};

/* The entries, a map of texts, of a file for which store_file_salt was true. */
enum store_file_result store_file_read(rhai_engine *engine, const uint8_t key[CRYPT_KEY_BYTES],
                                       const uint8_t *bytes, size_t len, rhai_value *ret_entries);

/* The whole file, from malloc. 0, -ENOMEM or -EFBIG. */
int store_file_make(rhai_engine *engine, const uint8_t key[CRYPT_KEY_BYTES],
                    const uint8_t salt[CRYPT_SALT_BYTES], const rhai_value *entries,
                    uint8_t **ret_bytes, size_t *ret_len);

#endif
