#include "backend/cpu/depthwise.h"

#include "backend/cpu/conv_descs.h"

typedef struct depthwise_kernel {
    cpu_kernel k;
    depthwise d;
    float *kept; /* packed weights that are kept */
} depthwise_kernel;

/* w[channel][tap] -> to[tap][channel] */
static void pack(const depthwise_kernel *k, const float *w, float *to)
{
    enum { EACH = 256 };
    int64_t taps = k->d.size[0] * k->d.size[1], channels = k->d.c * k->d.times;
    parts p = parts_of(channels, EACH);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        for (int64_t t = 0; t < taps; t++)
            for (int64_t c = i * EACH; c < i * EACH + parts_size(&p, i); c++)
                to[t * channels + c] = w[c * taps + t];
}

typedef struct depthwise_call {
    map source, target;
    const float *w;
    depthwise_end end;
    bool far; /* the source is in no cache of a core */
} depthwise_call;

/* Returns the floats of a row of the gradient for all channels of y, before those of a channel of x are added up. */
static int64_t unfolded_floats(const depthwise *d)
{
    return d->transposed && d->times > 1 ? depthwise_line_floats(d->to[1], d->block * d->times) : 0;
}

static void run_task(const depthwise_kernel *k, const depthwise_call *c, int64_t i, char *room)
{
    const depthwise *d = &k->d;
    const depthwise_table *v = k->k.b->simd->depthwise;
    depthwise_task t = depthwise_task_at(d, i);
    depthwise_lines lines = depthwise_lines_at(d, room);
    float *unfolded = unfolded_floats(d) ? (float *)(void *)(room + depthwise_lines_bytes(d)) : NULL;
    int64_t ld = d->c * (d->transposed ? 1 : d->times), first = d->transposed ? t.c0 : t.o0;
    int64_t from = t.band * d->bands.each, count = parts_size(&d->bands, t.band);
    for (int64_t j = from; j < from + count; j++) {
        depthwise_row r;
        depthwise_end end = c->end;
        depthwise_lines_row(d, v, &t, c->source, d->order[j], &lines, &r);
        r.next = c->far && j + 1 < d->to[0] ? depthwise_last_line(d, &t, c->source, d->order[j + 1]) : NULL;
        int64_t at = (t.image * d->to[0] + d->order[j]) * d->to[1] * ld + first;
        map to = map_from(c->target, at);
        end.bias = end.bias ? end.bias + first : NULL;
        end.residual = map_from(end.residual, at);
        v->row(&r, c->w + t.o0, &end, unfolded ? map_of_floats(unfolded) : to, unfolded ? t.outputs : ld);
        if (unfolded)
            v->fold(unfolded, d->to[1], t.channels, d->times, to, ld);
    }
}

static size_t room_bytes(const depthwise *d)
{
    return depthwise_lines_bytes(d) + (size_t)unfolded_floats(d) * sizeof(float);
}

static const float *packed(depthwise_kernel *k, const float *w, float *room)
{
    float *to = k->kept ? k->kept : room;
    if (!k->kept || k->k.base.stale)
        pack(k, w, to);
    k->k.base.stale = false;
    return to;
}

static size_t weight_floats(const depthwise *d)
{
    return (size_t)(d->size[0] * d->size[1] * d->c * d->times + 15) / 16 * 16;
}

enum {
    STRETCHES = 4,      /* of a thread: neighbouring tasks, which read some of the same rows */
    FAR_BYTES = 1 << 20 /* of a map whose lines are fetched */
};

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    depthwise_kernel *k = (depthwise_kernel *)base;
    const node *n = k->k.n;
    depthwise_call c = {map_in(n, in, 0), map_out(n, out, 0), packed(k, in[1], scratch), {.bias = NULL}, false};
    c.far = k->d.images * k->d.from[0] * k->d.from[1] * k->d.c * (int64_t)sizeof(float) > FAR_BYTES;
    char *rooms = (char *)scratch + (k->kept ? 0 : weight_floats(&k->d) * sizeof(float));
    if (n->op == OP_conv2d) {
        c.end = (depthwise_end){.bias = conv_has_bias(n) ? in[2] : NULL,
                                .residual = n->attr.conv.has_residual ? map_in(n, in, 3) : (map){0},
                                .act = n->attr.conv.act,
                                .alpha = n->attr.conv.act_alpha};
    }
    int64_t tasks = depthwise_task_count(&k->d), threads = k->k.b->options.threads;
    int stretch = (int)parts_of(tasks, STRETCHES * threads).count;
