/* SceneDataset: samples are windows of scenes, which are never in memory as a whole. */
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config/fields.h"
#include "data/datasets/leaf.h"

/* ---- keys ------------------------------------------------------------------------------------------------------ */

typedef struct scene_keys {
    value *scenes, *split, *balance;
    ints crop_size;
    int64_t samples_per_epoch, context;
    double min_valid;
    bool class_balanced, ann_nodata, force_place;
} scene_keys;

static const field scene_fields[] = {
    FIELD(scene_keys, F_VALUE, scenes, "None",
          "the scenes, a list of dicts as below; None: those of a folder or a list"),
    FIELD(scene_keys, F_INTS, crop_size, NULL, "height and width of the windows in pixels, or one number"),
    FIELD_RANGE(scene_keys, F_INT, samples_per_epoch, "0", 0, 1e12,
                "training: crops of an epoch; 0: as many as cover the area"),
    FIELD(scene_keys, F_VALUE, split, "None",
          "which part of each scene, a dict as below; None: all of it (a text is 0.x's list of names)"),
    FIELD(scene_keys, F_VALUE, balance, "None", "training: crops that have certain classes, a dict as below"),
    FIELD(scene_keys, F_BOOL, class_balanced, "False",
          "training: each crop has a class that is drawn, all classes equally often"),
    FIELD_RANGE(scene_keys, F_FLOAT, min_valid, "0.0", 0, 1,
                "training: a crop is drawn again if it has labels on less of its area, or on none"),
    FIELD_RANGE(scene_keys, F_INT, context, "0", 0, 65536,
                "validation and test: pixels around each window that are seen and not counted"),
    FIELD(scene_keys, F_BOOL, ann_nodata, "True",
          "where the label raster itself has no data nothing counts; False: its nodata value is a label too"),
    FIELD(scene_keys, F_BOOL, force_place, "False", "accept label rasters that lie elsewhere than their scene"),
};
static const field_table scene_table = FIELD_TABLE(scene_fields, scene_keys);

typedef struct entry_keys {
    const char *img, *img2, *ann, *weight;
    double times;
} entry_keys;

static const field entry_fields[] = {
    FIELD(entry_keys, F_STR, img, NULL, "the scene: GeoTIFF, VRT and whatever else GDAL reads"),
    FIELD(entry_keys, F_STR, img2, "None", "pairs: the second date"),
    FIELD(entry_keys, F_STR, ann, "None", "raster of labels on the same grid"),
    FIELD(entry_keys, F_STR, weight, "None", "raster of weights on the same grid (seg_weight_map)"),
    FIELD_RANGE(entry_keys, F_FLOAT, times, "1.0", 1e-6, 1e6, "how much more often than by its size it is drawn from"),
};
static const field_table entry_table = FIELD_TABLE(entry_fields, entry_keys);

typedef struct split_keys {
    const char *by, *part;
    double val, test;
    int64_t block, seed;
    value *gap;
} split_keys;

static const field split_fields[] = {
    FIELD_CHOICE(split_keys, by, "'blocks'", "blocks|rows|columns",
                 "squares that are drawn, or straight cuts: training first, then validation, then test"),
    FIELD_CHOICE(split_keys, part, NULL, "train|val|test", "the part that this dataset is"),
    FIELD_RANGE(split_keys, F_FLOAT, val, "0.2", 0, 1, "share of validation"),
    FIELD_RANGE(split_keys, F_FLOAT, test, "0.0", 0, 1, "share of the test"),
    FIELD_RANGE(split_keys, F_INT, block, "2048", 16, 1e6, "side of a square in pixels"),
    FIELD(split_keys, F_VALUE, gap, "None",
          "training: pixels between crops and what is held out; None: the longer side of crop_size"),
    FIELD_RANGE(split_keys, F_INT, seed, "0", 0, 9e15, "another seed draws other squares"),
};
static const field_table split_table = FIELD_TABLE(split_fields, split_keys);

typedef struct balance_keys {
    value *classes;
    double prob;
} balance_keys;

static const field balance_fields[] = {
    FIELD(balance_keys, F_VALUE, classes, "None", "names or numbers of classes; None: all"),
    FIELD_RANGE(balance_keys, F_FLOAT, prob, "0.5", 0, 1, "share of the crops that have one of these, equally often"),
};
static const field_table balance_table = FIELD_TABLE(balance_fields, balance_keys);

/* Whether scenes say this. A `split` that is a text is 0.x's list of names. */
static bool own_key(const value_entry *e)
{
    for (size_t i = 0; i < scene_table.n; i++)
        if (strcmp(scene_table.at[i].name, e->key) == 0)
            return strcmp(e->key, "split") != 0 || !value_text(e->item);
    return false;
}

