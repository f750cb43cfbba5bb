#include "sse_parser.h"

#include <string.h>

void sse_parser_init(struct sse_parser *parser, rpc_sse_handler *handler, void *ctx) {
    *parser = (struct sse_parser){.handler = handler, .ctx = ctx};
}

void sse_parser_done(struct sse_parser *parser) {
    rpc_strbuf_done(&parser->line);
    rpc_strbuf_done(&parser->event);
    rpc_strbuf_done(&parser->data);
    rpc_strbuf_done(&parser->id);
    rpc_strbuf_done(&parser->last_id);
}

static void assign(struct rpc_strbuf *buf, const char *value, size_t len) {
    rpc_strbuf_clear(buf);
    rpc_strbuf_add(buf, value, len);
}

static enum sse_result dispatch(struct sse_parser *p) {
    assign(&p->last_id, rpc_strbuf_text(&p->id), p->id.len);
    enum sse_result result = SSE_CONTINUE;
    if (p->data.failed || p->id.failed || p->last_id.failed || p->event.failed) {
        result = SSE_TOO_LARGE;
    } else if (p->has_data) {
        p->data.data[--p->data.len] = '\0'; /* the newline of the last line */
        const struct rpc_sse_event event = {
            .event = p->event.len ? p->event.data : "message",
            .id = rpc_strbuf_text(&p->last_id),
            .data = p->data.data,
            .data_len = p->data.len,
        };
        if (!p->handler(p->ctx, &event)) result = SSE_STOPPED;
    }
    rpc_strbuf_clear(&p->event);
    rpc_strbuf_clear(&p->data);
    p->has_data = false;
    return result;
}

static bool name_is(const char *line, size_t len, const char *name) {
    return len == strlen(name) && memcmp(line, name, len) == 0;
}

static enum sse_result handle_line(struct sse_parser *p, const char *line, size_t len) {
    if (len == 0) return dispatch(p);
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : len;
    const char *value = colon ? colon + 1 : line + len;
    if (colon && value < line + len && *value == ' ') value++;
    size_t value_len = (size_t)(line + len - value);
    /* The format says so for ids; event names are C strings for us, too. */
    bool is_text = !memchr(value, '\0', value_len);

    if (name_is(line, name_len, "data")) {
        if (value_len > SSE_EVENT_MAX_BYTES - p->data.len) return SSE_TOO_LARGE;
        rpc_strbuf_add(&p->data, value, value_len);
        rpc_strbuf_add_char(&p->data, '\n');
        p->has_data = true;
    } else if (name_is(line, name_len, "event") && is_text) {
        assign(&p->event, value, value_len);
    } else if (name_is(line, name_len, "id") && is_text) {
        assign(&p->id, value, value_len);
    }
    return SSE_CONTINUE; /* comments (an empty name), retry and unknown names */
}

/* A line that came in one piece is used where it lies. */
static enum sse_result end_line(struct sse_parser *p, const char *piece, size_t len) {
    if (p->line.len == 0 && !p->line.failed) {
        static const char byte_order_mark[] = "\xef\xbb\xbf";
        if (!p->is_started && len >= 3 && memcmp(piece, byte_order_mark, 3) == 0)
            piece += 3, len -= 3;
        p->is_started = true;
        return handle_line(p, piece, len);
    }
    rpc_strbuf_add(&p->line, piece, len);
    if (p->line.failed) return SSE_TOO_LARGE;
    struct rpc_strbuf line = p->line;
    rpc_strbuf_init(&p->line);
    enum sse_result result = end_line(p, line.data, line.len);
    rpc_strbuf_clear(&line);
    p->line = line;
    return result;
}

/* The first line end in the bytes, a newline or a carriage return; `end` when there is none.
 * *newline is the first newline of an earlier question, or `end`; NULL: there was none. */
static const char *find_line_end(const char *bytes, const char *end, const char **newline) {
    if (!*newline || *newline < bytes) {
        *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        if (!*newline) *newline = end;
    }
    const char *carriage_return = memchr(bytes, '\r', (size_t)(*newline - bytes));
    return carriage_return ? carriage_return : *newline;
}

enum sse_result sse_parser_feed(struct sse_parser *p, const char *bytes, size_t len) {
    const char *end = bytes + len, *newline = NULL;
    while (bytes < end) {
        if (p->skip_newline) {
            p->skip_newline = false;
            if (*bytes == '\n') {
                bytes++;
                continue;
            }
        }
        const char *line_end = find_line_end(bytes, end, &newline);
        size_t piece_len = (size_t)(line_end - bytes);
        if (piece_len > SSE_EVENT_MAX_BYTES - p->line.len) return SSE_TOO_LARGE;
        if (line_end == end) {
            rpc_strbuf_add(&p->line, bytes, piece_len);
            return p->line.failed ? SSE_TOO_LARGE : SSE_CONTINUE;
        }
        enum sse_result result = end_line(p, bytes, piece_len);
        if (result != SSE_CONTINUE) return result;
        p->skip_newline = *line_end == '\r';
        bytes = line_end + 1;
    }
    return SSE_CONTINUE;
}
