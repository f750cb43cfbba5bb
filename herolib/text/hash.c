/* hash.c - fingerprints of text, bytes and files. */
#include "core/module.h"
#include "core/text.h"
#include "core/native.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define FILE_PIECE_BYTES 65536

/* One running hash, of any kind. */
union hash_state {
    crypto_hash_sha256_state sha256;
    crypto_hash_sha512_state sha512;
    crypto_generichash_state blake2b;
};

struct hash_kind {
    const char *name;
    size_t bytes;
    void (*begin)(union hash_state *state);
    void (*add)(union hash_state *state, const uint8_t *data, size_t len);
    void (*end)(union hash_state *state, uint8_t *out);
};

static void sha256_begin(union hash_state *state) {
    crypto_hash_sha256_init(&state->sha256);
}
static void sha256_add(union hash_state *state, const uint8_t *data, size_t len) {
    crypto_hash_sha256_update(&state->sha256, data, len);
}
static void sha256_end(union hash_state *state, uint8_t *out) {
    crypto_hash_sha256_final(&state->sha256, out);
}
static void sha512_begin(union hash_state *state) {
    crypto_hash_sha512_init(&state->sha512);
}
static void sha512_add(union hash_state *state, const uint8_t *data, size_t len) {
    crypto_hash_sha512_update(&state->sha512, data, len);
}
static void sha512_end(union hash_state *state, uint8_t *out) {
    crypto_hash_sha512_final(&state->sha512, out);
}
static void blake2b_begin(union hash_state *state) {
    crypto_generichash_init(&state->blake2b, NULL, 0, crypto_generichash_BYTES);
}
static void blake2b_add(union hash_state *state, const uint8_t *data, size_t len) {
    crypto_generichash_update(&state->blake2b, data, len);
}
static void blake2b_end(union hash_state *state, uint8_t *out) {
    crypto_generichash_final(&state->blake2b, out, crypto_generichash_BYTES);
}

static const struct hash_kind sha256 = {"sha256", crypto_hash_sha256_BYTES, sha256_begin,
                                        sha256_add, sha256_end};
static const struct hash_kind sha512 = {"sha512", crypto_hash_sha512_BYTES, sha512_begin,
                                        sha512_add, sha512_end};
static const struct hash_kind blake2b = {"blake2b", crypto_generichash_BYTES, blake2b_begin,
                                         blake2b_add, blake2b_end};

static rhai_status give_digest(rhai_call *call, const struct hash_kind *kind,
                               union hash_state *state, rhai_value *ret) {
    uint8_t digest[crypto_hash_sha512_BYTES];
    char text[2 * sizeof digest + 1];
    kind->end(state, digest);
    sodium_bin2hex(text, sizeof text, digest, kind->bytes);
    return text_value(call, text, 2 * kind->bytes, ret);
}

static rhai_status hash_value(rhai_call *call, const struct hash_kind *kind, const rhai_value *value,
                              rhai_value *ret) {
    struct bytes bytes = value_bytes(value);
    union hash_state state;
    kind->begin(&state);
    kind->add(&state, bytes.data, bytes.len);
    return give_digest(call, kind, &state, ret);
}

/* 0, -ECANCELED when the session must stop, or -errno. */
static int add_file(herolib_session *session, const struct hash_kind *kind, const char *path,
                    union hash_state *state) {
    uint8_t piece[FILE_PIECE_BYTES];
    ssize_t got = -1;
    int failed = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return -errno;
    while (!failed && (got = read(fd, piece, sizeof piece)) != 0) {
        if (got > 0)
            kind->add(state, piece, (size_t)got);
        else if (errno != EINTR)
            failed = -errno;
        if (!failed) failed = herolib_wait(session, NULL, 0, 0);
    }
    close(fd);
    return failed;
}

static rhai_status hash_file(rhai_call *call, const struct hash_kind *kind, const rhai_value *value,
                             rhai_value *ret) {
    const char *path = text_argument(call, value, "text: the path");
    if (!path) return RHAI_ERROR;
    union hash_state state;
    kind->begin(&state);
    int failed = add_file(herolib_call_session(call), kind, path, &state);
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed) return rhai_throw(call, "text: %s of %s: %s", kind->name, path, strerror(-failed));
    return give_digest(call, kind, &state, ret);
}

#define HASH_FUNCTIONS(kind)                                                                       \
    static rhai_status text_##kind(rhai_call *call, rhai_value *args, rhai_value *ret) {           \
        return hash_value(call, &kind, &args[0], ret);                                             \
    }                                                                                              \
    static rhai_status text_##kind##_file(rhai_call *call, rhai_value *args, rhai_value *ret) {    \
        return hash_file(call, &kind, &args[0], ret);                                              \
    }
HASH_FUNCTIONS(sha256)
HASH_FUNCTIONS(sha512)
HASH_FUNCTIONS(blake2b)

#define HASH_ROWS(kind, what)                                                                      \
    {#kind, "s", text_##kind, 0, #kind "(data: string) -> string",                                 \
     "The " what " of a text, as hexadecimal digits."},                                            \
        {#kind, "l", text_##kind, 0, #kind "(data: blob) -> string",                               \
         "The " what " of bytes, as hexadecimal digits."},                                         \
        {#kind "_file", "s", text_##kind##_file, RHAI_FN_VOLATILE,                                 \
         #kind "_file(path: string) -> string",                                                    \
         "The " what " of a file's contents, as hexadecimal digits."}

static const rhai_native functions[] = {
    HASH_ROWS(sha256, "SHA-256"),
    HASH_ROWS(sha512, "SHA-512"),
    HASH_ROWS(blake2b, "BLAKE2b (256 bit)"),
};

const herolib_module herolib_text_hash_module = {
    .name = "text",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
