/* The gradient of a convolution's weights by Winograd: the transpose of F(4x4, 3x3) or, for strips, of F(4, 3). With
 * the points of the input's tiles and of the output gradient's, the sum over tiles of each point is a matrix product
 * [k x tiles] [tiles x n]: a quarter of the multiplications of the direct way, or half of a strip's.
 *
 * Threads share a group's points. Each thread computes its own products, and keeps their sums until all groups are
 * done; so results do not depend on the number of threads. Input channels are taken in chunks that keep the sums
 * (points * k * n floats) within a cache. The gradient of a bias is added up by parts of the map. */
#include "backend/cpu/winograd.h"

#include "backend/cpu/conv_descs.h"
#include "backend/cpu/map.h"

enum {
    SUMS_BYTES = 6 << 20,
    GROUP_BYTES = 2 << 20,
    LEAST_GROUP = 32,
    MOST_GROUP = 256,
    POINTS_TILES = 8,
    BIAS_PIXELS = 512
};

typedef struct wino_weights_kernel {
    cpu_kernel k;
    const winograd_table *t;
    const winograd_form *f;
    wino_geometry g;
    wino_blocks blocks;
    dtype x, dy;
    int64_t chunk, group, groups; /* input channels; tiles; how many groups */
    int64_t x_ld, y_ld;           /* floats of a tile's point: of a chunk, of all output channels, padded */
    int64_t x_point, y_point, sum_point;
    parts bias; /* of dy's pixels, whose sums are added in order; none without a bias */
} wino_weights_kernel;

typedef struct wino_sums {
    const void *x, *dy; /* float32 or bfloat16 */
    float *xv, *yv, *sums;
} wino_sums;

static void group_points(const wino_weights_kernel *k, const wino_sums *s, int64_t first, int64_t tiles, int64_t k0,
                         int64_t size)
{
    const void *at[WINOGRAD_IN];
    size_t x_size = dtype_size(k->x);
    int64_t pieces = (tiles + POINTS_TILES - 1) / POINTS_TILES;
#pragma omp for schedule(static)
    for (int64_t piece = 0; piece < pieces; piece++) {
        int64_t t = piece * POINTS_TILES, end = least_of(t + POINTS_TILES, tiles);
        wino_place p = wino_place_of(&k->g, first + t);
        for (; t < end; t++, wino_place_next(&k->g, &p)) {
            wino_tile_input(&k->g, &p, s->x, x_size, at);
            for (int i = 0; i < k->f->points; i++)
                at[i] = (const char *)at[i] + (at[i] == k->g.zeros ? 0 : k0 * (int64_t)x_size);
            k->f->input(at, k->x == DT_BF16, size, s->xv + t * k->x_ld, k->x_point);
            wino_tile_output(&k->g, &p, s->dy, dtype_size(k->dy), at);
            for (int i = 0; i < k->f->outputs; i++)
                at[i] = at[i] ? at[i] : k->g.zeros;
            k->f->output_grad(at, k->dy == DT_BF16, k->g.n, s->yv + t * k->y_ld, k->y_point);
        }
    }
}

static void group_products(const wino_weights_kernel *k, const wino_sums *s, int64_t tiles, int64_t size, bool add)
{
    int64_t vec = k->blocks.vec;
#pragma omp for collapse(2) schedule(static)
    for (int p = 0; p < k->f->points; p++)
        for (int64_t b = 0; b < k->blocks.count; b++) {
            wino_range block = wino_block(&k->blocks, b);
            for (int64_t i = 0; i < wino_panels(&k->blocks, block.size); i++) {
                wino_range panel = wino_panel(&k->blocks, block.size, i);
                int64_t n0 = (block.from + panel.from) * vec;
                k->t->product(s->xv + p * k->x_point, 1, k->x_ld, s->yv + p * k->y_point + n0, k->y_ld,
                              s->sums + p * k->sum_point + n0, k->y_ld, size, tiles, (int)panel.size, add);
            }
        }
}

