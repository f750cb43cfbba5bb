#include "parts.h"

#include <string.h>

typedef struct listing {
    const char *pattern;
    FILE *out;
    size_t count;
} listing;

static void list_native(void *data, const rhai_native *native) {
    listing *l = data;
    if (!native->doc || !native->signature || !strstr(native->name, l->pattern)) return;
    fprintf(l->out, "%s\n    %s\n", native->signature, native->doc);
    l->count++;
}

/* A doc-comment without the marks of one: slashes, stars and the blank after them. */
static void put_comment(FILE *out, const char *comment) {
    while (*comment) {
        size_t len = strcspn(comment, "\n");
        const char *line = comment, *end = comment + len;
        while (line < end && strchr(" \t/*", *line))
            line++;
        while (end > line && strchr(" \t\r/*", end[-1]))
            end--;
        if (line < end) fprintf(out, "    %.*s\n", (int)(end - line), line);
        comment += len + (comment[len] == '\n');
    }
}

static void list_script_function(void *data, const rhai_script_function *fn) {
    listing *l = data;
    if (!strstr(fn->name, l->pattern)) return;
    fprintf(l->out, "fn %s%s%s(", fn->this_type ? fn->this_type : "", fn->this_type ? "." : "",
            fn->name);
    for (size_t i = 0; i < fn->param_count; i++)
        fprintf(l->out, "%s%s", i ? ", " : "", fn->params[i]);
    fprintf(l->out, ")\n");
    for (size_t i = 0; i < fn->comment_count; i++)
        put_comment(l->out, fn->comments[i]);
    l->count++;
}

void repl_list_functions(const repl *r, const char *pattern, FILE *out) {
    listing l = {.pattern = pattern, .out = out};
    rhai_each_function(r->engine, list_native, &l);
    if (r->program) rhai_each_script_function(r->engine, r->program, list_script_function, &l);
    if (!l.count) fprintf(out, "no function's name contains '%s'\n", pattern);
}
