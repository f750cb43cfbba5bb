/* The commands against a real server in a home of its own. */
#include "tests/place.h"

#include <fcntl.h>
#include <jansson.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID_LEN 36

/* One server for all cases; each looks only at its own sessions. */
static struct place place;

static int set_up(void **state) {
    (void)state;
    place_open(&place);
    place_start_server(&place);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    place_close(&place);
    return 0;
}

static const char *script(const char *text) {
    static char path[PLACE_PATH_BYTES];
    place_write(&place, "script.rhai", text);
    return place_path(&place, "script.rhai", path);
}

static void expect(struct outcome *outcome, int code, const char *out, const char *err) {
    assert_string_equal(outcome->err, err);
    assert_string_equal(outcome->out, out);
    assert_int_equal(outcome->code, code);
    outcome_done(outcome);
}

/* Starts a session and leaves it running. */
static void detach(const char *text, char id[ID_LEN + 1]) {
    struct outcome outcome;
    place_run(&place, &outcome, "run", "--detach", script(text));
    assert_int_equal(outcome.code, 0);
    assert_int_equal(strlen(outcome.out), ID_LEN + 1);
    memcpy(id, outcome.out, ID_LEN);
    id[ID_LEN] = '\0';
    outcome_done(&outcome);
}

/* The session as `list --json` shows it; a new reference. */
static json_t *listed(const char *id) {
    struct outcome outcome;
    size_t index;
    json_t *session, *found = NULL;
    place_run(&place, &outcome, "list", "--json");
    json_t *document = json_loads(outcome.out, 0, NULL);
    assert_non_null(document);
    json_array_foreach(json_object_get(document, "sessions"), index, session) {
        const char *its_id = json_string_value(json_object_get(session, "session_id"));
        if (strcmp(its_id, id) == 0) found = json_incref(session);
    }
    json_decref(document);
    outcome_done(&outcome);
    assert_non_null(found);
    return found;
}

static void expect_status(const char *id, const char *status) {
    json_t *session = listed(id);
    assert_string_equal(json_string_value(json_object_get(session, "status")), status);
    json_decref(session);
}

/* ---- run -------------------------------------------------------------------------------- */

static void run_shows_each_stream_where_it_belongs(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", script("print(\"one\"); debug(\"two\"); print(3);"));
    expect(&outcome, 0, "one\n3\n", "\"two\"\n");
}

static void run_reads_standard_input(void **state) {
    (void)state;
    struct outcome outcome;
    char path[PLACE_PATH_BYTES];
    place_write(&place, "input", "print(6 * 7)");
    place_run(&place, &outcome, "run", "-");
    unlink(place_path(&place, "input", path));
    expect(&outcome, 0, "42\n", "");
}

static void run_passes_arguments_variables_and_directory(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", "--env", "A=1", "--env=B=x=y", "--cwd", "/usr/lib",
              script("print(ARGS); print(args() == ARGS); print(env(\"A\") + env(\"B\"));"
                     "run_command(\"pwd\");"),
              "--", "-x", "two words", "--");
    expect(&outcome, 0, "[\"-x\", \"two words\", \"--\"]\ntrue\n1x=y\n/usr/lib\n", "");
}

static void run_shows_the_error_of_a_script_as_it_is(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", script("print(1);\nthrow \"boom\";"));
    expect(&outcome, 1, "1\n", "Runtime error: boom (line 2, position 1)\n");
    place_run(&place, &outcome, "run", script("let x = ;"));
    expect(&outcome, 1, "", "Syntax error: Unexpected ';' (line 1, position 9)\n");
}

static void run_tells_other_ends(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", script("exit(7)"));
    expect(&outcome, 1, "",
           "hero_runner_rhai: the session failed: the script ended with exit(7)\n");
    place_run(&place, &outcome, "run", script("exit(0)"));
    expect(&outcome, 0, "", "");
    place_run(&place, &outcome, "run", "--timeout", "200ms", script("sleep(100)"));
    expect(&outcome, 1, "", "hero_runner_rhai: the session failed: timed out after 200 ms\n");
}

static void progress_is_lines_of_text_in_a_pipe(void **state) {
    (void)state;
    struct outcome outcome;
    /* The second comes too soon after the first; the last is always told. */
    place_run(&place, &outcome, "run",
              script("progress(1, 4, \"begun\"); sleep(0.15); progress(2, 4, \"soon\");"
                     "print(\"line\"); sleep(0.15); progress(4, 4, \"all\");"));
    expect(&outcome, 0, "line\n", "hero_runner_rhai: 25 % begun\nhero_runner_rhai: 100 % all\n");
    place_run(&place, &outcome, "run", script("progress(3, 0)")); /* nobody knows of how much */
    expect(&outcome, 0, "", "hero_runner_rhai: 3\n");
}

