/* Draws random numbers, each from the seed, the node and its own place. */
#include "backend/cpu/map.h"
#include "graph/ops/dropout_mask.h"

enum { PART = 1 << 14 };

static cseg_status uniform_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const node *n = ((const cpu_kernel *)base)->n;
    uint64_t key = draw_key(n->attr.uniform.salt, in[0]);
    float *y = out[0];
    parts p = parts_of(tensor_count(n->out[0]), PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        for (int64_t k = i * PART; k < i * PART + parts_size(&p, i); k++)
            y[k] = (float)rng_bits(key, (uint64_t)k) * 0x1p-24f;
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cpu_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, uniform_run);
    if (!k)
        return fail_memory(err);
    *out = &k->base;
    return CSEG_OK;
}

const cpu_op cpu_op_uniform = {.prepare = prepare};
