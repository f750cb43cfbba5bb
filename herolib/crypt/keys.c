/* keys.c - key pairs: signatures (Ed25519) and messages to the holder of a key (X25519 sealed boxes).
 *
 * A private key is what libsodium calls the seed of a signing key, and the secret key of an encryption
 * key: 32 bytes each, as in other implementations of Ed25519 and X25519.
 */
#include "core/module.h"
#include "core/text.h"
#include "crypt/crypt.h"

#include <stdlib.h>

#define PUBLIC_BYTES 32
#define PRIVATE_BYTES 32
_Static_assert(crypto_sign_PUBLICKEYBYTES == PUBLIC_BYTES && crypto_box_PUBLICKEYBYTES == PUBLIC_BYTES,
               "both kinds of public keys have one size");
_Static_assert(crypto_sign_SEEDBYTES == PRIVATE_BYTES && crypto_box_SECRETKEYBYTES == PRIVATE_BYTES,
               "both kinds of private keys have one size");

static rhai_status give_hex(rhai_call *call, const uint8_t *bytes, size_t len, rhai_value *ret) {
    char text[2 * crypto_sign_BYTES + 1];
    sodium_bin2hex(text, sizeof text, bytes, len);
    rhai_status status = text_value(call, text, 2 * len, ret);
    sodium_memzero(text, sizeof text);
    return status;
}

static rhai_status put_hex(rhai_call *call, rhai_value *map, const char *name,
                           const uint8_t key[PUBLIC_BYTES]) {
    rhai_value text;
    if (give_hex(call, key, PUBLIC_BYTES, &text) != RHAI_OK) return RHAI_ERROR;
    return value_put(call, map, name, &text);
}

static rhai_status crypt_generate_keypair(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    if (!crypt_begin(call)) return RHAI_ERROR;
    uint8_t seed[PRIVATE_BYTES], secret[crypto_sign_SECRETKEYBYTES], public[PUBLIC_BYTES];
    uint8_t box_secret[PRIVATE_BYTES], box_public[PUBLIC_BYTES];
    randombytes_buf(seed, sizeof seed);
    crypto_sign_seed_keypair(public, secret, seed);
    crypto_box_keypair(box_public, box_secret);

    rhai_status status = rhai_new_map(rhai_call_engine(call), ret) == RHAI_OK
                             ? RHAI_OK
                             : rhai_throw_out_of_memory(call);
    if (status == RHAI_OK) status = put_hex(call, ret, "public_key_hex", public);
    if (status == RHAI_OK) status = put_hex(call, ret, "private_key_hex", seed);
    if (status == RHAI_OK) status = put_hex(call, ret, "encryption_public_key_hex", box_public);
    if (status == RHAI_OK) status = put_hex(call, ret, "encryption_private_key_hex", box_secret);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(box_secret, sizeof box_secret);
    if (status != RHAI_OK) rhai_value_done(rhai_call_engine(call), ret);
    return status;
}

static rhai_status crypt_public_key(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t seed[PRIVATE_BYTES], secret[crypto_sign_SECRETKEYBYTES], public[PUBLIC_BYTES];
    if (!crypt_begin(call) || !crypt_key(call, &args[0], "the private key", seed, sizeof seed))
        return RHAI_ERROR;
    crypto_sign_seed_keypair(public, secret, seed);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return give_hex(call, public, sizeof public, ret);
}

static rhai_status crypt_encryption_public_key(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t secret[PRIVATE_BYTES], public[PUBLIC_BYTES];
    if (!crypt_begin(call) || !crypt_key(call, &args[0], "the private key", secret, sizeof secret))
        return RHAI_ERROR;
    crypto_scalarmult_base(public, secret);
    sodium_memzero(secret, sizeof secret);
    return give_hex(call, public, sizeof public, ret);
}

/* ---- Signatures -------------------------------------------------------------------------- */

static rhai_status crypt_sign(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t seed[PRIVATE_BYTES], secret[crypto_sign_SECRETKEYBYTES], public[PUBLIC_BYTES];
    uint8_t signature[crypto_sign_BYTES];
    if (!crypt_begin(call) || !crypt_key(call, &args[1], "the private key", seed, sizeof seed))
        return RHAI_ERROR;
    struct bytes message = value_bytes(&args[0]);
    crypto_sign_seed_keypair(public, secret, seed);
    crypto_sign_detached(signature, NULL, message.data, message.len, secret);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return give_hex(call, signature, sizeof signature, ret);
}

static rhai_status crypt_verify(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t public[PUBLIC_BYTES], signature[crypto_sign_BYTES];
    if (!crypt_begin(call) ||
        !crypt_key(call, &args[1], "the signature", signature, sizeof signature) ||
        !crypt_key(call, &args[2], "the public key", public, sizeof public))
        return RHAI_ERROR;
    struct bytes message = value_bytes(&args[0]);
    *ret = rhai_from_bool(
        crypto_sign_verify_detached(signature, message.data, message.len, public) == 0);
    return RHAI_OK;
}

