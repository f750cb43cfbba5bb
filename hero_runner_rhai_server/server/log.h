/*
 * The server's own log: one line per event on stderr, as key=value pairs (logfmt).
 *
 *     ts=2026-01-31T12:00:00.123Z level=info msg="session process lost" session=... pid=123
 *
 * Values of scripts, their variables and their output never go here.
 */
#ifndef RUNNER_SERVER_LOG_H
#define RUNNER_SERVER_LOG_H

/* `format` makes further "key=value" pairs and may be empty. */
void log_info(const char *message, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *message, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_error(const char *message, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
