#include "server/submit.h"

#include "server/inputs.h"
#include "server/instance.h"
#include "server/methods.h"
#include "server/record.h"
#include "server/secret_names.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/jsonrpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define ENV_VARS_MAX_BYTES (1024 * 1024)
#define HERO_USER_MAX_BYTES 200

/* A request on its way to a session. */
struct submission {
    struct rpc_call *call;
    struct runner *runner;
    json_t *params; /* a reference */
    char rerun_of[SESSION_ID_BYTES];
    submit_done *done;
    struct session_caller caller;
    enum session_source source;
    struct limits limits;
    int64_t timeout_ms;
    json_t *script;        /* the text, a reference; NULL: not there yet */
    char *dir;             /* where imports are looked for first; NULL: nowhere */
    int64_t version;       /* of a script of the library; 0: none */
    struct files_job *job; /* reading it; NULL: none */
    bool is_gone;          /* the client has, while the store was asked */
};

static json_t *given(const struct submission *submission, const char *name) {
    json_t *value = json_object_get(submission->params, name);
    return json_is_null(value) ? NULL : value;
}

static const char *given_text(const struct submission *submission, const char *name) {
    return json_string_value(given(submission, name));
}

static int64_t given_integer(const struct submission *submission, const char *name,
                             int64_t otherwise) {
    return rpc_json_integer(given(submission, name), otherwise);
}

static void end(struct submission *submission) {
    if (submission->job) files_give_up(submission->job);
    json_decref(submission->params);
    json_decref(submission->script);
    free(submission->caller.hero_user);
    free(submission->dir);
    free(submission);
}

/* ---- Secrets ----------------------------------------------------------------------------- */

static bool is_secret(const struct submission *submission, const char *name) {
    size_t index;
    const json_t *marked;
    json_array_foreach(given(submission, "secret_vars"), index, marked) {
        if (strcmp(json_string_value(marked), name) == 0) return true;
    }
    return secret_name(name);
}

/* Where values with names are. */
static const char *const valued[] = {"env_vars", "inputs"};
#define VALUED (sizeof valued / sizeof valued[0])

/* The request as it is kept: the values of secret variables and inputs are null, and nothing else
 * is (an input that is null is one that is not given). A new reference. */
static json_t *without_secrets(const struct submission *submission) {
    json_t *asked = json_incref(submission->params), *value;
    const char *name;
    for (size_t i = 0; i < VALUED; i++) {
        json_t *values = given(submission, valued[i]), *kept = NULL;
        json_object_foreach(values, name, value) {
            if (!json_is_null(value) && !is_secret(submission, name)) continue;
            if (!kept) kept = json_copy(values);
            if (json_is_null(value))
                json_object_del(kept, name);
            else
                json_object_set_new(kept, name, json_null());
        }
        if (!kept) continue;
        if (asked == submission->params) {
            json_decref(asked);
            asked = json_copy(submission->params);
        }
        json_object_set_new(asked, valued[i], kept);
    }
    return asked;
}

/* The name of a kept value that was not stored; NULL: there is none. */
static const char *missing_secret(const json_t *asked, const char **ret_param) {
    const char *name;
    json_t *value;
    for (size_t i = 0; i < VALUED; i++) {
        *ret_param = valued[i];
        json_object_foreach(json_object_get(asked, valued[i]), name, value) {
            if (json_is_null(value)) return name;
        }
    }
    return NULL;
}

json_t *submit_secret_names(const json_t *asked) {
    const char *name;
    json_t *value, *names = json_array();
    json_array_extend(names, json_object_get(asked, "secret_vars"));
    for (size_t i = 0; i < VALUED; i++) {
        json_object_foreach(json_object_get(asked, valued[i]), name, value) {
            if (json_is_null(value)) json_array_append_new(names, json_string(name));
        }
    }
    return names;
}

/* ---- Checks: each returns false when it has refused the call ------------------------------ */

static const struct {
    const char *param;
    enum session_source source;
} sources[] = {
    {"script", SOURCE_SCRIPT},
    {"script_path", SOURCE_PATH},
    {"script_url", SOURCE_URL},
    {"script_name", SOURCE_NAME},
};
#define SOURCES (sizeof sources / sizeof sources[0])

static const char *source_param(const struct submission *submission) {
    return sources[submission->source].param;
}

