/* machine.c - what the machine knows: the time of day, its name, unique identifiers. */
#include "core/module.h"
#include "core/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TIME_MAX_BYTES 4096

static rhai_status machine_now(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    *ret = rhai_from_int(time(NULL));
    return RHAI_OK;
}

/* The format is the script's; whatever it holds, strftime reads and writes no more than it has. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t format_time(char *text, size_t size, const char *format, const struct tm *time) {
    return strftime(text, size, format, time);
}
#pragma GCC diagnostic pop

static rhai_status machine_now_text(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *format = text_argument(call, &args[0], "now: the format");
    if (!format) return RHAI_ERROR;
    char text[TIME_MAX_BYTES], padded[TIME_MAX_BYTES];
    struct tm local;
    time_t now = time(NULL);
    tzset(); /* the script may have set TZ */
    localtime_r(&now, &local);
    /* A text that is never empty: 0 bytes mean that there was no room. */
    int len = snprintf(padded, sizeof padded, "%s ", format);
    size_t made = len < TIME_MAX_BYTES ? format_time(text, sizeof text, padded, &local) : 0;
    if (made == 0) return rhai_throw(call, "now: the text is longer than %d bytes", TIME_MAX_BYTES);
    return text_value(call, text, made - 1, ret);
}

static rhai_status machine_hostname(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    char name[HOST_NAME_MAX + 1];
    if (gethostname(name, sizeof name) < 0)
        return rhai_throw(call, "hostname: %s", strerror(errno));
    return text_value(call, name, strlen(name), ret);
}

/* Version 4 of RFC 9562: random but for six bits. */
static rhai_status machine_uuid(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    unsigned char b[16];
    char text[37];
    if (getrandom(b, sizeof b, 0) != sizeof b)
        return rhai_throw(call, "uuid: no random numbers: %s", strerror(errno));
    b[6] = (b[6] & 0x0F) | 0x40;
    b[8] = (b[8] & 0x3F) | 0x80;
    snprintf(text, sizeof text,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return text_value(call, text, strlen(text), ret);
}

static const rhai_native functions[] = {
    {"now", "", machine_now, RHAI_FN_VOLATILE, "now() -> int",
     "The time as seconds since 1970 (UTC)."},
    {"now", "s", machine_now_text, RHAI_FN_VOLATILE, "now(format: string) -> string",
     "The local time as text: %Y-%m-%d %H:%M:%S and what else strftime knows. The variable TZ "
     "names "
     "another time zone."},
    {"hostname", "", machine_hostname, RHAI_FN_VOLATILE, "hostname() -> string",
     "The name of this machine."},
    {"uuid", "", machine_uuid, RHAI_FN_VOLATILE, "uuid() -> string",
     "A new random UUID (version 4)."},
};

const herolib_module herolib_core_machine_module = {
    .name = "core",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
