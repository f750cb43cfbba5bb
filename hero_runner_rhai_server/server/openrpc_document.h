/* The text of openrpc.json, built into the program. */
#ifndef RUNNER_SERVER_OPENRPC_DOCUMENT_H
#define RUNNER_SERVER_OPENRPC_DOCUMENT_H

#include <stddef.h>

extern const char openrpc_document[];
extern const size_t openrpc_document_len;

#endif
