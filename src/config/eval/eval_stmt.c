#include <string.h>

#include "config/eval/eval.h"
#include "config/syntax/keywords.h"
#include "config/syntax/lexer.h"

typedef enum { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } flow;

static cseg_status run_block(eval *ev, const ast_block *b, flow *f);

static cseg_status run_if(eval *ev, const stmt *s, flow *f)
{
    for (size_t i = 0; i < s->arms; i++) {
        value *truth;
        if (s->arm[i].condition) {
            TRY(eval_node(ev, s->arm[i].condition, &truth));
            if (!value_true(truth))
                continue;
        }
        return run_block(ev, &s->arm[i].body, f);
    }
    return CSEG_OK;
}

static cseg_status run_for(eval *ev, const stmt *s, flow *f)
{
    value *box, **items;
    size_t n;
    flow inner = FLOW_ON;
    TRY(eval_node(ev, s->value, &box));
    TRY(eval_items(ev, s->at, box, &items, &n));
    for (size_t i = 0; i < n && inner != FLOW_BREAK; i++) {
        TRY(eval_assign(ev, s->target[0], items[i]));
        TRY(run_block(ev, &s->arm[0].body, &inner));
    }
    return s->arms > 1 && inner != FLOW_BREAK ? run_block(ev, &s->arm[1].body, f) : CSEG_OK;
}

static cseg_status run_while(eval *ev, const stmt *s, flow *f)
{
    flow inner = FLOW_ON;
    value *truth;
    while (inner != FLOW_BREAK) {
        TRY(eval_node(ev, s->value, &truth));
        if (!value_true(truth))
            break;
        TRY(run_block(ev, &s->arm[0].body, &inner));
    }
    return s->arms > 1 && inner != FLOW_BREAK ? run_block(ev, &s->arm[1].body, f) : CSEG_OK;
}

/* Lists, dicts and sets change in place, as in Python; other values are made anew. */
static cseg_status change(eval *ev, const stmt *s, value *old, value *by, value **out)
{
    *out = old;
    if (old->kind == V_LIST && s->op == OP('+')) {
        value **items;
        size_t n;
        TRY(eval_items(ev, s->at, by, &items, &n));
        for (size_t i = 0; i < n; i++)
            TRY(eval_append(ev, s->at, old, items[i]));
        return CSEG_OK;
    }
    if (old->kind == V_DICT && s->op == OP('|'))
        return eval_dict_update(ev, s->at, old, by, 0);
    TRY(eval_binary(ev, s->at, s->op, old, by, out));
    if (old->kind == V_LIST || old->kind == V_SET) {
        old->as.list = (*out)->as.list;
        *out = old;
    }
    return CSEG_OK;
}

static cseg_status run_augmented(eval *ev, const stmt *s)
{
    const ast_node *t = s->target[0];
    value *old, *by, *result, *box, *index;
    if (t->kind == N_INDEX && t->b->kind != N_SLICE) {
        /* The container and the index are evaluated once. */
        TRY(eval_node(ev, t->a, &box));
        TRY(eval_node(ev, t->b, &index));
        TRY(eval_index(ev, t->at, box, index, &old));
        TRY(eval_node(ev, s->value, &by));
        TRY(change(ev, s, old, by, &result));
        ast_node a = {.kind = N_CONST, .at = t->a->at, .constant = box},
                 b = {.kind = N_CONST, .at = t->b->at, .constant = index};
        ast_node target = {.kind = N_INDEX, .at = t->at, .a = &a, .b = &b};
        return eval_assign(ev, &target, result);
    }
    TRY(eval_node(ev, t, &old));
    TRY(eval_node(ev, s->value, &by));
    TRY(change(ev, s, old, by, &result));
    return eval_assign(ev, t, result);
}

static cseg_status delete_index(eval *ev, const ast_node *t)
{
    value *box, *index, *gone;
    const builtin *pop;
    TRY(eval_node(ev, t->a, &box));
    if (t->b->kind == N_SLICE) {
        int64_t start, step;
        size_t count;
        if (box->kind != V_LIST)
            return eval_fail(ev, t->at, "a slice of %s cannot be deleted", value_kind_name(box));
        TRY(eval_slice_bounds(ev, t->b, box->as.list.n, &start, &step, &count));
        if (step != 1)
            return eval_refuse(ev, t->at, "'del' of a slice with a step");
        memmove(box->as.list.item + start, box->as.list.item + start + count,
                (box->as.list.n - (size_t)start - count) * sizeof(value *));
        box->as.list.n -= count;
        return CSEG_OK;
    }
    TRY(eval_node(ev, t->b, &index));
    if (box->kind != V_LIST && box->kind != V_DICT)
        return eval_fail(ev, t->at, "nothing can be deleted from %s", value_kind_name(box));
    TRY(eval_index(ev, t->at, box, index, &gone));
    pop = method_find(box->kind, "pop");
    args a = {.at = (value *[]){index, NULL}, .n = 1};
    return pop->fn(ev, t->at, box, &a, &gone);
}

static cseg_status run_delete(eval *ev, const stmt *s)
{
    for (size_t i = 0; i < s->targets; i++) {
        const ast_node *t = s->target[i];
        if (t->kind == N_INDEX) {
            TRY(delete_index(ev, t));
        } else if (t->kind == N_NAME) {
            if (!value_remove(ev->globals, t->name))
                return eval_fail(ev, t->at, "'%s' is not defined", t->name);
        } else {
            value *box;
            TRY(eval_node(ev, t->a, &box));
            if (box->kind != V_DICT || !box->as.dict.attributes || !value_remove(box, t->name))
                return eval_fail(ev, t->at, "there is no '%s' to delete", t->name);
        }
    }
    return CSEG_OK;
}

