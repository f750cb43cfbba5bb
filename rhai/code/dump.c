#include "code/dump.h"

#include <string.h>

enum { SHORT_VALUE = 40 };

static void add_register(text *t, uint32_t operand) {
    text_printf(t, " r%u", operand / REG_SCALE);
}

static void add_value(text *t, const rhai_value *v) {
    text shown;
    text_init(&shown, t->h);
    text_add_debug(&shown, v);
    int len = shown.len > SHORT_VALUE ? SHORT_VALUE : (int)shown.len;
    text_printf(t, " %.*s%s", len, shown.data ? shown.data : "",
                shown.len > SHORT_VALUE ? ".." : "");
    text_done(&shown);
}

static void add_site(text *t, const proto *p, uint32_t number) {
    const site *s = &p->sites[number];
    text_add_cstr(t, " ");
    for (uint32_t i = 0; i < s->path.len; i++)
        text_printf(t, "%s::", s->path.names[i].name->data);
    text_add_cstr(t, s->name ? s->name->data : "()");
    if (s->object == OBJECT_SLOT) text_printf(t, " of r%u", s->slot);
    if (s->object == OBJECT_THIS) text_add_cstr(t, " of this");
    if (s->object == OBJECT_NAME) text_printf(t, " of %s", s->object_name->data);
}

static void add_chain(text *t, const proto *p, uint32_t number) {
    const path *chain = &p->paths[number];
    text_add_cstr(t, " ");
    if (chain->root == ROOT_THIS) text_add_cstr(t, "this");
    if (chain->root == ROOT_NAME) text_add_str(t, chain->root_name);
    if (chain->root == ROOT_SLOT) text_printf(t, "r%u", chain->slot);
    for (uint32_t i = 0; i < chain->len; i++) {
        const path_step *step = &chain->steps[i];
        if (step->is_optional) text_add_cstr(t, "?");
        if (step->kind == STEP_INDEX)
            text_add_cstr(t, "[]");
        else
            text_printf(t, ".%s%s", p->sites[step->site].name->data,
                        step->kind == STEP_METHOD ? "()" : "");
    }
    if (chain->mode == PATH_SET) text_add_cstr(t, " =");
    if (chain->mode == PATH_ASSIGN_OP) text_printf(t, " %s", op_assign_text(chain->assign_op));
}

static void add_function(text *t, const unit *u, uint32_t number) {
    text_printf(t, " %s/%u", u->protos[number]->name->data, u->protos[number]->nparams);
}

static void add_operand(text *t, const proto *p, char kind, uint32_t operand) {
    switch (kind) {
    case 'r':
    case 'e': add_register(t, operand); break;
    case 'n':
    case 'N':
    case 'w': text_printf(t, " %d", (int32_t)operand); break;
    case 'i': text_printf(t, " %d", (int16_t)operand); break;
    case 's': add_site(t, p, operand); break;
    case 'p': add_chain(t, p, operand); break;
    case 'f': add_function(t, p->unit, operand); break;
    case 'c': text_printf(t, " %s", p->closures[operand].fn->name->data); break;
    case 'o': text_printf(t, " %s", op_text((op)operand)); break;
    case 'K': add_value(t, &p->consts[operand]); break;
    case 'W': text_printf(t, " table %u", operand); break;
    default: break;
    }
}

static void add_word(text *t, const proto *p, char kind, uint32_t at) {
    const insn *word = &p->code[at];
    switch (kind) {
    case 'j': text_printf(t, " -> %d", (int)jump_target(at - 1, word->d)); break;
    case 't': text_printf(t, " .%s", ((const rhai_str *)(uintptr_t)insn_word(word))->data); break;
    case 'v':
    case 'u': text_printf(t, " %s", op_text((op)word->a)); break;
    default: add_operand(t, p, kind, (uint32_t)word->d); break;
    }
}

static const struct flag_name {
    uint8_t flag;
    const char *name;
} flag_names[] = {
    {F_THIS, "this"},
    {F_NEGATED, "not"},
    {F_CHECKED, "checked"},
    {F_DISCARD, "discard"},
};

static void add_insn(text *t, const proto *p, uint32_t pc) {
    const insn *i = &p->code[pc];
    operand_kinds k = opcode_operands((opcode)i->op);
    rhai_pos pos = proto_pos(p, pc);
    text_printf(t, "%5u ", pc);
    if (pos.line)
        text_printf(t, "%5u:%-3u ", pos.line, pos.column);
    else
        text_add_cstr(t, "          ");
    text_printf(t, "%-22s", opcodes[i->op].name);
    add_operand(t, p, k.a, i->a);
    if (k.d == 'J') {
        text_printf(t, " -> %d", (int)jump_target(pc, i->d));
    } else if (k.d) {
        add_operand(t, p, k.d, (uint32_t)i->d);
    } else {
        add_operand(t, p, k.b, i->b);
        add_operand(t, p, k.c, i->c);
    }
    for (uint32_t w = 0; k.words[w]; w++)
        add_word(t, p, k.words[w], pc + 1 + w);
    for (size_t f = 0; f < sizeof flag_names / sizeof *flag_names; f++)
        if (i->flags & flag_names[f].flag) text_printf(t, " (%s)", flag_names[f].name);
    text_add_cstr(t, "\n");
}

static void add_switch(text *t, const switch_table *s, uint32_t number) {
    text_printf(t, "      table %u:", number);
    for (uint32_t i = 0; i < s->len; i++) {
        add_value(t, &s->entries[i].value);
        text_printf(t, " -> %d,", s->entries[i].target);
    }
    for (uint32_t i = 0; i < s->ranges_len; i++) {
        add_value(t, &s->ranges[i].value);
        text_printf(t, " -> %u,", s->ranges[i].arm);
    }
    text_printf(t, " else -> %d\n", s->default_target);
}

static void dump_function(const proto *p, text *t) {
    if (p->name)
        text_printf(t, "fn %s/%u", p->name->data, p->nparams);
    else
        text_add_cstr(t, "statements");
    text_printf(t, " (registers: %u, constants: %u)\n", p->nregs, p->consts_len);
    for (uint32_t pc = 0; pc < p->len; pc++) {
        add_insn(t, p, pc);
        pc += (uint32_t)strlen(opcode_operands((opcode)p->code[pc].op).words);
    }
    for (uint32_t i = 0; i < p->switches_len; i++)
        add_switch(t, &p->switches[i], i);
    for (uint32_t i = 0; i < p->handlers_len; i++)
        if (p->handlers[i].target)
            text_printf(t, "      errors in %u .. %u -> %u\n", p->handlers[i].start,
                        p->handlers[i].end, p->handlers[i].target);
}

void dump_unit(const unit *u, text *t) {
    for (uint32_t i = 0; i < u->protos_len; i++) {
        if (i) text_add_cstr(t, "\n");
        dump_function(u->protos[i], t);
    }
}
