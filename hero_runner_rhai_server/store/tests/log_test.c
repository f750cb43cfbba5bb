/* Lines: all of them come back, in pages, from wherever they lie. */
#include "fixture.h"

#include "store/log_block.h"
#include "store/log_read.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void part_path(struct fixture *fixture, unsigned n, const char *suffix, char out[200]) {
    snprintf(out, 200, "%s/logs/%.2s/%s.%s", fixture->dir, id_of(n), id_of(n), suffix);
}

static bool has_file(struct fixture *fixture, unsigned n, const char *suffix) {
    char path[200];
    part_path(fixture, n, suffix, path);
    return access(path, F_OK) == 0;
}

/* Appends lines 1 to `last` in batches of `step`. */
static void append_all(struct fixture *fixture, int64_t row, unsigned n, uint64_t last,
                       uint64_t step) {
    for (uint64_t seq = 1; seq <= last; seq += step)
        assert_int_equal(
            append(fixture, make_lines(row, n, seq, seq + step - 1 < last ? seq + step - 1 : last)),
            0);
}

/* Goes through the whole log in pages of `limit` and expects every line. */
static void assert_all_forwards(struct fixture *fixture, unsigned n, uint64_t last,
                                uint32_t limit) {
    struct store_log_query query = {.id = id_of(n), .limit = limit};
    for (;;) {
        struct store_log_page *page = read_log(fixture, &query);
        assert_int_equal(page->last_seq, last);
        assert_int_equal(page->dropped, 0);
        for (size_t i = 0; i < page->count; i++)
            assert_is_line(&page->lines[i], query.after_seq + 1 + i);
        assert_int_equal(page->last_covered, query.after_seq + page->count);
        query.after_seq = page->last_covered;
        bool is_end = page->count == 0;
        assert_true(page->count <= limit);
        store_log_page_free(page);
        if (is_end) break;
    }
    assert_int_equal(query.after_seq, last);
}

static void assert_all_backwards(struct fixture *fixture, unsigned n, uint64_t last,
                                 uint32_t limit) {
    struct store_log_query query = {.id = id_of(n), .limit = limit, .before_seq = UINT64_MAX};
    uint64_t seen = 0;
    while (query.before_seq > 1) {
        struct store_log_page *page = read_log(fixture, &query);
        uint64_t first = last - seen - page->count + 1;
        for (size_t i = 0; i < page->count; i++)
            assert_is_line(&page->lines[i], first + i);
        assert_int_equal(page->first_covered, first);
        seen += page->count;
        query.before_seq = page->first_covered;
        store_log_page_free(page);
    }
    assert_int_equal(seen, last);
}

/* ---- Where a log lies -------------------------------------------------------------------- */

static void a_short_log_stays_in_the_database(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    append_all(fixture, row, 1, 60, 7);
    struct store_session over = {.status = "succeeded", .ended_us = 9, .lines = 100};
    assert_int_equal(end_with(fixture, row, &over, NULL, make_lines(row, 1, 61, 100)), 0);
    assert_false(has_file(fixture, 1, "log"));
    assert_all_forwards(fixture, 1, 100, 9);
    assert_all_backwards(fixture, 1, 100, 9);
}

static void a_log_that_comes_with_the_end_needs_no_append(void **state) {
    struct fixture *fixture = *state;
    int64_t rows[2];
    for (unsigned n = 1; n <= 2; n++) {
        insert(fixture, n, &rows[n - 1]);
        uint64_t last = n == 1 ? 3 : 5000;
        struct store_session over = {.status = "succeeded", .ended_us = 9};
        assert_int_equal(
            end_with(fixture, rows[n - 1], &over, NULL, make_lines(rows[n - 1], n, 1, last)), 0);
        assert_int_equal(has_file(fixture, n, "log"), n == 2);
        assert_all_forwards(fixture, n, last, 1000);
    }
}

