/* Resizes by averages: of whole blocks, and of cells with fractions. */
#include "io/imgproc/imgproc_resize.h"

/* Sums the block in OpenCV's order: runs of four, or pairs where its vectors halve float images. */
static float block_sum(const resizer *r, const char *corner, int64_t k, bool pairs)
{
    const image *m = r->src;
    int64_t row = m->w * m->c, n = 0, count = (int64_t)r->block_h * r->block_w;
    float sum = 0, run = 0, first = 0;
    for (int64_t v = 0; v < r->block_h; v++)
        for (int64_t u = 0; u < r->block_w; u++, n++) {
            float p = imgproc_load(corner, m->type, v * row + u * m->c + k);
            if (pairs && n == 2)
                first = run, run = p;
            else
                run = n % 4 == 0 || n >= count / 4 * 4 ? p : run + p;
            if (!pairs && (n % 4 == 3 || n >= count / 4 * 4))
                sum += run;
        }
    return pairs ? first + run : sum;
}

void resize_blocks_row(resizer *r, int64_t y)
{
    const image *m = r->src;
    int64_t c = m->c, group = r->group;
    bool two = r->block_h == 2 && r->block_w == 2;
    bool halves = two && (group == 1 || group == 3 || group == 4) && m->type != IMAGE_F32;
    int64_t pairs = two && m->type == IMAGE_F32 ? group == 4 ? r->w : group == 1 ? r->full_w / 4 * 4 - r->x0 : 0 : 0;
    float scale = 1.f / (float)(r->block_h * r->block_w);
    for (int64_t i = 0; i < r->w; i++)
        for (int64_t k = 0; k < c; k++) {
            const char *corner =
                image_at(m, (r->y0 + y) * r->block_h - r->part_y, (r->x0 + i) * r->block_w - r->part_x);
            float sum = block_sum(r, corner, k, i < pairs);
            resize_store(r->row, m->type, i * c + k, halves ? floorf((sum + 2) * 0.25f) : sum * scale);
        }
}

void resize_area_row(resizer *r, int64_t y)
{
    int64_t c = r->c;
    float *along = r->ring[0];
    for (int32_t j = r->ay.first[y]; j < r->ay.first[y + 1]; j++) {
        const void *row = image_at(r->src, r->ay.index[j], 0);
        for (int64_t i = 0; i < r->w; i++)
            for (int64_t k = 0; k < c; k++) {
                float sum = 0;
                for (int32_t t = r->ax.first[i]; t < r->ax.first[i + 1]; t++)
                    sum += imgproc_load(row, r->src->type, r->ax.index[t] * c + k) * r->ax.weight[t];
                along[i * c + k] = sum;
            }
        float b = r->ay.weight[j];
        for (int64_t i = 0; i < r->row_samples; i++)
            r->sum[i] = j == r->ay.first[y] ? b * along[i] : r->sum[i] + b * along[i];
    }
    for (int64_t i = 0; i < r->row_samples; i++)
        resize_store(r->row, r->src->type, i, r->sum[i]);
}
