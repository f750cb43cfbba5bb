#include "server/supervisor.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

struct action *action_find(struct supervisor *supervisor, const char *context, const char *name) {
    struct action *action;
    TAILQ_FOREACH(action, &supervisor->actions, link)
    if (strcmp(action->spec->name, name) == 0 && strcmp(action->spec->context, context) == 0)
        return action;
    return NULL;
}

struct action *action_put(struct supervisor *supervisor, struct action_spec *spec) {
    struct action *action = action_find(supervisor, spec->context, spec->name);
    if (action) {
        action_spec_unref(action->spec);
    } else {
        action = calloc(1, sizeof *action);
        if (!action) {
            action_spec_unref(spec);
            return NULL;
        }
        action->supervisor = supervisor;
        TAILQ_INSERT_TAIL(&supervisor->actions, action, link);
    }
    action->spec = spec;
    if (schedule_begin(action) == 0) return action;
    action_remove(action);
    return NULL;
}

void action_remove(struct action *action) {
    TAILQ_REMOVE(&action->supervisor->actions, action, link);
    if (action->timer) event_free(action->timer);
    action_spec_unref(action->spec);
    free(action);
}
