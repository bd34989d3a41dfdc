/* Sums in the order of numpy's, whose last bits show in what the reference prints: eight running sums, pairs of blocks
 * beyond 128 values.
 *
 *     printf("mean: %g\n", sum_floats(v, (size_t)n) / n);
 */
#ifndef BASE_PAIRWISE_SUM_H
#define BASE_PAIRWISE_SUM_H

#include <stddef.h>

float sum_floats(const float *x, size_t n);
double sum_doubles(const double *x, size_t n);

#endif
