/* opcode.h - the instruction set.
 *
 * An instruction is 8 bytes: op, flags, and either three 16-bit operands A B C or A and a
 * 32-bit immediate in the place of B and C:
 *
 *      0       8      16              32              48              63
 *     +-------+-------+---------------+---------------+---------------+
 *     |  op   | flags |       A       |       B       |       C       |
 *     +-------+-------+---------------+---------------+---------------+
 *     |  op   | flags |       A       |        immediate (D)          |
 *     +-------+-------+---------------+-------------------------------+
 *
 * R[x] is register x of the running function, K[x] its constant, S[x] a call site, jumps count
 * instructions from the one after the jump. Registers above those in use hold no heap value.
 * A register that is a temporary is consumed by the instruction that reads it: flags B_TEMP and
 * C_TEMP say so, and the instruction leaves a value without heap part behind.
 */
#ifndef RHAI_CODE_OPCODE_H
#define RHAI_CODE_OPCODE_H

#include <stdint.h>

typedef struct insn {
    uint8_t op, flags;
    uint16_t a;
    union {
        struct {
            uint16_t b, c;
        };
        int32_t d;
    };
} insn;

enum {
    F_B_TEMP = 1,
    F_C_TEMP = 2,
    F_THIS = 4,     /* the object operand is `this`, not a register */
    F_NEGATED = 8,  /* conditional jumps: jump when the comparison fails; do loops: until */
    F_CHECKED = 16, /* the object operand's register may hold a shared cell */
    F_DISCARD = 32, /* calls: nobody wants the result */
    F_SWAPPED = 64, /* the source has the operands the other way round */
};

