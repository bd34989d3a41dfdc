/* Datasets: which files there are, in which order, and what their labels mean.
 *
 *     dataset *train;
 *     sample first = {0};
 *     TRY(dataset_build(cfg, &(dataset_options){0}, mem, &train, err));
 *     TRY(dataset_get(train, 0, 42, 0, mem, &first, err));
 *
 * Reads every dataset of MMSegmentation in both dialects (table.h), the wrappers ConcatDataset, RepeatDataset and
 * MultiImageMixDataset, lists of folders, pairs of images for change detection, and scenes of any size (SceneDataset),
 * whose samples are windows.
 *
 * Files are listed when a dataset is built and opened when a sample is asked for. Nothing changes after building: every
 * function here that takes a const dataset may be called from any number of threads. */
#ifndef DATA_DATASETS_DATASET_H
#define DATA_DATASETS_DATASET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/channels.h"
#include "base/error.h"
#include "config/value.h"
#include "data/rules.h"

typedef struct dataset dataset;

/* What the labels mean. For wrappers: what those of their first dataset mean. */
typedef struct dataset_meta {
    const char *kind;           /* the config's type: CityscapesDataset; never NULL */
    const data_rules *rules;    /* by which its dict was read; never NULL */
    int64_t n_classes;          /* 0: nobody said */
    const char *const *classes; /* n_classes names */
    int64_t n_semantic;         /* Open-CD: classes of the maps of each date; 0: nobody said */
    const char *const *semantic_classes;
    const uint8_t *palette; /* n_classes colours, red, green, blue; the reference's random ones if none are
                                   known */
    int64_t ignore_index;
    bool reduce_zero_label;          /* 0 means ignored, and the classes start at 1 in the files */
    const value *label_map;          /* dict, old id -> new id, of `classes=`; NULL: ids stay. Removed classes go to 255
                                      * (the reference writes -1 in 0.x, which is 255 in the bytes that it keeps them in) */
    bool reduce_semantic_zero_label; /* Open-CD: the same for the maps of each date */
    bool pairs;                      /* two images a sample */
    bool to_binary;                  /* labels of 128 and more are 1, the others 0 */
    bool gray_labels;                /* label files in colours are read as gray levels, as Open-CD's loaders do */
    bool test_mode;
} dataset_meta;

/* One label or weight map of a sample. */
typedef struct dataset_map {
    const char *key; /* gt_semantic_seg, gt_semantic_seg_from, gt_semantic_seg_to, seg_weight_map */
    const char *path;
    bool is_weight;
    const struct scene_values *values; /* what is known of its values; NULL: nothing yet (scenes.h) */
} dataset_map;

/* The files of a sample. Paths are joined with data_root, and relative to the working folder if that is relative. */
typedef struct dataset_item {
    const char *path;  /* image, of the first date for pairs */
    const char *path2; /* second date; NULL if not a pair */
    const dataset_map *maps;
    int n_maps;               /* 0: the config names no labels */
    const char *name;         /* by which what is made of the sample is called: path, or for a window of a scene
                                 FOLDER/STEM_ROW_COLUMN.ENDING */
    bool of_scenes;           /* sizes and places of its files were compared when the dataset was built */
    const dataset_meta *meta; /* of the very dataset that the sample is from, within ConcatDataset too */
    int part;                 /* which dataset of a ConcatDataset */
} dataset_item;

