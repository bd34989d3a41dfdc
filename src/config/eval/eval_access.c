/* Evaluates attributes, indices, slices and calls, and assigns to targets. */
#include <string.h>

#include "config/eval/eval.h"

static cseg_status no_attribute(eval *ev, spot at, const value *v, const char *name)
{
    if (v->kind != V_DICT)
        return eval_fail(ev, at, "%s has no attribute '%s'", value_kind_name(v), name);
    if (!v->as.dict.attributes)
        return eval_fail(ev, at, "a plain dict has no attribute '%s'; write ['%s']", name, name);
    const char **keys = ARENA_ARRAY(ev->mem, v->as.dict.n, const char *);
    if (!keys)
        return fail_memory(ev->err);
    for (size_t i = 0; i < v->as.dict.n; i++)
        keys[i] = v->as.dict.entry[i].key;
    const char *near = str_nearest(name, keys, v->as.dict.n);
    return near ? eval_fail(ev, at, "this dict has no key '%s'; is '%s' meant?", name, near)
                : eval_fail(ev, at, "this dict has no key '%s'", name);
}

static cseg_status refuse_unknown(eval *ev, spot at, const value *v)
{
    return eval_refuse(ev, at, "'%s' is not part of the config language", v->as.object->name);
}

cseg_status eval_attribute(eval *ev, spot at, value *v, const char *name, value **out)
{
    TRY(eval_charge(ev, at, 0));
    if (v->kind == V_NAME) {
        char *dotted = arena_printf(ev->mem, "%s.%s", v->as.str.text, name);
        if (!dotted)
            return fail_memory(ev->err);
        TRY(eval_charge(ev, at, v->as.str.n / 16));
        TRY(eval_string(ev, at, dotted, strlen(dotted), out));
        (*out)->kind = V_NAME;
        return CSEG_OK;
    }
    if (v->kind == V_OBJECT && v->as.object->kind == OBJ_MODULE)
        return module_member(ev, at, v->as.object->name, name, out);
    if (v->kind == V_OBJECT && v->as.object->kind == OBJ_UNKNOWN)
        return refuse_unknown(ev, at, v);
    const builtin *method = v->kind == V_OBJECT && v->as.object->kind == OBJ_ENVIRON ? method_find(V_OBJECT, name)
                            : v->kind == V_OBJECT                                    ? NULL
                                                                                     : method_find(v->kind, name);
    if (method)
        return eval_object(ev, at, OBJ_METHOD, method->name, method, v, out);
    if (v->kind == V_DICT && v->as.dict.attributes && (*out = value_get(v, name)))
        return CSEG_OK;
    return no_attribute(ev, at, v, name);
}

static cseg_status list_place(eval *ev, spot at, const value *index, size_t n, size_t *place)
{
    int64_t i;
    TRY(eval_integer(ev, at, index, "an index", &i));
    int64_t from_start = i < 0 ? i + (int64_t)n : i;
    if (from_start < 0 || from_start >= (int64_t)n)
        return eval_fail(ev, at, "index %lld is outside; there are %zu elements", (long long)i, n);
    *place = (size_t)from_start;
    return CSEG_OK;
}

static cseg_status index_dict(eval *ev, spot at, const value *v, const value *key, value **out)
{
    value_entry *e;
    TRY(eval_lookup(ev, at, v, key, &e));
    if (e) {
        *out = e->item;
        return CSEG_OK;
    }
    strbuf text = {.mem = ev->mem};
    TRY(eval_repr(ev, at, key, &text));
    return eval_fail(ev, at, "this dict has no key %.200s", text.text);
}

cseg_status eval_index(eval *ev, spot at, value *v, value *index, value **out)
{
    size_t place;
    switch (v->kind) {
    case V_LIST:
    case V_TUPLE:
        TRY(list_place(ev, at, index, v->as.list.n, &place));
        *out = v->as.list.item[place];
        return CSEG_OK;
    case V_STR: {
        TRY(eval_charge(ev, at, v->as.str.n / 64));
        TRY(list_place(ev, at, index, utf8_count(v->as.str.text, v->as.str.n), &place));
        size_t from = utf8_offset(v->as.str.text, v->as.str.n, place);
        return eval_string(ev, at, v->as.str.text + from, utf8_offset(v->as.str.text + from, v->as.str.n - from, 1),
                           out);
    }
    case V_DICT:
        return index_dict(ev, at, v, index, out);
    case V_OBJECT:
        if (v->as.object->kind == OBJ_ENVIRON && index->kind == V_STR) {
            TRY(eval_environ_get(ev, at, index->as.str.text, out));
            return *out ? CSEG_OK : eval_fail(ev, at, "the environment has no variable '%.200s'", index->as.str.text);
        }
        if (v->as.object->kind == OBJ_UNKNOWN)
            return refuse_unknown(ev, at, v);
        /* fall through */
    default:
        return eval_fail(ev, at, "%s cannot be indexed", value_kind_name(v));
    }
}

