/* Reads the keys of SceneDataset, and lists its files. */
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "data/datasets/scene_dataset.h"

static const field scene_fields[] = {
    FIELD(scene_keys, F_VALUE, scenes, "None",
          "the scenes, a list of dicts as below; None: those of a folder or a list"),
    FIELD(scene_keys, F_INTS, crop_size, NULL, "height and width of the windows in pixels, or one number"),
    FIELD_RANGE(scene_keys, F_INT, samples_per_epoch, "0", 0, 1e8,
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
    FIELD(scene_keys, F_VALUE, ann_vectors, "None",
          "vectors that are burnt in place of label rasters: a file, or a dict as below, for all scenes"),
    FIELD(scene_keys, F_BOOL, ann_nodata, "True",
          "where the label raster itself has no data nothing counts; False: its nodata value is a label too"),
    FIELD(scene_keys, F_BOOL, force_place, "False", "accept label rasters that lie elsewhere than their scene"),
};
static const field_table scene_table = FIELD_TABLE(scene_fields, scene_keys);
typedef struct entry_keys {
    const char *img, *img2, *ann, *weight;
    value *ann_vectors;
    double times;
} entry_keys;

static const field entry_fields[] = {
    FIELD(entry_keys, F_STR, img, NULL, "the scene: GeoTIFF, VRT and whatever else GDAL reads"),
    FIELD(entry_keys, F_STR, img2, "None", "pairs: the second date"),
    FIELD(entry_keys, F_STR, ann, "None", "raster of labels on the same grid"),
    FIELD(entry_keys, F_VALUE, ann_vectors, "None", "vectors in its place: a file, or a dict as below"),
    FIELD(entry_keys, F_STR, weight, "None", "raster of weights on the same grid (seg_weight_map)"),
    FIELD_RANGE(entry_keys, F_FLOAT, times, "1.0", 1e-6, 1e6, "how much more often than by its size it is drawn from"),
};
static const field_table entry_table = FIELD_TABLE(entry_fields, entry_keys);

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
bool scene_path(const value *cfg, const char *text, arena *mem, const char **out)
{
    const char *root = value_text(value_get(cfg, "data_root"));
    *out = text && root ? path_join(mem, root, text) : text;
    return !text || *out;
}

/* The file that a scene's vectors are in: as text, or in a dict; a text may go with a dict for all scenes. */
static const char *vector_file(const value *v)
{
    return value_text(v) ? value_text(v) : value_text(value_get(v, "file"));
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
                                const value *vectors, scene_entries *more, cseg_error *err)
{
    char at[512];
    bool one = list->kind == V_DICT;
    size_t n = one ? 1 : value_count(list);
    if ((!one && !value_is_list(list)) || n == 0)
        return fail(err, CSEG_CONFIG, "%sscenes is %s; give a list of dicts: dict(img='scene.tif', ann='mask.tif')",
                    value_place(list, at), n ? value_kind_name(list) : "an empty list");
    entry_keys *k = ARENA_ARRAY(mem, n, entry_keys);
    more->times = ARENA_ARRAY(mem, n, double);
    more->vectors = ARENA_ARRAY(mem, n, const value *);
    if (!k || !more->times || !more->vectors)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const value *item = one ? list : value_item(list, i);
        TRY(fields_parse(&entry_table, "a scene", item, NULL, mem, &k[i], err));
        TRY(same_keys(item, "img2", k[i].img2, k[0].img2 != NULL, err));
        more->vectors[i] = k[i].ann_vectors ? k[i].ann_vectors : k[i].ann ? NULL : vectors;
        if (k[i].ann && k[i].ann_vectors)
            return fail(err, CSEG_CONFIG, "%sgive ann or ann_vectors, not both", value_place(item, at));
        if (more->vectors[i] && !(k[i].ann = vector_file(more->vectors[i])))
            return fail(err, CSEG_CONFIG, "%sann_vectors names no file", value_place(more->vectors[i], at));
        TRY(same_keys(item, "ann", k[i].ann, k[0].ann != NULL, err));
        TRY(same_keys(item, "weight", k[i].weight, k[0].weight != NULL, err));
        more->times[i] = k[i].times;
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
        bool good = scene_path(cfg, k[i].img, mem, &files->image[i]);
        if (k[i].img2)
            good = good && scene_path(cfg, k[i].img2, mem, &files->image2[i]);
        if (k[i].ann) {
            m->key = "gt_semantic_seg";
            good = good && scene_path(cfg, k[i].ann, mem, &m++->path);
        }
        if (k[i].weight) {
            *m = (dataset_map){.key = "seg_weight_map", .is_weight = true};
            good = good && scene_path(cfg, k[i].weight, mem, &m++->path);
        }
        if (!good)
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* Folders or lists of scenes, whose labels are all of one file of vectors. */
static cseg_status label_by_vectors(const value *cfg, const value *vectors, arena *mem, leaf *l, leaf_files *files,
                                    scene_entries *more, cseg_error *err)
{
    char at[512];
    const char *path = vector_file(vectors);
    size_t n = (size_t)files->n, before = (size_t)l->n_maps, now = before + 1;
    dataset_map *maps = ARENA_ARRAY(mem, n * now + 1, dataset_map);
    more->vectors = ARENA_ARRAY(mem, n + 1, const value *);
    if (!path)
        return fail(err, CSEG_CONFIG, "%sann_vectors names no file", value_place(vectors, at));
    if (!maps || !more->vectors || !scene_path(cfg, path, mem, &path))
        return fail_memory(err);
    for (size_t k = 0; k < before; k++)
        if (strcmp(l->maps[k].key, "gt_semantic_seg") == 0)
            return fail(err, CSEG_CONFIG, "%sgive label rasters or ann_vectors, not both", value_place(vectors, at));
    for (size_t i = 0; i < n; i++) {
        maps[i * now] = (dataset_map){.key = "gt_semantic_seg", .path = path};
        if (before)
            memcpy(&maps[i * now + 1], &files->maps[i * before], before * sizeof *maps);
        more->vectors[i] = vectors;
    }
    files->maps = maps;
    l->n_maps = (int)now;
    return CSEG_OK;
}

cseg_status scene_keys_read(const value *cfg, const dataset_kind *kind, const dataset_options *options, arena *mem,
                            scene_keys *k, leaf *l, leaf_files *files, scene_entries *more, cseg_error *err)
{
    value *own, *rest;
    TRY(divide_keys(cfg, kind, leaf_rules(cfg, kind, options), mem, &own, &rest, err));
    TRY(fields_parse(&scene_table, kind->name, own, NULL, mem, k, err));
    TRY(leaf_parse(rest, kind, options, mem, l, err));
    if (k->scenes)
        return take_entries(rest, k->scenes, mem, l, files, k->ann_vectors, more, err);
    TRY(leaf_list(l, mem, files, err));
    return k->ann_vectors ? label_by_vectors(rest, k->ann_vectors, mem, l, files, more, err) : CSEG_OK;
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
    scene_vectors_document(out);
    scene_options_document(out);
}
