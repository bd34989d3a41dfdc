/* The inner loops of depthwise convolutions in NHWC, a row of the output at a time. A row of the output is cut into
 * spans of pixels that see the same taps (those inside the map), so the loops check nothing.
 *
 *     const depthwise_table *table = simd_choose()->depthwise;
 *     table->add_up(v, 64, 100, 64, v + 6400); // 100 pixels of 64 channels
 *
 * Lines are rows of the input in float32, `in_ld` floats from a pixel to the next. A tap is a position in the kernel;
 * weights are ordered [tap][channel]. The same loops compute the gradient of the data: there the "output" is the
 * gradient of x, and a span is every stride-th pixel. */
#ifndef SIMD_DEPTHWISE_KERNELS_H
#define SIMD_DEPTHWISE_KERNELS_H

#include "backend/cpu/simd/maps.h"
#include "graph/tensor.h"

typedef struct depthwise_tap {
    int64_t at;  /* pixel of a line that the span's first pixel sees */
    int64_t tap; /* number within a row of the kernel */
} depthwise_tap;

/* Pixels from, from + out_step, ... of the output. */
typedef struct depthwise_span {
    int64_t from, count;
    int64_t n_taps;
    const depthwise_tap *taps;
} depthwise_span;

typedef struct depthwise_line {
    const float *at;
    int64_t tap; /* the first of its row of the kernel */
} depthwise_line;

/* A tap of a line: where a span's first pixel sees it, and its place in the weights. */
typedef struct depthwise_seen {
    const float *x;
    int64_t w;
} depthwise_seen;

typedef struct depthwise_row {
    const depthwise_line *lines;
    const depthwise_span *spans;
    int64_t n_lines, n_spans;
    depthwise_seen *seen; /* room for all taps of the kernel */
    const float *next;    /* the line that the next row sees and this one does not, which is fetched; NULL: none */
    int64_t in_ld, in_step,
        out_step;        /* steps: pixels of a line and of the output, from one pixel of a span to the next */
    int64_t w_ld, width; /* width: channels */
} depthwise_row;

/* What happens to a sum before it is stored. */
typedef struct depthwise_end {
    const float *bias; /* or NULL */
    map residual;      /* at the output's place; added before the activation; may have no memory */
    int act;           /* unary_kind + 1, or 0 */
    float alpha;
} depthwise_end;

struct depthwise_table {
    /* Returns whether `row` has the activation (unary_kind + 1, or 0). */
    bool (*can_end)(int act);
    /* y[pixel * out_ld + channel] = end(sum over lines and taps of line * w) */
    void (*row)(const depthwise_row *r, const float *w, const depthwise_end *end, map y, int64_t out_ld);
    /* sums[tap * w_ld + channel] += sum over the row's pixels of line * dy; dy in float32, dy_ld from pixel to pixel */
    void (*weights)(const depthwise_row *r, const float *dy, int64_t dy_ld, float *sums);
    /* sum[channel] += sum over pixels of x[pixel * ld + channel] */
    void (*add_up)(const float *x, int64_t ld, int64_t pixels, int64_t width, float *sum);
    /* to[pixel][channel * times + i] = x[pixel * ld + channel], i < times. It may write DEPTHWISE_SLACK floats more. */
    void (*spread)(map x, int64_t ld, int64_t pixels, int64_t width, int64_t times, float *to);
    /* The transpose: y[pixel * ld + channel] = sum over i of from[pixel][channel * times + i]. */
    void (*fold)(const float *from, int64_t pixels, int64_t width, int64_t times, map y, int64_t ld);
};
enum { DEPTHWISE_SLACK = 16 };

#endif