static void run_names_what_it_cannot_read(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", "/nonexistent.rhai");
    assert_int_equal(outcome.code, 2);
    assert_non_null(strstr(outcome.err, "/nonexistent.rhai"));
    assert_non_null(strstr(outcome.err, "No such file or directory"));
    outcome_done(&outcome);
}

/* Reads from a command until `text` has come. */
static void await(int fd, const char *text) {
    char got[4096] = "";
    for (size_t len = 0; !strstr(got, text);) {
        ssize_t more = read(fd, got + len, sizeof got - 1 - len);
        if (more <= 0) fail_msg("'%s' does not come; there was: %s", text, got);
        len += (size_t)more;
        got[len] = '\0';
    }
}

static pid_t start_with_pipe(int *ret_out, const char *const *argv) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = place_start(&place, ends[1], argv);
    close(ends[1]);
    *ret_out = ends[0];
    return pid;
}

#define START_WITH_PIPE(ret_out, ...)                                                              \
    start_with_pipe((ret_out), (const char *const[]){"hero_runner_rhai", __VA_ARGS__, NULL})

static void ctrl_c_stops_the_session(void **state) {
    (void)state;
    int out;
    pid_t pid = START_WITH_PIPE(&out, "run", script("print(\"up\"); sleep(100)"));
    await(out, "up\n");
    kill(pid, SIGINT);
    assert_int_equal(place_wait(pid), 130);
    close(out);
    struct outcome outcome;
    place_run(&place, &outcome, "list");
    char *newest = strchr(outcome.out, '\n') + 1;
    assert_non_null(strstr(newest, "cancelled"));
    assert_true(strstr(newest, "cancelled") < strchr(newest, '\n'));
    outcome_done(&outcome);
}

static void a_second_ctrl_c_does_not_wait_for_the_end(void **state) {
    (void)state;
    int out;
    const char *path = script("run_command(\"trap 'echo stopping' TERM; echo up;\"\n"
                              "  + \"while :; do sleep 0.02; done\")");
    pid_t pid = START_WITH_PIPE(&out, "run", path);
    await(out, "up\n");
    kill(pid, SIGINT);
    await(out, "stopping\n");
    kill(pid, SIGINT);
    assert_int_equal(place_wait(pid), 130);
    close(out);
    char *err = place_read(&place, "err");
    assert_non_null(strstr(err, " may still be running\n"));
    free(err);
}

static void ctrl_c_of_logs_leaves_the_session_alone(void **state) {
    (void)state;
    char id[ID_LEN + 1];
    int out;
    struct outcome outcome;
    detach("print(\"up\"); sleep(100)", id);
    pid_t pid = START_WITH_PIPE(&out, "logs", "-f", id);
    await(out, "up\n");
    kill(pid, SIGINT);
    assert_int_equal(place_wait(pid), 130);
    close(out);
    expect_status(id, "running");
    place_run(&place, &outcome, "stop", id);
    outcome_done(&outcome);
}

static void a_session_that_nobody_reads_is_stopped(void **state) {
    (void)state;
    int out;
    pid_t pid = START_WITH_PIPE(&out, "run", script("loop { print(\"line\"); sleep(0.01); }"));
    await(out, "line\n");
    close(out);
    assert_int_equal(place_wait(pid), 1);
    char *err = place_read(&place, "err");
    assert_string_equal(err, "");
    free(err);
}

/* Output may wait in a buffer for more of it, but never while the script pauses. */
static void all_that_was_printed_is_shown_before_a_pause(void **state) {
    (void)state;
    int out;
    pid_t pid = START_WITH_PIPE(
        &out, "run",
        script("for i in 0..300 { print(i) } run_command(\"printf part; sleep 100\")"));
    await(out, "\n298\n299\npart");
    kill(pid, SIGINT);
    assert_int_equal(place_wait(pid), 130);
    close(out);
}

static void lines_of_both_streams_keep_their_order(void **state) {
    (void)state;
    char expected[8192] = "", *got = malloc(sizeof expected);
    size_t len = 0, expected_len = 0;
    ssize_t more;
    int ends[2];
    for (int i = 0; i < 500; i++)
        expected_len += (size_t)snprintf(expected + expected_len, sizeof expected - expected_len,
                                         "%d\n%s", i, i % 7 == 0 ? "\"err\"\n" : "");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const char *path =
        script("for i in 0..500 { print(i); if i % 7 == 0 { debug(\"err\") } } progress(1, 1)");
    const char *const argv[] = {"hero_runner_rhai", "run", path, NULL};
    pid_t pid = place_start_both(&place, ends[1], argv);
    close(ends[1]);
    while ((more = read(ends[0], got + len, sizeof expected - 1 - len)) > 0)
        len += (size_t)more;
    got[len] = '\0';
    close(ends[0]);
    assert_int_equal(place_wait(pid), 0);
    strcat(expected, "hero_runner_rhai: 100 %\n");
    assert_string_equal(got, expected);
    free(got);
}

