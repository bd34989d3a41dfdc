/* Cuts logits at the label's size into tiles of pixels (simd/loss.h). The logits have that size, or are interpolated
 * from smaller ones. A row of smaller ones is interpolated along x once, and kept for the rows of labels between it and
 * its neighbours. */
#ifndef CPU_TILES_H
#define CPU_TILES_H

#include "backend/cpu/interpolation.h"

typedef struct tiling {
    const loss_table *v;
    bool resized;
    interpolation y, x;             /* if resized */
    int64_t images, rows, width;    /* of the labels; if not resized, all pixels are one row */
    int64_t classes, lanes, across; /* across: tiles in a row */
} tiling;

/* Prepares the tiling. logits: [N, h, w, K], or [.., K] if they are not resized (`how` is NULL); label: one element for
 * each pixel. false: out of memory. */
bool tiling_init(tiling *t, const cpu_backend *b, const tensor *logits, const tensor *label, const resize_attr *how,
                 arena *mem);

static inline int64_t tiling_floats(const tiling *t) /* Returns the floats of a tile. */
{
    return t->classes * t->lanes;
}

/* A column of tiles of an image, walked from top to bottom. */
typedef struct tile_column {
    const tiling *t;
    const float *logits; /* of the image */
    int64_t image, first;
    loss_pixels pixels; /* from `first` on, with their positions between the logits' pixels */
    float *kept[2];     /* interpolated rows with even and odd number; `row` holds the numbers, -1: none */
    int64_t row[2];
} tile_column;

/* Begins a column of tiles. room: 2 * tiling_floats. */
tile_column tile_column_at(const tiling *t, const float *logits, int64_t image, int64_t column, float *room);
loss_tile tile_at(tile_column *c, int64_t row);

/* Returns the index of the first label and pixel of a tile of the column. */
static inline int64_t tile_begin(const tile_column *c, int64_t row)
{
    return (c->image * c->t->rows + row) * c->t->width + c->first;
}

/* A task: rows [r0, r1) of a column of an image. Tiles are cut into tasks by size alone. */
typedef struct tile_task {
    int64_t image, column, r0, r1;
} tile_task;
int64_t tile_task_count(const tiling *t);
tile_task tile_task_at(const tiling *t, int64_t i);

#endif
