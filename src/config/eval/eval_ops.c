/* Evaluates operators, with Python's meaning. */
#include <math.h>
#include <string.h>

#include "config/eval/eval.h"
#include "config/syntax/lexer.h"

static const char *op_text(uint32_t op, char out[static 5])
{
    size_t n = 0;
    for (; op; op >>= 8)
        out[n++] = (char)(op & 0xFF);
    out[n] = 0;
    return out;
}

static cseg_status no_meaning(eval *ev, spot at, uint32_t op, const value *a, const value *b)
{
    char text[5];
    return eval_fail(ev, at, "'%s' of %s and %s has no meaning", op_text(op, text), value_kind_name(a),
                     value_kind_name(b));
}

static cseg_status too_large(eval *ev, spot at)
{
    return eval_refuse(ev, at, "integers beyond 64 bits are not part of the config language");
}

static cseg_status by_zero(eval *ev, spot at)
{
    return eval_fail(ev, at, "division by zero");
}

static double as_double(const value *v)
{
    return v->kind == V_FLOAT ? v->as.f : v->kind == V_INT ? (double)v->as.i : (double)v->as.b;
}

static int64_t as_int(const value *v)
{
    return v->kind == V_INT ? v->as.i : v->as.b;
}

static cseg_status int_power(eval *ev, spot at, int64_t base, int64_t exponent, value **out)
{
    int64_t result = 1;
    if (exponent < 0)
        return base == 0 ? by_zero(ev, at) : eval_float(ev, at, pow((double)base, (double)exponent), out);
    if (base == 0 || base == 1)
        return eval_int(ev, at, exponent == 0 ? 1 : base, out);
    if (base == -1)
        return eval_int(ev, at, exponent % 2 ? -1 : 1, out);
    for (; exponent > 0; exponent--)
        if (__builtin_mul_overflow(result, base, &result))
            return too_large(ev, at);
    return eval_int(ev, at, result, out);
}

/* Towards minus infinity; b is not 0. */
static void float_divide(double a, double b, double *quotient, double *rest)
{
    double m = fmod(a, b), q = (a - m) / b;
    if (m == 0) {
        m = copysign(0.0, b);
    } else if ((m < 0) != (b < 0)) {
        m += b;
        q -= 1;
    }
    *quotient = q == 0 ? copysign(0.0, a / b) : q - floor(q) > 0.5 ? floor(q) + 1 : floor(q);
    *rest = m;
}

