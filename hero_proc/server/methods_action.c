#include "server/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct action *find(struct rpc_call *call, struct daemon *daemon) {
    const char *name = rpc_call_text(call, "name", "");
    struct action *action = action_find(&daemon->supervisor, method_context(call), name);
    if (!action) method_not_found(call, "action", name);
    return action;
}

static void make_key(const struct action_spec *spec, char out[STATE_KEY_MAX_BYTES]) {
    snprintf(out, STATE_KEY_MAX_BYTES, "%s/%s", spec->context, spec->name);
}

struct setting {
    struct supervisor *supervisor;
    struct action_spec *spec;
};

static void on_set(void *ctx) {
    struct setting *setting = ctx;
    action_put(setting->supervisor, setting->spec);
    supervisor_reconcile_later(setting->supervisor);
    free(setting);
}

static void on_not_set(void *ctx) {
    struct setting *setting = ctx;
    action_spec_unref(setting->spec);
    free(setting);
}

void action_set_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    char key[STATE_KEY_MAX_BYTES];
    if (!method_may_begin(call, daemon)) return;
    json_t *json = method_spec(call, "spec");
    struct action_spec *spec = json ? action_spec_parse(json, &err) : NULL;
    json_decref(json);
    if (!spec) {
        method_refuse(call, &err);
        return;
    }
    struct setting *setting = malloc(sizeof *setting);
    struct method_store *store =
        method_store_new(call, json_pack("{s:b, s:s}", "ok", true, "name", spec->name));
    if (!setting || !store) return;
    *setting = (struct setting){&daemon->supervisor, spec};
    store->stored = on_set;
    store->not_stored = on_not_set;
    store->ctx = setting;
    make_key(spec, key);
    state_db_put(daemon->db, STATE_ACTION, key, spec->json, method_store_done, store);
}

void action_get_method(struct rpc_call *call, void *ctx) {
    struct action *action = find(call, ctx);
    if (action) rpc_call_reply(call, json_incref(action->spec->json));
}

void action_list_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    json_t *list = json_array();
    const struct action *action;
    TAILQ_FOREACH(action, &daemon->supervisor.actions, link) {
        if (strcmp(action->spec->context, method_context(call)) != 0) continue;
        json_t *entry = json_copy(action->spec->json);
        int64_t next_ms = action_next_ms(action);
        json_object_set_new(entry, "next_run_ms", next_ms ? json_integer(next_ms) : json_null());
        json_array_append_new(list, entry);
    }
    rpc_call_reply(call, json_pack("{s:o}", "actions", list));
}

/* The record goes first in the table; on a full disk it comes back with the next daemon. */
static void delete_action(struct daemon *daemon, struct action *action, state_db_done *done,
                          void *ctx) {
    char key[STATE_KEY_MAX_BYTES];
    make_key(action->spec, key);
    action_remove(action);
    state_db_put(daemon->db, STATE_ACTION, key, NULL, done, ctx);
}

void action_delete_method(struct rpc_call *call, void *ctx) {
    struct action *action = find(call, ctx);
    if (!action) return;
    struct method_store *store = method_store_new(call, json_pack("{s:b}", "ok", true));
    if (store) delete_action(ctx, action, method_store_done, store);
}

static bool has_tag(const struct action_spec *spec, const char *tag) {
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)spec->tags, index, entry)
        if (json_is_string(entry) && strcmp(json_string_value(entry), tag) == 0) return true;
    return false;
}

void action_clean_by_tag_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    const char *tag = rpc_call_text(call, "tag", "");
    bool is_dry = rpc_call_boolean(call, "dry_run", false);
    json_t *names = json_array();
    struct action *action, *next;
    for (action = TAILQ_FIRST(&daemon->supervisor.actions); action; action = next) {
        next = TAILQ_NEXT(action, link);
        if (strcmp(action->spec->context, method_context(call)) != 0) continue;
        if (!has_tag(action->spec, tag)) continue;
        json_array_append_new(names, json_string(action->spec->name));
        if (!is_dry) delete_action(daemon, action, NULL, NULL);
    }
    rpc_call_reply(call, json_pack("{s:o, s:b}", "actions", names, "dry_run", is_dry));
}
