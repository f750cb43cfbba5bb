#include "hero_rpc/openrpc.h"
#include "hero_rpc/jsonrpc.h"
#include "schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parameter {
    const char *name;
    bool is_required;
    const struct schema *schema;
};

struct method {
    const char *name;
    struct parameter *params;
    size_t param_count;
    bool takes_names;
    bool takes_positions;
    const struct schema *result; /* NULL: a notification's method */
};

struct rpc_openrpc {
    char *text;
    size_t len;
    json_t *json;
    struct schema_set *schemas;
    struct method *methods;
    size_t method_count;
};

/* --- Reading the document --- */

static int refuse(struct rpc_error *err, const char *where, const char *what) {
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "OpenRPC document: %s: %s", where, what);
    return -1;
}

static int read_param(struct rpc_openrpc *doc, struct method *method, const json_t *json,
                      struct rpc_error *err) {
    struct parameter param = {
        .name = json_string_value(json_object_get(json, "name")),
        .is_required = json_is_true(json_object_get(json, "required")),
    };
    const json_t *schema = json_object_get(json, "schema");
    if (!param.name || !schema)
        return refuse(err, method->name, "each of params must have a name and a schema");
    for (size_t i = 0; i < method->param_count; i++)
        if (strcmp(method->params[i].name, param.name) == 0)
            return refuse(err, method->name, "two params have the same name");
    param.schema = schema_compile(doc->schemas, schema, param.name, err);
    if (!param.schema) return -1;
    method->params[method->param_count++] = param;
    return 0;
}

static int read_method(struct rpc_openrpc *doc, const json_t *json, struct rpc_error *err) {
    struct method *method = &doc->methods[doc->method_count];
    method->name = json_string_value(json_object_get(json, "name"));
    if (!method->name) return refuse(err, "methods", "each must have a name");
    for (size_t i = 0; i < doc->method_count; i++)
        if (strcmp(doc->methods[i].name, method->name) == 0)
            return refuse(err, method->name, "is there twice");
    doc->method_count++;

    const char *structure = json_string_value(json_object_get(json, "paramStructure"));
    method->takes_names = !structure || strcmp(structure, "by-position") != 0;
    method->takes_positions = !structure || strcmp(structure, "by-name") != 0;
    const json_t *params = json_object_get(json, "params");
    if (!json_is_array(params)) return refuse(err, method->name, "params must be an array");
    method->params = calloc(json_array_size(params) + 1, sizeof *method->params);
    if (!method->params) return refuse(err, method->name, "out of memory");
    for (size_t i = 0; i < json_array_size(params); i++)
        if (read_param(doc, method, json_array_get(params, i), err) != 0) return -1;

    const json_t *result = json_object_get(json, "result");
    if (!result) return 0;
    if (!json_object_get(result, "schema"))
        return refuse(err, method->name, "result lacks a schema");
    method->result = schema_compile(doc->schemas, json_object_get(result, "schema"), "result", err);
    return method->result ? 0 : -1;
}

static int read_document(struct rpc_openrpc *doc, struct rpc_error *err) {
    const json_t *info = json_object_get(doc->json, "info");
    const json_t *methods = json_object_get(doc->json, "methods");
    if (!json_is_string(json_object_get(doc->json, "openrpc")))
        return refuse(err, "openrpc", "the version is missing");
    if (!json_is_string(json_object_get(info, "title")) ||
        !json_is_string(json_object_get(info, "version")))
        return refuse(err, "info", "title and version are required");
    if (!json_is_array(methods)) return refuse(err, "methods", "must be an array");
    doc->schemas =
        schema_set_new(json_object_get(json_object_get(doc->json, "components"), "schemas"), err);
    if (!doc->schemas) return -1;
    doc->methods = calloc(json_array_size(methods) + 1, sizeof *doc->methods);
    if (!doc->methods) return refuse(err, "methods", "out of memory");
    for (size_t i = 0; i < json_array_size(methods); i++)
        if (read_method(doc, json_array_get(methods, i), err) != 0) return -1;
    return 0;
}

struct rpc_openrpc *rpc_openrpc_parse(const char *text, size_t len, struct rpc_error *err) {
    json_error_t where;
    struct rpc_openrpc *doc = calloc(1, sizeof *doc);
    if (!doc || !(doc->text = malloc(len + 1))) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        rpc_openrpc_free(doc);
        return NULL;
    }
    memcpy(doc->text, text, len);
    doc->text[len] = '\0';
    doc->len = len;
    doc->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    if (!doc->json)
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "OpenRPC document: line %d: %s", where.line,
                      where.text);
    else if (read_document(doc, err) == 0)
        return doc;
    rpc_openrpc_free(doc);
    return NULL;
}

void rpc_openrpc_free(struct rpc_openrpc *doc) {
    if (!doc) return;
    for (size_t i = 0; i < doc->method_count; i++)
        free(doc->methods[i].params);
    free(doc->methods);
    schema_set_free(doc->schemas);
    json_decref(doc->json);
    free(doc->text);
    free(doc);
}

