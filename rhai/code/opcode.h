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
 * R[x] is register x of the running function, K[x] its constant, S[x] a call site. A jump's
 * distance counts instructions from the one after the word that holds it; in finished code it is
 * in bytes from the instruction itself, an address after one addition. An operand that names a
 * register holds twice its number in finished code (see REG_SCALE). Registers above those in use
 * hold no heap value. A register that is a temporary is consumed by the instruction that reads it:
 * flags B_TEMP and C_TEMP say so, and the instruction leaves a value without heap part behind.
 */
#ifndef RHAI_CODE_OPCODE_H
#define RHAI_CODE_OPCODE_H

#include <stdbool.h>
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
    F_NEGATED = 8,  /* jumps: jump when it is not so; do loops: until; != for == */
    F_CHECKED = 16, /* the object operand's register may hold a shared cell */
    F_DISCARD = 32, /* calls: nobody wants the result */
    F_SWAPPED = 64, /* the source has the operands the other way round */
};

/* A register is 16 bytes, and x86 scales an index by 8 at most: with registers counted in halves
 * an operand is a ready index. The compiler works with plain numbers; finish_code scales. */
enum { REG_SCALE = 2, MAX_REGS = 65536 / REG_SCALE - 8 };

/* name, operands, what it does.
 *
 * Operands, in order A B C (or A D) and the word that may follow:
 *   .  none     r  register     e  register where a run begins or ends
 *   n  number                  i  signed number      s  site        p  chain       f  function
 *   g  scope table             h  shape              c  closure     o  operator
 *   K  D: constant             J  D: jump            N  D: number   W  D: switch table
 * The words after:
 *   j  D: jump, A: the source's operator             q  D: chain    w  D: number
 *   y  D: shape                x  D: scope table     u  A: operator
 *   m  64 bits: floor(2^64 / C) + 1                  t  64 bits: the property's name, a string
 *   v  D: chain, A: the operator
 */
