/* Answers of an HTTP server, which sends the same bytes on each connection (redirects make
 * several). */
#include "fuzz/script_fuzz.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static const uint8_t *answer;
static size_t answer_len;

static void send_all(int fd, const uint8_t *bytes, size_t len) {
    for (ssize_t sent = 0; len > 0; bytes += sent, len -= (size_t)sent)
        if ((sent = send(fd, bytes, len, MSG_NOSIGNAL)) <= 0) return;
}

/* The script that a connection comes from waits for its end, so `answer` stays as it is meanwhile.
 */
static void *serve(void *data) {
    int listener = *(int *)data;
    for (;;) {
        char request[4096];
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        if (read(fd, request, sizeof request) > 0) send_all(fd, answer, answer_len);
        shutdown(fd, SHUT_WR);
        while (read(fd, request, sizeof request) > 0)
            continue;
        close(fd);
    }
    return NULL;
}

static void start_server(void) {
    static int listener;
    pthread_t thread;
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/http_answer_fuzz.%d", getpid());
    unlink(address.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 8) < 0 || pthread_create(&thread, NULL, serve, &listener) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!*address.sun_path) start_server();
    if (size > FUZZ_TEXT_MAX_BYTES) return 0;
    answer = data;
    answer_len = size;
    return fuzz_script("let r = http_get(\"http://localhost/\", #{unix_socket: TEXT, timeout: 5});"
                       "[r.status, r.headers, r.header(\"x\"), r.url, r.body, r.json()]",
                       (const uint8_t *)address.sun_path, strlen(address.sun_path));
}
