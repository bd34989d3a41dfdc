/* Functions and types that a config can use without an import. */
#include <string.h>

#include "base/log.h"
#include "config/eval/eval.h"
#include "config/syntax/lexer.h"

static cseg_status call_dict(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(eval_new(ev, at, V_DICT, out));
    (*out)->as.dict.entry = ARENA_ARRAY(ev->mem, a->names, value_entry);
    if (!(*out)->as.dict.entry)
        return fail_memory(ev->err);
    (*out)->as.dict.cap = a->names;
    if (a->n)
        TRY(eval_pairs(ev, at, a->at[0], *out));
    for (size_t i = 0; i < a->names; i++)
        TRY(eval_put_name(ev, at, *out, a->name[i], a->named[i]));
    return CSEG_OK;
}

static cseg_status collect(eval *ev, spot at, value_kind kind, const args *a, value **out)
{
    value **items;
    size_t n;
    TRY(eval_new(ev, at, kind, out));
    if (!a->n)
        return CSEG_OK;
    TRY(eval_items(ev, at, a->at[0], &items, &n));
    for (size_t i = 0; i < n; i++)
        TRY(kind == V_SET ? eval_add_unique(ev, at, *out, items[i]) : eval_append(ev, at, *out, items[i]));
    return CSEG_OK;
}

static cseg_status call_list(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return collect(ev, at, V_LIST, a, out);
}

static cseg_status call_tuple(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return collect(ev, at, V_TUPLE, a, out);
}

static cseg_status call_set(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return collect(ev, at, V_SET, a, out);
}

static cseg_status call_str(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    strbuf text = {.mem = ev->mem};
    if (a->n)
        TRY(eval_str(ev, at, a->at[0], &text));
    return eval_text(ev, at, &text, out);
}

static cseg_status call_repr(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    strbuf text = {.mem = ev->mem};
    TRY(eval_repr(ev, at, a->at[0], &text));
    return eval_text(ev, at, &text, out);
}

static cseg_status call_bool(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return eval_bool(ev, at, a->n && value_true(a->at[0]), out);
}

static cseg_status call_len(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    const value *v = a->at[0];
    if (v->kind == V_STR)
        return eval_int(ev, at, (int64_t)utf8_count(v->as.str.text, v->as.str.n), out);
    if (v->kind != V_DICT && !value_is_list(v))
        return eval_fail(ev, at, "%s has no length", value_kind_name(v));
    return eval_int(ev, at, (int64_t)value_count(v), out);
}

static cseg_status call_range(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    int64_t bound[3] = {0, 0, 1};
    for (size_t i = 0; i < a->n; i++)
        TRY(eval_integer(ev, at, a->at[i], "range()'s argument", &bound[i]));
    int64_t start = a->n == 1 ? 0 : bound[0], stop = a->n == 1 ? bound[0] : bound[1], step = bound[2];
    if (step == 0)
        return eval_fail(ev, at, "range()'s step may not be 0");
    /* In unsigned arithmetic, so that the widest ranges do not overflow. */
    uint64_t span = step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    uint64_t n = (step > 0 ? start < stop : start > stop) ? (span - 1) / stride + 1 : 0;
    TRY(eval_room(ev, at, n > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)n, sizeof(value) + sizeof(value *)));
    TRY(eval_new(ev, at, V_LIST, out));
    for (uint64_t i = 0; i < n; i++) {
        value *v;
        TRY(eval_int(ev, at, (int64_t)((uint64_t)start + i * (uint64_t)step), &v));
        TRY(eval_append(ev, at, *out, v));
    }
    return CSEG_OK;
}

static cseg_status call_sum(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    value **items;
    size_t n;
    TRY(eval_items(ev, at, a->at[0], &items, &n));
    if (a->at[1] && a->at[1]->kind == V_STR)
        return eval_fail(ev, at, "sum() adds no strings; write ''.join(...)");
    if (a->at[1])
        *out = a->at[1];
    else
        TRY(eval_int(ev, at, 0, out));
    for (size_t i = 0; i < n; i++)
        TRY(eval_binary(ev, at, OP('+'), *out, items[i], out));
    return CSEG_OK;
}

