/* Redis URLs: what is taken says where to connect. */
#include "redis/connection.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_text_or_null(const char *text) {
    return !text || *text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *url = strndup((const char *)data, size);
    struct redis_address a;
    if (url && redis_address_parse(url, &a)) {
        if (!a.socket == !a.host || a.port < 0 || a.port > UINT16_MAX || a.db < 0) abort();
        if (!is_text_or_null(a.socket) || !is_text_or_null(a.host) || !is_text_or_null(a.user) ||
            !is_text_or_null(a.password))
            abort();
        redis_address_done(&a);
    }
    free(url);
    return 0;
}
