/* What a transform is.
 *
 *     transform_list list;
 *     pipeline_info info = {0};
 *     transform_builder builder = {.mem = mem, .info = &info};
 *     TRY(transforms_build(&builder, cfg, &list, err));
 *     TRY(transforms_apply(&list, s, err));
 *
 * A kind is one file (small families share one): a table of its fields under the names of both dialects, a build
 * function that checks them and prepares what applying needs, and an apply function. One line in transform_list.h
 * registers it. A built transform never changes, so any number of threads may apply it. */
#ifndef DATA_TRANSFORMS_TRANSFORM_H
#define DATA_TRANSFORMS_TRANSFORM_H

#include <stddef.h>

#include "config/fields.h"
#include "data/transforms/pipeline.h"
#include "io/imgproc/imgproc.h"

typedef struct transform transform;

/* Size of the images after a transform, as far as it is known when the pipeline is built. 0: unknown. */
typedef struct known_size {
    int64_t h, w;
    bool exact; /* all images have it; else it is the largest that can come */
} known_size;

typedef struct transform_builder {
    arena *mem;
    const pipeline_rules *rules;
    const char *name; /* as the config writes the type: a kind may have several names */
    const value *dict;
    pipeline_info *info; /* what the whole pipeline does, filled as it is built */
    known_size size;     /* before this transform; build changes it to the size after it */
    int depth;           /* of pipelines within pipelines */
} transform_builder;

/* How a transform can be applied to a picture that is never in memory as a whole (data/transforms/windows.h). A new
 * kind must say it: the compiler wants every member of transform_kind, and tests/unit/data/test_windows.c finds
 * WINDOWS_UNSAID. */
typedef enum transform_windows {
    WINDOWS_UNSAID,
    WINDOWS_LOADS,      /* gives the pixels of one file; takes pixels that are in the sample already */
    WINDOWS_LOADS_PAIR, /* the same for two dates */
    WINDOWS_POINTWISE,  /* each pixel depends on its own channels alone; or the transform does not touch pixels */
    WINDOWS_GEOMETRY,   /* resizes, cuts or flips, by sample.todo alone: apply looks at no pixel */
    WINDOWS_RANGE,      /* pointwise once the whole picture was measured (transform.measure, sample.range) */
    WINDOWS_INNER,      /* other transforms in a row */
    WINDOWS_WHOLE       /* needs all pixels at once, or gives a different result each time */
} transform_windows;

typedef struct transform_kind {
    const field_table *fields; /* of conf */
    const char *about;         /* one line for the documentation */
    /* Checks conf (filled from the table, zeroed behind it up to fields->size) and prepares t. May be NULL. */
    cseg_status (*build)(transform_builder *b, void *conf, transform *t, cseg_error *err);
    cseg_status (*apply)(const transform *t, sample *s, cseg_error *err);
    transform_windows windows;
} transform_kind;

/* Transforms in a row. */
typedef struct transform_list {
    size_t n;
    transform **at;
} transform_list;

/* One variant of test-time augmentation: what is decided beforehand, and the transforms to run. */
typedef struct variant {
    bool has_preset;
    int64_t scale[2]; /* (w, h) or a long and a short edge, as 0.x has it; ratio > 0: of the image's own size */
    double ratio;
    bool flip;
    char direction;
    transform_list steps;
} variant;

/* A picture that is looked at part by part. */
typedef struct picture_parts {
    int64_t h, w;
    const image *whole; /* all of it, if it is in memory; else NULL */
    cseg_status (*read)(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err);
    void *arg;
    /* Told after each part, in pixels; NULL: nothing is. */
    cseg_status (*looked)(void *arg, int64_t done, int64_t all, cseg_error *err);
    void *looked_arg;
    image_nodata nodata;
    int dates; /* 2: the channels are those of a pair, one date behind the other */
} picture_parts;
typedef cseg_status picture_look(void *arg, const image *part, cseg_error *err);
/* Shows all of it, each pixel once, in parts that fit into memory. */
cseg_status picture_each_part(const picture_parts *p, picture_look *look, void *arg, cseg_error *err);

struct transform {
    const transform_kind *kind;
    const char *name;
    where at;
    const void *conf;
    /* WINDOWS_RANGE: measures a picture for apply, which calls it itself for one that is whole. out's arrays are in
     * `mem`. NULL, as it is unless build sets it: nothing is to be known. */
    cseg_status (*measure)(const transform *t, const picture_parts *p, arena *mem, sample_range *out, cseg_error *err);
    transform_list *inner; /* of wrappers: n_inner lists */
    size_t n_inner;
    variant *variants; /* of test time augmentation */
    int n_variants;
};

