#include "zygote/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_PATH_BYTES 4096

static const char *pids_base, *kill_base;

void cgroup_init(const char *pids_dir, const char *kill_dir) {
    pids_base = pids_dir;
    kill_base = kill_dir;
}

static int write_file(const char *group, const char *name, const char *text) {
    char path[GROUP_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/%s", group, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int failed = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return failed;
}

static bool make(const char *dir, char group[GROUP_PATH_BYTES]) {
    int len = snprintf(group, GROUP_PATH_BYTES, "%s/%d", dir, (int)getpid());
    return *dir && len < GROUP_PATH_BYTES && mkdir(group, 0755) == 0;
}

/* Where our own group is a threaded one, those below it must be made so before anything may go
 * there. */
static void enter(const char *group) {
    if (write_file(group, "cgroup.procs", "0") == -EOPNOTSUPP &&
        write_file(group, "cgroup.type", "threaded") == 0)
        write_file(group, "cgroup.procs", "0");
}

void cgroup_enter(long long processes) {
    char group[GROUP_PATH_BYTES], number[24];
    snprintf(number, sizeof number, "%lld", processes);
    if (make(pids_base, group)) {
        enter(group);
        write_file(group, "pids.max", number);
    }
    if (make(kill_base, group)) enter(group);
}
