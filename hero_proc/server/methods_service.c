#include "server/graph.h"
#include "server/methods.h"

#include <stdlib.h>
#include <string.h>

/* The service that a call names; NULL when the call has been refused. */
static struct service *find(struct rpc_call *call, struct daemon *daemon) {
    const char *name = rpc_call_text(call, "name", "");
    struct service *service = service_find(&daemon->supervisor, method_context(call), name);
    if (service && !service->is_deleted) return service;
    if (strcmp(name, SUPERVISOR_OWN_NAME) == 0)
        rpc_call_fail(call, ERROR_STATE, NULL, "%s is this daemon: it cannot be changed here",
                      name);
    else
        method_not_found(call, "service", name);
    return NULL;
}

static bool names_own(const struct rpc_call *call) {
    return strcmp(rpc_call_text(call, "name", ""), SUPERVISOR_OWN_NAME) == 0;
}

/* ---- service.set -------------------------------------------------------------------------- */

static const struct service_spec *look_up(void *ctx, const char *name) {
    const struct service *service = service_find(ctx, SPEC_DEFAULT_CONTEXT, name);
    return service ? service->spec : NULL;
}

static bool check_spec(struct rpc_call *call, struct daemon *daemon,
                       const struct service_spec *spec) {
    struct rpc_strbuf cycle = RPC_STRBUF_INIT;
    if (strcmp(spec->name, SUPERVISOR_OWN_NAME) == 0) {
        rpc_call_fail(call, ERROR_STATE, NULL, "%s is this daemon: it cannot be set", spec->name);
        return false;
    }
    bool has_cycle = graph_has_cycle(spec, look_up, &daemon->supervisor, &cycle);
    if (has_cycle)
        rpc_call_fail(call, RPC_INVALID_PARAMS, NULL,
                      "the services would wait for each other for ever: %s",
                      rpc_strbuf_text(&cycle));
    rpc_strbuf_done(&cycle);
    return !has_cycle;
}

struct setting {
    struct service *service;
    struct service_spec *before; /* NULL: it was not there */
};

static void on_set(void *ctx) {
    struct setting *setting = ctx;
    struct supervisor *supervisor = setting->service->supervisor;
    service_spec_unref(setting->before);
    free(setting);
    supervisor_reconcile(supervisor);
}

/* As it was. */
static void on_not_set(void *ctx) {
    struct setting *setting = ctx;
    if (setting->before) {
        service_put(setting->service->supervisor, setting->before);
    } else {
        setting->service->asked = false;
        setting->service->is_deleted = true;
        supervisor_reconcile_later(setting->service->supervisor);
    }
    free(setting);
}

void service_set_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    if (!method_may_begin(call, daemon)) return;
    json_t *json = method_spec(call, "config");
    struct service_spec *spec = json ? service_spec_parse(json, &err) : NULL;
    json_decref(json);
    if (!spec) {
        method_refuse(call, &err);
        return;
    }
    if (!check_spec(call, daemon, spec)) {
        service_spec_unref(spec);
        return;
    }
    struct service *known = service_find(&daemon->supervisor, spec->context, spec->name);
    struct setting *setting = calloc(1, sizeof *setting);
    struct method_store *store =
        method_store_new(call, json_pack("{s:b, s:s}", "ok", true, "name", spec->name));
    if (!setting || !store) return;
    setting->before = known ? service_spec_ref(known->spec) : NULL;
    struct service *service = setting->service = service_put(&daemon->supervisor, spec);
    store->stored = on_set;
    store->not_stored = on_not_set;
    store->ctx = setting;
    service->is_deleted = false;
    if (spec->says_wanted) {
        if (spec->wanted == WANTED_START && !service->asked) service->begun = false;
        service->asked = spec->wanted == WANTED_START;
    }
    service_store(service, method_store_done, store);
}

/* ---- Asking ------------------------------------------------------------------------------- */

