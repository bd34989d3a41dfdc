#include "backend/ref/ref.h"

static ref_fn *const table[OP_COUNT] = {
#define OP(name) [OP_##name] = ref_##name,
#include "graph/ops/list.h"
#undef OP
};

typedef struct ref_kernel {
    kernel base;
    const node *n;
} ref_kernel;

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const ref_kernel *k = (const ref_kernel *)base;
    table[k->n->op](k->n, in, out);
    return CSEG_OK;
}

static cseg_status prepare(backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    (void)b;
    ref_kernel *k = ARENA_NEW(mem, ref_kernel);
    if (!k)
        return fail_memory(err);
    k->base = (kernel){.run = run, .in_place = -1};
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
