/* postgres.c - PostgreSQL as scripts see it. */
#include "core/module.h"
#include "core/text.h"
#include "core/native.h"
#include "postgres/connection.h"

#include <stdlib.h>
#include <string.h>

/* Types of the server (pg_type.dat) that have a type of their own in scripts. */
enum {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_OID = 26,
    TYPE_JSON = 114,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_JSONB = 3802,
};

/* ---- Parameters -------------------------------------------------------------------------- */

struct params {
    struct postgres_params out;
    rhai_value *owned; /* texts of values that are not strings */
};

static void params_done(rhai_call *call, struct params *params) {
    for (int i = 0; params->owned && i < params->out.count; i++)
        rhai_value_done(rhai_call_engine(call), &params->owned[i]);
    free(params->owned);
    free(params->out.values);
    free(params->out.lengths);
    free(params->out.formats);
    free(params->out.types);
}

/* () is null; arrays and maps are JSON; blobs are bytea; all else is the text that print shows. */
static rhai_status set_param(rhai_call *call, struct params *params, int i, const rhai_value *value) {
    rhai_engine *engine = rhai_call_engine(call);
    rhai_type type = rhai_type_of(value);
    bool is_truncated;
    rhai_status status = RHAI_OK;
    if (type == RHAI_UNIT) return RHAI_OK;
    if (type == RHAI_ARRAY || type == RHAI_MAP)
        status = rhai_to_json(engine, value, 0, &params->owned[i], &is_truncated);
    else if (type != RHAI_STRING && type != RHAI_BLOB)
        status = rhai_to_text(engine, value, &params->owned[i]);
    if (status != RHAI_OK) return rhai_throw_out_of_memory(call);
    struct bytes bytes =
        value_bytes(type == RHAI_STRING || type == RHAI_BLOB ? value : &params->owned[i]);
    if (bytes.len > INT32_MAX) return rhai_throw(call, "postgres: parameter %d is too large", i + 1);
    if (type != RHAI_BLOB && memchr(bytes.data, '\0', bytes.len))
        return rhai_throw(call, "postgres: parameter %d holds a NUL character", i + 1);
    params->out.values[i] = bytes.len > 0 ? (const char *)bytes.data : "";
    params->out.lengths[i] = (int)bytes.len;
    params->out.formats[i] = type == RHAI_BLOB;
    params->out.types[i] = type == RHAI_BLOB ? TYPE_BYTEA : 0;
    return RHAI_OK;
}

static rhai_status params_init(rhai_call *call, const rhai_value *array, struct params *params) {
    size_t count = rhai_array_len(array);
    *params = (struct params){.out = {.count = 0}};
    if (count > POSTGRES_PARAMS_MAX) return rhai_throw(call, "postgres: too many parameters");
    params->owned = calloc(count + 1, sizeof *params->owned);
    params->out = (struct postgres_params){
        .count = (int)count,
        .values = calloc(count + 1, sizeof *params->out.values),
        .lengths = calloc(count + 1, sizeof *params->out.lengths),
        .formats = calloc(count + 1, sizeof *params->out.formats),
        .types = calloc(count + 1, sizeof *params->out.types),
    };
    const struct postgres_params *out = &params->out;
    if (!params->owned || !out->values || !out->lengths || !out->formats || !out->types)
        return rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < count; i++)
        if (set_param(call, params, (int)i, rhai_array_at(array, i)) != RHAI_OK) return RHAI_ERROR;
    return RHAI_OK;
}

/* The call's SQL, with its parameters if it has any. */
static rhai_status run(rhai_call *call, rhai_value *args, PGresult **ret) {
    const char *sql = text_argument(call, &args[0], "postgres: the SQL");
    if (!sql) return RHAI_ERROR;
    if (rhai_call_nargs(call) == 1) return postgres_run(call, sql, NULL, ret);
    struct params params;
    rhai_status status = params_init(call, &args[1], &params);
    if (status == RHAI_OK) status = postgres_run(call, sql, &params.out, ret);
    params_done(call, &params);
    return status;
}

/* ---- Rows -------------------------------------------------------------------------------- */

