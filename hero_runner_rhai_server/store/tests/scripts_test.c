/* The library of named scripts: versions are kept, names are checked. */
#include "fixture.h"

#include <errno.h>

struct saved {
    bool is_done;
    int status;
    int64_t version;
};

static void on_saved(void *ctx, int status, int64_t version) {
    *(struct saved *)ctx = (struct saved){true, status, version};
}

static int64_t save(struct fixture *fixture, const char *name, const char *text,
                    const char *description) {
    struct saved saved = {0};
    struct store_bytes bytes = {text, strlen(text)};
    assert_int_equal(store_save_script(fixture->store, name, bytes, description, on_saved, &saved),
                     0);
    wait_for(fixture, &saved.is_done);
    assert_int_equal(saved.status, 0);
    return saved.version;
}

struct answer {
    bool is_done;
    int status;
    struct store_scripts *scripts;
};

static void on_scripts(void *ctx, int status, struct store_scripts *scripts) {
    *(struct answer *)ctx = (struct answer){true, status, scripts};
}

static struct store_scripts *get_script(struct fixture *fixture, const char *name,
                                        int64_t version) {
    struct answer answer = {0};
    store_get_script(fixture->store, name, version, on_scripts, &answer);
    wait_for(fixture, &answer.is_done);
    assert_int_equal(answer.status, answer.scripts ? 0 : -ENOENT);
    return answer.scripts;
}

static struct store_scripts *list_scripts(struct fixture *fixture) {
    struct answer answer = {0};
    store_list_scripts(fixture->store, on_scripts, &answer);
    wait_for(fixture, &answer.is_done);
    assert_int_equal(answer.status, 0);
    return answer.scripts;
}

static void on_deleted(void *ctx, int status) {
    *(struct saved *)ctx = (struct saved){.is_done = true, .status = status};
}

static int delete_script(struct fixture *fixture, const char *name, int64_t version) {
    struct saved saved = {0};
    store_delete_script(fixture->store, name, version, on_deleted, &saved);
    wait_for(fixture, &saved.is_done);
    return saved.status;
}

static void saving_makes_a_new_version_and_keeps_the_old_ones(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(save(fixture, "db/backup", "print(1)", "first"), 1);
    assert_int_equal(save(fixture, "db/backup", "print(22)", NULL), 2);
    assert_int_equal(save(fixture, "other", "", NULL), 1);
    fixture_reopen(fixture);

    struct store_scripts *scripts = get_script(fixture, "db/backup", 0);
    assert_int_equal(scripts->count, 3); /* the one asked for, and all */
    assert_int_equal(scripts->items[0].version, 2);
    assert_int_equal(scripts->items[0].text.len, 9);
    assert_memory_equal(scripts->items[0].text.data, "print(22)", 9);
    assert_null(scripts->items[0].description);
    assert_int_equal(scripts->items[1].version, 2);
    assert_int_equal(scripts->items[2].version, 1);
    assert_int_equal(scripts->items[2].bytes, 8);
    assert_null(scripts->items[2].text.data);
    store_scripts_free(scripts);

    scripts = get_script(fixture, "db/backup", 1);
    assert_memory_equal(scripts->items[0].text.data, "print(1)", 8);
    assert_string_equal(scripts->items[0].description, "first");
    assert_true(scripts->items[0].saved_us > 0);
    store_scripts_free(scripts);

    scripts = list_scripts(fixture);
    assert_int_equal(scripts->count, 2);
    assert_string_equal(scripts->items[0].name, "db/backup");
    assert_int_equal(scripts->items[0].version, 2);
    assert_int_equal(scripts->items[0].versions, 2);
    assert_string_equal(scripts->items[1].name, "other");
    assert_int_equal(scripts->items[1].bytes, 0);
    store_scripts_free(scripts);
}

static void one_version_or_all_are_deleted(void **state) {
    struct fixture *fixture = *state;
    static const char *const texts[] = {"1", "2", "3"};
    for (int i = 1; i <= 3; i++)
        assert_int_equal(save(fixture, "job", texts[i - 1], NULL), i);
    assert_int_equal(delete_script(fixture, "job", 2), 0);
    assert_int_equal(delete_script(fixture, "job", 2), -ENOENT);
    assert_null(get_script(fixture, "job", 2));
    struct store_scripts *scripts = get_script(fixture, "job", 0);
    assert_int_equal(scripts->items[0].version, 3);
    assert_int_equal(scripts->items[0].versions, 2);
    store_scripts_free(scripts);
    assert_int_equal(save(fixture, "job", "1", NULL), 4);
    assert_int_equal(delete_script(fixture, "job", 0), 0);
    assert_null(get_script(fixture, "job", 0));
    assert_int_equal(delete_script(fixture, "job", 0), -ENOENT);
}

static void saving_the_same_text_makes_no_new_version(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(save(fixture, "job", "1", "first"), 1);
    assert_int_equal(save(fixture, "job", "1", NULL), 1);
    struct store_scripts *scripts = get_script(fixture, "job", 0);
    assert_string_equal(scripts->items[0].description, "first");
    assert_int_equal(scripts->items[0].versions, 1);
    store_scripts_free(scripts);
    assert_int_equal(save(fixture, "job", "1", "what it is for"), 1);
    scripts = get_script(fixture, "job", 0);
    assert_string_equal(scripts->items[0].description, "what it is for");
    store_scripts_free(scripts);
    /* An older text is a new version again, and so is the empty one. */
    assert_int_equal(save(fixture, "job", "2", NULL), 2);
    assert_int_equal(save(fixture, "job", "1", NULL), 3);
    assert_int_equal(save(fixture, "job", "", NULL), 4);
    assert_int_equal(save(fixture, "job", "", NULL), 4);
}

static void a_number_never_means_two_texts(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(save(fixture, "job", "1", NULL), 1);
    assert_int_equal(save(fixture, "job", "2", NULL), 2);
    assert_int_equal(delete_script(fixture, "job", 2), 0);
    assert_int_equal(save(fixture, "job", "3", NULL), 3);
    assert_int_equal(delete_script(fixture, "job", 0), 0);
    fixture_reopen(fixture);
    assert_int_equal(save(fixture, "job", "4", NULL), 4);
    assert_null(get_script(fixture, "job", 1));
}

static void names_are_checked(void **state) {
    struct fixture *fixture = *state;
    static const char *const good[] = {"a", "db/backup", "x-1_2.rhai", "a/b/c"};
    static const char *const bad[] = {"",        "/a",   "a/",  "a//b", ".",        "..",
                                      ".hidden", "a/..", "a b", "a\n",  "\xc3\xa9", "a\\b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(store_script_name_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(store_script_name_is_valid(bad[i]));
    char name[STORE_SCRIPT_NAME_MAX_BYTES + 2];
    memset(name, 'a', sizeof name);
    name[STORE_SCRIPT_NAME_MAX_BYTES] = '\0';
    assert_true(store_script_name_is_valid(name));
    name[STORE_SCRIPT_NAME_MAX_BYTES] = 'a';
    name[STORE_SCRIPT_NAME_MAX_BYTES + 1] = '\0';
    assert_false(store_script_name_is_valid(name));
    assert_int_equal(
        store_save_script(fixture->store, "..", (struct store_bytes){"", 0}, NULL, NULL, NULL),
        -EINVAL);
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(saving_makes_a_new_version_and_keeps_the_old_ones),
        CASE(one_version_or_all_are_deleted),
        CASE(saving_the_same_text_makes_no_new_version),
        CASE(a_number_never_means_two_texts),
        CASE(names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
