#include "code/opcode.h"

const opcode_info opcodes[OPC_COUNT] = {
#define X(name, operands, text) [OPC_##name] = {#name, operands, text},
    OPCODES(X)
#undef X
};

operand_kinds opcode_operands(opcode op) {
    const char *kinds = opcodes[op].operands;
    operand_kinds k = {0};
    if (kinds[0]) k.a = *kinds++;
    if (*kinds >= 'A' && *kinds <= 'Z') {
        k.d = *kinds++;
    } else {
        if (*kinds) k.b = *kinds++;
        if (*kinds) k.c = *kinds++;
    }
    k.words = kinds;
    return k;
}

static bool is_register(char kind) {
    return kind == 'r' || kind == 'e';
}

static void scale(char kind, uint16_t *operand) {
    if (is_register(kind)) *operand = (uint16_t)(*operand * REG_SCALE);
}

/* Each TRACK says how many there are from it on. Returns how many there are. */
static uint32_t number_run(insn *first, const insn *end) {
    uint32_t n = 1;
    while (first + n < end && first[n].op == OPC_TRACK)
        n++;
    for (uint32_t k = 0; k < n; k++)
        first[k].d = (int32_t)(n - k);
    return n;
}

void finish_code(insn *code, uint32_t len) {
    for (uint32_t pc = 0; pc < len; pc++) {
        insn *i = &code[pc];
        operand_kinds k = opcode_operands((opcode)i->op);
        scale(k.a, &i->a);
        if (!k.d) {
            scale(k.b, &i->b);
            scale(k.c, &i->c);
        }
        if (k.d == 'J') i->d = (i->d + 1) * (int32_t)sizeof *i;
        if (k.words[0] == 'j') i[1].d = (i[1].d + 2) * (int32_t)sizeof *i;
        if (i->op == OPC_TRACK) pc += number_run(i, code + len) - 1;
        pc += (uint32_t)__builtin_strlen(k.words);
    }
}
