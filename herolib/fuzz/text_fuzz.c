/* Any bytes become UTF-8, and UTF-8 stays as it is. */
#include "core/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool was_utf8 = u8_check(data, size) == NULL;
    size_t len = size;
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    if (!text_make_utf8(&text, &len)) abort();
    if (u8_check((const uint8_t *)text, len)) abort();
    if (was_utf8 && (len != size || memcmp(text, data, size) != 0)) abort();
    free(text);
    return 0;
}
