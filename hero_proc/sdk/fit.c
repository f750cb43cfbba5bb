#include "fit.h"

#include "hero_proc_sdk/lenient.h"
#include "schema_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64
#define PATH_BYTES 128

/* Other names of our fields. "a.b": member b of the object a. */
static const struct spelling {
    const char *ours, *theirs;
} spellings[] = {
    {"name", "service|service_name|action|action_name|key|id"},
    {"id", "job_id|run_id|job|run"},
    {"action", "action_name|name"},
    {"spec", "action_spec|action|config"},
    {"key", "name|id"},
    {"context", "context_name"},
    {"script", "command|cmd|exec"},
    {"interpreter", "kind|runtime"},
    {"env", "environment|env_vars|envs"},
    {"cwd", "working_dir|working_directory|workdir|dir"},
    {"is_process", "process|long_running|daemon"},
    {"stop_signal", "kill_signal|signal|lifecycle.stop_signal"},
    {"timeout_ms", "run_timeout_ms"},
    {"start_timeout_ms", "lifecycle.start_timeout_ms"},
    {"stop_timeout_ms", "shutdown_timeout_ms|lifecycle.stop_timeout_ms"},
    {"stability_period_ms", "retry_policy.stability_period_ms|lifecycle.stability_period_ms"},
    {"retry_policy", "retry|restart_policy"},
    {"max_attempts", "max_restarts|attempts|retries"},
    {"delay_ms", "initial_delay_ms|restart_delay_ms"},
    {"max_delay_ms", "delay_max_ms|restart_delay_max_ms"},
    {"backoff", "backoff_factor|multiplier"},
    {"kill_other", "kill_others"},
    {"socket", "sockets"},
    {"port", "ports|tcp_ports"},
    {"process_filters", "processes|filters"},
    {"health_checks", "health_check|healthchecks|checks|probes|probe"},
    {"kind", "type"},
    {"target", "address|endpoint"},
    {"failures", "failure_threshold|max_failures|retries"},
    {"status", "wanted|wanted_status|desired_status"},
    {"requires", "dependencies.requires|depends_on"},
    {"after", "dependencies.after"},
    {"wants", "dependencies.wants"},
    {"conflicts", "dependencies.conflicts"},
    {"entries", "logs|items|records|lines"},
    {"source", "src|prefix|name|service"},
    {"line", "content|message|text|msg"},
    {"level", "loglevel|log_level|severity"},
    {"timestamp_ms", "epoch_ms|ts_ms|time_ms|timestamp|time"},
    {"since_ms", "from_ms|start_ms|since|from"},
    {"until_ms", "to_ms|end_ms|until|to"},
    {"text", "search|contains|query"},
    {"limit", "max|count|lines|n"},
    {"cursor", "after_id|after|offset"},
    {"value", "secret|data"},
    {"tag", "tags"},
};

/* Levels as numbers, where a server counts them (the shared logger of 2026). */
static const struct level {
    const char *name;
    int number;
} levels[] = {{"debug", 0},    {"info", 10},     {"notice", 20}, {"warn", 30},
              {"warning", 30}, {"critical", 40}, {"error", 254}};

/* ---- Where a member goes ---------------------------------------------------------------- */

/* A place that the schema has for one of our members. */
struct place {
    const json_t *document, *schema; /* what is looked in */
    const json_t *value;             /* what goes there */
    const char *unit;                /* put behind each name: "_secs" */
    const json_t *found;             /* schema of the member */
    char outer[NAME_BYTES];          /* "" or the object it is in */
    char name[NAME_BYTES];
    double factor;
};

/* Whether a schema may take a value of this kind at all, in some form. */
static bool takes(const json_t *document, const json_t *schema, const json_t *value) {
    bool wants_text = schema_has_type(document, schema, "string");
    if (json_is_string(value))
        return wants_text || !schema_is_object(document, schema) ||
               schema_has_type(document, schema, "array");
    if (json_is_object(value)) return !wants_text || schema_is_object(document, schema);
    return true;
}

