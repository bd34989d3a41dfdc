/* Reads the keys of a dataset's dict, in both dialects, into one form. */
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config/fields.h"
#include "data/datasets/leaf.h"

/* Keys that have one name in both dialects. */
typedef struct common_keys {
    value *pipeline;
    const char *data_root;
    const char *img_suffix, *seg_map_suffix, *weight_suffix;
    bool test_mode;
    int64_t ignore_index;
    value *reduce_zero_label, *reduce_semantic_zero_label; /* None: the dataset's own */
} common_keys;

#define SHARED(struct_, ...) FIELD_IN(struct_, common, __VA_ARGS__)
#define COMMON(struct_)                                                                                                \
    SHARED(struct_, F_VALUE, pipeline, "None", "the transforms"),                                                      \
        SHARED(struct_, F_STR, data_root, "None", "put in front of all relative paths"),                               \
        SHARED(struct_, F_STR, img_suffix, "None", "how the images' names end; None: as the dataset has it"),          \
        SHARED(struct_, F_STR, seg_map_suffix, "None", "how the labels' names end; None: as the dataset has it"),      \
        SHARED(struct_, F_STR, weight_suffix, "'.png'", "how the weights' names end"),                                 \
        SHARED(struct_, F_BOOL, test_mode, "False", "no labels are needed"),                                           \
        SHARED(struct_, F_INT, ignore_index, "255", "the label that counts nowhere"),                                  \
        SHARED(struct_, F_VALUE, reduce_zero_label, "None",                                                            \
               "0 means ignored, classes start at 1; None: as the dataset has it"),                                    \
        SHARED(struct_, F_VALUE, reduce_semantic_zero_label, "None", "Open-CD: the same for the labels of each date")

typedef struct keys_0x {
    common_keys common;
    const char *img_dir, *split, *sub_dir_1, *sub_dir_2, *format_ann;
    value *ann_dir, *weight_dir, *classes, *palette, *gt_seg_map_loader_cfg;
} keys_0x;

static const field fields_0x[] = {
    COMMON(keys_0x),
    FIELD(keys_0x, F_STR, img_dir, NULL, "folder of the images"),
    FIELD(keys_0x, F_VALUE, ann_dir, "None", "folder of the labels, or a dict: field name -> folder"),
    FIELD(keys_0x, F_STR, split, "None", "text file: one name a line, without suffix"),
    FIELD(keys_0x, F_VALUE, weight_dir, "None",
          "folder of the weight maps (seg_weight_map), or a dict: name of the label map -> folder of its weights"),
    FIELD(keys_0x, F_STR, sub_dir_1, "None", "pairs: the first date's folder below img_dir"),
    FIELD(keys_0x, F_STR, sub_dir_2, "None", "pairs: the second date's folder below img_dir"),
    FIELD_CHOICE(keys_0x, format_ann, "None", "binary", "labels of 128 and more are 1, the others 0"),
    FIELD(keys_0x, F_VALUE, classes, "None", "names of the classes that are wanted, or a file of them"),
    FIELD(keys_0x, F_VALUE, palette, "None", "their colours"),
    FIELD(keys_0x, F_VALUE, gt_seg_map_loader_cfg, "None", "options of LoadAnnotations in evaluation"),
    FIELD_LOCAL(file_client_args, "files are read from the disk"),
};

typedef struct keys_1x {
    common_keys common;
    const char *ann_file, *img_suffix2, *format_seg_map;
    value *data_prefix, *metainfo, *indices;
} keys_1x;