static void a_long_log_moves_into_a_file(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    append_all(fixture, row, 1, 20000, 37);
    assert_true(has_file(fixture, 1, "log"));
    assert_all_forwards(fixture, 1, 20000, 1777); /* while it runs */
    end(fixture, row, "succeeded");
    fixture_reopen(fixture);
    assert_all_forwards(fixture, 1, 20000, 3000);
    assert_all_backwards(fixture, 1, 20000, 1777);
    struct store_record *record = get(fixture, id_of(1));
    struct stat status;
    char path[200];
    part_path(fixture, 1, "log", path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(record->session.log_bytes, status.st_size);
    store_record_free(record);
}

static void more_logs_are_open_than_descriptors(void **state) {
    struct fixture *fixture = *state;
    enum { SESSIONS = 100, ROUNDS = 3, LINES = 700 };
    int64_t rows[SESSIONS];
    for (unsigned n = 0; n < SESSIONS; n++)
        insert(fixture, n, &rows[n]);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned n = 0; n < SESSIONS; n++)
            append(fixture, make_lines(rows[n], n, round * LINES + 1, (round + 1) * LINES));
    char pattern[64];
    glob_t found;
    snprintf(pattern, sizeof pattern, "/proc/%d/fd/*", (int)getpid());
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc < 64 + 30);
    globfree(&found);
    for (unsigned n = 0; n < SESSIONS; n += 9)
        assert_all_forwards(fixture, n, ROUNDS * LINES, 10000);
}

/* ---- Bounds ------------------------------------------------------------------------------ */

static void beyond_its_limit_a_log_keeps_head_and_tail(void **state) {
    struct fixture *fixture = *state;
    fixture->config.session_log_bytes = 512 * 1024;
    fixture_reopen(fixture);
    int64_t row;
    insert(fixture, 1, &row);
    const uint64_t last = 30000; /* 3.3 MiB */
    append_all(fixture, row, 1, last, 50);
    end(fixture, row, "succeeded");

    struct store_log_query query = {.id = id_of(1), .limit = 10000};
    uint64_t kept = 0, dropped = 0, bytes = 0, gaps = 0;
    for (;;) {
        struct store_log_page *page = read_log(fixture, &query);
        if (page->dropped) gaps++;
        dropped += page->dropped;
        uint64_t first = query.after_seq + page->dropped + 1;
        for (size_t i = 0; i < page->count; i++) {
            assert_is_line(&page->lines[i], first + i);
            bytes += page->lines[i].len + STORE_LINE_HEADER_BYTES;
        }
        kept += page->count;
        query.after_seq = page->last_covered;
        bool is_end = page->count == 0;
        store_log_page_free(page);
        if (is_end) break;
    }
    assert_int_equal(query.after_seq, last); /* head, one gap, tail */
    assert_int_equal(gaps, 1);
    assert_int_equal(kept + dropped, last);
    assert_true(bytes > 512 * 1024 * 2 / 3 && bytes <= 512 * 1024);

    /* Backwards the same lines with the same gap. */
    uint64_t back_kept = 0, back_dropped = 0;
    query = (struct store_log_query){.id = id_of(1), .before_seq = UINT64_MAX, .limit = 1000};
    while (query.before_seq > 1) {
        struct store_log_page *page = read_log(fixture, &query);
        uint64_t behind = query.before_seq > last ? last + 1 : query.before_seq;
        for (size_t i = 0; i < page->count; i++)
            assert_is_line(&page->lines[i], behind - page->dropped - page->count + i);
        if (page->dropped) assert_int_equal(page->dropped, dropped);
        back_kept += page->count;
        back_dropped += page->dropped;
        query.before_seq = page->first_covered;
        store_log_page_free(page);
    }
    assert_int_equal(back_kept, kept);
    assert_int_equal(back_dropped, dropped);
    struct store_record *record = get(fixture, id_of(1));
    assert_true(record->session.log_bytes <= 512 * 1024);
    store_record_free(record);
}

