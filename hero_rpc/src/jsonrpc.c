#include "hero_rpc/jsonrpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct method {
    char *name;
    int flags;
    rpc_method *function;
    void *ctx;
};

struct rpc_dispatcher {
    const struct rpc_openrpc *doc; /* NULL: params are not checked */
    struct method *methods;        /* sorted by name */
    size_t method_count;
};

struct rpc_call {
    LIST_ENTRY(rpc_call) link;     /* while it has an exchange */
    struct rpc_exchange *exchange; /* NULL: a notification, or the client is gone */
    const char *method;
    json_t *id; /* NULL: a notification */
    json_t *params;
    struct rpc_peer peer;
    bool has_peer;
    void (*gone)(void *ctx);
    void *gone_ctx;
};

struct rpc_exchange {
    struct rpc_dispatcher *dispatcher;
    const struct rpc_peer *peer; /* only while the body is being read */
    rpc_exchange_done *done;     /* NULL: the call was withdrawn */
    void *ctx;
    struct rpc_strbuf out;
    bool is_batch;
    int code;       /* of the error that is the answer; 0: it is none, or a batch */
    size_t pending; /* calls not answered, and one for the reading of the body */
    LIST_HEAD(, rpc_call) calls;
};

/* --- Methods --- */

struct rpc_dispatcher *rpc_dispatcher_new(const struct rpc_openrpc *doc, struct rpc_error *err) {
    struct rpc_dispatcher *dispatcher = calloc(1, sizeof *dispatcher);
    if (dispatcher)
        dispatcher->doc = doc;
    else
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return dispatcher;
}

void rpc_dispatcher_free(struct rpc_dispatcher *dispatcher) {
    if (!dispatcher) return;
    for (size_t i = 0; i < dispatcher->method_count; i++)
        free(dispatcher->methods[i].name);
    free(dispatcher->methods);
    free(dispatcher);
}

static int compare_methods(const void *a, const void *b) {
    return strcmp(((const struct method *)a)->name, ((const struct method *)b)->name);
}

static const struct method *find_method(const struct rpc_dispatcher *dispatcher, const char *name) {
    if (dispatcher->method_count == 0) return NULL;
    const struct method key = {.name = (char *)(uintptr_t)name};
    return bsearch(&key, dispatcher->methods, dispatcher->method_count, sizeof *dispatcher->methods,
                   compare_methods);
}

int rpc_dispatcher_add(struct rpc_dispatcher *dispatcher, const char *name, int flags,
                       rpc_method *function, void *ctx, struct rpc_error *err) {
    if (find_method(dispatcher, name)) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "method \"%s\" is there already", name);
        return -1;
    }
    struct method *methods =
        realloc(dispatcher->methods, (dispatcher->method_count + 1) * sizeof *dispatcher->methods);
    char *copy = strdup(name);
    if (methods) dispatcher->methods = methods;
    if (!methods || !copy) {
        free(copy);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    methods[dispatcher->method_count++] =
        (struct method){.name = copy, .flags = flags, .function = function, .ctx = ctx};
    qsort(methods, dispatcher->method_count, sizeof *methods, compare_methods);
    return 0;
}

static bool is_documented(const struct rpc_openrpc *doc, const char *name) {
    for (size_t i = 0; i < rpc_openrpc_method_count(doc); i++)
        if (strcmp(rpc_openrpc_method_name(doc, i), name) == 0) return true;
    return false;
}

int rpc_dispatcher_check(const struct rpc_dispatcher *dispatcher, struct rpc_error *err) {
    if (!dispatcher->doc) return 0;
    for (size_t i = 0; i < rpc_openrpc_method_count(dispatcher->doc); i++) {
        const char *name = rpc_openrpc_method_name(dispatcher->doc, i);
        if (find_method(dispatcher, name)) continue;
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "method \"%s\" is documented, but nothing does it",
                      name);
        return -1;
    }
    for (size_t i = 0; i < dispatcher->method_count; i++) {
        const struct method *method = &dispatcher->methods[i];
        if ((method->flags & RPC_METHOD_UNDOCUMENTED) ||
            is_documented(dispatcher->doc, method->name))
            continue;
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "method \"%s\" is not documented", method->name);
        return -1;
    }
    return 0;
}

