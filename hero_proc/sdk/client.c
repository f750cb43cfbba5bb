#include "client.h"

#include "hero_proc_sdk/lenient.h"

#include <hero_rpc/paths.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define METHOD_NOT_FOUND (-32601) /* JSON-RPC 2.0, section 5.1 */

/* ---- Where it listens ------------------------------------------------------------------- */

/* Under each directory of sockets, the newest form first. */
static const char *const files[] = {"hero_proc/rpc.sock", "hero_proc.sock",
                                    "hero_proc_server.sock"};
static const char *const home_dirs[] = {"hero/var/sockets", "hero/sockets"};

static const char *home_directory(void) {
    const char *home = getenv("HOME");
    if (home && *home == '/') return home;
    const struct passwd *user = getpwuid(getuid());
    return user ? user->pw_dir : NULL;
}

/* The first of the files in a directory on which somebody listens; the caller frees it. */
static char *find_in(const char *dir) {
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", dir, files[i]) < 0) return NULL;
        if (rpc_path_check_socket(path, NULL) == 0 && rpc_client_is_listening(path)) return path;
        free(path);
    }
    return NULL;
}

static char *find_at_home(void) {
    const char *home = home_directory();
    char *found = NULL;
    for (size_t i = 0; home && !found && i < sizeof home_dirs / sizeof home_dirs[0]; i++) {
        char *dir = NULL;
        if (asprintf(&dir, "%s/%s", home, home_dirs[i]) < 0) return NULL;
        found = find_in(dir);
        free(dir);
    }
    return found;
}

static char *find_socket(struct rpc_error *err) {
    char *root = rpc_path_socket_root(err);
    if (!root) return NULL;
    char *path = find_in(root);
    free(root);
    if (!path) path = find_at_home();
    return path ? path : rpc_path_socket(PROC_SERVICE, "rpc.sock", err);
}

/* ---- The client ------------------------------------------------------------------------- */

static void *out_of_memory(struct rpc_error *err) {
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return NULL;
}

struct proc_client *proc_open_with(const struct proc_transport *transport, const char *socket_path,
                                   struct rpc_error *err) {
    struct proc_client *client = calloc(1, sizeof *client);
    if (!client) return out_of_memory(err);
    client->socket_path = socket_path ? strdup(socket_path) : find_socket(err);
    if (client->socket_path && rpc_path_check_socket(client->socket_path, err) == 0) {
        client->transport = *transport;
        return client;
    }
    proc_close(client);
    return NULL;
}

static void forget_contract(struct proc_client *client) {
    contract_done(&client->contract);
    client->has_contract = false;
}

void proc_close(struct proc_client *client) {
    if (!client) return;
    forget_contract(client);
    if (client->transport.close) client->transport.close(client->transport.ctx);
    rpc_strbuf_done(&client->omitted);
    free(client->socket_path);
    free(client);
}

const char *proc_socket_path(const struct proc_client *client) {
    return client->socket_path;
}

int client_pause(struct proc_client *client, int64_t ms, struct rpc_error *err) {
    return client->transport.pause(client->transport.ctx, ms, err);
}

static int http(struct proc_client *client, const char *path, const char *body, size_t len,
                struct rpc_strbuf *ret_body, struct rpc_error *err) {
    const struct proc_transport *transport = &client->transport;
    return transport->http(transport->ctx, client->socket_path, path, body, len, ret_body, err);
}

static json_t *rpc(struct proc_client *client, const char *method, const json_t *params,
                   struct rpc_error *err) {
    struct rpc_strbuf answer = RPC_STRBUF_INIT;
    long long id = ++client->next_id;
    size_t len;
    char *body = rpc_encode_call(id, method, params, &len);
    if (!body) return out_of_memory(err);
    int status = http(client, "/rpc", body, len, &answer, err);
    json_t *result = status < 0 ? NULL : rpc_read_answer(status, &answer, id, err);
    rpc_strbuf_done(&answer);
    free(body);
    return result;
}

/* ---- Its document ----------------------------------------------------------------------- */

static json_t *fetch(struct proc_client *client, const char *path, int *ret_status,
                     struct rpc_error *err) {
    struct rpc_strbuf body = RPC_STRBUF_INIT;
    json_t *value = NULL;
    *ret_status = http(client, path, NULL, 0, &body, err);
    if (*ret_status == 200) value = json_loadb(rpc_strbuf_text(&body), body.len, 0, NULL);
    rpc_strbuf_done(&body);
    return value;
}

/* A document with methods from /openrpc.json, else from rpc.discover, else none. */
static int load_document(struct proc_client *client, json_t **ret_document, struct rpc_error *err) {
    int status;
    struct rpc_error refusal = {0};
    json_t *document = fetch(client, "/openrpc.json", &status, err);
    if (status < 0) return -1;
    if (!json_is_array(json_object_get(document, "methods"))) {
        json_decref(document);
        document = rpc(client, "rpc.discover", NULL, &refusal);
        if (!document && refusal.kind != RPC_ERROR_RPC && refusal.kind != RPC_ERROR_HTTP) {
            rpc_error_set(err, refusal.kind, refusal.code, "%s", refusal.message);
            return -1;
        }
        rpc_error_clear(&refusal);
        if (!json_is_array(json_object_get(document, "methods"))) {
            json_decref(document);
            document = NULL;
        }
    }
    *ret_document = document;
    return 0;
}

static int need_contract(struct proc_client *client, struct rpc_error *err) {
    json_t *document;
    if (client->has_contract) return 0;
    if (load_document(client, &document, err) < 0) return -1;
    if (contract_init(&client->contract, document) < 0) {
        out_of_memory(err);
        return -1;
    }
    client->has_contract = true;
    return 0;
}

