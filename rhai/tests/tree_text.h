/* tree_text.h - a tree as text, for tests: (kind ...) with the positions that errors show. */
#ifndef RHAI_TESTS_TREE_TEXT_H
#define RHAI_TESTS_TREE_TEXT_H

#include "syntax/ast.h"

static void show_expr(text *t, const expr *e);
static void show_block(text *t, const block *b);

static bool tree_positions; /* append @line:column to every node */

static void show_pos(text *t, rhai_pos pos) {
    if (tree_positions) text_printf(t, "@%u:%u", pos.line, pos.column);
}

static void show_list(text *t, const expr_list *list) {
    for (uint32_t i = 0; i < list->len; i++) {
        text_add(t, " ", 1);
        show_expr(t, list->items[i]);
    }
}

static void show_path(text *t, const name_path *path) {
    for (uint32_t i = 0; i < path->len; i++) {
        text_add_str(t, path->names[i].name);
        text_add_cstr(t, "::");
    }
}

static void show_step(text *t, const chain_step *s) {
    text_add_cstr(t, s->is_optional ? " ?" : " ");
    if (s->kind == STEP_INDEX) {
        text_add_cstr(t, "[");
        show_expr(t, s->index);
        text_add_cstr(t, "]");
    } else {
        text_add_cstr(t, ".");
        text_add_str(t, s->name);
        show_pos(t, s->pos);
        if (s->kind == STEP_METHOD) {
            text_add_cstr(t, "(");
            show_list(t, &s->args);
            text_add_cstr(t, ")");
        }
    }
    show_pos(t, s->op_pos);
}

static void show_closure(text *t, const expr *e) {
    const fn_def *f = e->closure.fn;
    text_add_cstr(t, "(fn [");
    for (uint32_t i = 0; i < f->nparams; i++) {
        if (i) text_add_cstr(t, " ");
        if (i < f->ncaptures) text_add_cstr(t, "^");
        text_add_str(t, f->params[i].name);
        if (i < f->ncaptures && e->closure.constants && e->closure.constants[i]) {
            text_add_cstr(t, "=");
            show_expr(t, e->closure.constants[i]);
        }
    }
    text_add_cstr(t, "] ");
    show_block(t, f->body);
}

static void show_expr(text *t, const expr *e) {
    switch ((expr_kind)e->kind) {
    case EXPR_CONST: text_add_debug(t, &e->value); break;
    case EXPR_THIS: text_add_cstr(t, "this"); break;
    case EXPR_VAR:
        show_path(t, &e->var.path);
        text_add_str(t, e->var.name);
        break;
    case EXPR_INTERP:
    case EXPR_ARRAY:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE:
        text_add_cstr(t, e->kind == EXPR_INTERP  ? "(text"
                         : e->kind == EXPR_ARRAY ? "(array"
                         : e->kind == EXPR_AND   ? "(&&"
                         : e->kind == EXPR_OR    ? "(||"
                                                 : "(??");
        show_list(t, &e->list);
        text_add_cstr(t, ")");
        break;
    case EXPR_MAP:
        text_add_cstr(t, "(map");
        for (uint32_t i = 0; i < e->map.len; i++) {
            text_add_cstr(t, " ");
            text_add_str(t, e->map.keys[i].name);
            text_add_cstr(t, ":");
            show_expr(t, e->map.values[i]);
        }
        text_add_cstr(t, ")");
        break;
    case EXPR_BLOCK: show_block(t, e->block); break;
    case EXPR_CALL:
        text_add_cstr(t, "(");
        show_path(t, &e->call.path);
        text_add_str(t, e->call.name);
        if (e->call.in_caller_scope) text_add_cstr(t, "!");
        show_list(t, &e->call.args);
        text_add_cstr(t, ")");
        break;
    case EXPR_OP:
        text_printf(t, "(%s ", op_text(e->op.op));
        show_expr(t, e->op.left);
        if (e->op.right) {
            text_add_cstr(t, " ");
            show_expr(t, e->op.right);
        }
        text_add_cstr(t, ")");
        break;
    case EXPR_CHAIN:
        text_add_cstr(t, "(chain ");
        show_expr(t, e->chain.root);
        for (uint32_t i = 0; i < e->chain.len; i++)
            show_step(t, &e->chain.steps[i]);
        text_add_cstr(t, ")");
        break;
    case EXPR_CLOSURE:
        show_closure(t, e);
        text_add_cstr(t, ")");
        break;
    }
    show_pos(t, e->pos);
}

static void show_part(text *t, const char *before, const expr *e) {
    if (!e) return;
    text_add_cstr(t, before);
    show_expr(t, e);
}

static void show_ident(text *t, const char *before, const ident *id) {
    if (!id->name) return;
    text_add_cstr(t, before);
    text_add_str(t, id->name);
    show_pos(t, id->pos);
}

static void show_labels(text *t, const switch_label *labels, uint32_t len, const char *before) {
    for (uint32_t i = 0; i < len; i++) {
        text_add_cstr(t, before);
        text_add_debug(t, &labels[i].value);
        text_printf(t, "->%u", labels[i].arm);
    }
}

