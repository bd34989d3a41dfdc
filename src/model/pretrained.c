#include "model/pretrained.h"

#include <math.h>
#include <string.h>

#include "base/cubic_spline.h"
#include "base/str.h"

enum { LARGEST_SIDE = 1024 };

const char *fit_name(const fitting *f)
{
    size_t n = strlen(f->m->name);
    return n && str_starts(f->p->name, f->m->name) && f->p->name[n] == '.' ? f->p->name + n + 1 : f->p->name;
}

/* The largest s with s * s <= n. */
static int64_t side_of(int64_t n)
{
    int64_t s = n > 0 ? (int64_t)sqrt((double)n) : 0;
    while (s > 0 && s * s > n)
        s--;
    while ((s + 1) * (s + 1) <= n)
        s++;
    return s;
}

/* The sides of both tables; false: they are none, or for another number of heads. */
static bool table_sides(const fitting *f, int64_t extra, int64_t *from, int64_t *to)
{
    if (f->rank != 2 || f->p->rank != 2 || f->dim[1] != f->p->dim[1])
        return false;
    *from = side_of(f->dim[0] - extra);
    *to = side_of(f->p->dim[0] - extra);
    return *from > 0 && *to > 0 && *from <= LARGEST_SIDE && *to <= LARGEST_SIDE && *from * *from == f->dim[0] - extra &&
           *to * *to == f->p->dim[0] - extra;
}

cseg_status fit_table(const fitting *f, bool *fits, cseg_error *err)
{
    int64_t from, to;
    *fits = table_sides(f, 0, &from, &to);
    return *fits ? f->resize(f->v, from, from, f->dim[1], &(resize_attr){.h = to, .w = to, .cubic = true}, f->to, err)
                 : CSEG_OK;
}

/* Where the rows of a table of `from` lie on the grid of one of `to`: outwards in steps that grow by a factor, so that
 * the outermost ones meet. */
static void geometric_places(int64_t from, int64_t to, double *x)
{
    double left = 1.01, right = 1.5, q = 0, at = 0;
    int64_t half = from / 2;
    while (right - left > 1e-6) {
        q = (left + right) / 2;
        if ((1 - pow(q, (double)half)) / (1 - q) > (double)(to / 2))
            right = q;
        else
            left = q;
    }
    x[half] = 0;
    for (int64_t i = 1; i <= half; i++) {
        at += i == 1 ? 1 : pow(q, (double)(i - 1));
        x[half + i] = at;
        x[half - i] = -at;
    }
}

/* Applies weights [to][from] along both axes of a table's column `head`. */
static void resample(const fitting *f, int64_t head, int64_t from, int64_t to, const double *weights, double *rows)
{
    int64_t heads = f->dim[1];
    for (int64_t y = 0; y < from; y++)
        for (int64_t x = 0; x < to; x++) {
            double sum = 0;
            for (int64_t i = 0; i < from; i++)
                sum += weights[x * from + i] * (double)f->v[(y * from + i) * heads + head];
            rows[y * to + x] = sum;
        }
    for (int64_t y = 0; y < to; y++)
        for (int64_t x = 0; x < to; x++) {
            double sum = 0;
            for (int64_t i = 0; i < from; i++)
                sum += weights[y * from + i] * rows[i * to + x];
            f->to[(y * to + x) * heads + head] = (float)sum;
        }
}

cseg_status fit_table_geometric(const fitting *f, int64_t extra, bool *fits, cseg_error *err)
{
    int64_t from, to;
    /* A spline needs four points; both sides are odd, as those of all windows. */
    *fits = table_sides(f, extra, &from, &to) && from >= 5 && from % 2 && to % 2;
    if (!*fits)
        return CSEG_OK;
    double *x = ARENA_ARRAY(f->mem, (size_t)from, double), *at = ARENA_ARRAY(f->mem, (size_t)to, double),
           *weights = ARENA_ARRAY(f->mem, (size_t)(from * to), double),
           *rows = ARENA_ARRAY(f->mem, (size_t)(from * to), double);
    if (!x || !at || !weights || !rows)
        return fail_memory(err);
    geometric_places(from, to, x);
    for (int64_t i = 0; i < to; i++)
        at[i] = (double)(i - to / 2);
    if (!cubic_spline_weights(x, (size_t)from, at, (size_t)to, weights))
        return fail_memory(err);
    for (int64_t head = 0; head < f->dim[1]; head++)
        resample(f, head, from, to, weights, rows);
    memcpy(f->to + to * to * f->dim[1], f->v + from * from * f->dim[1], (size_t)(extra * f->dim[1]) * sizeof *f->to);
    return CSEG_OK;
}

cseg_status fit_codes(const fitting *f, int64_t h, int64_t w, resize_attr how, bool *fits, cseg_error *err)
{
    int64_t side = f->rank == 3 ? side_of(f->dim[1] - 1) : 0, c = f->dim[2];
    *fits = side > 0 && f->p->rank == 3 && f->dim[0] == 1 && f->p->dim[0] == 1 && c == f->p->dim[2] &&
            f->p->dim[1] == 1 + h * w;
    if (!*fits)
        return CSEG_OK;
    how.h = h;
    how.w = w;
    memcpy(f->to, f->v, (size_t)c * sizeof *f->to);
    return f->resize(f->v + (f->dim[1] - side * side) * c, side, side, c, &how, f->to + c, err);
}
