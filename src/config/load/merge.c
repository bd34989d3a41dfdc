#include "config/load/merge.h"

#include <string.h>

#include "config/value_internal.h"

enum { DEEPEST = 400 };

typedef struct merger {
    arena *mem;
    bool list_keys;
    const value **culprit;
    cseg_error *err;
} merger;

static cseg_status merge(merger *m, const value *base, value *child, int depth, value **out);

/* A copy of the container alone. */
static value *shallow(arena *mem, const value *v)
{
    value *c = value_new(mem, v->kind, v->at);
    if (!c)
        return NULL;
    c->as = v->as;
    if (v->kind == V_DICT) {
        c->as.dict.entry = ARENA_ARRAY(mem, v->as.dict.n, value_entry);
        c->as.dict.cap = v->as.dict.n;
        if (c->as.dict.entry && v->as.dict.n)
            memcpy(c->as.dict.entry, v->as.dict.entry, v->as.dict.n * sizeof(value_entry));
        return c->as.dict.entry ? c : NULL;
    }
    c->as.list.item = ARENA_ARRAY(mem, v->as.list.n, value *);
    c->as.list.cap = v->as.list.n;
    if (c->as.list.item && v->as.list.n)
        memcpy(c->as.list.item, v->as.list.item, v->as.list.n * sizeof(value *));
    return c->as.list.item ? c : NULL;
}

/* Whether `key` is a number; *place is that number, or SIZE_MAX if it is larger than any list. */
static bool is_index(const char *key, size_t *place)
{
    size_t n = strlen(key);
    if (n == 0 || strspn(key, "0123456789") != n)
        return false;
    *place = 0;
    for (size_t i = 0; i < n && *place != SIZE_MAX; i++)
        *place = *place > SIZE_MAX / 20 ? SIZE_MAX : *place * 10 + (size_t)(key[i] - '0');
    return true;
}

static cseg_status merge_element(merger *m, value *list, const value_entry *e, int depth)
{
    size_t place;
    *m->culprit = e->item;
    if (!is_index(e->key, &place))
        return fail(m->err, CSEG_CONFIG, "'%.100s' is no index of a list", e->key);
    if (place >= list->as.list.n)
        return fail(m->err, CSEG_CONFIG, "index %.100s is outside; the list has %zu elements", e->key, list->as.list.n);
    value *old = list->as.list.item[place], *made = e->item;
    if (made->kind == V_DICT && (old->kind == V_DICT || old->kind == V_LIST))
        TRY(merge(m, old, e->item, depth + 1, &made));
    list->as.list.item[place] = made;
    return CSEG_OK;
}

static cseg_status cannot_inherit(merger *m, const value_entry *e, const value *old)
{
    char place[512];
    *m->culprit = e->item;
    return fail(m->err, CSEG_CONFIG,
                "'%.100s' is a dict here, but %s in the base (%.300s); "
                "to replace it all, add _delete_=True to the dict",
                e->key, value_kind_name(old), old->at.file ? value_place(old, place) : "no file");
}

static cseg_status merge_entry(merger *m, value *base, value_entry *e, int depth)
{
    value text = {.kind = V_STR, .as.str = {e->key, strlen(e->key)}};
    value *key = e->key_value ? e->key_value : value_strn(m->mem, e->key, strlen(e->key), e->item->at);
    if (!key)
        return fail_memory(m->err);
    value_entry *mine = value_entry_by(base, e->key_value ? e->key_value : &text);
    value *item = e->item;
    bool replaces = true;
    if (item->kind == V_DICT && mine) {
        replaces = value_true(value_get(item, "_delete_"));
        value_remove(item, "_delete_");
        if (!replaces) {
            if (mine->item->kind != V_DICT && !(m->list_keys && mine->item->kind == V_LIST))
                return cannot_inherit(m, e, mine->item);
            TRY(merge(m, mine->item, item, depth + 1, &item));
        }
    }
    if (mine && replaces) {
        value_entry *over = ARENA_NEW(m->mem, value_entry);
        if (!over)
            return fail_memory(m->err);
        *over = *mine;
        mine->over = over;
    }
    return value_set_by(m->mem, base, key, item) ? CSEG_OK : fail_memory(m->err);
}

static cseg_status merge(merger *m, const value *base, value *child, int depth, value **out)
{
    if (depth > DEEPEST) {
        *m->culprit = child;
        return fail(m->err, CSEG_CONFIG, "nested too deeply");
    }
    *out = shallow(m->mem, base);
    if (!*out)
        return fail_memory(m->err);
    /* An error of the dict as a whole is reported where the dict was changed last. */
    if (base->kind == V_DICT && child->as.dict.n && child->at.file)
        (*out)->at = child->at;
    for (size_t i = 0; i < child->as.dict.n; i++) {
        value_entry *e = &child->as.dict.entry[i];
        TRY(base->kind == V_DICT ? merge_entry(m, *out, e, depth) : merge_element(m, *out, e, depth));
    }
    return CSEG_OK;
}

cseg_status merge_into(const value *base, value *child, bool list_keys, arena *mem, value **out, const value **culprit,
                       cseg_error *err)
{
    merger m = {mem, list_keys, culprit, err};
    *culprit = NULL;
    return merge(&m, base, child, 0, out);
}
