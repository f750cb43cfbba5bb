/* program.h - compiled code: functions, units, and the tables instructions point into.
 *
 * A unit is one compiled script, module or eval text. It owns its syntax tree (functions that
 * are called with `!` are compiled again for each caller's scope), its functions and constants.
 * Units are counted objects: function pointers keep the unit they came from alive.
 */
#ifndef RHAI_CODE_PROGRAM_H
#define RHAI_CODE_PROGRAM_H

#include "code/opcode.h"
#include "syntax/ast.h"

typedef struct compile_options {
    bool count_operations; /* emit COUNT: max_operations is set */
    bool is_optimized;     /* which changes the number of operations */
    bool count_variables;  /* max_variables is set */
} compile_options;

typedef struct unit unit;
typedef struct proto proto;

/* The position that instruction `pc` reports; sorted by pc. */
typedef struct code_pos {
    uint32_t pc;
    rhai_pos pos;
} code_pos;

/* An error raised at start <= pc < end goes to `target`; inner ranges come first. In the range
 * of a catch block (target 0) `throw;` raises again the error kept in register `caught`. */
typedef struct handler {
    uint32_t start, end, target;
    uint16_t caught;
} handler;

/* A place that calls or looks something up by name, with what it found last time. */
typedef struct site {
    rhai_str *name;
    name_path path; /* a::b:: before the name; borrowed from the tree */
    /* Which import the path begins at: so many below the top; 0: the last one of that name. */
    uint32_t import_back;
    rhai_pos pos; /* the name */
    rhai_pos
        arg_pos;    /* start of the first argument, or of the module path; methods: its position */
    uint32_t nargs; /* written in the source, without the object of a method */
    /* First argument or object that is a plain variable, handed over by reference. */
    enum { OBJECT_TEMP, OBJECT_SLOT, OBJECT_THIS, OBJECT_NAME } object;
    uint16_t slot;
    bool checked;          /* the slot may hold a shared cell */
    rhai_str *object_name; /* OBJECT_NAME, and for error texts */
    rhai_pos object_pos;
    /* Cache: the native function for these argument types while the libraries are `libs`. */
    const struct native_entry *native;
    uint32_t libs; /* number of the chain; 0: nothing cached */
    uint64_t arg_types;
    uint32_t epoch; /* of the engine's function table */
    /* Cache: the script method for objects of `method_type` while the libraries are `libs`. */
    proto *method;
    uint8_t method_type; /* rhai_type + 1; 0: nothing cached */
    /* Cache: a::name(), while the imports have this version, too; the libraries it then sees. */
    uint64_t imports_version;
    struct libs *callee_libs;
    proto *scoped; /* name!(...): the function compiled for this place */
    /* Property cache: where the key was last found in a small map. */
    uint32_t hint;
} site;

typedef struct path_step {
    step_kind kind;
    bool is_optional;
    rhai_pos op_pos; /* of the step */
    rhai_pos pos;    /* of the index expression or the name */
    uint16_t arg;    /* first register after the chain's B: index or arguments */
    uint16_t nargs;
    uint32_t site; /* name of the property or method */
} path_step;

typedef struct path {
    enum { ROOT_TEMP, ROOT_SLOT, ROOT_THIS, ROOT_NAME } root;
    uint16_t slot; /* ROOT_SLOT: register; ROOT_TEMP: offset from B */
    bool checked;  /* ROOT_SLOT: may hold a shared cell */
    uint32_t site; /* ROOT_NAME */
    rhai_str *root_name;
    rhai_pos root_pos;
    path_step *steps;
    uint32_t len;
    enum { PATH_GET, PATH_SET, PATH_ASSIGN_OP } mode;
    op assign_op;
    uint16_t nregs;   /* registers from B on that the walk consumes; the first one is the value
                       * to store, unless it only reads */
    rhai_pos set_pos; /* the = or += */
} path;

typedef struct switch_table {
    /* Exact labels, hashed; chains keep source order. */
    struct switch_entry {
        rhai_value value;
        uint64_t hash;
        int32_t next;   /* next entry of the same bucket, -1: none */
        int32_t target; /* instruction number */
    } * entries;
    uint32_t len;
    int32_t *buckets; /* -1: empty */
    uint32_t mask;
    switch_label *ranges; /* value and target in `arm` */
    uint32_t ranges_len;
    int32_t default_target;
} switch_table;