/* Bytes in all files of a session. */
static int64_t size_on_disk(struct fixture *fixture, unsigned n) {
    static const char *const suffixes[] = {"log", "old", "tail"};
    int64_t size = 0;
    for (int i = 0; i < 3; i++) {
        char path[200];
        struct stat status;
        part_path(fixture, n, suffixes[i], path);
        if (stat(path, &status) == 0) size += status.st_size;
    }
    return size;
}

/* Lines first to last, each of `len` bytes. */
static struct store_lines *make_equal_lines(int64_t row, unsigned n, uint64_t first, uint64_t last,
                                            size_t len) {
    static char text[STORE_LINES_MAX_BYTES];
    struct store_lines *lines = store_lines_new(row, id_of(n), first);
    memset(text, 'x', sizeof text);
    for (uint64_t seq = first; seq <= last; seq++)
        assert_true(store_lines_add(lines, line_time(seq), 1, text, len));
    return lines;
}

/* The lines that can be read, which are all but one gap. */
static uint64_t count_lines(struct fixture *fixture, unsigned n, uint64_t last) {
    struct store_log_query query = {.id = id_of(n)};
    uint64_t kept = 0, dropped = 0;
    while (query.after_seq < last) {
        struct store_log_page *page = read_log(fixture, &query);
        assert_true(page->count > 0);
        assert_int_equal(page->lines[0].seq, query.after_seq + page->dropped + 1);
        assert_true(dropped == 0 || page->dropped == 0);
        kept += page->count;
        dropped += page->dropped;
        query.after_seq = page->last_covered;
        store_log_page_free(page);
    }
    assert_int_equal(kept + dropped, last);
    return kept;
}

static void a_batch_larger_than_the_limit_keeps_it_too(void **state) {
    struct fixture *fixture = *state;
    const int64_t limit = STORE_SESSION_LOG_MIN_BYTES;
    fixture->config.session_log_bytes = limit;
    fixture_reopen(fixture);
    static const size_t lens[] = {0, 100, 5000, 64 * 1024};
    for (unsigned n = 0; n < sizeof lens / sizeof lens[0]; n++) {
        int64_t row;
        size_t size = lens[n] + STORE_LINE_HEADER_BYTES;
        uint64_t step = STORE_LINES_MAX_BYTES / size, last = 0;
        insert(fixture, n, &row);
        for (int batch = 0; batch < 3; batch++, last += step) {
            append(fixture, make_equal_lines(row, n, last + 1, last + step, lens[n]));
            assert_true(size_on_disk(fixture, n) <= limit);
        }
        append(fixture, make_equal_lines(row, n, last + 1, last + 1, lens[n]));
        end(fixture, row, "succeeded");
        int64_t on_disk = size_on_disk(fixture, n);
        assert_true(on_disk <= limit);
        struct store_record *record = get(fixture, id_of(n));
        assert_int_equal(record->session.log_bytes, on_disk);
        assert_int_equal(record->session.lost_lines, 0);
        store_record_free(record);
        /* The head, and a tail of one file and the beginning of another. */
        uint64_t kept = count_lines(fixture, n, last + 1);
        assert_true(kept * size <= (uint64_t)limit);
        assert_true((kept + 3) * size >= (uint64_t)limit / 4 * 3 - 1024);
    }
}

static void a_line_longer_than_a_file_is_lost_and_counted(void **state) {
    struct fixture *fixture = *state;
    fixture->config.session_log_bytes = STORE_SESSION_LOG_MIN_BYTES;
    fixture_reopen(fixture);
    int64_t row;
    insert(fixture, 1, &row);
    append(fixture, make_equal_lines(row, 1, 1, 1, 1000 * 1000));
    append(fixture, make_equal_lines(row, 1, 2, 3, 100));
    end(fixture, row, "succeeded");
    struct store_log_page *page = read_log(fixture, &(struct store_log_query){.id = id_of(1)});
    assert_int_equal(page->dropped, 1);
    assert_int_equal(page->count, 2);
    store_log_page_free(page);
    struct store_record *record = get(fixture, id_of(1));
    assert_int_equal(record->session.lost_lines, 1);
    store_record_free(record);
}

