#include "config/fields.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "config/value_internal.h"

typedef struct target {
    const char *kind;
    const field *f;
    const value *v;
    void *at; /* where the struct holds the field */
    arena *mem;
    cseg_error *err;
} target;

static cseg_status wrong(const target *t, const char *wanted)
{
    char place[512];
    strbuf text = {.mem = t->mem};
    long budget = 50;
    value_repr(&text, t->v, &budget);
    const char *shown = text.text ? text.text : "";
    return fail(t->err, CSEG_CONFIG, "%s%s: '%s' must be %s, not %.80s%s", value_place(t->v, place), t->kind,
                t->f->name, wanted, shown, strlen(shown) > 80 || budget < 0 ? "..." : "");
}

static bool has_range(const field *f)
{
    return f->min != 0 || f->max != 0;
}

static cseg_status check_range(const target *t, double x)
{
    char least[32], most[32], wanted[128];
    if (!has_range(t->f) || (x >= t->f->min && x <= t->f->max))
        return CSEG_OK;
    str_double(t->f->min, least);
    str_double(t->f->max, most);
    if (t->f->type == F_INT || t->f->type == F_INTS || t->f->type == F_INT_LIST) {
        snprintf(least, sizeof least, "%.0f", t->f->min);
        snprintf(most, sizeof most, "%.0f", t->f->max);
    }
    snprintf(wanted, sizeof wanted, isinf(t->f->max) ? "%s or more" : "from %s to %s", least, most);
    return wrong(t, wanted);
}

static cseg_status set_bool(const target *t)
{
    if (t->v->kind != V_BOOL && !(t->v->kind == V_INT && (t->v->as.i == 0 || t->v->as.i == 1)))
        return wrong(t, "True or False");
    *(bool *)t->at = value_true(t->v);
    return CSEG_OK;
}

static cseg_status set_int(const target *t)
{
    int64_t i;
    if (!value_integer(t->v, &i))
        return wrong(t, "an int");
    TRY(check_range(t, (double)i));
    *(int64_t *)t->at = i;
    return CSEG_OK;
}

static cseg_status set_float(const target *t)
{
    double x;
    if (!value_number(t->v, &x))
        return wrong(t, "a number");
    TRY(check_range(t, x));
    *(double *)t->at = x;
    return CSEG_OK;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *c = choices; c;) {
        size_t n = strcspn(c, "|");
        if (n == length && memcmp(c, text, n) == 0)
            return true;
        c = c[n] ? c + n + 1 : NULL;
    }
    return false;
}

/* None is no choice unless it is the default. */
static cseg_status set_str(const target *t)
{
    const char *text = value_text(t->v), *choices = t->f->choices, *initial = t->f->initial;
    char wanted[256];
    *(const char **)t->at = text;
    if (t->v->kind == V_NONE && (!choices || (initial && strcmp(initial, "None") == 0)))
        return CSEG_OK;
    if (text && (!choices || is_choice(choices, text)))
        return CSEG_OK;
    snprintf(wanted, sizeof wanted, choices ? "one of %.240s" : "a string", choices);
    return wrong(t, wanted);
}

static cseg_status set_numbers(const target *t)
{
    bool whole = t->f->type != F_FLOATS;
    if (t->f->type == F_INT_LIST && !value_is_list(t->v))
        return wrong(t, "a list or tuple of ints");
    value *one = (value *)t->v;
    value **items = value_is_list(t->v) ? t->v->as.list.item : &one;
    size_t n = value_is_list(t->v) ? t->v->as.list.n : t->v->kind != V_NONE;
    int64_t *ints_at = ARENA_ARRAY(t->mem, whole ? n : 0, int64_t);
    double *floats_at = ARENA_ARRAY(t->mem, whole ? 0 : n, double);
    if (!ints_at || !floats_at)
        return fail_memory(t->err);
    for (size_t i = 0; i < n; i++) {
        double x;
        if (whole ? !value_integer(items[i], &ints_at[i]) : !value_number(items[i], &x))
            return wrong(t, whole ? "ints" : "numbers");
        x = whole ? (double)ints_at[i] : x;
        TRY(check_range(t, x));
        if (!whole)
            floats_at[i] = x;
    }
    if (whole)
        *(ints *)t->at = (ints){n, ints_at};
    else
        *(floats *)t->at = (floats){n, floats_at};
    return CSEG_OK;
}

