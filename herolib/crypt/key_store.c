/* key_store.c - names and secret texts in one file, under a password.
 *
 * Each change writes the file anew, atomically.
 */
#include "core/file.h"
#include "core/module.h"
#include "core/text.h"
#include "crypt/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct key_store {
    rhai_engine *engine;
    char *path;
    uint8_t salt[CRYPT_SALT_BYTES];
    uint8_t key[CRYPT_KEY_BYTES];
    rhai_value entries; /* a map */
};

static void store_free(void *object) {
    struct key_store *store = object;
    rhai_value_done(store->engine, &store->entries);
    sodium_memzero(store->key, sizeof store->key);
    free(store->path);
    free(store);
}

/* A handle: all copies are the same open store. */
static const rhai_custom_type store_type = {.name = "KeyStore", .free = store_free};

/* ---- The file ---------------------------------------------------------------------------- */

static rhai_status read_entries(rhai_call *call, struct key_store *store, const uint8_t *bytes,
                                size_t len) {
    switch (store_file_read(store->engine, store->key, bytes, len, &store->entries)) {
    case STORE_FILE_READ: return RHAI_OK;
    case STORE_FILE_NO_MEMORY: return rhai_throw_out_of_memory(call);
    case STORE_FILE_WRONG:
        return rhai_throw(call, "crypt: the key store %s does not hold secrets", store->path);
    case STORE_FILE_SEALED: break;
    }
    return rhai_throw(call, "crypt: the key store %s: another password, or it has been changed",
                      store->path);
}

static rhai_status load(rhai_call *call, struct key_store *store, const rhai_value *password) {
    char *bytes = NULL;
    size_t len = 0;
    int failed = file_load(store->path, STORE_FILE_MAX_BYTES, &bytes, &len);
    if (failed == -ENOENT) {
        randombytes_buf(store->salt, sizeof store->salt);
        if (!crypt_derive_key(call, password, store->salt, store->key)) return RHAI_ERROR;
        return rhai_new_map(store->engine, &store->entries) == RHAI_OK
                   ? RHAI_OK
                   : rhai_throw_out_of_memory(call);
    }
    if (failed)
        return rhai_throw(call, "crypt: the key store %s: %s", store->path, strerror(-failed));
    rhai_status status = RHAI_ERROR;
    if (!store_file_salt((uint8_t *)bytes, len, store->salt))
        rhai_throw(call, "crypt: %s is not a key store", store->path);
    else if (crypt_derive_key(call, password, store->salt, store->key))
        status = read_entries(call, store, (uint8_t *)bytes, len);
    free(bytes);
    return status;
}

/* file_store keeps the mode of a file that is there: this makes it one that only its owner reads. */
static int store_private(const char *path, const char *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) return -errno;
    if (fd >= 0) close(fd);
    int failed = file_store(path, bytes, len);
    if (failed && fd >= 0) unlink(path);
    return failed;
}

static rhai_status save(rhai_call *call, struct key_store *store) {
    uint8_t *bytes = NULL;
    size_t len = 0;
    int failed = store_file_make(store->engine, store->key, store->salt, &store->entries, &bytes, &len);
    if (!failed) failed = store_private(store->path, (const char *)bytes, len);
    free(bytes);
    if (!failed) return RHAI_OK;
    return rhai_throw(call, "crypt: the key store %s: %s", store->path, strerror(-failed));
}

/* ---- Functions --------------------------------------------------------------------------- */

static rhai_status crypt_key_store_open(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "crypt: the path");
    if (!path || !crypt_begin(call)) return RHAI_ERROR;
    struct key_store *store = calloc(1, sizeof *store);
    if (!store || !(store->path = strdup(path))) {
        free(store);
        return rhai_throw_out_of_memory(call);
    }
    store->engine = rhai_call_engine(call);
    store->entries = rhai_unit();
    if (load(call, store, &args[1]) == RHAI_OK) return value_custom(call, &store_type, store, ret);
    store_free(store);
    return RHAI_ERROR;
}

static rhai_status crypt_store_set(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    struct key_store *store = rhai_as_custom(&args[0]);
    const char *name = text_argument(call, &args[1], "crypt: the name");
    if (!name) return RHAI_ERROR;
    rhai_value before, item;
    rhai_value_copy(&store->entries, &before);
    rhai_value_copy(&args[2], &item);
    rhai_status status = value_put(call, &store->entries, name, &item);
    if (status == RHAI_OK) status = save(call, store);
    if (status != RHAI_OK) { /* what could not be written is not in the store */
        rhai_value_done(store->engine, &store->entries);
        store->entries = before;
        return status;
    }
    rhai_value_done(store->engine, &before);
    return RHAI_OK;
}

