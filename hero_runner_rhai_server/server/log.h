/* The server's own log (hero_rpc/log.h). Values of scripts, their variables and their output never
 * go here. */
#ifndef RUNNER_SERVER_LOG_H
#define RUNNER_SERVER_LOG_H

#include <hero_rpc/log.h>

#define log_set_level rpc_log_set_level
#define log_is_debug rpc_log_is_debug
#define log_debug rpc_log_debug
#define log_info rpc_log_info
#define log_warn rpc_log_warn
#define log_error rpc_log_error

#endif
