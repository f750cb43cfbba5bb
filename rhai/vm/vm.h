/* vm.h - the machine that runs register code. Private to the library.
 *
 * Frames live in an array, registers in chunks that never move: `this` and other references may
 * point into them. A frame's registers above those in use hold no value with a heap part. Calls
 * between script functions do not recurse in C; natives that call back do (vm_call), within
 * bounds checked against the C stack itself.
 *
 * Errors: functions return RHAI_ERROR with vm->error set; the run loop unwinds.
 */
#ifndef RHAI_VM_VM_H
#define RHAI_VM_VM_H

#include "code/program.h"
#include "engine/engine.h"
#include "syntax/parse.h"

/* In place of a position: that of the instruction being executed (of a call: the caller's), looked
 * up when needed. vm_fail puts the real one in its place. */
#define POS_CALLER ((rhai_pos){UINT32_MAX, 0})

/* Registers that are always free above a frame, for calls made from C. */
enum { STACK_SLACK = 320 };

/* The units whose functions are visible by name, innermost first. Interned for the time of a
 * run: equal chains are the same node, and its number, never used again, tells a cache whether
 * it still holds. */
typedef struct libs {
    uint32_t number;
    unit *unit;
    struct libs *parent;
    struct libs *children, *sibling;
} libs;

/* What calls by name led to, see resolve.c. Functions are borrowed: libs hold their units. */
typedef struct remembered {
    const rhai_str *name;
    uint32_t nparams;
    const char *type; /* of a method's object; NULL: a function for any */
    proto *fn;
    bool sticks;
} remembered;

typedef struct memory {
    remembered *items;
    uint32_t len, cap;
    bool has_begun;
} memory;

/* A name that code found by name can see: the host's scope, what eval defined. */
typedef struct name {
    struct name *below;
    rhai_str *name;
    rhai_value value; /* flags: VALUE_CONST */
} name;

typedef struct module module;

struct rhai_program {
    unit *unit;
};

typedef struct export_entry {
    rhai_str *alias;
    rhai_value *slot; /* lives as long as the statements run */
} export_entry;

typedef struct import {
    rhai_str *alias; /* NULL: none */
    module *module;
} import;

/* What a function that leaves its place of birth takes along. */
typedef struct env {
    opaque head;
    unit *unit;
    import *imports;
    uint32_t imports_len;
    /* Pushed on the imports that had version `below`, they are those of version `above`. */
    uint64_t below, above;
} env;

typedef struct chunk {
    struct chunk *below, *above;
    rhai_value *end;
    rhai_value regs[];
} chunk;

typedef struct frame {
    proto *p;
    const insn *pc; /* next instruction, while another frame runs */
    rhai_value *base;
    rhai_value *ret;      /* where the result goes; NULL: nobody wants it */
    rhai_value *this_ref; /* NULL: not bound */
    cell *this_cell;      /* borrowed for `this`; NULL: none */
    libs *libs;
    chunk *chunk;
    name *names;       /* top of the names at entry */
    name *names_floor; /* names from here down belong to callers: not visible */
    uint32_t imports;  /* height of the imports at entry */
    uint32_t env_top;  /* their height with those of p's unit; UINT32_MAX: others are above */
    uint64_t imports_version; /* at entry */
    uint32_t scratch;         /* registers above p->nregs that C code is using */
    uint32_t level_before;    /* call level of the caller */
    rhai_pos pos;             /* of the call, or POS_CALLER */
    rhai_str *source;         /* the module that errors name; NULL: the main script */
    bool is_plain;            /* returning has nothing to do but clear registers */
    bool is_entry;            /* returning leaves vm_run */
    bool is_inner;            /* shares the registers of the frame below */
    bool is_eval;             /* errors are wrapped as of a call to eval */
    bool is_main;             /* global level: errors are not wrapped */
    bool is_element; /* `this` is part of containers that know their sizes: the caller's chain
                      * leads there. Its sizes at entry are on vm.elements */
    bool forgets;    /* the memory of calls begins, and so ends, in it */
} frame;