#define OPCODES(X)                                                                                 \
    X(UNIT, "r", "R[A] = ()")                                                                      \
    X(BOOL, "rN", "R[A] = D != 0")                                                                 \
    X(INT, "rN", "R[A] = D")                                                                       \
    X(CONST, "rK", "R[A] = K[D]")                                                                  \
    X(MOVE, "rr", "R[A] = copy of R[B]")                                                           \
    X(TAKE, "rr", "R[A] = R[B], which becomes ()")                                                 \
    X(FREEZE, "r", "R[A] becomes a constant")                                                      \
    X(GET_CELL, "rr", "R[A] = copy of R[B], or of the cell's value when R[B] is shared")           \
    X(SET_CELL, "rr", "R[A] or its cell = R[B]")                                                   \
    X(GET_RAW, "rr", "R[A] = copy of R[B], sharing its cell when it has one")                      \
    X(GET_THIS, "r", "R[A] = copy of this")                                                        \
    X(SET_THIS, ".r", "this = R[B]")                                                               \
    X(CLEAR, "re", "R[A] .. R[B-1] = ()")                                                          \
    X(CHECK_CONST, "rK", "error if the variable in R[A], named K[D], is a constant")               \
    X(BOUND_THIS, "", "error if this is not bound")                                                \
    X(CHECK_THIS, "", "error if this is a constant")                                               \
    X(ADD, "rrr", "R[A] = R[B] + R[C]")                                                            \
    X(SUB, "rrr", "R[A] = R[B] - R[C]")                                                            \
    X(MUL, "rrr", "R[A] = R[B] * R[C]")                                                            \
    X(DIV, "rrr", "R[A] = R[B] / R[C]")                                                            \
    X(MOD, "rrr", "R[A] = R[B] % R[C]")                                                            \
    X(BAND, "rrr", "R[A] = R[B] & R[C]")                                                           \
    X(BOR, "rrr", "R[A] = R[B] | R[C]")                                                            \
    X(XOR, "rrr", "R[A] = R[B] ^ R[C]")                                                            \
    X(SHL, "rrr", "R[A] = R[B] << R[C]")                                                           \
    X(SHR, "rrr", "R[A] = R[B] >> R[C]")                                                           \
    X(BINARY, "rrru", "R[A] = R[B] op R[C]")                                                       \
    X(ADD_INT, "rri", "R[A] = R[B] + C")                                                           \
    X(SUB_INT, "rri", "R[A] = R[B] - C")                                                           \
    X(MUL_INT, "rri", "R[A] = R[B] * C")                                                           \
    X(DIV_INT, "rrim", "R[A] = R[B] / C, C > 1")                                                   \
    X(MOD_INT, "rrim", "R[A] = R[B] % C, C > 1")                                                   \
    X(BAND_INT, "rri", "R[A] = R[B] & C")                                                          \
    X(SHL_INT, "rri", "R[A] = R[B] << C, C from 0 to 63")                                          \
    X(SHR_INT, "rri", "R[A] = R[B] >> C, C from 0 to 63")                                          \
    X(LESS, "rrr", "R[A] = R[B] < R[C]")                                                           \
    X(LESS_EQUAL, "rrr", "R[A] = R[B] <= R[C]")                                                    \
    X(EQUAL, "rrr", "R[A] = R[B] == R[C]")                                                         \
    X(NOT_EQUAL, "rrr", "R[A] = R[B] != R[C]")                                                     \
    X(ASSIGN_OP, "rro", "R[A] op= R[B]; C is the operator; F_THIS: this op= R[B]")                 \
    X(ASSIGN_ADD, "rr", "R[A] += R[B]")                                                            \
    X(ASSIGN_SUB, "rr", "R[A] -= R[B]")                                                            \
    X(ASSIGN_MUL, "rr", "R[A] *= R[B]")                                                            \
    X(ASSIGN_ADD_INT, "ri", "R[A] += B")                                                           \
    X(ASSIGN_SUB_INT, "ri", "R[A] -= B")                                                           \
    X(NOT, "rr", "R[A] = !R[B]")                                                                   \
    X(NEGATE, "rr", "R[A] = -R[B]")                                                                \
    X(PLUS, "rr", "R[A] = +R[B]")                                                                  \
    X(JUMP, ".J", "pc += D")                                                                       \
    X(LOOP, "nJ", "pc += D, backwards; counts A operations, looks at the poll flag")               \
    X(JUMP_IF, "rJ", "if R[A] == (not F_NEGATED): pc += D; error if R[A] is not a bool")           \
    X(LOOP_IF, "rJw", "JUMP_IF backwards; counts and polls, as all LOOPs do")                      \
    X(JUMP_LESS, "rr.j",                                                                           \
      "if R[A] < R[B]: jump; all comparing jumps: as the source's operator, "                      \
      "negated by F_NEGATED, decides when these are no plain numbers")                             \
    X(JUMP_LESS_EQUAL, "rr.j", "if R[A] <= R[B]: jump")                                            \
    X(JUMP_EQUAL, "rr.j", "if R[A] == R[B]: jump")                                                 \
    X(JUMP_NOT_EQUAL, "rr.j", "if R[A] != R[B]: jump")                                             \
    X(JUMP_LESS_INT, "ri.j", "if R[A] < B: jump")                                                  \
    X(JUMP_LESS_EQUAL_INT, "ri.j", "if R[A] <= B: jump")                                           \
    X(JUMP_GREATER_INT, "ri.j", "if R[A] > B: jump")                                               \
    X(JUMP_GREATER_EQUAL_INT, "ri.j", "if R[A] >= B: jump")                                        \
    X(JUMP_EQUAL_INT, "ri.j", "if R[A] == B: jump")                                                \
    X(JUMP_NOT_EQUAL_INT, "ri.j", "if R[A] != B: jump")                                            \
    X(LOOP_LESS, "rrnj", "JUMP_LESS backwards; if it jumps, counts C operations and polls")        \
    X(LOOP_LESS_EQUAL, "rrnj", "JUMP_LESS_EQUAL backwards")                                        \
    X(LOOP_EQUAL, "rrnj", "JUMP_EQUAL backwards")                                                  \
    X(LOOP_NOT_EQUAL, "rrnj", "JUMP_NOT_EQUAL backwards")                                          \
    X(LOOP_LESS_INT, "rinj", "JUMP_LESS_INT backwards")                                            \
    X(LOOP_LESS_EQUAL_INT, "rinj", "JUMP_LESS_EQUAL_INT backwards")                                \
    X(LOOP_GREATER_INT, "rinj", "JUMP_GREATER_INT backwards")                                      \
    X(LOOP_GREATER_EQUAL_INT, "rinj", "JUMP_GREATER_EQUAL_INT backwards")                          \
    X(LOOP_EQUAL_INT, "rinj", "JUMP_EQUAL_INT backwards")                                          \
    X(LOOP_NOT_EQUAL_INT, "rinj", "JUMP_NOT_EQUAL_INT backwards")                                  \
    X(JUMP_UNIT, "rJ", "if R[A] is (): pc += D; F_NEGATED: if it is not")                          \
    X(SWITCH, "rWw", "jump by R[A] through switch table D, candidates from the next word's D on")  \
    X(FETCH, "r.n",                                                                                \
      "R[A] = what the C INDEX and PROPERTY steps that follow give, if all their "                 \
      "containers are plain arrays and maps; else these run one by one")                           \
    X(INDEX, "rrrq", "R[A] = R[B][R[C]]")                                                          \
    X(PROPERTY, "rrntq", "R[A] = R[B].name; C: which entry of the map it was last time")           \
    X(SET_INDEX, "rrrq", "R[A][R[B]] = R[C]")                                                      \
    X(SET_PROPERTY, "rrntq", "R[A].name = R[B]; C as for PROPERTY")                                \
    X(ASSIGN_INDEX, "rrrv", "R[A][R[B]] op= R[C]")                                                 \
    X(ASSIGN_PROPERTY, "rrntv", "R[A].name op= R[B]; C as for PROPERTY")                           \
    X(CHAIN, "rep", "R[A] = chain C, its indices and arguments from R[B] on")                      \
    X(ARRAY, "reny", "R[A] = [R[B] .. C values]")                                                  \
    X(MAP, "reh", "R[A] = map of shape C, values from R[B] on")                                    \
    X(INTERPOLATE, "reny", "R[A] = text of the C values from R[B] on")                             \
    X(FOR, "rJ", "start iterating R[A] (state R[A] .. R[A+2]); pc += D")                           \
    X(FOR_NEXT, "rJw",                                                                             \
      "R[A+3] = next element and pc += D (backwards); at the end go on; polls; "                   \
      "the next word: operations of a round, as for all FORs")                                     \
    X(FOR_RANGE, "rJw",                                                                            \
      "range from R[A] to R[A+1] into R[A+3], or pc += D if empty; F_NEGATED: inclusive")          \
    X(FOR_RANGE_NEXT, "rJw",                                                                       \
      "R[A+3] = next integer and pc += D (backwards); at the end go on; "                          \
      "polls; F_CHECKED: R[A+3] may be a cell, F_C_TEMP: R[A+4] counts")                           \
    X(FOR_INT_NEXT, "rJw", "FOR_RANGE_NEXT without flags")                                         \
    X(CALL, "rnf", "R[A] = function C of this unit (R[A] .. B arguments)")                         \
    X(CALL_NAME, "rns", "R[A] = call by name, site C, arguments R[A] .. B of them")                \
    X(CALL_METHOD, "rns",                                                                          \
      "R[A] = method call, site C, object site's slot or R[A], arguments R[A+1] ..")               \
    X(CALL_PATH, "rns", "R[A] = call of a name in a module, site C")                               \
    X(CALL_POINTER, "rns", "R[A] = call(R[A], R[A+1] ..), B values")                               \
    X(CHECK_FN, "r", "error if R[A] is no function pointer")                                       \
    X(CALL_SCOPED, "rnsx", "R[A] = name!(R[A] ..), site C; F_B_TEMP: call!(R[A], R[A+1] ..)")      \
    X(NEW_FN, "rr", "R[A] = Fn(R[B])")                                                             \
    X(CURRY, "rn", "R[A] = curry(R[A], R[A+1] ..), B values")                                      \
    X(CLOSURE, "r.c", "R[A] = closure C of this unit, sharing the registers it captures")          \
    X(IS_SHARED, "rr", "R[A] = whether R[B] is shared")                                            \
    X(TYPE_OF, "rr", "R[A] = type name of R[B]")                                                   \
    X(IS_DEF_VAR, "rrg", "R[A] = whether the variable named R[B] exists in scope table C")         \
    X(EVAL, "rrg", "R[A] = eval(R[B]) in scope table C")                                           \
    X(RETURN, "rN", "return R[A]; counts D operations")                                            \
    X(RETURN_UNIT, ".N", "return (); counts D operations")                                         \
    X(THROW, "r", "throw R[A]")                                                                    \
    X(CATCH, "rnn",                                                                                \
      "R[A] = the caught error, R[A+1] = its value for the script when B; counts C operations")    \
    X(GET_NAME, "r.s", "R[A] = variable found by name, site C")                                    \
    X(SET_NAME, ".rs", "variable found by name, site C, = R[B]")                                   \
    X(DEFINE_NAME, "nrs", "new variable, site C, = R[B]; A != 0: constant")                        \
    X(GET_PATH, "r.s", "R[A] = variable of a module, site C")                                      \
    X(SET_CONSTANT, "rK", "global constant K[D] = R[A], for functions' global::")                  \
    X(MARK, "r", "R[A] = depth of the names and imports stacks")                                   \
    X(TRIM, "r", "drop names and imports above mark R[A]")                                         \
    X(IMPORT, ".rs", "import module R[B], site C names the alias")                                 \
    X(EXPORT, "nrs", "export R[B] (or, A == 0, the variable by name), site C names it")            \
    X(TRACK, ".N", "count an operation (only under max_operations), the first of D in a row")      \
    X(TRACK_STEP, ".r", "count an operation if R[B] (F_THIS) is a map")                            \
    X(COUNT_VARIABLES, ".N", "error when D variables are over max_variables")                      \
    X(EXTRA, "", "more operands of the instruction before")

/* The 64 bits of a word that is no instruction. */
static inline uint64_t insn_word(const insn *at) {
    uint64_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

typedef enum opcode {
#define X(name, operands, text) OPC_##name,
    OPCODES(X)
#undef X
        OPC_COUNT
} opcode;

typedef struct opcode_info {
    const char *name, *operands, *text;
} opcode_info;
extern const opcode_info opcodes[OPC_COUNT];

/* The letters above, one by one; 0: none. With d there are no b and c. */
typedef struct operand_kinds {
    char a, b, c, d;
    const char *words; /* one letter for each word that follows */
} operand_kinds;
operand_kinds opcode_operands(opcode op);

/* The number of the instruction that the jump at pc leads to, in finished code. */
static inline int64_t jump_target(uint32_t pc, int32_t distance) {
    return (int64_t)pc + distance / (int32_t)sizeof(insn);
}

/* Scales the operands that name registers, and distances: once, when a function is complete. */
void finish_code(insn *code, uint32_t len);

#endif
