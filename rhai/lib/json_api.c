/* json_api.c - JSON for hosts: rhai_to_json, rhai_from_json. */
#include "engine/engine.h"
#include "native/error.h"
#include "lib/json_read.h"
#include "lib/json_write.h"

rhai_status rhai_to_json(rhai_engine *engine, const rhai_value *v, size_t max_bytes,
                         rhai_value *ret, bool *ret_truncated) {
    text out;
    text_init(&out, &engine->heap);
    json_outcome outcome = json_write(&out, v, JSON_STANDARD, max_bytes);
    if (outcome == JSON_TOO_LONG) {
        text_done(&out);
        text_init(&out, &engine->heap);
    }
    rhai_status status = RHAI_ERROR;
    if (outcome != JSON_WRITE_NO_MEMORY && text_finish(&out, ret)) {
        status = RHAI_OK;
        if (ret_truncated) *ret_truncated = outcome == JSON_TOO_LONG;
    }
    text_done(&out);
    return status;
}

/* The line and column, both from 1, of a byte of the text. */
static rhai_pos position_of(const char *source, size_t at) {
    rhai_pos pos = {.line = 1, .column = 1};
    for (size_t i = 0; i < at; i++) {
        if (source[i] == '\n') {
            pos.line++;
            pos.column = 1;
        } else if (((unsigned char)source[i] & 0xc0) != 0x80) {
            pos.column++;
        }
    }
    return pos;
}

static size_t valid_prefix(const char *source, size_t len) {
    size_t at = 0, used = 1;
    uint32_t c;
    while (at < len && (used = utf8_decode(source + at, len - at, &c)) > 0)
        at += used;
    return at;
}

rhai_status rhai_from_json(rhai_engine *engine, const char *source, size_t len, rhai_value *ret,
                           rhai_error **ret_error) {
    heap *h = &engine->heap;
    json_reader reader = {.h = h, .text = source, .len = len, .max_depth = JSON_MAX_DEPTH};
    json_result result = JSON_INVALID;
    rhai_value v;
    if (utf8_is_valid(source, len)) {
        result = json_read(&reader, &v);
    } else {
        reader.message = "invalid UTF-8";
        reader.at = valid_prefix(source, len);
    }
    if (result == JSON_OK) {
        *ret = v;
        return RHAI_OK;
    }
    if (ret_error) {
        *ret_error = result == JSON_NO_MEMORY
                         ? error_out_of_memory(h)
                         : error_newf(h, ERR_PARSING, position_of(source, reader.at), "JSON: %s",
                                      reader.message);
    }
    return RHAI_ERROR;
}