typedef struct vm {
    rhai_engine *engine;
    heap *h;
    frame *frames;
    uint32_t frames_len, frames_cap;
    chunk *chunk;
    libs *root_libs; /* chains of units, as a tree */
    uint32_t libs_count;
    bool counts; /* max_operations is set */
    name *names;
    name *main_floor; /* names from here down are not the starting script's */
    import *imports;
    uint32_t imports_len, imports_cap;
    uint64_t imports_version; /* the same number: the same imports */
    uint64_t imports_count;   /* the last version */
    rhai_error *error;
    uint32_t level;
    uint64_t plain_level; /* below this call level no limit needs a look */
    bool remembers;       /* calls by name are remembered, in `memory` */
    memory memory;
    uint32_t modules_loaded;
    char *stack_limit; /* C stack below this address is a stack overflow */
    env *last_env;     /* cache of vm_current_env; owned */
    uint64_t last_env_version;
    sizes *elements; /* of `this` at entry, for each frame that is_element */
    uint32_t elements_len, elements_cap;
    map *module_cache;      /* canonical name -> module, as opaque values; () while it loads */
    struct module *loading; /* the module whose statements run; NULL: the main script's */
    export_entry *exports;  /* what they have exported */
    uint32_t exports_len, exports_cap;
    bool collect_failed;
    uint32_t imports_floor; /* imports below are the importer's */
    rhai_scope *host_scope; /* gets the main script's variables; may be NULL */
    bool exited;
    rhai_value exit_value;
    rhai_value name_value; /* holds what vm_name_place made for a function's name */
    /* Whether `in` on a map asks the library's own function, as of this epoch of the natives. */
    uint32_t contains_epoch;
    bool contains_is_own;
    /* Method names with a meaning of their own. */
    rhai_str *name_call, *name_curry, *name_is_shared, *name_type_of;
} vm;

vm *vm_new(rhai_engine *e);
void vm_free(vm *m);

/* Error helpers: set vm->error, return RHAI_ERROR. */
rhai_status vm_fail(vm *m, rhai_error *e);
rhai_status vm_no_memory(vm *m);

static inline frame *vm_top(vm *m) {
    return &m->frames[m->frames_len - 1];
}
bool vm_counted_too_many(vm *m, rhai_pos pos); /* false */
/* Counts an operation, as Rhai does for each call; false: it was one too many (error set). */
static inline bool vm_count(vm *m, rhai_pos pos) {
    rhai_engine *e = m->engine;
    return ++e->operations <= e->limits[RHAI_MAX_OPERATIONS] || vm_counted_too_many(m, pos);
}
static inline bool vm_track(vm *m, rhai_pos pos) {
    return !m->counts || vm_count(m, pos);
}
/* Counts n at once. False: the limit is too near for that, nothing is counted. */
static inline bool vm_count_plainly(vm *m, uint64_t n) {
    rhai_engine *e = m->engine;
    if (e->operations + n > e->limits[RHAI_MAX_OPERATIONS]) return false;
    e->operations += n;
    return true;
}
/* Only `before` and none since are held against max_operations. */
static inline void vm_forget_operations(vm *m, uint64_t before) {
    rhai_engine *e = m->engine;
    e->forgotten_operations += e->operations - before;
    e->operations = before;
}
rhai_pos frame_pos(const frame *f);                   /* of the instruction being executed */
rhai_pos frame_call_pos(const vm *m, const frame *f); /* of the call that made the frame */

/* ---- Frames for calls that need nothing else (plain.h), made without vm_enter ---- */

/* The script function behind a function value, if it can run in a plain frame at args; what it
 * has captured is put before the arguments, which are the topmost registers in use. NULL: it
 * takes vm_call_fn. Counts as is_plain_call does. */
proto *vm_plain_closure(vm *m, const frame *f, const fnptr *fn, rhai_value *args, uint32_t nargs);

/* ---- run.c ---- */

/* Runs until the frame at index `depth` has returned. */
rhai_status vm_run(vm *m, uint32_t depth);

/* ---- call.c ---- */

/* An object whose method is called. */
typedef struct target {
    rhai_value *place; /* where the value is */
    bool is_const;     /* in a constant, however deep */
    cell *cell;        /* the shared cell it is in; NULL: none */
    bool is_ref;       /* part of a variable: changes stay; else a temporary */
    bool is_method;    /* called as a method: a native that changes it refuses a constant */
    rhai_str *name;    /* of the variable at the root, for errors; may be NULL */
} target;

