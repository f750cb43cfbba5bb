/* One look at a function before it is compiled: which of its variables closures capture, and
 * whether eval or a caller-scope call may touch any of them. Nesting is bounded by the parser. */
#include "code/scan.h"

#include <string.h>

static void scan_expr(scan_result *r, const expr *e);
static void scan_block(scan_result *r, const block *b);

static void scan_list(scan_result *r, const expr_list *list) {
    for (uint32_t i = 0; i < list->len; i++)
        scan_expr(r, list->items[i]);
}

static void scan_expr(scan_result *r, const expr *e) {
    if (!e) return;
    switch ((expr_kind)e->kind) {
    case EXPR_CONST:
    case EXPR_VAR:
    case EXPR_THIS: break;
    case EXPR_INTERP:
    case EXPR_ARRAY:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE: scan_list(r, &e->list); break;
    case EXPR_MAP:
        for (uint32_t i = 0; i < e->map.len; i++)
            scan_expr(r, e->map.values[i]);
        break;
    case EXPR_BLOCK: scan_block(r, e->block); break;
    case EXPR_CALL:
        if (e->call.in_caller_scope || (e->call.args.len == 1 && e->call.name->len == 4 &&
                                        memcmp(e->call.name->data, "eval", 4) == 0))
            r->has_eval = true;
        scan_list(r, &e->call.args);
        break;
    case EXPR_OP:
        scan_expr(r, e->op.left);
        scan_expr(r, e->op.right);
        break;
    case EXPR_CHAIN:
        scan_expr(r, e->chain.root);
        for (uint32_t i = 0; i < e->chain.len; i++) {
            scan_expr(r, e->chain.steps[i].index);
            scan_list(r, &e->chain.steps[i].args);
        }
        break;
    case EXPR_CLOSURE:
        for (uint32_t i = 0; i < e->closure.captures_len; i++)
            r->capture(r->data, e->closure.captures[i].name);
        break;
    }
}

static void scan_stmt(scan_result *r, const stmt *s) {
    switch ((stmt_kind)s->kind) {
    case STMT_NOOP:
    case STMT_CONTINUE: break;
    case STMT_EXPORT: break;
    case STMT_EXPR:
    case STMT_BREAK:
    case STMT_RETURN:
    case STMT_THROW: scan_expr(r, s->expr); break;
    case STMT_BLOCK: scan_block(r, s->block); break;
    case STMT_IF:
    case STMT_WHILE:
    case STMT_DO:
        scan_expr(r, s->flow.condition);
        scan_block(r, s->flow.body);
        scan_block(r, s->flow.branch);
        break;
    case STMT_SWITCH:
        scan_expr(r, s->sw.value);
        for (uint32_t i = 0; i < s->sw.arms_len; i++) {
            scan_expr(r, s->sw.arms[i].condition);
            scan_expr(r, s->sw.arms[i].body);
        }
        break;
    case STMT_FOR:
        scan_expr(r, s->loop_for.iterable);
        scan_block(r, s->loop_for.body);
        break;
    case STMT_VAR: scan_expr(r, s->var.value); break;
    case STMT_ASSIGN:
        scan_expr(r, s->assign.target);
        scan_expr(r, s->assign.value);
        break;
    case STMT_TRY:
        scan_block(r, s->try_catch.body);
        scan_block(r, s->try_catch.handler);
        break;
    case STMT_IMPORT:
        r->has_import = true;
        scan_expr(r, s->import.path);
        break;
    }
}

static void scan_block(scan_result *r, const block *b) {
    if (!b) return;
    for (uint32_t i = 0; i < b->len; i++)
        scan_stmt(r, b->stmts[i]);
}

void scan_function(scan_result *r, const block *body) {
    scan_block(r, body);
}

static bool list_may_write(const expr_list *list) {
    for (uint32_t i = 0; i < list->len; i++)
        if (expr_may_write(list->items[i])) return true;
    return false;
}

bool expr_may_write(const expr *e) {
    switch ((expr_kind)e->kind) {
    case EXPR_CONST:
    case EXPR_VAR:
    case EXPR_THIS: return false;
    case EXPR_INTERP:
    case EXPR_ARRAY:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE: return list_may_write(&e->list);
    case EXPR_OP: return expr_may_write(e->op.left) || (e->op.right && expr_may_write(e->op.right));
    case EXPR_CHAIN:
        if (expr_may_write(e->chain.root)) return true;
        for (uint32_t i = 0; i < e->chain.len; i++) {
            const chain_step *step = &e->chain.steps[i];
            if (step->kind == STEP_METHOD || (step->index && expr_may_write(step->index)))
                return true;
        }
        return false;
    default: return true;
    }
}
