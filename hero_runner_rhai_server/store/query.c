#include "store/query.h"

#include "store/database.h"
#include "store/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const sort_expressions[] = {
    [STORE_SORT_QUEUED] = "s.row",
    [STORE_SORT_STARTED] = "s.started_us",
    [STORE_SORT_ENDED] = "s.ended_us",
    /* Of one that runs: since its start, with the newest of them the shortest. */
    [STORE_SORT_DURATION] = "CASE WHEN s.started_us=0 THEN 0"
                            " WHEN s.ended_us=0 THEN 9e15-s.started_us"
                            " ELSE s.ended_us-s.started_us END",
    [STORE_SORT_LINES] = "s.lines",
    [STORE_SORT_CPU] = "s.user_us+s.system_us",
    [STORE_SORT_MEMORY] = "s.peak_rss_bytes",
};

static int prepare(sqlite3 *db, struct rpc_strbuf *sql, sqlite3_stmt **ret_statement) {
    if (sql->failed) return -ENOMEM;
    return database_errno(
        sqlite3_prepare_v2(db, rpc_strbuf_text(sql), (int)sql->len, ret_statement, NULL));
}

/* ---- Rows to structs --------------------------------------------------------------------- */

/* A growing array of results; the texts are settled at the end. */
struct rows {
    char *items;
    size_t size, count, cap; /* size: of one item */
    struct rpc_strbuf texts;
};

static void *add_row(struct rows *rows) {
    if (rows->count == rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 8;
        char *items = realloc(rows->items, cap * rows->size);
        if (!items) return NULL;
        rows->items = items;
        rows->cap = cap;
    }
    return memset(rows->items + rows->size * rows->count++, 0, rows->size);
}

static void rows_done(struct rows *rows) {
    free(rows->items);
    rpc_strbuf_done(&rows->texts);
}

static int read_sessions(sqlite3_stmt *statement, struct rows *rows) {
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_session *session = add_row(rows);
        if (!session) return -ENOMEM;
        session->row = sqlite3_column_int64(statement, 0);
        fields_read(statement, 1, &rows->texts, session);
    }
    return rows->texts.failed ? -ENOMEM : database_errno(code);
}

/* Takes the rows, whatever comes of it. */
static int make_sessions(struct rows *rows, int error, uint64_t total,
                         struct store_sessions **ret_sessions) {
    struct store_sessions *sessions = error ? NULL : calloc(1, sizeof *sessions);
    if (!sessions) {
        rows_done(rows);
        return error ? error : -ENOMEM;
    }
    *sessions = (struct store_sessions){
        .items = (struct store_session *)(void *)rows->items,
        .count = rows->count,
        .total = total,
        .memory = rpc_strbuf_take(&rows->texts, NULL),
    };
    for (size_t i = 0; i < sessions->count; i++)
        fields_settle(&sessions->items[i], sessions->memory);
    *ret_sessions = sessions;
    return 0;
}

void store_sessions_free(struct store_sessions *sessions) {
    if (!sessions) return;
    free(sessions->items);
    free(sessions->memory);
    free(sessions);
}

int query_sessions(sqlite3 *db, const char *rest, struct store_sessions **ret_sessions) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&sql, "SELECT row,");
    fields_add_names(&sql, "");
    rpc_strbuf_addf(&sql, " FROM sessions %s", rest);
    struct rows rows = {.size = sizeof(struct store_session), .texts = RPC_STRBUF_INIT};
    sqlite3_stmt *statement = NULL;
    int error = prepare(db, &sql, &statement);
    if (!error) error = read_sessions(statement, &rows);
    sqlite3_finalize(statement);
    rpc_strbuf_done(&sql);
    return make_sessions(&rows, error, rows.count, ret_sessions);
}

/* ---- Lists ------------------------------------------------------------------------------- */

/* A pattern for LIKE ... ESCAPE '\' that finds `text` literally. */
static void add_pattern(struct rpc_strbuf *pattern, const char *before, const char *text) {
    rpc_strbuf_add_text(pattern, before);
    for (; *text; text++) {
        if (*text == '%' || *text == '_' || *text == '\\') rpc_strbuf_add_char(pattern, '\\');
        rpc_strbuf_add_char(pattern, *text);
    }
    rpc_strbuf_add_char(pattern, '%');
}

static const char *next_condition(size_t *count) {
    return (*count)++ ? " AND " : " WHERE ";
}

