#include "backend/ref/ref.h"

static const ref_op *const table[OP_COUNT] = {
#define OP(name) [OP_##name] = &ref_op_##name,
#include "graph/ops/op_list.h"
#undef OP
};

size_t ref_sums_of_first(const node *n)
{
    return (size_t)tensor_count(n->out[0]) * sizeof(double);
}

typedef struct ref_kernel {
    kernel base;
    const node *n;
} ref_kernel;

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const ref_kernel *k = (const ref_kernel *)base;
    table[k->n->op]->run(k->n, in, out, scratch);
    return CSEG_OK;
}

static cseg_status prepare(backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                           cseg_error *err)
{
    (void)b;
    (void)s;
    const ref_op *op = table[n->op];
    ref_kernel *k = ARENA_NEW(mem, ref_kernel);
    if (!k)
        return fail_memory(err);
    k->base = (kernel){.run = run, .in_place = -1, .scratch = op->scratch ? op->scratch(n) : 0};
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
        *b = (backend){.name = "ref",
                       .memory = &host_memory,
                       .vectors = &plain_vectors,
                       .predictions = &plain_predictions,
                       .prepare = prepare,
                       .release = release};
    return b;
}