/* name, what it does */
#define OPCODES(X)                                                                                 \
    X(UNIT, "R[A] = ()")                                                                           \
    X(BOOL, "R[A] = D != 0")                                                                       \
    X(INT, "R[A] = D")                                                                             \
    X(CONST, "R[A] = K[D]")                                                                        \
    X(MOVE, "R[A] = copy of R[B]")                                                                 \
    X(TAKE, "R[A] = R[B], which becomes ()")                                                       \
    X(FREEZE, "R[A] becomes a constant")                                                           \
    X(GET_CELL, "R[A] = copy of R[B], or of the cell's value when R[B] is shared")                 \
    X(SET_CELL, "R[A] or its cell = R[B]")                                                         \
    X(GET_RAW, "R[A] = copy of R[B], sharing its cell when it has one")                            \
    X(GET_THIS, "R[A] = copy of this")                                                             \
    X(SET_THIS, "this = R[B]")                                                                     \
    X(CLEAR, "R[A] .. R[B-1] = ()")                                                                \
    X(CHECK_CONST, "error if the variable in R[A], named K[D], is a constant")                     \
    X(CHECK_THIS, "error if this is not bound or a constant")                                      \
    X(ADD, "R[A] = R[B] + R[C]")                                                                   \
    X(SUB, "R[A] = R[B] - R[C]")                                                                   \
    X(MUL, "R[A] = R[B] * R[C]")                                                                   \
    X(DIV, "R[A] = R[B] / R[C]")                                                                   \
    X(MOD, "R[A] = R[B] % R[C]")                                                                   \
    X(BINARY, "R[A] = R[B] op R[C]; the next instruction's A is the operator")                     \
    X(ADD_INT, "R[A] = R[B] + C, C signed")                                                        \
    X(SUB_INT, "R[A] = R[B] - C, C signed")                                                        \
    X(MUL_INT, "R[A] = R[B] * C, C signed")                                                        \
    X(LESS, "R[A] = R[B] < R[C]")                                                                  \
    X(LESS_EQUAL, "R[A] = R[B] <= R[C]")                                                           \
    X(EQUAL, "R[A] = R[B] == R[C]")                                                                \
    X(ASSIGN_OP, "R[A] op= R[B]; C is the operator; F_THIS: this op= R[B]")                        \
    X(ASSIGN_ADD, "R[A] += R[B]")                                                                  \
    X(ASSIGN_ADD_INT, "R[A] += B, B signed")                                                       \
    X(NOT, "R[A] = !R[B]")                                                                         \
    X(NEGATE, "R[A] = -R[B]")                                                                      \
    X(PLUS, "R[A] = +R[B]")                                                                        \
    X(JUMP, "pc += D")                                                                             \
    X(LOOP, "pc += D, backwards; looks at the poll flag")                                          \
    X(JUMP_IF, "if R[A] == (not F_NEGATED): pc += D; error if R[A] is not a bool")                 \
    X(JUMP_LESS, "if R[A] < R[B] (F_NEGATED: if not): pc += the next instruction's D")             \
    X(JUMP_LESS_EQUAL, "if R[A] <= R[B] (F_NEGATED: if not): pc += the next instruction's D")      \
    X(JUMP_EQUAL, "if R[A] == R[B] (F_NEGATED: if not): pc += the next instruction's D")           \
    X(JUMP_LESS_INT, "likewise, if R[A] < B, B signed")                                            \
    X(JUMP_LESS_EQUAL_INT, "likewise, if R[A] <= B, B signed")                                     \
    X(JUMP_GREATER_INT, "likewise, if R[A] > B, B signed")                                         \
    X(JUMP_GREATER_EQUAL_INT, "likewise, if R[A] >= B, B signed")                                  \
    X(JUMP_EQUAL_INT, "likewise, if R[A] == B, B signed")                                          \
    X(JUMP_UNIT, "if R[A] is (): pc += D; F_NEGATED: if it is not")                                \
    X(SWITCH, "jump by R[A] through switch table D, candidates from the next instruction's D on")  \
    X(INDEX, "R[A] = R[B][R[C]]; chain step at the next instruction's D")                          \
    X(PROPERTY, "R[A] = R[B].name; step C")                                                        \
    X(SET_INDEX, "R[A][R[B]] = R[C]; step in the next instruction's D")                            \
    X(SET_PROPERTY, "R[A].name = R[B]; step C")                                                    \
    X(CHAIN, "R[A] = chain C, its indices and arguments from R[B] on")                             \
    X(ARRAY, "R[A] = [R[B] .. C values]")                                                          \
    X(MAP, "R[A] = map of shape C, values from R[B] on")                                           \
    X(INTERPOLATE, "R[A] = text of the C values from R[B] on")                                     \
    X(FOR, "start iterating R[A] (state R[A] .. R[A+2]); pc += D")                                 \
    X(FOR_NEXT, "R[A+3] = next element and pc += D (backwards); at the end go on; polls")          \
    X(FOR_RANGE,                                                                                   \
      "range from R[A] to R[A+1] into R[A+3], or pc += D if empty; F_NEGATED: inclusive")          \
    X(FOR_RANGE_NEXT, "R[A+3] = next integer and pc += D (backwards); at the end go on; polls")    \
    X(CALL, "R[A] = function C of this unit (R[A] .. B arguments)")                                \
    X(CALL_NAME, "R[A] = call by name, site C, arguments R[A] .. B of them")                       \
    X(CALL_METHOD, "R[A] = method call, site C, object site's slot or R[A], arguments R[A+1] ..")  \
    X(CALL_PATH, "R[A] = call of a name in a module, site C")                                      \
    X(CALL_POINTER, "R[A] = call(R[A], R[A+1] ..), B values")                                      \
    X(CALL_SCOPED, "R[A] = name!(R[A] ..), site C, scope in the next instruction's D; F_B_TEMP: "  \
                   "call!(R[A], R[A+1] ..)")                                                       \
    X(NEW_FN, "R[A] = Fn(R[B])")                                                                   \
    X(CURRY, "R[A] = curry(R[A], R[A+1] ..), B values")                                            \
    X(CLOSURE, "R[A] = closure C of this unit, sharing the registers it captures")                 \
    X(IS_SHARED, "R[A] = whether R[B] is shared")                                                  \
    X(TYPE_OF, "R[A] = type name of R[B]")                                                         \
    X(IS_DEF_VAR, "R[A] = whether the variable named R[B] exists in scope table C")                \
    X(EVAL, "R[A] = eval(R[B]) in scope table C")                                                  \
    X(RETURN, "return R[A]")                                                                       \
    X(RETURN_UNIT, "return ()")                                                                    \
    X(THROW, "throw R[A]")                                                                         \
    X(CATCH, "R[A] = the caught error, R[A+1] = its value for the script when B")                  \
    X(GET_NAME, "R[A] = variable found by name, site C")                                           \
    X(SET_NAME, "variable found by name, site C, = R[B]")                                          \
    X(DEFINE_NAME, "new variable, site C, = R[B]; A != 0: constant")                               \
    X(GET_PATH, "R[A] = variable of a module, site C")                                             \
    X(SET_CONSTANT, "global constant K[D] = R[A], for functions' global::")                        \
    X(MARK, "R[A] = depth of the names and imports stacks")                                        \
    X(TRIM, "drop names and imports above mark R[A]")                                              \
    X(IMPORT, "import module R[B], site C names the alias")                                        \
    X(EXPORT, "export R[B] (or the variable by name), site C names it")                            \
    X(TRACK,                                                                                       \
      "count an operation (only under max_operations); F_CHECKED: if R[B] (F_THIS) is a map")      \
    X(COUNT_VARIABLES, "error when D variables are over max_variables")                            \
    X(EXTRA, "more operands of the instruction before")

typedef enum opcode {
#define X(name, text) OPC_##name,
    OPCODES(X)
#undef X
        OPC_COUNT
} opcode;

#endif
