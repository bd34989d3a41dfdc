/* PSANet's exchange between pixels in tiles, as attention_run.c and attention_grad.c: rows of the matrix are gathered
 * from the masks, used and forgotten, so that it is never in memory. Bound by the products with the values and by
 * reading the masks, which is strided where a matrix has them in its columns: a tile takes the numbers of one mask for
 * neighbouring rows together. A thread has whole rows, so results do not depend on the number of threads. */
#include <math.h>

#include "backend/cpu/attention_parts.h"

enum { ROWS = 32, COLUMNS = 128 }; /* of a tile */

/* A matrix of an image, packed in scratch: where it begins in the image's room. */
typedef struct packed {
    int64_t at, ld;
} packed;

static matrix packed_in(packed p, float *image)
{
    return (matrix){image + p.at, p.ld};
}

/* Adds a matrix of rows x ld to the image's room of `floats`. */
static packed packed_add(int64_t *floats, int64_t rows, int64_t ld)
{
    packed p = {*floats, ld};
    *floats += rows * ld;
    return p;
}

typedef struct psa_kernel {
    cpu_kernel k;
    psa_attr a;
    int64_t images, pixels, mask, c; /* mask: numbers in a mask; c: channels of values */
    packed values, by_channel, dy;   /* rows [pixels][c], columns [c][pixels] (gradient), rows [pixels][c] (gradient) */
    int64_t packs, own;              /* floats that an image's packed sequences take, and a thread's room */
} psa_kernel;

/* A thread's room. */
typedef struct tile {
    matrix share, slope, y; /* [rows][pixels], [rows][pixels] (gradient), [rows][c] */
    float most[ROWS], sum[ROWS], keep[ROWS];
} tile;

typedef struct span {
    int64_t first, end;
} span;

static span cut(int64_t first, int64_t count, int64_t size)
{
    int64_t end = first + count;
    return (span){first < 0 ? 0 : first, end > size ? size : end};
}

/* The part of a map's axis, of `size`, that the mask of a pixel at `at` reaches. */
static span reached(int64_t at, int64_t mask, int64_t size)
{
    return cut(at - (mask - 1) / 2, mask, size);
}

/* Where a mask has its number for a pixel that lies `rows` and `cols` away. */
static int64_t place(const psa_attr *a, int64_t rows, int64_t cols)
{
    return (rows + (a->mask_h - 1) / 2) * a->mask_w + cols + (a->mask_w - 1) / 2;
}

/* Copies rows from ... from + rows - 1 of the matrix whose rows are the masks' own pixels, between masks and tile. */
static void own_rows(const psa_kernel *k, float *masks, int64_t from, int64_t rows, matrix t, bool to_masks)
{
    const psa_attr *a = &k->a;
    for (int64_t i = 0; i < rows; i++) {
        int64_t p = from + i, row = p / a->w, col = p % a->w;
        span r = reached(row, a->mask_h, a->h), c = reached(col, a->mask_w, a->w);
        for (int64_t y = r.first; y < r.end && c.first < c.end; y++) {
            float *mask = masks + p * k->mask + place(a, y - row, c.first - col);
            float *in_tile = matrix_at(t, i, y * a->w + c.first);
            size_t size = (size_t)(c.end - c.first) * sizeof(float);
            memcpy(to_masks ? mask : in_tile, to_masks ? in_tile : mask, size);
        }
    }
}

/* The same of the matrix whose columns are the masks' own pixels: the neighbours first ... end - 1 of a map's row. */
static void reached_rows(const psa_kernel *k, float *masks, span targets, matrix t, bool to_masks)
{
    const psa_attr *a = &k->a;
    int64_t row = targets.first / a->w, left = targets.first % a->w, right = left + targets.end - targets.first;
    for (int64_t p = 0; p < k->pixels; p++) {
        int64_t y = p / a->w, x = p % a->w, down = row - y + (a->mask_h - 1) / 2;
        if (down < 0 || down >= a->mask_h)
            continue;
        span c = reached(x, a->mask_w, a->w);
        int64_t first = c.first > left ? c.first : left, end = c.end < right ? c.end : right;
        if (first >= end)
            continue;
        float *mask = masks + p * k->mask + place(a, row - y, first - x), *in_tile = matrix_at(t, first - left, p);
        for (int64_t i = 0; i < end - first; i++)
            *(to_masks ? &mask[i] : &in_tile[i * t.ld]) = to_masks ? in_tile[i * t.ld] : mask[i];
    }
}

/* Copies rows of an image's matrix, or of its transpose, between its masks and a tile. */
static void copy_rows(const psa_kernel *k, bool transposed, float *masks, int64_t from, int64_t rows, matrix t,
                      bool to_masks)
{
    if (k->a.distribute == transposed) {
        own_rows(k, masks, from, rows, t, to_masks);
        return;
    }
    for (int64_t at = from, next; at < from + rows; at = next) {
        next = least_of((at / k->a.w + 1) * k->a.w, from + rows);
        reached_rows(k, masks, (span){at, next}, matrix_from(t, at - from, 0), to_masks);
    }
}

