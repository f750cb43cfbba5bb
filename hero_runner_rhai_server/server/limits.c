#include "server/limits.h"

#include <hero_rpc/jsonrpc.h>

static const char *const names[LIMIT_COUNT] = {
    [LIMIT_CPU_MS] = "cpu_ms",         [LIMIT_MEMORY_BYTES] = "memory_bytes",
    [LIMIT_OPERATIONS] = "operations", [LIMIT_OUTPUT_BYTES] = "output_bytes",
    [LIMIT_PROCESSES] = "processes",   [LIMIT_OPEN_FILES] = "open_files",
};

const char *limit_name(enum limit limit) {
    return names[limit];
}

void limits_write(const struct limits *limits, struct rpc_strbuf *out) {
    bool is_first = true;
    for (int i = 0; i < LIMIT_COUNT; i++) {
        if (limits->value[i] == 0) continue;
        rpc_strbuf_add_text(out, is_first ? "\"" : ",\"");
        rpc_strbuf_add_text(out, names[i]);
        rpc_strbuf_add_text(out, "\":");
        rpc_strbuf_add_int(out, limits->value[i]);
        is_first = false;
    }
}

int limits_take(struct limits *limits, const struct limits *ceilings, const json_t *asked,
                enum limit *ret_limit) {
    for (int i = 0; i < LIMIT_COUNT; i++) {
        const json_t *number = json_object_get(asked, names[i]);
        int64_t ceiling = ceilings->value[i];
        if (json_is_number(number)) {
            int64_t value = rpc_json_integer(number, 0);
            if (ceiling > 0 && (value == 0 || value > ceiling)) {
                *ret_limit = (enum limit)i;
                return -1;
            }
            limits->value[i] = value;
        }
    }
    return 0;
}
