/* symmetric.c - one key, or a password, for both directions; stored passwords; random bytes.
 *
 * Encrypted with a key: base64 of nonce, cipher text, tag. With a password the salt comes first.
 */
#include "core/module.h"
#include "core/text.h"
#include "crypt/crypt.h"

#include <stdlib.h>
#include <string.h>

#define RANDOM_MAX_BYTES (16 * 1024 * 1024)

static rhai_status crypt_generate_key(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    if (!crypt_begin(call)) return RHAI_ERROR;
    uint8_t key[CRYPT_KEY_BYTES];
    char text[2 * sizeof key + 1];
    randombytes_buf(key, sizeof key);
    sodium_bin2hex(text, sizeof text, key, sizeof key);
    rhai_status status = text_value(call, text, 2 * sizeof key, ret);
    sodium_memzero(key, sizeof key);
    sodium_memzero(text, sizeof text);
    return status;
}

/* `salt` NULL: none in front. */
static rhai_status encrypt(rhai_call *call, const rhai_value *plain, const uint8_t *salt,
                           const uint8_t *key, rhai_value *ret) {
    struct bytes bytes = value_bytes(plain);
    size_t salt_len = salt ? CRYPT_SALT_BYTES : 0, len = salt_len + CRYPT_SEALED_BYTES(bytes.len);
    uint8_t *sealed = malloc(len);
    if (!sealed) return rhai_throw_out_of_memory(call);
    if (salt) memcpy(sealed, salt, salt_len);
    crypt_seal(key, bytes.data, bytes.len, sealed + salt_len);
    rhai_status status = crypt_give_base64(call, sealed, len, ret);
    free(sealed);
    return status;
}

static rhai_status crypt_encrypt(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t key[CRYPT_KEY_BYTES];
    if (!crypt_begin(call) || !crypt_key(call, &args[1], "the key", key, sizeof key))
        return RHAI_ERROR;
    rhai_status status = encrypt(call, &args[0], NULL, key, ret);
    sodium_memzero(key, sizeof key);
    return status;
}

static rhai_status crypt_encrypt_with_password(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t key[CRYPT_KEY_BYTES], salt[CRYPT_SALT_BYTES];
    if (!crypt_begin(call)) return RHAI_ERROR;
    randombytes_buf(salt, sizeof salt);
    if (!crypt_derive_key(call, &args[1], salt, key)) return RHAI_ERROR;
    rhai_status status = encrypt(call, &args[0], salt, key, ret);
    sodium_memzero(key, sizeof key);
    return status;
}

static rhai_status decrypt(rhai_call *call, rhai_value *args, bool has_password, bool as_text,
                           rhai_value *ret) {
    uint8_t key[CRYPT_KEY_BYTES], *sealed = NULL, *plain = NULL;
    size_t len, plain_len, salt_len = has_password ? CRYPT_SALT_BYTES : 0;
    if (!crypt_begin(call) || !(sealed = crypt_take_base64(call, &args[0], &len)))
        return RHAI_ERROR;
    bool has_key = true, is_open = false;
    if (!has_password)
        has_key = crypt_key(call, &args[1], "the key", key, sizeof key);
    else if (len >= salt_len)
        has_key = crypt_derive_key(call, &args[1], sealed, key);
    if (has_key && len >= salt_len && (plain = malloc(len + 1)))
        is_open = crypt_open(key, sealed + salt_len, len - salt_len, plain, &plain_len);
    sodium_memzero(key, sizeof key);
    free(sealed);
    if (!has_key) return RHAI_ERROR;
    if (is_open) return crypt_give_plain(call, plain, plain_len, as_text, ret);
    free(plain);
    return rhai_throw(call, "crypt: cannot decrypt: another %s, or the text has been changed",
                      has_password ? "password" : "key");
}

static rhai_status crypt_decrypt(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decrypt(call, args, false, true, ret);
}
static rhai_status crypt_decrypt_blob(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decrypt(call, args, false, false, ret);
}
static rhai_status crypt_decrypt_with_password(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decrypt(call, args, true, true, ret);
}
static rhai_status crypt_decrypt_with_password_blob(rhai_call *call, rhai_value *args,
                                                    rhai_value *ret) {
    return decrypt(call, args, true, false, ret);
}

/* ---- Stored passwords -------------------------------------------------------------------- */

