/* Bringing what is together with what is wanted; see supervisor.h. */
#include "server/supervisor.h"

#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_own(const char *name) {
    return strcmp(name, SUPERVISOR_OWN_NAME) == 0;
}

static struct service *find_named(const struct service *service, const json_t *entry) {
    const char *name = json_string_value(entry);
    if (!name) return NULL;
    return service_find(service->supervisor, service->spec->context, name);
}

static bool lists(const json_t *names, const char *name) {
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)names, index, entry)
        if (json_is_string(entry) && strcmp(json_string_value(entry), name) == 0) return true;
    return false;
}

/* ---- May it go on? ------------------------------------------------------------------------ */

static bool may_stay(struct service *service) {
    struct supervisor *supervisor = service->supervisor;
    if (service->pass == supervisor->pass) return service->may_stay;
    service->pass = supervisor->pass;
    service->may_stay =
        service->asked && !service->bounce && !service->is_deleted && !supervisor->is_ending;
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)service->spec->requires, index, entry) {
        struct service *required = find_named(service, entry);
        if (required && required != service && !may_stay(required)) service->may_stay = false;
    }
    return service->may_stay;
}

static bool has_active_dependents(const struct service *service) {
    const struct service *other;
    TAILQ_FOREACH(other, &service->supervisor->services, link)
    if (other != service && service_is_active(other) &&
        strcmp(other->spec->context, service->spec->context) == 0 &&
        lists(other->spec->requires, service->spec->name))
        return true;
    return false;
}

/* Those that require it have gone before. */
static void take_down(struct service *service) {
    const char *why = "it was stopped";
    if (service->supervisor->is_ending) {
        why = "hero_proc was shut down";
        /* The next daemon starts it. */
        if (service->begun) {
            service->begun = false;
            service_store(service, NULL, NULL);
        }
    } else if (service->asked && !service->bounce && !service->is_deleted) {
        why = "it was stopped because something it requires was";
        service->is_cut = true;
    }
    for (size_t i = 0; i < service->job_count; i++) {
        struct job *job = service->jobs[i];
        if (job->state != JOB_STOPPING && !job_state_is_final(job->state)) job_stop(job, why);
    }
}

/* ---- May it begin? ------------------------------------------------------------------------ */

static bool is_under_way(const struct service *service) {
    enum service_state state = service_state(service);
    return state == SERVICE_BLOCKED || state == SERVICE_STARTING || state == SERVICE_STOPPING ||
           state == SERVICE_UNKNOWN;
}

static bool waits_for_required(struct service *service) {
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)service->spec->requires, index, entry) {
        const char *name = json_string_value(entry);
        struct service *required = find_named(service, entry);
        if (!name || is_own(name)) continue;
        /* One that is about to stop does not count as ready. */
        if (required && service_is_ready(required) && may_stay(required)) continue;
        snprintf(service->why_not, sizeof service->why_not, "it requires %.128s, which is %s", name,
                 required ? service_state_name(service_state(required)) : "not known");
        return true;
    }
    return false;
}

static bool waits_for_earlier(struct service *service) {
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)service->spec->after, index, entry) {
        const struct service *earlier = find_named(service, entry);
        if (!earlier || earlier == service || !is_under_way(earlier)) continue;
        snprintf(service->why_not, sizeof service->why_not, "it comes after %.128s, which is %s",
                 earlier->spec->name, service_state_name(service_state(earlier)));
        return true;
    }
    return false;
}

static bool is_in_conflict(struct service *service) {
    const struct service *other;
    TAILQ_FOREACH(other, &service->supervisor->services, link) {
        if (other == service || !service_is_active(other)) continue;
        if (!lists(service->spec->conflicts, other->spec->name) &&
            !lists(other->spec->conflicts, service->spec->name))
            continue;
        snprintf(service->why_not, sizeof service->why_not, "it conflicts with %.128s, which is %s",
                 other->spec->name, service_state_name(service_state(other)));
        return true;
    }
    return false;
}

/* ---- Beginning ---------------------------------------------------------------------------- */

static bool make_jobs(struct service *service, const struct run *run) {
    struct supervisor *supervisor = service->supervisor;
    size_t count = json_array_size(service->spec->actions);
    struct job **jobs = calloc(count + 1, sizeof(struct job *));
    if (!jobs) return false;
    free(service->jobs);
    service->jobs = jobs;
    service->job_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(service->spec->actions, i));
        const struct action *action = action_find(supervisor, service->spec->context, name);
        struct job_request request = {
            .spec = action->spec, .service = service->spec, .run_id = run->id};
        struct job *job = job_create(supervisor, &request);
        if (job) service->jobs[service->job_count++] = job;
    }
    return service->job_count == count;
}

static bool knows_its_actions(struct service *service) {
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)service->spec->actions, index, entry) {
        const char *name = json_string_value(entry);
        if (name && action_find(service->supervisor, service->spec->context, name)) continue;
        snprintf(service->why_not, sizeof service->why_not, "its action %.128s is not known",
                 name ? name : "?");
        return false;
    }
    return true;
}

static void begin(struct service *service) {
    struct supervisor *supervisor = service->supervisor;
    service->begun = true;
    *service->why_not = '\0';
    if (knows_its_actions(service)) {
        struct run *run = run_create(supervisor, service->spec->context, service->spec->name);
        service->run_id = run ? run->id : 0;
        if (!run || !make_jobs(service, run))
            snprintf(service->why_not, sizeof service->why_not, "out of memory");
    }
    service_store(service, NULL, NULL);
    supervisor_reconcile_later(supervisor);
}

