/* rhai.h - the Rhai scripting language, embeddable.
 *
 * An engine holds what scripts may use: native functions, custom types, limits, callbacks.
 * A program is a compiled script. A scope holds variables that outlive one run.
 *
 *     rhai_engine *engine = rhai_engine_new(NULL);
 *     rhai_error *error = NULL;
 *     rhai_value result;
 *     if (rhai_eval(engine, "40 + 2", 6, NULL, &result, &error) == RHAI_OK) {
 *         printf("%lld\n", (long long)rhai_as_int(&result));
 *         rhai_value_done(engine, &result);
 *     } else {
 *         fprintf(stderr, "%s\n", rhai_error_text(error));
 *         rhai_error_free(error);
 *     }
 *     rhai_engine_free(engine);
 *
 * Threads: an engine and everything made with it belong to one thread at a time; two engines
 * share nothing. rhai_engine_interrupt and rhai_engine_terminate alone may be called from a
 * signal handler or another thread.
 *
 * Text is UTF-8 as (pointer, length); what the library returns is also NUL-terminated.
 * Every `..._free` and `..._done` accepts NULL.
 */
#ifndef RHAI_RHAI_H
#define RHAI_RHAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rhai_engine rhai_engine;
typedef struct rhai_program rhai_program;
typedef struct rhai_scope rhai_scope;
typedef struct rhai_error rhai_error;
typedef struct rhai_call rhai_call;

/* What a call gives back. */
typedef enum rhai_status {
    RHAI_OK = 0,
    RHAI_ERROR = -1, /* an error was set; outputs other than the error are untouched */
    RHAI_EXITED = 1, /* the script called exit(); the value given to it is the result */
} rhai_status;

/* ---- Values ---------------------------------------------------------------------------- */

typedef enum rhai_type {
    RHAI_UNIT, /* () */
    RHAI_BOOL,
    RHAI_INT,       /* 64-bit signed */
    RHAI_FLOAT,     /* IEEE double */
    RHAI_CHAR,      /* one Unicode scalar value */
    RHAI_BYTE,      /* 0 to 255, what `for` takes out of a blob; rhai_as_int gives it */
    RHAI_TIMESTAMP, /* nanoseconds of CLOCK_MONOTONIC */
    /* Types from here on live on the heap and are counted. */
    RHAI_STRING,          /* immutable UTF-8 text */
    RHAI_ARRAY,           /* of values */
    RHAI_BLOB,            /* of bytes */
    RHAI_MAP,             /* object map: string keys, iterated in byte order */
    RHAI_FN,              /* function pointer with curried arguments */
    RHAI_RANGE,           /* start..end */
    RHAI_RANGE_INCLUSIVE, /* start..=end */
    RHAI_CUSTOM,          /* an object of a type that C registered, or an iterator */
    RHAI_SHARED,          /* a cell shared by closures; never seen by native functions */
} rhai_type;

/* A value: 16 bytes, a type and a payload. Strings, arrays, maps and blobs are values in the
 * language and shared copy-on-write in memory, so passing one is O(1). Use the functions
 * below rather than the fields. A value that was handed out is owned by the receiver, who ends
 * it with rhai_value_done; `const rhai_value *` parameters are borrowed. */
typedef struct rhai_value {
    uint8_t type;  /* rhai_type */
    uint8_t flags; /* engine's own */
    uint16_t spare;
    int32_t tag; /* what a script sets and reads as `value.tag` */
    union {
        bool b;
        int64_t i;
        double f;
        uint32_t c;
        void *obj;
    };
} rhai_value;

rhai_value rhai_unit(void);
rhai_value rhai_from_bool(bool b);
rhai_value rhai_from_int(int64_t i);
rhai_value rhai_from_float(double f);
rhai_value rhai_from_char(uint32_t c);
/* These allocate: RHAI_ERROR means out of memory (or, for text, invalid UTF-8). */
rhai_status rhai_from_text(rhai_engine *engine, const char *text, size_t len, rhai_value *ret);
rhai_status rhai_from_blob(rhai_engine *engine, const void *bytes, size_t len, rhai_value *ret);
rhai_status rhai_new_array(rhai_engine *engine, rhai_value *ret);
rhai_status rhai_new_map(rhai_engine *engine, rhai_value *ret);

