/*
 * The error of this library: what kind of failure, a number, and one sentence for a person.
 *
 * A fallible function takes a `struct rpc_error *` last and returns -1 or NULL when it failed.
 * The pointer may be NULL when only the outcome matters. Nothing is written on success, so
 * a caller starts from `struct rpc_error err = {0};` and reads it only after a failure.
 */
#ifndef HERO_RPC_ERROR_H
#define HERO_RPC_ERROR_H

#include <jansson.h>
#include <stdarg.h>

enum rpc_error_kind {
    RPC_ERROR_NONE = 0,
    RPC_ERROR_SYSTEM,      /* a system call failed; code is errno */
    RPC_ERROR_INVALID,     /* the arguments or the environment are wrong; code is 0 */
    RPC_ERROR_IN_USE,      /* somebody else owns the socket; code is their pid, 0 if unknown */
    RPC_ERROR_UNREACHABLE, /* no server answers at that address; code is errno, 0 if unknown */
    RPC_ERROR_TIMEOUT,     /* connected, but the answer did not come in time */
    RPC_ERROR_INTERRUPTED, /* the stop descriptor became readable */
    RPC_ERROR_HTTP,        /* an HTTP status other than 2xx; code is the status */
    RPC_ERROR_PROTOCOL,    /* the peer's bytes are not what the protocol allows */
    RPC_ERROR_RPC,         /* a JSON-RPC error object; code, message and data are its members */
};

struct rpc_error {
    enum rpc_error_kind kind;
    int code;
    char message[512]; /* no newline at the end; cut at a character when too long */
    json_t *data;      /* owned; only ever set for RPC_ERROR_RPC, NULL when the peer sent none */
};

/* Fills *err (nothing when NULL). A previous content is released. */
void rpc_error_set(struct rpc_error *err, enum rpc_error_kind kind, int code, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
void rpc_error_vset(struct rpc_error *err, enum rpc_error_kind kind, int code, const char *format,
                    va_list args) __attribute__((format(printf, 4, 0)));

/* RPC_ERROR_SYSTEM with the current errno; ": <errno text>" is appended to the message. */
void rpc_error_set_errno(struct rpc_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Releases data and sets everything to zero, so that the error can be used again. */
void rpc_error_clear(struct rpc_error *err);

#endif
