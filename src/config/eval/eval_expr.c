#include <string.h>

#include "config/eval/eval.h"

static cseg_status eval_name(eval *ev, const ast_node *n, value **out)
{
    for (const scope *s = ev->local; s; s = s->up)
        if ((*out = value_get(s->names, n->name)))
            return CSEG_OK;
    if ((*out = value_get(ev->globals, n->name)))
        return CSEG_OK;
    const builtin *b = builtin_find(n->name);
    if (b)
        return eval_object(ev, n->at, OBJ_FUNCTION, b->name, b, NULL, out);
    if (builtin_is_python(n->name))
        return eval_refuse(ev, n->at, "'%s' is not part of the config language", n->name);
    const char **names = ARENA_ARRAY(ev->mem, ev->globals->as.dict.n, const char *);
    if (!names)
        return fail_memory(ev->err);
    for (size_t i = 0; i < ev->globals->as.dict.n; i++)
        names[i] = ev->globals->as.dict.entry[i].key;
    const char *near = str_nearest(n->name, names, ev->globals->as.dict.n);
    return near ? eval_fail(ev, n->at, "'%s' is not defined; is '%s' meant?", n->name, near)
                : eval_fail(ev, n->at, "'%s' is not defined", n->name);
}

static cseg_status eval_fstring(eval *ev, const ast_node *n, strbuf *text);

static cseg_status eval_field(eval *ev, const ast_node *n, strbuf *text)
{
    value *v;
    strbuf spec = {.mem = ev->mem}, converted = {.mem = ev->mem};
    if (n->name)
        strbuf_add(text, n->name);
    TRY(eval_node(ev, n->a, &v));
    if (n->op == 's')
        TRY(eval_str(ev, n->at, v, &converted));
    else if (n->op)
        TRY(eval_repr(ev, n->at, v, &converted));
    if (n->op)
        TRY(eval_text(ev, n->at, &converted, &v));
    if (n->b)
        TRY(eval_fstring(ev, n->b, &spec));
    return format_value(ev, n->at, v, spec.text ? spec.text : "", spec.n, text);
}

static cseg_status eval_fstring(eval *ev, const ast_node *n, strbuf *text)
{
    for (size_t i = 0; i < n->n; i++) {
        if (n->item[i]->kind == N_FIELD)
            TRY(eval_field(ev, n->item[i], text));
        else
            strbuf_addn(text, n->item[i]->constant->as.str.text, n->item[i]->constant->as.str.n);
    }
    return text->failed ? fail_memory(ev->err) : eval_charge(ev, n->at, text->n / 64);
}

/* Evaluates the elements of a list, tuple or set, or the positional arguments of a call, with stars spread. */
static cseg_status eval_spread(eval *ev, const ast_node *n, value *list)
{
    if (n->kind != N_STAR) {
        value *v;
        TRY(eval_node(ev, n, &v));
        return list->kind == V_SET ? eval_add_unique(ev, n->at, list, v) : eval_append(ev, n->at, list, v);
    }
    value *v, **items;
    size_t count;
    TRY(eval_node(ev, n->a, &v));
    TRY(eval_items(ev, n->at, v, &items, &count));
    for (size_t i = 0; i < count; i++)
        TRY(list->kind == V_SET ? eval_add_unique(ev, n->at, list, items[i]) : eval_append(ev, n->at, list, items[i]));
    return CSEG_OK;
}

static cseg_status eval_display(eval *ev, const ast_node *n, value_kind kind, value **out)
{
    TRY(eval_new(ev, n->at, kind, out));
    for (size_t i = 0; i < n->n; i++)
        TRY(eval_spread(ev, n->item[i], *out));
    return CSEG_OK;
}

static cseg_status eval_dict(eval *ev, const ast_node *n, value **out)
{
    TRY(eval_new(ev, n->at, V_DICT, out));
    for (size_t i = 0; i < n->n; i += 2) {
        value *key, *item;
        if (n->item[i])
            TRY(eval_node(ev, n->item[i], &key));
        TRY(eval_node(ev, n->item[i + 1], &item));
        if (n->item[i]) {
            TRY(eval_put(ev, n->item[i]->at, *out, key, item));
        } else {
            if (item->kind != V_DICT)
                return eval_fail(ev, n->item[i + 1]->at, "'**' wants a dict, not %s", value_kind_name(item));
            TRY(eval_pairs(ev, n->item[i + 1]->at, item, *out));
        }
    }
    return CSEG_OK;
}

