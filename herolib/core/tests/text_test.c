/* Bytes from outside become UTF-8. */
#include "core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *bytes, const char *utf8) {
    size_t len = strlen(bytes);
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    assert_true(text_make_utf8(&text, &len));
    assert_int_equal(len, strlen(utf8));
    assert_memory_equal(text, utf8, len);
    free(text);
}

static void valid_text_stays(void **state) {
    (void)state;
    expect("", "");
    expect("plain", "plain");
    expect("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80", "grüß € 😀");
    expect("\xEF\xBF\xBD", "\xEF\xBF\xBD");
}

static void each_ill_formed_part_becomes_one_replacement(void **state) {
    (void)state;
    expect("a\xFF"
           "b",
           "a\xEF\xBF\xBD"
           "b");
    expect("\xFF\xFE", "\xEF\xBF\xBD\xEF\xBF\xBD");
    expect("half \xE2\x82", "half \xEF\xBF\xBD");
    expect("\xE2\x82 half", "\xEF\xBF\xBD half");
    expect("\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"); /* an overlong slash */
    expect("\xED\xA0\x80", "\xEF\xBF\xBD");         /* a surrogate */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_stays),
        cmocka_unit_test(each_ill_formed_part_becomes_one_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