static const field fields_1x[] = {
    COMMON(keys_1x),
    FIELD(keys_1x, F_STR, ann_file, "''", "text file: one name a line, without suffix"),
    FIELD(keys_1x, F_VALUE, data_prefix, "None", "folders: img_path, seg_map_path, weight_path, ..."),
    FIELD(keys_1x, F_VALUE, metainfo, "None", "dict: classes, palette"),
    FIELD(keys_1x, F_VALUE, indices, "None", "only the first so many samples, or those of a list"),
    FIELD(keys_1x, F_STR, img_suffix2, "None", "pairs: how the second date's names end; None: as the first's"),
    FIELD_CHOICE(keys_1x, format_seg_map, "None", "to_binary", "labels of 128 and more are 1, the others 0"),
    FIELD_IGNORED(filter_cfg, "the reference's segmentation datasets filter nothing"),
    FIELD_IGNORED(serialize_data, "samples are held once for all threads"),
    FIELD_IGNORED(lazy_init, "files are listed at once"),
    FIELD_IGNORED(max_refetch, "no transform here refuses a sample"),
    FIELD_LOCAL(backend_args, "files are read from the disk"),
};

static const field_table table_0x = FIELD_TABLE(fields_0x, keys_0x), table_1x = FIELD_TABLE(fields_1x, keys_1x);

/* `path` below data_root; NULL: memory. */
static const char *below_root(const char *root, const char *path, arena *mem)
{
    return root ? path_join(mem, root, path) : arena_strdup(mem, path);
}

static cseg_status add_map(leaf *l, const char *key, const char *dir, const char *suffix, bool is_weight,
                           cseg_error *err)
{
    char at[512];
    if (!dir || !key)
        return fail_memory(err);
    if (l->n_maps == SAMPLE_MAX_LABELS)
        return fail(err, CSEG_CONFIG, "%sa sample has at most %d label and weight maps", value_place(l->at, at),
                    SAMPLE_MAX_LABELS);
    l->maps[l->n_maps++] = (map_place){.key = key, .dir = dir, .suffix = suffix, .is_weight = is_weight};
    return CSEG_OK;
}

/* True or False replaces the dataset's own value; None keeps it. */
static cseg_status take_flag(const value *v, bool *out, cseg_error *err)
{
    char at[512];
    if (value_is_none(v))
        return CSEG_OK;
    if (v->kind != V_BOOL)
        return fail(err, CSEG_CONFIG, "%swhether to reduce the zero label is %s; give True or False",
                    value_place(v, at), value_kind_name(v));
    *out = v->as.b;
    return CSEG_OK;
}

/* Finds Open-CD's loader of labels in the pipeline, which reads coloured files as gray levels; NULL: there is none. */
static const value *pair_loader(const value *pipeline_list)
{
    for (size_t i = 0; value_is_list(pipeline_list) && i < value_count(pipeline_list); i++) {
        const char *type = value_type_name(value_item(pipeline_list, i));
        if (type && str_starts(type, "MultiImg") && str_ends(type, "LoadAnnotations"))
            return value_item(pipeline_list, i);
    }
    return NULL;
}

static cseg_status take_common(const common_keys *keys, leaf *l, cseg_error *err)
{
    const dataset_kind *kind = l->kind;
    const value *load = pair_loader(keys->pipeline);
    l->pipeline = keys->pipeline;
    l->img_suffix = keys->img_suffix ? keys->img_suffix : kind->img_suffix;
    l->img_suffix2 = l->img_suffix;
    l->meta.kind = kind->name;
    l->meta.rules = l->rules;
    l->meta.ignore_index = keys->ignore_index;
    l->meta.test_mode = keys->test_mode;
    l->meta.to_binary = kind->to_binary;
    l->meta.gray_labels = load != NULL;
    l->meta.reduce_zero_label = kind->reduce_zero_label;
    l->meta.reduce_semantic_zero_label = kind->reduce_semantic_zero_label;
    l->meta.n_semantic = kind->n_semantic;
    l->meta.semantic_classes = kind->semantic;
    TRY(take_flag(keys->reduce_zero_label, &l->meta.reduce_zero_label, err));
    TRY(take_flag(keys->reduce_semantic_zero_label, &l->meta.reduce_semantic_zero_label, err));
    return take_flag(value_get(load, "reduce_semantic_zero_label"), &l->meta.reduce_semantic_zero_label, err);
}

