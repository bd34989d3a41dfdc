#include "draw/quicklook.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "draw/canvas.h"
#include "io/raster/raster_ground.h"

static const colour INK = {30, 34, 40}, FAINT = {105, 112, 122}, PAPER = {255, 255, 255}, DARK_CHECK = {225, 228, 232};

/* Sizes that follow the picture's: letters of a poster are larger than those of a thumbnail. */
typedef struct sizes {
    double text, pad, title, legend; /* letters, distances, height of the title, width of the legend */
} sizes;

static sizes sizes_of(const quicklook_options *how)
{
    double text = fmin(fmax(12, (double)how->width / 80), 96);
    sizes s = {.text = text, .pad = round(text * 0.8)};
    s.title = how->title ? round(text * 2.6) : 0;
    s.legend = how->legend ? round(text * 17) : 0;
    return s;
}

cseg_status quicklook_room(const quicklook_options *how, int64_t *w, int64_t *h, cseg_error *err)
{
    sizes s = sizes_of(how);
    *w = how->width - (int64_t)s.legend;
    if (how->two_dates)
        *w = (*w - (int64_t)s.pad) / 2;
    *h = (how->height ? how->height : CANVAS_MOST) - (int64_t)s.title;
    if (*w < 32 || *h < 32)
        return fail(err, CSEG_USAGE, "in %lld x %lld pixels there is no room for the picture%s%s: give a larger --size",
                    (long long)how->width, (long long)how->height, how->legend ? ", its legend" : "",
                    how->title ? ", its title" : "");
    return CSEG_OK;
}

void quicklook_area(double a, char to[static 32])
{
    if (isnan(a))
        to[0] = 0;
    else if (a >= 1e7)
        snprintf(to, 32, a >= 1e9 ? "%.0f km²" : "%.1f km²", a / 1e6);
    else if (a >= 1e4)
        snprintf(to, 32, a >= 1e6 ? "%.0f ha" : "%.1f ha", a / 1e4);
    else
        snprintf(to, 32, "%.0f m²", a);
}

/* ---- layers ---------------------------------------------------------------------------------------------------- */

typedef struct frame {
    double x, y, w, h; /* of a map in the picture */
} frame;

static void draw_checks(canvas *c, const frame *f, double size)
{
    canvas_colour(c, PAPER, 1);
    canvas_rect(c, f->x, f->y, f->w, f->h);
    canvas_colour(c, DARK_CHECK, 1);
    for (int64_t row = 0; (double)row * size < f->h; row++)
        for (int64_t col = row & 1; (double)col * size < f->w; col += 2) {
            double x = (double)col * size, y = (double)row * size;
            cairo_rectangle(c->cr, f->x + x, f->y + y, fmin(size, f->w - x), fmin(size, f->h - y));
        }
    cairo_fill(c->cr);
}

static cseg_status draw_image(canvas *c, const image *m, const frame *f, double opacity, cseg_error *err)
{
    cairo_surface_t *s;
    TRY(canvas_surface(m, &s, err));
    cairo_set_source_surface(c->cr, s, f->x, f->y);
    cairo_paint_with_alpha(c->cr, opacity);
    cairo_surface_destroy(s);
    return CSEG_OK;
}

static cseg_status draw_map(canvas *c, const map_layers *l, const frame *f, double opacity, cseg_error *err)
{
    image m = {0};
    TRY(image_new(l->h, l->w, 4, IMAGE_U8, &m, err));
    const int32_t *row = l->map.data;
    for (int64_t i = 0; i < l->h * l->w; i++)
        if (row[i] >= 0) {
            uint8_t *to = (uint8_t *)m.data + 4 * i;
            memcpy(to, l->classes[row[i]].colour, 3);
            to[3] = 255;
        }
    cseg_status status = draw_image(c, &m, f, opacity, err);
    image_release(&m);
    return status;
}

typedef struct pen {
    canvas *c;
    const frame *f;
    double sx, sy; /* picture pixels a scene pixel */
} pen;

