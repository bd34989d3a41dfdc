/* What the kernels of batch and group normalisation share. Maps are cut into parts whose sums are added in order, so
 * that results do not depend on the number of threads. Rows of channels are made wide enough for vectors (widen.h).
 *
 *     const norm_kernel *k = data;
 *     for (norm_stretch s = {0}; norm_next(k, 0, &s);)
 *         printf("%" PRId64 " rows\n", s.rows);
 */
#ifndef CPU_NORM_PARTS_H
#define CPU_NORM_PARTS_H

#include "backend/cpu/map.h"
#include "backend/cpu/widen.h"

typedef struct norm_kernel {
    cpu_kernel k;
    int64_t images, pixels, c, times; /* images: with statistics of their own, of so many pixels each */
    parts parts;                      /* over the pixels of an image */
} norm_kernel;

enum { NORM_PARTS_MOST = 256 };
typedef struct norm_needs {
    cpu_run *run;
    int64_t parts_most;       /* upper limit of their number, beyond which parts grow with the map; 0: no limit */
    bool each_image;          /* the first axis is images with statistics of their own; else all are one image */
    size_t rooms, part_rooms; /* rooms of scratch: in all, and for each part of an image */
    size_t image_rooms;       /* and for each image */
    int in_place;             /* as kernel.in_place; -1: never */
} norm_needs;
/* Makes a kernel for a node whose first input is the map [..., c]. */
cseg_status norm_prepare(cpu_backend *b, const node *n, const norm_needs *needs, arena *mem, kernel **out,
                         cseg_error *err);

/* Returns the floats of one room: times * c, rounded up to whole vectors. */
static inline size_t norm_room(const norm_kernel *k)
{
    return ((size_t)(k->c * k->times) + 15) / 16 * 16;
}

/* Parts are counted through all images. */
static inline int64_t norm_part_count(const norm_kernel *k)
{
    return k->images * k->parts.count;
}
static inline int64_t norm_part_pixels(const norm_kernel *k, int64_t part)
{
    return parts_size(&k->parts, part % k->parts.count);
}

/* A stretch of a part: first rows of times * c elements, as many as fit, then rows of c. */
typedef struct norm_stretch {
    int64_t at, rows, width;
} norm_stretch;

/* Moves on to the part's next stretch ({0} begins with the first); false after the last. */
static inline bool norm_next(const norm_kernel *k, int64_t part, norm_stretch *s)
{
    int64_t first = part / k->parts.count * k->pixels + part % k->parts.count * k->parts.each;
    int64_t begin = first * k->c, end = begin + norm_part_pixels(k, part) * k->c;
    s->at = s->rows ? s->at + s->rows * s->width : begin;
    int64_t left = end - s->at;
    s->width = left >= k->c * k->times ? k->c * k->times : k->c;
    s->rows = left / s->width;
    return left > 0;
}

/* Number of channels whose sums are joined at a time, so that threads share the work. */
enum { NORM_BLOCK = 32 };

/* norm_fold adds up the repeated sums in two rooms, which were cleared before sums were added. norm_join: at[part]
 * holds two such rooms; gives their sums over all parts, for channels c0 ... c0 + n - 1, n <= NORM_BLOCK, in double. */
void norm_fold(const norm_kernel *k, float *two_rooms);
void norm_join(const norm_kernel *k, const float *at, int64_t c0, int64_t n, double *first, double *second);

/* at[part] becomes mean[c] of that part, then the sums of squared deviations from it, a room each. shifts: a room for
 * each thread. */
void norm_moments(const norm_kernel *k, map x, float *at, float *shifts);

/* The gradient's two passes over a part: sums of g and of g * (x - mean) into at[part], which has two rooms; then dx.
 * g: the whole maps. */
void norm_grad_part_sums(const norm_kernel *k, const norm_grad *g, int64_t part, float *at);
void norm_grad_part_apply(const norm_kernel *k, const norm_grad *g, int64_t part);

/* Runs the last step of the forward pass: y = x * s + b [+ residual], [ReLU]. s and b are rooms with one number for
 * each channel. */
void norm_scale_and_shift(const norm_kernel *k, void *const *in, void *const *out, float *s, float *b);

#endif
