#include "faults/health.h"

#include "support/process.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEALTHY_MS 20000
#define SETTLE_MS 10000

/* ---- Processes ---------------------------------------------------------------------------- */

/* Children by /proc/<pid>/task/<pid>/children. */
static unsigned children_of(pid_t pid, pid_t *ret_pids, unsigned max) {
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    unsigned count = 0;
    int child;
    while (file && count < max && fscanf(file, "%d", &child) == 1)
        ret_pids[count++] = child;
    if (file) fclose(file);
    return count;
}

pid_t zygote_of(pid_t server) {
    pid_t children[64];
    unsigned count = children_of(server, children, 64);
    for (unsigned i = 0; i < count; i++) {
        char path[64], name[64] = "";
        snprintf(path, sizeof path, "/proc/%d/comm", (int)children[i]);
        FILE *file = fopen(path, "re");
        if (file && !fgets(name, sizeof name, file)) name[0] = '\0';
        if (file) fclose(file);
        if (strncmp(name, "hero_runner_rha", 15) == 0 || strstr(name, "zygote")) return children[i];
    }
    return count ? children[0] : 0;
}

pid_t some_session_process(pid_t zygote, unsigned choice) {
    pid_t children[256];
    unsigned count = zygote ? children_of(zygote, children, 256) : 0;
    return count ? children[choice % count] : 0;
}

static bool has_home(pid_t pid, const char *home) {
    char path[64], text[16384];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    return memmem(text, len, home, strlen(home)) != NULL;
}

static bool descends_from(pid_t pid, pid_t ancestor) {
    for (int depth = 0; pid > 1 && depth < 64; depth++) {
        if (pid == ancestor) return true;
        pid = process_parent(pid);
    }
    return false;
}

/* Live processes with the home in their environment that the server has lost. */
static unsigned count_orphans(const struct test_server *server) {
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    unsigned count = 0;
    while (proc && (entry = readdir(proc))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid > 0 && process_is_alive(pid) && has_home(pid, server->home) &&
            !descends_from(pid, server->pid))
            count++;
    }
    if (proc) closedir(proc);
    return count;
}

/* ---- Holdings ----------------------------------------------------------------------------- */

static struct holdings measure(const struct test_server *server) {
    pid_t zygote = zygote_of(server->pid);
    return (struct holdings){process_fd_count(server->pid), process_fd_count(zygote),
                             process_children(zygote)};
}

struct settling {
    struct test_server *server;
    struct holdings holdings;
    unsigned same; /* times in a row */
};

static bool is_at_rest(void *ctx) {
    struct settling *settling = ctx;
    struct holdings now = measure(settling->server);
    bool is_same = memcmp(&now, &settling->holdings, sizeof now) == 0;
    settling->same = is_same ? settling->same + 1 : 0;
    settling->holdings = now;
    return settling->same >= 40;
}

struct holdings holdings_of(struct test_server *server) {
    struct settling settling = {.server = server};
    wait_until(is_at_rest, &settling, SETTLE_MS);
    return settling.holdings;
}

static bool holds_no_more(void *ctx) {
    struct settling *settling = ctx;
    struct holdings now = measure(settling->server);
    return now.server_fds <= settling->holdings.server_fds &&
           now.zygote_fds <= settling->holdings.zygote_fds &&
           now.processes <= settling->holdings.processes && count_orphans(settling->server) == 0;
}

void assert_nothing_left(struct test_server *server, const struct holdings *before) {
    struct settling settling = {server, *before, 0};
    if (wait_until(holds_no_more, &settling, SETTLE_MS)) return;
    struct holdings now = measure(server);
    fail_msg("server fds %u -> %u, zygote fds %u -> %u, processes %u -> %u, orphans %u",
             before->server_fds, now.server_fds, before->zygote_fds, now.zygote_fds,
             before->processes, now.processes, count_orphans(server));
}

/* ---- Health ------------------------------------------------------------------------------- */

static bool is_healthy(void *ctx) {
    struct test_server *server = ctx;
    json_t *health = runner_health(server->runner, NULL);
    const char *status = json_string_value(json_object_get(health, "status"));
    bool is_good = status && strcmp(status, "ok") == 0;
    json_decref(health);
    return is_good;
}

void assert_healthy(struct test_server *server) {
    struct runner_session session;
    run_session(server, "print(\"works\"); 1", &session, NULL);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("%s", session.message);
    runner_session_done(&session);
    if (!wait_until(is_healthy, server, HEALTHY_MS)) {
        json_t *health = runner_health(server->runner, NULL);
        char *text = json_dumps(health, JSON_COMPACT);
        fail_msg("not healthy: %s", text);
    }
}

void assert_counted(struct test_server *server, const char *id, unsigned count) {
    struct runner_session session;
    get_session(server, id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, count);
    assert_int_equal(session.dropped_lines, 0);
    runner_session_done(&session);
    struct runner_log_query query = {0};
    for (unsigned next = 0; next < count;) {
        struct runner_log_page page;
        assert_int_equal(runner_session_logs(server->runner, id, &query, &page, NULL), 0);
        assert_true(page.count > 0);
        for (size_t i = 0; i < page.count; i++, next++) {
            char expected[16];
            snprintf(expected, sizeof expected, "%u", next);
            assert_string_equal(page.lines[i].text, expected);
            assert_int_equal(page.lines[i].seq, next + 1);
        }
        query.after_seq = page.next_seq;
        runner_log_page_done(&page);
    }
}
