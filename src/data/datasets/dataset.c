#include "data/datasets/dataset.h"

#include <string.h>

#include "data/datasets/leaf.h"

/* ---- what is there ------------------------------------------------------------------------------------------- */

int64_t dataset_count(const dataset *ds)
{
    return ds->count;
}

const dataset_meta *dataset_about(const dataset *ds)
{
    return &ds->meta;
}

int dataset_parts(const dataset *ds)
{
    return ds->separate_eval ? ds->n_parts : 1;
}

dataset_part dataset_part_at(const dataset *ds, int part)
{
    const dataset *of = ds->separate_eval ? ds->parts[part] : ds;
    return (dataset_part){&of->meta, of->count, ds->separate_eval ? of->folder : NULL};
}

/* The reference's ConcatDataset asks this of its parts' Python classes. */
static bool is_cityscapes(const dataset *ds)
{
    static const char *const kinds[] = {"CityscapesDataset", "DarkZurichDataset", "NightDrivingDataset"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(ds->meta.kind, kinds[i]) == 0)
            return true;
    return false;
}

cseg_status dataset_check_measured(const dataset *ds, cseg_error *err)
{
    char at[512];
    if (ds->form != CONCAT || !ds->meta.rules->measures_parts)
        return CSEG_OK;
    const dataset *first = ds->parts[0];
    for (int i = 0; i < ds->n_parts; i++) {
        const dataset *part = ds->parts[i];
        if (!dataset_is_leaf(part))
            return fail(err, CSEG_CONFIG,
                        "%spart %d of the joined datasets is itself joined or wrapped, and mmseg 0.x measures "
                        "none such; put its datasets into the list",
                        value_place(ds->at, at), i);
        if (is_cityscapes(part))
            return fail(err, CSEG_CONFIG,
                        "%spart %d of the joined datasets is a %s, which mmseg 0.x does not measure within others; "
                        "measure each by a test of its own",
                        value_place(ds->at, at), i, part->meta.kind);
        if (ds->separate_eval)
            continue;
        if (strcmp(part->meta.kind, first->meta.kind) != 0)
            return fail(err, CSEG_CONFIG,
                        "%sseparate_eval=False measures datasets of one type together, but part 0 is a %s and part "
                        "%d a %s",
                        value_place(ds->at, at), first->meta.kind, i, part->meta.kind);
        if (part->meta.n_classes != first->meta.n_classes)
            return fail(err, CSEG_CONFIG,
                        "%sseparate_eval=False measures the same classes together, but part 0 has %lld and part %d "
                        "%lld",
                        value_place(ds->at, at), (long long)first->meta.n_classes, i, (long long)part->meta.n_classes);
    }
    return CSEG_OK;
}

const pipeline *dataset_pipeline(const dataset *ds)
{
    while (!ds->run && !dataset_is_leaf(ds))
        ds = ds->parts[0];
    return ds->run;
}

cseg_status dataset_each_pipeline(const dataset *ds,
                                  cseg_status (*fn)(void *arg, const pipeline *p, const dataset *of, cseg_error *err),
                                  void *arg, cseg_error *err)
{
    for (int i = 0; !dataset_is_leaf(ds) && i < ds->n_parts; i++)
        TRY(dataset_each_pipeline(ds->parts[i], fn, arg, err));
    return ds->run ? fn(arg, ds->run, ds, err) : CSEG_OK;
}

/* Finds the part of a ConcatDataset that has the sample; *index becomes its place there. */
static int find_part(const dataset *ds, int64_t *index)
{
    int low = 0, high = ds->n_parts - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (ds->ends[middle] <= *index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low)
        *index -= ds->ends[low - 1];
    return low;
}

/* Finds the leaf that has the sample; *index becomes its place there. */
static const dataset *find_leaf(const dataset *ds, int64_t *index)
{
    while (!dataset_is_leaf(ds)) {
        if (ds->form == CONCAT) {
            ds = ds->parts[find_part(ds, index)];
        } else {
            ds = ds->parts[0];
            *index %= ds->count;
        }
    }
    return ds;
}

static dataset_item item_of(const dataset *l, int64_t file)
{
    return (dataset_item){.path = l->files.image[file],
                          .path2 = l->files.image2 ? l->files.image2[file] : NULL,
                          .maps = l->files.maps + file * l->n_maps,
                          .n_maps = l->n_maps,
                          .name = l->files.image[file],
                          .of_scenes = l->form == SCENES,
                          .meta = &l->meta};
}

dataset_item dataset_item_at(const dataset *ds, int64_t index)
{
    int64_t place = index;
    int part = ds->separate_eval ? find_part(ds, &place) : 0;
    const dataset *l = find_leaf(ds, &index);
    int64_t file = l->form == LEAF ? index : l->draws ? index % l->files.n : l->scene_of_window[index];
    dataset_item item = item_of(l, file);
    item.part = part;
    if (l->form == SCENES && !l->draws)
        item.name = l->names[index];
    return item;
}

int64_t dataset_sources(const dataset *ds)
{
    int64_t n = 0;
    if (dataset_is_leaf(ds))
        return ds->files.n;
    for (int i = 0; i < ds->n_parts; i++)
        n += dataset_sources(ds->parts[i]);
    return n;
}

/* Finds the leaf that has the source; *i becomes its place there. */
static const dataset *find_source(const dataset *ds, int64_t *i)
{
    while (!dataset_is_leaf(ds)) {
        int part = 0;
        for (int64_t n; part < ds->n_parts - 1 && (n = dataset_sources(ds->parts[part])) <= *i; part++)
            *i -= n;
        ds = ds->parts[part];
    }
    return ds;
}

