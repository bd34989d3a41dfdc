/* Checks whether the images that a model segments are like those that it learned from. Each kind of difference is one
 * warning, which names the first file that has it.
 *
 *     input_watch watch;
 *     TRY(input_watch_open(&watch, "iter_80000.pth", steps, pre, false, err));
 *     input_watch_file(&watch, path);
 */
#ifndef ENGINE_INFER_INPUT_WATCH_H
#define ENGINE_INFER_INPUT_WATCH_H

#include "data/transforms/pipeline.h"
#include "engine/setup/learned_from.h"

typedef struct input_watch {
    learned_from learned; /* nothing in it: the loader and the normalisation say what is expected */
    image_flags flags;    /* how files are read */
    double std;           /* the largest of the normalisation; 0: there is none */
    bool of_dataset;      /* gray photographs among coloured ones are usual there */
    bool skips_values;    /* of an image with nodata among its values */
    bool told_file, told_values, told_nonsense;
    image_type type; /* of the file that is looked at */
    double low, high, size;
    int64_t n; /* numbers seen of it */
} input_watch;

/* checkpoint: a file, an address or a zoo name; steps: what reads the images. */
cseg_status input_watch_open(input_watch *w, const char *checkpoint, const pipeline *steps, const preprocessor *pre,
                             bool of_dataset, cseg_error *err);
/* Looks at a file's header. What cannot be read is left to who reads it. */
void input_watch_file(input_watch *w, const char *path);
/* Pixels in memory, of 8 bits. */
void input_watch_pixels(input_watch *w, int64_t channels);
/* Numbers that go into the model, of the file looked at last; then, once or after each part, `judge`. all: nothing more
 * comes. */
void input_watch_values(input_watch *w, const float *v, int64_t n);
void input_watch_judge(input_watch *w, const char *path, bool all);

/* Numbers that are none spoil all that the model sees of them, nodata or not. Warns unless *told; true: it did. */
bool input_watch_nonsense(const char *path, const float *v, int64_t n, bool *told);

#endif
