/* Checks whether the images that a model segments are like those it was trained on. Each kind of difference gives one
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
    learned_from learned; /* empty: the loader and the normalisation say what is expected */
    image_flags flags;    /* how files are read */
    double std;           /* the largest one of the normalisation; 0: none */
    bool of_dataset;      /* a dataset's images: gray photographs among coloured ones are normal */
    bool skips_values;    /* images with nodata: values are not compared */
    bool told_file, told_values, told_nonsense;
    image_type type; /* of the current file */
    double low, high, size;
    int64_t n; /* number of values seen of it */
} input_watch;

/* Opens a watch. checkpoint: a file, an address or a zoo name; steps: the pipeline that reads the images. */
cseg_status input_watch_open(input_watch *w, const char *checkpoint, const pipeline *steps, const preprocessor *pre,
                             bool of_dataset, cseg_error *err);
/* Checks a file's header. Files that cannot be read are left to the reader. */
void input_watch_file(input_watch *w, const char *path);
/* Checks pixels in memory, of 8 bits. */
void input_watch_pixels(input_watch *w, int64_t channels);
/* input_watch_values takes values that enter the model, of the last file; input_watch_judge checks them, once or after
 * each part. all: no more values follow. */
void input_watch_values(input_watch *w, const float *v, int64_t n);
void input_watch_judge(input_watch *w, const char *path, bool all);

/* Warns of NaN and infinity among the values, unless *told, which it then sets: they spoil every output that depends on
 * them, nodata or not. Returns whether it warned. */
bool input_watch_nonsense(const char *path, const float *v, int64_t n, bool *told);

#endif
