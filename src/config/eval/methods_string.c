/* Methods of strings. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/eval/eval.h"

static cseg_status want_string(eval *ev, spot at, const value *v, const char *what)
{
    return v->kind == V_STR ? CSEG_OK : eval_fail(ev, at, "%s must be a string, not %s", what, value_kind_name(v));
}

static cseg_status string_join(eval *ev, spot at, value *self, const args *a, value **out)
{
    value **items;
    size_t n;
    strbuf text = {.mem = ev->mem};
    TRY(eval_items(ev, at, a->at[0], &items, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(want_string(ev, at, items[i], "what is joined"));
        TRY(eval_room(ev, at, self->as.str.n + items[i]->as.str.n, 2));
        if (i)
            strbuf_addn(&text, self->as.str.text, self->as.str.n);
        strbuf_addn(&text, items[i]->as.str.text, items[i]->as.str.n);
    }
    return eval_text(ev, at, &text, out);
}

static cseg_status add_piece(eval *ev, spot at, value *list, const char *s, size_t n)
{
    value *piece;
    TRY(eval_string(ev, at, s, n, &piece));
    return eval_append(ev, at, list, piece);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static cseg_status split_words(eval *ev, spot at, const value *self, int64_t most, value *out)
{
    const char *s = self->as.str.text, *end = s + self->as.str.n;
    for (;;) {
        while (s < end && is_space(*s))
            s++;
        if (s == end)
            return CSEG_OK;
        const char *start = s;
        if (most == 0) {
            while (end > start && is_space(end[-1]))
                end--;
            return add_piece(ev, at, out, start, (size_t)(end - start));
        }
        while (s < end && !is_space(*s))
            s++;
        TRY(add_piece(ev, at, out, start, (size_t)(s - start)));
        most--;
    }
}

static cseg_status split(eval *ev, spot at, value *self, const args *a, bool right, value **out)
{
    int64_t most = -1;
    const value *by = a->at[0];
    if (a->at[1])
        TRY(eval_integer(ev, at, a->at[1], "maxsplit", &most));
    TRY(eval_charge(ev, at, self->as.str.n / 16));
    TRY(eval_new(ev, at, V_LIST, out));
    if (!by || by->kind == V_NONE)
        return right && most >= 0 ? eval_refuse(ev, at, "rsplit() at spaces with a limit")
                                  : split_words(ev, at, self, most, *out);
    TRY(want_string(ev, at, by, "the separator"));
    const char *s = self->as.str.text, *sep = by->as.str.text;
    size_t n = self->as.str.n, m = by->as.str.n, from = 0, pieces = 0;
    if (m == 0)
        return eval_fail(ev, at, "an empty separator");
    for (size_t i = eval_find(s, n, 0, sep, m); right && most >= 0 && i < n; i = eval_find(s, n, i + m, sep, m))
        pieces++;
    /* Splits from the right: skips the first pieces - most separators. */
    size_t skip = right && most >= 0 && pieces > (size_t)most ? pieces - (size_t)most : 0;
    size_t search = 0;
    while (right || most < 0 || (int64_t)(*out)->as.list.n < most) {
        size_t i = eval_find(s, n, search, sep, m);
        if (i >= n)
            break;
        search = i + m;
        if (skip > 0) {
            skip--;
            continue;
        }
        TRY(add_piece(ev, at, *out, s + from, i - from));
        from = search;
    }
    return add_piece(ev, at, *out, s + from, n - from);
}

static cseg_status string_split(eval *ev, spot at, value *self, const args *a, value **out)
{
    return split(ev, at, self, a, false, out);
}

static cseg_status string_rsplit(eval *ev, spot at, value *self, const args *a, value **out)
{
    return split(ev, at, self, a, true, out);
}

static cseg_status string_splitlines(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    const char *s = self->as.str.text, *end = s + self->as.str.n;
    TRY(eval_new(ev, at, V_LIST, out));
    while (s < end) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        stop = stop ? stop : end;
        TRY(add_piece(ev, at, *out, s, (size_t)(stop - s)));
        s = stop + 1;
    }
    return CSEG_OK;
}

