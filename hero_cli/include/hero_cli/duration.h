/* duration.h - lengths of time as people write them. */
#ifndef HERO_CLI_DURATION_H
#define HERO_CLI_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "500ms", "30s", "2m", "1h", also with a fraction ("1.5s") and in parts, large ones first
 * ("1h30m"). The unit is never left out. False: it is none of these, it is 0, or it is over
 * DURATION_MAX_MS. */
bool duration_parse(const char *text, int64_t *ret_ms);

#define DURATION_MAX_MS (INT64_C(10000) * 3600 * 1000)
#define DURATION_TEXT_BYTES 24

/* Short, for tables: "87ms", "1.2s", "2m05s", "3h07m", "12d04h". Returns `text`. */
const char *duration_format(int64_t ms, char text[DURATION_TEXT_BYTES]);

#endif