/* Whether the value is None or one of those that `choices` lists as config text. */
static cseg_status is_listed(const target *t, bool *out)
{
    *out = t->v->kind == V_NONE;
    for (const char *c = t->f->choices; c && *c && !*out;) {
        size_t n = strcspn(c, "|");
        value *one;
        char *text = arena_strndup(t->mem, c, n);
        if (!text)
            return fail_memory(t->err);
        TRY(config_parse_literal(text, t->kind, t->mem, &one, t->err));
        *out = value_equal(one, t->v);
        c = c[n] ? c + n + 1 : NULL;
    }
    return CSEG_OK;
}

static cseg_status check_fixed(const target *t)
{
    bool listed;
    char place[512], wanted[200];
    TRY(is_listed(t, &listed));
    if (listed)
        return CSEG_OK;
    if (t->f->type == F_WARNED) {
        log_warn_once("%s%s: '%s' has no effect here: %s", value_place(t->v, place), t->kind, t->f->name, t->f->about);
        return CSEG_OK;
    }
    snprintf(wanted, sizeof wanted, "%s here (%s)", *t->f->choices ? t->f->choices : "None", t->f->about);
    return wrong(t, wanted);
}

static cseg_status check_local(const target *t)
{
    const char *backend = value_text(value_get(t->v, "backend"));
    if (t->v->kind == V_NONE || (t->v->kind == V_DICT && value_count(t->v) == 0) ||
        (backend && (strcmp(backend, "disk") == 0 || strcmp(backend, "local") == 0)))
        return CSEG_OK;
    return wrong(t, "None or dict(backend='local'): there are only files on disk here");
}

static cseg_status set_field(const target *t)
{
    switch (t->f->type) {
    case F_BOOL:
        return set_bool(t);
    case F_INT:
        return set_int(t);
    case F_FLOAT:
        return set_float(t);
    case F_STR:
        return set_str(t);
    case F_INTS:
    case F_INT_LIST:
    case F_FLOATS:
        return set_numbers(t);
    case F_VALUE:
        *(value **)t->at = t->v->kind == V_NONE ? NULL : (value *)t->v;
        return CSEG_OK;
    case F_FIXED:
    case F_WARNED:
        return check_fixed(t);
    case F_LOCAL:
        return check_local(t);
    case F_IGNORED:
        return CSEG_OK;
    }
    return CSEG_OK;
}

static cseg_status unknown_key(const field_table *table, const char *kind, const char *key, const value *item,
                               arena *mem, cseg_error *err)
{
    char place[512];
    const char **names = ARENA_ARRAY(mem, table->n, const char *);
    if (!names)
        return fail_memory(err);
    for (size_t i = 0; i < table->n; i++)
        names[i] = table->at[i].name;
    const char *near = str_nearest(key, names, table->n);
    return near ? fail(err, CSEG_CONFIG, "%s%s has no key '%.100s'; is '%s' meant?", value_place(item, place), kind,
                       key, near)
                : fail(err, CSEG_CONFIG, "%s%s has no key '%.100s'", value_place(item, place), kind, key);
}

static cseg_status check_keys(const field_table *table, const char *kind, const value *dict, arena *mem,
                              cseg_error *err)
{
    char place[512];
    for (size_t i = 0; dict && i < dict->as.dict.n; i++) {
        const char *key = dict->as.dict.entry[i].key;
        const value *item = dict->as.dict.entry[i].item;
        bool known = strcmp(key, "type") == 0 || strcmp(key, "_scope_") == 0;
        for (size_t k = 0; !known && k < table->n; k++)
            known = strcmp(table->at[k].name, key) == 0;
        if (!known && !table->any_more)
            return unknown_key(table, kind, key, item, mem, err);
        if (!known)
            log_warn_once("%s%s: '%s' is not known here and is passed over", value_place(item, place), kind, key);
    }
    return CSEG_OK;
}

