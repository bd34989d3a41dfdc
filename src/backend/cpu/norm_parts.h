/* What the kernels of batch normalisation share: maps cut into parts whose sums are added in order, so that results do
 * not depend on threads, and rows of channels made wide enough for vectors (widen.h).
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
    int64_t pixels, c, times;
    parts parts; /* over pixels */
} norm_kernel;

typedef cseg_status norm_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err);

enum { NORM_PARTS_MOST = 256 };
typedef struct norm_needs {
    norm_run *run;
    int64_t parts_most;       /* parts grow with the map where there would be more; 0: any number of them */
    size_t rooms, part_rooms; /* of scratch: in all, and for each part */
    int in_place;             /* as kernel's; -1: never */
} norm_needs;
/* A kernel for a node whose first input is the map [..., c]. */
cseg_status norm_prepare(cpu_backend *b, const node *n, const norm_needs *needs, arena *mem, kernel **out,
                         cseg_error *err);

/* Floats of one room: times * c, rounded up to whole vectors. */
static inline size_t norm_room(const norm_kernel *k)
{
    return ((size_t)(k->c * k->times) + 15) / 16 * 16;
}

/* Of a part: rows of times * c elements, as many as there are, then rows of c. */
typedef struct norm_stretch {
    int64_t at, rows, width;
} norm_stretch;

/* Moves on to the next one of the part (the first, of {0}); false behind the last. */
static inline bool norm_next(const norm_kernel *k, int64_t part, norm_stretch *s)
{
    int64_t begin = part * k->parts.each * k->c, end = begin + parts_size(&k->parts, part) * k->c;
    s->at = s->rows ? s->at + s->rows * s->width : begin;
    int64_t left = end - s->at;
    s->width = left >= k->c * k->times ? k->c * k->times : k->c;
    s->rows = left / s->width;
    return left > 0;
}

/* Channels that are joined at a time, so that threads share them. */
enum { NORM_BLOCK = 32 };

/* at[part] holds two rooms of sums, made by norm_fold of what was added into cleared ones. Their sums over the parts of
 * channels c0 ... c0 + n - 1, n <= NORM_BLOCK, in double. */
void norm_fold(const norm_kernel *k, float *two_rooms);
void norm_join(const norm_kernel *k, const float *at, int64_t c0, int64_t n, double *first, double *second);

/* The last step forward: y = x * s + b [+ residual], [ReLU]. s and b are rooms with a number for each channel. */
void norm_scale_and_shift(const norm_kernel *k, void *const *in, void *const *out, float *s, float *b);

#endif