static bool check_source(struct submission *submission) {
    size_t count = 0;
    const char *param = "script";
    for (size_t i = 0; i < SOURCES; i++) {
        if (!given(submission, sources[i].param)) continue;
        submission->source = sources[i].source;
        param = sources[i].param;
        count++;
    }
    if (count != 1)
        refuse(
            submission->call, param,
            "must be the only one of script, script_path, script_url and script_name, and one of "
            "them must be given");
    else if (given(submission, "script_version") && submission->source != SOURCE_NAME)
        refuse(submission->call, "script_version", "goes with script_name only");
    else
        return true;
    return false;
}

static bool is_http(const char *url) {
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool check_url(struct rpc_call *call, const char *param, const char *url) {
    const char *wrong = NULL;
    const char *host = url ? strchr(url, ':') : NULL;
    if (host) host += 1 + strspn(host + 1, "/"); /* libcurl takes http:///host for http://host */
    if (url && !is_http(url))
        wrong = "must be an http or https address";
    else if (host && memchr(host, '@', strcspn(host, "/?#")))
        wrong = "must not hold a user name or a password";
    if (wrong) refuse(call, param, wrong);
    return !wrong;
}

static bool check_working_dir(struct submission *submission) {
    const char *dir = given_text(submission, "working_dir");
    if (!dir) return true;
    char what[512];
    struct statx info;
    if (dir[0] != '/') {
        refuse(submission->call, "working_dir", "must be an absolute path");
        return false;
    }
    /* Answered from what the kernel knows already: this thread must not wait for a file server. The
     * session process has the last word. */
    if (statx(AT_FDCWD, dir, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &info) < 0) {
        snprintf(what, sizeof what, "cannot be entered: \"%.400s\": %s", dir, strerror(errno));
    } else if (!S_ISDIR(info.stx_mode)) {
        snprintf(what, sizeof what, "is not a directory: \"%.400s\"", dir);
    } else {
        return true;
    }
    refuse(submission->call, "working_dir", what);
    return false;
}

static bool check_env_vars(struct submission *submission) {
    size_t bytes = 0;
    const char *name;
    json_t *value, *vars = given(submission, "env_vars");
    json_object_foreach(vars, name, value) {
        char param[256];
        snprintf(param, sizeof param, "env_vars.%s", name);
        const char *wrong = NULL;
        if (!*name || strchr(name, '='))
            wrong = "is not a name of a variable";
        else if (strcmp(name, INSTANCE_VARIABLE) == 0)
            wrong = "is set by the server";
        if (wrong) {
            refuse(submission->call, param, wrong);
            return false;
        }
        bytes += strlen(name) + json_string_length(value) + 2;
    }
    if (bytes <= ENV_VARS_MAX_BYTES) return true;
    refuse(submission->call, "env_vars", "must not be larger than 1 MiB in all");
    return false;
}

/* What is null in the request of an old session was not stored. */
static bool check_secrets(struct submission *submission) {
    const char *kind, *name = missing_secret(submission->params, &kind);
    if (!*submission->rerun_of || !name) return true;
    char param[256];
    snprintf(param, sizeof param, "%s.%s", kind, name);
    refuse(submission->call, param, "is secret: its value was not stored and must be given again");
    return false;
}

static bool check_limits(struct submission *submission) {
    const struct config *config = &submission->runner->config;
    char param[64], what[128];
    enum limit limit;
    submission->limits = config->limits;
    submission->timeout_ms = given_integer(submission, "timeout_ms", config->timeout_ms);
    int64_t longest = config->max_timeout_ms;
    if (longest > 0 && (submission->timeout_ms == 0 || submission->timeout_ms > longest)) {
        snprintf(what, sizeof what, "must be from 1 to %lld on this server", (long long)longest);
        refuse(submission->call, "timeout_ms", what);
        return false;
    }
    if (limits_take(&submission->limits, &config->ceilings, given(submission, "limits"), &limit) ==
        0)
        return true;
    snprintf(param, sizeof param, "limits.%s", limit_name(limit));
    snprintf(what, sizeof what, "must be from 1 to %lld on this server",
             (long long)config->ceilings.value[limit]);
    refuse(submission->call, param, what);
    return false;
}

static bool is_path(const char *path) {
    struct rpc_strbuf url = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&url, "http://localhost/%s", path ? path : "");
    bool is_good = http_is_address(rpc_strbuf_text(&url));
    rpc_strbuf_done(&url);
    return is_good;
}

