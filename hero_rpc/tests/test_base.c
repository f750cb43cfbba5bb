/* String buffer, errors, files. */
#include "harness.h"

#include "hero_rpc/fd.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void assert_json_string(const char *bytes, size_t len, const char *expected) {
    struct rpc_strbuf buf = RPC_STRBUF_INIT;
    rpc_strbuf_add_json_string(&buf, bytes, len);
    assert_string_equal(rpc_strbuf_text(&buf), expected);
    json_t *parsed = json_loads(buf.data, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
    rpc_strbuf_done(&buf);
}

/* Plain text is copied in groups; what is not plain is found wherever it lies. */
static void json_strings_find_what_to_escape_at_every_place(void **state) {
    (void)state;
    static const struct {
        char byte;
        const char *escaped;
    } cases[] = {
        {'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {0x1f, "\\u001f"}, {'\xff', "\xef\xbf\xbd"}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[21] = "abcdefghijklmnopqrst", expected[40];
            text[place] = cases[c].byte;
            snprintf(expected, sizeof expected, "\"%.*s%s%s\"", (int)place, text, cases[c].escaped,
                     text + place + 1);
            assert_json_string(text, 20, expected);
        }
    }
}

static void json_strings_escape_what_json_forbids(void **state) {
    (void)state;
    assert_json_string("", 0, "\"\"");
    assert_json_string("plain \xc3\xa9 \xf0\x9f\x98\x80", 13,
                       "\"plain \xc3\xa9 \xf0\x9f\x98\x80\"");
    assert_json_string("a\"b\\c\n\t\x01", 8, "\"a\\\"b\\\\c\\n\\t\\u0001\"");
    assert_json_string("a\0b", 3, "\"a\\u0000b\"");
}