/* How a call went: its result is there, or a frame was pushed that will produce it. */
typedef enum outcome { CALL_FAILED = -1, CALL_DONE, CALL_PUSHED } outcome;

/* What is called, and how. args are consecutive registers; the callee's frame begins there. */
typedef struct invocation {
    enum {
        ENTER_CALL,
        ENTER_MAIN,  /* the statements of a script: nothing of the caller is visible */
        ENTER_INNER, /* code inside the top frame: its registers, names and `this` */
    } how;
    bool in_place;   /* found by name: sees what the caller sees (only while m->remembers) */
    bool by_pointer; /* through a function value: errors name the caller's source if p has none */
    proto *p;
    env *env;         /* NULL: none */
    rhai_value *self; /* `this`; NULL: not bound */
    cell *self_cell;  /* the cell self is in, to be borrowed; NULL: none */
    rhai_value *args;
    uint32_t nargs;
    rhai_value *ret; /* NULL: result not wanted */
    rhai_pos pos;    /* or POS_CALLER */
} invocation;

outcome vm_enter(vm *m, const invocation *call);
bool vm_grow_elements(vm *m);
/* Marks a plain frame as is_element. False: error set. */
static inline bool vm_note_element(vm *m, frame *f, const rhai_value *element) {
    if (m->elements_len == m->elements_cap && !vm_grow_elements(m)) return false;
    m->elements[m->elements_len++] = sizes_of_value(element);
    f->is_plain = false;
    f->is_element = true;
    return true;
}
/* Tells the containers around `this` of a frame that is_element what became of its sizes. */
void vm_note_sizes(const frame *f, const sizes *before, const sizes *now);
/* It returns: f is like any other plain frame again. */
static inline void vm_end_element(vm *m, frame *f) {
    f->is_element = false;
    f->is_plain = true;
    const sizes *before = &m->elements[--m->elements_len];
    sizes now = sizes_of_value(f->this_ref);
    if (now.array != before->array || now.map != before->map || now.string != before->string)
        vm_note_sizes(f, before, &now);
}
void vm_leave(vm *m); /* pops the top frame: clears its registers, names and imports */
/* Registers above those in use, to build arguments in; give them back with vm_scratch_end, which
 * clears them. NULL: error set. */
rhai_value *vm_scratch(vm *m, uint32_t n);
void vm_scratch_end(vm *m, uint32_t n);
/* Whether there is no room on the C stack for another native frame and what it calls. */
bool vm_c_stack_low(const vm *m);
/* From C: enters and runs to the end. */
rhai_status vm_call(vm *m, const invocation *call);
/* `lent`: args[0] is a variable's value, which the native may change. args are left for the
 * caller to clear. */
rhai_status vm_call_native(vm *m, const native_entry *n, rhai_value *args, uint32_t nargs,
                           bool lent, rhai_pos pos, rhai_value *ret);
/* name(args) with all arguments in registers. s: the call's cache, may be NULL. */
outcome vm_call_by_name(vm *m, rhai_str *name, site *s, rhai_value *args, uint32_t nargs,
                        rhai_pos pos, rhai_value *ret);
/* A native by name whose first argument is t->place; args[0] is a free register. The value is
 * lent to natives that may change it, for others it is copied. */
outcome vm_call_place(vm *m, rhai_str *name, site *s, const target *t, rhai_value *args,
                      uint32_t nargs, rhai_pos pos, rhai_value *ret, bool *ret_updated);
/* Finds the object that a site names; place NULL: it is the temporary in args[0]. False: error. */
bool vm_site_object(vm *m, frame *f, site *s, target *t);
/* A call as written: name(args), the first one perhaps a variable (args[0] is free then). */
outcome vm_call_site(vm *m, site *s, rhai_value *args, uint32_t nargs, rhai_pos pos,
                     rhai_value *ret);
/* fn(args), with `self` (NULL: none) as `this`, or as first argument of a native. */
outcome vm_call_fn(vm *m, const rhai_value *fn, const target *self, rhai_value *args,
                   uint32_t nargs, rhai_pos pos, rhai_value *ret);
/* A function pointer to p (or, p NULL, to whatever has the name when it is called). NULL: error
 * set. The curried values are copied. */