static bool check_callback(struct submission *submission) {
    json_t *callback = given(submission, "callback");
    if (!callback) return true;
    const char *url = json_string_value(json_object_get(callback, "url"));
    const char *socket = json_string_value(json_object_get(callback, "socket"));
    const char *path = json_string_value(json_object_get(callback, "path"));
    if (!url == !socket)
        refuse(submission->call, "callback", "must have either url, or socket and path");
    else if (url && path)
        refuse(submission->call, "callback.path", "goes with socket only");
    else if (socket && *socket != '/')
        refuse(submission->call, "callback.socket", "must be an absolute path");
    else if (socket && !is_path(path))
        refuse(submission->call, "callback.path", "is no path of an address");
    else if (url && !http_is_address(url))
        refuse(submission->call, "callback.url", "is no address that can be called");
    else
        return check_url(submission->call, "callback.url", url);
    return false;
}

static bool check(struct submission *submission) {
    return check_source(submission) &&
           check_url(submission->call, "script_url", given_text(submission, "script_url")) &&
           check_working_dir(submission) && check_secrets(submission) &&
           check_env_vars(submission) && check_limits(submission) && check_callback(submission);
}

/* ---- The session -------------------------------------------------------------------------- */

static void add_json_text(struct rpc_strbuf *out, const json_t *text) {
    rpc_strbuf_add_json_string(out, json_string_value(text), json_string_length(text));
}

static void add_member(struct rpc_strbuf *out, const char *name, const json_t *value) {
    if (!value) return;
    rpc_strbuf_addf(out, ",\"%s\":", name);
    rpc_strbuf_add_json(out, value);
}

/* The payload of the request frame (session/frames.h). */
static char *write_request(const struct submission *submission, const json_t *inputs,
                           size_t *ret_len) {
    static const char *const as_given[] = {"working_dir", "env_vars", "args"};
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&out, "{\"script\":");
    add_json_text(&out, submission->script);
    for (size_t i = 0; i < sizeof as_given / sizeof as_given[0]; i++)
        add_member(&out, as_given[i], given(submission, as_given[i]));
    if (json_object_size(inputs) > 0) add_member(&out, "inputs", inputs);
    if (submission->dir) {
        rpc_strbuf_add_text(&out, ",\"dir\":");
        rpc_strbuf_add_json_string(&out, submission->dir, strlen(submission->dir));
    }
    rpc_strbuf_add_text(&out, ",\"limits\":{");
    limits_write(&submission->limits, &out);
    rpc_strbuf_add_text(&out, "}}");
    char *text = rpc_strbuf_take(&out, ret_len);
    rpc_strbuf_done(&out);
    return text;
}

static bool wants_forwarding(const struct submission *submission) {
    const json_t *forward = given(submission, "forward_logs");
    return forward ? json_is_true(forward) : submission->runner->config.forward_logs;
}

static struct session *make_session(struct submission *submission) {
    struct runner *runner = submission->runner;
    struct session *session = session_new(&runner->ring_limits);
    if (!session) return NULL;
    session->asked = without_secrets(submission);
    session->source = submission->source;
    if (submission->source != SOURCE_SCRIPT)
        session->source_name = json_string_value(session_asked(session, source_param(submission)));
    session->caller = submission->caller;
    submission->caller.hero_user = NULL;
    session->timeout_ms = submission->timeout_ms;
    session->limits = submission->limits;
    session->priority = (int)given_integer(submission, "priority", 0);
    session->concurrency_limit = given_integer(submission, "concurrency_limit", 1);
    memcpy(session->rerun_of, submission->rerun_of, sizeof session->rerun_of);
    if (wants_forwarding(submission)) session->forwarding = FORWARDING_UNAVAILABLE;
    if (submission->source != SOURCE_SCRIPT && submission->script)
        session->script = json_incref(submission->script);
    session->source_version = submission->version;
    if (given(submission, "callback")) session->callback.state = CALLBACK_PENDING;
    return session;
}

/* Takes the session into store and table. False when the call has been refused. */
static bool admit(struct submission *submission, struct session *session) {
    struct runner *runner = submission->runner;
    int failed;
    switch (slots_can_admit(&runner->slots)) {
    case SLOTS_TAKEN:
        failed = archive_insert(runner->archive, session);
        if (!failed) {
            slots_admit(&runner->slots, session);
            if (wants_forwarding(submission)) forward_session(runner->forward, session);
        } else {
            rpc_call_fail(submission->call, ERROR_BUSY, NULL,
                          "busy: the history cannot keep up (%s)", strerror(-failed));
        }
        return !failed;
    case SLOTS_FULL:
        rpc_call_fail(submission->call, ERROR_BUSY,
                      json_pack("{s:I}", "queue", (json_int_t)runner->config.queue),
                      "busy: the queue is full (%lld sessions)", (long long)runner->config.queue);
        return false;
    default:
        rpc_call_fail(submission->call, ERROR_BUSY, json_pack("{s:b}", "draining", 1),
                      "busy: the server takes no new sessions");
        return false;
    }
}

