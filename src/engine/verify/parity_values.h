/* Derives values from names, the same on both sides of a comparison, and prints samples of results.
 *
 *     parity_fill_weights(m);
 *     parity_fill_input(v, "input", 1, 96, 128, 3);
 *     parity_print_sample(stdout, "logits", v, n);
 */
#ifndef ENGINE_VERIFY_PARITY_VALUES_H
#define ENGINE_VERIFY_PARITY_VALUES_H

#include <stdio.h>

#include "model/model.h"

enum { PARITY_SAMPLES = 48, PARITY_CHOSEN = 10 };

double parity_uniform(const char *name, uint64_t i); /* [0, 1) */
void parity_fill_weights(model *m);                  /* from the parameters' names and shapes; counters become zero */
double parity_moved(const param *p, const float *v); /* distance of its values v from the first ones */
/* [n,h,w,c], with the values of a row-major [n,c,h,w]. */
void parity_fill_input(float *nhwc, const char *name, int64_t n, int64_t h, int64_t w, int64_t c);
/* [n,h,w]: labels 0 ... classes - 1 and `ignore`. */
void parity_fill_labels(int32_t *label, const char *name, int64_t count, int64_t classes, int64_t ignore);
/* The same without `ignore`. */
void parity_fill_classes(int32_t *label, const char *name, int64_t count, int64_t classes);
/* The numbers in [0, 1) that a forward pass asks for: those of name "rand:0" for its first request. */
void parity_fill_draws(float *v, const char *name, int64_t count);
/* prints "mean": ..., "std": ..., "norm": ..., "at": [...], "value": [...] */
void parity_print_sample(FILE *out, const char *name, const float *v, int64_t n);
void parity_print_number(FILE *out, double v);
void parity_print_string(FILE *out, const char *s);
/* Chooses PARITY_CHOSEN of n sorted names, or all; sets chosen[i] for those taken. */
void parity_choose(const char *name, size_t n, bool *chosen);

#endif
