#include "server/graph.h"

#include <string.h>

#define DEPTH_MAX 1000

/* The way from the service that is being set to the one being looked at. */
struct step {
    const struct step *before;
    const char *name;
};

struct search {
    const char *goal;
    graph_lookup *lookup;
    void *ctx;
    json_t *seen; /* names that lead nowhere, as members */
    struct rpc_strbuf *cycle;
};

static bool visit(struct search *search, const struct service_spec *spec, const struct step *before,
                  unsigned depth);

static void tell(struct search *search, const struct step *step) {
    if (step->before) tell(search, step->before);
    rpc_strbuf_addf(search->cycle, "%s -> ", step->name);
}

static bool follow(struct search *search, const json_t *names, const struct step *step,
                   unsigned depth) {
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)names, index, entry) {
        const char *name = json_string_value(entry);
        if (!name) continue;
        if (strcmp(name, search->goal) == 0) {
            tell(search, step);
            rpc_strbuf_add_text(search->cycle, name);
            return true;
        }
        if (json_object_get(search->seen, name)) continue;
        json_object_set_new(search->seen, name, json_true());
        const struct service_spec *next = search->lookup(search->ctx, name);
        if (next && visit(search, next, step, depth + 1)) return true;
    }
    return false;
}

static bool visit(struct search *search, const struct service_spec *spec, const struct step *before,
                  unsigned depth) {
    struct step step = {before, spec->name};
    if (depth > DEPTH_MAX) return false;
    return follow(search, spec->requires, &step, depth) ||
           follow(search, spec->after, &step, depth);
}

bool graph_has_cycle(const struct service_spec *spec, graph_lookup *lookup, void *ctx,
                     struct rpc_strbuf *ret_cycle) {
    struct search search = {spec->name, lookup, ctx, json_object(), ret_cycle};
    bool found = visit(&search, spec, NULL, 0);
    json_decref(search.seen);
    return found;
}
