#include "crypt/crypt.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

bool crypt_begin(rhai_call *call) {
    if (sodium_init() >= 0) return true;
    rhai_throw(call, "crypt: the system gives no random numbers");
    return false;
}

bool crypt_key(rhai_call *call, const rhai_value *hex, const char *what, uint8_t *key, size_t len) {
    size_t text_len, got;
    const char *text = rhai_as_text(hex, &text_len);
    const char *end = NULL;
    if (sodium_hex2bin(key, len, text, text_len, NULL, &got, &end) == 0 && got == len &&
        end == text + text_len)
        return true;
    sodium_memzero(key, len);
    rhai_throw(call, "crypt: %s must be %zu hexadecimal digits", what, 2 * len);
    return false;
}

bool crypt_derive_key(rhai_call *call, const rhai_value *password,
                      const uint8_t salt[CRYPT_SALT_BYTES], uint8_t key[CRYPT_KEY_BYTES]) {
    size_t len;
    const char *text = rhai_as_text(password, &len);
    if (crypto_pwhash(key, CRYPT_KEY_BYTES, text, len, salt, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                      crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return true;
    rhai_throw_out_of_memory(call);
    return false;
}

void crypt_seal(const uint8_t key[CRYPT_KEY_BYTES], const void *plain, size_t len, uint8_t *out) {
    randombytes_buf(out, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_BYTES, NULL, plain, len, NULL, 0, NULL,
                                               out, key);
}

bool crypt_open(const uint8_t key[CRYPT_KEY_BYTES], const uint8_t *sealed, size_t len,
                uint8_t *plain, size_t *ret_len) {
    if (len < NONCE_BYTES + TAG_BYTES) return false;
    *ret_len = len - NONCE_BYTES - TAG_BYTES;
    return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed + NONCE_BYTES,
                                                      len - NONCE_BYTES, NULL, 0, sealed,
                                                      key) == 0;
}

rhai_status crypt_give_base64(rhai_call *call, const uint8_t *bytes, size_t len, rhai_value *ret) {
    size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);
    if (text) sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return text_take(call, text, size - 1, ret);
}

uint8_t *crypt_take_base64(rhai_call *call, const rhai_value *text, size_t *ret_len) {
    size_t len;
    const char *base64 = rhai_as_text(text, &len), *end;
    uint8_t *bytes = malloc(len + 1);
    if (!bytes) {
        rhai_throw_out_of_memory(call);
        return NULL;
    }
    if (sodium_base642bin(bytes, len, base64, len, " \t\r\n", ret_len, &end,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        end == base64 + len)
        return bytes;
    free(bytes);
    rhai_throw(call, "crypt: what is to be decrypted is not base64");
    return NULL;
}

rhai_status crypt_give_plain(rhai_call *call, uint8_t *plain, size_t len, bool as_text,
                             rhai_value *ret) {
    rhai_status status = as_text ? text_value(call, (const char *)plain, len, ret)
                                 : rhai_from_blob(rhai_call_engine(call), plain, len, ret);
    sodium_memzero(plain, len);
    free(plain);
    if (!as_text && status != RHAI_OK) return rhai_throw_out_of_memory(call);
    return status;
}
