/* Control groups of the second version, with the pids controller, in a tree of plain files: a
 * machine whose first version has that controller does not offer it in the second. What the kernel
 * does to the files is done here by what stands before mkdir, rmdir, unlinkat and write (ld's
 * --wrap), by the kernel manual's cgroup-v2.rst: a new group has its files; what a group hands on
 * appears in those below it; what is below a group with processes that hands something on, or below
 * a threaded one, is "domain invalid", and takes no process, until it is made threaded. */
#include "server/cgroups.h"
#include "zygote/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_BYTES 512

static char root[64];         /* of the tree; "": there is none */
static char mounts[80];       /* what /proc/self/mounts is */
static char own_groups[80];   /* and /proc/self/cgroup */
static char own[PATH_BYTES];  /* our own group of the second version, */
static char own1[PATH_BYTES]; /* and of the first */

/* ---- Files ---------------------------------------------------------------------------------- */

static const char *in(const char *dir, const char *name) {
    static char paths[8][PATH_BYTES * 3];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void put(const char *dir, const char *name, const char *text) {
    int fd = open(in(dir, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
    close(fd);
}

/* "" when it is not there. */
static const char *get(const char *dir, const char *name) {
    static char texts[4][128];
    static unsigned next;
    char *text = texts[next++ % 4];
    int fd = open(in(dir, name), O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? pread(fd, text, sizeof texts[0] - 1, 0) : 0;
    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0) close(fd);
    return text;
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* ---- The kernel's part ------------------------------------------------------------------------
 */

int __real_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __real_unlinkat(int dir_fd, const char *path, int flags);
ssize_t __real_write(int fd, const void *bytes, size_t len);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__real_setmntent(const char *path, const char *mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);
int __wrap_unlinkat(int dir_fd, const char *path, int flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_setmntent(const char *path, const char *mode);

FILE *__wrap_fopen(const char *path, const char *mode) {
    return __real_fopen(*root && strcmp(path, "/proc/self/cgroup") == 0 ? own_groups : path, mode);
}

FILE *__wrap_setmntent(const char *path, const char *mode) {
    return __real_setmntent(*root ? mounts : path, mode);
}

static bool is_ours(const char *path) {
    return *root && strncmp(path, root, strlen(root)) == 0;
}

static void offer_pids(const char *group) {
    put(group, "cgroup.controllers", "pids\n");
    put(group, "pids.max", "max\n");
    put(group, "pids.events", "max 0\n");
}

static void make_files(const char *group, bool is_v1) {
    put(group, "cgroup.procs", "");
    if (is_v1) {
        put(group, "pids.max", "max\n");
        put(group, "pids.events", "max 0\n");
        return;
    }
    put(group, "cgroup.controllers", "");
    put(group, "cgroup.subtree_control", "");
    put(group, "cgroup.type", "domain\n");
    put(group, "cgroup.kill", "");
}

int __wrap_mkdir(const char *given, mode_t mode) {
    char path[PATH_BYTES * 2], parent[PATH_BYTES * 2 + 4];
    if (__real_mkdir(given, mode) < 0) return -1;
    if (!is_ours(given)) return 0;
    snprintf(path, sizeof path, "%s", given);
    snprintf(parent, sizeof parent, "%s/..", path);
    bool is_v1 = !exists(in(parent, "cgroup.type"));
    make_files(path, is_v1);
    bool is_handed_on = strstr(get(parent, "cgroup.subtree_control"), "pids");
    if (is_handed_on) offer_pids(path);
    if (is_handed_on || strncmp(get(parent, "cgroup.type"), "threaded", 8) == 0)
        put(path, "cgroup.type", "domain invalid\n");
    return 0;
}

static int remove_group(const char *given) {
    char path[PATH_BYTES * 2];
    snprintf(path, sizeof path, "%s", given);
    static const char *const names[] = {
        "cgroup.procs", "cgroup.controllers", "cgroup.type",           "cgroup.kill",
        "pids.max",     "pids.events",        "cgroup.subtree_control"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in(path, names[i]));
    return __real_rmdir(path);
}

int __wrap_rmdir(const char *path) {
    return is_ours(path) ? remove_group(path) : __real_rmdir(path);
}

static void path_of(int fd, char path[PATH_BYTES]) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, PATH_BYTES - 1);
    path[len > 0 ? len : 0] = '\0';
}

int __wrap_unlinkat(int dir_fd, const char *name, int flags) {
    char dir[PATH_BYTES];
    path_of(dir_fd, dir);
    if (is_ours(dir) && (flags & AT_REMOVEDIR) && exists(in(dir, name)))
        return remove_group(in(dir, name));
    return __real_unlinkat(dir_fd, name, flags);
}

static int hand_on(const char *group, const char *text) {
    if (strcmp(text, "-pids") == 0) {
        put(group, "cgroup.subtree_control", "");
        return 0;
    }
    if (!strstr(get(group, "cgroup.controllers"), "pids")) return ENOENT;
    if (strncmp(get(group, "cgroup.type"), "domain invalid", 14) == 0) return EOPNOTSUPP;
    put(group, "cgroup.subtree_control", "pids\n");
    char command[PATH_BYTES * 2]; /* those below: ours has processes */
    snprintf(
        command, sizeof command,
        "for d in %s/*/; do [ -f $d/cgroup.type ] || continue; echo pids > $d/cgroup.controllers;"
        " echo max > $d/pids.max; echo domain invalid > $d/cgroup.type; done",
        group);
    return system(command) == 0 ? 0 : EIO;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len) {
    char path[PATH_BYTES], text[64];
    path_of(fd, path);
    char *name = strrchr(path, '/');
    if (!is_ours(path) || !name) return __real_write(fd, bytes, len);
    *name++ = '\0';
    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)bytes);
    errno = 0;
    if (strcmp(name, "cgroup.subtree_control") == 0)
        errno = hand_on(path, text);
    else if (strcmp(name, "cgroup.procs") == 0 &&
             strncmp(get(path, "cgroup.type"), "domain invalid", 14) == 0)
        errno = EOPNOTSUPP;
    else
        put(path, name, text);
    return errno ? -1 : (ssize_t)len;
}

/* ---- Trees ------------------------------------------------------------------------------------
 */

#define INSTANCE "00000000-0000-4000-8000-000000000001"

/* A hierarchy of the second version, in which we are in /work, and one of the first, in /old. */
static void mount_trees(bool has_v2, bool has_v1) {
    char text[PATH_BYTES] = "tmpfs /tmp tmpfs rw 0 0\n";
    if (has_v1)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "cgroup %s/v1 cgroup rw,pids 0 0\n", root);
    if (has_v2)
        snprintf(text + strlen(text), sizeof text - strlen(text), "cgroup2 %s/v2 cgroup2 rw 0 0\n",
                 root);
    put(root, "mounts", text);
    put(root, "cgroup", "4:pids:/old\n1:name=systemd:/\n0::/work\n");
}