fnptr *vm_fnptr(vm *m, rhai_str *name, proto *p, env *e, const rhai_value *curry, uint32_t ncurry);
/* fn with more curried values (copied). False: error set. */
bool vm_curry(vm *m, const rhai_value *fn, rhai_value *args, uint32_t nargs, rhai_value *ret);
/* Runs a pushed frame to its end: for C code that needs the result now. */
rhai_status vm_finish(vm *m, outcome o);
proto *vm_find_function(const libs *l, const rhai_str *name, uint32_t nparams,
                        const rhai_value *self);
rhai_error *vm_function_not_found(vm *m, const rhai_str *name, const rhai_value *args,
                                  uint32_t nargs, rhai_pos pos);
libs *vm_libs_push(vm *m, libs *below, unit *u); /* NULL: out of memory (error set) */
/* What the statements of a main script see: u and the pieces of the session before it. */
libs *vm_unit_libs(vm *m, unit *u);
/* The environment that a function made here takes along; *ret NULL: none needed. Borrowed. */
rhai_status vm_current_env(vm *m, env **ret);
/* The imports in force, and u (may be NULL). NULL: out of memory, no error set. */
env *vm_new_env(vm *m, unit *u);

/* Checks a value against the size limits; pos for the error. */
rhai_status vm_too_large(vm *m, const sizes *s, rhai_pos pos); /* RHAI_ERROR */
static inline rhai_status vm_check_sizes(vm *m, const sizes *s, rhai_pos pos) {
    const sizes *max = &m->engine->max_sizes;
    if (s->string <= max->string && s->array <= max->array && s->map <= max->map) return RHAI_OK;
    return vm_too_large(m, s, pos);
}
static inline rhai_status vm_check_size(vm *m, const rhai_value *v, rhai_pos pos) {
    if (!m->h->track_sizes || v->type < RHAI_STRING) return RHAI_OK;
    if (v->type == RHAI_STRING && as_str(v)->len <= m->engine->max_sizes.string) return RHAI_OK;
    sizes s = sizes_of_value(v);
    return vm_check_sizes(m, &s, pos);
}

/* ---- operate.c ---- */

/* The type's name in errors about what an instruction wanted: ranges have the host language's. */
const char *vm_raw_type_name(const rhai_value *v);

/* a op b in full generality: built-in, then registered. */
rhai_status vm_binary(vm *m, op o, const rhai_value *a, const rhai_value *b, rhai_pos pos,
                      rhai_value *ret);
rhai_status vm_unary(vm *m, op o, const rhai_value *a, rhai_pos pos, rhai_value *ret);
rhai_status vm_assign_op(vm *m, op o, rhai_value *target, rhai_value *value, rhai_pos pos,
                         rhai_pos root_pos);
bool vm_text_of(vm *m, const rhai_value *v, text *t,
                rhai_pos pos); /* as print shows it; false: error */

/* ---- walk.c: chains ---- */

rhai_status vm_index(vm *m, rhai_value *object, const rhai_value *index, rhai_pos idx_pos,
                     rhai_pos op_pos, rhai_value *ret);
rhai_status vm_property(vm *m, rhai_value *object, const path_step *step, site *s, rhai_value *ret);
/* Chains of more steps than this are never walked without the general machinery. */
enum { CHAIN_PLAIN_MAX = 8 };
/* The whole chain; regs: its B. */
rhai_status vm_chain(vm *m, path *p, rhai_value *regs, rhai_value *ret);
/* A store with one step on a variable that is no cell: object[index] = value (or .name = value,
 * index NULL). The value is taken over. */
rhai_status vm_store(vm *m, path *p, rhai_value *object, rhai_value *index, rhai_value *value);

/* ---- method.c: calls through an object ---- */

/* t.name(args): args[0] is a free register, s->nargs arguments follow. Handles call, curry,
 * is_shared, functions held in maps, script methods, natives. *ret_updated (may be NULL): a
 * native may have changed the object. */
outcome vm_method(vm *m, site *s, const target *t, rhai_value *args, rhai_pos pos, rhai_value *ret,
                  bool *ret_updated);
/* Whether calling the method may change the object, told without calling. */
bool vm_method_mutates(vm *m, site *s, rhai_value *object, rhai_value *args);

