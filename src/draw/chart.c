#include "draw/chart.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "draw/canvas.h"

static const colour INK = {40, 40, 40}, GRID = {225, 225, 225}, PAPER = {255, 255, 255};
static const colour SERIES[] = {{31, 119, 180}, {214, 90, 20},  {44, 140, 60},
                                {180, 40, 60},  {120, 90, 170}, {90, 90, 90}};
static const double LETTERS = 13;

typedef struct axes {
    double x0, x1, y0, y1; /* values at the borders */
    int left, top, w, h;   /* pixels */
} axes;

static double place_x(const axes *a, double v)
{
    return a->left + (v - a->x0) / (a->x1 - a->x0) * a->w;
}

static double place_y(const axes *a, double v)
{
    return a->top + a->h - (v - a->y0) / (a->y1 - a->y0) * a->h;
}

/* False for NaN, infinity, and values so far away that differences are infinite. */
static bool is_drawable(double v)
{
    return fabs(v) <= 1e300;
}

/* Widens a range that is too narrow for its numbers: no ticks fit between neighbouring doubles. */
static void widen(double low, double *high)
{
    double least = fmax(1e-9 * fmax(fabs(low), fabs(*high)), 1e-300);
    if (*high - low < least)
        *high = low + least;
}

static bool find_ranges(axes *a, const series *all, size_t n)
{
    a->x0 = a->y0 = INFINITY;
    a->x1 = a->y1 = -INFINITY;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < all[i].n; k++) {
            double x = all[i].x[k], y = all[i].y[k];
            if (!is_drawable(x) || !is_drawable(y))
                continue;
            a->x0 = fmin(a->x0, x);
            a->x1 = fmax(a->x1, x);
            a->y0 = fmin(a->y0, y);
            a->y1 = fmax(a->y1, y);
        }
    if (!(a->x0 <= a->x1))
        return false;
    if (a->y0 > 0.0 && a->y0 < 0.7 * a->y1)
        a->y0 = 0.0;
    if (a->x1 == a->x0)
        a->x1 = a->x0 + 1.0;
    if (a->y1 == a->y0)
        a->y1 = a->y0 + (a->y0 != 0.0 ? fabs(a->y0) * 0.1 : 1.0);
    widen(a->x0, &a->x1);
    widen(a->y0, &a->y1);
    a->y1 += 0.04 * (a->y1 - a->y0);
    return true;
}

static void draw_x_ticks(canvas *c, const axes *a, const char *name)
{
    double step = canvas_step(a->x1 - a->x0, 6), below = a->top + a->h;
    char text[32];
    for (double v = ceil(a->x0 / step) * step; v <= a->x1 + 1e-9 * step; v += step) {
        double x = round(place_x(a, v));
        snprintf(text, sizeof text, "%g", fabs(v) < 1e-9 * step ? 0.0 : v);
        canvas_colour(c, GRID, 1);
        canvas_rect(c, x, a->top, 1, a->h);
        canvas_colour(c, INK, 1);
        canvas_text(c, x, below + 20, LETTERS, 0.5, text);
    }
    canvas_text(c, a->left + a->w / 2.0, below + 42, LETTERS, 0.5, name);
}

static void draw_y_ticks(canvas *c, const axes *a)
{
    double step = canvas_step(a->y1 - a->y0, 5);
    char text[32];
    for (double v = ceil(a->y0 / step) * step; v <= a->y1 + 1e-9 * step; v += step) {
        double y = round(place_y(a, v));
        snprintf(text, sizeof text, "%g", fabs(v) < 1e-9 * step ? 0.0 : v);
        canvas_colour(c, GRID, 1);
        canvas_rect(c, a->left, y, a->w, 1);
        canvas_colour(c, INK, 1);
        canvas_text(c, a->left - 8, y + 5, LETTERS, 1, text);
    }
}

static void draw_series(canvas *c, const axes *a, const series *s, colour with)
{
    bool has = false;
    canvas_colour(c, with, 1);
    cairo_set_line_width(c->cr, 2);
    cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
    for (size_t k = 0; k < s->n; k++) {
        if (!is_drawable(s->x[k]) || !is_drawable(s->y[k]))
            continue;
        double x = place_x(a, s->x[k]), y = place_y(a, s->y[k]);
        if (has)
            cairo_line_to(c->cr, x, y);
        else
            cairo_move_to(c->cr, x, y);
        has = true;
    }
    cairo_stroke(c->cr);
    for (size_t k = 0; s->n <= 40 && k < s->n; k++)
        if (is_drawable(s->x[k]) && is_drawable(s->y[k]))
            canvas_disc(c, place_x(a, s->x[k]), place_y(a, s->y[k]), 3);
}

static void draw_legend(canvas *c, const axes *a, const series *all, size_t n)
{
    double widest = 0;
    for (size_t i = 0; i < n; i++)
        widest = fmax(widest, canvas_text_width(c, LETTERS, all[i].name));
    for (size_t i = 0; i < n; i++) {
        double x = a->left + a->w - widest - 10, y = a->top + 18 + (double)i * 20;
        canvas_colour(c, SERIES[i % (sizeof SERIES / sizeof *SERIES)], 1);
        canvas_rect(c, x - 30, y - 7, 22, 4);
        canvas_colour(c, INK, 1);
        canvas_text(c, x, y, LETTERS, 0, all[i].name);
    }
}

static void draw_chart(canvas *c, int y, int h, const chart *what)
{
    axes a = {.left = 100, .top = y + 40, .w = c->w - 130, .h = h - 100};
    canvas_colour(c, INK, 1);
    canvas_bold(c, true);
    canvas_text(c, a.left, y + 26, LETTERS + 1, 0, what->title);
    canvas_bold(c, false);
    if (find_ranges(&a, what->all, what->n)) {
        draw_x_ticks(c, &a, what->x_name);
        draw_y_ticks(c, &a);
        for (size_t i = 0; i < what->n; i++)
            draw_series(c, &a, &what->all[i], SERIES[i % (sizeof SERIES / sizeof *SERIES)]);
        if (what->n > 1)
            draw_legend(c, &a, what->all, what->n);
    }
    canvas_colour(c, INK, 1);
    canvas_rect(c, a.left, a.top, 1, a.h);
    canvas_rect(c, a.left, a.top + a.h, a.w + 1, 1);
}

cseg_status chart_draw(const chart *charts, size_t n, int64_t w, int64_t panel_h, image *out, cseg_error *err)
{
    arena *mem = arena_new();
    canvas c = {0};
    cseg_status status = CSEG_OK;
    if (!mem)
        return fail_memory(err);
    TRY_DONE(canvas_new(w, (int64_t)n * panel_h + 10, mem, &c, err));
    canvas_colour(&c, PAPER, 1);
    cairo_paint(c.cr);
    for (size_t i = 0; i < n; i++)
        draw_chart(&c, (int)((int64_t)i * panel_h), (int)panel_h, &charts[i]);
    TRY_DONE(canvas_image(&c, false, out, err));
done:
    canvas_close(&c);
    arena_free(mem);
    return status;
}
