/* files.c - whole files under a password, of any size (libsodium's secretstream).
 *
 * The encrypted file: magic, salt, header of the stream, then the pieces, each with a tag; the last
 * one is marked, so that a file that was cut is noticed. The result appears only when it is whole.
 */
#include "core/module.h"
#include "core/text.h"
#include "crypt/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536
#define STREAM_HEADER_BYTES crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define STREAM_TAG_BYTES crypto_secretstream_xchacha20poly1305_ABYTES
#define TAG_FINAL crypto_secretstream_xchacha20poly1305_TAG_FINAL

static const char magic[8] = "HEROENC1";

struct job {
    rhai_call *call;
    const char *from, *to;
    char *partial; /* the name of the result until it is whole */
    FILE *in, *out;
    crypto_secretstream_xchacha20poly1305_state stream;
    uint8_t plain[PIECE_BYTES];
    uint8_t sealed[PIECE_BYTES + STREAM_TAG_BYTES];
};

static rhai_status throw_errno(const struct job *job, const char *path) {
    return rhai_throw(job->call, "crypt: %s: %s", path, strerror(errno));
}

static rhai_status throw_wrong(const struct job *job) {
    return rhai_throw(job->call, "crypt: %s: another password, or the file has been changed",
                      job->from);
}

static rhai_status put(struct job *job, const void *bytes, size_t len) {
    if (fwrite(bytes, 1, len, job->out) == len) return RHAI_OK;
    return throw_errno(job, job->to);
}

/* Whether another piece follows; the stream marks its last one. */
static bool is_at_end(FILE *file) {
    int c = getc(file);
    if (c != EOF) ungetc(c, file);
    return c == EOF;
}

static rhai_status heed_stop(struct job *job) {
    int failed = herolib_wait(herolib_call_session(job->call), NULL, 0, 0);
    return failed == -ECANCELED ? rhai_throw_terminated(job->call) : RHAI_OK;
}

static rhai_status encrypt(struct job *job, const rhai_value *password) {
    uint8_t salt[CRYPT_SALT_BYTES], key[CRYPT_KEY_BYTES], header[STREAM_HEADER_BYTES];
    randombytes_buf(salt, sizeof salt);
    if (!crypt_derive_key(job->call, password, salt, key)) return RHAI_ERROR;
    crypto_secretstream_xchacha20poly1305_init_push(&job->stream, header, key);
    sodium_memzero(key, sizeof key);
    if (put(job, magic, sizeof magic) != RHAI_OK || put(job, salt, sizeof salt) != RHAI_OK ||
        put(job, header, sizeof header) != RHAI_OK)
        return RHAI_ERROR;
    for (bool is_last = false; !is_last;) {
        size_t len = fread(job->plain, 1, sizeof job->plain, job->in);
        is_last = is_at_end(job->in);
        if (ferror(job->in)) return throw_errno(job, job->from);
        crypto_secretstream_xchacha20poly1305_push(&job->stream, job->sealed, NULL, job->plain, len,
                                                   NULL, 0, is_last ? TAG_FINAL : 0);
        if (put(job, job->sealed, len + STREAM_TAG_BYTES) != RHAI_OK || heed_stop(job) != RHAI_OK)
            return RHAI_ERROR;
    }
    return RHAI_OK;
}

static rhai_status decrypt(struct job *job, const rhai_value *password) {
    uint8_t front[sizeof magic + CRYPT_SALT_BYTES + STREAM_HEADER_BYTES], key[CRYPT_KEY_BYTES];
    if (fread(front, 1, sizeof front, job->in) != sizeof front ||
        memcmp(front, magic, sizeof magic) != 0)
        return rhai_throw(job->call, "crypt: %s was not made by encrypt_file", job->from);
    if (!crypt_derive_key(job->call, password, front + sizeof magic, key)) return RHAI_ERROR;
    int failed = crypto_secretstream_xchacha20poly1305_init_pull(
        &job->stream, front + sizeof magic + CRYPT_SALT_BYTES, key);
    sodium_memzero(key, sizeof key);
    if (failed) return throw_wrong(job);
    for (bool is_last = false; !is_last;) {
        size_t len = fread(job->sealed, 1, sizeof job->sealed, job->in);
        if (ferror(job->in)) return throw_errno(job, job->from);
        is_last = is_at_end(job->in);
        uint8_t tag;
        if (crypto_secretstream_xchacha20poly1305_pull(&job->stream, job->plain, NULL, &tag,
                                                       job->sealed, len, NULL, 0) != 0 ||
            (tag == TAG_FINAL) != is_last)
            return throw_wrong(job);
        if (put(job, job->plain, len - STREAM_TAG_BYTES) != RHAI_OK || heed_stop(job) != RHAI_OK)
            return RHAI_ERROR;
    }
    return RHAI_OK;
}

/* The result is for its owner only, also when it is plain: it was worth encrypting. */
static rhai_status open_files(struct job *job) {
    job->in = fopen(job->from, "rbe");
    if (!job->in) return throw_errno(job, job->from);
    if (asprintf(&job->partial, "%s.XXXXXX", job->to) < 0) {
        job->partial = NULL;
        return rhai_throw_out_of_memory(job->call);
    }
    int fd = mkostemp(job->partial, O_CLOEXEC);
    if (fd < 0) {
        free(job->partial);
        job->partial = NULL;
        return throw_errno(job, job->to);
    }
    job->out = fdopen(fd, "wb");
    if (job->out) return RHAI_OK;
    close(fd);
    return rhai_throw_out_of_memory(job->call);
}

static rhai_status finish(struct job *job) {
    int failed = fflush(job->out) != 0 || fsync(fileno(job->out)) < 0 ||
                 rename(job->partial, job->to) < 0;
    if (failed) return throw_errno(job, job->to);
    free(job->partial);
    job->partial = NULL;
    return RHAI_OK;
}

static void job_free(struct job *job) {
    if (job->in) fclose(job->in);
    if (job->out) fclose(job->out);
    if (job->partial) unlink(job->partial);
    free(job->partial);
    sodium_memzero(job, sizeof *job);
    free(job);
}

static rhai_status run(rhai_call *call, rhai_value *args,
                       rhai_status (*work)(struct job *job, const rhai_value *password)) {
    const char *from = text_argument(call, &args[0], "crypt: the path");
    const char *to = from ? text_argument(call, &args[1], "crypt: the path") : NULL;
    if (!to || !crypt_begin(call)) return RHAI_ERROR;
    struct job *job = calloc(1, sizeof *job);
    if (!job) return rhai_throw_out_of_memory(call);
    job->call = call;
    job->from = from;
    job->to = to;
    rhai_status status = open_files(job);
    if (status == RHAI_OK) status = work(job, &args[2]);
    if (status == RHAI_OK) status = finish(job);
    job_free(job);
    return status;
}

static rhai_status crypt_encrypt_file(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return run(call, args, encrypt);
}

static rhai_status crypt_decrypt_file(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return run(call, args, decrypt);
}

static const rhai_native functions[] = {
    {"encrypt_file", "sss", crypt_encrypt_file, RHAI_FN_VOLATILE,
     "encrypt_file(from: string, to: string, password: string)",
     "Writes a file encrypted under a password. Files may have any size, and may be the same."},
    {"decrypt_file", "sss", crypt_decrypt_file, RHAI_FN_VOLATILE,
     "decrypt_file(from: string, to: string, password: string)",
     "Writes the file that encrypt_file encrypted; only its owner may read the result. Nothing is "
     "written with another password, or when a single byte of the file has been changed."},
};

const herolib_module herolib_crypt_files_module = {
    .name = "crypt",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
