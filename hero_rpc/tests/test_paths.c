/* Where sockets and state live. */
#include "harness.h"

#include "hero_rpc/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void assert_path(char *path, const char *expected) {
    assert_non_null(path);
    assert_string_equal(path, expected);
    free(path);
}

static void sockets_are_looked_for_in_five_places_in_order(void **state) {
    (void)state;
    struct home home;
    char expected[128];
    home_make(&home);
    snprintf(expected, sizeof expected, "%s/hero/var/sockets", home.path);
    assert_path(rpc_path_socket_root(NULL), expected);
    setenv("PATH_ROOT", "/root_dir", 1);
    assert_path(rpc_path_socket_root(NULL), "/root_dir/var/sockets");
    setenv("PATH_VAR", "/var_dir/", 1);
    assert_path(rpc_path_socket_root(NULL), "/var_dir/sockets");
    setenv("HERO_SOCKET_DIR", "/socket_dir", 1);
    assert_path(rpc_path_socket_root(NULL), "/socket_dir");
    setenv("PATH_SOCKET", "/path_socket//", 1);
    assert_path(rpc_path_socket_root(NULL), "/path_socket");
    setenv("PATH_SOCKET", "", 1); /* as good as not set */
    assert_path(rpc_path_socket_root(NULL), "/socket_dir");
    assert_path(rpc_path_socket("hero_x", "rpc.sock", NULL), "/socket_dir/hero_x/rpc.sock");
    home_remove(&home);
}

static void state_is_looked_for_in_three_places_in_order(void **state) {
    (void)state;
    struct home home;
    char expected[128];
    home_make(&home);
    setenv("PATH_SOCKET", "/elsewhere", 1);
    snprintf(expected, sizeof expected, "%s/hero/var/hero_x", home.path);
    assert_path(rpc_path_state_dir("hero_x", NULL), expected);
    setenv("PATH_ROOT", "/root_dir", 1);
    assert_path(rpc_path_state_dir("hero_x", NULL), "/root_dir/var/hero_x");
    setenv("PATH_VAR", "/var_dir", 1);
    assert_path(rpc_path_state_dir("hero_x", NULL), "/var_dir/hero_x");
    home_remove(&home);
}

static void without_HOME_the_password_file_knows(void **state) {
    (void)state;
    struct home home;
    home_make(&home);
    unsetenv("HOME");
    char *path = rpc_path_socket_root(NULL);
    assert_non_null(path);
    assert_int_equal(path[0], '/');
    free(path);
    home_remove(&home);
}

static void a_relative_directory_is_refused_by_name(void **state) {
    (void)state;
    struct home home;
    struct rpc_error err = {0};
    home_make(&home);
    setenv("HERO_SOCKET_DIR", "sockets", 1);
    assert_null(rpc_path_socket_root(&err));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_string_equal(err.message, "HERO_SOCKET_DIR must be an absolute path, not \"sockets\"");
    home_remove(&home);
}

static void a_socket_path_has_at_most_107_bytes(void **state) {
    (void)state;
    struct home home;
    struct rpc_error err = {0};
    char dir[120];
    home_make(&home);
    memset(dir, 'd', sizeof dir);
    dir[0] = '/';
    dir[107 - strlen("/s/rpc.sock")] = '\0';
    setenv("PATH_SOCKET", dir, 1);
    char *path = rpc_path_socket("s", "rpc.sock", &err);
    assert_non_null(path);
    assert_int_equal(strlen(path), 107);
    free(path);
    assert_null(rpc_path_socket("s", "rpc2.sock", &err));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_non_null(strstr(err.message, "socket path too long: 108 bytes, at most 107"));
    home_remove(&home);
}

static void directories_are_made_with_their_parents(void **state) {
    (void)state;
    struct home home;
    struct rpc_error err = {0};
    struct stat st;
    char path[128];
    home_make(&home);
    snprintf(path, sizeof path, "%s/a/b/c/", home.path);
    mode_t before = umask(0077);
    assert_int_equal(rpc_path_make_dirs(path, 0750, &err), 0);
    umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    /* Again, and with another mode: what is there stays. */
    assert_int_equal(rpc_path_make_dirs(path, 0700, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    snprintf(path, sizeof path, "%s/a/file", home.path);
    fclose(fopen(path, "w"));
    strcat(path, "/below");
    assert_int_equal(rpc_path_make_dirs(path, 0755, &err), -1);
    assert_non_null(strstr(err.message, "/a/file: Not a directory"));
    home_remove(&home);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_are_looked_for_in_five_places_in_order),
        cmocka_unit_test(state_is_looked_for_in_three_places_in_order),
        cmocka_unit_test(without_HOME_the_password_file_knows),
        cmocka_unit_test(a_relative_directory_is_refused_by_name),
        cmocka_unit_test(a_socket_path_has_at_most_107_bytes),
        cmocka_unit_test(directories_are_made_with_their_parents),
    };
    return cmocka_run_group_tests_name("hero_rpc paths", tests, NULL, NULL);
}
