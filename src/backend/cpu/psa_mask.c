/* PSANet's masks between masks around pixels and matrices of pixels: copies of row pieces, or strided ones where a
 * matrix has the masks in its columns. Bound by memory. */
#include "backend/cpu/cpu.h"

typedef struct psa_kernel {
    cpu_kernel k;
    psa_mask_attr a;
    int64_t rows, pixels, mask; /* rows: of all images' results; mask: numbers in a mask */
} psa_kernel;

typedef struct span {
    int64_t first, end;
} span;

/* The part of a map's axis, of `size`, that the mask of a pixel at `at` reaches. */
static span reached(int64_t at, int64_t mask, int64_t size)
{
    int64_t first = at - (mask - 1) / 2, end = first + mask;
    return (span){first < 0 ? 0 : first, end > size ? size : end};
}

/* The part of a map's axis whose masks reach a pixel at `at`. */
static span reaching(int64_t at, int64_t mask, int64_t size)
{
    int64_t end = at + (mask - 1) / 2 + 1, first = end - mask;
    return (span){first < 0 ? 0 : first, end > size ? size : end};
}

/* Where a mask has its number for a pixel that lies `rows` and `cols` away. */
static int64_t place(const psa_mask_attr *a, int64_t rows, int64_t cols)
{
    return (rows + (a->mask_h - 1) / 2) * a->mask_w + cols + (a->mask_w - 1) / 2;
}

/* y: the row of pixel p, zeros so far; x: the masks of its image. */
static void row_of_reached(const psa_kernel *k, const float *x, int64_t p, float *y)
{
    const psa_mask_attr *a = &k->a;
    int64_t row = p / a->w, col = p % a->w;
    span rows = reached(row, a->mask_h, a->h), cols = reached(col, a->mask_w, a->w);
    if (cols.first >= cols.end)
        return;
    for (int64_t r = rows.first; r < rows.end; r++)
        memcpy(y + r * a->w + cols.first, x + p * k->mask + place(a, r - row, cols.first - col),
               (size_t)(cols.end - cols.first) * sizeof *y);
}

/* The row of a pixel that masks reach. */
static void row_of_reaching(const psa_kernel *k, const float *x, int64_t t, float *y)
{
    const psa_mask_attr *a = &k->a;
    int64_t row = t / a->w, col = t % a->w;
    span rows = reaching(row, a->mask_h, a->h), cols = reaching(col, a->mask_w, a->w);
    for (int64_t r = rows.first; r < rows.end; r++)
        for (int64_t c = cols.first; c < cols.end; c++)
            y[r * a->w + c] = x[(r * a->w + c) * k->mask + place(a, row - r, col - c)];
}

/* dx: the mask of pixel p, zeros so far; dy: the matrix of its image. */
static void mask_of(const psa_kernel *k, const float *dy, int64_t p, float *dx)
{
    const psa_mask_attr *a = &k->a;
    int64_t row = p / a->w, col = p % a->w;
    span rows = reached(row, a->mask_h, a->h), cols = reached(col, a->mask_w, a->w);
    for (int64_t r = rows.first; r < rows.end && cols.first < cols.end; r++) {
        float *to = dx + place(a, r - row, cols.first - col);
        const float *from =
            a->distribute ? dy + (r * a->w + cols.first) * k->pixels + p : dy + p * k->pixels + r * a->w + cols.first;
        int64_t step = a->distribute ? k->pixels : 1;
        for (int64_t c = 0; c < cols.end - cols.first; c++)
            to[c] = from[c * step];
    }
}

static cseg_status masks_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const psa_kernel *k = (const psa_kernel *)base;
    bool grad = k->k.n->op == OP_psa_mask_grad;
    int64_t from = k->pixels * (grad ? k->pixels : k->mask), width = grad ? k->mask : k->pixels;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->rows; i++) {
        const float *x = (const float *)in[0] + i / k->pixels * from;
        float *y = (float *)out[0] + i * width;
        memset(y, 0, (size_t)width * sizeof *y);
        if (grad)
            mask_of(k, x, i % k->pixels, y);
        else if (k->a.distribute)
            row_of_reaching(k, x, i % k->pixels, y);
        else
            row_of_reached(k, x, i % k->pixels, y);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    psa_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, masks_run);
    if (!k)
        return fail_memory(err);
    k->a = n->attr.mask;
    k->pixels = k->a.h * k->a.w;
    k->mask = k->a.mask_h * k->a.mask_w;
    k->rows = n->in[0]->dim[0] * k->pixels;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_psa_mask = {.prepare = prepare};
const cpu_op cpu_op_psa_mask_grad = {.prepare = prepare};
