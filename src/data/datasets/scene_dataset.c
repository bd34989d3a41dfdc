/* SceneDataset: samples are windows of scenes, which are never in memory as a whole. */
#include "data/datasets/scene_dataset.h"

#include <string.h>

#include "base/file.h"

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

static cseg_status make_inputs(const dataset *ds, const scene_entries *more, const scene_options *o,
                               const value *vectors, arena *mem, scene_input **out, cseg_error *err)
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
                            .times = more->times ? more->times[i] : 1};
        if (more->vectors && more->vectors[i])
            TRY(scene_burn_read(more->vectors[i], vectors, &ds->meta, o, mem, &in->burn, err));
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

static cseg_status open_scenes(const leaf *l, const scene_keys *k, const scene_entries *more,
                               const dataset_options *options, arena *mem, dataset *ds, cseg_error *err)
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
    read_meaning(ds, &o);
    TRY(scene_options_read(l, k, !options->no_pipeline, mem, &o, err));
    o.name = o.split.by == SPLIT_NONE ? l->kind->name : arena_printf(mem, "%s (%s)", l->kind->name, parts[o.part]);
    o.cache_dir = options->work_dir ? path_join(mem, options->work_dir, "scenes") : NULL;
    if (!o.name || (options->work_dir && !o.cache_dir))
        return fail_memory(err);
    TRY(make_inputs(ds, more, &o, k->ann_vectors, mem, &inputs, err));
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
    scene_entries more = {0};
    TRY(scene_keys_read(cfg, kind, options, mem, &k, &l, &ds->files, &more, err));
    ds->form = SCENES;
    TRY(leaf_begin(&l, options, mem, ds, err));
    return open_scenes(&l, &k, &more, options, mem, ds, err);
}

/* ---- samples --------------------------------------------------------------------------------------------------- */

typedef struct scene_window {
    sample_window base;
    const scene_set *of;
    scene_place place;
} scene_window;

static cseg_status read_window(const sample_window *base, const char *path, bool labels, const int64_t *bands, size_t n,
                               image_flags flags, image *out, cseg_error *err)
{
    const scene_window *w = (const scene_window *)base;
    return labels ? scenes_read_labels(w->of, &w->place, path, flags, out, err)
                  : scenes_read(w->of, &w->place, path, bands, n, flags, out, err);
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