/* ---- Messages ---------------------------------------------------------------------------- */

static rhai_status crypt_encrypt_message(rhai_call *call, rhai_value *args, rhai_value *ret) {
    uint8_t public[PUBLIC_BYTES];
    if (!crypt_begin(call) || !crypt_key(call, &args[1], "the public key", public, sizeof public))
        return RHAI_ERROR;
    struct bytes message = value_bytes(&args[0]);
    uint8_t *sealed = malloc(message.len + crypto_box_SEALBYTES);
    if (!sealed) return rhai_throw_out_of_memory(call);
    /* Fails for a public key of small order, which no key pair has. */
    rhai_status status =
        crypto_box_seal(sealed, message.data, message.len, public) == 0
            ? crypt_give_base64(call, sealed, message.len + crypto_box_SEALBYTES, ret)
            : rhai_throw(call, "crypt: nothing can be encrypted for this public key");
    free(sealed);
    return status;
}

static rhai_status decrypt_message(rhai_call *call, rhai_value *args, bool as_text,
                                   rhai_value *ret) {
    uint8_t secret[PRIVATE_BYTES], public[PUBLIC_BYTES];
    size_t len;
    if (!crypt_begin(call) || !crypt_key(call, &args[1], "the private key", secret, sizeof secret))
        return RHAI_ERROR;
    crypto_scalarmult_base(public, secret);
    uint8_t *sealed = crypt_take_base64(call, &args[0], &len);
    uint8_t *plain = sealed ? malloc(len + 1) : NULL;
    bool is_open = plain && crypto_box_seal_open(plain, sealed, len, public, secret) == 0;
    sodium_memzero(secret, sizeof secret);
    free(sealed);
    if (!sealed) return RHAI_ERROR;
    if (is_open) return crypt_give_plain(call, plain, len - crypto_box_SEALBYTES, as_text, ret);
    if (!plain) return rhai_throw_out_of_memory(call);
    free(plain);
    return rhai_throw(call, "crypt: the message is not for this key, or has been changed");
}

static rhai_status crypt_decrypt_message(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decrypt_message(call, args, true, ret);
}

static rhai_status crypt_decrypt_message_blob(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decrypt_message(call, args, false, ret);
}

#define SIGN_DOC "The Ed25519 signature (128 hexadecimal digits) of a message by a private key."
#define VERIFY_DOC "Whether the signature is of just this message and by the holder of the key."
#define ENCRYPT_DOC                                                                                \
    "Encrypts for the holder of an encryption key; the sender stays unknown. The result is base64."

static const rhai_native functions[] = {
    {"generate_keypair", "", crypt_generate_keypair, RHAI_FN_VOLATILE, "generate_keypair() -> map",
     "New keys: public_key_hex and private_key_hex for signatures (Ed25519), "
     "encryption_public_key_hex and encryption_private_key_hex for messages (X25519)."},
    {"public_key_from_private", "s", crypt_public_key, 0,
     "public_key_from_private(private_key_hex: string) -> string",
     "The public key for signatures that belongs to a private one."},
    {"encryption_public_key_from_private", "s", crypt_encryption_public_key, 0,
     "encryption_public_key_from_private(private_key_hex: string) -> string",
     "The public key for messages that belongs to a private one."},
    {"sign", "ss", crypt_sign, 0, "sign(message: string, private_key_hex: string) -> string",
     SIGN_DOC},
    {"sign", "ls", crypt_sign, 0, "sign(message: blob, private_key_hex: string) -> string",
     SIGN_DOC},
    {"verify", "sss", crypt_verify, 0,
     "verify(message: string, signature_hex: string, public_key_hex: string) -> bool", VERIFY_DOC},
    {"verify", "lss", crypt_verify, 0,
     "verify(message: blob, signature_hex: string, public_key_hex: string) -> bool", VERIFY_DOC},
    {"encrypt_message", "ss", crypt_encrypt_message, RHAI_FN_VOLATILE,
     "encrypt_message(message: string, encryption_public_key_hex: string) -> string", ENCRYPT_DOC},
    {"encrypt_message", "ls", crypt_encrypt_message, RHAI_FN_VOLATILE,
     "encrypt_message(message: blob, encryption_public_key_hex: string) -> string", ENCRYPT_DOC},
    {"decrypt_message", "ss", crypt_decrypt_message, 0,
     "decrypt_message(encrypted: string, encryption_private_key_hex: string) -> string",
     "The text that encrypt_message encrypted for this key."},
    {"decrypt_message_blob", "ss", crypt_decrypt_message_blob, 0,
     "decrypt_message_blob(encrypted: string, encryption_private_key_hex: string) -> blob",
     "The bytes that encrypt_message encrypted for this key."},
};

const herolib_module herolib_crypt_keys_module = {
    .name = "crypt",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
