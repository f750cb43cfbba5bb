/* hero_proc/openrpc.json, embedded by the build. */
#ifndef HERO_PROC_SERVER_OPENRPC_DOCUMENT_H
#define HERO_PROC_SERVER_OPENRPC_DOCUMENT_H

#include <stddef.h>

extern const char openrpc_document[];
extern const size_t openrpc_document_len;

#endif