static rhai_status give_bytea(rhai_call *call, const char *text, rhai_value *ret) {
    size_t len;
    unsigned char *bytes = postgres.PQunescapeBytea((const unsigned char *)text, &len);
    if (!bytes) return rhai_throw_out_of_memory(call);
    rhai_status status = rhai_from_blob(rhai_call_engine(call), bytes, len, ret);
    postgres.PQfreemem(bytes);
    return status == RHAI_OK ? RHAI_OK : rhai_throw_out_of_memory(call);
}

/* JSON that is nested too deeply for a value stays a text. */
static rhai_status give_json(rhai_call *call, const char *text, size_t len, rhai_value *ret) {
    rhai_error *error = NULL;
    if (rhai_from_json(rhai_call_engine(call), text, len, ret, &error) == RHAI_OK) return RHAI_OK;
    rhai_error_free(error);
    return text_value(call, text, len, ret);
}

static rhai_status give_field(rhai_call *call, const PGresult *result, int row, int column,
                              rhai_value *ret) {
    *ret = rhai_unit();
    if (postgres.PQgetisnull(result, row, column)) return RHAI_OK;
    const char *text = postgres.PQgetvalue(result, row, column);
    size_t len = (size_t)postgres.PQgetlength(result, row, column);
    switch (postgres.PQftype(result, column)) {
    case TYPE_BOOL: *ret = rhai_from_bool(*text == 't'); return RHAI_OK;
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_OID: *ret = rhai_from_int(strtoll(text, NULL, 10)); return RHAI_OK;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8: *ret = rhai_from_float(strtod(text, NULL)); return RHAI_OK;
    case TYPE_BYTEA: return give_bytea(call, text, ret);
    case TYPE_JSON:
    case TYPE_JSONB: return give_json(call, text, len, ret);
    default: return text_value(call, text, len, ret);
    }
}

static rhai_status give_row(rhai_call *call, const PGresult *result, int row, rhai_value *ret) {
    rhai_value map, item;
    if (rhai_new_map(rhai_call_engine(call), &map) != RHAI_OK) return rhai_throw_out_of_memory(call);
    for (int column = 0; column < postgres.PQnfields(result); column++) {
        if (give_field(call, result, row, column, &item) == RHAI_OK &&
            value_put(call, &map, postgres.PQfname(result, column), &item) == RHAI_OK)
            continue;
        rhai_value_done(rhai_call_engine(call), &map);
        return RHAI_ERROR;
    }
    *ret = map;
    return RHAI_OK;
}

