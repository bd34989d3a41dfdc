#include "data/transforms/formula.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pixels that are computed at a time; values that wait; brackets within brackets. */
enum { CHUNK = 128, WAITING = 16, DEEPEST = 40, LONGEST = 1000 };

typedef enum {
    F_NUMBER,
    F_BAND,
    F_ADD,
    F_SUB,
    F_MUL,
    F_DIV,
    F_POW,
    F_NEG,
    F_SQRT,
    F_ABS,
    F_EXP,
    F_LOG,
    F_MIN,
    F_MAX
} step_kind;

typedef struct step {
    step_kind kind;
    double number;
    int64_t band; /* from 0 */
} step;

struct formula {
    VEC(step) steps; /* in the order of their work: what a step takes, the last steps before it gave */
    int64_t channels;
};

typedef struct parser {
    const char *text, *at;
    const formula_names *names;
    formula *f;
    arena *mem;
    int depth, waiting;
    cseg_error *err;
} parser;

static cseg_status wrong(const parser *p, const char *why)
{
    return fail(p->err, CSEG_CONFIG, "'%.100s': %s at character %zu", p->text, why, (size_t)(p->at - p->text) + 1);
}

static void skip(parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n')
        p->at++;
}

static bool take(parser *p, const char *sign)
{
    skip(p);
    size_t n = strlen(sign);
    if (strncmp(p->at, sign, n) != 0)
        return false;
    p->at += n;
    return true;
}

/* takes: values that the step takes; it gives one. */
static cseg_status add(parser *p, step s, int takes)
{
    p->waiting += 1 - takes;
    if (p->waiting > WAITING)
        return wrong(p, "it is nested too deeply");
    return vec_push(p->mem, &p->f->steps, s) ? CSEG_OK : fail_memory(p->err);
}

static cseg_status parse_sum(parser *p);

static cseg_status parse_number(parser *p)
{
    /* strtod would go by the locale, and take hexadecimal numbers, infinity and NaN. */
    double v = 0, part = 1;
    bool any = false;
    for (; isdigit((unsigned char)*p->at); p->at++, any = true)
        v = v * 10 + (*p->at - '0');
    if (*p->at == '.')
        for (p->at++; isdigit((unsigned char)*p->at); p->at++, any = true) {
            part *= 10;
            v = v * 10 + (*p->at - '0');
        }
    if (!any)
        return wrong(p, "a number, a name or a bracket is expected");
    if (*p->at == 'e' || *p->at == 'E') {
        int power = 0, sign = p->at[1] == '-' ? -1 : 1;
        p->at += p->at[1] == '-' || p->at[1] == '+' ? 2 : 1;
        if (!isdigit((unsigned char)*p->at))
            return wrong(p, "an exponent is expected");
        for (; isdigit((unsigned char)*p->at); p->at++)
            power = power < 1000 ? power * 10 + (*p->at - '0') : power;
        v = sign < 0 ? v / pow(10, power) : v * pow(10, power);
    }
    return add(p, (step){.kind = F_NUMBER, .number = v / part}, 0);
}

static cseg_status parse_call(parser *p, step_kind kind, int takes)
{
    TRY(parse_sum(p));
    for (int i = 1; i < takes; i++) {
        if (!take(p, ","))
            return wrong(p, "a comma is expected");
        TRY(parse_sum(p));
    }
    if (!take(p, ")"))
        return wrong(p, "a closing bracket is expected");
    return add(p, (step){.kind = kind}, takes);
}

static cseg_status add_band(parser *p, int64_t channel)
{
    if (channel < 1 || channel > 4096)
        return wrong(p, "there is no such band: they are b1, b2...");
    p->f->channels = channel > p->f->channels ? channel : p->f->channels;
    return add(p, (step){.kind = F_BAND, .band = channel - 1}, 0);
}

static cseg_status parse_name(parser *p)
{
    static const struct {
        const char *name;
        step_kind kind;
        int takes;
    } calls[] = {{"sqrt", F_SQRT, 1}, {"abs", F_ABS, 1}, {"exp", F_EXP, 1},
                 {"log", F_LOG, 1},   {"min", F_MIN, 2}, {"max", F_MAX, 2}};
    const char *begin = p->at;
    while (isalnum((unsigned char)*p->at) || *p->at == '_')
        p->at++;
    size_t n = (size_t)(p->at - begin);
    const char *end = p->at;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strlen(calls[i].name) == n && strncmp(calls[i].name, begin, n) == 0 && take(p, "("))
            return parse_call(p, calls[i].kind, calls[i].takes);
    p->at = end;
    for (size_t i = 0; i < p->names->n; i++)
        if (strlen(p->names->at[i].name) == n && strncmp(p->names->at[i].name, begin, n) == 0)
            return add_band(p, p->names->at[i].channel);
    char *rest = NULL;
    if (*begin == 'b' && n > 1 && n < 6 && isdigit((unsigned char)begin[1])) {
        int64_t channel = strtol(begin + 1, &rest, 10);
        if (rest == end)
            return add_band(p, channel);
    }
    p->at = begin;
    return fail(p->err, CSEG_CONFIG,
                "'%.100s': there is no band '%.*s': give its number in bands=dict(%.*s=...), or write b1, b2...",
                p->text, (int)(n < 40 ? n : 40), begin, (int)(n < 40 ? n : 40), begin);
}