static inline rhai_type rhai_type_of(const rhai_value *v) { return (rhai_type)v->type; }
/* The name as the script's type_of() gives it: "i64", "string", "Fn", a custom type's name. */
const char *rhai_type_name(rhai_engine *engine, const rhai_value *v);

/* Payloads. The caller has checked the type; another type is a bug and gives nonsense. */
static inline bool rhai_as_bool(const rhai_value *v) { return v->b; }
static inline int64_t rhai_as_int(const rhai_value *v) { return v->i; }
static inline double rhai_as_float(const rhai_value *v) { return v->f; }
static inline uint32_t rhai_as_char(const rhai_value *v) { return v->c; }
const char *rhai_as_text(const rhai_value *v, size_t *ret_len);     /* lives as long as v */
const uint8_t *rhai_as_blob(const rhai_value *v, size_t *ret_len);  /* lives as long as v */
void rhai_as_range(const rhai_value *v, int64_t *ret_from, int64_t *ret_to);
void *rhai_as_custom(const rhai_value *v); /* the pointer given to rhai_from_custom */

void rhai_value_copy(const rhai_value *from, rhai_value *ret); /* O(1); ret is owned */
void rhai_value_done(rhai_engine *engine, rhai_value *v);      /* leaves () behind */

/* Arrays and maps. `v` must be of that type. Setters and push take `item` over (leaving ())
 * even when they fail; an array or map that others share is copied first. Getters return a
 * borrowed pointer that lives until v changes, NULL when there is no such element. */
size_t rhai_array_len(const rhai_value *v);
const rhai_value *rhai_array_at(const rhai_value *v, size_t index);
rhai_status rhai_array_push(rhai_engine *engine, rhai_value *v, rhai_value *item);
size_t rhai_map_len(const rhai_value *v);
const rhai_value *rhai_map_get(const rhai_value *v, const char *key, size_t len);
rhai_status rhai_map_set(rhai_engine *engine, rhai_value *v, const char *key, size_t len,
                         rhai_value *item);
/* Entry number `index` in key order (O(1) amortised), or NULL past the end. */
const rhai_value *rhai_map_entry(rhai_engine *engine, const rhai_value *v, size_t index,
                                 const char **ret_key, size_t *ret_len);

/* Text forms: what `print` shows, and what `debug` shows. Owned string values. */
rhai_status rhai_to_text(rhai_engine *engine, const rhai_value *v, rhai_value *ret);
rhai_status rhai_to_debug(rhai_engine *engine, const rhai_value *v, rhai_value *ret);

/* JSON with integers exact, floats as numbers (NaN and infinities as their debug text), chars
 * as strings, blobs as base64, functions, ranges, timestamps and custom values as debug text.
 * Stops with *ret_truncated = true and an empty string once the text would pass max_bytes
 * (0: no bound). The reverse accepts any JSON text, nested at most 64 deep. */
rhai_status rhai_to_json(rhai_engine *engine, const rhai_value *v, size_t max_bytes,
                         rhai_value *ret, bool *ret_truncated);
rhai_status rhai_from_json(rhai_engine *engine, const char *text, size_t len, rhai_value *ret,
                           rhai_error **ret_error);

/* ---- Engine ---------------------------------------------------------------------------- */

/* One function for all memory, as realloc with sizes: old_size 0 allocates, new_size 0 frees
 * and returns NULL. Returning NULL for new_size > 0 means out of memory and leaves `block`. */
typedef void *(*rhai_allocator)(void *data, void *block, size_t old_size, size_t new_size);

typedef struct rhai_config {
    rhai_allocator allocator; /* NULL: malloc */
    void *allocator_data;
    bool no_standard_library; /* the bare language: operators and control flow only */
} rhai_config;

/* NULL config means defaults. Returns NULL when out of memory. */
rhai_engine *rhai_engine_new(const rhai_config *config);
/* Frees the engine and all that scripts made; programs, scopes and values of this engine must
 * have been freed before. */
void rhai_engine_free(rhai_engine *engine);

