#include "proc/remove.h"

#include <hero_proc_sdk/lenient.h>

#include <string.h>

#define STOP_MS 30000

static json_t *call_by_name(struct proc_client *client, enum proc_method method, const char *name,
                            struct rpc_error *err) {
    json_t *params = json_pack("{s:s}", "name", name);
    json_t *result = proc_call(client, method, params, err);
    json_decref(params);
    return result;
}

/* Where the spec cannot be had, its actions stay. */
static bool has_own_action(struct proc_client *client, const char *name) {
    json_t *spec = call_by_name(client, PROC_SERVICE_GET, name, NULL);
    const json_t *actions = lenient_array(spec, "actions");
    const char *first = json_string_value(json_array_get(actions, 0));
    bool is_own = json_array_size(actions) == 1 && first && strcmp(first, name) == 0;
    json_decref(spec);
    return is_own;
}

int remove_service(struct proc_client *client, const char *name, bool *ret_was_there,
                   struct rpc_error *err) {
    if (proc_stop_service(client, name, STOP_MS, ret_was_there, err) < 0) return -1;
    if (!*ret_was_there) return 0;
    bool is_own = has_own_action(client, name);
    if (proc_service_delete(client, name, err) < 0) return -1;
    if (is_own) json_decref(call_by_name(client, PROC_ACTION_DELETE, name, NULL));
    return 0;
}