static rhai_status give_rows(rhai_call *call, const PGresult *result, rhai_value *ret) {
    rhai_value array, row;
    if (rhai_new_array(rhai_call_engine(call), &array) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    for (int i = 0; i < postgres.PQntuples(result); i++) {
        if (give_row(call, result, i, &row) == RHAI_OK && value_push(call, &array, &row) == RHAI_OK)
            continue;
        rhai_value_done(rhai_call_engine(call), &array);
        return RHAI_ERROR;
    }
    *ret = array;
    return RHAI_OK;
}

/* ---- Functions --------------------------------------------------------------------------- */

static rhai_status pg_query(rhai_call *call, rhai_value *args, rhai_value *ret) {
    PGresult *result;
    if (run(call, args, &result) != RHAI_OK) return RHAI_ERROR;
    rhai_status status = give_rows(call, result, ret);
    postgres.PQclear(result);
    return status;
}

static rhai_status pg_query_one(rhai_call *call, rhai_value *args, rhai_value *ret) {
    PGresult *result;
    if (run(call, args, &result) != RHAI_OK) return RHAI_ERROR;
    int rows = postgres.PQntuples(result);
    rhai_status status = rows == 1
                             ? give_row(call, result, 0, ret)
                             : rhai_throw(call, "postgres: the query gave %d rows instead of one", rows);
    postgres.PQclear(result);
    return status;
}

static rhai_status pg_execute(rhai_call *call, rhai_value *args, rhai_value *ret) {
    PGresult *result;
    if (run(call, args, &result) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_int(strtoll(postgres.PQcmdTuples(result), NULL, 10));
    postgres.PQclear(result);
    return RHAI_OK;
}

static rhai_status give_true(rhai_status status, rhai_value *ret) {
    if (status == RHAI_OK) *ret = rhai_from_bool(true);
    return status;
}

static rhai_status run_fixed(rhai_call *call, const char *sql, rhai_value *ret) {
    PGresult *result;
    if (postgres_run(call, sql, NULL, &result) != RHAI_OK) return RHAI_ERROR;
    postgres.PQclear(result);
    return give_true(RHAI_OK, ret);
}

static rhai_status pg_connect(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *conninfo = NULL;
    if (rhai_call_nargs(call) > 0 &&
        !(conninfo = text_argument(call, &args[0], "postgres: the connection")))
        return RHAI_ERROR;
    return give_true(postgres_connect(call, conninfo), ret);
}

static rhai_status pg_reset(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    return give_true(postgres_reconnect(call), ret);
}

static rhai_status pg_ping(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    return run_fixed(call, "SELECT 1", ret);
}

static rhai_status pg_begin(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    return run_fixed(call, "BEGIN", ret);
}

static rhai_status pg_commit(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    return run_fixed(call, "COMMIT", ret);
}

static rhai_status pg_rollback(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    return run_fixed(call, "ROLLBACK", ret);
}

#define QUERY_DOC "The rows of a query, a map each."
#define QUERY_ONE_DOC "The only row of a query; none or several are an error."
#define EXECUTE_DOC "Runs a statement; gives how many rows it changed."
#define PARAMS_DOC                                                                                 \
    " Its $1, $2 ... stand for the parameters: () is NULL, arrays and maps are JSON, blobs bytea."

static const rhai_native functions[] = {
    {"pg_connect", "", pg_connect, RHAI_FN_VOLATILE, "pg_connect() -> bool",
     "Connects as POSTGRES_HOST, _PORT, _USER, _PASSWORD and _DB say, or else libpq's own variables."},
    {"pg_connect", "s", pg_connect, RHAI_FN_VOLATILE, "pg_connect(connection: string) -> bool",
     "Connects to postgresql://user:password@host:port/database, or to \"host=... dbname=...\"."},
    {"pg_ping", "", pg_ping, RHAI_FN_VOLATILE, "pg_ping() -> bool",
     "True when the server answers; otherwise an error."},
    {"pg_reset", "", pg_reset, RHAI_FN_VOLATILE, "pg_reset() -> bool",
     "Closes the connection and makes it again."},
    {"pg_execute", "s", pg_execute, RHAI_FN_VOLATILE, "pg_execute(sql: string) -> int",
     EXECUTE_DOC " Several statements, separated by semicolons, are one transaction."},
    {"pg_execute", "sa", pg_execute, RHAI_FN_VOLATILE, "pg_execute(sql: string, params: array) -> int",
     EXECUTE_DOC PARAMS_DOC},
    {"pg_query", "s", pg_query, RHAI_FN_VOLATILE, "pg_query(sql: string) -> array", QUERY_DOC},
    {"pg_query", "sa", pg_query, RHAI_FN_VOLATILE, "pg_query(sql: string, params: array) -> array",
     QUERY_DOC PARAMS_DOC},
    {"pg_query_one", "s", pg_query_one, RHAI_FN_VOLATILE, "pg_query_one(sql: string) -> map",
     QUERY_ONE_DOC},
    {"pg_query_one", "sa", pg_query_one, RHAI_FN_VOLATILE,
     "pg_query_one(sql: string, params: array) -> map", QUERY_ONE_DOC PARAMS_DOC},
    {"pg_begin", "", pg_begin, RHAI_FN_VOLATILE, "pg_begin() -> bool", "Begins a transaction."},
    {"pg_commit", "", pg_commit, RHAI_FN_VOLATILE, "pg_commit() -> bool",
     "Makes the transaction's changes last; after a failed statement it rolls back, as COMMIT does."},
    {"pg_rollback", "", pg_rollback, RHAI_FN_VOLATILE, "pg_rollback() -> bool",
     "Drops the transaction's changes."},
};

const herolib_module herolib_postgres_module = {
    .name = "postgres",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
