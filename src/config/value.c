#include "config/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/scope.h"
#include "config/value_internal.h"

value *value_new(arena *mem, value_kind kind, where at)
{
    value *v = ARENA_NEW(mem, value);
    if (v) {
        v->kind = kind;
        v->at = at;
    }
    return v;
}

value *value_bool(arena *mem, bool b, where at)
{
    value *v = value_new(mem, V_BOOL, at);
    if (v)
        v->as.b = b;
    return v;
}

value *value_int(arena *mem, int64_t i, where at)
{
    value *v = value_new(mem, V_INT, at);
    if (v)
        v->as.i = i;
    return v;
}

value *value_float(arena *mem, double f, where at)
{
    value *v = value_new(mem, V_FLOAT, at);
    if (v)
        v->as.f = f;
    return v;
}

value *value_strn(arena *mem, const char *s, size_t n, where at)
{
    value *v = value_new(mem, V_STR, at);
    char *text = v ? arena_strndup(mem, s, n) : NULL;
    if (!text)
        return NULL;
    v->as.str.text = text;
    v->as.str.n = n;
    return v;
}

value *value_str(arena *mem, const char *s, where at)
{
    return value_strn(mem, s, strlen(s), at);
}

/* This and value_set refuse an item that could not be made, so that makers may stand in their arguments. */
bool value_append(arena *mem, value *list, value *item)
{
    if (!item || !vec_reserve_(mem, (void **)&list->as.list.item, list->as.list.n, &list->as.list.cap,
                               list->as.list.n + 1, sizeof(value *)))
        return false;
    list->as.list.item[list->as.list.n++] = item;
    return true;
}

static value_entry *entry_of(const value *dict, const char *key)
{
    for (size_t i = 0; i < dict->as.dict.n; i++)
        if (strcmp(dict->as.dict.entry[i].key, key) == 0)
            return &dict->as.dict.entry[i];
    return NULL;
}

static value_entry *entry_add(arena *mem, value *dict)
{
    if (!vec_reserve_(mem, (void **)&dict->as.dict.entry, dict->as.dict.n, &dict->as.dict.cap, dict->as.dict.n + 1,
                      sizeof(value_entry)))
        return NULL;
    value_entry *e = &dict->as.dict.entry[dict->as.dict.n++];
    *e = (value_entry){0};
    return e;
}

bool value_set(arena *mem, value *dict, const char *key, value *item)
{
    if (!item)
        return false;
    value_entry *e = entry_of(dict, key);
    if (!e) {
        char *own = arena_strdup(mem, key);
        e = own ? entry_add(mem, dict) : NULL;
        if (!e)
            return false;
        e->key = own;
    }
    e->item = item;
    return true;
}

bool value_remove(value *dict, const char *key)
{
    value_entry *e = entry_of(dict, key);
    if (e)
        value_remove_entry(dict, e);
    return e != NULL;
}

void value_remove_entry(value *dict, value_entry *e)
{
    size_t behind = dict->as.dict.n - (size_t)(e - dict->as.dict.entry) - 1;
    memmove(e, e + 1, behind * sizeof *e);
    dict->as.dict.n--;
}

value_entry *value_entry_by(const value *dict, const value *key)
{
    long budget = 1000;
    for (size_t i = 0; i < dict->as.dict.n; i++) {
        value_entry *e = &dict->as.dict.entry[i];
        if (e->key_value ? key->kind != V_STR && value_equal_within(e->key_value, key, true, &budget)
                         : key->kind == V_STR && strcmp(e->key, key->as.str.text) == 0)
            return e;
    }
    return NULL;
}

bool value_set_by(arena *mem, value *dict, value *key, value *item)
{
    value_entry *e = value_entry_by(dict, key);
    if (!e) {
        const char *text = key->kind == V_STR ? key->as.str.text : value_repr_text(mem, key);
        e = text ? entry_add(mem, dict) : NULL;
        if (!e)
            return false;
        e->key = text;
        e->key_value = key->kind == V_STR ? NULL : key;
    }
    e->item = item;
    return true;
}

enum { DEEPEST = 400 };

static value *copy(arena *mem, const value *v, long *budget, int depth);

static bool copy_entry(arena *mem, value_entry *to, const value_entry *from, long *budget, int depth)
{
    value_entry *over = from->over ? ARENA_NEW(mem, value_entry) : NULL;
    if (from->over && (!over || !copy_entry(mem, over, from->over, budget, depth + 1)))
        return false;
    to->over = over;
    to->key = arena_strdup(mem, from->key);
    to->key_value = from->key_value ? copy(mem, from->key_value, budget, depth + 1) : NULL;
    to->item = copy(mem, from->item, budget, depth + 1);
    return to->key && to->item && (to->key_value || !from->key_value);
}

