#include "base/cubic_spline.h"

#include <math.h>

#include "base/arena.h"

enum { DEGREE = 3, ORDER = 4 };

/* Knot i of n + ORDER: the outer points four times, the inner ones but the second and the last but one. */
static double knot(const double *x, size_t n, size_t i)
{
    return i < ORDER ? x[0] : i >= n ? x[n - 1] : x[i - DEGREE + 1];
}

/* The values at `at` of the four B-splines that are not 0 there (Cox and de Boor); returns the first one's number. */
static size_t basis(const double *x, size_t n, double at, double *out)
{
    size_t i = DEGREE;
    while (i + 1 < n && at >= knot(x, n, i + 1))
        i++;
    out[0] = 1;
    for (size_t d = 1; d <= DEGREE; d++) {
        double left = 0;
        for (size_t k = 0; k < d; k++) {
            double high = knot(x, n, i + k + 1), low = knot(x, n, i + k + 1 - d), part = out[k] / (high - low);
            out[k] = left + (high - at) * part;
            left = (at - low) * part;
        }
        out[d] = left;
    }
    return i - DEGREE;
}

static void swap_rows(double *a, size_t n, size_t i, size_t k)
{
    for (size_t j = 0; j < n; j++) {
        double v = a[i * n + j];
        a[i * n + j] = a[k * n + j];
        a[k * n + j] = v;
    }
}

/* Solves a y = b by elimination with pivots; a [n][n], b [n][m] becomes y. */
static void solve(double *a, double *b, size_t n, size_t m)
{
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;
        for (size_t r = c + 1; r < n; r++)
            pivot = fabs(a[r * n + c]) > fabs(a[pivot * n + c]) ? r : pivot;
        swap_rows(a, n, c, pivot);
        swap_rows(b, m, c, pivot);
        for (size_t r = 0; r < n; r++) {
            double factor = r == c ? 0 : a[r * n + c] / a[c * n + c];
            for (size_t j = c; factor != 0 && j < n; j++)
                a[r * n + j] -= factor * a[c * n + j];
            for (size_t j = 0; factor != 0 && j < m; j++)
                b[r * m + j] -= factor * b[c * m + j];
        }
    }
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < m; j++)
            b[r * m + j] /= a[r * n + r];
}

/* With B[k][i], the value of B-spline i at x[k], the spline's coefficients are the c of B c = y, and its values E c =
 * E B^-1 y: the weights are the W of W B = E, or B' W' = E'. */
bool cubic_spline_weights(const double *x, size_t n, const double *at, size_t m, double *weights)
{
    double four[ORDER], *b = mem_alloc(n * n * sizeof *b), *e = mem_alloc(n * m * sizeof *e);
    bool ok = b && e;
    if (ok) {
        for (size_t k = 0; k < n; k++) {
            size_t first = basis(x, n, x[k], four);
            for (size_t i = 0; i < ORDER; i++)
                b[(first + i) * n + k] = four[i];
        }
        for (size_t k = 0; k < m; k++) {
            size_t first = basis(x, n, fmin(fmax(at[k], x[0]), x[n - 1]), four);
            for (size_t i = 0; i < ORDER; i++)
                e[(first + i) * m + k] = four[i];
        }
        solve(b, e, n, m);
        for (size_t k = 0; k < m; k++)
            for (size_t i = 0; i < n; i++)
                weights[k * n + i] = e[i * m + k];
    }
    mem_free(b);
    mem_free(e);
    return ok;
}