/* What a comprehension makes of one round. */
static cseg_status eval_element(eval *ev, const ast_node *n, value *out)
{
    value *a, *b;
    TRY(eval_node(ev, n->a, &a));
    if (n->kind == N_SET_OF)
        return eval_add_unique(ev, n->a->at, out, a);
    if (n->kind != N_DICT_OF)
        return eval_append(ev, n->a->at, out, a);
    TRY(eval_node(ev, n->b, &b));
    return eval_put(ev, n->a->at, out, a, b);
}

static cseg_status eval_clauses(eval *ev, const ast_node *n, size_t i, value *out)
{
    if (i == n->n)
        return eval_element(ev, n, out);
    const ast_node *clause = n->item[i];
    value *box, **items, *truth;
    size_t count;
    if (++ev->depth > EVAL_DEPTH)
        return eval_fail(ev, clause->at, "nested too deeply");
    TRY(eval_node(ev, clause->b, &box));
    TRY(eval_items(ev, clause->b->at, box, &items, &count));
    for (size_t k = 0; k < count; k++) {
        bool wanted = true;
        TRY(eval_assign(ev, clause->a, items[k]));
        for (size_t c = 0; wanted && c < clause->n; c++) {
            TRY(eval_node(ev, clause->item[c], &truth));
            wanted = value_true(truth);
        }
        if (wanted)
            TRY(eval_clauses(ev, n, i + 1, out));
    }
    ev->depth--;
    return CSEG_OK;
}

static cseg_status eval_comprehension(eval *ev, const ast_node *n, value **out)
{
    value_kind kind = n->kind == N_DICT_OF ? V_DICT : n->kind == N_SET_OF ? V_SET : V_LIST;
    scope inner = {.up = ev->local};
    TRY(eval_new(ev, n->at, V_DICT, &inner.names));
    TRY(eval_new(ev, n->at, kind, out));
    ev->local = &inner;
    cseg_status status = eval_clauses(ev, n, 0, *out);
    ev->local = inner.up;
    return status;
}

static cseg_status eval_comparison(eval *ev, const ast_node *n, value **out)
{
    value *a, *b;
    bool truth = true;
    TRY(eval_node(ev, n->a, &a));
    for (size_t i = 0; truth && i < n->n; i++, a = b) {
        TRY(eval_node(ev, n->item[i], &b));
        TRY(eval_compare(ev, n->at, n->ops[i], a, b, &truth));
    }
    return eval_bool(ev, n->at, truth, out);
}

static cseg_status add_named(eval *ev, const ast_node *arg, const char *name, value *v, args *a, size_t *cap)
{
    for (size_t i = 0; i < a->names; i++)
        if (strcmp(a->name[i], name) == 0)
            return eval_fail(ev, arg->at, "'%s' is given twice", name);
    size_t same = *cap;
    if (!vec_reserve_(ev->mem, (void **)&a->name, a->names, cap, a->names + 1, sizeof *a->name) ||
        !vec_reserve_(ev->mem, (void **)&a->named, a->names, &same, a->names + 1, sizeof *a->named))
        return fail_memory(ev->err);
    a->name[a->names] = name;
    a->named[a->names++] = v;
    return eval_charge(ev, arg->at, a->names / 16);
}

static cseg_status add_keyword(eval *ev, const ast_node *arg, args *a, size_t *cap)
{
    value *v;
    TRY(eval_node(ev, arg->a, &v));
    if (arg->name)
        return add_named(ev, arg, arg->name, v, a, cap);
    if (v->kind != V_DICT)
        return eval_fail(ev, arg->at, "'**' wants a dict, not %s", value_kind_name(v));
    for (size_t i = 0; i < v->as.dict.n; i++) {
        if (v->as.dict.entry[i].key_value)
            return eval_fail(ev, arg->at, "'**' wants a dict whose keys are strings");
        TRY(add_named(ev, arg, v->as.dict.entry[i].key, v->as.dict.entry[i].item, a, cap));
    }
    return CSEG_OK;
}

