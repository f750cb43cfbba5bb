/* Answers of an HTTP server, which sends the same bytes on each connection (redirects make
 * several). */
#include "fuzz/script_fuzz.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t answer[FUZZ_TEXT_MAX_BYTES]; /* of the present run */
static size_t answer_len;

/* The other side may have left, and the next run begun, before all is sent. */
static void serve_one(int fd) {
    static uint8_t bytes[FUZZ_TEXT_MAX_BYTES];
    char request[4096];
    pthread_mutex_lock(&lock);
    size_t len = answer_len;
    memcpy(bytes, answer, len);
    pthread_mutex_unlock(&lock);
    if (read(fd, request, sizeof request) > 0) send(fd, bytes, len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (read(fd, request, sizeof request) > 0)
        continue;
    close(fd);
}

static void *serve(void *data) {
    for (;;) {
        int fd = accept(*(int *)data, NULL, NULL);
        if (fd >= 0) serve_one(fd);
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
    pthread_mutex_lock(&lock);
    memcpy(answer, data, size);
    answer_len = size;
    pthread_mutex_unlock(&lock);
    return fuzz_script("let r = http_get(\"http://localhost/\", #{unix_socket: TEXT, timeout: 5});"
                       "[r.status, r.headers, r.header(\"x\"), r.url, r.body, r.json()]",
                       (const uint8_t *)address.sun_path, strlen(address.sun_path));
}
