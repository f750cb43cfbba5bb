/* dump.h - compiled code as text. */
#ifndef RHAI_CODE_DUMP_H
#define RHAI_CODE_DUMP_H

#include "code/program.h"
#include "value/text.h"

/* Every function of a unit in the order it was compiled, the script's own statements last: a line
 * per instruction with its number, position, operands, and what these stand for. */
void dump_unit(const unit *u, text *t);

#endif
