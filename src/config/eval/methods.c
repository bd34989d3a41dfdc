/* Methods of dicts, lists, tuples and sets. */
#include <string.h>

#include "config/eval/eval.h"
#include "config/syntax/lexer.h"

static cseg_status dict_get(eval *ev, spot at, value *self, const args *a, value **out)
{
    value_entry *e;
    TRY(eval_lookup(ev, at, self, a->at[0], &e));
    *out = e ? e->item : a->at[1];
    return *out ? CSEG_OK : eval_none(ev, at, out);
}

static cseg_status dict_items(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    TRY(eval_new(ev, at, V_LIST, out));
    for (size_t i = 0; i < self->as.dict.n; i++) {
        value *pair, *key;
        TRY(eval_new(ev, at, V_TUPLE, &pair));
        TRY(eval_key(ev, at, &self->as.dict.entry[i], &key));
        TRY(eval_append(ev, at, pair, key));
        TRY(eval_append(ev, at, pair, self->as.dict.entry[i].item));
        TRY(eval_append(ev, at, *out, pair));
    }
    return CSEG_OK;
}

static cseg_status dict_keys(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    value **keys;
    size_t n;
    TRY(eval_items(ev, at, self, &keys, &n));
    TRY(eval_new(ev, at, V_LIST, out));
    for (size_t i = 0; i < n; i++)
        TRY(eval_append(ev, at, *out, keys[i]));
    return CSEG_OK;
}

static cseg_status dict_values(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    TRY(eval_new(ev, at, V_LIST, out));
    for (size_t i = 0; i < self->as.dict.n; i++)
        TRY(eval_append(ev, at, *out, self->as.dict.entry[i].item));
    return CSEG_OK;
}

static cseg_status shallow_copy(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    TRY(eval_new(ev, at, self->kind, out));
    if (self->kind == V_DICT) {
        (*out)->as.dict.attributes = self->as.dict.attributes;
        return eval_pairs(ev, at, self, *out);
    }
    for (size_t i = 0; i < self->as.list.n; i++)
        TRY(eval_append(ev, at, *out, self->as.list.item[i]));
    return CSEG_OK;
}

cseg_status eval_dict_update(eval *ev, spot at, value *dict, value *other, int depth)
{
    value *pairs = other;
    if (other->kind != V_DICT || other == dict) {
        TRY(eval_new(ev, at, V_DICT, &pairs));
        TRY(eval_pairs(ev, at, other, pairs));
    }
    if (!dict->as.dict.attributes)
        return eval_pairs(ev, at, pairs, dict);
    if (depth > EVAL_DEPTH)
        return eval_fail(ev, at, "nested too deeply");
    for (size_t i = 0; i < pairs->as.dict.n; i++) {
        value *key, *item = pairs->as.dict.entry[i].item;
        value_entry *mine;
        TRY(eval_key(ev, at, &pairs->as.dict.entry[i], &key));
        TRY(eval_lookup(ev, at, dict, key, &mine));
        if (mine && mine->item->kind == V_DICT && item->kind == V_DICT)
            TRY(eval_dict_update(ev, at, mine->item, item, depth + 1));
        else
            TRY(eval_put(ev, at, dict, key, item));
    }
    return CSEG_OK;
}

static cseg_status dict_update_call(eval *ev, spot at, value *self, const args *a, value **out)
{
    value *named;
    if (a->n)
        TRY(eval_dict_update(ev, at, self, a->at[0], 0));
    TRY(eval_new(ev, at, V_DICT, &named));
    for (size_t i = 0; i < a->names; i++)
        TRY(eval_put_name(ev, at, named, a->name[i], a->named[i]));
    TRY(eval_dict_update(ev, at, self, named, 0));
    return eval_none(ev, at, out);
}

static cseg_status dict_pop(eval *ev, spot at, value *self, const args *a, value **out)
{
    value_entry *e;
    TRY(eval_lookup(ev, at, self, a->at[0], &e));
    if (e) {
        *out = e->item;
        value_remove_entry(self, e);
        return CSEG_OK;
    }
    *out = a->at[1];
    if (*out)
        return CSEG_OK;
    /* A ConfigDict gives None where a dict raises an error. */
    return self->as.dict.attributes ? eval_none(ev, at, out) : eval_index(ev, at, self, a->at[0], out);
}

