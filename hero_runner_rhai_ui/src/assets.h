/*
 * The files of the page, built into the program (cmake/embed.cmake makes the table).
 *
 * Under assets/ names carry a hash of the content, so what such a name means never changes.
 */
#ifndef UI_ASSETS_H
#define UI_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path; /* "index.html", "assets/app-1A2B3C.js" */
    const char *etag; /* with its quotes */
    const unsigned char *bytes;
    size_t len;
    bool is_gzip; /* as it is stored */
};

extern const struct asset assets[];
extern const size_t asset_count;

/* NULL when there is none. */
const struct asset *asset_find(const char *path);

#endif
