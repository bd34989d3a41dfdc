/* Transforms by which MMSegmentation hands a sample to PyTorch. Here pipeline_pack does that. Only Collect has an
 * effect of its own: it leaves out the maps that it does not name. */
#include <string.h>

#include "base/str.h"
#include "data/transforms/transform.h"

typedef struct delivery_conf {
    value *keys;
} delivery_conf;

static const field nothing[] = {FIELD_IGNORED(_, "nothing to say")};
static const field_table nothing_table = {.at = nothing, .n = 0, .size = sizeof(delivery_conf)};

static const field pack_fields[] = {
    FIELD_IGNORED(meta_keys, "all facts of a sample are delivered"),
};
static const field_table pack_table = FIELDS(pack_fields, delivery_conf);

static const field keys_fields[] = {
    FIELD_IGNORED(keys, "images become tensors where they are packed"),
};
static const field_table keys_table = FIELDS(keys_fields, delivery_conf);

static const field transpose_fields[] = {
    FIELD_IGNORED(keys, "the layout is fixed"),
    FIELD_IGNORED(order, "the layout is fixed"),
};
static const field_table transpose_table = FIELDS(transpose_fields, delivery_conf);

static const field container_fields[] = {
    FIELD_IGNORED(fields, "batches have one form"),
};
static const field_table container_table = FIELDS(container_fields, delivery_conf);

const transform_kind transform_format_bundle = {&nothing_table, "Accepted; images are packed anyway.", NULL, NULL,
                                                WINDOWS_POINTWISE};
const transform_kind transform_image_to_tensor = {&keys_table, "Accepted; images are packed anyway.", NULL, NULL,
                                                  WINDOWS_POINTWISE};
const transform_kind transform_transpose = {&transpose_table, "Accepted; images are packed anyway.", NULL, NULL,
                                            WINDOWS_POINTWISE};
const transform_kind transform_to_data_container = {&container_table, "Accepted; images are packed anyway.", NULL, NULL,
                                                    WINDOWS_POINTWISE};
const transform_kind transform_pack_seg_inputs = {&pack_table, "Delivers the image and all maps that were loaded.",
                                                  NULL, NULL, WINDOWS_POINTWISE};

/* ---- Collect ---- */

static const field collect_fields[] = {
    FIELD(delivery_conf, F_VALUE, keys, NULL,
          "what is delivered: 'img', 'gt_semantic_seg', 'seg_weight_map', 'weightmaps'..."),
    FIELD_IGNORED(meta_keys, "all facts of a sample are delivered"),
};
static const field_table collect_table = FIELDS(collect_fields, delivery_conf);

static cseg_status collect_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    const delivery_conf *c = conf;
    (void)t;
    if (!value_is_list(c->keys))
        return transform_fail(b, err, "'keys' must be a list of names");
    for (size_t i = 0; i < value_count(c->keys); i++)
        if (!value_text(value_item(c->keys, i)))
            return transform_fail(b, err, "'keys' must be a list of names");
    return CSEG_OK;
}

/* "weightmaps" names all weight maps that belong to one label map each. */
static bool want_weights(const sample *s, bool *wanted)
{
    bool any = false;
    for (int i = 0; i < s->n_maps; i++)
        if (s->maps[i].map.data && str_starts(s->maps[i].key, "weightmaps.")) {
            wanted[i] = true;
            any = true;
        }
    return any;
}

static cseg_status collect_apply(const transform *t, sample *s, cseg_error *err)
{
    const delivery_conf *c = t->conf;
    bool wanted[SAMPLE_MAX_LABELS] = {false};
    for (size_t i = 0; i < value_count(c->keys); i++) {
        const char *key = value_text(value_item(c->keys, i));
        sample_map *m = sample_find(s, key);
        if (strcmp(key, "img") == 0 || (strcmp(key, "weightmaps") == 0 && want_weights(s, wanted)))
            continue;
        if (!m || !m->map.data)
            return fail(err, CSEG_CONFIG, "%s has no '%s' to deliver; LoadAnnotations reads what the dataset found",
                        s->path ? s->path : "the sample", key);
        wanted[m - s->maps] = true;
    }
    for (int i = 0; i < s->n_maps; i++)
        if (!wanted[i]) {
            image_release(&s->maps[i].map);
            s->maps[i].todo = (delayed){0};
        }
    return CSEG_OK;
}

const transform_kind transform_collect = {&collect_table, "Delivers what it names, and nothing else.", collect_build,
                                          collect_apply, WINDOWS_POINTWISE};