static cseg_status dict_popitem(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    value *key;
    if (self->as.dict.n == 0)
        return eval_fail(ev, at, "popitem() of an empty dict");
    const value_entry *last = &self->as.dict.entry[self->as.dict.n - 1];
    TRY(eval_new(ev, at, V_TUPLE, out));
    TRY(eval_key(ev, at, last, &key));
    TRY(eval_append(ev, at, *out, key));
    TRY(eval_append(ev, at, *out, last->item));
    self->as.dict.n--;
    return CSEG_OK;
}

static cseg_status dict_setdefault(eval *ev, spot at, value *self, const args *a, value **out)
{
    value_entry *e;
    TRY(eval_lookup(ev, at, self, a->at[0], &e));
    if (e) {
        *out = e->item;
        return CSEG_OK;
    }
    *out = a->at[1];
    if (!*out)
        TRY(eval_none(ev, at, out));
    return eval_put(ev, at, self, a->at[0], *out);
}

static cseg_status dict_clear(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    self->as.dict.n = 0;
    return eval_none(ev, at, out);
}

static cseg_status dict_fromkeys(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    value **keys, *item = a->at[1];
    size_t n;
    if (!item)
        TRY(eval_none(ev, at, &item));
    TRY(eval_items(ev, at, a->at[0], &keys, &n));
    TRY(eval_new(ev, at, V_DICT, out));
    for (size_t i = 0; i < n; i++)
        TRY(eval_put(ev, at, *out, keys[i], item));
    return CSEG_OK;
}

/* ConfigDict.merge(): nested dicts merge; `_delete_` in `b` empties that dict of `a` first. `a` and `b` are copies that
 * nobody else holds; *out is the result. */
static cseg_status merge(eval *ev, spot at, value *a, value *b, int depth, value **out)
{
    *out = a;
    if (a->kind != V_DICT)
        return CSEG_OK;
    if (depth > EVAL_DEPTH)
        return eval_fail(ev, at, "nested too deeply");
    const value *del = value_get(a, "_delete_");
    bool empties = value_true(del) && b->kind == V_DICT;
    value_remove(a, "_delete_");
    if (b->kind != V_DICT)
        return CSEG_OK;
    if (empties)
        b->as.dict.n = 0;
    for (size_t i = 0; i < a->as.dict.n; i++) {
        value *key, *item = a->as.dict.entry[i].item;
        value_entry *mine;
        TRY(eval_key(ev, at, &a->as.dict.entry[i], &key));
        TRY(eval_lookup(ev, at, b, key, &mine));
        if (mine)
            TRY(merge(ev, at, item, mine->item, depth + 1, &item));
        else if (item->kind == V_DICT)
            value_remove(item, "_delete_");
        TRY(eval_put(ev, at, b, key, item));
    }
    value_remove(b, "_delete_");
    *out = b;
    return CSEG_OK;
}

static cseg_status dict_merge(eval *ev, spot at, value *self, const args *a, value **out)
{
    value *mine, *other;
    if (!self->as.dict.attributes)
        return eval_fail(ev, at, "a plain dict has no method 'merge'; write .update(...)");
    if (a->at[0]->kind != V_DICT)
        return eval_fail(ev, at, "merge() wants a dict, not %s", value_kind_name(a->at[0]));
    TRY(eval_copy(ev, at, self, &mine));
    TRY(eval_copy(ev, at, a->at[0], &other));
    TRY(merge(ev, at, other, mine, 0, &mine));
    self->as.dict.n = 0;
    TRY(eval_pairs(ev, at, mine, self));
    return eval_none(ev, at, out);
}

static cseg_status dict_to_dict(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    return eval_copy(ev, at, self, out);
}

static cseg_status list_append(eval *ev, spot at, value *self, const args *a, value **out)
{
    TRY(eval_append(ev, at, self, a->at[0]));
    return eval_none(ev, at, out);
}

static cseg_status list_extend(eval *ev, spot at, value *self, const args *a, value **out)
{
    value **items;
    size_t n;
    TRY(eval_items(ev, at, a->at[0], &items, &n));
    for (size_t i = 0; i < n; i++)
        TRY(eval_append(ev, at, self, items[i]));
    return eval_none(ev, at, out);
}

static cseg_status list_insert(eval *ev, spot at, value *self, const args *a, value **out)
{
    int64_t i, n = (int64_t)self->as.list.n;
    TRY(eval_integer(ev, at, a->at[0], "an index", &i));
    i = i < 0 ? i + n : i;
    i = i < 0 ? 0 : i > n ? n : i;
    TRY(eval_charge(ev, at, (size_t)n / 64));
    TRY(eval_append(ev, at, self, a->at[1]));
    memmove(self->as.list.item + i + 1, self->as.list.item + i, (size_t)(n - i) * sizeof(value *));
    self->as.list.item[i] = a->at[1];
    return eval_none(ev, at, out);
}

