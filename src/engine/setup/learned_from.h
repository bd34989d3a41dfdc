/* States in a checkpoint what kind of images a model learned from, and reads it back to compare with what it segments.
 *
 *     learned_from learned;
 *     TRY(learned_from_load("iter_80000.pth", &learned, err));
 *     bool takes_bytes = learned.has_images && learned.types[IMAGE_U8];
 */
#ifndef ENGINE_SETUP_LEARNED_FROM_H
#define ENGINE_SETUP_LEARNED_FROM_H

#include "data/datasets/dataset.h"
#include "io/torch/pth.h"

/* Iterations whose batches tell the range: it does not depend on where a run is interrupted. */
enum { LEARNED_FROM_ITERATIONS = 64 };

typedef struct learned_from {
    bool has_images;
    int64_t
        bands[2]; /* least and most that a training image's file holds; alpha does not count, a palette is colours */
    bool types[IMAGE_TYPES]; /* sample types of the files */
    bool has_range;
    double range[2]; /* least and greatest number that went into the model, normalised */
} learned_from;

/* Bands as they are counted above. */
int64_t learned_from_bands(const image_facts *f);
/* Adds the headers of some images, spread over the data set. Files that cannot be read are left to who trains on them.
 */
void learned_from_images(learned_from *l, const dataset *ds);
void learned_from_batch(learned_from *l, const float *v, int64_t n);

/* Warns where that range cannot be meant, of images of 8 bits. */
void learned_from_doubt(const learned_from *l);

/* To and from the checkpoint's own part ("cseg"); what makes no sense there counts as not stated. */
pth_value *learned_from_value(pth_builder *b, const learned_from *l);
/* From a file, an address or a zoo name. Checkpoints of the reference state nothing. */
cseg_status learned_from_load(const char *spec, learned_from *out, cseg_error *err);

#endif
