/* Distances by their definition: the nearest 0 of each column, and of all columns. */
#include "backend/ref/ref.h"

/* The square of the distance from (y, x) to the nearest 0 of column u; -1 if it has none. */
static int64_t to_column(const int32_t *label, int64_t h, int64_t w, int64_t y, int64_t x, int64_t u)
{
    int64_t best = -1;
    for (int64_t v = 0; v < h; v++) {
        int64_t square = (v - y) * (v - y) + (u - x) * (u - x);
        if (label[v * w + u] == 0 && (best < 0 || square < best))
            best = square;
    }
    return best;
}

/* Where there is no 0, distances are from (-1, 0). */
static float nearest(const int32_t *label, int64_t h, int64_t w, int64_t y, int64_t x)
{
    int64_t best = -1;
    if (label[y * w + x] == 0)
        return 0;
    for (int64_t u = 0; u < w; u++) {
        int64_t square = to_column(label, h, w, y, x, u);
        if (square >= 0 && (best < 0 || square < best))
            best = square;
    }
    return (float)(best < 0 ? (y + 1) * (y + 1) + x * x : best);
}

REF(distance_transform, NULL)
{
    int64_t h = n->in[0]->dim[1], w = n->in[0]->dim[2];
    for (int64_t i = 0; i < n->in[0]->dim[0]; i++) {
        const int32_t *label = (const int32_t *)in[0] + i * h * w;
        for (int64_t at = 0; at < h * w; at++)
            ((float *)out[0])[i * h * w + at] = nearest(label, h, w, at / w, at % w);
    }
}
