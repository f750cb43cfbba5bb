/* The questions, as statements on a reader's connection. Each returns 0 or a negative errno and a
 * result that the caller owns. */
#ifndef RUNNER_STORE_QUERY_H
#define RUNNER_STORE_QUERY_H

#include "store/store.h"

#include <sqlite3.h>

int query_list(sqlite3 *db, const struct store_query *query, struct store_sessions **ret_sessions);
int query_key(sqlite3 *db, const char *key, struct store_sessions **ret_sessions);
int query_record(sqlite3 *db, const char *id, struct store_record **ret_record);
/* All rows of "SELECT row, <fields> FROM sessions" + `rest`. */
int query_sessions(sqlite3 *db, const char *rest, struct store_sessions **ret_sessions);
/* -ENOENT when there is no such session. */
int query_row(sqlite3 *db, const char *id, int64_t *ret_row);
int query_scripts(sqlite3 *db, struct store_scripts **ret_scripts);
int query_script(sqlite3 *db, const char *name, int64_t version,
                 struct store_scripts **ret_scripts);

#endif
