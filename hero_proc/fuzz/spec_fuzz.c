/* Any JSON as a stored action, service and job command line; what is accepted is accepted again. */
#include "server/command_line.h"
#include "server/spec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_action(const json_t *json) {
    struct action_spec *spec = action_spec_parse(json, NULL);
    if (!spec) return;
    struct action_spec *again = action_spec_parse(spec->json, NULL);
    if (!again) abort();
    free(command_line_split(spec->script, NULL));
    action_spec_unref(again);
    action_spec_unref(spec);
}

static void try_service(const json_t *json) {
    struct service_spec *spec = service_spec_parse(json, NULL);
    if (!spec) return;
    struct service_spec *again = service_spec_parse(spec->json, NULL);
    if (!again) abort();
    service_spec_unref(again);
    service_spec_unref(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *json = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    if (!json) return 0;
    try_action(json);
    try_service(json);
    json_decref(json);
    return 0;
}
