/* Files and directories as scripts see them. */
#include "os/path.h"
#include "os/tests/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>

static void mkdir_makes_what_is_missing_and_says_so(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "mkdir(\"a/b//c/\")", "Successfully created directory 'a/b//c/'");
    fixture_expect(f, "mkdir(\"a/b/c\")", "Directory 'a/b/c' already exists");
    fixture_expect(f, "[exist(\"a/b/c\"), exist(\"a\"), exist(\"x\"), exist(\"\")]",
                   "[true, true, false, false]");
    sandbox_shell("touch file");
    fixture_expect(f, CAUGHT("mkdir(\"file/b\")"),
                   "os: cannot create directory file/b: File exists");
    fixture_expect(f, CAUGHT("mkdir(\"\")"),
                   "os: cannot create directory : No such file or directory");
}

static void a_file_is_written_appended_to_and_read(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "file_write(\"new/dir/a.txt\", \"one\\n\")",
                   "Successfully wrote to file 'new/dir/a.txt'");
    fixture_expect(f, "file_write_append(\"new/dir/a.txt\", \"two\\n\")",
                   "Successfully appended to file 'new/dir/a.txt'");
    fixture_expect(f, "file_read(\"new/dir/a.txt\")", "one\ntwo\n");
    fixture_expect(f, "file_size(\"new/dir/a.txt\")", "8");
    fixture_expect(f, "file_write_append(\"other/b\", \"x\"); file_read(\"other/b\")", "x");
    fixture_expect(f, CAUGHT("file_read(\"nowhere\")"),
                   "os: cannot read nowhere: No such file or directory");
    fixture_expect(f, CAUGHT("file_read(\"new\")"), "os: cannot read new: Is a directory");
    fixture_expect(f, CAUGHT("file_size(\"nowhere\")"),
                   "os: cannot find the size of nowhere: No such file or directory");
    fixture_expect(f, CAUGHT("file_write(\"new\", \"\")"), "os: cannot write new: Is a directory");
    fixture_expect(f, CAUGHT("file_read(\"a\\x00b\")"), "os: the path holds a NUL character");
}

static void a_file_that_is_no_text_is_not_read(void **state) {
    struct fixture *f = *state;
    sandbox_shell("printf 'a\\377b' > binary");
    fixture_expect(f, CAUGHT("file_read(\"binary\")"),
                   "os: cannot read binary: it is not UTF-8 text");
}

static void a_file_that_is_written_keeps_its_mode_and_its_link(void **state) {
    struct fixture *f = *state;
    sandbox_shell("echo old > real; chmod 640 real; ln -s real link");
    fixture_expect(f, "file_write(\"link\", \"new\"); file_read(\"real\")", "new");
    sandbox_shell("test -L link && test $(stat -c %a real) = 640");
}

static void delete_takes_a_whole_tree_and_follows_no_link(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir -p kept tree/a/b tree/closed; touch kept/file tree/a/b/file tree/.hidden;"
                  "ln -s ../kept tree/link; ln -s ../../kept tree/a/link; chmod 500 tree/closed");
    fixture_expect(f, "delete(\"tree\")", "Successfully deleted directory 'tree'");
    sandbox_shell("test ! -e tree && test -f kept/file");
    sandbox_shell("ln -s kept link");
    fixture_expect(f, "delete(\"link/\")", "Successfully deleted directory 'link/'");
    sandbox_shell("test ! -L link && test -f kept/file");
    fixture_expect(f, "delete(\"kept/file\")", "Successfully deleted file 'kept/file'");
    fixture_expect(f, "delete(\"kept/file\")", "'kept/file' does not exist");
    fixture_expect(f, CAUGHT("delete(\"/proc/self/status\")"),
                   "os: cannot delete /proc/self/status: Operation not permitted");
}

static void copy_keeps_modes_and_links(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir -p from/sub; echo x > from/sub/file; chmod 751 from/sub/file;"
                  "chmod 2750 from/sub; ln -s sub/file from/link; ln -s /nowhere from/broken;"
                  "mkfifo from/pipe; : > from/empty");
    fixture_expect(f, "copy(\"from\", \"new/to\")", "Successfully copied 'from' to 'new/to'");
    sandbox_shell(
        "test $(stat -c %a new/to/sub/file) = 751 && test $(stat -c %a new/to/sub) = 2750");
    sandbox_shell("test $(readlink new/to/link) = sub/file && test $(readlink new/to/broken) = "
                  "/nowhere && test -p new/to/pipe && test $(cat new/to/link) = x");
    /* Into a directory that is there, and over what is there. */
    sandbox_shell("mkdir into; echo y > from/sub/file");
    fixture_expect(f, "copy(\"from/sub/file\", \"into\"); file_read(\"into/file\")", "y\n");
    fixture_expect(f, "copy(\"from\", \"into/\"); file_read(\"into/from/sub/file\")", "y\n");
    sandbox_shell("echo z > from/sub/file; rm from/pipe");
    fixture_expect(f, "copy(\"from\", \"into\"); file_read(\"into/from/sub/file\")", "z\n");
}