static struct session *begun_with_key(const struct submission *submission) {
    const char *key = given_text(submission, "idempotency_key");
    return key ? sessions_find_key(&submission->runner->sessions, key) : NULL;
}

/* The text is there: checks the inputs, and the session can run. */
static void begin(struct submission *submission) {
    struct session *begun = begun_with_key(submission);
    if (begun) { /* by another request, while the script of this one was read */
        submission->done(submission->call, submission->runner, begun);
        end(submission);
        return;
    }
    struct inputs_problem problem = {0};
    json_t *inputs = NULL;
    struct session *session = NULL;
    if (inputs_take(submission->script, given(submission, "inputs"), &inputs, &problem) < 0) {
        refuse(submission->call, problem.param, problem.what);
    } else {
        size_t len;
        char *request = write_request(submission, inputs, &len);
        session = request ? make_session(submission) : NULL;
        if (!session) {
            free(request);
            rpc_call_fail(submission->call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        } else if (!admit(submission, session)) {
            free(request);
        } else {
            session->request = request;
            session->request_len = len;
            slots_enqueue(&submission->runner->slots, session);
            submission->done(submission->call, submission->runner, session);
        }
    }
    json_decref(inputs);
    session_unref(session);
    end(submission);
}

/* ---- Scripts of an address ---------------------------------------------------------------- */

/* A session whose script is being fetched. */
struct fetching {
    struct submission *submission; /* without a call */
    struct session *session;       /* a reference */
};

/* The text of an admitted session is there: it can run, or not. */
static void run_admitted(struct submission *submission, struct session *session, json_t *script) {
    struct slots *slots = &submission->runner->slots;
    struct inputs_problem problem = {0};
    json_t *inputs = NULL;
    if (!submission->script) submission->script = json_incref(script);
    if (inputs_take(script, given(submission, "inputs"), &inputs, &problem) < 0) {
        char message[INPUTS_PROBLEM_BYTES * 2 + 16];
        snprintf(message, sizeof message, "%s %s", problem.param, problem.what);
        slots_fail(slots, session, REASON_ERROR, message);
    } else if (!session_is_over(session)) {
        if (session->source != SOURCE_SCRIPT && !session->script) {
            session->script = json_incref(script);
            archive_note_script(submission->runner->archive, session);
        }
        session->request = write_request(submission, inputs, &session->request_len);
        if (session->request)
            slots_enqueue(slots, session);
        else
            slots_fail(slots, session, REASON_ERROR, "out of memory");
    }
    json_decref(inputs);
}

static void on_fetched(void *ctx, json_t *script, const char *error) {
    struct fetching *fetching = ctx;
    struct submission *submission = fetching->submission;
    if (error)
        slots_fail(&submission->runner->slots, fetching->session, REASON_ERROR, error);
    else
        run_admitted(submission, fetching->session, script);
    session_unref(fetching->session);
    end(submission);
    free(fetching);
}

/* Takes over both. */
static void fetch(struct submission *submission, struct session *session) {
    struct fetching *fetching = calloc(1, sizeof *fetching);
    if (!fetching) {
        slots_fail(&submission->runner->slots, session, REASON_ERROR, "out of memory");
        session_unref(session);
        end(submission);
        return;
    }
    *fetching = (struct fetching){.submission = submission, .session = session};
    if (url_scripts_fetch(submission->runner->urls, session->source_name, on_fetched, fetching) < 0)
        on_fetched(fetching, NULL, "out of memory");
}

static void begin_with_url(struct submission *submission) {
    struct session *session = make_session(submission);
    if (!session) {
        rpc_call_fail(submission->call, RPC_INTERNAL_ERROR, NULL, "out of memory");
    } else if (admit(submission, session)) {
        submission->done(submission->call, submission->runner, session);
        submission->call = NULL;
        fetch(submission, session);
        return;
    }
    session_unref(session);
    end(submission);
}

/* ---- Scripts of a path -------------------------------------------------------------------- */

static void on_gone(void *ctx) {
    end(ctx);
}

static void on_read(void *ctx, struct files_script *script) {
    struct submission *submission = ctx;
    submission->job = NULL;
    rpc_call_on_gone(submission->call, NULL, NULL);
    submission->dir = script->dir;
    script->dir = NULL;
    char what[512];
    if (!script->error) {
        submission->script = json_stringn(script->text, script->len);
        if (!submission->script) script->error = "is not UTF-8";
    }
    free(script->text);
    script->text = NULL;
    if (!script->error) {
        begin(submission);
        return;
    }
    snprintf(what, sizeof what, "cannot be read: \"%.400s\": %s",
             given_text(submission, "script_path"), script->error);
    refuse(submission->call, "script_path", what);
    end(submission);
}

static void begin_with_path(struct submission *submission) {
    submission->job = files_read(submission->runner->files, given_text(submission, "script_path"),
                                 on_read, submission);
    if (submission->job) {
        rpc_call_on_gone(submission->call, on_gone, submission);
        return;
    }
    rpc_call_fail(submission->call, ERROR_BUSY, NULL, "busy: too many scripts wait to be read");
    end(submission);
}

/* ---- What the store is asked --------------------------------------------------------------- */

/* The store answers in any case; then it is seen that the client has gone. */
static void on_gone_meanwhile(void *ctx) {
    struct submission *submission = ctx;
    submission->is_gone = true;
    submission->call = NULL;
}

/* False: the client has gone, and the submission with it. */
static bool is_still_there(struct submission *submission) {
    if (!submission->is_gone) {
        rpc_call_on_gone(submission->call, NULL, NULL);
        return true;
    }
    end(submission);
    return false;
}

static void fail_unavailable(struct submission *submission, int error) {
    rpc_call_fail(submission->call, ERROR_UNAVAILABLE, NULL, "the history cannot be read: %s",
                  strerror(-error));
    end(submission);
}

static void on_script(void *ctx, int status, struct store_scripts *scripts) {
    struct submission *submission = ctx;
    if (!is_still_there(submission)) {
        store_scripts_free(scripts);
        return;
    }
    const char *name = given_text(submission, "script_name");
    if (status == -ENOENT) {
        rpc_call_fail(submission->call, ERROR_UNKNOWN_SCRIPT, json_pack("{s:s}", "name", name),
                      "unknown script \"%s\", or version of it", name);
        end(submission);
    } else if (status < 0) {
        fail_unavailable(submission, status);
    } else {
        const struct store_script *script = &scripts->items[0];
        submission->version = script->version;
        submission->script =
            json_stringn(script->text.data ? script->text.data : "", script->text.len);
        store_scripts_free(scripts);
        begin(submission);
    }
}

static void begin_with_name(struct submission *submission) {
    int failed = store_get_script(
        archive_store(submission->runner->archive), given_text(submission, "script_name"),
        given_integer(submission, "script_version", 0), on_script, submission);
    if (failed)
        fail_unavailable(submission, failed);
    else
        rpc_call_on_gone(submission->call, on_gone_meanwhile, submission);
}

static void go_on(struct submission *submission) {
    switch (submission->source) {
    case SOURCE_SCRIPT:
        submission->script = json_incref(given(submission, "script"));
        begin(submission);
        return;
    case SOURCE_PATH: begin_with_path(submission); return;
    case SOURCE_URL: begin_with_url(submission); return;
    case SOURCE_NAME: begin_with_name(submission); return;
    }
}

/* The session of an idempotency key, with its result, from the store. */
static void on_begun(void *ctx, struct session *session, const char *error) {
    struct submission *submission = ctx;
    if (!is_still_there(submission)) return;
    if (error) {
        rpc_call_fail(submission->call, ERROR_UNAVAILABLE, NULL, "the history cannot be read: %s",
                      error);
        end(submission);
    } else if (session) {
        submission->done(submission->call, submission->runner, session);
        end(submission);
    } else {
        go_on(submission); /* it has been deleted meanwhile */
    }
}

/* The session of an idempotency key is no longer in memory, or there never was one. */
static void on_key(void *ctx, int status, struct store_sessions *sessions) {
    struct submission *submission = ctx;
    struct runner *runner = submission->runner;
    char id[SESSION_ID_BYTES] = "";
    if (status == 0 && sessions->count > 0) snprintf(id, sizeof id, "%s", sessions->items[0].id);
    store_sessions_free(sessions);
    if (!is_still_there(submission)) return;
    struct session *begun = begun_with_key(submission); /* by another request, meanwhile */
    if (status < 0) {
        fail_unavailable(submission, status);
    } else if (begun) {
        submission->done(submission->call, runner, begun);
        end(submission);
    } else if (*id) {
        rpc_call_on_gone(submission->call, on_gone_meanwhile, submission);
        archive_find(runner->archive, id, true, on_begun, submission);
    } else {
        go_on(submission);
    }
}

static void ask_for_key(struct submission *submission, const char *key) {
    int failed =
        store_find_key(archive_store(submission->runner->archive), key, on_key, submission);
    if (failed)
        fail_unavailable(submission, failed);
    else
        rpc_call_on_gone(submission->call, on_gone_meanwhile, submission);
}

/* ---- The request --------------------------------------------------------------------------- */

static void note_caller(struct submission *submission) {
    const struct rpc_peer *peer = rpc_call_peer(submission->call);
    if (!peer) return;
    submission->caller.has_uid = peer->has_uid;
    submission->caller.uid = peer->uid;
    if (peer->claimed_user)
        submission->caller.hero_user = strndup(peer->claimed_user, HERO_USER_MAX_BYTES);
}

void submit(struct rpc_call *call, struct runner *runner, json_t *params, const char *rerun_of,
            submit_done *done) {
    struct submission *submission = calloc(1, sizeof *submission);
    if (!submission) {
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return;
    }
    *submission = (struct submission){
        .call = call, .runner = runner, .params = json_incref(params), .done = done};
    if (rerun_of) snprintf(submission->rerun_of, sizeof submission->rerun_of, "%s", rerun_of);
    note_caller(submission);
    if (!check(submission)) {
        end(submission);
        return;
    }
    const char *key = given_text(submission, "idempotency_key");
    struct session *begun = begun_with_key(submission);
    if (begun) {
        done(call, runner, begun);
        end(submission);
    } else if (key) {
        ask_for_key(submission, key);
    } else {
        go_on(submission);
    }
}

/* ---- Sessions that waited in a dead server --------------------------------------------------- */

/* One whose script came from a file: where that is, is found again. */
struct resuming {
    struct submission *submission;
    struct session *session; /* a reference */
};

static void on_dir(void *ctx, struct files_script *script) {
    struct resuming *resuming = ctx;
    struct submission *submission = resuming->submission;
    submission->job = NULL;
    submission->dir = script->dir; /* NULL, without the file: what it imports may be in the roots */
    script->dir = NULL;
    free(script->text);
    script->text = NULL;
    if (!script->is_stopped) /* else it is for the next server */
        run_admitted(submission, resuming->session, submission->script);
    session_unref(resuming->session);
    end(submission);
    free(resuming);
}

/* The file may have changed: what runs is what was accepted. */
static void find_dir(struct submission *submission, struct session *session) {
    struct resuming *resuming = malloc(sizeof *resuming);
    if (resuming) {
        *resuming = (struct resuming){.submission = submission, .session = session};
        submission->job =
            files_read(submission->runner->files, session->source_name, on_dir, resuming);
        if (submission->job) return;
    }
    free(resuming);
    run_admitted(submission, session, submission->script);
    session_unref(session);
    end(submission);
}

void submit_again(struct runner *runner, struct session *session) {
    const char *kind, *secret = missing_secret(session->asked, &kind);
    const json_t *script = session_script(session);
    struct submission *submission = secret ? NULL : calloc(1, sizeof *submission);
    if (!submission) {
        char message[320] = "server stopped before it ran: out of memory";
        if (secret)
            snprintf(message, sizeof message,
                     "server stopped before it ran, and the value of \"%.200s\" is not stored",
                     secret);
        slots_fail(&runner->slots, session, REASON_LOST, message);
        return;
    }
    *submission = (struct submission){
        .runner = runner,
        .params = json_incref(session->asked),
        .source = session->source,
        .limits = session->limits,
        .timeout_ms = session->timeout_ms,
        .script = script ? json_incref((json_t *)(uintptr_t)script) : NULL,
        .version = session->source_version,
    };
    session->posted_us = rpc_clock_monotonic_us();
    session->concurrency_limit = given_integer(submission, "concurrency_limit", 1);
    if (session->forwarding != FORWARDING_OFF) forward_session(runner->forward, session);
    session_ref(session);
    if (session->source == SOURCE_URL && !script) {
        fetch(submission, session);
    } else if (session->source == SOURCE_PATH) {
        find_dir(submission, session);
    } else {
        run_admitted(submission, session, submission->script);
        session_unref(session);
        end(submission);
    }
}
