/*
 * A service's own log: one line per event on stderr, as key=value pairs (logfmt).
 *
 *     ts=2026-01-31T12:00:00.123Z level=info msg="listening" socket="/run/..."
 *
 * A line is one write(2), so lines of several processes do not mix; over 1 KiB it is cut.
 */
#ifndef HERO_RPC_LOG_H
#define HERO_RPC_LOG_H

#include <stdbool.h>

/* "error", "warn", "info" or "debug": what is less important is left out. -1 for another word.
 * Info unless set. */
int rpc_log_set_level(const char *name);
bool rpc_log_is_debug(void);

/* `format` makes further "key=value" pairs and may be empty. */
void rpc_log_debug(const char *message, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rpc_log_info(const char *message, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rpc_log_warn(const char *message, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rpc_log_error(const char *message, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
