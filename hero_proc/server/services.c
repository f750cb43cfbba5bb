/* services.c - one service: its state, and what is done to bring it where it should be. */
#include "server/registry.h"

#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_RESTARTS_MAX 10

static const char *const state_names[] = {
    [SERVICE_INACTIVE] = "inactive", [SERVICE_BLOCKED] = "blocked",
    [SERVICE_STARTING] = "starting", [SERVICE_RUNNING] = "running",
    [SERVICE_DEGRADED] = "degraded", [SERVICE_STOPPING] = "stopping",
    [SERVICE_EXITED] = "exited",     [SERVICE_SUCCESS] = "success",
    [SERVICE_FAILED] = "failed",     [SERVICE_UNKNOWN] = "unknown",
};

const char *service_state_name(enum service_state state) {
    return state_names[state];
}

/* ---- Its jobs ---------------------------------------------------------------------------- */

bool service_has_live_jobs(const struct service *service) {
    for (size_t i = 0; i < service->job_count; i++)
        if (!job_has_ended(service->jobs[i])) return true;
    return false;
}

void service_forget_jobs(struct service *service) {
    health_stop(service->probe);
    service->probe = NULL;
    service->is_probe_ready = service->is_probe_failing = false;
    for (size_t i = 0; i < service->job_count; i++)
        supervisor_let_go(service->supervisor, service->jobs[i]);
    service->job_count = 0;
}

void service_free(struct service *service) {
    health_stop(service->probe);
    service_spec_unref(service->spec);
    free(service);
}

/* ---- State ------------------------------------------------------------------------------- */

/* What a job makes of its service; of several the first in this order counts. */
static const struct {
    enum job_state job;
    enum service_state service;
} worst_first[] = {
    {JOB_STOPPING, SERVICE_STOPPING}, {JOB_UNKNOWN, SERVICE_UNKNOWN},
    {JOB_FAILED, SERVICE_FAILED},     {JOB_DEGRADED, SERVICE_DEGRADED},
    {JOB_BACKOFF, SERVICE_STARTING},  {JOB_STARTING, SERVICE_STARTING},
    {JOB_CLEARING, SERVICE_STARTING}, {JOB_PENDING, SERVICE_STARTING},
    {JOB_RUNNING, SERVICE_RUNNING},   {JOB_CANCELLED, SERVICE_EXITED},
    {JOB_SUCCEEDED, SERVICE_SUCCESS},
};

static const struct job *worst_job(const struct service *service, enum service_state *ret_state) {
    for (size_t rank = 0; rank < sizeof worst_first / sizeof worst_first[0]; rank++)
        for (size_t i = 0; i < service->job_count; i++) {
            if (service->jobs[i]->state != worst_first[rank].job) continue;
            *ret_state = worst_first[rank].service;
            return service->jobs[i];
        }
    *ret_state = service->has_run ? SERVICE_EXITED : SERVICE_INACTIVE;
    return NULL;
}

enum service_state service_work_out_state(const struct service *service) {
    enum service_state state;
    worst_job(service, &state);
    bool is_live = service_has_live_jobs(service);
    if (service->is_restarting && is_live) return SERVICE_STOPPING;
    if (state == SERVICE_RUNNING && service->spec->probe.target) {
        if (!service->is_probe_ready) return SERVICE_STARTING;
        if (service->is_probe_failing) return SERVICE_DEGRADED;
    }
    bool waits = service->wanted == WANTED_START && !service->is_started && !is_live;
    if (waits && *service->refusal) return SERVICE_FAILED;
    return waits ? SERVICE_BLOCKED : state;
}

bool service_is_ready(const struct service *service) {
    return service->state == SERVICE_RUNNING || service->state == SERVICE_DEGRADED ||
           service->state == SERVICE_SUCCESS;
}

/* ---- Dependencies ------------------------------------------------------------------------ */

static const char *name_at(const json_t *names, size_t index) {
    const char *name = json_string_value(json_array_get(names, index));
    return name ? name : "";
}

static bool names_contain(const json_t *names, const char *name) {
    for (size_t i = 0; i < json_array_size(names); i++)
        if (strcmp(name_at(names, i), name) == 0) return true;
    return false;
}

