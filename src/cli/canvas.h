/* Draws charts: lines, text, axes with round numbers.
 *
 *     const double steps[2] = {0, 100}, loss[2] = {0.7, 0.1};
 *     series line = {"loss", steps, loss, 2};
 *     canvas_chart(img, 0, 0, 640, 360, "training", "iteration", &line, 1);
 */
#ifndef CLI_CANVAS_H
#define CLI_CANVAS_H

#include "io/image/image.h"

typedef struct colour {
    uint8_t r, g, b;
} colour;

/* m: u8, 3 channels, red first. Coordinates in pixels, y down; what lies outside is cut off. */
void canvas_fill(image *m, colour c);
void canvas_rect(image *m, int x, int y, int w, int h, colour c);
/* A line with smooth edges, `thickness` pixels wide, between pixel centres. */
void canvas_line(image *m, double x0, double y0, double x1, double y1, double thickness, colour c);
/* Letters of 6 x 8 dots, each dot scale x scale pixels; (x, y) is the upper left corner. */
void canvas_text(image *m, int x, int y, int scale, const char *text, colour c);
int canvas_text_width(const char *text, int scale);

typedef struct series {
    const char *name;
    const double *x, *y;
    size_t n;
} series;

/* Draws one chart in the rectangle: title above, ticks at round numbers, a legend if there are several series. Values
 * that are not finite are left out. */
void canvas_chart(image *m, int x, int y, int w, int h, const char *title, const char *x_name, const series *all,
                  size_t n);
/* The distance of ticks, 1, 2 or 5 times a power of ten, so that about `wanted` fit into `span` (> 0). */
double canvas_step(double span, int wanted);

#endif
