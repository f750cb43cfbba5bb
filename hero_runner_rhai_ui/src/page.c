/* The page: one document for all its addresses, never cached, with a nonce of its own. */
#include "src/page.h"
#include "src/assets.h"
#include "src/ui.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define NONCE_BYTES 16

bool page_clean_prefix(const char *header, char ret_prefix[PAGE_PREFIX_MAX_BYTES]) {
    size_t len = header ? strlen(header) : 0;
    while (len && header[len - 1] == '/')
        len--;
    ret_prefix[0] = '\0';
    if (len == 0) return true;
    if (len >= PAGE_PREFIX_MAX_BYTES || header[0] != '/') return false;
    for (size_t i = 0; i < len; i++) {
        char c = header[i], before = i ? header[i - 1] : '\0';
        if (!isalnum((unsigned char)c) && !strchr("/-_.~", c)) return false;
        /* No empty segment, and none that begins with a dot. */
        if (before == '/' && (c == '/' || c == '.')) return false;
    }
    memcpy(ret_prefix, header, len);
    ret_prefix[len] = '\0';
    return true;
}

static const char *find_value(const char *name, size_t len, const struct page_value *values,
                              size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(values[i].name) == len && memcmp(values[i].name, name, len) == 0)
            return values[i].value;
    return NULL;
}

void page_fill(struct rpc_strbuf *out, const char *text, size_t len,
               const struct page_value *values, size_t count) {
    const char *end = text + len;
    while (text < end) {
        const char *open = memmem(text, (size_t)(end - text), "{{", 2);
        const char *close = open ? memmem(open, (size_t)(end - open), "}}", 2) : NULL;
        const char *value =
            close ? find_value(open + 2, (size_t)(close - open) - 2, values, count) : NULL;
        const char *upto = value ? open : open ? open + 2 : end;
        rpc_strbuf_add(out, text, (size_t)(upto - text));
        if (value) rpc_strbuf_add_text(out, value);
        text = value ? close + 2 : upto;
    }
}

static bool make_nonce(char out[2 * NONCE_BYTES + 1]) {
    unsigned char random[NONCE_BYTES];
    if (getrandom(random, sizeof random, 0) != sizeof random) return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
    return true;
}

static void add_security_headers(struct ui *ui, struct rpc_request *request, const char *nonce) {
    struct rpc_strbuf policy = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&policy,
                    "default-src 'none'; script-src 'self' 'nonce-%s'; style-src 'self' "
                    "'nonce-%s'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; "
                    "base-uri 'self'; form-action 'none'; frame-ancestors %s",
                    nonce, nonce, ui->config.frame_ancestors);
    rpc_request_add_header(request, "Content-Security-Policy", rpc_strbuf_text(&policy));
    rpc_request_add_header(request, "Cache-Control", "no-store");
    rpc_request_add_header(request, "X-Content-Type-Options", "nosniff");
    rpc_request_add_header(request, "Referrer-Policy", "no-referrer");
    rpc_request_add_header(request, "Cross-Origin-Resource-Policy", "same-origin");
    rpc_strbuf_done(&policy);
}

static void get_page(struct rpc_request *request, void *ctx) {
    struct ui *ui = ctx;
    const struct asset *page = asset_find("index.html");
    char prefix[PAGE_PREFIX_MAX_BYTES], nonce[2 * NONCE_BYTES + 1];
    if (!page_clean_prefix(rpc_request_header(request, "X-Forwarded-Prefix"), prefix)) {
        rpc_request_reply_error(request, 400, "X-Forwarded-Prefix is not a plain path");
        return;
    }
    if (!page || !make_nonce(nonce)) {
        rpc_request_reply_error(request, 500, "no page");
        return;
    }
    const struct page_value values[] = {
        {"prefix", prefix},
        {"nonce", nonce},
        {"version", HERO_VERSION},
        /* Where hero_router shows the runner's own socket, seen from where it shows us. */
        {"rpc", ui->config.rpc_proxy ? "rpc" : "../rpc/rpc"},
    };
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    page_fill(&text, (const char *)page->bytes, page->len, values, sizeof values / sizeof *values);
    add_security_headers(ui, request, nonce);
    size_t len = 0;
    char *body = rpc_strbuf_take(&text, &len);
    if (body)
        rpc_request_reply_take(request, 200, "text/html; charset=utf-8", body, len);
    else
        rpc_request_reply_error(request, 500, "out of memory");
}

/* The addresses of the page's tabs; web/ knows them too. */
static const char *const tabs[] = {"/",      "/sessions", "/sessions/", "/run",  "/logs",
                                   "/stats", "/admin",    "/docs",      "/docs/"};

static void get_root(struct rpc_request *request, void *ctx) {
    const char *path = rpc_request_path(request);
    if (strcmp(path, "/") == 0 || *path == '\0')
        get_page(request, ctx);
    else
        rpc_request_reply_error(request, 404, "nothing at %s", path);
}

int page_add_routes(struct ui *ui) {
    for (size_t i = 0; i < sizeof tabs / sizeof *tabs; i++)
        if (rpc_server_route(ui->server, "GET", tabs[i], i ? get_page : get_root, ui) != 0)
            return -1;
    return 0;
}
