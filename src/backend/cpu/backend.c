#include <stdio.h>

#include "backend/cpu/dnnl_util.h"

void *cpu_kernel_new(cpu_backend *b, const node *n, arena *mem, size_t size,
                     cseg_status (*run)(kernel *, void *const *, void *const *, void *, cseg_error *))
{
    cpu_kernel *k = arena_alloc(mem, size);
    if (k) {
        k->base.run = run;
        k->base.in_place = -1;
        k->base.stale = true;
        k->b = b;
        k->n = n;
    }
    return k;
}

/* What is not here is the reference backend's. */
static cpu_prepare *const table[OP_COUNT] = {
    [OP_conv2d] = cpu_prepare_conv,
    [OP_conv2d_grad_data] = cpu_prepare_conv_grad_data,
    [OP_conv2d_grad_weight] = cpu_prepare_conv_grad_weight,
    [OP_matmul] = cpu_prepare_matmul,
    [OP_batch_norm] = cpu_prepare_batch_norm,
    [OP_batch_norm_grad] = cpu_prepare_batch_norm_grad,
    [OP_batch_norm_train] = cpu_prepare_batch_norm_train,
    [OP_batch_norm_apply] = cpu_prepare_batch_norm_apply,
    [OP_batch_norm_train_grad] = cpu_prepare_batch_norm_train_grad,
    [OP_unary] = cpu_prepare_unary,
    [OP_unary_grad] = cpu_prepare_unary_grad,
    [OP_binary] = cpu_prepare_binary,
    [OP_resize] = cpu_prepare_resize,
    [OP_resize_grad] = cpu_prepare_resize_grad,
    [OP_sum] = cpu_prepare_sum,
    [OP_concat] = cpu_prepare_concat,
    [OP_slice] = cpu_prepare_slice,
    [OP_slice_grad] = cpu_prepare_slice_grad,
    [OP_max_pool] = cpu_prepare_max_pool,
    [OP_max_pool_grad] = cpu_prepare_max_pool_grad,
    [OP_argmax] = cpu_prepare_argmax,
    [OP_cross_entropy] = cpu_prepare_cross_entropy,
    [OP_cross_entropy_grad] = cpu_prepare_cross_entropy_grad,
    [OP_accuracy] = cpu_prepare_accuracy,
    [OP_resize_argmax] = cpu_prepare_resize_argmax,
    [OP_cast] = cpu_prepare_cast,
    [OP_dropout] = cpu_prepare_dropout,
    [OP_dropout_grad] = cpu_prepare_dropout,
};

static bool is_onednn(op_kind op)
{
    return op == OP_conv2d || op == OP_conv2d_grad_data || op == OP_conv2d_grad_weight || op == OP_matmul;
}

static cseg_status prepare(backend *base, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cpu_backend *b = (cpu_backend *)base;
    /* oneDNN chooses its blocking, and with it the order of sums, by the number of threads that it sees when a kernel
     * is made; and some kernels cut their sums by those that there are when they run. So they are made for one, and run
     * by one (conv_pieces.h, matmul.c). */
    bool alone = b->options.deterministic && is_onednn(n->op);
    if (alone)
        omp_set_num_threads(1);
    cseg_status status = table[n->op] ? table[n->op](b, n, mem, out, err) : b->ref->prepare(b->ref, n, mem, out, err);
    if (alone)
        omp_set_num_threads(b->options.threads);
    return status;
}

/* Kernels have room for this many threads. */
static void enter(backend *base)
{
    omp_set_num_threads(((cpu_backend *)base)->options.threads);
}

static void release(backend *base)
{
    cpu_backend *b = (cpu_backend *)base;
    if (b->stream)
        dnnl_stream_destroy(b->stream);
    if (b->engine)
        dnnl_engine_destroy(b->engine);
    if (b->ref)
        b->ref->release(b->ref);
    mem_free(b);
}

backend *backend_cpu_new(const cpu_options *options)
{
    cpu_backend *b = mem_alloc(sizeof *b);
    if (!b)
        return NULL;
    b->base = (backend){.name = "cpu", .enter = enter, .prepare = prepare, .release = release};
    b->options = *options;
    b->options.bf16 &= backend_cpu_has_bf16();
    if (b->options.bf16)
        b->base.port_of = cpu_port;
    if (b->options.threads < 1)
        b->options.threads = omp_get_num_procs();
    b->simd = simd_choose();
    b->ref = backend_ref_new();
    if (!b->ref || dnnl_engine_create(&b->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&b->stream, b->engine, dnnl_stream_default_flags) != dnnl_success) {
        release(&b->base);
        return NULL;
    }
    return &b->base;
}

const char *backend_cpu_describe(char to[static 64])
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(to, 64, "oneDNN %d.%d.%d, own kernels for %s", v->major, v->minor, v->patch, simd_choose()->name);
    return to;
}