/* A default has no place in any file. */
static void forget_places(value *v)
{
    v->at = (where){0};
    for (size_t i = 0; i < value_count(v); i++)
        forget_places(v->kind == V_DICT ? v->as.dict.entry[i].item : v->as.list.item[i]);
}

/* The value of one field: the dict's, the inherited one, or the default. */
static cseg_status find_value(const field *f, const char *kind, const value *dict, const value *inherited, arena *mem,
                              value **out, cseg_error *err)
{
    char place[512];
    *out = value_get(dict, f->name);
    if (!*out)
        *out = value_get(inherited, f->name);
    if (*out)
        return CSEG_OK;
    if (!f->initial)
        return fail(err, CSEG_CONFIG, "%s%s needs the key '%s'", value_place(dict, place), kind, f->name);
    TRY(config_parse_literal(f->initial, kind, mem, out, err));
    forget_places(*out);
    return CSEG_OK;
}

cseg_status fields_parse(const field_table *table, const char *kind, const value *dict, const value *inherited,
                         arena *mem, void *out, cseg_error *err)
{
    char place[512];
    if (dict && dict->kind != V_DICT)
        return fail(err, CSEG_CONFIG, "%s%s is described by a dict, not by %s", value_place(dict, place), kind,
                    value_kind_name(dict));
    memset(out, 0, table->size);
    TRY(check_keys(table, kind, dict, mem, err));
    for (size_t i = 0; i < table->n; i++) {
        const field *f = &table->at[i];
        value *v;
        if (f->type == F_IGNORED)
            continue;
        TRY(find_value(f, kind, dict, inherited, mem, &v, err));
        target t = {kind, f, v, (char *)out + f->offset, mem, err};
        TRY(set_field(&t));
    }
    return CSEG_OK;
}

cseg_status fields_check(const field_table *table, const char *kind, const value *dict, arena *mem, cseg_error *err)
{
    char place[512];
    if (!dict || dict->kind == V_NONE)
        return CSEG_OK;
    if (dict->kind != V_DICT)
        return fail(err, CSEG_CONFIG, "%s%s is described by a dict, not by %s", value_place(dict, place), kind,
                    value_kind_name(dict));
    TRY(check_keys(table, kind, dict, mem, err));
    for (size_t i = 0; i < table->n; i++) {
        const field *f = &table->at[i];
        target t = {kind, f, value_get(dict, f->name), NULL, mem, err};
        if (t.v && (f->type == F_FIXED || f->type == F_WARNED || f->type == F_LOCAL))
            TRY(set_field(&t));
    }
    return CSEG_OK;
}

static const char *type_text(field_type type)
{
    static const char *const names[] = {"bool",   "int",   "float",   "str",   "ints",   "list of ints",
                                        "floats", "value", "ignored", "fixed", "warned", "storage"};
    return names[type];
}

void fields_document(const field_table *table, FILE *out)
{
    fputs("| key | type | default | meaning |\n| --- | --- | --- | --- |\n", out);
    for (size_t i = 0; i < table->n; i++) {
        const field *f = &table->at[i];
        char least[32], most[32];
        fprintf(out, "| `%s` | %s", f->name, type_text(f->type));
        if (has_range(f)) {
            str_double(f->min, least);
            str_double(f->max, most);
            fprintf(out, isinf(f->max) ? ", %s or more" : ", %s to %s", least, most);
        }
        for (const char *c = f->choices; c && *c;) {
            size_t n = strcspn(c, "|");
            fprintf(out, "%s`%.*s`", c == f->choices ? ": " : ", ", (int)n, c);
            c = c[n] ? c + n + 1 : NULL;
        }
        if (f->initial)
            fprintf(out, " | `%s` | %s |\n", f->initial, f->about ? f->about : "");
        else
            fprintf(out, " | required | %s |\n", f->about ? f->about : "");
    }
}
