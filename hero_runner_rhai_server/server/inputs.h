/*
 * Typed inputs: what a script declares in its first doc-comments, as JSON Schema, and values
 * checked against it. The parser is the engine library's; nothing is run.
 *
 *     /// @input port: int = 8080   TCP port to listen on
 */
#ifndef RUNNER_SERVER_INPUTS_H
#define RUNNER_SERVER_INPUTS_H

#include <jansson.h>

#define INPUTS_PROBLEM_BYTES 256

struct inputs_problem {
    char param[INPUTS_PROBLEM_BYTES]; /* "inputs.port" */
    char what[INPUTS_PROBLEM_BYTES];  /* to stand behind its name: "must be an integer" */
};

/* Checks values (NULL: none) against what the script (a JSON string) declares. 0 and a new object
 * with the values of all inputs, defaults included, a left out one null (NULL: it declares
 * nothing); -1 and what is wrong. */
int inputs_take(const json_t *script, const json_t *given, json_t **ret_inputs,
                struct inputs_problem *ret_problem);

#endif
