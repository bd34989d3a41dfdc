/* Matrix products through oneDNN. a [..., M, K], b [..., K, N] or [K, N], either transposed. Where results must not
 * depend on the number of threads, rows are cut into bands by size alone, each of which one thread multiplies through a
 * kernel that was made for one. */
#include "backend/cpu/dnnl_util.h"

enum { BANDS = 48, LEAST_ROWS = 8, LEAST_PRODUCTS = 1 << 20 };

typedef struct product {
    int64_t batch, rows, inner, columns;
    int64_t shared; /* matrices in b: 1 if all products share one */
    bool turned_a, turned_b;
} product;

typedef struct matmul_kernel {
    cpu_kernel k;
    product p;
    dnnl_op op;      /* for the whole product */
    parts bands;     /* of a matrix's rows; count 0: it is not cut */
    dnnl_op *ops[2]; /* for a band, and for the last band; one for each thread */
    size_t own;      /* bytes of a thread's scratchpad */
    size_t size[3];  /* bytes of an element of a, b and y */
} matmul_kernel;

static void matmul_release(kernel *base)
{
    matmul_kernel *k = (matmul_kernel *)base;
    dnnl_op_release(&k->op);
    for (int i = 0; i < 2; i++)
        for (int t = k->k.b->options.threads - 1; k->ops[i] && t >= 0; t--)
            dnnl_op_release(&k->ops[i][t]);
}

static cseg_status matmul_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    matmul_kernel *k = (matmul_kernel *)base;
    return dnnl_op_run(&k->op, k->k.b, k->k.n, (void *[]){in[0], in[1], out[0]}, scratch, err);
}

static cseg_status run_band(matmul_kernel *k, int64_t i, char *const *at, char *scratch, cseg_error *err)
{
    const product *p = &k->p;
    int me = omp_get_thread_num();
    int64_t batch = i / k->bands.count, band = i % k->bands.count, row = band * k->bands.each;
    int64_t a = batch * p->rows * p->inner + row * (p->turned_a ? 1 : p->inner);
    int64_t b = p->shared == 1 ? 0 : batch * p->inner * p->columns, y = (batch * p->rows + row) * p->columns;
    dnnl_op *op = &k->ops[band == k->bands.count - 1][me];
    return dnnl_op_run(
        op, k->k.b, k->k.n,
        (void *[]){at[0] + a * (int64_t)k->size[0], at[1] + b * (int64_t)k->size[1], at[2] + y * (int64_t)k->size[2]},
        scratch + (size_t)me * k->own, err);
}

static cseg_status matmul_run_bands(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    matmul_kernel *k = (matmul_kernel *)base;
    cseg_status status = CSEG_OK;
    char *at[] = {in[0], in[1], out[0]};
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < k->p.batch * k->bands.count; i++) {
        cseg_error own;
        cseg_status s = run_band(k, i, at, scratch, &own);
        if (s != CSEG_OK) {
#pragma omp critical
            {
                status = s;
                *err = own;
            }
        }
    }
    return status;
}

/* [batch, r, c] of matrices [rows, columns] of which it is a part; `turned`: the memory holds [batch, columns,
 * rows]. */
static dnnl_status_t matrix_desc(dnnl_memory_desc_t *out, const tensor *t, int64_t batch, int64_t r, int64_t c,
                                 int64_t rows, int64_t columns, bool turned)
{
    dnnl_dims_t strides = {rows * columns, turned ? 1 : columns, turned ? rows : 1};
    return dnnl_memory_desc_create_with_strides(out, 3, (dnnl_dims_t){batch, r, c}, dnnl_type_of(t), strides);
}