/* What the surroundings of a dataset's dict decide. A zeroed struct is a good default. */
typedef struct dataset_options {
    const data_rules *rules; /* of the whole config; NULL: told from the keys of each dict */
    const value *inherited;  /* default arguments, as build_from_cfg's default_args (test_mode=True); may be NULL */
    bool no_pipeline;        /* only the files and the meaning are wanted; dataset_get refuses */
    const char *work_dir;    /* keeps what a look at scenes found for later runs; NULL: nothing is kept */
    bool (*stop)(void *arg); /* asked now and then: true ends building with CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} dataset_options;

/* Builds the dataset that `cfg` describes: a dict with a type, or a list of such dicts (joined, as 0.x does). Lists the
 * folders and checks that they hold something; *out lives in `mem` and is freed with it. CSEG_CONFIG: unknown types or
 * keys (with file, line and the nearest known name), classes that the dataset does not have; CSEG_NOT_FOUND: missing
 * folders, lists, or no image with that suffix. */
cseg_status dataset_build(const value *cfg, const dataset_options *options, arena *mem, dataset **out, cseg_error *err);

/* The first dataset within wrappers and lists (RepeatDataset, ConcatDataset, dataset=dict(...)): its dict says what
 * labels and images are. NULL for NULL. */
const value *dataset_innermost(const value *cfg);
/* What the labels of a dataset's dict mean, without looking for its files; rules as in dataset_options. Not for
 * wrappers. */
cseg_status dataset_meta_read(const value *cfg, const data_rules *rules, arena *mem, dataset_meta *out,
                              cseg_error *err);

int64_t dataset_count(const dataset *ds);
const dataset_meta *dataset_about(const dataset *ds);
/* What is measured by itself: the whole (one part), or each dataset that a 0.x ConcatDataset
 * joins, unless separate_eval=False. */
typedef struct dataset_part {
    const dataset_meta *about;
    int64_t count;      /* samples */
    const char *folder; /* of the images; NULL: it is the whole */
} dataset_part;
int dataset_parts(const dataset *ds);
dataset_part dataset_part_at(const dataset *ds, int part);
/* CSEG_CONFIG: joined datasets of the 0.x dialect that the reference does not measure together, or not at all. */
cseg_status dataset_check_measured(const dataset *ds, cseg_error *err);

/* The files of sample `index` (0 ... count-1). Of crops that are drawn, only `meta` and `part` are those of the sample.
 */
dataset_item dataset_item_at(const dataset *ds, int64_t index);
/* All files, each once for each dataset that names them: of most datasets those of a sample, of scenes those of a
 * scene. i: 0 ... dataset_sources-1. */
int64_t dataset_sources(const dataset *ds);
dataset_item dataset_source_at(const dataset *ds, int64_t i);

/* Loads sample `index` and runs the pipeline on it. The random numbers depend on (seed, epoch, index) alone. `mem`
 * holds the sample's small things and must outlive it; give the pixels back with sample_release, after failure too.
 * CSEG_NOT_FOUND, CSEG_CORRUPT, CSEG_SHAPE...: the message names the file. */
cseg_status dataset_get(const dataset *ds, int64_t index, uint64_t seed, uint64_t epoch, arena *mem, sample *out,
                        cseg_error *err);
/* The same; adds to *times what the transforms took. */
cseg_status dataset_get_timed(const dataset *ds, int64_t index, uint64_t seed, uint64_t epoch, arena *mem,
                              pipeline_times *times, sample *out, cseg_error *err);
/* For test-time augmentation: out[0 ... variants-1], as pipeline_apply_variants gives them. */
cseg_status dataset_get_variants(const dataset *ds, int64_t index, uint64_t seed, uint64_t epoch, arena *mem,
                                 sample *out, cseg_error *err);
/* Loads the label maps of sample `index` as evaluation wants them: of the file's size, ids mapped, zero reduced. The
 * image is not read. The 0.x dialect, whose test pipelines load no labels, evaluates against these. */
cseg_status dataset_get_truth(const dataset *ds, int64_t index, arena *mem, sample *out, cseg_error *err);

/* Reads the image of sample `index` (of pairs the first date's) as image_read would with these flags; of a scene the
 * sample's window. CSEG_USAGE: a crop that is drawn. */
cseg_status dataset_read_image(const dataset *ds, int64_t index, image_flags flags, image *out, cseg_error *err);

/* Tells how the label map `key` of source i is read, and what its numbers become. measured: as evaluation reads
 * it, which is by the pipeline, or as dataset_get_truth if the pipeline loads no labels. False: the pipeline loads
 * none. */
bool dataset_label_reading(const dataset *ds, int64_t i, const char *key, bool measured, label_reading *out);

/* The last pipeline that samples go through (of a ConcatDataset: its first part's); NULL with no_pipeline. */
const pipeline *dataset_pipeline(const dataset *ds);

/* Calls fn for each pipeline that samples go through, of all parts and of what is inside wrappers; stops at the first
 * failure, and returns it. */
cseg_status dataset_each_pipeline(const dataset *ds,
                                  cseg_status (*fn)(void *arg, const pipeline *p, const dataset *of, cseg_error *err),
                                  void *arg, cseg_error *err);

/* Checks that the files of all samples exist, without opening them; measured: also the labels that evaluation wants,
 * whatever the pipeline loads. CSEG_NOT_FOUND names the first that is missing and how many more there are. It says so
 * if labels are wanted and the config names none. */
cseg_status dataset_check_files(const dataset *ds, bool measured, cseg_error *err);

/* A map that every sample must bring along in training. */
typedef struct dataset_wanted {
    const char *key;   /* gt_edge_map */
    const char *by;    /* who learns from it, for the message: "decode_head (PIDHead)" */
    const char *maker; /* the transform that makes it: GenerateEdge */
} dataset_wanted;

typedef struct dataset_try_options {
    const preprocessor *pre;
    bool training; /* as loader_options has both */
    bool truth;
    int64_t batch_size;           /* of several, all samples that are tried must fit into one batch */
    channel_count takes;          /* the model's; n 0: any */
    const dataset_wanted *wanted; /* training: n_wanted maps */
    int n_wanted;
    uint64_t seed;
} dataset_try_options;
/* Sends the first sample of each joined dataset, and the last of all, through all that a run does to a sample, up to
 * its place in a batch. So what cannot work is reported before the first step. The errors name the transform. */
cseg_status dataset_try(const dataset *ds, const dataset_try_options *options, cseg_error *err);

/* Markdown: all datasets and their keys. */
void datasets_document(FILE *out);

/* The colours that the reference invents for n classes without a palette (numpy's generator, seed 42), the same in each
 * run: out [n][3]. */
void dataset_random_palette(int64_t n, uint8_t *out);

#endif
