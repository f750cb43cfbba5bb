/*
 * The client's end of server-sent events: bytes in, events out, as "Interpreting an event stream"
 * of WHATWG HTML says. Bytes may be cut anywhere.
 */
#ifndef HERO_RPC_SSE_PARSER_H
#define HERO_RPC_SSE_PARSER_H

#include "hero_rpc/client.h"

/* An event or a line over this size is an error: a peer must not fill our memory. */
#define SSE_EVENT_MAX_BYTES (64u * 1024 * 1024)

struct sse_parser {
    struct rpc_strbuf line; /* the part of a line seen so far */
    struct rpc_strbuf event;
    struct rpc_strbuf data;    /* each line with its newline */
    struct rpc_strbuf id;      /* of the event being read; stays for the next ones */
    struct rpc_strbuf last_id; /* of the last event handed out */
    bool has_data;
    bool skip_newline; /* the last byte was a carriage return */
    bool is_started;   /* a byte order mark can no longer come */
    rpc_sse_handler *handler;
    void *ctx;
};

enum sse_result {
    SSE_CONTINUE,
    SSE_STOPPED,   /* the handler returned false; the parser must not be fed again */
    SSE_TOO_LARGE, /* or out of memory */
};

void sse_parser_init(struct sse_parser *parser, rpc_sse_handler *handler, void *ctx);
void sse_parser_done(struct sse_parser *parser);
enum sse_result sse_parser_feed(struct sse_parser *parser, const char *bytes, size_t len);

#endif
