#include "backend/ref/ref.h"
#include "graph/ops/point_corners.h"

REF(point_sample, NULL)
{
    const tensor *x = n->in[0];
    int64_t h = x->dim[1], w = x->dim[2], channels = x->dim[3], points = n->in[1]->dim[1];
    for (int64_t i = 0; i < x->dim[0] * points; i++) {
        const float *map = (const float *)in[0] + i / points * h * w * channels;
        point_corners at = point_corners_of(&n->attr.points, (const float *)in[1] + 2 * i, h, w);
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0;
            for (int k = 0; k < at.n; k++)
                sum += (double)at.weight[k] * (double)map[at.pixel[k] * channels + c];
            ((float *)out[0])[i * channels + c] = (float)sum;
        }
    }
}

REF(point_sample_grad, ref_sums_of_first)
{
    const int64_t *x = n->attr.points.x_dim;
    int64_t h = x[1], w = x[2], channels = x[3], points = n->in[1]->dim[1], count = tensor_count(n->out[0]);
    double *sum = ref_zeros(scratch, count);
    for (int64_t i = 0; i < x[0] * points; i++) {
        const float *dy = (const float *)in[0] + i * channels;
        point_corners at = point_corners_of(&n->attr.points, (const float *)in[1] + 2 * i, h, w);
        for (int k = 0; k < at.n; k++)
            for (int64_t c = 0; c < channels; c++)
                sum[(i / points * h * w + at.pixel[k]) * channels + c] += (double)at.weight[k] * (double)dy[c];
    }
    ref_round(sum, count, out[0]);
}

REF(margin, NULL)
{
    int64_t width = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++) {
        const float *x = (const float *)in[0] + i * width;
        float first = fmaxf(x[0], x[1]), second = fminf(x[0], x[1]);
        for (int64_t c = 2; c < width; c++) {
            second = fmaxf(second, fminf(first, x[c]));
            first = fmaxf(first, x[c]);
        }
        ((float *)out[0])[i] = first - second;
    }
}

static void copy_row(float *to, const float *from, int64_t channels)
{
    memcpy(to, from, (size_t)channels * sizeof *to);
}

REF(take_rows, NULL)
{
    const int32_t *places = in[1];
    int64_t length = n->in[0]->dim[1], channels = n->in[0]->dim[2], taken = n->in[1]->dim[1];
    for (int64_t i = 0; i < tensor_count(n->in[1]); i++)
        copy_row((float *)out[0] + i * channels, (const float *)in[0] + (i / taken * length + places[i]) * channels,
                 channels);
}

REF(put_rows, NULL)
{
    const int32_t *places = in[2];
    int64_t length = n->in[0]->dim[1], channels = n->in[0]->dim[2], put = n->in[2]->dim[1];
    memcpy(out[0], in[0], tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < tensor_count(n->in[2]); i++)
        copy_row((float *)out[0] + (i / put * length + places[i]) * channels, (const float *)in[1] + i * channels,
                 channels);
}
