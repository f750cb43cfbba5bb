/* Owning a socket path. */
#include "harness.h"

#include "hero_rpc/bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    struct home home;
    char path[128];
    char state[96];
};

static void place_make(struct place *p) {
    home_make(&p->home);
    snprintf(p->path, sizeof p->path, "%s/sockets/svc/rpc.sock", p->home.path);
    snprintf(p->state, sizeof p->state, "%s/state", p->home.path);
}

static struct rpc_binding *bind_ok(const char *path, const char *state) {
    struct rpc_error err = {0};
    struct rpc_binding *binding = rpc_binding_open(path, state, &err);
    if (!binding) fail_msg("%s", err.message);
    return binding;
}

/* A socket bound by hand, by somebody who takes no part in the locking. */
static int bind_by_hand(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void the_mode_is_0660_whatever_the_umask(void **state) {
    (void)state;
    struct place p;
    struct stat st;
    place_make(&p);
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct rpc_binding *first = bind_ok(p.path, p.state); /* makes the directories */
        rpc_binding_close(first);
        mode_t before = umask(masks[i]);
        struct rpc_binding *binding = bind_ok(p.path, p.state);
        umask(before);
        assert_int_equal(lstat(p.path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 0777, 0660);
        assert_int_equal(rpc_binding_gid(binding), st.st_gid);
        rpc_binding_close(binding);
    }
    home_remove(&p.home);
}

static void the_path_goes_when_the_owner_closes(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    assert_true(rpc_client_is_listening(p.path));
    rpc_binding_close(binding);
    assert_int_equal(access(p.path, F_OK), -1);
    rpc_binding_close(NULL);
    home_remove(&p.home);
}

static void a_path_that_is_no_longer_ours_stays(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    unlink(p.path);
    int other = bind_by_hand(p.path);
    rpc_binding_close(binding);
    assert_true(rpc_client_is_listening(p.path));
    close(other);
    home_remove(&p.home);
}

static void a_second_server_for_the_same_socket_is_told_who_owns_it(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    pid_t pid = fork();
    if (pid == 0) {
        struct rpc_error err = {0};
        char expected[256];
        snprintf(expected, sizeof expected, "%s is in use by process %d", p.path, (int)getppid());
        bool is_refused = !rpc_binding_open(p.path, p.state, &err) &&
                          err.kind == RPC_ERROR_IN_USE && err.code == getppid() &&
                          strcmp(err.message, expected) == 0;
        _exit(is_refused ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_true(rpc_client_is_listening(p.path));
    rpc_binding_close(binding);
    home_remove(&p.home);
}

static void two_socket_directories_over_one_state_are_refused(void **state) {
    (void)state;
    struct place p;
    struct rpc_error err = {0};
    char other[128];
    place_make(&p);
    snprintf(other, sizeof other, "%s/elsewhere/rpc.sock", p.home.path);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    assert_null(rpc_binding_open(other, p.state, &err));
    assert_int_equal(err.kind, RPC_ERROR_IN_USE);
    rpc_binding_close(binding);
    home_remove(&p.home);
}

static void a_listener_without_locks_is_never_unlinked(void **state) {
    (void)state;
    struct place p;
    struct rpc_error err = {0};
    char expected[256];
    place_make(&p);
    rpc_binding_close(bind_ok(p.path, p.state)); /* makes the directories */
    int other = bind_by_hand(p.path);
    assert_null(rpc_binding_open(p.path, p.state, &err));
    snprintf(expected, sizeof expected, "%s is in use by process %d", p.path, (int)getpid());
    assert_int_equal(err.kind, RPC_ERROR_IN_USE);
    assert_string_equal(err.message, expected);
    assert_true(rpc_client_is_listening(p.path));
    close(other);
    home_remove(&p.home);
}

static void a_stale_socket_file_is_replaced(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    rpc_binding_close(bind_ok(p.path, p.state));
    close(bind_by_hand(p.path)); /* dead: the entry is there, nobody listens */
    assert_int_equal(access(p.path, F_OK), 0);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    assert_true(rpc_client_is_listening(p.path));
    rpc_binding_close(binding);
    home_remove(&p.home);
}

static void a_file_that_is_no_socket_is_left_alone(void **state) {
    (void)state;
    struct place p;
    struct rpc_error err = {0};
    place_make(&p);
    rpc_binding_close(bind_ok(p.path, p.state));
    fclose(fopen(p.path, "w"));
    assert_null(rpc_binding_open(p.path, p.state, &err));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_int_equal(access(p.path, F_OK), 0);
    home_remove(&p.home);
}

static void a_server_killed_hard_leaves_nothing_in_the_way(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (!rpc_binding_open(p.path, p.state, NULL)) _exit(1);
        if (write(ready[1], "r", 1) != 1) _exit(1);
        pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    assert_true(rpc_client_is_listening(p.path));
    rpc_binding_close(binding);
    home_remove(&p.home);
}

static void a_vanished_path_is_bound_again(void **state) {
    (void)state;
    struct place p;
    struct rpc_error err = {0};
    place_make(&p);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    assert_int_equal(rpc_binding_check(binding, &err), RPC_BINDING_OURS);
    unlink(p.path);
    assert_int_equal(rpc_binding_check(binding, &err), RPC_BINDING_REBOUND);
    assert_true(rpc_client_is_listening(p.path));
    assert_int_equal(rpc_binding_check(binding, &err), RPC_BINDING_OURS);
    /* Somebody else's listener is theirs, a dead entry is not. */
    unlink(p.path);
    int other = bind_by_hand(p.path);
    assert_int_equal(rpc_binding_check(binding, &err), RPC_BINDING_LOST);
    close(other);
    assert_int_equal(rpc_binding_check(binding, &err), RPC_BINDING_REBOUND);
    rpc_binding_close(binding);
    home_remove(&p.home);
}

static void the_group_may_be_changed_later(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    struct place p;
    place_make(&p);
    struct rpc_binding *binding = bind_ok(p.path, p.state);
    assert_int_equal(chown(p.path, (uid_t)-1, 65534), 0);
    assert_int_equal(rpc_binding_check(binding, NULL), RPC_BINDING_OURS);
    assert_int_equal(rpc_binding_gid(binding), 65534);
    rpc_binding_close(binding);
    home_remove(&p.home);
}

static void a_path_too_long_is_a_clear_error(void **state) {
    (void)state;
    struct rpc_error err = {0};
    char path[140];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_null(rpc_binding_open(path, NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_non_null(strstr(err.message, "socket path too long: 139 bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mode_is_0660_whatever_the_umask),
        cmocka_unit_test(the_path_goes_when_the_owner_closes),
        cmocka_unit_test(a_path_that_is_no_longer_ours_stays),
        cmocka_unit_test(a_second_server_for_the_same_socket_is_told_who_owns_it),
        cmocka_unit_test(two_socket_directories_over_one_state_are_refused),
        cmocka_unit_test(a_listener_without_locks_is_never_unlinked),
        cmocka_unit_test(a_stale_socket_file_is_replaced),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(a_server_killed_hard_leaves_nothing_in_the_way),
        cmocka_unit_test(a_vanished_path_is_bound_again),
        cmocka_unit_test(the_group_may_be_changed_later),
        cmocka_unit_test(a_path_too_long_is_a_clear_error),
    };
    return cmocka_run_group_tests_name("hero_rpc binding", tests, NULL, NULL);
}
