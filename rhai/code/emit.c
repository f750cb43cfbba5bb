#include "code/emit.h"

#include <string.h>

bool table_grow(fn_state *fs, void **table, uint32_t len, uint32_t *cap, size_t size) {
    if (fs->failed) return false;
    if (len < *cap) return true;
    uint32_t new_cap = next_size(*cap, 8);
    void *p = heap_resize(fs->h, *table, *cap * size, new_cap * size);
    if (!p) {
        fs->failed = true;
        return false;
    }
    *table = p;
    *cap = new_cap;
    return true;
}

static uint16_t operand16(fn_state *fs, unsigned v) {
    if (v > UINT16_MAX && !fs->failed) /* after a failure numbers of tables mean nothing */
        fs->failed = fs->too_large = true;
    return (uint16_t)v;
}

static uint32_t put(fn_state *fs, insn i) {
    proto *p = fs->p;
    TABLE_PUSH(fs, p->code, p->len, fs->code_cap, i);
    return p->len ? p->len - 1 : 0;
}

uint32_t emit(fn_state *fs, opcode op, unsigned flags, unsigned a, unsigned b, unsigned c) {
    return put(fs, (insn){.op = (uint8_t)op,
                          .flags = (uint8_t)flags,
                          .a = operand16(fs, a),
                          .b = operand16(fs, b),
                          .c = operand16(fs, c)});
}

uint32_t emit_d(fn_state *fs, opcode op, unsigned flags, unsigned a, int32_t d) {
    return put(fs,
               (insn){.op = (uint8_t)op, .flags = (uint8_t)flags, .a = operand16(fs, a), .d = d});
}

void emit_word(fn_state *fs, uint64_t word) {
    insn i;
    memcpy(&i, &word, sizeof i);
    put(fs, i);
}

void emit_pos(fn_state *fs, rhai_pos pos) {
    proto *p = fs->p;
    if (pos_is_none(pos) || !p->len) return;
    code_pos entry = {p->len - 1, pos};
    if (p->positions_len && p->positions[p->positions_len - 1].pc == entry.pc)
        p->positions[p->positions_len - 1] = entry;
    else
        TABLE_PUSH(fs, p->positions, p->positions_len, fs->positions_cap, entry);
}

uint32_t emit_here(const fn_state *fs) {
    return fs->p->len;
}

uint32_t emit_jump(fn_state *fs, opcode op, unsigned flags, unsigned a) {
    return emit_d(fs, op, flags, a, 0);
}

void patch_here(fn_state *fs, uint32_t jump) {
    if (fs->failed) return;
    fs->p->code[jump].d = (int32_t)(emit_here(fs) - jump - 1);
}

void jump_add(fn_state *fs, jump_list *list, uint32_t jump) {
    TABLE_PUSH(fs, list->at, list->len, list->cap, jump);
}

void jumps_here(fn_state *fs, jump_list *list) {
    jumps_to(fs, list, emit_here(fs));
}

void jumps_to(fn_state *fs, jump_list *list, uint32_t target) {
    for (uint32_t i = 0; i < list->len && !fs->failed; i++)
        fs->p->code[list->at[i]].d = (int32_t)target - (int32_t)list->at[i] - 1;
    heap_free(fs->h, list->at, list->cap * sizeof *list->at);
    *list = (jump_list){0};
}

uint16_t count_operand(uint32_t operations) {
    return operations < UINT16_MAX ? (uint16_t)operations : UINT16_MAX;
}

uint16_t round_operations(const fn_state *fs) {
    return count_operand(fs->operations - fs->loop->operations_before);
}

void emit_loop(fn_state *fs, uint32_t target, rhai_pos pos) {
    emit_d(fs, OPC_LOOP, 0, round_operations(fs), (int32_t)target - (int32_t)emit_here(fs) - 1);
    emit_pos(fs, pos);
}

void emit_count(fn_state *fs, rhai_pos pos) {
    bool skips = fs->skips_count;
    fs->skips_count = false;
    if (skips || fs->uncounted) return;
    if (!fs->options->count_operations) {
        fs->operations++;
        return;
    }
    emit_d(fs, OPC_TRACK, 0, 0, 1);
    emit_pos(fs, pos);
}

