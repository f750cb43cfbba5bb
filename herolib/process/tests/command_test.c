/* Commands run to their end: what they inherit, what is kept and shown, how they are stopped. */
#include "process/child.h"
#include "process/command.h"
#include "tests/sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

struct fixture {
    struct sink sink;
    herolib_session session;
    struct command_result result;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    f->session = sink_session(&f->sink);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    command_result_done(&f->result);
    sink_done(&f->sink);
    if (f->session.stop_fd >= 0) close(f->session.stop_fd);
    free(f);
    return 0;
}

static int run(struct fixture *f, const char *command) {
    command_result_done(&f->result);
    return command_run_shell(&f->session, command, false, &f->result);
}

static void expect_output(const struct command_output *output, const char *text) {
    assert_int_equal(output->len, strlen(text));
    if (output->len > 0) assert_memory_equal(output->text, text, output->len);
}

static bool is_process_gone(pid_t pid) {
    return kill(pid, 0) < 0 && errno == ESRCH;
}

static size_t count_descriptors(void) {
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* ---- Output ----------------------------------------------------------------------------- */

static void output_is_shown_and_kept(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "echo one; echo two >&2; echo three"), 0);
    assert_int_equal(f->result.code, 0);
    expect_output(&f->result.out, "one\nthree\n");
    expect_output(&f->result.err, "two\n");
    assert_string_equal(sink_text(&f->sink.out), "one\nthree\n");
    assert_string_equal(sink_text(&f->sink.err), "two\n");
}

static void a_silent_command_is_only_kept(void **state) {
    struct fixture *f = *state;
    assert_int_equal(command_run_shell(&f->session, "echo one; echo two >&2", true, &f->result), 0);
    expect_output(&f->result.out, "one\n");
    expect_output(&f->result.err, "two\n");
    assert_int_equal(f->sink.writes, 0);
}

static void a_last_line_without_newline_is_ended_for_the_reader(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "printf one"), 0);
    expect_output(&f->result.out, "one");
    assert_string_equal(sink_text(&f->sink.out), "one\n");
}

static void several_lines_are_a_script(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "x=5\nfor i in 1 2; do\n  echo $((x * i))\ndone\n"), 0);
    expect_output(&f->result.out, "5\n10\n");
}

static void a_command_may_begin_with_a_dash(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "-x"), 0);
    assert_int_equal(f->result.code, 127);
}

static void bytes_that_are_not_utf8_are_replaced(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "printf 'a\\xffb\\n'"), 0);
    expect_output(&f->result.out, "a\xEF\xBF\xBD"
                                  "b\n");
    assert_memory_equal(f->sink.out.bytes,
                        "a\xFF"
                        "b\n",
                        4);
}

static void large_output_on_both_streams_does_not_block(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "head -c 3000000 /dev/zero | tr '\\0' a >&2; seq 1 100000"), 0);
    assert_int_equal(f->result.err.len, 3000000);
    assert_int_equal(f->result.out.len, 588895);
    assert_int_equal(f->sink.out.len, 588895);
    assert_int_equal(f->sink.err.len, 3000001); /* and the newline that ends it */
}

static void what_is_too_much_to_keep_is_counted(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        command_run_shell(&f->session, "head -c 16777236 /dev/zero | tr '\\0' a", true, &f->result),
        0);
    static const char note[] = "\n[20 more bytes were not kept]\n";
    size_t note_len = sizeof note - 1;
    assert_int_equal(f->result.out.len, COMMAND_KEPT_MAX_BYTES + note_len);
    assert_memory_equal(f->result.out.text + COMMAND_KEPT_MAX_BYTES, note, note_len);
}

/* The reader lets the command go on only after the start of its line has been shown. */
static void make_go_file(struct sink *sink) {
    if (sink->partial_flushes > 0) close(open(sink->on_event_data, O_CREAT | O_WRONLY, 0600));
}

static void the_start_of_a_line_is_shown_when_its_end_is_late(void **state) {
    struct fixture *f = *state;
    char dir[] = "/tmp/herolib_XXXXXX", go[64], command[200];
    assert_non_null(mkdtemp(dir));
    snprintf(go, sizeof go, "%s/go", dir);
    f->sink.on_event = make_go_file;
    f->sink.on_event_data = go;
    snprintf(command, sizeof command,
             "printf 'half '; until [ -e %s ]; do sleep 0.01; done; echo line", go);
    assert_int_equal(run(f, command), 0);
    expect_output(&f->result.out, "half line\n");
    assert_int_equal(f->sink.partial_flushes, 1);
    unlink(go);
    rmdir(dir);
}

/* ---- How it ends ------------------------------------------------------------------------ */

static void the_exit_code_is_told(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "exit 3"), 0);
    assert_int_equal(f->result.code, 3);
    assert_int_equal(f->result.signal, 0);
}

