/* What the keys of SceneDataset say about vectors that labels are burnt from. */
#include <string.h>

#include "data/datasets/scene_dataset.h"

typedef struct vector_keys {
    const char *file, *layer, *attribute;
    value *classes, *value, *background;
    bool all_touched;
} vector_keys;

static const field vector_fields[] = {
    FIELD(vector_keys, F_STR, file, "None", "GeoPackage, GeoJSON, Shapefile or FlatGeobuf; a scene may name its own"),
    FIELD(vector_keys, F_STR, layer, "None", "the layer; None: the only one"),
    FIELD(vector_keys, F_STR, attribute, "None", "the attribute that tells the class; None: all features are of one"),
    FIELD(vector_keys, F_VALUE, classes, "None",
          "dict: value of the attribute -> class, by name or number; None leaves the features out"),
    FIELD(vector_keys, F_VALUE, value, "1", "the class of all features, without attribute"),
    FIELD(vector_keys, F_VALUE, background, "0", "the class where no feature is; 255: ignored"),
    FIELD(vector_keys, F_BOOL, all_touched, "False",
          "burn all pixels that a feature touches, not only by their centres"),
};
static const field_table vector_table = FIELD_TABLE(vector_fields, vector_keys);
/* The number that a label raster would have for this class: given itself, or by the class's name. -1: None. */
static cseg_status burnt_value(const value *v, int initial, const dataset_meta *meta, const scene_options *o, int *out,
                               cseg_error *err)
{
    char at[512];
    int64_t number = initial;
    const char *name = value_text(v);
    *out = initial;
    if (value_is_none(v))
        return CSEG_OK;
    if (!name && value_integer(v, &number) && number >= 0 && number <= 255) {
        *out = (int)number;
        return CSEG_OK;
    }
    if (!name)
        return fail(err, CSEG_CONFIG, "%sann_vectors: a class is a name, or a number from 0 to 255",
                    value_place(v, at));
    TRY(scene_class_of("ann_vectors", v, meta, &number, err));
    for (int i = 0; i < 256; i++)
        if (o->seen[i] == number) {
            *out = i;
            return CSEG_OK;
        }
    return fail(err, CSEG_CONFIG, "%sann_vectors: no number in a label file becomes class '%s'", value_place(v, at),
                name);
}

static cseg_status burnt_classes(const value *classes, const dataset_meta *meta, const scene_options *o, arena *mem,
                                 burn_options *b, cseg_error *err)
{
    char at[512];
    if (value_is_none(classes) || classes->kind != V_DICT || !value_count(classes))
        return fail(err, CSEG_CONFIG,
                    "%sann_vectors: attribute='%s' needs classes, a dict: value of the attribute -> class",
                    value_place(classes, at), b->attribute);
    burn_class *list = ARENA_ARRAY(mem, value_count(classes), burn_class);
    if (!list)
        return fail_memory(err);
    for (size_t i = 0; i < value_count(classes); i++) {
        const value_entry *e = &classes->as.dict.entry[i];
        list[i].text = e->key;
        TRY(burnt_value(e->item, -1, meta, o, &list[i].value, err));
    }
    b->classes = list;
    b->n_classes = (int)value_count(classes);
    return CSEG_OK;
}

cseg_status scene_burn_read(const value *own, const value *all, const dataset_meta *meta, const scene_options *o,
                            arena *mem, const burn_options **out, cseg_error *err)
{
    vector_keys k;
    const value *how = !value_text(own) ? own : value_text(all) ? NULL : all;
    TRY(fields_parse(&vector_table, "ann_vectors", how, NULL, mem, &k, err));
    burn_options *b = ARENA_NEW(mem, burn_options);
    if (!b)
        return fail_memory(err);
    *b = (burn_options){.layer = k.layer, .attribute = k.attribute, .all_touched = k.all_touched};
    TRY(burnt_value(k.value, 1, meta, o, &b->value, err));
    TRY(burnt_value(k.background, 0, meta, o, &b->background, err));
    if (k.attribute)
        TRY(burnt_classes(k.classes, meta, o, mem, b, err));
    *out = b;
    return CSEG_OK;
}

void scene_vectors_document(FILE *out)
{
    fputs("\n`ann_vectors`:\n\n", out);
    fields_document(&vector_table, out);
}
