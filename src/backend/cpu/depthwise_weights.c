/* The gradient of a depthwise convolution's weights and bias. Each task adds up its band of rows in float32, in the
 * registers and the first-level cache; the bands are added up in order, in double. */
#include "backend/cpu/conv_descs.h"
#include "backend/cpu/depthwise.h"

enum {
    ADD_FLOATS = 1024, /* sums added up at a time */
    BAND_PIXELS = 8    /* least pixels of a band for each tap: bands' sums are written and read */
};

typedef struct weights_kernel {
    cpu_kernel k;
    depthwise d;
    int64_t taps, outputs;
    bool bias;
    bool half; /* dy is bfloat16 */
} weights_kernel;

/* Returns the floats that each band adds up: [taps][outputs] and, if there is a bias, its [outputs]. */
static int64_t band_floats(const weights_kernel *k)
{
    return (k->taps + k->bias) * k->outputs;
}

static int64_t sums_floats(const weights_kernel *k)
{
    return (k->d.images * k->d.bands.count * band_floats(k) + 15) / 16 * 16;
}

static size_t room_bytes(const weights_kernel *k)
{
    int64_t copy = k->half ? depthwise_line_floats(k->d.to[1], k->d.block * k->d.times) : 0;
    return depthwise_lines_bytes(&k->d) + (size_t)copy * sizeof(float);
}

static void run_task(const weights_kernel *k, map x, map dy, int64_t i, char *room, float *sums)
{
    const depthwise *d = &k->d;
    const depthwise_table *v = k->k.b->simd->depthwise;
    depthwise_task t = depthwise_task_at(d, i);
    depthwise_lines lines = depthwise_lines_at(d, room);
    float *copy = (float *)(void *)(room + depthwise_lines_bytes(d));
    sums += (t.image * d->bands.count + t.band) * band_floats(k) + t.o0;
    for (int64_t tap = 0; tap < k->taps + k->bias; tap++)
        memset(sums + tap * k->outputs, 0, (size_t)t.outputs * sizeof *sums);
    int64_t from = t.band * d->bands.each, count = parts_size(&d->bands, t.band);
    for (int64_t j = from; j < from + count; j++) {
        depthwise_row r;
        map at = map_from(dy, (t.image * d->to[0] + d->order[j]) * d->to[1] * k->outputs + t.o0);
        if (k->half)
            v->spread(at, k->outputs, d->to[1], t.outputs, 1, copy);
        const float *line = k->half ? copy : at.at;
        int64_t ld = k->half ? t.outputs : k->outputs;
        depthwise_lines_row(d, v, &t, x, d->order[j], &lines, &r);
        v->weights(&r, line, ld, sums);
        if (k->bias)
            v->add_up(line, ld, d->to[1], t.outputs, sums + k->taps * k->outputs);
    }
}

/* Adds up the bands' sums: [tap][output] -> dw[output][tap], then the bias. */
static void add_up(const weights_kernel *k, const float *sums, float *dw, float *db)
{
    int64_t all = band_floats(k), bands = k->d.images * k->d.bands.count;
    parts p = parts_of(all, ADD_FLOATS);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++) {
        double total[ADD_FLOATS] = {0};
        int64_t first = i * ADD_FLOATS, count = parts_size(&p, i);
        for (int64_t band = 0; band < bands; band++)
            for (int64_t j = 0; j < count; j++)
                total[j] += (double)sums[band * all + first + j];
        for (int64_t j = 0; j < count; j++) {
            int64_t tap = (first + j) / k->outputs, o = (first + j) % k->outputs;
            *(tap < k->taps ? &dw[o * k->taps + tap] : &db[o]) = (float)total[j];
        }
    }
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const weights_kernel *k = (const weights_kernel *)base;
    const node *n = k->k.n;
    float *sums = scratch;
    char *rooms = (char *)(sums + sums_floats(k));
    map x = map_in(n, in, 0), dy = map_in(n, in, 1);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < depthwise_task_count(&k->d); i++)
        run_task(k, x, dy, i, rooms + (size_t)omp_get_thread_num() * room_bytes(k), sums);
    add_up(k, sums, out[0], k->bias ? out[1] : NULL);
    return CSEG_OK;
}

cseg_status depthwise_prepare_grad_weight(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    weights_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    const int64_t *dy = n->in[1]->dim, *w = n->out[0]->dim, taps = w[2] * w[3];
    if (!k || !depthwise_init(&k->d, &n->attr.conv, n->in[0], n->in[1], w, false, 1 + BAND_PIXELS * taps / dy[2], mem))
        return fail_memory(err);
    k->taps = taps;
    k->outputs = k->d.c * k->d.times;
    k->bias = conv_has_bias(n);
    k->half = map_is_half(n->in[1]);
    k->k.base.scratch = (size_t)sums_floats(k) * sizeof(float) + (size_t)b->options.threads * room_bytes(k);
    *out = &k->k.base;
    return CSEG_OK;
}
