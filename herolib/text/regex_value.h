/* regex_value.h - an error of regex.h as an error of a script. */
#ifndef HEROLIB_TEXT_REGEX_VALUE_H
#define HEROLIB_TEXT_REGEX_VALUE_H

#include "text/regex.h"

/* Throws "regex: ...", or what ends the script when it must stop. */
rhai_status regex_throw(rhai_call *call, const struct regex_error *err);

#endif