static value *copy(arena *mem, const value *v, long *budget, int depth)
{
    if (--*budget < 0 || depth > DEEPEST) {
        *budget = -1;
        return NULL;
    }
    value *c = value_new(mem, v->kind, v->at);
    if (!c)
        return NULL;
    c->as = v->as;
    if (v->kind == V_STR || v->kind == V_NAME) {
        *budget -= (long)(v->as.str.n / 64);
        if (*budget < 0)
            return NULL;
        c->as.str.text = arena_strndup(mem, v->as.str.text, v->as.str.n);
        return c->as.str.text ? c : NULL;
    }
    if (value_is_list(v)) {
        c->as.list.cap = v->as.list.n;
        c->as.list.item = ARENA_ARRAY(mem, v->as.list.n, value *);
        if (!c->as.list.item)
            return NULL;
        for (size_t i = 0; i < v->as.list.n; i++)
            if (!(c->as.list.item[i] = copy(mem, v->as.list.item[i], budget, depth + 1)))
                return NULL;
    } else if (v->kind == V_DICT) {
        c->as.dict.cap = v->as.dict.n;
        c->as.dict.entry = ARENA_ARRAY(mem, v->as.dict.n, value_entry);
        if (!c->as.dict.entry)
            return NULL;
        for (size_t i = 0; i < v->as.dict.n; i++)
            if (!copy_entry(mem, &c->as.dict.entry[i], &v->as.dict.entry[i], budget, depth))
                return NULL;
    }
    return c;
}

value *value_copy_within(arena *mem, const value *v, long *budget)
{
    return copy(mem, v, budget, 0);
}

value *value_copy(arena *mem, const value *v)
{
    long budget = INT32_MAX;
    return copy(mem, v, &budget, 0);
}

bool value_is_number(const value *v)
{
    return v->kind == V_BOOL || v->kind == V_INT || v->kind == V_FLOAT;
}

/* long double holds every int64 and every double exactly where it has 64 bits of mantissa or more. */
static long double exact(const value *v)
{
    if (v->kind == V_FLOAT)
        return v->as.f;
    return v->kind == V_INT ? (long double)v->as.i : (long double)v->as.b;
}

