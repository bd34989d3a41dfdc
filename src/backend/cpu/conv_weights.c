/* The gradient of a convolution's weights as products over pixels, for strides and sizes that Winograd does not do:
 *
 *     dw[tap, input channel][output channel] = sum over pixels of x[pixel's tap][input channel] dy[pixel][output
 * channel]
 *
 * Bound by multiply-adds, of which it reaches 75 to 85 % of the peak (48 to 384 channels, stride 2; oneDNN 50 to 73 %
 * on one core and less on two). Pixels are taken in groups whose part of the maps stays in the second-level cache. Of a
 * group each thread gathers blocks of rows (taps and input channels) and multiplies them with dy as it lies; the sums
 * of its rows stay its own, so nothing depends on the number of threads. */
#include "backend/cpu/conv_weights.h"

#include "backend/cpu/winograd.h"

enum {
    ROWS = 24,             /* a multiple of the rows of register tiles for any number of vectors */
    CHUNK_BLOCKS = 8,      /* blocks of columns multiplied while their part of dy is in the cache */
    GROUP_BYTES = 3 << 17, /* bytes of the maps' part that a group of pixels reads */
    LEAST_GROUP = 64,
    MOST_GROUP = 256,
    /* With fewer channels oneDNN is as fast, and with fewer blocks a thread the threads do not get equal work. */
    LEAST_CHANNELS = 32,
    LEAST_BLOCKS = 4,
    LIKELY_THREADS = 4
};

typedef struct pixels_kernel {
    cpu_kernel k;
    const winograd_table *t;
    const conv_attr *a;
    int64_t in[2], out[2], size[2]; /* height and width of x, of dy and of the kernel */
    int64_t inputs, outputs;        /* channels */
    int64_t rows, pixels;           /* taps * inputs; output pixels of all images */
    int64_t group;                  /* pixels in a group */
    int64_t ld;                     /* of the sums: outputs, padded */
    wino_blocks columns;
    bool ragged; /* outputs are not whole vectors: dy is read from a padded copy */
} pixels_kernel;

/* Copies `width` channels from c0 on, which a tap reads for `pixels` output pixels, to to[pixel * ROWS]. */
static void gather_tap(const pixels_kernel *k, const float *x, int64_t tap, int64_t c0, int64_t width, int64_t first,
                       int64_t pixels, float *to)
{
    const conv_attr *a = k->a;
    int64_t dy = tap / k->size[1] * a->dilation[0] - a->pad[0], dx = tap % k->size[1] * a->dilation[1] - a->pad[1];
    for (int64_t run; pixels > 0; first += run, pixels -= run) {
        int64_t column = first % k->out[1], row = first / k->out[1], image = row / k->out[0];
        int64_t y = row % k->out[0] * a->stride[0] + dy, from = column * a->stride[1] + dx;
        const float *line = x + (image * k->in[0] + y) * k->in[1] * k->inputs + c0;
        run = least_of(k->out[1] - column, pixels);
        for (int64_t i = 0; i < run; i++, from += a->stride[1], to += ROWS) {
            if (y < 0 || y >= k->in[0] || from < 0 || from >= k->in[1])
                memset(to, 0, (size_t)width * sizeof *to);
            else if (width == ROWS)
                memcpy(to, line + from * k->inputs, ROWS * sizeof *to);
            else
                memcpy(to, line + from * k->inputs, (size_t)width * sizeof *to);
        }
    }
}

/* Copies rows r0 ... r0 + rows - 1 of the product's left side to to[pixel * ROWS + row]. */
static void gather(const pixels_kernel *k, const float *x, int64_t r0, int64_t rows, int64_t first, int64_t pixels,
                   float *to)
{
    for (int64_t r = r0, width; r < r0 + rows; r += width) {
        int64_t c0 = r % k->inputs;
        width = least_of(k->inputs - c0, r0 + rows - r);
        gather_tap(k, x, r / k->inputs, c0, width, first, pixels, to + (r - r0));
    }
}

static void block_products(const pixels_kernel *k, const float *left, const float *dy, int64_t dy_ld, int64_t rows,
                           int64_t pixels, int64_t from, int64_t to, float *sums, bool add)
{
    int64_t vec = k->columns.vec;
    for (int64_t b = from; b < to; b++) {
        wino_range block = wino_block(&k->columns, b);
        for (int64_t i = 0; i < wino_panels(&k->columns, block.size); i++) {
            wino_range panel = wino_panel(&k->columns, block.size, i);
            int64_t n0 = (block.from + panel.from) * vec;
            k->t->product(left, 1, ROWS, dy + n0, dy_ld, sums + n0, k->ld, rows, pixels, (int)panel.size, add);
        }
    }
}

/* Floats for each thread: a block of rows and, if ragged, a group's dy. */
static int64_t own_floats(const pixels_kernel *k)
{
    return k->group * ROWS + (k->ragged ? k->group * k->ld : 0);
}

