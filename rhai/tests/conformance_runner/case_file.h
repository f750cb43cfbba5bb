/* case_file.h - reads .cases files (the format: ../conformance/README.md).
 *
 * Everything points into the file's text, which stays in memory as long as the cases.
 */
#ifndef CONFORMANCE_CASE_FILE_H
#define CONFORMANCE_CASE_FILE_H

#include <rhai/rhai.h>

/* Text as lines, each with its newline. */
typedef struct span {
    const char *text;
    size_t len;
} span;

typedef struct case_module {
    span path;
    span text;
} case_module;

enum { CASE_MODULES_MAX = 16 };

typedef struct test_case {
    const char *file; /* base name */
    span name;
    unsigned line; /* of the title */
    bool has_limit[RHAI_LIMIT_COUNT];
    uint64_t limit[RHAI_LIMIT_COUNT];
    bool strict_variables;
    rhai_optimize optimize;
    case_module modules[CASE_MODULES_MAX];
    size_t module_count;
    span script;
    span expected; /* the sections, from the first `--- ` on */
} test_case;

typedef struct case_list {
    test_case *cases;
    size_t count, capacity;
    char **texts; /* of the files read */
    size_t text_count;
} case_list;

/* Appends the file's cases. False after a message on standard error that names file and line;
 * the list can still be ended. */
bool case_file_read(case_list *list, const char *path);
void case_list_done(case_list *list);

/* The next line of *rest without its newline; false at the end. */
bool span_next_line(span *rest, span *ret_line);
bool span_is(span s, const char *text);

#endif