/* A requirement that is not there, or that nobody wants to run; NULL: there is none such. */
static const char *find_unwanted(const struct service *service, bool *ret_is_known) {
    const json_t *requires = service->spec->requires;
    for (size_t i = 0; i < json_array_size(requires); i++) {
        const char *name = name_at(requires, i);
        if (strcmp(name, SUPERVISOR_OWN_NAME) == 0) continue;
        const struct service *other =
            registry_find_service(service->supervisor, service->spec->context, name);
        *ret_is_known = other;
        if (!other || other->wanted != WANTED_START) return name;
    }
    return NULL;
}

/* Who runs now although both may not. */
static const struct service *find_conflict(const struct service *service) {
    const struct service *other;
    LIST_FOREACH(other, &service->supervisor->services, link) {
        if (other == service || !service_has_live_jobs(other)) continue;
        if (strcmp(other->spec->context, service->spec->context) != 0) continue;
        if (names_contain(service->spec->conflicts, other->spec->name)) return other;
    }
    return NULL;
}

/* Whom it has to wait for before it begins; NULL: for nobody. */
static const char *find_not_ready(const struct service *service) {
    const json_t *lists[] = {service->spec->requires, service->spec->after};
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < json_array_size(lists[list]); i++) {
            const char *name = name_at(lists[list], i);
            const struct service *other =
                registry_find_service(service->supervisor, service->spec->context, name);
            if (!other || strcmp(name, SUPERVISOR_OWN_NAME) == 0 || service_is_ready(other)) continue;
            /* `after` is an order only: what is not wanted, or has failed, is not waited for. */
            bool is_order_only = list == 1;
            bool is_settled = other->wanted != WANTED_START || other->state == SERVICE_FAILED;
            if (!is_order_only || !is_settled) return name;
        }
    return NULL;
}

static bool has_live_dependents(const struct service *service) {
    const struct service *other;
    LIST_FOREACH(other, &service->supervisor->services, link) {
        if (other == service || !service_has_live_jobs(other)) continue;
        if (strcmp(other->spec->context, service->spec->context) == 0 &&
            names_contain(other->spec->requires, service->spec->name))
            return true;
    }
    return false;
}

static bool should_run(const struct service *service) {
    bool is_known;
    if (service->supervisor->is_stopping || service->is_restarting) return false;
    if (service->wanted == WANTED_IGNORE) return service_has_live_jobs(service);
    return service->wanted == WANTED_START && !find_unwanted(service, &is_known);
}

/* ---- The probe of the whole --------------------------------------------------------------- */

static void on_probe_ready(void *ctx) {
    struct service *service = ctx;
    service->is_probe_ready = true;
    supervisor_evaluate_later(service->supervisor);
}

static void on_probe_result(void *ctx, const struct check_spec *check, const char *why,
                            int64_t failures) {
    struct service *service = ctx;
    service->is_probe_failing = why;
    snprintf(service->probe_why, sizeof service->probe_why, "%s", why ? why : "");
    bool is_over = failures >= check->failures && service->probe_restarts < PROBE_RESTARTS_MAX;
    if (is_over && service->wanted == WANTED_START) {
        service->probe_restarts++;
        service->is_restarting = true;
    }
    supervisor_evaluate_later(service->supervisor);
}

static void evaluate_probe(struct service *service) {
    static const struct health_ops ops = {.ready = on_probe_ready, .result = on_probe_result};
    enum service_state state;
    if (!service->spec->probe.target) return;
    worst_job(service, &state);
    bool is_wanted = state == SERVICE_RUNNING && !service->is_restarting;
    if (is_wanted && !service->probe) {
        service->probe = health_start(service->supervisor->options.base, &service->spec->probe, 1,
                                      &ops, service);
    } else if (!is_wanted && service->probe) {
        health_stop(service->probe);
        service->probe = NULL;
        service->is_probe_ready = service->is_probe_failing = false;
    }
}

/* ---- Starting and stopping ---------------------------------------------------------------- */

static int add_jobs(struct service *service, struct rpc_error *err) {
    struct supervisor *supervisor = service->supervisor;
    const json_t *names = service->spec->actions;
    if (json_array_size(names) == 0) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "it has no actions");
        return -1;
    }
    for (size_t i = 0; i < json_array_size(names) && i < SERVICE_JOBS_MAX; i++) {
        const struct action *action =
            registry_find_action(supervisor, service->spec->context, name_at(names, i));
        if (!action) {
            rpc_error_set(err, RPC_ERROR_INVALID, 0, "its action \"%s\" is not set",
                          name_at(names, i));
            return -1;
        }
        struct job *job = supervisor_add_job(supervisor, action->spec, service->spec->name,
                                             service->run, NULL, err);
        if (!job) return -1;
        service->jobs[service->job_count++] = job;
    }
    return 0;
}