static void reconcile(struct service *service) {
    if (service_is_active(service)) {
        if (!may_stay(service) && !has_active_dependents(service)) take_down(service);
        return;
    }
    if (service->bounce || service->is_cut) service->begun = false;
    service->bounce = service->is_cut = false;
    if (!service->asked || service->begun || service->is_deleted || service->supervisor->is_ending)
        return;
    if (!waits_for_required(service) && !waits_for_earlier(service) && !is_in_conflict(service))
        begin(service);
}

/* ---- Jobs --------------------------------------------------------------------------------- */

static const char *name_of_dependency(const json_t *entry) {
    if (json_is_string(entry)) return json_string_value(entry);
    const char *name = json_string_value(json_object_get(entry, "action"));
    return name ? name : json_string_value(json_object_get(entry, "name"));
}

static struct job *find_in_run(const struct supervisor *supervisor, const struct job *job,
                               const char *name) {
    struct job *other;
    TAILQ_FOREACH(other, &supervisor->jobs, link)
    if (other != job && other->run_id == job->run_id && job->run_id != 0 &&
        strcmp(other->spec->name, name) == 0)
        return other;
    return NULL;
}

/* A job begins when those of its run that it depends on are ready, or have ended well. */
static void advance(struct supervisor *supervisor, struct job *job) {
    size_t index;
    json_t *entry;
    char why[256];
    json_array_foreach(json_object_get(job->spec->json, "depends_on"), index, entry) {
        const char *name = name_of_dependency(entry);
        if (!name) continue;
        const struct job *earlier = find_in_run(supervisor, job, name);
        if (earlier && (earlier->state == JOB_SUCCEEDED ||
                        (earlier->spec->is_process && earlier->state == JOB_RUNNING)))
            continue;
        bool is_hopeless = !earlier || job_state_is_final(earlier->state);
        snprintf(why, sizeof why, "it depends on %.128s, which is %s", name,
                 earlier ? job_state_name(earlier->state) : "not part of the run");
        if (is_hopeless)
            job_give_up(job, why);
        else
            job_hold(job, why);
        return;
    }
    job_go(job);
}

static bool advance_jobs(struct supervisor *supervisor) {
    bool all_ended = true;
    struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link) {
        bool is_waiting = job->state == JOB_PENDING || job->state == JOB_WAITING;
        if (supervisor->is_ending && !job->service && job->state != JOB_STOPPING)
            job_stop(job, "hero_proc was shut down");
        else if (is_waiting && !job->is_held)
            advance(supervisor, job);
        all_ended = all_ended && job_state_is_final(job->state);
    }
    return all_ended;
}

/* ---- A pass ------------------------------------------------------------------------------- */

static void note_change(struct service *service) {
    enum service_state state = service_state(service);
    if (state == service->told_state) return;
    service->told_state = state;
    service->since_ms = rpc_clock_wall_ms();
}

static void forget(struct service *service) {
    char key[STATE_KEY_MAX_BYTES];
    snprintf(key, sizeof key, "%s/%s", service->spec->context, service->spec->name);
    state_db_put(service->supervisor->options.db, STATE_SERVICE, key, NULL, NULL, NULL);
    service_free(service);
}

void supervisor_reconcile(struct supervisor *supervisor) {
    struct service *service, *next;
    supervisor->pass++;
    for (service = TAILQ_FIRST(&supervisor->services); service; service = next) {
        next = TAILQ_NEXT(service, link);
        reconcile(service);
        note_change(service);
        if (service->is_deleted && !service_is_active(service)) forget(service);
    }
    bool all_ended = advance_jobs(supervisor);
    jobs_prune(supervisor);
    if (supervisor->is_ending && all_ended) supervisor->options.all_down(supervisor->options.ctx);
}

void supervisor_reconcile_later(struct supervisor *supervisor) {
    event_active(supervisor->reconcile, EV_TIMEOUT, 0);
}

void supervisor_end(struct supervisor *supervisor) {
    supervisor->is_ending = true;
    supervisor_reconcile_later(supervisor);
}

/* ---- Wishes ------------------------------------------------------------------------------- */

/* What it requires and wants is asked for too. */
static void ask(struct service *service, unsigned depth) {
    const json_t *lists_of[] = {service->spec->requires, service->spec->wants};
    bool was_asked = service->asked;
    service->asked = true;
    if (!service_is_active(service) && !(was_asked && service_is_ready(service))) {
        service->begun = false;
        *service->why_not = '\0';
    }
    service_store(service, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        size_t index;
        json_t *entry;
        json_array_foreach((json_t *)(uintptr_t)lists_of[i], index, entry) {
            struct service *other = find_named(service, entry);
            if (other && depth < SPEC_LIST_MAX && !(other->asked && service_is_ready(other)))
                ask(other, depth + 1);
        }
    }
}

void service_start(struct service *service) {
    bool has_failed_in_part =
        service_is_active(service) && service_state(service) == SERVICE_FAILED;
    ask(service, 0);
    service->begun = service_is_active(service);
    if (has_failed_in_part) service->bounce = true;
    supervisor_reconcile(service->supervisor);
}

void service_stop(struct service *service) {
    service->asked = service->bounce = false;
    *service->why_not = '\0';
    service_store(service, NULL, NULL);
    supervisor_reconcile(service->supervisor);
}

void service_restart(struct service *service) {
    ask(service, 0);
    service->bounce = true;
    supervisor_reconcile(service->supervisor);
}

void service_delete(struct service *service) {
    service->asked = service->bounce = false;
    service->is_deleted = true;
    supervisor_reconcile(service->supervisor);
}