static cseg_status string_partition(eval *ev, spot at, value *self, const args *a, value **out)
{
    TRY(want_string(ev, at, a->at[0], "the separator"));
    const char *s = self->as.str.text;
    size_t n = self->as.str.n, m = a->at[0]->as.str.n;
    if (m == 0)
        return eval_fail(ev, at, "an empty separator");
    size_t found = eval_find(s, n, 0, a->at[0]->as.str.text, m);
    size_t i = found < n ? found : n, rest = found < n ? i + m : n;
    TRY(eval_charge(ev, at, n / 16));
    TRY(eval_new(ev, at, V_TUPLE, out));
    TRY(add_piece(ev, at, *out, s, i));
    TRY(add_piece(ev, at, *out, s + i, rest - i));
    return add_piece(ev, at, *out, s + rest, n - rest);
}

static cseg_status string_replace(eval *ev, spot at, value *self, const args *a, value **out)
{
    int64_t most = -1;
    TRY(want_string(ev, at, a->at[0], "what is replaced"));
    TRY(want_string(ev, at, a->at[1], "the replacement"));
    if (a->n > 2)
        TRY(eval_integer(ev, at, a->at[2], "the count", &most));
    const char *s = self->as.str.text;
    size_t n = self->as.str.n, m = a->at[0]->as.str.n, from = 0;
    strbuf text = {.mem = ev->mem};
    if (m == 0)
        return eval_refuse(ev, at, "replace() of an empty string");
    TRY(eval_charge(ev, at, n / 16));
    while (most-- != 0) {
        size_t i = eval_find(s, n, from, a->at[0]->as.str.text, m);
        if (i >= n)
            break;
        TRY(eval_room(ev, at, a->at[1]->as.str.n, 2));
        strbuf_addn(&text, s + from, i - from);
        strbuf_addn(&text, a->at[1]->as.str.text, a->at[1]->as.str.n);
        from = i + m;
    }
    strbuf_addn(&text, s + from, n - from);
    return eval_text(ev, at, &text, out);
}

/* The alphabets that have two cases lie below U+3000, and in a block above 0xEF.... */
static cseg_status refuse_letters(eval *ev, spot at, const value *v)
{
    for (size_t i = 0; i < v->as.str.n; i++) {
        unsigned char c = (unsigned char)v->as.str.text[i];
        if ((c >= 0xC0 && c < 0xE3) || c >= 0xEF)
            return eval_refuse(ev, at, "this method on letters beyond ASCII");
    }
    return eval_charge(ev, at, v->as.str.n / 16);
}

static cseg_status change_case(eval *ev, spot at, const value *self, int (*first)(int), int (*later)(int), bool words,
                               value **out)
{
    TRY(refuse_letters(ev, at, self));
    TRY(eval_string(ev, at, self->as.str.text, self->as.str.n, out));
    char *s = (char *)(*out)->as.str.text;
    bool start = true;
    for (size_t i = 0; i < self->as.str.n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x80)
            s[i] = (char)(start ? first(c) : later(c));
        start = words && !isalpha(c);
    }
    return CSEG_OK;
}

static cseg_status string_lower(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    return change_case(ev, at, self, tolower, tolower, false, out);
}

static cseg_status string_upper(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    return change_case(ev, at, self, toupper, toupper, false, out);
}

static cseg_status string_capitalize(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    return change_case(ev, at, self, toupper, tolower, false, out);
}

static cseg_status string_title(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    return change_case(ev, at, self, toupper, tolower, true, out);
}

static cseg_status strip(eval *ev, spot at, const value *self, const args *a, bool left, bool right, value **out)
{
    const char *set = " \t\n\r\f\v", *s = self->as.str.text;
    size_t from = 0, to = self->as.str.n;
    if (a->n && a->at[0]->kind != V_NONE) {
        TRY(want_string(ev, at, a->at[0], "what is stripped"));
        set = a->at[0]->as.str.text;
        for (size_t i = 0; set[i]; i++)
            if ((unsigned char)set[i] >= 0x80)
                return eval_refuse(ev, at, "stripping characters beyond ASCII");
    }
    while (left && from < to && s[from] && strchr(set, s[from]))
        from++;
    while (right && to > from && s[to - 1] && strchr(set, s[to - 1]))
        to--;
    TRY(eval_charge(ev, at, self->as.str.n / 16));
    return eval_string(ev, at, s + from, to - from, out);
}

