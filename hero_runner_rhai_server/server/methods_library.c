/* The library of named scripts; the store keeps it. */
#include "server/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A call while the store is asked, which answers in any case. */
struct question {
    struct rpc_call *call; /* NULL: the client has gone */
    char *name;            /* NULL: none */
};

static void on_gone(void *ctx) {
    struct question *question = ctx;
    question->call = NULL;
}

static struct question *ask(struct rpc_call *call) {
    const char *name = rpc_call_text(call, "name", NULL);
    struct question *question = calloc(1, sizeof *question);
    if (question) question->name = name ? strdup(name) : NULL;
    if (!question) rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
    return question;
}

static void end(struct question *question) {
    free(question->name);
    free(question);
}

/* After posting: holds the call, or tells why the store was not asked. */
static void hold(struct question *question, struct rpc_call *call, int failed) {
    if (!failed) {
        question->call = call;
        rpc_call_on_gone(call, on_gone, question);
        return;
    }
    if (failed == -EINVAL)
        refuse(call, "name",
               "must be parts of letters, digits, '_', '-' and '.', joined by '/', and "
               "no part may begin with '.'");
    else
        fail_store(call, failed);
    end(question);
}

/* The call to answer; NULL when there is none, or it has been refused. */
static struct rpc_call *take_call(const struct question *question, int status) {
    struct rpc_call *call = question->call;
    if (!call) return NULL;
    rpc_call_on_gone(call, NULL, NULL);
    if (status == 0) return call;
    if (status == -ENOENT)
        rpc_call_fail(call, ERROR_UNKNOWN_SCRIPT, json_pack("{s:s}", "name", question->name),
                      "unknown script \"%s\", or version of it", question->name);
    else
        fail_store(call, status);
    return NULL;
}

/* ---- Saving and deleting ------------------------------------------------------------------- */

static void on_saved(void *ctx, int status, int64_t version) {
    struct question *question = ctx;
    struct rpc_call *call = take_call(question, status);
    if (call)
        rpc_call_reply(
            call, json_pack("{s:s, s:I}", "name", question->name, "version", (json_int_t)version));
    end(question);
}

void script_save(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    const json_t *script = rpc_call_param(call, "script");
    struct question *question = ask(call);
    if (!question) return;
    hold(question, call,
         store_save_script(
             archive_store(runner->archive), question->name,
             (struct store_bytes){json_string_value(script), json_string_length(script)},
             rpc_call_text(call, "description", NULL), on_saved, question));
}

static void on_deleted(void *ctx, int status) {
    struct question *question = ctx;
    struct rpc_call *call = take_call(question, status);
    if (call) rpc_call_reply(call, json_pack("{s:b}", "ok", 1));
    end(question);
}

void script_delete(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct question *question = ask(call);
    if (!question) return;
    hold(question, call,
         store_delete_script(archive_store(runner->archive), question->name,
                             rpc_call_integer(call, "version", 0), on_deleted, question));
}

/* ---- Asking -------------------------------------------------------------------------------- */

static json_t *listed(const struct store_script *script) {
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:I, s:I}", "name", script->name, "version", (json_int_t)script->version,
        "versions", (json_int_t)script->versions, "updated_at_ms",
        (json_int_t)(script->saved_us / 1000), "bytes", (json_int_t)script->bytes);
    if (script->description && *script->description)
        json_object_set_new(object, "description", json_string(script->description));
    return object;
}

static void on_list(void *ctx, int status, struct store_scripts *scripts) {
    struct question *question = ctx;
    struct rpc_call *call = take_call(question, status);
    json_t *list = json_array();
    for (size_t i = 0; call && i < scripts->count; i++)
        json_array_append_new(list, listed(&scripts->items[i]));
    if (call)
        rpc_call_reply(call, json_pack("{s:o}", "scripts", list));
    else
        json_decref(list);
    store_scripts_free(scripts);
    end(question);
}

void script_list(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct question *question = ask(call);
    if (question)
        hold(question, call, store_list_scripts(archive_store(runner->archive), on_list, question));
}

/* The first item is the one asked for, behind it come all versions. */
static json_t *object_of(const struct store_scripts *scripts) {
    const struct store_script *script = &scripts->items[0];
    json_t *versions = json_array();
    for (size_t i = 1; i < scripts->count; i++)
        json_array_append_new(
            versions, json_pack("{s:I, s:I, s:I}", "version", (json_int_t)scripts->items[i].version,
                                "saved_at_ms", (json_int_t)(scripts->items[i].saved_us / 1000),
                                "bytes", (json_int_t)scripts->items[i].bytes));
    json_t *object = json_pack(
        "{s:s, s:I, s:s%, s:I, s:o}", "name", script->name, "version", (json_int_t)script->version,
        "script", script->text.data ? script->text.data : "", script->text.len, "saved_at_ms",
        (json_int_t)(script->saved_us / 1000), "versions", versions);
    if (script->description && *script->description)
        json_object_set_new(object, "description", json_string(script->description));
    return object;
}

static void on_script(void *ctx, int status, struct store_scripts *scripts) {
    struct question *question = ctx;
    struct rpc_call *call = take_call(question, status);
    if (call) rpc_call_reply(call, object_of(scripts));
    store_scripts_free(scripts);
    end(question);
}

void script_get(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct question *question = ask(call);
    if (question)
        hold(question, call,
             store_get_script(archive_store(runner->archive), question->name,
                              rpc_call_integer(call, "version", 0), on_script, question));
}
