/*
 * JSON Schema, the subset named in openrpc.h: schemas are compiled once, values checked often.
 */
#ifndef HERO_RPC_SCHEMA_H
#define HERO_RPC_SCHEMA_H

#include "hero_rpc/error.h"
#include "hero_rpc/strbuf.h"

struct schema;

/* Owns all schemas of a document. */
struct schema_set;

/* components: the object "#/components/schemas", or NULL; borrowed for the set's life. */
struct schema_set *schema_set_new(const json_t *components, struct rpc_error *err);
void schema_set_free(struct schema_set *set);

/* Compiles one; `where` is its place in the document, for the error (RPC_ERROR_INVALID). The JSON
 * must live as long as the set. */
const struct schema *schema_compile(struct schema_set *set, const json_t *json, const char *where,
                                    struct rpc_error *err);

/* Where and why a value is not valid. */
struct schema_report {
    struct rpc_strbuf path; /* "env_vars.LANG", "args[2]" */
    bool is_unknown;        /* a member that the schema does not know */
    bool is_missing;        /* a required member is not there */
    char message[160];      /* "must be a string, not an integer" */
};

/* Checks a value; the report's path begins with `name`. The report must be empty at first and is
 * released with schema_report_done. */
bool schema_check(const struct schema *schema, const char *name, const json_t *value,
                  struct schema_report *report);
void schema_report_done(struct schema_report *report);

#endif
