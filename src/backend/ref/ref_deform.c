/* Multi-scale deformable attention by its definition: one place of one head of one query at a time. */
#include "backend/ref/ref.h"
#include "graph/ops/point_corners.h"

typedef struct sizes {
    int64_t images, tokens, queries, heads, d, levels, points;
} sizes;

static sizes sizes_of(const node *n)
{
    const int64_t *v = n->in[0]->dim, *offset = n->in[2]->dim;
    return (sizes){.images = v[0],
                   .tokens = v[1],
                   .queries = offset[1],
                   .heads = v[2],
                   .d = v[3],
                   .levels = offset[3],
                   .points = offset[4]};
}

/* Place i of all: which head of a query reads there, and where the values of its level begin. */
typedef struct place {
    int64_t query, head, first; /* first: element of the value of the level's first pixel, this head's */
    int64_t h, w;
    float xy[2]; /* as point_sample's points */
} place;

static place place_at(const node *n, const sizes *s, void *const *in, int64_t i)
{
    const deform_attr *a = &n->attr.deform;
    int64_t level = i / s->points % s->levels, before = 0;
    const float *offset = (const float *)in[2] + 2 * i;
    place p = {.head = i / s->points / s->levels % s->heads, .query = i / s->points / s->levels / s->heads};
    const float *at = (const float *)in[1] + 2 * (p.query % s->queries);
    for (int64_t k = 0; k < level; k++)
        before += a->h[k] * a->w[k];
    p.first = ((p.query / s->queries * s->tokens + before) * s->heads + p.head) * s->d;
    p.h = a->h[level];
    p.w = a->w[level];
    p.xy[0] = at[0] + offset[0] / (float)p.w;
    p.xy[1] = at[1] + offset[1] / (float)p.h;
    return p;
}

static const points_attr between = {0};

REF(deform_attention, ref_sums_of_first)
{
    sizes s = sizes_of(n);
    double *sum = ref_zeros(scratch, tensor_count(n->out[0]));
    for (int64_t i = 0; i < tensor_count(n->in[3]); i++) {
        place p = place_at(n, &s, in, i);
        point_corners at = point_corners_of(&between, p.xy, p.h, p.w);
        for (int k = 0; k < at.n; k++)
            for (int64_t c = 0; c < s.d; c++)
                sum[(p.query * s.heads + p.head) * s.d + c] +=
                    (double)((const float *)in[3])[i] * (double)at.weight[k] *
                    (double)((const float *)in[0])[p.first + at.pixel[k] * s.heads * s.d + c];
    }
    ref_round(sum, tensor_count(n->out[0]), out[0]);
}

/* The four pixels around a place, and by how much the weight of each grows as the place goes right and down. */
static int slopes_of(const float *xy, int64_t h, int64_t w, int64_t pixel[4], double right[4], double down[4])
{
    float x = point_position(xy[0], w, false), y = point_position(xy[1], h, false);
    double left = floor((double)x), top = floor((double)y), fx = (double)x - left, fy = (double)y - top;
    int n = 0;
    for (int k = 0; k < 4; k++) {
        double row = top + k / 2, col = left + k % 2;
        if (!(row >= 0 && row < (double)h && col >= 0 && col < (double)w))
            continue;
        pixel[n] = (int64_t)row * w + (int64_t)col;
        right[n] = (k % 2 ? 1 : -1) * (k / 2 ? fy : 1 - fy);
        down[n++] = (k / 2 ? 1 : -1) * (k % 2 ? fx : 1 - fx);
    }
    return n;
}

REF(deform_attention_grad, ref_sums_of_first)
{
    sizes s = sizes_of(n);
    int64_t count = tensor_count(n->in[0]), step = s.heads * s.d;
    double *sum = ref_zeros(scratch, count);
    for (int64_t i = 0; i < tensor_count(n->in[3]); i++) {
        place p = place_at(n, &s, in, i);
        const float *dy = (const float *)in[4] + (p.query * s.heads + p.head) * s.d;
        double share = (double)((const float *)in[3])[i], dshare = 0, dx = 0, ddown = 0, right[4], down[4];
        int64_t pixel[4];
        point_corners at = point_corners_of(&between, p.xy, p.h, p.w);
        slopes_of(p.xy, p.h, p.w, pixel, right, down);
        for (int k = 0; k < at.n; k++) {
            int64_t value = p.first + at.pixel[k] * step;
            double dot = 0;
            for (int64_t c = 0; c < s.d; c++) {
                dot += (double)dy[c] * (double)((const float *)in[0])[value + c];
                sum[value + c] += share * (double)at.weight[k] * (double)dy[c];
            }
            dshare += (double)at.weight[k] * dot;
            dx += share * right[k] * dot;
            ddown += share * down[k] * dot;
        }
        ((float *)out[1])[2 * i] = (float)dx;
        ((float *)out[1])[2 * i + 1] = (float)ddown;
        ((float *)out[2])[i] = (float)dshare;
    }
    ref_round(sum, count, out[0]);
}
