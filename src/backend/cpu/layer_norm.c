/* Layer normalisation over the last axis. Bound by memory traffic: forward reads x once and writes y once, the gradient
 * reads x and dy once and writes dx once. A ReLU that a graph pass fused is done on parts that are in the cache. Sums
 * over rows (the gradients of gamma and beta) are taken in parts, which are cut by size and added in order, in double.
 */
#include "backend/cpu/simd/layer_norm.h"
#include "backend/cpu/map.h"

enum {
    PART_FLOATS = 1 << 14, /* of rows without sums over them */
    SUMMED_ROWS = 64,      /* at least so many rows share a part's two sums */
    MOST_SUMS = 64
};

typedef struct layer_kernel {
    cpu_kernel k;
    int64_t c;
    parts parts; /* of rows */
} layer_kernel;

/* Returns the parameter, or `room` filled with its default. */
static const float *parameter(const float *given, float otherwise, float *room, int64_t c)
{
    for (int64_t i = 0; !given && i < c; i++)
        room[i] = otherwise;
    return given ? given : room;
}

static cseg_status layer_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const layer_kernel *k = (const layer_kernel *)base;
    const node *n = k->k.n;
    const float *gamma = parameter(in[1], 1, scratch, k->c), *beta = parameter(in[2], 0, (float *)scratch + k->c, k->c);
    map x = map_in(n, in, 0), y = map_out(n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        int64_t r = p * k->parts.each, rows = parts_size(&k->parts, p);
        map part = map_from(y, r * k->c);
        k->k.b->simd->layer_norm->forward(map_from(x, r * k->c), gamma, beta, part, (float *)out[1] + r,
                                          (float *)out[2] + r, rows, k->c, n->attr.norm.eps);
        if (n->attr.norm.act)
            k->k.b->simd->maps->relu(part, part, rows * k->c);
    }
    return CSEG_OK;
}

/* sums[part] has dgamma[c], then dbeta[c]. Either result may be NULL. */
static void add_up(const layer_kernel *k, const float *sums, float *dgamma, float *dbeta)
{
#pragma omp parallel for schedule(static)
    for (int64_t c = 0; c < k->c; c++) {
        double gamma = 0, beta = 0;
        for (int64_t p = 0; p < k->parts.count; p++) {
            gamma += (double)sums[2 * p * k->c + c];
            beta += (double)sums[(2 * p + 1) * k->c + c];
        }
        if (dgamma)
            dgamma[c] = (float)gamma;
        if (dbeta)
            dbeta[c] = (float)beta;
    }
}

/* Returns dy from element `at` on as it is before the ReLU, which let its input pass where y > 0; in a thread's room.
 */
static map before_relu(const layer_kernel *k, map y, map dy, int64_t at, int64_t n, float *rooms)
{
    map to = map_of_floats(rooms + omp_get_thread_num() * k->parts.each * k->c);
    k->k.b->simd->maps->relu_grad(map_from(y, at), map_from(dy, at), to, n);
    return to;
}

/* x, dy, gamma, mean, inverse std, [y, whose sign is the ReLU's mask] -> dx, dgamma, dbeta */
static cseg_status layer_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const layer_kernel *k = (const layer_kernel *)base;
    const node *n = k->k.n;
    const float *gamma = parameter(in[2], 1, scratch, k->c), *mean = in[3], *invstd = in[4];
    float *sums = (float *)scratch + k->c;
    float *rooms = sums + 2 * k->parts.count * k->c;
    map x = map_in(n, in, 0), dy = map_in(n, in, 1), y = map_in(n, in, 5), dx = map_out(n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        int64_t r = p * k->parts.each, at = r * k->c, rows = parts_size(&k->parts, p);
        map part = y.at ? before_relu(k, y, dy, at, rows * k->c, rooms) : map_from(dy, at);
        float *own = sums + 2 * p * k->c;
        memset(own, 0, 2 * (size_t)k->c * sizeof *own);
        k->k.b->simd->layer_norm->grad(map_from(x, at), part, gamma, mean + r, invstd + r, map_from(dx, at), own,
                                       own + k->c, rows, k->c);
    }
    add_up(k, sums, out[1], out[2]);
    return CSEG_OK;
}

static cseg_status prepare_layer_norm(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    bool grad = n->op == OP_layer_norm_grad;
    layer_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    const tensor *x = n->in[0];
    k->c = x->dim[x->rank - 1];
    int64_t rows = tensor_count(x) / k->c, each = most_of(PART_FLOATS / k->c, 1);
    if (grad)
        each = most_of(most_of(each, SUMMED_ROWS), (rows + MOST_SUMS - 1) / MOST_SUMS);
    k->parts = parts_of(rows, each);
    int64_t rooms = grad && n->attr.norm.act ? b->options.threads * k->parts.each : 0;
    k->k.base.scratch = (size_t)(k->c * ((grad ? 1 + 2 * k->parts.count : 2) + rooms)) * sizeof(float);
    k->k.base.in_place = grad ? 1 : 0;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_layer_norm = {.prepare = prepare_layer_norm, .run = layer_run, .either_in = 1, .either_out = 1};
const cpu_op cpu_op_layer_norm_grad = {
    .prepare = prepare_layer_norm, .run = layer_grad_run, .either_in = 3 | 1 << 5, .either_out = 1};
