/* Where in a scene which labels are: counts by squares of pixels, found by one look at all of it, window by window, and
 * kept beside the run for the next. Private to this folder. */
#ifndef DATA_SCENES_INDEX_H
#define DATA_SCENES_INDEX_H

#include "data/scenes/regions.h"
#include "io/image/image.h"

/* In place of a label: pixels of which scene or labels say that they hold no data. */
enum { INDEX_NO_DATA = 65536, INDEX_VALUES = 65537 };

typedef struct index_count {
    uint32_t value, count; /* as the file has it; pixels */
} index_count;

/* What a square holds: counts [first, first + n), by value. */
typedef struct index_cell {
    uint32_t first, n;
} index_cell;

typedef struct scene_index {
    int64_t h, w, side, rows, columns; /* of the scene; of the squares, whose last ones may be cut */
    index_cell *cells;                 /* [rows][columns] */
    index_count *counts;
    int64_t n_counts;
} scene_index;

typedef struct scene_index_options {
    const char *name; /* of the label file, for messages */
    int64_t h, w;
    int64_t bytes;      /* that reading a pixel takes; windows hold 64 MiB at most */
    int64_t most_cells; /* squares at most; 0: a million */
    /* Gives labels [h,w] of one channel (new, any integer type or whole floats) and holes [h*w]: 1 where there are no
     * data. */
    cseg_status (*read)(void *arg, region at, image *labels, uint8_t *holes, cseg_error *err);
    void *arg;
    /* A file that keeps the index, NULL: none; and what it depends on, one line of text. Another line, or a damaged
     * file: the index is made anew. A file that cannot be written gives a warning. */
    const char *cache_file, *depends_on;
    bool (*stop)(void *arg);
    void *stop_arg;
} scene_index_options;

/* Squares have 64 pixels a side, or as many more as keep their number down. *out lives in `mem`.
 * CSEG_DATA: labels that are no whole numbers from 0 to 65535, or too many different ones; CSEG_INTERRUPTED. */
cseg_status scene_index_make(const scene_index_options *how, arena *mem, scene_index *out, cseg_error *err);

static inline int64_t scene_index_cell(const scene_index *x, int64_t row, int64_t column)
{
    return row / x->side * x->columns + column / x->side;
}
region scene_index_square(const scene_index *x, int64_t cell);
int64_t scene_index_count(const scene_index *x, int64_t cell, uint32_t value);

#endif