/* The conditions; named parameters, so that they can be bound in any order. */
static void add_conditions(struct rpc_strbuf *sql, const struct store_query *query) {
    size_t count = 0;
    if (query->status_count) {
        rpc_strbuf_addf(sql, "%ss.status IN (", next_condition(&count));
        for (size_t i = 0; i < query->status_count; i++)
            rpc_strbuf_addf(sql, "%s:status%zu", i ? "," : "", i);
        rpc_strbuf_add_char(sql, ')');
    }
    if (query->since_us) rpc_strbuf_addf(sql, "%ss.queued_us>=:since", next_condition(&count));
    if (query->until_us) rpc_strbuf_addf(sql, "%ss.queued_us<:until", next_condition(&count));
    if (query->caller)
        rpc_strbuf_addf(sql,
                        "%s(s.caller_user=:caller OR s.hero_user=:caller OR"
                        " CAST(s.caller_uid AS TEXT)=:caller)",
                        next_condition(&count));
    if (query->callback)
        rpc_strbuf_addf(sql, "%ss.callback_state=:callback", next_condition(&count));
    if (query->tag)
        rpc_strbuf_addf(sql, "%sEXISTS (SELECT 1 FROM json_each(s.tags) WHERE value=:tag)",
                        next_condition(&count));
    if (!query->text) return;
    static const char *const places[] = {"s.source_name", "s.message", "s.error_message",
                                         "r.script"};
    rpc_strbuf_addf(sql, "%s(s.id LIKE :prefix ESCAPE '\\'", next_condition(&count));
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        rpc_strbuf_addf(sql, " OR %s LIKE :text ESCAPE '\\'", places[i]);
    rpc_strbuf_add_text(
        sql, " OR EXISTS (SELECT 1 FROM json_each(s.tags) WHERE value LIKE :text ESCAPE '\\'))");
}

static void bind_named(sqlite3_stmt *statement, const char *name, const char *text) {
    int index = sqlite3_bind_parameter_index(statement, name);
    if (index) sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
}

static void bind_named_number(sqlite3_stmt *statement, const char *name, int64_t number) {
    int index = sqlite3_bind_parameter_index(statement, name);
    if (index) sqlite3_bind_int64(statement, index, number);
}

static int bind_conditions(sqlite3_stmt *statement, const struct store_query *query) {
    for (size_t i = 0; i < query->status_count; i++) {
        char name[32];
        snprintf(name, sizeof name, ":status%zu", i);
        bind_named(statement, name, query->statuses[i]);
    }
    bind_named_number(statement, ":since", query->since_us);
    bind_named_number(statement, ":until", query->until_us);
    if (query->caller) bind_named(statement, ":caller", query->caller);
    if (query->tag) bind_named(statement, ":tag", query->tag);
    if (query->callback) bind_named(statement, ":callback", query->callback);
    if (!query->text) return 0;
    struct rpc_strbuf pattern = RPC_STRBUF_INIT;
    add_pattern(&pattern, "%", query->text);
    bind_named(statement, ":prefix", rpc_strbuf_text(&pattern) + 1);
    bind_named(statement, ":text", rpc_strbuf_text(&pattern));
    int error = pattern.failed ? -ENOMEM : 0;
    rpc_strbuf_done(&pattern);
    return error;
}

static void add_tables(struct rpc_strbuf *sql, const struct store_query *query) {
    rpc_strbuf_add_text(sql, " FROM sessions s");
    if (query->text) rpc_strbuf_add_text(sql, " LEFT JOIN requests r USING(row)");
    add_conditions(sql, query);
}

static int count_matches(sqlite3 *db, const struct store_query *query, uint64_t *ret_total) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&sql, "SELECT count(*)");
    add_tables(&sql, query);
    sqlite3_stmt *statement = NULL;
    int error = prepare(db, &sql, &statement);
    if (!error) error = bind_conditions(statement, query);
    if (!error && sqlite3_step(statement) == SQLITE_ROW)
        *ret_total = (uint64_t)sqlite3_column_int64(statement, 0);
    else if (!error)
        error = database_errno(sqlite3_errcode(db));
    sqlite3_finalize(statement);
    rpc_strbuf_done(&sql);
    return error;
}