static void lines_that_were_never_posted_are_a_gap(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    append(fixture, make_lines(row, 1, 1, 10));
    append(fixture, make_lines(row, 1, 21, 30));
    struct store_log_query query = {.id = id_of(1)};
    struct store_log_page *page = read_log(fixture, &query);
    assert_int_equal(page->count, 10); /* up to the gap */
    assert_int_equal(page->dropped, 0);
    query.after_seq = page->last_covered;
    store_log_page_free(page);
    page = read_log(fixture, &query);
    assert_int_equal(page->count, 10);
    assert_int_equal(page->dropped, 10);
    assert_is_line(&page->lines[0], 21);
    store_log_page_free(page);
    query.after_seq = 15; /* in the middle of it */
    page = read_log(fixture, &query);
    assert_int_equal(page->dropped, 5);
    assert_is_line(&page->lines[0], 21);
    store_log_page_free(page);
}

/* ---- After a crash ----------------------------------------------------------------------- */

static void a_torn_end_is_cut_off_and_all_before_it_is_kept(void **state) {
    struct fixture *fixture = *state;
    char path[200];
    part_path(fixture, 1, "log", path);
    /* Bytes less at the end: a line's text, a header's half, the header and more; and a flipped
     * bit. */
    static const off_t cuts[] = {1, 100, 3000, 0};
    for (unsigned i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        unsigned n = i + 1;
        int64_t row;
        insert(fixture, n, &row);
        append_all(fixture, row, n, 3000, 100);
        part_path(fixture, n, "log", path);
        int fd = open(path, O_RDWR);
        struct stat status;
        fstat(fd, &status);
        if (cuts[i])
            assert_int_equal(ftruncate(fd, status.st_size - cuts[i]), 0);
        else
            assert_int_equal(pwrite(fd, "?", 1, status.st_size - 1), 1);
        close(fd);
        /* No end: the next process finds it as it was left by a crash. */
        fixture_reopen(fixture);
        assert_int_equal(fixture->interrupted->count, 1);
        assert_int_equal(fixture->interrupted->items[0].lines, 2900);
        assert_all_forwards(fixture, n, 2900, 10000);
    }
}

static void a_record_that_is_cut_anywhere_costs_itself_only(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    char path[200], dir[100], whole[64 * 1024];
    snprintf(dir, sizeof dir, "%s/logs", fixture->dir);
    insert(fixture, 1, &row);
    append_all(fixture, row, 1, 3000, 100); /* moves it into a file */
    struct stat before, after;
    part_path(fixture, 1, "log", path);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(append(fixture, make_lines(row, 1, 3001, 3003)), 0);
    assert_int_equal(stat(path, &after), 0);
    size_t len = (size_t)(after.st_size - before.st_size);
    assert_in_range(len, 1, sizeof whole);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, whole, len, before.st_size), len);
    for (size_t cut = 0; cut < len; cut++) {
        struct log_extent extent;
        assert_int_equal(ftruncate(fd, before.st_size), 0);
        assert_int_equal(pwrite(fd, whole, cut, before.st_size), cut);
        assert_int_equal(log_repair(dir, id_of(1), &extent), 0);
        assert_int_equal(extent.last_seq, 3000);
        assert_int_equal(extent.bytes, before.st_size);
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(after.st_size, before.st_size);
    }
    close(fd);
    fixture_reopen(fixture);
    assert_all_forwards(fixture, 1, 3000, 10000);
}

/* More lines than the limit allows, all of them in the journal only: the writer cannot write. */
static void die_with_lines_beyond_the_limit(const struct store_config *config) {
    char path[100];
    struct rpc_error err = {0};
    struct store *store = store_open(config, NULL, &err);
    struct store_request request = {0};
    sqlite3 *db;
    if (!store) _exit(1);
    snprintf(path, sizeof path, "%s/history.db", config->dir);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        _exit(2);
    int64_t row = store_insert(store, pending_session(1), &request, NULL, NULL, NULL);
    for (uint64_t seq = 1; seq <= 1000; seq += 50) {
        bool is_safe;
        store_append(store, make_equal_lines(row, 1, seq, seq + 49, 1000), &is_safe, NULL, NULL);
        if (!is_safe) _exit(3);
    }
    raise(SIGKILL);
}

