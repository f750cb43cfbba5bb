/* Against a stand-in for rfs that records how it is called. */
#include "tests/fixture.h"
#include "tests/stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
    (void)state;
    return stand_in_set_up("rfs");
}

static int tear_down(void **state) {
    (void)state;
    return stand_in_tear_down();
}

#define TWO_MOUNTS                                                                                 \
    "echo '[{\"id\": \"a\", \"source\": \"/s\", \"target\": \"/mnt/a\", \"type\": \"local\", '"    \
    "'\"options\": {}}, {\"id\": \"b\", \"target\": \"/mnt/b\"}]'"

static void a_mount_is_given_as_a_map(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo m1");
    fixture_expect(f, "rfs_mount(\"host:/src\", \"/mnt/a\", \"ssh\", #{port: 22, ro: true})",
                   "#{\"id\": \"m1\", \"options\": #{\"port\": 22, \"ro\": true}, "
                   "\"source\": \"host:/src\", \"target\": \"/mnt/a\", \"type\": \"ssh\"}");
    stand_in_expect("rfs mount -t ssh -o port=22 -o ro=true host:/src /mnt/a\n");
    fixture_expect_part(f, "rfs_mount(\"/s\", \"/t\", \"local\", #{a: []})",
                        "rfs: an argument cannot be array");
}

static void mounts_are_listed_and_ended(void **state) {
    struct fixture *f = *state;
    stand_in_answer(TWO_MOUNTS);
    fixture_expect(f, "rfs_list_mounts().map(|m| m.target)", "[\"/mnt/a\", \"/mnt/b\"]");
    fixture_expect(f, "rfs_get_mount_info(\"/mnt/b\").id", "b");
    fixture_expect_part(f, "rfs_get_mount_info(\"/mnt/c\")", "rfs: nothing is mounted at /mnt/c");
    stand_in_expect("rfs list --json\nrfs list --json\nrfs list --json\n");
    stand_in_answer("echo done");
    fixture_expect(f, "[rfs_unmount(\"/mnt/a\"), rfs_unmount_all()]", "[\"done\", \"done\"]");
    stand_in_expect("rfs unmount /mnt/a\nrfs unmount --all\n");
}

static void no_mounts_are_an_empty_list(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo '[]'");
    fixture_expect(f, "rfs_list_mounts()", "[]");
    stand_in_answer("true");
    fixture_expect(f, "rfs_list_mounts()", "[]");
}

static void lists_are_packed_into_stores(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo packed");
    fixture_expect(f, "rfs_pack(\"/src\", \"out.fl\", \"00-80=dir:///a,81-ff=dir:///b\")",
                   "packed");
    fixture_expect(f, "rfs_pack(\"/src\", \"out.fl\", [\"dir:///a\"])", "packed");
    stand_in_expect("rfs pack -m out.fl -s 00-80=dir:///a -s 81-ff=dir:///b /src\n"
                    "rfs pack -m out.fl -s dir:///a /src\n");
    assert_string_equal(sink_text(&f->sink.out), "packed\npacked\n");
}

static void lists_are_unpacked_shown_and_verified(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ \"$1\" != verify ] && echo /etc || exit $3");
    fixture_expect(f, "[rfs_unpack(\"in.fl\", \"/dest\"), rfs_list_contents(\"in.fl\")]",
                   "[\"/etc\", \"/etc\"]");
    fixture_expect(f, "[rfs_verify(\"0\"), rfs_verify(\"1\")]", "[true, false]");
    fixture_expect_part(f, "rfs_verify(\"2\")", "rfs: verify: exit code 2");
    stand_in_expect("rfs unpack -m in.fl /dest\nrfs flist tree in.fl\n"
                    "rfs verify -m 0\nrfs verify -m 1\nrfs verify -m 2\n");
}

static void what_goes_wrong_is_named_by_its_cause(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo 'no such mount' >&2; exit 3");
    fixture_expect_part(f, "rfs_unmount(\"/mnt/a\")",
                        "rfs: unmount /mnt/a: exit code 3: no such mount");
    stand_in_answer("echo oops");
    fixture_expect_part(f, "rfs_list_mounts()",
                        "rfs: list: cannot read its output (another version of rfs?): ");
    stand_in_answer("echo 1");
    fixture_expect_part(f, "rfs_list_mounts()", "it is no list of objects");
    stand_in_remove();
    fixture_expect_part(f, "rfs_unmount_all()",
                        "rfs: cannot run rfs: it is not installed, or not in PATH");
}

static void an_option_is_no_name(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect_part(f, "rfs_unmount(\"--all\")", "rfs: '--all' would be taken for an option");
    fixture_expect_part(f, "rfs_unmount(\"\")", "rfs: an argument is empty");
    stand_in_expect("");
}

static void a_stop_ends_it_at_once(void **state) {
    struct fixture *f = *state;
    stand_in_answer("exec /bin/sleep 600");
    f->session.stop_fd = sink_stop_after_ms(20);
    fixture_expect_part(f, "print(\"before\"); rfs_unpack(\"in.fl\", \"/dest\")",
                        "Script terminated");
    assert_string_equal(sink_text(&f->sink.all), "before\n");
    assert_true(f->sink.flushes > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_mount_is_given_as_a_map),
        FIXTURE_CASE(mounts_are_listed_and_ended),
        FIXTURE_CASE(no_mounts_are_an_empty_list),
        FIXTURE_CASE(lists_are_packed_into_stores),
        FIXTURE_CASE(lists_are_unpacked_shown_and_verified),
        FIXTURE_CASE(what_goes_wrong_is_named_by_its_cause),
        FIXTURE_CASE(an_option_is_no_name),
        FIXTURE_CASE(a_stop_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
