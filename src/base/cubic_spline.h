/* Interpolates by cubic splines of which the third derivative is continuous at the second point and the last but one
 * ("not a knot"), as FITPACK's regrid does with k=3 and s=0.
 *
 *     double x[] = {0, 1, 2, 4, 8}, at[] = {0.5, 3}, weights[2 * 5];
 *     if (!cubic_spline_weights(x, 5, at, 2, weights))
 *         return fail_memory(err);
 */
#ifndef BASE_CUBIC_SPLINE_H
#define BASE_CUBIC_SPLINE_H

#include <stdbool.h>
#include <stddef.h>

/* The spline through (x[i], y[i]) has at at[k] the value sum over i of weights[k * n + i] * y[i]: it is linear in y.
 * x rises; n >= 4. Outside of x it keeps the border's value. Work grows as n * n * (n + m). false: out of memory. */
bool cubic_spline_weights(const double *x, size_t n, const double *at, size_t m, double *weights);

#endif
