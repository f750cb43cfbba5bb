#include "diff.h"

#include <string.h>

static bool same(span a, span b) {
    return a.len == b.len && !memcmp(a.text, b.text, a.len);
}

/* Splits the text's last line off, without its newline. */
static span cut_last_line(span *s) {
    size_t end = s->len, start;
    if (end && s->text[end - 1] == '\n') end--;
    for (start = end; start && s->text[start - 1] != '\n';)
        start--;
    span line = {s->text + start, end - start};
    s->len = start;
    return line;
}

static void print_line(FILE *out, char mark, span line) {
    fprintf(out, "  %c %.*s\n", mark, (int)line.len, line.text);
}

static void print_lines(FILE *out, char mark, span lines) {
    span line;
    while (span_next_line(&lines, &line))
        print_line(out, mark, line);
}

void diff_print(FILE *out, span expected, span got) {
    span a, b, rest_a = expected, rest_b = got;
    while (span_next_line(&rest_a, &a) && span_next_line(&rest_b, &b) && same(a, b)) {
        print_line(out, ' ', a);
        expected = rest_a;
        got = rest_b;
    }
    span tail = {expected.text + expected.len, 0};
    rest_a = expected;
    rest_b = got;
    while (rest_a.len && rest_b.len && same(cut_last_line(&rest_a), cut_last_line(&rest_b))) {
        tail = (span){rest_a.text + rest_a.len, tail.len + expected.len - rest_a.len};
        expected.len = rest_a.len;
        got.len = rest_b.len;
    }
    print_lines(out, '-', expected);
    print_lines(out, '+', got);
    print_lines(out, ' ', tail);
}
