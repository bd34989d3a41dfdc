/* Winograd's F(4x4, 3x3) for whole maps: what the convolution and its gradients share. A tile is 4x4 pixels of the
 * output and the 6x6 input pixels that they are computed from. A dilated convolution is split into dilation^2 phases,
 * each an undilated convolution of every dilation-th pixel. */
#ifndef CPU_WINOGRAD_H
#define CPU_WINOGRAD_H

#include "backend/cpu/cpu.h"

enum { WINO_ALIAS = 16 }; /* floats between points, lest all 36 fall into one set of the cache */
static inline int64_t wino_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

typedef struct wino_geometry {
    int64_t images, step;    /* step: the dilation */
    int64_t in[2], out[2];   /* height and width of the input and of the output */
    int64_t pad[2];          /* before the first pixel */
    int64_t k, n;            /* channels of the input and of the output */
    int64_t tiles[2], total; /* tiles of a phase down and across; of all images and phases */
    const float *zeros;      /* what pixels outside read: max(k, n) of them */
} wino_geometry;

/* From the dims of x [N,H,W,k] and y [N,H',W',n], with a's dilation, and its padding or, for the gradient of the data
 * (where x is dy), what is complementary to it. `zeros` is made by wino_geometry_zeros, and lives in `mem`. */
wino_geometry wino_geometry_of(const int64_t *x, const int64_t *y, const conv_attr *a, bool grad_data);
cseg_status wino_geometry_zeros(wino_geometry *g, arena *mem, cseg_error *err);
/* Where a tile's pixels begin in the input x and in the output y, of elements of `size` bytes: 36, and 16; outside:
 * g->zeros, and NULL. */
void wino_tile_input(const wino_geometry *g, int64_t tile, const void *x, size_t size, const void **at);
void wino_tile_output(const wino_geometry *g, int64_t tile, const void *y, size_t size, const void **at);

/* The output's channels in blocks of up to 64, whole vectors; a block in panels of as many vectors as registers hold.
 */
typedef struct wino_blocks {
    int64_t vec, panels, vectors, count;
} wino_blocks;
typedef struct wino_range {
    int64_t from, size;
} wino_range;
wino_blocks wino_blocks_of(const winograd_table *t, int64_t n);
/* In vectors. */
wino_range wino_block(const wino_blocks *b, int64_t i);
int64_t wino_panels(const wino_blocks *b, int64_t size);
wino_range wino_panel(const wino_blocks *b, int64_t size, int64_t i);

/* Whether this way is the faster one for the node; the kernels refuse nothing that it accepts. */
bool wino_fits(const cpu_backend *b, const node *n, bool weights_fixed);
cseg_status wino_prepare_conv(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out,
                              cseg_error *err);
cpu_prepare wino_prepare_conv_grad_data, wino_prepare_conv_grad_weight;

#endif
