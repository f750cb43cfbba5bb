/* Packages, with recording stand-ins for apt's programs; the platform. */
#include "os/tests/sandbox.h"

static int set_up(void **state) {
    static char path[PATH_MAX];
    if (sandbox_set_up(state) < 0) return -1;
    sandbox_shell(
        "mkdir bin; cat > bin/apt-get <<'END'\n"
        "#!/bin/sh\n"
        "echo \"$(basename $0) $* $DEBIAN_FRONTEND\" >> calls\n"
        "echo working\n"
        "case \"$*\" in *broken) echo 'E: Unable to locate package' >&2; exit 100;; esac\n"
        "END\n"
        "cat > bin/dpkg-query <<'END'\n"
        "#!/bin/sh\n"
        "case \"$*\" in\n"
        "*Abbrev*) printf 'ii bash\\nrc gone\\nii zip\\n';;\n"
        "*absent) echo 'no packages found' >&2; exit 1;;\n"
        "*removed) printf 'deinstall ok config-files';;\n"
        "*) printf 'install ok installed';;\n"
        "esac\n"
        "END\n"
        "printf '#!/bin/sh\\nprintf \"zip - archiver\\nunzip - dearchiver\\n\"' > bin/apt-cache\n"
        "chmod +x bin/*");
    snprintf(path, sizeof path, "%s/bin:/usr/bin:/bin", sandbox);
    return setenv("PATH", path, 1);
}

static void packages_are_installed_and_removed_without_questions(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "package_install(\"zip\")", "Successfully installed package 'zip'");
    fixture_expect(f, "package_remove(\"-zip\")", "Successfully removed package '-zip'");
    fixture_expect(f, "package_update()", "Successfully updated package lists");
    fixture_expect(f, "package_upgrade()", "Successfully upgraded packages");
    fixture_expect(f, "file_read(\"calls\")",
                   "apt-get --yes install -- zip noninteractive\n"
                   "apt-get --yes remove -- -zip noninteractive\n"
                   "apt-get --yes update noninteractive\n"
                   "apt-get --yes upgrade noninteractive\n");
    assert_string_equal(sink_text(&f->sink.all), "");
    fixture_expect(f, CAUGHT("package_install(\"broken\")"),
                   "os: cannot install the package: apt-get exited with code 100: "
                   "E: Unable to locate package");
}

static void packages_are_listed_and_searched(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "package_list()", "[\"bash\", \"zip\"]");
    fixture_expect(f, "package_search(\"zip\")", "[\"zip\", \"unzip\"]");
    fixture_expect(f,
                   "[package_is_installed(\"zip\"), package_is_installed(\"absent\"), "
                   "package_is_installed(\"removed\")]",
                   "[true, false, false]");
}

static void debug_shows_what_apt_writes(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "package_set_debug(true)", "true");
    fixture_expect(f, "package_update(); package_set_debug(false)", "false");
    assert_string_equal(sink_text(&f->sink.all), "working\n");
    fixture_expect(f, "package_update(); ()", "");
    assert_string_equal(sink_text(&f->sink.all), "working\n");
}

static void the_platform_is_told(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "package_platform()", "Ubuntu");
    fixture_expect(
        f, "[platform_is_linux(), platform_is_osx(), platform_is_x86() != platform_is_arm()]",
        "[true, false, true]");
    fixture_expect(f, CAUGHT("platform_check_macos_arm()"), "os: this script needs macOS on ARM");
    fixture_expect(f, CAUGHT("if platform_is_x86() { platform_check_linux_x86() }"), "nothing");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, sandbox_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(packages_are_installed_and_removed_without_questions),
        CASE(packages_are_listed_and_searched),
        CASE(debug_shows_what_apt_writes),
        CASE(the_platform_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