static void a_signal_counts_as_shells_count_it(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "kill -KILL $$"), 0);
    assert_int_equal(f->result.code, 128 + SIGKILL);
    assert_int_equal(f->result.signal, SIGKILL);
}

static void what_stays_in_the_background_does_not_hold_the_command(void **state) {
    struct fixture *f = *state;
    int64_t before = herolib_now_ns();
    assert_int_equal(run(f, "sleep 100 & echo $!"), 0);
    assert_true(herolib_now_ns() - before < 5000 * MS);
    char *end;
    long pid = strtol(f->result.out.text, &end, 10);
    assert_int_equal(*end, '\n');
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void a_background_process_that_never_falls_silent_does_not_hold_it(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        command_run_shell(&f->session, "while :; do echo x; done & exit 5", true, &f->result), 0);
    assert_int_equal(f->result.code, 5); /* the loop ends by SIGPIPE */
}

static void a_program_that_cannot_be_started_is_an_error(void **state) {
    (void)state;
    size_t before = count_descriptors();
    struct child child = CHILD_NONE;
    char *const argv[] = {(char[]){"nothing"}, NULL};
    const struct child_spec missing = {
        .path = "/nonexistent/program", .argv = argv, .stdin_fd = -1};
    const struct child_spec directory = {.path = "/tmp", .argv = argv, .stdin_fd = -1};
    const struct child_spec nowhere = {
        .path = "/bin/true", .argv = argv, .dir = "/nonexistent", .stdin_fd = -1};
    assert_int_equal(child_start(&missing, &child), -ENOENT);
    assert_int_equal(child_start(&directory, &child), -EACCES);
    assert_int_equal(child_start(&nowhere, &child), -ENOENT);
    assert_int_equal(child.pid, -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(count_descriptors(), before);
}

static void many_commands_leave_no_descriptor_and_no_process(void **state) {
    struct fixture *f = *state;
    size_t before = count_descriptors();
    for (int i = 0; i < 50; i++)
        assert_int_equal(run(f, "echo x"), 0);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- What it inherits ------------------------------------------------------------------- */

static void on_signal(int number) {
    (void)number;
}

static void signals_have_their_default_action(void **state) {
    struct fixture *f = *state;
    struct sigaction handled = {.sa_handler = on_signal}, before_term;
    sigset_t blocked, before_mask;
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &handled, &before_term);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &before_mask);
    assert_int_equal(run(f, "exec grep -E '^Sig(Blk|Ign)' /proc/self/status"), 0);
    expect_output(&f->result.out, "SigBlk:\t0000000000000000\n"
                                  "SigIgn:\t0000000000000000\n");
    sigset_t now;
    sigprocmask(SIG_SETMASK, &before_mask, &now);
    assert_true(sigismember(&now, SIGUSR1));
    assert_false(sigismember(&now, SIGTERM));
    sigaction(SIGTERM, &before_term, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void standard_input_is_empty_and_nothing_else_is_open(void **state) {
    struct fixture *f = *state;
    int leaked = fcntl(STDERR_FILENO, F_DUPFD, 77); /* not close-on-exec */
    assert_true(leaked >= 77);
    char command[200];
    snprintf(command, sizeof command, "readlink /proc/$$/fd/0; test ! -e /proc/$$/fd/%d", leaked);
    assert_int_equal(run(f, command), 0);
    close(leaked);
    assert_int_equal(f->result.code, 0);
    expect_output(&f->result.out, "/dev/null\n");
}

static void it_runs_in_the_session_s_process_group(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "cut -d ' ' -f 5 /proc/$$/stat"), 0);
    assert_int_equal(atoi(f->result.out.text), getpgrp());
}

static void it_sees_the_environment_of_the_process(void **state) {
    struct fixture *f = *state;
    setenv("HEROLIB_TEST", "a value", 1);
    assert_int_equal(run(f, "echo \"$HEROLIB_TEST\""), 0);
    unsetenv("HEROLIB_TEST");
    expect_output(&f->result.out, "a value\n");
}

/* ---- Stopping --------------------------------------------------------------------------- */

static void a_stop_ends_the_command_at_once(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(50);
    int64_t before = herolib_now_ns();
    assert_int_equal(run(f, "echo $$; exec sleep 100"), -ECANCELED);
    assert_in_range(herolib_now_ns() - before, 50 * MS, 500 * MS);
    assert_true(is_process_gone(atoi(sink_text(&f->sink.out))));
}

static void a_command_that_cleans_up_may_say_so(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(50);
    assert_int_equal(run(f, "trap 'echo cleaned up; exit' TERM; while :; do sleep 0.01; done"),
                     -ECANCELED);
    assert_string_equal(sink_text(&f->sink.out), "cleaned up\n");
}

