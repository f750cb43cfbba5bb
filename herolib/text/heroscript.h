/* heroscript.h - HeroScript: actions with parameters, written as text.
 *
 *     // what stands before an action is its comment
 *     !!git.clone url:'https://example.com/a.git' branch:main
 *         depth: 1          // a comment
 *         message: 'may have
 *             several lines'
 *         force             // a word without a colon is an argument
 *
 * An action begins on a line that begins with one to three "!", then `actor.name` or `name`, and goes
 * on over the indented lines that follow. Values are texts: a word, or anything in single or double
 * quotes; a quoted text of several lines loses its common indentation. Keys are made lower-case.
 * Lines outside of actions are text and are passed over.
 */
#ifndef HEROLIB_TEXT_HEROSCRIPT_H
#define HEROLIB_TEXT_HEROSCRIPT_H

#include <rhai/rhai.h>

#define HEROSCRIPT_MAX_BYTES (16 * 1024 * 1024)

struct heroscript_error {
    unsigned line; /* 0: out of memory */
    char message[256];
};

/* An array of maps, one for each action: #{actor, name, level, line, comment, params: #{key: text},
 * args: [text]}; actor is "" when none is given, level the number of "!". The text must be UTF-8.
 * False after an error. */
bool heroscript_parse(rhai_engine *engine, const char *text, size_t len, rhai_value *ret,
                      struct heroscript_error *err);

/* One action as text, ended by a newline: what heroscript_parse gives, or any map with a `name`.
 * From malloc; NULL without memory or, with err->line 0 and a message, when it is no action. */
char *heroscript_write(rhai_engine *engine, const rhai_value *action, size_t *ret_len,
                       struct heroscript_error *err);

#endif
