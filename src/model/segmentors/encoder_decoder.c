/* EncoderDecoder, and EncoderDecoderMultiHead: the same with a list of decode heads that see the same features. */
#include "model/segmentors/segmentor.h"

static const field fields[] = {
    SEGMENTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL, "dict of a head, or a list of them as in the MultiHead kind"),
};
static const field_table table = {fields, sizeof fields / sizeof *fields, sizeof(segmentor_config), false};
static const field multi_fields[] = {
    SEGMENTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL,
          "list of heads; head i learns from its gt_key, its losses are called decode_0.*, decode_1.* ..., and "
          "test_cfg.head_index "
          "(default 0) chooses the one that answers"),
};
static const field_table multi_table = {multi_fields, sizeof multi_fields / sizeof *multi_fields,
                                        sizeof(segmentor_config), false};

static void build(module *m)
{
    const segmentor_config *c = m->config;
    segmentor *s = segmentor_begin(m);
    if (!s)
        return;
    segmentor_build_heads(m, "decode_head", c->decode_head, &s->decode);
    segmentor_build_heads(m, "auxiliary_head", c->auxiliary_head, &s->auxiliary);
    if (model_failed(m->model))
        return;
    if (!s->decode.heads.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "decode_head"), "%s: there is no decode_head", m->class_name);
    for (size_t i = 0; i < s->decode.heads.n; i++) {
        module *head = s->decode.heads.at[i];
        head->parent->base = true; /* of the list: the heads' init_cfg holds */
        segmentor_add_answer(m, head->name, head, segmentor_head_config(head)->gt_key);
    }
    segmentor_note_list(&s->decode);
    segmentor_note_list(&s->auxiliary);
}

static void build_multi(module *m)
{
    const segmentor_config *c = m->config;
    if (!value_is_list(c->decode_head)) {
        model_fail(m->model, CSEG_CONFIG, c->decode_head, "%s: decode_head is a list of heads, not %s", m->class_name,
                   value_kind_name(c->decode_head));
        return;
    }
    build(m);
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
