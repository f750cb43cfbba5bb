/* template.h - text with holes, in a subset of the Tera language (keats.github.io/tera).
 *
 *     {{ expression }}    the expression's text
 *     {% if e %} {% elif e %} {% else %} {% endif %}
 *     {% for item in e %} {% for key, value in e %} {% else %} {% endfor %}
 *     {% set name = e %}  {% include "file" %}  {# comment #}
 *
 * A "-" inside a delimiter takes the white space on that side away. Expressions: strings in any of
 * the three quotes, numbers, true, false, [arrays], names with .member and [index], + - * / % ~,
 * == != < <= > >=, in, and, or, not, `is defined`, `is undefined`, parentheses, and the filters of
 * template_filter.c. Inside a loop: loop.index, loop.index0, loop.first, loop.last. What Tera has
 * beyond that is an error that names it.
 *
 * A name that does not exist is an error, except as the whole of a condition, before `is`, and
 * before the filter `default`. In a template whose name ends in .html, .htm or .xml the five
 * characters of HTML are escaped in what {{ }} gives, unless the filter `safe` comes last.
 */
#ifndef HEROLIB_TEXT_TEMPLATE_H
#define HEROLIB_TEXT_TEMPLATE_H

#include <rhai/rhai.h>

#define TEMPLATE_SOURCE_MAX_BYTES (16 * 1024 * 1024)
#define TEMPLATE_OUTPUT_MAX_BYTES (64 * 1024 * 1024)
#define TEMPLATE_NESTING_MAX 64 /* tags in tags, and parentheses in parentheses */
#define TEMPLATE_INCLUDE_MAX 16

/* Where and why: "report.tera: line 3: unknown filter `slugify`". */
struct template_error {
    char message[512];
    bool is_out_of_memory;
    bool is_stopped; /* template_source.keep_going said no */
};

struct template;

/* `name` stands in errors and decides about escaping; it is copied, the text is not: it must live
 * as long as the template. NULL after an error. */
struct template *template_parse(const char *name, const char *text, size_t len,
                                struct template_error *err);
void template_free(struct template *template);

/* What rendering needs from outside. */
struct template_source {
    /* The text of an included template, from malloc. False with the reason in err->message. */
    bool (*load)(void *ctx, const char *name, char **ret_text, size_t *ret_len,
                 struct template_error *err);
    /* Asked in each round of a loop; false ends the rendering. NULL: always true. */
    bool (*keep_going)(void *ctx);
    void *ctx;
};

/* `vars` is a map. The text is from malloc, with a NUL behind it. False after an error. */
bool template_render(const struct template *template, rhai_engine *engine, const rhai_value *vars,
                     const struct template_source *source, char **ret_text, size_t *ret_len,
                     struct template_error *err);

#endif
