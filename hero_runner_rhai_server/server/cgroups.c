#include "server/cgroups.h"

#include "server/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_PREFIX "hero_runner_rhai."
#define SWEEP_PATIENCE_MS 5000
#define SWEEP_PAUSE_US 5000

/* A directory of ours in one hierarchy. */
struct group {
    char path[PATH_MAX]; /* "": there is none */
    int fd;              /* of it, with a lock that says that we live; -1 */
};

struct cgroups {
    unsigned version;   /* of the pids controller; 0: none that is ours to use */
    bool has_handed_on; /* our own group hands it on only since we asked for it */
    struct group pids, kill;
};

/* ---- Files ---------------------------------------------------------------------------------- */

static int write_text(int dir_fd, const char *path, const char *text) {
    int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int failed = rpc_fd_write(fd, text, strlen(text)) < 0 ? -errno : 0;
    rpc_fd_close(&fd);
    return failed;
}

/* A short file; "" when it cannot be read. */
static void read_text(int dir_fd, const char *path, char *text, size_t size) {
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? rpc_fd_read(fd, text, size - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    rpc_fd_close(&fd);
}

static bool has_word(const char *list, const char *word, const char *separators) {
    size_t len = strlen(word);
    for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
        size_t item = strcspn(list, separators);
        if (item == len && memcmp(list, word, len) == 0) return true;
        list += item;
    }
    return false;
}

/* ---- Where we are --------------------------------------------------------------------------- */

/* Where a hierarchy is mounted: the one of version 2, or that of the v1 controller of pids. */
static bool find_mount(unsigned version, char mount[PATH_MAX]) {
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    bool is_found = false;
    while (mounts && !is_found && (entry = getmntent(mounts))) {
        is_found = version == 2
                       ? strcmp(entry->mnt_type, "cgroup2") == 0
                       : strcmp(entry->mnt_type, "cgroup") == 0 && hasmntopt(entry, "pids");
        if (is_found) snprintf(mount, PATH_MAX, "%s", entry->mnt_dir);
    }
    if (mounts) endmntent(mounts);
    return is_found;
}

/* cgroups(7): lines "number:controllers:path"; of version 2 the number is 0 and there are none. */
static bool find_own_path(unsigned version, char own[PATH_MAX]) {
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX + 128];
    bool is_found = false;
    while (file && !is_found && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'),
             *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *controllers++ = *path++ = '\0';
        is_found = version == 2 ? strcmp(line, "0") == 0 : has_word(controllers, "pids", ",");
        if (is_found) snprintf(own, PATH_MAX, "%.*s", (int)strcspn(path, "\n"), path);
    }
    if (file) fclose(file);
    return is_found;
}

/* The directory of our own group. A path that is not there was told from outside of a container,
 * whose own group then is where the hierarchy is mounted. */
static bool find_own_dir(unsigned version, char dir[PATH_MAX]) {
    char mount[PATH_MAX], own[PATH_MAX];
    if (!find_mount(version, mount) || !find_own_path(version, own)) return false;
    if (strcmp(own, "/") == 0) own[0] = '\0';
    return (snprintf(dir, PATH_MAX, "%s%s", mount, own) < PATH_MAX && access(dir, F_OK) == 0) ||
           (snprintf(dir, PATH_MAX, "%s", mount) < PATH_MAX && access(dir, F_OK) == 0);
}

static bool make_path(char path[PATH_MAX], const char *own_dir, const char *instance) {
    return snprintf(path, PATH_MAX, "%s/" GROUP_PREFIX "%s", own_dir, instance) < PATH_MAX;
}

/* ---- Making ours ---------------------------------------------------------------------------- */

static void remove_group(struct group *group) {
    if (!*group->path) return;
    rpc_fd_close(&group->fd);
    rmdir(group->path);
    *group->path = '\0';
}