/* Points that lie nearer than a third of a pixel to the one before change nothing that can be seen. */
static void draw_outline(void *arg, const double *xy, size_t n)
{
    const pen *p = arg;
    double last[2] = {0, 0};
    for (size_t i = 0; i < n; i++) {
        double x = p->f->x + xy[2 * i] * p->sx, y = p->f->y + xy[2 * i + 1] * p->sy;
        if (!isfinite(x) || !isfinite(y))
            continue;
        /* Cairo's coordinates have 24 bits before the point. */
        x = fmin(fmax(x, -1e6), 1e6);
        y = fmin(fmax(y, -1e6), 1e6);
        if (i > 0 && i + 1 < n && fabs(x - last[0]) + fabs(y - last[1]) < 0.33)
            continue;
        if (i == 0)
            cairo_move_to(p->c->cr, x, y);
        else
            cairo_line_to(p->c->cr, x, y);
        last[0] = x;
        last[1] = y;
    }
    /* Stroked one by one: a path of all would have no bound. A light edge makes lines visible on dark ground. */
    canvas_colour(p->c, PAPER, 0.85);
    cairo_set_line_width(p->c->cr, 3.2);
    cairo_stroke_preserve(p->c->cr);
    canvas_colour(p->c, (colour){214, 32, 62}, 1);
    cairo_set_line_width(p->c->cr, 1.6);
    cairo_stroke(p->c->cr);
}

static cseg_status draw_frame(canvas *c, const quicklook_options *how, const map_layers *l, const image *scene,
                              bool map, const frame *f, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    pen p = {c, f, (double)l->w / (double)l->info->w, (double)l->h / (double)l->info->h};
    if (how->background == BACKGROUND_CHECKERED)
        draw_checks(c, f, fmax(8, round(f->w / 60)));
    TRY(draw_image(c, scene, f, 1, err));
    if (map)
        TRY(draw_map(c, l, f, how->opacity, err));
    cairo_save(c->cr);
    cairo_rectangle(c->cr, f->x, f->y, f->w, f->h);
    cairo_clip(c->cr);
    cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
    for (size_t i = 0; status == CSEG_OK && i < how->n_vectors; i++)
        status = raster_outlines(how->vectors[i], how->scene, l->info, draw_outline, &p, err);
    cairo_restore(c->cr);
    return status;
}

/* ---- what stands around ---------------------------------------------------------------------------------------- */

/* "40 %" at the right end of the row, the area before it. */
static void legend_row(canvas *c, const sizes *s, double x, double y, const map_class *m, double share)
{
    char part[32], area[32];
    double t = s->text, right = x + s->legend - 2 * s->pad;
    canvas_colour(c, (colour){m->colour[0], m->colour[1], m->colour[2]}, 1);
    canvas_rect(c, x, y - t * 0.85, t * 1.1, t * 1.1);
    canvas_colour(c, FAINT, 1);
    cairo_set_line_width(c->cr, 1);
    cairo_rectangle(c->cr, x + 0.5, round(y - t * 0.85) + 0.5, round(t * 1.1), round(t * 1.1));
    cairo_stroke(c->cr);
    snprintf(part, sizeof part, "%.1f %%", 100 * share);
    quicklook_area(m->area, area);
    canvas_colour(c, INK, 1);
    canvas_text_within(c, x + t * 1.7, y, t, right - x - 5.9 * t, m->name);
    canvas_text(c, right, y, t, 1, part);
    canvas_colour(c, FAINT, 1);
    canvas_text(c, right, y + t * 1.15, t * 0.85, 1, area);
}

static double legend_step(const sizes *s, const map_layers *l)
{
    return s->text * (l->n_classes && isnan(l->classes[0].area) ? 1.7 : 2.7);
}

static void draw_legend(canvas *c, const sizes *s, const map_layers *l, double x, double y)
{
    double all = 0, step = legend_step(s, l), line = y + s->text * 1.6;
    for (size_t i = 0; i < l->n_classes; i++)
        all += (double)l->classes[i].pixels;
    for (size_t i = 0; i < l->n_classes; i++, line += step) {
        size_t left = l->n_classes - i;
        if (left > 1 && line + step > c->h - s->pad) {
            char text[64];
            snprintf(text, sizeof text, "and %zu more", left);
            canvas_colour(c, FAINT, 1);
            canvas_text(c, x, line, s->text, 0, text);
            return;
        }
        legend_row(c, s, x, line, &l->classes[i], (double)l->classes[i].pixels / all);
    }
}

static void metres_text(double m, char to[static 32])
{
    if (m >= 1000)
        snprintf(to, 32, "%g km", m / 1000);
    else
        snprintf(to, 32, "%g m", m);
}

static double nice_below(double v)
{
    double power = pow(10, floor(log10(v))), part = v / power;
    return power * (part >= 5 ? 5 : part >= 2 ? 2 : 1);
}

