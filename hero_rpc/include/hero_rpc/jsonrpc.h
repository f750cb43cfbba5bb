/*
 * JSON-RPC 2.0 (jsonrpc.org/specification), strictly, without a transport.
 *
 * bytes in → calls of registered functions → bytes out, at once or when the last held call of the
 * batch has been answered. service.h puts it behind POST /rpc.
 *
 *   not JSON, not an object or array, nested over 64 deep, \u0000 in a member name   -32700, id
 * null empty batch, over 100 calls, bad request object (also an item of a batch)        -32600
 *   unknown method                                                                   -32601
 *   params against the OpenRPC document: names the parameter; unknown names refused  -32602
 *   out of memory, a method that broke its promise                                   -32603
 *
 * A request without "id" is a notification and gets no answer; "id": null is a request with the id
 * null. A notification counts as done when its function has returned.
 */
#ifndef HERO_RPC_JSONRPC_H
#define HERO_RPC_JSONRPC_H

#include "hero_rpc/error.h"
#include "hero_rpc/http_server.h"
#include "hero_rpc/openrpc.h"

#define RPC_PARSE_ERROR (-32700)
#define RPC_INVALID_REQUEST (-32600)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS (-32602)
#define RPC_INTERNAL_ERROR (-32603)

#define RPC_BATCH_MAX_CALLS 100
#define RPC_NESTING_MAX 64

struct rpc_call;

/* A method. It must answer the call exactly once, at once or later, with one of rpc_call_reply,
 * rpc_call_reply_text, rpc_call_fail; the call is gone with that. When the client goes away first,
 * the function of rpc_call_on_gone runs and the call is gone when it returns; without such a
 * function the call stays valid and its answer is thrown away. */
typedef void rpc_method(struct rpc_call *call, void *ctx);

/* Params by name, whatever way they came, valid against the document; never NULL. Borrowed. */
json_t *rpc_call_params(const struct rpc_call *call);
/* One of them: NULL when absent. */
json_t *rpc_call_param(const struct rpc_call *call, const char *name);
/* Shorthands for validated params: the default when absent or null. */
const char *rpc_call_text(const struct rpc_call *call, const char *name, const char *otherwise);
long long rpc_call_integer(const struct rpc_call *call, const char *name, long long otherwise);
bool rpc_call_boolean(const struct rpc_call *call, const char *name, bool otherwise);

/* A JSON number as an integer; `otherwise` when it is none. A real loses its fraction, and one out
 * of range becomes the nearest integer there is, so that range checks refuse it. NULL is no number. */
long long rpc_json_integer(const json_t *value, long long otherwise);
long long rpc_integer_of_real(double real);

const char *rpc_call_method(const struct rpc_call *call);
const struct rpc_peer *rpc_call_peer(const struct rpc_call *call); /* NULL when not known */
bool rpc_call_is_notification(const struct rpc_call *call);

/* Runs when the client goes away before the answer; NULL takes it back. */
void rpc_call_on_gone(struct rpc_call *call, void (*gone)(void *ctx), void *ctx);

/* Answers with a result; the reference is taken. NULL (out of memory) answers -32603. */
void rpc_call_reply(struct rpc_call *call, json_t *result);
/* The same with a result that is JSON text already; copied. */
void rpc_call_reply_text(struct rpc_call *call, const char *json, size_t len);
/* Answers with an error. data may be NULL; the reference is taken. */
void rpc_call_fail(struct rpc_call *call, int code, json_t *data, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct rpc_dispatcher;

/* doc is borrowed and must outlive it; NULL: params are not checked (by position is refused). */
struct rpc_dispatcher *rpc_dispatcher_new(const struct rpc_openrpc *doc, struct rpc_error *err);
void rpc_dispatcher_free(struct rpc_dispatcher *dispatcher);

enum rpc_method_flags {
    RPC_METHOD_DOCUMENTED = 0,
    RPC_METHOD_UNDOCUMENTED = 1, /* an alias: takes no params, need not be in the document */
};
/* The name is copied. RPC_ERROR_INVALID when it is there already. */
int rpc_dispatcher_add(struct rpc_dispatcher *dispatcher, const char *name, int flags,
                       rpc_method *method, void *ctx, struct rpc_error *err);
/* RPC_ERROR_INVALID names the first documented method without a function, or the first function
 * that the document does not know. */
int rpc_dispatcher_check(const struct rpc_dispatcher *dispatcher, struct rpc_error *err);

/* One body of a request, with its answers being collected. */
struct rpc_exchange;
/* Gets the answer: text (NULL: nothing to say, HTTP 204), which the callee frees. code: of the
 * error that it is; 0: a result, or the answers of a batch. */
typedef void rpc_exchange_done(void *ctx, char *text, size_t len, int code);

/* Handles one body. `done` is called exactly once: before this returns (then NULL is returned), or
 * later; in that case the exchange returned may be given to rpc_exchange_abandon. peer is copied
 * and may be NULL. */
struct rpc_exchange *rpc_dispatcher_handle(struct rpc_dispatcher *dispatcher, const char *body,
                                           size_t len, const struct rpc_peer *peer,
                                           rpc_exchange_done *done, void *ctx);
/* The client is gone: `done` will not be called, the calls still held get their on_gone. */
void rpc_exchange_abandon(struct rpc_exchange *exchange);

/* ---- Params without a request object -------------------------------------------------------- */

/* Another way to a documented method. The strings are borrowed, for as long as its calls live. */
struct rpc_entry {
    const char *method;   /* whose params the body is, */
    rpc_method *function; /* called instead of the method's own, */
    void *ctx;            /* with this */
};
/* As rpc_dispatcher_handle, of a body that is an object of params alone, checked as the method's.
 * An answer has "id": null. */
struct rpc_exchange *rpc_dispatcher_handle_params(struct rpc_dispatcher *dispatcher,
                                                  const struct rpc_entry *entry, const char *body,
                                                  size_t len, const struct rpc_peer *peer,
                                                  rpc_exchange_done *done, void *ctx);
/* Ends such a call, whose client has not gone, without an answer of its kind: `done` will not be
 * called, and what was to be its ctx is returned. */
void *rpc_call_withdraw(struct rpc_call *call);

#endif