/* The inside of a pipeline (pipeline.h). */
struct pipeline {
    transform_list list;
    const transform *views; /* the test time augmentation that ends it, or NULL */
    pipeline_info info;
};
/* Sets what a view decides for the transforms within it. */
void variant_preset(const variant *v, sample *s);

#define FIELDS(array, struct_)                                                                                         \
    {                                                                                                                  \
        .at = array, .n = sizeof(array) / sizeof *(array), .size = sizeof(struct_)                                     \
    }

/* Builds transforms from a list of dicts, or one dict. b->size goes through all of them. */
cseg_status transforms_build(transform_builder *b, const value *list, transform_list *out, cseg_error *err);
cseg_status transforms_apply(const transform_list *list, sample *s, cseg_error *err);

/* "FILE:LINE: NAME: what" */
cseg_status transform_fail(const transform_builder *b, cseg_error *err, const char *fmt, ...) CSEG_PRINTF(3, 4);

/* For build: says that the transform may write `with` into label maps. Every transform that does must say so, because
 * the model must know that label. `field` is the field that sets it, perhaps one inside a dict: "pad_val.seg". */
cseg_status transform_fills_labels(const transform_builder *b, const char *field, double with, cseg_error *err);

/* ---- reading fields ---- */

/* Reads a size: two whole numbers of 1 or more, or one number for both if `one` allows it. out[0] is the first. */
cseg_status transform_pair(const transform_builder *b, const char *what, const value *v, bool one, int64_t out[2],
                           cseg_error *err);
cseg_status transform_probability(const transform_builder *b, const char *what, double p, cseg_error *err);

/* ---- for apply ---- */

/* Notes in s->image_step and map_step that t changed sizes, if it did; before: the sizes before it. */
typedef struct step_sizes {
    int64_t image_h, image_w, map_h, map_w; /* 0: not loaded */
    sample_step image_step, map_step;
} step_sizes;
step_sizes step_sizes_of(const sample *s);
void step_note(const transform *t, const step_sizes *before, sample *s);

/* Geometry of the image or of one map, delayed if possible. group: channels of one picture (0: all). */
cseg_status picture_resize(image *m, delayed *todo, int64_t h, int64_t w, resize_kind kind, int64_t group,
                           cseg_error *err);
cseg_status picture_crop(image *m, delayed *todo, int64_t y, int64_t x, int64_t h, int64_t w, cseg_error *err);
int64_t picture_height(const image *m, const delayed *todo);
int64_t picture_width(const image *m, const delayed *todo);

/* The same for the image and all maps that are loaded: labels by the nearest sample, weights linearly. If a delayed
 * Normalize must come first, it is done first. */
cseg_status sample_resize(sample *s, int64_t h, int64_t w, resize_kind kind, cseg_error *err);
cseg_status sample_crop(sample *s, int64_t y, int64_t x, int64_t h, int64_t w, cseg_error *err);
cseg_status sample_flip(sample *s, char direction, cseg_error *err);
/* Does all that is delayed, Normalize and the padding after it included: then the pixels are the reference's at this
 * point. */
cseg_status sample_need_pixels(sample *s, cseg_error *err);
/* Channels of one date's image. */
int64_t sample_group(const sample *s);
/* sample.range: of the whole picture that this is a window of, or else of this image by t->measure. */
cseg_status sample_measure(const transform *t, sample *s, sample_range *out, cseg_error *err);
/* Replaces the image of s or of a map. */
void picture_replace(image *m, image with);
/* The least size that the image takes in a batch, with the delayed padding. */
int64_t sample_padded_height(const sample *s);
int64_t sample_padded_width(const sample *s);
/* CSEG_CONFIG if there is no image to work on. */
cseg_status sample_need_image(const sample *s, cseg_error *err);

/* All transforms that have a name, refused ones too; for tests. */
int transforms_count(void);
const char *transforms_name(int i, transform_windows *windows);
/* load_annotations.c: tells what it does to the map `key` of a sample like this. */
void annotations_describe(const transform *t, const sample *like, const char *key, label_reading *out);

/* The part of transforms_document that is about the preprocessor. */
void preprocessor_document(FILE *out);

#endif