static void copy_takes_wildcards(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir from; touch from/a.txt from/b.txt from/c.log 'from/[x]'");
    fixture_expect(f, "copy(\"from/*.txt\", \"to\")", "Successfully copied 2 items to 'to'");
    sandbox_shell("test \"$(ls to | tr '\\n' ' ')\" = 'a.txt b.txt '");
    fixture_expect(f, "copy(\"from/[x]\", \"to/x\")", "Successfully copied 'from/[x]' to 'to/x'");
    fixture_expect(f, CAUGHT("copy(\"from/*.md\", \"to\")"),
                   "os: cannot copy from/*.md: nothing matches");
}

static void copy_says_what_cannot_be_copied(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir -p dir/sub; touch dir/file; mkdir -p other/file");
    fixture_expect(f, CAUGHT("copy(\"nowhere\", \"x\")"),
                   "os: cannot copy nowhere: No such file or directory");
    fixture_expect(f, CAUGHT("copy(\"dir\", \"dir/sub\")"),
                   "os: cannot copy dir/sub/dir: Invalid argument");
    fixture_expect(f, CAUGHT("copy(\"dir/file\", \"dir\")"),
                   "os: cannot copy dir/file: Invalid argument");
    fixture_expect(f, CAUGHT("copy(\"dir/file\", \"/dev/null\")"),
                   "os: cannot copy /dev/null: File exists");
    sandbox_shell("mkdir into; mkdir -p into/dir/file");
    fixture_expect(f, CAUGHT("copy(\"dir\", \"into\")"),
                   "os: cannot copy into/dir/file: Is a directory");
    sandbox_shell("! find . | grep -E '\\.[A-Za-z0-9]{6}$'");
}

static void a_tree_may_be_so_deep_and_no_deeper(void **state) {
    struct fixture *f = *state;
    sandbox_shell("p=deep; for i in $(seq 300); do p=$p/d; done; mkdir -p $p");
    char *shown = fixture_evaluate(f, CAUGHT("copy(\"deep\", \"other\")"));
    assert_non_null(strstr(shown, ": more than 256 directories deep"));
    free(shown);
    shown = fixture_evaluate(f, CAUGHT("delete(\"deep\")"));
    assert_non_null(strstr(shown, ": more than 256 directories deep"));
    free(shown);
    sandbox_shell("rm -rf deep other");
}

static void mv_renames_and_moves(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir dir; echo a > a");
    fixture_expect(f, "mv(\"a\", \"new/b\")", "Successfully moved 'a' to 'new/b'");
    fixture_expect(f, "mv(\"new/b\", \"dir\"); exist(\"dir/b\") && !exist(\"new/b\")", "true");
    fixture_expect(f, CAUGHT("mv(\"a\", \"c\")"), "os: cannot move a: No such file or directory");
    fixture_expect(f, CAUGHT("mv(\"dir\", \"dir/x\")"),
                   "os: cannot move dir to dir/x: Invalid argument");
}

static void mv_goes_from_one_file_system_to_another(void **state) {
    struct fixture *f = *state;
    struct stat here, there;
    if (stat(".", &here) < 0 || stat("/dev/shm", &there) < 0 || here.st_dev == there.st_dev) skip();
    char script[256];
    sandbox_shell(
        "mkdir -p dir/sub; echo a > dir/sub/a; chmod 700 dir/sub/a; ln -s sub/a dir/link");
    snprintf(script, sizeof script,
             "mv(\"dir\", \"/dev/shm%s\"); mv(\"/dev/shm%s\", \"back\"); file_read(\"back/link\")"
             " + exist(\"dir\")",
             sandbox + 4, sandbox + 4);
    fixture_expect(f, script, "a\nfalse");
    sandbox_shell("test $(stat -c %a back/sub/a) = 700 && test -L back/link");
}

