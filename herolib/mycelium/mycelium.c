/* mycelium.c - a node of the mycelium network, through its HTTP API.
 *
 * The API's own description: https://github.com/threefoldtech/mycelium, docs/api.yaml. */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "net/http.h"
#include "text/encode.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX (365 * 86400)
#define PUBLIC_KEY_DIGITS 64
/* Of an answer that is no success so much is quoted. */
#define QUOTED_BYTES 200
/* No reply in time: its body is as that of 201, the message's id. */
#define STATUS_NO_REPLY 408

/* ---- Requests ----------------------------------------------------------------------------- */

struct request {
    const char *method;
    const char *path;       /* and query */
    const rhai_value *body; /* sent as JSON; NULL: none */
    int64_t wait_s;         /* how long the node may take beside what a request takes */
    int also_good;          /* a status that is an answer, too, beside 2xx; 0: none */
};

static rhai_status throw_status(rhai_call *call, const struct http_request *request,
                                const struct http_response *response) {
    const char *body = response->body ? response->body : "";
    size_t len = strcspn(body, "\r\n");
    if (len > QUOTED_BYTES)
        for (len = QUOTED_BYTES; text_is_continuation(body[len]);)
            len--;
    return rhai_throw(call, "mycelium: %s %s: the node answered with status %d%s%.*s",
                      request->method, request->url, response->status, len > 0 ? ": " : "",
                      (int)len, body);
}

/* An answer without a body is (). */
static rhai_status read_answer(rhai_call *call, const struct http_request *request,
                               const struct http_response *response, rhai_value *ret) {
    rhai_error *error = NULL;
    *ret = rhai_unit();
    if (response->body_len == 0) return RHAI_OK;
    if (rhai_from_json(rhai_call_engine(call), response->body, response->body_len, ret, &error) ==
        RHAI_OK)
        return RHAI_OK;
    rhai_status status = rhai_throw(call, "mycelium: %s %s: cannot read the answer: %s",
                                    request->method, request->url, rhai_error_text(error));
    rhai_error_free(error);
    return status;
}

static rhai_status perform(rhai_call *call, const struct http_request *http, int also_good,
                           rhai_value *ret) {
    struct http_response response;
    char error[HTTP_ERROR_BYTES];
    enum http_outcome outcome = http_perform(call, http, &response, error);
    if (outcome == HTTP_THROWN) return RHAI_ERROR;
    if (outcome == HTTP_FAILED)
        return rhai_throw(call, "mycelium: %s %s: %s", http->method, http->url, error);
    bool is_good = response.status / 100 == 2 || response.status == also_good;
    rhai_status status =
        is_good ? read_answer(call, http, &response, ret) : throw_status(call, http, &response);
    http_response_done(&response);
    return status;
}

/* The JSON of the answer. */
static rhai_status ask(rhai_call *call, const rhai_value *address, const struct request *request,
                       rhai_value *ret) {
    static const char *const headers[] = {"Content-Type: application/json"};
    struct http_request http = HTTP_REQUEST_INIT;
    const char *base = text_argument(call, address, "mycelium: the address");
    rhai_value json = rhai_unit();
    bool is_truncated;
    char *url;
    if (!base) return RHAI_ERROR;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    if (asprintf(&url, "%.*s/api/v1/%s", (int)len, base, request->path) < 0)
        return rhai_throw_out_of_memory(call);
    http.method = request->method;
    http.url = url;
    http.timeout_s = (double)(HTTP_TIMEOUT_S + request->wait_s);
    rhai_status status = RHAI_OK;
    if (request->body) {
        status = rhai_to_json(rhai_call_engine(call), request->body, 0, &json, &is_truncated);
        if (status == RHAI_OK) http.body = rhai_as_text(&json, &http.body_len);
        http.headers = headers;
        http.header_count = HEROLIB_COUNT(headers);
    }
    status = status == RHAI_OK ? perform(call, &http, request->also_good, ret)
                               : rhai_throw_out_of_memory(call);
    rhai_value_done(rhai_call_engine(call), &json);
    free(url);
    return status;
}

#define GETTER(function, of)                                                                       \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        static const struct request request = {.method = "GET", .path = of};                       \
        return ask(call, &args[0], &request, ret);                                                 \
    }

GETTER(get_node_info, "admin")
GETTER(list_peers, "admin/peers")
GETTER(list_selected_routes, "admin/routes/selected")
GETTER(list_fallback_routes, "admin/routes/fallback")

/* ---- Peers -------------------------------------------------------------------------------- */

/* What the node says to a change is nothing. */
static rhai_status give_true(rhai_call *call, rhai_status status, rhai_value *ret) {
    if (status != RHAI_OK) return status;
    rhai_value_done(rhai_call_engine(call), ret);
    *ret = rhai_from_bool(true);
    return RHAI_OK;
}

