#include "src/assets.h"
#include "src/ui.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct {
    const char *suffix, *type;
} types[] = {
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
    {".html", "text/html; charset=utf-8"},
};

const struct asset *asset_find(const char *path) {
    for (size_t i = 0; i < asset_count; i++)
        if (strcmp(assets[i].path, path) == 0) return &assets[i];
    return NULL;
}

static const char *type_of(const char *path) {
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t suffix_len = strlen(types[i].suffix);
        if (len > suffix_len && strcmp(path + len - suffix_len, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* Whether the header lists gzip without refusing it ("gzip;q=0", RFC 9110 §12.5.3). */
static bool accepts_gzip(const char *header) {
    const char *at = header ? strstr(header, "gzip") : NULL;
    if (!at) return false;
    at += strlen("gzip");
    double q = 1;
    sscanf(at, " ; q=%lf", &q);
    return q > 0;
}

/* For the rare client that does not take gzip. NULL without memory. */
static char *inflate_all(const struct asset *asset, size_t *ret_len) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    z_stream z = {.next_in = (Bytef *)(uintptr_t)asset->bytes, .avail_in = (uInt)asset->len};
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) return NULL;
    int outcome = Z_OK;
    while (outcome == Z_OK) {
        size_t room = 64 * 1024;
        char *to = rpc_strbuf_reserve(&out, room);
        if (!to) break;
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)room;
        outcome = inflate(&z, Z_NO_FLUSH);
        out.len += room - z.avail_out;
    }
    inflateEnd(&z);
    if (outcome == Z_STREAM_END) return rpc_strbuf_take(&out, ret_len);
    rpc_strbuf_done(&out);
    return NULL;
}

static void reply_asset(struct rpc_request *request, const struct asset *asset) {
    const char *type = type_of(asset->path);
    if (!asset->is_gzip) {
        rpc_request_reply_static(request, 200, type, asset->bytes, asset->len);
        return;
    }
    rpc_request_add_header(request, "Vary", "Accept-Encoding");
    if (accepts_gzip(rpc_request_header(request, "Accept-Encoding"))) {
        rpc_request_add_header(request, "Content-Encoding", "gzip");
        rpc_request_reply_static(request, 200, type, asset->bytes, asset->len);
        return;
    }
    size_t len = 0;
    char *plain = inflate_all(asset, &len);
    if (plain)
        rpc_request_reply_take(request, 200, type, plain, len);
    else
        rpc_request_reply_error(request, 500, "out of memory");
}

static void get_asset(struct rpc_request *request, void *ctx) {
    (void)ctx;
    const struct asset *asset = asset_find(rpc_request_path(request) + 1);
    if (!asset) {
        rpc_request_reply_error(request, 404, "nothing at %s", rpc_request_path(request));
        return;
    }
    const char *known = rpc_request_header(request, "If-None-Match");
    rpc_request_add_header(request, "ETag", asset->etag);
    rpc_request_add_header(request, "Cache-Control", "public, max-age=31536000, immutable");
    rpc_request_add_header(request, "X-Content-Type-Options", "nosniff");
    if (known && strstr(known, asset->etag))
        rpc_request_reply_static(request, 304, NULL, NULL, 0);
    else
        reply_asset(request, asset);
}

int assets_add_routes(struct ui *ui) {
    return rpc_server_route(ui->server, "GET", "/assets/", get_asset, ui);
}
