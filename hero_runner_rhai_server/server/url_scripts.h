/*
 * Scripts of script_url: fetched by http.h, and kept with their ETag, so that one that has not
 * changed is not sent again (RFC 9110 §13.1.2).
 */
#ifndef RUNNER_SERVER_URL_SCRIPTS_H
#define RUNNER_SERVER_URL_SCRIPTS_H

#include "server/config.h"
#include "server/http.h"

#include <jansson.h>

#define URL_SCRIPTS_KEPT 64
#define URL_SCRIPTS_KEPT_BYTES (32 * 1024 * 1024)

struct url_scripts;

struct url_scripts *url_scripts_new(struct http *http, const struct config *config);
/* After http_free: what is still being fetched is told as failed. */
void url_scripts_free(struct url_scripts *scripts);

/* `script` is a JSON string, borrowed, NULL when there is none and `error` says why. */
typedef void url_scripts_done(void *ctx, json_t *script, const char *error);
/* `done` is called once, later. -1 without memory. */
int url_scripts_fetch(struct url_scripts *scripts, const char *url, url_scripts_done *done,
                      void *ctx);

#endif