static void output_that_cannot_be_written_is_told(void **state) {
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    static const char *const scripts[] = {"print(1)", "print(1); sleep(100)",
                                          "for i in 0..100000 { print(i) } sleep(100)"};
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        const char *const argv[] = {"hero_runner_rhai", "run", script(scripts[i]), NULL};
        assert_int_equal(place_wait(place_start(&place, full, argv)), 1);
        char *err = place_read(&place, "err");
        assert_string_equal(err, "hero_runner_rhai: cannot write the session's output: No space "
                                 "left on device\n");
        free(err);
    }
    close(full);
}

static void a_run_that_is_refused_says_why(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", "--name", "nobody");
    expect(&outcome, 1, "", "hero_runner_rhai: unknown script \"nobody\", or version of it\n");
    place_run(&place, &outcome, "run", "--cwd", "/nonexistent", script("1"));
    expect(&outcome, 1, "",
           "hero_runner_rhai: parameter \"working_dir\" cannot be entered: \"/nonexistent\": No "
           "such file or directory\n");
}

/* ---- The others ------------------------------------------------------------------------- */

static void a_detached_session_is_listed_followed_and_stopped(void **state) {
    (void)state;
    char id[ID_LEN + 1], prefix[13] = "", expected[128];
    struct outcome outcome;
    detach("print(\"first\"); debug(1); sleep(100)", id);
    memcpy(prefix, id, sizeof prefix - 1);

    place_run(&place, &outcome, "stop", prefix);
    snprintf(expected, sizeof expected, "%s cancelled\n", id);
    expect(&outcome, 0, expected, "");
    expect_status(id, "cancelled");

    place_run(&place, &outcome, "logs", prefix);
    expect(&outcome, 0, "first\n", "1\n");
    place_run(&place, &outcome, "logs", "-f", prefix);
    expect(&outcome, 0, "first\n", "1\n");

    place_run(&place, &outcome, "stop", id);
    snprintf(expected, sizeof expected, "%s had already ended: cancelled\n", id);
    expect(&outcome, 0, expected, "");
}

static void a_session_that_takes_longer_than_one_waits_is_left_running(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", "--wait", "300ms", script("print(1); sleep(100)"));
    assert_int_equal(outcome.code, 124);
    assert_string_equal(outcome.out, "1\n");
    char id[ID_LEN + 1] = "";
    assert_int_equal(sscanf(outcome.err, "hero_runner_rhai: session %36s still runs\n", id), 1);
    outcome_done(&outcome);
    expect_status(id, "running");
    place_run(&place, &outcome, "stop", id);
    outcome_done(&outcome);
    place_run(&place, &outcome, "run", "--wait", "1m", script("print(2)"));
    expect(&outcome, 0, "2\n", "");
}

static void logs_follows_a_session_to_its_end(void **state) {
    (void)state;
    char id[ID_LEN + 1];
    struct outcome outcome;
    detach("for i in 0..5 { print(i); sleep(0.05); }", id);
    place_run(&place, &outcome, "logs", "--follow", id);
    expect(&outcome, 0, "0\n1\n2\n3\n4\n", "");
    expect_status(id, "succeeded");
}

static void ids_that_are_not_clear_are_refused(void **state) {
    (void)state;
    char first[ID_LEN + 1], second[ID_LEN + 1];
    struct outcome outcome;
    detach("1", first);
    detach("2", second);
    place_run(&place, &outcome, "logs", "nothing");
    expect(&outcome, 1, "", "hero_runner_rhai: no session's id begins with 'nothing'\n");
    place_run(&place, &outcome, "logs", "00000000-0000-4000-8000-000000000000");
    expect(&outcome, 1, "",
           "hero_runner_rhai: unknown session \"00000000-0000-4000-8000-000000000000\"\n");
    place_run(&place, &outcome, "logs", "");
    assert_int_equal(outcome.code, 1);
    assert_non_null(strstr(outcome.err, "sessions begin with ''; give more of it"));
    outcome_done(&outcome);
}

