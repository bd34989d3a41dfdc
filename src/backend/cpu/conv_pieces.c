#include "backend/cpu/conv_pieces.h"

enum {
    PIECES = 48,              /* pieces of a map: similar work for each of up to 16 threads */
    SUMMED_PIECES = 16,       /* pieces of the gradient of weights, each of which has its own sums */
    SUMS_BYTES = 64 << 20,    /* for all of these sums */
    LEAST_PRODUCTS = 1 << 22, /* multiply-adds of a piece: smaller pieces take no longer than their call */
    SUM_FLOATS = 4096,        /* floats added up at a time */
    KINDS = 64                /* kinds of pieces, which differ in size or padding; 3 are usual */
};

typedef struct piece {
    int64_t image, x, y; /* the first image, and the first rows of the input and of the output */
    int kind;
} piece;

typedef struct piece_kind {
    conv_extent e;
    dnnl_op *ops; /* one for each thread, all with the same primitive */
} piece_kind;

typedef struct pieces_kernel {
    cpu_kernel k;
    piece *pieces;
    int64_t n;
    piece_kind kinds[KINDS];
    int n_kinds;
    conv_inner w;
    bool weights_fixed;
    bool slow;         /* oneDNN only has its reference implementation for a kind */
    size_t own;        /* bytes of a thread's scratchpad */
    size_t sums, bias; /* for the gradient of weights: bytes of a piece's sums, and of the bias's sums after them */
} pieces_kernel;

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t in_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static int64_t ceil_div(int64_t a, int64_t b) /* b > 0 */
{
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}

/* Rows of the map that is cut: the one that the node writes or, for the gradient of weights, the output. */
static int64_t rows_to_cut(const node *n)
{
    return conv_to_input(n) ? conv_x(n)->dim[1] : conv_y(n)->dim[1];
}

static void release(kernel *base)
{
    pieces_kernel *k = (pieces_kernel *)base;
    for (int i = 0; i < k->n_kinds; i++)
        for (int t = k->k.b->options.threads - 1; t >= 0; t--)
            dnnl_op_release(&k->kinds[i].ops[t]);
    k->n_kinds = 0;
    conv_inner_release(&k->w);
    k->w = (conv_inner){0};
}

/* Sets rows [from, to) of the output, and the rows of the input that they are computed from. */
static bool rows_of_output(const node *n, int64_t from, int64_t to, piece *p, conv_extent *e)
{
    const conv_attr *a = &n->attr.conv;
    int64_t first = from * a->stride[0] - a->pad[0];
    int64_t end = (to - 1) * a->stride[0] - a->pad[0] + (conv_w(n)->dim[2] - 1) * a->dilation[0] + 1;
    int64_t height = conv_x(n)->dim[1];
    p->y = from;
    p->x = first > 0 ? first : 0;
    e->pad[0] = p->x - first;
    e->in[0] = (end < height ? end : height) - p->x;
    e->out[0] = to - from;
    return e->in[0] > 0;
}

/* Sets rows [from, to) of the input, and the rows of the output that they contribute to. */
static bool rows_of_input(const node *n, int64_t from, int64_t to, piece *p, conv_extent *e)
{
    const conv_attr *a = &n->attr.conv;
    int64_t reach = (conv_w(n)->dim[2] - 1) * a->dilation[0], height = conv_y(n)->dim[1];
    int64_t first = ceil_div(from + a->pad[0] - reach, a->stride[0]), end = (to - 1 + a->pad[0]) / a->stride[0] + 1;
    if (first * a->stride[0] > from + a->pad[0])
        first--; /* contributes nothing, but a smaller padding than none is not possible */
    p->x = from;
    p->y = first > 0 ? first : 0;
    e->pad[0] = from + a->pad[0] - p->y * a->stride[0];
    e->in[0] = to - from;
    e->out[0] = (end < height ? end : height) - p->y;
    return e->out[0] > 0;
}

/* Returns the kind with this extent. -1: too many kinds. */
static int kind_of(pieces_kernel *k, const conv_extent *e)
{
    for (int i = 0; i < k->n_kinds; i++)
        if (memcmp(&k->kinds[i].e, e, sizeof *e) == 0)
            return i;
    if (k->n_kinds == KINDS)
        return -1;
    k->kinds[k->n_kinds] = (piece_kind){.e = *e};
    return k->n_kinds++;
}

/* Cuts into pieces of `images` whole images, or of `band` rows of one image. false: that is not possible. */
static bool cut(pieces_kernel *k, const node *n, int64_t images, int64_t band)
{
    int64_t all = conv_x(n)->dim[0], rows = rows_to_cut(n);
    k->n = 0;
    k->n_kinds = 0;
    for (int64_t i = 0; i < all; i += images)
        for (int64_t from = 0; from < rows; from += band) {
            piece *p = &k->pieces[k->n++];
            conv_extent e = conv_whole(n);
            int64_t to = least_of(from + band, rows);
            *p = (piece){.image = i};
            e.images = least_of(images, all - i);
            if (band < rows &&
                !(conv_to_input(n) ? rows_of_input(n, from, to, p, &e) : rows_of_output(n, from, to, p, &e)))
                return false;
            if ((p->kind = kind_of(k, &e)) < 0)
                return false;
        }
    return true;
}

