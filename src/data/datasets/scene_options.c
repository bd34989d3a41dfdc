/* What the keys of SceneDataset say to a set of scenes: crops, division, balance. */
#include <string.h>

#include "base/str.h"
#include "data/datasets/scene_dataset.h"

enum { LEAST_BLOCK = 16 };

typedef struct split_keys {
    const char *by, *part, *file, *layer, *attribute;
    double val, test;
    int64_t block, seed;
    value *gap;
} split_keys;
static const field split_fields[] = {
    FIELD_CHOICE(split_keys, by, "'blocks'", "blocks|rows|columns|polygons",
                 "squares that are drawn; straight cuts: training first, then validation, then test; or a file"),
    FIELD_CHOICE(split_keys, part, NULL, "train|val|test", "the part that this dataset is"),
    FIELD_RANGE(split_keys, F_FLOAT, val, "0.2", 0, 1, "share of validation"),
    FIELD_RANGE(split_keys, F_FLOAT, test, "0.0", 0, 1, "share of the test"),
    FIELD_RANGE(
        split_keys, F_INT, block, "0", 0, 1e6,
        "side of a square in pixels; 0: 2048 for blocks, 64 for polygons, whose squares are all that they touch"),
    FIELD(split_keys, F_STR, file, "None", "polygons: the vector file"),
    FIELD(split_keys, F_STR, layer, "None", "polygons: its layer; None: the only one"),
    FIELD(split_keys, F_STR, attribute, "None",
          "polygons: the attribute that says 'train', 'val' or 'test'; None: all are validation"),
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

/* Polygons that say which part a place belongs to; what none covers is for training. */
static cseg_status read_polygons(const value *split, const split_keys *k, const value *root, arena *mem,
                                 scene_options *o, cseg_error *err)
{
    static const burn_class parts[] = {{"train", PART_TRAIN}, {"val", PART_VAL}, {"test", PART_TEST}};
    char at[512];
    burn_options *b = ARENA_NEW(mem, burn_options);
    if (!k->file)
        return fail(err, CSEG_CONFIG, "%ssplit: by='polygons' needs file", value_place(split, at));
    if (!k->attribute && o->part == PART_TEST)
        return fail(err, CSEG_CONFIG, "%ssplit: without attribute no polygon is of the test", value_place(split, at));
    if (!b || !scene_path(root, k->file, mem, &o->split_file))
        return fail_memory(err);
    *b = (burn_options){.layer = k->layer,
                        .attribute = k->attribute,
                        .classes = parts,
                        .n_classes = SCENE_PARTS,
                        .value = PART_VAL,
                        .background = PART_TRAIN,
                        .all_touched = true};
    o->split_burn = b;
    return CSEG_OK;
}

static cseg_status read_split(const value *split, const value *root, arena *mem, scene_options *o, cseg_error *err)
{
    static const char *const ways[] = {"rows", "columns", "blocks", "polygons"}, *const parts[] = {"train", "val",
                                                                                                   "test"};
    char at[512];
    split_keys k;
    o->gap = 0;
    if (value_is_none(split))
        return CSEG_OK;
    TRY(fields_parse(&split_table, "split", split, NULL, mem, &k, err));
    for (int i = 0; i < 4; i++) {
        if (strcmp(k.by, ways[i]) == 0)
            o->split.by = (split_by)(SPLIT_ROWS + i);
        if (i < SCENE_PARTS && strcmp(k.part, parts[i]) == 0)
            o->part = (scene_part)i;
    }
    o->split.share[PART_VAL] = k.val;
    o->split.share[PART_TEST] = k.test;
    o->split.block = k.block ? k.block : o->split.by == SPLIT_CELLS ? 64 : 2048;
    o->split.seed = (uint64_t)k.seed;
    o->gap = o->crop_h > o->crop_w ? o->crop_h : o->crop_w;
    if (k.block && k.block < LEAST_BLOCK)
        return fail(err, CSEG_CONFIG, "%ssplit: block is 0, or at least %d", value_place(split, at), LEAST_BLOCK);
    if (o->split.by == SPLIT_CELLS)
        TRY(read_polygons(split, &k, root, mem, o, err));
    else if (k.val + k.test >= 1)
        return fail(err, CSEG_CONFIG, "%ssplit: val=%g and test=%g leave nothing to train on", value_place(split, at),
                    k.val, k.test);
    if (o->split.by != SPLIT_CELLS && o->part != PART_TRAIN && o->split.share[o->part] <= 0)
        return fail(err, CSEG_CONFIG, "%ssplit: part='%s', but its share is 0: set %s", value_place(split, at), k.part,
                    k.part);
    if (!value_is_none(k.gap) && (!value_integer(k.gap, &o->gap) || o->gap < 0 || o->gap > 1 << 20))
        return fail(err, CSEG_CONFIG, "%sgap is a whole number of pixels, 0 or more", value_place(k.gap, at));
    return CSEG_OK;
}

cseg_status scene_class_of(const char *what, const value *v, const dataset_meta *meta, int64_t *out, cseg_error *err)
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
    return fail(err, CSEG_CONFIG, "%s%s: no class '%s'%s%s%s; give names of classes, or numbers from 0 to %lld",
                value_place(v, at), what, name ? name : value_kind_name(v), near ? "; did you mean '" : "",
                near ? near : "", near ? "'?" : "", (long long)meta->n_classes - 1);
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
            TRY(scene_class_of("balance", value_item(b.classes, (size_t)i), meta, &classes[i], err));
    }
    o->balanced = classes;
    o->balance = b.prob;
    return CSEG_OK;
}

cseg_status scene_options_read(const leaf *l, const scene_keys *k, bool balance, arena *mem, scene_options *o,
                               cseg_error *err)
{
    TRY(read_crop(l->at, k, o, err));
    TRY(read_split(k->split, l->at, mem, o, err));
    o->draws = !l->meta.test_mode && o->part == PART_TRAIN;
    return o->draws && balance ? read_balance(l->at, k, &l->meta, mem, o, err) : CSEG_OK;
}

void scene_options_document(FILE *out)
{
    fputs("\n`split`:\n\n", out);
    fields_document(&split_table, out);
    fputs("\n`balance`:\n\n", out);
    fields_document(&balance_table, out);
}
