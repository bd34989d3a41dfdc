/* Fills polygons with the pixels that PIL's ImageDraw.polygon(fill=...) fills (Pillow 13). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "io/imgproc/imgproc.h"

/* The line from (x0, y0) to its other end; slope: change of x a row. */
typedef struct edge {
    int x0, y0, x_low, x_high, y_low, y_high;
    float slope;
} edge;

typedef struct filler {
    image *m;
    uint8_t value;
    edge *edges; /* those that are not level first, n of them */
    int n;
    float *crossings; /* of one row: up to two an edge */
    int y_low, y_high;
} filler;

static edge edge_between(const int *a, const int *b)
{
    edge e = {.x0 = a[0], .y0 = a[1]};
    e.x_low = a[0] < b[0] ? a[0] : b[0];
    e.x_high = a[0] < b[0] ? b[0] : a[0];
    e.y_low = a[1] < b[1] ? a[1] : b[1];
    e.y_high = a[1] < b[1] ? b[1] : a[1];
    if (a[1] != b[1])
        e.slope = (float)(b[0] - a[0]) / (float)(b[1] - a[1]);
    return e;
}

static float x_at(const edge *e, int y)
{
    return (float)(y - e->y0) * e->slope + (float)e->x0;
}

static bool reaches(const edge *e, int y)
{
    return y >= e->y_low && y <= e->y_high;
}

/* Halves are rounded away from 0 at a span's beginning, and towards 0 at its end. */
static double first_pixel(double x)
{
    return x >= 0.0 ? floor(x + 0.5) : -floor(-x + 0.5);
}

static double last_pixel(double x)
{
    return x >= 0.0 ? ceil(x - 0.5) : -ceil(-x - 0.5);
}

static void fill_span(const filler *f, double from, double to, int y)
{
    const image *m = f->m;
    if (y < 0 || y >= m->h || to < 0.0 || from >= (double)m->w)
        return;
    int64_t a = from < 0.0 ? 0 : (int64_t)from, b = to >= (double)m->w ? m->w - 1 : (int64_t)to;
    if (a <= b)
        memset(image_u8(m, y, a), f->value, (size_t)(b - a + 1));
}

/* Where two edges meet in a corner and both lead away from it to one side, by more than a pixel a row, the span of the
 * corner's row is stretched to meet the next row's. `i` is the edge whose crossing *x has just been computed. */
static void stretch_corner(const filler *f, int i, int y, float *x)
{
    const edge *e = &f->edges[i];
    int next = y == e->y_high ? y - 1 : y + 1;
    float mine = x_at(e, next);
    for (int k = 0; k < i; k++) {
        const edge *other = &f->edges[k];
        if ((y != other->y_low && y != other->y_high) || other->slope == 0.0F || !reaches(other, next) ||
            roundf(*x) != roundf(x_at(other, y)))
            continue;
        float its = x_at(other, next);
        if (*x > mine + 1.0F && *x > its + 1.0F)
            *x = roundf(fmaxf(mine, its)) + 1.0F;
        else if (*x < mine - 1.0F && *x < its - 1.0F)
            *x = roundf(fminf(mine, its)) - 1.0F;
        return;
    }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void fill_row(const filler *f, int y)
{
    int n = 0;
    for (int i = 0; i < f->n; i++) {
        const edge *e = &f->edges[i];
        if (!reaches(e, y))
            continue;
        f->crossings[n++] = x_at(e, y);
        if (y == e->y_high && y < f->y_high) { /* the edge ends here and another begins: an even number of crossings */
            f->crossings[n] = f->crossings[n - 1];
            n++;
        } else if ((y == e->y_low || y == e->y_high) && e->slope != 0.0F) {
            stretch_corner(f, i, y, &f->crossings[n - 1]);
        }
    }
    qsort(f->crossings, (size_t)n, sizeof *f->crossings, by_value);
    for (int i = 1; i < n; i += 2)
        fill_span(f, first_pixel((double)f->crossings[i - 1]), last_pixel((double)f->crossings[i]), y);
}

/* Appends the edges of the closed polygon. A level edge that goes on from a level edge in the same direction lengthens
 * it. Returns how many there are. */
static int make_edges(const int *xy, int n, edge *edges)
{
    int made = 0;
    for (int i = 0; i + 1 < n; i++) {
        const int *a = xy + 2 * i, *b = a + 2, *before = a - 2;
        if (i > 0 && a[1] == b[1] && before[1] == a[1]) {
            if (b[0] > a[0] && a[0] > before[0]) {
                edges[made - 1].x_high = b[0];
                continue;
            }
            if (b[0] < a[0] && a[0] < before[0]) {
                edges[made - 1].x_low = b[0];
                continue;
            }
        }
        edges[made++] = edge_between(a, b);
    }
    const int *last = xy + 2 * (n - 1);
    if (last[0] != xy[0] || last[1] != xy[1])
        edges[made++] = edge_between(last, xy);
    return made;
}

/* Fills the level edges, which have no crossings, and keeps the others. */
static void fill_level_edges(filler *f, int made)
{
    f->y_low = (int)f->m->h - 1;
    f->y_high = 0;
    for (int i = 0; i < made; i++) {
        const edge e = f->edges[i];
        f->y_low = e.y_low < f->y_low ? e.y_low : f->y_low;
        f->y_high = e.y_high > f->y_high ? e.y_high : f->y_high;
        if (e.y_low == e.y_high)
            fill_span(f, e.x_low, e.x_high, e.y_low);
        else
            f->edges[f->n++] = e;
    }
    f->y_low = f->y_low < 0 ? 0 : f->y_low;
    f->y_high = f->y_high > (int)f->m->h ? (int)f->m->h : f->y_high;
}

cseg_status imgproc_fill_polygon(image *m, const int *xy, int n, uint8_t value, cseg_error *err)
{
    if (n < 1)
        return CSEG_OK;
    filler f = {.m = m, .value = value};
    f.edges = mem_alloc_raw((size_t)n * sizeof *f.edges);
    f.crossings = mem_alloc_raw(2 * (size_t)n * sizeof *f.crossings);
    cseg_status status = f.edges && f.crossings ? CSEG_OK : fail_memory(err);
    if (status == CSEG_OK) {
        fill_level_edges(&f, make_edges(xy, n, f.edges));
        for (int y = f.y_low; y <= f.y_high; y++)
            fill_row(&f, y);
    }
    mem_free(f.edges);
    mem_free(f.crossings);
    return status;
}
