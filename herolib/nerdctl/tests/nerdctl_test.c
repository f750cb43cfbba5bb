/* Containers and images against a stand-in for nerdctl that records how it is called. */
#include "tests/fixture.h"
#include "tests/stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
    (void)state;
    return stand_in_set_up("nerdctl");
}

static int tear_down(void **state) {
    (void)state;
    return stand_in_tear_down();
}

#define PS "nerdctl ps -a --no-trunc --format=json\n"
/* `ps` knows the container web, `run` writes an id behind what it has fetched. */
#define WEB_EXISTS                                                                                 \
    "case $1 in\n"                                                                                 \
    "ps) echo '{\"ID\":\"c9\",\"Names\":\"other\",\"Image\":\"img\"}'\n"                           \
    "    echo '{\"ID\":\"c1\",\"Names\":\"web\",\"Image\":\"nginx:1\"}';;\n"                       \
    "run) echo 'fetching: 100%'; echo c2;;\n"                                                      \
    "*) echo \"said $1\";;\n"                                                                      \
    "esac"
#define FROM "nerdctl_container_from_image(\"db\", \"postgres:16\")"

/* ---- Plain functions ---------------------------------------------------------------------- */

static void run_has_its_flags_in_order(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo c1");
    fixture_expect(f, "nerdctl_run(\"nginx\").stdout", "c1\n");
    fixture_expect(f, "nerdctl_run_with_name(\"nginx\", \"web\").success", "true");
    fixture_expect(f, "nerdctl_run_with_port(\"nginx\", \"web\", \"8080:80\").code", "0");
    fixture_expect(f,
                   "let o = new_run_options(); o.name = \"web\"; o.ports = [\"80:80\", 443];"
                   "o.snapshotter = \"native\"; nerdctl_run(\"nginx\", o).code",
                   "0");
    stand_in_expect(
        "nerdctl run -d --cgroup-manager=cgroupfs nginx\n"
        "nerdctl run -d --name web --cgroup-manager=cgroupfs nginx\n"
        "nerdctl run -d --name web -p 8080:80 --cgroup-manager=cgroupfs nginx\n"
        "nerdctl run -d --name web -p 80:80 -p 443 --snapshotter native --cgroup-manager=cgroupfs "
        "nginx\n");
}

static void run_options_begin_with_the_defaults(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect(f, "new_run_options()",
                   "#{\"detach\": true, \"name\": (), \"ports\": [], \"snapshotter\": ()}");
    fixture_expect(f, "nerdctl_run(\"nginx\", new_run_options()).success", "true");
    fixture_expect(f, "nerdctl_run(\"nginx\", #{detach: false}).success", "true");
    fixture_expect_part(f, "nerdctl_run(\"nginx\", #{port: 1})", "there is no option 'port'");
    stand_in_expect("nerdctl run -d --cgroup-manager=cgroupfs nginx\n"
                    "nerdctl run --cgroup-manager=cgroupfs nginx\n");
}

static void the_cgroup_manager_can_be_another(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect(f,
                   "set_env(\"NERDCTL_CGROUP_MANAGER\", \"systemd\"); nerdctl_run(\"a\");"
                   "set_env(\"NERDCTL_CGROUP_MANAGER\", \"\"); nerdctl_run(\"a\").code",
                   "0");
    unsetenv("NERDCTL_CGROUP_MANAGER");
    stand_in_expect("nerdctl run -d --cgroup-manager=systemd a\nnerdctl run -d a\n");
}

static void each_function_is_a_command(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo out; echo err >&2");
    fixture_expect(f,
                   "let r = nerdctl_exec(\"web\", \"ls -l /; id\");"
                   "[r.stdout, r.stderr, r.success, r.code]",
                   "[\"out\\n\", \"err\\n\", true, 0]");
    assert_string_equal(sink_text(&f->sink.out), "out\n");
    fixture_expect(f,
                   "nerdctl_copy(\"a\", \"web:/b\"); nerdctl_logs(\"web\"); nerdctl_stop(\"web\");"
                   "nerdctl_remove(\"web\").stdout",
                   "out\n");
    assert_string_equal(sink_text(&f->sink.out), "out\n");
    stand_in_expect("nerdctl exec web sh -c \"ls -l /; id\"\nnerdctl cp a web:/b\n"
                    "nerdctl logs web\nnerdctl stop web\nnerdctl rm web\n");
}

static void images_are_handled_by_commands(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect(
        f,
        "nerdctl_image_pull(\"a\"); nerdctl_image_tag(\"a\", \"b\"); nerdctl_image_push(\"b\");"
        "nerdctl_image_push(\"a\", \"host/c\"); nerdctl_image_commit(\"web\", \"d\");"
        "nerdctl_image_build(\"e\", \".\"); nerdctl_image_build(\"e\", \".\", \"File\");"
        "nerdctl_image_remove(\"a\").success",
        "true");
    stand_in_expect("nerdctl pull a\nnerdctl tag a b\nnerdctl push b\n"
                    "nerdctl tag a host/c\nnerdctl push host/c\nnerdctl commit web d\n"
                    "nerdctl build -t e .\nnerdctl build -t e -f File .\nnerdctl rmi a\n");
}

