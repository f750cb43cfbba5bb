/*
 * An OpenRPC document (spec.open-rpc.org, 1.2.6 to 1.3.2) and checks of values against its schemas.
 *
 * Of JSON Schema (draft 7) this subset works, and rpc_openrpc_parse refuses a document that uses
 * another assertion: type (a name or a list of names), required, properties, additionalProperties
 * (true, false or a schema), items (one schema), enum, const, minimum, maximum, minLength,
 * maxLength (in characters), minItems, maxItems, oneOf, anyOf, $ref ("#/components/schemas/<name>"
 * only). These say nothing about validity and are passed over: title, description, default,
 * examples, format, deprecated, readOnly, writeOnly, $comment, $id, $schema, and names beginning
 * with "x-". An integer also is a number; 1.0 is an integer (draft 7).
 *
 * Params and results are given in place, not by $ref. paramStructure is honoured: by-name,
 * by-position, either (the default).
 */
#ifndef HERO_RPC_OPENRPC_H
#define HERO_RPC_OPENRPC_H

#include "hero_rpc/error.h"

#include <stddef.h>

struct rpc_openrpc;

/* Reads a document; the text is copied. RPC_ERROR_INVALID names the place that is wrong. */
struct rpc_openrpc *rpc_openrpc_parse(const char *text, size_t len, struct rpc_error *err);
void rpc_openrpc_free(struct rpc_openrpc *doc);

/* The document as given, byte for byte. */
const char *rpc_openrpc_text(const struct rpc_openrpc *doc, size_t *ret_len);
/* The document as a value, borrowed. */
const json_t *rpc_openrpc_json(const struct rpc_openrpc *doc);

size_t rpc_openrpc_method_count(const struct rpc_openrpc *doc);
const char *rpc_openrpc_method_name(const struct rpc_openrpc *doc, size_t index);

/*
 * Checks a call's params (an object, an array, or NULL for none) and gives them by name: a new
 * reference in *ret_params, always an object. An error is RPC_ERROR_RPC with code -32602 (-32601
 * when the method is not documented), a message naming the parameter and what is wrong with it, and
 * data {"param": "<path>"}, for example "env_vars.LANG" or "args[2]".
 */
int rpc_openrpc_check_params(const struct rpc_openrpc *doc, const char *method, json_t *params,
                             json_t **ret_params, struct rpc_error *err);

/* Checks a result against the method's result schema. RPC_ERROR_INVALID says where it differs. For
 * tests. */
int rpc_openrpc_check_result(const struct rpc_openrpc *doc, const char *method,
                             const json_t *result, struct rpc_error *err);

#endif
