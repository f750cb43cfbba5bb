#include "tests/servers.h"

#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef bool is_up_fn(const char *dir);

/* Until it takes connections, or has ended: then the program is missing, or does not work. */
static pid_t wait_until_up(pid_t server, const char *dir, is_up_fn *is_up) {
    while (!is_up(dir)) {
        if (server < 0 || waitpid(server, NULL, WNOHANG) != 0) return -1;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return server;
}

/* ---- Redis -------------------------------------------------------------------------------- */

static void redis_socket(const char *dir, char path[static 100]) {
    snprintf(path, 100, "%s/redis.sock", dir);
}

static bool redis_is_up(const char *dir) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    redis_socket(dir, address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return answers;
}

pid_t redis_server_start(const char *dir) {
    char path[100];
    redis_socket(dir, path);
    setenv("REDIS_SOCKET", path, 1);
    setenv("REDIS_PASSWORD", "pw", 1);
    pid_t server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout)) _exit(127);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
               "--requirepass", "pw", "--loglevel", "warning", (char *)NULL);
        perror("cannot run redis-server (Debian package redis-server)");
        _exit(127);
    }
    return wait_until_up(server, dir, redis_is_up);
}

void redis_server_stop(pid_t server, const char *dir) {
    char path[100];
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    redis_socket(dir, path);
    unlink(path);
}

/* ---- PostgreSQL --------------------------------------------------------------------------- */

static const struct passwd *server_user(void) {
    return getuid() == 0 ? getpwnam("postgres") : NULL;
}

/* The server does not run as root. */
static void become_server_user(void) {
    const struct passwd *user = server_user();
    if (getuid() == 0 && (!user || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
        _exit(126);
}

/* Debian has the programs of each version in a folder of its own; the newest one's are taken. */
static pid_t postgres_run(const char *program, const char *const *args) {
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0) {
        fputs("no PostgreSQL server in /usr/lib/postgresql (Debian package postgresql)\n", stderr);
        return -1;
    }
    char path[300];
    const char *argv[16] = {program};
    snprintf(path, sizeof path, "%s/%s", found.gl_pathv[found.gl_pathc - 1], program);
    globfree(&found);
    for (size_t i = 0; args[i]; i++)
        argv[i + 1] = args[i];
    pid_t pid = fork();
    if (pid == 0) {
        become_server_user();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout)) _exit(127);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

int postgres_cluster_make(const char *dir) {
    const struct passwd *user = server_user();
    if (user && chown(dir, user->pw_uid, user->pw_gid) < 0) return -1;
    char data[100];
    int status;
    snprintf(data, sizeof data, "%s/data", dir);
    pid_t init = postgres_run("initdb",
                              (const char *const[]){"-D", data, "-U", "tester", "-A", "trust", "-N",
                                                    "--no-instructions", "-E", "UTF8", NULL});
    if (init < 0 || waitpid(init, &status, 0) < 0 || status != 0) return -1;
    setenv("POSTGRES_HOST", dir, 1);
    setenv("POSTGRES_USER", "tester", 1);
    setenv("POSTGRES_DB", "postgres", 1);
    return 0;
}

/* The server says so in its lock file. */
static bool postgres_is_up(const char *dir) {
    char text[1000], path[120];
    snprintf(path, sizeof path, "%s/data/postmaster.pid", dir);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return strstr(text, "ready") != NULL;
}

pid_t postgres_server_start(const char *dir) {
    char data[100];
    snprintf(data, sizeof data, "%s/data", dir);
    pid_t server = postgres_run(
        "postgres", (const char *const[]){"-D", data, "-k", dir, "-c", "listen_addresses=", "-c",
                                          "fsync=off", "-c", "log_min_messages=fatal", NULL});
    return wait_until_up(server, dir, postgres_is_up);
}

void postgres_server_stop(pid_t server) {
    kill(server, SIGINT); /* fast shutdown: ends connections */
    waitpid(server, NULL, 0);
}