json_t *proc_document(struct proc_client *client, struct rpc_error *err) {
    return need_contract(client, err) < 0 ? NULL : json_incref(client->contract.document);
}

int proc_has(struct proc_client *client, enum proc_method method, struct rpc_error *err) {
    if (need_contract(client, err) < 0) return -1;
    return !client->contract.document || client->contract.methods[method].name;
}

const char *proc_omitted(const struct proc_client *client) {
    return rpc_strbuf_text(&client->omitted);
}

/* ---- Calls ------------------------------------------------------------------------------ */

bool proc_is_missing(const struct rpc_error *err) {
    return err->kind == RPC_ERROR_RPC && err->code == METHOD_NOT_FOUND;
}

bool proc_is_not_found(const struct rpc_error *err) {
    return err->kind == RPC_ERROR_RPC && !proc_is_missing(err) &&
           (strcasestr(err->message, "not found") || strcasestr(err->message, "no such") ||
            strcasestr(err->message, "unknown service") || strcasestr(err->message, "there is no"));
}

static void set_missing(enum proc_method method, struct rpc_error *err) {
    char names[256];
    snprintf(names, sizeof names, "%s", contract_candidates(method));
    for (char *bar; (bar = strchr(names, '|'));)
        *bar = ' ';
    rpc_error_set(err, RPC_ERROR_RPC, METHOD_NOT_FOUND,
                  "this hero_proc cannot do that: it has none of the methods %s", names);
}

/* One note for each method, without repeating itself. */
static void note_omitted(struct proc_client *client, const char *name,
                         const struct rpc_strbuf *fields) {
    struct rpc_strbuf note = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&note, "%s: %s", name, rpc_strbuf_text(fields));
    if (!strstr(rpc_strbuf_text(&client->omitted), rpc_strbuf_text(&note)))
        rpc_strbuf_addf(&client->omitted, "%s%s", client->omitted.len ? "; " : "",
                        rpc_strbuf_text(&note));
    rpc_strbuf_done(&note);
}

struct attempt {
    struct proc_client *client;
    json_t *params;
    json_t *result;
    struct rpc_error err;
};

static bool try_name(void *ctx, const char *name, size_t len) {
    struct attempt *attempt = ctx;
    char copy[64];
    snprintf(copy, sizeof copy, "%.*s", (int)len, name);
    rpc_error_clear(&attempt->err);
    attempt->result = rpc(attempt->client, copy, attempt->params, &attempt->err);
    return attempt->result || !proc_is_missing(&attempt->err);
}

/* Without a document, the names are tried one after the other. */
static json_t *call_unknown(struct proc_client *client, enum proc_method method, json_t *params,
                            struct rpc_error *err) {
    struct attempt attempt = {.client = client, .params = params};
    if (!lenient_each(contract_candidates(method), try_name, &attempt))
        set_missing(method, err);
    else if (!attempt.result && err) {
        *err = attempt.err;
        return NULL;
    }
    rpc_error_clear(&attempt.err);
    return attempt.result;
}

static json_t *call_known(struct proc_client *client, const char *name, json_t *params,
                          enum proc_method method, struct rpc_error *err) {
    struct rpc_error refusal = {0};
    json_t *result = rpc(client, name, params, &refusal);
    if (result) return result;
    /* It is another server by now, or its document promises what it does not keep. */
    if (proc_is_missing(&refusal) || refusal.kind != RPC_ERROR_RPC) forget_contract(client);
    if (proc_is_missing(&refusal))
        set_missing(method, err);
    else if (err) {
        *err = refusal;
        return NULL;
    }
    rpc_error_clear(&refusal);
    return NULL;
}

json_t *proc_call(struct proc_client *client, enum proc_method method, const json_t *params,
                  struct rpc_error *err) {
    if (need_contract(client, err) < 0) return NULL;
    const char *name = client->contract.methods[method].name;
    if (client->contract.document && !name) {
        set_missing(method, err);
        return NULL;
    }
    struct rpc_strbuf omitted = RPC_STRBUF_INIT;
    json_t *fitted = contract_fit(&client->contract, method, params, &omitted), *result = NULL;
    if (omitted.len > 0) note_omitted(client, name, &omitted);
    rpc_strbuf_done(&omitted);
    if (!fitted) return out_of_memory(err);
    if (client->contract.document)
        result = call_known(client, name, fitted, method, err);
    else
        result = call_unknown(client, method, fitted, err);
    json_decref(fitted);
    return result;
}

json_t *client_call(struct proc_client *client, enum proc_method method, json_t *params,
                    struct rpc_error *err) {
    if (!params) return out_of_memory(err);
    json_t *result = proc_call(client, method, params, err);
    json_decref(params);
    return result;
}

int client_do(struct proc_client *client, enum proc_method method, json_t *params,
              struct rpc_error *err) {
    json_t *result = client_call(client, method, params, err);
    json_decref(result);
    return result ? 0 : -1;
}

json_t *proc_health(struct proc_client *client, struct rpc_error *err) {
    int status;
    json_t *health = fetch(client, "/health", &status, err);
    if (status < 0 || health) return health;
    rpc_error_set(err, RPC_ERROR_HTTP, status, "%s: /health answers %d", client->socket_path,
                  status);
    return NULL;
}

int proc_shutdown(struct proc_client *client, bool force, struct rpc_error *err) {
    json_t *params = force ? json_pack("{s:b}", "force", true) : json_object();
    return client_do(client, PROC_SHUTDOWN, params, err);
}