static int setup(void **state) {
    (void)state;
    char made[] = "/tmp/cgroups_test.XXXXXX";
    if (!mkdtemp(made)) return -1;
    strcpy(root, made);
    snprintf(mounts, sizeof mounts, "%s/mounts", root);
    snprintf(own_groups, sizeof own_groups, "%s/cgroup", root);
    snprintf(own, sizeof own, "%s/v2/work", root);
    snprintf(own1, sizeof own1, "%s/v1/old", root);
    char command[PATH_BYTES * 4];
    snprintf(command, sizeof command, "mkdir -p %s %s", own, own1);
    if (system(command) != 0) return -1;
    make_files(own1, true);
    make_files(own, false);
    offer_pids(own);
    mount_trees(true, false);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[PATH_BYTES];
    snprintf(command, sizeof command, "rm -rf %s", root);
    *root = '\0';
    return system(command);
}

static const char *group_path(const char *dir) {
    return in(dir, "hero_runner_rhai." INSTANCE);
}

/* What a session process does, in one of its own; the group is there afterwards. */
static pid_t enter_as_session(const struct cgroups *cgroups, long long processes) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        cgroup_init(cgroups_pids_dir(cgroups), cgroups_kill_dir(cgroups));
        cgroup_enter(processes);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    return pid;
}

/* ---- The second version ------------------------------------------------------------------------
 */

