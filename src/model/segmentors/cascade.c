/* CascadeEncoderDecoder: a sequence of decode heads, each of which gets the logits of the preceding one. */
#include <stdio.h>

#include "model/segmentors/segmentor.h"

static const field fields[] = {
    SEGMENTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL,
          "list of heads; the first sees the features, each further one the logits of the head before it too; the last "
          "answers; their losses are called decode_0.*, decode_1.* ..."),
    FIELD_RANGE(segmentor_config, F_INT, num_stages, NULL, 1, 1 << 16, "heads in the list"),
};
static const field_table table = FIELD_TABLE(fields, segmentor_config);

static bool check_list(module *m, const segmentor_config *c)
{
    if (!value_is_list(c->decode_head))
        model_fail(m->model, CSEG_CONFIG, c->decode_head, "%s: decode_head is a list of heads, not %s", m->class_name,
                   value_kind_name(c->decode_head));
    else if ((int64_t)value_count(c->decode_head) != c->num_stages)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_stages"),
                   "%s: num_stages is %lld, but decode_head is a list of %zu: it is the number of heads", m->class_name,
                   (long long)c->num_stages, value_count(c->decode_head));
    return !model_failed(m->model);
}

static void build(module *m)
{
    const segmentor_config *c = m->config;
    segmentor *s = check_list(m, c) ? segmentor_begin(m) : NULL;
    if (!s)
        return;
    s->decode.cascade = true;
    segmentor_build_heads(m, "decode_head", c->decode_head, &s->decode);
    segmentor_build_heads(m, "auxiliary_head", c->auxiliary_head, &s->auxiliary);
    if (model_failed(m->model))
        return;
    module *last = s->decode.heads.at[s->decode.heads.n - 1];
    segmentor_add_answer(m, last->name, last, last->head->gt_key);
    segmentor_note_list(&s->decode);
    segmentor_note_list(&s->auxiliary);
}

static tensor *logits(module *m, graph *g, tensor *img, int answer)
{
    (void)answer; /* only the last head answers */
    segmentor *s = m->state;
    head_io io = segmentor_io(segmentor_features(s, g, img), img);
    for (size_t i = 0; i < s->decode.heads.n; i++)
        io.prev = head_run(s->decode.heads.at[i], g, &io).logits;
    return segmentor_resize(s->decode.heads.at[s->decode.heads.n - 1], g, &io, io.prev);
}

/* In training MMSegmentation runs a head once for its losses and once more for the next head: dropout draws new masks,
 * running statistics move twice, and num_batches_tracked counts two. Elsewhere both runs are the same, but for heads
 * that learn from other outputs than they hand on. */
static tensor *logits_for_next(module *head, graph *g, const head_io *io, tensor *learnt_from)
{
    head_io again = *io;
    if (!g->train && learnt_from)
        return learnt_from;
    again.label = again.weight = NULL;
    return head_run(head, g, &again).logits;
}

static void cascade_losses(const head_list *l, graph *g, features x)
{
    tensor *prev = NULL;
    for (size_t i = 0; i < l->heads.n; i++) {
        module *head = l->heads.at[i];
        char prefix[64];
        snprintf(prefix, sizeof prefix, "decode_%zu", i);
        head_io io = segmentor_learning_io(head, g, x, head->head->gt_key);
        io.prev = prev;
        tensor *own = segmentor_learn(head, g, &io, prefix).logits;
        if (i + 1 < l->heads.n)
            prev = logits_for_next(head, g, &io, own);
    }
}

static void loss(module *m, graph *g, tensor *img)
{
    segmentor *s = m->state;
    features x = segmentor_features(s, g, img);
    cascade_losses(&s->decode, g, x);
    segmentor_losses(&s->auxiliary, g, x, "aux");
}

const kind kind_cascade_encoder_decoder = {
    .family = FAMILY_SEGMENTOR,
    .name = "CascadeEncoderDecoder",
    .about = "EncoderDecoder with several decode heads, each of which refines what the one before it says.",
    .fields = &table,
    .build = build,
    .as.segmentor = {.logits = logits, .loss = loss},
};