static void what_is_found_in_the_journal_keeps_the_limit_too(void **state) {
    struct fixture *fixture = *state;
    fixture->config.session_log_bytes = STORE_SESSION_LOG_MIN_BYTES;
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t pid = fork();
    if (pid == 0) die_with_lines_beyond_the_limit(&fixture->config);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    fixture_reopen(fixture);
    assert_int_equal(fixture->interrupted->items[0].lines, 1000);
    assert_true(fixture->interrupted->items[0].log_bytes <= STORE_SESSION_LOG_MIN_BYTES);
    assert_true(size_on_disk(fixture, 1) <= STORE_SESSION_LOG_MIN_BYTES);
    assert_true(count_lines(fixture, 1, 1000) > 150);
}

static bool is_there(const char *path) {
    return access(path, F_OK) == 0;
}

static void files_of_no_session_are_removed_and_nothing_else(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    char known[200], orphans[4][200], foreign[260], folder[200];
    insert(fixture, 1, &row);
    append_all(fixture, row, 1, 3000, 100);
    end(fixture, row, "succeeded");
    part_path(fixture, 1, "log", known);
    part_path(fixture, 1, "tail.new", orphans[0]); /* never finished */
    part_path(fixture, 2, "log", orphans[1]);
    part_path(fixture, 2, "old", orphans[2]);
    part_path(fixture, 2, "tail", orphans[3]);
    snprintf(foreign, sizeof foreign, "%s.bak", known);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(orphans[1], '/') - orphans[1]),
             orphans[1]);
    mkdir(folder, 0700);
    for (int i = 0; i < 4; i++)
        close(open(orphans[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    close(open(foreign, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_true(is_there(orphans[1]));
    fixture_reopen(fixture);
    for (int i = 0; i < 4; i++)
        assert_false(is_there(orphans[i]));
    assert_true(is_there(foreign));
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.orphans, 4);
    assert_all_forwards(fixture, 1, 3000, 10000);
}

static void a_damaged_block_costs_its_own_lines_only(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    append_all(fixture, row, 1, 3000, 100);
    end(fixture, row, "succeeded");
    char path[200];
    part_path(fixture, 1, "log", path);
    int fd = open(path, O_RDWR);
    /* The first block of the file is behind the first header; its first text. */
    off_t place = FILE_HEADER_BYTES + BLOCK_HEADER_BYTES + STORE_LINE_HEADER_BYTES + 2;
    assert_int_equal(pwrite(fd, "!!", 2, place), 2);
    close(fd);
    struct store_log_query query = {.id = id_of(1)};
    struct store_log_page *page = read_log(fixture, &query);
    assert_int_equal(page->dropped, 100);
    assert_int_equal(page->count, 2900);
    assert_is_line(&page->lines[0], 101);
    store_log_page_free(page);
}

/* ---- Filters ----------------------------------------------------------------------------- */

static void lines_are_filtered_by_stream_and_by_what_they_contain(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    struct store_lines *lines = store_lines_new(row, id_of(1), 1);
    for (int i = 1; i <= 5000; i++) {
        char text[40];
        int len =
            snprintf(text, sizeof text, "%s %d\x1b[0m%c\xff", i % 100 ? "step" : "mark", i, 0);
        assert_true(store_lines_add(lines, (uint64_t)i, i % 2 ? 1 : 0x82, text, (size_t)len));
    }
    append(fixture, lines);
    struct store_log_query query = {.id = id_of(1), .contains = {"mark", 4}};
    struct store_log_page *page = read_log(fixture, &query);
    assert_int_equal(page->count, 50);
    assert_int_equal(page->lines[49].seq, 5000);
    assert_int_equal(page->last_covered, 5000);
    store_log_page_free(page);

    query = (struct store_log_query){
        .id = id_of(1), .contains = {"mark", 4}, .limit = 3, .before_seq = 4000};
    page = read_log(fixture, &query);
    assert_int_equal(page->count, 3);
    assert_int_equal(page->lines[0].seq, 3700);
    assert_int_equal(page->lines[2].seq, 3900);
    assert_int_equal(page->first_covered, 3601); /* the next one is 3600 */
    store_log_page_free(page);

    query = (struct store_log_query){.id = id_of(1), .stream = 2, .limit = 2, .after_seq = 10};
    page = read_log(fixture, &query);
    assert_int_equal(page->count, 2);
    assert_int_equal(page->lines[0].seq, 12);
    assert_int_equal(page->lines[0].stream, 0x82);
    assert_memory_equal(page->lines[0].text, "step 12\x1b[0m\0\xff", 13);
    store_log_page_free(page);
}

static void reading_begins_at_a_time(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    append_all(fixture, row, 1, 20000, 100);
    static const uint64_t firsts[] = {1, 2, 777, 19999};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct store_log_query query = {
            .id = id_of(1), .since_us = line_time(firsts[i]) - 5, .limit = 2};
        struct store_log_page *page = read_log(fixture, &query);
        assert_int_equal(page->count, 2);
        assert_int_equal(page->dropped, 0);
        assert_is_line(&page->lines[0], firsts[i]);
        store_log_page_free(page);
    }
    struct store_log_query query = {.id = id_of(1), .since_us = line_time(20001)};
    struct store_log_page *page = read_log(fixture, &query);
    assert_int_equal(page->count, 0);
    assert_int_equal(page->last_covered, 20000);
    store_log_page_free(page);
}

static void a_page_is_bounded_by_bytes_but_holds_a_line(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    append_all(fixture, row, 1, 1000, 100);
    struct store_log_query query = {.id = id_of(1), .max_bytes = 1000};
    struct store_log_page *page = read_log(fixture, &query);
    size_t bytes = 0;
    for (size_t i = 0; i < page->count; i++)
        bytes += page->lines[i].len;
    assert_true(bytes <= 1000 && bytes > 700);
    store_log_page_free(page);
    query.max_bytes = 1;
    query.after_seq = 5;
    page = read_log(fixture, &query);
    assert_true(page->count >= 1);
    store_log_page_free(page);
}

static void the_log_of_an_unknown_session_is_not_found(void **state) {
    struct fixture *fixture = *state;
    assert_null(read_log(fixture, &(struct store_log_query){.id = id_of(1)}));
    insert(fixture, 1, NULL);
    struct store_log_page *page = read_log(fixture, &(struct store_log_query){.id = id_of(1)});
    assert_int_equal(page->count, 0);
    assert_int_equal(page->last_seq, 0);
    store_log_page_free(page);
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_short_log_stays_in_the_database),
        CASE(a_log_that_comes_with_the_end_needs_no_append),
        CASE(a_long_log_moves_into_a_file),
        CASE(more_logs_are_open_than_descriptors),
        CASE(beyond_its_limit_a_log_keeps_head_and_tail),
        CASE(a_batch_larger_than_the_limit_keeps_it_too),
        CASE(a_line_longer_than_a_file_is_lost_and_counted),
        CASE(lines_that_were_never_posted_are_a_gap),
        CASE(a_torn_end_is_cut_off_and_all_before_it_is_kept),
        CASE(a_record_that_is_cut_anywhere_costs_itself_only),
        CASE(what_is_found_in_the_journal_keeps_the_limit_too),
        CASE(files_of_no_session_are_removed_and_nothing_else),
        CASE(a_damaged_block_costs_its_own_lines_only),
        CASE(lines_are_filtered_by_stream_and_by_what_they_contain),
        CASE(reading_begins_at_a_time),
        CASE(a_page_is_bounded_by_bytes_but_holds_a_line),
        CASE(the_log_of_an_unknown_session_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
