/* redis.c - Redis as scripts see it: functions on the session's own connection, and handles. */
#include "core/module.h"
#include "core/text.h"
#include "core/native.h"
#include "redis/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 100000
#define REPLY_DEPTH_MAX 32

/* The connection of the functions without a handle. It is made at the first call, and a process
 * forked from one that has it makes its own. */
static _Thread_local struct redis_connection shared = {.fd = -1};

/* ---- Redis (a handle) -------------------------------------------------------------------- */

static void connection_free(void *object) {
    struct redis_connection *connection = object;
    redis_disconnect(connection);
    redis_address_done(&connection->address);
    free(connection);
}

static const rhai_custom_type redis_type = {.name = "Redis", .free = connection_free};

/* The connection of a call: args[0] for methods. */
static struct redis_connection *connection_of(rhai_call *call, rhai_value *args, size_t *ret_first) {
    if (redis_load(call) != RHAI_OK) return NULL;
    *ret_first = 0;
    if (args && rhai_call_nargs(call) > 0 && rhai_type_of(&args[0]) == RHAI_CUSTOM) {
        *ret_first = 1;
        return rhai_as_custom(&args[0]);
    }
    bool is_new = !shared.address.host && !shared.address.socket;
    if (is_new && redis_address_from_env(call, &shared.address) != RHAI_OK) return NULL;
    return &shared;
}

static rhai_status redis_connect_url(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *url = text_argument(call, &args[0], "redis: the URL");
    if (!url || redis_load(call) != RHAI_OK) return RHAI_ERROR;
    struct redis_connection *connection = calloc(1, sizeof *connection);
    if (!connection) return rhai_throw_out_of_memory(call);
    connection->fd = -1;
    if (redis_address_from_url(call, url, &connection->address) != RHAI_OK) {
        free(connection);
        return RHAI_ERROR;
    }
    return value_custom(call, &redis_type, connection, ret);
}

/* ---- Replies as values ------------------------------------------------------------------- */

static rhai_status give_reply(rhai_call *call, const redisReply *reply, int depth, rhai_value *ret);

static rhai_status give_array(rhai_call *call, const redisReply *reply, int depth, rhai_value *ret) {
    rhai_value array, item;
    if (depth == 0) return rhai_throw(call, "redis: the reply is nested too deeply");
    if (rhai_new_array(rhai_call_engine(call), &array) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < reply->elements; i++) {
        if (give_reply(call, reply->element[i], depth - 1, &item) == RHAI_OK &&
            value_push(call, &array, &item) == RHAI_OK)
            continue;
        rhai_value_done(rhai_call_engine(call), &array);
        return RHAI_ERROR;
    }
    *ret = array;
    return RHAI_OK;
}

static rhai_status give_reply(rhai_call *call, const redisReply *reply, int depth, rhai_value *ret) {
    switch (reply->type) {
    case REDIS_REPLY_INTEGER: *ret = rhai_from_int(reply->integer); return RHAI_OK;
    case REDIS_REPLY_NIL: *ret = rhai_unit(); return RHAI_OK;
    case REDIS_REPLY_ARRAY: return give_array(call, reply, depth, ret);
    case REDIS_REPLY_ERROR: return rhai_throw(call, "redis: %.*s", (int)reply->len, reply->str);
    default: return text_value(call, reply->str, reply->len, ret);
    }
}

/* ---- Commands from values ---------------------------------------------------------------- */

struct words {
    rhai_engine *engine;
    rhai_value *owned; /* texts of values that are not strings */
    const char **argv;
    size_t *lens;
    size_t count;
};

static void words_done(struct words *words) {
    for (size_t i = 0; words->owned && i < words->count; i++)
        rhai_value_done(words->engine, &words->owned[i]);
    free(words->owned);
    free(words->argv);
    free(words->lens);
}

static bool words_init(struct words *words, rhai_engine *engine, size_t max) {
    *words = (struct words){.engine = engine,
                            .owned = calloc(max + 1, sizeof *words->owned),
                            .argv = calloc(max + 1, sizeof *words->argv),
                            .lens = calloc(max + 1, sizeof *words->lens)};
    return words->owned && words->argv && words->lens;
}

