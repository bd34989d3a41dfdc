/* Checks whether the images that a model segments are like those it was trained on. Each kind of difference gives one
 * warning, which names the first file that has it. What is certainly nonsense can be refused instead:
 * - fewer bands than the model learned from, or than a config that normalises three colours differently asks for;
 * - another sample type than it learned from, whose numbers lie far from those that it learned from, or for which mean
 *   and std cannot be meant.
 *
 *     input_watch watch;
 *     TRY(input_watch_open(&watch, "iter_80000.pth", steps, pre, false, err));
 *     watch.refuses = true;
 *     input_watch_file(&watch, path);
 *     TRY(input_watch_verdict(&watch, err));
 */
#ifndef ENGINE_INFER_INPUT_WATCH_H
#define ENGINE_INFER_INPUT_WATCH_H

#include "data/transforms/pipeline.h"
#include "engine/setup/learned_from.h"

typedef struct input_watch {
    learned_from learned; /* empty: the loader and the normalisation say what is expected */
    image_flags flags;    /* how files are read */
    const int64_t *bands; /* of files that the loader takes; n_bands 0: all */
    size_t n_bands;
    bool colours;       /* three channels are normalised, each in its own way */
    bool refuses;       /* set it after opening: nonsense is an error, which input_watch_verdict gives */
    cseg_error refusal; /* of the current file; code CSEG_OK: none */
    bool odd_type;      /* the current file's sample type is none that was learned from */
    double std;         /* the largest one of the normalisation; 0: none */
    bool of_dataset;    /* a dataset's images: gray photographs among coloured ones are normal */
    bool skips_values;  /* images with nodata: values are not compared */
    bool told_file, told_values, told_nonsense;
    image_type type; /* of the current file */
    double low, high, size;
    int channels;                                                 /* that are normalised; 1: unknown */
    double least[SAMPLE_MAX_CHANNELS], most[SAMPLE_MAX_CHANNELS]; /* of each of them */
    int64_t n;                                                    /* number of values seen of it */
} input_watch;

/* Opens a watch. checkpoint: a file, an address or a zoo name; steps: the pipeline that reads the images. */
cseg_status input_watch_open(input_watch *w, const char *checkpoint, const pipeline *steps, const preprocessor *pre,
                             bool of_dataset, cseg_error *err);
/* Whether the current file is refused, by its header or by its values so far: CSEG_DATA, with the way out (--force).
 * Ask after input_watch_file and after the judgement of all values; of a scene before it is segmented, by some windows
 * spread over it. Always CSEG_OK unless w->refuses. */
cseg_status input_watch_verdict(const input_watch *w, cseg_error *err);

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
