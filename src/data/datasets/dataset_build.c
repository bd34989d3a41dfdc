/* Builds datasets from a config: leaves, which list files, and the wrappers around them. */
#include <string.h>

#include "base/str.h"
#include "config/fields.h"
#include "config/scope.h"
#include "data/datasets/leaf.h"

enum { DEEPEST_WRAPPING = 16 };

typedef struct builder {
    const dataset_options *options;
    arena *mem;
    int depth;
} builder;

static cseg_status build(builder *b, const value *cfg, dataset **out, cseg_error *err);

/* A dataset class of the user's own is Python that is not run here; what it says fits into the plain dataset. */
static cseg_status unknown_type(const value *cfg, const char *type, const dataset_options *options, arena *mem,
                                cseg_error *err)
{
    static const char *const wrappers[] = {"ConcatDataset", "RepeatDataset", "MultiImageMixDataset"};
    char at[512];
    int n;
    const dataset_kind *kinds = dataset_kinds(&n);
    const char **names = ARENA_ARRAY(mem, (size_t)n + 3, const char *);
    if (!names)
        return fail_memory(err);
    for (int i = 0; i < n; i++)
        names[i] = kinds[i].name;
    memcpy(names + n, wrappers, sizeof wrappers);
    const char *near = str_nearest(type, names, (size_t)n + 3);
    const data_rules *rules = leaf_rules(cfg, NULL, options);
    return fail(err, CSEG_CONFIG,
                "%sthere is no dataset '%s'%s%s%s. For data of your own use type='%s' with %s, img_suffix and "
                "seg_map_suffix: a class in Python is not run here (docs/own-data.md)",
                value_place(cfg, at), type, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
                rules->plain_kind, rules->plain_classes);
}

/* ---- leaves -------------------------------------------------------------------------------------------------- */

/* The pipeline that loads a sample's labels for evaluation: LoadAnnotations with the config's options. It reduces zero
 * if the dataset says so: where the loader alone decides in pipelines, the dataset does it behind the loader. */
static cseg_status build_truth(const leaf *l, arena *mem, pipeline **out, cseg_error *err)
{
    value *load = value_is_none(l->truth_loader) ? value_new(mem, V_DICT, l->at->at) : value_copy(mem, l->truth_loader);
    const char *name = l->meta.gray_labels ? "MultiImgLoadAnnotations" : "LoadAnnotations";
    value *list = value_new(mem, V_LIST, l->at->at), *type = value_str(mem, name, l->at->at);
    value *reduce = value_bool(mem, true, l->at->at);
    if (!load || !list || !type || !reduce || !value_set(mem, load, "type", type) || !value_append(mem, list, load))
        return fail_memory(err);
    if (l->rules->steps.loader_reduces && l->meta.reduce_zero_label &&
        !value_set(mem, load, "reduce_zero_label", reduce))
        return fail_memory(err);
    return pipeline_build(list, &l->rules->steps, mem, out, err);
}

cseg_status leaf_begin(const leaf *l, const dataset_options *options, arena *mem, dataset *ds, cseg_error *err)
{
    ds->meta = l->meta;
    ds->folder = l->img_dir;
    ds->n_maps = l->n_maps;
    ds->n_parts = 1;
    if (options->no_pipeline)
        return CSEG_OK;
    TRY(pipeline_build(l->pipeline, &l->rules->steps, mem, &ds->run, err));
    return build_truth(l, mem, &ds->truth, err);
}

static cseg_status build_leaf(builder *b, const value *cfg, const dataset_kind *kind, dataset *ds, cseg_error *err)
{
    leaf l;
    TRY(leaf_parse(cfg, kind, b->options, b->mem, &l, err));
    TRY(leaf_list(&l, b->mem, &ds->files, err));
    ds->form = LEAF;
    ds->count = ds->files.n;
    return leaf_begin(&l, b->options, b->mem, ds, err);
}