/* Strings and blobs as they are, other values as `print` shows them. */
static bool words_add(struct words *words, const rhai_value *value) {
    rhai_value *owned = &words->owned[words->count];
    if (rhai_type_of(value) != RHAI_STRING && rhai_type_of(value) != RHAI_BLOB) {
        if (rhai_to_text(words->engine, value, owned) != RHAI_OK) return false;
        value = owned;
    }
    struct bytes bytes = value_bytes(value);
    words->argv[words->count] = (const char *)bytes.data;
    words->lens[words->count++] = bytes.len;
    return true;
}

/* One command: a word of ours first unless it is NULL, then values. */
static rhai_status add_command(rhai_call *call, struct redis_batch *batch, const char *name,
                               const rhai_value *const *values, size_t count) {
    struct words words;
    bool is_made = words_init(&words, rhai_call_engine(call), count + 1);
    if (is_made && name) {
        words.argv[0] = name;
        words.lens[0] = strlen(name);
        words.count = 1;
    }
    for (size_t i = 0; i < count && is_made; i++)
        is_made = words_add(&words, values[i]);
    rhai_status status =
        is_made ? redis_batch_add(call, batch, words.count, words.argv, words.lens)
                : rhai_throw_out_of_memory(call);
    words_done(&words);
    return status;
}

static rhai_status add_array(rhai_call *call, struct redis_batch *batch, const rhai_value *array) {
    size_t count = rhai_type_of(array) == RHAI_ARRAY ? rhai_array_len(array) : 0;
    if (count == 0 || count > WORDS_MAX)
        return rhai_throw(call, "redis: a command is an array: [\"SET\", \"key\", \"value\"]");
    const rhai_value **values = calloc(count, sizeof(const rhai_value *));
    if (!values) return rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < count; i++)
        values[i] = rhai_array_at(array, i);
    rhai_status status = add_command(call, batch, NULL, values, count);
    free(values);
    return status;
}

/* ---- Single commands --------------------------------------------------------------------- */

/* Runs the batch, which is ended, and gives the value of its reply number `index`. */
static rhai_status run(rhai_call *call, struct redis_connection *connection,
                       struct redis_batch *batch, size_t index, rhai_value *ret) {
    redisReply **replies;
    rhai_status status = redis_exchange(call, connection, batch, &replies);
    if (status == RHAI_OK) {
        status = give_reply(call, replies[index], REPLY_DEPTH_MAX, ret);
        redis_replies_free(replies, batch->count);
    }
    free(batch->bytes);
    return status;
}

/* A command with the arguments of the call. */
static rhai_status run_named(rhai_call *call, const char *name, rhai_value *args, rhai_value *ret) {
    size_t first, count = rhai_call_nargs(call);
    const rhai_value *values[4];
    struct redis_batch batch = {0};
    struct redis_connection *connection = connection_of(call, args, &first);
    if (!connection) return RHAI_ERROR;
    for (size_t i = 0; i < count; i++)
        values[i] = &args[i];
    if (add_command(call, &batch, name, values, count) != RHAI_OK) return RHAI_ERROR;
    return run(call, connection, &batch, 0, ret);
}

/* What the reply says, as the function promises it. */
static rhai_status run_bool(rhai_call *call, const char *name, rhai_value *args, rhai_value *ret) {
    rhai_value reply;
    if (run_named(call, name, args, &reply) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_bool(rhai_type_of(&reply) == RHAI_INT ? rhai_as_int(&reply) > 0
                                                           : rhai_type_of(&reply) != RHAI_UNIT);
    rhai_value_done(rhai_call_engine(call), &reply);
    return RHAI_OK;
}

static rhai_status run_text(rhai_call *call, const char *name, rhai_value *args, rhai_value *ret) {
    if (run_named(call, name, args, ret) != RHAI_OK) return RHAI_ERROR;
    return rhai_type_of(ret) == RHAI_UNIT ? text_value(call, "", 0, ret) : RHAI_OK;
}

#define COMMAND(function, run_it, name)                                                            \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        return run_it(call, name, args, ret);                                                      \
    }
COMMAND(redis_ping, run_text, "PING")
COMMAND(redis_set, run_bool, "SET")
COMMAND(redis_get, run_text, "GET")
COMMAND(redis_del, run_bool, "DEL")
COMMAND(redis_exists, run_bool, "EXISTS")
COMMAND(redis_expire, run_bool, "EXPIRE")
COMMAND(redis_hget, run_text, "HGET")
COMMAND(redis_hdel, run_bool, "HDEL")
COMMAND(redis_lpush, run_bool, "LPUSH")
COMMAND(redis_rpush, run_bool, "RPUSH")
COMMAND(redis_llen, run_named, "LLEN")
COMMAND(redis_lrange, run_named, "LRANGE")

