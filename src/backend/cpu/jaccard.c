/* Weights of errors in the order of their size (LovaszLoss). Each image's class is sorted on its own, by digits of the
 * errors' keys, so results do not depend on the number of threads. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/float_key.h"

enum { PASSES = 4, DIGIT = 8, BINS = 1 << DIGIT };

typedef struct place {
    uint32_t key; /* rises as the error falls */
    uint32_t at;
} place;

/* Sorts by key, from a to b and back; equal ones keep their order. */
static void sort(place *a, place *b, int64_t count)
{
    for (int pass = 0; pass < PASSES; pass++) {
        int64_t bins[BINS] = {0};
        int shift = pass * DIGIT;
        for (int64_t i = 0; i < count; i++)
            bins[a[i].key >> shift & (BINS - 1)]++;
        for (int64_t d = 0, begin = 0, n; d < BINS; d++, begin += n) {
            n = bins[d];
            bins[d] = begin;
        }
        for (int64_t i = 0; i < count; i++)
            b[bins[a[i].key >> shift & (BINS - 1)]++] = a[i];
        place *last = a;
        a = b;
        b = last;
    }
}

/* x, fg, out: of one class, whose elements lie `each` apart. */
static void weigh(const float *x, const float *fg, const uint8_t *mask, int64_t pixels, int64_t each, place *room,
                  float *out)
{
    int64_t found = 0;
    double both = 0, either, before = 0;
    for (int64_t i = 0; i < pixels; i++) {
        out[i * each] = 0;
        if (!mask[i])
            continue;
        room[found++] = (place){~float_key(x[i * each]), (uint32_t)i};
        both += (double)fg[i * each];
    }
    sort(room, room + pixels, found);
    either = both;
    for (int64_t i = 0; i < found; i++) {
        int64_t at = room[i].at * each;
        double is = (double)fg[at];
        both -= is;
        either += 1 - is;
        out[at] = (float)(1 - both / either - before);
        before = 1 - both / either;
    }
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const tensor *x = ((const cpu_kernel *)base)->n->in[0];
    int64_t pixels = x->dim[1], each = x->dim[2];
#pragma omp parallel for schedule(dynamic)
    for (int64_t row = 0; row < x->dim[0] * each; row++) {
        int64_t image = row / each, begin = image * pixels * each + row % each;
        weigh((const float *)in[0] + begin, (const float *)in[1] + begin, (const uint8_t *)in[2] + image * pixels,
              pixels, each, (place *)scratch + 2 * pixels * omp_get_thread_num(), (float *)out[0] + begin);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cpu_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    k->base.scratch = (size_t)b->options.threads * 2 * (size_t)n->in[0]->dim[1] * sizeof(place);
    *out = &k->base;
    return CSEG_OK;
}

static bool takes(const cpu_backend *b, const node *n)
{
    (void)b;
    return n->in[0]->dim[1] <= UINT32_MAX;
}

const cpu_op cpu_op_jaccard_weight = {.prepare = prepare, .run = run, .takes = takes};