static void json_strings_replace_bytes_that_are_not_utf8(void **state) {
    (void)state;
    assert_json_string("a\xff"
                       "b",
                       3,
                       "\"a\xef\xbf\xbd"
                       "b\"");
    assert_json_string("\xc3", 1, "\"\xef\xbf\xbd\"");
    /* One replacement for the maximal part of a cut character, one for each stray byte. */
    assert_json_string("\xf0\x9f\x98", 3, "\"\xef\xbf\xbd\"");
    assert_json_string("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json_string("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json_string("\xf4\x90\x80\x80", 4,
                       "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* What a JSON string reads as; "invalid" when it is none. */
static void assert_unquoted(const char *json, const char *expected, size_t expected_len) {
    struct rpc_strbuf buf = RPC_STRBUF_INIT;
    size_t len = strlen(json);
    char *exact = malloc(len); /* so that the sanitizer sees a byte too far */
    memcpy(exact, json, len);
    size_t used = rpc_strbuf_add_unquoted(&buf, exact, len);
    assert_int_equal(used, expected ? len : 0);
    if (expected) {
        assert_int_equal(buf.len, expected_len);
        assert_memory_equal(rpc_strbuf_text(&buf), expected, expected_len);
    }
    rpc_strbuf_done(&buf);
    free(exact);
}

static void json_strings_are_read_back(void **state) {
    (void)state;
    assert_unquoted("\"\"", "", 0);
    assert_unquoted("\"plain text of some length\"", "plain text of some length", 25);
    assert_unquoted("\"\xc3\xa9 \xf0\x9f\x98\x80\x7f\"", "\xc3\xa9 \xf0\x9f\x98\x80\x7f", 8);
    assert_unquoted("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    assert_unquoted("\"a\\u0000b\\u00E9\\u20ac\"", "a\0b\xc3\xa9\xe2\x82\xac", 8);
    assert_unquoted("\"\\ud83d\\uDE00\"", "\xf0\x9f\x98\x80", 4);
    struct rpc_strbuf buf = RPC_STRBUF_INIT; /* what is behind it is not its business */
    assert_int_equal(rpc_strbuf_add_unquoted(&buf, "\"ab\",\"cd\"", 9), 4);
    assert_string_equal(buf.data, "ab");
    rpc_strbuf_done(&buf);
}

static void what_is_no_json_string_is_not_read(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "x",
        "\"",
        "\"open",
        "\"a\nb\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xed\xa0\x80\"",
        "\"\\x\"",
        "\"\\\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\"\\ud83d\\ude0",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_unquoted(wrong[i], NULL, 0);
}

static void buffers_grow_and_can_be_taken(void **state) {
    (void)state;
    struct rpc_strbuf buf = RPC_STRBUF_INIT;
    assert_string_equal(rpc_strbuf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        rpc_strbuf_addf(&buf, "%d,", i);
    rpc_strbuf_add_int(&buf, -42);
    rpc_strbuf_add_int(&buf, 0);
    rpc_strbuf_add_int(&buf, INT64_MIN);
    assert_int_equal(buf.len, 3890 + 3 + 1 + 20);
    assert_string_equal(buf.data + 3890, "-420-9223372036854775808");
    size_t len;
    char *taken = rpc_strbuf_take(&buf, &len);
    assert_int_equal(len, 3914);
    assert_int_equal(buf.len, 0);
    free(taken);
    assert_null(rpc_strbuf_take(&buf, &len));
}

static void a_buffer_that_cannot_grow_says_so_at_the_end(void **state) {
    (void)state;
    struct rpc_strbuf buf = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&buf, "kept");
    assert_null(rpc_strbuf_reserve(&buf, SIZE_MAX / 2));
    rpc_strbuf_add_text(&buf, "ignored");
    assert_true(buf.failed);
    assert_string_equal(buf.data, "kept");
    assert_null(rpc_strbuf_take(&buf, NULL));
}

static void errors_are_cut_at_a_character(void **state) {
    (void)state;
    struct rpc_error err = {0};
    char text[600];
    /* 511 bytes fit; the euro sign (three bytes) would be cut after two. */
    memset(text, 'x', sizeof text);
    strcpy(text + 509, "\xe2\x82\xac\xe2\x82\xac");
    rpc_error_set(&err, RPC_ERROR_INVALID, 0, "%s", text);
    assert_int_equal(strlen(err.message), 509);
    /* An error may be built from its own old message. */
    rpc_error_set(&err, RPC_ERROR_INVALID, 0, "again: %.5s", err.message);
    assert_string_equal(err.message, "again: xxxxx");
    rpc_error_set(NULL, RPC_ERROR_INVALID, 0, "nobody listens");
}

static void files_are_replaced_whole_and_read_up_to_a_limit(void **state) {
    (void)state;
    struct home home;
    struct rpc_error err = {0};
    struct rpc_strbuf content = RPC_STRBUF_INIT;
    struct stat st;
    char path[96];
    home_make(&home);
    snprintf(path, sizeof path, "%s/state.json", home.path);
    assert_int_equal(rpc_file_replace(path, "first version", 13, 0640, &err), 0);
    assert_int_equal(rpc_file_replace(path, "second", 6, 0600, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(rpc_file_read(path, 6, &content, &err), 0);
    assert_string_equal(content.data, "second");
    rpc_strbuf_clear(&content);
    assert_int_equal(rpc_file_read(path, 5, &content, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_int_equal(rpc_file_read("/nonexistent/file", 5, &content, &err), -1);
    assert_string_equal(err.message, "/nonexistent/file: No such file or directory");
    rpc_strbuf_done(&content);
    home_remove(&home);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings_escape_what_json_forbids),
        cmocka_unit_test(json_strings_find_what_to_escape_at_every_place),
        cmocka_unit_test(json_strings_replace_bytes_that_are_not_utf8),
        cmocka_unit_test(json_strings_are_read_back),
        cmocka_unit_test(what_is_no_json_string_is_not_read),
        cmocka_unit_test(buffers_grow_and_can_be_taken),
        cmocka_unit_test(a_buffer_that_cannot_grow_says_so_at_the_end),
        cmocka_unit_test(errors_are_cut_at_a_character),
        cmocka_unit_test(files_are_replaced_whole_and_read_up_to_a_limit),
    };
    return cmocka_run_group_tests_name("hero_rpc base", tests, NULL, NULL);
}
