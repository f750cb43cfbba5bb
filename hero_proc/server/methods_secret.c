#include "server/methods.h"

#include <stdlib.h>
#include <string.h>

static const char *key_of(const struct rpc_call *call) {
    return rpc_call_text(call, "key", "");
}

static void refuse(struct rpc_call *call, const char *param, const char *what) {
    rpc_call_fail(call, RPC_INVALID_PARAMS, json_pack("{s:s}", "param", param),
                  "parameter \"%s\" %s", param, what);
}

void secret_set_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    const json_t *value = rpc_call_param(call, "value");
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        refuse(call, "value", "must not contain the character U+0000");
        return;
    }
    if (strchr(method_context(call), '/')) {
        refuse(call, "context", "must not contain a slash");
        return;
    }
    struct method_store *store = method_store_new(call, json_pack("{s:b}", "ok", true));
    if (store)
        secrets_set(daemon->secrets, method_context(call), key_of(call), json_string_value(value),
                    method_store_done, store);
}

void secret_get_method(struct rpc_call *call, void *ctx) {
    const struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    char *value = secrets_get(daemon->secrets, method_context(call), key_of(call), &err);
    if (value)
        rpc_call_reply(call, json_pack("{s:s, s:s}", "key", key_of(call), "value", value));
    else if (err.kind)
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "%s", err.message);
    else
        method_not_found(call, "secret", key_of(call));
    if (value) explicit_bzero(value, strlen(value));
    free(value);
    rpc_error_clear(&err);
}

void secret_list_method(struct rpc_call *call, void *ctx) {
    const struct daemon *daemon = ctx;
    rpc_call_reply(call,
                   json_pack("{s:o}", "keys", secrets_keys(daemon->secrets, method_context(call))));
}

void secret_delete_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct method_store *store = method_store_new(call, json_pack("{s:b}", "ok", true));
    if (!store || secrets_delete(daemon->secrets, method_context(call), key_of(call),
                                 method_store_done, store))
        return;
    json_decref(store->result);
    free(store);
    method_not_found(call, "secret", key_of(call));
}
