/* str.format(). */
#include <string.h>

#include "config/eval/format.h"

enum { DEEPEST_SPEC = 2 };

typedef struct filling {
    const args *a;
    size_t next; /* of the automatic numbering */
} filling;

static cseg_status argument(eval *ev, spot at, filling *f, const char *name, size_t n, value **out)
{
    size_t i = 0;
    if (n == 0 || (name[0] >= '0' && name[0] <= '9')) {
        for (size_t k = 0; k < n; k++) {
            if (name[k] < '0' || name[k] > '9' || i > 1000000)
                return eval_fail(ev, at, "'{%.*s}' names no argument", n > 40 ? 40 : (int)n, name);
            i = i * 10 + (size_t)(name[k] - '0');
        }
        i = n ? i : f->next++;
        if (i >= f->a->n)
            return eval_fail(ev, at, "format() has no argument %zu", i);
        *out = f->a->at[i];
        return CSEG_OK;
    }
    for (i = 0; i < f->a->names; i++)
        if (strlen(f->a->name[i]) == n && memcmp(f->a->name[i], name, n) == 0) {
            *out = f->a->named[i];
            return CSEG_OK;
        }
    return eval_fail(ev, at, "format() has no argument '%.*s'", n > 40 ? 40 : (int)n, name);
}

/* name.attribute[index]... */
static cseg_status field_value(eval *ev, spot at, filling *f, const char *s, size_t n, value **out)
{
    size_t i = 0;
    while (i < n && s[i] != '.' && s[i] != '[')
        i++;
    TRY(argument(ev, at, f, s, i, out));
    while (i < n) {
        bool index = s[i] == '[';
        size_t from = ++i;
        while (i < n && (index ? s[i] != ']' : s[i] != '.' && s[i] != '['))
            i++;
        char *name = arena_strndup(ev->mem, s + from, i - from);
        if (!name)
            return fail_memory(ev->err);
        if (!index) {
            TRY(eval_attribute(ev, at, *out, name, out));
            continue;
        }
        value *key;
        bool number = *name && strlen(name) < 10 && strspn(name, "0123456789") == strlen(name);
        int64_t place = 0;
        for (const char *d = name; number && *d; d++)
            place = place * 10 + *d - '0';
        TRY(number ? eval_int(ev, at, place, &key) : eval_string(ev, at, name, strlen(name), &key));
        TRY(eval_index(ev, at, *out, key, out));
        i++;
    }
    return CSEG_OK;
}

static cseg_status fill(eval *ev, spot at, filling *f, const char *s, size_t n, int depth, strbuf *out);

static cseg_status fill_field(eval *ev, spot at, filling *f, const char *s, size_t n, int depth, strbuf *out)
{
    size_t name = 0, brackets = 0;
    while (name < n && (brackets || (s[name] != '!' && s[name] != ':'))) {
        brackets += s[name] == '[';
        brackets -= s[name] == ']' && brackets;
        name++;
    }
    value *v;
    strbuf spec = {.mem = ev->mem}, text = {.mem = ev->mem};
    TRY(field_value(ev, at, f, s, name, &v));
    size_t i = name;
    if (i + 1 < n && s[i] == '!') {
        TRY(s[i + 1] == 's' ? eval_str(ev, at, v, &text) : eval_repr(ev, at, v, &text));
        TRY(eval_text(ev, at, &text, &v));
        i += 2;
    }
    if (i < n && s[i] == ':')
        TRY(fill(ev, at, f, s + i + 1, n - i - 1, depth + 1, &spec));
    return format_value(ev, at, v, spec.text ? spec.text : "", spec.n, out);
}

static cseg_status fill(eval *ev, spot at, filling *f, const char *s, size_t n, int depth, strbuf *out)
{
    if (depth > DEEPEST_SPEC)
        return eval_fail(ev, at, "fields within fields nest too deeply");
    for (size_t i = 0; i < n; i++) {
        if ((s[i] == '{' || s[i] == '}') && i + 1 < n && s[i + 1] == s[i]) {
            strbuf_addn(out, &s[i++], 1);
        } else if (s[i] == '{') {
            size_t end = i + 1;
            for (int open = 1; end < n; end++) {
                open += s[end] == '{';
                open -= s[end] == '}';
                if (open == 0)
                    break;
            }
            if (end >= n)
                return eval_fail(ev, at, "a '{' of this format is not closed; write '{{' for the character");
            TRY(fill_field(ev, at, f, s + i + 1, end - i - 1, depth, out));
            i = end;
        } else if (s[i] == '}') {
            return eval_fail(ev, at, "a single '}' in this format; write '}}' for the character");
        } else {
            strbuf_addn(out, &s[i], 1);
        }
    }
    return out->failed ? fail_memory(ev->err) : eval_charge(ev, at, n / 16);
}

cseg_status format_method(eval *ev, spot at, value *self, const args *a, value **out)
{
    filling f = {.a = a};
    strbuf text = {.mem = ev->mem};
    TRY(fill(ev, at, &f, self->as.str.text, self->as.str.n, 0, &text));
    return eval_text(ev, at, &text, out);
}
