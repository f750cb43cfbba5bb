/* Both forms of builder against a stand-in for buildah that records how it is called. */
#include "tests/fixture.h"
#include "tests/stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state) {
    (void)state;
    return stand_in_set_up("buildah");
}

static int tear_down(void **state) {
    (void)state;
    return stand_in_tear_down();
}

#define FROM "buildah from --name web debian:12\n"
#define NEW "let b = bah_new(\"web\", \"debian:12\");"
#define FLUENT "let b = bah(\"web\", \"debian:12\");"

static void steps_of_a_builder_give_their_results(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo out; echo err >&2");
    fixture_expect(f,
                   NEW "let r = b.run(\"echo a; echo b\"); [r.stdout, r.stderr, r.success, r.code]",
                   "[\"out\\n\", \"err\\n\", true, 0]");
    stand_in_expect(FROM "buildah run web -- sh -c \"echo a; echo b\"\n");
    fixture_expect(f,
                   NEW "b.run_with_isolation(\"id\", \"chroot\"); b.copy(\"a\", \"/a\");"
                       "b.add(\"b.tar\", \"/b\"); b.set_entrypoint(\"[\\\"/a\\\"]\");"
                       "b.set_cmd(\"-v -x\"); b.commit(\"img:1\"); type_of(b.remove())",
                   "CommandResult");
    stand_in_expect(FROM "buildah run --isolation=chroot web -- sh -c id\n"
                         "buildah copy web a /a\nbuildah add web b.tar /b\n"
                         "buildah config --entrypoint=[\"/a\"] web\n"
                         "buildah config \"--cmd=-v -x\" web\n"
                         "buildah commit web img:1\nbuildah rm web\n");
}

static void steps_of_a_fluent_builder_chain(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo said $1");
    fixture_expect(
        f,
        "let b = bah(\"web\", \"debian:12\").run(\"apt-get update\").entrypoint(\"/run\")"
        ".cmd(\"-v\").config(#{user: \"web\"}).commit(\"img\").remove();"
        "[type_of(b), b.success, b.code, b.stdout, b.stderr, b.name, b.image]",
        "[\"FluentBuilder\", true, 0, \"said rm\\n\", \"\", \"web\", \"debian:12\"]");
    stand_in_expect(FROM "buildah run web -- sh -c \"apt-get update\"\n"
                         "buildah config --entrypoint=/run web\nbuildah config --cmd=-v web\n"
                         "buildah config --user=web web\nbuildah commit web img\nbuildah rm web\n");
    assert_string_equal(sink_text(&f->sink.out), "said run\n");
}

static void a_step_that_fails_is_an_error_and_kept(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ $1 = from ] || { echo 'no such file' >&2; exit 125; }");
    fixture_expect_part(f, NEW "b.copy(\"a\", \"/a\")",
                        "buildah: copy web: exit code 125: no such file");
    fixture_expect_part(f, FLUENT "b.run(\"x\").commit(\"img\")",
                        "buildah: run web: exit code 125");
    stand_in_expect(FROM "buildah copy web a /a\n" FROM "buildah run web -- sh -c x\n");
    fixture_expect(f, FLUENT "try { b.run(\"x\"); } catch {} [b.success, b.code, b.stderr]",
                   "[false, 125, \"no such file\\n\"]");
}

static void a_working_container_of_that_name_is_taken(void **state) {
    struct fixture *f = *state;
    stand_in_answer(
        "case $1 in\n"
        "from) echo 'Error: the container name \"web\" is already in use by 86ca.' >&2\n"
        "      exit 125;;\n"
        "inspect) echo 86ca;;\n"
        "esac");
    fixture_expect(f, NEW "b.run(\"true\"); [b.container_id, b.container_id]",
                   "[\"86ca\", \"86ca\"]");
    stand_in_expect(FROM "buildah run web -- sh -c true\n"
                         "buildah inspect --type=container --format={{.ContainerID}} web\n");
    stand_in_answer("echo 'image not known' >&2; exit 125");
    fixture_expect_part(f, NEW, "buildah: from web: exit code 125: image not known");
}

static void reset_begins_anew_with_the_next_step(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect(f, NEW "b.reset(); b.reset(); b.run(\"true\").success", "true");
    stand_in_expect(FROM "buildah rm web\n" FROM "buildah run web -- sh -c true\n");
    fixture_expect(f, FLUENT "b.run(\"a\").reset().run(\"b\").success", "true");
    stand_in_expect(FROM "buildah run web -- sh -c a\nbuildah rm web\n" FROM
                         "buildah run web -- sh -c b\n");
    fixture_expect(f, NEW "b.remove(); b.container_id", "");
}

static void settings_are_options_of_config(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect(f,
                   NEW
                   "b.config(#{port: [80, 443], env: #{A: \"x_y\", B: 1}, created_by: \"me too\","
                   "add_history: true}).success",
                   "true");
    stand_in_expect(FROM "buildah config --add-history=true \"--created-by=me too\" --env=A=x_y "
                         "--env=B=1 --port=80 --port=443 web\n");
    fixture_expect_part(f, NEW "b.config(#{a: ()})", "buildah: an argument cannot be ()");
}

