/*
 * The mark of a running server, carried by everything it starts as HERO_RUNNER_RHAI_INSTANCE in the
 * environment, and by which the next server finds what a dead one left behind.
 */
#ifndef RUNNER_SERVER_INSTANCE_H
#define RUNNER_SERVER_INSTANCE_H

#include <hero_rpc/error.h>

#define INSTANCE_VARIABLE "HERO_RUNNER_RHAI_INSTANCE"
#define INSTANCE_ID_BYTES 37

/* Kills what the server before us left behind, and notes a new mark in <state_dir>/instance. The
 * caller holds the lock of that directory, so the server whose mark is found there is dead. */
int instance_begin(const char *state_dir, char ret_id[INSTANCE_ID_BYTES], struct rpc_error *err);

/* The environment of all scripts: a fixed choice of our own variables, those named in `pass_env`
 * (separated by commas), TERM=dumb and the mark. Ended by NULL and freed with free(); NULL without
 * memory. */
char **instance_environment(const char *id, const char *pass_env);

#endif