/* It has a run of its own from now on. */
static void start_run(struct service *service) {
    struct supervisor *supervisor = service->supervisor;
    struct rpc_error err = {0};
    service_forget_jobs(service);
    service->run = ++supervisor->last_run;
    service->has_run = true;
    service->refusal[0] = '\0';
    if (add_jobs(service, &err) < 0) {
        snprintf(service->refusal, sizeof service->refusal, "%s", err.message);
        for (size_t i = 0; i < service->job_count; i++)
            state_db_delete_job(supervisor->options.db, service->jobs[i]->id);
        service_forget_jobs(service);
        service->run = 0;
    } else {
        state_db_put_run(supervisor->options.db, service->run, service->spec->name,
                         rpc_clock_wall_ms(), NULL);
        service->is_started = true;
    }
    rpc_error_clear(&err);
}

static bool evaluate_start(struct service *service) {
    bool is_due = !service->is_started && !*service->refusal && !service_has_live_jobs(service);
    if (!is_due || find_not_ready(service) || find_conflict(service)) return false;
    start_run(service);
    return true;
}

static bool evaluate_stop(struct service *service) {
    bool has_changed = false;
    if (!service_has_live_jobs(service)) {
        has_changed = service->is_started || service->is_restarting;
        if (service->supervisor->is_stopping) return false;
        service->is_started = service->is_restarting = false;
        return has_changed;
    }
    bool waits_for_others = !service->is_restarting && has_live_dependents(service);
    for (size_t i = 0; i < service->job_count && !waits_for_others; i++) {
        struct job *job = service->jobs[i];
        if (job_has_ended(job) || job->state == JOB_STOPPING) continue;
        job_cancel(job);
        has_changed = true;
    }
    return has_changed;
}

bool service_evaluate(struct service *service) {
    enum service_state before = service->state;
    evaluate_probe(service);
    bool has_changed = should_run(service) ? evaluate_start(service) : evaluate_stop(service);
    service->state = service_work_out_state(service);
    if (service->state != before) service->since_ms = rpc_clock_wall_ms();
    return has_changed || service->state != before;
}

/* ---- In words ---------------------------------------------------------------------------- */

static void explain_blocked(const struct service *service, char *out, size_t size) {
    bool is_known;
    const char *unwanted = find_unwanted(service, &is_known);
    const char *not_ready = find_not_ready(service);
    const struct service *conflict = find_conflict(service);
    if (unwanted)
        snprintf(out, size, is_known ? "it requires %s, which is not wanted to run"
                                     : "it requires %s, which is not known", unwanted);
    else if (not_ready)
        snprintf(out, size, "it waits for %s, which is not ready", not_ready);
    else if (conflict)
        snprintf(out, size, "it waits for the end of %s, with which it conflicts",
                 conflict->spec->name);
    else
        snprintf(out, size, "it is about to start");
}

void service_explain(const struct service *service, char *out, size_t size) {
    enum service_state unused;
    const struct job *worst = worst_job(service, &unused);
    switch (service->state) {
    case SERVICE_INACTIVE: snprintf(out, size, "it has not been started"); return;
    case SERVICE_BLOCKED: explain_blocked(service, out, size); return;
    case SERVICE_FAILED:
        if (!*service->refusal) break;
        snprintf(out, size, "it cannot be started: %s", service->refusal);
        return;
    case SERVICE_EXITED:
        snprintf(out, size, service->wanted == WANTED_START ? "it has ended"
                                                            : "it was stopped on request");
        return;
    case SERVICE_STOPPING:
        if (!has_live_dependents(service)) break;
        snprintf(out, size, "it waits for the end of those that require it");
        return;
    case SERVICE_STARTING:
    case SERVICE_DEGRADED:
        if (!worst || worst->state != JOB_RUNNING) break;
        snprintf(out, size, service->is_probe_ready ? "its probe fails: %s"
                                                    : "its probe has not passed yet%s",
                 service->probe_why);
        return;
    default: break;
    }
    if (worst)
        job_explain(worst, out, size);
    else
        snprintf(out, size, "it is %s", service_state_name(service->state));
}
