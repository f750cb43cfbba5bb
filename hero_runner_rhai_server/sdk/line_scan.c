#include "line_scan.h"

#define DIGITS_MAX 18 /* as many always fit */

/* What has not been read yet. */
struct rest {
    const char *at, *end;
};

static bool take(struct rest *rest, const char *text, size_t len) {
    if ((size_t)(rest->end - rest->at) < len || memcmp(rest->at, text, len) != 0) return false;
    rest->at += len;
    return true;
}

#define TAKE(rest, text) take((rest), (text), sizeof(text) - 1)

/* Lower-case hexadecimal digits and hyphens. */
static bool take_id(struct rest *rest) {
    const char *begin = rest->at;
    while (rest->at < rest->end && ((*rest->at >= '0' && *rest->at <= '9') ||
                                    (*rest->at >= 'a' && *rest->at <= 'f') || *rest->at == '-'))
        rest->at++;
    return rest->at > begin;
}

static bool take_number(struct rest *rest, int64_t *ret) {
    const char *begin = rest->at;
    int64_t value = 0;
    while (rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9') {
        if (rest->at - begin == DIGITS_MAX) return false;
        value = value * 10 + (*rest->at++ - '0');
    }
    *ret = value;
    return rest->at > begin && (*begin != '0' || rest->at == begin + 1);
}

static bool take_kind(struct rest *rest, bool *ret_is_stderr) {
    *ret_is_stderr = TAKE(rest, "stderr");
    return *ret_is_stderr || TAKE(rest, "stdout");
}

static bool take_text(struct rest *rest, struct rpc_strbuf *text) {
    rpc_strbuf_clear(text);
    size_t used = rpc_strbuf_add_unquoted(text, rest->at, (size_t)(rest->end - rest->at));
    rest->at += used;
    return used && !text->failed;
}

bool line_scan(const char *json, size_t len, struct rpc_strbuf *text, struct runner_line *ret) {
    struct rest rest = {json, json + len};
    struct runner_line line;
    int64_t seq;
    if (!TAKE(&rest, "{\"session_id\":\"") || !take_id(&rest) || !TAKE(&rest, "\",\"seq\":") ||
        !take_number(&rest, &seq) || !TAKE(&rest, ",\"timestamp_ms\":") ||
        !take_number(&rest, &line.timestamp_ms) || !TAKE(&rest, ",\"kind\":\"") ||
        !take_kind(&rest, &line.is_stderr) || !TAKE(&rest, "\""))
        return false;
    line.is_partial = TAKE(&rest, ",\"partial\":true");
    if (!TAKE(&rest, ",\"line\":") || !take_text(&rest, text) || !TAKE(&rest, "}") ||
        rest.at != rest.end)
        return false;
    line.seq = (uint64_t)seq;
    line.text = rpc_strbuf_text(text);
    line.len = text->len;
    *ret = line;
    return true;
}
