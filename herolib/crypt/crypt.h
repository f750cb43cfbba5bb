/* crypt.h - what the files of crypt share. Everything is libsodium's; keys are hexadecimal in scripts
 * and wiped from our own memory after use.
 *
 * The functions that return a bool have thrown when it is false.
 */
#ifndef HEROLIB_CRYPT_CRYPT_H
#define HEROLIB_CRYPT_CRYPT_H

#include "core/native.h"

#include <sodium.h>
#include <stdbool.h>

#define CRYPT_KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define CRYPT_SALT_BYTES crypto_pwhash_SALTBYTES

/* Before the first use of libsodium by a function. Nothing of it survives that a fork could share:
 * random bytes come from getrandom(2) each time. */
bool crypt_begin(rhai_call *call);

/* A key of just so many bytes from its hexadecimal digits; `what` names it in the error. */
bool crypt_key(rhai_call *call, const rhai_value *hex, const char *what, uint8_t *key, size_t len);

/* A key from a password: Argon2id with the costs of OPSLIMIT_INTERACTIVE and MEMLIMIT_INTERACTIVE
 * (64 MiB, some tenths of a second). */
bool crypt_derive_key(rhai_call *call, const rhai_value *password,
                      const uint8_t salt[CRYPT_SALT_BYTES], uint8_t key[CRYPT_KEY_BYTES]);

/* XChaCha20-Poly1305: nonce, then cipher text with its tag; CRYPT_SEALED_BYTES(len) in all. */
#define CRYPT_SEALED_BYTES(len)                                                                    \
    (crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + (len) + crypto_aead_xchacha20poly1305_ietf_ABYTES)
void crypt_seal(const uint8_t key[CRYPT_KEY_BYTES], const void *plain, size_t len, uint8_t *out);
/* False, without an error thrown: another key, or changed. `plain` has room for len bytes. */
bool crypt_open(const uint8_t key[CRYPT_KEY_BYTES], const uint8_t *sealed, size_t len,
                uint8_t *plain, size_t *ret_len);

/* The bytes as base64. */
rhai_status crypt_give_base64(rhai_call *call, const uint8_t *bytes, size_t len, rhai_value *ret);
/* The bytes that base64 stands for, from malloc; NULL after an error. */
uint8_t *crypt_take_base64(rhai_call *call, const rhai_value *text, size_t *ret_len);
/* Plain text from malloc, which is wiped and freed, as a string or as a blob. */
rhai_status crypt_give_plain(rhai_call *call, uint8_t *plain, size_t len, bool as_text,
                             rhai_value *ret);

#endif
