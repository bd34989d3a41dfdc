/* Depthwise convolutions (each output channel sees one input channel, groups == input channels) and their gradients by
 * own kernels: kernels, strides, dilations and paddings of any size, float32 and bfloat16.
 *
 * The forward pass and the gradient of the data are the same loops over rows (simd/depthwise_kernels.h); only which row
 * and which column of the source a tap sees differs. Work is cut by size alone into tasks: an image, a block of
 * channels, a band of rows. Rows of a band are in an order in which neighbours see the same rows of the source, also
 * with a dilation: so these stay in the second-level cache. */
#ifndef CPU_DEPTHWISE_H
#define CPU_DEPTHWISE_H

#include "backend/cpu/map.h"
#include "backend/cpu/simd/depthwise_kernels.h"

/* Returns whether own kernels run the node, a convolution or one of its gradients: it is depthwise, and oneDNN has no
 * kernel for it that is as fast. */
bool depthwise_fits(const cpu_backend *b, const node *n);
cseg_status depthwise_prepare(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out,
                              cseg_error *err);
cpu_prepare depthwise_prepare_grad_weight;

typedef struct depthwise {
    const conv_attr *a;
    bool transposed;         /* the gradient of the data: the source is dy, the target dx */
    int64_t images, from[2]; /* height and width of the source */
    int64_t to[2], size[2];  /* of the target and of the kernel */
    int64_t c, times;        /* channels of x; those of y for each of them */
    bool half;               /* the source is bfloat16 */
    int64_t spread;          /* how often the source's channels are repeated in its lines */
    bool staged;             /* lines are copies of the source's rows */
    bool padded;             /* with zeros before and after, so that all pixels see all taps */
    int64_t before, pixels;  /* of a line: zeros before, and all */
    depthwise_span *spans;   /* of a row of the target */
    int64_t n_spans, in_step, out_step;
    int64_t *order;      /* rows of the target */
    int64_t block;       /* channels of x in a task */
    parts blocks, bands; /* over channels of x, and over `order` */
} depthwise;

/* Returns whether most pixels of a row are near its sides, so that a kernel of that width reaches beyond. */
bool depthwise_is_narrow(int64_t pixels, int64_t width);
/* Describes the convolution of x to y. w: the weights' dims; least_rows: of a band. false: out of memory. */
bool depthwise_init(depthwise *d, const conv_attr *a, const tensor *x, const tensor *y, const int64_t *w,
                    bool transposed, int64_t least_rows, arena *mem);

typedef struct depthwise_task {
    int64_t image, band;
    int64_t c0, channels; /* of x */
    int64_t o0, outputs;  /* of y */
} depthwise_task;
int64_t depthwise_task_count(const depthwise *d);
depthwise_task depthwise_task_at(const depthwise *d, int64_t i);

/* The source's rows that one thread keeps. */
typedef struct depthwise_lines {
    depthwise_line *lines; /* those under the kernel, for the row at hand */
    int64_t n;
    depthwise_seen *seen; /* room for the taps */
    float *kept;          /* copies, if lines are staged: of row `row[i]`, last used at `used[i]` */
    int64_t *row, *used, clock;
} depthwise_lines;
size_t depthwise_lines_bytes(const depthwise *d);
/* Begins a task; room: depthwise_lines_bytes. */
depthwise_lines depthwise_lines_at(const depthwise *d, void *room);
/* Gives row i of the target its lines of the source map, and describes it in r. */
void depthwise_lines_row(const depthwise *d, const depthwise_table *v, const depthwise_task *t, map source, int64_t i,
                         depthwise_lines *l, depthwise_row *r);

/* Returns the last of the source's lines that row i of the target sees, where it lies; NULL if lines are copied. */
const float *depthwise_last_line(const depthwise *d, const depthwise_task *t, map source, int64_t i);

/* Returns the floats of a copied line of a block. */
static inline int64_t depthwise_line_floats(int64_t pixels, int64_t channels)
{
    return (pixels * channels + DEPTHWISE_SLACK + 15) / 16 * 16;
}

#endif
