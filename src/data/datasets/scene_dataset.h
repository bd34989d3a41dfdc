/* The inside of SceneDataset: its keys, its files, and what both say to a set of scenes. Private to this folder. */
#ifndef DATA_DATASETS_SCENE_DATASET_H
#define DATA_DATASETS_SCENE_DATASET_H

#include "config/fields.h"
#include "data/datasets/leaf.h"

typedef struct scene_keys {
    value *scenes, *split, *balance, *ann_vectors;
    ints crop_size;
    int64_t samples_per_epoch, context;
    double min_valid;
    bool class_balanced, ann_nodata, force_place;
} scene_keys;

/* What a list of scenes says beside their files. */
typedef struct scene_entries {
    double *times;         /* NULL: once each */
    const value **vectors; /* [n] of what their labels are burnt; NULL: of nothing */
} scene_entries;

/* scene_keys.c: divides the dict into what scenes say (k) and what every dataset says, of which *l comes; lists the
 * files. */
cseg_status scene_keys_read(const value *cfg, const dataset_kind *kind, const dataset_options *options, arena *mem,
                            scene_keys *k, leaf *l, leaf_files *files, scene_entries *more, cseg_error *err);
/* `text` below the dict's data_root; NULL stays. False: memory. */
bool scene_path(const value *cfg, const char *text, arena *mem, const char **out);

/* scene_options.c: crops, division and (balance) balance, by the keys; what labels mean is in *o already. */
cseg_status scene_options_read(const leaf *l, const scene_keys *k, bool balance, arena *mem, scene_options *o,
                               cseg_error *err);
/* scene_vectors.c: how a scene's vectors are burnt. own: a scene's; all: what is said for all scenes, which goes with
 * an own file. */
cseg_status scene_burn_read(const value *own, const value *all, const dataset_meta *meta, const scene_options *o,
                            arena *mem, const burn_options **out, cseg_error *err);
void scene_vectors_document(FILE *out);
void scene_options_document(FILE *out);
/* The class that a name or a number of a config means. what: "balance", for messages. */
cseg_status scene_class_of(const char *what, const value *v, const dataset_meta *meta, int64_t *out, cseg_error *err);

#endif