static void containers_and_images_are_listed_as_maps(void **state) {
    struct fixture *f = *state;
    stand_in_answer(WEB_EXISTS);
    fixture_expect(f, "nerdctl_list(true).map(|c| [c.id, c.name, c.image])",
                   "[[\"c9\", \"other\", \"img\"], [\"c1\", \"web\", \"nginx:1\"]]");
    fixture_expect(f, "nerdctl_list().len", "2");
    stand_in_expect(PS "nerdctl ps --no-trunc --format=json\n");
    stand_in_answer(
        "echo '{\"ID\":\"i1\",\"Repository\":\"nginx\",\"Tag\":\"1\",\"Size\":\"9 MiB\","
        "\"CreatedAt\":\"2026\",\"BlobSize\":\"1\"}'");
    fixture_expect(f, "nerdctl_images().map(|i| [i.id, i.repository, i.tag, i.size, i.created])",
                   "[[\"i1\", \"nginx\", \"1\", \"9 MiB\", \"2026\"]]");
    stand_in_expect("nerdctl images --format=json\n");
}

/* ---- Container ---------------------------------------------------------------------------- */

static void a_container_is_described_and_built(void **state) {
    struct fixture *f = *state;
    stand_in_answer(WEB_EXISTS);
    fixture_expect(
        f,
        "let c = " FROM ".with_snapshotter(\"native\").with_env(\"A\", \"x y\").with_envs(#{B: 1})"
        ".with_port(\"5432:5432\").with_ports([\"1:1\", \"2:2\"]).with_volume(\"/d:/d\")"
        ".with_volumes([\"v:/v\"]).with_network(\"n\").with_network_alias(\"a\")"
        ".with_network_aliases([\"b\"]).with_cpu_limit(0.5).with_cpu_shares(512)"
        ".with_memory_limit(\"512m\").with_memory_swap_limit(\"1g\")"
        ".with_restart_policy(\"always\").with_health_check(\"true\");"
        "let made = c.build();"
        "[c.container_id, made.container_id, made.name, made.image, made.ports, made.volumes, "
        "made.detach]",
        "[\"\", \"c2\", \"db\", \"postgres:16\", [\"5432:5432\", \"1:1\", \"2:2\"], "
        "[\"/d:/d\", \"v:/v\"], true]");
    stand_in_expect(
        PS
        "nerdctl run -d --name db -p 5432:5432 -p 1:1 -p 2:2 -e \"A=x y\" -e B=1 -v /d:/d -v v:/v "
        "--network n --network-alias a --network-alias b --cpus 0.5 --cpu-shares 512 "
        "--memory 512m --memory-swap 1g --restart always --health-cmd true "
        "--snapshotter native --cgroup-manager=cgroupfs postgres:16\n");
}

static void what_was_said_last_holds(void **state) {
    struct fixture *f = *state;
    stand_in_answer(WEB_EXISTS);
    fixture_expect(f,
                   FROM
                   ".with_memory_limit(\"1g\").with_memory_limit(\"2g\")"
                   ".with_health_check_options(\"ok\", \"5s\", (), 3, ()).build().container_id",
                   "c2");
    stand_in_expect(PS "nerdctl run -d --name db --memory 2g --health-cmd ok --health-interval 5s "
                       "--health-retries 3 --cgroup-manager=cgroupfs postgres:16\n");
}

static void setters_change_a_copy(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect(f, "let a = " FROM "; let b = a.with_port(80); [a.ports, b.ports, type_of(b)]",
                   "[[], [\"80\"], \"Container\"]");
    fixture_expect_part(f, FROM ".with_port([1])", "nerdctl: an argument cannot be array");
    fixture_expect_part(f, FROM ".with_env(\"A=B\", 1)", "'A=B' cannot be the name of a variable");
    stand_in_expect("");
}

static void a_container_that_is_there_is_taken(void **state) {
    struct fixture *f = *state;
    stand_in_answer(WEB_EXISTS);
    fixture_expect(f,
                   "let c = nerdctl_container_new(\"web\"); [c.container_id, c.image, "
                   "c.build().container_id, c.start().stdout]",
                   "[\"c1\", \"nginx:1\", \"c1\", \"said start\\n\"]");
    stand_in_expect(PS PS PS "nerdctl start web\n");
    fixture_expect(f, "let c = nerdctl_container_new(\"none\"); [c.container_id, c.image]",
                   "[\"\", \"\"]");
    fixture_expect_part(f, "nerdctl_container_new(\"none\").build()",
                        "nerdctl: run none: no image is known");
}