static void content_is_written_and_read(void **state) {
    struct fixture *f = *state;
    char tmp[] = "/tmp/buildah_test.XXXXXX";
    assert_non_null(mkdtemp(tmp));
    setenv("TMPDIR", tmp, 1);
    stand_in_answer("case $1 in\n"
                    "copy) while IFS= read -r line; do echo \"$line\"; done < \"$3\"\n"
                    "      [ -r \"$3\" ]; echo \"to $4\"; : > \"$dir/calls\";;\n"
                    "run) echo ' text ';;\n"
                    "esac");
    fixture_expect(f, NEW "b.write_content(\"a\\nb\\n\", \"/etc/x\").stdout", "a\nb\nto /etc/x\n");
    fixture_expect(f, FLUENT "b.write(\"c\\n\", \"/y\").stdout", "c\nto /y\n");
    stand_in_expect("");
    fixture_expect(f, NEW "b.read_content(\"/etc/x\")", " text \n");
    stand_in_expect(FROM "buildah run web -- cat /etc/x\n");
    unsetenv("TMPDIR");
    assert_int_equal(rmdir(tmp), 0); /* nothing is left in it */
}

static void images_are_handled_through_a_builder(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ $1 != images ] || echo '[{\"id\": \"i1\", \"names\": [\"a:1\"],"
                    "\"size\": \"4 KB\", \"created\": 1795894164}]'");
    fixture_expect(f, NEW "b.images()",
                   "[#{\"created\": 1795894164, \"id\": \"i1\", \"names\": [\"a:1\"], "
                   "\"size\": \"4 KB\"}]");
    fixture_expect(
        f,
        NEW "b.image_pull(\"a\"); b.image_pull(\"a\", false); b.image_push(\"a\", \"dir:/d\");"
            "b.image_push(\"a\", \"docker://h/a\", false); b.image_tag(\"a\", \"b\");"
            "b.image_commit(\"other\", \"c\");"
            "b.image_commit(\"other\", \"c\", \"oci\", true, false);"
            "b.build(\"d\", \".\", \"File\"); b.build(\"d\", \".\", \"File\", \"chroot\");"
            "b.image_remove(\"a\").success",
        "true");
    stand_in_expect(FROM "buildah images --json\n" FROM
                         "buildah pull a\nbuildah pull --tls-verify=false a\n"
                         "buildah push a dir:/d\nbuildah push --tls-verify=false a docker://h/a\n"
                         "buildah tag a b\nbuildah commit other c\n"
                         "buildah commit --format=oci --squash=true --rm=false other c\n"
                         "buildah build -t d -f File .\n"
                         "buildah build --isolation=chroot -t d -f File .\nbuildah rmi a\n");
}

static void debug_mode_shows_what_is_run(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo said $1");
    fixture_expect(f,
                   NEW "b.copy(\"a\", \"/a\"); b.debug_mode = true; b.copy(\"b\", \"/b\");"
                       "b.debug_mode",
                   "true");
    assert_string_equal(sink_text(&f->sink.out), "said copy\n");
    assert_string_equal(sink_text(&f->sink.err), "+ buildah copy web b /b\n");
}

static void what_goes_wrong_is_named_by_its_cause(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect_part(f, "bah_new(\"-a\", \"b\")", "buildah: '-a' would be taken for an option");
    fixture_expect_part(f, NEW "b.commit(\"--rm\")",
                        "buildah: '--rm' would be taken for an option");
    stand_in_answer("echo REPOSITORY");
    fixture_expect_part(f, NEW "b.images()",
                        "buildah: images: cannot read its output (another version of buildah?): ");
    stand_in_remove();
    fixture_expect_part(
        f, FLUENT, "buildah: cannot run buildah: it is not installed (Debian package buildah)");
}

static void a_stop_ends_it_at_once(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ $1 = from ] || exec /bin/sleep 600");
    f->session.stop_fd = sink_stop_after_ms(100);
    int64_t begin_ns = herolib_now_ns();
    fixture_expect_part(f, NEW "print(\"before\"); b.run(\"make\")", "Script terminated");
    assert_true(herolib_now_ns() - begin_ns < INT64_C(5000000000));
    assert_true(f->sink.flushes > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(steps_of_a_builder_give_their_results),
        FIXTURE_CASE(steps_of_a_fluent_builder_chain),
        FIXTURE_CASE(a_step_that_fails_is_an_error_and_kept),
        FIXTURE_CASE(a_working_container_of_that_name_is_taken),
        FIXTURE_CASE(reset_begins_anew_with_the_next_step),
        FIXTURE_CASE(settings_are_options_of_config),
        FIXTURE_CASE(content_is_written_and_read),
        FIXTURE_CASE(images_are_handled_through_a_builder),
        FIXTURE_CASE(debug_mode_shows_what_is_run),
        FIXTURE_CASE(what_goes_wrong_is_named_by_its_cause),
        FIXTURE_CASE(a_stop_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
