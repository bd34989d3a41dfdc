#include <limits.h>

#include "geo/outline/simplify.h"

void map_set(point_map *m, outline_point at)
{
    m->bits[(size_t)(at.y - m->top) * m->words + (size_t)at.x / 64] |= UINT64_C(1) << at.x % 64;
}

/* Bits from ... to, both included. */
static int64_t count_row(const point_map *m, int32_t y, int64_t from, int64_t to)
{
    if (from > to)
        return 0;
    const uint64_t *row = m->bits + (size_t)(y - m->top) * m->words;
    size_t a = (size_t)from / 64, b = (size_t)to / 64;
    uint64_t first = UINT64_MAX << from % 64, last = UINT64_MAX >> (63 - to % 64);
    if (a == b)
        return __builtin_popcountll(row[a] & first & last);
    int64_t n = __builtin_popcountll(row[a] & first) + __builtin_popcountll(row[b] & last);
    for (size_t i = a + 1; i < b; i++)
        n += __builtin_popcountll(row[i]);
    return n;
}

int64_t map_count_box(const point_map *m, const outline_point *p, size_t n)
{
    int32_t left = INT_MAX, right = INT_MIN, top = INT_MAX, bottom = INT_MIN;
    for (size_t i = 0; i < n; i++) {
        left = p[i].x < left ? p[i].x : left;
        right = p[i].x > right ? p[i].x : right;
        top = p[i].y < top ? p[i].y : top;
        bottom = p[i].y > bottom ? p[i].y : bottom;
    }
    int64_t count = 0;
    for (int32_t y = top; y <= bottom; y++)
        count += count_row(m, y, left, right);
    return count;
}

/* One side of a hull: x as a function of the row, of straight pieces between some of the rows. */
typedef struct side {
    int32_t x[BAND + 1], y[BAND + 1];
    int n;
} side;

/* sign 1: the left side, which bends to the left; -1: the right one, mirrored. */
static void side_add(side *s, int32_t x, int32_t y)
{
    while (s->n >= 2) {
        int64_t dx = s->x[s->n - 1] - s->x[s->n - 2], dy = s->y[s->n - 1] - s->y[s->n - 2];
        if (dx * (y - s->y[s->n - 2]) < (int64_t)(x - s->x[s->n - 2]) * dy)
            break;
        s->n--;
    }
    s->x[s->n] = x;
    s->y[s->n++] = y;
}

static int64_t divide_up(int64_t a, int64_t b) /* b > 0 */
{
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

/* The first whole x at or to the right of the side, in row y; *k: the piece, counting on. */
static int64_t side_at(const side *s, int32_t y, int *k)
{
    while (*k + 1 < s->n && s->y[*k + 1] <= y)
        ++*k;
    if (s->y[*k] == y)
        return s->x[*k];
    int64_t dx = s->x[*k + 1] - s->x[*k], dy = s->y[*k + 1] - s->y[*k];
    return s->x[*k] + divide_up(dx * (y - s->y[*k]), dy);
}

int64_t map_count_hull(const point_map *m, const outline_point *p, size_t n)
{
    static const int32_t no = INT_MAX;
    int32_t low[BAND + 1], high[BAND + 1], top = INT_MAX, bottom = INT_MIN;
    side left = {.n = 0}, right = {.n = 0}; /* x of the right one is negative */
    for (size_t i = 0; i < n; i++) {
        top = p[i].y < top ? p[i].y : top;
        bottom = p[i].y > bottom ? p[i].y : bottom;
    }
    for (int32_t y = top; y <= bottom; y++)
        low[y - top] = high[y - top] = no;
    for (size_t i = 0; i < n; i++) {
        int32_t *l = &low[p[i].y - top], *r = &high[p[i].y - top];
        *l = p[i].x < *l ? p[i].x : *l;
        *r = -p[i].x < *r ? -p[i].x : *r;
    }
    for (int32_t y = top; y <= bottom; y++)
        if (low[y - top] != no) {
            side_add(&left, low[y - top], y);
            side_add(&right, high[y - top], y);
        }
    int64_t count = 0;
    int a = 0, b = 0;
    for (int32_t y = top; y <= bottom; y++)
        count += count_row(m, y, side_at(&left, y, &a), -side_at(&right, y, &b));
    return count;
}
