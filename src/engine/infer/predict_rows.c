/* Turns logits into answers row by row, so that no map of scores needs to exist at full size. */
#include <math.h>
#include <omp.h>

#include "engine/infer/predict_internal.h"

static bool axis_init(bilinear_source **axis, int64_t in, int64_t out, bool align_corners)
{
    *axis = mem_alloc((size_t)out * sizeof **axis);
    for (int64_t i = 0; *axis && i < out; i++)
        (*axis)[i] = bilinear_source_at(bilinear_position(i, in, out, align_corners, 0), in);
    return *axis != NULL;
}

cseg_status answer_rows_init(answer_rows *r, const model_head *head, bool resize, int64_t in_h, int64_t in_w,
                             int64_t out_h, int64_t out_w, cseg_error *err)
{
    *r = (answer_rows){.in_h = in_h,
                       .in_w = in_w,
                       .out_h = out_h,
                       .out_w = out_w,
                       .k = head->out_channels,
                       .threshold = (float)head->threshold,
                       .identity = !resize || (in_h == out_h && in_w == out_w)};
    r->room = mem_alloc((size_t)omp_get_max_threads() * 2 * (size_t)r->k * sizeof *r->room);
    bool good = r->room && (r->identity || (axis_init(&r->y, in_h, out_h, head->align_corners) &&
                                            axis_init(&r->x, in_w, out_w, head->align_corners)));
    if (!good)
        answer_rows_release(r);
    return good ? CSEG_OK : fail_memory(err);
}

cseg_status answer_rows_init_part(answer_rows *r, const model_head *head, int64_t in_h, int64_t in_w, int64_t out_h,
                                  int64_t out_w, int64_t x_from, int64_t x_n, int64_t *left, int64_t *right,
                                  cseg_error *err)
{
    TRY(answer_rows_init(r, head, true, in_h, in_w, out_h, out_w, err));
    r->out_w = x_n;
    *left = x_from;
    *right = x_from + x_n;
    if (r->identity)
        return CSEG_OK;
    *left = r->x[x_from].low;
    *right = (int64_t)r->x[x_from + x_n - 1].high + 1;
    for (int64_t i = 0; i < x_n; i++) {
        r->x[i] = r->x[x_from + i];
        r->x[i].low -= (int32_t)*left;
        r->x[i].high -= (int32_t)*left;
    }
    return CSEG_OK;
}

void answer_rows_release(answer_rows *r)
{
    mem_free(r->y);
    mem_free(r->x);
    mem_free(r->room);
    r->y = r->x = NULL;
    r->room = NULL;
}

static float sigmoid(float v)
{
    return 1.0f / (1.0f + expf(-v));
}

static int32_t first_of_largest(const float *v, int64_t k)
{
    int32_t best = 0;
    for (int64_t i = 1; i < k; i++)
        if (v[i] > v[best])
            best = (int32_t)i;
    return best;
}

static void put_label(image *labels, int64_t y, int64_t x, int32_t id)
{
    if (labels->type == IMAGE_U8)
        *image_u8(labels, y, x) = (uint8_t)id;
    else
        ((int32_t *)labels->data)[y * labels->w + x] = id;
}

/* to [k] = softmax of v, or its sigmoid for k == 1. */
static void probabilities(const float *v, int64_t k, float *to)
{
    if (k == 1) {
        to[0] = sigmoid(v[0]);
        return;
    }
    float top = v[first_of_largest(v, k)], sum = 0.0f;
    for (int64_t i = 0; i < k; i++)
        sum += to[i] = expf(v[i] - top);
    for (int64_t i = 0; i < k; i++)
        to[i] /= sum;
}

/* One pixel: v [k] logits; p [k] room for probabilities. (y, x) in the buffers of the answer. */
static void answer_pixel(const answer_rows *r, const float *v, float *p, int64_t y, int64_t x)
{
    int64_t k = r->k;
    if (r->labels) {
        int32_t id = k > 1 ? first_of_largest(v, k) : sigmoid(v[0]) > r->threshold;
        put_label(r->labels, y, x, id);
    }
    if (!r->scores && !r->sum)
        return;
    float *to = r->scores ? r->scores + (y * r->out_w + x) * k : p;
    probabilities(v, k, to);
    if (r->sum) {
        float *sum = r->sum + (y * r->out_w + x) * k;
        for (int64_t i = 0; i < k; i++)
            sum[i] += to[i];
    }
}

static void interpolate(const answer_rows *r, const float *up, const float *down, float ty, int64_t x, float *v)
{
    int64_t k = r->k, left = r->x[x].low * k, right = r->x[x].high * k;
    float tx = r->x[x].t, ux = 1.0f - tx, uy = 1.0f - ty;
    for (int64_t i = 0; i < k; i++)
        v[i] = uy * (ux * up[left + i] + tx * up[right + i]) + ty * (ux * down[left + i] + tx * down[right + i]);
}

static void answer_row(const answer_rows *r, int64_t y, float *room)
{
    int64_t low = r->identity ? y : r->y[y].low, high = r->identity ? y : r->y[y].high;
    const float *up = r->base + (low + r->top) % r->ring * r->stride + r->left * r->k;
    const float *down = r->base + (high + r->top) % r->ring * r->stride + r->left * r->k;
    int64_t to_y = (r->flip_y ? r->out_h - 1 - y : y) - r->first;
    for (int64_t x = 0; x < r->out_w; x++) {
        int64_t to_x = r->flip_x ? r->out_w - 1 - x : x;
        const float *v = up + x * r->k;
        if (!r->identity) {
            interpolate(r, up, down, r->y[y].t, x, room);
            v = room;
        }
        answer_pixel(r, v, room + r->k, to_y, to_x);
    }
}

void answer_rows_emit(answer_rows *r, int64_t ready)
{
    int64_t end = r->next;
    int64_t most = r->most && r->out_h - end > r->most ? end + r->most : r->out_h;
    while (end < most && (r->identity ? end : r->y[end].high) + r->top < ready)
        end++;
    int64_t from = r->next;
    r->next = end;
#pragma omp parallel for schedule(static) if (end - from > 8)
    for (int64_t y = from; y < end; y++)
        answer_row(r, y, r->room + omp_get_thread_num() * 2 * r->k);
}

void answer_from_sum(image *labels, float *sum, int64_t k, int n, float threshold)
{
#pragma omp parallel for schedule(static)
    for (int64_t y = 0; y < labels->h; y++)
        for (int64_t x = 0; x < labels->w; x++) {
            float *v = sum + (y * labels->w + x) * k;
            for (int64_t i = 0; i < k; i++)
                v[i] /= (float)n;
            put_label(labels, y, x, k > 1 ? first_of_largest(v, k) : v[0] > threshold);
        }
}
