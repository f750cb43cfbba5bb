/* schema_view.h - looking into JSON Schemas of foreign documents, as far as fitting a value needs.
 * Nothing is refused: what cannot be understood is a schema that says nothing. Everything returned
 * is borrowed from the document. */
#ifndef PROC_SDK_SCHEMA_VIEW_H
#define PROC_SDK_SCHEMA_VIEW_H

#include <jansson.h>
#include <stdbool.h>

/* Follows $ref into the document, and goes into anyOf, oneOf and allOf where only one alternative
 * is not null. NULL stays NULL. */
const json_t *schema_resolve(const json_t *document, const json_t *schema);
/* The schema of a member, looked for in all parts of an allOf; NULL: not listed. */
const json_t *schema_property(const json_t *document, const json_t *schema, const char *name);
/* Whether members that are not listed may be there: it says so, or it lists none at all. */
bool schema_allows_others(const json_t *document, const json_t *schema);
bool schema_is_object(const json_t *document, const json_t *schema);
/* Whether it says a type (or several), and this is one of them. */
bool schema_has_type(const json_t *document, const json_t *schema, const char *type);

#endif
