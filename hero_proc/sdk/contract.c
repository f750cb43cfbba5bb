#include "contract.h"

#include "fit.h"
#include "hero_proc_sdk/lenient.h"
#include "schema_view.h"

#include <string.h>

/* What each method may be called, and the parameter in which its whole argument may be wrapped. */
static const struct method_rule {
    const char *candidates;
    const char *nests;
} rules[PROC_METHOD_COUNT] = {
#define SPEC_NESTS "config|spec|service|action|params|input"
#define CALL_NESTS "params|input|request|args"
    [PROC_SERVICE_SET] = {"service.set|service.put|service.create|service.add|service.upsert",
                          SPEC_NESTS},
    [PROC_SERVICE_GET] = {"service.get", CALL_NESTS},
    [PROC_SERVICE_LIST] = {"service.list|service.list_full|services.list", CALL_NESTS},
    [PROC_SERVICE_STATUS] = {"service.status|service.status_full|service.state", CALL_NESTS},
    [PROC_SERVICE_START] = {"service.start", CALL_NESTS},
    [PROC_SERVICE_STOP] = {"service.stop", CALL_NESTS},
    [PROC_SERVICE_RESTART] = {"service.restart", CALL_NESTS},
    [PROC_SERVICE_DELETE] = {"service.delete|service.remove", CALL_NESTS},
    [PROC_SERVICE_WHY] = {"service.why|service.explain", CALL_NESTS},
    [PROC_ACTION_SET] = {"action.set|action.put|action.create|action.add|action.upsert",
                         SPEC_NESTS},
    [PROC_ACTION_GET] = {"action.get", CALL_NESTS},
    [PROC_ACTION_LIST] = {"action.list|actions.list", CALL_NESTS},
    [PROC_ACTION_DELETE] = {"action.delete|action.remove", CALL_NESTS},
    [PROC_ACTION_CLEAN_BY_TAG] = {"action.clean_by_tag", CALL_NESTS},
    [PROC_JOB_CREATE] = {"job.create|job.submit|job.run|job.add", CALL_NESTS "|job|config"},
    [PROC_JOB_GET] = {"job.get|job.status", CALL_NESTS},
    [PROC_JOB_LIST] = {"job.list|jobs.list", CALL_NESTS "|filter"},
    [PROC_JOB_LOGS] = {"job.logs|job.log|job.output", CALL_NESTS},
    [PROC_JOB_CANCEL] = {"job.cancel|job.stop|job.kill", CALL_NESTS},
    [PROC_JOB_RETRY] = {"job.retry", CALL_NESTS},
    [PROC_JOB_DELETE] = {"job.delete|job.remove", CALL_NESTS},
    [PROC_RUN_SUBMIT] = {"run.submit|run.create|run.set", CALL_NESTS "|run|config"},
    [PROC_RUN_GET] = {"run.get|run.status", CALL_NESTS},
    [PROC_RUN_LIST] = {"run.list|runs.list", CALL_NESTS "|filter"},
    [PROC_RUN_JOBS] = {"run.jobs", CALL_NESTS},
    [PROC_RUN_CANCEL] = {"run.cancel|run.stop", CALL_NESTS},
    [PROC_RUN_DELETE] = {"run.delete|run.remove", CALL_NESTS},
    [PROC_LOGS_INSERT] = {"logs.insert|log.insert|logs.add|log.add", CALL_NESTS},
    [PROC_LOGS_LIST] = {"logs.list|log.list|logs.filter|logs.get|log.filter|log.get",
                        CALL_NESTS "|filter|query"},
    [PROC_LOGS_SOURCES] = {"logs.sources|log.sources", CALL_NESTS},
    [PROC_SECRET_SET] = {"secret.set|secrets.set|secret.create|secrets.create|secret.put",
                         CALL_NESTS "|secret"},
    [PROC_SECRET_GET] = {"secret.get|secrets.get", CALL_NESTS},
    [PROC_SECRET_LIST] = {"secret.list|secrets.list", CALL_NESTS},
    [PROC_SECRET_DELETE] = {"secret.delete|secrets.delete|secret.remove", CALL_NESTS},
    [PROC_SHUTDOWN] = {"system.shutdown|server.shutdown|shutdown", CALL_NESTS},
};

/* How our own daemon takes a spec, for a server that has no document. */
static const char *const default_nests[PROC_METHOD_COUNT] = {
    [PROC_SERVICE_SET] = "config",
    [PROC_ACTION_SET] = "spec",
};

