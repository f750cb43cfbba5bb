/* Reading a line's object without a tree: what the server writes is read, nothing else is. */
#include "sdk/line_scan.h"

#include "server/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct ring_limits limits = {.max_lines = 4, .max_bytes = 1 << 20};

static void assert_read(uint8_t stream, const char *text, size_t len) {
    struct session *session = session_new(&limits);
    const struct ring_line written = {
        .seq = 7, .timestamp_us = 1795905375871234, .stream = stream, .text = text, .len = len};
    struct rpc_strbuf json = RPC_STRBUF_INIT, kept = RPC_STRBUF_INIT;
    struct runner_line line;
    session_write_line(session, &written, &json);
    assert_true(line_scan(json.data, json.len, &kept, &line));
    assert_int_equal(line.seq, 7);
    assert_int_equal(line.timestamp_ms, 1795905375871);
    assert_int_equal(line.is_stderr, (stream & ~FRAME_LINE_PARTIAL) == FRAME_STREAM_STDERR);
    assert_int_equal(line.is_partial, (stream & FRAME_LINE_PARTIAL) != 0);
    assert_int_equal(line.len, len);
    assert_memory_equal(line.text, text, len);
    assert_int_equal(line.text[len], '\0');
    rpc_strbuf_done(&kept);
    rpc_strbuf_done(&json);
    session_unref(session);
}

static void lines_are_read_as_the_server_writes_them(void **state) {
    (void)state;
    assert_read(FRAME_STREAM_STDOUT, "", 0);
    assert_read(FRAME_STREAM_STDOUT, "plain text", 10);
    assert_read(FRAME_STREAM_STDERR, "a \"quoted\" \\ \t \x01 \x7f", 18);
    assert_read(FRAME_STREAM_STDOUT | FRAME_LINE_PARTIAL, "a\0b", 3);
    assert_read(FRAME_STREAM_STDERR | FRAME_LINE_PARTIAL, "\xc3\xa9 \xf0\x9f\x98\x80", 7);
}

#define BEGIN "{\"session_id\":\"0a-9\",\"seq\":1,\"timestamp_ms\":2,\"kind\":\"stdout\","

static void what_is_written_in_another_way_is_left_to_a_tree(void **state) {
    (void)state;
    static const char *const others[] = {
        "",
        "{}",
        "{\"session_id\":\"0a-9\",\"status\":\"running\"}",
        BEGIN "\"line\":\"x\"",
        BEGIN "\"line\":\"x",
        BEGIN "\"line\":\"x\"}x",
        BEGIN "\"line\":\"x\", \"y\":1}",
        BEGIN "\"line\": \"x\"}",
        BEGIN "\"line\":7}",
        BEGIN "\"line\":\"\xff\"}",
        BEGIN "\"partial\":false,\"line\":\"x\"}",
        "{\"session_id\":\"\",\"seq\":1,\"timestamp_ms\":2,\"kind\":\"stdout\",\"line\":\"x\"}",
        "{\"session_id\":\"\\u0041\",\"seq\":1,\"timestamp_ms\":2,\"kind\":\"stdout\",\"line\":"
        "\"\"}",
        "{\"session_id\":\"a\",\"seq\":01,\"timestamp_ms\":2,\"kind\":\"stdout\",\"line\":\"x\"}",
        "{\"session_id\":\"a\",\"seq\":-1,\"timestamp_ms\":2,\"kind\":\"stdout\",\"line\":\"x\"}",
        "{\"session_id\":\"a\",\"seq\":1.5,\"timestamp_ms\":2,\"kind\":\"stdout\",\"line\":\"x\"}",
        "{\"session_id\":\"a\",\"seq\":1234567890123456789,\"timestamp_ms\":2,\"kind\":\"stdout\","
        "\"line\":\"x\"}",
        "{\"session_id\":\"a\",\"seq\":1,\"timestamp_ms\":2,\"kind\":\"stdin\",\"line\":\"x\"}",
        "{\"seq\":1,\"session_id\":\"a\",\"timestamp_ms\":2,\"kind\":\"stdout\",\"line\":\"x\"}",
    };
    struct rpc_strbuf kept = RPC_STRBUF_INIT;
    struct runner_line line;
    static const char good[] = BEGIN "\"line\":\"x\"}";
    assert_true(line_scan(good, sizeof good - 1, &kept, &line));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (line_scan(others[i], strlen(others[i]), &kept, &line)) fail_msg("%s", others[i]);
    for (size_t len = 0; len < sizeof good - 1; len++) { /* cut off anywhere */
        char *cut = malloc(len + 1);
        memcpy(cut, good, len);
        assert_false(line_scan(cut, len, &kept, &line));
        free(cut);
    }
    rpc_strbuf_done(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_as_the_server_writes_them),
        cmocka_unit_test(what_is_written_in_another_way_is_left_to_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