int value_compare_numbers(const value *a, const value *b)
{
    long double x = exact(a), y = exact(b);
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

static bool equal(const value *a, const value *b, bool strict, long *budget, int depth)
{
    if (a == b)
        return true;
    if (--*budget < 0 || depth > DEEPEST) {
        *budget = -1;
        return false;
    }
    if (value_is_number(a) && value_is_number(b))
        return value_compare_numbers(a, b) == 0;
    bool sequences = !strict && (a->kind == V_LIST || a->kind == V_TUPLE) && (b->kind == V_LIST || b->kind == V_TUPLE);
    if (a->kind != b->kind && !sequences)
        return false;
    switch (a->kind) {
    case V_NONE:
        return true;
    case V_STR:
    case V_NAME:
        *budget -= (long)(a->as.str.n / 64);
        return a->as.str.n == b->as.str.n && memcmp(a->as.str.text, b->as.str.text, a->as.str.n) == 0;
    case V_LIST:
    case V_TUPLE:
        if (a->as.list.n != b->as.list.n)
            return false;
        for (size_t i = 0; i < a->as.list.n; i++)
            if (!equal(a->as.list.item[i], b->as.list.item[i], strict, budget, depth + 1))
                return false;
        return true;
    case V_SET:
        if (a->as.list.n != b->as.list.n)
            return false;
        for (size_t i = 0; i < a->as.list.n; i++)
            if (!value_within(a->as.list.item[i], b, strict, budget))
                return false;
        return true;
    case V_DICT:
        if (a->as.dict.n != b->as.dict.n)
            return false;
        for (size_t i = 0; i < a->as.dict.n; i++) {
            const value_entry *e = &a->as.dict.entry[i];
            value text = {.kind = V_STR, .as.str = {e->key, strlen(e->key)}};
            const value_entry *f = value_entry_by(b, e->key_value ? e->key_value : &text);
            if (!f || !equal(e->item, f->item, strict, budget, depth + 1))
                return false;
        }
        return true;
    default:
        return false;
    }
}

bool value_equal_within(const value *a, const value *b, bool strict, long *budget)
{
    return equal(a, b, strict, budget, 0);
}

bool value_within(const value *v, const value *list, bool strict, long *budget)
{
    for (size_t i = 0; i < list->as.list.n; i++)
        if (equal(list->as.list.item[i], v, strict, budget, 0))
            return true;
    return false;
}

bool value_equal(const value *a, const value *b)
{
    long budget = INT32_MAX;
    return equal(a, b, false, &budget, 0);
}

value *value_get(const value *dict, const char *key)
{
    const value_entry *e = dict && dict->kind == V_DICT ? entry_of(dict, key) : NULL;
    return e ? e->item : NULL;
}

value *value_step(const value *v, const char *key, size_t n)
{
    if (v && value_is_list(v)) {
        size_t i = 0;
        for (size_t k = 0; k < n; k++) {
            if (key[k] < '0' || key[k] > '9' || i > SIZE_MAX / 20)
                return NULL;
            i = i * 10 + (size_t)(key[k] - '0');
        }
        return n ? value_item(v, i) : NULL;
    }
    for (size_t i = 0; v && v->kind == V_DICT && i < v->as.dict.n; i++) {
        const value_entry *e = &v->as.dict.entry[i];
        if (strncmp(e->key, key, n) == 0 && e->key[n] == 0)
            return e->item;
    }
    return NULL;
}

value *value_find(const value *root, const char *path)
{
    value *v = (value *)root;
    for (const char *at = path; v;) {
        size_t n = strcspn(at, ".");
        v = value_step(v, at, n);
        if (!at[n])
            break;
        at += n + 1;
    }
    return v;
}

size_t value_count(const value *v)
{
    if (!v)
        return 0;
    return v->kind == V_DICT ? v->as.dict.n : value_is_list(v) ? v->as.list.n : 0;
}

value *value_item(const value *list, size_t i)
{
    return value_is_list(list) && i < list->as.list.n ? list->as.list.item[i] : NULL;
}

bool value_is_list(const value *v)
{
    return v && (v->kind == V_LIST || v->kind == V_TUPLE || v->kind == V_SET);
}

bool value_is_none(const value *v)
{
    return !v || v->kind == V_NONE;
}

const char *value_text(const value *v)
{
    return v && (v->kind == V_STR || v->kind == V_NAME) ? v->as.str.text : NULL;
}

const char *value_type_name(const value *v)
{
    const char *name = value_text(value_get(v, "type"));
    return name ? scope_strip(name) : NULL;
}

bool value_number(const value *v, double *out)
{
    if (!v || !value_is_number(v))
        return false;
    *out = v->kind == V_FLOAT ? v->as.f : v->kind == V_INT ? (double)v->as.i : v->as.b;
    return true;
}

bool value_integer(const value *v, int64_t *out)
{
    if (!v || !value_is_number(v))
        return false;
    if (v->kind == V_FLOAT) {
        if (!(v->as.f >= -0x1p63 && v->as.f < 0x1p63) || v->as.f != floor(v->as.f))
            return false;
        *out = (int64_t)v->as.f;
    } else {
        *out = v->kind == V_INT ? v->as.i : v->as.b;
    }
    return true;
}

const char *value_kind_name(const value *v)
{
    static const char *const names[] = {"None",    "a bool", "an int", "a float",          "a string", "a list",
                                        "a tuple", "a set",  "a dict", "an imported name", "an object"};
    return v ? names[v->kind] : "nothing";
}

bool value_true(const value *v)
{
    switch (v ? v->kind : V_NONE) {
    case V_NONE:
        return false;
    case V_BOOL:
        return v->as.b;
    case V_INT:
        return v->as.i != 0;
    case V_FLOAT:
        return v->as.f != 0;
    case V_STR:
        return v->as.str.n > 0;
    case V_LIST:
    case V_TUPLE:
    case V_SET:
    case V_DICT:
        return value_count(v) > 0;
    default:
        return true;
    }
}

const char *value_place(const value *v, char out[static 512])
{
    out[0] = 0;
    if (v && v->at.file && v->at.line > 0)
        snprintf(out, 512, "%.480s:%d: ", v->at.file, v->at.line);
    else if (v && v->at.file)
        snprintf(out, 512, "%.480s: ", v->at.file);
    return out;
}

const value *value_blame(const value *dict, const char *key)
{
    const value *item = value_get(dict, key);
    return item ? item : dict;
}
