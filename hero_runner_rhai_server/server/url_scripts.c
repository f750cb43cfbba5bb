#include "server/url_scripts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct kept {
    TAILQ_ENTRY(kept) link;
    char *url, *etag;
    json_t *script;
};

struct url_scripts {
    struct http *http;
    const struct config *config;
    TAILQ_HEAD(kept_list, kept) kept; /* the one used last comes first */
    size_t count, bytes;
    LIST_HEAD(, fetch) fetches; /* under way */
};

struct fetch {
    LIST_ENTRY(fetch) link;
    struct url_scripts *scripts;
    char *url;
    url_scripts_done *done;
    void *ctx;
};

static void forget(struct url_scripts *scripts, struct kept *kept) {
    TAILQ_REMOVE(&scripts->kept, kept, link);
    scripts->count--;
    scripts->bytes -= json_string_length(kept->script);
    json_decref(kept->script);
    free(kept->url);
    free(kept->etag);
    free(kept);
}

static struct kept *find(struct url_scripts *scripts, const char *url) {
    struct kept *kept;
    TAILQ_FOREACH(kept, &scripts->kept, link) {
        if (strcmp(kept->url, url) == 0) return kept;
    }
    return NULL;
}

static void use(struct url_scripts *scripts, struct kept *kept) {
    TAILQ_REMOVE(&scripts->kept, kept, link);
    TAILQ_INSERT_HEAD(&scripts->kept, kept, link);
}

/* Takes url and etag. */
static void keep(struct url_scripts *scripts, char *url, char *etag, json_t *script) {
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept) {
        free(url);
        free(etag);
        return;
    }
    *kept = (struct kept){.url = url, .etag = etag, .script = json_incref(script)};
    TAILQ_INSERT_HEAD(&scripts->kept, kept, link);
    scripts->count++;
    scripts->bytes += json_string_length(script);
    while (scripts->count > URL_SCRIPTS_KEPT || scripts->bytes > URL_SCRIPTS_KEPT_BYTES)
        forget(scripts, TAILQ_LAST(&scripts->kept, kept_list));
}

static void end_fetch(struct fetch *fetch, json_t *script, const char *error) {
    LIST_REMOVE(fetch, link);
    fetch->done(fetch->ctx, script, error);
    free(fetch->url);
    free(fetch);
}

static void on_answer(void *ctx, struct http_answer *answer) {
    struct fetch *fetch = ctx;
    struct url_scripts *scripts = fetch->scripts;
    struct kept *kept = find(scripts, fetch->url);
    json_t *script = NULL;
    char error[600] = "";
    if (answer->error) {
        snprintf(error, sizeof error, "script_url: %s", answer->error);
    } else if (answer->status == 304 && kept) {
        script = json_incref(kept->script);
        use(scripts, kept);
    } else if (answer->status != 200) {
        snprintf(error, sizeof error, "script_url: the answer has status %ld", answer->status);
    } else {
        if (kept) forget(scripts, kept);
        script = json_stringn(rpc_strbuf_text(&answer->body), answer->body.len);
        if (!script) snprintf(error, sizeof error, "script_url: the script is not UTF-8");
        if (script && answer->etag) {
            keep(scripts, fetch->url, answer->etag, script);
            fetch->url = answer->etag = NULL;
        }
    }
    end_fetch(fetch, script, script ? NULL : error);
    json_decref(script);
}

int url_scripts_fetch(struct url_scripts *scripts, const char *url, url_scripts_done *done,
                      void *ctx) {
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch || !(fetch->url = strdup(url))) {
        free(fetch);
        return -1;
    }
    fetch->scripts = scripts;
    fetch->done = done;
    fetch->ctx = ctx;
    const struct kept *kept = find(scripts, url);
    const struct http_request request = {
        .url = url,
        .if_none_match = kept ? kept->etag : NULL,
        .timeout_ms = scripts->config->url_timeout_ms,
        .max_bytes = scripts->config->url_bytes,
    };
    if (http_start(scripts->http, &request, on_answer, fetch)) {
        LIST_INSERT_HEAD(&scripts->fetches, fetch, link);
        return 0;
    }
    free(fetch->url);
    free(fetch);
    return -1;
}

struct url_scripts *url_scripts_new(struct http *http, const struct config *config) {
    struct url_scripts *scripts = calloc(1, sizeof *scripts);
    if (!scripts) return NULL;
    *scripts = (struct url_scripts){.http = http, .config = config};
    TAILQ_INIT(&scripts->kept);
    LIST_INIT(&scripts->fetches);
    return scripts;
}

void url_scripts_free(struct url_scripts *scripts) {
    if (!scripts) return;
    while (!LIST_EMPTY(&scripts->fetches))
        end_fetch(LIST_FIRST(&scripts->fetches), NULL, "server stopped");
    while (!TAILQ_EMPTY(&scripts->kept))
        forget(scripts, TAILQ_FIRST(&scripts->kept));
    free(scripts);
}