/* A variable that code compiled later (eval, f!) can see. */
typedef struct scope_var {
    rhai_str *name;
    uint16_t reg;
    bool is_const;
} scope_var;

typedef struct scope_table {
    scope_var *vars; /* oldest first */
    uint32_t len;
    uint16_t first_free; /* registers from here on are the inner code's */
    uint32_t count;      /* variables as max_variables counts them */
    bool has_dynamic;    /* names may also be on the stack of names */
} scope_table;

typedef struct capture {
    uint16_t reg;
    bool is_value; /* a constant, taken out of reg; nothing is shared */
    bool by_name;  /* on the stack of names; site */
    uint32_t site;
    rhai_str *name;
    rhai_pos pos;
} capture;

typedef struct closure_info {
    proto *fn;
    capture *captures;
    uint32_t len;
} closure_info;

typedef struct map_shape {
    rhai_str **keys;
    uint32_t len;
    rhai_pos *positions; /* of the values */
} map_shape;

/* A variable at global level, for the host's scope after a run. */
typedef struct global_var {
    rhai_str *name;
    uint16_t reg;
    bool is_const;
    uint32_t from_pc; /* defined once this was reached */
} global_var;

struct proto {
    opaque head;
    unit *unit;      /* borrowed: the unit owns its functions */
    uint32_t number; /* among the unit's protos */
    rhai_str *name;
    rhai_str *this_type; /* NULL: any */
    fn_def *def;         /* NULL: top level */
    uint32_t nparams, nregs;
    /* The estimate of its operations from its start to its end, without those of loops that count
     * them when a round begins; 0 under count_operations. */
    uint32_t operations;
    uint32_t first_reg; /* code inside another frame: registers from here on are its own */
    bool is_private, is_closure;
    insn *code; /* NULL: not compiled yet, or empty */
    uint32_t len;
    rhai_value *consts;
    uint32_t consts_len;
    code_pos *positions;
    uint32_t positions_len;
    handler *handlers;
    uint32_t handlers_len;
    site *sites;
    uint32_t sites_len;
    path *paths;
    uint32_t paths_len;
    switch_table *switches;
    uint32_t switches_len;
    scope_table *scopes;
    uint32_t scopes_len;
    closure_info *closures;
    uint32_t closures_len;
    map_shape *shapes;
    uint32_t shapes_len;
    global_var *globals;
    uint32_t globals_len;
};

/* A function found by name and number of parameters. */
typedef struct fn_slot {
    rhai_str *name;
    rhai_str *this_type;
    uint32_t nparams;
    proto *fn;
} fn_slot;

struct unit {
    opaque head;
    heap *h;
    ast *tree;
    compile_options options;
    rhai_str *source;    /* as written in the import; NULL: the main script */
    rhai_str *canonical; /* the resolver's name for it */
    proto *main;
    fn_slot *functions; /* in source order */
    uint32_t functions_len, functions_cap;
    uint32_t *function_index; /* open-addressed hash of name and arity: number + 1 */
    uint32_t function_mask;
    proto **protos; /* all, closures and lazily compiled ones included; owned */
    uint32_t protos_len, protos_cap;
    map *constants; /* for global::, NULL until there is one */
    opaque *env;    /* a module's imports, for its functions (vm/); NULL: none */
    bool is_inner;  /* eval text, or an earlier piece of a session: its functions see the caller's
                     * libraries, not its own */
    unit **earlier; /* pieces of the session before this one, oldest first; references held */
    uint32_t earlier_len;
};

/* The hash of a switch label or value; containers of one type share theirs. */
static inline uint64_t label_hash(const heap *h, const rhai_value *v) {
    return v->type == RHAI_ARRAY || v->type == RHAI_MAP || v->type == RHAI_BLOB ? v->type
                                                                                : value_hash(h, v);
}

/* Functions with this name and number of parameters; this_type NULL: untyped ones only. */
proto *unit_find(const unit *u, const rhai_str *name, uint32_t nparams, const char *this_type);
/* Whether calling the function (not: statements at top level) does nothing at all. Parses its body
 * if need be; without memory for that it is not empty. */
bool proto_is_empty(proto *p);
rhai_pos proto_pos(const proto *p, uint32_t pc); /* POS_NONE when it has none */
static inline uint32_t insn_pc(const proto *p, const insn *at) {
    return (uint32_t)(at - p->code);
}

#endif