/* What a script may use. 0 means unlimited, except where "0: none" is said. */
typedef enum rhai_limit {
    RHAI_MAX_OPERATIONS,
    RHAI_MAX_CALL_LEVELS,         /* default 64; 0: none */
    RHAI_MAX_EXPR_DEPTH,          /* default 64 */
    RHAI_MAX_FUNCTION_EXPR_DEPTH, /* default 32 */
    RHAI_MAX_STRING_SIZE,         /* bytes */
    RHAI_MAX_ARRAY_SIZE,          /* elements, nested ones included */
    RHAI_MAX_MAP_SIZE,            /* entries, nested ones included */
    RHAI_MAX_VARIABLES,           /* default UINT64_MAX; 0: none */
    RHAI_MAX_FUNCTIONS,           /* default UINT64_MAX; 0: none */
    RHAI_MAX_MODULES,             /* default UINT64_MAX; 0: none */
    RHAI_MAX_MEMORY,              /* bytes allocated by the engine at one time */
    RHAI_LIMIT_COUNT,
} rhai_limit;

void rhai_engine_set_limit(rhai_engine *engine, rhai_limit limit, uint64_t value);
uint64_t rhai_engine_limit(const rhai_engine *engine, rhai_limit limit);
const char *rhai_limit_name(rhai_limit limit);               /* "max_operations" ... */
bool rhai_limit_by_name(const char *name, rhai_limit *ret);  /* false: no such limit */

typedef enum rhai_optimize { RHAI_OPTIMIZE_NONE, RHAI_OPTIMIZE_SIMPLE, RHAI_OPTIMIZE_FULL } rhai_optimize;
void rhai_engine_set_optimize(rhai_engine *engine, rhai_optimize level); /* default simple */
void rhai_engine_set_strict_variables(rhai_engine *engine, bool strict); /* default false */

/* Position in a script. Line 0 means none; columns count characters from 1, 0 means line start. */
typedef struct rhai_pos {
    uint32_t line;
    uint32_t column;
} rhai_pos;

typedef void (*rhai_print_fn)(void *data, const char *text, size_t len);
typedef void (*rhai_debug_fn)(void *data, const char *text, size_t len, const char *source,
                              rhai_pos pos); /* source NULL: the main script */
/* Defaults write a line to stdout and to stderr. */
void rhai_engine_on_print(rhai_engine *engine, rhai_print_fn fn, void *data);
void rhai_engine_on_debug(rhai_engine *engine, rhai_debug_fn fn, void *data);

/* Raises the poll flag: at the next loop back-edge or call the engine lowers it and calls the
 * poll function, on the script's own thread. Async-signal-safe. */
void rhai_engine_interrupt(rhai_engine *engine);
/* Returns false to end the script with "Script terminated". */
typedef bool (*rhai_poll_fn)(void *data);
void rhai_engine_on_poll(rhai_engine *engine, rhai_poll_fn fn, void *data);
/* Ends the running script ("Script terminated", not catchable), or the next one when none
 * runs; in force until rhai_engine_clear_termination. Async-signal-safe. */
void rhai_engine_terminate(rhai_engine *engine);
void rhai_engine_clear_termination(rhai_engine *engine);
bool rhai_engine_is_terminated(const rhai_engine *engine);

/* Module sources. `path` is as written in the import; `importer` is the path of the importing
 * module as the resolver named it in *ret_name, NULL for the main script. On success returns
 * RHAI_OK with the text in *ret_text (made by rhai_from_text) and the module's canonical name
 * in *ret_name (a string value too), by which a module is evaluated only once. RHAI_ERROR
 * means there is no such module; rhai_throw makes it another error. */
typedef rhai_status (*rhai_resolver_fn)(void *data, rhai_call *call, const char *path,
                                        const char *importer, rhai_value *ret_text,
                                        rhai_value *ret_name);
void rhai_engine_set_resolver(rhai_engine *engine, rhai_resolver_fn fn, void *data);