static bool look_for(void *ctx, const char *name, size_t len) {
    struct place *place = ctx;
    const char *dot = memchr(name, '.', len);
    size_t outer_len = dot ? (size_t)(dot - name) : 0;
    const json_t *inside = place->schema;
    snprintf(place->outer, sizeof place->outer, "%.*s", (int)outer_len, name);
    if (dot) {
        inside = schema_property(place->document, inside, place->outer);
        name += outer_len + 1;
        len -= outer_len + 1;
    }
    snprintf(place->name, sizeof place->name, "%.*s%s", (int)len, name, place->unit);
    place->found = schema_property(place->document, inside, place->name);
    return place->found && takes(place->document, place->found, place->value);
}

static const char *other_spellings(const char *ours) {
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (strcmp(spellings[i].ours, ours) == 0) return spellings[i].theirs;
    return "";
}

/* A length or moment in milliseconds is also looked for in seconds. */
static bool find_in_seconds(struct place *place, const char *ours) {
    static const char *const units[] = {"_secs", "_seconds", "_sec", "_s", ""};
    size_t len = strlen(ours);
    if (len < 4 || strcmp(ours + len - 3, "_ms") != 0) return false;
    place->factor = 0.001;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        place->unit = units[i];
        if (look_for(place, ours, len - 3)) return true;
    }
    place->unit = "";
    return strcmp(ours, "timestamp_ms") == 0 && look_for(place, "epoch", strlen("epoch"));
}

static bool find_place(struct place *place, const char *ours) {
    place->unit = "";
    place->factor = 1;
    return look_for(place, ours, strlen(ours)) ||
           lenient_each(other_spellings(ours), look_for, place) || find_in_seconds(place, ours);
}

/* ---- What form it gets ------------------------------------------------------------------ */

static void note_omitted(const char *path, struct rpc_strbuf *omitted) {
    if (omitted->len > 0) rpc_strbuf_add_text(omitted, ", ");
    rpc_strbuf_add_text(omitted, path);
}

static json_t *record_as_list(const json_t *record) {
    json_t *list = json_array(), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)record, key, value)
        json_array_append_new(list, json_sprintf("%s=%s", key, json_string_value(value)));
    return list;
}

static json_t *list_as_record(const json_t *list) {
    json_t *record = json_object(), *item;
    size_t index;
    json_array_foreach((json_t *)(uintptr_t)list, index, item) {
        const char *text = json_string_value(item), *equals = text ? strchr(text, '=') : NULL;
        if (!text) continue;
        json_t *key = equals ? json_stringn(text, (size_t)(equals - text)) : json_string(text);
        json_object_set_new(record, json_string_value(key), json_string(equals ? equals + 1 : ""));
        json_decref(key);
    }
    return record;
}

/* "8080", or the name of a level; NULL: there is no number for it. */
static json_t *text_as_number(const char *text) {
    char *end;
    long long number = strtoll(text, &end, 10);
    if (end != text && !*end) return json_integer(number);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (lenient_equal(levels[i].name, text)) return json_integer(levels[i].number);
    return NULL;
}

/* NULL: too large for any clock. */
static json_t *scale(const json_t *number, double factor) {
    double scaled = json_number_value(number) * factor;
    if (!(scaled > -1e15 && scaled < 1e15)) return NULL;
    int64_t whole = (int64_t)scaled;
    return json_integer(whole + (scaled > (double)whole)); /* up: no time-out becomes 0 */
}

/* The word of an enumeration that is ours in another spelling; NULL: there is none. */
static json_t *fit_word(const json_t *words, const json_t *value) {
    size_t index;
    json_t *word;
    json_array_foreach((json_t *)(uintptr_t)words, index, word)
        if (json_is_string(word) &&
            lenient_equal(json_string_value(word), json_string_value(value)))
            return json_incref(word);
    return NULL;
}