/* HSET says how many fields are new: setting one that is there is a success too. */
static rhai_status redis_hset(rhai_call *call, rhai_value *args, rhai_value *ret) {
    if (run_named(call, "HSET", args, ret) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_bool(true);
    return RHAI_OK;
}

static rhai_status redis_hgetall(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    rhai_value pairs;
    if (run_named(call, "HGETALL", args, &pairs) != RHAI_OK) return RHAI_ERROR;
    rhai_status status = rhai_new_map(engine, ret) == RHAI_OK ? RHAI_OK : rhai_throw_out_of_memory(call);
    for (size_t i = 0; status == RHAI_OK && i + 1 < rhai_array_len(&pairs); i += 2) {
        size_t len;
        rhai_value item;
        rhai_value_copy(rhai_array_at(&pairs, i + 1), &item);
        status = value_put(call, ret, rhai_as_text(rhai_array_at(&pairs, i), &len), &item);
    }
    rhai_value_done(engine, &pairs);
    if (status != RHAI_OK) rhai_value_done(engine, ret);
    return status;
}

static rhai_status redis_reset(rhai_call *call, rhai_value *args, rhai_value *ret) {
    if (redis_load(call) != RHAI_OK) return RHAI_ERROR;
    redis_disconnect(&shared);
    redis_address_done(&shared.address);
    rhai_value pong;
    if (run_named(call, "PING", args, &pong) != RHAI_OK) return RHAI_ERROR;
    rhai_value_done(rhai_call_engine(call), &pong);
    *ret = rhai_from_bool(true);
    return RHAI_OK;
}

/* ---- Any commands ------------------------------------------------------------------------ */

static rhai_status redis_any(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t first;
    struct redis_batch batch = {0};
    struct redis_connection *connection = connection_of(call, args, &first);
    if (!connection || add_array(call, &batch, &args[first]) != RHAI_OK) return RHAI_ERROR;
    return run(call, connection, &batch, 0, ret);
}

static rhai_status add_all(rhai_call *call, struct redis_batch *batch, const rhai_value *commands) {
    for (size_t i = 0; i < rhai_array_len(commands); i++)
        if (add_array(call, batch, rhai_array_at(commands, i)) != RHAI_OK) return RHAI_ERROR;
    return RHAI_OK;
}

static rhai_status give_all(rhai_call *call, redisReply **replies, size_t count, rhai_value *ret) {
    rhai_value array, item;
    if (rhai_new_array(rhai_call_engine(call), &array) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < count; i++) {
        if (give_reply(call, replies[i], REPLY_DEPTH_MAX, &item) == RHAI_OK &&
            value_push(call, &array, &item) == RHAI_OK)
            continue;
        rhai_value_done(rhai_call_engine(call), &array);
        return RHAI_ERROR;
    }
    *ret = array;
    return RHAI_OK;
}

static rhai_status redis_pipeline(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t first;
    struct redis_batch batch = {0};
    redisReply **replies;
    struct redis_connection *connection = connection_of(call, args, &first);
    if (!connection) return RHAI_ERROR;
    rhai_status status = add_all(call, &batch, &args[first]);
    if (status == RHAI_OK) status = redis_exchange(call, connection, &batch, &replies);
    if (status == RHAI_OK) {
        status = give_all(call, replies, batch.count, ret);
        redis_replies_free(replies, batch.count);
    }
    free(batch.bytes);
    return status;
}

/* A command that the server refuses to queue makes EXEC fail, and nothing is done. */
static rhai_status redis_transaction(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t first;
    struct redis_batch batch = {0};
    struct redis_connection *connection = connection_of(call, args, &first);
    if (!connection) return RHAI_ERROR;
    rhai_status status = add_command(call, &batch, "MULTI", NULL, 0);
    if (status == RHAI_OK) status = add_all(call, &batch, &args[first]);
    if (status == RHAI_OK) status = add_command(call, &batch, "EXEC", NULL, 0);
    if (status == RHAI_OK) return run(call, connection, &batch, batch.count - 1, ret);
    free(batch.bytes);
    return status;
}

#define KEY_VALUE "(key: string, value: any) -> bool"
#define COMMAND_DOC                                                                                \
    "Any command, as an array of words. Replies become strings, integers, arrays, and () for nil."
#define PIPELINE_DOC                                                                               \
    "Sends all commands at once and gives their replies. An error among them is thrown after all have " \
    "been done."
#define TRANSACTION_DOC                                                                            \
    "Does all commands in one step (MULTI, EXEC), which nobody else's come between; gives their replies."

static const rhai_native functions[] = {
    {"redis_ping", "", redis_ping, RHAI_FN_VOLATILE, "redis_ping() -> string",
     "\"PONG\" when the server answers."},
    {"redis_set", "s?", redis_set, RHAI_FN_VOLATILE, "redis_set" KEY_VALUE, "Sets a key."},
    {"redis_get", "s", redis_get, RHAI_FN_VOLATILE, "redis_get(key: string) -> string",
     "The text of a key; an empty one when there is no such key (see redis_exists)."},
    {"redis_del", "s", redis_del, RHAI_FN_VOLATILE, "redis_del(key: string) -> bool",
     "Deletes a key; false when there was none."},
    {"redis_exists", "s", redis_exists, RHAI_FN_VOLATILE, "redis_exists(key: string) -> bool",
     "Whether there is such a key."},
    {"redis_expire", "si", redis_expire, RHAI_FN_VOLATILE,
     "redis_expire(key: string, seconds: int) -> bool",
     "Lets a key go after so many seconds; false when there is no such key."},
    {"redis_hset", "ss?", redis_hset, RHAI_FN_VOLATILE,
     "redis_hset(key: string, field: string, value: any) -> bool", "Sets a field of a hash."},
    {"redis_hget", "ss", redis_hget, RHAI_FN_VOLATILE,
     "redis_hget(key: string, field: string) -> string",
     "A field of a hash; an empty text when there is none."},
    {"redis_hgetall", "s", redis_hgetall, RHAI_FN_VOLATILE, "redis_hgetall(key: string) -> map",
     "All fields of a hash."},
    {"redis_hdel", "ss", redis_hdel, RHAI_FN_VOLATILE,
     "redis_hdel(key: string, field: string) -> bool",
     "Deletes a field of a hash; false when there was none."},
    {"redis_lpush", "s?", redis_lpush, RHAI_FN_VOLATILE, "redis_lpush" KEY_VALUE,
     "Puts a value before a list."},
    {"redis_rpush", "s?", redis_rpush, RHAI_FN_VOLATILE, "redis_rpush" KEY_VALUE,
     "Puts a value behind a list."},
    {"redis_llen", "s", redis_llen, RHAI_FN_VOLATILE, "redis_llen(key: string) -> int",
     "The length of a list; 0 when there is none."},
    {"redis_lrange", "sii", redis_lrange, RHAI_FN_VOLATILE,
     "redis_lrange(key: string, start: int, stop: int) -> array",
     "The values of a list from start to stop, both included; -1 is the last one."},
    {"redis_reset", "", redis_reset, RHAI_FN_VOLATILE, "redis_reset() -> bool",
     "Closes the session's connection and makes a new one, with the environment as it is now."},
    {"redis_command", "a", redis_any, RHAI_FN_VOLATILE, "redis_command(words: array) -> any",
     COMMAND_DOC},
    {"redis_pipeline", "a", redis_pipeline, RHAI_FN_VOLATILE,
     "redis_pipeline(commands: array) -> array", PIPELINE_DOC},
    {"redis_transaction", "a", redis_transaction, RHAI_FN_VOLATILE,
     "redis_transaction(commands: array) -> array", TRANSACTION_DOC},
    {"redis_connect", "s", redis_connect_url, RHAI_FN_VOLATILE, "redis_connect(url: string) -> Redis",
     "A server of its own: redis://[user:password@]host[:port][/db] or unix:///path[?db=n]. It is "
     "connected to at the first command."},
    {"command", "{Redis}a", redis_any, RHAI_FN_VOLATILE, "Redis.command(words: array) -> any",
     COMMAND_DOC},
    {"pipeline", "{Redis}a", redis_pipeline, RHAI_FN_VOLATILE,
     "Redis.pipeline(commands: array) -> array", PIPELINE_DOC},
    {"transaction", "{Redis}a", redis_transaction, RHAI_FN_VOLATILE,
     "Redis.transaction(commands: array) -> array", TRANSACTION_DOC},
};

static const rhai_custom_type *const types[] = {&redis_type};

const herolib_module herolib_redis_module = {
    .name = "redis",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
