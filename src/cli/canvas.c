#include "cli/canvas.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/font.h"

static const colour INK = {40, 40, 40}, GRID = {225, 225, 225};
static const colour SERIES[] = {{31, 119, 180}, {214, 90, 20},  {44, 140, 60},
                                {180, 40, 60},  {120, 90, 170}, {90, 90, 90}};

static void blend(image *m, int x, int y, colour c, double cover)
{
    if (x < 0 || y < 0 || x >= m->w || y >= m->h || cover <= 0.0)
        return;
    uint8_t *p = image_u8(m, y, x);
    const uint8_t v[3] = {c.r, c.g, c.b};
    for (int k = 0; k < 3; k++)
        p[k] = (uint8_t)(p[k] + (v[k] - p[k]) * (cover < 1.0 ? cover : 1.0) + 0.5);
}

void canvas_rect(image *m, int x, int y, int w, int h, colour c)
{
    for (int i = y; i < y + h; i++)
        for (int k = x; k < x + w; k++)
            blend(m, k, i, c, 1.0);
}

void canvas_fill(image *m, colour c)
{
    canvas_rect(m, 0, 0, (int)m->w, (int)m->h, c);
}

void canvas_line(image *m, double x0, double y0, double x1, double y1, double thickness, colour c)
{
    double dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy, reach = thickness / 2.0 + 1.0;
    for (int y = (int)floor(fmin(y0, y1) - reach); y <= (int)ceil(fmax(y0, y1) + reach); y++)
        for (int x = (int)floor(fmin(x0, x1) - reach); x <= (int)ceil(fmax(x0, x1) + reach); x++) {
            double t = length2 > 0.0 ? ((x - x0) * dx + (y - y0) * dy) / length2 : 0.0;
            t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
            blend(m, x, y, c, thickness / 2.0 + 0.5 - hypot(x - x0 - t * dx, y - y0 - t * dy));
        }
}

int canvas_text_width(const char *text, int scale)
{
    return (int)strlen(text) * (FONT_W + 1) * scale;
}

void canvas_text(image *m, int x, int y, int scale, const char *text, colour c)
{
    for (; *text; text++, x += (FONT_W + 1) * scale) {
        const uint8_t *glyph = font_glyph(*text);
        for (int k = 0; k < FONT_W; k++)
            for (int i = 0; i <= FONT_H; i++)
                if (glyph[k] >> i & 1)
                    canvas_rect(m, x + k * scale, y + i * scale, scale, scale, c);
    }
}

double canvas_step(double span, int wanted)
{
    double raw = span / wanted, power = pow(10.0, floor(log10(raw))), part = raw / power;
    return power * (part <= 1.0 ? 1.0 : part <= 2.0 ? 2.0 : part <= 5.0 ? 5.0 : 10.0);
}

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

static void draw_x_ticks(image *m, const axes *a, const char *name)
{
    double step = canvas_step(a->x1 - a->x0, 6);
    char text[32];
    for (double v = ceil(a->x0 / step) * step; v <= a->x1 + 1e-9 * step; v += step) {
        int x = (int)lround(place_x(a, v));
        snprintf(text, sizeof text, "%g", fabs(v) < 1e-9 * step ? 0.0 : v);
        canvas_rect(m, x, a->top, 1, a->h, GRID);
        canvas_text(m, x - canvas_text_width(text, 2) / 2, a->top + a->h + 14, 2, text, INK);
    }
    canvas_text(m, a->left + (a->w - canvas_text_width(name, 2)) / 2, a->top + a->h + 36, 2, name, INK);
}

static void draw_y_ticks(image *m, const axes *a)
{
    double step = canvas_step(a->y1 - a->y0, 5);
    char text[32];
    for (double v = ceil(a->y0 / step) * step; v <= a->y1 + 1e-9 * step; v += step) {
        int y = (int)lround(place_y(a, v));
        snprintf(text, sizeof text, "%g", fabs(v) < 1e-9 * step ? 0.0 : v);
        canvas_rect(m, a->left, y, a->w, 1, GRID);
        canvas_text(m, a->left - canvas_text_width(text, 2) - 6, y - 7, 2, text, INK);
    }
}

static void draw_series(image *m, const axes *a, const series *s, colour c)
{
    bool has = false;
    double px = 0.0, py = 0.0;
    for (size_t k = 0; k < s->n; k++) {
        if (!is_drawable(s->x[k]) || !is_drawable(s->y[k]))
            continue;
        double x = place_x(a, s->x[k]), y = place_y(a, s->y[k]);
        if (has)
            canvas_line(m, px, py, x, y, 2.0, c);
        if (s->n <= 40)
            canvas_line(m, x, y, x, y, 6.0, c);
        px = x;
        py = y;
        has = true;
    }
}

static void draw_legend(image *m, const axes *a, const series *all, size_t n)
{
    int widest = 0;
    for (size_t i = 0; i < n; i++) {
        int w = canvas_text_width(all[i].name, 2);
        widest = w > widest ? w : widest;
    }
    for (size_t i = 0; i < n; i++) {
        int x = a->left + a->w - widest - 10, y = a->top + 8 + (int)i * 20;
        canvas_rect(m, x - 30, y + 5, 22, 4, SERIES[i % (sizeof SERIES / sizeof *SERIES)]);
        canvas_text(m, x, y, 2, all[i].name, INK);
    }
}

void canvas_chart(image *m, int x, int y, int w, int h, const char *title, const char *x_name, const series *all,
                  size_t n)
{
    axes a = {.left = x + 100, .top = y + 40, .w = w - 130, .h = h - 100};
    canvas_text(m, a.left, y + 12, 2, title, INK);
    if (find_ranges(&a, all, n)) {
        draw_x_ticks(m, &a, x_name);
        draw_y_ticks(m, &a);
        for (size_t i = 0; i < n; i++)
            draw_series(m, &a, &all[i], SERIES[i % (sizeof SERIES / sizeof *SERIES)]);
        if (n > 1)
            draw_legend(m, &a, all, n);
    }
    canvas_rect(m, a.left, a.top, 1, a.h, INK);
    canvas_rect(m, a.left, a.top + a.h, a.w + 1, 1, INK);
}
