#include "zygote/json.h"

#include "session/frames.h"

#include <stdlib.h>
#include <string.h>

/* ---- A growing text ----------------------------------------------------------------------- */

/* After a failed allocation the text is empty and stays so. */
struct builder {
    struct json_text text;
    size_t cap;
    bool has_failed;
};

static void add(struct builder *out, const char *bytes, size_t len) {
    if (out->has_failed) return;
    if (out->text.len + len > out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 256;
        while (cap < out->text.len + len)
            cap *= 2;
        char *grown = realloc(out->text.bytes, cap);
        if (!grown) {
            free(out->text.bytes);
            *out = (struct builder){.has_failed = true};
            return;
        }
        out->text.bytes = grown;
        out->cap = cap;
    }
    memcpy(out->text.bytes + out->text.len, bytes, len);
    out->text.len += len;
}

static void add_literal(struct builder *out, const char *text) {
    add(out, text, strlen(text));
}

/* Decimal digits, without the pages that printf would touch in every session process. */
static void add_uint(struct builder *out, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    add(out, digits + at, sizeof digits - at);
}

static void add_value(struct builder *out, rhai_engine *engine, const rhai_value *value) {
    rhai_value json;
    bool is_truncated;
    size_t len;
    if (rhai_to_json(engine, value, 0, &json, &is_truncated) != RHAI_OK) {
        add_literal(out, "null");
        return;
    }
    const char *text = rhai_as_text(&json, &len);
    add(out, text, len);
    rhai_value_done(engine, &json);
}

static void add_string(struct builder *out, rhai_engine *engine, const char *text, size_t len) {
    rhai_value value;
    if (rhai_from_text(engine, text, len, &value) != RHAI_OK) {
        add_literal(out, "\"out of memory\"");
        return;
    }
    add_value(out, engine, &value);
    rhai_value_done(engine, &value);
}

/* ---- The payloads ------------------------------------------------------------------------- */

/* The longest beginning of at most `max` bytes that ends between two characters. */
static size_t cut_utf8(const char *text, size_t len, size_t max) {
    if (len <= max) return len;
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

struct json_text json_progress(rhai_engine *engine, double done, double total, const char *text,
                               size_t len) {
    struct builder out = {0};
    rhai_value number = rhai_from_float(done);
    add_literal(&out, "{\"done\":");
    add_value(&out, engine, &number);
    number = rhai_from_float(total);
    add_literal(&out, ",\"total\":");
    add_value(&out, engine, &number);
    add_literal(&out, ",\"text\":");
    add_string(&out, engine, text, cut_utf8(text, len, JSON_PROGRESS_TEXT_MAX_BYTES));
    add_literal(&out, "}");
    return out.text;
}

static void add_error(struct builder *out, rhai_engine *engine, const struct json_result *result) {
    const char *message = result->message ? result->message : rhai_error_text(result->error);
    add_literal(out, ",\"error\":{\"message\":");
    add_string(out, engine, message, strlen(message));
    /* A message of our own keeps the place where it happened. */
    rhai_pos pos = result->error ? rhai_error_pos(result->error) : (rhai_pos){0, 0};
    if (pos.line > 0) {
        add_literal(out, ",\"line\":");
        add_uint(out, pos.line);
    }
    if (pos.column > 0) {
        add_literal(out, ",\"position\":");
        add_uint(out, pos.column);
    }
    add_literal(out, "}");
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

/* A value that cannot be shown for lack of memory counts as too large. */
static void add_result_value(struct builder *out, rhai_engine *engine, const rhai_value *value) {
    const char *type = rhai_type_name(engine, value);
    add_literal(out, ",\"value_type\":");
    add_string(out, engine, type, strlen(type));
    rhai_value json;
    bool is_truncated;
    if (rhai_to_json(engine, value, FRAME_VALUE_MAX_BYTES, &json, &is_truncated) != RHAI_OK) {
        add_literal(out, ",\"value_truncated\":true");
        return;
    }
    size_t len;
    const char *text = rhai_as_text(&json, &len);
    if (is_truncated || is_too_deep(text, len)) {
        add_literal(out, ",\"value_truncated\":true");
    } else {
        add_literal(out, ",\"value\":");
        add(out, text, len);
    }
    rhai_value_done(engine, &json);
}

static void add_usage(struct builder *out, const struct control_usage *usage) {
    add_literal(out, ",\"usage\":[");
    const int64_t numbers[] = {usage->user_us, usage->system_us, usage->max_rss_kib,
                               usage->voluntary_switches, usage->involuntary_switches};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (i) add_literal(out, ",");
        add_uint(out, (uint64_t)numbers[i]);
    }
    add_literal(out, "]");
}

struct json_text json_result(rhai_engine *engine, const struct json_result *result) {
    struct builder out = {0};
    add_literal(&out, "{\"outcome\":\"");
    add_literal(&out, result->outcome);
    add_literal(&out, "\",\"operations\":");
    add_uint(&out, rhai_engine_operations(engine));
    add_literal(&out, ",\"peak_memory\":");
    add_uint(&out, rhai_engine_peak_memory(engine));
    if (result->error || result->message) add_error(&out, engine, result);
    if (result->is_limit) add_literal(&out, ",\"limit\":true");
    if (result->usage) add_usage(&out, result->usage);
    if (result->value) add_result_value(&out, engine, result->value);
    add_literal(&out, "}");
    return out.text;
}

const char *json_member_text(const rhai_value *map, const char *name, size_t *ret_len) {
    const rhai_value *value = rhai_map_get(map, name, strlen(name));
    return value && rhai_type_of(value) == RHAI_STRING ? rhai_as_text(value, ret_len) : NULL;
}
