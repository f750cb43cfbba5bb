/* Whether the runner answers: asked every few seconds, and learned from each request passed on. */
#include "src/ui.h"
#include "src/upstream.h"

#include <event2/buffer.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/log.h>
#include <stdio.h>
#include <string.h>

#define PROBE_TIMEOUT_MS 3000
#define DOWN_CHECK_MS 1000

void watch_note(struct ui *ui, const char *why) {
    struct watch *watch = &ui->watch;
    bool is_up = !why;
    bool is_change = !watch->has_result || is_up != watch->is_up;
    watch->has_result = true;
    watch->is_up = is_up;
    snprintf(watch->why, sizeof watch->why, "%s", why ? why : "");
    if (!is_change) return;
    watch->changed_ms = rpc_clock_monotonic_ms();
    if (is_up)
        rpc_log_info("the runner answers", "socket=\"%s\"", ui->runner_socket);
    else
        rpc_log_warn("the runner does not answer", "socket=\"%s\" error=\"%s\"", ui->runner_socket,
                     why);
}

static void end_probe(struct ui *ui, const char *why) {
    upstream_close(ui->watch.probe);
    ui->watch.probe = NULL;
    watch_note(ui, why);
    int64_t ms = ui->config.check_ms;
    if (why && ms > DOWN_CHECK_MS) ms = DOWN_CHECK_MS;
    event_add(ui->watch.timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

static void on_head(void *ctx, const struct upstream_head *head) {
    end_probe(ctx, head->status == 200 ? NULL : "its /health fails");
}

static void on_data(void *ctx) {
    (void)ctx; /* on_head has ended the probe */
}

static void on_failed(void *ctx, const char *why) {
    end_probe(ctx, why);
}

static void probe(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    struct ui *ui = ctx;
    static const struct upstream_ops ops = {on_head, on_data, on_failed};
    const struct upstream_request request = {
        .method = "GET", .target = "/health", .headers = "", .timeout_ms = PROBE_TIMEOUT_MS};
    ui->watch.probe = upstream_open(ui->base, ui->runner_socket, &request, &ops, ui);
    if (!ui->watch.probe) end_probe(ui, "out of memory");
}

int watch_start(struct ui *ui) {
    ui->watch.timer = event_new(ui->base, -1, 0, probe, ui);
    return ui->watch.timer ? event_add(ui->watch.timer, &(struct timeval){0, 0}) : -1;
}

void watch_stop(struct ui *ui) {
    upstream_close(ui->watch.probe);
    if (ui->watch.timer) event_free(ui->watch.timer);
}

json_t *watch_health(void *ctx) {
    const struct ui *ui = ctx;
    const struct watch *watch = &ui->watch;
    json_t *runner =
        json_pack("{s:b, s:s, s:I}", "reachable", watch->is_up, "socket", ui->runner_socket,
                  "since_ms", (json_int_t)(rpc_clock_monotonic_ms() - watch->changed_ms));
    if (runner && !watch->is_up)
        json_object_set_new(runner, "error",
                            json_string(watch->has_result ? watch->why : "not asked yet"));
    return json_pack("{s:s, s:o, s:I, s:I}", "status", watch->is_up ? "ok" : "degraded", "runner",
                     runner, "connections", (json_int_t)rpc_server_connections(ui->server),
                     "streams", (json_int_t)rpc_server_streams(ui->server));
}
