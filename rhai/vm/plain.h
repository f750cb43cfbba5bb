/* plain.h - calls of script functions that need a frame and nothing more.
 *
 * Such a call has no limit near, no imports to bring along, no cell to borrow, and registers in
 * the caller's chunk. The frame is the one above the caller's; when it returns, only its
 * registers are cleared. What is true of most calls is worth this second way of entering.
 */
#ifndef RHAI_VM_PLAIN_H
#define RHAI_VM_PLAIN_H

#include "vm/vm.h"

/* Whether there is room for a plain frame of p at args, in the libraries it needs. The imports of
 * a unit that has some must be the topmost ones already. Under max_operations a yes counts the
 * call, so it has to be made. */
static inline bool has_plain_room(vm *m, const frame *f, const proto *p, const rhai_value *args) {
    return m->level < m->plain_level && m->frames_len < m->frames_cap && p->code &&
           args + p->nregs + STACK_SLACK <= f->chunk->end &&
           (!p->unit->env || (f->p->unit == p->unit && m->imports_len == f->env_top)) &&
           (!m->counts || vm_count_plainly(m, 1));
}

/* The same for a function of the unit that is running. */
static inline bool is_plain_call(vm *m, const frame *f, const proto *p, const rhai_value *args) {
    return f->libs && f->libs->unit == p->unit && has_plain_room(m, f, p, args);
}

static inline frame *push_plain(vm *m, frame *f, proto *p, rhai_value *args, rhai_value *ret,
                                rhai_value *self, libs *l, rhai_pos pos) {
    frame *callee = f + 1;
    *callee = (frame){.p = p,
                      .base = args,
                      .ret = ret,
                      .this_ref = self,
                      .libs = l,
                      .chunk = f->chunk,
                      .names = m->names,
                      .names_floor = m->names,
                      .imports = m->imports_len,
                      .env_top = m->imports_len,
                      .imports_version = m->imports_version,
                      .level_before = m->level++,
                      .pos = pos,
                      .source = p->unit->source,
                      .is_plain = true};
    m->frames_len++;
    return callee;
}

#endif
