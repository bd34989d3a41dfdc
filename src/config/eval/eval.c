#define _GNU_SOURCE
#include "config/eval/eval.h"

#include <stdarg.h>
#include <string.h>

cseg_status eval_fail(const eval *ev, spot at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    source_failv(ev->s, at, CSEG_CONFIG, ev->err, fmt, ap);
    va_end(ap);
    return CSEG_CONFIG;
}

cseg_status eval_refuse(const eval *ev, spot at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    source_failv(ev->s, at, CSEG_UNSUPPORTED, ev->err, fmt, ap);
    va_end(ap);
    return CSEG_UNSUPPORTED;
}

cseg_status eval_charge(eval *ev, spot at, size_t steps)
{
    eval_budget *b = ev->budget;
    b->steps -= steps < EVAL_STEPS ? (long)steps + 1 : EVAL_STEPS;
    if (b->steps < 0)
        return eval_fail(ev, at, "this config takes more than %d steps to evaluate", EVAL_STEPS);
    if (arena_bytes(ev->mem) - b->start > EVAL_MEMORY)
        return eval_fail(ev, at, "this config takes more than %d MiB to evaluate", EVAL_MEMORY / 1024 / 1024);
    return CSEG_OK;
}

cseg_status eval_room(eval *ev, spot at, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > EVAL_MEMORY ||
        arena_bytes(ev->mem) - ev->budget->start > EVAL_MEMORY - bytes)
        return eval_fail(ev, at, "this takes more than the %d MiB that a config may use", EVAL_MEMORY / 1024 / 1024);
    return eval_charge(ev, at, bytes / 64);
}

where eval_where(const eval *ev, spot at)
{
    return (where){ev->s->name, at.line, at.column};
}

/* v NULL: out of memory */
static cseg_status give(eval *ev, value *v, value **out)
{
    *out = v;
    return v ? CSEG_OK : fail_memory(ev->err);
}

cseg_status eval_new(eval *ev, spot at, value_kind kind, value **out)
{
    return give(ev, value_new(ev->mem, kind, eval_where(ev, at)), out);
}

cseg_status eval_none(eval *ev, spot at, value **out)
{
    return eval_new(ev, at, V_NONE, out);
}

cseg_status eval_bool(eval *ev, spot at, bool b, value **out)
{
    return give(ev, value_bool(ev->mem, b, eval_where(ev, at)), out);
}

cseg_status eval_int(eval *ev, spot at, int64_t i, value **out)
{
    return give(ev, value_int(ev->mem, i, eval_where(ev, at)), out);
}

cseg_status eval_float(eval *ev, spot at, double f, value **out)
{
    return give(ev, value_float(ev->mem, f, eval_where(ev, at)), out);
}

cseg_status eval_string(eval *ev, spot at, const char *s, size_t n, value **out)
{
    return give(ev, value_strn(ev->mem, s, n, eval_where(ev, at)), out);
}

cseg_status eval_text(eval *ev, spot at, strbuf *b, value **out)
{
    if (b->failed)
        return fail_memory(ev->err);
    return eval_string(ev, at, b->text ? b->text : "", b->n, out);
}

cseg_status eval_object(eval *ev, spot at, object_kind kind, const char *name, const builtin *fn, value *self,
                        value **out)
{
    object *o = ARENA_NEW(ev->mem, object);
    if (!o)
        return fail_memory(ev->err);
    *o = (object){kind, name, fn, self};
    TRY(eval_new(ev, at, V_OBJECT, out));
    (*out)->as.object = o;
    return CSEG_OK;
}

cseg_status eval_append(eval *ev, spot at, value *list, value *item)
{
    TRY(eval_charge(ev, at, 0));
    return value_append(ev->mem, list, item) ? CSEG_OK : fail_memory(ev->err);
}

static cseg_status hashable(eval *ev, spot at, const value *v, int depth)
{
    if (v->kind == V_LIST || v->kind == V_DICT || v->kind == V_SET)
        return eval_fail(ev, at, "%s can be neither a key nor an element of a set", value_kind_name(v));
    if (v->kind == V_STR && memchr(v->as.str.text, 0, v->as.str.n))
        return eval_refuse(ev, at, "a key with a NUL character in it");
    if (depth > EVAL_DEPTH)
        return eval_fail(ev, at, "nested too deeply");
    for (size_t i = 0; v->kind == V_TUPLE && i < v->as.list.n; i++)
        TRY(hashable(ev, at, v->as.list.item[i], depth + 1));
    return eval_charge(ev, at, 0);
}