static void gather(const psa_kernel *k, bool transposed, const float *masks, int64_t from, int64_t rows, matrix t)
{
    for (int64_t i = 0; i < rows; i++)
        memset(matrix_at(t, i, 0), 0, (size_t)attention_padded(k->pixels) * sizeof(float));
    copy_rows(k, transposed, (float *)masks, from, rows, t, false); /* only reads the masks */
}

/* y [rows][c] = t [rows][pixels] times values [pixels][c]; t's padding is not read. */
static void times(const psa_kernel *k, matrix t, matrix values, matrix y, int64_t rows)
{
    for (int64_t at = 0; at < k->pixels; at += COLUMNS)
        attention_product(k->k.b, matrix_from(t, 0, at), matrix_from(values, at, 0), y, rows,
                          least_of(COLUMNS, k->pixels - at), y.ld, at > 0);
}

static tile tile_in(const psa_kernel *k, float *room)
{
    /* Rows of a power of two would share cache sets. */
    int64_t width = attention_padded(k->pixels) + ATTENTION_LANES, c = attention_padded(k->c);
    bool grad = k->k.n->op == OP_psa_exchange_grad;
    tile t = {.share = {room, width}, .slope = {room + ROWS * width, width}};
    t.y = (matrix){room + (grad ? 2 : 1) * ROWS * width, c};
    return t;
}

static attention_tile whole_rows(const psa_kernel *k, matrix m, int64_t rows)
{
    return (attention_tile){.s = m.at, .ld = m.ld, .rows = rows, .count = k->pixels};
}

static sequence sequence_of(const tensor *t, void *at)
{
    return (sequence){at, t->type == DT_BF16, t->dim[1], t->dim[2], 0, t->dim[2]};
}

static void write_rows(const psa_kernel *k, const tensor *t, void *to, int64_t image, int64_t from, int64_t count,
                       matrix rows)
{
    sequence s = sequence_of(t, to);
    attention_write(k->k.b, &s, &(attention_unit){.image = image}, 0, from, count, rows, NULL, 1);
}

static void run_tile(const psa_kernel *k, const float *masks, void *const *out, int64_t image, int64_t from,
                     float *packs, float *room)
{
    const attention_table *a = k->k.b->simd->attention;
    int64_t rows = least_of(ROWS, k->pixels - from), at = image * k->pixels + from;
    tile t = tile_in(k, room);
    attention_tile share = whole_rows(k, t.share, rows);
    gather(k, false, masks, from, rows, t.share);
    for (int64_t i = 0; i < rows; i++) {
        t.most[i] = k->a.softmax ? -INFINITY : 0;
        t.sum[i] = 0;
    }
    if (k->a.softmax)
        a->weigh(&share, t.most, t.sum, t.keep);
    times(k, t.share, packed_in(k->values, packs), t.y, rows);
    for (int64_t i = 0; i < rows && k->a.softmax; i++) {
        t.keep[i] = 1 / t.sum[i];
        t.most[i] += logf(t.sum[i]);
    }
    if (k->a.softmax)
        a->scale(t.y.at, t.y.ld, rows, t.y.ld, t.keep);
    write_rows(k, k->k.n->out[0], out[0], image, from, rows, t.y);
    memcpy((float *)out[1] + at, t.most, (size_t)rows * sizeof(float));
}

static void pack_rows(const psa_kernel *k, const tensor *t, void *at, int64_t image, packed to, float *packs)
{
    sequence s = sequence_of(t, at);
    int64_t blocks = parts_of(k->pixels, COLUMNS).count;
#pragma omp for schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        int64_t from = b * COLUMNS, count = least_of(COLUMNS, k->pixels - from);
        attention_rows(k->k.b, &s, &(attention_unit){.image = image}, 0, from, count, NULL, 1,
                       matrix_from(packed_in(to, packs), from, 0));
    }
}

/* masks, v -> y, logarithm of each row's sum */
static cseg_status exchange_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const psa_kernel *k = (const psa_kernel *)base;
    float *packs = scratch, *rooms = packs + k->packs;
    int64_t tiles = parts_of(k->pixels, ROWS).count;
#pragma omp parallel
    for (int64_t image = 0; image < k->images; image++) {
        const float *masks = (const float *)in[0] + image * k->pixels * k->mask;
        pack_rows(k, k->k.n->in[1], in[1], image, k->values, packs);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < tiles; i++)
            run_tile(k, masks, out, image, i * ROWS, packs, rooms + omp_get_thread_num() * k->own);
    }
    return CSEG_OK;
}

enum { MASKS, V, Y, LOG_SUM, DY };

/* What each of the rows' slopes is relative to: the row's y * dy. */
static void row_means(const psa_kernel *k, void *const *in, int64_t at, int64_t rows, matrix dy, float *mean)
{
    const float *y = (const float *)in[Y] + at * k->c;
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0;
        for (int64_t c = 0; c < k->c; c++)
            sum += (double)y[i * k->c + c] * (double)*matrix_at(dy, i, c);
        mean[i] = (float)sum;
    }
}