/* What a sort, min or max compares: the item, or key(item). */
static cseg_status key_of(eval *ev, spot at, value *key, value *item, value **out)
{
    args a = {.at = &item, .n = 1};
    *out = item;
    return key && key->kind != V_NONE ? eval_call(ev, at, key, &a, out) : CSEG_OK;
}

static value *named(const args *a, const char *name)
{
    for (size_t i = 0; i < a->names; i++)
        if (strcmp(a->name[i], name) == 0)
            return a->named[i];
    return NULL;
}

static cseg_status extreme(eval *ev, spot at, const char *name, uint32_t op, const args *a, value **out)
{
    value **items = a->at, *best = NULL;
    size_t n = a->n;
    for (size_t i = 0; i < a->names; i++)
        if (strcmp(a->name[i], "key") != 0 && strcmp(a->name[i], "default") != 0)
            return eval_fail(ev, at, "%s() has no argument '%s'", name, a->name[i]);
    if (n == 1)
        TRY(eval_items(ev, at, a->at[0], &items, &n));
    *out = named(a, "default");
    for (size_t i = 0; i < n; i++) {
        value *key;
        bool better = true;
        TRY(key_of(ev, at, named(a, "key"), items[i], &key));
        if (best)
            TRY(eval_compare(ev, at, op, key, best, &better));
        if (better) {
            best = key;
            *out = items[i];
        }
    }
    return *out ? CSEG_OK : eval_fail(ev, at, "%s() of nothing", name);
}

static cseg_status call_min(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return extreme(ev, at, "min", OP('<'), a, out);
}

static cseg_status call_max(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return extreme(ev, at, "max", OP('>'), a, out);
}

/* A stable merge sort of n items by their keys; `spare` has room for 2n. */
static cseg_status merge_sort(eval *ev, spot at, value **item, value **key, size_t n, value **spare, bool reverse)
{
    if (n < 2)
        return CSEG_OK;
    size_t half = n / 2, i = 0, j = half, k = 0;
    TRY(merge_sort(ev, at, item, key, half, spare, reverse));
    TRY(merge_sort(ev, at, item + half, key + half, n - half, spare, reverse));
    for (; k < n; k++) {
        bool second = i == half;
        if (i < half && j < n)
            TRY(eval_compare(ev, at, reverse ? OP('>') : OP('<'), key[j], key[i], &second));
        size_t from = second ? j++ : i++;
        spare[2 * k] = item[from];
        spare[2 * k + 1] = key[from];
    }
    for (k = 0; k < n; k++) {
        item[k] = spare[2 * k];
        key[k] = spare[2 * k + 1];
    }
    return CSEG_OK;
}

cseg_status builtin_sort(eval *ev, spot at, value *list, value *key, bool reverse)
{
    size_t n = list->as.list.n;
    TRY(eval_room(ev, at, n, 3 * sizeof(value *)));
    value **keys = ARENA_ARRAY(ev->mem, n, value *), **spare = ARENA_ARRAY(ev->mem, 2 * n, value *);
    if (!keys || !spare)
        return fail_memory(ev->err);
    for (size_t i = 0; i < n; i++)
        TRY(key_of(ev, at, key, list->as.list.item[i], &keys[i]));
    return merge_sort(ev, at, list->as.list.item, keys, n, spare, reverse);
}

static cseg_status call_sorted(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    args one = {.at = a->at, .n = 1};
    TRY(collect(ev, at, V_LIST, &one, out));
    return builtin_sort(ev, at, *out, a->at[1], a->at[2] && value_true(a->at[2]));
}

static cseg_status call_reversed(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(collect(ev, at, V_LIST, a, out));
    for (size_t i = 0, n = (*out)->as.list.n; i < n / 2; i++) {
        value *v = (*out)->as.list.item[i];
        (*out)->as.list.item[i] = (*out)->as.list.item[n - 1 - i];
        (*out)->as.list.item[n - 1 - i] = v;
    }
    return CSEG_OK;
}

static cseg_status call_zip(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    size_t n = a->n ? SIZE_MAX : 0;
    value *columns, *row;
    TRY(eval_new(ev, at, V_LIST, &columns));
    for (size_t i = 0; i < a->n; i++) {
        args one = {.at = &a->at[i], .n = 1};
        value *column;
        TRY(collect(ev, at, V_LIST, &one, &column));
        TRY(eval_append(ev, at, columns, column));
        n = column->as.list.n < n ? column->as.list.n : n;
    }
    TRY(eval_new(ev, at, V_LIST, out));
    for (size_t k = 0; k < n; k++) {
        TRY(eval_new(ev, at, V_TUPLE, &row));
        for (size_t i = 0; i < a->n; i++)
            TRY(eval_append(ev, at, row, columns->as.list.item[i]->as.list.item[k]));
        TRY(eval_append(ev, at, *out, row));
    }
    return CSEG_OK;
}