/* Returns how many pieces the work is worth, from its size alone. */
static int64_t wanted_pieces(const node *n)
{
    const int64_t *w = conv_w(n)->dim;
    const tensor *y = conv_y(n);
    int64_t products = tensor_count(y) * w[1] * w[2] * w[3], pieces = products / LEAST_PRODUCTS + 1;
    if (n->op != OP_conv2d_grad_weight)
        return least_of(pieces, PIECES);
    int64_t fit = SUMS_BYTES / (int64_t)tensor_bytes(conv_w(n));
    return least_of(pieces, fit < 1 ? 1 : least_of(fit, SUMMED_PIECES));
}

static bool choose_pieces(pieces_kernel *k, const node *n, arena *mem)
{
    int64_t all = conv_x(n)->dim[0], rows = rows_to_cut(n), stride = n->attr.conv.stride[0];
    int64_t wanted = wanted_pieces(n), images = ceil_div(all, wanted), bands = wanted > all ? wanted / all : 1;
    int64_t band = ceil_div(rows, bands);
    if (bands > 1 && conv_to_input(n))
        band = ceil_div(band, stride) * stride; /* so that all inner bands are equal */
    k->pieces = ARENA_ARRAY(mem, (size_t)(ceil_div(all, images) * ceil_div(rows, band)), piece);
    if (!k->pieces)
        return false;
    if (!cut(k, n, images, band))
        cut(k, n, images, rows);
    return true;
}

static cseg_status run_piece(pieces_kernel *k, const piece *p, void *const *at, char *scratch, cseg_error *err)
{
    const node *n = k->k.n;
    const tensor *x = conv_x(n), *y = conv_y(n);
    int me = omp_get_thread_num();
    size_t x_at = (size_t)((p->image * x->dim[1] + p->x) * x->dim[2] * x->dim[3]);
    size_t y_at = (size_t)((p->image * y->dim[1] + p->y) * y->dim[2] * y->dim[3]);
    char *own = scratch + (size_t)me * k->own, *x_part = (char *)at[0] + x_at * dtype_size(x->type);
    char *y_part = (char *)at[1] + y_at * dtype_size(y->type);
    dnnl_op *op = &k->kinds[p->kind].ops[me];
    if (n->op == OP_conv2d_grad_weight) {
        char *sums = (char *)at[2] + (size_t)(p - k->pieces) * (k->sums + k->bias);
        return dnnl_op_run(op, k->k.b, n, (void *[]){x_part, y_part, sums, sums + k->sums}, own, err);
    }
    bool back = conv_to_input(n);
    void *of[CONV_ARGS] = {back ? y_part : x_part, at[2], back ? x_part : y_part};
    int count = 3;
    if (at[3])
        of[count++] = at[3];
    if (at[4])
        of[count++] = (char *)at[4] + y_at * dtype_size(n->in[3]->type);
    return dnnl_op_run(op, k->k.b, n, of, own, err);
}

/* at: input, output, weights (or all sums), bias, and residual or NULL */
static cseg_status run_pieces(pieces_kernel *k, void *const *at, char *scratch, cseg_error *err)
{
    cseg_status status = CSEG_OK;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < k->n; i++) {
        cseg_error own;
        cseg_status s = run_piece(k, &k->pieces[i], at, scratch, &own);
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

static cseg_status run_conv(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    pieces_kernel *k = (pieces_kernel *)base;
    const node *n = k->k.n;
    char *rest = scratch;
    void *w;
    TRY(conv_inner_get(&k->w, &k->k, in[1], &rest, &w, err));
    void *bias = conv_has_bias(n) ? in[2] : NULL, *residual = n->attr.conv.has_residual ? in[3] : NULL;
    if (conv_to_input(n))
        return run_pieces(k, (void *[]){out[0], in[0], w, bias, NULL}, rest, err);
    return run_pieces(k, (void *[]){in[0], out[0], w, bias, residual}, rest, err);
}

/* to[i] = the sum of all pieces' [i], in double */
static void add_up(const pieces_kernel *k, const char *sums, size_t bytes, float *to)
{
    size_t step = k->sums + k->bias;
    parts p = parts_of((int64_t)(bytes / sizeof *to), SUM_FLOATS);
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < p.count; part++) {
        double total[SUM_FLOATS] = {0};
        int64_t first = part * p.each, count = parts_size(&p, part);
        for (int64_t i = 0; i < k->n; i++) {
            const float *at = (const float *)(const void *)(sums + (size_t)i * step) + first;
            for (int64_t j = 0; j < count; j++)
                total[j] += (double)at[j];
        }
        for (int64_t j = 0; j < count; j++)
            to[first + j] = (float)total[j];
    }
}

