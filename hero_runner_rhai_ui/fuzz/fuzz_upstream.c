/* What a runner may answer as the head of an HTTP message. */
#include "src/upstream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    char *text = malloc(len + 1);
    if (!text) return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    struct upstream_head head;
    if (upstream_parse_head(text, &head)) {
        /* Its texts are lines of the head. */
        if (strpbrk(head.content_type, "\r\n") || strpbrk(head.retry_after, "\r\n")) abort();
        if (head.status < 200 || head.status > 599) abort();
    }
    free(text);
    return 0;
}
