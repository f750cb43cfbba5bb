/* The client's parser of event streams: the events must not depend on how the bytes are cut. */
#include "src/sse_parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool note_event(void *ctx, const struct rpc_sse_event *event) {
    struct rpc_strbuf *seen = ctx;
    if (strlen(event->event) == 0) abort();
    rpc_strbuf_addf(seen, "%s|%s|%zu|", event->event, event->id, event->data_len);
    rpc_strbuf_add(seen, event->data, event->data_len);
    return true;
}

static void parse(struct rpc_strbuf *seen, const char *bytes, size_t len, size_t piece) {
    struct sse_parser parser;
    sse_parser_init(&parser, note_event, seen);
    for (size_t at = 0; at < len; at += piece)
        if (sse_parser_feed(&parser, bytes + at, len - at < piece ? len - at : piece) !=
            SSE_CONTINUE)
            abort();
    sse_parser_done(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct rpc_strbuf whole = RPC_STRBUF_INIT, cut = RPC_STRBUF_INIT;
    const char *bytes = (const char *)data + 1;
    parse(&whole, bytes, size - 1, size - 1);
    parse(&cut, bytes, size - 1, (size_t)data[0] % 16 + 1);
    if (whole.len != cut.len || (whole.len && memcmp(whole.data, cut.data, whole.len) != 0))
        abort();
    rpc_strbuf_done(&whole);
    rpc_strbuf_done(&cut);
    return 0;
}