static cseg_status run_weights(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    pieces_kernel *k = (pieces_kernel *)base;
    const node *n = k->k.n;
    char *sums = scratch, *rest = sums + (size_t)k->n * (k->sums + k->bias);
    TRY(run_pieces(k, (void *[]){in[0], in[1], sums, NULL, NULL}, rest, err));
    if (conv_has_bias(n))
        add_up(k, sums + k->sums, tensor_bytes(n->out[1]), out[1]);
    if (!k->w.differ) {
        add_up(k, sums, tensor_bytes(n->out[0]), out[0]);
        return CSEG_OK;
    }
    add_up(k, sums, k->sums, (float *)(void *)sums);
    return dnnl_op_run(&k->w.reorder, k->k.b, n, (void *[]){sums, out[0]}, rest, err);
}

/* Returns whether oneDNN only has its reference implementation: a layout of weights that suits one kind may not suit
 * another. */
static bool is_slow(const_dnnl_primitive_desc_t pd)
{
    const char *name = NULL;
    return dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name) == dnnl_success &&
           strncmp(name, "ref", 3) == 0;
}

/* Makes the primitive of a kind, and memory objects for each thread. The first kind decides the layout of weights. */
static cseg_status make_kind(pieces_kernel *k, int i, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    cpu_backend *b = k->k.b;
    const node *n = k->k.n;
    piece_kind *kind = &k->kinds[i];
    conv_descs d;
    dnnl_primitive_desc_t pd = NULL;
    int args[CONV_ARGS], n_args = conv_args(n, args);
    const_dnnl_memory_desc_t inner = i > 0 ? dnnl_op_desc(&k->kinds[0].ops[0], conv_weights_arg(n)) : NULL;
    TRY_DONE(conv_descs_init(&d, n, &kind->e, inner, k->weights_fixed, err));
    TRY_DONE(conv_primitive_desc(b, n, &d, &pd, err));
    k->slow |= is_slow(pd);
    status = i == 0 ? conv_inner_init(&k->w, b, n, &d, pd, err) : CSEG_OK;
    if (status != CSEG_OK) {
        dnnl_primitive_desc_destroy(pd);
        goto done;
    }
    TRY_DONE(dnnl_op_init(&kind->ops[0], b, n, pd, args, n_args, err));
    for (int t = 1; t < b->options.threads; t++)
        TRY_DONE(dnnl_op_share(&kind->ops[t], &kind->ops[0], b, n, err));
    k->own = max_size(k->own, in_lines(kind->ops[0].scratch + conv_slack(n, &kind->e)));
done:
    conv_descs_release(&d);
    return status;
}

static cseg_status make_kinds(pieces_kernel *k, arena *mem, cseg_error *err)
{
    int n = k->n_kinds;
    for (k->n_kinds = 0; k->n_kinds < n;) {
        int i = k->n_kinds;
        k->kinds[i].ops = ARENA_ARRAY(mem, (size_t)k->k.b->options.threads, dnnl_op);
        if (!k->kinds[i].ops)
            return fail_memory(err);
        k->n_kinds++;
        TRY(make_kind(k, i, err));
    }
    return CSEG_OK;
}

static cseg_status make(pieces_kernel *k, const node *n, arena *mem, cseg_error *err)
{
    if (!choose_pieces(k, n, mem))
        return fail_memory(err);
    cseg_error first;
    if (make_kinds(k, mem, &first) == CSEG_OK && (!k->slow || k->n == 1))
        return CSEG_OK;
    release(&k->k.base);
    k->own = 0;
    cut(k, n, ceil_div(conv_x(n)->dim[0], k->n), rows_to_cut(n));
    return make_kinds(k, mem, err);
}

cseg_status conv_pieces_prepare(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out,
                                cseg_error *err)
{
    bool grad_weight = n->op == OP_conv2d_grad_weight;
    pieces_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, grad_weight ? run_weights : run_conv);
    if (!k)
        return fail_memory(err);
    k->k.base.release = release;
    k->weights_fixed = weights_fixed;
    cseg_status status = make(k, n, mem, err);
    if (status != CSEG_OK) {
        release(&k->k.base);
        return status;
    }
    size_t own = max_size((size_t)b->options.threads * k->own, k->w.reorder.scratch);
    if (grad_weight) {
        k->sums = k->w.bytes;
        k->bias = conv_has_bias(n) ? in_lines(tensor_bytes(n->out[1])) : 0;
        k->k.base.scratch = (size_t)k->n * (k->sums + k->bias) + own;
    } else {
        k->k.base.scratch = conv_inner_scratch(&k->w, &k->k.base) + own;
    }
    *out = &k->k.base;
    return CSEG_OK;
}
