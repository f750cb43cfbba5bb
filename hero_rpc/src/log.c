#include "hero_rpc/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum level most = LEVEL_INFO;

int rpc_log_set_level(const char *name) {
    for (int i = LEVEL_ERROR; i <= LEVEL_DEBUG; i++) {
        if (strcmp(name, level_names[i]) != 0) continue;
        most = (enum level)i;
        return 0;
    }
    return -1;
}

bool rpc_log_is_debug(void) {
    return most == LEVEL_DEBUG;
}

__attribute__((format(printf, 3, 0))) static void write_line(enum level level, const char *message,
                                                             const char *format, va_list args) {
    if (level > most) return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char line[1024];
    size_t len = strftime(line, sizeof line, "ts=%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(line + len, sizeof line - len, ".%03ldZ level=%s msg=\"%s\"",
                            now.tv_nsec / 1000000, level_names[level], message);
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

#define LOG_FUNCTION(NAME, LEVEL)                                                                  \
    void NAME(const char *message, const char *format, ...) {                                      \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        write_line(LEVEL, message, format, args);                                                  \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(rpc_log_debug, LEVEL_DEBUG)
LOG_FUNCTION(rpc_log_info, LEVEL_INFO)
LOG_FUNCTION(rpc_log_warn, LEVEL_WARN)
LOG_FUNCTION(rpc_log_error, LEVEL_ERROR)
