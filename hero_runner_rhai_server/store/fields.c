#include "store/fields.h"

#include <stddef.h>
#include <string.h>

#define NUMBER(NAME, IS_OF_END)                                                                    \
    { #NAME, "INTEGER", offsetof(struct store_session, NAME), FIELD_NUMBER, IS_OF_END }
#define TEXT(NAME, IS_OF_END)                                                                      \
    { #NAME, "TEXT", offsetof(struct store_session, NAME), FIELD_TEXT, IS_OF_END }

const struct field session_fields[] = {
    TEXT(id, false),
    TEXT(status, true),
    TEXT(reason, true),
    TEXT(message, true),
    NUMBER(queued_us, false),
    NUMBER(started_us, true),
    NUMBER(ended_us, true),
    NUMBER(pid, true),
    NUMBER(exit_code, true),
    NUMBER(signal, true),
    TEXT(source_kind, false),
    TEXT(source_name, false),
    NUMBER(source_version, false),
    TEXT(tags, false),
    NUMBER(priority, false),
    NUMBER(timeout_ms, false),
    TEXT(limits, false),
    TEXT(concurrency_key, false),
    TEXT(idempotency_key, false),
    NUMBER(concurrency_limit, false),
    NUMBER(caller_uid, false),
    TEXT(caller_user, false),
    TEXT(hero_user, false),
    TEXT(rerun_of, false),
    TEXT(forwarding, true),
    TEXT(callback_state, true),
    TEXT(callback_error, true),
    NUMBER(callback_attempts, true),
    TEXT(value_type, true),
    NUMBER(value_truncated, true),
    TEXT(error_message, true),
    NUMBER(error_line, true),
    NUMBER(error_position, true),
    NUMBER(lines, true),
    NUMBER(bytes, true),
    NUMBER(log_bytes, true),
    NUMBER(lost_lines, true),
    NUMBER(user_us, true),
    NUMBER(system_us, true),
    NUMBER(peak_rss_bytes, true),
    NUMBER(voluntary_switches, true),
    NUMBER(involuntary_switches, true),
    NUMBER(operations, true),
    NUMBER(engine_peak_bytes, true),
};
const size_t session_field_count = sizeof session_fields / sizeof session_fields[0];

int64_t *field_number(const struct field *field, const struct store_session *session) {
    return (int64_t *)((uintptr_t)session + field->place);
}

const char **field_text(const struct field *field, const struct store_session *session) {
    return (const char **)((uintptr_t)session + field->place);
}

void fields_add_names(struct rpc_strbuf *sql, const char *prefix) {
    for (size_t i = 0; i < session_field_count; i++)
        rpc_strbuf_addf(sql, "%s%s%s", i ? "," : "", prefix, session_fields[i].column);
}

size_t fields_text_size(const struct store_session *session) {
    size_t size = 0;
    for (size_t i = 0; i < session_field_count; i++)
        if (session_fields[i].kind == FIELD_TEXT)
            size += op_text_size(*field_text(&session_fields[i], session));
    return size;
}

void fields_copy(struct op *op, const struct store_session *session) {
    struct store_session *copy = &op->in.change.session;
    *copy = *session;
    for (size_t i = 0; i < session_field_count; i++)
        if (session_fields[i].kind == FIELD_TEXT)
            *field_text(&session_fields[i], copy) =
                op_copy_text(op, *field_text(&session_fields[i], session));
}

int fields_bind(sqlite3_stmt *statement, int first, const struct store_session *session,
                bool of_end_only) {
    for (size_t i = 0; i < session_field_count; i++) {
        const struct field *field = &session_fields[i];
        if (of_end_only && !field->is_of_end) continue;
        if (field->kind == FIELD_NUMBER)
            sqlite3_bind_int64(statement, first++, *field_number(field, session));
        else
            sqlite3_bind_text(statement, first++, *field_text(field, session), -1, SQLITE_STATIC);
    }
    return first;
}

/* ---- Reading rows ------------------------------------------------------------------------ */

struct store_bytes row_keep_bytes(struct rpc_strbuf *texts, sqlite3_stmt *statement, int column) {
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) return (struct store_bytes){0};
    const void *data = sqlite3_column_blob(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);
    uintptr_t place = texts->len + 1;
    rpc_strbuf_add(texts, data, len);
    rpc_strbuf_add_char(texts, '\0');
    return (struct store_bytes){(const char *)place, len};
}

const char *row_keep_text(struct rpc_strbuf *texts, sqlite3_stmt *statement, int column) {
    return row_keep_bytes(texts, statement, column).data;
}

void row_settle_text(const char **text, const char *memory) {
    if (*text) *text = memory + ((uintptr_t)*text - 1);
}

int fields_read(sqlite3_stmt *statement, int first, struct rpc_strbuf *texts,
                struct store_session *ret_session) {
    for (size_t i = 0; i < session_field_count; i++) {
        const struct field *field = &session_fields[i];
        if (field->kind == FIELD_NUMBER)
            *field_number(field, ret_session) = sqlite3_column_int64(statement, first++);
        else
            *field_text(field, ret_session) = row_keep_text(texts, statement, first++);
    }
    return first;
}

void fields_settle(struct store_session *session, const char *memory) {
    for (size_t i = 0; i < session_field_count; i++)
        if (session_fields[i].kind == FIELD_TEXT)
            row_settle_text(field_text(&session_fields[i], session), memory);
}
