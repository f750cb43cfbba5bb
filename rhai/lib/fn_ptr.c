/* fn_ptr.c - functions of function pointers. */
#include "lib/fn_ptr.h"

#include <string.h>

#include "lib/lib.h"
#include "syntax/lex.h"

bool fn_name_is_valid(const rhai_str *name) {
    return lex_is_function_name(name->data, name->len);
}

/* Is the whole of `name` one keyword or symbol? */
static bool is_reserved(heap *h, const rhai_str *name) {
    lexer lx;
    bool reserved = false;
    if (lex_init(&lx, h, name->data, name->len, 0)) {
        lex_next(&lx);
        const token *tok = &lx.tok;
        if (tok->kind == TOK_RESERVED)
            reserved = tok->len == name->len;
        else
            reserved = name->len > 0 && strcmp(token_table[tok->kind].text, name->data) == 0;
    }
    lex_done(&lx);
    return reserved;
}

rhai_status fn_from_name(rhai_call *call, const rhai_value *name, rhai_value *ret) {
    heap *h = call->h;
    rhai_str *s = as_str(name);
    if (!fn_name_is_valid(s)) {
        if (!is_reserved(h, s))
            return call_fail(call, error_newf(h, ERR_FUNCTION_NOT_FOUND, POS_NONE, "%s", s->data));
        const char *what = lex_is_name(s->data, s->len) ? "keyword" : "symbol";
        return call_fail(
            call, error_newf(h, ERR_PARSING, POS_NONE, "'%s' is a reserved %s", s->data, what));
    }
    rhai_str *interned = str_intern(h, s->data, s->len);
    fnptr *made = interned ? fnptr_new(h, interned, NULL, NULL, 0, NULL, 0) : NULL;
    obj_unref(h, interned);
    if (!made) return call_no_memory(call);
    *ret = VALUE_OBJ(RHAI_FN, made);
    return RHAI_OK;
}

static rhai_status fn_name(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    rhai_str *name = as_fn(args)->name;
    obj_ref(name);
    *ret = VALUE_OBJ(RHAI_STRING, name);
    return RHAI_OK;
}

static rhai_status fn_is_anonymous(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_BOOL(strncmp(as_fn(args)->name->data, "anon$", 5) == 0);
    return RHAI_OK;
}

static const rhai_native fn_ptr_functions[] = {
    {"name", "F", fn_name, 0, "name(fn_ptr: Fn) -> string",
     "The name of the function that the pointer points to."},
    {"get$name", "F", fn_name, 0, "fn_ptr.name -> string",
     "The name of the function that the pointer points to."},
    {"is_anonymous", "F", fn_is_anonymous, 0, "is_anonymous(fn_ptr: Fn) -> bool",
     "Does the pointer point to an anonymous function, a closure for instance?"},
    {"get$is_anonymous", "F", fn_is_anonymous, 0, "fn_ptr.is_anonymous -> bool",
     "Does the pointer point to an anonymous function, a closure for instance?"},
};
LIB_PACKAGE(fn_ptr);
