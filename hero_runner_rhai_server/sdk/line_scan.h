/*
 * line_scan.h - reads a line's object as the server writes it, without a tree:
 *
 *   {"session_id":"...","seq":1,"timestamp_ms":2,"kind":"stdout","partial":true,"line":"..."}
 *
 * with these members in this order, "partial" or not, and no space between. What it accepts is JSON
 * and reads as a tree of it would; anything else it leaves to one.
 */
#ifndef SDK_LINE_SCAN_H
#define SDK_LINE_SCAN_H

#include "hero_runner_rhai_sdk/runner.h"

#include <hero_rpc/strbuf.h>

/* False: it is not such an object. The text is kept in `text`, which *ret then borrows. */
bool line_scan(const char *json, size_t len, struct rpc_strbuf *text, struct runner_line *ret);

#endif
