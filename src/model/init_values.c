/* Drawing the values that the rules ask for. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/str.h"
#include "model/model.h"

/* PyTorch's: of a weight [O, I / groups, kh, kw]. */
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

/* Mean 0, cut at +-cut: values beyond are drawn again. Where that hardly ever succeeds the deviation is so large that
 * the density between the cuts is flat. */
static void fill_trunc_normal(float *v, int64_t n, rng *r, double std, double cut)
{
    for (int64_t i = 0; i < n; i++) {
        double z = cut + 1;
        for (int tries = 0; tries < 100 && !(fabs(z) <= cut); tries++)
            z = std * rng_normal(r);
        v[i] = (float)(fabs(z) <= cut ? z : rng_range(r, -cut, cut));
    }
}

static void fill(param *p, rng *r)
{
    const param_start *s = param_start_of(p);
    float *v = p->data;
    double bound;
    switch (s->rule) {
    case INIT_ZERO:
        memset(v, 0, (size_t)p->count * sizeof *v);
        break;
    case INIT_CONSTANT:
        for (int64_t i = 0; i < p->count; i++)
            v[i] = s->a;
        break;
    case INIT_UNIFORM:
        fill_uniform(v, p->count, r, s->a, s->b);
        break;
    case INIT_NORMAL:
        fill_normal(v, p->count, r, s->a, s->b);
        break;
    case INIT_TRUNC_NORMAL:
        fill_trunc_normal(v, p->count, r, s->a, 2);
        break;
    case INIT_KAIMING_NORMAL:
        fill_normal(v, p->count, r, 0, kaiming_std(p));
        break;
    case INIT_KAIMING_UNIFORM:
        bound = sqrt(3) * kaiming_std(p);
        fill_uniform(v, p->count, r, -bound, bound);
        break;
    case INIT_XAVIER_NORMAL:
        fill_normal(v, p->count, r, 0, xavier_std(p));
        break;
    case INIT_XAVIER_UNIFORM:
        bound = sqrt(3) * xavier_std(p);
        fill_uniform(v, p->count, r, -bound, bound);
        break;
    }
}

void model_init_weights(model *m, uint64_t seed)
{
    for (size_t i = 0; i < m->params.n; i++) {
        param *p = m->params.at[i];
        rng r = rng_derive(seed, str_fnv1a64(p->name, strlen(p->name)), 0);
        if (p->type == DT_I64)
            memset(p->data, 0, (size_t)p->count * sizeof(int64_t));
        else
            fill(p, &r);
    }
}