#pragma omp parallel for schedule(dynamic, stretch)
    for (int64_t i = 0; i < tasks; i++)
        run_task(k, &c, i, rooms + (size_t)omp_get_thread_num() * room_bytes(&k->d));
    return CSEG_OK;
}

static void release(kernel *base)
{
    mem_free(((depthwise_kernel *)base)->kept);
}

cseg_status depthwise_prepare(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out,
                              cseg_error *err)
{
    depthwise_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k || !depthwise_init(&k->d, &n->attr.conv, conv_x(n), conv_y(n), conv_w(n)->dim, n->op == OP_conv2d_grad_data,
                              1, mem))
        return fail_memory(err);
    size_t bytes = weight_floats(&k->d) * sizeof(float);
    k->k.base.scratch = (size_t)b->options.threads * room_bytes(&k->d) + (weights_fixed ? 0 : bytes);
    if (weights_fixed) {
        k->kept = mem_alloc(bytes);
        if (!k->kept)
            return fail_memory(err);
        k->k.base.release = release;
        k->k.base.kept = bytes;
        k->k.base.read_when_stale = 1u << 1;
    }
    *out = &k->k.base;
    return CSEG_OK;
}

/* Returns whether oneDNN's kernel for the node is as fast, as measured with AVX-512. It is with few taps or a kernel of
 * one column, where both are bound by the caches; forward also with strides and where most pixels are near the sides.
 * It has none for large dilations, for some gradients with strides or in bfloat16, and for those of larger kernels'
 * weights: there it takes 5 to 200 times as long. */
static bool onednn_suits(const cpu_backend *b, const node *n)
{
    enum { FEW_TAPS = 9, SMALL_DILATION = 4, SMALL_BYTES = 1 << 20, LONG = 16 };
    const conv_attr *a = &n->attr.conv;
    const int64_t *x = conv_x(n)->dim, *y = conv_y(n)->dim, *w = conv_w(n)->dim;
    bool half = map_is_half(n->in[0]), few = w[2] * w[3] <= FEW_TAPS || w[3] == 1;
    bool strided = a->stride[0] > 1 || a->stride[1] > 1, several = x[3] != y[3];
    int most = a->dilation[0] > a->dilation[1] ? a->dilation[0] : a->dilation[1];
    if (n->op == OP_conv2d && a->act == UNARY_GELU + 1 && !half && !strided && b->simd->winograd->vec == LONG)
        return false; /* its activation takes longer than vec_gelu; shorter vectors have too few registers for sums */
    if (n->op == OP_conv2d && most == 1)
        return strided || (!several && (few || depthwise_is_narrow(x[2], w[3])));
    if (n->op == OP_conv2d)
        return half && few && !several && most <= SMALL_DILATION;
    if (most > 1 || several)
        return false;
    if (n->op == OP_conv2d_grad_data)
        return strided ? !half : few;
    return few && (half || x[1] * x[2] * x[3] * (int64_t)sizeof(float) <= SMALL_BYTES);
}

bool depthwise_fits(const cpu_backend *b, const node *n)
{
    int64_t groups = n->attr.conv.groups;
    if (n->op == OP_conv_transpose2d || groups == 1 || groups != conv_x(n)->dim[3])
        return false;
    return !onednn_suits(b, n) && (n->op != OP_conv2d || b->simd->depthwise->can_end(n->attr.conv.act));
}
