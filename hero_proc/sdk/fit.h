/* fit.h - a value of ours as a schema of a foreign document wants it. */
#ifndef PROC_SDK_FIT_H
#define PROC_SDK_FIT_H

#include <hero_rpc/strbuf.h>

/*
 * A new reference; NULL without memory. Members go under the name that the schema lists (also one
 * of several known spellings, or inside another object), in its unit and in its form: a record of
 * variables as a list of "NAME=value", one value where a list is not wanted, an enumerated word in
 * its spelling. A member for which there is no place is left out, and its path (path "" at the top)
 * is appended to `omitted`. schema NULL: nothing is known, the value stays as it is.
 */
json_t *fit_value(const json_t *document, const json_t *schema, const json_t *value,
                  const char *path, struct rpc_strbuf *omitted);

#endif
