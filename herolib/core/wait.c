/* wait.c - the one place where a script waits. */
#include <herolib/herolib.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)
/* More descriptors than this in one wait are rare enough for malloc. */
#define USUAL_FDS 8

int64_t herolib_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/* What is left until the deadline; NULL for no deadline. */
static const struct timespec *time_left(int64_t deadline_ns, struct timespec *left) {
    if (deadline_ns == HEROLIB_NO_DEADLINE) return NULL;
    int64_t ns = deadline_ns - herolib_now_ns();
    if (ns < 0) ns = 0;
    *left = (struct timespec){.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
    return left;
}

/* `all` holds the caller's descriptors and, at the end, the stop descriptor, which poll skips
 * when it is negative. */
static int poll_until(herolib_session *session, struct pollfd *all, size_t count,
                      int64_t deadline_ns) {
    for (;;) {
        struct timespec left;
        session->output.flush(session->output.data, false);
        int ready = ppoll(all, count + 1, time_left(deadline_ns, &left), NULL);
        if (ready < 0 && errno == EINTR) continue; /* a timer of the output's may have been it */
        if (ready < 0) return -errno;
        return all[count].revents ? -ECANCELED : ready;
    }
}

int herolib_wait(herolib_session *session, struct pollfd *fds, size_t count, int64_t deadline_ns) {
    struct pollfd few[USUAL_FDS + 1], *all = few;
    if (count > USUAL_FDS && !(all = malloc((count + 1) * sizeof *all))) return -ENOMEM;
    if (count > 0) memcpy(all, fds, count * sizeof *all);
    all[count] = (struct pollfd){.fd = session->stop_fd, .events = POLLIN};

    int ready = poll_until(session, all, count, deadline_ns);
    for (size_t i = 0; i < count; i++)
        fds[i].revents = all[i].revents;
    if (all != few) free(all);
    return ready;
}
