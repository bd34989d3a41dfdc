#include "backend/ref/ref.h"

typedef void ref_fn(const node *n, void *const *in, void *const *out, void *scratch);

static ref_fn *const table[OP_COUNT] = {
#define OP(name) [OP_##name] = ref_##name,
#include "graph/ops/list.h"
#undef OP
};

/* Logits at the label's size, and for their gradient the sums at their own. */
static size_t loss_scratch(const node *n, bool grad)
{
    if (!n->attr.loss.resized)
        return 0;
    size_t large = (size_t)(tensor_count(n->in[1]) * ref_channels(n->in[0])) * sizeof(float);
    large = (large + 7) / 8 * 8;
    return large + (grad ? (size_t)tensor_count(n->in[0]) * sizeof(double) : 0);
}

size_t ref_scratch(const node *n)
{
    switch (n->op) {
    case OP_conv2d:
    case OP_conv2d_grad_data:
    case OP_conv2d_grad_weight:
    case OP_reduce_sum:
    case OP_resize_grad:
        return (size_t)tensor_count(n->out[0]) * sizeof(double);
    case OP_prelu_grad:
        return (size_t)tensor_count(n->out[1]) * sizeof(double);
    case OP_group_norm_grad:
    case OP_layer_norm_grad:
        return 2 * (size_t)ref_channels(n->in[0]) * sizeof(double);
    case OP_sum:
        return tensor_bytes(n->out[0]); /* one resized input */
    case OP_resize_argmax:
        return (size_t)(tensor_count(n->out[0]) * ref_channels(n->in[0])) * sizeof(float);
    case OP_cross_entropy:
    case OP_binary_cross_entropy:
    case OP_accuracy:
        return loss_scratch(n, false);
    case OP_cross_entropy_grad:
    case OP_binary_cross_entropy_grad:
        return loss_scratch(n, true);
    default:
        return 0;
    }
}

typedef struct ref_kernel {
    kernel base;
    const node *n;
} ref_kernel;

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const ref_kernel *k = (const ref_kernel *)base;
    table[k->n->op](k->n, in, out, scratch);
    return CSEG_OK;
}

static cseg_status prepare(backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    (void)b;
    ref_kernel *k = ARENA_NEW(mem, ref_kernel);
    if (!k)
        return fail_memory(err);
    k->base = (kernel){.run = run, .in_place = -1, .scratch = ref_scratch(n)};
    k->n = n;
    *out = &k->base;
    return CSEG_OK;
}

static void release(backend *b)
{
    mem_free(b);
}

backend *backend_ref_new(void)
{
    backend *b = mem_alloc(sizeof *b);
    if (b)
        *b = (backend){.name = "ref", .prepare = prepare, .release = release};
    return b;
}