static rhai_status add_peer(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_value body, endpoint;
    if (rhai_new_map(rhai_call_engine(call), &body) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    rhai_value_copy(&args[1], &endpoint);
    rhai_status status = value_put(call, &body, "endpoint", &endpoint);
    const struct request request = {.method = "POST", .path = "admin/peers", .body = &body};
    if (status == RHAI_OK) status = ask(call, &args[0], &request, ret);
    rhai_value_done(rhai_call_engine(call), &body);
    return give_true(call, status, ret);
}

static rhai_status remove_peer(rhai_call *call, rhai_value *args, rhai_value *ret) {
    char *peer = encode_percent(value_bytes(&args[1])), *path = NULL;
    if (!peer || asprintf(&path, "admin/peers/%s", peer) < 0) {
        free(peer);
        return rhai_throw_out_of_memory(call);
    }
    const struct request request = {.method = "DELETE", .path = path};
    rhai_status status = ask(call, &args[0], &request, ret);
    free(peer);
    free(path);
    return give_true(call, status, ret);
}

/* ---- Messages ----------------------------------------------------------------------------- */

static rhai_status read_seconds(rhai_call *call, const rhai_value *value, int64_t *ret) {
    *ret = rhai_as_int(value);
    if (*ret >= 0 && *ret <= SECONDS_MAX) return RHAI_OK;
    return rhai_throw(call, "mycelium: the number of seconds must be 0 to %d", SECONDS_MAX);
}

static rhai_status put_base64(rhai_call *call, rhai_value *map, const char *name,
                              const rhai_value *data) {
    char *text = encode_base64(value_bytes(data));
    if (!text) return rhai_throw_out_of_memory(call);
    rhai_status status = value_put_text(call, map, name, text, strlen(text));
    free(text);
    return status;
}

/* Text as a string, other bytes as a blob. */
static rhai_status give_decoded(rhai_call *call, const uint8_t *bytes, size_t len,
                                rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    if (rhai_from_text(engine, (const char *)bytes, len, ret) == RHAI_OK) return RHAI_OK;
    if (rhai_from_blob(engine, bytes, len, ret) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

/* What is no base64 stays as it came. */
static rhai_status decode_field(rhai_call *call, rhai_value *map, const char *name) {
    const rhai_value *value = rhai_map_get(map, name, strlen(name));
    if (!value || rhai_type_of(value) != RHAI_STRING) return RHAI_OK;
    size_t len, decoded_len;
    const char *text = rhai_as_text(value, &len);
    uint8_t *decoded = malloc(len + 1);
    if (!decoded) return rhai_throw_out_of_memory(call);
    rhai_status status = RHAI_OK;
    if (decode_base64(text, len, decoded, &decoded_len)) {
        rhai_value item;
        status = give_decoded(call, decoded, decoded_len, &item);
        if (status == RHAI_OK) status = value_put(call, map, name, &item);
    }
    free(decoded);
    return status;
}

/* A message, an id, or (). */
static rhai_status decode_message(rhai_call *call, rhai_status status, rhai_value *message) {
    if (status != RHAI_OK || rhai_type_of(message) != RHAI_MAP) return status;
    status = decode_field(call, message, "topic");
    if (status == RHAI_OK) status = decode_field(call, message, "payload");
    if (status != RHAI_OK) rhai_value_done(rhai_call_engine(call), message);
    return status;
}

static bool is_public_key(const char *text) {
    size_t len = 0;
    while (isxdigit((unsigned char)text[len]))
        len++;
    return len == PUBLIC_KEY_DIGITS && !text[len];
}

/* {"ip": ...} or {"pk": ...} */
static rhai_status put_destination(rhai_call *call, rhai_value *body, const rhai_value *value) {
    rhai_value map;
    const char *text = text_argument(call, value, "mycelium: the destination");
    if (!text) return RHAI_ERROR;
    if (rhai_new_map(rhai_call_engine(call), &map) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    rhai_status status =
        value_put_text(call, &map, is_public_key(text) ? "pk" : "ip", text, strlen(text));
    if (status == RHAI_OK) return value_put(call, body, "dst", &map);
    rhai_value_done(rhai_call_engine(call), &map);
    return status;
}

static rhai_status make_message(rhai_call *call, const rhai_value *args, rhai_value *ret) {
    rhai_value body;
    if (rhai_new_map(rhai_call_engine(call), &body) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    rhai_status status = put_destination(call, &body, &args[1]);
    if (status == RHAI_OK && value_bytes(&args[2]).len > 0)
        status = put_base64(call, &body, "topic", &args[2]);
    if (status == RHAI_OK) status = put_base64(call, &body, "payload", &args[3]);
    if (status == RHAI_OK)
        *ret = body;
    else
        rhai_value_done(rhai_call_engine(call), &body);
    return status;
}

static rhai_status send_message(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct request request = {.method = "POST", .also_good = STATUS_NO_REPLY};
    char path[80] = "messages";
    rhai_value body;
    if (read_seconds(call, &args[4], &request.wait_s) != RHAI_OK ||
        make_message(call, args, &body) != RHAI_OK)
        return RHAI_ERROR;
    if (request.wait_s > 0)
        snprintf(path, sizeof path, "messages?reply_timeout=%lld", (long long)request.wait_s);
    request.path = path;
    request.body = &body;
    rhai_status status = ask(call, &args[0], &request, ret);
    rhai_value_done(rhai_call_engine(call), &body);
    return decode_message(call, status, ret);
}

/* "&topic=..." for a topic, "" for none. From malloc; NULL: out of memory. */
static char *topic_query(const rhai_value *topic) {
    char *query = NULL, *encoded = NULL;
    if (value_bytes(topic).len == 0) return strdup("");
    char *base64 = encode_base64(value_bytes(topic));
    if (base64) encoded = encode_percent((struct bytes){(uint8_t *)base64, strlen(base64)});
    if (encoded && asprintf(&query, "&topic=%s", encoded) < 0) query = NULL;
    free(base64);
    free(encoded);
    return query;
}

static rhai_status receive_messages(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct request request = {.method = "GET"};
    char *path = NULL;
    if (read_seconds(call, &args[2], &request.wait_s) != RHAI_OK) return RHAI_ERROR;
    char *topic = topic_query(&args[1]);
    if (!topic || asprintf(&path, "messages?peek=false&timeout=%lld%s", (long long)request.wait_s,
                           topic) < 0) {
        free(topic);
        return rhai_throw_out_of_memory(call);
    }
    request.path = path;
    rhai_status status = ask(call, &args[0], &request, ret);
    free(topic);
    free(path);
    return decode_message(call, status, ret);
}

#define SEND_DOC                                                                                   \
    "Sends a message to an address of the network or a public key, and waits so many seconds for " \
    "a "                                                                                           \
    "reply, which it gives as a map; without one (or with 0) a map with the message's id."

static const rhai_native functions[] = {
    {"mycelium_get_node_info", "s", get_node_info, RHAI_FN_VOLATILE,
     "mycelium_get_node_info(address: string) -> map",
     "What a node says about itself, nodeSubnet among it. The address of its API: "
     "http://localhost:8989."},
    {"mycelium_list_peers", "s", list_peers, RHAI_FN_VOLATILE,
     "mycelium_list_peers(address: string) -> array", "The peers a node knows, a map each."},
    {"mycelium_add_peer", "ss", add_peer, RHAI_FN_VOLATILE,
     "mycelium_add_peer(address: string, peer: string) -> bool",
     "Adds a peer: tcp://192.0.2.6:9651. One that is known already is an error."},
    {"mycelium_remove_peer", "ss", remove_peer, RHAI_FN_VOLATILE,
     "mycelium_remove_peer(address: string, peer: string) -> bool",
     "Removes a peer; one that is not known is an error."},
    {"mycelium_list_selected_routes", "s", list_selected_routes, RHAI_FN_VOLATILE,
     "mycelium_list_selected_routes(address: string) -> array", "The routes in use, a map each."},
    {"mycelium_list_fallback_routes", "s", list_fallback_routes, RHAI_FN_VOLATILE,
     "mycelium_list_fallback_routes(address: string) -> array",
     "The routes that could be used instead, a map each."},
    {"mycelium_send_message", "ssssi", send_message, RHAI_FN_VOLATILE,
     "mycelium_send_message(address: string, destination: string, topic: string, text: string, "
     "reply_seconds: int) -> map",
     SEND_DOC},
    {"mycelium_send_message", "sssli", send_message, RHAI_FN_VOLATILE,
     "mycelium_send_message(address: string, destination: string, topic: string, data: blob, "
     "reply_seconds: int) -> map",
     SEND_DOC},
    {"mycelium_receive_messages", "ssi", receive_messages, RHAI_FN_VOLATILE,
     "mycelium_receive_messages(address: string, topic: string, wait_seconds: int) -> map | ()",
     "Takes the next message of a topic (\"\": of any) out of the node, waiting so many seconds "
     "for one; () when there is none. Its payload is a string, or a blob when it is no text."},
};

const herolib_module herolib_mycelium_module = {
    .name = "mycelium",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
