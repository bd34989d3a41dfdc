#include "draw/canvas.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

static cseg_status cairo_fail(cairo_status_t s, cseg_error *err)
{
    if (s == CAIRO_STATUS_NO_MEMORY)
        return fail_memory(err);
    return fail(err, CSEG_IO, "the picture cannot be drawn: %s", cairo_status_to_string(s));
}

cseg_status canvas_new(int64_t w, int64_t h, arena *mem, canvas *out, cseg_error *err)
{
    *out = (canvas){.mem = mem};
    if (w < 1 || h < 1 || w > CANVAS_MOST || h > CANVAS_MOST)
        return fail(err, CSEG_SHAPE, "a picture of %lld x %lld pixels cannot be drawn: its sides may have 1 to %d",
                    (long long)w, (long long)h, CANVAS_MOST);
    out->w = (int)w;
    out->h = (int)h;
    out->surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, out->w, out->h);
    out->cr = cairo_create(out->surface);
    cairo_status_t s = cairo_status(out->cr);
    if (s != CAIRO_STATUS_SUCCESS) {
        canvas_close(out);
        return cairo_fail(s, err);
    }
    canvas_bold(out, false);
    return CSEG_OK;
}

void canvas_close(canvas *c)
{
    if (c->cr)
        cairo_destroy(c->cr);
    if (c->surface)
        cairo_surface_destroy(c->surface);
    c->cr = NULL;
    c->surface = NULL;
}

void canvas_colour(canvas *c, colour with, double alpha)
{
    cairo_set_source_rgba(c->cr, with.r / 255.0, with.g / 255.0, with.b / 255.0, alpha);
}

void canvas_rect(canvas *c, double x, double y, double w, double h)
{
    cairo_rectangle(c->cr, x, y, w, h);
    cairo_fill(c->cr);
}

void canvas_disc(canvas *c, double x, double y, double radius)
{
    static const double whole = 6.283185307179586;
    cairo_new_sub_path(c->cr);
    cairo_arc(c->cr, x, y, radius, 0, whole);
    cairo_fill(c->cr);
}

void canvas_bold(canvas *c, bool bold)
{
    cairo_select_font_face(c->cr, "sans", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
}

static const char *shown(canvas *c, const char *text)
{
    const char *t = text_harmless(c->mem, text);
    c->failed = c->failed || !t;
    return t ? t : "";
}

double canvas_text_width(canvas *c, double size, const char *text)
{
    cairo_text_extents_t e;
    cairo_set_font_size(c->cr, size);
    cairo_text_extents(c->cr, shown(c, text), &e);
    return e.x_advance;
}

void canvas_text(canvas *c, double x, double y, double size, double part, const char *text)
{
    double width = part > 0 ? canvas_text_width(c, size, text) : 0;
    cairo_set_font_size(c->cr, size);
    cairo_move_to(c->cr, x - part * width, y);
    cairo_show_text(c->cr, shown(c, text));
}

void canvas_text_within(canvas *c, double x, double y, double size, double most, const char *text)
{
    const char *whole = shown(c, text);
    size_t n = strlen(whole);
    char *cut = arena_printf(c->mem, "%s…", whole);
    if (!cut) {
        c->failed = true;
        return;
    }
    cut[n] = 0;
    while (n > 0 && canvas_text_width(c, size, cut) > most) {
        do
            n--;
        while (n > 0 && ((unsigned char)whole[n] & 0xc0) == 0x80); /* within a character */
        memcpy(cut + n, "…", sizeof "…");
    }
    canvas_text(c, x, y, size, 0, cut);
}

double canvas_step(double span, int wanted)
{
    double raw = span / wanted, power = pow(10.0, floor(log10(raw))), part = raw / power;
    return power * (part <= 1.0 ? 1.0 : part <= 2.0 ? 2.0 : part <= 5.0 ? 5.0 : 10.0);
}

cseg_status canvas_surface(const image *from, cairo_surface_t **out, cseg_error *err)
{
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)from->w, (int)from->h);
    cairo_status_t status = cairo_surface_status(s);
    if (status != CAIRO_STATUS_SUCCESS) {
        cairo_surface_destroy(s);
        return cairo_fail(status, err);
    }
    unsigned char *data = cairo_image_surface_get_data(s);
    int stride = cairo_image_surface_get_stride(s);
    for (int64_t y = 0; y < from->h; y++)
        for (int64_t x = 0; x < from->w; x++) {
            const uint8_t *p = image_u8(from, y, x);
            uint32_t a = p[3], v = a << 24;
            for (int k = 0; k < 3; k++)
                v |= ((p[k] * a + 127) / 255) << (16 - 8 * k);
            memcpy(data + y * stride + 4 * x, &v, 4);
        }
    cairo_surface_mark_dirty(s);
    *out = s;
    return CSEG_OK;
}

cseg_status canvas_image(canvas *c, bool alpha, image *out, cseg_error *err)
{
    cairo_surface_flush(c->surface);
    cairo_status_t s = cairo_status(c->cr);
    if (s != CAIRO_STATUS_SUCCESS || c->failed)
        return cairo_fail(s != CAIRO_STATUS_SUCCESS ? s : CAIRO_STATUS_NO_MEMORY, err);
    TRY(image_new(c->h, c->w, alpha ? 4 : 3, IMAGE_U8, out, err));
    const unsigned char *data = cairo_image_surface_get_data(c->surface);
    int stride = cairo_image_surface_get_stride(c->surface);
    for (int64_t y = 0; y < c->h; y++)
        for (int64_t x = 0; x < c->w; x++) {
            uint8_t *to = image_u8(out, y, x);
            uint32_t v;
            memcpy(&v, data + y * stride + 4 * x, 4);
            uint32_t a = v >> 24;
            for (int k = 0; k < 3; k++)
                to[k] = a ? (uint8_t)(((v >> (16 - 8 * k) & 255) * 255 + a / 2) / a) : 0;
            if (alpha)
                to[3] = (uint8_t)a;
        }
    return CSEG_OK;
}