void service_get_method(struct rpc_call *call, void *ctx) {
    struct service *service = find(call, ctx);
    if (service) rpc_call_reply(call, json_incref(service->spec->json));
}

void service_list_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    const char *context = rpc_call_text(call, "context", NULL);
    json_t *list = json_array();
    const struct service *service;
    TAILQ_FOREACH(service, &daemon->supervisor.services, link)
    if (!context || strcmp(context, service->spec->context) == 0)
        json_array_append_new(list, service_status_json(service, false));
    rpc_call_reply(call, json_pack("{s:o}", "services", list));
}

void service_status_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    if (names_own(call)) {
        rpc_call_reply(call, service_own_status_json(&daemon->supervisor));
        return;
    }
    struct service *service = find(call, daemon);
    if (service) rpc_call_reply(call, service_status_json(service, true));
}

void service_why_method(struct rpc_call *call, void *ctx) {
    char why[512];
    if (names_own(call)) {
        rpc_call_reply(call,
                       json_pack("{s:s, s:s}", "state", "running", "why", "it is this daemon"));
        return;
    }
    struct service *service = find(call, ctx);
    if (!service) return;
    service_why(service, why, sizeof why);
    rpc_call_reply(call, json_pack("{s:s, s:s}", "state",
                                   service_state_name(service_state(service)), "why", why));
}

void service_is_running_method(struct rpc_call *call, void *ctx) {
    if (names_own(call)) {
        rpc_call_reply(call, json_pack("{s:b}", "running", true));
        return;
    }
    struct service *service = find(call, ctx);
    if (service)
        rpc_call_reply(call,
                       json_pack("{s:b}", "running", service_state(service) == SERVICE_RUNNING));
}

/* ---- Starting and stopping ---------------------------------------------------------------- */

static void reply_run(struct rpc_call *call, const struct service *service) {
    rpc_call_reply(call, json_pack("{s:b, s:o}", "ok", true, "run_id",
                                   service->begun && service->run_id ? json_integer(service->run_id)
                                                                     : json_null()));
}

void service_start_method(struct rpc_call *call, void *ctx) {
    struct service *service = method_may_begin(call, ctx) ? find(call, ctx) : NULL;
    if (!service) return;
    service_start(service);
    reply_run(call, service);
}

void service_restart_method(struct rpc_call *call, void *ctx) {
    struct service *service = method_may_begin(call, ctx) ? find(call, ctx) : NULL;
    if (!service) return;
    service_restart(service);
    reply_run(call, service);
}

void service_stop_method(struct rpc_call *call, void *ctx) {
    struct service *service = find(call, ctx);
    if (!service) return;
    service_stop(service);
    rpc_call_reply(call, json_pack("{s:b}", "ok", true));
}

void service_delete_method(struct rpc_call *call, void *ctx) {
    struct service *service = find(call, ctx);
    if (!service) return;
    service_delete(service);
    rpc_call_reply(call, json_pack("{s:b}", "ok", true));
}

/* Services of the class system are left alone. */
static void each_user_service(struct rpc_call *call, struct daemon *daemon,
                              void (*act)(struct service *service)) {
    json_int_t count = 0;
    struct service *service, *next;
    for (service = TAILQ_FIRST(&daemon->supervisor.services); service; service = next) {
        next = TAILQ_NEXT(service, link);
        if (service->spec->is_system || service->is_deleted ||
            strcmp(service->spec->context, method_context(call)) != 0)
            continue;
        act(service);
        count++;
    }
    rpc_call_reply(call, json_pack("{s:b, s:I}", "ok", true, "count", count));
}

static void start_unless_ignored(struct service *service) {
    if (service->spec->wanted != WANTED_IGNORE) service_start(service);
}

void service_start_all_method(struct rpc_call *call, void *ctx) {
    if (method_may_begin(call, ctx)) each_user_service(call, ctx, start_unless_ignored);
}

void service_stop_all_method(struct rpc_call *call, void *ctx) {
    each_user_service(call, ctx, service_stop);
}
