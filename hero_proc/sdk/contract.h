/* contract.h - what one server's OpenRPC document says: which methods it has, what it calls them,
 * how their parameters nest, and which fields it lists. */
#ifndef PROC_SDK_CONTRACT_H
#define PROC_SDK_CONTRACT_H

#include "hero_proc_sdk/proc.h"

struct contract {
    json_t *document; /* owned; NULL: the server has none, so nothing is known */
    struct contract_method {
        const char *name;     /* NULL: the server has no such method; borrowed from the document */
        const json_t *schema; /* of the object of parameters, owned; NULL: nothing is known */
        const char *nest;     /* the parameter that takes the whole spec; NULL: flat */
    } methods[PROC_METHOD_COUNT];
};

/* Takes over the document, which may be NULL. Any JSON value is accepted; what is not a description
 * of methods has none. -1: out of memory. */
int contract_init(struct contract *contract, json_t *document);
void contract_done(struct contract *contract);

/* The names that a method may have, '|' between them; the first is ours. */
const char *contract_candidates(enum proc_method method);

/*
 * The parameters for a server, a new reference; NULL without memory. params: by our names, may be
 * NULL. Names of fields that it does not list are appended to `omitted`, ", " between them. Without
 * a document they are sent as they are, specs nested as ours are.
 */
json_t *contract_fit(const struct contract *contract, enum proc_method method, const json_t *params,
                     struct rpc_strbuf *omitted);

#endif
