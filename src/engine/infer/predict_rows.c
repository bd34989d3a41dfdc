/* Asks the backend for rows of the answer as soon as the logits that they are made from are there, so that no map of
 * scores needs to exist at full size. */
#include "engine/infer/predict_internal.h"

static bool axis_init(bilinear_source **axis, int64_t in, int64_t out, bool align_corners)
{
    *axis = mem_alloc((size_t)out * sizeof **axis);
    for (int64_t i = 0; *axis && i < out; i++)
        (*axis)[i] = bilinear_source_at(bilinear_position(i, in, out, align_corners, 0), in);
    return *axis != NULL;
}

cseg_status answer_stream_init(answer_stream *s, const model_head *head, int64_t in_h, int64_t in_w, int64_t out_h,
                               int64_t out_w, cseg_error *err)
{
    *s =
        (answer_stream){.rows = {.h = out_h, .w = out_w, .k = head->out_channels, .threshold = (float)head->threshold}};
    if (in_h == out_h && in_w == out_w)
        return CSEG_OK;
    if (!axis_init(&s->y, in_h, out_h, head->align_corners) || !axis_init(&s->x, in_w, out_w, head->align_corners)) {
        answer_stream_release(s);
        return fail_memory(err);
    }
    s->rows.y = s->y;
    s->rows.x = s->x;
    return CSEG_OK;
}

cseg_status answer_stream_init_part(answer_stream *s, const model_head *head, int64_t in_h, int64_t in_w, int64_t out_h,
                                    int64_t out_w, int64_t x_from, int64_t x_n, int64_t *left, int64_t *right,
                                    cseg_error *err)
{
    TRY(answer_stream_init(s, head, in_h, in_w, out_h, out_w, err));
    s->rows.w = x_n;
    *left = x_from;
    *right = x_from + x_n;
    if (!s->x)
        return CSEG_OK;
    *left = s->x[x_from].low;
    *right = (int64_t)s->x[x_from + x_n - 1].high + 1;
    for (int64_t i = 0; i < x_n; i++) {
        s->x[i] = s->x[x_from + i];
        s->x[i].low -= (int32_t)*left;
        s->x[i].high -= (int32_t)*left;
    }
    return CSEG_OK;
}

void answer_stream_to(answer_stream *s, const answer_map *labels, const answer_map *scores,
                      const answer_map *confidence)
{
    s->rows.labels = labels->at;
    s->rows.label_type = answer_label_type(labels);
    s->rows.scores = scores->at;
    s->rows.confidence = confidence ? confidence->at : NULL;
}

void answer_stream_release(answer_stream *s)
{
    mem_free(s->y);
    mem_free(s->x);
    *s = (answer_stream){0};
}

cseg_status answer_stream_emit(backend *b, answer_stream *s, int64_t ready, cseg_error *err)
{
    answer_rows *r = &s->rows;
    int64_t end = r->to, most = s->most && r->h - end > s->most ? end + s->most : r->h;
    while (end < most && (s->y ? s->y[end].high : end) + r->top < ready)
        end++;
    r->from = r->to;
    r->to = end;
    return r->from < end ? b->predictions->answer(b, r, err) : CSEG_OK;
}
