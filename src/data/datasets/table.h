/* What the named datasets of the reference are: their classes, colours and file names. Facts, one row a dataset. */
#ifndef DATA_DATASETS_TABLE_H
#define DATA_DATASETS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dataset_kind {
    const char *name;           /* CityscapesDataset */
    int n_classes;              /* 0: the config must say */
    const char *const *classes;
    const uint8_t *palette;     /* n_palette colours, red, green, blue; NULL: none */
    int n_palette;
    const char *img_suffix;
    const char *seg_map_suffix;
    bool reduce_zero_label;
    bool pairs;                 /* two images a sample */
    bool needs_list;            /* split (0.x) or ann_file (1.x) is required */
    unsigned dialects;          /* DIALECT_* in which it exists */
} dataset_kind;

enum { DIALECT_0 = 1, DIALECT_1 = 2 };

/* NULL if there is none of that name. */
const dataset_kind *dataset_kind_find(const char *name);
/* The whole table. */
const dataset_kind *const *dataset_kinds(int *n);

#endif