size_t rhai_engine_memory(const rhai_engine *engine);      /* bytes held now */
size_t rhai_engine_peak_memory(const rhai_engine *engine); /* most bytes held at one time */
/* Operations since the last run began. With RHAI_MAX_OPERATIONS set before the script is compiled
 * each is counted when it is done, as Rhai does, and what call-backs from native functions do is
 * added, which Rhai forgets and does not hold against the limit. Without the limit it is an
 * estimate of the same number that costs next to nothing: the compiler counts the operations of a
 * loop's body and of a function, the engine adds them up when a round begins and when the function
 * returns. Of branches it takes the mean (of one that leaves the loop or function, nothing); a
 * round left early counts as a whole one; what operators and natives do inside is not seen. It is
 * mostly within half and double, and the same for every run that does the same. */
uint64_t rhai_engine_operations(const rhai_engine *engine);

/* ---- Programs and runs ------------------------------------------------------------------ */

/* `source` names the script in errors and for the resolver; NULL for the main script. `scope`
 * (NULL: empty) supplies names that strict_variables accepts and constants that the optimiser
 * may fold. NULL with *ret_error set on failure. */
rhai_program *rhai_compile(rhai_engine *engine, const char *text, size_t len, const char *source,
                           const rhai_scope *scope, rhai_error **ret_error);
void rhai_program_free(rhai_engine *engine, rhai_program *program);
/* The compiled code as text (a string), for people; its form changes from version to version.
 * Compiles what has not been called yet. */
rhai_status rhai_program_dump(rhai_engine *engine, rhai_program *program, rhai_value *ret,
                              rhai_error **ret_error);

/* Reports every syntax error that can be found, in order, and returns how many there were. The
 * error is borrowed, for the time of the call. */
typedef void (*rhai_check_fn)(void *data, const rhai_error *error);
size_t rhai_check(rhai_engine *engine, const char *text, size_t len, rhai_check_fn report, void *data);

/* Runs from the top. Variables of `scope` are visible, and those the script defines at global
 * level are added to it (NULL: a fresh, empty scope). RHAI_OK and RHAI_EXITED set *ret. */
rhai_status rhai_run(rhai_engine *engine, rhai_program *program, rhai_scope *scope,
                     rhai_value *ret, rhai_error **ret_error);
/* compile + run + free. */
rhai_status rhai_eval(rhai_engine *engine, const char *text, size_t len, rhai_scope *scope,
                      rhai_value *ret, rhai_error **ret_error);
/* Calls a function of the script. The statements at global level are not run first. `args` are
 * taken over (left as ()). */
rhai_status rhai_call_fn(rhai_engine *engine, rhai_program *program, rhai_scope *scope,
                         const char *name, rhai_value *args, size_t nargs, rhai_value *ret,
                         rhai_error **ret_error);

/* For sessions that are typed piece by piece: makes the functions of `before`, and of what it
 * continues itself, callable in `program`. Where several pieces define a function, the newest
 * holds, also for calls made by older pieces; but a piece that has the function itself calls its
 * own. `before` may be freed at once; it is not to be run or continued again. RHAI_ERROR: out of
 * memory. */
rhai_status rhai_program_continue(rhai_engine *engine, rhai_program *program, rhai_program *before);

/* Whether the text is no script yet but could become one with more lines: it fails because it
 * ended, or it ends inside a comment or a string that may have several lines, or after a
 * doc-comment. Give it with its last line end. */
bool rhai_is_incomplete(rhai_engine *engine, const char *text, size_t len);

/* A function that a script defines. The texts live as long as the program. */
typedef struct rhai_script_function {
    const char *name;
    const char *this_type; /* fn Type.name(): the type's name; NULL: any */
    const char *const *params;
    size_t param_count;
    const char *const *comments; /* doc-comments, with their markers */
    size_t comment_count;
    bool is_private;
    rhai_pos pos; /* of `fn` */
} rhai_script_function;

/* Calls visit for every function of the program, and of what it continues, in the order of their
 * definition; closures excluded. RHAI_ERROR: out of memory. */
typedef void (*rhai_script_function_visitor)(void *data, const rhai_script_function *function);
rhai_status rhai_each_script_function(rhai_engine *engine, const rhai_program *program,
                                      rhai_script_function_visitor visit, void *data);

