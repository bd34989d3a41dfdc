/* Sums of maps, some of them resized on the way, in one pass over memory: a span of an output row is begun, added to
 * and finished while it is in the nearest cache, and no resized map is ever written. Bound by memory traffic. */
#include "backend/cpu/interpolation.h"
#include "backend/cpu/map.h"

/* Floats of a span: with the small rows that it is made from, they fit into the first-level cache (32 KiB). */
enum { SPAN_FLOATS = 4096, SPAN_PIXELS = 8 };

typedef struct sum_input {
    int at; /* which of the node's inputs */
    bool resized;
    interpolation y, x;
} sum_input;

typedef struct sum_kernel {
    cpu_kernel k;
    int n;
    sum_input *in;                  /* in the order of addition */
    int64_t rows, width, c, height; /* rows of `width` pixels; without resizing, all elements are one row */
    int64_t room;                   /* floats of the longest row of an input that is resized */
    parts spans;                    /* of a row, in pixels */
} sum_kernel;

/* A thread's scratch: a row of an input; then, if the output is bfloat16, the span's sum so far in float32. */
static int64_t own_floats(const sum_kernel *k)
{
    return k->room + (map_is_half(k->k.n->out[0]) ? k->spans.each * k->c : 0);
}

/* Mixes the pixels of two input rows that output pixels from ... from + n - 1 of a row need. Pixel p of the result is
 * at p * c, as in a whole row. */
static map mixed_span(const sum_kernel *k, const sum_input *s, map x, int64_t row, int64_t from, int64_t n,
                      float *scratch)
{
    int64_t width = s->x.in * k->c, o = row % k->height, image = row / k->height * s->y.in * width;
    int64_t first = s->x.i0[from] * k->c, size = (s->x.i1[from + n - 1] + 1) * k->c - first;
    float w = s->y.w[o];
    map a = map_from(x, image + s->y.i0[o] * width);
    if (w == 0)
        return a;
    map b = map_from(x, image + s->y.i1[o] * width);
    k->k.b->simd->maps->mix(map_from(a, first), 1 - w, map_from(b, first), w, scratch + first, size);
    return map_of_floats(scratch);
}

static void sum_span(const sum_kernel *k, void *const *in, map y, int64_t row, int64_t span, float *scratch)
{
    const map_table *v = k->k.b->simd->maps;
    int64_t from = span * k->spans.each, n = parts_size(&k->spans, span), at = (row * k->width + from) * k->c;
    int64_t size = n * k->c;
    map end = map_from(y, at), between = y.half ? map_of_floats(scratch + k->room) : end, sum = {0};
    bool relu = k->k.n->attr.sum.relu;
    for (int i = 0; i < k->n;) {
        const sum_input *s = &k->in[i];
        if (s->resized) {
            map mixed = mixed_span(k, s, map_in(k->k.n, in, s->at), row, from, n, scratch);
            map to = ++i == k->n && !relu ? end : between;
            v->interpolate(mixed, s->x.i0 + from, s->x.i1 + from, s->x.w + from, sum, to, n, k->c);
            sum = to;
            continue;
        }
        /* As many as one loop adds, so that memory is read in one pass. */
        map x[4] = {sum};
        int have = sum.at != NULL;
        for (; have < 4 && i < k->n && !k->in[i].resized; i++)
            x[have++] = map_from(map_in(k->k.n, in, k->in[i].at), at);
        sum = x[0];
        if (have < 2)
            continue;
        sum = i == k->n ? end : between;
        v->add_some(x[0], x[1], x[2], x[3], sum, size, relu && i == k->n);
        relu &= i < k->n;
    }
    if (relu)
        v->relu(sum, end, size);
    else if (sum.at != end.at)
        map_copy(k->k.b->simd, end, 0, sum, 0, size);
}

static cseg_status sum_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const sum_kernel *k = (const sum_kernel *)base;
    map y = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->rows * k->spans.count; i++)
        sum_span(k, in, y, i / k->spans.count, i % k->spans.count,
                 (float *)scratch + omp_get_thread_num() * own_floats(k));
    return CSEG_OK;
}

static cseg_status input_init(sum_kernel *k, int i, arena *mem, cseg_error *err)
{
    const node *n = k->k.n;
    const resize_attr *a = &n->attr.sum.from[i];
    const tensor *x = n->in[i], *y = n->out[0];
    sum_input *s = &k->in[i];
    *s = (sum_input){.at = i, .resized = a->h > 0};
    if (!s->resized)
        return CSEG_OK;
    if (!interpolation_init(&s->y, x->dim[1], y->dim[1], a->align_corners, a->nearest, a->scale_h, mem) ||
        !interpolation_init(&s->x, x->dim[2], y->dim[2], a->align_corners, a->nearest, a->scale_w, mem))
        return fail_memory(err);
    if (s->x.in * y->dim[3] > k->room)
        k->room = s->x.in * y->dim[3];
    return CSEG_OK;
}

/* The output may take the memory of the first input, which is read before any of it is written. The second input may be
 * put first, since a + b is b + a. */
static int put_unresized_first(sum_kernel *k)
{
    if (k->in[0].resized && k->n > 1 && !k->in[1].resized) {
        sum_input kept = k->in[0];
        k->in[0] = k->in[1];
        k->in[1] = kept;
    }
    return k->in[0].resized ? -1 : k->in[0].at;
}

static cseg_status prepare_sum(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    const tensor *y = n->out[0];
    sum_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, sum_run);
    if (!k || !(k->in = ARENA_ARRAY(mem, (size_t)n->n_in, sum_input)))
        return fail_memory(err);
    k->n = n->n_in;
    k->rows = k->c = k->height = 1;
    k->width = tensor_count(y);
    bool any = false;
    for (int i = 0; i < k->n; i++) {
        TRY(input_init(k, i, mem, err));
        any |= k->in[i].resized;
    }
    if (any) {
        k->height = y->dim[1];
        k->rows = y->dim[0] * k->height;
        k->width = y->dim[2];
        k->c = y->dim[3];
    }
    k->spans = parts_of(k->width, SPAN_FLOATS / k->c > SPAN_PIXELS ? SPAN_FLOATS / k->c : SPAN_PIXELS);
    k->k.base.in_place = put_unresized_first(k);
    k->k.base.scratch = (size_t)(b->options.threads * own_floats(k)) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_sum = {.prepare = prepare_sum, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