static bool make_group(struct group *group, unsigned version, const char *instance) {
    char own[PATH_MAX];
    group->fd = -1;
    if (find_own_dir(version, own) && make_path(group->path, own, instance) &&
        mkdir(group->path, 0755) == 0) {
        group->fd = open(group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (group->fd >= 0 && flock(group->fd, LOCK_EX | LOCK_NB) == 0) return true;
        rpc_fd_close(&group->fd);
        rmdir(group->path);
    }
    *group->path = '\0';
    return false;
}

/* Version 2: groups below ours have a pids.max when each level above hands the controller on. Our
 * own group has processes, the server among others, so it may only do that for controllers that can
 * deal with single threads (as pids can); then what is below it must be "threaded" as well. */
static bool hand_on_pids(struct cgroups *cgroups) {
    const struct group *group = &cgroups->kill;
    char text[256];
    read_text(group->fd, "../cgroup.subtree_control", text, sizeof text);
    if (!has_word(text, "pids", " \n")) {
        if (write_text(group->fd, "../cgroup.subtree_control", "+pids") < 0) return false;
        cgroups->has_handed_on = true;
    }
    read_text(group->fd, "cgroup.type", text, sizeof text);
    if (strncmp(text, "domain invalid", 14) == 0) write_text(group->fd, "cgroup.type", "threaded");
    return write_text(group->fd, "cgroup.subtree_control", "+pids") == 0;
}

/* As it was before us. Refused by the kernel while another server uses it. */
static void take_back_pids(struct cgroups *cgroups) {
    if (!cgroups->has_handed_on) return;
    write_text(cgroups->kill.fd, "cgroup.subtree_control", "-pids");
    write_text(cgroups->kill.fd, "../cgroup.subtree_control", "-pids");
}

struct cgroups *cgroups_new(const char *instance) {
    struct cgroups *cgroups = calloc(1, sizeof *cgroups);
    if (!cgroups) return NULL;
    cgroups->pids.fd = cgroups->kill.fd = -1;
    if (!instance) return cgroups;
    bool has_v2 = make_group(&cgroups->kill, 2, instance);
    if (has_v2 && hand_on_pids(cgroups))
        cgroups->version = 2;
    else if (make_group(&cgroups->pids, 1, instance))
        cgroups->version = 1;
    else if (has_v2) { /* killing alone is not worth a group */
        take_back_pids(cgroups);
        remove_group(&cgroups->kill);
    }
    return cgroups;
}

void cgroups_free(struct cgroups *cgroups) {
    if (!cgroups) return;
    take_back_pids(cgroups);
    remove_group(&cgroups->pids);
    remove_group(&cgroups->kill);
    free(cgroups);
}

const char *cgroups_mechanism(const struct cgroups *cgroups) {
    static const char *const names[] = {"counting", "cgroup-v1", "cgroup-v2"};
    return names[cgroups->version];
}

static const struct group *group_of_pids(const struct cgroups *cgroups) {
    return cgroups->version == 2 ? &cgroups->kill : &cgroups->pids;
}

const char *cgroups_pids_dir(const struct cgroups *cgroups) {
    return group_of_pids(cgroups)->path;
}

const char *cgroups_kill_dir(const struct cgroups *cgroups) {
    return cgroups->version == 1 ? cgroups->kill.path : "";
}

/* ---- Those of sessions ---------------------------------------------------------------------- */

bool cgroups_has_refused(const struct cgroups *cgroups, pid_t pid) {
    char path[64], text[128];
    const struct group *group = group_of_pids(cgroups);
    if (group->fd < 0 || !cgroups->version) return false;
    snprintf(path, sizeof path, "%d/pids.events", (int)pid);
    read_text(group->fd, path, text, sizeof text);
    return strncmp(text, "max ", 4) == 0 && strtoull(text + 4, NULL, 10) > 0;
}

void cgroups_kill(const struct cgroups *cgroups, pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "%d/cgroup.kill", (int)pid);
    if (cgroups->kill.fd >= 0) write_text(cgroups->kill.fd, path, "1");
}

void cgroups_remove(const struct cgroups *cgroups, pid_t pid) {
    char name[16];
    snprintf(name, sizeof name, "%d", (int)pid);
    if (cgroups->pids.fd >= 0) unlinkat(cgroups->pids.fd, name, AT_REMOVEDIR);
    if (cgroups->kill.fd >= 0) unlinkat(cgroups->kill.fd, name, AT_REMOVEDIR);
}

/* ---- After dead servers --------------------------------------------------------------------- */

/* All in one group: at once where the kernel can, else one after the other. */
static void kill_all(int dir_fd) {
    if (write_text(dir_fd, "cgroup.kill", "1") == 0) return;
    int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *procs = fd >= 0 ? fdopen(fd, "re") : NULL;
    long pid;
    while (procs && fscanf(procs, "%ld", &pid) == 1)
        if (pid > 1) kill((pid_t)pid, SIGKILL);
    if (procs) fclose(procs);
}

/* Removes the groups below one of ours, and it. False: something is still in one of them. */
static bool remove_all(const char *path) {
    DIR *dir = opendir(path);
    bool is_empty = true;
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue; /* no group of a session */
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) kill_all(fd);
        rpc_fd_close(&fd);
        if (unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) < 0 && errno == EBUSY)
            is_empty = false;
    }
    if (dir) closedir(dir);
    return is_empty && (rmdir(path) == 0 || errno != EBUSY);
}

/* Removes it when nobody holds its lock: its server is dead. */
static void sweep_group(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_dead = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    int64_t since = rpc_clock_monotonic_ms();
    bool is_gone = !is_dead;
    while (!is_gone && !(is_gone = remove_all(path)) &&
           rpc_clock_monotonic_ms() - since < SWEEP_PATIENCE_MS)
        usleep(SWEEP_PAUSE_US);
    rpc_fd_close(&fd);
    if (!is_gone) log_warn("a control group of a dead server stays", "path=\"%s\"", path);
}

void cgroups_sweep(void) {
    for (unsigned version = 1; version <= 2; version++) {
        char own[PATH_MAX], path[PATH_MAX];
        DIR *dir = find_own_dir(version, own) ? opendir(own) : NULL;
        const struct dirent *entry;
        while (dir && (entry = readdir(dir)))
            if (strncmp(entry->d_name, GROUP_PREFIX, strlen(GROUP_PREFIX)) == 0 &&
                make_path(path, own, entry->d_name + strlen(GROUP_PREFIX)))
                sweep_group(path);
        if (dir) closedir(dir);
    }
}