static cseg_status slice_part(eval *ev, const ast_node *n, int64_t *out, bool *given)
{
    value *v;
    *given = false;
    if (!n)
        return CSEG_OK;
    TRY(eval_node(ev, n, &v));
    if (v->kind == V_NONE)
        return CSEG_OK;
    *given = true;
    return eval_integer(ev, n->at, v, "a slice's bound", out);
}

static int64_t clamp(int64_t i, int64_t n, int64_t low, int64_t high)
{
    if (i < 0)
        i += n;
    return i < low ? low : i > high ? high : i;
}

cseg_status eval_slice_bounds(eval *ev, const ast_node *slice, size_t length, int64_t *start, int64_t *step,
                              size_t *count)
{
    int64_t n = (int64_t)length, stop = 0;
    bool has_start, has_stop, has_step;
    TRY(slice_part(ev, slice->a, start, &has_start));
    TRY(slice_part(ev, slice->b, &stop, &has_stop));
    TRY(slice_part(ev, slice->c, step, &has_step));
    if (!has_step)
        *step = 1;
    if (*step == 0 || *step == INT64_MIN)
        return eval_fail(ev, slice->at, "a slice's step may not be %s", *step ? "so large" : "0");
    int64_t low = *step > 0 ? 0 : -1, high = *step > 0 ? n : n - 1;
    *start = has_start ? clamp(*start, n, low, high) : *step > 0 ? 0 : n - 1;
    stop = has_stop ? clamp(stop, n, low, high) : *step > 0 ? n : -1;
    int64_t span = *step > 0 ? stop - *start : *start - stop, stride = *step > 0 ? *step : -*step;
    *count = span > 0 ? (size_t)((span - 1) / stride + 1) : 0;
    return CSEG_OK;
}

cseg_status eval_slice(eval *ev, spot at, value *v, const ast_node *slice, value **out)
{
    int64_t start, step;
    size_t count, n;
    value **items;
    if (v->kind != V_LIST && v->kind != V_TUPLE && v->kind != V_STR)
        return eval_fail(ev, at, "%s cannot be sliced", value_kind_name(v));
    TRY(eval_items(ev, at, v, &items, &n));
    TRY(eval_slice_bounds(ev, slice, n, &start, &step, &count));
    TRY(eval_room(ev, at, count, sizeof(value *)));
    strbuf text = {.mem = ev->mem};
    if (v->kind != V_STR)
        TRY(eval_new(ev, at, v->kind, out));
    for (size_t i = 0; i < count; i++) {
        value *item = items[start + (int64_t)i * step];
        if (v->kind == V_STR)
            strbuf_addn(&text, item->as.str.text, item->as.str.n);
        else
            TRY(eval_append(ev, at, *out, item));
    }
    return v->kind == V_STR ? eval_text(ev, at, &text, out) : CSEG_OK;
}

/* The place of `name` among the builtin's parameters ("a|b|c"), or -1. */
static int parameter_of(const builtin *fn, const char *name)
{
    size_t length = strlen(name);
    int i = 0;
    for (const char *p = fn->params; p; i++) {
        size_t n = strcspn(p, "|");
        if (n == length && n > 0 && memcmp(p, name, n) == 0)
            return i;
        p = p[n] ? p + n + 1 : NULL;
    }
    return -1;
}

static cseg_status bind(eval *ev, spot at, const builtin *fn, args *a)
{
    if (fn->most >= 0 && a->n > (size_t)fn->most)
        return eval_fail(ev, at, "%s() takes %d argument%s at most, not %zu", fn->name, fn->most,
                         fn->most == 1 ? "" : "s", a->n);
    if (!fn->params && a->names)
        return eval_fail(ev, at, "%s() takes no argument with a name, not '%s'", fn->name, a->name[0]);
    if (fn->params && strcmp(fn->params, "*") != 0) {
        value **all = ARENA_ARRAY(ev->mem, (size_t)fn->most, value *);
        if (!all)
            return fail_memory(ev->err);
        if (a->n)
            memcpy(all, a->at, a->n * sizeof *all);
        for (size_t i = 0; i < a->names; i++) {
            int place = parameter_of(fn, a->name[i]);
            if (place < 0)
                return eval_fail(ev, at, "%s() has no argument '%s'", fn->name, a->name[i]);
            if (all[place])
                return eval_fail(ev, at, "%s() is given '%s' twice", fn->name, a->name[i]);
            all[place] = a->named[i];
        }
        a->at = all;
        a->n = (size_t)fn->most;
    }
    for (int i = 0; i < fn->least; i++)
        if ((size_t)i >= a->n || !a->at[i])
            return eval_fail(ev, at, "%s() wants %d argument%s", fn->name, fn->least, fn->least == 1 ? "" : "s");
    return CSEG_OK;
}