static void show_switch(text *t, const stmt *s) {
    text_add_cstr(t, "(switch ");
    show_expr(t, s->sw.value);
    show_labels(t, s->sw.labels, s->sw.labels_len, " ");
    show_labels(t, s->sw.ranges, s->sw.ranges_len, " in ");
    if (s->sw.default_arm >= 0) text_printf(t, " _->%d", s->sw.default_arm);
    for (uint32_t i = 0; i < s->sw.arms_len; i++) {
        text_printf(t, " %u:", i);
        show_part(t, "if ", s->sw.arms[i].condition);
        show_expr(t, s->sw.arms[i].body);
    }
}

static void show_stmt(text *t, const stmt *s) {
    switch ((stmt_kind)s->kind) {
    case STMT_NOOP: text_add_cstr(t, "(noop"); break;
    case STMT_EXPR: show_expr(t, s->expr); return;
    case STMT_BLOCK: show_block(t, s->block); return;
    case STMT_IF:
        show_part(t, "(if ", s->flow.condition);
        text_add_cstr(t, " ");
        show_block(t, s->flow.body);
        if (s->flow.branch && s->flow.branch->len) {
            text_add_cstr(t, " ");
            show_block(t, s->flow.branch);
        }
        break;
    case STMT_SWITCH: show_switch(t, s); break;
    case STMT_WHILE:
        text_add_cstr(t, s->flow.condition ? "(while" : "(loop");
        show_part(t, " ", s->flow.condition);
        text_add_cstr(t, " ");
        show_block(t, s->flow.body);
        break;
    case STMT_DO:
        text_add_cstr(t, "(do ");
        show_block(t, s->flow.body);
        show_part(t, s->flow.is_until ? " until " : " while ", s->flow.condition);
        break;
    case STMT_FOR:
        show_ident(t, "(for ", &s->loop_for.var);
        show_ident(t, ",", &s->loop_for.counter);
        show_part(t, " ", s->loop_for.iterable);
        text_add_cstr(t, " ");
        show_block(t, s->loop_for.body);
        break;
    case STMT_VAR:
        if (s->var.is_exported) text_add_cstr(t, "export ");
        show_ident(t, s->var.is_const ? "(const " : "(let ", &s->var.name);
        show_part(t, " ", s->var.value);
        break;
    case STMT_ASSIGN:
        text_printf(t, "(%s ", s->assign.has_op ? op_assign_text(s->assign.op) : "=");
        show_expr(t, s->assign.target);
        show_part(t, " ", s->assign.value);
        break;
    case STMT_TRY:
        text_add_cstr(t, "(try ");
        show_block(t, s->try_catch.body);
        show_ident(t, " ", &s->try_catch.var);
        text_add_cstr(t, " ");
        show_block(t, s->try_catch.handler);
        break;
    case STMT_BREAK:
        text_add_cstr(t, "(break");
        show_part(t, " ", s->expr);
        break;
    case STMT_CONTINUE: text_add_cstr(t, "(continue"); break;
    case STMT_RETURN:
        text_add_cstr(t, "(return");
        show_part(t, " ", s->expr);
        break;
    case STMT_THROW:
        text_add_cstr(t, "(throw");
        show_part(t, " ", s->expr);
        break;
    case STMT_IMPORT:
        show_part(t, "(import ", s->import.path);
        show_ident(t, " ", &s->import.alias);
        break;
    case STMT_EXPORT:
        show_ident(t, "(export ", &s->export_.name);
        show_ident(t, " ", &s->export_.alias);
        break;
    }
    text_add_cstr(t, ")");
    show_pos(t, s->pos);
}

static void show_block(text *t, const block *b) {
    text_add_cstr(t, "{");
    for (uint32_t i = 0; i < b->len; i++) {
        if (i) text_add_cstr(t, "; ");
        show_stmt(t, b->stmts[i]);
    }
    text_add_cstr(t, "}");
    show_pos(t, b->pos);
}

/* Functions first, then the statements at global level, one per line. */
static void show_tree(text *t, ast *a) {
    for (uint32_t i = 0; i < a->functions_len; i++) {
        fn_def *f = a->functions[i];
        assert_true(ast_load_body(a, f));
        if (f->is_closure) continue;
        text_add_cstr(t, f->is_private ? "(private fn " : "(fn ");
        if (f->this_type) {
            text_add_str(t, f->this_type);
            text_add_cstr(t, ".");
        }
        text_add_str(t, f->name);
        text_add_cstr(t, " [");
        for (uint32_t k = 0; k < f->nparams; k++) {
            if (k) text_add_cstr(t, " ");
            text_add_str(t, f->params[k].name);
        }
        text_add_cstr(t, "] ");
        show_block(t, f->body);
        text_add_cstr(t, ")\n");
    }
    for (uint32_t i = 0; i < a->body->len; i++) {
        if (i) text_add_cstr(t, "\n");
        show_stmt(t, a->body->stmts[i]);
    }
}

#endif
