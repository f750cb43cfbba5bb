/* Any bytes: what the reader of lines accepts, a JSON parser must read as the same. */
#include "sdk/line_scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_of(const json_t *json, const char *name) {
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

static bool is_same(const json_t *json, const struct runner_line *line) {
    const json_t *text = json_object_get(json, "line");
    return json_is_string(text) && json_string_length(text) == line->len &&
           memcmp(json_string_value(text), line->text, line->len) == 0 &&
           json_is_integer(json_object_get(json, "seq")) &&
           (uint64_t)json_integer_value(json_object_get(json, "seq")) == line->seq &&
           json_is_integer(json_object_get(json, "timestamp_ms")) &&
           json_integer_value(json_object_get(json, "timestamp_ms")) == line->timestamp_ms &&
           strcmp(text_of(json, "kind"), line->is_stderr ? "stderr" : "stdout") == 0 &&
           json_is_true(json_object_get(json, "partial")) == line->is_partial &&
           json_object_size(json) == (line->is_partial ? 6u : 5u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    struct runner_line line;
    if (line_scan((const char *)data, size, &text, &line)) {
        json_t *json =
            json_loadb((const char *)data, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
        if (!json || !is_same(json, &line)) abort();
        json_decref(json);
    }
    rpc_strbuf_done(&text);
    return 0;
}
