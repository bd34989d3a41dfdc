/* Dropout and its gradient, which is the same: x times 0 or 1 / (1 - p), by the mask of graph/ops/dropout_mask.h. */
#include "backend/cpu/map.h"
#include "backend/cpu/widen.h"
#include "graph/ops/dropout_mask.h"

/* The factors: all equal, repeated, or one for each element. */
typedef struct dropout_kernel {
    cpu_kernel k;
    int64_t images, count;   /* elements of an image; if each element is a unit, all images count as one */
    int64_t channels, width; /* of a row of factors: the channels of some pixels */
} dropout_kernel;

enum { PART_FLOATS = 1 << 15, FACTORS = 1024 };

typedef struct dropout_maps {
    map x, y;
    dropout_mask mask;
    float *rows; /* factors of an image's channels, at width * image */
} dropout_maps;

static void apply(const dropout_kernel *k, const dropout_maps *m, int64_t at, int64_t n, const float *factor,
                  int64_t width)
{
    k->k.b->simd->dropout->apply((const char *)m->x.at + (size_t)at * m->x.size, m->x.half, factor, width,
                                 (char *)m->y.at + (size_t)at * m->y.size, m->y.half, n);
}

/* Processes n elements of an image from `at` on. */
static void drop(const dropout_kernel *k, const dropout_maps *m, int64_t image, int64_t at, int64_t n)
{
    const dropout_attr *a = &k->k.n->attr.dropout;
    const dropout_table *v = k->k.b->simd->dropout;
    float factor[FACTORS];
    if (a->samples) {
        for (int i = 0; i < FACTORS; i++)
            factor[i] = dropout_factor(&m->mask, (uint64_t)image);
        apply(k, m, at, n, factor, FACTORS);
    } else if (a->channels) {
        apply(k, m, at, n, m->rows + image * k->width, k->width);
    } else {
        for (int64_t i = 0; i < n; i += FACTORS) {
            int64_t some = n - i < FACTORS ? n - i : FACTORS;
            v->factors(&m->mask, (uint64_t)(at + i), factor, some);
            apply(k, m, at + i, some, factor, some);
        }
    }
}

static cseg_status dropout_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    dropout_kernel *k = (dropout_kernel *)base;
    const node *n = k->k.n;
    dropout_maps m = {map_in(n, in, 0), map_out(n, out, 0), dropout_mask_of(&n->attr.dropout, in[1]), scratch};
    for (int64_t i = 0; n->attr.dropout.channels && i < k->images; i++) {
        float *row = m.rows + i * k->width;
        k->k.b->simd->dropout->factors(&m.mask, (uint64_t)(i * k->channels), row, k->channels);
        widen_fill(row, k->channels, k->width / k->channels);
    }
    parts p = parts_of(k->count, (PART_FLOATS + k->width - 1) / k->width * k->width);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * p.count; i++) {
        int64_t image = i / p.count, part = i % p.count;
        drop(k, &m, image, image * k->count + part * p.each, parts_size(&p, part));
    }
    return CSEG_OK;
}

static bool has_rows(const cpu_backend *b, const node *n)
{
    (void)b;
    return n->in[0]->rank > 1;
}

static cseg_status prepare_dropout(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    dropout_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, dropout_run);
    if (!k)
        return fail_memory(err);
    const tensor *x = n->in[0];
    const dropout_attr *a = &n->attr.dropout;
    k->images = a->channels || a->samples ? x->dim[0] : 1;
    k->count = tensor_count(x) / k->images;
    k->channels = x->dim[x->rank - 1];
    k->width = a->channels ? k->channels * widen_times(k->channels) : 1;
    k->k.base.scratch = a->channels ? (size_t)(k->images * k->width) * sizeof(float) : 0;
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_dropout = {.prepare = prepare_dropout, .either_in = 1, .either_out = 1, .takes = has_rows};
const cpu_op cpu_op_dropout_grad = {.prepare = prepare_dropout, .either_in = 1, .either_out = 1, .takes = has_rows};
