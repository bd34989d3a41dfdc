/* Draws the initial values of weights by their rules. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/str.h"
#include "graph/backend.h"
#include "model/model.h"

/* PyTorch's fan of a weight [O, I / groups, kh, kw]. */
static double fan(const param *p, bool out)
{
    double area = 1;
    for (int i = 2; i < p->rank; i++)
        area *= (double)p->dim[i];
    return area * (double)p->dim[out || p->rank < 2 ? 0 : 1];
}

static double kaiming_std(const param *p)
{
    double slope = param_start_of(p)->a;
    return sqrt(2 / (1 + slope * slope)) / sqrt(fan(p, param_start_of(p)->fan_out));
}

static double xavier_std(const param *p)
{
    return param_start_of(p)->a * sqrt(2 / (fan(p, false) + fan(p, true)));
}

static void fill_uniform(float *v, int64_t n, rng *r, double low, double high)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)rng_range(r, low, high);
}

static void fill_normal(float *v, int64_t n, rng *r, double mean, double std)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(mean + std * rng_normal(r));
}

/* Mean 0, truncated to +-cut by drawing again. If that would rarely succeed, the deviation is so large that the density
 * between the cuts is flat. */
static void fill_trunc_normal(float *v, int64_t n, rng *r, double std, double cut)
{
    for (int64_t i = 0; i < n; i++) {
        double z = cut + 1;
        for (int tries = 0; tries < 100 && !(fabs(z) <= cut); tries++)
            z = std * rng_normal(r);
        v[i] = (float)(fabs(z) <= cut ? z : rng_range(r, -cut, cut));
    }
}

/* Draws the next n values of p. */
static void draw(const param *p, rng *r, float *v, int64_t n)
{
    const param_start *s = param_start_of(p);
    double bound;
    switch (s->rule) {
    case INIT_ZERO:
        memset(v, 0, (size_t)n * sizeof *v);
        break;
    case INIT_CONSTANT:
        for (int64_t i = 0; i < n; i++)
            v[i] = s->a;
        break;
    case INIT_UNIFORM:
    case INIT_UNIFORM_UNIT:
        fill_uniform(v, n, r, s->a, s->b);
        break;
    case INIT_NORMAL:
    case INIT_NORMAL_UNIT:
        fill_normal(v, n, r, s->a, s->b);
        break;
    case INIT_TRUNC_NORMAL:
        fill_trunc_normal(v, n, r, s->a, 2);
        break;
    case INIT_KAIMING_NORMAL:
        fill_normal(v, n, r, 0, kaiming_std(p));
        break;
    case INIT_KAIMING_UNIFORM:
        bound = sqrt(3) * kaiming_std(p);
        fill_uniform(v, n, r, -bound, bound);
        break;
    case INIT_XAVIER_NORMAL:
        fill_normal(v, n, r, 0, xavier_std(p));
        break;
    case INIT_XAVIER_UNIFORM:
        bound = sqrt(3) * xavier_std(p);
        fill_uniform(v, n, r, -bound, bound);
        break;
    }
}

enum { PIECE = 4096 };

/* Normalises n columns, of `rows` numbers `columns` apart, to length 1. The next synchronise reports errors. */
static void normalize_piece(backend *b, float *v, int64_t rows, int64_t columns, int64_t n)
{
    float piece[PIECE];
    double squares[PIECE] = {0};
    cseg_error later;
    for (int64_t r = 0; r < rows; r++) {
        b->memory->get(b, piece, v + r * columns, (size_t)n * sizeof *piece, &later);
        for (int64_t k = 0; k < n; k++)
            squares[k] += (double)piece[k] * (double)piece[k];
    }
    for (int64_t r = 0; r < rows; r++) {
        b->memory->get(b, piece, v + r * columns, (size_t)n * sizeof *piece, &later);
        for (int64_t k = 0; k < n; k++)
            piece[k] = (float)((double)piece[k] / fmax(sqrt(squares[k]), 1e-12));
        b->memory->set(b, v + r * columns, piece, (size_t)n * sizeof *piece);
    }
}

void model_normalize(const model *m, const param *p)
{
    init_rule rule = param_start_of(p)->rule;
    if (rule != INIT_NORMAL_UNIT && rule != INIT_UNIFORM_UNIT)
        return;
    int64_t rows = p->dim[1], columns = p->count / p->dim[0] / rows;
    for (int64_t i = 0; i < p->dim[0]; i++)
        for (int64_t at = 0; at < columns; at += PIECE)
            normalize_piece(m->backend, (float *)p->data + i * rows * columns + at, rows, columns,
                            columns - at < PIECE ? columns - at : PIECE);
}

/* Fills p piece by piece, so that it needs only a small buffer beside the backend's memory. */
static void fill(const model *m, const param *p, rng *r)
{
    float piece[PIECE];
    const float *given = ((const model_param *)p)->values;
    if (given) {
        m->backend->memory->set(m->backend, p->data, given, (size_t)p->count * sizeof *given);
        return;
    }
    for (int64_t i = 0; i < p->count; i += PIECE) {
        int64_t n = p->count - i < PIECE ? p->count - i : PIECE;
        draw(p, r, piece, n);
        m->backend->memory->set(m->backend, (float *)p->data + i, piece, (size_t)n * sizeof *piece);
    }
    model_normalize(m, p);
}

void model_init_weights(model *m, uint64_t seed)
{
    for (size_t i = 0; i < m->params.n; i++) {
        param *p = m->params.at[i];
        if (param_twin_of(p) || param_constant(p))
            continue;
        rng r = rng_derive(seed, str_fnv1a64(p->name, strlen(p->name)), 0);
        if (p->type == DT_I64)
            memset(p->data, 0, (size_t)p->count * sizeof(int64_t));
        else
            fill(m, p, &r);
    }
}