static cseg_status eval_call_node(eval *ev, const ast_node *n, value **out)
{
    value *callee, *positional;
    args a = {0};
    size_t cap = 0;
    TRY(eval_node(ev, n->a, &callee));
    TRY(eval_new(ev, n->at, V_LIST, &positional));
    for (size_t i = 0; i < n->n; i++) {
        if (n->item[i]->kind == N_KEYWORD)
            TRY(add_keyword(ev, n->item[i], &a, &cap));
        else
            TRY(eval_spread(ev, n->item[i], positional));
    }
    a.at = positional->as.list.item;
    a.n = positional->as.list.n;
    return eval_call(ev, n->at, callee, &a, out);
}

static cseg_status eval_index_node(eval *ev, const ast_node *n, value **out)
{
    value *a, *b;
    TRY(eval_node(ev, n->a, &a));
    if (n->b->kind == N_SLICE)
        return eval_slice(ev, n->at, a, n->b, out);
    TRY(eval_node(ev, n->b, &b));
    return eval_index(ev, n->at, a, b, out);
}

static cseg_status eval_walrus(eval *ev, const ast_node *n, value **out)
{
    TRY(eval_node(ev, n->a, out));
    return eval_put_name(ev, n->at, ev->globals, n->name, *out);
}

static cseg_status eval_inner(eval *ev, const ast_node *n, value **out)
{
    value *a, *b;
    switch (n->kind) {
    case N_CONST:
        *out = n->constant;
        return CSEG_OK;
    case N_NAME:
        return eval_name(ev, n, out);
    case N_FSTRING: {
        strbuf text = {.mem = ev->mem};
        TRY(eval_fstring(ev, n, &text));
        return eval_text(ev, n->at, &text, out);
    }
    case N_TUPLE:
        return eval_display(ev, n, V_TUPLE, out);
    case N_LIST:
        return eval_display(ev, n, V_LIST, out);
    case N_SET:
        return eval_display(ev, n, V_SET, out);
    case N_DICT:
        return eval_dict(ev, n, out);
    case N_CALL:
        return eval_call_node(ev, n, out);
    case N_ATTRIBUTE:
        TRY(eval_node(ev, n->a, &a));
        return eval_attribute(ev, n->at, a, n->name, out);
    case N_INDEX:
        return eval_index_node(ev, n, out);
    case N_UNARY:
        TRY(eval_node(ev, n->a, &a));
        return eval_unary(ev, n->at, n->op, a, out);
    case N_BINARY:
        TRY(eval_node(ev, n->a, &a));
        TRY(eval_node(ev, n->b, &b));
        return eval_binary(ev, n->at, n->op, a, b, out);
    case N_NOT:
        TRY(eval_node(ev, n->a, &a));
        return eval_bool(ev, n->at, !value_true(a), out);
    case N_AND:
    case N_OR:
        TRY(eval_node(ev, n->a, out));
        return value_true(*out) == (n->kind == N_AND) ? eval_node(ev, n->b, out) : CSEG_OK;
    case N_COMPARE:
        return eval_comparison(ev, n, out);
    case N_CHOICE:
        TRY(eval_node(ev, n->a, &a));
        return eval_node(ev, value_true(a) ? n->b : n->c, out);
    case N_WALRUS:
        return eval_walrus(ev, n, out);
    case N_LIST_OF:
    case N_SET_OF:
    case N_DICT_OF:
    case N_GENERATOR:
        return eval_comprehension(ev, n, out);
    case N_STAR:
        return eval_fail(ev, n->at, "'*' has no meaning here");
    case N_SLICE:
        return eval_fail(ev, n->at, "a slice has no meaning here");
    default:
        return eval_fail(ev, n->at, "this has no meaning here");
    }
}

cseg_status eval_node(eval *ev, const ast_node *n, value **out)
{
    TRY(eval_charge(ev, n->at, 0));
    if (++ev->depth > EVAL_DEPTH)
        return eval_fail(ev, n->at, "nested more than %d levels deep", EVAL_DEPTH);
    cseg_status status = eval_inner(ev, n, out);
    ev->depth--;
    return status;
}
