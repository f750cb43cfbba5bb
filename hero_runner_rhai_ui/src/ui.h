/*
 * The dashboard server: a page, and the way from a browser to the runner.
 *
 *   browser ── GET /, /run, /assets/... ── page.c, assets.c      what is built into the program
 *           ── POST /rpc, GET /sse/...  ── proxy.c ──┐
 *           ── GET /events              ── events.c ─┴─ upstream.c ── rpc.sock of the runner
 *           ── GET /health              ── watch.c ───┤
 *           ── GET /supervisor          ── supervisor.c ── rpc.sock of hero_proc
 *
 * One event loop on one thread; nothing blocks it, and nothing is stored: the runner owns all.
 */
#ifndef UI_UI_H
#define UI_UI_H

#include "src/config.h"

#include <event2/event.h>
#include <hero_rpc/http_server.h>
#include <hero_rpc/service.h>
#include <jansson.h>

#define SERVICE_NAME "hero_runner_rhai"

/* What is known of the runner. */
struct watch {
    struct event *timer;
    struct upstream *probe; /* while one is under way */
    bool has_result, is_up;
    int64_t changed_ms; /* monotonic */
    char why[256];      /* it is not up */
};

struct ui {
    struct config config;
    struct event_base *base;
    struct rpc_server *server;
    struct rpc_service *service;
    char *runner_socket;
    struct watch watch;
};

/* page.c */
int page_add_routes(struct ui *ui);

/* assets.c */
int assets_add_routes(struct ui *ui);

/* proxy.c */
int proxy_add_routes(struct ui *ui);
/* The header lines that tell the runner who is calling; to be freed with rpc_strbuf_done. */
void proxy_add_caller(struct rpc_request *request, struct rpc_strbuf *out);
/* "The runner does not answer: ..." */
void proxy_explain(const struct ui *ui, const char *why, struct rpc_strbuf *out);

/* events.c */
int events_add_routes(struct ui *ui);

/* supervisor.c */
int supervisor_add_routes(struct ui *ui);

/* watch.c */
int watch_start(struct ui *ui);
void watch_stop(struct ui *ui);
/* What a request has just learned of the runner; why NULL: it answers. */
void watch_note(struct ui *ui, const char *why);
json_t *watch_health(void *ctx);

#endif
