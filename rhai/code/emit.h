/* emit.h - the state of one function being compiled, and how code is put into it.
 *
 * Private to code/. Registers are a stack: parameters, then the locals and temporaries of the
 * blocks that are open. After a failure (out of memory, or a table over its 16-bit operand)
 * the state remembers it and the compiler runs on harmlessly to the end.
 */
#ifndef RHAI_CODE_EMIT_H
#define RHAI_CODE_EMIT_H

#include "code/compile.h"
#include "code/scan.h"

#define REG_NONE (-1)

typedef struct local {
    rhai_str *name;
    uint16_t reg;
    bool is_const;
    bool is_exported;
    bool is_checked; /* a closure or eval may have made the register a shared cell */
} local;

typedef struct loop_state {
    struct loop_state *outer;
    int dst;             /* register for the value of `break`, REG_NONE: dropped */
    uint32_t body_depth; /* block depth of the body: its registers are cleared after the loop */
    int mark;            /* register of the MARK taken at the loop's start, REG_NONE: none */
    uint32_t operations_before; /* estimated up to where a round begins */
    struct jump_list *breaks, *continues;
} loop_state;

typedef struct fn_state {
    unit *u;
    heap *h;
    const compile_options *options;
    proto *p;
    uint32_t code_cap, consts_cap, positions_cap, handlers_cap, sites_cap, paths_cap, switches_cap,
        scopes_cap, closures_cap, shapes_cap, globals_cap;
    local *locals;
    uint32_t locals_len, locals_cap;
    uint32_t block_locals; /* where those of the innermost block begin */
    uint32_t variables;    /* locals as max_variables counts them: a new one of the same name in a
                            * block takes the place of the old one */
    uint32_t free_reg;     /* next free register */
    rhai_str **imports;    /* aliases of this function's imports, oldest first; NULL: without one */
    uint32_t imports_len, imports_cap;
    loop_state *loop;
    const scope_table *outer; /* inner code: the variables of the frame it runs in */
    bool is_inner_top;        /* eval text: `let` at this level defines names */
    bool is_global;           /* top level of a script: its variables are the host's, too */
    uint32_t block_depth;
    bool is_dynamic;        /* an eval before this point may have defined names */
    uint32_t dynamic_floor; /* locals from here on are newer than that eval */
    bool all_checked;       /* eval or f!() somewhere: it may share any variable */
    bool needs_marks;       /* eval, f!() or import somewhere */
    rhai_str **captured;    /* names that closures in this function capture */
    uint32_t captured_len, captured_cap;
    uint32_t uncounted;  /* > 0: what is compiled was counted as a whole */
    bool skips_count;    /* the next expression was counted as a statement */
    uint32_t operations; /* the estimate of how many it takes to get here, see program.h */
    bool failed, too_large;
} fn_state;

/* Grows a table for one more element; false after a failure. */
bool table_grow(fn_state *fs, void **table, uint32_t len, uint32_t *cap, size_t size);
#define TABLE_PUSH(fs, table, len, cap, item)                                                      \
    (table_grow(fs, (void **)&(table), (len), &(cap), sizeof *(table))                             \
         ? ((table)[(len)++] = (item), true)                                                       \
         : false)

uint32_t emit(fn_state *fs, opcode op, unsigned flags, unsigned a, unsigned b, unsigned c);
uint32_t emit_d(fn_state *fs, opcode op, unsigned flags, unsigned a, int32_t d);
void emit_word(fn_state *fs, uint64_t word); /* one that is no instruction */
void emit_pos(fn_state *fs, rhai_pos pos);   /* of the last instruction */
uint32_t emit_here(const fn_state *fs);
/* Jump to be aimed later, and aiming one at the next instruction. */
uint32_t emit_jump(fn_state *fs, opcode op, unsigned flags, unsigned a);
void patch_here(fn_state *fs, uint32_t jump);
void emit_loop(fn_state *fs, uint32_t target, rhai_pos pos);
/* Counts an operation: exactly, by an instruction, under max_operations (pos: of the error when it
 * is one too many), else in the estimate. */
