/* The inner loops of Winograd's convolutions F(4x4, 3x3) and F(4, 3) and of their gradients (Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks", 2015), for maps in NHWC.
 *
 * A square: a tile of 6x6 input pixels is transformed into 36 numbers a channel, here called points. Point p of all
 * tiles times point p of the weights is a matrix product. 36 such products, transformed back, are 4x4 output pixels a
 * tile: 36 multiplications instead of the 144 of the direct convolution.
 *
 * A strip (1x3 or 3x1 taps): the same along one axis. 6 input pixels become 6 points and 4 output pixels: 6
 * multiplications instead of 12.
 *
 * Interpolation points are 0, +-1/sqrt(2), +-sqrt(2) and infinity: their rounding error is about a third of that of the
 * customary 0, +-1, +-2.
 *
 * Strides are in floats. Rows of points and blocks of weights are padded to whole vectors. No result depends on the
 * padding, but it is finite if the inputs are. */
#ifndef BACKEND_CPU_SIMD_WINOGRAD_KERNELS_H
#define BACKEND_CPU_SIMD_WINOGRAD_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Of a square, and the most of any form. */
enum { WINOGRAD_IN = 36, WINOGRAD_OUT = 16, WINOGRAD_TAPS = 9 };

/* The transforms of squares, and of strips: there without the second factor. */
typedef struct winograd_form {
    int points, outputs, taps; /* a tile's points, which are as many as its input's pixels; its output's pixels */
    /* B^T d B: at[points] are the tile's pixels, row by row, c channels each -> v[p * v_point + channel]. Pixels are
     * float32, or bfloat16 if `half`. */
    void (*input)(const void *const *at, bool half, int64_t c, float *v, int64_t v_point);
    /* A^T m A, of m[p * m_point + channel], + bias + residual, then ReLU -> at[outputs] pixels; a NULL pixel is outside
     * the map. residual: as many pixels, or NULL; bias: c floats, or NULL. */
    void (*output)(const float *m, int64_t m_point, int64_t c, const float *bias, const void *const *residual,
                   bool half_residual, void *const *at, bool half, bool relu);
    /* A d A^T, the transpose of `output`: at[outputs] pixels of the output's gradient -> v as in `input`. */
    void (*output_grad)(const void *const *at, bool half, int64_t c, float *v, int64_t v_point);
    /* G g G^T for the inputs k0 .. k0 + k - 1 and n outputs from n0: taps at
     * w[(n0 + j) * w_n + (k0 + i) * w_k + tap], turned by 180 degrees if `turned`
     * -> u[p * u_point + i * width + j], where j goes on to `width`, whole vectors. */
    void (*weights)(const float *w, int64_t w_n, int64_t w_k, int64_t k, int64_t n, bool turned, float *u,
                    int64_t u_point, int64_t width);
    /* G^T u G, the transpose of `weights`: u[p * u_point + j] for n outputs -> dw[j * w_n + tap]. */
    void (*weights_grad)(const float *u, int64_t u_point, int64_t n, float *dw, int64_t w_n);
} winograd_form;

typedef struct winograd_table {
    int vec;    /* floats in a vector */
    int panels; /* the number of vectors for which `product` reads its rows once */
    winograd_form square, strip;
    /* c[i * ldc + j] (+)= sum over l < k of a[i * a_row + l * a_k] * b[l * ldb + j], i < m, j < nv vectors. */
    void (*product)(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t ldb, float *c, int64_t ldc,
                    int64_t m, int64_t k, int nv, bool add);
    /* y[i * ld + j] + bias[j] + residual[i * ld + j], then ReLU, in place: i < rows, j < n, whole vectors. Fetches the
     * rows that follow, of y and of the residual, into the cache. bias, residual: NULL for none. */
    void (*finish)(float *y, int64_t ld, int64_t rows, int64_t n, const float *bias, const float *residual, bool relu);
} winograd_table;

/* The transforms of 3x3 convolutions of stride 2, in float32. In one dimension, four pixels of the output are made of
 * nine of the input: the outer taps meet the five even ones, by F(4, 2) with the points +-1/sqrt(2), +-sqrt(2) and
 * infinity; the middle tap meets the four odd ones, which are taken as they are. That makes 9 points, and 81 in two
 * dimensions, instead of 144 multiplications; the weights have 6 and 36, since all odd pixels meet the same tap. */
enum { STRIDED_SIDE = 9, STRIDED_IN = 81 };

typedef struct winograd_strided_table {
    /* As in winograd_form; at[81]: 9x9 pixels. The next tile's are `next` bytes from this one's. */
    void (*input)(const void *const *at, int64_t c, int64_t next, float *v, int64_t v_point);
    void (*output)(const float *m, int64_t m_point, int64_t c, const float *bias, const void *const *residual,
                   void *const *at, bool relu);
} winograd_strided_table;

#endif
