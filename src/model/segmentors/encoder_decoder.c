/* EncoderDecoder; EncoderDecoderMultiHead: the same with a list of decode heads that see the same features; and
 * Open-CD's DIEncoderDecoder and SiamEncoderDecoder: the same with a backbone that sees the two dates of a pair, at
 * once or one after the other. */
#include <string.h>

#include "model/segmentors/segmentor.h"

static const field fields[] = {
    SEGMENTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL, "dict of a head, or a list of them as in the MultiHead kind"),
};
static const field_table table = FIELD_TABLE(fields, segmentor_config);
static const field multi_fields[] = {
    SEGMENTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL,
          "list of heads; head i learns from its gt_key, its losses are called decode_0.*, decode_1.* ..., and "
          "test_cfg.head_index "
          "(default 0) chooses the one that answers"),
    FIELD(
        segmentor_config, F_VALUE, gt_keys, "None",
        "list of the heads' gt_keys, as the published kind has it (github.com/fitzpchao/BANDON); None: each head says "
        "its own"),
    FIELD_AT("PALETTES", F_VALUE, segmentor_config, palettes, "None",
             "list of the heads' colours, each a list of (red, green, blue) for every class, or None: the dataset's"),
};
static const field_table multi_table = FIELD_TABLE(multi_fields, segmentor_config);

static const field change_fields[] = {
    CHANGE_DETECTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL, "dict of a head"),
};
static const field_table change_table = FIELD_TABLE(change_fields, segmentor_config);

static void take_gt_keys(module *m, const value *keys, const segmentor *s);

static void build(module *m)
{
    const segmentor_config *c = m->config;
    segmentor *s = segmentor_begin(m);
    if (!s)
        return;
    if (m->kind->as.segmentor.splits_dates && value_is_list(c->decode_head))
        model_fail(m->model, CSEG_CONFIG, c->decode_head, "%s: decode_head is one head, not a list", m->class_name);
    segmentor_build_heads(m, "decode_head", c->decode_head, &s->decode);
    segmentor_build_heads(m, "auxiliary_head", c->auxiliary_head, &s->auxiliary);
    if (model_failed(m->model))
        return;
    if (!s->decode.heads.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "decode_head"), "%s: there is no decode_head", m->class_name);
    if (!value_is_none(c->gt_keys))
        take_gt_keys(m, c->gt_keys, s);
    if (model_failed(m->model))
        return;
    for (size_t i = 0; i < s->decode.heads.n; i++) {
        module *head = s->decode.heads.at[i];
        head->parent->base = true; /* of the list: init_cfg of the heads has an effect */
        segmentor_add_answer(m, head->name, head, head->head->gt_key);
    }
    segmentor_note_list(&s->decode);
    segmentor_note_list(&s->auxiliary);
}

/* The list replaces the heads' own gt_key; if both are given and differ, one must be a mistake. */
static void take_gt_keys(module *m, const value *keys, const segmentor *s)
{
    if (!value_is_list(keys) || value_count(keys) != s->decode.heads.n) {
        model_fail(m->model, CSEG_CONFIG, keys, "%s: gt_keys is a list with a name for each of the %zu heads",
                   m->class_name, s->decode.heads.n);
        return;
    }
    for (size_t i = 0; i < s->decode.heads.n; i++) {
        module *head = s->decode.heads.at[i];
        const value *own = value_get(head->cfg, "gt_key");
        const char *key = value_text(value_item(keys, i));
        if (!key)
            model_fail(m->model, CSEG_CONFIG, value_item(keys, i), "%s: gt_keys has names, not %s", m->class_name,
                       value_kind_name(value_item(keys, i)));
        else if (own && strcmp(head->head->gt_key, key) != 0)
            model_fail(m->model, CSEG_CONFIG, own, "%s: gt_key is '%s', but gt_keys of the segmentor says '%s'",
                       head->name, head->head->gt_key, key);
        else
            head->head->gt_key = key;
    }
}

static bool read_colour(const value *v, uint8_t *rgb)
{
    for (size_t k = 0; k < 3; k++) {
        int64_t x;
        if (value_count(v) != 3 || !value_integer(value_item(v, k), &x) || x < 0 || x > 255)
            return false;
        rgb[k] = (uint8_t)x;
    }
    return true;
}