/* --- Answers --- */

static void exchange_free(struct rpc_exchange *exchange) {
    rpc_strbuf_done(&exchange->out);
    free(exchange);
}

/* What can still be said without memory for more. */
static void answer_no_memory(rpc_exchange_done *done, void *ctx) {
    static const char answer[] = "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32603,"
                                 "\"message\":\"out of memory\"},\"id\":null}";
    char *text = strdup(answer);
    done(ctx, text, text ? sizeof answer - 1 : 0, RPC_INTERNAL_ERROR);
}

/* One call fewer to wait for; the last one sends the answer. */
static void exchange_release(struct rpc_exchange *exchange) {
    if (--exchange->pending > 0) return;
    if (exchange->is_batch && exchange->out.len) rpc_strbuf_add_char(&exchange->out, ']');
    if (exchange->done && exchange->out.failed) {
        answer_no_memory(exchange->done, exchange->ctx);
    } else if (exchange->done) {
        size_t len = 0;
        char *text = exchange->out.len ? rpc_strbuf_take(&exchange->out, &len) : NULL;
        exchange->done(exchange->ctx, text, len, exchange->code);
    }
    exchange_free(exchange);
}

static void begin_answer(struct rpc_exchange *exchange) {
    if (exchange->is_batch) rpc_strbuf_add_char(&exchange->out, exchange->out.len ? ',' : '[');
    rpc_strbuf_add_text(&exchange->out, "{\"jsonrpc\":\"2.0\",");
}

static void end_answer(struct rpc_exchange *exchange, const json_t *id) {
    rpc_strbuf_add_text(&exchange->out, ",\"id\":");
    if (id)
        rpc_strbuf_add_json(&exchange->out, id);
    else
        rpc_strbuf_add_text(&exchange->out, "null");
    rpc_strbuf_add_char(&exchange->out, '}');
}

static void add_error(struct rpc_exchange *exchange, const json_t *id, int code,
                      const char *message, const json_t *data) {
    if (!exchange->is_batch) exchange->code = code;
    begin_answer(exchange);
    rpc_strbuf_add_text(&exchange->out, "\"error\":{\"code\":");
    rpc_strbuf_add_int(&exchange->out, code);
    rpc_strbuf_add_text(&exchange->out, ",\"message\":");
    rpc_strbuf_add_json_string(&exchange->out, message, strlen(message));
    if (data) {
        rpc_strbuf_add_text(&exchange->out, ",\"data\":");
        rpc_strbuf_add_json(&exchange->out, data);
    }
    rpc_strbuf_add_char(&exchange->out, '}');
    end_answer(exchange, id);
}

static void call_free(struct rpc_call *call) {
    json_decref(call->id);
    json_decref(call->params);
    free(call);
}

static void call_finish(struct rpc_call *call) {
    struct rpc_exchange *exchange = call->exchange;
    if (exchange) LIST_REMOVE(call, link);
    call_free(call);
    if (exchange) exchange_release(exchange);
}

void rpc_call_reply_text(struct rpc_call *call, const char *json, size_t len) {
    struct rpc_exchange *exchange = call->exchange;
    if (exchange) {
        begin_answer(exchange);
        rpc_strbuf_add_text(&exchange->out, "\"result\":");
        rpc_strbuf_add(&exchange->out, json, len);
        end_answer(exchange, call->id);
    }
    call_finish(call);
}

void rpc_call_reply(struct rpc_call *call, json_t *result) {
    struct rpc_exchange *exchange = call->exchange;
    if (exchange && result) {
        begin_answer(exchange);
        rpc_strbuf_add_text(&exchange->out, "\"result\":");
        rpc_strbuf_add_json(&exchange->out, result);
        end_answer(exchange, call->id);
    } else if (exchange) {
        add_error(exchange, call->id, RPC_INTERNAL_ERROR, "out of memory", NULL);
    }
    json_decref(result);
    call_finish(call);
}

