/* Distances inside of a label map's objects: blocks of columns, then rows, in parallel. The result is exact, and so the
 * same for any number of threads. Bound by the divisions of a row, one for each of its pixels at most. */
#include "backend/cpu/cpu.h"
#include "base/nearest_zero.h"

enum { COLUMNS = 64 }; /* of a block: lines of the cache are whole, and vectors are full */

/* In an image without any 0 distances are from (-1, 0). */
static void from_outside(int64_t y, int64_t w, float *square)
{
    for (int64_t x = 0; x < w; x++)
        square[x] = (float)((y + 1) * (y + 1) + x * x);
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const tensor *label = ((const cpu_kernel *)base)->n->in[0];
    int64_t images = label->dim[0], h = label->dim[1], w = label->dim[2], blocks = (w + COLUMNS - 1) / COLUMNS;
    int32_t *away = scratch, *rooms = away + images * h * w;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < images * blocks; i++) {
        int64_t begin = i % blocks * COLUMNS, image = i / blocks * h * w;
        nearest_zero_in_columns((const int32_t *)in[0] + image, h, w, begin, least_of(begin + COLUMNS, w),
                                away + image);
    }
#pragma omp parallel for schedule(static)
    for (int64_t y = 0; y < images * h; y++) {
        float *square = (float *)out[0] + y * w;
        if (!nearest_zero_in_row(away + y * w, w, rooms + 2 * w * omp_get_thread_num(), square))
            from_outside(y % h, w, square);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cpu_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    size_t rooms = (size_t)b->options.threads * 2 * (size_t)n->in[0]->dim[2];
    k->base.scratch = ((size_t)tensor_count(n->in[0]) + rooms) * sizeof(int32_t);
    *out = &k->base;
    return CSEG_OK;
}

const cpu_op cpu_op_distance_transform = {.prepare = prepare, .run = run};