const char *contract_candidates(enum proc_method method) {
    return rules[method].candidates;
}

/* ---- Reading the document --------------------------------------------------------------- */

struct search {
    const json_t *document;
    const json_t *method;
};

static bool find_method(void *ctx, const char *name, size_t len) {
    struct search *search = ctx;
    size_t index;
    json_t *method;
    json_array_foreach(json_object_get(search->document, "methods"), index, method) {
        const char *has = lenient_text(method, "name");
        if (!has || strlen(has) != len || memcmp(has, name, len) != 0) continue;
        search->method = method;
        return true;
    }
    return false;
}

/* The parameters of a method as the schema of one object. */
static json_t *schema_of_params(const json_t *document, const json_t *method) {
    json_t *properties = json_object(), *required = json_array(), *param;
    size_t index;
    json_array_foreach(json_object_get(method, "params"), index, param) {
        const json_t *described = schema_resolve(document, param);
        const char *name = lenient_text(described, "name");
        json_t *schema = json_object_get(described, "schema");
        if (!name) continue;
        if (schema)
            json_object_set(properties, name, schema);
        else
            json_object_set_new(properties, name, json_object());
        if (json_is_true(json_object_get(described, "required")))
            json_array_append_new(required, json_string(name));
    }
    return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties, "required",
                     required, "additionalProperties", false);
}

struct nesting {
    const json_t *document, *schema;
    const char *found;
};

static bool find_nest(void *ctx, const char *name, size_t len) {
    struct nesting *nesting = ctx;
    json_t *property, *properties = json_object_get(nesting->schema, "properties");
    const char *key;
    json_object_foreach(properties, key, property) {
        if (strlen(key) != len || memcmp(key, name, len) != 0) continue;
        if (!schema_is_object(nesting->document, property)) continue;
        nesting->found = key;
        return true;
    }
    return false;
}

int contract_init(struct contract *contract, json_t *document) {
    *contract = (struct contract){.document = document};
    for (int i = 0; i < PROC_METHOD_COUNT; i++) {
        struct contract_method *method = &contract->methods[i];
        struct search search = {document, NULL};
        if (!document || !lenient_each(rules[i].candidates, find_method, &search)) continue;
        method->name = lenient_text(search.method, "name");
        method->schema = schema_of_params(document, search.method);
        if (!method->schema) {
            contract_done(contract);
            return -1;
        }
        struct nesting nesting = {document, method->schema, NULL};
        lenient_each(rules[i].nests, find_nest, &nesting);
        method->nest = nesting.found;
    }
    return 0;
}

void contract_done(struct contract *contract) {
    for (int i = 0; i < PROC_METHOD_COUNT; i++)
        json_decref((json_t *)(uintptr_t)contract->methods[i].schema);
    json_decref(contract->document);
    *contract = (struct contract){0};
}

/* ---- Parameters ------------------------------------------------------------------------- */

/* Parameters that a server requires beside the spec repeat a part of it: its name, for one. */
static void add_siblings(const struct contract_method *method, const json_t *params, json_t *out) {
    size_t index;
    json_t *name;
    json_array_foreach(json_object_get(method->schema, "required"), index, name) {
        json_t *value = json_object_get(params, json_string_value(name));
        if (value && !json_object_get(out, json_string_value(name)))
            json_object_set(out, json_string_value(name), value);
    }
}

static json_t *fit_nested(const struct contract *contract, const struct contract_method *method,
                          const json_t *params, struct rpc_strbuf *omitted) {
    const json_t *inner =
        json_object_get(json_object_get(method->schema, "properties"), method->nest);
    json_t *fitted = fit_value(contract->document, inner, params, "", omitted);
    json_t *out = fitted ? json_pack("{s:o}", method->nest, fitted) : NULL;
    if (out) add_siblings(method, params, out);
    return out;
}

json_t *contract_fit(const struct contract *contract, enum proc_method which, const json_t *params,
                     struct rpc_strbuf *omitted) {
    const struct contract_method *method = &contract->methods[which];
    json_t *empty = params ? NULL : json_object(), *fitted;
    if (!params) params = empty;
    if (!contract->document) {
        json_t *copy = json_deep_copy(params);
        fitted =
            copy && default_nests[which] ? json_pack("{s:o}", default_nests[which], copy) : copy;
    } else if (method->nest)
        fitted = fit_nested(contract, method, params, omitted);
    else
        fitted = fit_value(contract->document, method->schema, params, "", omitted);
    json_decref(empty);
    return fitted;
}
