#include "hero_rpc/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Cuts a message that filled its buffer in front of a UTF-8 character that did not fit whole. */
static void cut_at_character(char *text, size_t len) {
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (len - (start - 1) < want) text[start - 1] = '\0';
}

void rpc_error_vset(struct rpc_error *err, enum rpc_error_kind kind, int code, const char *format,
                    va_list args) {
    if (!err) return;
    /* The arguments may point into the old message. */
    char message[sizeof err->message];
    int n = vsnprintf(message, sizeof message, format, args);
    if (n < 0) message[0] = '\0';
    if (n >= (int)sizeof message) cut_at_character(message, sizeof message - 1);
    rpc_error_clear(err);
    err->kind = kind;
    err->code = code;
    memcpy(err->message, message, sizeof message);
}

void rpc_error_set(struct rpc_error *err, enum rpc_error_kind kind, int code, const char *format,
                   ...) {
    va_list args;
    va_start(args, format);
    rpc_error_vset(err, kind, code, format, args);
    va_end(args);
}

void rpc_error_set_errno(struct rpc_error *err, const char *format, ...) {
    int code = errno;
    if (!err) return;
    char what[sizeof err->message];
    va_list args;
    va_start(args, format);
    if (vsnprintf(what, sizeof what, format, args) < 0) what[0] = '\0';
    va_end(args);
    rpc_error_set(err, RPC_ERROR_SYSTEM, code, "%s: %s", what, strerror(code));
    errno = code;
}

void rpc_error_clear(struct rpc_error *err) {
    if (!err) return;
    json_decref(err->data);
    memset(err, 0, sizeof *err);
}
