/* A picture that Cairo draws on. Nothing outside src/draw includes it. */
#ifndef DRAW_CANVAS_H
#define DRAW_CANVAS_H

#include <cairo.h>

#include "base/arena.h"
#include "io/image/image.h"

typedef struct colour {
    uint8_t r, g, b;
} colour;

/* Coordinates are pixels, y down; (0, 0) is the upper left corner of the upper left pixel. */
typedef struct canvas {
    cairo_t *cr;
    cairo_surface_t *surface; /* ARGB32 */
    int w, h;
    arena *mem;  /* for texts */
    bool failed; /* a text was left out for want of memory */
} canvas;

enum { CANVAS_MOST = 16384 }; /* a side, in pixels */

/* A transparent canvas; canvas_close gives it back. CSEG_SHAPE: a side is not 1 to CANVAS_MOST. */
cseg_status canvas_new(int64_t w, int64_t h, arena *mem, canvas *out, cseg_error *err);
void canvas_close(canvas *c);

void canvas_colour(canvas *c, colour with, double alpha);
void canvas_rect(canvas *c, double x, double y, double w, double h);
void canvas_disc(canvas *c, double x, double y, double radius);
/* Text of any file or user; what cannot be shown is escaped (base/text.h). size in pixels; (x, y) is the left end of
 * the baseline, or with `part` 0.5 its middle, with 1 its right end. */
void canvas_text(canvas *c, double x, double y, double size, double part, const char *text);
/* The same from the left, shortened so that it is at most `most` wide; … stands for what is left out. */
void canvas_text_within(canvas *c, double x, double y, double size, double most, const char *text);
double canvas_text_width(canvas *c, double size, const char *text);
void canvas_bold(canvas *c, bool bold);
/* The distance of ticks, 1, 2 or 5 times a power of ten, so that about `wanted` fit into `span` (> 0). */
double canvas_step(double span, int wanted);

/* from: u8, 4 channels, red first, alpha last (not multiplied). *out is the caller's (cairo_surface_destroy). */
cseg_status canvas_surface(const image *from, cairo_surface_t **out, cseg_error *err);
/* *out: u8, red first; 3 channels, or 4 with alpha if `alpha`. An error in anything drawn shows here. */
cseg_status canvas_image(canvas *c, bool alpha, image *out, cseg_error *err);

#endif
