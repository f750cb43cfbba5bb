/* A prefix from a header must not bring anything into the page but a path. */
#include "src/config.h"
#include "src/page.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_prefix(const char *text) {
    char prefix[PAGE_PREFIX_MAX_BYTES];
    if (!page_clean_prefix(text, prefix) || !*prefix) return;
    if (prefix[0] != '/' || prefix[strlen(prefix) - 1] == '/') abort();
    if (strstr(prefix, "..") == prefix + 1 || strstr(prefix, "//") || strstr(prefix, "/.."))
        abort();
    for (const char *c = prefix; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("/-_.~", *c)) abort();
}

static void check_fill(const char *text, size_t len) {
    const struct page_value values[] = {{"a", "1"}, {"b", ""}};
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    page_fill(&out, text, len, values, 2);
    if (out.len > len) abort(); /* no value is longer than its place */
    rpc_strbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    char *text = malloc(len + 1);
    if (!text) return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    check_prefix(text);
    check_fill(text, len);
    char *address = NULL;
    uint16_t port;
    if (config_parse_listen(text, &address, &port, NULL) == 0 && !*address) abort();
    free(address);
    free(text);
    return 0;
}
