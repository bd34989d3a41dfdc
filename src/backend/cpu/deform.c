/* Multi-scale deformable attention (simd/deform.h). A thread has whole queries; of the gradient it has whole heads of
 * images, and adds up what their values get in the order of queries. So no sum depends on the number of threads. */
#include "backend/cpu/cpu.h"

enum { VALUE, AT, OFFSET, SHARE, DY };
enum { DVALUE, DOFFSET, DSHARE };

typedef struct deform_kernel {
    cpu_kernel k;
    deform_sizes s;
    deform_level level[DEFORM_LEVELS];
    int64_t images, tokens, queries, heads;
} deform_kernel;

static const void *element(const void *x, bool half, int64_t at)
{
    return (const char *)x + at * (half ? 2 : 4);
}

/* The values of a head of an image. */
static const void *value_of(const deform_kernel *k, const void *value, int64_t image, int64_t head)
{
    return element(value, k->s.half, image * k->tokens * k->s.step + head * k->s.d);
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const deform_kernel *k = (const deform_kernel *)base;
    const deform_sizes *s = &k->s;
    int64_t places = s->levels * s->points;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * k->queries; i++)
        for (int64_t head = 0; head < k->heads; head++) {
            int64_t row = i * k->heads + head;
            k->k.b->simd->deform->forward(
                s, value_of(k, in[VALUE], i / k->queries, head), (const float *)in[AT] + i % k->queries * 2,
                (const float *)in[OFFSET] + row * places * 2, (const float *)in[SHARE] + row * places,
                (char *)out[0] + row * s->d * (s->half_y ? 2 : 4));
        }
    return CSEG_OK;
}

static void grad_of_head(const deform_kernel *k, void *const *in, void *const *out, int64_t image, int64_t head)
{
    const deform_sizes *s = &k->s;
    int64_t places = s->levels * s->points;
    float *dvalue = (float *)out[DVALUE] + image * k->tokens * s->step + head * s->d;
    for (int64_t i = 0; i < k->tokens; i++)
        memset(dvalue + i * s->step, 0, (size_t)s->d * sizeof *dvalue);
    for (int64_t q = 0; q < k->queries; q++) {
        int64_t row = (image * k->queries + q) * k->heads + head;
        k->k.b->simd->deform->grad(s, value_of(k, in[VALUE], image, head), (const float *)in[AT] + q * 2,
                                   (const float *)in[OFFSET] + row * places * 2,
                                   (const float *)in[SHARE] + row * places, element(in[DY], s->half_y, row * s->d),
                                   dvalue, (float *)out[DOFFSET] + row * places * 2,
                                   (float *)out[DSHARE] + row * places);
    }
}

static cseg_status run_grad(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const deform_kernel *k = (const deform_kernel *)base;
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t image = 0; image < k->images; image++)
        for (int64_t head = 0; head < k->heads; head++)
            grad_of_head(k, in, out, image, head);
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    bool grad = n->op == OP_deform_attention_grad;
    deform_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, grad ? run_grad : run);
    if (!k)
        return fail_memory(err);
    const int64_t *value = n->in[VALUE]->dim, *offset = n->in[OFFSET]->dim;
    const deform_attr *a = &n->attr.deform;
    k->images = value[0];
    k->tokens = value[1];
    k->queries = offset[1];
    k->heads = value[2];
    int64_t first = 0;
    for (int i = 0; i < a->levels; i++) {
        k->level[i] = (deform_level){.h = a->h[i], .w = a->w[i], .first = first};
        first += a->h[i] * a->w[i];
    }
    k->s = (deform_sizes){.levels = offset[3],
                          .points = offset[4],
                          .d = value[3],
                          .step = value[2] * value[3],
                          .level = k->level,
                          .half = n->in[VALUE]->type == DT_BF16,
                          .half_y = (grad ? n->in[DY] : n->out[0])->type == DT_BF16};
    *out = &k->k.base;
    return CSEG_OK;
}

static bool takes(const cpu_backend *b, const node *n)
{
    (void)b;
    return n->in[OFFSET]->dim[3] * n->in[OFFSET]->dim[4] <= DEFORM_PLACES;
}

const cpu_op cpu_op_deform_attention = {
    .prepare = prepare, .takes = takes, .either_in = 1 << VALUE, .either_out = 1 << 0};
const cpu_op cpu_op_deform_attention_grad = {.prepare = prepare, .takes = takes, .either_in = 1 << VALUE | 1 << DY};