static void rsync_makes_a_mirror(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir from to; echo a > from/a; touch to/extra");
    fixture_expect(f, "rsync(\"from\", \"to\")", "Successfully synced 'from' to 'to'");
    sandbox_shell("test \"$(ls to)\" = a");
    char *shown = fixture_evaluate(f, CAUGHT("rsync(\"nowhere\", \"to\")"));
    assert_non_null(strstr(shown, "os: cannot rsync: rsync exited with code 23: rsync: "));
    free(shown);
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    fixture_expect(f, CAUGHT("rsync(\"from\", \"to\")"), "os: cannot rsync: no program rsync");
    setenv("PATH", path, 1);
    free(path);
}

static void chdir_moves_the_script(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir dir; touch dir/here");
    fixture_expect(f, "chdir(\"dir\")", "Successfully changed directory to 'dir'");
    fixture_expect(f, "exist(\"here\") && run_silent(\"ls\").stdout == \"here\\n\"", "true");
    fixture_expect(f, CAUGHT("chdir(\"nowhere\")"),
                   "os: cannot enter nowhere: No such file or directory");
}

static void commands_must_exist(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "cmd_ensure_exists(\"sh\")", "Found in PATH: sh");
    fixture_expect(f, "cmd_ensure_exists(\" sh, cat \")", "Found in PATH:  sh, cat ");
    fixture_expect(f, CAUGHT("cmd_ensure_exists(\"sh,no-such-a,cat, no-such-b\")"),
                   "os: command not found: no-such-a, no-such-b");
    fixture_expect(f, CAUGHT("cmd_ensure_exists(\" ,\")"),
                   "os: cmd_ensure_exists needs the name of a command");
}

static void programs_are_made_executable_and_installed(void **state) {
    struct fixture *f = *state;
    sandbox_shell("printf '#!/bin/sh\\necho ran\\n' > tool; chmod 640 tool; ln -s tool alias");
    fixture_expect(f, "chmod_exec(\"tool\")", "Successfully made 'tool' executable");
    sandbox_shell("test $(stat -c %a tool) = 750; chmod 644 tool");
    setenv("HERO_BIN", "bin", 1);
    fixture_expect(f, "copy_bin(\"alias\")", "Successfully copied 'alias' to 'bin/alias'");
    sandbox_shell("test $(bin/alias) = ran && test ! -L bin/alias");
    fixture_expect(f, CAUGHT("copy_bin(\"nowhere\")"),
                   "os: cannot copy nowhere: No such file or directory");
    fixture_expect(f, CAUGHT("chmod_exec(\"nowhere\")"),
                   "os: cannot make executable nowhere: No such file or directory");
    unsetenv("HERO_BIN");
}

static void a_stop_ends_copying_and_deleting(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir -p from/a from/b; touch from/a/x from/b/x");
    f->session.stop_fd = sink_stop_after_ms(1);
    usleep(5000);
    char *shown = fixture_evaluate(f, CAUGHT("copy(\"from\", \"to\")"));
    assert_memory_equal(shown, "Script terminated", strlen("Script terminated"));
    free(shown);
    shown = fixture_evaluate(f, CAUGHT("delete(\"from\")"));
    assert_memory_equal(shown, "Script terminated", strlen("Script terminated"));
    free(shown);
    sandbox_shell("test -f from/a/x && test -f from/b/x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SANDBOX_CASE(mkdir_makes_what_is_missing_and_says_so),
        SANDBOX_CASE(a_file_is_written_appended_to_and_read),
        SANDBOX_CASE(a_file_that_is_no_text_is_not_read),
        SANDBOX_CASE(a_file_that_is_written_keeps_its_mode_and_its_link),
        SANDBOX_CASE(delete_takes_a_whole_tree_and_follows_no_link),
        SANDBOX_CASE(copy_keeps_modes_and_links),
        SANDBOX_CASE(copy_takes_wildcards),
        SANDBOX_CASE(copy_says_what_cannot_be_copied),
        SANDBOX_CASE(a_tree_may_be_so_deep_and_no_deeper),
        SANDBOX_CASE(mv_renames_and_moves),
        SANDBOX_CASE(mv_goes_from_one_file_system_to_another),
        SANDBOX_CASE(rsync_makes_a_mirror),
        SANDBOX_CASE(chdir_moves_the_script),
        SANDBOX_CASE(commands_must_exist),
        SANDBOX_CASE(programs_are_made_executable_and_installed),
        SANDBOX_CASE(a_stop_ends_copying_and_deleting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
