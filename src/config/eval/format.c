#include "config/eval/format.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* head: sign and prefix; they stand before zeros. */
static cseg_status put(eval *ev, spot at, const format *f, const char *head, const char *body, size_t n, char align,
                       strbuf *out)
{
    size_t width = f->width > 0 ? (size_t)f->width : 0, used = strlen(head) + utf8_count(body, n);
    size_t missing = width > used ? width - used : 0;
    if (f->align)
        align = f->align;
    size_t before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
    TRY(eval_charge(ev, at, (missing + n) / 16));
    for (size_t i = 0; i < before; i++)
        strbuf_add(out, f->fill);
    strbuf_add(out, head);
    for (size_t i = 0; align == '=' && i < missing; i++)
        strbuf_add(out, f->fill);
    strbuf_addn(out, body, n);
    for (size_t i = before; align != '=' && i < missing; i++)
        strbuf_add(out, f->fill);
    return out->failed ? fail_memory(ev->err) : CSEG_OK;
}

static cseg_status string_with(eval *ev, spot at, const format *f, const char *s, size_t n, strbuf *out)
{
    if (f->precision >= 0)
        n = utf8_offset(s, n, (size_t)f->precision);
    return put(ev, at, f, "", s, n, '<', out);
}

/* Digits with a separator every `every` places of the integer part. */
static size_t group_digits(const char *digits, char group, size_t every, char *out)
{
    size_t whole = strspn(digits, "0123456789abcdefABCDEF"), k = 0;
    for (size_t i = 0; i < whole; i++) {
        if (group && i > 0 && (whole - i) % every == 0)
            out[k++] = group;
        out[k++] = digits[i];
    }
    strcpy(out + k, digits + whole);
    return k + strlen(digits + whole);
}

static cseg_status put_number(eval *ev, spot at, const format *f, bool negative, const char *prefix, const char *digits,
                              size_t every, strbuf *out)
{
    char body[2 * MOST_DIGITS + 800], head[8];
    if (f->group && f->zero)
        return eval_refuse(ev, at, "a format with both leading zeros and '%c'", f->group);
    size_t n = group_digits(digits, f->group, every, body);
    snprintf(head, sizeof head, "%s%s", negative ? "-" : f->sign == '+' ? "+" : f->sign == ' ' ? " " : "", prefix);
    return put(ev, at, f, head, body, n, f->zero ? '=' : '>', out);
}

static cseg_status int_with(eval *ev, spot at, const format *f, int64_t i, strbuf *out)
{
    char digits[80];
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    const char *prefix = "";
    if (f->precision >= 0)
        return eval_fail(ev, at, "a precision in the format of an int");
    switch (f->type) {
    case 'b':
        prefix = "0b";
        size_t k = 0;
        for (int bit = 63; bit >= 0; bit--)
            if (k || bit == 0 || u >> bit & 1)
                digits[k++] = (char)('0' + (u >> bit & 1));
        digits[k] = 0;
        break;
    case 'o':
        prefix = "0o";
        snprintf(digits, sizeof digits, "%llo", (unsigned long long)u);
        break;
    case 'x':
        prefix = "0x";
        snprintf(digits, sizeof digits, "%llx", (unsigned long long)u);
        break;
    case 'X':
        prefix = "0X";
        snprintf(digits, sizeof digits, "%llX", (unsigned long long)u);
        break;
    default:
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)u);
    }
    bool decimal = f->type == 0 || f->type == 'd' || f->type == 'n';
    return put_number(ev, at, f, i < 0, f->alternate ? prefix : "", digits, decimal ? 3 : 4, out);
}

/* Without a type Python writes as with 'g', but in a form that reads back as a float: 3.0, or 3e+00 if the precision
 * leaves no place for the ".0". */
static void make_float_visible(char *digits, int precision, double size)
{
    if (strpbrk(digits, ".e"))
        return;
    if ((int)strlen(digits) < (precision > 1 ? precision : 1)) {
        strcat(digits, ".0");
        return;
    }
    snprintf(digits, MOST_DIGITS, "%.*e", precision > 1 ? precision - 1 : 0, size);
    char *exponent = strchr(digits, 'e'), *end = exponent;
    while (strchr(digits, '.') && end[-1] == '0')
        end--;
    end -= end[-1] == '.';
    memmove(end, exponent, strlen(exponent) + 1);
}

