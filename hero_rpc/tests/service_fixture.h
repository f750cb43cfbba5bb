/* A small service for the tests that need one: health, greet, hold, fail and a feed of events. */
#ifndef HERO_RPC_TESTS_SERVICE_FIXTURE_H
#define HERO_RPC_TESTS_SERVICE_FIXTURE_H

#include "harness.h"

extern const char service_document[];

/* Adds the service to a fixture; for fixture_start. /feed has the events 1 to 5, each with its
 * number as data, the last one named "end"; /silence never has one. POST /greeting takes the params
 * of greet and answers with the feed; "nobody" is refused with error -32001, HTTP 409; "busy" with
 * -32002, 503; for "later" the call is held. */
void add_service(struct fixture *f);

/* The call being held, NULL when there is none. */
extern struct rpc_call *service_held;

#endif