static void take_palettes(module *m, const value *palettes)
{
    model *mod = m->model;
    if (!value_is_list(palettes) || value_count(palettes) != mod->heads.n) {
        model_fail(mod, CSEG_CONFIG, palettes,
                   "%s: PALETTES is a list with colours, or None, for each of the %zu heads", m->class_name,
                   mod->heads.n);
        return;
    }
    for (size_t i = 0; i < mod->heads.n; i++) {
        const value *colours = value_item(palettes, i);
        model_head *h = &mod->heads.at[i];
        if (value_is_none(colours))
            continue;
        if (!value_is_list(colours) || (int64_t)value_count(colours) != h->num_classes) {
            model_fail(mod, CSEG_CONFIG, colours, "%s: PALETTES has %zu colours for the %lld classes of %s",
                       m->class_name, value_count(colours), (long long)h->num_classes, h->name);
            return;
        }
        uint8_t *to = module_state(m, 3 * (size_t)h->num_classes);
        for (size_t k = 0; to && k < value_count(colours); k++)
            if (!read_colour(value_item(colours, k), to + 3 * k))
                model_fail(mod, CSEG_CONFIG, value_item(colours, k),
                           "%s: a colour in PALETTES is (red, green, blue), each 0 to 255", m->class_name);
        h->palette = to;
    }
}

static void build_multi(module *m)
{
    const segmentor_config *c = m->config;
    if (!value_is_list(c->decode_head)) {
        model_fail(m->model, CSEG_CONFIG, c->decode_head, "%s: decode_head is a list of heads, not %s", m->class_name,
                   value_kind_name(c->decode_head));
        return;
    }
    const value *more = value_get(m->model->test_cfg, "postprocess_keys");
    if (!value_is_none(more))
        model_fail(m->model, CSEG_UNSUPPORTED, more, "%s: test_cfg.postprocess_keys is not supported", m->class_name);
    build(m);
    if (!model_failed(m->model) && !value_is_none(c->palettes))
        take_palettes(m, c->palettes);
}

static void build_siamese(module *m)
{
    const segmentor_config *c = m->config;
    if (value_is_none(c->neck)) {
        model_fail(m->model, CSEG_CONFIG, m->cfg,
                   "%s needs a neck that makes one list of maps of both dates', as FeatureFusionNeck does",
                   m->class_name);
        return;
    }
    build(m);
    const segmentor *s = m->state;
    if (!model_failed(m->model) && !s->neck->kind->as.neck.fuse)
        model_fail(m->model, CSEG_CONFIG, s->neck->cfg, "neck: %s takes the maps of one image, but %s has those of two",
                   s->neck->class_name, m->class_name);
}

static tensor *logits(module *m, graph *g, tensor *img, int head)
{
    segmentor *s = m->state;
    return segmentor_logits(s->decode.heads.at[head], g, segmentor_features(s, g, img), img);
}

static void loss(module *m, graph *g, tensor *img)
{
    segmentor *s = m->state;
    features x = segmentor_features(s, g, img);
    segmentor_losses(&s->decode, g, x, "decode");
    segmentor_losses(&s->auxiliary, g, x, "aux");
}

const kind kind_encoder_decoder = {
    .family = FAMILY_SEGMENTOR,
    .name = "EncoderDecoder",
    .about = "A backbone, an optional neck, a head that answers, and auxiliary heads that help training.",
    .fields = &table,
    .build = build,
    .as.segmentor = {.logits = logits, .loss = loss},
};

const kind kind_encoder_decoder_multi_head = {
    .family = FAMILY_SEGMENTOR,
    .name = "EncoderDecoderMultiHead",
    .about = "EncoderDecoder with several decode heads on the same features, each with its own labels and losses.",
    .fields = &multi_table,
    .build = build_multi,
    .as.segmentor = {.logits = logits, .loss = loss},
};

const kind kind_di_encoder_decoder = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_OPENCD,
    .name = "DIEncoderDecoder",
    .about =
        "Change detection: EncoderDecoder with a backbone that sees both dates of a pair, whose channels the image "
        "has one after the other.",
    .fields = &change_table,
    .build = build,
    .as.segmentor = {.splits_dates = true, .logits = logits, .loss = loss},
};

const kind kind_siam_encoder_decoder = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_OPENCD,
    .name = "SiamEncoderDecoder",
    .about =
        "Change detection: EncoderDecoder whose backbone sees the two dates of a pair one after the other, with the "
        "same weights, and whose neck makes one list of both dates' maps.",
    .fields = &change_table,
    .build = build_siamese,
    .as.segmentor = {.splits_dates = true, .siamese = true, .logits = logits, .loss = loss},
};