static cseg_status check_hashable(eval *ev, spot at, const value *v)
{
    return hashable(ev, at, v, 0);
}

/* Keys are compared one by one. */
static cseg_status charge_keys(eval *ev, spot at, const value *dict, const value *key)
{
    size_t length = key->kind == V_STR ? key->as.str.n : 0;
    return eval_charge(ev, at, dict->as.dict.n * (length + 64) / 1024 + length / 64);
}

cseg_status eval_lookup(eval *ev, spot at, const value *dict, const value *key, value_entry **out)
{
    TRY(check_hashable(ev, at, key));
    TRY(charge_keys(ev, at, dict, key));
    *out = value_entry_by(dict, key);
    return CSEG_OK;
}

cseg_status eval_put(eval *ev, spot at, value *dict, value *key, value *item)
{
    TRY(check_hashable(ev, at, key));
    TRY(charge_keys(ev, at, dict, key));
    if (dict->as.dict.attributes)
        TRY(eval_to_config(ev, at, item, 0, &item));
    return value_set_by(ev->mem, dict, key, item) ? CSEG_OK : fail_memory(ev->err);
}

cseg_status eval_put_name(eval *ev, spot at, value *dict, const char *key, value *item)
{
    value text = {.kind = V_STR, .at = eval_where(ev, at), .as.str = {key, strlen(key)}};
    return eval_put(ev, at, dict, &text, item);
}

cseg_status eval_equal(eval *ev, spot at, const value *a, const value *b, bool *out)
{
    *out = value_equal_within(a, b, true, &ev->budget->steps);
    return eval_charge(ev, at, 0);
}

cseg_status eval_add_unique(eval *ev, spot at, value *set, value *item)
{
    TRY(check_hashable(ev, at, item));
    if (value_within(item, set, true, &ev->budget->steps))
        return CSEG_OK;
    return eval_append(ev, at, set, item);
}

cseg_status eval_key(eval *ev, spot at, const value_entry *e, value **out)
{
    if (e->key_value) {
        *out = e->key_value;
        return CSEG_OK;
    }
    return eval_string(ev, at, e->key, strlen(e->key), out);
}

static cseg_status characters(eval *ev, spot at, const value *v, value ***items, size_t *n)
{
    *n = utf8_count(v->as.str.text, v->as.str.n);
    TRY(eval_room(ev, at, *n, sizeof(value) + 32));
    *items = ARENA_ARRAY(ev->mem, *n, value *);
    if (!*items)
        return fail_memory(ev->err);
    const char *s = v->as.str.text, *end = s + v->as.str.n;
    for (size_t i = 0; i < *n; i++) {
        size_t bytes = utf8_length(s, (size_t)(end - s));
        bytes = bytes ? bytes : 1;
        TRY(eval_string(ev, at, s, bytes, &(*items)[i]));
        s += bytes;
    }
    return CSEG_OK;
}

cseg_status eval_items(eval *ev, spot at, value *v, value ***items, size_t *n)
{
    if (value_is_list(v)) {
        *items = v->as.list.item;
        *n = v->as.list.n;
        return eval_charge(ev, at, *n);
    }
    if (v->kind == V_STR)
        return characters(ev, at, v, items, n);
    if (v->kind != V_DICT)
        return eval_fail(ev, at, "%s cannot be iterated over", value_kind_name(v));
    *n = v->as.dict.n;
    TRY(eval_charge(ev, at, *n));
    *items = ARENA_ARRAY(ev->mem, *n, value *);
    if (!*items)
        return fail_memory(ev->err);
    for (size_t i = 0; i < *n; i++)
        TRY(eval_key(ev, at, &v->as.dict.entry[i], &(*items)[i]));
    return CSEG_OK;
}