static int list_matches(sqlite3 *db, const struct store_query *query, struct rows *rows) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&sql, "SELECT s.row,");
    fields_add_names(&sql, "s.");
    add_tables(&sql, query);
    const char *order = query->is_ascending ? "ASC" : "DESC";
    rpc_strbuf_addf(&sql, " ORDER BY %s %s,s.row %s LIMIT :limit OFFSET :offset",
                    sort_expressions[query->sort], order, order);
    sqlite3_stmt *statement = NULL;
    int error = prepare(db, &sql, &statement);
    if (!error) error = bind_conditions(statement, query);
    if (!error) {
        bind_named_number(statement, ":limit", query->limit);
        bind_named_number(statement, ":offset",
                          query->offset > INT64_MAX ? INT64_MAX : (int64_t)query->offset);
        error = read_sessions(statement, rows);
    }
    sqlite3_finalize(statement);
    rpc_strbuf_done(&sql);
    return error;
}

int query_list(sqlite3 *db, const struct store_query *query, struct store_sessions **ret_sessions) {
    struct rows rows = {.size = sizeof(struct store_session), .texts = RPC_STRBUF_INIT};
    uint64_t total = 0;
    /* One snapshot for both. */
    int error = database_errno(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
    if (!error) error = count_matches(db, query, &total);
    if (!error && query->limit) error = list_matches(db, query, &rows);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    return make_sessions(&rows, error, total, ret_sessions);
}

int query_key(sqlite3 *db, const char *key, struct store_sessions **ret_sessions) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&sql, "SELECT row,");
    fields_add_names(&sql, "");
    rpc_strbuf_add_text(&sql, " FROM sessions WHERE idempotency_key=? ORDER BY row DESC LIMIT 1");
    struct rows rows = {.size = sizeof(struct store_session), .texts = RPC_STRBUF_INIT};
    sqlite3_stmt *statement = NULL;
    int error = prepare(db, &sql, &statement);
    if (!error) {
        sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        error = read_sessions(statement, &rows);
    }
    sqlite3_finalize(statement);
    rpc_strbuf_done(&sql);
    return make_sessions(&rows, error, rows.count, ret_sessions);
}

/* ---- One session ------------------------------------------------------------------------- */

int query_row(sqlite3 *db, const char *id, int64_t *ret_row) {
    sqlite3_stmt *statement = database_prepare(db, "SELECT row FROM sessions WHERE id=?");
    if (!statement) return -ENOMEM;
    sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) *ret_row = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? -ENOENT : database_errno(code);
}

static void read_record(sqlite3_stmt *statement, struct rpc_strbuf *texts,
                        struct store_record *record) {
    record->session.row = sqlite3_column_int64(statement, 0);
    int column = fields_read(statement, 1, texts, &record->session);
    struct store_request *request = &record->request;
    request->script = row_keep_bytes(texts, statement, column++);
    request->working_dir = row_keep_text(texts, statement, column++);
    request->env_vars = row_keep_text(texts, statement, column++);
    request->args = row_keep_text(texts, statement, column++);
    request->inputs = row_keep_text(texts, statement, column++);
    request->callback = row_keep_text(texts, statement, column++);
    record->value = row_keep_bytes(texts, statement, column++);
}

static void settle_record(struct store_record *record) {
    const char *memory = record->memory;
    struct store_request *request = &record->request;
    fields_settle(&record->session, memory);
    row_settle_text(&request->script.data, memory);
    row_settle_text(&request->working_dir, memory);
    row_settle_text(&request->env_vars, memory);
    row_settle_text(&request->args, memory);
    row_settle_text(&request->inputs, memory);
    row_settle_text(&request->callback, memory);
    row_settle_text(&record->value.data, memory);
}

int query_record(sqlite3 *db, const char *id, struct store_record **ret_record) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT, texts = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&sql, "SELECT s.row,");
    fields_add_names(&sql, "s.");
    rpc_strbuf_add_text(&sql, ",r.script,r.working_dir,r.env_vars,r.args,r.inputs,r.callback,"
                              "v.value FROM sessions s LEFT JOIN requests r USING(row)"
                              " LEFT JOIN results v USING(row) WHERE s.id=?");
    struct store_record *record = calloc(1, sizeof *record);
    sqlite3_stmt *statement = NULL;
    int error = record ? prepare(db, &sql, &statement) : -ENOMEM;
    if (!error) {
        sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
        int code = sqlite3_step(statement);
        if (code == SQLITE_ROW) read_record(statement, &texts, record);
        error = code == SQLITE_DONE ? -ENOENT : texts.failed ? -ENOMEM : database_errno(code);
    }
    sqlite3_finalize(statement);
    rpc_strbuf_done(&sql);
    if (error) {
        rpc_strbuf_done(&texts);
        free(record);
        return error;
    }
    record->memory = rpc_strbuf_take(&texts, NULL);
    settle_record(record);
    *ret_record = record;
    return 0;
}

