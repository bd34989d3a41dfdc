/* Functions and types of numbers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/eval/eval.h"
#include "config/syntax/lexer.h"

/* The text of a number without the spaces around it and the '_' in it; NULL: the text cannot be a number. */
static char *number_text(eval *ev, const value *v)
{
    char *text = arena_alloc(ev->mem, v->as.str.n + 1);
    const char *s = v->as.str.text, *end = s + v->as.str.n;
    size_t k = 0;
    if (!text)
        return NULL;
    while (s < end && strchr(" \t\n", *s))
        s++;
    while (end > s && strchr(" \t\n", end[-1]))
        end--;
    for (; s < end; s++)
        if (*s != '_' || k == 0 || s + 1 == end)
            text[k++] = *s && !strchr(" \t\n", *s) ? *s : '?';
    return text;
}

static cseg_status int_of_text(eval *ev, spot at, const value *v, int64_t base, value **out)
{
    char *text = number_text(ev, v), *end, *digits;
    if (!text)
        return fail_memory(ev->err);
    digits = text + (*text == '-' || *text == '+');
    if (base < 0 || base == 1 || base > 36)
        return eval_fail(ev, at, "int() knows no base %lld", (long long)base);
    errno = 0;
    long long i = strtoll(text, &end, (int)base);
    bool digit =
        (*digits >= '0' && *digits <= '9') || (*digits >= 'a' && *digits <= 'z') || (*digits >= 'A' && *digits <= 'Z');
    if (*end || !digit)
        return eval_fail(ev, at, "'%.100s' is no integer", v->as.str.text);
    if (errno == ERANGE)
        return eval_refuse(ev, at, "integers beyond 64 bits are not part of the config language");
    return eval_int(ev, at, i, out);
}

static cseg_status int_of_float(eval *ev, spot at, double f, value **out)
{
    if (!isfinite(f))
        return eval_fail(ev, at, "an infinite or undefined number has no integer part");
    if (!(f >= -0x1p63 && f < 0x1p63))
        return eval_refuse(ev, at, "integers beyond 64 bits are not part of the config language");
    return eval_int(ev, at, (int64_t)f, out);
}

static cseg_status call_int(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    int64_t i = 10;
    if (!a->at[0])
        return eval_int(ev, at, 0, out);
    if (a->at[1])
        TRY(eval_integer(ev, at, a->at[1], "the base", &i));
    if (a->at[0]->kind == V_STR)
        return int_of_text(ev, at, a->at[0], i, out);
    if (a->at[0]->kind == V_FLOAT)
        return int_of_float(ev, at, a->at[0]->as.f, out);
    TRY(eval_integer(ev, at, a->at[0], "int()'s argument", &i));
    return eval_int(ev, at, i, out);
}

static cseg_status call_float(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    double f = 0;
    if (a->n && a->at[0]->kind == V_STR) {
        char *text = number_text(ev, a->at[0]), *end;
        if (!text)
            return fail_memory(ev->err);
        f = strtod(text, &end);
        if (*end || end == text || strpbrk(text, "xXpP("))
            return eval_fail(ev, at, "'%.100s' is no number", a->at[0]->as.str.text);
    } else if (a->n && !value_number(a->at[0], &f)) {
        return eval_fail(ev, at, "float() of %s has no meaning", value_kind_name(a->at[0]));
    }
    return eval_float(ev, at, f, out);
}

static cseg_status call_abs(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    double f;
    if (!value_number(a->at[0], &f))
        return eval_fail(ev, at, "abs() of %s has no meaning", value_kind_name(a->at[0]));
    return eval_unary(ev, at, f < 0 || (f == 0 && signbit(f)) ? OP('-') : OP('+'), a->at[0], out);
}

/* Half to even, as Python does it; n < 0: tens, hundreds... of an int. */
static cseg_status round_int(eval *ev, spot at, int64_t i, int64_t n, value **out)
{
    int64_t unit = 1;
    for (; n < 0; n++)
        if (__builtin_mul_overflow(unit, 10, &unit))
            return eval_int(ev, at, 0, out);
    int64_t rest = i % unit;
    rest = rest < 0 ? rest + unit : rest;
    int64_t low = i < INT64_MIN + unit ? i - i % unit : i - rest;
    bool up = rest > unit - rest || (rest == unit - rest && low / unit % 2 != 0);
    if (up && __builtin_add_overflow(low, unit, &low))
        return eval_refuse(ev, at, "integers beyond 64 bits are not part of the config language");
    return eval_int(ev, at, low, out);
}

static cseg_status call_round(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    double f;
    int64_t n = 0;
    bool digits = a->at[1] && a->at[1]->kind != V_NONE;
    if (!value_number(a->at[0], &f))
        return eval_fail(ev, at, "round() of %s has no meaning", value_kind_name(a->at[0]));
    if (digits)
        TRY(eval_integer(ev, at, a->at[1], "the number of digits", &n));
    if (a->at[0]->kind != V_FLOAT) {
        int64_t i;
        TRY(eval_integer(ev, at, a->at[0], "round()'s argument", &i));
        return n < 0 ? round_int(ev, at, i, n, out) : eval_int(ev, at, i, out);
    }
    if (!digits)
        return int_of_float(ev, at, nearbyint(f), out);
    if (!isfinite(f) || n > 330)
        return eval_float(ev, at, f, out);
    if (n < 0) {
        double unit = n < -308 ? INFINITY : pow(10, (double)-n);
        return eval_float(ev, at, isinf(unit) ? copysign(0.0, f) : nearbyint(f / unit) * unit, out);
    }
    char text[700];
    snprintf(text, sizeof text, "%.*f", (int)n, f);
    return eval_float(ev, at, strtod(text, NULL), out);
}

static cseg_status call_divmod(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    value *q, *r;
    TRY(eval_binary(ev, at, OP2('/', '/'), a->at[0], a->at[1], &q));
    TRY(eval_binary(ev, at, OP('%'), a->at[0], a->at[1], &r));
    TRY(eval_new(ev, at, V_TUPLE, out));
    TRY(eval_append(ev, at, *out, q));
    return eval_append(ev, at, *out, r);
}

static cseg_status call_pow(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return eval_binary(ev, at, OP2('*', '*'), a->at[0], a->at[1], out);
}

static const builtin table[] = {
    {"int", call_int, 0, 2, "|base", V_INT},       {"float", call_float, 0, 1, NULL, V_FLOAT},
    {"abs", call_abs, 1, 1, NULL, V_OBJECT},       {"round", call_round, 1, 2, "number|ndigits", V_OBJECT},
    {"divmod", call_divmod, 2, 2, NULL, V_OBJECT}, {"pow", call_pow, 2, 2, NULL, V_OBJECT},
};

const builtin *builtin_find_number(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