static void pids_are_handed_on_to_a_threaded_group_and_taken_back(void **state) {
    (void)state;
    struct cgroups *cgroups = cgroups_new(INSTANCE);
    assert_string_equal(cgroups_mechanism(cgroups), "cgroup-v2");
    assert_string_equal(cgroups_pids_dir(cgroups), group_path(own));
    assert_string_equal(cgroups_kill_dir(cgroups), ""); /* one group does both */
    assert_string_equal(get(own, "cgroup.subtree_control"), "pids\n");
    assert_string_equal(get(group_path(own), "cgroup.type"), "threaded");
    assert_string_equal(get(group_path(own), "cgroup.subtree_control"), "pids\n");
    cgroups_free(cgroups);
    assert_string_equal(get(own, "cgroup.subtree_control"), "");
    assert_false(exists(group_path(own)));
}

static void what_somebody_else_has_handed_on_stays(void **state) {
    (void)state;
    put(own, "cgroup.subtree_control", "cpu pids\n");
    struct cgroups *cgroups = cgroups_new(INSTANCE);
    assert_string_equal(cgroups_mechanism(cgroups), "cgroup-v2");
    assert_string_equal(get(own, "cgroup.subtree_control"), "cpu pids\n");
    cgroups_free(cgroups);
    assert_string_equal(get(own, "cgroup.subtree_control"), "cpu pids\n");
}

static void a_session_has_a_group_with_its_limit(void **state) {
    (void)state;
    char name[16], group[PATH_BYTES];
    struct cgroups *cgroups = cgroups_new(INSTANCE);
    pid_t pid = enter_as_session(cgroups, 5);
    snprintf(name, sizeof name, "%d", (int)pid);
    snprintf(group, sizeof group, "%s", in(group_path(own), name));
    assert_string_equal(get(group, "cgroup.type"), "threaded"); /* else nothing may go there */
    assert_string_equal(get(group, "cgroup.procs"), "0");
    assert_string_equal(get(group, "pids.max"), "5");

    assert_false(cgroups_has_refused(cgroups, pid));
    put(group, "pids.events", "max 3\n");
    assert_true(cgroups_has_refused(cgroups, pid));
    cgroups_kill(cgroups, pid);
    assert_string_equal(get(group, "cgroup.kill"), "1");
    cgroups_remove(cgroups, pid);
    assert_false(exists(group));
    cgroups_free(cgroups);
}

static void without_the_controller_there_is_no_group_and_processes_are_counted(void **state) {
    (void)state;
    put(own, "cgroup.controllers", "cpu memory\n");
    struct cgroups *cgroups = cgroups_new(INSTANCE);
    assert_string_equal(cgroups_mechanism(cgroups), "counting");
    assert_string_equal(cgroups_pids_dir(cgroups), "");
    assert_false(exists(group_path(own)));
    assert_false(cgroups_has_refused(cgroups, 1));
    cgroups_kill(cgroups, 1);
    cgroups_remove(cgroups, 1);
    cgroups_free(cgroups);
}

static void nor_when_nobody_wants_one(void **state) {
    (void)state;
    struct cgroups *cgroups = cgroups_new(NULL);
    assert_string_equal(cgroups_mechanism(cgroups), "counting");
    assert_false(exists(group_path(own)));
    cgroups_free(cgroups);
}

static void
a_path_told_from_outside_of_a_container_is_where_the_hierarchy_is_mounted(void **state) {
    (void)state;
    char top[PATH_BYTES];
    snprintf(top, sizeof top, "%s/v2", root);
    make_files(top, false);
    offer_pids(top);
    put(root, "cgroup", "0::/docker/0123456789ab\n");
    struct cgroups *cgroups = cgroups_new(INSTANCE);
    assert_string_equal(cgroups_pids_dir(cgroups), group_path(top));
    cgroups_free(cgroups);
}

/* ---- Both versions -----------------------------------------------------------------------------
 */