static void show_tells_what_is_known_of_a_session(void **state) {
    (void)state;
    char id[ID_LEN + 1];
    struct outcome outcome;
    place_run(&place, &outcome, "run", "--detach", "--tag", "t1", "--limit", "cpu_ms=5000",
              "--once", "show-1", script("print(1);\nthrow \"boom\""));
    memcpy(id, outcome.out, ID_LEN);
    id[ID_LEN] = '\0';
    outcome_done(&outcome);
    place_run(&place, &outcome, "logs", "-f", id);
    outcome_done(&outcome);
    place_run(&place, &outcome, "show", id);
    assert_int_equal(outcome.code, 0);
    static const char *const parts[] = {"\nstatus         failed\n",
                                        "\nreason         error\n",
                                        "\nerror at       line 2, position 1\n",
                                        "\ntags           [\"t1\"]\n",
                                        "\"cpu_ms\": 5000",
                                        "\nlines          1\n",
                                        "\nuser CPU       ",
                                        "\npeak memory    ",
                                        "\nswitches       ",
                                        "\noperations     "};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(outcome.out, parts[i])) fail_msg("no '%s' in\n%s", parts[i], outcome.out);
    outcome_done(&outcome);
    place_run(&place, &outcome, "show", "--json", id);
    json_t *json = json_loads(outcome.out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "session_id")), id);
    json_decref(json);
    outcome_done(&outcome);
    /* The same key again begins nothing. */
    place_run(&place, &outcome, "run", "--detach", "--once", "show-1", script("print(2)"));
    assert_memory_equal(outcome.out, id, ID_LEN);
    outcome_done(&outcome);
}

static void list_is_a_plain_table_in_a_pipe(void **state) {
    (void)state;
    char id[ID_LEN + 1];
    struct outcome outcome;
    detach("throw \"boom\"", id);
    place_run(&place, &outcome, "logs", "-f", id);
    outcome_done(&outcome);
    place_run(&place, &outcome, "list");
    assert_int_equal(outcome.code, 0);
    assert_memory_equal(outcome.out, "ID      ", 8);
    char *row = strstr(outcome.out, id);
    assert_non_null(row);
    *strchr(row, '\n') = '\0';
    assert_non_null(strstr(row, "  failed  "));
    assert_non_null(strstr(row, "error: Runtime error: boom (line 1, position 1)"));
    assert_null(strchr(outcome.out, '\033'));
    outcome_done(&outcome);
}

/* What a command writes to a terminal of 100 columns. */
static char *on_terminal(const char *const *argv) {
    struct winsize size = {.ws_row = 50, .ws_col = 100};
    int ours, theirs;
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &size), 0);
    pid_t pid = place_start_both(&place, theirs, argv);
    close(theirs);
    for (ssize_t got = 1; got > 0; len += got > 0 ? (size_t)got : 0) {
        text = realloc(text, len + 4097);
        got = read(ours, text + len, 4096); /* EIO when the other side is closed */
    }
    text[len] = '\0';
    close(ours);
    assert_int_equal(place_wait(pid), 0);
    return text;
}

#define ON_TERMINAL(...) on_terminal((const char *const[]){"hero_runner_rhai", __VA_ARGS__, NULL})

static void list_has_glyphs_and_colours_on_a_terminal(void **state) {
    (void)state;
    char id[ID_LEN + 1], row[32];
    detach("1", id);
    struct outcome outcome;
    place_run(&place, &outcome, "logs", "-f", id);
    outcome_done(&outcome);
    snprintf(row, sizeof row, "%.8s  ", id);
    char *text = ON_TERMINAL("list");
    assert_non_null(strstr(text, row));
    assert_non_null(strstr(text, "\033[32m✓ succeeded\033[0m"));
    free(text);
    setenv("NO_COLOR", "1", 1);
    text = ON_TERMINAL("list");
    unsetenv("NO_COLOR");
    assert_non_null(strstr(text, "✓ succeeded"));
    assert_null(strchr(text, '\033'));
    free(text);
}

static void progress_is_a_bar_on_a_terminal(void **state) {
    (void)state;
    char *text = ON_TERMINAL("run", script("progress(1, 4, \"a\\nb\"); sleep(0.3); print(\"line\");"
                                           "sleep(0.15); progress(4, 4, \"all\"); sleep(0.05)"));
    /* It is taken away for a line, and at the end. */
    assert_non_null(strstr(text, "\r\033[K██████░░░░░░░░░░░░░░░░░░  25 % a\r\033[Kline\r\n"));
    assert_non_null(strstr(text, "\r\033[K████████████████████████ 100 % all\r\033[K"));
    assert_string_equal(strrchr(text, '\r'), "\r\033[K");
    free(text);
}