static cseg_status string_strip(eval *ev, spot at, value *self, const args *a, value **out)
{
    return strip(ev, at, self, a, true, true, out);
}

static cseg_status string_lstrip(eval *ev, spot at, value *self, const args *a, value **out)
{
    return strip(ev, at, self, a, true, false, out);
}

static cseg_status string_rstrip(eval *ev, spot at, value *self, const args *a, value **out)
{
    return strip(ev, at, self, a, false, true, out);
}

/* Whether `self` has `part` (or one of a tuple of parts) at its start or end. */
static cseg_status has_end(eval *ev, spot at, const value *self, value *part, bool start, bool *out)
{
    value **items = &part;
    size_t count = 1;
    if (part->kind == V_TUPLE)
        TRY(eval_items(ev, at, part, &items, &count));
    *out = false;
    for (size_t i = 0; i < count; i++) {
        TRY(want_string(ev, at, items[i], "what is looked for"));
        TRY(eval_charge(ev, at, items[i]->as.str.n / 64));
        size_t n = self->as.str.n, m = items[i]->as.str.n;
        *out |= m <= n && memcmp(self->as.str.text + (start ? 0 : n - m), items[i]->as.str.text, m) == 0;
    }
    return CSEG_OK;
}

static cseg_status string_startswith(eval *ev, spot at, value *self, const args *a, value **out)
{
    bool has;
    TRY(has_end(ev, at, self, a->at[0], true, &has));
    return eval_bool(ev, at, has, out);
}

static cseg_status string_endswith(eval *ev, spot at, value *self, const args *a, value **out)
{
    bool has;
    TRY(has_end(ev, at, self, a->at[0], false, &has));
    return eval_bool(ev, at, has, out);
}

static cseg_status string_removeprefix(eval *ev, spot at, value *self, const args *a, value **out)
{
    bool has;
    TRY(want_string(ev, at, a->at[0], "the prefix"));
    TRY(has_end(ev, at, self, a->at[0], true, &has));
    size_t m = has ? a->at[0]->as.str.n : 0;
    return eval_string(ev, at, self->as.str.text + m, self->as.str.n - m, out);
}

static cseg_status string_removesuffix(eval *ev, spot at, value *self, const args *a, value **out)
{
    bool has;
    TRY(want_string(ev, at, a->at[0], "the suffix"));
    TRY(has_end(ev, at, self, a->at[0], false, &has));
    return eval_string(ev, at, self->as.str.text, self->as.str.n - (has ? a->at[0]->as.str.n : 0), out);
}

static cseg_status string_find(eval *ev, spot at, value *self, const args *a, value **out)
{
    TRY(want_string(ev, at, a->at[0], "what is looked for"));
    const char *s = self->as.str.text;
    size_t n = self->as.str.n, m = a->at[0]->as.str.n;
    size_t i = m ? eval_find(s, n, 0, a->at[0]->as.str.text, m) : 0;
    TRY(eval_charge(ev, at, n / 16));
    return eval_int(ev, at, i < n || m == 0 ? (int64_t)utf8_count(s, i) : -1, out);
}

static cseg_status string_count(eval *ev, spot at, value *self, const args *a, value **out)
{
    TRY(want_string(ev, at, a->at[0], "what is counted"));
    const char *s = self->as.str.text;
    size_t n = self->as.str.n, m = a->at[0]->as.str.n;
    int64_t count = 0;
    if (m == 0)
        return eval_refuse(ev, at, "count() of an empty string");
    for (size_t i = eval_find(s, n, 0, a->at[0]->as.str.text, m); i < n;
         i = eval_find(s, n, i + m, a->at[0]->as.str.text, m))
        count++;
    TRY(eval_charge(ev, at, n / 16));
    return eval_int(ev, at, count, out);
}

static cseg_status all_of(eval *ev, spot at, const value *self, int (*is)(int), value **out)
{
    bool all = self->as.str.n > 0;
    TRY(refuse_letters(ev, at, self));
    for (size_t i = 0; i < self->as.str.n; i++)
        all &= is((unsigned char)self->as.str.text[i]) != 0;
    return eval_bool(ev, at, all, out);
}

