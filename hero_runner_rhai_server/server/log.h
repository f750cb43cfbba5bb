/* The server's own log (hero_rpc/log.h). Values of scripts, their variables and their output never
 * go here. */
#ifndef RUNNER_SERVER_LOG_H
#define RUNNER_SERVER_LOG_H

#include <hero_rpc/log.h>

#define log_info rpc_log_info
#define log_warn rpc_log_warn
#define log_error rpc_log_error

#endif