void rpc_call_fail(struct rpc_call *call, int code, json_t *data, const char *format, ...) {
    if (call->exchange) {
        struct rpc_strbuf message = RPC_STRBUF_INIT;
        va_list args;
        va_start(args, format);
        rpc_strbuf_vaddf(&message, format, args);
        va_end(args);
        add_error(call->exchange, call->id, code, rpc_strbuf_text(&message), data);
        rpc_strbuf_done(&message);
    }
    json_decref(data);
    call_finish(call);
}

void *rpc_call_withdraw(struct rpc_call *call) {
    struct rpc_exchange *exchange = call->exchange;
    void *ctx = exchange->ctx;
    exchange->done = NULL;
    call_finish(call);
    return ctx;
}

/* --- What a method sees --- */

json_t *rpc_call_params(const struct rpc_call *call) {
    return call->params;
}

json_t *rpc_call_param(const struct rpc_call *call, const char *name) {
    return json_object_get(call->params, name);
}

const char *rpc_call_text(const struct rpc_call *call, const char *name, const char *otherwise) {
    const json_t *value = rpc_call_param(call, name);
    return json_is_string(value) ? json_string_value(value) : otherwise;
}

long long rpc_call_integer(const struct rpc_call *call, const char *name, long long otherwise) {
    return rpc_json_integer(rpc_call_param(call, name), otherwise);
}