static void draw_scale_bar(canvas *c, const sizes *s, const map_layers *l, const frame *f)
{
    char text[32];
    double metres = l->metres[0] * (double)l->info->w / (double)l->w; /* of a picture pixel */
    if (!(metres > 0) || !isfinite(metres) || f->w < 12 * s->text)
        return;
    double length = nice_below(metres * f->w / 4), w = length / metres, t = s->text * 0.95;
    metres_text(length, text);
    double box_w = fmax(w, canvas_text_width(c, t, text)) + 2 * s->pad, box_h = t * 2 + s->pad;
    double x = f->x + s->pad, y = f->y + f->h - s->pad - box_h;
    canvas_colour(c, PAPER, 0.82);
    canvas_rect(c, x, y, box_w, box_h);
    canvas_colour(c, INK, 1);
    canvas_text(c, x + box_w / 2, y + t * 1.25, t, 0.5, text);
    canvas_rect(c, x + (box_w - w) / 2, y + box_h - s->pad * 0.75 - t * 0.2, w, fmax(2, t * 0.2));
}

static void draw_north(canvas *c, const sizes *s, const map_layers *l, const frame *f)
{
    double north = raster_north(l->info), t = s->text;
    if (isnan(north) || f->w < 12 * s->text || f->h < 8 * s->text)
        return;
    double r = t * 1.9;
    cairo_save(c->cr);
    cairo_translate(c->cr, f->x + f->w - s->pad - r, f->y + s->pad + r);
    canvas_colour(c, PAPER, 0.82);
    canvas_disc(c, 0, 0, r);
    cairo_rotate(c->cr, north);
    canvas_colour(c, INK, 1);
    cairo_move_to(c->cr, 0, -r * 0.42);
    cairo_line_to(c->cr, r * 0.34, r * 0.6);
    cairo_line_to(c->cr, 0, r * 0.36);
    cairo_line_to(c->cr, -r * 0.34, r * 0.6);
    cairo_close_path(c->cr);
    cairo_fill(c->cr);
    canvas_text(c, 0, -r * 0.46, t * 0.8, 0.5, "N");
    cairo_restore(c->cr);
}

/* Where nobody says how high it is to be, the whole legend has room; if it is not higher than wide pictures are. */
static int64_t choose_height(const quicklook_options *how, const sizes *s, const map_layers *l)
{
    double legend = how->legend ? s->text * 2 + legend_step(s, l) * (double)l->n_classes : 0;
    double most = fmax((double)l->h, (double)how->width);
    return how->height ? how->height : (int64_t)(s->title + fmax((double)l->h, fmin(legend, most)));
}

cseg_status quicklook_draw(const quicklook_options *how, const map_layers *l, arena *mem, image *out, cseg_error *err)
{
    sizes s = sizes_of(how);
    canvas c;
    int64_t dates = l->second.data ? 2 : 1;
    int64_t room_w = how->width - (int64_t)s.legend, height = choose_height(how, &s, l);
    double free_h = how->height ? (double)(height - l->h) - s.title : 0;
    frame f = {.y = s.title + floor(free_h / 2), .w = (double)l->w, .h = (double)l->h};
    f.x = floor((double)(room_w - dates * l->w - (dates - 1) * (int64_t)s.pad) / 2);
    cseg_status status = CSEG_OK;
    TRY(canvas_new(how->width, height, mem, &c, err));
    if (how->background != BACKGROUND_NONE) {
        canvas_colour(&c, PAPER, 1);
        cairo_paint(c.cr);
    }
    if (how->title) {
        canvas_bold(&c, true);
        canvas_colour(&c, INK, 1);
        canvas_text(&c, s.pad, s.title * 0.66, s.text * 1.25, 0, how->title);
        canvas_bold(&c, false);
    }
    TRY_DONE(draw_frame(&c, how, l, &l->scene, l->map.data != NULL, &f, err));
    if (how->scale_bar) {
        draw_scale_bar(&c, &s, l, &f);
        draw_north(&c, &s, l, &f);
    }
    if (dates == 2) {
        f.x += f.w + s.pad;
        TRY_DONE(draw_frame(&c, how, l, &l->second, l->map.data != NULL, &f, err));
    }
    if (how->legend && l->n_classes)
        draw_legend(&c, &s, l, (double)room_w + s.pad, s.title);
    TRY_DONE(canvas_image(&c, how->background == BACKGROUND_NONE, out, err));
done:
    canvas_close(&c);
    return status;
}