static cseg_status string_isdigit(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    return all_of(ev, at, self, isdigit, out);
}

static cseg_status string_isalpha(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)a;
    return all_of(ev, at, self, isalpha, out);
}

static cseg_status pad(eval *ev, spot at, const value *self, const args *a, char align, value **out)
{
    int64_t width;
    TRY(eval_integer(ev, at, a->at[0], "the width", &width));
    if (width > 10000)
        return eval_fail(ev, at, "a width above 10000");
    if (a->n > 1)
        TRY(want_string(ev, at, a->at[1], "the fill"));
    char spec[64];
    char fill = a->n > 1 && a->at[1]->as.str.n == 1 ? a->at[1]->as.str.text[0] : ' ';
    size_t n = (size_t)snprintf(spec, sizeof spec, "%c%c%lld", fill, align, (long long)(width < 0 ? 0 : width));
    strbuf text = {.mem = ev->mem};
    TRY(format_value(ev, at, self, width > 0 ? spec : "", width > 0 ? n : 0, &text));
    return eval_text(ev, at, &text, out);
}

static cseg_status string_ljust(eval *ev, spot at, value *self, const args *a, value **out)
{
    return pad(ev, at, self, a, '<', out);
}

static cseg_status string_rjust(eval *ev, spot at, value *self, const args *a, value **out)
{
    return pad(ev, at, self, a, '>', out);
}

static cseg_status string_zfill(eval *ev, spot at, value *self, const args *a, value **out)
{
    const char *s = self->as.str.text;
    size_t sign = self->as.str.n && (*s == '-' || *s == '+');
    int64_t width;
    TRY(eval_integer(ev, at, a->at[0], "the width", &width));
    if (width > 10000)
        return eval_fail(ev, at, "a width above 10000");
    strbuf text = {.mem = ev->mem};
    strbuf_addn(&text, s, sign);
    for (int64_t i = (int64_t)utf8_count(s, self->as.str.n); i < width; i++)
        strbuf_add(&text, "0");
    strbuf_addn(&text, s + sign, self->as.str.n - sign);
    return eval_text(ev, at, &text, out);
}

static const builtin table[] = {
    {"format", format_method, 0, -1, "*", V_OBJECT},
    {"join", string_join, 1, 1, NULL, V_OBJECT},
    {"split", string_split, 0, 2, "sep|maxsplit", V_OBJECT},
    {"rsplit", string_rsplit, 0, 2, "sep|maxsplit", V_OBJECT},
    {"splitlines", string_splitlines, 0, 0, NULL, V_OBJECT},
    {"partition", string_partition, 1, 1, NULL, V_OBJECT},
    {"replace", string_replace, 2, 3, NULL, V_OBJECT},
    {"lower", string_lower, 0, 0, NULL, V_OBJECT},
    {"upper", string_upper, 0, 0, NULL, V_OBJECT},
    {"capitalize", string_capitalize, 0, 0, NULL, V_OBJECT},
    {"title", string_title, 0, 0, NULL, V_OBJECT},
    {"strip", string_strip, 0, 1, NULL, V_OBJECT},
    {"lstrip", string_lstrip, 0, 1, NULL, V_OBJECT},
    {"rstrip", string_rstrip, 0, 1, NULL, V_OBJECT},
    {"startswith", string_startswith, 1, 1, NULL, V_OBJECT},
    {"endswith", string_endswith, 1, 1, NULL, V_OBJECT},
    {"removeprefix", string_removeprefix, 1, 1, NULL, V_OBJECT},
    {"removesuffix", string_removesuffix, 1, 1, NULL, V_OBJECT},
    {"find", string_find, 1, 1, NULL, V_OBJECT},
    {"count", string_count, 1, 1, NULL, V_OBJECT},
    {"isdigit", string_isdigit, 0, 0, NULL, V_OBJECT},
    {"isalpha", string_isalpha, 0, 0, NULL, V_OBJECT},
    {"ljust", string_ljust, 1, 2, NULL, V_OBJECT},
    {"rjust", string_rjust, 1, 2, NULL, V_OBJECT},
    {"zfill", string_zfill, 1, 1, NULL, V_OBJECT},
};

const builtin *method_find_string(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