static void padded_copy(const pixels_kernel *k, const float *dy, int64_t pixels, float *to)
{
    for (int64_t i = 0; i < pixels; i++, dy += k->outputs, to += k->ld) {
        memcpy(to, dy, (size_t)k->outputs * sizeof *to);
        memset(to + k->outputs, 0, (size_t)(k->ld - k->outputs) * sizeof *to);
    }
}

static void group_products(const pixels_kernel *k, const float *x, const float *dy, int64_t first, float *own,
                           float *sums)
{
    int64_t pixels = least_of(k->group, k->pixels - first), blocks = (k->rows + ROWS - 1) / ROWS;
    int64_t dy_ld = k->ragged ? k->ld : k->outputs;
    float *left = own, *copy = own + k->group * ROWS;
    dy += first * k->outputs;
    if (k->ragged)
        padded_copy(k, dy, pixels, copy);
    for (int64_t from = 0; from < k->columns.count; from += CHUNK_BLOCKS) {
        int64_t to = least_of(from + CHUNK_BLOCKS, k->columns.count);
        /* A static schedule gives each thread the same rows every time, so its sums need no barrier. */
#pragma omp for schedule(static) nowait
        for (int64_t b = 0; b < blocks; b++) {
            int64_t r0 = b * ROWS, rows = least_of(ROWS, k->rows - r0);
            gather(k, x, r0, rows, first, pixels, left);
            block_products(k, left, k->ragged ? copy : dy, dy_ld, rows, pixels, from, to, sums + r0 * k->ld, first > 0);
        }
    }
}

/* sums[tap][input][output] -> dw[output][input][tap] */
static void turn(const pixels_kernel *k, const float *sums, float *dw)
{
    int64_t taps = k->size[0] * k->size[1];
#pragma omp for schedule(static)
    for (int64_t i = 0; i < k->inputs; i++)
        for (int64_t o = 0; o < k->outputs; o++)
            for (int64_t t = 0; t < taps; t++)
                dw[(o * k->inputs + i) * taps + t] = sums[(t * k->inputs + i) * k->ld + o];
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    const pixels_kernel *k = (const pixels_kernel *)base;
    (void)err;
    float *sums = scratch;
#pragma omp parallel
    {
        float *own = sums + k->rows * k->ld + omp_get_thread_num() * own_floats(k);
        for (int64_t first = 0; first < k->pixels; first += k->group)
            group_products(k, in[0], in[1], first, own, sums);
#pragma omp barrier
        turn(k, sums, out[0]);
    }
    return CSEG_OK;
}

cseg_status conv_weights_prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    const int64_t *x = n->in[0]->dim, *dy = n->in[1]->dim, *w = n->out[0]->dim;
    pixels_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    k->t = b->simd->winograd;
    k->a = &n->attr.conv;
    for (int i = 0; i < 2; i++)
        k->in[i] = x[1 + i], k->out[i] = dy[1 + i], k->size[i] = w[2 + i];
    k->inputs = x[3];
    k->outputs = dy[3];
    k->rows = k->size[0] * k->size[1] * k->inputs;
    k->pixels = dy[0] * dy[1] * dy[2];
    k->columns = wino_blocks_of(k->t, k->outputs);
    k->ld = k->columns.vectors * k->columns.vec;
    k->ragged = k->ld != k->outputs;
    /* With a single tap, each part of x is read once. */
    int64_t seen = k->size[0] * k->size[1] > 1 ? k->a->stride[0] * k->a->stride[1] * k->inputs : 0;
    int64_t each = 4 * (seen + least_of(k->outputs, CHUNK_BLOCKS * 64));
    k->group = GROUP_BYTES / each;
    k->group = k->group < LEAST_GROUP ? LEAST_GROUP : least_of(k->group, MOST_GROUP);
    k->group = least_of(k->group, k->pixels);
    k->k.base.scratch = (size_t)(k->rows * k->ld + b->options.threads * own_floats(k)) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

bool conv_weights_fits(const cpu_backend *b, const node *n)
{
    const conv_attr *a = &n->attr.conv;
    const int64_t *x = n->in[0]->dim, *dy = n->in[1]->dim, *w = n->out[0]->dim;
    if (n->in[0]->type != DT_F32 || n->in[1]->type != DT_F32 || a->groups != 1 || (n->n_out > 1 && n->out[1]))
        return false; /* oneDNN multiplies bfloat16; the gradient of a bias would be one more sum */
    if (w[2] * w[3] == 1 || (a->stride[0] == 1 && a->stride[1] == 1) || x[3] < LEAST_CHANNELS || dy[3] < LEAST_CHANNELS)
        return false;
    /* Where results must not depend on the number of threads, the choice of the kernel must not either. */
    int64_t threads = b->options.deterministic ? LIKELY_THREADS : b->options.threads;
    return w[2] * w[3] * x[3] >= threads * LEAST_BLOCKS * ROWS;
}
