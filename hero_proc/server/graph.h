/* Dependencies between services: edges lead from a service to those that must be ready before it.
 */
#ifndef HERO_PROC_SERVER_GRAPH_H
#define HERO_PROC_SERVER_GRAPH_H

#include "server/spec.h"

#include <hero_rpc/strbuf.h>

/* The spec of a service by name; NULL when it is not known. */
typedef const struct service_spec *graph_lookup(void *ctx, const char *name);

/* Whether `spec`, in place of the service of that name, closes a circle by `requires` and `after`.
 * Then it is appended to `ret_cycle`: "a -> b -> a". */
bool graph_has_cycle(const struct service_spec *spec, graph_lookup *lookup, void *ctx,
                     struct rpc_strbuf *ret_cycle);

#endif
