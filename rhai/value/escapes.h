/* escapes.h - characters that debug text cannot show as they are. */
#ifndef RHAI_VALUE_ESCAPES_H
#define RHAI_VALUE_ESCAPES_H

#include <stdbool.h>
#include <stdint.h>

/* Quotes and the backslash are not among them: which of those are escaped depends on the kind of
 * literal. */
bool char_needs_escape(uint32_t c);

#endif