static void chunk_gradient(const wino_weights_kernel *k, const wino_sums *s, float *dw, int64_t k0, int64_t size)
{
    for (int64_t i = 0; i < k->groups; i++) {
        int64_t first = i * k->group, tiles = least_of(k->group, k->g.total - first);
        group_points(k, s, first, tiles, k0, size);
        group_products(k, s, tiles, size, i > 0);
    }
#pragma omp for schedule(static)
    for (int64_t i = 0; i < size; i++)
        k->f->weights_grad(s->sums + i * k->y_ld, k->sum_point, k->g.n, dw + (k0 + i) * k->f->taps,
                           k->g.k * k->f->taps);
}

/* sums: n floats for each part. */
static void bias_gradient(const wino_weights_kernel *k, map dy, float *sums, float *db)
{
#pragma omp for schedule(static)
    for (int64_t i = 0; i < k->bias.count; i++) {
        float *sum = sums + i * k->g.n;
        memset(sum, 0, (size_t)k->g.n * sizeof *sum);
        k->k.b->simd->maps->sum_rows(map_from(dy, i * BIAS_PIXELS * k->g.n), sum, parts_size(&k->bias, i), k->g.n);
    }
#pragma omp for schedule(static)
    for (int64_t j = 0; j < k->g.n; j++) {
        double total = 0;
        for (int64_t i = 0; i < k->bias.count; i++)
            total += (double)sums[i * k->g.n + j];
        db[j] = (float)total;
    }
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    const wino_weights_kernel *k = (const wino_weights_kernel *)base;
    (void)err;
    wino_sums s = {.x = in[0], .dy = in[1], .xv = scratch};
    s.yv = s.xv + k->f->points * k->x_point;
    s.sums = s.yv + k->f->points * k->y_point;
#pragma omp parallel
    {
        for (int64_t k0 = 0; k0 < k->g.k; k0 += k->chunk)
            chunk_gradient(k, &s, out[0], k0, least_of(k->chunk, k->g.k - k0));
        if (k->bias.count)
            bias_gradient(k, map_in(k->k.n, in, 1), s.sums + k->f->points * k->sum_point, out[1]);
    }
    return CSEG_OK;
}

cseg_status wino_prepare_conv_grad_weight(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    wino_weights_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    k->g = wino_geometry_of(n->in[0]->dim, n->in[1]->dim, n->out[0]->dim, &n->attr.conv, false);
    TRY(wino_geometry_zeros(&k->g, mem, err));
    k->t = b->simd->winograd;
    k->f = wino_form(k->t, &k->g);
    k->x = n->in[0]->type;
    k->dy = n->in[1]->type;
    k->blocks = wino_blocks_of(k->t, k->g.n);
    int64_t vec = k->t->vec;
    k->y_ld = k->blocks.vectors * vec;
    int64_t chunks = (k->f->points * 4 * k->g.k * k->y_ld + SUMS_BYTES - 1) / SUMS_BYTES;
    k->chunk = ((k->g.k + chunks - 1) / chunks + vec - 1) / vec * vec;
    k->x_ld = k->chunk;
    k->group = GROUP_BYTES / (k->f->points * 4 * (k->x_ld + k->y_ld));
    k->group = k->group < LEAST_GROUP ? LEAST_GROUP : least_of(k->group, MOST_GROUP);
    k->groups = (k->g.total + k->group - 1) / k->group;
    k->group = (k->g.total + k->groups - 1) / k->groups;
    k->x_point = k->group * k->x_ld + WINO_ALIAS;
    k->y_point = k->group * k->y_ld + WINO_ALIAS;
    k->sum_point = k->chunk * k->y_ld + WINO_ALIAS;
    if (conv_has_bias(n))
        k->bias = parts_of(k->g.images * k->g.out[0] * k->g.out[1], BIAS_PIXELS);
    k->k.base.scratch =
        (size_t)(k->f->points * (k->x_point + k->y_point + k->sum_point) + k->bias.count * k->g.n) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}