static void a_command_that_ignores_sigterm_is_killed(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(50);
    int64_t before = herolib_now_ns();
    assert_int_equal(run(f, "trap '' TERM; echo $$; while :; do sleep 0.01; done"), -ECANCELED);
    assert_in_range(herolib_now_ns() - before, (50 + COMMAND_STOP_GRACE_MS) * MS,
                    (1000 + COMMAND_STOP_GRACE_MS) * MS);
    assert_true(is_process_gone(atoi(sink_text(&f->sink.out))));
}

static void send_pid(struct sink *sink) {
    int *pipe_end = sink->on_event_data;
    pid_t pid = atoi(sink_text(&sink->out));
    if (pid > 0 && write(*pipe_end, &pid, sizeof pid) == sizeof pid) sink->on_event = NULL;
}

static void it_dies_with_the_process_that_runs_the_script(void **state) {
    struct fixture *f = *state;
    int ends[2];
    pid_t pid, command_pid;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    if ((pid = fork()) == 0) {
        f->sink.on_event = send_pid;
        f->sink.on_event_data = &ends[1];
        run(f, "trap '' TERM HUP INT; echo $$; exec sleep 100");
        _exit(0);
    }
    assert_int_equal(read(ends[0], &command_pid, sizeof command_pid), sizeof command_pid);
    int pidfd = pidfd_open(command_pid, 0);
    assert_true(pidfd >= 0);
    kill(pid, SIGKILL);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 10000), 1);
    waitpid(pid, NULL, 0);
    close(pidfd);
    close(ends[0]);
    close(ends[1]);
}

/* ---- Programs with arguments ------------------------------------------------------------- */

static void a_program_gets_its_arguments_as_they_are(void **state) {
    struct fixture *f = *state;
    const char *const argv[] = {"printf", "%s|", "a b", "$HOME", "it's", NULL};
    const struct command command = {.argv = argv};
    assert_int_equal(command_run(&f->session, &command, &f->result), 0);
    assert_string_equal(sink_text(&f->sink.out), "a b|$HOME|it's|\n");
}

static void a_program_gets_input_environment_and_directory(void **state) {
    struct fixture *f = *state;
    static char variable[] = "COLOUR=blue";
    char *const env[] = {variable, NULL};
    const char *const argv[] = {"/bin/sh", "-c", "pwd; echo $COLOUR; /bin/cat", NULL};
    const struct command command = {.argv = argv,
                                    .env = env,
                                    .dir = "/usr",
                                    .input = "one\ntwo\n",
                                    .input_len = 8,
                                    .is_silent = true};
    assert_int_equal(command_run(&f->session, &command, &f->result), 0);
    assert_int_equal(f->result.out.len, 18);
    assert_memory_equal(f->result.out.text, "/usr\nblue\none\ntwo\n", 18);
}

static void input_that_nobody_reads_does_no_harm(void **state) {
    struct fixture *f = *state;
    const size_t len = 4 << 20;
    char *input = calloc(1, len);
    const char *const argv[] = {"true", NULL};
    const struct command command = {.argv = argv, .input = input, .input_len = len};
    assert_int_equal(command_run(&f->session, &command, &f->result), 0);
    assert_int_equal(f->result.code, 0);
    free(input);
}

static void a_missing_program_is_an_error(void **state) {
    struct fixture *f = *state;
    const char *const argv[] = {"no-such-program-anywhere", NULL};
    const struct command command = {.argv = argv};
    assert_int_equal(command_run(&f->session, &command, &f->result), -ENOENT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(output_is_shown_and_kept),
        CASE(a_silent_command_is_only_kept),
        CASE(a_last_line_without_newline_is_ended_for_the_reader),
        CASE(several_lines_are_a_script),
        CASE(a_command_may_begin_with_a_dash),
        CASE(bytes_that_are_not_utf8_are_replaced),
        CASE(large_output_on_both_streams_does_not_block),
        CASE(what_is_too_much_to_keep_is_counted),
        CASE(the_start_of_a_line_is_shown_when_its_end_is_late),
        CASE(the_exit_code_is_told),
        CASE(a_signal_counts_as_shells_count_it),
        CASE(what_stays_in_the_background_does_not_hold_the_command),
        CASE(a_background_process_that_never_falls_silent_does_not_hold_it),
        CASE(a_program_that_cannot_be_started_is_an_error),
        CASE(many_commands_leave_no_descriptor_and_no_process),
        CASE(signals_have_their_default_action),
        CASE(standard_input_is_empty_and_nothing_else_is_open),
        CASE(it_runs_in_the_session_s_process_group),
        CASE(it_sees_the_environment_of_the_process),
        CASE(a_stop_ends_the_command_at_once),
        CASE(a_command_that_cleans_up_may_say_so),
        CASE(a_command_that_ignores_sigterm_is_killed),
        CASE(it_dies_with_the_process_that_runs_the_script),
        CASE(a_program_gets_its_arguments_as_they_are),
        CASE(a_program_gets_input_environment_and_directory),
        CASE(input_that_nobody_reads_does_no_harm),
        CASE(a_missing_program_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