static cseg_status call_enumerate(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    value **items, *row, *number;
    size_t n;
    int64_t start = 0, i;
    if (a->at[1])
        TRY(eval_integer(ev, at, a->at[1], "the start", &start));
    TRY(eval_items(ev, at, a->at[0], &items, &n));
    TRY(eval_new(ev, at, V_LIST, out));
    for (size_t k = 0; k < n; k++) {
        if (__builtin_add_overflow(start, (int64_t)k, &i))
            return eval_refuse(ev, at, "integers beyond 64 bits are not part of the config language");
        TRY(eval_int(ev, at, i, &number));
        TRY(eval_new(ev, at, V_TUPLE, &row));
        TRY(eval_append(ev, at, row, number));
        TRY(eval_append(ev, at, row, items[k]));
        TRY(eval_append(ev, at, *out, row));
    }
    return CSEG_OK;
}

static cseg_status apply(eval *ev, spot at, const args *a, bool filter, value **out)
{
    value **items, *result;
    size_t n;
    TRY(eval_items(ev, at, a->at[1], &items, &n));
    TRY(eval_new(ev, at, V_LIST, out));
    for (size_t i = 0; i < n; i++) {
        TRY(key_of(ev, at, a->at[0], items[i], &result));
        if (!filter || value_true(result))
            TRY(eval_append(ev, at, *out, filter ? items[i] : result));
    }
    return CSEG_OK;
}

static cseg_status call_map(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return apply(ev, at, a, false, out);
}

static cseg_status call_filter(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return apply(ev, at, a, true, out);
}

/* Whether the truth `wanted` occurs. */
static cseg_status search(eval *ev, spot at, const args *a, bool wanted, bool *found)
{
    value **items;
    size_t n;
    TRY(eval_items(ev, at, a->at[0], &items, &n));
    *found = false;
    for (size_t i = 0; i < n; i++)
        *found |= value_true(items[i]) == wanted;
    return CSEG_OK;
}

static cseg_status call_any(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    bool found;
    TRY(search(ev, at, a, true, &found));
    return eval_bool(ev, at, found, out);
}

static cseg_status call_all(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    bool found;
    TRY(search(ev, at, a, false, &found));
    return eval_bool(ev, at, !found, out);
}

static cseg_status is_instance(eval *ev, spot at, const value *v, const value *type, bool *out)
{
    if (type->kind == V_TUPLE) {
        *out = false;
        for (size_t i = 0; !*out && i < type->as.list.n; i++) {
            if (type->as.list.item[i]->kind == V_TUPLE)
                return eval_refuse(ev, at, "isinstance() with a tuple of tuples");
            TRY(is_instance(ev, at, v, type->as.list.item[i], out));
        }
        return CSEG_OK;
    }
    if (type->kind != V_OBJECT || !type->as.object->fn || type->as.object->fn->type == V_OBJECT)
        return eval_refuse(ev, at, "isinstance() with anything but the types of literals");
    value_kind kind = type->as.object->fn->type;
    *out = v->kind == kind || (kind == V_INT && v->kind == V_BOOL);
    return CSEG_OK;
}

static cseg_status call_isinstance(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    bool is;
    TRY(is_instance(ev, at, a->at[0], a->at[1], &is));
    return eval_bool(ev, at, is, out);
}

static cseg_status call_type(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    static const char *const names[] = {NULL,    "bool", "int",  "float", "str", "list",
                                        "tuple", "set",  "dict", NULL,    NULL};
    const char *name = names[a->at[0]->kind];
    if (!name)
        return eval_refuse(ev, at, "type() of %s", value_kind_name(a->at[0]));
    return eval_object(ev, at, OBJ_FUNCTION, name, builtin_find(name), NULL, out);
}

