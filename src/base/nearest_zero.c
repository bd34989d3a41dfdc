#include "base/nearest_zero.h"

static const int32_t NONE = INT32_MAX;

void nearest_zero_in_columns(const int32_t *map, int64_t h, int64_t w, int64_t begin, int64_t end, int32_t *away)
{
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = begin; x < end; x++) {
            int32_t above = y ? away[(y - 1) * w + x] : NONE;
            away[y * w + x] = map[y * w + x] == 0 ? 0 : above < NONE ? above + 1 : NONE;
        }
    for (int64_t y = h - 2; y >= 0; y--)
        for (int64_t x = begin; x < end; x++) {
            int32_t below = away[(y + 1) * w + x], *here = &away[y * w + x];
            *here = below < *here ? below + 1 : *here;
        }
}

/* The square of the distance from x to the nearest 0 of column i. */
static int64_t square_to(const int32_t *away, int64_t x, int64_t i)
{
    return (x - i) * (x - i) + (int64_t)away[i] * away[i];
}

/* The first x from which column q is nearer than column p, which is left of it and nearer at some x >= 0. */
static int64_t first_nearer(const int32_t *away, int64_t p, int64_t q)
{
    return 1 + (square_to(away, 0, q) - square_to(away, 0, p)) / (2 * (q - p));
}

bool nearest_zero_in_row(const int32_t *away, int64_t w, int32_t *room, float *square)
{
    int32_t *column = room, *from = room + w; /* column[k] is the nearest from from[k] on, to from[k + 1] */
    int64_t k = -1;
    for (int64_t q = 0; q < w; q++) {
        if (away[q] == NONE)
            continue;
        while (k >= 0 && square_to(away, from[k], column[k]) > square_to(away, from[k], q))
            k--;
        int64_t begin = k < 0 ? 0 : first_nearer(away, column[k], q);
        if (begin >= w)
            continue;
        k++;
        column[k] = (int32_t)q;
        from[k] = (int32_t)begin;
    }
    if (k < 0)
        return false;
    for (int64_t x = w - 1; x >= 0; x--) {
        square[x] = (float)square_to(away, x, column[k]);
        k -= x == from[k];
    }
    return true;
}