rhai_scope *rhai_scope_new(rhai_engine *engine);
void rhai_scope_free(rhai_engine *engine, rhai_scope *scope);
/* Takes *v over. A later variable of the same name shadows an earlier one. */
rhai_status rhai_scope_push(rhai_engine *engine, rhai_scope *scope, const char *name,
                            rhai_value *v, bool constant);
const rhai_value *rhai_scope_get(const rhai_scope *scope, const char *name); /* NULL: none */
size_t rhai_scope_len(const rhai_scope *scope);
const char *rhai_scope_name(const rhai_scope *scope, size_t index);

/* ---- Declared inputs -------------------------------------------------------------------- */

/* A script may declare what it wants to be given, in the doc-comments before its first statement:
 *
 *     /// Copies one database.
 *     ///
 *     /// @input host: string               Where it runs; has to be given.
 *     /// @input port: int = 5432           Its port.
 *     ///                                   A longer description goes on, indented.
 *     /// @input tables: array = ["users"]  What to copy.
 *     /// @input note: string?              May be left out.
 *
 * A declaration is `name: type`, then `?` or `= default`, if any, then a description, if any. The
 * default is JSON. A declaration without a type takes any value. Other lines describe the script;
 * a doc-comment directly above a function, if it declares nothing, describes the function.
 *
 * No engine is needed, and the script need not be correct otherwise. */
typedef struct rhai_input {
    const char *name;         /* a variable's name */
    rhai_type type;           /* RHAI_STRING, _INT, _FLOAT, _BOOL, _ARRAY, _MAP; RHAI_UNIT: any */
    const char *default_json; /* of the type; NULL: none */
    const char *description;  /* "": none */
    bool required;            /* neither `?` nor a default */
    rhai_pos pos;             /* of the name */
} rhai_input;

typedef struct rhai_input_error {
    const char *message;
    rhai_pos pos;
} rhai_input_error;

typedef struct rhai_inputs {
    const rhai_input *items; /* in the order of the script, without those that have an error */
    size_t count;
    const rhai_input_error *errors; /* in the order of the script */
    size_t error_count;
    const char *description; /* of the script; "": none */
    /* {"type": "object", ...}: the inputs as one object in JSON Schema (2020-12: type, properties,
     * required, additionalProperties, description, default). */
    const char *schema;
} rhai_inputs;

/* All of it is freed at once; texts are valid UTF-8. NULL: out of memory. */
rhai_inputs *rhai_inputs_read(const char *script, size_t len);
void rhai_inputs_free(rhai_inputs *inputs);

/* ---- Errors ----------------------------------------------------------------------------- */

/* The exact text Rhai gives, call trace and positions included. Lives as long as the error. */
const char *rhai_error_text(const rhai_error *error);
/* The kind as in the catch variable's `error` field: "ErrorRuntime", "ErrorParsing" ... */
const char *rhai_error_kind(const rhai_error *error);
/* Whether a bound was reached (operations, memory, call depth, sizes, numbers of variables or
 * modules), also below calls and imports. */
bool rhai_error_is_limit(const rhai_error *error);
/* Where it happened: the innermost position known, line 0 when there is none at all. For
 * errors whose text carries no position this still tells the failing instruction's. */
rhai_pos rhai_error_pos(const rhai_error *error);
/* Name of the module it happened in, NULL for the main script. */
const char *rhai_error_source(const rhai_error *error);
/* The thrown value of an ErrorRuntime, else NULL. Borrowed. */
const rhai_value *rhai_error_value(const rhai_error *error);
void rhai_error_free(rhai_error *error);

/* ---- Native functions -------------------------------------------------------------------- */

/* A native function. `args` are the call's arguments, borrowed: the function may change args[0]
 * in place if it was registered with RHAI_FN_MUTATES, and may take any argument over by
 * leaving () in its place. On RHAI_OK *ret (() on entry) is the result; RHAI_ERROR after
 * rhai_throw or rhai_throw_value; RHAI_EXITED ends the script with *ret as its value. */
typedef rhai_status (*rhai_native_fn)(rhai_call *call, rhai_value *args, rhai_value *ret);

