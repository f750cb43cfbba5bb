#include "zygote/json.h"

#include "session/frames.h"

#include <stdlib.h>
#include <string.h>

static rhai_status put(rhai_engine *engine, rhai_value *map, const char *name, rhai_value value) {
    return rhai_map_set(engine, map, name, strlen(name), &value);
}

static rhai_status put_text(rhai_engine *engine, rhai_value *map, const char *name,
                            const char *text, size_t len) {
    rhai_value value;
    if (rhai_from_text(engine, text, len, &value) != RHAI_OK) return RHAI_ERROR;
    return put(engine, map, name, value);
}

/* The map as JSON text with `room` further bytes allocated behind it; the map is ended. */
static struct json_text finish(rhai_engine *engine, rhai_value *map, size_t room) {
    struct json_text text = {0};
    rhai_value json;
    bool is_truncated;
    if (rhai_to_json(engine, map, 0, &json, &is_truncated) == RHAI_OK) {
        const char *bytes = rhai_as_text(&json, &text.len);
        text.bytes = malloc(text.len + room + 1);
        if (text.bytes) memcpy(text.bytes, bytes, text.len);
        rhai_value_done(engine, &json);
    }
    rhai_value_done(engine, map);
    return text;
}

/* The longest beginning of at most `max` bytes that ends between two characters. */
static size_t cut_utf8(const char *text, size_t len, size_t max) {
    if (len <= max) return len;
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

struct json_text json_progress(rhai_engine *engine, double done, double total, const char *text,
                               size_t len) {
    rhai_value map;
    if (rhai_new_map(engine, &map) != RHAI_OK) return (struct json_text){0};
    put(engine, &map, "done", rhai_from_float(done));
    put(engine, &map, "total", rhai_from_float(total));
    put_text(engine, &map, "text", text, cut_utf8(text, len, JSON_PROGRESS_TEXT_MAX_BYTES));
    return finish(engine, &map, 0);
}

static void put_error(rhai_engine *engine, rhai_value *map, const struct json_result *result) {
    rhai_value error;
    if (rhai_new_map(engine, &error) != RHAI_OK) return;
    const char *message = result->message ? result->message : rhai_error_text(result->error);
    if (put_text(engine, &error, "message", message, strlen(message)) != RHAI_OK)
        put_text(engine, &error, "message", "out of memory", 13);
    rhai_pos pos = result->error ? rhai_error_pos(result->error) : (rhai_pos){0, 0};
    if (pos.line > 0) put(engine, &error, "line", rhai_from_int(pos.line));
    if (pos.column > 0) put(engine, &error, "position", rhai_from_int(pos.column));
    put(engine, map, "error", error);
}

/* Puts `,"value":<json>` in front of the closing brace. `text` has room for it. */
static void append_value(struct json_text *text, const char *json, size_t len) {
    static const char member[] = ",\"value\":";
    char *at = text->bytes + text->len - 1;
    at = mempcpy(at, member, sizeof member - 1);
    at = mempcpy(at, json, len);
    *at++ = '}';
    text->len = (size_t)(at - text->bytes);
}

/* Readers of JSON have a bound on nesting, so a value that goes deeper counts as too large. */
static bool is_too_deep(const char *json, size_t len) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = json[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_VALUE_MAX_DEPTH) return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

struct json_text json_result(rhai_engine *engine, const struct json_result *result) {
    rhai_value map;
    if (rhai_new_map(engine, &map) != RHAI_OK) return (struct json_text){0};
    put_text(engine, &map, "outcome", result->outcome, strlen(result->outcome));
    put(engine, &map, "operations", rhai_from_int((int64_t)rhai_engine_operations(engine)));
    put(engine, &map, "peak_memory", rhai_from_int((int64_t)rhai_engine_peak_memory(engine)));
    if (result->error || result->message) put_error(engine, &map, result);
    if (result->is_limit) put(engine, &map, "limit", rhai_from_bool(true));

    rhai_value json = rhai_unit();
    bool is_truncated = false, has_value = false;
    const char *bytes = NULL;
    size_t len = 0;
    if (result->value) {
        const char *type = rhai_type_name(engine, result->value);
        put_text(engine, &map, "value_type", type, strlen(type));
        /* A value that cannot be shown for lack of memory counts as too large. */
        if (rhai_to_json(engine, result->value, FRAME_VALUE_MAX_BYTES, &json, &is_truncated) ==
                RHAI_OK &&
            !is_truncated) {
            bytes = rhai_as_text(&json, &len);
            has_value = !is_too_deep(bytes, len);
        }
        if (!has_value) put(engine, &map, "value_truncated", rhai_from_bool(true));
    }
    struct json_text text = finish(engine, &map, len + 16);
    if (text.bytes && has_value) append_value(&text, bytes, len);
    rhai_value_done(engine, &json);
    return text;
}

const char *json_member_text(const rhai_value *map, const char *name, size_t *ret_len) {
    const rhai_value *value = rhai_map_get(map, name, strlen(name));
    return value && rhai_type_of(value) == RHAI_STRING ? rhai_as_text(value, ret_len) : NULL;
}