static rhai_status crypt_store_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct key_store *store = rhai_as_custom(&args[0]);
    size_t len;
    const char *name = rhai_as_text(&args[1], &len);
    const rhai_value *item = rhai_map_get(&store->entries, name, len);
    if (!item) return rhai_throw(call, "crypt: the key store %s has no '%s'", store->path, name);
    rhai_value_copy(item, ret);
    return RHAI_OK;
}

static rhai_status crypt_store_has(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct key_store *store = rhai_as_custom(&args[0]);
    size_t len;
    const char *name = rhai_as_text(&args[1], &len);
    *ret = rhai_from_bool(rhai_map_get(&store->entries, name, len));
    return RHAI_OK;
}

/* The entries without one. */
static rhai_status copy_without(rhai_call *call, const struct key_store *store, const char *name,
                                rhai_value *ret) {
    rhai_engine *engine = store->engine;
    const rhai_value *item;
    const char *key;
    size_t len;
    if (rhai_new_map(engine, ret) != RHAI_OK) return rhai_throw_out_of_memory(call);
    for (size_t i = 0; (item = rhai_map_entry(engine, &store->entries, i, &key, &len)); i++) {
        rhai_value copy;
        if (strcmp(key, name) == 0) continue;
        rhai_value_copy(item, &copy);
        if (value_put(call, ret, key, &copy) == RHAI_OK) continue;
        rhai_value_done(engine, ret);
        return RHAI_ERROR;
    }
    return RHAI_OK;
}

static rhai_status crypt_store_delete(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct key_store *store = rhai_as_custom(&args[0]);
    size_t len;
    const char *name = rhai_as_text(&args[1], &len);
    *ret = rhai_from_bool(rhai_map_get(&store->entries, name, len));
    if (!rhai_as_bool(ret)) return RHAI_OK;
    rhai_value before = store->entries, rest;
    if (copy_without(call, store, name, &rest) != RHAI_OK) return RHAI_ERROR;
    store->entries = rest;
    rhai_status status = save(call, store);
    if (status != RHAI_OK) {
        rhai_value_done(store->engine, &store->entries);
        store->entries = before;
        return status;
    }
    rhai_value_done(store->engine, &before);
    return RHAI_OK;
}

static rhai_status crypt_store_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct key_store *store = rhai_as_custom(&args[0]);
    const char *key;
    size_t len;
    if (rhai_new_array(store->engine, ret) != RHAI_OK) return rhai_throw_out_of_memory(call);
    for (size_t i = 0; rhai_map_entry(store->engine, &store->entries, i, &key, &len); i++) {
        if (value_push_text(call, ret, key, len) == RHAI_OK) continue;
        rhai_value_done(store->engine, ret);
        return RHAI_ERROR;
    }
    return RHAI_OK;
}

#define STORE "{KeyStore}"

static const rhai_native functions[] = {
    {"key_store_open", "ss", crypt_key_store_open, RHAI_FN_VOLATILE,
     "key_store_open(path: string, password: string) -> KeyStore",
     "Opens a file of secrets, or begins a new one that the first `set` writes (for its owner only). "
     "Another password is an error."},
    {"set", STORE "ss", crypt_store_set, RHAI_FN_VOLATILE,
     "KeyStore.set(name: string, secret: string)",
     "Keeps a secret under a name; the file is written before this returns."},
    {"get", STORE "s", crypt_store_get, RHAI_FN_VOLATILE, "KeyStore.get(name: string) -> string",
     "The secret of that name; none is an error."},
    {"has", STORE "s", crypt_store_has, RHAI_FN_VOLATILE, "KeyStore.has(name: string) -> bool",
     "Whether there is a secret of that name."},
    {"delete", STORE "s", crypt_store_delete, RHAI_FN_VOLATILE,
     "KeyStore.delete(name: string) -> bool",
     "Takes a secret out; false when there was none of that name."},
    {"list", STORE, crypt_store_list, RHAI_FN_VOLATILE, "KeyStore.list() -> array",
     "The names of all secrets, in order."},
};

static const rhai_custom_type *const types[] = {&store_type};

const herolib_module herolib_crypt_key_store_module = {
    .name = "crypt",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
