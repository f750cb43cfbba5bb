/* error.h - errors as values.
 *
 * An error is a node: kind, texts, position; call trace entries wrap the error they carry, as
 * the text that Rhai prints nests them. Which positions a node has is observable, so nobody
 * fills in a position here that Rhai leaves out; `origin` is our own record of the failing
 * place, for diagnostics beside the exact text.
 */
#ifndef RHAI_NATIVE_ERROR_H
#define RHAI_NATIVE_ERROR_H

#include "value/text.h"

#include <stdarg.h>

/* kind, the `error` field of a catch variable, CATCHABLE or not, SYSTEM: passes through calls
 * without a trace entry and ends up with the position of the outermost call. */
#define ERROR_KINDS(X)                                                                             \
    X(ERR_SYSTEM, "ErrorSystem", 0, 1)                                                             \
    X(ERR_PARSING, "ErrorParsing", 0, 1) /* text: message without "Syntax error: " */              \
    X(ERR_VARIABLE_EXISTS, "ErrorVariableExists", 1, 0)                                            \
    X(ERR_FORBIDDEN_VARIABLE, "ErrorForbiddenVariable", 1, 0)                                      \
    X(ERR_VARIABLE_NOT_FOUND, "ErrorVariableNotFound", 1, 0)                                       \
    X(ERR_PROPERTY_NOT_FOUND, "ErrorPropertyNotFound", 1, 0)                                       \
    X(ERR_INDEX_NOT_FOUND, "ErrorIndexNotFound", 1, 0)       /* value */                           \
    X(ERR_FUNCTION_NOT_FOUND, "ErrorFunctionNotFound", 1, 0) /* text: signature */                 \
    X(ERR_MODULE_NOT_FOUND, "ErrorModuleNotFound", 1, 0)                                           \
    X(ERR_IN_FUNCTION_CALL, "ErrorInFunctionCall", 1, 0) /* text: name, text2: source, inner */    \
    X(ERR_IN_MODULE, "ErrorInModule", 1, 0)              /* text: name, inner */                   \
    X(ERR_UNBOUND_THIS, "ErrorUnboundThis", 1, 0)                                                  \
    X(ERR_MISMATCH_DATA_TYPE, "ErrorMismatchDataType", 1, 0) /* text: wanted, text2: actual */     \
    X(ERR_MISMATCH_OUTPUT_TYPE, "ErrorMismatchOutputType", 1, 0)                                   \
    X(ERR_INDEXING_TYPE, "ErrorIndexingType", 1, 0)                                                \
    X(ERR_ARRAY_BOUNDS, "ErrorArrayBounds", 1, 0) /* length, index */                              \
    X(ERR_STRING_BOUNDS, "ErrorStringBounds", 1, 0)                                                \
    X(ERR_BIT_FIELD_BOUNDS, "ErrorBitFieldBounds", 1, 0)                                           \
    X(ERR_FOR, "ErrorFor", 1, 0)                                                                   \
    X(ERR_DATA_RACE, "ErrorDataRace", 1, 0)                                                        \
    X(ERR_NON_PURE_ON_CONSTANT, "ErrorNonPureMethodCallOnConstant", 1, 0)                          \
    X(ERR_ASSIGNMENT_TO_CONSTANT, "ErrorAssignmentToConstant", 1, 0)                               \
    X(ERR_DOT_EXPR, "ErrorDotExpr", 1, 0)                                                          \
    X(ERR_ARITHMETIC, "ErrorArithmetic", 1, 0)                                                     \
    X(ERR_TOO_MANY_OPERATIONS, "ErrorTooManyOperations", 0, 1)                                     \
    X(ERR_TOO_MANY_VARIABLES, "ErrorTooManyVariables", 0, 1)                                       \
    X(ERR_TOO_MANY_MODULES, "ErrorTooManyModules", 0, 1)                                           \
    X(ERR_STACK_OVERFLOW, "ErrorStackOverflow", 0, 1)                                              \
    X(ERR_DATA_TOO_LARGE, "ErrorDataTooLarge", 0, 1) /* text: "Length of string" ... */            \
    X(ERR_TERMINATED, "ErrorTerminated", 0, 1)                                                     \
    X(ERR_RUNTIME, "ErrorRuntime", 1, 0) /* value: what was thrown */

typedef enum error_kind {
#define X(kind, name, catchable, system) kind,
    ERROR_KINDS(X)
#undef X
} error_kind;

#define POS_NONE ((rhai_pos){0, 0})
static inline bool pos_is_none(rhai_pos p) { return p.line == 0; }

struct rhai_error {
    heap *h; /* where the node and its parts were allocated */
    error_kind kind;
    rhai_pos pos;    /* as shown; line 0: none */
    rhai_pos origin; /* where it happened, for diagnostics; line 0: unknown */
    rhai_str *text, *text2; /* NULL counts as "" */
    int64_t length, index;
    rhai_value value;
    rhai_error *inner;
    rhai_str *origin_source; /* module it happened in; NULL: the main script */
    rhai_str *shown;         /* rhai_error_text's result, made once */
};

/* Never fails: without memory it returns the heap-independent out-of-memory error, which every
 * function here accepts. */
rhai_error *error_new(heap *h, error_kind kind, rhai_pos pos);
rhai_error *error_newf(heap *h, error_kind kind, rhai_pos pos, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
rhai_error *error_newv(heap *h, error_kind kind, rhai_pos pos, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));
rhai_error *error_mismatch(heap *h, const char *wanted, const char *actual, rhai_pos pos);
rhai_error *error_bounds(heap *h, error_kind kind, size_t length, int64_t index, rhai_pos pos);
rhai_error *error_thrown(heap *h, rhai_value v, rhai_pos pos); /* takes v over */
/* "Out of memory", an ERR_SYSTEM; with room for a position if there is any memory at all. */
rhai_error *error_out_of_memory(heap *h);
/* Wraps `inner` (taken over). `source` NULL: the main script. */
rhai_error *error_in_call(heap *h, const char *function, const rhai_str *source,
                          rhai_error *inner, rhai_pos pos);
rhai_error *error_in_module(heap *h, const char *module, rhai_error *inner, rhai_pos pos);

/* A wrap can be caught if what it carries can; one exception, Rhai's own: a parse error inside a
 * call (of eval) or an import can be caught, though it could not be by itself. */
bool error_is_catchable(const rhai_error *e);
bool error_is_system(const rhai_error *e);
const char *error_kind_name(error_kind kind);
const rhai_error *error_innermost(const rhai_error *e);
/* Sets the position when there is none yet. */
void error_fill_pos(rhai_error *e, rhai_pos pos);
/* Appends the exact text, trace and positions included. */
void error_display(const rhai_error *e, text *t);
/* The value that `catch (err)` binds: the thrown value, or Rhai's map of fields. `source` is the
 * running script's name or NULL. Takes the position out of `e`, as Rhai does. */
bool error_catch_value(heap *h, rhai_error *e, const rhai_str *source, rhai_value *ret);

#endif
