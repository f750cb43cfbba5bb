/* Trees and repositories with the real git, on remotes in a temporary directory. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/git_test.XXXXXX";

static int shell(const char *command) {
    return system(command) == 0 ? 0 : -1; /* NOLINT: a constant of this file */
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(dir) || chdir(dir) < 0) return -1;
    setenv("HOME", dir, 1);
    setenv("BASE", dir, 1);
    return shell("git config --global user.name Test && git config --global user.email t@example.com &&"
                 "git config --global init.defaultBranch main && git init -q --bare remote.git &&"
                 "git clone -q remote.git seed 2> /dev/null && cd seed && echo one > file &&"
                 "git add file && git commit -qm first && git push -q origin main");
}

static int tear_down(void **state) {
    (void)state;
    return chdir("/") == 0 ? shell("rm -rf \"$BASE\"") : -1;
}

#define TREE "let base = env(\"BASE\"); let tree = git_tree_new(base + \"/tree\");"
#define GET TREE "let repo = tree.get(\"file://\" + base + \"/remote.git\");"

static void a_tree_is_made_in_a_directory_that_exists(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, TREE "[tree.list(), tree.find(\"*\")]", "[[], []]");
    fixture_expect_part(f, "git_tree_new(\"/nowhere/tree\")",
                        "Git error: cannot use /nowhere/tree: No such file or directory");
}

static void a_url_is_cloned_once(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, GET "repo.path() == base + \"/tree\" + base + \"/remote\"", "true");
    fixture_expect(f, GET "tree.list() == [repo.path()]", "true");
    fixture_expect(f, TREE "tree.find(\"rem*\")[0].path() == tree.get(\"remote\").path()", "true");
    fixture_expect_part(f, TREE "tree.get(\"other\")", "Git error: 0 repositories below");
}

static void changes_are_seen_and_dropped(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   GET "let before = repo.has_changes();"
                       "run_silent(`echo new > ${repo.path()}/new`);"
                       "[before, repo.has_changes(), repo.reset().has_changes()]",
                   "[false, true, false]");
}

static void a_commit_reaches_the_other_clone(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   GET "run_silent(`echo two > ${repo.path()}/file`);"
                       "repo.commit(\"second\").push();"
                       "let other = git_clone(\"file://\" + base + \"/remote.git\", base + \"/other\");"
                       "run_silent(`cat ${other.path()}/file`).stdout",
                   "two\n");
    fixture_expect_part(f, GET "repo.commit(\"again\")", "nothing to commit");
    fixture_expect(f,
                   GET "run_silent(`cd ${base}/other && echo three > file`);"
                       "tree = git_tree_new(base + \"/other\");"
                       "tree.list(); tree.get(\"other\").commit(\"third\").push();"
                       "run_silent(`cat ${repo.pull().path()}/file`).stdout",
                   "three\n");
}

static void pull_does_not_touch_changes(void **state) {
    fixture_expect_part(*state, GET "run_silent(`echo mine > ${repo.path()}/file`); repo.pull()",
                        ": it has changes");
}

static void a_clone_that_fails_says_why(void **state) {
    struct fixture *f = *state;
    fixture_expect_part(f, "git_clone(\"file:///nowhere/at/all\")",
                        "Git error: clone file:///nowhere/at/all: exit code 128: ");
    fixture_expect_part(f, "git_clone(\"not a url\")", "Git error");
    fixture_expect(f, "run_silent(`ls -d ${env(\"BASE\")}/git_clone.* 2> /dev/null; true`).stdout", "");
    fixture_expect_part(f, TREE "tree.get(\"https://..\")", "is not the URL of a repository");
}

static void a_clone_without_a_path_is_temporary(void **state) {
    setenv("TMPDIR", dir, 1);
    fixture_expect(*state,
                   "let base = env(\"BASE\"); let repo = git_clone(\"file://\" + base + \"/remote.git\");"
                   "repo.path().starts_with(base + \"/git_clone.\") && !repo.has_changes()",
                   "true");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_tree_is_made_in_a_directory_that_exists),
        FIXTURE_CASE(a_url_is_cloned_once),
        FIXTURE_CASE(changes_are_seen_and_dropped),
        FIXTURE_CASE(a_commit_reaches_the_other_clone),
        FIXTURE_CASE(pull_does_not_touch_changes),
        FIXTURE_CASE(a_clone_that_fails_says_why),
        FIXTURE_CASE(a_clone_without_a_path_is_temporary),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
