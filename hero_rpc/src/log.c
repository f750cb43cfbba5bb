#include "hero_rpc/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 3, 0))) static void write_line(const char *level, const char *message,
                                                             const char *format, va_list args) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char line[1024];
    size_t len = strftime(line, sizeof line, "ts=%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(line + len, sizeof line - len, ".%03ldZ level=%s msg=\"%s\"",
                            now.tv_nsec / 1000000, level, message);
    if (*format && len + 2 < sizeof line) {
        line[len++] = ' ';
        int more = vsnprintf(line + len, sizeof line - len, format, args);
        if (more > 0) len += (size_t)more;
    }
    if (len > sizeof line - 1) len = sizeof line - 1;
    line[len++] = '\n';
    /* One write, so that lines of several processes do not mix; a full pipe may lose it. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}

void rpc_log_info(const char *message, const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line("info", message, format, args);
    va_end(args);
}

void rpc_log_warn(const char *message, const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line("warn", message, format, args);
    va_end(args);
}

void rpc_log_error(const char *message, const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line("error", message, format, args);
    va_end(args);
}