void store_record_free(struct store_record *record) {
    if (!record) return;
    free(record->memory);
    free(record);
}

/* ---- Scripts ----------------------------------------------------------------------------- */

static int read_scripts(sqlite3_stmt *statement, struct rows *rows) {
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_script *script = add_row(rows);
        if (!script) return -ENOMEM;
        script->name = row_keep_text(&rows->texts, statement, 0);
        script->description = row_keep_text(&rows->texts, statement, 1);
        script->version = sqlite3_column_int64(statement, 2);
        script->versions = sqlite3_column_int64(statement, 3);
        script->saved_us = sqlite3_column_int64(statement, 4);
        script->bytes = sqlite3_column_int64(statement, 5);
        script->text = row_keep_bytes(&rows->texts, statement, 6);
    }
    return rows->texts.failed ? -ENOMEM : database_errno(code);
}

static int make_scripts(struct rows *rows, int error, struct store_scripts **ret_scripts) {
    struct store_scripts *scripts = error ? NULL : calloc(1, sizeof *scripts);
    if (!scripts) {
        rows_done(rows);
        return error ? error : -ENOMEM;
    }
    *scripts = (struct store_scripts){
        .items = (struct store_script *)(void *)rows->items,
        .count = rows->count,
        .memory = rpc_strbuf_take(&rows->texts, NULL),
    };
    for (size_t i = 0; i < scripts->count; i++) {
        row_settle_text(&scripts->items[i].name, scripts->memory);
        row_settle_text(&scripts->items[i].description, scripts->memory);
        row_settle_text(&scripts->items[i].text.data, scripts->memory);
    }
    *ret_scripts = scripts;
    return 0;
}

void store_scripts_free(struct store_scripts *scripts) {
    if (!scripts) return;
    free(scripts->items);
    free(scripts->memory);
    free(scripts);
}

/* The columns that read_scripts reads, of one version; the text is NULL but in the one asked for.
 */
#define SCRIPT_COLUMNS                                                                             \
    "name,description,version,(SELECT count(*) FROM scripts o WHERE o.name=s.name),saved_us,"      \
    "length(CAST(text AS BLOB))"

int query_scripts(sqlite3 *db, struct store_scripts **ret_scripts) {
    struct rows rows = {.size = sizeof(struct store_script), .texts = RPC_STRBUF_INIT};
    sqlite3_stmt *statement =
        database_prepare(db, "SELECT " SCRIPT_COLUMNS ",NULL FROM scripts s WHERE version="
                             "(SELECT max(version) FROM scripts n WHERE n.name=s.name)"
                             " ORDER BY name");
    int error = statement ? read_scripts(statement, &rows) : -ENOMEM;
    sqlite3_finalize(statement);
    return make_scripts(&rows, error, ret_scripts);
}

int query_script(sqlite3 *db, const char *name, int64_t version,
                 struct store_scripts **ret_scripts) {
    /* First the one asked for, then all. */
    static const char sql[] =
        "SELECT * FROM (SELECT " SCRIPT_COLUMNS ",text FROM scripts s WHERE name=?1 AND "
        "(?2=0 OR version=?2) ORDER BY version DESC LIMIT 1) UNION ALL "
        "SELECT * FROM (SELECT " SCRIPT_COLUMNS ",NULL FROM scripts s WHERE name=?1"
        " ORDER BY version DESC)";
    struct rows rows = {.size = sizeof(struct store_script), .texts = RPC_STRBUF_INIT};
    sqlite3_stmt *statement = database_prepare(db, sql);
    int error = statement ? 0 : -ENOMEM;
    if (!error) {
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, version);
        error = read_scripts(statement, &rows);
    }
    sqlite3_finalize(statement);
    bool is_found = rows.count && ((struct store_script *)(void *)rows.items)->text.data;
    return make_scripts(&rows, !error && !is_found ? -ENOENT : error, ret_scripts);
}
