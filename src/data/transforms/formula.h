/* Small formulas of an image's channels, computed for many pixels at once.
 *
 *     formula *f;
 *     formula_names names = {0};
 *     TRY(formula_parse("(b4 - b3) / (b4 + b3)", &names, mem, &f, err));
 *     formula_run(f, v, 4, n / 4, 1.0, v, 4);
 */
#ifndef DATA_TRANSFORMS_FORMULA_H
#define DATA_TRANSFORMS_FORMULA_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct formula formula;

/* Names for channels beside b1, b2...: at[i].name is channel at[i].channel, from 1. */
typedef struct formula_name {
    const char *name;
    int64_t channel;
} formula_name;
typedef struct formula_names {
    size_t n;
    const formula_name *at;
} formula_names;

/* Understands numbers, names, + - * / **, signs, brackets, and sqrt, abs, exp, log, min, max. CSEG_CONFIG says at which
 * character it stops; the text does not name a place. At most 1000 characters. *out is in `mem`. */
cseg_status formula_parse(const char *text, const formula_names *names, arena *mem, formula **out, cseg_error *err);
/* The greatest channel that it reads, from 1. */
int64_t formula_channels(const formula *f);
/* Whether it reads that channel, from 1. */
bool formula_reads(const formula *f, int64_t channel);

/* Computes n pixels in double: pixel i has its channels from v + i * c on, which are multiplied by `scale` first; its
 * answer goes to to[i * stride], rounded to float32. What is divided by 0 is infinite or no number, as IEEE has it. */
void formula_run(const formula *f, const float *v, int64_t c, int64_t n, double scale, float *to, int64_t stride);

#endif
