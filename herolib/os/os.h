/* os.h - what the functions of this module share. */
#ifndef HEROLIB_OS_OS_H
#define HEROLIB_OS_OS_H

#include "process/command.h"

#include <rhai/rhai.h>

/* Gives a message. */
rhai_status os_say(rhai_call *call, rhai_value *ret, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Throws "os: cannot WHAT PATH: cause" for a negative errno, or PATH_TOO_DEEP; the stop and the
 * lack of memory as what they are. */
rhai_status os_throw(rhai_call *call, const char *what, const char *path, int failed);

/* Runs a program for what it writes to its standard output, which is not shown. One that cannot be
 * started, or fails, is thrown: "os: cannot WHAT: PROGRAM ...". On RHAI_OK *ret_result is the
 * caller's. */
rhai_status os_run(rhai_call *call, const char *what, const char *const *argv,
                   struct command_result *ret_result);
/* The same when only its success counts. */
rhai_status os_run_only(rhai_call *call, const char *what, const char *const *argv, bool is_silent);
/* The same for apt-get, which asks nothing; `name` NULL: none. */
rhai_status os_run_apt(rhai_call *call, const char *what, const char *operation, const char *name,
                       bool is_silent);

#endif