/* Makes the product of `rows` rows of `batch` matrices. */
static cseg_status make(matmul_kernel *k, int64_t batch, int64_t rows, dnnl_op *op, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    cpu_backend *b = k->k.b;
    const node *n = k->k.n;
    const product *p = &k->p;
    dnnl_memory_desc_t da = NULL, dw = NULL, dy = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = dnnl_attr_new();
    if (!attr)
        return fail_memory(err);
    DNNL_TRY(matrix_desc(&da, n->in[0], batch, rows, p->inner, p->rows, p->inner, p->turned_a), "describe a matrix");
    DNNL_TRY(
        matrix_desc(&dw, n->in[1], p->shared == 1 ? 1 : batch, p->inner, p->columns, p->inner, p->columns, p->turned_b),
        "describe a matrix");
    DNNL_TRY(matrix_desc(&dy, n->out[0], batch, rows, p->columns, p->rows, p->columns, false), "describe a matrix");
    DNNL_TRY(dnnl_matmul_primitive_desc_create(&pd, b->engine, da, dw, NULL, dy, attr), "do this matrix product");
    status = dnnl_op_init(op, b, n, pd, (int[]){DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}, 3, err);
done:
    dnnl_primitive_attr_destroy(attr);
    dnnl_memory_desc_t all[] = {da, dw, dy};
    for (int i = 0; i < 3; i++)
        if (all[i])
            dnnl_memory_desc_destroy(all[i]);
    return status;
}

static cseg_status make_bands(matmul_kernel *k, arena *mem, cseg_error *err)
{
    const product *p = &k->p;
    int threads = k->k.b->options.threads;
    int64_t wanted = p->batch * p->rows * p->inner * p->columns / LEAST_PRODUCTS / p->batch + 1;
    int64_t most = p->batch < BANDS ? (BANDS + p->batch - 1) / p->batch : 1, bands = wanted < most ? wanted : most;
    int64_t each = (p->rows + bands - 1) / bands;
    k->bands = parts_of(p->rows, each < LEAST_ROWS ? LEAST_ROWS : each);
    for (int i = 0; i < 2; i++) {
        int64_t rows = parts_size(&k->bands, i == 0 ? 0 : k->bands.count - 1);
        k->ops[i] = ARENA_ARRAY(mem, (size_t)threads, dnnl_op);
        if (!k->ops[i])
            return fail_memory(err);
        TRY(make(k, 1, rows, &k->ops[i][0], err));
        for (int t = 1; t < threads; t++)
            TRY(dnnl_op_share(&k->ops[i][t], &k->ops[i][0], k->k.b, k->k.n, err));
        size_t own = (k->ops[i][0].scratch + 63) / 64 * 64;
        k->own = own > k->own ? own : k->own;
    }
    k->k.base.scratch = (size_t)threads * k->own;
    return CSEG_OK;
}

static product product_of(const node *n)
{
    const tensor *a = n->in[0], *w = n->in[1], *y = n->out[0];
    product p = {.turned_a = n->attr.axis.trans_a, .turned_b = n->attr.axis.trans_b};
    p.rows = y->dim[y->rank - 2];
    p.columns = y->dim[y->rank - 1];
    p.inner = a->dim[a->rank - (p.turned_a ? 2 : 1)];
    p.batch = tensor_count(y) / (p.rows * p.columns);
    p.shared = w->rank == 2 ? 1 : p.batch;
    if (w->rank == 2 && !p.turned_a) {
        /* With one shared matrix, the batch only adds rows. */
        p.rows *= p.batch;
        p.batch = 1;
    }
    return p;
}

static cseg_status prepare_matmul(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    bool cut = b->options.deterministic;
    matmul_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, cut ? matmul_run_bands : matmul_run);
    if (!k)
        return fail_memory(err);
    k->p = product_of(n);
    k->k.base.release = matmul_release;
    const tensor *of[] = {n->in[0], n->in[1], n->out[0]};
    for (int i = 0; i < 3; i++)
        k->size[i] = dtype_size(of[i]->type);
    cseg_status status = cut ? make_bands(k, mem, err) : make(k, k->p.batch, k->p.rows, &k->op, err);
    if (status != CSEG_OK) {
        matmul_release(&k->k.base);
        return status;
    }
    if (!cut)
        k->k.base.scratch = k->op.scratch;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_matmul = {.prepare = prepare_matmul, .bf16_in = 3, .either_out = 1, .onednn = true};
