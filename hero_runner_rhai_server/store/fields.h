/*
 * The columns of struct store_session, as a table: from it come the copying into an op, the SQL,
 * the binding of parameters and the reading of rows.
 */
#ifndef RUNNER_STORE_FIELDS_H
#define RUNNER_STORE_FIELDS_H

#include "store/op.h"

#include <hero_rpc/strbuf.h>
#include <sqlite3.h>

enum field_kind { FIELD_NUMBER, FIELD_TEXT };

struct field {
    const char *column, *type; /* as in CREATE TABLE */
    size_t place;              /* in struct store_session */
    enum field_kind kind;
    bool is_of_end; /* changes when the session ends */
};

extern const struct field session_fields[];
extern const size_t session_field_count;

/* Where a session has it. */
int64_t *field_number(const struct field *field, const struct store_session *session);
const char **field_text(const struct field *field, const struct store_session *session);

/* Column names with a comma between; `prefix` goes before each. */
void fields_add_names(struct rpc_strbuf *sql, const char *prefix);

/* Copies a session with its texts into an op. */
size_t fields_text_size(const struct store_session *session);
void fields_copy(struct op *op, const struct store_session *session);

/* Binds all fields, or those of the end, from parameter `first` on; returns the next one. The texts
 * must live until the statement is reset. */
int fields_bind(sqlite3_stmt *statement, int first, const struct store_session *session,
                bool of_end_only);

/* Rows on their way to a caller: structs in a vector, texts in one buffer, where a pointer is an
 * offset + 1 until the buffer has stopped moving. */
const char *row_keep_text(struct rpc_strbuf *texts, sqlite3_stmt *statement, int column);
struct store_bytes row_keep_bytes(struct rpc_strbuf *texts, sqlite3_stmt *statement, int column);
void row_settle_text(const char **text, const char *memory);
/* Reads all fields from column `first` on, `row` excepted; returns the next one. */
int fields_read(sqlite3_stmt *statement, int first, struct rpc_strbuf *texts,
                struct store_session *ret_session);
void fields_settle(struct store_session *session, const char *memory);

#endif
