#include "tests/place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 5
#define ARGUMENTS_MAX 16

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int ms) {
    poll(NULL, 0, ms);
}

void assert_contains_(const char *text, const char *part, const char *file, int line) {
    if (strstr(text, part)) return;
    print_error("\"%s\" is not in:\n%s\n", part, text);
    _fail(file, line);
}

/* ---- Processes --------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

void place_init(struct place *place) {
    memset(place, 0, sizeof *place);
    place->runner = place->early = -1;
    strcpy(place->home, "/tmp/ui_test_XXXXXX");
    assert_non_null(mkdtemp(place->home));
    char directory[96];
    snprintf(directory, sizeof directory, "%s/hero_runner_rhai", place->home);
    assert_int_equal(mkdir(directory, 0755), 0);
    snprintf(place->ui_socket, sizeof place->ui_socket, "%s/ui.sock", directory);
    snprintf(place->runner_socket, sizeof place->runner_socket, "%s/rpc.sock", directory);
}

void place_done(struct place *place) {
    if (place->ui) {
        int status = 0;
        kill(place->ui, SIGTERM);
        waitpid(place->ui, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    runner_down(place);
    nftw(place->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void exec_ui(const struct place *place, const char *const *options,
                    const char *const *variables) {
    char log[128], home[128], sockets[128];
    const char *argv[ARGUMENTS_MAX + 1] = {UI_PROGRAM};
    const char *envp[ARGUMENTS_MAX + 3] = {home, sockets};
    snprintf(log, sizeof log, "%s/log", place->home);
    snprintf(home, sizeof home, "HOME=%s", place->home);
    snprintf(sockets, sizeof sockets, "PATH_SOCKET=%s", place->home);
    for (int i = 0; options && options[i] && i < ARGUMENTS_MAX - 1; i++)
        argv[i + 1] = options[i];
    for (int i = 0; variables && variables[i] && i < ARGUMENTS_MAX; i++)
        envp[i + 2] = variables[i];
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDERR_FILENO);
    execve(UI_PROGRAM, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
    _exit(127);
}

/* The port in the log's line about TCP; 0: not there yet. */
static int port_in_log(const struct place *place) {
    char path[128], text[8192] = "";
    snprintf(path, sizeof path, "%s/log", place->home);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *url = strstr(text, "url=\"http://127.0.0.1:");
    return url ? atoi(url + strlen("url=\"http://127.0.0.1:")) : 0;
}

void place_start(struct place *place, const char *const *options, const char *const *variables) {
    bool has_tcp = false;
    for (int i = 0; options && options[i]; i++)
        has_tcp |= strcmp(options[i], "--listen") == 0;
    place->ui = fork();
    if (place->ui == 0) exec_ui(place, options, variables);
    int64_t limit = now_ms() + WAIT_LIMIT_MS;
    while (access(place->ui_socket, F_OK) != 0 ||
           (has_tcp && (place->port = port_in_log(place)) == 0)) {
        if (now_ms() > limit || waitpid(place->ui, NULL, WNOHANG) != 0)
            fail_msg("the server does not listen; its log is in %s", place->home);
        pause_ms(STEP_MS);
    }
}

/* ---- The runner -------------------------------------------------------------------------- */

static struct sockaddr_un unix_address(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strnlen(path, sizeof address.sun_path - 1));
    return address;
}

void runner_up(struct place *place) {
    struct sockaddr_un address = unix_address(place->runner_socket);
    place->runner = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(place->runner, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(place->runner, 64), 0);
}

void runner_down(struct place *place) {
    if (place->runner < 0) return;
    close(place->runner);
    unlink(place->runner_socket);
    place->runner = -1;
}

static void wait_readable(int fd, const char *what) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, WAIT_LIMIT_MS) != 1) fail_msg("waited in vain for %s", what);
}

void send_text(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The head and as much body as it announces. */
static char *read_request(int fd) {
    char *request = read_until(fd, "\r\n\r\n");
    const char *length = strstr(request, "Content-Length: ");
    size_t want = length ? strtoul(length + strlen("Content-Length: "), NULL, 10) : 0;
    size_t head = (size_t)(strstr(request, "\r\n\r\n") + 4 - request);
    size_t len = strlen(request);
    request = realloc(request, head + want + 1);
    while (len < head + want) {
        wait_readable(fd, "the body of a request");
        ssize_t n = recv(fd, request + len, head + want - len, 0);
        assert_true(n > 0);
        len += (size_t)n;
    }
    request[len] = '\0';
    return request;
}

static int give(int fd, char *request, char **ret_request) {
    if (ret_request)
        *ret_request = request;
    else
        free(request);
    return fd;
}

int runner_accept(struct place *place, const char *start, char **ret_request) {
    if (place->early >= 0 && strncmp(place->early_request, start, strlen(start)) == 0) {
        int early = place->early;
        place->early = -1;
        return give(early, place->early_request, ret_request);
    }
    for (;;) {
        wait_readable(place->runner, start);
        int fd = accept4(place->runner, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        char *request = read_request(fd);
        if (strncmp(request, start, strlen(start)) == 0) return give(fd, request, ret_request);
        if (strncmp(request, "GET /health", 11) != 0) {
            assert_int_equal(place->early, -1);
            place->early = fd;
            place->early_request = request;
            continue;
        }
        free(request);
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        close(fd);
    }
}

/* ---- The browser ------------------------------------------------------------------------- */

int dial_ui(const struct place *place) {
    struct sockaddr_un address = unix_address(place->ui_socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int dial_tcp(const struct place *place) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)place->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

char *read_until(int fd, const char *text) {
    size_t len = 0, cap = 1 << 16;
    char *read = malloc(cap);
    read[0] = '\0';
    while (!text || !strstr(read, text)) {
        if (cap - len < 4096) read = realloc(read, cap *= 2);
        wait_readable(fd, text ? text : "the end of an answer");
        ssize_t n = recv(fd, read + len, cap - len - 1, 0);
        if (n <= 0) break;
        len += (size_t)n;
        read[len] = '\0';
    }
    return read;
}

bool is_closed_by_peer(int fd) {
    char dropped[4096];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, WAIT_LIMIT_MS) == 1)
        if (recv(fd, dropped, sizeof dropped, 0) <= 0) return true;
    return false;
}

char *talk(int fd, const char *request) {
    send_text(fd, request);
    char *answer = read_until(fd, NULL);
    close(fd);
    return answer;
}

char *get(const struct place *place, const char *target, const char *headers) {
    char request[1024];
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n%s\r\n", target, headers);
    return talk(dial_ui(place), request);
}

char *post_rpc(const struct place *place, const char *body) {
    char request[4096];
    snprintf(request, sizeof request, "POST /rpc HTTP/1.0\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    return talk(dial_ui(place), request);
}
