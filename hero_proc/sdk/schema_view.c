#include "schema_view.h"

#include "hero_proc_sdk/lenient.h"

#include <string.h>

/* A document may refer in a circle, and an allOf have parts that are allOfs. */
#define DEPTH_MAX 16
#define PARTS_DEPTH_MAX 3
#define PARTS_MAX 16

/* "#/components/schemas/ServiceSpec" (RFC 6901, without escapes: no name of a schema has them). */
static const json_t *follow_reference(const json_t *document, const char *reference) {
    const json_t *at = document;
    if (strncmp(reference, "#/", 2) != 0) return NULL;
    const char *name = reference + 2;
    for (size_t len; at; name += len + 1) {
        len = strcspn(name, "/");
        at = json_object_getn(at, name, len);
        if (!name[len]) break;
    }
    return at;
}

/* The only alternative that is not the type null; NULL when there are several. */
static const json_t *only_alternative(const json_t *alternatives) {
    const json_t *found = NULL;
    size_t index;
    json_t *alternative;
    json_array_foreach((json_t *)(uintptr_t)alternatives, index, alternative) {
        const char *type = lenient_text(alternative, "type");
        if (type && strcmp(type, "null") == 0) continue;
        if (found) return NULL;
        found = alternative;
    }
    return found;
}

const json_t *schema_resolve(const json_t *document, const json_t *schema) {
    for (int depth = 0; schema && depth < DEPTH_MAX; depth++) {
        const char *reference = lenient_text(schema, "$ref");
        const json_t *next = reference
                                 ? follow_reference(document, reference)
                                 : only_alternative(lenient_array(schema, "anyOf|oneOf|allOf"));
        if (!next) return reference ? NULL : schema;
        if (!reference && json_object_get(schema, "properties")) return schema;
        schema = next;
    }
    return schema;
}

static const json_t *find_property(const json_t *document, const json_t *schema, const char *name,
                                   int depth) {
    schema = schema_resolve(document, schema);
    const json_t *found = json_object_get(json_object_get(schema, "properties"), name);
    size_t index;
    json_t *part;
    if (found || depth >= PARTS_DEPTH_MAX) return found;
    json_array_foreach(json_object_get(schema, "allOf"), index, part)
        if (index < PARTS_MAX && (found = find_property(document, part, name, depth + 1)))
            return found;
    return NULL;
}

const json_t *schema_property(const json_t *document, const json_t *schema, const char *name) {
    return find_property(document, schema, name, 0);
}

bool schema_allows_others(const json_t *document, const json_t *schema) {
    schema = schema_resolve(document, schema);
    const json_t *others = json_object_get(schema, "additionalProperties");
    if (others) return !json_is_false(others);
    return !json_object_size(json_object_get(schema, "properties")) &&
           !lenient_array(schema, "allOf|anyOf|oneOf");
}

bool schema_has_type(const json_t *document, const json_t *schema, const char *type) {
    const json_t *types = json_object_get(schema_resolve(document, schema), "type");
    size_t index;
    json_t *one;
    if (json_is_string(types)) return strcmp(json_string_value(types), type) == 0;
    json_array_foreach((json_t *)(uintptr_t)types, index, one)
        if (json_is_string(one) && strcmp(json_string_value(one), type) == 0) return true;
    return false;
}

bool schema_is_object(const json_t *document, const json_t *schema) {
    const json_t *resolved = schema_resolve(document, schema);
    return schema_has_type(document, resolved, "object") || json_object_get(resolved, "properties");
}