static cseg_status check_meaning(leaf *l, cseg_error *err)
{
    char at[512];
    if (l->kind->needs_list && !l->list)
        return fail(err, CSEG_CONFIG, "%s%s needs %s, a text file that names its images", value_place(l->at, at),
                    l->kind->name, l->list_key);
    if (l->meta.test_mode && l->meta.n_classes == 0)
        return fail(err, CSEG_CONFIG, "%s%s with test_mode=True needs %s, to know what it measures",
                    value_place(l->at, at), l->kind->name, l->rules->classes_key);
    return CSEG_OK;
}

/* ---- 0.x ----------------------------------------------------------------------------------------------------- */

/* The map that a key of a dict of folders names; NULL: out of memory. */
typedef const char *map_of_key(const char *key, arena *mem);

/* Open-CD has names of its own for three fields. */
static const char *label_map(const char *key, arena *mem)
{
    static const char *const names[][2] = {{"binary_dir", "gt_semantic_seg"},
                                           {"semantic_dir_from", "gt_semantic_seg_from"},
                                           {"semantic_dir_to", "gt_semantic_seg_to"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(key, names[i][0]) == 0)
            return names[i][1];
    return arena_strdup(mem, key);
}

static const char *weight_map(const char *key, arena *mem)
{
    return arena_printf(mem, "weightmaps.%s", key);
}

/* `folders` of the config's `what` is one folder of the map `only`, or a dict of folders. */
static cseg_status folders_0x(const keys_0x *k, const char *what, const value *folders, const char *only,
                              map_of_key *map, const char *suffix, bool is_weight, arena *mem, leaf *l, cseg_error *err)
{
    char at[512];
    const char *root = k->common.data_root, *dir = value_text(folders);
    if (value_is_none(folders))
        return CSEG_OK;
    if (dir)
        return add_map(l, only, below_root(root, dir, mem), suffix, is_weight, err);
    if (folders->kind != V_DICT)
        return fail(err, CSEG_CONFIG, "%s%s is %s; give a folder, or a dict of folders", value_place(folders, at), what,
                    value_kind_name(folders));
    for (size_t i = 0; i < value_count(folders); i++) {
        const value_entry *e = &folders->as.dict.entry[i];
        dir = value_text(e->item);
        if (!dir)
            return fail(err, CSEG_CONFIG, "%s%s['%s'] is %s; give a folder", value_place(e->item, at), what, e->key,
                        value_kind_name(e->item));
        TRY(add_map(l, map(e->key, mem), below_root(root, dir, mem), suffix, is_weight, err));
    }
    return CSEG_OK;
}

static cseg_status parse_0x(const value *cfg, const value *inherited, arena *mem, leaf *l, cseg_error *err)
{
    keys_0x k;
    TRY(fields_parse(&table_0x, l->kind->name, cfg, inherited, mem, &k, err));
    TRY(take_common(&k.common, l, err));
    const char *root = k.common.data_root;
    const char *suffix = k.common.seg_map_suffix ? k.common.seg_map_suffix : l->kind->seg_map_suffix;
    const char *dir = below_root(root, k.img_dir, mem);
    l->img_dir = dir;
    l->img_key = l->img_key2 = "img_dir";
    l->list_key = "split";
    l->truth_loader = k.gt_seg_map_loader_cfg;
    l->meta.pairs = l->kind->pairs || k.sub_dir_1 || k.sub_dir_2;
    if (k.format_ann)
        l->meta.to_binary = true;
    if (dir && l->meta.pairs) {
        const char *first = k.sub_dir_1 ? k.sub_dir_1 : l->kind->pairs ? l->kind->folder1 : "A";
        const char *second = k.sub_dir_2 ? k.sub_dir_2 : l->kind->pairs ? l->kind->folder2 : "B";
        l->img_dir = path_join(mem, dir, first);
        l->img_dir2 = path_join(mem, dir, second);
    }
    if (!dir || !l->img_dir || (l->meta.pairs && !l->img_dir2))
        return fail_memory(err);
    if (k.split && !(l->list = below_root(root, k.split, mem)))
        return fail_memory(err);
    TRY(folders_0x(&k, "ann_dir", k.ann_dir, "gt_semantic_seg", label_map, suffix, false, mem, l, err));
    TRY(folders_0x(&k, "weight_dir", k.weight_dir, "seg_weight_map", weight_map, k.common.weight_suffix, true, mem, l,
                   err));
    TRY(meaning_resolve(l->kind, l->rules, k.classes, k.palette, mem, &l->meta, err));
    return check_meaning(l, err);
}

/* ---- 1.x ----------------------------------------------------------------------------------------------------- */

/* The folder that data_prefix has under `key`, joined with data_root. NULL: it has none. */
static cseg_status prefix(const keys_1x *k, const char *key, arena *mem, const char **out, cseg_error *err)
{
    char at[512];
    const value *v = value_get(k->data_prefix, key);
    *out = NULL;
    if (value_is_none(v))
        return CSEG_OK;
    if (!value_text(v))
        return fail(err, CSEG_CONFIG, "%sdata_prefix['%s'] is %s; give a folder", value_place(v, at), key,
                    value_kind_name(v));
    *out = below_root(k->common.data_root, value_text(v), mem);
    return *out ? CSEG_OK : fail_memory(err);
}

/* img_path2, or Open-CD's img_path_from and img_path_to, make a sample a pair. */
static cseg_status images_1x(const keys_1x *k, arena *mem, leaf *l, cseg_error *err)
{
    bool open_cd = value_get(k->data_prefix, "img_path_from") || value_get(k->data_prefix, "img_path_to");
    l->img_key = open_cd ? "data_prefix['img_path_from']" : "data_prefix['img_path']";
    l->img_key2 = open_cd ? "data_prefix['img_path_to']" : "data_prefix['img_path2']";
    l->meta.pairs = l->kind->pairs || open_cd || value_get(k->data_prefix, "img_path2");
    l->splits_extension = l->meta.pairs && !open_cd;
    l->img_suffix2 = k->img_suffix2 ? k->img_suffix2 : l->img_suffix;
    TRY(prefix(k, open_cd ? "img_path_from" : "img_path", mem, &l->img_dir, err));
    if (l->meta.pairs)
        TRY(prefix(k, open_cd ? "img_path_to" : "img_path2", mem, &l->img_dir2, err));
    return CSEG_OK;
}

/* Pairs without data_prefix are laid out as they are published: A, B and label below data_root. */
static cseg_status default_places(const keys_1x *k, const char *suffix, arena *mem, leaf *l, cseg_error *err)
{
    const char *root = k->common.data_root;
    bool pairs = l->meta.pairs;
    l->img_dir = below_root(root, pairs ? l->kind->folder1 : "", mem);
    l->img_dir2 = pairs ? below_root(root, l->kind->folder2, mem) : NULL;
    if (!l->img_dir || (pairs && !l->img_dir2))
        return fail_memory(err);
    return add_map(l, "gt_semantic_seg", below_root(root, pairs ? "label" : "", mem), suffix, false, err);
}

/* seg_map_path gives gt_semantic_seg, seg_map_path_NAME gives gt_semantic_seg_NAME; weight_path the weights of all
 * labels, weight_path_NAME those of gt_semantic_seg_NAME. */
static const char *map_key(const char *prefix_key, arena *mem)
{
    const char *labels = "seg_map_path", *weights = "weight_path";
    if (strcmp(prefix_key, weights) == 0)
        return "seg_weight_map";
    if (str_starts(prefix_key, weights))
        return arena_printf(mem, "weightmaps.gt_semantic_seg%s", prefix_key + strlen(weights));
    return arena_printf(mem, "gt_semantic_seg%s", prefix_key + strlen(labels));
}

static cseg_status maps_1x(const keys_1x *k, const char *suffix, arena *mem, leaf *l, cseg_error *err)
{
    static const char *const known[] = {"img_path",     "img_path2",         "img_path_from",   "img_path_to",
                                        "seg_map_path", "seg_map_path_from", "seg_map_path_to", "weight_path"};
    char at[512];
    for (size_t i = 0; i < value_count(k->data_prefix); i++) {
        const value_entry *e = &k->data_prefix->as.dict.entry[i];
        const char *dir;
        if (str_starts(e->key, "img_path"))
            ; /* images_1x took it */
        else if (!str_starts(e->key, "seg_map_path") && strcmp(e->key, "weight_path") != 0 &&
                 !str_starts(e->key, "weight_path_")) {
            const char *near = str_nearest(e->key, known, sizeof known / sizeof known[0]);
            return fail(err, CSEG_CONFIG, "%sdata_prefix has no key '%s'%s%s%s", value_place(e->item, at), e->key,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        } else {
            TRY(prefix(k, e->key, mem, &dir, err));
            if (!dir)
                continue;
            bool weight = e->key[0] == 'w';
            TRY(add_map(l, map_key(e->key, mem), dir, weight ? k->common.weight_suffix : suffix, weight, err));
        }
    }
    return CSEG_OK;
}

/* Open-CD: the classes of the maps of each date, if the dataset's own name none. */
static cseg_status take_semantic(const value *names, arena *mem, leaf *l, cseg_error *err)
{
    char at[512];
    size_t n = value_count(names);
    if (value_is_none(names))
        return CSEG_OK;
    const char **classes = ARENA_ARRAY(mem, n + 1, const char *);
    if (!classes)
        return fail_memory(err);
    if (!value_is_list(names) || n == 0)
        return fail(err, CSEG_CONFIG, "%ssemantic_classes is a list of names", value_place(names, at));
    bool same = (int64_t)n == l->meta.n_semantic;
    for (size_t i = 0; i < n; i++) {
        classes[i] = value_text(value_item(names, i));
        if (!classes[i])
            return fail(err, CSEG_CONFIG, "%ssemantic_classes is a list of names", value_place(names, at));
        same = same && strcmp(classes[i], l->meta.semantic_classes[i]) == 0;
    }
    if (l->meta.n_semantic && !same)
        return fail(
            err, CSEG_UNSUPPORTED,
            "%sother semantic_classes than those of %s are not supported: list them with BaseSCDDataset, with labels "
            "that have their numbers",
            value_place(names, at), l->kind->name);
    l->meta.n_semantic = (int64_t)n;
    l->meta.semantic_classes = classes;
    return CSEG_OK;
}

static cseg_status parse_1x(const value *cfg, const value *inherited, arena *mem, leaf *l, cseg_error *err)
{
    char at[512];
    keys_1x k;
    TRY(fields_parse(&table_1x, l->kind->name, cfg, inherited, mem, &k, err));
    TRY(take_common(&k.common, l, err));
    const char *suffix = k.common.seg_map_suffix ? k.common.seg_map_suffix : l->kind->seg_map_suffix;
    const value *dicts[] = {k.data_prefix, k.metainfo};
    for (int i = 0; i < 2; i++)
        if (!value_is_none(dicts[i]) && dicts[i]->kind != V_DICT)
            return fail(err, CSEG_CONFIG, "%s%s is %s; give a dict", value_place(dicts[i], at),
                        i ? "metainfo" : "data_prefix", value_kind_name(dicts[i]));
    meaning_warn_slips(k.metainfo);
    l->list_key = "ann_file";
    l->indices = k.indices;
    if (k.format_seg_map)
        l->meta.to_binary = true;
    TRY(images_1x(&k, mem, l, err));
    if (value_is_none(k.data_prefix))
        TRY(default_places(&k, suffix, mem, l, err));
    else
        TRY(maps_1x(&k, suffix, mem, l, err));
    if (!l->img_dir || (l->meta.pairs && !l->img_dir2))
        return fail(err, CSEG_CONFIG, "%s%s: %s is missing, the folder of the %simages", value_place(l->at, at),
                    l->kind->name, l->img_dir ? l->img_key2 : l->img_key, l->img_dir ? "second date's " : "");
    l->cuts_suffix = !l->img_dir2;
    for (int i = 0; i < l->n_maps; i++)
        l->five_columns = l->five_columns || (l->meta.pairs && str_ends(l->maps[i].key, "_from"));
    if (k.ann_file && k.ann_file[0]) {
        l->list = below_root(k.common.data_root, k.ann_file, mem);
        if (!l->list)
            return fail_memory(err);
        if (file_is_dir(l->list))
            l->list = NULL; /* the reference then lists the images' folder too */
    }
    TRY(meaning_resolve(l->kind, l->rules, value_get(k.metainfo, "classes"), value_get(k.metainfo, "palette"), mem,
                        &l->meta, err));
    TRY(take_semantic(value_get(k.metainfo, "semantic_classes"), mem, l, err));
    return check_meaning(l, err);
}

/* ---- which of the two ---------------------------------------------------------------------------------------- */

const data_rules *leaf_rules(const value *cfg, const dataset_kind *kind, const dataset_options *options)
{
    static const char *const old_keys[] = {"img_dir", "ann_dir", "split", "classes", "palette", "file_client_args"};
    static const char *const old_kinds[] = {"CustomDataset", "FaceOccludedDataset", "CDDataset", "SCDDataset"};
    if (options->rules)
        return options->rules;
    for (size_t i = 0; i < sizeof old_keys / sizeof old_keys[0]; i++)
        if (value_get(cfg, old_keys[i]) &&
            value_get(cfg, old_keys[i])->kind != V_DICT) /* SceneDataset's split is one */
            return &data_rules_0x;
    for (size_t i = 0; kind && i < sizeof old_kinds / sizeof old_kinds[0]; i++)
        if (strcmp(kind->name, old_kinds[i]) == 0)
            return &data_rules_0x;
    return &data_rules_1x;
}

cseg_status leaf_parse(const value *cfg, const dataset_kind *kind, const dataset_options *options, arena *mem,
                       leaf *out, cseg_error *err)
{
    char at[512];
    if (kind->refused)
        return fail(err, CSEG_UNSUPPORTED, "%s%s cannot be read: %s", value_place(cfg, at), kind->name, kind->refused);
    *out = (leaf){.at = cfg, .kind = kind, .rules = leaf_rules(cfg, kind, options)};
    return (out->rules == &data_rules_1x ? parse_1x : parse_0x)(cfg, options->inherited, mem, out, err);
}

bool leaf_has_key(const data_rules *rules, const char *key)
{
    const field_table *t = rules == &data_rules_1x ? &table_1x : &table_0x;
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->at[i].name, key) == 0)
            return true;
    return strcmp(key, "type") == 0 || strcmp(key, "_scope_") == 0;
}

void leaf_document(FILE *out)
{
    fputs("\n## Keys, 0.x\n\n`img_dir`, `ann_dir`, `split` and `weight_dir` may be lists of one length: several "
          "datasets, joined.\n\n",
          out);
    fields_document(&table_0x, out);
    fputs("\n## Keys, 1.x\n\n", out);
    fields_document(&table_1x, out);
    fputs("\nIn `data_prefix`: `img_path`, `seg_map_path`, `weight_path`; `seg_map_path_NAME` gives the further label "
          "map "
          "`gt_semantic_seg_NAME`, `weight_path_NAME` its own weights; pairs have `img_path2`, or `img_path_from` and "
          "`img_path_to`.\n",
          out);
}