static void start_makes_what_is_not_there(void **state) {
    struct fixture *f = *state;
    stand_in_answer(WEB_EXISTS);
    fixture_expect(f, FROM ".start().success", "true");
    stand_in_expect(PS "nerdctl run -d --name db --cgroup-manager=cgroupfs postgres:16\n");
}

static void without_detach_build_waits_and_shows(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ $1 = run ] && echo working");
    fixture_expect_part(f, FROM ".with_detach(false).build().container_id", "exit code 1");
    stand_in_answer("[ $1 = ps ] || echo working");
    fixture_expect(f, FROM ".with_detach(false).build().container_id", "");
    assert_string_equal(sink_text(&f->sink.out), "working\n");
    stand_in_expect(PS "nerdctl run --name db --cgroup-manager=cgroupfs postgres:16\n" PS);
}

static void actions_are_commands_on_its_name(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect(f,
                   "let c = " FROM "; c.exec(\"id -u\"); c.logs(); c.copy(\"a\", \"/b\");"
                   "c.copy(\"db:/etc/c\", \"c\"); c.copy(\"d\", \"other:/d\"); c.stop();"
                   "c.remove().success",
                   "true");
    stand_in_expect(
        "nerdctl exec db sh -c \"id -u\"\nnerdctl logs db\nnerdctl cp a db:/b\n"
        "nerdctl cp db:/etc/c c\nnerdctl cp d other:/d\nnerdctl stop db\nnerdctl rm db\n");
}

static void reset_removes_and_forgets(void **state) {
    struct fixture *f = *state;
    stand_in_answer(WEB_EXISTS);
    fixture_expect(
        f,
        "let c = nerdctl_container_from_image(\"web\", \"nginx:2\").with_port(80).reset();"
        "[c.name, c.image, c.ports, c.container_id]",
        "[\"web\", \"nginx:2\", [], \"\"]");
    stand_in_expect(PS "nerdctl stop web\nnerdctl rm web\n");
    fixture_expect(f, FROM ".reset().container_id", "");
    stand_in_expect(PS);
}

/* ---- Errors ------------------------------------------------------------------------------- */

static void what_goes_wrong_is_named_by_its_cause(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo 'no such container: web' >&2; exit 1");
    fixture_expect_part(f, "nerdctl_stop(\"web\")",
                        "nerdctl: stop web: exit code 1: no such container: web "
                        "(see nerdctl ps -a and nerdctl logs)");
    stand_in_answer("echo CONTAINER ID");
    fixture_expect_part(f, "nerdctl_list()",
                        "nerdctl: ps: cannot read its output (another version of nerdctl?): ");
    stand_in_remove();
    fixture_expect_part(f, "nerdctl_images()",
                        "nerdctl: cannot run nerdctl: it is not installed, or not in PATH");
    fixture_expect(f, "let e = (); try { nerdctl_images(); } catch (c) { e = c; } type_of(e)",
                   "string");
}

static void options_are_no_names(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect_part(f, "nerdctl_run(\"--privileged\")", "would be taken for an option");
    fixture_expect_part(f, "nerdctl_container_from_image(\"-x\", \"a\")", "would be taken for");
    fixture_expect_part(f, "nerdctl_stop(\"\")", "nerdctl: an argument is empty");
    fixture_expect_part(f, "nerdctl_stop(\"a\\x00b\")", "NUL");
    stand_in_expect("");
}

static void a_stop_ends_it_at_once(void **state) {
    struct fixture *f = *state;
    stand_in_answer("exec /bin/sleep 600");
    f->session.stop_fd = sink_stop_after_ms(20);
    int64_t begin_ns = herolib_now_ns();
    fixture_expect_part(f, "print(\"before\"); nerdctl_logs(\"web\")", "Script terminated");
    assert_true(herolib_now_ns() - begin_ns < INT64_C(5000000000));
    assert_true(f->sink.flushes > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(run_has_its_flags_in_order),
        FIXTURE_CASE(run_options_begin_with_the_defaults),
        FIXTURE_CASE(the_cgroup_manager_can_be_another),
        FIXTURE_CASE(each_function_is_a_command),
        FIXTURE_CASE(images_are_handled_by_commands),
        FIXTURE_CASE(containers_and_images_are_listed_as_maps),
        FIXTURE_CASE(a_container_is_described_and_built),
        FIXTURE_CASE(what_was_said_last_holds),
        FIXTURE_CASE(setters_change_a_copy),
        FIXTURE_CASE(a_container_that_is_there_is_taken),
        FIXTURE_CASE(start_makes_what_is_not_there),
        FIXTURE_CASE(without_detach_build_waits_and_shows),
        FIXTURE_CASE(actions_are_commands_on_its_name),
        FIXTURE_CASE(reset_removes_and_forgets),
        FIXTURE_CASE(what_goes_wrong_is_named_by_its_cause),
        FIXTURE_CASE(options_are_no_names),
        FIXTURE_CASE(a_stop_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
