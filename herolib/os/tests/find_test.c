/* Finding files and directories below one. */
#include "os/tests/sandbox.h"

static void make_tree(void) {
    sandbox_shell("mkdir -p d/sub/deep d/sub2; touch d/a.txt d/b.log d/sub/c.txt d/sub/deep/d.txt;"
                  "ln -s /nowhere d/broken.txt; ln -s .. d/sub/up.txt");
}

static void files_are_found_at_any_depth_in_order(void **state) {
    struct fixture *f = *state;
    make_tree();
    fixture_expect(f, "find_files(\"d\", \"*.txt\")",
                   "[\"d/a.txt\", \"d/broken.txt\", \"d/sub/c.txt\", \"d/sub/deep/d.txt\"]");
    fixture_expect(f, "find_files(\"d/\", \"?.log\")", "[\"d/b.log\"]");
    fixture_expect(f, "find_files(\"d\", \"*.md\")", "[]");
    fixture_expect(f, "find_files(\"d\", \"sub/*.txt\")", "[\"d/sub/c.txt\"]");
}

static void directories_are_found_and_links_not_followed(void **state) {
    struct fixture *f = *state;
    make_tree();
    fixture_expect(f, "find_dirs(\"d\", \"*\")",
                   "[\"d/sub\", \"d/sub/deep\", \"d/sub/up.txt\", \"d/sub2\"]");
    fixture_expect(f, "find_dir(\"d\", \"deep\")", "d/sub/deep");
}

static void one_must_be_one(void **state) {
    struct fixture *f = *state;
    make_tree();
    fixture_expect(f, "find_file(\"d\", \"c*\")", "d/sub/c.txt");
    fixture_expect(f, CAUGHT("find_file(\"d\", \"*.md\")"), "os: no file in d matches '*.md'");
    fixture_expect(f, CAUGHT("find_file(\"d\", \"[ac].txt\")"),
                   "os: more than one file in d matches '[ac].txt': d/a.txt, d/sub/c.txt");
    fixture_expect(f, CAUGHT("find_dir(\"d\", \"sub*\")"),
                   "os: more than one directory in d matches 'sub*': d/sub, d/sub2");
    fixture_expect(f, CAUGHT("find_files(\"nowhere\", \"*\")"),
                   "os: cannot search nowhere: No such file or directory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SANDBOX_CASE(files_are_found_at_any_depth_in_order),
        SANDBOX_CASE(directories_are_found_and_links_not_followed),
        SANDBOX_CASE(one_must_be_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
