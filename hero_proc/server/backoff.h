/* How long to wait before something that failed is tried again. */
#ifndef HERO_PROC_SERVER_BACKOFF_H
#define HERO_PROC_SERVER_BACKOFF_H

#include "server/spec.h"

/* After so many failures in a row (from 1): the delay, times `backoff` for each further one, up to
 * the largest. */
int64_t backoff_delay_ms(const struct retry_spec *retry, int64_t failures);
/* Whether there may be another attempt after so many. */
bool backoff_may_retry(const struct retry_spec *retry, int64_t attempts);

#endif