static json_t *fit_list(const json_t *document, const json_t *schema, const json_t *list,
                        const char *path, struct rpc_strbuf *omitted) {
    const json_t *items = json_object_get(schema, "items");
    json_t *out = json_array(), *item;
    size_t index;
    json_array_foreach((json_t *)(uintptr_t)list, index, item) {
        json_t *fitted = fit_value(document, items, item, path, omitted);
        if (fitted)
            json_array_append_new(out, fitted);
        else
            note_omitted(path, omitted);
    }
    return out;
}

static void put(json_t *out, const struct place *place, json_t *value) {
    if (!*place->outer) {
        json_object_set_new(out, place->name, value);
        return;
    }
    json_t *outer = json_object_get(out, place->outer);
    if (!outer) {
        outer = json_object();
        json_object_set_new(out, place->outer, outer);
    }
    json_object_set_new(outer, place->name, value);
}

/* Two of our fields may fit one of theirs: the first has it. */
static bool is_taken(const json_t *out, const struct place *place) {
    const json_t *inside = *place->outer ? json_object_get(out, place->outer) : out;
    return json_object_get(inside, place->name) != NULL;
}

static json_t *fit_object(const json_t *document, const json_t *schema, const json_t *object,
                          const char *path, struct rpc_strbuf *omitted) {
    json_t *out = json_object(), *member;
    const char *key;
    bool takes_others = schema_allows_others(document, schema);
    json_object_foreach((json_t *)(uintptr_t)object, key, member) {
        struct place place = {.document = document, .schema = schema, .value = member};
        char inner[PATH_BYTES];
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", key);
        json_t *fitted = NULL;
        if (find_place(&place, key) && !is_taken(out, &place)) {
            fitted = place.factor == 1 || !json_is_number(member)
                         ? fit_value(document, place.found, member, inner, omitted)
                         : scale(member, place.factor);
            if (fitted) put(out, &place, fitted);
        } else if (takes_others)
            json_object_set_new(out, key, fitted = json_deep_copy(member));
        if (!fitted) note_omitted(inner, omitted);
    }
    return out;
}

/* NULL: the schema has no place for such a value. */
static json_t *fit_scalar(const json_t *document, const json_t *schema, const json_t *value) {
    const json_t *words = lenient_array(schema, "enum");
    bool wants_number =
        schema_has_type(document, schema, "integer") || schema_has_type(document, schema, "number");
    bool wants_text = schema_has_type(document, schema, "string");
    if (json_is_string(value) && words) return fit_word(words, value);
    if (json_is_string(value) && wants_number && !wants_text)
        return text_as_number(json_string_value(value));
    if (json_is_integer(value) && wants_text && !wants_number)
        return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return json_deep_copy(value);
}

json_t *fit_value(const json_t *document, const json_t *schema, const json_t *value,
                  const char *path, struct rpc_strbuf *omitted) {
    schema = schema_resolve(document, schema);
    bool wants_list = schema_has_type(document, schema, "array");
    bool wants_object = schema_is_object(document, schema);
    bool says_nothing = json_object_size(schema) == 0;
    if (json_is_array(value)) {
        if (wants_list || says_nothing) return fit_list(document, schema, value, path, omitted);
        if (wants_object && json_is_string(json_array_get(value, 0))) return list_as_record(value);
        return json_array_size(value) == 1
                   ? fit_value(document, schema, json_array_get(value, 0), path, omitted)
                   : NULL;
    }
    if (json_is_object(value)) {
        if (wants_object) return fit_object(document, schema, value, path, omitted);
        return wants_list ? record_as_list(value) : json_deep_copy(value);
    }
    return wants_list
               ? json_pack("[o]", fit_scalar(document, json_object_get(schema, "items"), value))
               : fit_scalar(document, schema, value);
}
