/*
 * JSON in a session process, by the engine's own reader and writer: the process links no library
 * for it, so that the zygote stays small and forks fast.
 */
#ifndef RUNNER_ZYGOTE_JSON_H
#define RUNNER_ZYGOTE_JSON_H

#include "zygote/control.h"

#include <rhai/rhai.h>

/* Text from malloc; bytes NULL when there was no memory. */
struct json_text {
    char *bytes;
    size_t len;
};

#define JSON_PROGRESS_TEXT_MAX_BYTES 1024
#define JSON_VALUE_MAX_DEPTH 512

/* The payload of a progress frame; a longer text is cut. */
struct json_text json_progress(rhai_engine *engine, double done, double total, const char *text,
                               size_t len);

/* How a script ended. */
struct json_result {
    const char *outcome;     /* "ok", "exit", "error", "terminated" */
    const rhai_value *value; /* NULL: none */
    const rhai_error *error; /* NULL: none */
    const char *message;     /* an error that is not the engine's; NULL: none */
    bool is_limit;
    const struct control_usage
        *usage; /* when nothing of the session is left but this process; else NULL */
};
/* The payload of a result frame (session/frames.h). */
struct json_text json_result(rhai_engine *engine, const struct json_result *result);

/* Borrowed text of a member of a map value, NULL when it is missing or no string. */
const char *json_member_text(const rhai_value *map, const char *name, size_t *ret_len);

#endif