/* A key that neither table has, with the nearest of both. */
static cseg_status unknown_key(const value *item, const char *kind, const char *key, cseg_error *err)
{
    char at[512];
    const char *names[sizeof scene_fields / sizeof scene_fields[0]];
    for (size_t i = 0; i < scene_table.n; i++)
        names[i] = scene_table.at[i].name;
    const char *near = str_nearest(key, names, scene_table.n);
    return fail(err, CSEG_CONFIG, "%s%s has no key '%s'%s%s%s", value_place(item, at), kind, key,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* Divides the dict into what scenes say and what every dataset says. */
static cseg_status divide_keys(const value *cfg, const dataset_kind *kind, const data_rules *rules, arena *mem,
                               value **scenes, value **rest, cseg_error *err)
{
    *scenes = value_new(mem, V_DICT, cfg->at);
    *rest = value_new(mem, V_DICT, cfg->at);
    if (!*scenes || !*rest)
        return fail_memory(err);
    for (size_t i = 0; i < cfg->as.dict.n; i++) {
        const value_entry *e = &cfg->as.dict.entry[i];
        if (!own_key(e) && !leaf_has_key(rules, e->key))
            return unknown_key(e->item, kind->name, e->key, err);
        if (!value_set(mem, own_key(e) ? *scenes : *rest, e->key, e->item))
            return fail_memory(err);
    }
    /* 0.x wants a folder of images. */
    value *nothing = value_str(mem, "", cfg->at);
    if (!value_is_none(value_get(*scenes, "scenes")) && leaf_has_key(rules, "img_dir") &&
        !value_get(*rest, "img_dir") && (!nothing || !value_set(mem, *rest, "img_dir", nothing)))
        return fail_memory(err);
    return CSEG_OK;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

/* `text` below the data_root; NULL stays. False: memory. */
static bool below(const value *cfg, const char *text, arena *mem, const char **out)
{
    const char *root = value_text(value_get(cfg, "data_root"));
    *out = text && root ? path_join(mem, root, text) : text;
    return !text || *out;
}

static cseg_status same_keys(const value *item, const char *key, const char *given, bool first_has, cseg_error *err)
{
    char at[512];
    if ((given != NULL) == first_has)
        return CSEG_OK;
    return fail(err, CSEG_CONFIG, "%sthis scene has %s '%s', the first has %s: all have it, or none has",
                value_place(item, at), given ? "a" : "no", key, first_has ? "one" : "none");
}

/* The files of `scenes=`, as those of folders are kept. */
static cseg_status take_entries(const value *cfg, const value *list, arena *mem, leaf *l, leaf_files *files,
                                double **times, cseg_error *err)
{
    char at[512];
    bool one = list->kind == V_DICT;
    size_t n = one ? 1 : value_count(list);
    if ((!one && !value_is_list(list)) || n == 0)
        return fail(err, CSEG_CONFIG, "%sscenes is %s; give a list of dicts: dict(img='scene.tif', ann='mask.tif')",
                    value_place(list, at), n ? value_kind_name(list) : "an empty list");
    entry_keys *k = ARENA_ARRAY(mem, n, entry_keys);
    *times = ARENA_ARRAY(mem, n, double);
    if (!k || !*times)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const value *item = one ? list : value_item(list, i);
        TRY(fields_parse(&entry_table, "a scene", item, NULL, mem, &k[i], err));
        TRY(same_keys(item, "img2", k[i].img2, k[0].img2 != NULL, err));
        TRY(same_keys(item, "ann", k[i].ann, k[0].ann != NULL, err));
        TRY(same_keys(item, "weight", k[i].weight, k[0].weight != NULL, err));
        (*times)[i] = k[i].times;
    }
    l->n_maps = (k[0].ann != NULL) + (k[0].weight != NULL);
    l->meta.pairs = k[0].img2 != NULL;
    *files = (leaf_files){.n = (int64_t)n};
    files->image = ARENA_ARRAY(mem, n, const char *);
    files->image2 = k[0].img2 ? ARENA_ARRAY(mem, n, const char *) : NULL;
    files->maps = ARENA_ARRAY(mem, n * (size_t)l->n_maps + 1, dataset_map);
    if (!files->image || (k[0].img2 && !files->image2) || !files->maps)
        return fail_memory(err);
    dataset_map *m = files->maps;
    for (size_t i = 0; i < n; i++) {
        bool good = below(cfg, k[i].img, mem, &files->image[i]);
        if (k[i].img2)
            good = good && below(cfg, k[i].img2, mem, &files->image2[i]);
        if (k[i].ann) {
            m->key = "gt_semantic_seg";
            good = good && below(cfg, k[i].ann, mem, &m++->path);
        }
        if (k[i].weight) {
            *m = (dataset_map){.key = "seg_weight_map", .is_weight = true};
            good = good && below(cfg, k[i].weight, mem, &m++->path);
        }
        if (!good)
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static cseg_status read_crop(const value *cfg, const scene_keys *k, scene_options *o, cseg_error *err)
{
    char at[512];
    const ints *c = &k->crop_size;
    bool good = c->n == 1 || c->n == 2;
    for (size_t i = 0; i < c->n; i++)
        good = good && c->at[i] >= 1 && c->at[i] <= 1 << 16;
    if (!good)
        return fail(err, CSEG_CONFIG, "%scrop_size is one or two whole numbers from 1 to 65536: height, width",
                    value_place(value_blame(cfg, "crop_size"), at));
    o->crop_h = c->at[0];
    o->crop_w = c->at[c->n - 1];
    o->context = k->context;
    if (k->context && 2 * k->context >= (o->crop_h < o->crop_w ? o->crop_h : o->crop_w))
        return fail(err, CSEG_CONFIG, "%scontext=%lld leaves nothing of windows of %lld x %lld", value_place(cfg, at),
                    (long long)k->context, (long long)o->crop_h, (long long)o->crop_w);
    return CSEG_OK;
}

static cseg_status read_split(const value *split, arena *mem, scene_options *o, cseg_error *err)
{
    static const char *const ways[] = {"rows", "columns", "blocks"}, *const parts[] = {"train", "val", "test"};
    char at[512];
    split_keys k;
    o->gap = 0;
    if (value_is_none(split))
        return CSEG_OK;
    TRY(fields_parse(&split_table, "split", split, NULL, mem, &k, err));
    for (int i = 0; i < 3; i++) {
        if (strcmp(k.by, ways[i]) == 0)
            o->split.by = (split_by)(SPLIT_ROWS + i);
        if (strcmp(k.part, parts[i]) == 0)
            o->part = (scene_part)i;
    }
    o->split.share[PART_VAL] = k.val;
    o->split.share[PART_TEST] = k.test;
    o->split.block = k.block;
    o->split.seed = (uint64_t)k.seed;
    o->gap = o->crop_h > o->crop_w ? o->crop_h : o->crop_w;
    if (k.val + k.test >= 1)
        return fail(err, CSEG_CONFIG, "%ssplit: val=%g and test=%g leave nothing to train on", value_place(split, at),
                    k.val, k.test);
    if (o->part != PART_TRAIN && o->split.share[o->part] <= 0)
        return fail(err, CSEG_CONFIG, "%ssplit: part='%s', but its share is 0: set %s", value_place(split, at), k.part,
                    k.part);
    if (!value_is_none(k.gap) && (!value_integer(k.gap, &o->gap) || o->gap < 0 || o->gap > 1 << 20))
        return fail(err, CSEG_CONFIG, "%sgap is a whole number of pixels, 0 or more", value_place(k.gap, at));
    return CSEG_OK;
}

static cseg_status class_of(const value *v, const dataset_meta *meta, int64_t *out, cseg_error *err)
{
    char at[512];
    const char *name = value_text(v);
    for (int64_t i = 0; name && i < meta->n_classes; i++)
        if (strcmp(meta->classes[i], name) == 0) {
            *out = i;
            return CSEG_OK;
        }
    if (!name && value_integer(v, out) && *out >= 0 && *out < meta->n_classes)
        return CSEG_OK;
    const char *near = name ? str_nearest(name, meta->classes, (size_t)meta->n_classes) : NULL;
    return fail(err, CSEG_CONFIG, "%sbalance: no class '%s'%s%s%s; give names of classes, or numbers from 0 to %lld",
                value_place(v, at), name ? name : value_kind_name(v), near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "", (long long)meta->n_classes - 1);
}

static cseg_status read_balance(const value *cfg, const scene_keys *k, const dataset_meta *meta, arena *mem,
                                scene_options *o, cseg_error *err)
{
    char at[512];
    balance_keys b = {.prob = 1};
    if (value_is_none(k->balance) && !k->class_balanced)
        return CSEG_OK;
    if (!value_is_none(k->balance) && k->class_balanced)
        return fail(err, CSEG_CONFIG, "%sgive balance or class_balanced, not both", value_place(cfg, at));
    if (!k->class_balanced)
        TRY(fields_parse(&balance_table, "balance", k->balance, NULL, mem, &b, err));
    int64_t n = meta->n_classes;
    if (n < 1)
        return fail(err, CSEG_CONFIG, "%sbalance needs %s", value_place(cfg, at), meta->rules->classes_key);
    if (b.classes && !value_is_list(b.classes))
        return fail(err, CSEG_CONFIG, "%sbalance: classes is %s; give a list", value_place(b.classes, at),
                    value_kind_name(b.classes));
    o->n_balanced = (int)(b.classes ? (int64_t)value_count(b.classes) : n);
    int64_t *classes = ARENA_ARRAY(mem, (size_t)o->n_balanced + 1, int64_t);
    if (!classes)
        return fail_memory(err);
    for (int i = 0; i < o->n_balanced; i++) {
        classes[i] = i;
        if (b.classes)
            TRY(class_of(value_item(b.classes, (size_t)i), meta, &classes[i], err));
    }
    o->balanced = classes;
    o->balance = b.prob;
    return CSEG_OK;
}

/* How the labels by which crops are chosen are read, and what they mean. */
static void read_meaning(const dataset *ds, scene_options *o)
{
    cseg_error error;
    label_reading how = {0};
    sample like = {0};
    for (int i = 0; i < 256; i++)
        how.seen[i] = (uint8_t)i;
    how.flags = IMAGE_UNCHANGED | IMAGE_PILLOW;
    if (ds->run && dataset_describe_files(ds, 0, false, &like, &error) == CSEG_OK &&
        !pipeline_label_reading(ds->run, &like, "gt_semantic_seg", &how))
        pipeline_label_reading(ds->truth, &like, "gt_semantic_seg", &how);
    o->label_flags = how.flags;
    memcpy(o->seen, how.seen, sizeof o->seen);
    o->n_classes = ds->meta.n_classes;
    o->classes = ds->meta.classes;
    o->ignore = ds->meta.ignore_index;
}

/* ---- building -------------------------------------------------------------------------------------------------- */

static cseg_status make_inputs(const dataset *ds, const double *times, arena *mem, scene_input **out, cseg_error *err)
{
    *out = ARENA_ARRAY(mem, (size_t)ds->files.n + 1, scene_input);
    if (!*out)
        return fail_memory(err);
    for (int64_t i = 0; i < ds->files.n; i++) {
        scene_input *in = &(*out)[i];
        const char **others = ARENA_ARRAY(mem, (size_t)ds->n_maps + 1, const char *);
        if (!others)
            return fail_memory(err);
        *in = (scene_input){.image = ds->files.image[i],
                            .image2 = ds->files.image2 ? ds->files.image2[i] : NULL,
                            .others = others,
                            .times = times ? times[i] : 1};
        for (int m = 0; m < ds->n_maps; m++) {
            const dataset_map *map = &ds->files.maps[i * ds->n_maps + m];
            if (ds->meta.test_mode && !file_exists(map->path))
                continue; /* it may be that nobody wants them */
            if (strcmp(map->key, "gt_semantic_seg") == 0)
                in->labels = map->path;
            else
                others[in->n_others++] = map->path;
        }
    }
    return CSEG_OK;
}

/* FOLDER/STEM_ROW_COLUMN.ENDING */
static cseg_status name_windows(dataset *ds, arena *mem, cseg_error *err)
{
    ds->names = ARENA_ARRAY(mem, (size_t)ds->count + 1, const char *);
    ds->scene_of_window = ARENA_ARRAY(mem, (size_t)ds->count + 1, int64_t);
    if (!ds->names || !ds->scene_of_window)
        return fail_memory(err);
    for (int64_t i = 0; i < ds->count; i++) {
        scene_place p;
        TRY(scenes_choose(ds->scenes, i, NULL, &p, err));
        const char *path = ds->files.image[p.scene], *ending = path_ext(path);
        ds->scene_of_window[i] = p.scene;
        ds->names[i] = arena_printf(mem, "%.*s_%05lld_%05lld%s", (int)(strlen(path) - strlen(ending)), path,
                                    (long long)p.at.y, (long long)p.at.x, ending);
        if (!ds->names[i])
            return fail_memory(err);
    }
    return CSEG_OK;
}

static cseg_status open_scenes(const leaf *l, const scene_keys *k, const double *times, const dataset_options *options,
                               arena *mem, dataset *ds, cseg_error *err)
{
    static const char *const parts[] = {"train", "val", "test"};
    scene_input *inputs;
    scene_options o = {.samples = k->samples_per_epoch,
                       .min_valid = k->min_valid,
                       .labels_have_holes = k->ann_nodata,
                       .force_place = k->force_place,
                       .only_geometry = options->no_pipeline,
                       .stop = options->stop,
                       .stop_arg = options->stop_arg};
    TRY(read_crop(l->at, k, &o, err));
    TRY(read_split(k->split, mem, &o, err));
    o.draws = !l->meta.test_mode && o.part == PART_TRAIN;
    o.name = o.split.by == SPLIT_NONE ? l->kind->name : arena_printf(mem, "%s (%s)", l->kind->name, parts[o.part]);
    o.cache_dir = options->work_dir ? path_join(mem, options->work_dir, "scenes") : NULL;
    if (!o.name || (options->work_dir && !o.cache_dir))
        return fail_memory(err);
    if (o.draws && !options->no_pipeline)
        TRY(read_balance(l->at, k, &l->meta, mem, &o, err));
    read_meaning(ds, &o);
    TRY(make_inputs(ds, times, mem, &inputs, err));
    TRY(scenes_open(&o, inputs, ds->files.n, mem, &ds->scenes, err));
    ds->draws = o.draws;
    ds->count = scenes_samples(ds->scenes);
    for (int64_t i = 0; i < ds->files.n * ds->n_maps; i++)
        if (ds->files.maps[i].path == inputs[i / ds->n_maps].labels)
            ds->files.maps[i].values = scenes_values(ds->scenes, i / ds->n_maps);
    return ds->draws ? CSEG_OK : name_windows(ds, mem, err);
}

cseg_status scene_dataset_build(const value *cfg, const dataset_kind *kind, const dataset_options *options, arena *mem,
                                dataset *ds, cseg_error *err)
{
    scene_keys k;
    leaf l;
    value *own, *rest;
    double *times = NULL;
    TRY(divide_keys(cfg, kind, leaf_rules(cfg, kind, options), mem, &own, &rest, err));
    TRY(fields_parse(&scene_table, kind->name, own, NULL, mem, &k, err));
    TRY(leaf_parse(rest, kind, options, mem, &l, err));
    if (k.scenes)
        TRY(take_entries(rest, k.scenes, mem, &l, &ds->files, &times, err));
    else
        TRY(leaf_list(&l, mem, &ds->files, err));
    ds->form = SCENES;
    TRY(leaf_begin(&l, options, mem, ds, err));
    return open_scenes(&l, &k, times, options, mem, ds, err);
}

/* ---- samples --------------------------------------------------------------------------------------------------- */

typedef struct scene_window {
    sample_window base;
    const scene_set *of;
    scene_place place;
} scene_window;

static cseg_status read_window(const sample_window *base, const char *path, bool labels, image_flags flags, image *out,
                               cseg_error *err)
{
    const scene_window *w = (const scene_window *)base;
    return (labels ? scenes_read_labels : scenes_read)(w->of, &w->place, path, flags, out, err);
}

static cseg_status blank_window(const sample_window *base, const char *path, image *labels, cseg_error *err)
{
    const scene_window *w = (const scene_window *)base;
    return scenes_blank(w->of, &w->place, path, labels, err);
}

cseg_status scene_dataset_choose(const dataset *ds, int64_t index, sample *s, int64_t *scene, cseg_error *err)
{
    scene_window *w = ARENA_NEW(s->mem, scene_window);
    if (!w)
        return fail_memory(err);
    w->of = ds->scenes;
    TRY(scenes_choose(ds->scenes, index, &s->random, &w->place, err));
    const region *at = &w->place.at;
    w->base = (sample_window){at->y, at->x, at->h, at->w, read_window, blank_window};
    s->window = &w->base;
    *scene = w->place.scene;
    return CSEG_OK;
}

/* ---- documentation --------------------------------------------------------------------------------------------- */

void scene_dataset_document(FILE *out)
{
    fputs("\n## SceneDataset\n\nScenes and label rasters of any size: training draws crops from them, validation and "
          "test "
          "go through them window by window, and no scene is ever in memory as a whole "
          "([scene-training.md](scene-training.md)). It takes the keys above, which name folders or a list of scenes, "
          "and these:\n\n",
          out);
    fields_document(&scene_table, out);
    fputs("\nAn entry of `scenes`:\n\n", out);
    fields_document(&entry_table, out);
    fputs("\n`split`:\n\n", out);
    fields_document(&split_table, out);
    fputs("\n`balance`:\n\n", out);
    fields_document(&balance_table, out);
}