const value *dataset_innermost(const value *cfg)
{
    for (int depth = 0; depth < 8; depth++) {
        const value *inner = value_get(cfg, "dataset");
        if (!inner)
            inner = value_item(value_get(cfg, "datasets"), 0);
        if (value_is_list(cfg))
            inner = value_item(cfg, 0);
        if (!inner)
            break;
        cfg = inner;
    }
    return cfg;
}

cseg_status dataset_meta_read(const value *cfg, const data_rules *rules, arena *mem, dataset_meta *out, cseg_error *err)
{
    const dataset_options options = {.rules = rules, .no_pipeline = true};
    const char *type = value_type_name(cfg);
    const dataset_kind *kind = type ? dataset_kind_find(type) : NULL;
    if (!kind)
        return unknown_type(cfg, type ? type : "(no type)", &options, mem, err);
    leaf l;
    TRY(leaf_parse(cfg, kind, &options, mem, &l, err));
    *out = l.meta;
    return CSEG_OK;
}

/* ---- wrappers ------------------------------------------------------------------------------------------------ */

static bool listed(const value *list, const char *name)
{
    if (value_text(list))
        return strcmp(value_text(list), name) == 0;
    for (size_t i = 0; i < value_count(list); i++) {
        const char *item = value_is_list(list) ? value_text(value_item(list, i)) : NULL;
        if (item && strcmp(item, name) == 0)
            return true;
    }
    return false;
}

/* The first thing that two datasets mean differently, in words; NULL: nothing. */
static const char *difference(const dataset_meta *a, const dataset_meta *b, const value *ignored)
{
    bool classes = a->n_classes == b->n_classes;
    for (int64_t i = 0; classes && i < a->n_classes; i++)
        classes = strcmp(a->classes[i], b->classes[i]) == 0;
    if (!classes && !listed(ignored, "classes"))
        return "classes";
    if (a->reduce_zero_label != b->reduce_zero_label && !listed(ignored, "reduce_zero_label"))
        return "reduce_zero_label";
    bool colours =
        a->n_classes != b->n_classes || !a->n_classes || memcmp(a->palette, b->palette, 3 * (size_t)a->n_classes) == 0;
    return colours || listed(ignored, "palette") ? NULL : "palette";
}

static int variants(const dataset *ds)
{
    const pipeline *p = dataset_pipeline(ds);
    return p ? pipeline_describe(p)->variants : 1;
}

static cseg_status join(builder *b, const value *list, const value *ignored, bool separate, dataset *ds,
                        cseg_error *err)
{
    char at[512];
    size_t n = value_count(list);
    if (!value_is_list(list) || n == 0)
        return fail(err, CSEG_CONFIG, "%sdatasets to join are a list of at least one", value_place(list, at));
    ds->form = CONCAT;
    ds->parts = ARENA_ARRAY(b->mem, n, const dataset *);
    ds->ends = ARENA_ARRAY(b->mem, n, int64_t);
    if (!ds->parts || !ds->ends)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        dataset *part;
        TRY(build(b, value_item(list, i), &part, err));
        ds->parts[i] = part;
        ds->count += part->count;
        ds->ends[i] = ds->count;
        const char *what =
            part->meta.rules->parts_may_differ ? NULL : difference(&ds->parts[0]->meta, &part->meta, ignored);
        if (what)
            return fail(err, CSEG_CONFIG,
                        "%sthe joined datasets differ in %s (part 0 and part %zu); name it in "
                        "ignore_keys if that is meant",
                        value_place(value_item(list, i), at), what, i);
        if (variants(part) != variants(ds->parts[0]))
            return fail(err, CSEG_CONFIG, "%sthe pipelines of joined datasets make different numbers of variants",
                        value_place(value_item(list, i), at));
        if (part->meta.pairs != ds->parts[0]->meta.pairs)
            return fail(err, CSEG_CONFIG, "%ssingle images and pairs cannot be joined",
                        value_place(value_item(list, i), at));
    }
    ds->n_parts = (int)n;
    ds->meta = ds->parts[0]->meta;
    ds->separate_eval = separate && ds->meta.rules->measures_parts;
    ds->at = list;
    return CSEG_OK;
}