/* ---- resolve.c ---- */

/* A unit is about to run as a module: begins to remember calls if that can be seen. */
void vm_note_unit(vm *m, unit *u);
void vm_forget(vm *m, memory *what);
/* While m->remembers: the function that a call leads to, or NULL. `found`: what the look-up of a
 * method says. */
proto *vm_recall(vm *m, const rhai_str *name, uint32_t nparams);
proto *vm_recall_method(vm *m, proto *found, const rhai_str *name, uint32_t nparams,
                        const rhai_value *object);

/* ---- names.c ---- */

name *vm_name_find(vm *m, const frame *f, const rhai_str *name);
rhai_status vm_name_define(vm *m, rhai_str *name, rhai_value v, bool is_const);
void vm_names_trim(vm *m, const name *top);
rhai_status vm_get_name(vm *m, frame *f, site *s, rhai_value *ret);
rhai_status vm_set_name(vm *m, frame *f, site *s, rhai_value *v);
rhai_status vm_check_assignable(vm *m, frame *f, site *s); /* a constant is not, nor a function */
/* The place of the variable, for references (a site's slot is the fall-back); it may be a cell's.
 * NULL: there is none (error set). */
rhai_value *vm_name_place(vm *m, frame *f, rhai_str *name, const site *s, rhai_pos pos);
cell *vm_share(vm *m, rhai_value *slot); /* makes the slot a shared cell; NULL: no memory */

/* The place of a variable that a closure captures by name (a site's slot is the fall-back); NULL:
 * there is none (error set). */
rhai_value *vm_capture_place(vm *m, frame *f, const site *s);
bool vm_is_defined(vm *m, const frame *f, const scope_table *scope, const rhai_str *name);
uint32_t vm_names_visible(const vm *m, const frame *f);
/* How high names and imports are, in a register, and back to there. */
void vm_mark(vm *m, rhai_value *slot);
void vm_trim(vm *m, const rhai_value *slot);
/* NULL when `name` can be a function's name, else Rhai's error. */
rhai_error *vm_check_function_name(vm *m, const rhai_str *name, rhai_pos pos);

/* ---- module.c ---- */

struct module {
    opaque head;
    unit *unit;
    rhai_str *path;
    map *vars;       /* exported variables */
    import *imports; /* its sub-modules */
    uint32_t imports_len;
};

rhai_status vm_import(vm *m, const rhai_value *path, const site *s, rhai_pos pos);
void vm_imports_trim(vm *m, uint32_t height);
rhai_status vm_imports_push(vm *m, rhai_str *alias, module *mod);
rhai_status vm_get_path(vm *m, frame *f, const site *s, rhai_value *ret);
outcome vm_call_path(vm *m, site *s, rhai_value *args, uint32_t nargs, rhai_pos pos,
                     rhai_value *ret);
/* slot NULL: the variable is found by name. */
rhai_status vm_export(vm *m, frame *f, const site *s, rhai_value *slot);

/* ---- eval.c ---- */

rhai_status vm_eval(vm *m, const rhai_value *script, const scope_table *scope, rhai_pos pos,
                    rhai_value *ret);
outcome vm_call_scoped(vm *m, site *s, rhai_str *name, const scope_table *scope, rhai_value *args,
                       uint32_t nargs, rhai_pos pos, rhai_value *ret);
/* call!(args[0], ...): the function is looked up by the pointer's name. */
outcome vm_call_pointer_scoped(vm *m, site *s, const scope_table *scope, rhai_value *args,
                               uint32_t nargs, rhai_pos pos, rhai_value *ret);
/* The statements at global level are done (or failed): hands their variables to whoever asked. */
void vm_main_ends(vm *m, frame *f);
/* Parses and compiles with the engine's settings; NULL: *ret_error set. */
unit *vm_compile(rhai_engine *e, const char *text, size_t len, rhai_str *source,
                 const rhai_scope *scope, rhai_error **ret_error);
/* The parser's options for a script that sees `outer`. */
parse_options vm_parse_options(const rhai_engine *e, const outer_var *outer, size_t outer_len);
/* Runs the statements of a unit as main script or module body in a fresh frame. */
rhai_status vm_run_main(vm *m, unit *u, rhai_value *ret);

#endif
