/* ChangeExtraSegmentor: predicts what changed between two dates, and the classes at each date. */
#include <stdio.h>
#include <string.h>

#include "model/segmentors/segmentor.h"

static const field fields[] = {
    SEGMENTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL,
          "dict of a head that sees both dates' features fused, and gives the change map"),
    FIELD_CHOICE(
        segmentor_config, fusion, "'concat'", "concat|diff|abs_diff",
        "of the dates' maps: beside each other (twice the channels), second minus first, or its absolute value"),
    FIELD(segmentor_config, F_VALUE, extra_head, "None",
          "dict of a head, or a list of them, that sees each date's own features with shared weights, and learns from "
          "gt_semantic_seg_from and gt_semantic_seg_to; its losses are called extra_from.* and extra_to.*"),
};
static const field_table table = FIELD_TABLE(fields, segmentor_config);

static const char *const date_names[] = {"from", "to"};
static const char *const date_labels[] = {"gt_semantic_seg_from", "gt_semantic_seg_to"};

static void build(module *m)
{
    const segmentor_config *c = m->config;
    segmentor *s = segmentor_begin(m);
    if (!s)
        return;
    if (m->model->dates != 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "backbone"),
                   "%s needs a backbone that sees pairs, as ChangeExtraResNet does; %s sees one image", m->class_name,
                   s->backbone->class_name);
    if (s->neck && s->neck->kind->as.neck.fuse && value_get(m->cfg, "fusion"))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "fusion"),
                   "%s: the neck (%s) fuses the dates; leave fusion out, or the neck", m->class_name,
                   s->neck->class_name);
    if (value_is_list(c->decode_head))
        model_fail(m->model, CSEG_CONFIG, c->decode_head, "%s: decode_head is one head, not a list", m->class_name);
    segmentor_build_heads(m, "decode_head", c->decode_head, &s->decode);
    if (!model_failed(m->model) && !s->decode.heads.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "decode_head"), "%s: there is no decode_head", m->class_name);
    segmentor_build_heads(m, "auxiliary_head", c->auxiliary_head, &s->auxiliary);
    segmentor_build_heads(m, "extra_head", c->extra_head, &s->extra);
    if (model_failed(m->model))
        return;
    module *change = s->decode.heads.at[0];
    segmentor_add_answer(m, change->name, change, change->head->gt_key);
    segmentor_note_list(&s->decode);
    segmentor_note_list(&s->auxiliary);
    for (size_t i = 0; i < s->extra.heads.n; i++) {
        module *head = s->extra.heads.at[i];
        head->parent->base = true;
        for (int date = 0; date < 2; date++) {
            segmentor_add_answer(m, module_text(m, "%s.%s", head->name, date_names[date]), head, date_labels[date]);
            segmentor_note_labels(head, date_labels[date]);
        }
    }
}

/* Answer 0 is the change map; then come those of each extra head, for the first and for the second date. */
static tensor *logits(module *m, graph *g, tensor *img, int answer)
{
    segmentor *s = m->state;
    features date[2], fused = segmentor_pair(s, g, img, ((const segmentor_config *)m->config)->fusion, date);
    if (answer == 0)
        return segmentor_logits(s->decode.heads.at[0], g, fused, img);
    return segmentor_logits(s->extra.heads.at[(answer - 1) / 2], g, date[(answer - 1) % 2], img);
}

static void extra_losses(module *m, graph *g, const features *of_date)
{
    segmentor *s = m->state;
    for (size_t i = 0; i < s->extra.heads.n; i++) {
        for (int date = 0; date < 2; date++) {
            char prefix[64];
            if (s->extra.listed)
                snprintf(prefix, sizeof prefix, "extra_%zu_%s", i, date_names[date]);
            else
                snprintf(prefix, sizeof prefix, "extra_%s", date_names[date]);
            module *head = s->extra.heads.at[i];
            head_io io = segmentor_learning_io(head, g, of_date[date], date_labels[date]);
            segmentor_learn(head, g, &io, prefix);
        }
    }
}

static void loss(module *m, graph *g, tensor *img)
{
    segmentor *s = m->state;
    features date[2], fused = segmentor_pair(s, g, img, ((const segmentor_config *)m->config)->fusion, date);
    segmentor_losses(&s->decode, g, fused, "decode");
    segmentor_losses(&s->auxiliary, g, fused, "aux");
    if (!m->model->trace.options.no_date_labels)
        extra_losses(m, g, date);
}

const kind kind_change_extra_segmentor = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_MMSEG | SCOPE_OPENCD,
    .name = "ChangeExtraSegmentor",
    .about = "Change detection and extraction in one: a head on both dates' fused features gives the change map, and "
             "extra heads on each date's own features give each date's map.",
    .fields = &table,
    .build = build,
    .as.segmentor = {.logits = logits, .loss = loss},
};
