#include "unit.h"

#include "server/log_files.h"

#include <ftw.h>
#include <stdio.h>

static const struct log_files_limits limits = {
    .file_bytes = 4096, .source_bytes = 16384, .total_bytes = 40960};
static char dir[32];

static int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/log_files_XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int remove_dir(void **state) {
    (void)state;
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_lines(struct log_files *files, const char *source, uint64_t first, size_t count) {
    for (uint64_t id = first; id < first + count; id++) {
        char text[128];
        struct rpc_strbuf out = RPC_STRBUF_INIT;
        int len = snprintf(text, sizeof text, "line %llu ..............................",
                           (unsigned long long)id);
        struct log_line line = {.id = id,
                                .timestamp_ms = (int64_t)id,
                                .level = LOG_INFO,
                                .tags = "[]",
                                .tags_len = 2,
                                .text = text,
                                .len = (size_t)len};
        log_line_encode(&line, &out);
        assert_int_equal(log_files_write(files, source, id, rpc_strbuf_text(&out), out.len), 0);
        rpc_strbuf_done(&out);
    }
}

/* First and last id, and how many. */
static size_t query(struct log_files *files, const struct log_query *query, uint64_t *first,
                    uint64_t *last) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    log_files_query(files, query, &out);
    json_t *page = json_loads(rpc_strbuf_text(&out), 0, NULL);
    json_t *lines = json_object_get(page, "lines");
    size_t count = json_array_size(lines);
    *first = (uint64_t)json_integer_value(json_object_get(json_array_get(lines, 0), "id"));
    *last = (uint64_t)json_integer_value(json_object_get(json_array_get(lines, count - 1), "id"));
    json_decref(page);
    rpc_strbuf_done(&out);
    return count;
}

static void a_source_keeps_its_newest_lines(void **state) {
    (void)state;
    uint64_t first, last;
    struct log_files *files = log_files_open(dir, &limits, NULL);
    write_lines(files, "web", 1, 1000);
    assert_true(log_files_bytes(files) <= limits.source_bytes);
    size_t kept = query(files, &(struct log_query){.limit = 10000}, &first, &last);
    assert_int_equal(last, 1000);
    assert_int_equal(first, 1001 - kept);
    assert_true(kept > 100);
    log_files_close(files);
}

static void all_together_keep_within_the_total(void **state) {
    (void)state;
    struct log_files *files = log_files_open(dir, &limits, NULL);
    char name[16];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "web%d", i);
        write_lines(files, name, (uint64_t)i * 1000 + 1, 300);
    }
    assert_true(log_files_bytes(files) <= limits.total_bytes);
    log_files_close(files);
}

static void pages_follow_each_other_also_after_opening_again(void **state) {
    (void)state;
    uint64_t first, last;
    struct log_files *files = log_files_open(dir, &limits, NULL);
    write_lines(files, "a", 1, 100);
    write_lines(files, "a.b", 101, 100);
    write_lines(files, "ab", 201, 10);
    log_files_close(files);
    files = log_files_open(dir, &limits, NULL);
    assert_int_equal(query(files, &(struct log_query){.source = "a", .limit = 10}, &first, &last),
                     10);
    assert_int_equal(first, 191);
    assert_int_equal(last, 200);
    struct log_query next = {.source = "a", .limit = 150, .after_id = 20};
    assert_int_equal(query(files, &next, &first, &last), 150);
    assert_int_equal(first, 21);
    assert_int_equal(last, 170);
    next.after_id = last;
    assert_int_equal(query(files, &next, &first, &last), 30);
    assert_int_equal(last, 200);
    log_files_close(files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_keeps_its_newest_lines, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(all_together_keep_within_the_total, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(pages_follow_each_other_also_after_opening_again, make_dir,
                                        remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
