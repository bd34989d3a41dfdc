#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/syntax/keywords.h"
#include "config/value_internal.h"

enum { DEEPEST = 400, WIDTH = 79, INDENT = 4 };

/* One character inside quotes, as Python's repr() shows it. Returns its length; *s moves on. */
static size_t repr_char(const char **s, const char *end, char quote, char to[static 16])
{
    static const char named[] = "\\\n\r\t", names[] = "\\nrt";
    const char *from = *s;
    uint32_t c = text_next(s, end);
    const char *name = c && c < 0x80 ? strchr(named, (int)c) : NULL;
    if (name || c == (unsigned char)quote)
        return (size_t)snprintf(to, 16, "\\%c", name ? names[name - named] : quote);
    if (c == TEXT_NONE) /* as Python keeps a byte that is no UTF-8 */
        return (size_t)snprintf(to, 16, "\\udc%02x", (unsigned)(unsigned char)*from);
    if (text_is_hidden(c))
        return (size_t)snprintf(to, 16, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    memcpy(to, from, (size_t)(*s - from));
    return (size_t)(*s - from);
}

/* Python's choice: single quotes unless that would need more escapes than double ones. */
static void repr_string(strbuf *out, const char *s, size_t n)
{
    char quote = memchr(s, '\'', n) && !memchr(s, '"', n) ? '"' : '\'', one[16];
    strbuf_addn(out, &quote, 1);
    for (const char *end = s + n; s < end;) {
        size_t size = repr_char(&s, end, quote, one);
        strbuf_addn(out, one, size);
    }
    strbuf_addn(out, &quote, 1);
}

static void print_float(strbuf *out, double f, const char *infinity, const char *nan)
{
    char text[32];
    if (isinf(f)) {
        strbuf_addf(out, "%s", f < 0 ? "-" : "");
        strbuf_add(out, infinity);
        return;
    }
    if (isnan(f)) {
        strbuf_add(out, nan);
        return;
    }
    str_double(f, text);
    strbuf_add(out, text);
}

static void print_int(strbuf *out, int64_t i)
{
    strbuf_addf(out, "%lld", (long long)i);
}

static bool out_of_budget(strbuf *out, long *budget, int depth)
{
    if (out->failed)
        return true;
    if (--*budget >= 0 && depth <= DEEPEST)
        return false;
    *budget = -1;
    return true;
}

static void repr(strbuf *out, const value *v, long *budget, int depth);

static void repr_items(strbuf *out, const value *v, const char *open, const char *close, long *budget, int depth)
{
    strbuf_add(out, open);
    for (size_t i = 0; i < v->as.list.n && *budget >= 0; i++) {
        strbuf_add(out, i ? ", " : "");
        repr(out, v->as.list.item[i], budget, depth + 1);
    }
    strbuf_add(out, v->kind == V_TUPLE && v->as.list.n == 1 ? "," : "");
    strbuf_add(out, close);
}

static void repr(strbuf *out, const value *v, long *budget, int depth)
{
    if (out_of_budget(out, budget, depth))
        return;
    switch (v->kind) {
    case V_NONE:
        strbuf_add(out, "None");
        break;
    case V_BOOL:
        strbuf_add(out, v->as.b ? "True" : "False");
        break;
    case V_INT:
        print_int(out, v->as.i);
        break;
    case V_FLOAT:
        print_float(out, v->as.f, "inf", "nan");
        break;
    case V_STR:
        *budget -= (long)(v->as.str.n / 16);
        repr_string(out, v->as.str.text, v->as.str.n);
        break;
    case V_LIST:
        repr_items(out, v, "[", "]", budget, depth);
        break;
    case V_TUPLE:
        repr_items(out, v, "(", ")", budget, depth);
        break;
    case V_SET:
        if (v->as.list.n)
            repr_items(out, v, "{", "}", budget, depth);
        else
            strbuf_add(out, "set()");
        break;
    case V_DICT:
        strbuf_add(out, "{");
        for (size_t i = 0; i < v->as.dict.n && *budget >= 0; i++) {
            const value_entry *e = &v->as.dict.entry[i];
            strbuf_add(out, i ? ", " : "");
            if (e->key_value)
                repr(out, e->key_value, budget, depth + 1);
            else
                repr_string(out, e->key, strlen(e->key));
            strbuf_add(out, ": ");
            repr(out, e->item, budget, depth + 1);
        }
        strbuf_add(out, "}");
        break;
    case V_NAME:
        strbuf_addn(out, v->as.str.text, v->as.str.n);
        break;
    case V_OBJECT:
        strbuf_add(out, "<object>");
        break;
    }
}

void value_repr(strbuf *out, const value *v, long *budget)
{
    repr(out, v, budget, 0);
}

char *value_repr_text(arena *mem, const value *v)
{
    strbuf out = {.mem = mem};
    long budget = 1000;
    repr(&out, v, &budget, 0);
    return out.failed ? NULL : out.text;
}

static bool is_identifier(const char *s)
{
    if (!*s || isdigit((unsigned char)*s) || keyword_is(s, strlen(s)))
        return false;
    for (; *s; s++)
        if ((unsigned char)*s < 0x80 ? !isalnum((unsigned char)*s) && *s != '_' : name_fault(s, strlen(s)) != NULL)
            return false;
    return true;
}

static bool keys_are_identifiers(const value *dict)
{
    for (size_t i = 0; i < dict->as.dict.n; i++) {
        const value_entry *e = &dict->as.dict.entry[i];
        if (e->key_value || !is_identifier(e->key))
            return false;
    }
    return true;
}

/* A string as source text. "{{" opens a template there, so its second brace is written as an escape. */
static void print_string(strbuf *out, const char *s, size_t n)
{
    size_t start = out->n;
    repr_string(out, s, n);
    for (size_t i = start; !out->failed && i + 1 < out->n; i++) {
        if (out->text[i] != '{' || out->text[i + 1] != '{')
            continue;
        strbuf_add(out, "   ");
        if (out->failed)
            return;
        memmove(out->text + i + 5, out->text + i + 2, out->n - i - 5);
        memcpy(out->text + i + 1, "\\x7b", 4);
        i += 4;
    }
}

/* A value as Python source. It is tried on one line first; when that does not fit, each item gets a line of its own.
 * `indent` is that of the line the value starts on. */
static void print(strbuf *out, const value *v, int indent, bool split, int depth);

static size_t column(const strbuf *out)
{
    size_t at = out->n;
    while (at > 0 && out->text[at - 1] != '\n')
        at--;
    return out->n - at;
}

/* `behind`: how many characters must still fit on the last line (a comma). */
static void print_fitting(strbuf *out, const value *v, int indent, int behind, int depth)
{
    size_t start = out->n;
    print(out, v, indent, false, depth);
    if (out->failed || value_count(v) == 0 || column(out) + (size_t)behind <= WIDTH)
        return;
    out->n = start;
    out->text[start] = 0;
    print(out, v, indent, true, depth);
}

static void new_line(strbuf *out, int indent)
{
    strbuf_addf(out, "\n%*s", indent, "");
}

static void print_dict(strbuf *out, const value *v, int indent, bool split, int depth)
{
    bool call = keys_are_identifiers(v);
    strbuf_add(out, call ? "dict(" : "{");
    for (size_t i = 0; i < v->as.dict.n; i++) {
        const value_entry *e = &v->as.dict.entry[i];
        bool last = i + 1 == v->as.dict.n;
        if (split)
            new_line(out, indent + INDENT);
        if (call) {
            strbuf_addf(out, "%s=", e->key);
        } else {
            if (e->key_value)
                print(out, e->key_value, 0, false, depth + 1);
            else
                print_string(out, e->key, strlen(e->key));
            strbuf_add(out, ": ");
        }
        if (split)
            print_fitting(out, e->item, indent + INDENT, 1, depth + 1);
        else
            print(out, e->item, indent, false, depth + 1);
        strbuf_add(out, last ? "" : split ? "," : ", ");
    }
    strbuf_add(out, call ? ")" : "}");
}

static void print_list(strbuf *out, const value *v, int indent, bool split, int depth)
{
    const char *open = v->kind == V_LIST ? "[" : v->kind == V_TUPLE ? "(" : "{";
    const char *close = v->kind == V_LIST ? "]" : v->kind == V_TUPLE ? ")" : "}";
    if (v->kind == V_SET && v->as.list.n == 0) {
        strbuf_add(out, "set()");
        return;
    }
    strbuf_add(out, open);
    for (size_t i = 0; i < v->as.list.n; i++) {
        bool last = i + 1 == v->as.list.n;
        if (split) {
            new_line(out, indent + INDENT);
            print_fitting(out, v->as.list.item[i], indent + INDENT, 1, depth + 1);
        } else {
            print(out, v->as.list.item[i], indent, false, depth + 1);
        }
        if (last)
            strbuf_add(out, v->kind == V_TUPLE && i == 0 ? ", " : "");
        else
            strbuf_add(out, split ? "," : ", ");
    }
    if (split)
        new_line(out, indent);
    strbuf_add(out, close);
}

static void print(strbuf *out, const value *v, int indent, bool split, int depth)
{
    if (depth > DEEPEST || out->failed)
        return;
    switch (v->kind) {
    case V_FLOAT:
        print_float(out, v->as.f, "float('inf')", "float('nan')");
        break;
    case V_LIST:
    case V_TUPLE:
    case V_SET:
        print_list(out, v, indent, split, depth);
        break;
    case V_DICT:
        print_dict(out, v, indent, split, depth);
        break;
    case V_STR:
    case V_NAME:
        print_string(out, v->as.str.text, v->as.str.n);
        break;
    default: {
        long budget = INT32_MAX;
        repr(out, v, &budget, depth);
    }
    }
}

/* Whether a config can be written as statements: its keys are names, and none of them hides a name that the text needs.
 */
static bool can_be_statements(const value *v)
{
    return v->kind == V_DICT && keys_are_identifiers(v) && !value_get(v, "dict") && !value_get(v, "float") &&
           !value_get(v, "set");
}

char *value_python(arena *mem, const value *v)
{
    strbuf out = {.mem = mem};
    strbuf_add(&out, "");
    if (can_be_statements(v)) {
        for (size_t i = 0; i < v->as.dict.n; i++) {
            strbuf_addf(&out, "%s = ", v->as.dict.entry[i].key);
            print_fitting(&out, v->as.dict.entry[i].item, 0, 0, 1);
            strbuf_add(&out, "\n");
        }
    } else {
        print_fitting(&out, v, 0, 0, 0);
    }
    return out.failed ? NULL : out.text;
}

static void json_string(strbuf *out, const char *s, size_t n)
{
    text_add_json(out, s, n, false);
}

/* Numbers by size, then strings by bytes. */
static int by_order(const void *a, const void *b)
{
    const value *x = *(value *const *)a, *y = *(value *const *)b;
    if (value_is_number(x) && value_is_number(y))
        return value_compare_numbers(x, y);
    if (value_text(x) && value_text(y))
        return strcmp(value_text(x), value_text(y));
    return (int)x->kind - (int)y->kind;
}

static void json(strbuf *out, const value *v, int indent, int depth);

static void json_break(strbuf *out, int indent, int depth)
{
    if (indent > 0)
        new_line(out, indent * depth);
}

static void json_list(strbuf *out, const value *v, int indent, int depth)
{
    value **item = v->as.list.item;
    if (v->kind == V_SET && v->as.list.n) {
        item = ARENA_ARRAY(out->mem, v->as.list.n, value *);
        if (!item) {
            out->failed = true;
            return;
        }
        memcpy(item, v->as.list.item, v->as.list.n * sizeof *item);
        qsort(item, v->as.list.n, sizeof *item, by_order);
    }
    strbuf_add(out, "[");
    for (size_t i = 0; i < v->as.list.n; i++) {
        json_break(out, indent, depth + 1);
        json(out, item[i], indent, depth + 1);
        if (i + 1 < v->as.list.n)
            strbuf_add(out, indent ? "," : ", ");
    }
    if (v->as.list.n)
        json_break(out, indent, depth);
    strbuf_add(out, "]");
}

static void json_dict(strbuf *out, const value *v, int indent, int depth)
{
    strbuf_add(out, "{");
    for (size_t i = 0; i < v->as.dict.n; i++) {
        const value_entry *e = &v->as.dict.entry[i];
        json_break(out, indent, depth + 1);
        json_string(out, e->key, strlen(e->key));
        strbuf_add(out, ": ");
        json(out, e->item, indent, depth + 1);
        if (i + 1 < v->as.dict.n)
            strbuf_add(out, indent ? "," : ", ");
    }
    if (v->as.dict.n)
        json_break(out, indent, depth);
    strbuf_add(out, "}");
}

static void json(strbuf *out, const value *v, int indent, int depth)
{
    if (depth > DEEPEST || out->failed)
        return;
    switch (v->kind) {
    case V_NONE:
        strbuf_add(out, "null");
        break;
    case V_BOOL:
        strbuf_add(out, v->as.b ? "true" : "false");
        break;
    case V_INT:
        print_int(out, v->as.i);
        break;
    case V_FLOAT:
        print_float(out, v->as.f, "Infinity", "NaN");
        break;
    case V_LIST:
    case V_TUPLE:
    case V_SET:
        json_list(out, v, indent, depth);
        break;
    case V_DICT:
        json_dict(out, v, indent, depth);
        break;
    case V_STR:
    case V_NAME:
    case V_OBJECT:
        json_string(out, value_text(v) ? value_text(v) : "", value_text(v) ? v->as.str.n : 0);
        break;
    }
}

char *value_json(arena *mem, const value *v, int indent)
{
    strbuf out = {.mem = mem};
    json(&out, v, indent, 0);
    return out.failed ? NULL : out.text;
}