static void list_take(value *list, size_t i)
{
    memmove(list->as.list.item + i, list->as.list.item + i + 1, (list->as.list.n - i - 1) * sizeof(value *));
    list->as.list.n--;
}

static cseg_status list_pop(eval *ev, spot at, value *self, const args *a, value **out)
{
    int64_t i = -1, n = (int64_t)self->as.list.n;
    if (a->n)
        TRY(eval_integer(ev, at, a->at[0], "an index", &i));
    i = i < 0 ? i + n : i;
    if (i < 0 || i >= n)
        return eval_fail(ev, at, "pop() outside of a list of %lld", (long long)n);
    *out = self->as.list.item[i];
    list_take(self, (size_t)i);
    return eval_charge(ev, at, (size_t)n / 64);
}

static cseg_status find(eval *ev, spot at, const value *list, const value *item, size_t *place)
{
    bool same = false;
    for (*place = 0; *place < list->as.list.n; ++*place) {
        TRY(eval_equal(ev, at, list->as.list.item[*place], item, &same));
        if (same)
            return CSEG_OK;
    }
    return CSEG_OK;
}

static cseg_status list_index(eval *ev, spot at, value *self, const args *a, value **out)
{
    size_t place;
    TRY(find(ev, at, self, a->at[0], &place));
    if (place == self->as.list.n)
        return eval_fail(ev, at, "index() of something that is not there");
    return eval_int(ev, at, (int64_t)place, out);
}

static cseg_status list_remove(eval *ev, spot at, value *self, const args *a, value **out)
{
    size_t place;
    TRY(find(ev, at, self, a->at[0], &place));
    if (place == self->as.list.n)
        return eval_fail(ev, at, "remove() of something that is not there");
    list_take(self, place);
    return eval_none(ev, at, out);
}

static cseg_status list_count(eval *ev, spot at, value *self, const args *a, value **out)
{
    int64_t count = 0;
    for (size_t i = 0; i < self->as.list.n; i++) {
        bool same;
        TRY(eval_equal(ev, at, self->as.list.item[i], a->at[0], &same));
        count += same;
    }
    return eval_int(ev, at, count, out);
}

static cseg_status list_reverse(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    for (size_t i = 0, n = self->as.list.n; i < n / 2; i++) {
        value *v = self->as.list.item[i];
        self->as.list.item[i] = self->as.list.item[n - 1 - i];
        self->as.list.item[n - 1 - i] = v;
    }
    TRY(eval_charge(ev, at, self->as.list.n / 16));
    return eval_none(ev, at, out);
}

static cseg_status list_sort(eval *ev, spot at, value *self, const args *a, value **out)
{
    TRY(builtin_sort(ev, at, self, a->at[0], a->at[1] && value_true(a->at[1])));
    return eval_none(ev, at, out);
}

static cseg_status list_clear(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    self->as.list.n = 0;
    return eval_none(ev, at, out);
}

static cseg_status set_add(eval *ev, spot at, value *self, const args *a, value **out)
{
    TRY(eval_add_unique(ev, at, self, a->at[0]));
    return eval_none(ev, at, out);
}

static cseg_status set_update(eval *ev, spot at, value *self, const args *a, value **out)
{
    value **items;
    size_t n;
    TRY(eval_items(ev, at, a->at[0], &items, &n));
    for (size_t i = 0; i < n; i++)
        TRY(eval_add_unique(ev, at, self, items[i]));
    return eval_none(ev, at, out);
}

static cseg_status set_discard(eval *ev, spot at, value *self, const args *a, value **out)
{
    size_t place;
    TRY(find(ev, at, self, a->at[0], &place));
    if (place < self->as.list.n)
        list_take(self, place);
    return eval_none(ev, at, out);
}

static cseg_status set_operation(eval *ev, spot at, uint32_t op, value *self, const args *a, value **out)
{
    value *other = a->at[0];
    if (other->kind != V_SET) {
        value *ignored;
        TRY(eval_new(ev, at, V_SET, &other));
        TRY(set_update(ev, at, other, a, &ignored));
    }
    return eval_binary(ev, at, op, self, other, out);
}