static cseg_status float_with(eval *ev, spot at, const format *f, double v, strbuf *out)
{
    char digits[MOST_DIGITS + 400], pattern[8];
    double size = fabs(v);
    int precision = f->precision < 0 ? 6 : f->precision;
    char type = f->type == 'n' || f->type == 0 ? 'g' : f->type == '%' ? 'f' : f->type;
    if (precision > MOST_DIGITS)
        return eval_fail(ev, at, "a precision above %d", MOST_DIGITS);
    if (f->type == '%')
        size *= 100;
    if (f->type == 0 && f->precision < 0) {
        str_double(size, digits);
    } else {
        snprintf(pattern, sizeof pattern, "%%%s.*%c", f->alternate ? "#" : "", type);
        snprintf(digits, sizeof digits, pattern, precision, size);
        if (f->type == 0 && isfinite(v))
            make_float_visible(digits, precision, size);
    }
    if (f->type == '%')
        strcat(digits, "%");
    return put_number(ev, at, f, signbit(v) && !isnan(v), "", digits, 3, out);
}

static cseg_status bad_format(eval *ev, spot at, const char *spec, size_t n)
{
    return eval_fail(ev, at, "'%.*s' is no format that is understood here", n > 40 ? 40 : (int)n, spec);
}

static bool take_number(const char *spec, size_t n, size_t *at, int *out)
{
    int64_t v = 0;
    size_t from = *at;
    while (*at < n && isdigit((unsigned char)spec[*at]) && v <= WIDEST_FIELD)
        v = v * 10 + spec[(*at)++] - '0';
    *out = (int)v;
    return *at > from && v <= WIDEST_FIELD;
}

static cseg_status parse_spec(eval *ev, spot at, const char *spec, size_t n, format *f)
{
    size_t i = 0, first = n ? utf8_length(spec, n) : 0;
    *f = (format){.fill = " ", .sign = '-', .precision = -1};
    if (first && first < n && source_char(spec[first], "<>^=")) {
        memcpy(f->fill, spec, first);
        f->fill[first] = 0;
        f->align = spec[first];
        i = first + 1;
    } else if (n && source_char(spec[0], "<>^=")) {
        f->align = spec[0];
        i = 1;
    }
    if (i < n && source_char(spec[i], "+- "))
        f->sign = spec[i++];
    if (i < n && spec[i] == '#' && ++i)
        f->alternate = true;
    if (i < n && spec[i] == '0' && ++i) {
        f->zero = !f->align;
        if (!f->align)
            strcpy(f->fill, "0");
    }
    if (i < n && isdigit((unsigned char)spec[i]) && !take_number(spec, n, &i, &f->width))
        return eval_fail(ev, at, "a width above %d", WIDEST_FIELD);
    if (i < n && (spec[i] == ',' || spec[i] == '_'))
        f->group = spec[i++];
    if (i < n && spec[i] == '.' && ++i && !take_number(spec, n, &i, &f->precision))
        return bad_format(ev, at, spec, n);
    if (i < n)
        f->type = spec[i++];
    return i == n && (f->type == 0 || source_char(f->type, "sdboxXeEfFgGn%c")) ? CSEG_OK : bad_format(ev, at, spec, n);
}

cseg_status format_value(eval *ev, spot at, const value *v, const char *spec, size_t n, strbuf *out)
{
    format f;
    if (n == 0)
        return eval_str(ev, at, v, out);
    TRY(parse_spec(ev, at, spec, n, &f));
    if (v->kind == V_STR) {
        if ((f.type && f.type != 's') || f.align == '=' || f.group || f.sign != '-')
            return bad_format(ev, at, spec, n);
        if (f.zero)
            f.align = '<';
        return string_with(ev, at, &f, v->as.str.text, v->as.str.n, out);
    }
    double number;
    if (!value_number(v, &number))
        return eval_fail(ev, at, "%s takes no format", value_kind_name(v));
    if (f.type == 's' || f.type == 'c')
        return bad_format(ev, at, spec, n);
    if (v->kind == V_FLOAT && source_char(f.type, "dboxX"))
        return eval_fail(ev, at, "the format '%c' wants an int, not a float", f.type);
    if (v->kind == V_FLOAT || source_char(f.type, "eEfFgG%"))
        return float_with(ev, at, &f, number, out);
    return int_with(ev, at, &f, v->kind == V_INT ? v->as.i : v->as.b, out);
}

/* One % conversion. */
typedef struct conversion {
    format f;
    const char *key; /* %(key)s, or NULL */
    size_t key_n;
} conversion;

