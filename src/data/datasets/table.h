/* The named datasets of MMSegmentation: their classes, colours and file names, one row a dataset. mmseg 0.30.0 and
 * 1.2.2 agree about all that both have.
 *
 *     const dataset_kind *kind = dataset_kind_find("CityscapesDataset");
 *     if (!kind)
 *         return fail(err, CSEG_CONFIG, "there is no such dataset");
 */
#ifndef DATA_DATASETS_TABLE_H
#define DATA_DATASETS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dataset_kind {
    const char *name; /* CityscapesDataset */
    int n_classes;    /* 0: the config must say */
    const char *const *classes;
    const uint8_t (*palette)[3]; /* n_classes colours, red, green, blue; NULL: none */
    int n_semantic; /* Open-CD's semantic change detection: classes of the maps of each date; 0: none are known */
    const char *const *semantic;
    const char *img_suffix;
    const char *seg_map_suffix;
    bool reduce_zero_label;
    bool reduce_semantic_zero_label; /* of the maps of each date */
    bool pairs;                      /* two images a sample */
    bool needs_list;                 /* split (0.x) or ann_file (1.x) is required */
    bool scenes;                     /* windows of files of any size (scene_dataset.c) */
    bool to_binary;                  /* labels of 128 and more are 1, the others 0 (Open-CD) */
    const char *folder1, *folder2;   /* of pairs in the 0.x dialect: sub_dir_1, sub_dir_2 */
    const char *refused;             /* why it is not read here; NULL: it is */
} dataset_kind;

/* NULL if there is none of that name. */
const dataset_kind *dataset_kind_find(const char *name);
/* The whole table. */
const dataset_kind *dataset_kinds(int *n);

#endif
