/* cmd_functions.c - `rhai functions`: the function reference. */
#include "commands.h"

#include <rhai/rhai.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cmd_functions_help[] =
    "rhai functions [--markdown]\n"
    "    Lists every function of the standard library with its signature.\n"
    "      --markdown              the reference as a document, grouped by type\n";

/* A function belongs to the type of its first parameter; operators are among themselves. */
typedef struct group {
    char letter; /* as in rhai_native.params */
    const char *title;
} group;

static const group groups[] = {
    {'i', "Integers"},
    {'f', "Floats"},
    {'y', "Bytes"},
    {'b', "Booleans"},
    {'c', "Characters"},
    {'s', "Strings"},
    {'a', "Arrays"},
    {'l', "Blobs"},
    {'m', "Object maps"},
    {'r', "Ranges"},
    {'R', "Inclusive ranges"},
    {'F', "Function pointers"},
    {'t', "Timestamps"},
    {'u', "The unit value"},
    {'{', "Iterators"},
    {'?', "Any value"},
    {'\0', "Without arguments"},
};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

typedef struct listing {
    char letter;       /* of the group being listed */
    bool is_operators; /* the operators instead */
    const char *title; /* not yet written; NULL: it is */
} listing;

static bool is_operator(const rhai_native *n) {
    return !isalpha((unsigned char)*n->name) && *n->name != '_';
}

static void print_signature(void *data, const rhai_native *n) {
    (void)data;
    if (n->doc && n->signature) puts(n->signature);
}

/* A table cell: a bar would end it. */
static void put_cell(const char *text) {
    for (; *text; text++) {
        if (*text == '|') putchar('\\');
        putchar(*text);
    }
}

static void print_row(void *data, const rhai_native *n) {
    listing *l = data;
    if (!n->doc || !n->signature || is_operator(n) != l->is_operators) return;
    if (!l->is_operators && *n->params != l->letter) return;
    if (l->title) printf("\n## %s\n\n| function | |\n|---|---|\n", l->title);
    l->title = NULL;
    printf("| `");
    put_cell(n->signature);
    printf("` | ");
    put_cell(n->doc);
    printf(" |\n");
}

static void print_markdown(rhai_engine *engine) {
    printf("# Functions of the standard library\n\n"
           "Written by `rhai functions --markdown` from the registration tables. A function whose\n"
           "first parameter is an object may be called as its method: `len(x)` is `x.len()`.\n"
           "`x.name` is a property, `x.name = value` one that can be set.\n");
    for (size_t i = 0; i < GROUP_COUNT; i++)
        rhai_each_function(engine, print_row,
                           &(listing){.letter = groups[i].letter, .title = groups[i].title});
    rhai_each_function(engine, print_row, &(listing){.is_operators = true, .title = "Operators"});
}

int cmd_functions(int argc, char **argv) {
    bool markdown = argc == 2 && !strcmp(argv[1], "--markdown");
    if (argc == 2 && !strcmp(argv[1], "--help")) return fputs(cmd_functions_help, stdout) < 0;
    if (argc > 1 && !markdown) {
        fprintf(stderr, "rhai functions: no option '%s'; see rhai --help\n", argv[1]);
        return EXIT_USAGE;
    }
    rhai_engine *engine = rhai_engine_new(NULL);
    if (!engine) {
        fprintf(stderr, "rhai: out of memory\n");
        return EXIT_SCRIPT;
    }
    if (markdown)
        print_markdown(engine);
    else
        rhai_each_function(engine, print_signature, NULL);
    rhai_engine_free(engine);
    return 0;
}
