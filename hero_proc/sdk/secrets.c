#include "client.h"

#include "hero_proc_sdk/lenient.h"

#include <errno.h>
#include <string.h>

int proc_secret_set(struct proc_client *client, const char *key, const char *value,
                    struct rpc_error *err) {
    return client_do(client, PROC_SECRET_SET, json_pack("{s:s, s:s}", "key", key, "value", value),
                     err);
}

char *proc_secret_get(struct proc_client *client, const char *key, struct rpc_error *err) {
    json_t *result = client_call(client, PROC_SECRET_GET, json_pack("{s:s}", "key", key), err);
    if (!result) return NULL;
    const char *text = json_is_string(result) ? json_string_value(result)
                                              : lenient_text(result, "value|secret|data");
    char *value = text ? strdup(text) : NULL;
    json_decref(result);
    if (!text)
        rpc_error_set(err, RPC_ERROR_RPC, 0, "secret not found: %s", key);
    else if (!value)
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return value;
}

int proc_secret_delete(struct proc_client *client, const char *key, struct rpc_error *err) {
    return client_do(client, PROC_SECRET_DELETE, json_pack("{s:s}", "key", key), err);
}
