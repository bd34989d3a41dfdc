/* The inside of a dataset, and of a leaf: a dataset that lists files, between its config and its samples. Private to
 * this folder. */
#ifndef DATA_DATASETS_LEAF_H
#define DATA_DATASETS_LEAF_H

#include "data/datasets/dataset.h"
#include "data/datasets/table.h"
#include "data/scenes/scenes.h"

/* The place of a kind of label or weight map: `dir`/NAME`suffix`. */
typedef struct map_place {
    const char *key;
    const char *dir; /* joined with data_root */
    const char *suffix;
    bool is_weight;
} map_place;

/* What both dialects say, brought to one form. */
typedef struct leaf {
    const value *at; /* the dict, for messages */
    const dataset_kind *kind;
    const data_rules *rules;
    bool cuts_suffix;      /* a listed image's stem is its name without img_suffix at the end */
    bool splits_extension; /* BaseCDDataset: each file keeps its own ending, whatever img_suffix says */
    bool five_columns;     /* Open-CD's lists for semantic change may name both images and the three label maps */
    const char *img_dir, *img_dir2; /* joined; img_dir2 NULL: no pair */
    const char *img_key, *img_key2; /* what the config calls them, for messages */
    const char *img_suffix, *img_suffix2;
    const char *list; /* split or ann_file; NULL: the folder is listed */
    const char *list_key;
    map_place maps[SAMPLE_MAX_LABELS];
    int n_maps;
    const value *indices;
    const value *pipeline;
    const value *truth_loader; /* gt_seg_map_loader_cfg */
    dataset_meta meta;
} leaf;

/* The files of a leaf, in order. Of sample i: image[i], image2[i], maps[i * n_maps ...]. */
typedef struct leaf_files {
    int64_t n;
    const char **image, **image2; /* image2 NULL: no pairs */
    dataset_map *maps;
} leaf_files;

typedef enum { LEAF, SCENES, CONCAT, REPEAT, MIX } dataset_form;

struct dataset {
    dataset_form form;
    dataset_meta meta;
    int64_t count;
    pipeline *run; /* of a leaf, of SCENES and of MIX; else NULL */
    /* LEAF and SCENES, whose files are those of each scene */
    leaf_files files;
    int n_maps;
    pipeline *truth;
    const char *folder; /* of the images */
    /* SCENES */
    scene_set *scenes;
    bool draws;               /* crops; else windows, */
    const char **names;       /* each with a name, [count] */
    int64_t *scene_of_window; /* and a scene, [count] */
    /* the others */
    const dataset **parts; /* CONCAT: n_parts; else one */
    int n_parts;
    int64_t *ends;        /* CONCAT: number of samples in the parts up to here */
    bool separate_eval;   /* CONCAT of 0.x: each part is measured by itself */
    const value *at;      /* CONCAT: where the list stands */
    sample_source source; /* MIX: where RandomMosaic finds further samples */
};

/* keys.c: the rules by which a dataset's dict is to be read: those of the options, or what its keys tell. kind NULL: of
 * a type that is not known. */
const data_rules *leaf_rules(const value *cfg, const dataset_kind *kind, const dataset_options *options);
/* Whether the dataset lists files itself. */
static inline bool dataset_is_leaf(const dataset *ds)
{
    return ds->form == LEAF || ds->form == SCENES;
}

/* keys.c: reads a dataset's dict by its rules. */
cseg_status leaf_parse(const value *cfg, const dataset_kind *kind, const dataset_options *options, arena *mem,
                       leaf *out, cseg_error *err);
void leaf_document(FILE *out);
/* keys.c: whether a leaf's dict may have the key. */
bool leaf_has_key(const data_rules *rules, const char *key);
/* build.c: the same of the wrappers. */
void wrappers_document(FILE *out);
/* build.c: fills what a leaf of files and one of scenes have in common: meaning, pipelines. */
cseg_status leaf_begin(const leaf *l, const dataset_options *options, arena *mem, dataset *ds, cseg_error *err);
/* scene_dataset.c: a dataset of scenes; the sample's window, for which s->mem and s->random are set; documentation. */
cseg_status scene_dataset_build(const value *cfg, const dataset_kind *kind, const dataset_options *options, arena *mem,
                                dataset *ds, cseg_error *err);
cseg_status scene_dataset_choose(const dataset *ds, int64_t index, sample *s, int64_t *scene, cseg_error *err);
void scene_dataset_document(FILE *out);
/* dataset.c: all that is known of a sample from its files before any of them is read. */
cseg_status dataset_describe_files(const dataset *l, int64_t file, bool weights, sample *s, cseg_error *err);
/* files.c: lists the folder or reads the list, then takes `indices`. */
cseg_status leaf_list(const leaf *l, arena *mem, leaf_files *out, cseg_error *err);

/* dataset.c: sample `index` of any dataset through its pipelines, with out->mem, random and index set. */
cseg_status dataset_load(const dataset *ds, int64_t index, sample *out, cseg_error *err);

/* meaning.c: classes, colours and label map. `classes` and `palette` are the config's own, or NULL.
 * Fills the four members of *meta. */
cseg_status meaning_resolve(const dataset_kind *kind, const data_rules *rules, const value *classes,
                            const value *palette, arena *mem, dataset_meta *meta, cseg_error *err);
/* Warns of keys that are all but "classes" or "palette"; metainfo may be NULL. */
void meaning_warn_slips(const value *metainfo);
/* The lines of a text file without their ends, Python's readlines. */
cseg_status leaf_read_lines(const char *path, arena *mem, const char ***lines, size_t *n, cseg_error *err);

#endif
