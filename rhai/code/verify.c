/* Whether finished code is what the dispatch loop takes it for. */
#include "code/verify.h"

#include <string.h>

typedef struct check {
    const proto *p;
    uint32_t pc;
    const uint8_t *starts; /* by instruction number: 1 where an instruction begins */
    const char *problem;
} check;

static void require(check *c, bool holds, const char *problem) {
    if (!holds && !c->problem) c->problem = problem;
}

static void check_target(check *c, int64_t target) {
    require(c, target >= 0 && target < c->p->len && c->starts[target],
            "a jump that leads to no instruction");
}

static void check_jump(check *c, int32_t distance) {
    require(c, distance % (int32_t)sizeof(insn) == 0, "a jump into an instruction");
    check_target(c, jump_target(c->pc, distance));
}

/* Registers from `first` (as it stands in the operand) on. */
static void check_registers(check *c, uint32_t first, uint32_t n) {
    require(c, first % REG_SCALE == 0, "a register that is not scaled");
    require(c, (uint64_t)first / REG_SCALE + n <= c->p->nregs, "a register beyond the frame's");
}

static void check_operand(check *c, char kind, uint32_t operand) {
    const proto *p = c->p;
    switch (kind) {
    case 'r': check_registers(c, operand, 1); break;
    case 'e': check_registers(c, operand, 0); break;
    case 's': require(c, operand < p->sites_len, "no such site"); break;
    case 'p':
    case 'q':
    case 'v': require(c, operand < p->paths_len, "no such chain"); break;
    case 'f': require(c, operand < p->unit->protos_len, "no such function"); break;
    case 'g':
    case 'x': require(c, operand < p->scopes_len, "no such scope table"); break;
    case 'h':
    case 'y': require(c, operand < p->shapes_len, "no such shape"); break;
    case 'c': require(c, operand < p->closures_len, "no such closure"); break;
    case 'K': require(c, operand < p->consts_len, "no such constant"); break;
    case 'W': require(c, operand < p->switches_len, "no such switch table"); break;
    case 'o': require(c, operand < OP_COUNT, "no such operator"); break;
    default: break;
    }
}

static void check_word(check *c, char kind, uint32_t at) {
    const insn *word = &c->p->code[at];
    if (kind == 'm' || kind == 't') return;
    require(c, word->op == OPC_EXTRA, "an instruction where a word belongs");
    if (kind == 'j' || kind == 'v' || kind == 'u') check_operand(c, 'o', word->a);
    if (kind == 'j')
        check_jump(c, word->d);
    else
        check_operand(c, kind, (uint32_t)word->d);
}

/* Operands that stand for several registers. */
static void check_runs(check *c, const insn *i) {
    switch (i->op) {
    case OPC_ARRAY:
    case OPC_INTERPOLATE: check_registers(c, i->b, i->c); break;
    case OPC_MAP:
        if (i->c < c->p->shapes_len) check_registers(c, i->b, c->p->shapes[i->c].len);
        break;
    case OPC_CHAIN:
        if (i->c < c->p->paths_len) check_registers(c, i->b, c->p->paths[i->c].nregs);
        break;
    case OPC_CALL:
    case OPC_CALL_NAME:
    case OPC_CALL_PATH:
    case OPC_CALL_POINTER:
    case OPC_CALL_SCOPED:
    case OPC_CURRY: check_registers(c, i->a, i->b); break;
    case OPC_CALL_METHOD: check_registers(c, i->a, i->b + 1u); break;
    case OPC_FOR:
    case OPC_FOR_NEXT:
    case OPC_FOR_RANGE:
    case OPC_FOR_RANGE_NEXT: check_registers(c, i->a, i->flags & F_C_TEMP ? 5 : 4); break;
    case OPC_FOR_INT_NEXT: check_registers(c, i->a, 4); break;
    case OPC_CATCH: check_registers(c, i->a, i->b ? 2 : 1); break;
    case OPC_TRACK:
        for (int32_t k = 0; k < i->d; k++)
            require(c, c->pc + (uint32_t)k < c->p->len && i[k].op == OPC_TRACK, "no such run");
        check_target(c, (int64_t)c->pc + i->d);
        break;
    default: break;
    }
}

static void check_insn(check *c) {
    const insn *i = &c->p->code[c->pc];
    operand_kinds k = opcode_operands((opcode)i->op);
    check_operand(c, k.a, i->a);
    if (k.d == 'J') {
        check_jump(c, i->d);
    } else if (k.d) {
        check_operand(c, k.d, (uint32_t)i->d);
    } else {
        check_operand(c, k.b, i->b);
        check_operand(c, k.c, i->c);
    }
    for (uint32_t w = 0; k.words[w]; w++)
        check_word(c, k.words[w], c->pc + 1 + w);
    check_runs(c, i);
}

static void check_tables(check *c) {
    const proto *p = c->p;
    for (uint32_t t = 0; t < p->switches_len; t++) {
        const switch_table *s = &p->switches[t];
        check_target(c, s->default_target);
        for (uint32_t i = 0; i < s->len; i++)
            check_target(c, s->entries[i].target);
        for (uint32_t i = 0; i < s->ranges_len; i++)
            check_target(c, s->ranges[i].arm);
    }
    for (uint32_t i = 0; i < p->handlers_len; i++) {
        const handler *h = &p->handlers[i];
        require(c, h->start < h->end && h->end <= p->len, "a handler of nothing");
        require(c, h->caught < p->nregs, "a handler's register beyond the frame's");
        if (h->target) check_target(c, h->target);
    }
    for (uint32_t i = 0; i < p->sites_len; i++)
        require(c, p->sites[i].object != OBJECT_SLOT || p->sites[i].slot < p->nregs,
                "a site's register beyond the frame's");
    for (uint32_t i = 0; i < p->paths_len; i++)
        require(c, p->paths[i].root != ROOT_SLOT || p->paths[i].slot < p->nregs,
                "a chain's register beyond the frame's");
}

/* Marks where instructions begin; NULL: the code ends within one. */
static bool find_starts(const proto *p, uint8_t *starts) {
    uint32_t pc = 0;
    while (pc < p->len) {
        if (p->code[pc].op >= OPC_COUNT) return false;
        starts[pc] = 1;
        pc += 1 + (uint32_t)strlen(opcode_operands((opcode)p->code[pc].op).words);
    }
    return pc == p->len;
}

static bool never_goes_on(const insn *last) {
    return last->op == OPC_RETURN || last->op == OPC_RETURN_UNIT;
}

const char *verify_code(heap *h, const proto *p, uint32_t *ret_pc) {
    *ret_pc = p->len;
    uint8_t *starts = heap_alloc_zero(h, p->len);
    if (!starts) return NULL; /* out of memory is somebody else's to find */
    check c = {.p = p, .starts = starts};
    require(&c, find_starts(p, starts), "instructions that do not add up");
    for (; c.pc < p->len && !c.problem; c.pc++)
        if (starts[c.pc]) {
            *ret_pc = c.pc;
            check_insn(&c);
        }
    if (!c.problem) {
        *ret_pc = p->len;
        check_tables(&c);
        require(&c, p->len && never_goes_on(&p->code[p->len - 1]), "code that runs off its end");
    }
    heap_free(h, starts, p->len);
    return c.problem;
}
