/* Templates: what is filled in, what is refused. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VARS                                                                                       \
    "#{name: \"World\", n: 3, items: [1, 2.5, \"x\"], m: #{a: 1, b: #{c: [7]}}, none: [], f: false}"

/* What the template gives, or its error. */
static void expect(struct fixture *f, const char *template, const char *text) {
    char script[2048];
    snprintf(script, sizeof script,
             "let m; try { m = template_render(`%s`, " VARS "); } catch (e) { m = e; } m", template);
    fixture_expect(f, script, text);
}

static void holes_are_filled(void **state) {
    struct fixture *f = *state;
    expect(f, "Hello {{ name }}!", "Hello World!");
    expect(f, "{{ m.b.c.0 }} {{ m[\"a\"] }} {{ items[1] }}", "7 1 2.5");
    expect(f, "{{ \"literal {{\" }}", "literal {{");
    expect(f, "{{ [1, \"a\"] }}", "[1, \"a\"]");
    expect(f, "no holes", "no holes");
    expect(f, "a{# {{ comment }} #}b", "ab");
}

static void white_space_goes_at_a_dash(void **state) {
    struct fixture *f = *state;
    expect(f, "a  {{- n -}}  b", "a3b");
    expect(f, "a \n {%- if true -%} \n x \n {%- endif -%} \n b", "axb");
    expect(f, "a {#- c -#} b", "ab");
}

static void expressions_compute_and_compare(void **state) {
    struct fixture *f = *state;
    expect(f, "{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ n % 2 }} {{ -n }} {{ 2 - -1 }}", "7 9 1 -3 3");
    expect(f, "{{ 7 / 2 }} {{ 8 / 2 }} {{ 1.5 + 1 }}", "3.5 4 2.5");
    expect(f, "{{ name ~ n ~ \"!\" }}", "World3!");
    expect(f, "{{ n == 3.0 }} {{ n != 3 }} {{ n >= 3 }} {{ \"a\" < \"b\" }}", "true false true true");
    expect(f, "{{ \"or\" in name }} {{ 1 in items }} {{ \"a\" in m }} {{ 9 not in items }}",
           "true true true true");
    expect(f, "{{ not f and n > 2 or missing }}", "true");
}

static void conditions_choose(void **state) {
    struct fixture *f = *state;
    expect(f, "{% if n > 5 %}a{% elif n > 2 %}b{% else %}c{% endif %}", "b");
    expect(f, "{% if missing %}a{% else %}c{% endif %}", "c");
    expect(f, "{% if none %}a{% endif %}{% if name %}b{% endif %}", "b");
    expect(f, "{% if name is defined and x is undefined and m.q is not defined %}y{% endif %}", "y");
    expect(f, "{% if f %}a{% else %}{% if n %}b{% endif %}{% endif %}", "b");
}

static void loops_go_over_arrays_and_maps(void **state) {
    struct fixture *f = *state;
    expect(f, "{% for x in items %}{{ loop.index }}={{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
           "1=1, 2=2.5, 3=x");
    expect(f, "{% for k, v in m.b %}{{ k }}:{{ v.0 }}{% endfor %}", "c:7");
    expect(f, "{% for x in none %}x{% else %}nothing{% endfor %}", "nothing");
    expect(f, "{% for x in [1, 2] %}{% for y in [1, 2] %}{{ x * y }}{% if loop.first %},{% endif %}"
              "{% endfor %};{% endfor %}",
           "1,2;2,4;");
}

static void set_holds_in_its_loop_and_below(void **state) {
    struct fixture *f = *state;
    expect(f, "{% set q = n + 1 %}{{ q }}", "4");
    expect(f, "{% set q = 1 %}{% for x in [1, 2] %}{% set q = q + x %}{{ q }}{% endfor %}{{ q }}",
           "231");
    expect(f, "{% if true %}{% set q = 5 %}{% endif %}{{ q }}", "5");
}

static void filters_change_values(void **state) {
    struct fixture *f = *state;
    expect(f, "{{ \"grün\" | upper }} {{ name | lower }} {{ \" a \" | trim }}.", "GRÜN world a.");
    expect(f, "{{ \"grün\" | length }} {{ items | length }} {{ m | length }}", "4 3 2");
    expect(f, "{{ items | join(sep=\"-\") }} {{ items | join }}", "1-2.5-x 12.5x");
    expect(f, "{{ name | replace(from=\"o\", to=\"0\") | upper }}", "W0RLD");
    expect(f, "{{ missing.x | default(value=\"d\") }} {{ n | default(value=1) }}", "d 3");
    expect(f, "{{ 1 + 2 | default(value=0) }}", "3");
}

static void mistakes_are_named_with_their_line(void **state) {
    struct fixture *f = *state;
    expect(f, "a\n{{ missing.x }}", "template: template: line 2: `missing.x` is not defined");
    expect(f, "{{ name | slugify }}", "template: template: line 1: unknown filter `slugify`");
    expect(f, "{{ name | join(by=1) }}",
           "template: template: line 1: the filter `join` has no argument `by`");
    expect(f, "{% macro a() %}", "template: template: line 1: the tag `macro` is not supported");
    expect(f, "{{ now() }}", "template: template: line 1: functions are not supported: `now()`");
    expect(f, "{% if x %}\n\n", "template: template: line 3: the `if` of line 1 has no `endif`");
    expect(f, "{% endfor %}", "template: template: line 1: `endfor` does not belong here");
    expect(f, "{{ name ", "template: template: line 1: the template ends inside a tag");
    expect(f, "{{ name is even }}", "template: template: line 1: unknown test `even`");
    expect(f, "{{ 1 + \"a\" }}", "template: template: line 1: arithmetic needs numbers");
    expect(f, "{{ 1 / 0 }}",
           "template: template: line 1: the result is not a number that can be held");
    expect(f, "{% for x in m %}{% endfor %}",
           "template: template: line 1: a loop with one variable needs an array");
    expect(f, "{{ name | length | upper }}",
           "template: template: line 1: the filter `upper` needs a string");
}