static cseg_status parse_conversion(eval *ev, spot at, const char *s, size_t n, size_t *i, conversion *c)
{
    *c = (conversion){.f = {.fill = " ", .sign = '-', .precision = -1, .align = '>'}};
    if (*i < n && s[*i] == '(') {
        const char *end = memchr(s + *i, ')', n - *i);
        if (!end)
            return eval_fail(ev, at, "'%%(' without ')'");
        c->key = s + *i + 1;
        c->key_n = (size_t)(end - c->key);
        *i = (size_t)(end - s) + 1;
    }
    bool left = false;
    for (; *i < n && source_char(s[*i], "-+ 0#"); ++*i) {
        left |= s[*i] == '-';
        c->f.zero |= s[*i] == '0';
        c->f.alternate |= s[*i] == '#';
        if (s[*i] == '+' || (s[*i] == ' ' && c->f.sign != '+'))
            c->f.sign = s[*i];
    }
    if (*i < n && isdigit((unsigned char)s[*i]) && !take_number(s, n, i, &c->f.width))
        return eval_fail(ev, at, "a width above %d", WIDEST_FIELD);
    if (*i < n && s[*i] == '.') {
        ++*i;
        take_number(s, n, i, &c->f.precision);
    }
    while (*i < n && source_char(s[*i], "hlL"))
        ++*i;
    if (*i >= n || !source_char(s[*i], "diuoxXeEfFgGcrsa%"))
        return *i < n && s[*i] == '*'
                   ? eval_refuse(ev, at, "'*' as a width")
                   : eval_fail(ev, at, "a '%%' of this string is followed by no conversion; write '%%%%'");
    c->f.type = s[(*i)++];
    if (c->f.zero)
        strcpy(c->f.fill, "0");
    if (left) {
        c->f.align = '<';
        strcpy(c->f.fill, " ");
    } else if (c->f.zero) {
        c->f.align = '=';
    }
    return CSEG_OK;
}

static cseg_status convert(eval *ev, spot at, conversion *c, const value *v, strbuf *out)
{
    double number;
    strbuf text = {.mem = ev->mem};
    format *f = &c->f;
    if (source_char(f->type, "sra")) {
        TRY(f->type == 's' ? eval_str(ev, at, v, &text) : eval_repr(ev, at, v, &text));
        f->align = f->align == '<' ? '<' : '>';
        strcpy(f->fill, " ");
        return text.failed ? fail_memory(ev->err) : string_with(ev, at, f, text.text ? text.text : "", text.n, out);
    }
    if (!value_number(v, &number) || f->type == 'c')
        return eval_fail(ev, at, "'%%%c' of %s has no meaning", f->type, value_kind_name(v));
    f->zero = f->zero && f->align == '=';
    if (source_char(f->type, "diuoxX")) {
        int64_t i;
        value whole = {.kind = V_FLOAT, .as.f = trunc(number)};
        if (!value_integer(v->kind == V_FLOAT ? &whole : v, &i) || (v->kind == V_FLOAT && source_char(f->type, "oxX")))
            return eval_fail(ev, at, "'%%%c' wants an int", f->type);
        if (f->precision >= 0)
            return eval_refuse(ev, at, "a precision in '%%%c'", f->type);
        if (source_char(f->type, "iu"))
            f->type = 'd';
        return int_with(ev, at, f, i, out);
    }
    return float_with(ev, at, f, number, out);
}

static cseg_status pick_argument(eval *ev, spot at, const conversion *c, value *arg, size_t *next, value **out)
{
    if (c->key) {
        if (arg->kind != V_DICT)
            return eval_fail(ev, at, "'%%(...)' wants a dict behind '%%'");
        value key = {.kind = V_STR, .at = eval_where(ev, at)};
        key.as.str.text = arena_strndup(ev->mem, c->key, c->key_n);
        key.as.str.n = c->key_n;
        return key.as.str.text ? eval_index(ev, at, arg, &key, out) : fail_memory(ev->err);
    }
    size_t i = (*next)++;
    *out = arg->kind == V_TUPLE ? value_item(arg, i) : i == 0 ? arg : NULL;
    return *out ? CSEG_OK : eval_fail(ev, at, "more conversions in the string than values behind '%%'");
}

cseg_status format_percent(eval *ev, spot at, const value *self, value *arg, value **out)
{
    const char *s = self->as.str.text;
    size_t n = self->as.str.n, i = 0, next = 0;
    strbuf text = {.mem = ev->mem};
    while (i < n) {
        size_t stop = i + strcspn(s + i, "%");
        conversion c;
        value *v;
        strbuf_addn(&text, s + i, (stop < n ? stop : n) - i);
        i = stop + 1;
        if (stop >= n)
            break;
        TRY(parse_conversion(ev, at, s, n, &i, &c));
        if (c.f.type == '%') {
            strbuf_add(&text, "%");
            continue;
        }
        TRY(pick_argument(ev, at, &c, arg, &next, &v));
        TRY(convert(ev, at, &c, v, &text));
    }
    size_t given = arg->kind == V_TUPLE ? arg->as.list.n : arg->kind == V_DICT ? next : 1;
    if (next < given)
        return eval_fail(ev, at, "more values behind '%%' than conversions in the string");
    return eval_text(ev, at, &text, out);
}