/* Towards minus infinity; b is not 0. */
static int64_t floor_divide(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

static cseg_status int_binary(eval *ev, spot at, uint32_t op, int64_t a, int64_t b, value **out)
{
    int64_t r = 0;
    bool over = false;
    switch (op) {
    case OP('+'):
        over = __builtin_add_overflow(a, b, &r);
        break;
    case OP('-'):
        over = __builtin_sub_overflow(a, b, &r);
        break;
    case OP('*'):
        over = __builtin_mul_overflow(a, b, &r);
        break;
    case OP('/'):
        return b == 0 ? by_zero(ev, at) : eval_float(ev, at, (double)((long double)a / (long double)b), out);
    case OP2('/', '/'):
    case OP('%'):
        if (b == 0)
            return by_zero(ev, at);
        if (b == -1) {
            over = op == OP2('/', '/') && __builtin_sub_overflow(0, a, &r);
            break;
        }
        r = floor_divide(a, b);
        r = op == OP('%') ? a - r * b : r;
        break;
    case OP2('*', '*'):
        return int_power(ev, at, a, b, out);
    case OP('&'):
        r = a & b;
        break;
    case OP('|'):
        r = a | b;
        break;
    case OP('^'):
        r = a ^ b;
        break;
    case OP2('<', '<'):
    case OP2('>', '>'):
        if (b < 0)
            return eval_fail(ev, at, "a shift by less than 0");
        if (op == OP2('>', '>'))
            r = b > 62 ? (a < 0 ? -1 : 0) : a >> b;
        else
            over = a != 0 && (b > 62 || __builtin_mul_overflow(a, (int64_t)1 << b, &r));
        break;
    default:
        return eval_refuse(ev, at, "matrix products ('@') are not part of the config language");
    }
    return over ? too_large(ev, at) : eval_int(ev, at, r, out);
}

static cseg_status float_binary(eval *ev, spot at, uint32_t op, const value *x, const value *y, value **out)
{
    double a = as_double(x), b = as_double(y), quotient, rest;
    switch (op) {
    case OP('+'):
        return eval_float(ev, at, a + b, out);
    case OP('-'):
        return eval_float(ev, at, a - b, out);
    case OP('*'):
        return eval_float(ev, at, a * b, out);
    case OP('/'):
        return b == 0 ? by_zero(ev, at) : eval_float(ev, at, a / b, out);
    case OP2('/', '/'):
    case OP('%'):
        if (b == 0)
            return by_zero(ev, at);
        float_divide(a, b, &quotient, &rest);
        return eval_float(ev, at, op == OP('%') ? rest : quotient, out);
    case OP2('*', '*'):
        if (a == 0 && b < 0)
            return by_zero(ev, at);
        if (a < 0 && isfinite(b) && b != floor(b))
            return eval_refuse(ev, at, "complex numbers are not part of the config language");
        quotient = pow(a, b);
        if (isinf(quotient) && isfinite(a) && isfinite(b))
            return eval_fail(ev, at, "this power is too large for a float");
        return eval_float(ev, at, quotient, out);
    default:
        return no_meaning(ev, at, op, x, y);
    }
}

static cseg_status repeat(eval *ev, spot at, const value *v, int64_t times, value **out)
{
    size_t n = v->kind == V_STR ? v->as.str.n : v->as.list.n, count = times > 0 ? (size_t)times : 0, total;
    if (__builtin_mul_overflow(n, count, &total))
        total = SIZE_MAX;
    TRY(eval_room(ev, at, total, v->kind == V_STR ? 1 : sizeof(value *)));
    count = total ? count : 0;
    if (v->kind == V_STR) {
        strbuf text = {.mem = ev->mem};
        for (size_t i = 0; i < count; i++)
            strbuf_addn(&text, v->as.str.text, n);
        return eval_text(ev, at, &text, out);
    }
    TRY(eval_new(ev, at, v->kind, out));
    for (size_t i = 0; i < total; i++)
        TRY(eval_append(ev, at, *out, v->as.list.item[i % n]));
    return CSEG_OK;
}

static cseg_status join(eval *ev, spot at, const value *a, const value *b, value **out)
{
    if (a->kind == V_STR) {
        strbuf text = {.mem = ev->mem};
        TRY(eval_room(ev, at, a->as.str.n + b->as.str.n, 1));
        strbuf_addn(&text, a->as.str.text, a->as.str.n);
        strbuf_addn(&text, b->as.str.text, b->as.str.n);
        return eval_text(ev, at, &text, out);
    }
    TRY(eval_room(ev, at, a->as.list.n + b->as.list.n, sizeof(value *)));
    TRY(eval_new(ev, at, a->kind, out));
    for (size_t i = 0; i < a->as.list.n; i++)
        TRY(eval_append(ev, at, *out, a->as.list.item[i]));
    for (size_t i = 0; i < b->as.list.n; i++)
        TRY(eval_append(ev, at, *out, b->as.list.item[i]));
    return CSEG_OK;
}

static cseg_status set_binary(eval *ev, spot at, uint32_t op, const value *a, const value *b, value **out)
{
    TRY(eval_new(ev, at, V_SET, out));
    for (size_t i = 0; i < a->as.list.n; i++) {
        bool both = value_within(a->as.list.item[i], b, true, &ev->budget->steps);
        if (op == OP('|') || (op == OP('&') ? both : !both))
            TRY(eval_add_unique(ev, at, *out, a->as.list.item[i]));
    }
    for (size_t i = 0; (op == OP('|') || op == OP('^')) && i < b->as.list.n; i++)
        if (!value_within(b->as.list.item[i], a, true, &ev->budget->steps))
            TRY(eval_add_unique(ev, at, *out, b->as.list.item[i]));
    return CSEG_OK;
}

static cseg_status dict_join(eval *ev, spot at, value *a, value *b, value **out)
{
    TRY(eval_new(ev, at, V_DICT, out));
    (*out)->as.dict.attributes = a->as.dict.attributes;
    TRY(eval_pairs(ev, at, a, *out));
    return eval_dict_update(ev, at, *out, b, 0);
}

static bool is_sequence(const value *v)
{
    return v->kind == V_STR || v->kind == V_LIST || v->kind == V_TUPLE;
}

static bool is_integral(const value *v)
{
    return v->kind == V_INT || v->kind == V_BOOL;
}

cseg_status eval_binary(eval *ev, spot at, uint32_t op, value *a, value *b, value **out)
{
    TRY(eval_charge(ev, at, 0));
    if (a->kind == V_BOOL && b->kind == V_BOOL && (op == OP('&') || op == OP('|') || op == OP('^')))
        return eval_bool(ev, at,
                         op == OP('&')   ? a->as.b && b->as.b
                         : op == OP('|') ? a->as.b || b->as.b
                                         : a->as.b != b->as.b,
                         out);
    if (is_integral(a) && is_integral(b))
        return int_binary(ev, at, op, as_int(a), as_int(b), out);
    if (value_is_number(a) && value_is_number(b))
        return float_binary(ev, at, op, a, b, out);
    if (a->kind == V_STR && op == OP('%'))
        return format_percent(ev, at, a, b, out);
    if (op == OP('+') && is_sequence(a) && a->kind == b->kind)
        return join(ev, at, a, b, out);
    if (op == OP('*') && is_sequence(a) && is_integral(b))
        return repeat(ev, at, a, as_int(b), out);
    if (op == OP('*') && is_sequence(b) && is_integral(a))
        return repeat(ev, at, b, as_int(a), out);
    if (a->kind == V_SET && b->kind == V_SET && (op == OP('|') || op == OP('&') || op == OP('-') || op == OP('^')))
        return set_binary(ev, at, op, a, b, out);
    if (a->kind == V_DICT && b->kind == V_DICT && op == OP('|'))
        return dict_join(ev, at, a, b, out);
    return no_meaning(ev, at, op, a, b);
}

cseg_status eval_unary(eval *ev, spot at, uint32_t op, value *a, value **out)
{
    int64_t r;
    if (a->kind == V_FLOAT && op != OP('~'))
        return eval_float(ev, at, op == OP('-') ? -a->as.f : a->as.f, out);
    if (!is_integral(a)) {
        char text[5];
        return eval_fail(ev, at, "'%s' of %s has no meaning", op_text(op, text), value_kind_name(a));
    }
    if (op == OP('~'))
        return eval_int(ev, at, ~as_int(a), out);
    if (op == OP('-') && __builtin_sub_overflow(0, as_int(a), &r))
        return too_large(ev, at);
    return eval_int(ev, at, op == OP('-') ? r : as_int(a), out);
}

static bool ordered(uint32_t op, int sign)
{
    switch (op) {
    case OP('<'):
        return sign < 0;
    case OP('>'):
        return sign == 1;
    case OP2('<', '='):
        return sign <= 0;
    default:
        return sign == 0 || sign == 1;
    }
}

/* Compares lists by their first difference, then by length. */
static cseg_status compare_lists(eval *ev, spot at, uint32_t op, const value *a, const value *b, bool *out)
{
    size_t n = a->as.list.n < b->as.list.n ? a->as.list.n : b->as.list.n;
    for (size_t i = 0; i < n; i++) {
        bool same;
        TRY(eval_equal(ev, at, a->as.list.item[i], b->as.list.item[i], &same));
        if (same)
            continue;
        if (++ev->depth > EVAL_DEPTH)
            return eval_fail(ev, at, "nested too deeply");
        TRY(eval_compare(ev, at, op, a->as.list.item[i], b->as.list.item[i], out));
        ev->depth--;
        return CSEG_OK;
    }
    *out = ordered(op, a->as.list.n < b->as.list.n ? -1 : a->as.list.n > b->as.list.n);
    return CSEG_OK;
}

static bool subset(eval *ev, const value *a, const value *b)
{
    for (size_t i = 0; i < a->as.list.n; i++)
        if (!value_within(a->as.list.item[i], b, true, &ev->budget->steps))
            return false;
    return true;
}

static cseg_status compare_order(eval *ev, spot at, uint32_t op, value *a, value *b, bool *out)
{
    if (value_is_number(a) && value_is_number(b)) {
        int sign = value_compare_numbers(a, b);
        *out = sign != 2 && ordered(op, sign);
    } else if (a->kind == V_STR && b->kind == V_STR) {
        size_t n = a->as.str.n < b->as.str.n ? a->as.str.n : b->as.str.n;
        int d = memcmp(a->as.str.text, b->as.str.text, n);
        TRY(eval_charge(ev, at, n / 64));
        *out = ordered(op, d ? (d < 0 ? -1 : 1) : a->as.str.n < b->as.str.n ? -1 : a->as.str.n > b->as.str.n);
    } else if (a->kind == b->kind && (a->kind == V_LIST || a->kind == V_TUPLE)) {
        return compare_lists(ev, at, op, a, b, out);
    } else if (a->kind == V_SET && b->kind == V_SET) {
        bool less = op == OP('<') || op == OP2('<', '=');
        bool strict = op == OP('<') || op == OP('>');
        *out = (less ? subset(ev, a, b) : subset(ev, b, a)) && (!strict || a->as.list.n != b->as.list.n);
    } else {
        return no_meaning(ev, at, op, a, b);
    }
    return CSEG_OK;
}

static bool same_object(const value *a, const value *b)
{
    if (a == b || (a->kind == V_NONE && b->kind == V_NONE))
        return true;
    if (a->kind == V_OBJECT && b->kind == V_OBJECT)
        return a->as.object->fn == b->as.object->fn && a->as.object->self == b->as.object->self &&
               strcmp(a->as.object->name, b->as.object->name) == 0;
    /* In Python small numbers and strings are one object; the identity of larger ones means nothing. */
    return a->kind == b->kind && (value_is_number(a) || a->kind == V_STR) && value_equal(a, b);
}

cseg_status eval_compare(eval *ev, spot at, uint32_t op, value *a, value *b, bool *out)
{
    TRY(eval_charge(ev, at, 0));
    switch (op) {
    case OP_IS:
    case OP_IS_NOT:
        *out = same_object(a, b) == (op == OP_IS);
        return CSEG_OK;
    case OP_IN:
    case OP_NOT_IN:
        TRY(eval_contains(ev, at, b, a, out));
        *out = *out == (op == OP_IN);
        return CSEG_OK;
    case OP2('=', '='):
    case OP2('!', '='):
        if (a->kind == V_OBJECT && b->kind == V_OBJECT)
            *out = same_object(a, b);
        else
            TRY(eval_equal(ev, at, a, b, out));
        *out = *out == (op == OP2('=', '='));
        return CSEG_OK;
    default:
        return compare_order(ev, at, op, a, b, out);
    }
}