dataset_item dataset_source_at(const dataset *ds, int64_t i)
{
    const dataset *l = find_source(ds, &i);
    return item_of(l, i);
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

cseg_status dataset_describe_files(const dataset *l, int64_t file, bool weights, sample *s, cseg_error *err)
{
    s->path = l->files.image[file];
    s->path2 = l->files.image2 ? l->files.image2[file] : NULL;
    s->n_images = s->path2 ? 2 : 1;
    s->reduce_zero_label = l->meta.reduce_zero_label;
    s->reduce_semantic_zero_label = l->meta.reduce_semantic_zero_label;
    s->label_map = l->meta.label_map;
    s->to_binary = l->meta.to_binary;
    for (int i = 0; i < l->n_maps; i++) {
        const dataset_map *m = &l->files.maps[file * l->n_maps + i];
        if ((weights || !m->is_weight) && !sample_add_map(s, m->key, m->path, m->is_weight))
            return fail(err, CSEG_CONFIG, "%s: more than %d label and weight maps", s->path, SAMPLE_MAX_LABELS);
    }
    return CSEG_OK;
}

static cseg_status describe(const dataset *l, int64_t index, bool weights, sample *s, cseg_error *err)
{
    if (l->form == SCENES)
        TRY(scene_dataset_choose(l, index, s, &index, err));
    return dataset_describe_files(l, index, weights, s, err);
}

bool dataset_label_reading(const dataset *ds, int64_t i, const char *key, bool measured, label_reading *out)
{
    cseg_error error;
    sample like = {0};
    const dataset *l = find_source(ds, &i);
    if (!l->run || dataset_describe_files(l, i, false, &like, &error) != CSEG_OK)
        return false;
    if (pipeline_label_reading(l->run, &like, key, out))
        return true;
    return measured && pipeline_label_reading(l->truth, &like, key, out);
}

cseg_status dataset_read_image(const dataset *ds, int64_t index, image_flags flags, image *out, cseg_error *err)
{
    scene_place p;
    const dataset *l = find_leaf(ds, &index);
    *out = (image){0};
    if (l->form == LEAF)
        return image_read(l->files.image[index], flags, out, err);
    if (l->draws)
        return fail(err, CSEG_USAGE, "%s: crops are drawn anew each time", l->meta.kind);
    TRY(scenes_choose(l->scenes, index, NULL, &p, err));
    return scenes_read(l->scenes, &p, l->files.image[p.scene], NULL, 0, flags, out, err);
}

/* Runs all that comes before the last pipeline, which is put into *last. */
static cseg_status prepare(const dataset *ds, int64_t index, sample *out, const pipeline **last, cseg_error *err)
{
    while (ds->form == CONCAT || ds->form == REPEAT) {
        if (ds->form == CONCAT) {
            ds = ds->parts[find_part(ds, &index)];
        } else {
            ds = ds->parts[0];
            index %= ds->count;
        }
    }
    if (!ds->run)
        return fail(err, CSEG_USAGE, "this dataset was built without its pipeline");
    *last = ds->run;
    if (dataset_is_leaf(ds))
        return describe(ds, index, true, out, err);
    TRY(dataset_load(ds->parts[0], index, out, err));
    out->others = &ds->source;
    return CSEG_OK;
}

cseg_status dataset_load(const dataset *ds, int64_t index, sample *out, cseg_error *err)
{
    const pipeline *last;
    TRY(prepare(ds, index, out, &last, err));
    TRY(pipeline_apply(last, out, err));
    out->others = NULL;
    return CSEG_OK;
}

static cseg_status begin(const dataset *ds, int64_t index, arena *mem, sample *out, cseg_error *err)
{
    *out = (sample){.mem = mem, .index = index};
    if (index < 0 || index >= ds->count)
        return fail(err, CSEG_USAGE, "sample %lld is asked for; there are %lld", (long long)index,
                    (long long)ds->count);
    return CSEG_OK;
}

cseg_status dataset_get_timed(const dataset *ds, int64_t index, uint64_t seed, uint64_t epoch, arena *mem,
                              pipeline_times *times, sample *out, cseg_error *err)
{
    TRY(begin(ds, index, mem, out, err));
    out->random = rng_derive(seed, epoch, (uint64_t)index);
    out->times = times;
    cseg_status status = dataset_load(ds, index, out, err);
    out->times = NULL;
    return status;
}

cseg_status dataset_get(const dataset *ds, int64_t index, uint64_t seed, uint64_t epoch, arena *mem, sample *out,
                        cseg_error *err)
{
    return dataset_get_timed(ds, index, seed, epoch, mem, NULL, out, err);
}

cseg_status dataset_get_variants(const dataset *ds, int64_t index, uint64_t seed, uint64_t epoch, arena *mem,
                                 sample *out, cseg_error *err)
{
    cseg_status status;
    sample s;
    const pipeline *last;
    TRY(begin(ds, index, mem, &s, err));
    s.random = rng_derive(seed, epoch, (uint64_t)index);
    TRY_DONE(prepare(ds, index, &s, &last, err));
    memset(out, 0, (size_t)pipeline_describe(last)->variants * sizeof *out);
    status = pipeline_apply_variants(last, &s, out, err);
done:
    sample_release(&s);
    return status;
}

cseg_status dataset_get_truth(const dataset *ds, int64_t index, arena *mem, sample *out, cseg_error *err)
{
    TRY(begin(ds, index, mem, out, err));
    ds = find_leaf(ds, &index);
    if (!ds->truth)
        return fail(err, CSEG_USAGE, "this dataset was built without its pipeline");
    TRY(describe(ds, index, false, out, err));
    if (!sample_find(out, "gt_semantic_seg"))
        return fail(err, CSEG_DATA, "%s has no labels to measure against: the config names no folder of labels",
                    out->path);
    TRY(pipeline_apply(ds->truth, out, err));
    return sample_settle(out, err);
}
