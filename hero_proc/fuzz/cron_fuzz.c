/* Any text as a cron expression; one that is accepted has a next time, which grows. */
#include "server/cron.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rpc_error err = {0};
    struct cron cron;
    char *text = strndup((const char *)data, size);
    if (text && cron_parse(text, &cron, &err) == 0) {
        time_t first = cron_next(&cron, 1700000000), second = cron_next(&cron, first);
        if (first <= 1700000000 || (second != 0 && second <= first)) abort();
    }
    free(text);
    return 0;
}
