/* Percentiles of samples of any number, exactly and in fixed memory: of up to 16 bits in one pass, of 32 in two. They
 * do not depend on the order in which samples come.
 *
 *     image_quantile *q;
 *     TRY(image_quantile_new(img->type, &q, err));
 *     do
 *         image_quantile_add(q, img, 0, NULL);
 *     while (image_quantile_again(q, (const double[]){0.02, 0.98}, 2));
 *     double low = image_quantile_at(q, 0.02);
 *     image_quantile_free(q);
 */
#ifndef IO_IMAGE_IMAGE_QUANTILE_H
#define IO_IMAGE_IMAGE_QUANTILE_H

#include "io/image/image.h"

typedef struct image_quantile image_quantile;

/* How many parts one may be asked for. */
enum { IMAGE_QUANTILE_PARTS = 16 };

cseg_status image_quantile_new(image_type type, image_quantile **out, cseg_error *err);
void image_quantile_free(image_quantile *q); /* NULL is allowed */
/* Counts the samples of one channel of an image of that type; not NaN, and not pixels whose skip[i] (NULL: none) is not
 * 0. */
void image_quantile_add(image_quantile *q, const image *m, int64_t channel, const uint8_t *skip);
/* skip [h,w]: 1 where a channel's sample has no data by that value, else 0. group: channels of one picture, which
 * `nodata->whole` looks at together (half of a pair's). */
void image_skip_nodata(const image *m, int64_t channel, int64_t group, const image_nodata *nodata, uint8_t *skip);
/* Ends a pass. parts: n from 0 to 1, that will be asked for. True: all samples are to be added once more. Out of memory
 * shows in image_quantile_failed. */
bool image_quantile_again(image_quantile *q, const double *parts, size_t n);
bool image_quantile_failed(const image_quantile *q);

int64_t image_quantile_count(const image_quantile *q);
/* The sample below which that part of all lies, interpolated between two as numpy.percentile does; NaN without samples.
 * Of 32 bits only the parts that were announced. */
double image_quantile_at(const image_quantile *q, double part);

/* Visits the values that occur, in ascending order, with how often: for types of up to 16 bits. */
typedef void image_quantile_visit(void *arg, double value, int64_t n);
void image_quantile_each(const image_quantile *q, image_quantile_visit *visit, void *arg);

#endif
