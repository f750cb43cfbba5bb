/* text.h - bytes from outside (files, programs, the environment) as strings of a script.
 *
 * Rhai's strings are UTF-8. Bytes that are not become U+FFFD, one for each ill-formed part,
 * so that no output of a program is lost for one bad byte in it.
 */
#ifndef HEROLIB_CORE_TEXT_H
#define HEROLIB_CORE_TEXT_H

#include <rhai/rhai.h>

#include <stdbool.h>
#include <stddef.h>

/* Whether a text must not be cut before this byte of UTF-8. */
static inline bool text_is_continuation(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* Makes *text, from malloc and of *len bytes, UTF-8. Text that is valid already stays where it is.
 * False without memory: nothing has changed. */
bool text_make_utf8(char **text, size_t *len);

/* The bytes as a string value; errors are thrown. */
rhai_status text_value(rhai_call *call, const char *bytes, size_t len, rhai_value *ret);

/* The same for a text from malloc, which is freed; NULL means out of memory. */
rhai_status text_take(rhai_call *call, char *text, size_t len, rhai_value *ret);

/* An argument as a C string. NULL after an error has been thrown when it holds a NUL, which no
 * name, path or command of the system can; `what` says what it is: "env: the name". */
const char *text_argument(rhai_call *call, const rhai_value *argument, const char *what);

#endif