static cseg_status mark_imported(eval *ev, spot at, const char *name)
{
    value *text;
    if (!ev->imported)
        return CSEG_OK;
    TRY(eval_string(ev, at, name, strlen(name), &text));
    return eval_add_unique(ev, at, ev->imported, text);
}

static cseg_status run_import(eval *ev, const stmt *s)
{
    for (size_t i = 0; i < s->names; i++) {
        const import_name *n = &s->name[i];
        char *top = arena_strndup(ev->mem, n->name, strcspn(n->name, "."));
        value *module;
        if (!top)
            return fail_memory(ev->err);
        TRY(module_import(ev, n->at, n->as ? n->name : top, &module));
        TRY(eval_put_name(ev, n->at, ev->globals, n->as ? n->as : top, module));
        TRY(mark_imported(ev, n->at, n->as ? n->as : top));
    }
    return CSEG_OK;
}

static cseg_status import_member(eval *ev, const stmt *s, const import_name *n, const char *module, value **out)
{
    char *dotted = arena_printf(ev->mem, "%s%s%s", module, s->module ? "." : "", n->name);
    if (!dotted)
        return fail_memory(ev->err);
    if (s->level || !stdlib_has(module)) {
        TRY(eval_string(ev, n->at, dotted, strlen(dotted), out));
        (*out)->kind = V_NAME;
        return CSEG_OK;
    }
    value *box;
    TRY(module_import(ev, n->at, module, &box));
    if (box->as.object->kind == OBJ_UNKNOWN)
        return eval_object(ev, n->at, OBJ_UNKNOWN, dotted, NULL, NULL, out);
    return module_member(ev, n->at, module, n->name, out);
}

static cseg_status run_from(eval *ev, const stmt *s)
{
    char *module = arena_printf(ev->mem, "%.*s%s", s->level, "........", s->module ? s->module : "");
    if (!module)
        return fail_memory(ev->err);
    if (s->level > 8)
        return eval_refuse(ev, s->at, "more than 8 dots in 'from'");
    for (size_t i = 0; i < s->names; i++) {
        const import_name *n = &s->name[i];
        value *v;
        if (strcmp(n->name, "*") == 0)
            return eval_refuse(ev, n->at, "'import *' outside of 'with read_base():'");
        TRY(import_member(ev, s, n, module, &v));
        TRY(eval_put_name(ev, n->at, ev->globals, n->as ? n->as : n->name, v));
        TRY(mark_imported(ev, n->at, n->as ? n->as : n->name));
    }
    return CSEG_OK;
}

static cseg_status run_read_base(eval *ev, const stmt *s)
{
    const ast_block *b = &s->arm[0].body;
    if (!ev->read_base)
        return eval_refuse(ev, s->at, "'with read_base():' in a config without a file");
    for (size_t i = 0; i < b->n; i++)
        if (b->at[i]->kind == S_FROM)
            TRY(ev->read_base(ev, b->at[i], ev->arg));
    return CSEG_OK;
}

static cseg_status run_assign(eval *ev, const stmt *s)
{
    value *v;
    /* The bases were read before; the name gets the value that they hold. */
    if (!ev->lazy && s->target[0]->kind == N_NAME && strcmp(s->target[0]->name, "_base_") == 0)
        return CSEG_OK;
    TRY(eval_node(ev, s->value, &v));
    for (size_t i = 0; i < s->targets; i++)
        TRY(eval_assign(ev, s->target[i], v));
    return CSEG_OK;
}

static cseg_status run_assert(eval *ev, const stmt *s)
{
    value *v;
    strbuf text = {.mem = ev->mem};
    TRY(eval_node(ev, s->value, &v));
    if (value_true(v))
        return CSEG_OK;
    if (!s->targets)
        return eval_fail(ev, s->at, "this assertion does not hold");
    TRY(eval_node(ev, s->target[0], &v));
    TRY(eval_str(ev, s->at, v, &text));
    return eval_fail(ev, s->at, "this assertion does not hold: %.300s", text.text ? text.text : "");
}

static cseg_status run_statement(eval *ev, const stmt *s, flow *f)
{
    value *v;
    TRY(eval_charge(ev, s->at, 0));
    switch (s->kind) {
    case S_EXPR:
        return eval_node(ev, s->value, &v);
    case S_ASSIGN:
        return run_assign(ev, s);
    case S_AUGMENTED:
        return run_augmented(ev, s);
    case S_DELETE:
        return run_delete(ev, s);
    case S_IF:
        return run_if(ev, s, f);
    case S_FOR:
        return run_for(ev, s, f);
    case S_WHILE:
        return run_while(ev, s, f);
    case S_BREAK:
        *f = FLOW_BREAK;
        return CSEG_OK;
    case S_CONTINUE:
        *f = FLOW_CONTINUE;
        return CSEG_OK;
    case S_PASS:
        return CSEG_OK;
    case S_ASSERT:
        return run_assert(ev, s);
    case S_IMPORT:
        return run_import(ev, s);
    case S_FROM:
        return run_from(ev, s);
    case S_READ_BASE:
        return run_read_base(ev, s);
    }
    return CSEG_OK;
}

/* *f says how the block was left, unless it ran to its end. */
static cseg_status run_block(eval *ev, const ast_block *b, flow *f)
{
    *f = FLOW_ON;
    if (++ev->depth > EVAL_DEPTH)
        return eval_fail(ev, b->n ? b->at[0]->at : (spot){1, 1}, "nested too deeply");
    for (size_t i = 0; i < b->n && *f == FLOW_ON; i++)
        TRY(run_statement(ev, b->at[i], f));
    ev->depth--;
    return CSEG_OK;
}

cseg_status eval_block(eval *ev, const ast_block *b)
{
    flow f;
    ev->depth = 0;
    return run_block(ev, b, &f);
}
