#include "server/instance.h"

#include "server/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/strbuf.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define SWEEP_PATIENCE_MS 10000
#define DEATH_WAIT_MS 100
#define ENVIRON_MAX_BYTES (16 * 1024 * 1024)
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

extern char **environ;

/* ---- Sweeping ---------------------------------------------------------------------------- */

static bool carries_mark(pid_t pid, const char *mark) {
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    if (stat(path, &info) < 0 || info.st_uid != geteuid()) return false;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    bool found = false;
    if (rpc_file_read(path, ENVIRON_MAX_BYTES, &text, NULL) == 0) {
        for (size_t at = 0; at < text.len && !found; at += strlen(text.data + at) + 1)
            found = strcmp(text.data + at, mark) == 0;
    }
    rpc_strbuf_done(&text);
    return found;
}

/* Kills one process if it carries the mark. The descriptor is taken before looking, so the process
 * that is killed is the one that was looked at. */
static bool kill_if_marked(pid_t pid, const char *mark) {
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) return false;
    bool is_marked = pid != getpid() && carries_mark(pid, mark);
    if (is_marked && pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
        poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, DEATH_WAIT_MS);
    close(pidfd);
    return is_marked;
}

static unsigned sweep_once(const char *mark) {
    DIR *proc = opendir("/proc");
    unsigned killed = 0;
    struct dirent *entry;
    while (proc && (entry = readdir(proc)))
        if (isdigit((unsigned char)entry->d_name[0]))
            killed += kill_if_marked((pid_t)atoi(entry->d_name), mark);
    if (proc) closedir(proc);
    return killed;
}

/* Until a round finds nothing: what is killed may have forked meanwhile. */
static void sweep(const char *id) {
    char mark[sizeof INSTANCE_VARIABLE + INSTANCE_ID_BYTES];
    snprintf(mark, sizeof mark, INSTANCE_VARIABLE "=%s", id);
    int64_t since = rpc_clock_monotonic_ms();
    unsigned killed = 0, round;
    while ((round = sweep_once(mark)) > 0) {
        killed += round;
        if (rpc_clock_monotonic_ms() - since < SWEEP_PATIENCE_MS) continue;
        log_error("processes of the last server do not die", "count=%u", round);
        break;
    }
    if (killed > 0) log_warn("killed what the last server left behind", "count=%u", killed);
}

int instance_begin(const char *state_dir, char ret_id[INSTANCE_ID_BYTES], struct rpc_error *err) {
    struct rpc_strbuf path = RPC_STRBUF_INIT, before = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&path, "%s/instance", state_dir);
    uuid_t uuid;
    if (rpc_file_read(rpc_strbuf_text(&path), 4096, &before, NULL) == 0) {
        char id[INSTANCE_ID_BYTES];
        snprintf(id, sizeof id, "%.36s", rpc_strbuf_text(&before));
        if (uuid_parse(id, uuid) == 0) sweep(id);
    }
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, ret_id);
    int outcome =
        rpc_file_replace(rpc_strbuf_text(&path), ret_id, INSTANCE_ID_BYTES - 1, 0600, err);
    rpc_strbuf_done(&path);
    rpc_strbuf_done(&before);
    return outcome;
}

/* ---- The environment of scripts ---------------------------------------------------------- */

static const char *const passed_names[] = {
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TZ",
    "PATH_ROOT",
    "PATH_VAR",
    "PATH_BUILD",
    "PATH_CODE",
    "PATH_SOCKET",
    "HERO_SOCKET_DIR",
};

static bool is_in_list(const char *list, const char *name, size_t len) {
    while (*list) {
        list += strspn(list, ", ");
        size_t item = strcspn(list, ", ");
        if (item == len && memcmp(list, name, len) == 0) return true;
        list += item;
    }
    return false;
}

static bool is_passed(const char *variable, const char *pass_env) {
    size_t len = strcspn(variable, "=");
    if (len == strlen(INSTANCE_VARIABLE) && !memcmp(variable, INSTANCE_VARIABLE, len)) return false;
    if (strncmp(variable, "LC_", 3) == 0) return true;
    for (size_t i = 0; i < sizeof passed_names / sizeof passed_names[0]; i++)
        if (strlen(passed_names[i]) == len && !memcmp(variable, passed_names[i], len)) return true;
    return is_in_list(pass_env, variable, len);
}

/* The texts first, then the list of pointers to them, all in one block. */
char **instance_environment(const char *id, const char *pass_env) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    size_t count = 0;
    const struct passwd *user = getpwuid(geteuid());
    for (char **variable = environ; *variable; variable++) {
        if (!is_passed(*variable, pass_env)) continue;
        rpc_strbuf_add(&text, *variable, strlen(*variable) + 1);
        count++;
    }
    if (!getenv("PATH")) rpc_strbuf_addf(&text, "PATH=" DEFAULT_PATH "%c", 0), count++;
    if (!getenv("HOME")) rpc_strbuf_addf(&text, "HOME=%s%c", user ? user->pw_dir : "/", 0), count++;
    if (!getenv("USER") && user) rpc_strbuf_addf(&text, "USER=%s%c", user->pw_name, 0), count++;
    rpc_strbuf_addf(&text, "TERM=dumb%c" INSTANCE_VARIABLE "=%s%c", 0, id, 0);
    count += 2;

    char **list = text.failed ? NULL : malloc((count + 1) * sizeof *list + text.len);
    if (list) {
        char *at = memcpy((char *)(list + count + 1), text.data, text.len);
        for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
            list[i] = at;
        list[count] = NULL;
    }
    rpc_strbuf_done(&text);
    return list;
}