static void progress_that_came_too_soon_is_shown_while_the_script_waits(void **state) {
    (void)state;
    int ours, theirs;
    struct winsize size = {.ws_row = 50, .ws_col = 100};
    assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &size), 0);
    const char *const argv[] = {"hero_runner_rhai", "run",
                                script("progress(1, 4, \"a\"); progress(2, 4, \"b\"); sleep(100)"),
                                NULL};
    pid_t pid = place_start_both(&place, theirs, argv);
    close(theirs);
    await(ours, " 50 % b");
    kill(pid, SIGINT);
    assert_int_equal(place_wait(pid), 130);
    close(ours);
}

static void status_tells_how_the_server_is(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "status");
    assert_int_equal(outcome.code, 0);
    assert_memory_equal(outcome.out, "server     ok\n", 14);
    assert_non_null(strstr(outcome.out, "/hero/var/sockets/hero_runner_rhai/rpc.sock\n"));
    outcome_done(&outcome);
    place_run(&place, &outcome, "status", "--json");
    json_t *document = json_loads(outcome.out, 0, NULL);
    json_t *health = json_object_get(document, "health"),
           *stats = json_object_get(document, "stats");
    assert_string_equal(json_string_value(json_object_get(health, "status")), "ok");
    assert_true(json_is_object(json_object_get(stats, "workers")));
    json_decref(document);
    outcome_done(&outcome);
}

static void status_tells_what_happened_lately(void **state) {
    (void)state;
    struct outcome outcome;
    usleep(1100000); /* a sample is there */
    place_run(&place, &outcome, "status", "--history", "1h", "--step", "1h");
    assert_int_equal(outcome.code, 0);
    const char *table = strstr(outcome.out, "\n\nUNTIL");
    assert_non_null(table);
    const char *row = strchr(table + 2, '\n');
    assert_non_null(row);
    assert_non_null(strchr(row + 1, '\n'));
    assert_string_equal(strchr(row + 1, '\n'), "\n"); /* one step, one row */
    outcome_done(&outcome);
    place_run(&place, &outcome, "status", "--history", "2h");
    expect(&outcome, 2, "", "hero_runner_rhai: status: --history and --step are at most 1h\n");
}

static void drain_can_be_taken_back(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "drain");
    assert_memory_equal(outcome.out, "draining, ", 10);
    outcome_done(&outcome);
    place_run(&place, &outcome, "run", script("1"));
    expect(&outcome, 1, "", "hero_runner_rhai: busy: the server takes no new sessions\n");
    place_run(&place, &outcome, "drain", "--off");
    assert_memory_equal(outcome.out, "taking sessions, ", 17);
    outcome_done(&outcome);
    place_run(&place, &outcome, "run", script("print(1)"));
    expect(&outcome, 0, "1\n", "");
}

static void an_amount_has_an_end(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", "--limit", "memory=9999999999G", "-");
    assert_int_equal(outcome.code, 2);
    outcome_done(&outcome);
}

static void without_a_server_the_exit_code_is_3(void **state) {
    (void)state;
    struct place empty;
    struct outcome outcome;
    place_open(&empty);
    place_run(&empty, &outcome, "list");
    assert_int_equal(outcome.code, 3);
    assert_non_null(strstr(outcome.err, "/hero/var/sockets/hero_runner_rhai/rpc.sock"));
    assert_non_null(strstr(outcome.err, "is hero_runner_rhai_server running?"));
    outcome_done(&outcome);
    place_close(&empty);
}

static void wrong_usage_is_exit_code_2(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "frobnicate");
    expect(&outcome, 2, "",
           "hero_runner_rhai: there is no command 'frobnicate'; see hero_runner_rhai --help\n");
    place_run(&place, &outcome, "run");
    expect(&outcome, 2, "",
           "hero_runner_rhai: run: needs one script: FILE, - for standard input, --name, --url or "
           "--path; see hero_runner_rhai run --help\n");
    place_run(&place, &outcome, "run", "--limit", "time=3", "-");
    expect(&outcome, 2, "",
           "hero_runner_rhai: --limit time=3: needs cpu_ms, memory, operations, output, processes "
           "or open_files, and a number over 0, or none\n");
    place_run(&place, &outcome, "stop");
    expect(&outcome, 2, "",
           "hero_runner_rhai: stop: needs either the session's ID or --all; see hero_runner_rhai "
           "stop --help\n");
    place_run(&place, &outcome, "list", "--nothing");
    expect(&outcome, 2, "",
           "hero_runner_rhai: list: there is no option '--nothing'; see hero_runner_rhai list "
           "--help\n");
}

