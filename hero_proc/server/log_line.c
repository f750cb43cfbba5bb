#include "server/log_line.h"

#include <string.h>
#include <strings.h>

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

const char *log_level_name(enum log_level level) {
    return level_names[level];
}

enum log_level log_level_parse(const char *name) {
    static const struct {
        const char *name;
        enum log_level level;
    } words[] = {{"trace", LOG_DEBUG},  {"debug", LOG_DEBUG}, {"warn", LOG_WARN},
                 {"warning", LOG_WARN}, {"error", LOG_ERROR}, {"critical", LOG_ERROR},
                 {"fatal", LOG_ERROR}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i].name, name) == 0) return words[i].level;
    return LOG_INFO;
}

/* ---- A file's form ------------------------------------------------------------------------ */

void log_line_escape(const char *text, size_t len, struct rpc_strbuf *out) {
    const char *end = text + len;
    while (text < end) {
        size_t plain = 0, left = (size_t)(end - text);
        while (plain < left && text[plain] != '\\' && text[plain] != '\n')
            plain++;
        rpc_strbuf_add(out, text, plain);
        text += plain;
        if (text < end) rpc_strbuf_add(out, *text++ == '\n' ? "\\n" : "\\\\", 2);
    }
}

void log_line_add_text(const struct log_line *line, struct rpc_strbuf *out) {
    const char *at = line->text, *end = at + line->len, *backslash;
    while ((backslash = memchr(at, '\\', (size_t)(end - at))) && backslash + 1 < end) {
        rpc_strbuf_add(out, at, (size_t)(backslash - at));
        rpc_strbuf_add_char(out, backslash[1] == 'n' ? '\n' : backslash[1]);
        at = backslash + 2;
    }
    rpc_strbuf_add(out, at, (size_t)(end - at));
}

void log_line_encode(const struct log_line *line, struct rpc_strbuf *out) {
    rpc_strbuf_add_int(out, (long long)line->id);
    rpc_strbuf_add_char(out, '\t');
    rpc_strbuf_add_int(out, line->timestamp_ms);
    rpc_strbuf_add_char(out, '\t');
    rpc_strbuf_add_text(out, log_level_name(line->level));
    rpc_strbuf_add_char(out, '\t');
    rpc_strbuf_add(out, line->tags, line->tags_len);
    rpc_strbuf_add_char(out, '\t');
    rpc_strbuf_add(out, line->text, line->len);
    rpc_strbuf_add_char(out, '\n');
}

static bool read_number(const char **at, const char *end, uint64_t *ret_number) {
    const char *first = *at;
    uint64_t number = 0;
    for (; *at < end && **at >= '0' && **at <= '9' && *at - first < 18; (*at)++)
        number = number * 10 + (uint64_t)(**at - '0');
    if (*at == first || *at == end || **at != '\t') return false;
    (*at)++;
    *ret_number = number;
    return true;
}

bool log_line_decode(const char *bytes, size_t len, struct log_line *ret_line) {
    const char *at = bytes, *end = bytes + len;
    uint64_t id, timestamp;
    if (!read_number(&at, end, &id) || !read_number(&at, end, &timestamp)) return false;
    const char *level_end = memchr(at, '\t', (size_t)(end - at));
    if (!level_end) return false;
    char level[16] = "";
    if ((size_t)(level_end - at) < sizeof level) memcpy(level, at, (size_t)(level_end - at));
    const char *tags = level_end + 1;
    const char *tags_end = memchr(tags, '\t', (size_t)(end - tags));
    if (!tags_end) return false;
    *ret_line = (struct log_line){
        .id = id,
        .timestamp_ms = (int64_t)timestamp,
        .level = log_level_parse(level),
        .source = "",
        .tags = tags,
        .tags_len = (size_t)(tags_end - tags),
        .text = tags_end + 1,
        .len = (size_t)(end - tags_end) - 1,
    };
    return true;
}

void log_line_add_json(const struct log_line *line, struct rpc_strbuf *out) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    log_line_add_text(line, &text);
    rpc_strbuf_addf(out, "{\"id\":%llu,\"timestamp_ms\":%lld,\"level\":\"%s\",\"source\":",
                    (unsigned long long)line->id, (long long)line->timestamp_ms,
                    log_level_name(line->level));
    rpc_strbuf_add_json_string(out, line->source, strlen(line->source));
    rpc_strbuf_add_text(out, ",\"tags\":");
    rpc_strbuf_add(out, line->tags, line->tags_len);
    rpc_strbuf_add_text(out, ",\"line\":");
    rpc_strbuf_add_json_string(out, rpc_strbuf_text(&text), text.len);
    rpc_strbuf_add_char(out, '}');
    rpc_strbuf_done(&text);
}

/* ---- Queries ------------------------------------------------------------------------------ */

bool log_source_matches(const char *source, const char *wanted) {
    if (!wanted) return true;
    size_t len = strlen(wanted);
    while (len > 0 && wanted[len - 1] == '.')
        len--;
    return strncmp(source, wanted, len) == 0 &&
           (source[len] == '\0' || source[len] == '.' || len == 0);
}

/* Tags are a JSON array of texts: one that has the text between quotes has the tag. */
static bool has_tag(const struct log_line *line, const char *tag) {
    struct rpc_strbuf quoted = RPC_STRBUF_INIT;
    rpc_strbuf_add_json_string(&quoted, tag, strlen(tag));
    bool found = memmem(line->tags, line->tags_len, rpc_strbuf_text(&quoted), quoted.len);
    rpc_strbuf_done(&quoted);
    return found;
}

bool log_line_matches(const struct log_line *line, const struct log_query *query) {
    if (line->id <= query->after_id || line->level < query->level) return false;
    if (query->since_ms && line->timestamp_ms < query->since_ms) return false;
    if (query->until_ms && line->timestamp_ms > query->until_ms) return false;
    for (size_t i = 0; i < query->tag_count; i++)
        if (!has_tag(line, query->tags[i])) return false;
    if (query->without_own && has_tag(line, LOG_OWN_TAG)) return false;
    if (!query->text || !*query->text) return true;
    if (!memchr(line->text, '\\', line->len))
        return memmem(line->text, line->len, query->text, strlen(query->text));
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    log_line_add_text(line, &text);
    bool found = memmem(rpc_strbuf_text(&text), text.len, query->text, strlen(query->text));
    rpc_strbuf_done(&text);
    return found;
}