static void depth_has_bounds(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let t = \"\"; for i in 0..100 { t += \"{% if true %}\" } let m; "
                   "try { template_render(t, #{}) } catch (e) { m = e } m",
                   "template: template: line 1: nested too deeply");
    fixture_expect(f,
                   "let t = \"{{ 1\"; for i in 0..1000 { t += \" + 1\" } t += \" }}\"; let m; "
                   "try { template_render(t, #{}) } catch (e) { m = e } m",
                   "template: template: line 1: the expression is too long");
}

/* ---- Files ------------------------------------------------------------------------------- */

static char dir[64];

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_dir(void **state) {
    strcpy(dir, "/tmp/herolib_template.XXXXXX");
    assert_non_null(mkdtemp(dir));
    setenv("T", dir, 1);
    return fixture_set_up(state);
}

static int remove_dir(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
    return fixture_tear_down(state);
}

static void a_builder_renders_a_file(void **state) {
    struct fixture *f = *state;
    write_file("a.txt", "{{ s }} {{ i }} {{ x }} {{ b }} {{ l | join(sep=\"+\") }} {{ k }}");
    fixture_expect(f,
                   "template_builder_open(env(\"T\") + \"/a.txt\").add_var(\"s\", \"a\")"
                   ".add_var(\"i\", 1).add_var(\"x\", 2.5).add_var(\"b\", true)"
                   ".add_var(\"l\", [1, 2]).add_vars(#{k: \"z\"}).render()",
                   "a 1 2.5 true 1+2 z");
    fixture_expect(f,
                   "let t = template_builder_open(env(\"T\") + \"/a.txt\"); t.add_var(\"s\", 1); "
                   "let m; try { t.render() } catch (e) { m = e } m.contains(\"`s` is not defined\")",
                   "true");
}

static void html_is_escaped_unless_it_is_safe(void **state) {
    struct fixture *f = *state;
    write_file("a.html", "<p>{{ s }}{{ s | safe }}</p>");
    fixture_expect(f,
                   "template_builder_open(env(\"T\") + \"/a.html\").add_var(\"s\", \"<&\\\"'\").render()",
                   "<p>&lt;&amp;&quot;&#x27;<&\"'</p>");
}

static void included_files_lie_beside_the_template(void **state) {
    struct fixture *f = *state;
    write_file("a.txt", "[{% include \"b.txt\" %}]{{ q is defined }}");
    write_file("b.txt", "{% set q = 1 %}{{ v }}{{ q }}");
    fixture_expect(f, "template_builder_open(env(\"T\") + \"/a.txt\").add_var(\"v\", 7).render()",
                   "[71]false");
    write_file("a.txt", "{% include \"a.txt\" %}");
    fixture_expect(f,
                   "let m; try { template_builder_open(env(\"T\") + \"/a.txt\").render() } "
                   "catch (e) { m = e } m.contains(\"include each other more than 16 deep\")",
                   "true");
    write_file("a.txt", "\n{% include \"none\" %}");
    fixture_expect(f,
                   "let m; try { template_builder_open(env(\"T\") + \"/a.txt\").render() } "
                   "catch (e) { m = e } "
                   "m.contains(\"line 2: include \\\"none\\\": No such file or directory\")",
                   "true");
}

static void a_file_is_rendered_into_another(void **state) {
    struct fixture *f = *state;
    write_file("a.txt", "{{ v }}");
    write_file("out", "old");
    fixture_expect(f,
                   "let t = template_builder_open(env(\"T\") + \"/a.txt\").add_var(\"v\", \"new\"); "
                   "t.render_to_file(env(\"T\") + \"/out\"); "
                   "run_silent(\"cat $T/out; ls $T\").stdout",
                   "newa.txt\nout\n");
    fixture_expect(f, "let m; try { template_builder_open(\"/nope\") } catch (e) { m = e } m",
                   "template: cannot read /nope: No such file or directory");
}

#define FILE_CASE(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(holes_are_filled),
        FIXTURE_CASE(white_space_goes_at_a_dash),
        FIXTURE_CASE(expressions_compute_and_compare),
        FIXTURE_CASE(conditions_choose),
        FIXTURE_CASE(loops_go_over_arrays_and_maps),
        FIXTURE_CASE(set_holds_in_its_loop_and_below),
        FIXTURE_CASE(filters_change_values),
        FIXTURE_CASE(mistakes_are_named_with_their_line),
        FIXTURE_CASE(depth_has_bounds),
        FILE_CASE(a_builder_renders_a_file),
        FILE_CASE(html_is_escaped_unless_it_is_safe),
        FILE_CASE(included_files_lie_beside_the_template),
        FILE_CASE(a_file_is_rendered_into_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
