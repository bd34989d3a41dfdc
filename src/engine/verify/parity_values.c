#include "engine/verify/parity_values.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "graph/backend.h"

double parity_uniform(const char *name, uint64_t i)
{
    return rng_named(str_fnv1a64(name, strlen(name)), i);
}

/* How a parameter is filled: derived from its name and shape once, for all of its elements. */
typedef struct filling {
    enum { FILL_VARIANCE, FILL_KERNEL, FILL_GAIN, FILL_UNIFORM, FILL_SMALL } rule;
    uint64_t seed;
    double bound; /* FILL_KERNEL */
} filling;

static filling filling_of(const param *p)
{
    filling f = {.rule = FILL_SMALL, .seed = str_fnv1a64(p->name, strlen(p->name))};
    if (str_ends(p->name, "running_var")) {
        f.rule = FILL_VARIANCE;
    } else if (p->rank >= 2 && !str_ends(p->name, "running_mean")) {
        f.rule = FILL_KERNEL;
        f.bound = sqrt(3.0 / (double)(p->count / p->dim[0]));
    } else if (p->rank == 1 && str_ends(p->name, ".weight")) {
        f.rule = FILL_GAIN;
    }
    return f;
}

static float filled(const filling *f, int64_t i)
{
    double u = rng_named(f->seed, (uint64_t)i);
    switch (f->rule) {
    case FILL_VARIANCE:
        return (float)(1 + u / 2);
    case FILL_KERNEL:
        return (float)((2 * u - 1) * f->bound);
    case FILL_GAIN:
        return (float)(0.5 + u / 2);
    case FILL_UNIFORM:
        return (float)u;
    case FILL_SMALL:
        break;
    }
    return (float)((2 * u - 1) / 10);
}

static void fill(backend *b, const param *p, const filling *f)
{
    enum { PIECE = 4096 };
    float piece[PIECE];
    for (int64_t i = 0; i < p->count; i += PIECE) {
        int64_t n = p->count - i < PIECE ? p->count - i : PIECE;
        for (int64_t j = 0; j < n; j++)
            piece[j] = filled(f, i + j);
        b->memory->set(b, (float *)p->data + i, piece, (size_t)n * sizeof *piece);
    }
}

/* Parameters that the reference draws in its first forward pass are its requests for random numbers. */
static void fill_late(const model *m, const param *p, int request)
{
    char name[32];
    snprintf(name, sizeof name, "rand:%d", request);
    filling f = {.rule = FILL_UNIFORM, .seed = str_fnv1a64(name, strlen(name))};
    fill(m->backend, p, &f);
    model_normalize(m, p);
}

void parity_fill_weights(model *m)
{
    int late = 0;
    for (size_t i = 0; i < m->params.n; i++) {
        param *p = m->params.at[i];
        filling f = filling_of(p);
        if (param_constant(p))
            continue;
        if (param_is_late(p)) {
            fill_late(m, p, late++);
            continue;
        }
        if (p->type == DT_I64)
            memset(p->data, 0, (size_t)p->count * sizeof(int64_t));
        else
            fill(m->backend, p, &f);
    }
}

double parity_moved(const param *p, const float *v)
{
    filling f = filling_of(p);
    double sum = 0;
    for (int64_t i = 0; i < p->count; i++) {
        double d = (double)v[i] - filled(&f, i);
        sum += d * d;
    }
    return sqrt(sum);
}

void parity_fill_input(float *nhwc, const char *name, int64_t n, int64_t h, int64_t w, int64_t c)
{
    uint64_t seed = str_fnv1a64(name, strlen(name)), i = 0;
    for (int64_t in = 0; in < n; in++)
        for (int64_t ic = 0; ic < c; ic++)
            for (int64_t at = 0; at < h * w; at++)
                nhwc[(in * h * w + at) * c + ic] = (float)(4 * rng_named(seed, i++) - 2);
}

void parity_fill_labels(int32_t *label, const char *name, int64_t count, int64_t classes, int64_t ignore)
{
    parity_fill_classes(label, name, count, classes + 1);
    for (int64_t i = 0; i < count; i++)
        if (label[i] == classes)
            label[i] = (int32_t)ignore;
}

void parity_fill_classes(int32_t *label, const char *name, int64_t count, int64_t classes)
{
    uint64_t seed = str_fnv1a64(name, strlen(name));
    for (int64_t i = 0; i < count; i++)
        label[i] = (int32_t)floor(rng_named(seed, (uint64_t)i) * (double)classes);
}

void parity_fill_draws(float *v, const char *name, int64_t count)
{
    uint64_t seed = str_fnv1a64(name, strlen(name));
    for (int64_t i = 0; i < count; i++)
        v[i] = (float)rng_named(seed, (uint64_t)i);
}

void parity_print_number(FILE *out, double v)
{
    char text[32];
    if (isfinite(v))
        str_double(v, text);
    else
        snprintf(text, sizeof text, "%s", isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
    fputs(text, out);
}

void parity_print_string(FILE *out, const char *s)
{
    text_print_json(out, s);
}

void parity_print_sample(FILE *out, const char *name, const float *v, int64_t n)
{
    char full[512];
    snprintf(full, sizeof full, "sample:%s", name);
    double sum = 0, squares = 0, spread = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += v[i];
        squares += (double)v[i] * v[i];
    }
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        spread += (v[i] - mean) * (v[i] - mean);
    fputs("\"mean\": ", out);
    parity_print_number(out, mean);
    fputs(", \"std\": ", out);
    parity_print_number(out, sqrt(spread / (double)n));
    fputs(", \"norm\": ", out);
    parity_print_number(out, sqrt(squares));
    fputs(", \"at\": [", out);
    int64_t at[PARITY_SAMPLES];
    for (int i = 0; i < PARITY_SAMPLES; i++) {
        at[i] = (int64_t)(parity_uniform(full, (uint64_t)i) * (double)n);
        fprintf(out, "%s%lld", i ? ", " : "", (long long)at[i]);
    }
    fputs("], \"value\": [", out);
    for (int i = 0; i < PARITY_SAMPLES; i++) {
        fputs(i ? ", " : "", out);
        parity_print_number(out, v[at[i]]);
    }
    fputc(']', out);
}

void parity_choose(const char *name, size_t n, bool *chosen)
{
    for (size_t i = 0; i < n; i++)
        chosen[i] = n <= PARITY_CHOSEN;
    for (uint64_t i = 0; n > PARITY_CHOSEN && i < PARITY_CHOSEN; i++)
        chosen[(size_t)(parity_uniform(name, i) * (double)n)] = true;
}
