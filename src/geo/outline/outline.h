/* Makes polygons of a raster of labels that comes row by row.
 *
 *     ground g = {.transform = {0, 1, 0, 0, 0, 1}};
 *     outline_options how = {.w = 3, .h = 1, .ground = &g, .emit = NULL}; // who takes the shapes
 *     outline *o;
 *     TRY(outline_new(&how, mem, &o, err));
 *     TRY(outline_row(o, (int32_t[]){1, 1, 2}, NULL, err));
 *
 * One sweep over the rows: where labels differ, edges of pixels are strung into strands, and each strand knows what
 * follows it around the part on its left and around the part on its right. A part, pixels of one label that are
 * connected by their sides, is given out as soon as a row has no more of it. So memory grows with the width, and with
 * the outlines of what the sweep is in the midst of; never with the number of rows. */
#ifndef GEO_OUTLINE_OUTLINE_H
#define GEO_OUTLINE_OUTLINE_H

#include "base/arena.h"
#include "base/error.h"
#include "geo/ground.h"

typedef struct outline outline;

/* A corner of pixels: column and row of the pixel to its lower right. */
typedef struct outline_point {
    int32_t x, y;
} outline_point;

typedef struct outline_ring {
    const outline_point *at; /* the first point is not repeated */
    size_t n;
    bool outer; /* begins a polygon, whose holes are the rings behind it */
} outline_ring;

/* Rings are simple, and meet other rings in single points at most: valid in the sense of OGC. In a picture whose first
 * row is on top, outer rings run counter-clockwise and holes clockwise. */
typedef struct outline_shape {
    int32_t label;
    const outline_ring *rings;
    size_t n_rings;
    int64_t pixels; /* all three count the pixels, whatever was simplified */
    double area;    /* m2; NaN: not known */
    uint64_t score; /* sum of the scores of `scored` pixels */
    int64_t scored;
} outline_shape;

/* Takes a finished shape, which lives until it returns. Another status than CSEG_OK ends the sweep. */
typedef cseg_status outline_emit(void *arg, const outline_shape *shape, cseg_error *err);

typedef struct outline_options {
    int64_t w, h;
    bool diagonal;        /* pixels that touch at a corner belong together: a shape may be of several polygons */
    const ground *ground; /* areas and tolerance */
    double tolerance;     /* m: borders are simplified, and stay within this distance; 0: they follow the pixels */
    bool keep_nodes;      /* keep points on a straight line where three shapes meet; a tolerance does so anyway */
    double min_area;      /* m2 (units of the coordinates squared, if m2 are not known): smaller shapes are dropped */
    outline_emit *emit;
    void *arg;
} outline_options;

/* Lives in `mem`. CSEG_SHAPE: sizes that cannot be. */
cseg_status outline_new(const outline_options *how, arena *mem, outline **out, cseg_error *err);
/* The next row: labels [w], negative where there is nothing. scores [w] or NULL; 255: none. With the last of the h
 * rows all that is left is given out. */
cseg_status outline_row(outline *o, const int32_t *labels, const uint8_t *scores, cseg_error *err);
/* Counts the shapes that were dropped, and their pixels. */
void outline_dropped(const outline *o, int64_t *shapes, int64_t *pixels);

#endif
