/* Winograd's F(4x4, 3x3) and F(4, 3) for whole maps: what the convolution and its gradients share. A tile is 4x4 pixels
 * of the output and the 6x6 input pixels that they are computed from; of a strip of 1x3 or 3x1 taps, 4 and 6 pixels
 * along it. A dilated convolution is split into phases, each an undilated convolution of every dilation-th pixel. */
#ifndef CPU_WINOGRAD_H
#define CPU_WINOGRAD_H

#include "backend/cpu/cpu.h"

enum { WINO_ALIAS = 16 }; /* floats between points, so that the points do not share one set of the cache */
typedef struct wino_geometry {
    int64_t images;
    int64_t taps[2];         /* 3, or 1 across a strip */
    int64_t step[2];         /* the dilation */
    int64_t tile[2];         /* a tile's outputs */
    int64_t in[2], out[2];   /* height and width of the input and of the output */
    int64_t pad[2];          /* before the first pixel */
    int64_t k, n;            /* channels of the input and of the output */
    int64_t tiles[2], total; /* tiles of a phase down and across; of all images and phases */
    const float *zeros;      /* max(k, n) zeros: what pixels outside the map read */
} wino_geometry;

/* Computes the geometry from the dims of x [N,H,W,k], y [N,H',W',n] and w [..,..,taps down,taps across], with a's
 * dilation, and its padding or, for the gradient of the data (where x is dy), the complementary padding.
 * wino_geometry_zeros allocates `zeros` in `mem`. */
wino_geometry wino_geometry_of(const int64_t *x, const int64_t *y, const int64_t *w, const conv_attr *a,
                               bool grad_data);
cseg_status wino_geometry_zeros(wino_geometry *g, arena *mem, cseg_error *err);
const winograd_form *wino_form(const winograd_table *t, const wino_geometry *g);

/* Where a tile is. Tiles follow each other across, then down, then by phase and image. */
typedef struct wino_place {
    int64_t tile, across, image;
    int64_t first[2]; /* the first pixel of the output down and across */
} wino_place;
wino_place wino_place_of(const wino_geometry *g, int64_t tile);
void wino_place_next(const wino_geometry *g, wino_place *p);
/* Give the addresses of a tile's pixels of the input x and of the output y, with elements of `size` bytes. Pixels
 * outside the map: g->zeros in the input, NULL in the output. */
void wino_tile_input(const wino_geometry *g, const wino_place *p, const void *x, size_t size, const void **at);
void wino_tile_output(const wino_geometry *g, const wino_place *p, const void *y, size_t size, const void **at);

/* The output's channels in blocks of up to 64, cut at whole vectors; a block in panels of as many vectors as registers
 * can hold. */
typedef struct wino_blocks {
    int64_t vec, panels, vectors, count;
} wino_blocks;
typedef struct wino_range {
    int64_t from, size;
} wino_range;
wino_blocks wino_blocks_of(const winograd_table *t, int64_t n);
/* Returns the loops for n channels of the output: those of the backend's instruction set or, where they leave many
 * lanes of a vector empty and short vectors are not slower, those for AVX2. */
const simd_table *wino_simd(const cpu_backend *b, int64_t n);
/* Returns block i, in vectors. */
wino_range wino_block(const wino_blocks *b, int64_t i);
int64_t wino_panels(const wino_blocks *b, int64_t size);
wino_range wino_panel(const wino_blocks *b, int64_t size, int64_t i);

/* Returns whether Winograd is faster than the direct convolution for the node; the kernels can do every node for which
 * this is true. */
bool wino_fits(const cpu_backend *b, const node *n, bool weights_fixed);
/* For a conv2d, its gradient of the data, or a conv_transpose2d. */
cseg_status wino_prepare_conv(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out,
                              cseg_error *err);
cpu_prepare wino_prepare_conv_grad_weight;

#endif
