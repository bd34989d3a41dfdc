/* Matrix products through oneDNN. a [..., M, K], b [..., K, N] or [K, N], either transposed. */
#include "backend/cpu/dnnl_util.h"

typedef struct matmul_kernel {
    cpu_kernel k;
    dnnl_op op;
} matmul_kernel;

static void matmul_release(kernel *base)
{
    dnnl_op_release(&((matmul_kernel *)base)->op);
}

static cseg_status matmul_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    matmul_kernel *k = (matmul_kernel *)base;
    return dnnl_op_run(&k->op, k->k.b, k->k.n, (void *[]){in[0], in[1], out[0]}, scratch, err);
}

/* [batch, rows, columns]; `transposed` says that the memory holds [batch, columns, rows]. */
static dnnl_status_t matrix_desc(dnnl_memory_desc_t *out, const tensor *t, int64_t batch, int64_t r, int64_t c,
                                 bool transposed)
{
    return dnnl_memory_desc_create_with_tag(out, 3, (dnnl_dims_t){batch, r, c}, dnnl_type_of(t),
                                            transposed ? dnnl_acb : dnnl_abc);
}

cseg_status cpu_prepare_matmul(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const tensor *a = n->in[0], *w = n->in[1], *y = n->out[0];
    bool ta = n->attr.axis.trans_a, tb = n->attr.axis.trans_b;
    int64_t m = y->dim[y->rank - 2], cols = y->dim[y->rank - 1], inner = a->dim[a->rank - (ta ? 2 : 1)];
    int64_t batch = tensor_count(y) / (m * cols);
    if (w->rank == 2 && !ta) {
        /* One matrix for all: the batch is more rows. */
        m *= batch;
        batch = 1;
    }
    dnnl_memory_desc_t da = NULL, dw = NULL, dy = NULL;
    dnnl_primitive_attr_t attr = dnnl_attr_new();
    dnnl_primitive_desc_t pd = NULL;
    matmul_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, matmul_run);
    if (!k || !attr) {
        status = fail_memory(err);
        goto done;
    }
    DNNL_TRY(matrix_desc(&da, a, batch, m, inner, ta), "describe a matrix");
    DNNL_TRY(matrix_desc(&dw, w, w->rank == 2 ? 1 : batch, inner, cols, tb), "describe a matrix");
    DNNL_TRY(matrix_desc(&dy, y, batch, m, cols, false), "describe a matrix");
    DNNL_TRY(dnnl_matmul_primitive_desc_create(&pd, b->engine, da, dw, NULL, dy, attr), "do this matrix product");
    TRY_DONE(dnnl_op_init(&k->op, b, n, pd, (int[]){DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}, 3, err));
    k->k.base.scratch = k->op.scratch;
    k->k.base.release = matmul_release;
    *out = &k->k.base;
done:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    dnnl_memory_desc_t all[] = {da, dw, dy};
    for (int i = 0; i < 3; i++)
        if (all[i])
            dnnl_memory_desc_destroy(all[i]);
    return status;
}
