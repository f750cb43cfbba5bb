/* A job as JSON: for callers, and for the next daemon. */
#include "server/job.h"

#include "server/logs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(json_t *json, const char *name, json_t *value) {
    json_object_set_new(json, name, value);
}

static json_t *time_or_null(int64_t ms) {
    return ms ? json_integer(ms) : json_null();
}

json_t *job_tail_json(const struct job *job) {
    json_t *lines = json_array();
    size_t count = job->tail_count < JOB_TAIL_LINES ? job->tail_count : JOB_TAIL_LINES;
    for (size_t i = job->tail_count - count; i < job->tail_count; i++) {
        const char *text = job->tail[i % JOB_TAIL_LINES];
        json_t *line = text ? json_string(text) : NULL;
        json_array_append_new(lines, line ? line : json_string("(not UTF-8)"));
    }
    return lines;
}

json_t *job_json(const struct job *job, bool with_all) {
    char name[2 * SPEC_NAME_MAX_BYTES + 2];
    json_t *json = json_object();
    if (!json) return NULL;
    bool has_failed = job->state == JOB_FAILED || job->state == JOB_RETRYING;
    set(json, "id", json_integer(job->id));
    set(json, "context", json_string(job->spec->context));
    set(json, "action", json_string(job_name(job, name, sizeof name)));
    set(json, "service", job->service ? json_string(job->service->name) : json_null());
    set(json, "run_id", job->run_id ? json_integer(job->run_id) : json_null());
    set(json, "phase", json_string(job_phase_name(job->state)));
    set(json, "state", json_string(job_state_name(job->state)));
    set(json, "attempt", json_integer(job->attempt));
    set(json, "restarts", json_integer(job->restarts));
    set(json, "pid", json_integer(job->pid));
    set(json, "exit_code", job->has_exit_code ? json_integer(job->exit_code) : json_null());
    set(json, "why", json_string(job->why));
    set(json, "error", has_failed ? json_string(job->why) : json_null());
    set(json, "tags", job->tags ? json_incref(job->tags) : json_array());
    set(json, "created_ms", json_integer(job->created_ms));
    set(json, "started_ms", time_or_null(job->started_ms));
    set(json, "ended_ms", time_or_null(job->ended_ms));
    set(json, "since_ms", json_integer(job->since_ms));
    if (!with_all) return json;
    set(json, "spec", json_incref(job->spec->json));
    set(json, "inputs", job->inputs ? json_incref(job->inputs) : json_null());
    set(json, "last_lines", job_tail_json(job));
    set(json, "service_spec", job->service ? json_incref(job->service->json) : json_null());
    set(json, "start_ticks", json_integer((json_int_t)job->start_ticks));
    return json;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static int64_t number(const json_t *json, const char *name) {
    return json_integer_value(json_object_get(json, name));
}

static void read_tail(struct job *job, const json_t *lines) {
    size_t index;
    json_t *line;
    json_array_foreach((json_t *)(uintptr_t)lines, index, line)
        if (index < JOB_TAIL_LINES && json_is_string(line))
            job->tail[job->tail_count++] = strdup(json_string_value(line));
}

static void read_fields(struct job *job, const json_t *json) {
    const char *why = json_string_value(json_object_get(json, "why"));
    const char *name = json_string_value(json_object_get(json, "state"));
    const json_t *exit_code = json_object_get(json, "exit_code");
    enum job_state state = job_state_parse(name ? name : "");
    job->state = job_state_is_final(state) ? state : JOB_UNKNOWN;
    job->was_stopping = state == JOB_STOPPING;
    job->run_id = number(json, "run_id");
    job->attempt = number(json, "attempt");
    job->restarts = number(json, "restarts");
    job->pid = job_state_is_final(state) ? 0 : (pid_t)number(json, "pid");
    job->start_ticks = (uint64_t)number(json, "start_ticks");
    job->created_ms = number(json, "created_ms");
    job->started_ms = number(json, "started_ms");
    job->ended_ms = number(json, "ended_ms");
    job->since_ms = number(json, "since_ms");
    job->has_exit_code = json_is_integer(exit_code);
    job->exit_code = (int)json_integer_value(exit_code);
    snprintf(job->why, sizeof job->why, "%s",
             job->state == JOB_UNKNOWN ? "it was not examined yet"
             : why                     ? why
                                       : "");
    if (json_is_object(json_object_get(json, "inputs")))
        job->inputs = json_incref(json_object_get(json, "inputs"));
    if (json_is_array(json_object_get(json, "tags")))
        job->tags = json_incref(json_object_get(json, "tags"));
    read_tail(job, json_object_get(json, "last_lines"));
}

struct job *job_from_json(const struct job_world *world, const json_t *json) {
    const json_t *service_json = json_object_get(json, "service_spec");
    int64_t id = number(json, "id");
    struct action_spec *spec = action_spec_parse(json_object_get(json, "spec"), NULL);
    struct service_spec *service =
        json_is_object(service_json) ? service_spec_parse(service_json, NULL) : NULL;
    struct job *job = spec && id > 0 ? job_new(world, id, spec, service) : NULL;
    if (job) read_fields(job, json);
    action_spec_unref(spec);
    service_spec_unref(service);
    return job;
}
