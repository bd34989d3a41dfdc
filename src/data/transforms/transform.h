/* What a transform is. A kind is one file (small families share one): a table of its fields under the names of both
 * dialects, a build function that checks them and prepares what applying needs, and apply. One line in list.h
 * registers it. A built transform never changes, so that any number of threads may apply it. */
#ifndef DATA_TRANSFORMS_TRANSFORM_H
#define DATA_TRANSFORMS_TRANSFORM_H

#include <stddef.h>

#include "config/fields.h"
#include "data/transforms/pipeline.h"
#include "io/imgproc/imgproc.h"

typedef struct transform transform;

/* Size of the images behind a transform, as far as it is known when the pipeline is built. 0: not at all. */
typedef struct known_size {
    int64_t h, w;
    bool exact; /* all have it; else it is the largest that can come */
} known_size;

typedef struct transform_builder {
    arena *mem;
    config_dialect dialect;
    const char *name; /* as the config writes the type: a kind may have several names */
    const value *dict;
    pipeline_info *info; /* what the whole pipeline does, filled as it is built */
    known_size size;     /* in front of this transform; build changes it to what is behind */
    int depth;           /* of pipelines within pipelines */
} transform_builder;

/* How a transform can be done to a picture that is never in memory as a whole (data/transforms/windows.h). A new kind
 * must say it: the compiler wants every member of transform_kind, and tests/unit/data/test_windows.c finds
 * WINDOWS_UNSAID. */
typedef enum transform_windows {
    WINDOWS_UNSAID,
    WINDOWS_LOADS,     /* gives the pixels of one file; takes those that lie in the sample already */
    WINDOWS_POINTWISE, /* a pixel's channels alone decide what it becomes; or it has nothing to do with pixels */
    WINDOWS_GEOMETRY,  /* resizes, cuts or flips, by sample.todo alone: apply looks at no pixel */
    WINDOWS_RANGE,     /* pointwise once the picture's least and greatest value are known (sample.range) */
    WINDOWS_INNER,     /* other transforms in a row */
    WINDOWS_WHOLE      /* needs all pixels at once, or is never the same twice */
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

/* One way through test time augmentation: what is decided beforehand, and the transforms to run. */
typedef struct variant {
    bool has_preset;
    int64_t scale[2]; /* (w, h) or a long and a short edge, as 0.x has it; ratio > 0: of the image's own size */
    double ratio;
    bool flip;
    char direction;
    transform_list steps;
} variant;

struct transform {
    const transform_kind *kind;
    const char *name;
    where at;
    const void *conf;
    transform_list *inner; /* of wrappers: n_inner lists */
    size_t n_inner;
    variant *variants; /* of test time augmentation */
    int n_variants;
};

/* What is behind pipeline.h. */
struct pipeline {
    transform_list list;
    const transform *views; /* the test time augmentation that ends it, or NULL */
    pipeline_info info;
};
/* What a view decides for the transforms within it. */
void variant_preset(const variant *v, sample *s);

#define FIELDS(array, struct_)                                                                                         \
    {                                                                                                                  \
        .at = array, .n = sizeof(array) / sizeof *(array), .size = sizeof(struct_)                                     \
    }

/* A list of dicts, or one dict, to transforms. b->size goes through all of them. */
cseg_status transforms_build(transform_builder *b, const value *list, transform_list *out, cseg_error *err);
cseg_status transforms_apply(const transform_list *list, sample *s, cseg_error *err);

/* "FILE:LINE: NAME: what" */
cseg_status transform_fail(const transform_builder *b, cseg_error *err, const char *fmt, ...) CSEG_PRINTF(3, 4);

/* For build: the transform may write `with` into label maps. Every one that does says so, because the model must know
 * that label. `field` is what says it, and may be one of a dict's: "pad_val.seg". */
cseg_status transform_fills_labels(const transform_builder *b, const char *field, double with, cseg_error *err);

/* ---- reading fields ---- */

/* A size: two whole numbers of 1 or more, or one number for both if `one` allows it. out[0] is the first. */
cseg_status transform_pair(const transform_builder *b, const char *what, const value *v, bool one, int64_t out[2],
                           cseg_error *err);
cseg_status transform_probability(const transform_builder *b, const char *what, double p, cseg_error *err);

/* ---- for apply ---- */

/* Notes in s->image_step and map_step that t changed sizes, if it did; before: as they were. */
typedef struct step_sizes {
    int64_t image_h, image_w, map_h, map_w; /* 0: not loaded */
    sample_step image_step, map_step;
} step_sizes;
step_sizes step_sizes_of(const sample *s);
void step_note(const transform *t, const step_sizes *before, sample *s);

/* Geometry of the image or of one map; put off if it can be. group: channels of one picture (0: all). */
cseg_status picture_resize(image *m, delayed *todo, int64_t h, int64_t w, resize_kind kind, int64_t group,
                           cseg_error *err);
cseg_status picture_crop(image *m, delayed *todo, int64_t y, int64_t x, int64_t h, int64_t w, cseg_error *err);
int64_t picture_height(const image *m, const delayed *todo);
int64_t picture_width(const image *m, const delayed *todo);

/* The same for the image and all maps that are loaded: labels by the nearest sample, weights linearly. Each also does
 * what Normalize left to do, if that comes first. */
cseg_status sample_resize(sample *s, int64_t h, int64_t w, resize_kind kind, cseg_error *err);
cseg_status sample_crop(sample *s, int64_t y, int64_t x, int64_t h, int64_t w, cseg_error *err);
cseg_status sample_flip(sample *s, char direction, cseg_error *err);
/* Everything that waits is done, Normalize and the padding behind it included: pixels as the reference has them now. */
cseg_status sample_need_pixels(sample *s, cseg_error *err);
/* Channels of one date's image. */
int64_t sample_group(const sample *s);
/* Replaces the image of s or of a map. */
void picture_replace(image *m, image with);
/* Size that the image takes in a batch at least: with the padding that Normalize left to be done. */
int64_t sample_padded_height(const sample *s);
int64_t sample_padded_width(const sample *s);
/* No image, so nothing to do it to: CSEG_CONFIG. */
cseg_status sample_need_image(const sample *s, cseg_error *err);

/* All that have a name, refused ones too; for tests. */
int transforms_count(void);
const char *transforms_name(int i, transform_windows *windows);
/* load_annotations.c: what it does to the map `key` of a sample like this. */
void annotations_describe(const transform *t, const sample *like, const char *key, label_reading *out);

/* The part of transforms_document that is not about transforms. */
void preprocessor_document(FILE *out);

#endif