/* The gradient of the masks' numbers in some rows of the matrix. */
static void grad_rows(const psa_kernel *k, void *const *in, float *dmasks, int64_t image, int64_t from, float *packs,
                      float *room)
{
    int64_t rows = least_of(ROWS, k->pixels - from), at = image * k->pixels + from;
    int64_t width = attention_padded(k->pixels);
    const attention_table *a = k->k.b->simd->attention;
    matrix dy = matrix_from(packed_in(k->dy, packs), from, 0), columns = packed_in(k->by_channel, packs);
    tile t = tile_in(k, room);
    attention_tile share = whole_rows(k, t.share, rows);
    attention_product(k->k.b, dy, columns, t.slope, rows, k->c, width, false);
    if (k->a.softmax) {
        gather(k, false, (const float *)in[MASKS] + image * k->pixels * k->mask, from, rows, t.share);
        row_means(k, in, at, rows, dy, t.most);
        a->share(&share, (const float *)in[LOG_SUM] + at, NULL);
        a->slope(t.share.at, t.slope.at, t.share.ld, rows, k->pixels, t.most);
    }
    copy_rows(k, false, dmasks + image * k->pixels * k->mask, from, rows, k->a.softmax ? t.share : t.slope, true);
}

/* The gradient of the values of some pixels: rows of the transposed matrix times dy. */
static void grad_values(const psa_kernel *k, void *const *in, void *const *out, int64_t image, int64_t from,
                        float *packs, float *room)
{
    int64_t rows = least_of(ROWS, k->pixels - from), width = attention_padded(k->pixels);
    tile t = tile_in(k, room);
    attention_tile share = whole_rows(k, t.share, rows);
    gather(k, true, (const float *)in[MASKS] + image * k->pixels * k->mask, from, rows, t.share);
    if (k->a.softmax) {
        float *log_sum = t.slope.at; /* the slopes' room is free here; padded, as the columns are */
        memset(log_sum, 0, (size_t)width * sizeof *log_sum);
        memcpy(log_sum, (const float *)in[LOG_SUM] + image * k->pixels, (size_t)k->pixels * sizeof *log_sum);
        k->k.b->simd->attention->share(&share, NULL, log_sum);
    }
    times(k, t.share, packed_in(k->dy, packs), t.y, rows);
    write_rows(k, k->k.n->out[V], out[V], image, from, rows, t.y);
}

/* Packs values by channels, and dy. */
static void pack_grad(const psa_kernel *k, void *const *in, int64_t image, float *packs)
{
    tensor *const *t = k->k.n->in;
    sequence values = sequence_of(t[V], in[V]);
    int64_t blocks = parts_of(k->pixels, COLUMNS).count;
    pack_rows(k, t[DY], in[DY], image, k->dy, packs);
#pragma omp for schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        int64_t from = b * COLUMNS, count = least_of(COLUMNS, k->pixels - from);
        attention_columns(k->k.b, &values, &(attention_unit){.image = image}, 0, from, count, NULL, 1,
                          matrix_from(packed_in(k->by_channel, packs), 0, from));
    }
}

/* masks, v, y, logarithm of the sums, dy -> dmasks, dv */
static cseg_status grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const psa_kernel *k = (const psa_kernel *)base;
    float *packs = scratch, *rooms = packs + k->packs, *dmasks = out[0];
    int64_t tiles = parts_of(k->pixels, ROWS).count, rows = k->images * k->pixels;
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < rows; i++)
            memset(dmasks + i * k->mask, 0, (size_t)k->mask * sizeof *dmasks);
        for (int64_t image = 0; image < k->images; image++) {
            pack_grad(k, in, image, packs);
#pragma omp for schedule(static)
            for (int64_t i = 0; i < 2 * tiles; i++) {
                float *room = rooms + omp_get_thread_num() * k->own;
                if (i < tiles)
                    grad_rows(k, in, dmasks, image, i * ROWS, packs, room);
                else
                    grad_values(k, in, out, image, (i - tiles) * ROWS, packs, room);
            }
        }
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    bool grad = n->op == OP_psa_exchange_grad;
    psa_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, grad ? grad_run : exchange_run);
    if (!k)
        return fail_memory(err);
    k->a = n->attr.psa;
    k->images = n->in[V]->dim[0];
    k->pixels = n->in[V]->dim[1];
    k->mask = k->a.mask_h * k->a.mask_w;
    k->c = n->in[V]->dim[2];
    int64_t width = attention_padded(k->pixels), c = attention_padded(k->c);
    if (grad) {
        k->by_channel = packed_add(&k->packs, k->c, width);
        k->dy = packed_add(&k->packs, k->pixels, c);
    } else {
        k->values = packed_add(&k->packs, k->pixels, c);
    }
    k->own = ROWS * ((grad ? 2 : 1) * (width + ATTENTION_LANES) + c);
    k->k.base.scratch = (size_t)(k->packs + b->options.threads * k->own) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* Results stay float32: the product with the gradient is what all slopes are relative to. */
const cpu_op cpu_op_psa_exchange = {.prepare = prepare, .either_in = 1 << V};
const cpu_op cpu_op_psa_exchange_grad = {.prepare = prepare, .either_in = 1 << V | 1 << DY, .either_out = 1 << V};