void emit_count(fn_state *fs, rhai_pos pos);
/* Operations that the machine counts by itself under max_operations: n more in the estimate. */
void estimate(fn_state *fs, uint32_t n);
uint16_t count_operand(uint32_t operations); /* UINT16_MAX for all above */
/* The estimate of the innermost loop's round so far, for the instruction that begins another. */
uint16_t round_operations(const fn_state *fs);

uint32_t add_const(fn_state *fs, const rhai_value *v); /* copies */
uint32_t add_name_const(fn_state *fs, rhai_str *name);
uint32_t add_site(fn_state *fs, rhai_str *name, rhai_pos pos);

uint16_t reg_new(fn_state *fs);
void reg_reserve(fn_state *fs, uint32_t n); /* make sure n registers from free_reg on exist */
static inline void reg_free_to(fn_state *fs, uint32_t mark) {
    fs->free_reg = mark;
}

/* Declares a variable living in `reg`, visible from now on. */
local *local_add(fn_state *fs, rhai_str *name, uint16_t reg, bool is_const);

/* Where a name leads. */
typedef struct resolved {
    enum { NAME_LOCAL, NAME_DYNAMIC } kind;
    uint16_t reg; /* NAME_LOCAL; NAME_DYNAMIC with has_fallback: the slot behind the names */
    bool is_const, is_checked, has_fallback;
} resolved;
resolved resolve(const fn_state *fs, const rhai_str *name);

/* Fills in the path before a site's name. */
void site_path(fn_state *fs, site *s, name_path path);

/* Jumps to one place not known yet. */
typedef struct jump_list {
    uint32_t *at;
    uint32_t len, cap;
} jump_list;
void jump_add(fn_state *fs, jump_list *list, uint32_t jump);
void jumps_here(fn_state *fs, jump_list *list); /* aims them all here and empties the list */
void jumps_to(fn_state *fs, jump_list *list, uint32_t target);

/* A value ready to be an operand. */
typedef struct operand {
    uint16_t reg;
    bool is_temp;
} operand;

void expr_to(fn_state *fs, const expr *e, uint16_t dst);
operand expr_any(fn_state *fs, const expr *e);
/* Two operands evaluated in this order; the first is copied if the second may change it. */
void operands_in_order(fn_state *fs, const expr *left, const expr *right, operand *l, operand *r);
/* Into a fresh register at the top, whatever it is. */
uint16_t expr_push(fn_state *fs, const expr *e);
void expr_discard(fn_state *fs, const expr *e);
/* An argument or operand: a literal counts as one operation, whatever it is made of. */
operand arg_any(fn_state *fs, const expr *e);
uint16_t arg_push(fn_state *fs, const expr *e);
void arg_to(fn_state *fs, const expr *e, uint16_t dst);
/* Whether Rhai takes e for a literal although it has parts. */
bool is_composite_literal(const expr *e);
/* Without counting any operation. */
void expr_to_uncounted(fn_state *fs, const expr *e, uint16_t dst);
/* As expr_to, for a dst that the expression itself may read. */
void expr_to_safely(fn_state *fs, const expr *e, uint16_t dst);
/* Jumps (to be patched) when e is not `wanted`; falls through when it is. */
void expr_branch(fn_state *fs, const expr *e, bool wanted, jump_list *jumps);
/* The end of a loop: back to `target` when e is `wanted`, else falls through. */
void expr_branch_back(fn_state *fs, const expr *e, bool wanted, uint32_t target, rhai_pos pos);

void call_to(fn_state *fs, const expr *e, int dst);
void chain_to(fn_state *fs, const expr *e, int dst);
void chain_assign(fn_state *fs, const stmt *s);
void closure_to(fn_state *fs, const expr *e, uint16_t dst);
uint32_t add_scope_table(fn_state *fs);

/* Statements; dst REG_NONE drops the value. */
void stmt_to(fn_state *fs, const stmt *s, int dst);
void block_to(fn_state *fs, const block *b, int dst);

proto *compile_closure(unit *u, fn_def *fn, const compile_options *o, bool *failed,
                       bool *too_large);
#endif