enum {
    RHAI_FN_MUTATES = 1,  /* changes its first argument: called with the variable itself */
    RHAI_FN_VOLATILE = 2, /* not a pure function of its arguments: never folded at compile time */
    /* Gets the variable itself, as with RHAI_FN_MUTATES, but may be called on a constant: for
     * functions that change nothing themselves, but hand parts of args[0] to call-backs as
     * `this`. A constant's args[0] is marked so in its flags. */
    RHAI_FN_BORROWS = 4,
};

/* One overload. Tables of these are constant data; they are used in place and must outlive the
 * engine. `params` has a letter per parameter:
 *     u unit  b bool  i int  f float  c char  t timestamp  y byte  s string  a array  l blob  m map
 *     F function  r range  R inclusive range  ? any value  {Name} a custom type
 * A method's object is parameter 1. A getter is named "get$name" ({Type}), a setter "set$name"
 * ({Type}, value), indexers "index$get$" ({Type}, index) and "index$set$" ({Type}, index,
 * value); operators are named by their symbol. Overloads are chosen as in Rhai: exact types
 * first, then with the fewest `?` counted from the left. */
typedef struct rhai_native {
    const char *name;
    const char *params;
    rhai_native_fn fn;
    unsigned flags;
    const char *signature; /* as people read it: "pad(string: string, len: int, char: char)" */
    const char *doc;       /* one or more sentences; NULL: not listed */
} rhai_native;

/* `data` is what rhai_call_data gives inside. Later registrations win over earlier ones. */
rhai_status rhai_register(rhai_engine *engine, const rhai_native *table, size_t count, void *data);

/* Every function of the engine, script functions excluded, in name order; those that belong to the
 * language (eval, type_of, call ...) have no `fn`. */
typedef void (*rhai_function_visitor)(void *data, const rhai_native *native);
void rhai_each_function(rhai_engine *engine, rhai_function_visitor visit, void *data);

rhai_engine *rhai_call_engine(const rhai_call *call);
void *rhai_call_data(const rhai_call *call);
size_t rhai_call_nargs(const rhai_call *call);
rhai_pos rhai_call_pos(const rhai_call *call);
const char *rhai_call_name(const rhai_call *call);

/* Set the error and return RHAI_ERROR. Thrown text is an ErrorRuntime that scripts can catch;
 * rhai_throw_value takes *v over; rhai_throw_terminated cannot be caught. */
rhai_status rhai_throw(rhai_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
rhai_status rhai_throw_value(rhai_call *call, rhai_value *v);
rhai_status rhai_throw_terminated(rhai_call *call);
rhai_status rhai_throw_out_of_memory(rhai_call *call);

/* Calls a function value from inside a native function. `self` (NULL: none) becomes `this` and
 * may be changed; `args` are taken over. */
rhai_status rhai_call_value(rhai_call *call, const rhai_value *fn, rhai_value *self,
                            rhai_value *args, size_t nargs, rhai_value *ret);

/* ---- Custom types ------------------------------------------------------------------------ */

typedef struct rhai_custom_type {
    const char *name;           /* what type_of() says */
    void (*free)(void *object); /* NULL: nothing to free */
    /* Copies, for types that are values: called before a shared object is changed. Returns NULL
     * when out of memory. NULL member: the type is a handle, all copies are the same object. */
    void *(*clone)(const void *object);
    /* Iteration in `for`: next() sets *ret and returns RHAI_OK, or RHAI_EXITED at the end.
     * NULL: not iterable. `state` is an int the callee may use as a cursor, 0 at first. */
    rhai_status (*next)(rhai_call *call, void *object, int64_t *state, rhai_value *ret);
    /* Text form; NULL: the type's name. Writes at most size bytes, returns the length. */
    size_t (*text)(const void *object, char *buffer, size_t size);
} rhai_custom_type;

/* The description is used in place and must outlive the engine. Register types before tables
 * that name them. */
rhai_status rhai_register_type(rhai_engine *engine, const rhai_custom_type *type);
/* The value owns `object`, also when this fails. */
rhai_status rhai_from_custom(rhai_engine *engine, const rhai_custom_type *type, void *object,
                             rhai_value *ret);

#ifdef __cplusplus
}
#endif
#endif
