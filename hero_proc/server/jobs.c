#include "server/supervisor.h"

#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 32

/* So that keys are in the order of the numbers. */
static void make_key(int64_t id, char out[KEY_BYTES]) {
    snprintf(out, KEY_BYTES, "%016lld", (long long)id);
}

/* ---- Jobs -------------------------------------------------------------------------------- */

struct job *job_find(const struct supervisor *supervisor, int64_t id) {
    struct job *job;
    TAILQ_FOREACH_REVERSE(job, &supervisor->jobs, job_list, link)
    if (job->id == id) return job;
    return NULL;
}

struct job *job_create(struct supervisor *supervisor, const struct job_request *request) {
    struct job *job =
        job_new(&supervisor->world, supervisor->last_job_id + 1, request->spec, request->service);
    if (!job) return NULL;
    supervisor->last_job_id++;
    job->run_id = request->run_id;
    job->is_held = request->is_held;
    job->inputs = request->inputs ? json_incref(request->inputs) : NULL;
    job->tags = request->tags ? json_incref(request->tags) : NULL;
    TAILQ_INSERT_TAIL(&supervisor->jobs, job, link);
    if (!job->is_held) job_store(job, NULL, NULL);
    return job;
}

void job_store(const struct job *job, state_db_done *done, void *ctx) {
    const struct supervisor *supervisor = job->world->ctx;
    char key[KEY_BYTES];
    json_t *json = job_json(job, true);
    make_key(job->id, key);
    state_db_put(supervisor->options.db, STATE_JOB, key, json, done, ctx);
    json_decref(json);
}

static bool is_of_service(const struct supervisor *supervisor, const struct job *job) {
    const struct service *service;
    TAILQ_FOREACH(service, &supervisor->services, link)
    for (size_t i = 0; i < service->job_count; i++)
        if (service->jobs[i] == job) return true;
    return false;
}

static void leave_service(struct supervisor *supervisor, const struct job *job) {
    struct service *service;
    TAILQ_FOREACH(service, &supervisor->services, link)
    for (size_t i = 0; i < service->job_count; i++)
        if (service->jobs[i] == job) service->jobs[i--] = service->jobs[--service->job_count];
}

void job_remove(struct job *job) {
    struct supervisor *supervisor = job->world->ctx;
    char key[KEY_BYTES];
    make_key(job->id, key);
    state_db_put(supervisor->options.db, STATE_JOB, key, NULL, NULL, NULL);
    leave_service(supervisor, job);
    if (job_state_is_final(job->state) && supervisor->ended_jobs > 0) supervisor->ended_jobs--;
    TAILQ_REMOVE(&supervisor->jobs, job, link);
    job_free(job);
}

struct job *job_find_unfinished(const struct supervisor *supervisor,
                                const struct action_spec *spec) {
    struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
    if (!job_state_is_final(job->state) && strcmp(job->spec->name, spec->name) == 0 &&
        strcmp(job->spec->context, spec->context) == 0)
        return job;
    return NULL;
}

/* ---- Runs -------------------------------------------------------------------------------- */

struct run *run_find(const struct supervisor *supervisor, int64_t id) {
    struct run *run;
    TAILQ_FOREACH_REVERSE(run, &supervisor->runs, run_list, link)
    if (run->id == id) return run;
    return NULL;
}

struct run *run_create(struct supervisor *supervisor, const char *context, const char *service) {
    struct run *run = calloc(1, sizeof *run);
    if (!run) return NULL;
    *run = (struct run){.id = ++supervisor->last_run_id,
                        .created_ms = rpc_clock_wall_ms(),
                        .context = strdup(context),
                        .service = service ? strdup(service) : NULL};
    TAILQ_INSERT_TAIL(&supervisor->runs, run, link);
    run_store(supervisor, run);
    return run;
}

void run_store(struct supervisor *supervisor, const struct run *run) {
    char key[KEY_BYTES];
    make_key(run->id, key);
    json_t *json =
        json_pack("{s:I, s:I, s:s, s:s?}", "id", (json_int_t)run->id, "created_ms",
                  (json_int_t)run->created_ms, "context", run->context, "service", run->service);
    state_db_put(supervisor->options.db, STATE_RUN, key, json, NULL, NULL);
    json_decref(json);
}

void run_remove(struct supervisor *supervisor, struct run *run) {
    char key[KEY_BYTES];
    make_key(run->id, key);
    state_db_put(supervisor->options.db, STATE_RUN, key, NULL, NULL, NULL);
    TAILQ_REMOVE(&supervisor->runs, run, link);
    free(run->context);
    free(run->service);
    free(run);
}

/* The worst of its jobs; one that goes on is worse than any that has ended. */
static const char *run_state(const struct supervisor *supervisor, const struct run *run,
                             json_t *ids) {
    static const char *const order[] = {"running", "retrying",  "waiting",  "pending",
                                        "failed",  "cancelled", "succeeded"};
    size_t worst = sizeof order / sizeof order[0] - 1;
    const struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link) {
        if (job->run_id != run->id) continue;
        json_array_append_new(ids, json_integer(job->id));
        const char *phase = job_phase_name(job->state);
        size_t rank = 0;
        while (strcmp(order[rank], phase) != 0)
            rank++;
        if (rank < worst) worst = rank;
    }
    return order[worst];
}

json_t *run_json(const struct supervisor *supervisor, const struct run *run) {
    json_t *ids = json_array();
    const char *state = run_state(supervisor, run, ids);
    return json_pack("{s:I, s:s, s:s?, s:s, s:I, s:o}", "id", (json_int_t)run->id, "context",
                     run->context, "service", run->service, "state", state, "created_ms",
                     (json_int_t)run->created_ms, "jobs", ids);
}

/* ---- Retention --------------------------------------------------------------------------- */

static bool has_jobs(const struct supervisor *supervisor, const struct run *run) {
    const struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
    if (job->run_id == run->id) return true;
    return false;
}

/* What a service shows of its last run is kept as long as the service. */
void jobs_prune(struct supervisor *supervisor) {
    int64_t oldest_ms = rpc_clock_wall_ms() - supervisor->options.history_ms;
    struct job *job, *next;
    bool has_removed = false;
    for (job = TAILQ_FIRST(&supervisor->jobs); job; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->is_deleted && job_state_is_final(job->state)) {
            job_remove(job);
            has_removed = true;
            continue;
        }
        bool is_over = (int64_t)supervisor->ended_jobs > supervisor->options.history_jobs;
        if (!job_state_is_final(job->state) || job->is_held ||
            (!is_over && job->ended_ms > oldest_ms))
            continue;
        if (is_of_service(supervisor, job)) continue;
        job_remove(job);
        has_removed = true;
    }
    struct run *run, *next_run;
    for (run = TAILQ_FIRST(&supervisor->runs); has_removed && run; run = next_run) {
        next_run = TAILQ_NEXT(run, link);
        if (!has_jobs(supervisor, run)) run_remove(supervisor, run);
    }
}
