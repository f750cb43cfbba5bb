/* servers.h - real database servers for tests, each with its data and its socket in a directory of
 * the test's own. They end with the test's process at the latest; a missing program is said.
 */
#ifndef HEROLIB_TESTS_SERVERS_H
#define HEROLIB_TESTS_SERVERS_H

#include <sys/types.h>

/* Starts redis-server, with the password "pw" and nothing in it, on the socket redis.sock in `dir`,
 * and sets REDIS_SOCKET and REDIS_PASSWORD. Its process, once it takes connections; -1: it does
 * not. */
pid_t redis_server_start(const char *dir);
void redis_server_stop(pid_t server, const char *dir);

/* Makes an empty cluster in `dir`/data with the superuser "tester", and sets POSTGRES_HOST, _USER
 * and _DB. As root, `dir` then belongs to the user postgres, as whom the server runs. 0 or -1. */
int postgres_cluster_make(const char *dir);
/* Its process, once it takes connections; -1: it does not. */
pid_t postgres_server_start(const char *dir);
void postgres_server_stop(pid_t server);

#endif