typedef struct concat_keys {
    value *datasets, *ignore_keys;
    bool separate_eval;
} concat_keys;
static const field concat_fields[] = {
    FIELD(concat_keys, F_VALUE, datasets, NULL, "list of datasets, one behind the other"),
    FIELD(concat_keys, F_VALUE, ignore_keys, "None", "1.x: what they may differ in: classes, palette, ..."),
    FIELD(concat_keys, F_BOOL, separate_eval, "True",
          "0.x: each is measured by itself, and its figures are called 0_mIoU, 1_mIoU, ..."),
    FIELD_IGNORED(lazy_init, "files are listed at once"),
};

typedef struct wrap_keys {
    value *dataset, *pipeline, *skip_type_keys;
    int64_t times;
} wrap_keys;
static const field repeat_fields[] = {
    FIELD(wrap_keys, F_VALUE, dataset, NULL, "the dataset"),
    FIELD_RANGE(wrap_keys, F_INT, times, NULL, 1, 1e9, "how often it comes in an epoch"),
    FIELD_IGNORED(lazy_init, "files are listed at once"),
};
static const field mix_fields[] = {
    FIELD(wrap_keys, F_VALUE, dataset, NULL, "the dataset whose samples are mixed"),
    FIELD(wrap_keys, F_VALUE, pipeline, NULL, "transforms behind the dataset's own"),
    FIELD(wrap_keys, F_VALUE, skip_type_keys, "None", "types of transforms that are left out"),
    FIELD_IGNORED(lazy_init, "files are listed at once"),
};

static const field_table concat_table = FIELD_TABLE(concat_fields, concat_keys);
static const field_table repeat_table = FIELD_TABLE(repeat_fields, wrap_keys);
static const field_table mix_table = FIELD_TABLE(mix_fields, wrap_keys);

static cseg_status build_concat(builder *b, const value *cfg, dataset *ds, cseg_error *err)
{
    concat_keys k;
    TRY(fields_parse(&concat_table, "ConcatDataset", cfg, NULL, b->mem, &k, err));
    return join(b, k.datasets, k.ignore_keys, k.separate_eval, ds, err);
}

static cseg_status wrap(builder *b, const value *inner, dataset *ds, cseg_error *err)
{
    dataset *part;
    ds->parts = ARENA_ARRAY(b->mem, 1, const dataset *);
    if (!ds->parts)
        return fail_memory(err);
    TRY(build(b, inner, &part, err));
    ds->parts[0] = part;
    ds->n_parts = 1;
    ds->meta = part->meta;
    return CSEG_OK;
}

static cseg_status build_repeat(builder *b, const value *cfg, dataset *ds, cseg_error *err)
{
    char at[512];
    wrap_keys k;
    TRY(fields_parse(&repeat_table, "RepeatDataset", cfg, NULL, b->mem, &k, err));
    TRY(wrap(b, k.dataset, ds, err));
    ds->form = REPEAT;
    if (ds->parts[0]->count > INT64_MAX / k.times)
        return fail(err, CSEG_CONFIG, "%s%lld times %lld samples are too many", value_place(cfg, at),
                    (long long)k.times, (long long)ds->parts[0]->count);
    ds->count = k.times * ds->parts[0]->count;
    return CSEG_OK;
}

static cseg_status fetch_other(void *arg, int64_t index, sample *out, cseg_error *err)
{
    return dataset_load(arg, index, out, err);
}