static void scripts_of_the_library_are_run_by_name_with_inputs(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "scripts", "save", "cli/greet", "--description", "greets",
              script("/// @input who: string  Whom\n/// @input times: int = 1\n"
                     "for i in 0..times { print(`hello ${who}`) }"));
    expect(&outcome, 0, "cli/greet version 1\n", "");
    place_run(&place, &outcome, "run", "--name", "cli/greet", "-i", "who=you", "-i", "times=2");
    expect(&outcome, 0, "hello you\nhello you\n", "");
    place_run(&place, &outcome, "run", "--name", "cli/greet");
    expect(&outcome, 1, "",
           "hero_runner_rhai: parameter \"inputs.who\" is missing: it must be a string\n");
    place_run(&place, &outcome, "scripts", "list");
    assert_non_null(strstr(outcome.out, "cli/greet"));
    assert_non_null(strstr(outcome.out, "greets"));
    outcome_done(&outcome);
    place_run(&place, &outcome, "scripts", "save", "cli/greet", script("print(2)"));
    expect(&outcome, 0, "cli/greet version 2\n", "");
    place_run(&place, &outcome, "scripts", "show", "cli/greet");
    expect(&outcome, 0, "print(2)", "");
    place_run(&place, &outcome, "scripts", "delete", "cli/greet");
    expect(&outcome, 0, "", "");
    place_run(&place, &outcome, "run", "--name", "cli/greet");
    expect(&outcome, 1, "", "hero_runner_rhai: unknown script \"cli/greet\", or version of it\n");
}

static void sessions_are_found_by_tag_rerun_and_deleted(void **state) {
    (void)state;
    struct outcome outcome;
    place_run(&place, &outcome, "run", "--tag", "cli-tag", "--env", "WHO=you",
              script("print(`hello ${env(\"WHO\")}`)"));
    outcome_done(&outcome);
    place_run(&place, &outcome, "list", "--tag", "cli-tag", "--status", "succeeded", "--json");
    json_t *document = json_loads(outcome.out, 0, NULL);
    outcome_done(&outcome);
    assert_int_equal(json_integer_value(json_object_get(document, "total")), 1);
    char id[ID_LEN + 1];
    const json_t *session = json_array_get(json_object_get(document, "sessions"), 0);
    snprintf(id, sizeof id, "%s", json_string_value(json_object_get(session, "session_id")));
    json_decref(document);
    place_run(&place, &outcome, "rerun", id);
    assert_int_equal(outcome.code, 0);
    outcome_done(&outcome);
    place_run(&place, &outcome, "delete", id);
    expect(&outcome, 0, "", "");
    place_run(&place, &outcome, "logs", id);
    assert_int_equal(outcome.code, 1);
    outcome_done(&outcome);
}

static void logs_shows_the_end_and_what_is_looked_for(void **state) {
    (void)state;
    struct outcome outcome;
    char id[ID_LEN + 1];
    detach("for i in 0..3000 { print(`line ${i}`) } debug(7)", id);
    place_run(&place, &outcome, "logs", "-f", id);
    outcome_done(&outcome);
    place_run(&place, &outcome, "logs", "--tail", "2", "--kind", "stdout", id);
    expect(&outcome, 0, "line 2998\nline 2999\n", "");
    place_run(&place, &outcome, "logs", "--grep", "e 17", "--kind", "stdout", id);
    assert_int_equal(outcome.code, 0);
    assert_memory_equal(outcome.out, "line 17\nline 170\nline 171\n", 26);
    outcome_done(&outcome);
    place_run(&place, &outcome, "logs", "--kind", "stderr", id);
    expect(&outcome, 0, "", "7\n");
    place_run(&place, &outcome, "logs", "--after", "2998", id);
    expect(&outcome, 0, "line 2998\nline 2999\n", "7\n");
    place_run(&place, &outcome, "logs", "--follow", "--after", "2999", id);
    expect(&outcome, 0, "line 2999\n", "7\n");
    place_run(&place, &outcome, "logs", "--since", "1h", "--kind", "stderr", id);
    expect(&outcome, 0, "", "7\n");
    place_run(&place, &outcome, "logs", "--after", "1", "--tail", "1", id);
    expect(&outcome, 2, "",
           "hero_runner_rhai: logs: only one of --after, --since and --tail goes\n");
}

