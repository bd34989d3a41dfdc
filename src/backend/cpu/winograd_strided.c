/* 3x3 convolutions of stride 2 by Winograd's algorithm, for inference: 81 products of points instead of the 144
 * multiplications for 4x4 pixels of the output.
 *
 * Tiles are taken in groups whose points and products stay in the second-level cache. Wide inputs are taken in chunks
 * of channels for the same reason; then the products of all outputs are kept until the last chunk. A thread has whole
 * groups, so results do not depend on the number of threads. */
#include "backend/cpu/winograd_strided.h"

#include "backend/cpu/conv_descs.h"
#include "backend/cpu/winograd.h"

enum {
    TILE = 4,
    STEP = 2,
    WEIGHT_POINTS = 36,
    WEIGHT_BYTES = 4 << 20, /* of points: each group reads them all */
    GROUP_BYTES = 3 << 18,  /* of points and products */
    LEAST_GROUP = 12,       /* tiles */
    MOST_GROUP = 24,
    EVEN_GROUP = 4,
    WHOLE = 128, /* inputs that are one chunk */
    CHUNK = 64,
    LEAST_CHANNELS = 16
};

typedef struct strided_kernel {
    cpu_kernel k;
    const winograd_table *t;
    const winograd_strided_table *s;
    wino_blocks blocks;
    int64_t images, in[2], out[2], pad[2], inputs, outputs, tiles[2], total;
    bool bias, residual, relu;
    int64_t group, groups, chunk, ld;
    int64_t v_point, m_point, m_block; /* m_block: floats between blocks, 0 if one follows another in the same room */
    size_t v_floats, m_floats;
    float *weights; /* points, block by block, in it [36][input][output] */
    const float *zeros;
} strided_kernel;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* One dimension: y = G g. */
static void weights_line(const float *g, int64_t step, float *y, int64_t y_step)
{
    const float a = 0.70710678118654752f, b = 1.41421356237309505f;
    float first = g[0] / 3, last = g[2 * step] / 3;
    y[0] = -first * b - last;
    y[y_step] = first * b - last;
    y[2 * y_step] = first * a + last;
    y[3 * y_step] = last - first * a;
    y[4 * y_step] = g[2 * step];
    y[5 * y_step] = g[step];
}

static void transform_weights(const strided_kernel *k, const float *w)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t b = 0; b < k->blocks.count; b++)
        for (int64_t i = 0; i < k->inputs; i++) {
            wino_range r = wino_block(&k->blocks, b);
            int64_t n0 = r.from * k->blocks.vec, width = r.size * k->blocks.vec;
            float *to = k->weights + WEIGHT_POINTS * n0 * k->inputs + i * width;
            for (int64_t j = 0; j < width; j++) {
                float taps[WINOGRAD_TAPS] = {0}, part[6][3], points[6][6];
                if (n0 + j < k->outputs)
                    memcpy(taps, w + ((n0 + j) * k->inputs + i) * WINOGRAD_TAPS, sizeof taps);
                for (int s = 0; s < 3; s++)
                    weights_line(taps + s, 3, &part[0][s], 3);
                for (int s = 0; s < 6; s++)
                    weights_line(part[s], 1, points[s], 1);
                for (int p = 0; p < WEIGHT_POINTS; p++)
                    to[p * k->inputs * width + j] = points[p / 6][p % 6];
            }
        }
}

/* Gives the addresses of `side` times `side` pixels of a map from pixel (row, col) on, `outside` for those outside. */
static void pixels(const float *map, const int64_t size[2], int64_t channels, int64_t row, int64_t col, int side,
                   const float *outside, const void **at)
{
    for (int i = 0; i < side; i++) {
        bool in_row = row + i >= 0 && row + i < size[0];
        int64_t line = ((row + i) * size[1] + col) * channels;
        for (int j = 0; j < side; j++)
            at[side * i + j] = in_row && col + j >= 0 && col + j < size[1] ? map + line + j * channels : outside;
    }
}

typedef struct strided_call {
    const float *x, *bias, *residual;
    float *y, *v, *m;
} strided_call;

/* Returns the tile's image, and sets its place. */
static int64_t locate(const strided_kernel *k, int64_t tile, int64_t *row, int64_t *col)
{
    *col = tile % k->tiles[1] * TILE;
    tile /= k->tiles[1];
    *row = tile % k->tiles[0] * TILE;
    return tile / k->tiles[0];
}

