/* encode.c - base64, hexadecimal and percent-encoding. */
#include "text/encode.h"

#include "core/module.h"
#include "core/text.h"

#include <ctype.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char *base64(struct bytes bytes, int variant) {
    size_t size = sodium_base64_ENCODED_LEN(bytes.len, variant);
    char *text = malloc(size);
    if (text) sodium_bin2base64(text, size, bytes.data, bytes.len, variant);
    return text;
}

char *encode_base64(struct bytes bytes) {
    return base64(bytes, sodium_base64_VARIANT_ORIGINAL);
}

/* Takes `text` over. */
static rhai_status take(rhai_call *call, char *text, rhai_value *ret) {
    return text_take(call, text, text ? strlen(text) : 0, ret);
}

static rhai_status text_base64_encode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return take(call, encode_base64(value_bytes(&args[0])), ret);
}

static rhai_status text_base64_url_encode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return take(call, base64(value_bytes(&args[0]), sodium_base64_VARIANT_URLSAFE_NO_PADDING), ret);
}

bool decode_base64(const char *text, size_t len, uint8_t *out, size_t *ret_len) {
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
        if (sodium_base642bin(out, len, text, len, " \t\r\n", ret_len, NULL, variants[i]) == 0)
            return true;
    return false;
}

typedef bool decoder(const char *text, size_t len, uint8_t *out, size_t *ret_len);

static bool decode_hex(const char *text, size_t len, uint8_t *out, size_t *ret_len) {
    const char *end;
    if (sodium_hex2bin(out, len, text, len, " \t\r\n:", ret_len, &end) != 0) return false;
    return end == text + len;
}

/* As text when `as_text`, else as a blob. Every form here is longer than what it stands for. */
static rhai_status decode(rhai_call *call, const rhai_value *value, decoder *decode_form,
                          const char *form, bool as_text, rhai_value *ret) {
    size_t len, decoded_len = 0;
    const char *text = rhai_as_text(value, &len);
    uint8_t *decoded = malloc(len + 1);
    if (!decoded) return rhai_throw_out_of_memory(call);
    if (!decode_form(text, len, decoded, &decoded_len)) {
        free(decoded);
        return rhai_throw(call, "text: this is not %s", form);
    }
    if (as_text) return text_take(call, (char *)decoded, decoded_len, ret);
    return value_take_blob(call, decoded, decoded_len, ret);
}

static rhai_status text_base64_decode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decode(call, &args[0], decode_base64, "base64", true, ret);
}

static rhai_status text_base64_decode_blob(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decode(call, &args[0], decode_base64, "base64", false, ret);
}

static rhai_status text_hex_encode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct bytes bytes = value_bytes(&args[0]);
    char *text = malloc(bytes.len * 2 + 1);
    if (text) sodium_bin2hex(text, bytes.len * 2 + 1, bytes.data, bytes.len);
    return text_take(call, text, bytes.len * 2, ret);
}

static rhai_status text_hex_decode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decode(call, &args[0], decode_hex, "hexadecimal", true, ret);
}

static rhai_status text_hex_decode_blob(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decode(call, &args[0], decode_hex, "hexadecimal", false, ret);
}

static bool is_unreserved(uint8_t c) {
    return c < 0x80 && (isalnum(c) || strchr("-._~", c)) && c != '\0';
}

char *encode_percent(struct bytes bytes) {
    static const char digits[] = "0123456789ABCDEF";
    char *text = malloc(bytes.len * 3 + 1), *out = text;
    if (!text) return NULL;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.data[i];
        if (is_unreserved(c)) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    *out = '\0';
    return text;
}

static rhai_status text_url_encode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return take(call, encode_percent(value_bytes(&args[0])), ret);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode_url(const char *text, size_t len, uint8_t *out, size_t *ret_len) {
    size_t written = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0) return false;
            out[written++] = (uint8_t)(high << 4 | low);
            i += 2;
        } else {
            out[written++] = text[i] == '+' ? ' ' : (uint8_t)text[i];
        }
    }
    *ret_len = written;
    return true;
}

static rhai_status text_url_decode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return decode(call, &args[0], decode_url, "percent-encoded", true, ret);
}

#define BASE64_DOC                                                                                 \
    "The bytes as base64 (RFC 4648) with padding; base64_url_encode gives the form for URLs, without."

static const rhai_native functions[] = {
    {"base64_encode", "s", text_base64_encode, 0, "base64_encode(data: string) -> string",
     BASE64_DOC},
    {"base64_encode", "l", text_base64_encode, 0, "base64_encode(data: blob) -> string",
     BASE64_DOC},
    {"base64_url_encode", "s", text_base64_url_encode, 0,
     "base64_url_encode(data: string) -> string",
     "The bytes as base64 for URLs and file names, without padding."},
    {"base64_url_encode", "l", text_base64_url_encode, 0,
     "base64_url_encode(data: blob) -> string",
     "The bytes as base64 for URLs and file names, without padding."},
    {"base64_decode", "s", text_base64_decode, 0, "base64_decode(text: string) -> string",
     "The text that base64 stands for, in either alphabet, with or without padding. Bytes that are "
     "not UTF-8 are replaced: base64_decode_blob gives them as they are."},
    {"base64_decode_blob", "s", text_base64_decode_blob, 0,
     "base64_decode_blob(text: string) -> blob", "The bytes that base64 stands for."},
    {"hex_encode", "s", text_hex_encode, 0, "hex_encode(data: string) -> string",
     "Two hexadecimal digits for each byte, in lower case."},
    {"hex_encode", "l", text_hex_encode, 0, "hex_encode(data: blob) -> string",
     "Two hexadecimal digits for each byte, in lower case."},
    {"hex_decode", "s", text_hex_decode, 0, "hex_decode(text: string) -> string",
     "The text that hexadecimal digits stand for; white space and colons between them do not "
     "count."},
    {"hex_decode_blob", "s", text_hex_decode_blob, 0, "hex_decode_blob(text: string) -> blob",
     "The bytes that hexadecimal digits stand for."},
    {"url_encode", "s", text_url_encode, 0, "url_encode(text: string) -> string",
     "Percent-encodes everything but letters, digits and -._~ (RFC 3986)."},
    {"url_decode", "s", text_url_decode, 0, "url_decode(text: string) -> string",
     "Undoes percent-encoding; `+` becomes a space."},
};

const herolib_module herolib_text_encode_module = {
    .name = "text",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
