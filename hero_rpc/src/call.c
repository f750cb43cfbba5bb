/* What a client sends and how it reads the answer, whatever carries both. */
#include "hero_rpc/client.h"
#include "hero_rpc/paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

char *rpc_encode_call(long long id, const char *method, const json_t *params, size_t *ret_len) {
    struct rpc_strbuf body = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&body, "{\"jsonrpc\":\"2.0\",\"id\":");
    rpc_strbuf_add_int(&body, id);
    rpc_strbuf_add_text(&body, ",\"method\":");
    rpc_strbuf_add_json_string(&body, method, strlen(method));
    if (params) {
        rpc_strbuf_add_text(&body, ",\"params\":");
        rpc_strbuf_add_json(&body, params);
    }
    rpc_strbuf_add_char(&body, '}');
    return rpc_strbuf_take(&body, ret_len);
}

/* False: the response has no error object (JSON-RPC 2.0, section 5.1). */
static bool take_error(const json_t *response, struct rpc_error *err) {
    const json_t *error = json_object_get(response, "error");
    const json_t *code = json_object_get(error, "code");
    const json_t *message = json_object_get(error, "message");
    if (!json_is_integer(code) || !json_is_string(message)) return false;
    rpc_error_set(err, RPC_ERROR_RPC, (int)json_integer_value(code), "%s",
                  json_string_value(message));
    if (err) err->data = json_incref(json_object_get(error, "data"));
    return true;
}

void rpc_set_http_error(int status, const struct rpc_strbuf *body, struct rpc_error *err) {
    json_t *json = json_loadb(rpc_strbuf_text(body), body->len, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "error"));
    if (!take_error(json, err))
        rpc_error_set(err, RPC_ERROR_HTTP, status, "HTTP %d: %s", status,
                      message ? message : rpc_strbuf_text(body));
    json_decref(json);
}

/* The result of a response object (JSON-RPC 2.0, section 5), or NULL and the error. */
static json_t *open_response(const json_t *response, long long id, struct rpc_error *err) {
    const json_t *answered = json_object_get(response, "id");
    json_t *result = json_object_get(response, "result");
    const char *version = json_string_value(json_object_get(response, "jsonrpc"));
    if (version && strcmp(version, "2.0") == 0) {
        if (take_error(response, err)) return NULL;
        if (result && json_is_integer(answered) && json_integer_value(answered) == id)
            return json_incref(result);
    }
    rpc_error_set(err, RPC_ERROR_PROTOCOL, 0, "the answer is not a JSON-RPC 2.0 response");
    return NULL;
}

json_t *rpc_read_answer(int status, const struct rpc_strbuf *body, long long id,
                        struct rpc_error *err) {
    if (status != 200) {
        rpc_set_http_error(status, body, err);
        return NULL;
    }
    json_error_t where;
    json_t *response = json_loadb(rpc_strbuf_text(body), body->len, JSON_ALLOW_NUL, &where);
    if (!response) {
        rpc_error_set(err, RPC_ERROR_PROTOCOL, 0, "the answer is not JSON: %s", where.text);
        return NULL;
    }
    json_t *result = open_response(response, id, err);
    json_decref(response);
    return result;
}

bool rpc_client_is_listening(const char *socket_path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) > RPC_SOCKET_PATH_MAX_BYTES) return false;
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool is_listening = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_listening;
}