static cseg_status build_mix(builder *b, const value *cfg, dataset *ds, cseg_error *err)
{
    char at[512];
    wrap_keys k;
    TRY(fields_parse(&mix_table, "MultiImageMixDataset", cfg, NULL, b->mem, &k, err));
    TRY(wrap(b, k.dataset, ds, err));
    ds->form = MIX;
    ds->count = ds->parts[0]->count;
    ds->source = (sample_source){.n = ds->count, .fetch = fetch_other, .arg = (void *)ds->parts[0]};
    if (!value_is_list(k.pipeline))
        return fail(err, CSEG_CONFIG, "%sthe pipeline is %s; give a list of transforms", value_place(k.pipeline, at),
                    value_kind_name(k.pipeline));
    value *list = value_new(b->mem, V_LIST, k.pipeline->at);
    if (!list)
        return fail_memory(err);
    for (size_t i = 0; i < value_count(k.pipeline); i++) {
        value *item = value_item(k.pipeline, i);
        const char *type = value_text(value_get(item, "type"));
        if (!(type && listed(k.skip_type_keys, type)) && !value_append(b->mem, list, item))
            return fail_memory(err);
    }
    if (b->options->no_pipeline)
        return CSEG_OK;
    return pipeline_build(list, &ds->meta.rules->steps, b->mem, &ds->run, err);
}

/* The keys that may be lists; those that go with the images come last. */
static const char *const folder_keys[] = {"img_dir", "split", "ann_dir", "weight_dir"};
enum { FOLDER_KEYS = sizeof folder_keys / sizeof folder_keys[0] };

/* How many parts a key gives: 0 if it is missing, 1 for a single folder. */
static size_t parts_of(const value *v)
{
    return value_is_none(v) ? 0 : value_is_list(v) ? value_count(v) : 1;
}

/* The i-th images go with the i-th labels. So all lists must have one length, and a single folder goes with a single
 * folder, as in the reference's build_dataset. One folder of labels for a list of splits is fine, because labels are
 * found by the names in the splits. */
static cseg_status count_folders(const value *cfg, size_t *out, cseg_error *err)
{
    char at[512];
    const value *images = value_get(cfg, "img_dir"), *splits = value_get(cfg, "split");
    size_t n_images = parts_of(images), n_splits = parts_of(splits);
    bool by_split = !value_is_list(images);
    const char *what = by_split ? "split" : "img_dir";
    size_t n = by_split ? n_splits : n_images;
    for (int i = 0; i < FOLDER_KEYS; i++) {
        const value *v = value_get(cfg, folder_keys[i]);
        size_t m = parts_of(v);
        if (value_is_list(v) && m == 0)
            return fail(err, CSEG_CONFIG, "%s%s is an empty list", value_place(v, at), folder_keys[i]);
        bool shared = !value_is_list(v) && by_split; /* img_dir itself, and folders of labels */
        if (m && m != n && !shared)
            return fail(err, CSEG_CONFIG,
                        "%s%s has %zu item%s where %s has %zu: the first images go with the first labels, the second "
                        "with the second, so that the lists are to be of one length",
                        value_place(v, at), folder_keys[i], m, m == 1 ? "" : "s", what, n);
    }
    *out = n;
    return CSEG_OK;
}

/* 0.x: one dict with lists of folders describes several datasets. */
static cseg_status build_folders(builder *b, const value *cfg, dataset *ds, cseg_error *err)
{
    size_t n;
    const value *separate = value_get(cfg, "separate_eval");
    TRY(count_folders(cfg, &n, err));
    value *list = value_new(b->mem, V_LIST, cfg->at);
    if (!list)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        value *one = value_copy(b->mem, cfg);
        if (!one || !value_append(b->mem, list, one))
            return fail_memory(err);
        value_remove(one, "separate_eval");
        for (int k = 0; k < FOLDER_KEYS; k++) {
            value *v = value_get(one, folder_keys[k]);
            if (value_is_list(v) && !value_set(b->mem, one, folder_keys[k], value_item(v, i)))
                return fail_memory(err);
        }
    }
    return join(b, list, NULL, !separate || value_true(separate), ds, err);
}

/* ---- building ------------------------------------------------------------------------------------------------ */