static cseg_status parse_single(parser *p)
{
    skip(p);
    if (isalpha((unsigned char)*p->at) || *p->at == '_')
        return parse_name(p);
    if (!take(p, "("))
        return parse_number(p);
    TRY(parse_sum(p));
    return take(p, ")") ? CSEG_OK : wrong(p, "a closing bracket is expected");
}

/* -a ** b is -(a ** b), and a ** b ** c is a ** (b ** c), as in Python. */
static cseg_status parse_signed(parser *p)
{
    cseg_status status;
    if (++p->depth > DEEPEST)
        return wrong(p, "it is nested too deeply");
    if (take(p, "-")) {
        status = parse_signed(p);
        if (status == CSEG_OK)
            status = add(p, (step){.kind = F_NEG}, 1);
    } else if (take(p, "+")) {
        status = parse_signed(p);
    } else {
        status = parse_single(p);
        if (status == CSEG_OK && take(p, "**")) {
            status = parse_signed(p);
            if (status == CSEG_OK)
                status = add(p, (step){.kind = F_POW}, 2);
        }
    }
    p->depth--;
    return status;
}

static cseg_status parse_product(parser *p)
{
    TRY(parse_signed(p));
    for (;;) {
        bool times = take(p, "*");
        if (!times && !take(p, "/"))
            return CSEG_OK;
        TRY(parse_signed(p));
        TRY(add(p, (step){.kind = times ? F_MUL : F_DIV}, 2));
    }
}

static cseg_status parse_sum(parser *p)
{
    TRY(parse_product(p));
    for (;;) {
        bool plus = take(p, "+");
        if (!plus && !take(p, "-"))
            return CSEG_OK;
        TRY(parse_product(p));
        TRY(add(p, (step){.kind = plus ? F_ADD : F_SUB}, 2));
    }
}

cseg_status formula_parse(const char *text, const formula_names *names, arena *mem, formula **out, cseg_error *err)
{
    formula *f = ARENA_NEW(mem, formula);
    if (!f)
        return fail_memory(err);
    parser p = {.text = text, .at = text, .names = names, .f = f, .mem = mem, .err = err};
    if (strlen(text) > LONGEST)
        return fail(err, CSEG_CONFIG, "'%.100s...': a formula has at most %d characters", text, LONGEST);
    TRY(parse_sum(&p));
    skip(&p);
    if (*p.at)
        return wrong(&p, "the formula does not go on with this");
    *out = f;
    return CSEG_OK;
}

int64_t formula_channels(const formula *f)
{
    return f->channels;
}

bool formula_reads(const formula *f, int64_t channel)
{
    for (size_t i = 0; i < f->steps.n; i++)
        if (f->steps.at[i].kind == F_BAND && f->steps.at[i].band == channel - 1)
            return true;
    return false;
}

#define EACH(expression)                                                                                               \
    for (int i = 0; i < n; i++)                                                                                        \
    a[i] = expression

/* a: the first value that the step takes, which becomes its answer; b: the second. */
static void run_step(const step *s, double *a, const double *b, const float *v, int64_t c, int n, double scale)
{
    switch (s->kind) {
    case F_NUMBER:
        EACH(s->number);
        break;
    case F_BAND:
        EACH((double)v[i * c + s->band] * scale);
        break;
    case F_ADD:
        EACH(a[i] + b[i]);
        break;
    case F_SUB:
        EACH(a[i] - b[i]);
        break;
    case F_MUL:
        EACH(a[i] * b[i]);
        break;
    case F_DIV:
        EACH(a[i] / b[i]);
        break;
    case F_POW:
        EACH(pow(a[i], b[i]));
        break;
    case F_NEG:
        EACH(-a[i]);
        break;
    case F_SQRT:
        EACH(sqrt(a[i]));
        break;
    case F_ABS:
        EACH(fabs(a[i]));
        break;
    case F_EXP:
        EACH(exp(a[i]));
        break;
    case F_LOG:
        EACH(log(a[i]));
        break;
    case F_MIN:
        EACH(a[i] < b[i] || isnan(a[i]) ? a[i] : b[i]);
        break;
    case F_MAX:
        EACH(a[i] > b[i] || isnan(a[i]) ? a[i] : b[i]);
        break;
    }
}

static int taken_by(step_kind k)
{
    return k == F_NUMBER || k == F_BAND ? 0 : k == F_NEG || (k >= F_SQRT && k <= F_LOG) ? 1 : 2;
}

void formula_run(const formula *f, const float *v, int64_t c, int64_t n, double scale, float *to, int64_t stride)
{
    double waiting[WAITING + 1][CHUNK];
    for (int64_t from = 0; from < n; from += CHUNK) {
        int some = (int)(n - from < CHUNK ? n - from : CHUNK), top = 0;
        for (size_t i = 0; i < f->steps.n; i++) {
            const step *s = &f->steps.at[i];
            top -= taken_by(s->kind);
            run_step(s, waiting[top], waiting[top + 1], v + from * c, c, some, scale);
            top++;
        }
        for (int i = 0; i < some; i++)
            to[(from + i) * stride] = (float)waiting[0][i];
    }
}
