#include <stdio.h>

#include "backend/cpu/dnnl_util.h"

static const cpu_op *const table[OP_COUNT] = {
#define CPU_OP(name) [OP_##name] = &cpu_op_##name,
#include "backend/cpu/ops.h"
#undef CPU_OP
};

void *cpu_kernel_new(cpu_backend *b, const node *n, arena *mem, size_t size, cpu_run *run)
{
    cpu_kernel *k = arena_alloc(mem, size);
    if (k) {
        k->base.run = run ? run : table[n->op]->run;
        k->base.in_place = -1;
        k->base.stale = true;
        k->b = b;
        k->n = n;
    }
    return k;
}

const cpu_op *cpu_op_of(const cpu_backend *b, const node *n)
{
    const cpu_op *op = table[n->op];
    return op && (!op->takes || op->takes(b, n)) ? op : NULL;
}

static cseg_status prepare(backend *base, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                           cseg_error *err)
{
    cpu_backend *b = (cpu_backend *)base;
    /* oneDNN chooses its blocking, and so the order of sums, by the number of threads that it sees when a kernel is
     * made; some kernels split sums by the number of threads when they run. So they are made for one thread, and run by
     * one (conv_pieces.h, matmul.c). */
    const cpu_op *op = cpu_op_of(b, n);
    bool alone = b->options.deterministic && op && op->onednn;
    if (alone)
        omp_set_num_threads(1);
    bool naive = !op || (!op->prepare && !op->prepare_for);
    cseg_status status = naive             ? b->ref->prepare(b->ref, n, s, mem, out, err)
                         : op->prepare_for ? op->prepare_for(b, n, s, mem, out, err)
                                           : op->prepare(b, n, mem, out, err);
    if (status == CSEG_OK)
        (*out)->naive = naive;
    if (alone)
        omp_set_num_threads(b->options.threads);
    return status;
}

/* Kernels have scratch for this many threads. */
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
    b->base = (backend){.name = "cpu",
                        .memory = &host_memory,
                        .vectors = &cpu_vectors,
                        .predictions = &cpu_predictions,
                        .enter = enter,
                        .prepare = prepare,
                        .release = release};
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