void estimate(fn_state *fs, uint32_t n) {
    if (!fs->options->count_operations) fs->operations += n;
}

uint32_t add_const(fn_state *fs, const rhai_value *v) {
    proto *p = fs->p;
    /* Recent constants are worth a look; a full search would make long tables quadratic. */
    uint32_t from = p->consts_len > 16 ? p->consts_len - 16 : 0;
    for (uint32_t i = from; i < p->consts_len; i++)
        if (p->consts[i].type == v->type && p->consts[i].i == v->i) return i;
    rhai_value copy = value_copy(v);
    copy.tag = 0;
    if (!TABLE_PUSH(fs, p->consts, p->consts_len, fs->consts_cap, copy)) {
        value_drop(fs->h, &copy);
        return 0;
    }
    return p->consts_len - 1;
}

uint32_t add_name_const(fn_state *fs, rhai_str *name) {
    rhai_value v = VALUE_OBJ(RHAI_STRING, name);
    return add_const(fs, &v);
}

uint32_t add_site(fn_state *fs, rhai_str *name, rhai_pos pos) {
    proto *p = fs->p;
    site s = {.name = name, .pos = pos};
    if (!TABLE_PUSH(fs, p->sites, p->sites_len, fs->sites_cap, s)) return 0;
    return p->sites_len - 1;
}

void reg_reserve(fn_state *fs, uint32_t n) {
    uint32_t top = fs->free_reg + n;
    if (fs->failed) return;
    if (top > MAX_REGS)
        fs->failed = fs->too_large = true;
    else if (top > fs->p->nregs)
        fs->p->nregs = top;
}

uint16_t reg_new(fn_state *fs) {
    reg_reserve(fs, 1);
    if (fs->failed) return 0;
    return (uint16_t)fs->free_reg++;
}

static bool is_captured(const fn_state *fs, const rhai_str *name) {
    for (uint32_t i = 0; i < fs->captured_len; i++)
        if (fs->captured[i] == name) return true;
    return false;
}

local *local_add(fn_state *fs, rhai_str *name, uint16_t reg, bool is_const) {
    local l = {.name = name,
               .reg = reg,
               .is_const = is_const,
               .is_checked = fs->all_checked || is_captured(fs, name)};
    TABLE_PUSH(fs, fs->locals, fs->locals_len, fs->locals_cap, l);
    fs->variables++;
    return fs->failed ? NULL : &fs->locals[fs->locals_len - 1];
}

/* Names are interned while they are alive, so pointers compare; names of an eval's caller come
 * from another tree but the same heap. */
resolved resolve(const fn_state *fs, const rhai_str *name) {
    for (uint32_t i = fs->locals_len; i-- > 0;) {
        const local *l = &fs->locals[i];
        if (l->name != name) continue;
        bool certain = !fs->is_dynamic || i >= fs->dynamic_floor;
        return (resolved){.kind = certain ? NAME_LOCAL : NAME_DYNAMIC,
                          .reg = l->reg,
                          .is_const = l->is_const,
                          .is_checked = l->is_checked,
                          .has_fallback = true};
    }
    if (fs->outer) {
        for (uint32_t i = fs->outer->len; i-- > 0;) {
            const scope_var *v = &fs->outer->vars[i];
            if (v->name == name)
                return (resolved){.kind = fs->is_dynamic ? NAME_DYNAMIC : NAME_LOCAL,
                                  .reg = v->reg,
                                  .is_const = v->is_const,
                                  .is_checked = true,
                                  .has_fallback = true};
        }
    }
    return (resolved){.kind = NAME_DYNAMIC};
}

/* Of several imports by one name in a function the first one counts, as in Rhai; names that eval
 * may have brought are looked up when the code runs. */
void site_path(fn_state *fs, site *s, name_path path) {
    s->path = path;
    for (uint32_t i = 0; i < fs->imports_len && path.len && !fs->is_dynamic; i++) {
        if (fs->imports[i] == path.names[0].name) {
            s->import_back = fs->imports_len - i;
            return;
        }
    }
}
