/* Writes into a checkpoint what kind of images a model was trained on, and reads it back to compare new images with.
 *
 *     learned_from learned;
 *     TRY(learned_from_load("iter_80000.pth", &learned, err));
 *     bool takes_bytes = learned.has_images && learned.types[IMAGE_U8];
 */
#ifndef ENGINE_SETUP_LEARNED_FROM_H
#define ENGINE_SETUP_LEARNED_FROM_H

#include "data/datasets/dataset.h"
#include "io/torch/pth.h"

/* The range is taken from so many first iterations, so that it does not depend on where a run is interrupted. */
enum { LEARNED_FROM_ITERATIONS = 64 };

typedef struct learned_from {
    bool has_images;
    int64_t bands[2]; /* fewest and most bands in a training image's file; alpha is not counted, a palette counts as
                         colours */
    bool types[IMAGE_TYPES]; /* sample types of the files */
    bool has_range;
    double range[2]; /* smallest and largest number that entered the model, normalised */
} learned_from;

/* Returns the number of bands, counted as above. */
int64_t learned_from_bands(const image_facts *f);
/* Adds the headers of some images, spread over the dataset. Files that cannot be read are left to training. */
void learned_from_images(learned_from *l, const dataset *ds);
void learned_from_batch(learned_from *l, const float *v, int64_t n);

/* Warns if that range cannot be right for images of 8 bits. */
void learned_from_doubt(const learned_from *l);

/* Write to and read from the checkpoint's own part ("cseg"); values that make no sense count as missing. */
pth_value *learned_from_value(pth_builder *b, const learned_from *l);
/* Reads from a file, an address or a zoo name. MMSegmentation's checkpoints have no such part. */
cseg_status learned_from_load(const char *spec, learned_from *out, cseg_error *err);

#endif