cseg_status eval_pairs(eval *ev, spot at, value *v, value *dict)
{
    if (v->kind == V_DICT) {
        for (size_t i = 0; i < v->as.dict.n; i++) {
            value *key;
            TRY(eval_key(ev, at, &v->as.dict.entry[i], &key));
            TRY(eval_put(ev, at, dict, key, v->as.dict.entry[i].item));
        }
        return CSEG_OK;
    }
    value **items, **pair;
    size_t n, two;
    TRY(eval_items(ev, at, v, &items, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(eval_items(ev, at, items[i], &pair, &two));
        if (two != 2)
            return eval_fail(ev, at, "a dict is made of pairs; item %zu has %zu elements", i, two);
        TRY(eval_put(ev, at, dict, pair[0], pair[1]));
    }
    return CSEG_OK;
}

size_t eval_find(const char *s, size_t n, size_t from, const char *part, size_t m)
{
    const char *found = from + m <= n ? memmem(s + from, n - from, part, m) : NULL;
    return found ? (size_t)(found - s) : n + 1;
}

cseg_status eval_contains(eval *ev, spot at, value *box, value *item, bool *out)
{
    if (box->kind == V_STR) {
        if (item->kind != V_STR)
            return eval_fail(ev, at, "'in' a string wants a string, not %s", value_kind_name(item));
        TRY(eval_charge(ev, at, box->as.str.n / 16));
        *out = eval_find(box->as.str.text, box->as.str.n, 0, item->as.str.text, item->as.str.n) <= box->as.str.n;
        return CSEG_OK;
    }
    if (box->kind == V_DICT) {
        value_entry *e;
        TRY(eval_lookup(ev, at, box, item, &e));
        *out = e != NULL;
        return CSEG_OK;
    }
    if (box->kind == V_OBJECT && box->as.object->kind == OBJ_ENVIRON && item->kind == V_STR) {
        value *v;
        TRY(eval_environ_get(ev, at, item->as.str.text, &v));
        *out = v != NULL;
        return CSEG_OK;
    }
    if (!value_is_list(box))
        return eval_fail(ev, at, "%s contains nothing", value_kind_name(box));
    if (box->kind == V_SET)
        TRY(check_hashable(ev, at, item));
    *out = value_within(item, box, true, &ev->budget->steps);
    return eval_charge(ev, at, 0);
}

cseg_status eval_copy(eval *ev, spot at, const value *v, value **out)
{
    *out = value_copy_within(ev->mem, v, &ev->budget->steps);
    if (ev->budget->steps < 0)
        return eval_fail(ev, at, "this value is too large or too deep to be copied");
    return *out ? eval_charge(ev, at, 0) : fail_memory(ev->err);
}

cseg_status eval_to_config(eval *ev, spot at, value *v, int depth, value **out)
{
    *out = v;
    if ((v->kind != V_LIST && v->kind != V_TUPLE && v->kind != V_DICT) || (v->kind == V_DICT && v->as.dict.attributes))
        return CSEG_OK;
    if (depth > EVAL_DEPTH)
        return eval_fail(ev, at, "nested too deeply");
    TRY(eval_charge(ev, at, value_count(v)));
    TRY(give(ev, value_new(ev->mem, v->kind, v->at), out));
    for (size_t i = 0; v->kind != V_DICT && i < v->as.list.n; i++) {
        value *item;
        TRY(eval_to_config(ev, at, v->as.list.item[i], depth + 1, &item));
        TRY(eval_append(ev, at, *out, item));
    }
    if (v->kind != V_DICT)
        return CSEG_OK;
    (*out)->as.dict = v->as.dict;
    (*out)->as.dict.attributes = true;
    (*out)->as.dict.cap = v->as.dict.n;
    (*out)->as.dict.entry = ARENA_ARRAY(ev->mem, v->as.dict.n, value_entry);
    if (!(*out)->as.dict.entry)
        return fail_memory(ev->err);
    for (size_t i = 0; i < v->as.dict.n; i++) {
        (*out)->as.dict.entry[i] = v->as.dict.entry[i];
        TRY(eval_to_config(ev, at, v->as.dict.entry[i].item, depth + 1, &(*out)->as.dict.entry[i].item));
    }
    return CSEG_OK;
}

cseg_status eval_repr(eval *ev, spot at, const value *v, strbuf *out)
{
    value_repr(out, v, &ev->budget->steps);
    if (ev->budget->steps < 0)
        return eval_fail(ev, at, "this value is too large or too deep to be written as text");
    return out->failed ? fail_memory(ev->err) : eval_charge(ev, at, 0);
}

cseg_status eval_str(eval *ev, spot at, const value *v, strbuf *out)
{
    if (v->kind == V_OBJECT)
        return eval_fail(ev, at, "'%s' has no text", v->as.object->name);
    if (v->kind != V_STR)
        return eval_repr(ev, at, v, out);
    strbuf_addn(out, v->as.str.text, v->as.str.n);
    return eval_charge(ev, at, v->as.str.n / 64);
}

cseg_status eval_integer(eval *ev, spot at, const value *v, const char *what, int64_t *out)
{
    if (v->kind != V_INT && v->kind != V_BOOL)
        return eval_fail(ev, at, "%s must be an int, not %s", what, value_kind_name(v));
    *out = v->kind == V_INT ? v->as.i : v->as.b;
    return CSEG_OK;
}