static void side_by_side_the_first_counts_and_the_second_kills(void **state) {
    (void)state;
    char name[16], group[PATH_BYTES], group1[PATH_BYTES];
    mount_trees(true, true);
    put(own, "cgroup.controllers", "hugetlb\n"); /* pids are the first one's */
    struct cgroups *cgroups = cgroups_new(INSTANCE);
    assert_string_equal(cgroups_mechanism(cgroups), "cgroup-v1");
    assert_string_equal(cgroups_pids_dir(cgroups), group_path(own1));
    assert_string_equal(cgroups_kill_dir(cgroups), group_path(own));
    pid_t pid = enter_as_session(cgroups, 7);
    snprintf(name, sizeof name, "%d", (int)pid);
    snprintf(group, sizeof group, "%s", in(group_path(own), name));
    snprintf(group1, sizeof group1, "%s", in(group_path(own1), name));
    assert_string_equal(get(group1, "pids.max"), "7");
    assert_string_equal(get(group1, "cgroup.procs"), "0");
    assert_string_equal(get(group, "cgroup.procs"), "0");
    cgroups_kill(cgroups, pid);
    assert_string_equal(get(group, "cgroup.kill"), "1");
    cgroups_remove(cgroups, pid);
    assert_false(exists(group) || exists(group1));
    cgroups_free(cgroups);
    assert_false(exists(group_path(own)) || exists(group_path(own1)));
}

/* ---- After dead servers ------------------------------------------------------------------------
 */

static void what_a_dead_server_left_is_killed_and_removed_and_no_other(void **state) {
    (void)state;
    char dead[PATH_BYTES], alive[PATH_BYTES];
    struct cgroups *living = cgroups_new(INSTANCE);
    snprintf(alive, sizeof alive, "%s", cgroups_pids_dir(living));
    snprintf(dead, sizeof dead, "%s", in(own, "hero_runner_rhai.of-a-dead-one"));
    assert_int_equal(mkdir(dead, 0755), 0);
    assert_int_equal(mkdir(in(dead, "4711"), 0755), 0);
    assert_int_equal(mkdir(in(own, "of-somebody-else"), 0755), 0);
    cgroups_sweep();
    assert_false(exists(dead));
    assert_true(exists(alive));
    assert_true(exists(in(own, "of-somebody-else")));
    cgroups_free(living);
}

/* Kernels before 5.14 have no cgroup.kill. */
static void one_by_one_where_the_kernel_cannot_kill_a_group(void **state) {
    (void)state;
    char dead[PATH_BYTES], text[16];
    snprintf(dead, sizeof dead, "%s", in(own, "hero_runner_rhai.of-a-dead-one"));
    assert_int_equal(mkdir(dead, 0755), 0);
    assert_int_equal(mkdir(in(dead, "4711"), 0755), 0);
    unlink(in(in(dead, "4711"), "cgroup.kill"));
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(text, sizeof text, "%d\n", (int)pid);
    put(in(dead, "4711"), "cgroup.procs", text);
    cgroups_sweep();
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_false(exists(dead));
}

/* ---- The kernel itself --------------------------------------------------------------------------
 */

/* Whether it offers the controller in the second version here; then tests/limits_test.c, whose
 * server finds it, is about that one. */
static void the_kernel_s_own_is_for_the_acceptance_test(void **state) {
    (void)state;
    bool is_offered = false;
    FILE *real = __real_setmntent("/proc/self/mounts", "re");
    const struct mntent *entry;
    while (real && (entry = getmntent(real)))
        if (strcmp(entry->mnt_type, "cgroup2") == 0)
            is_offered |= strstr(get(entry->mnt_dir, "cgroup.controllers"), "pids") != NULL;
    if (real) endmntent(real);
    if (is_offered) return;
    print_message("skipped: pids.max of the kernel's second version, which has no such controller "
                  "here\n");
    skip();
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(pids_are_handed_on_to_a_threaded_group_and_taken_back),
        CASE(what_somebody_else_has_handed_on_stays),
        CASE(a_session_has_a_group_with_its_limit),
        CASE(without_the_controller_there_is_no_group_and_processes_are_counted),
        CASE(nor_when_nobody_wants_one),
        CASE(a_path_told_from_outside_of_a_container_is_where_the_hierarchy_is_mounted),
        CASE(side_by_side_the_first_counts_and_the_second_kills),
        CASE(what_a_dead_server_left_is_killed_and_removed_and_no_other),
        CASE(one_by_one_where_the_kernel_cannot_kill_a_group),
        cmocka_unit_test(the_kernel_s_own_is_for_the_acceptance_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
