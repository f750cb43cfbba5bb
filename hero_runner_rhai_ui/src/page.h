/* The page's text, made for one request. */
#ifndef UI_PAGE_H
#define UI_PAGE_H

#include <hero_rpc/strbuf.h>
#include <stdbool.h>

#define PAGE_PREFIX_MAX_BYTES 256

/* Copies an X-Forwarded-Prefix without its trailing slashes ("/" and "" give ""). False: it is not
 * a path of plain segments, and must not get into a page. NULL is "". */
bool page_clean_prefix(const char *header, char ret_prefix[PAGE_PREFIX_MAX_BYTES]);

struct page_value {
    const char *name, *value;
};
/* Appends a text with each {{name}} replaced; an unknown name stays as it is. Values are trusted.
 */
void page_fill(struct rpc_strbuf *out, const char *text, size_t len,
               const struct page_value *values, size_t count);

#endif
