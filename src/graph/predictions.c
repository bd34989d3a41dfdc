/* Label maps and scores as they are defined, on the host, row by row. */
#include "graph/predictions.h"

#include <math.h>

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

static void put_label(void *labels, dtype type, int64_t at, int32_t id)
{
    if (type == DT_U8)
        ((uint8_t *)labels)[at] = (uint8_t)id;
    else
        ((int32_t *)labels)[at] = id;
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

static uint8_t confidence(const float *score, int64_t k, int32_t label)
{
    float sure = k > 1 ? score[label] : label ? score[0] : 1.0f - score[0];
    return (uint8_t)(sure * (float)CONFIDENCE_ONE + 0.5f);
}

/* v [k] logits; p [k] room for scores; at: the pixel in the maps of the answer. */
static void answer_pixel(const answer_rows *r, const float *v, float *p, int64_t at)
{
    int64_t k = r->k;
    bool wants_scores = r->scores || r->sum || r->confidence || k == 1;
    const float *score = v;
    if (wants_scores && !r->are_scores) {
        probabilities(v, k, p);
        score = p;
    }
    int32_t label = k > 1 ? first_of_largest(v, k) : score[0] > r->threshold;
    if (r->labels)
        put_label(r->labels, r->label_type, at, label);
    if (r->confidence)
        r->confidence[at] = confidence(score, k, label);
    for (int64_t i = 0; r->scores && i < k; i++)
        r->scores[at * k + i] = score[i];
    for (int64_t i = 0; r->sum && i < k; i++)
        r->sum[at * k + i] += score[i];
}

static void interpolate(const answer_rows *r, const float *up, const float *down, float ty, int64_t x, float *v)
{
    int64_t k = r->k, left = r->x[x].low * k, right = r->x[x].high * k;
    float tx = r->x[x].t, ux = 1.0f - tx, uy = 1.0f - ty;
    for (int64_t i = 0; i < k; i++)
        v[i] = uy * (ux * up[left + i] + tx * up[right + i]) + ty * (ux * down[left + i] + tx * down[right + i]);
}

void prediction_answer_row(const answer_rows *r, int64_t y, float *room)
{
    int64_t low = r->y ? r->y[y].low : y, high = r->y ? r->y[y].high : y;
    const float *up = r->logits + (low + r->top) % r->ring * r->stride + r->left * r->k;
    const float *down = r->logits + (high + r->top) % r->ring * r->stride + r->left * r->k;
    int64_t to_y = (r->flip_y ? r->h - 1 - y : y) - r->first;
    for (int64_t x = 0; x < r->w; x++) {
        int64_t to_x = r->flip_x ? r->w - 1 - x : x;
        const float *v = up + x * r->k;
        if (r->y) {
            interpolate(r, up, down, r->y[y].t, x, room);
            v = room;
        }
        answer_pixel(r, v, room + r->k, to_y * r->w + to_x);
    }
}

static float *sums_row(const window_sums *s, int64_t y)
{
    return s->at + y % s->rows * s->w * s->k;
}

/* Source columns run backwards where the window was flipped. */
void prediction_add_row(const window_sums *s, const window_part *p, int64_t i, float *room)
{
    int64_t k = s->k, from = p->x > 0 ? p->x : 0, to = p->x + p->w < s->w ? p->x + p->w : s->w;
    int64_t first = from - p->x, step = p->flip_x ? -k : k;
    float *sum = sums_row(s, p->y + i) + from * k;
    const float *v = p->logits + ((p->flip_y ? p->h - 1 - i : i) * p->w + (p->flip_x ? p->w - 1 - first : first)) * k;
    bool plain = !p->scores && !p->weight_x && !p->flip_x;
    for (int64_t j = 0; plain && j < (to - from) * k; j++)
        sum[j] += v[j];
    for (int64_t x = from; !plain && x < to; x++, v += step, sum += k) {
        float weight = p->weight_x ? p->weight_y[i] * p->weight_x[x - p->x] : 1.0f;
        const float *add = v;
        if (weight == 0.0f)
            continue;
        if (p->scores) {
            probabilities(v, k, room);
            add = room;
        }
        for (int64_t j = 0; j < k; j++)
            sum[j] += weight * add[j];
    }
}

void prediction_divide_row(const window_sums *s, int64_t y, float weight_y, const float *weight_x)
{
    float *v = sums_row(s, y);
    for (int64_t x = 0; x < s->w; x++) {
        float n = weight_y * weight_x[x];
        for (int64_t i = 0; i < s->k; i++)
            v[x * s->k + i] /= n;
    }
}

void prediction_average_row(const view_sums *s, int64_t y)
{
    int64_t k = s->k;
    for (int64_t x = 0; x < s->w; x++) {
        float *v = s->at + (y * s->w + x) * k;
        for (int64_t i = 0; i < k; i++)
            v[i] /= (float)s->views;
        put_label(s->labels, s->label_type, y * s->w + x, k > 1 ? first_of_largest(v, k) : v[0] > s->threshold);
    }
}

/* ---- one thread -------------------------------------------------------------------------------------------------- */

static cseg_status answer(backend *b, const answer_rows *r, cseg_error *err)
{
    (void)b;
    float *room = mem_alloc(2 * (size_t)r->k * sizeof *room);
    if (!room)
        return fail_memory(err);
    for (int64_t y = r->from; y < r->to; y++)
        prediction_answer_row(r, y, room);
    mem_free(room);
    return CSEG_OK;
}

static cseg_status add_window(backend *b, const window_sums *s, const window_part *part, cseg_error *err)
{
    (void)b;
    float *room = mem_alloc(2 * (size_t)s->k * sizeof *room);
    if (!room)
        return fail_memory(err);
    for (int64_t i = 0; i < part->h; i++)
        prediction_add_row(s, part, i, room);
    mem_free(room);
    return CSEG_OK;
}

static void divide_windows(backend *b, const window_sums *s, int64_t from, int64_t to, const float *weight_y,
                           const float *weight_x)
{
    (void)b;
    for (int64_t y = from; y < to; y++)
        prediction_divide_row(s, y, weight_y[y], weight_x);
}

static void average_views(backend *b, const view_sums *s)
{
    (void)b;
    for (int64_t y = 0; y < s->h; y++)
        prediction_average_row(s, y);
}

const prediction_calls plain_predictions = {
    .answer = answer, .add_window = add_window, .divide_windows = divide_windows, .average_views = average_views};