static cseg_status set_union(eval *ev, spot at, value *self, const args *a, value **out)
{
    return set_operation(ev, at, OP('|'), self, a, out);
}

static cseg_status set_intersection(eval *ev, spot at, value *self, const args *a, value **out)
{
    return set_operation(ev, at, OP('&'), self, a, out);
}

static cseg_status set_difference(eval *ev, spot at, value *self, const args *a, value **out)
{
    return set_operation(ev, at, OP('-'), self, a, out);
}

static cseg_status environ_get_call(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    if (a->at[0]->kind != V_STR)
        return eval_fail(ev, at, "a variable's name is a string");
    TRY(eval_environ_get(ev, at, a->at[0]->as.str.text, out));
    if (!*out)
        *out = a->at[1];
    return *out ? CSEG_OK : eval_none(ev, at, out);
}

static const builtin dict_table[] = {
    {"get", dict_get, 1, 2, "key|default", V_OBJECT},
    {"items", dict_items, 0, 0, NULL, V_OBJECT},
    {"keys", dict_keys, 0, 0, NULL, V_OBJECT},
    {"values", dict_values, 0, 0, NULL, V_OBJECT},
    {"copy", shallow_copy, 0, 0, NULL, V_OBJECT},
    {"update", dict_update_call, 0, 1, "*", V_OBJECT},
    {"pop", dict_pop, 1, 2, "key|default", V_OBJECT},
    {"popitem", dict_popitem, 0, 0, NULL, V_OBJECT},
    {"setdefault", dict_setdefault, 1, 2, "key|default", V_OBJECT},
    {"clear", dict_clear, 0, 0, NULL, V_OBJECT},
    {"fromkeys", dict_fromkeys, 1, 2, "iterable|value", V_OBJECT},
    {"merge", dict_merge, 1, 1, NULL, V_OBJECT},
    {"to_dict", dict_to_dict, 0, 0, NULL, V_OBJECT},
};
static const builtin list_table[] = {
    {"append", list_append, 1, 1, NULL, V_OBJECT},      {"extend", list_extend, 1, 1, NULL, V_OBJECT},
    {"insert", list_insert, 2, 2, NULL, V_OBJECT},      {"pop", list_pop, 0, 1, NULL, V_OBJECT},
    {"remove", list_remove, 1, 1, NULL, V_OBJECT},      {"index", list_index, 1, 1, NULL, V_OBJECT},
    {"count", list_count, 1, 1, NULL, V_OBJECT},        {"copy", shallow_copy, 0, 0, NULL, V_OBJECT},
    {"reverse", list_reverse, 0, 0, NULL, V_OBJECT},    {"clear", list_clear, 0, 0, NULL, V_OBJECT},
    {"sort", list_sort, 0, 2, "key|reverse", V_OBJECT},
};
static const builtin tuple_table[] = {
    {"index", list_index, 1, 1, NULL, V_OBJECT},
    {"count", list_count, 1, 1, NULL, V_OBJECT},
};
static const builtin set_table[] = {
    {"add", set_add, 1, 1, NULL, V_OBJECT},
    {"update", set_update, 1, 1, NULL, V_OBJECT},
    {"discard", set_discard, 1, 1, NULL, V_OBJECT},
    {"remove", list_remove, 1, 1, NULL, V_OBJECT},
    {"copy", shallow_copy, 0, 0, NULL, V_OBJECT},
    {"clear", list_clear, 0, 0, NULL, V_OBJECT},
    {"union", set_union, 1, 1, NULL, V_OBJECT},
    {"intersection", set_intersection, 1, 1, NULL, V_OBJECT},
    {"difference", set_difference, 1, 1, NULL, V_OBJECT},
};
static const builtin environ_table[] = {
    {"get", environ_get_call, 1, 2, "key|default", V_OBJECT},
};

static const builtin *find_in(const builtin *table, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

#define FIND_IN(table, name) find_in(table, sizeof(table) / sizeof *(table), name)

const builtin *method_find(value_kind kind, const char *name)
{
    switch (kind) {
    case V_DICT:
        return FIND_IN(dict_table, name);
    case V_LIST:
        return FIND_IN(list_table, name);
    case V_TUPLE:
        return FIND_IN(tuple_table, name);
    case V_SET:
        return FIND_IN(set_table, name);
    case V_STR:
        return method_find_string(name);
    case V_OBJECT:
        return FIND_IN(environ_table, name);
    default:
        return NULL;
    }
}