static bool has_lists(const value *cfg)
{
    return value_is_list(value_get(cfg, "img_dir")) || value_is_list(value_get(cfg, "split"));
}

/* Types of mmdet and mmpretrain mostly have other names, but CityscapesDataset and CustomDataset exist there too. */
static cseg_status check_scope(const value *cfg, cseg_error *err)
{
    char at[512], full[160];
    if (scope_of(cfg) & (SCOPE_FOREIGN | SCOPE_TORCH))
        return fail(err, CSEG_UNSUPPORTED, "%sthere is no dataset '%s' here: known are mmseg's and Open-CD's (opencd)",
                    value_place(value_get(cfg, "type"), at), scope_full_name(cfg, full));
    return CSEG_OK;
}

static cseg_status build_form(builder *b, const value *cfg, dataset *ds, cseg_error *err)
{
    char at[512];
    if (value_is_list(cfg))
        return join(b, cfg, NULL, true, ds, err);
    const char *type = value_type_name(cfg);
    if (!type)
        return fail(err, CSEG_CONFIG, "%sa dataset is a dict with a type, or a list of them, not %s",
                    value_place(cfg, at), value_kind_name(cfg));
    TRY(check_scope(cfg, err));
    if (strcmp(type, "ConcatDataset") == 0)
        return build_concat(b, cfg, ds, err);
    if (strcmp(type, "RepeatDataset") == 0)
        return build_repeat(b, cfg, ds, err);
    if (strcmp(type, "MultiImageMixDataset") == 0)
        return build_mix(b, cfg, ds, err);
    if (strcmp(type, "ClassBalancedDataset") == 0)
        return fail(err, CSEG_UNSUPPORTED,
                    "%sClassBalancedDataset needs classes by image, which the reference's "
                    "segmentation datasets do not tell either",
                    value_place(cfg, at));
    const dataset_kind *kind = dataset_kind_find(type);
    if (!kind)
        return unknown_type(cfg, type, b->options, b->mem, err);
    if (kind->scenes)
        return scene_dataset_build(cfg, kind, b->options, b->mem, ds, err);
    return has_lists(cfg) ? build_folders(b, cfg, ds, err) : build_leaf(b, cfg, kind, ds, err);
}

static cseg_status build(builder *b, const value *cfg, dataset **out, cseg_error *err)
{
    char at[512];
    if (!cfg)
        return fail(err, CSEG_CONFIG, "there is no dataset in the config");
    if (b->depth == DEEPEST_WRAPPING)
        return fail(err, CSEG_CONFIG, "%sdatasets are wrapped more than %d deep", value_place(cfg, at),
                    DEEPEST_WRAPPING);
    dataset *ds = ARENA_NEW(b->mem, dataset);
    if (!ds)
        return fail_memory(err);
    b->depth++;
    cseg_status status = build_form(b, cfg, ds, err);
    b->depth--;
    *out = ds;
    return status;
}

cseg_status dataset_build(const value *cfg, const dataset_options *options, arena *mem, dataset **out, cseg_error *err)
{
    static const dataset_options none = {0};
    builder b = {.options = options ? options : &none, .mem = mem};
    *out = NULL;
    dataset *ds;
    TRY(build(&b, cfg, &ds, err));
    *out = ds;
    return CSEG_OK;
}

/* ---- documentation ------------------------------------------------------------------------------------------- */

void wrappers_document(FILE *out)
{
    static const struct {
        const char *name, *about;
        const field_table *table;
    } all[] = {
        {"ConcatDataset", "Several datasets, one behind the other.", &concat_table},
        {"RepeatDataset", "A dataset that comes several times in an epoch.", &repeat_table},
        {"MultiImageMixDataset", "Further transforms, which may mix several samples (RandomMosaic).", &mix_table},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        fprintf(out, "\n## %s\n%s\n\n", all[i].name, all[i].about);
        fields_document(all[i].table, out);
    }
}