static void group_input(const strided_kernel *k, const strided_call *c, int64_t first, int64_t tiles, int64_t from,
                        int64_t size)
{
    const void *at[STRIDED_IN];
    for (int64_t t = 0; t < tiles; t++) {
        int64_t row, col, image = locate(k, first + t, &row, &col);
        const float *map = c->x + image * k->in[0] * k->in[1] * k->inputs + from;
        pixels(map, k->in, k->inputs, STEP * row - k->pad[0], STEP * col - k->pad[1], STRIDED_SIDE, k->zeros, at);
        k->s->input(at, size, STEP * TILE * k->inputs * 4, c->v + t * k->ld, k->v_point);
    }
}

static void block_products(const strided_kernel *k, const strided_call *c, int64_t block, int64_t tiles, int64_t from,
                           int64_t size)
{
    wino_range r = wino_block(&k->blocks, block);
    int64_t width = r.size * k->blocks.vec, point = k->inputs * width;
    const float *u = k->weights + WEIGHT_POINTS * r.from * k->blocks.vec * k->inputs + from * width;
    for (int p = 0; p < STRIDED_IN; p++) {
        int of = 6 * least_of(p / STRIDED_SIDE, 5) + least_of(p % STRIDED_SIDE, 5);
        k->t->product(c->v + p * k->v_point, k->ld, 1, u + of * point, width,
                      c->m + block * k->m_block + p * k->m_point, width, tiles, size, (int)r.size, from > 0);
    }
}

static void block_output(const strided_kernel *k, const strided_call *c, int64_t block, int64_t first, int64_t tiles)
{
    const void *to[WINOGRAD_OUT], *add[WINOGRAD_OUT];
    wino_range r = wino_block(&k->blocks, block);
    int64_t n0 = r.from * k->blocks.vec, width = r.size * k->blocks.vec;
    for (int64_t t = 0; t < tiles; t++) {
        int64_t row, col, image = locate(k, first + t, &row, &col);
        int64_t map = image * k->out[0] * k->out[1] * k->outputs + n0;
        pixels(c->y + map, k->out, k->outputs, row, col, TILE, NULL, to);
        if (c->residual)
            pixels(c->residual + map, k->out, k->outputs, row, col, TILE, NULL, add);
        k->s->output(c->m + block * k->m_block + t * width, k->m_point, least_of(width, k->outputs - n0),
                     c->bias ? c->bias + n0 : NULL, c->residual ? add : NULL, (void **)(uintptr_t)to, k->relu);
    }
}

static void run_group(const strided_kernel *k, const strided_call *c, int64_t group)
{
    int64_t first = group * k->group, tiles = least_of(k->group, k->total - first);
    for (int64_t from = 0; from < k->inputs; from += k->chunk) {
        int64_t size = least_of(k->chunk, k->inputs - from);
        group_input(k, c, first, tiles, from, size);
        for (int64_t b = 0; b < k->blocks.count; b++) {
            block_products(k, c, b, tiles, from, size);
            if (from + size == k->inputs)
                block_output(k, c, b, first, tiles);
        }
    }
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    const strided_kernel *k = (const strided_kernel *)base;
    (void)err;
    if (base->stale)
        transform_weights(k, in[1]);
    base->stale = false;
#pragma omp parallel
    {
        int me = omp_get_thread_num(), all = omp_get_num_threads();
        strided_call c = {.x = in[0],
                          .bias = k->bias ? in[2] : NULL,
                          .residual = k->residual ? in[3] : NULL,
                          .y = out[0],
                          .v = (float *)scratch + (size_t)me * (k->v_floats + k->m_floats)};
        c.m = c.v + k->v_floats;
        for (int64_t i = k->groups * me / all; i < k->groups * (me + 1) / all; i++)
            run_group(k, &c, i);
    }
    return CSEG_OK;
}

static void release(kernel *base)
{
    mem_free(((strided_kernel *)base)->weights);
}

static void set_geometry(strided_kernel *k, const node *n)
{
    const tensor *x = n->in[0], *y = n->out[0];
    k->images = x->dim[0];
    k->inputs = x->dim[3];
    k->outputs = y->dim[3];
    k->total = k->images;
    for (int i = 0; i < 2; i++) {
        k->in[i] = x->dim[1 + i];
        k->out[i] = y->dim[1 + i];
        k->pad[i] = n->attr.conv.pad[i];
        k->tiles[i] = ceil_div(k->out[i], TILE);
        k->total *= k->tiles[i];
    }
}

