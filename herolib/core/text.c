#include "core/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

/* U+FFFD in UTF-8. An ill-formed part is one byte at least, so text grows threefold at most. */
static const char replacement[] = "\xEF\xBF\xBD";
#define REPLACEMENT_BYTES 3

/* Writes the UTF-8 form of the bytes to `out`; returns its length. `out` NULL only counts. */
static size_t put_utf8(const uint8_t *in, size_t len, char *out) {
    size_t written = 0;
    while (len > 0) {
        ucs4_t character;
        /* An ill-formed part gives U+FFFD and its length. */
        size_t taken = (size_t)u8_mbtouc(&character, in, len);
        bool is_replaced = character == 0xFFFD;
        size_t given = is_replaced ? REPLACEMENT_BYTES : taken;
        if (out) memcpy(out + written, is_replaced ? replacement : (const char *)in, given);
        written += given;
        in += taken;
        len -= taken;
    }
    return written;
}

static bool is_utf8(const char *bytes, size_t len) {
    return u8_check((const uint8_t *)bytes, len) == NULL;
}

bool text_make_utf8(char **text, size_t *len) {
    if (is_utf8(*text, *len)) return true;
    const uint8_t *in = (const uint8_t *)*text;
    size_t new_len = put_utf8(in, *len, NULL);
    char *out = malloc(new_len);
    if (!out) return false;
    put_utf8(in, *len, out);
    free(*text);
    *text = out;
    *len = new_len;
    return true;
}

rhai_status text_value(rhai_call *call, const char *bytes, size_t len, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    if (rhai_from_text(engine, bytes, len, ret) == RHAI_OK) return RHAI_OK;
    if (is_utf8(bytes, len)) return rhai_throw_out_of_memory(call);

    char *copy = malloc(len);
    if (!copy) return rhai_throw_out_of_memory(call);
    memcpy(copy, bytes, len);
    bool is_made = text_make_utf8(&copy, &len) && rhai_from_text(engine, copy, len, ret) == RHAI_OK;
    free(copy);
    return is_made ? RHAI_OK : rhai_throw_out_of_memory(call);
}

rhai_status text_take(rhai_call *call, char *text, size_t len, rhai_value *ret) {
    if (!text) return rhai_throw_out_of_memory(call);
    rhai_status status = text_value(call, text, len, ret);
    free(text);
    return status;
}

const char *text_argument(rhai_call *call, const rhai_value *argument, const char *what) {
    size_t len;
    const char *text = rhai_as_text(argument, &len);
    if (strlen(text) == len) return text;
    rhai_throw(call, "%s holds a NUL character", what);
    return NULL;
}