static void logs_follows_several_sessions(void **state) {
    (void)state;
    struct outcome outcome;
    char a[ID_LEN + 1], b[ID_LEN + 1], expected[200];
    detach("for i in 0..200 { print(`a${i}`) }", a);
    detach("sleep(0.2); print(\"b\")", b);
    place_run(&place, &outcome, "logs", "-f", a, b, a);
    assert_int_equal(outcome.code, 0);
    snprintf(expected, sizeof expected, "%.8s | a199\n", a);
    assert_non_null(strstr(outcome.out, expected));
    snprintf(expected, sizeof expected, "%.8s | b\n", b);
    assert_non_null(strstr(outcome.out, expected));
    size_t lines = 0;
    for (const char *at = outcome.out; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 201);
    snprintf(expected, sizeof expected, "hero_runner_rhai: %.8s succeeded\n", b);
    assert_non_null(strstr(outcome.err, expected));
    outcome_done(&outcome);
    place_run(&place, &outcome, "logs", a, b);
    expect(&outcome, 2, "", "hero_runner_rhai: logs: several sessions go with --follow alone\n");
    place_run(&place, &outcome, "logs", "-f", a, "00000000-0000-4000-8000-000000000000");
    assert_int_equal(outcome.code, 1);
    outcome_done(&outcome);
}

static void list_follows_the_changes_of_all_sessions(void **state) {
    (void)state;
    char id[ID_LEN + 1], expected[64], text[4096] = "";
    int out;
    pid_t pid = START_WITH_PIPE(&out, "list", "--follow");
    detach("sleep(0.2)", id);
    snprintf(expected, sizeof expected, "%s  succeeded\n", id);
    for (size_t len = 0; !strstr(text, expected);) {
        ssize_t got = read(out, text + len, sizeof text - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
    kill(pid, SIGINT);
    close(out);
    assert_int_equal(place_wait(pid), 130);
    struct outcome outcome;
    place_run(&place, &outcome, "list", "--follow", "--tag", "x");
    expect(&outcome, 2, "", "hero_runner_rhai: list: --follow goes with --json alone\n");
}

static void show_tells_what_was_asked_and_what_came_of_it(void **state) {
    (void)state;
    struct outcome outcome;
    char id[ID_LEN + 1];
    const char *text = "/// @input n: int\n/// @input password: string\nn * 2";
    place_run(&place, &outcome, "run", "--detach", "--env", "A_NAME=1", "--input", "n=21",
              "--input", "password=hidden", "--cwd", "/tmp", script(text), "--", "one");
    memcpy(id, outcome.out, ID_LEN);
    id[ID_LEN] = '\0';
    outcome_done(&outcome);
    place_run(&place, &outcome, "logs", "-f", id);
    outcome_done(&outcome);
    place_run(&place, &outcome, "show", id);
    static const char *const parts[] = {"\nvalue          42\n", "\ndirectory      /tmp\n",
                                        "\nvariables      [\"A_NAME\"]\n",
                                        "\narguments      [\"one\"]\n", "\"n\": 21"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(outcome.out, parts[i])) fail_msg("no '%s' in\n%s", parts[i], outcome.out);
    assert_null(strstr(outcome.out, "hidden"));
    outcome_done(&outcome);
    place_run(&place, &outcome, "show", "--script", id);
    expect(&outcome, 0, text, "");
    place_run(&place, &outcome, "show", "--json", id);
    json_t *json = json_loads(outcome.out, 0, NULL);
    const json_t *result = json_object_get(json, "result");
    assert_int_equal(json_integer_value(json_object_get(result, "value")), 42);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "request"), "script")), text);
    json_decref(json);
    outcome_done(&outcome);
}

static void a_limit_may_be_none(void **state) {
    (void)state;
    struct outcome outcome;
    char id[ID_LEN + 1];
    place_run(&place, &outcome, "run", "--detach", "--limit", "memory=none", script("1"));
    memcpy(id, outcome.out, ID_LEN);
    id[ID_LEN] = '\0';
    outcome_done(&outcome);
    json_t *session = listed(id);
    assert_int_equal(json_object_size(json_object_get(session, "limits")), 0);
    json_decref(session);
    place_run(&place, &outcome, "run", "--limit", "memory=0", script("1"));
    assert_int_equal(outcome.code, 2);
    outcome_done(&outcome);
}

