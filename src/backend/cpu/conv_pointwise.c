/* 1x1 convolutions of large maps with fixed weights. oneDNN's run near the peak of multiply-adds as long as its maps
 * are in the caches; where they come from memory it waits for them. */
#include "backend/cpu/conv_pointwise.h"

#include "backend/cpu/conv_descs.h"
#include "backend/cpu/winograd.h"

enum {
    ROWS = 24,             /* pixels: a multiple of register tiles */
    LARGE_BYTES = 8 << 20, /* of a map that no cache holds */
    RESIDUAL_INPUTS = 128, /* so few that memory is waited for, with a residual and without */
    PLAIN_INPUTS = 48
};

typedef struct pointwise_kernel {
    cpu_kernel k;
    const winograd_table *t;
    wino_blocks blocks;
    int64_t pixels, inputs, outputs;
    bool bias, residual, relu;
    float *weights; /* block by block, in it [input][output] */
} pointwise_kernel;

static void reorder(const pointwise_kernel *k, const float *w)
{
    for (int64_t b = 0; b < k->blocks.count; b++) {
        wino_range r = wino_block(&k->blocks, b);
        int64_t n0 = r.from * k->blocks.vec, width = r.size * k->blocks.vec;
        float *to = k->weights + n0 * k->inputs;
        for (int64_t i = 0; i < k->inputs; i++)
            for (int64_t j = 0; j < width; j++)
                to[i * width + j] = w[(n0 + j) * k->inputs + i];
    }
}

static void run_rows(const pointwise_kernel *k, const float *x, const float *bias, const float *residual, float *y,
                     int64_t rows)
{
    for (int64_t b = 0; b < k->blocks.count; b++) {
        wino_range r = wino_block(&k->blocks, b);
        int64_t n0 = r.from * k->blocks.vec, width = r.size * k->blocks.vec;
        k->t->product(x, k->inputs, 1, k->weights + n0 * k->inputs, width, y + n0, k->outputs, rows, k->inputs,
                      (int)r.size, false);
        k->t->finish(y + n0, k->outputs, rows, width, bias ? bias + n0 : NULL, residual ? residual + n0 : NULL,
                     k->relu);
    }
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    const pointwise_kernel *k = (const pointwise_kernel *)base;
    (void)scratch;
    (void)err;
    if (base->stale)
        reorder(k, in[1]);
    base->stale = false;
    const float *x = in[0], *bias = k->bias ? in[2] : NULL, *residual = k->residual ? in[3] : NULL;
    float *y = out[0];
#pragma omp parallel for schedule(static)
    for (int64_t at = 0; at < k->pixels; at += ROWS)
        run_rows(k, x + at * k->inputs, bias, residual ? residual + at * k->outputs : NULL, y + at * k->outputs,
                 least_of(ROWS, k->pixels - at));
    return CSEG_OK;
}

static void release(kernel *base)
{
    mem_free(((pointwise_kernel *)base)->weights);
}

cseg_status conv_pointwise_prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    const tensor *x = n->in[0], *y = n->out[0];
    pointwise_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    k->t = b->simd->winograd;
    k->inputs = x->dim[3];
    k->outputs = y->dim[3];
    k->pixels = tensor_count(y) / k->outputs;
    k->blocks = wino_blocks_of(k->t, k->outputs);
    k->bias = conv_has_bias(n);
    k->residual = n->attr.conv.has_residual;
    k->relu = n->attr.conv.act == UNARY_RELU + 1;
    size_t bytes = (size_t)(k->inputs * k->outputs) * sizeof(float);
    k->weights = mem_alloc(bytes);
    if (!k->weights)
        return fail_memory(err);
    k->k.base.release = release;
    k->k.base.kept = bytes;
    k->k.base.read_when_stale = 1u << 1;
    *out = &k->k.base;
    return CSEG_OK;
}

bool conv_pointwise_fits(const cpu_backend *b, const node *n, bool weights_fixed)
{
    const conv_attr *a = &n->attr.conv;
    if (n->op != OP_conv2d || !weights_fixed || a->groups != 1 || (a->act && a->act != UNARY_RELU + 1))
        return false;
    const tensor *x = n->in[0], *y = n->out[0];
    const int64_t *w = n->in[1]->dim;
    for (int i = 0; i < 2; i++)
        if (w[2 + i] != 1 || a->stride[i] != 1 || a->pad[i] != 0)
            return false;
    if (x->type != DT_F32 || y->type != DT_F32 || (a->has_residual && n->in[3]->type != DT_F32))
        return false;
    if (y->dim[3] % b->simd->winograd->vec != 0 || tensor_bytes(y) < LARGE_BYTES)
        return false;
    return x->dim[3] <= (a->has_residual ? RESIDUAL_INPUTS : PLAIN_INPUTS);
}
