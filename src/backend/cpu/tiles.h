/* Cuts logits at the label's size into tiles of pixels (simd/loss.h). They are taken as they are, or interpolated from
 * smaller ones: a row of these is spread along x once, and kept for the rows of labels between it and its neighbours.
 */
#ifndef CPU_TILES_H
#define CPU_TILES_H

#include "backend/cpu/interpolation.h"

typedef struct tiling {
    const loss_table *v;
    bool resized;
    interpolation y, x;             /* if resized */
    int64_t images, rows, width;    /* of the labels; if not resized, all pixels are one row */
    int64_t classes, lanes, across; /* across: tiles of a row */
} tiling;

/* logits: [N, h, w, K], or [.., K] if they are not resized (`how` is NULL); label: an element for each pixel. False:
 * out of memory. */
bool tiling_init(tiling *t, const cpu_backend *b, const tensor *logits, const tensor *label, const resize_attr *how,
                 arena *mem);

static inline int64_t tiling_floats(const tiling *t) /* of a tile */
{
    return t->classes * t->lanes;
}

/* A column of tiles of an image, walked from top to bottom. */
typedef struct tile_column {
    const tiling *t;
    const float *logits; /* of the image */
    int64_t image, first;
    loss_pixels pixels; /* from `first` on, and how they lie between the logits' */
    float *kept[2];     /* spread rows of even and of odd number; `row` says which, -1 none */
    int64_t row[2];
} tile_column;

/* room: 2 * tiling_floats */
tile_column tile_column_at(const tiling *t, const float *logits, int64_t image, int64_t column, float *room);
loss_tile tile_at(tile_column *c, int64_t row);

/* Which label and pixel a tile of the column begins with. */
static inline int64_t tile_begin(const tile_column *c, int64_t row)
{
    return (c->image * c->t->rows + row) * c->t->width + c->first;
}

/* All tiles, cut into tasks by size alone: rows [r0, r1) of a column of an image. */
typedef struct tile_task {
    int64_t image, column, r0, r1;
} tile_task;
int64_t tile_task_count(const tiling *t);
tile_task tile_task_at(const tiling *t, int64_t i);

#endif