static rhai_status crypt_password_hash(rhai_call *call, rhai_value *args, rhai_value *ret) {
    char hash[crypto_pwhash_STRBYTES];
    size_t len;
    const char *password = rhai_as_text(&args[0], &len);
    if (!crypt_begin(call)) return RHAI_ERROR;
    if (crypto_pwhash_str(hash, password, len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return rhai_throw_out_of_memory(call);
    return text_value(call, hash, strlen(hash), ret);
}

static rhai_status crypt_password_verify(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len;
    const char *password = rhai_as_text(&args[0], &len);
    const char *hash = text_argument(call, &args[1], "crypt: the hash");
    if (!hash || !crypt_begin(call)) return RHAI_ERROR;
    *ret = rhai_from_bool(crypto_pwhash_str_verify(hash, password, len) == 0);
    return RHAI_OK;
}

/* ---- Random bytes ------------------------------------------------------------------------ */

static uint8_t *random_bytes(rhai_call *call, const rhai_value *count) {
    int64_t len = rhai_as_int(count);
    if (len < 0 || len > RANDOM_MAX_BYTES) {
        rhai_throw(call, "crypt: the number of bytes must be 0 to %d", RANDOM_MAX_BYTES);
        return NULL;
    }
    if (!crypt_begin(call)) return NULL;
    uint8_t *bytes = malloc((size_t)len + 1);
    if (bytes)
        randombytes_buf(bytes, (size_t)len);
    else
        rhai_throw_out_of_memory(call);
    return bytes;
}

static rhai_status crypt_random_bytes(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t *bytes = random_bytes(call, &args[0]);
    return bytes ? value_take_blob(call, bytes, (size_t)rhai_as_int(&args[0]), ret) : RHAI_ERROR;
}

static rhai_status crypt_random_hex(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t *bytes = random_bytes(call, &args[0]);
    if (!bytes) return RHAI_ERROR;
    size_t len = (size_t)rhai_as_int(&args[0]);
    char *text = malloc(2 * len + 1);
    if (text) sodium_bin2hex(text, 2 * len + 1, bytes, len);
    free(bytes);
    return text_take(call, text, 2 * len, ret);
}

#define ENCRYPT_DOC                                                                                \
    "Encrypts with a key of generate_key (XChaCha20-Poly1305). The result is base64, and another one "  \
    "each time."
#define PASSWORD_DOC                                                                               \
    "Encrypts with a password (Argon2id, XChaCha20-Poly1305). The result is base64. It takes 64 MiB "   \
    "and some tenths of a second."

static const rhai_native functions[] = {
    {"generate_key", "", crypt_generate_key, RHAI_FN_VOLATILE, "generate_key() -> string",
     "A new key for encrypt and decrypt: 64 hexadecimal digits."},
    {"encrypt", "ss", crypt_encrypt, RHAI_FN_VOLATILE,
     "encrypt(plain: string, key_hex: string) -> string", ENCRYPT_DOC},
    {"encrypt", "ls", crypt_encrypt, RHAI_FN_VOLATILE,
     "encrypt(plain: blob, key_hex: string) -> string", ENCRYPT_DOC},
    {"decrypt", "ss", crypt_decrypt, 0, "decrypt(encrypted: string, key_hex: string) -> string",
     "The text that encrypt encrypted. Another key, or a changed text, is an error."},
    {"decrypt_blob", "ss", crypt_decrypt_blob, 0,
     "decrypt_blob(encrypted: string, key_hex: string) -> blob",
     "The bytes that encrypt encrypted."},
    {"encrypt_with_password", "ss", crypt_encrypt_with_password, RHAI_FN_VOLATILE,
     "encrypt_with_password(plain: string, password: string) -> string", PASSWORD_DOC},
    {"encrypt_with_password", "ls", crypt_encrypt_with_password, RHAI_FN_VOLATILE,
     "encrypt_with_password(plain: blob, password: string) -> string", PASSWORD_DOC},
    {"decrypt_with_password", "ss", crypt_decrypt_with_password, RHAI_FN_VOLATILE,
     "decrypt_with_password(encrypted: string, password: string) -> string",
     "The text that encrypt_with_password encrypted."},
    {"decrypt_with_password_blob", "ss", crypt_decrypt_with_password_blob, RHAI_FN_VOLATILE,
     "decrypt_with_password_blob(encrypted: string, password: string) -> blob",
     "The bytes that encrypt_with_password encrypted."},
    {"password_hash", "s", crypt_password_hash, RHAI_FN_VOLATILE,
     "password_hash(password: string) -> string",
     "What to store of a password: its Argon2id hash with salt and costs, another one each time."},
    {"password_verify", "ss", crypt_password_verify, RHAI_FN_VOLATILE,
     "password_verify(password: string, hash: string) -> bool",
     "Whether a password is the one that was hashed; false for a hash that is none."},
    {"random_bytes", "i", crypt_random_bytes, RHAI_FN_VOLATILE, "random_bytes(count: int) -> blob",
     "Random bytes fit for keys, from the system."},
    {"random_hex", "i", crypt_random_hex, RHAI_FN_VOLATILE, "random_hex(count: int) -> string",
     "So many random bytes as hexadecimal digits, two for each."},
};

const herolib_module herolib_crypt_symmetric_module = {
    .name = "crypt",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
