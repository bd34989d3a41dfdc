/* Scenes as training data: crops that are drawn anywhere in them, or windows in a grid, read from the files one by one.
 *
 *     scene_input files = {.image = path, .times = 1};
 *     scene_options how = {.name = "scenes", .crop_h = 512, .crop_w = 512};
 *     scene_set *scenes;
 *     scene_place at;
 *     TRY(scenes_open(&how, &files, 1, mem, &scenes, err));
 *     TRY(scenes_choose(scenes, 0, NULL, &at, err));
 *     TRY(scenes_read(scenes, &at, path, NULL, 0, IMAGE_COLOR, img, err));
 *
 * A set never changes after it is opened, but for its open files; any number of threads may use it. */
#ifndef DATA_SCENES_SCENES_H
#define DATA_SCENES_SCENES_H

#include "base/random.h"
#include "data/scenes/regions.h"
#include "io/raster/raster_burn.h"

typedef struct scene_set scene_set;

/* The files of a scene. All paths live as long as the set. */
typedef struct scene_input {
    const char *image, *image2; /* image2: the second date's, or NULL */
    const char *labels;         /* that crops are chosen by; NULL: there are none */
    const burn_options *burn;   /* they are vectors, to be burnt so; NULL: a raster */
    const char *const *others;  /* n_others: further label and weight maps */
    int n_others;
    double times; /* how much more often than by its size the scene is drawn from */
} scene_input;

typedef struct scene_options {
    const char *name; /* for messages: "SceneDataset (train)" */
    int64_t crop_h, crop_w;
    bool draws;                     /* crops are drawn; else windows in a grid */
    int64_t samples;                /* draws: of an epoch; 0: as many as fit side by side into the part */
    int64_t context;                /* grid: see regions_windows */
    scene_split split;              /* SPLIT_CELLS: `cells` are burnt from */
    const char *split_file;         /* these polygons, whatever they touch, */
    const burn_options *split_burn; /* as parts */
    scene_part part;
    int64_t gap; /* draws: pixels between crops and the other parts */
    double min_valid;
    /* Each crop is with this probability one that has a class, which is one of these. */
    double balance;
    const int64_t *balanced; /* n_balanced of them */
    int n_balanced;
    /* What the labels mean: the class of each number in the file; ignore and what lies above n_classes is none. */
    image_flags label_flags;
    uint8_t seen[256];
    int64_t n_classes, ignore;
    const char *const *classes; /* n_classes names; NULL: numbers */
    bool labels_have_holes;     /* pixels without data in the label file are ignored too */
    bool force_place;           /* files that lie elsewhere than their scene give a warning, no error */
    bool only_geometry;         /* nobody looks at the labels: neither counts nor balance */
    const char *cache_dir;      /* where the indices are kept; NULL: nowhere */
    bool (*stop)(void *arg);    /* see scan.h */
    void *stop_arg;
} scene_options;

/* Opens all files once, compares them (size, place), looks for the labels (scene_index) and divides the scenes. Says
 * what the part holds. inputs and what they name live as long as the set, which lives in `mem`. CSEG_SHAPE, CSEG_DATA:
 * files that do not belong together, a part without a pixel, a class to balance that the part does not have. */
cseg_status scenes_open(const scene_options *how, const scene_input *inputs, int64_t n, arena *mem, scene_set **out,
                        cseg_error *err);

int64_t scenes_samples(const scene_set *s); /* of an epoch */

typedef struct scene_place {
    int64_t scene;  /* in `inputs` */
    region at, own; /* the window, and which pixels of it count */
} scene_place;
/* Sample `index`: of a grid its window; else a crop by these random numbers alone. */
cseg_status scenes_choose(const scene_set *s, int64_t index, rng *random, scene_place *out, cseg_error *err);
/* Reads the place from a file of the scene as image_read_bands would give it. *out is new. Of float samples, NaN
 * becomes 0. bands: n numbers from 1 that live as long as the set; n 0: as they are. */
cseg_status scenes_read(const scene_set *s, const scene_place *place, const char *path, const int64_t *bands, size_t n,
                        image_flags flags, image *out, cseg_error *err);
/* The same of a label map; pixels without data are 0, whatever stands for them in the file. */
cseg_status scenes_read_labels(const scene_set *s, const scene_place *place, const char *path, image_flags flags,
                               image *out, cseg_error *err);
/* Writes the label to ignore (255 if that is no byte) wherever nothing counts: no data in the scene or in its labels,
 * pixels that are not the window's own. labels u8 [at.h, at.w]; path: their file. */
cseg_status scenes_blank(const scene_set *s, const scene_place *place, const char *path, image *labels,
                         cseg_error *err);

/* Pixels of the part by value of the file, as far as the index knows: squares that lie in several parts are divided by
 * area. */
typedef struct scene_values {
    int64_t h, w; /* of the scene */
    int n;
    struct scene_value {
        int64_t value, count;
    } * at; /* by value; none is INDEX_NO_DATA */
    int64_t no_data;
} scene_values;
/* NULL: the scene has no labels. */
const scene_values *scenes_values(const scene_set *s, int64_t scene);

#endif