static void choose_groups(strided_kernel *k, int threads)
{
    int64_t widest = 0;
    for (int64_t i = 0; i < k->blocks.count; i++) {
        int64_t width = wino_block(&k->blocks, i).size * k->blocks.vec;
        widest = width > widest ? width : widest;
    }
    k->chunk = k->inputs > WHOLE ? CHUNK : k->inputs;
    bool all = k->chunk < k->inputs;
    k->ld = ceil_div(k->chunk, k->blocks.vec) * k->blocks.vec;
    int64_t products = all ? widest * k->blocks.count : widest;
    k->group = GROUP_BYTES / (STRIDED_IN * 4 * (k->ld + products)) / EVEN_GROUP * EVEN_GROUP;
    k->group = k->group < LEAST_GROUP ? LEAST_GROUP : least_of(k->group, MOST_GROUP);
    /* All threads get the same number of groups, and all groups the same number of tiles. */
    k->groups = ceil_div(ceil_div(k->total, k->group), threads) * threads;
    k->group = ceil_div(ceil_div(k->total, k->groups), EVEN_GROUP) * EVEN_GROUP;
    k->groups = ceil_div(k->total, k->group);
    k->v_point = k->group * k->ld + WINO_ALIAS;
    k->m_point = k->group * widest + WINO_ALIAS;
    k->m_block = all ? STRIDED_IN * k->m_point : 0;
    k->v_floats = (size_t)(STRIDED_IN * k->v_point);
    k->m_floats = (size_t)(STRIDED_IN * k->m_point * (all ? k->blocks.count : 1));
}

cseg_status wino_strided_prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    strided_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    set_geometry(k, n);
    const simd_table *simd = wino_simd(b, k->outputs);
    k->t = simd->winograd;
    k->s = simd->winograd_strided;
    k->blocks = wino_blocks_of(k->t, k->outputs);
    k->bias = conv_has_bias(n);
    k->residual = n->attr.conv.has_residual;
    k->relu = n->attr.conv.act == UNARY_RELU + 1;
    k->zeros = ARENA_ARRAY(mem, (size_t)k->inputs, float);
    choose_groups(k, b->options.threads);
    size_t bytes = (size_t)(WEIGHT_POINTS * k->inputs * k->blocks.vectors * k->blocks.vec) * sizeof(float);
    k->weights = k->zeros ? mem_alloc(bytes) : NULL;
    if (!k->weights)
        return fail_memory(err);
    k->k.base.release = release;
    k->k.base.kept = bytes;
    k->k.base.read_when_stale = 1u << 1;
    k->k.base.scratch = (size_t)b->options.threads * (k->v_floats + k->m_floats) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* As in winograd.c: multiply-adds of a vector, and what takes as long. Products run at 80 % of the peak, oneDNN's
 * direct convolution at 92 %; the transforms take 360 a vector of the input and 260 a vector of the output; a vector of
 * the weights' points comes from memory in the time of 12. */
static bool is_faster(const strided_kernel *k)
{
    double inputs = (double)ceil_div(k->inputs, k->blocks.vec), outputs = (double)k->blocks.vectors;
    double work = (double)k->inputs * outputs;
    double tile = STRIDED_IN * work / 0.8 + inputs * 360 + outputs * 260;
    double pixel_work = (double)(k->images * k->out[0] * k->out[1]) * WINOGRAD_TAPS * work;
    return (double)k->total * tile + WEIGHT_POINTS * work * 12 < pixel_work / 0.92;
}

bool wino_strided_fits(const cpu_backend *b, const node *n, bool weights_fixed)
{
    const conv_attr *a = &n->attr.conv;
    if (n->op != OP_conv2d || !weights_fixed || a->groups != 1 || (a->act && a->act != UNARY_RELU + 1))
        return false;
    const int64_t *w = n->in[1]->dim;
    for (int i = 0; i < 2; i++)
        if (w[2 + i] != 3 || a->stride[i] != STEP || a->dilation[i] != 1 || a->pad[i] > 2)
            return false;
    if (n->in[0]->type != DT_F32 || n->out[0]->type != DT_F32 || (a->has_residual && n->in[3]->type != DT_F32))
        return false;
    strided_kernel k;
    set_geometry(&k, n);
    k.blocks = wino_blocks_of(wino_simd(b, k.outputs)->winograd, k.outputs);
    if (k.inputs < LEAST_CHANNELS || k.outputs < LEAST_CHANNELS)
        return false;
    return WEIGHT_POINTS * k.inputs * k.blocks.vectors * k.blocks.vec * 4 <= WEIGHT_BYTES && is_faster(&k);
}