const char *rpc_openrpc_text(const struct rpc_openrpc *doc, size_t *ret_len) {
    if (ret_len) *ret_len = doc->len;
    return doc->text;
}

const json_t *rpc_openrpc_json(const struct rpc_openrpc *doc) {
    return doc->json;
}
size_t rpc_openrpc_method_count(const struct rpc_openrpc *doc) {
    return doc->method_count;
}

const char *rpc_openrpc_method_name(const struct rpc_openrpc *doc, size_t index) {
    return index < doc->method_count ? doc->methods[index].name : NULL;
}

static const struct method *find_method(const struct rpc_openrpc *doc, const char *name) {
    for (size_t i = 0; i < doc->method_count; i++)
        if (strcmp(doc->methods[i].name, name) == 0) return &doc->methods[i];
    return NULL;
}

/* --- Params --- */

/* An error about one parameter; data names it for programs. */
static int __attribute__((format(printf, 3, 4)))
bad_param(struct rpc_error *err, const char *path, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rpc_error_vset(err, RPC_ERROR_RPC, RPC_INVALID_PARAMS, format, args);
    va_end(args);
    if (err && path) err->data = json_pack("{s:s}", "param", path);
    return -1;
}

static const struct parameter *find_param(const struct method *method, const char *name) {
    for (size_t i = 0; i < method->param_count; i++)
        if (strcmp(method->params[i].name, name) == 0) return &method->params[i];
    return NULL;
}

static int check_param(const struct parameter *param, const json_t *value, struct rpc_error *err) {
    struct schema_report report = {0};
    int result = 0;
    if (!schema_check(param->schema, param->name, value, &report)) {
        const char *path = rpc_strbuf_text(&report.path);
        if (report.is_unknown)
            result = bad_param(err, path, "unknown member \"%s\"", path);
        else
            result = bad_param(err, path, "parameter \"%s\" %s", path, report.message);
    }
    schema_report_done(&report);
    return result;
}

static int check_names(const struct method *method, json_t *params, struct rpc_error *err) {
    const char *name;
    json_t *value;
    json_object_foreach(params, name, value) {
        const struct parameter *param = find_param(method, name);
        if (!param) return bad_param(err, name, "unknown parameter \"%s\"", name);
        if (check_param(param, value, err) != 0) return -1;
    }
    for (size_t i = 0; i < method->param_count; i++) {
        const struct parameter *param = &method->params[i];
        if (param->is_required && !json_object_get(params, param->name))
            return bad_param(err, param->name, "parameter \"%s\" is required", param->name);
    }
    return 0;
}

/* Gives positions their names. A null for an optional parameter that cannot be null leaves it out,
 * which is the only way to reach the ones behind it. */
static json_t *name_positions(const struct method *method, const json_t *params,
                              struct rpc_error *err) {
    size_t count = json_array_size(params);
    if (count > method->param_count) {
        bad_param(err, NULL, "too many parameters: %zu, at most %zu", count, method->param_count);
        return NULL;
    }
    json_t *named = json_object();
    for (size_t i = 0; named && i < count; i++) {
        const struct parameter *param = &method->params[i];
        json_t *value = json_array_get(params, i);
        if (json_is_null(value) && !param->is_required &&
            !schema_check(param->schema, param->name, value, NULL))
            continue;
        if (json_object_set(named, param->name, value) != 0) {
            json_decref(named);
            named = NULL;
        }
    }
    if (!named) rpc_error_set(err, RPC_ERROR_RPC, RPC_INTERNAL_ERROR, "out of memory");
    return named;
}

int rpc_openrpc_check_params(const struct rpc_openrpc *doc, const char *name, json_t *params,
                             json_t **ret_params, struct rpc_error *err) {
    const struct method *method = find_method(doc, name);
    if (!method) {
        rpc_error_set(err, RPC_ERROR_RPC, RPC_METHOD_NOT_FOUND, "unknown method \"%s\"", name);
        return -1;
    }
    if (json_is_array(params) && !method->takes_positions)
        return bad_param(err, NULL, "%s takes its parameters by name", name);
    if (json_is_object(params) && !method->takes_names)
        return bad_param(err, NULL, "%s takes its parameters by position", name);
    json_t *named = params == NULL          ? json_object()
                    : json_is_array(params) ? name_positions(method, params, err)
                                            : json_incref(params);
    if (!named) return -1;
    if (check_names(method, named, err) != 0) {
        json_decref(named);
        return -1;
    }
    *ret_params = named;
    return 0;
}

int rpc_openrpc_check_result(const struct rpc_openrpc *doc, const char *name, const json_t *result,
                             struct rpc_error *err) {
    const struct method *method = find_method(doc, name);
    if (!method || !method->result) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "no result is documented for \"%s\"", name);
        return -1;
    }
    struct schema_report report = {0};
    bool is_valid = schema_check(method->result, "result", result, &report);
    if (!is_valid)
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: %s %s", name, rpc_strbuf_text(&report.path),
                      report.message);
    schema_report_done(&report);
    return is_valid ? 0 : -1;
}
