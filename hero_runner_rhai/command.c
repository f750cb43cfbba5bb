#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#define FIND_MAX 10000           /* the most that the server gives at a time */
#define OUTPUT_BYTES (64 * 1024) /* written at once when there are so many */

/* ---- The server and its sessions -------------------------------------------------------- */

static int interrupt_fd = -1;
static volatile sig_atomic_t has_rung; /* SIGALRM: the time is over */

static void on_interrupt(int number) {
    int saved = errno;
    if (number == SIGALRM) has_rung = 1;
    ssize_t written = write(interrupt_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written; /* it can only be full, and then it is readable already */
    errno = saved;
}

struct runner *open_runner(void) {
    struct rpc_error err = {0};
    struct runner *runner = runner_open(NULL, &err);
    if (!runner) {
        tell_error(&err);
        return NULL;
    }
    interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (interrupt_fd >= 0) {
        struct sigaction action = {.sa_handler = on_interrupt};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGALRM, &action, NULL);
        runner_set_stop_fd(runner, interrupt_fd);
    }
    return runner;
}

void forget_interrupt(void) {
    uint64_t count;
    ssize_t got = read(interrupt_fd, &count, sizeof count);
    (void)got; /* nothing to forget is as good */
}

void interrupt_after(int64_t ms) {
    struct itimerval once = {
        .it_value = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000 * 1000)}};
    setitimer(ITIMER_REAL, &once, NULL);
}

bool is_time_over(void) {
    return has_rung;
}

int find_session(struct runner *runner, const char *prefix, char ret_id[RUNNER_ID_BYTES],
                 struct rpc_error *err) {
    size_t len = strlen(prefix);
    if (len == RUNNER_ID_BYTES - 1) { /* a whole id; the server knows whether it exists */
        memcpy(ret_id, prefix, RUNNER_ID_BYTES);
        return 0;
    }
    /* Among the newest ones, and then among all: a search that looks into scripts too. */
    const struct runner_find finds[] = {{.limit = 0}, {.text = prefix, .limit = FIND_MAX}};
    size_t matches = 0;
    for (size_t n = 0; n < 2 && matches == 0; n++) {
        struct runner_session_list list;
        if (runner_session_find(runner, &finds[n], &list, err) < 0) return -1;
        for (size_t i = 0; i < list.count; i++) {
            if (strncasecmp(list.sessions[i].id, prefix, len) != 0) continue;
            memcpy(ret_id, list.sessions[i].id, RUNNER_ID_BYTES);
            matches++;
        }
        bool is_all = list.total == list.count;
        runner_session_list_done(&list);
        if (is_all) break;
    }
    if (matches == 1) return 0;
    if (matches == 0)
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "no session's id begins with '%s'", prefix);
    else
        rpc_error_set(err, RPC_ERROR_INVALID, 0,
                      "the ids of %zu sessions begin with '%s'; give more of it", matches, prefix);
    return -1;
}

void prepare_lines(void) {
    static char buffer[OUTPUT_BYTES];
    if (!isatty(STDOUT_FILENO)) setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
}

/* Whether all that went to `out` so far could be written. */
static bool is_written(FILE *out) {
    if (!ferror(out)) return true;
    if (errno != EPIPE) tell("cannot write the session's output: %s", strerror(errno));
    clearerr(out); /* told already */
    return false;
}

bool show_pause(void) {
    fflush(stdout);
    return is_written(stdout);
}

bool show_line(const struct runner_line *line) {
    FILE *out = line->is_stderr ? stderr : stdout;
    if (line->is_stderr && !show_pause()) return false; /* what came before stays before it */
    fwrite_unlocked(line->text, 1, line->len, out);
    if (!line->is_partial) putc_unlocked('\n', out);
    return is_written(out);
}

void show_gap(uint64_t dropped) {
    tell("%" PRIu64 " line%s missing here: more than the server keeps", dropped,
         dropped == 1 ? " is" : "s are");
}

const char *format_bytes(int64_t bytes, char text[BYTES_TEXT_BYTES]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double amount = (double)bytes;
    size_t unit = 0;
    while (amount >= 1024 && unit + 1 < sizeof units / sizeof units[0])
        amount /= 1024, unit++;
    snprintf(text, BYTES_TEXT_BYTES, unit ? "%.1f %s" : "%.0f %s", amount, units[unit]);
    return text;
}