cseg_status eval_call(eval *ev, spot at, value *callee, args *a, value **out)
{
    if (callee->kind == V_NAME)
        return eval_refuse(ev, at, "%s is imported and cannot be called in a config; write dict(type=...)",
                           callee->as.str.text);
    if (callee->kind == V_OBJECT && callee->as.object->kind == OBJ_UNKNOWN)
        return refuse_unknown(ev, at, callee);
    if (callee->kind != V_OBJECT || !callee->as.object->fn)
        return eval_fail(ev, at, "%s cannot be called", value_kind_name(callee));
    const builtin *fn = callee->as.object->fn;
    TRY(eval_charge(ev, at, a->n / 16));
    TRY(bind(ev, at, fn, a));
    if (++ev->depth > EVAL_DEPTH)
        return eval_fail(ev, at, "nested too deeply");
    cseg_status status = fn->fn(ev, at, callee->as.object->self, a, out);
    ev->depth--;
    return status;
}

static cseg_status assign_slice(eval *ev, const ast_node *target, value *box, value *v)
{
    value **items;
    size_t count, n;
    int64_t start, step;
    if (box->kind != V_LIST)
        return eval_fail(ev, target->at, "a slice of %s cannot be assigned to", value_kind_name(box));
    TRY(eval_slice_bounds(ev, target->b, box->as.list.n, &start, &step, &count));
    TRY(eval_items(ev, target->at, v, &items, &n));
    if (step != 1) {
        if (n != count)
            return eval_fail(ev, target->at, "%zu values for a slice of %zu", n, count);
        for (size_t i = 0; i < count; i++)
            box->as.list.item[start + (int64_t)i * step] = items[i];
        return CSEG_OK;
    }
    size_t total = box->as.list.n - count + n, after = box->as.list.n - (size_t)start - count;
    TRY(eval_room(ev, target->at, total, sizeof(value *)));
    value **all = ARENA_ARRAY(ev->mem, total, value *);
    if (!all)
        return fail_memory(ev->err);
    value **old = box->as.list.item;
    if (start)
        memcpy(all, old, (size_t)start * sizeof *all);
    if (n)
        memcpy(all + start, items, n * sizeof *all);
    if (after)
        memcpy(all + (size_t)start + n, old + (size_t)start + count, after * sizeof *all);
    box->as.list.item = all;
    box->as.list.n = box->as.list.cap = total;
    return CSEG_OK;
}

static cseg_status assign_index(eval *ev, const ast_node *target, value *v)
{
    value *box, *index;
    size_t place;
    TRY(eval_node(ev, target->a, &box));
    if (target->b->kind == N_SLICE)
        return assign_slice(ev, target, box, v);
    TRY(eval_node(ev, target->b, &index));
    if (box->kind == V_DICT)
        return eval_put(ev, target->at, box, index, v);
    if (box->kind != V_LIST)
        return eval_fail(ev, target->at, "an element of %s cannot be assigned to", value_kind_name(box));
    TRY(list_place(ev, target->at, index, box->as.list.n, &place));
    box->as.list.item[place] = v;
    return CSEG_OK;
}

static cseg_status assign_attribute(eval *ev, const ast_node *target, value *v)
{
    value *box;
    TRY(eval_node(ev, target->a, &box));
    if (box->kind != V_DICT || !box->as.dict.attributes)
        return no_attribute(ev, target->at, box, target->name);
    if (method_find(V_DICT, target->name))
        return eval_fail(ev, target->at, "'%s' is a method of dicts; write ['%s']", target->name, target->name);
    return eval_put_name(ev, target->at, box, target->name, v);
}

static cseg_status assign_many(eval *ev, const ast_node *target, value *v)
{
    value **items;
    size_t n, star = target->n;
    TRY(eval_items(ev, target->at, v, &items, &n));
    for (size_t i = 0; i < target->n; i++)
        if (target->item[i]->kind == N_STAR)
            star = i;
    bool starred = star < target->n;
    if (starred ? n + 1 < target->n : n != target->n)
        return eval_fail(ev, target->at, "%zu values for %zu names", n, target->n - starred);
    for (size_t i = 0; i < target->n; i++) {
        if (i != star) {
            TRY(eval_assign(ev, target->item[i], items[i > star ? n - (target->n - i) : i]));
            continue;
        }
        value *rest;
        TRY(eval_new(ev, target->at, V_LIST, &rest));
        for (size_t k = star; k + (target->n - star - 1) < n; k++)
            TRY(eval_append(ev, target->at, rest, items[k]));
        TRY(eval_assign(ev, target->item[i]->a, rest));
    }
    return CSEG_OK;
}

cseg_status eval_assign(eval *ev, const ast_node *target, value *v)
{
    TRY(eval_charge(ev, target->at, 0));
    switch (target->kind) {
    case N_NAME:
        return eval_put_name(ev, target->at, ev->local ? ev->local->names : ev->globals, target->name, v);
    case N_ATTRIBUTE:
        return assign_attribute(ev, target, v);
    case N_INDEX:
        return assign_index(ev, target, v);
    case N_TUPLE:
    case N_LIST:
        return assign_many(ev, target, v);
    default:
        return eval_fail(ev, target->at, "nothing can be assigned to this");
    }
}
