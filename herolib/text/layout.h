/* layout.h - indentation and names, as texts. All results are from malloc, with a NUL behind them;
 * NULL means out of memory. */
#ifndef HEROLIB_TEXT_LAYOUT_H
#define HEROLIB_TEXT_LAYOUT_H

#include <stddef.h>

/* Takes the white space away with which every line begins that has something else on it; lines of
 * white space alone become empty. A tab is one character of white space, as any other. */
char *layout_dedent(const char *text, size_t len, size_t *ret_len);

/* The same for a text in quotes over several lines: what stands on the line of the opening quote does
 * not count for the indentation, and blank lines at both ends go. */
char *layout_dedent_block(const char *text, size_t len, size_t *ret_len);

/* Puts `prefix` before every line, blank ones included. */
char *layout_prefix(const char *text, size_t len, const char *prefix, size_t prefix_len,
                    size_t *ret_len);

/* Lines of comment without the marker before each and the white space around it. */
char *layout_strip_markers(const char *text, size_t len, const char *marker, size_t *ret_len);

/* A name for files: ASCII letters in lower case, digits and "."; each run of anything else becomes one
 * "_", and characters that are not ASCII go. */
char *layout_name_fix(const char *name, size_t len, size_t *ret_len);
/* The last part of a path so fixed; what comes before it stays as it is. */
char *layout_path_fix(const char *path, size_t len, size_t *ret_len);

#endif