static cseg_status call_format(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    strbuf text = {.mem = ev->mem};
    if (a->n > 1 && a->at[1]->kind != V_STR)
        return eval_fail(ev, at, "a format is a string");
    TRY(format_value(ev, at, a->at[0], a->n > 1 ? a->at[1]->as.str.text : "", a->n > 1 ? a->at[1]->as.str.n : 0,
                     &text));
    return eval_text(ev, at, &text, out);
}

static cseg_status find_attribute(eval *ev, spot at, const args *a, value **out)
{
    if (a->at[1]->kind != V_STR)
        return eval_fail(ev, at, "an attribute's name is a string");
    const value *v = a->at[0];
    *out = v->kind == V_DICT && v->as.dict.attributes ? value_get(v, a->at[1]->as.str.text) : NULL;
    return CSEG_OK;
}

static cseg_status call_getattr(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(find_attribute(ev, at, a, out));
    if (*out)
        return CSEG_OK;
    *out = a->n > 2 ? a->at[2] : NULL;
    return *out ? CSEG_OK : eval_attribute(ev, at, a->at[0], a->at[1]->as.str.text, out);
}

static cseg_status call_hasattr(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(find_attribute(ev, at, a, out));
    return eval_bool(ev, at, *out != NULL, out);
}

static cseg_status call_print(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    strbuf text = {.mem = ev->mem};
    for (size_t i = 0; i < a->n; i++) {
        strbuf_add(&text, i ? " " : "");
        TRY(eval_str(ev, at, a->at[i], &text));
    }
    log_say(LOG_INFO, "%s:%d: %.1000s", ev->s->name, at.line, text.text ? text.text : "");
    return eval_none(ev, at, out);
}

static const builtin table[] = {
    {"dict", call_dict, 0, 1, "*", V_DICT},
    {"len", call_len, 1, 1, NULL, V_OBJECT},
    {"range", call_range, 1, 3, NULL, V_OBJECT},
    {"list", call_list, 0, 1, NULL, V_LIST},
    {"tuple", call_tuple, 0, 1, NULL, V_TUPLE},
    {"set", call_set, 0, 1, NULL, V_SET},
    {"frozenset", call_set, 0, 1, NULL, V_SET},
    {"str", call_str, 0, 1, NULL, V_STR},
    {"bool", call_bool, 0, 1, NULL, V_BOOL},
    {"sum", call_sum, 1, 2, "|start", V_OBJECT},
    {"min", call_min, 1, -1, "*", V_OBJECT},
    {"max", call_max, 1, -1, "*", V_OBJECT},
    {"sorted", call_sorted, 1, 3, "|key|reverse", V_OBJECT},
    {"reversed", call_reversed, 1, 1, NULL, V_OBJECT},
    {"zip", call_zip, 0, -1, NULL, V_OBJECT},
    {"enumerate", call_enumerate, 1, 2, "iterable|start", V_OBJECT},
    {"map", call_map, 2, 2, NULL, V_OBJECT},
    {"filter", call_filter, 2, 2, NULL, V_OBJECT},
    {"any", call_any, 1, 1, NULL, V_OBJECT},
    {"all", call_all, 1, 1, NULL, V_OBJECT},
    {"isinstance", call_isinstance, 2, 2, NULL, V_OBJECT},
    {"type", call_type, 1, 1, NULL, V_OBJECT},
    {"repr", call_repr, 1, 1, NULL, V_OBJECT},
    {"format", call_format, 1, 2, NULL, V_OBJECT},
    {"getattr", call_getattr, 2, 3, NULL, V_OBJECT},
    {"hasattr", call_hasattr, 2, 2, NULL, V_OBJECT},
    {"print", call_print, 0, -1, "*", V_OBJECT},
};

const builtin *builtin_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return builtin_find_number(name);
}

bool builtin_is_python(const char *name)
{
    static const char *const left_out[] = {
        "open",  "eval",     "exec",     "compile",   "__import__", "globals",    "locals",       "vars",
        "input", "setattr",  "delattr",  "iter",      "next",       "slice",      "bytes",        "object",
        "super", "property", "callable", "chr",       "ord",        "hex",        "bin",          "oct",
        "id",    "hash",     "dir",      "complex",   "bytearray",  "memoryview", "staticmethod", "classmethod",
        "exit",  "quit",     "help",     "breakpoint"};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (strcmp(left_out[i], name) == 0)
            return true;
    return false;
}
