#include "server/supervisor.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/log.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Changes of jobs ---------------------------------------------------------------------- */

static void on_job_changed(void *ctx, struct job *job) {
    struct supervisor *supervisor = ctx;
    job_store(job, NULL, NULL);
    if (job_state_is_final(job->state)) supervisor->ended_jobs++;
    supervisor_reconcile_later(supervisor);
}

static void on_reconcile(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    supervisor_reconcile(ctx);
}

/* ---- Reading ------------------------------------------------------------------------------ */

static void read_action(void *ctx, const char *key, json_t *body) {
    struct rpc_error err = {0};
    struct action_spec *spec = action_spec_parse(body, &err);
    if (spec) action_put(ctx, spec);
    if (!spec)
        rpc_log_error("a stored action cannot be read", "key=%s error=\"%s\"", key, err.message);
}

/* After a reboot everything that is asked for begins anew. */
static void read_service(void *ctx, const char *key, json_t *body) {
    struct supervisor *supervisor = ctx;
    struct rpc_error err = {0};
    struct service_spec *spec = service_spec_parse(json_object_get(body, "spec"), &err);
    struct service *service = spec ? service_put(supervisor, spec) : NULL;
    const char *boot = json_string_value(json_object_get(body, "boot"));
    if (!service) {
        rpc_log_error("a stored service cannot be read", "key=%s error=\"%s\"", key, err.message);
        return;
    }
    service->asked = json_is_true(json_object_get(body, "asked"));
    service->begun = json_is_true(json_object_get(body, "begun")) && boot &&
                     strcmp(boot, supervisor->boot_id) == 0;
    service->run_id = json_integer_value(json_object_get(body, "run_id"));
}

static void read_run(void *ctx, const char *key, json_t *body) {
    (void)key;
    struct supervisor *supervisor = ctx;
    struct run *run = calloc(1, sizeof *run);
    const char *context = json_string_value(json_object_get(body, "context"));
    const char *service = json_string_value(json_object_get(body, "service"));
    if (!run) return;
    run->id = json_integer_value(json_object_get(body, "id"));
    run->created_ms = json_integer_value(json_object_get(body, "created_ms"));
    run->context = strdup(context ? context : SPEC_DEFAULT_CONTEXT);
    run->service = service ? strdup(service) : NULL;
    if (run->id > supervisor->last_run_id) supervisor->last_run_id = run->id;
    TAILQ_INSERT_TAIL(&supervisor->runs, run, link);
}

/* A service finds the jobs of its run again. */
static void join_service(struct supervisor *supervisor, struct job *job) {
    if (!job->service || job->run_id == 0) return;
    struct service *service = service_find(supervisor, job->service->context, job->service->name);
    if (!service || service->run_id != job->run_id) return;
    struct job **grown = realloc(service->jobs, (service->job_count + 1) * sizeof(struct job *));
    if (!grown) return;
    service->jobs = grown;
    service->jobs[service->job_count++] = job;
}

static void read_job(void *ctx, const char *key, json_t *body) {
    struct supervisor *supervisor = ctx;
    struct job *job = job_from_json(&supervisor->world, body);
    if (!job) {
        rpc_log_error("a stored job cannot be read", "key=%s", key);
        return;
    }
    if (job->id > supervisor->last_job_id) supervisor->last_job_id = job->id;
    if (job_state_is_final(job->state)) supervisor->ended_jobs++;
    TAILQ_INSERT_TAIL(&supervisor->jobs, job, link);
    join_service(supervisor, job);
}

static int read_all(struct supervisor *supervisor, struct rpc_error *err) {
    static const struct {
        enum state_kind kind;
        void (*read)(void *ctx, const char *key, json_t *body);
    } kinds[] = {{STATE_ACTION, read_action},
                 {STATE_SERVICE, read_service},
                 {STATE_RUN, read_run},
                 {STATE_JOB, read_job}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (state_db_load(supervisor->options.db, kinds[i].kind, kinds[i].read, supervisor, err) <
            0)
            return -1;
    return 0;
}

/* ---- Beginning and end -------------------------------------------------------------------- */

/* First what still runs, then what is to be started: nothing is started twice. */
static void on_first_round(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct supervisor *supervisor = ctx;
    struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
    job_examine(job);
    supervisor_reconcile(supervisor);
}

/* What was changed while nothing could be written. */
static void on_recovered(void *ctx) {
    struct supervisor *supervisor = ctx;
    const struct job *job;
    const struct run *run;
    const struct service *service;
    TAILQ_FOREACH(service, &supervisor->services, link)
    service_store(service, NULL, NULL);
    TAILQ_FOREACH(run, &supervisor->runs, link)
    run_store(supervisor, run);
    TAILQ_FOREACH(job, &supervisor->jobs, link)
    job_store(job, NULL, NULL);
}

static void read_boot_id(char out[40]) {
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, out, 39) : 0;
    if (fd >= 0) close(fd);
    out[len > 0 ? len : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

int supervisor_init(struct supervisor *supervisor, const struct supervisor_options *options,
                    struct rpc_error *err) {
    *supervisor = (struct supervisor){.options = *options, .started_ms = rpc_clock_wall_ms()};
    TAILQ_INIT(&supervisor->actions);
    TAILQ_INIT(&supervisor->services);
    TAILQ_INIT(&supervisor->jobs);
    TAILQ_INIT(&supervisor->runs);
    supervisor->world = (struct job_world){
        .base = options->base,
        .logs = options->logs,
        .run_dir = options->run_dir,
        .program_dir = options->program_dir,
        .instance = options->instance,
        .changed = on_job_changed,
        .ctx = supervisor,
    };
    read_boot_id(supervisor->boot_id);
    supervisor->reconcile = event_new(options->base, -1, 0, on_reconcile, supervisor);
    if (!supervisor->reconcile ||
        event_base_once(options->base, -1, EV_TIMEOUT, on_first_round, supervisor, NULL) < 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    state_db_on_recovered(options->db, on_recovered, supervisor);
    return read_all(supervisor, err);
}

void supervisor_done(struct supervisor *supervisor) {
    struct service *service;
    struct action *action;
    struct job *job;
    struct run *run;
    if (!supervisor->options.base) return;
    while ((service = TAILQ_FIRST(&supervisor->services)))
        service_free(service);
    while ((action = TAILQ_FIRST(&supervisor->actions)))
        action_remove(action);
    while ((run = TAILQ_FIRST(&supervisor->runs))) {
        TAILQ_REMOVE(&supervisor->runs, run, link);
        free(run->context);
        free(run->service);
        free(run);
    }
    while ((job = TAILQ_FIRST(&supervisor->jobs))) {
        TAILQ_REMOVE(&supervisor->jobs, job, link);
        job_free(job);
    }
    if (supervisor->reconcile) event_free(supervisor->reconcile);
}