static void check_and_functions_tell_about_scripts(void **state) {
    (void)state;
    struct outcome outcome;
    const char *path = script("let x = ;\nlet 4;\n");
    char expected[512];
    place_run(&place, &outcome, "check", path);
    snprintf(expected, sizeof expected,
             "%s:1:9: Syntax error: Unexpected ';' (line 1, position 9)\n"
             "%s:2:5: Syntax error: Expecting name of a variable (line 2, position 5)\n",
             path, path);
    expect(&outcome, 1, expected, "");
    place_run(&place, &outcome, "functions", "sleep");
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.out, "sleep("));
    outcome_done(&outcome);
    place_run(&place, &outcome, "functions", "sleep_m*");
    expect(&outcome, 0,
           "sleep_ms(milliseconds: int)\n    Waits that many milliseconds. Ends at once when the "
           "session is stopped.\n",
           "");
    place_run(&place, &outcome, "functions", "zz_nothing");
    expect(&outcome, 1, "", "hero_runner_rhai: no function's name is like 'zz_nothing'\n");
    place_run(&place, &outcome, "reload");
    assert_memory_equal(outcome.out, "generation ", 11);
    outcome_done(&outcome);
    place_run(&place, &outcome, "config");
    assert_non_null(strstr(outcome.out, "HERO_RUNNER_RHAI_WORKERS"));
    outcome_done(&outcome);
}

static void each_command_has_help(void **state) {
    (void)state;
    static const char *const names[] = {"run",    "rerun",  "list",   "logs",
                                        "stop",   "delete", "check",  "functions",
                                        "status", "config", "reload", "drain",
                                        "repl",   "show"};
    struct outcome all, one;
    char usage[64];
    place_run(&place, &all, "--help");
    assert_int_equal(all.code, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_non_null(strstr(all.out, names[i]));
        place_run(&place, &one, names[i], "--help");
        assert_int_equal(one.code, 0);
        snprintf(usage, sizeof usage, "Usage: hero_runner_rhai %s ", names[i]);
        assert_memory_equal(one.out, usage, strlen(usage));
        outcome_done(&one);
    }
    outcome_done(&all);
    place_run(&place, &one, "--version");
    expect(&one, 0, "hero_runner_rhai " HERO_VERSION "\n", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_shows_each_stream_where_it_belongs),
        cmocka_unit_test(run_reads_standard_input),
        cmocka_unit_test(run_passes_arguments_variables_and_directory),
        cmocka_unit_test(run_shows_the_error_of_a_script_as_it_is),
        cmocka_unit_test(run_tells_other_ends),
        cmocka_unit_test(progress_is_lines_of_text_in_a_pipe),
        cmocka_unit_test(progress_is_a_bar_on_a_terminal),
        cmocka_unit_test(progress_that_came_too_soon_is_shown_while_the_script_waits),
        cmocka_unit_test(run_names_what_it_cannot_read),
        cmocka_unit_test(ctrl_c_stops_the_session),
        cmocka_unit_test(a_second_ctrl_c_does_not_wait_for_the_end),
        cmocka_unit_test(ctrl_c_of_logs_leaves_the_session_alone),
        cmocka_unit_test(a_session_that_nobody_reads_is_stopped),
        cmocka_unit_test(all_that_was_printed_is_shown_before_a_pause),
        cmocka_unit_test(lines_of_both_streams_keep_their_order),
        cmocka_unit_test(output_that_cannot_be_written_is_told),
        cmocka_unit_test(a_run_that_is_refused_says_why),
        cmocka_unit_test(a_detached_session_is_listed_followed_and_stopped),
        cmocka_unit_test(a_session_that_takes_longer_than_one_waits_is_left_running),
        cmocka_unit_test(logs_follows_a_session_to_its_end),
        cmocka_unit_test(ids_that_are_not_clear_are_refused),
        cmocka_unit_test(show_tells_what_is_known_of_a_session),
        cmocka_unit_test(list_is_a_plain_table_in_a_pipe),
        cmocka_unit_test(list_has_glyphs_and_colours_on_a_terminal),
        cmocka_unit_test(status_tells_how_the_server_is),
        cmocka_unit_test(status_tells_what_happened_lately),
        cmocka_unit_test(drain_can_be_taken_back),
        cmocka_unit_test(an_amount_has_an_end),
        cmocka_unit_test(without_a_server_the_exit_code_is_3),
        cmocka_unit_test(wrong_usage_is_exit_code_2),
        cmocka_unit_test(scripts_of_the_library_are_run_by_name_with_inputs),
        cmocka_unit_test(sessions_are_found_by_tag_rerun_and_deleted),
        cmocka_unit_test(logs_shows_the_end_and_what_is_looked_for),
        cmocka_unit_test(logs_follows_several_sessions),
        cmocka_unit_test(list_follows_the_changes_of_all_sessions),
        cmocka_unit_test(show_tells_what_was_asked_and_what_came_of_it),
        cmocka_unit_test(a_limit_may_be_none),
        cmocka_unit_test(check_and_functions_tell_about_scripts),
        cmocka_unit_test(each_command_has_help),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
