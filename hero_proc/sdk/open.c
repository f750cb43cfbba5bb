/* open.c - the usual transport: hero_rpc's client, and the stop descriptor while time passes. */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

struct usual {
    struct rpc_client *rpc;
    int stop_fd;
};

static int usual_http(void *ctx, const char *socket_path, const char *path, const char *body,
                      size_t len, struct rpc_strbuf *ret_body, struct rpc_error *err) {
    (void)socket_path; /* the client is of that one */
    const struct usual *usual = ctx;
    return rpc_client_http(usual->rpc, path, body, len, ret_body, err);
}

static int usual_pause(void *ctx, int64_t ms, struct rpc_error *err) {
    const struct usual *usual = ctx;
    struct pollfd stop = {.fd = usual->stop_fd, .events = POLLIN};
    if (poll(&stop, 1, (int)ms) <= 0) return 0; /* a signal: somewhat early */
    rpc_error_set(err, RPC_ERROR_INTERRUPTED, 0, "interrupted");
    return -1;
}

static void usual_close(void *ctx) {
    struct usual *usual = ctx;
    rpc_client_free(usual->rpc);
    free(usual);
}

struct proc_client *proc_open(const char *socket_path, struct rpc_error *err) {
    struct usual *usual = calloc(1, sizeof *usual);
    struct proc_transport transport = {usual, usual_http, usual_pause, usual_close};
    struct proc_client *client = NULL;
    if (!usual) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    usual->stop_fd = -1;
    if (!(client = proc_open_with(&transport, socket_path, err))) {
        free(usual);
        return NULL;
    }
    client->rpc = usual->rpc = rpc_client_new_unix(client->socket_path, err);
    if (client->rpc) return client;
    proc_close(client);
    return NULL;
}

void proc_set_timeouts(struct proc_client *client, long connect_ms, long total_ms) {
    if (client->rpc) rpc_client_set_timeouts(client->rpc, connect_ms, total_ms);
}

void proc_set_stop_fd(struct proc_client *client, int fd) {
    if (!client->rpc) return;
    ((struct usual *)client->transport.ctx)->stop_fd = fd;
    rpc_client_set_stop_fd(client->rpc, fd);
}
