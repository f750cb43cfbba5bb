/* client.h - what the files of the client share. */
#ifndef PROC_SDK_CLIENT_H
#define PROC_SDK_CLIENT_H

#include "contract.h"

#include <hero_rpc/client.h>

struct proc_client {
    struct proc_transport transport;
    struct rpc_client *rpc; /* the transport's, of proc_open; NULL: another transport */
    long long next_id;
    char *socket_path;
    struct contract contract;
    bool has_contract;
    struct rpc_strbuf omitted;
};

/* A call whose parameters are built on the spot: they are released, NULL among them is out of
 * memory. */
json_t *client_call(struct proc_client *client, enum proc_method method, json_t *params,
                    struct rpc_error *err);
/* The same where the result tells nothing. */
int client_do(struct proc_client *client, enum proc_method method, json_t *params,
              struct rpc_error *err);

/* Lets time pass, in functions that ask again and again. 0, or -1 when the call is to end. */
int client_pause(struct proc_client *client, int64_t ms, struct rpc_error *err);

#endif
