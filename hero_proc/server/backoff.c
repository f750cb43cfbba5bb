#include "server/backoff.h"

int64_t backoff_delay_ms(const struct retry_spec *retry, int64_t failures) {
    double delay = (double)retry->delay_ms;
    for (int64_t i = 1; i < failures && delay < (double)retry->max_delay_ms && delay > 0; i++) {
        if (retry->backoff <= 1) break;
        delay *= retry->backoff;
    }
    return delay < (double)retry->max_delay_ms ? (int64_t)delay : retry->max_delay_ms;
}

bool backoff_may_retry(const struct retry_spec *retry, int64_t attempts) {
    return retry->max_attempts == 0 || attempts < retry->max_attempts;
}