bool rpc_call_boolean(const struct rpc_call *call, const char *name, bool otherwise) {
    const json_t *value = rpc_call_param(call, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

const char *rpc_call_method(const struct rpc_call *call) {
    return call->method;
}

const struct rpc_peer *rpc_call_peer(const struct rpc_call *call) {
    return call->has_peer ? &call->peer : NULL;
}

bool rpc_call_is_notification(const struct rpc_call *call) {
    return call->id == NULL;
}

void rpc_call_on_gone(struct rpc_call *call, void (*gone)(void *ctx), void *ctx) {
    call->gone = gone;
    call->gone_ctx = ctx;
}

/* --- Requests --- */

static bool id_is_valid(const json_t *id) {
    return json_is_string(id) || json_is_number(id) || json_is_null(id);
}

/* What is wrong with a request object (section 4 of the specification), or NULL. */
static const char *find_fault(const json_t *request) {
    if (!json_is_object(request)) return "a request must be an object";
    const char *version = json_string_value(json_object_get(request, "jsonrpc"));
    const json_t *method = json_object_get(request, "method");
    const json_t *params = json_object_get(request, "params");
    const json_t *id = json_object_get(request, "id");
    if (!version || strcmp(version, "2.0") != 0) return "\"jsonrpc\" must be \"2.0\"";
    if (!json_is_string(method)) return "\"method\" must be a string";
    if (params && !json_is_object(params) && !json_is_array(params))
        return "\"params\" must be an object or an array";
    if (id && !id_is_valid(id)) return "\"id\" must be a string, a number or null";
    return NULL;
}

static const char *find_extra_member(const json_t *request) {
    static const char *const known[] = {"jsonrpc", "method", "params", "id"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)request, name, value) {
        bool is_known = false;
        for (size_t i = 0; i < 4; i++)
            is_known |= strcmp(name, known[i]) == 0;
        if (!is_known) return name;
    }
    return NULL;
}

/* A method without documentation takes no params. */
static int check_undocumented(json_t *params, struct rpc_error *err) {
    const char *name = json_object_iter_key(json_object_iter(params));
    if (!name && json_array_size(params) == 0) return 0;
    rpc_error_set(err, RPC_ERROR_RPC, RPC_INVALID_PARAMS,
                  name ? "unknown parameter \"%s\"" : "too many parameters", name);
    if (err && name) err->data = json_pack("{s:s}", "param", name);
    return -1;
}

static int take_params(const struct rpc_dispatcher *dispatcher, const struct method *method,
                       json_t *params, json_t **ret_params, struct rpc_error *err) {
    if (method->flags & RPC_METHOD_UNDOCUMENTED) {
        if (check_undocumented(params, err) != 0) return -1;
        *ret_params = json_object();
    } else if (dispatcher->doc) {
        return rpc_openrpc_check_params(dispatcher->doc, method->name, params, ret_params, err);
    } else if (json_is_array(params)) {
        rpc_error_set(err, RPC_ERROR_RPC, RPC_INVALID_PARAMS, "params must be given by name");
        return -1;
    } else {
        *ret_params = params ? json_incref(params) : json_object();
    }
    return *ret_params ? 0 : -1;
}

static void start_call(struct rpc_exchange *exchange, const struct method *method, json_t *id,
                       json_t *params) {
    struct rpc_call *call = calloc(1, sizeof *call);
    if (!call) {
        json_decref(params);
        if (id) add_error(exchange, id, RPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    call->method = method->name;
    call->params = params;
    if (exchange->peer) call->peer = *exchange->peer;
    call->has_peer = exchange->peer != NULL;
    if (id) {
        call->id = json_incref(id);
        call->exchange = exchange;
        exchange->pending++;
        LIST_INSERT_HEAD(&exchange->calls, call, link);
    }
    method->function(call, method->ctx);
}

/* Begins the call, or answers with what is wrong: `err` says so already, or with the params. */
static void handle_call(struct rpc_exchange *exchange, const struct method *method, json_t *id,
                        json_t *given, struct rpc_error *err) {
    json_t *params = NULL;
    if (err->kind == RPC_ERROR_NONE) {
        if (take_params(exchange->dispatcher, method, given, &params, err) == 0)
            start_call(exchange, method, id, params);
        else if (err->kind == RPC_ERROR_NONE)
            rpc_error_set(err, RPC_ERROR_RPC, RPC_INTERNAL_ERROR, "out of memory");
    }
    if (err->kind != RPC_ERROR_NONE && (id || err->code == RPC_INVALID_REQUEST))
        add_error(exchange, id, err->code, err->message, err->data);
    rpc_error_clear(err);
}

static void handle_request(struct rpc_exchange *exchange, const json_t *request) {
    json_t *id = json_object_get(request, "id");
    const char *fault = find_fault(request);
    if (fault) {
        add_error(exchange, id && id_is_valid(id) ? id : NULL, RPC_INVALID_REQUEST, fault, NULL);
        return;
    }
    struct rpc_error err = {0};
    const json_t *name = json_object_get(request, "method");
    const char *extra = find_extra_member(request);
    /* A name with U+0000 inside would be found under its first part. */
    bool name_is_whole = strlen(json_string_value(name)) == json_string_length(name);
    const struct method *method =
        name_is_whole ? find_method(exchange->dispatcher, json_string_value(name)) : NULL;
    if (extra)
        rpc_error_set(&err, RPC_ERROR_RPC, RPC_INVALID_REQUEST,
                      "unknown member \"%s\" of the request", extra);
    else if (!method)
        rpc_error_set(&err, RPC_ERROR_RPC, RPC_METHOD_NOT_FOUND, "unknown method \"%s\"",
                      json_string_value(name));
    handle_call(exchange, method, id, json_object_get(request, "params"), &err);
}

/* How deep the brackets go, before a parser recurses on them. */
static size_t nesting_of(const char *text, size_t len) {
    size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) deepest = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

static json_t *parse(struct rpc_exchange *exchange, const char *body, size_t len) {
    json_error_t where;
    struct rpc_error err = {0};
    json_t *json = NULL;
    /* U+0000 in strings is let through to the schema check, which can name the parameter. */
    size_t flags = JSON_REJECT_DUPLICATES | (exchange->dispatcher->doc ? JSON_ALLOW_NUL : 0);
    if (nesting_of(body, len) > RPC_NESTING_MAX)
        rpc_error_set(&err, RPC_ERROR_RPC, RPC_PARSE_ERROR, "nested over %d deep", RPC_NESTING_MAX);
    else if (!(json = json_loadb(body, len, flags, &where)))
        rpc_error_set(&err, RPC_ERROR_RPC, RPC_PARSE_ERROR, "not valid JSON: line %d column %d: %s",
                      where.line, where.column, where.text);
    if (!json) add_error(exchange, NULL, RPC_PARSE_ERROR, err.message, NULL);
    return json;
}

static void handle_batch(struct rpc_exchange *exchange, const json_t *batch) {
    size_t count = json_array_size(batch);
    if (count == 0) {
        add_error(exchange, NULL, RPC_INVALID_REQUEST, "the batch is empty", NULL);
    } else if (count > RPC_BATCH_MAX_CALLS) {
        add_error(exchange, NULL, RPC_INVALID_REQUEST, "the batch has more than 100 calls", NULL);
    } else {
        exchange->is_batch = true;
        for (size_t i = 0; i < count; i++)
            handle_request(exchange, json_array_get(batch, i));
    }
}

static struct rpc_exchange *begin_exchange(struct rpc_dispatcher *dispatcher,
                                           const struct rpc_peer *peer, rpc_exchange_done *done,
                                           void *ctx) {
    struct rpc_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) {
        answer_no_memory(done, ctx);
        return NULL;
    }
    exchange->dispatcher = dispatcher;
    exchange->peer = peer;
    exchange->done = done;
    exchange->ctx = ctx;
    exchange->pending = 1;
    LIST_INIT(&exchange->calls);
    return exchange;
}

/* The body has been read. NULL: everything is answered. */
static struct rpc_exchange *end_reading(struct rpc_exchange *exchange) {
    exchange->peer = NULL;
    bool is_held = exchange->pending > 1;
    exchange_release(exchange);
    return is_held ? exchange : NULL;
}

struct rpc_exchange *rpc_dispatcher_handle(struct rpc_dispatcher *dispatcher, const char *body,
                                           size_t len, const struct rpc_peer *peer,
                                           rpc_exchange_done *done, void *ctx) {
    struct rpc_exchange *exchange = begin_exchange(dispatcher, peer, done, ctx);
    if (!exchange) return NULL;
    json_t *json = parse(exchange, body, len);
    if (json_is_array(json))
        handle_batch(exchange, json);
    else if (json)
        handle_request(exchange, json);
    json_decref(json);
    return end_reading(exchange);
}

struct rpc_exchange *rpc_dispatcher_handle_params(struct rpc_dispatcher *dispatcher,
                                                  const struct rpc_entry *entry, const char *body,
                                                  size_t len, const struct rpc_peer *peer,
                                                  rpc_exchange_done *done, void *ctx) {
    struct rpc_exchange *exchange = begin_exchange(dispatcher, peer, done, ctx);
    if (!exchange) return NULL;
    const struct method method = {
        .name = (char *)(uintptr_t)entry->method, .function = entry->function, .ctx = entry->ctx};
    struct rpc_error err = {0};
    json_t *json = parse(exchange, body, len), *id = json_null();
    if (json && !json_is_object(json))
        rpc_error_set(&err, RPC_ERROR_RPC, RPC_INVALID_PARAMS,
                      "the body must be an object, the parameters of %s", entry->method);
    if (json) handle_call(exchange, &method, id, json, &err);
    json_decref(json);
    return end_reading(exchange);
}

void rpc_exchange_abandon(struct rpc_exchange *exchange) {
    struct rpc_call *call;
    while ((call = LIST_FIRST(&exchange->calls))) {
        LIST_REMOVE(call, link);
        call->exchange = NULL;
        if (!call->gone) continue; /* goes on; its answer is thrown away */
        call->gone(call->gone_ctx);
        call_free(call);
    }
    exchange_free(exchange);
}
