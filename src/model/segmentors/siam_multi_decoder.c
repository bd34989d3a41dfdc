/* SiamEncoderMultiDecoder of Open-CD with its GeneralSCDHead: what changed between two dates, and the classes at each
 * (semantic change detection). */
#include "model/segmentors/segmentor.h"

/* ---- GeneralSCDHead: three heads ------------------------------------------------------------------------------- */

typedef struct scd_config {
    const value *binary_cd_head, *binary_cd_neck, *semantic_cd_head, *semantic_cd_head_aux, *init_cfg;
} scd_config;

static const field scd_fields[] = {
    FIELD(scd_config, F_VALUE, binary_cd_head, NULL, "dict of the head that says what changed"),
    FIELD(scd_config, F_VALUE, binary_cd_neck, NULL, "dict of a neck that makes one list of both dates' maps for it"),
    FIELD(scd_config, F_VALUE, semantic_cd_head, NULL,
          "dict of the head that says the classes of the first date: it learns from gt_semantic_seg_from"),
    FIELD(scd_config, F_VALUE, semantic_cd_head_aux, "None",
          "dict of that of the second date, which learns from gt_semantic_seg_to; None: the first date's head"),
    FIELD(scd_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table scd_table = FIELD_TABLE(scd_fields, scd_config);

enum { CHANGE, FROM, TO, ANSWERS };
static const char *const label_of[ANSWERS] = {"gt_semantic_seg", "gt_semantic_seg_from", "gt_semantic_seg_to"};

typedef struct scd_head {
    module *neck, *head[ANSWERS]; /* head[TO] may be head[FROM] */
} scd_head;

static module *one_head(module *m, const char *name, const value *cfg)
{
    head_list list = {0};
    if (value_is_list(cfg))
        model_fail(m->model, CSEG_CONFIG, cfg, "%s: %s is one head, not a list", m->name, name);
    else
        segmentor_build_heads(m, name, cfg, &list);
    if (!model_failed(m->model) && !list.heads.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, name), "%s: there is no %s", m->name, name);
    return model_failed(m->model) ? NULL : list.heads.at[0];
}

static void build_scd(module *m)
{
    const scd_config *c = m->config;
    scd_head *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    m->init_cfg = c->init_cfg;
    s->head[CHANGE] = one_head(m, "binary_cd_head", c->binary_cd_head);
    s->neck = module_build(m, "binary_cd_neck", FAMILY_NECK, c->binary_cd_neck, NULL);
    if (s->neck && !s->neck->kind->as.neck.fuse)
        model_fail(m->model, CSEG_CONFIG, s->neck->cfg, "%s: %s takes the maps of one image, not of two dates",
                   s->neck->name, s->neck->class_name);
    s->head[FROM] = s->head[TO] = one_head(m, "semantic_cd_head", c->semantic_cd_head);
    if (value_is_none(c->semantic_cd_head_aux))
        module_twin(m, "semantic_cd_head_aux", s->head[FROM]);
    else
        s->head[TO] = one_head(m, "semantic_cd_head_aux", c->semantic_cd_head_aux);
}

const kind kind_general_scd_head = {
    .family = FAMILY_PART,
    .scopes = SCOPE_OPENCD,
    .name = "GeneralSCDHead",
    .about = "The decode_head of SiamEncoderMultiDecoder: a head on both dates' fused maps, and one on each date's.",
    .fields = &scd_table,
    .build = build_scd,
};

/* ---- the segmentor --------------------------------------------------------------------------------------------- */

static const field fields[] = {
    CHANGE_DETECTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL, "dict of a GeneralSCDHead"),
    FIELD_CHOICE(
        segmentor_config, postprocess_pred_and_label, "None", "cover_semantic",
        "where nothing changed the dates' classes become 0, and all others one more, when they are measured; so do "
        "those of labels, of which 255 becomes 0"),
};
static const field_table table = FIELD_TABLE(fields, segmentor_config);

typedef struct multi_decoder {
    segmentor *parts; /* backbone and neck */
    module *head;
} multi_decoder;

static void check(module *m, const segmentor *s)
{
    const segmentor_config *c = m->config;
    if (s->neck && s->neck->kind->as.neck.fuse)
        model_fail(m->model, CSEG_CONFIG, s->neck->cfg,
                   "neck: %s makes one list of both dates' maps, but %s needs those of each; its place is "
                   "decode_head.binary_cd_neck",
                   s->neck->class_name, m->class_name);
    if (!value_is_none(c->auxiliary_head))
        model_fail(m->model, CSEG_CONFIG, c->auxiliary_head,
                   "%s: an auxiliary_head takes the maps of one image, and there are those of two dates; leave it out",
                   m->class_name);
}

static void build(module *m)
{
    const segmentor_config *c = m->config;
    segmentor *parts = segmentor_begin(m);
    multi_decoder *s = m->state = module_state(m, sizeof *s);
    if (!parts || !s)
        return;
    s->parts = parts;
    check(m, parts);
    s->head = module_build_part(m, "decode_head", &kind_general_scd_head, c->decode_head);
    if (model_failed(m->model))
        return;
    const scd_head *h = s->head->state;
    for (int i = 0; i < ANSWERS; i++) {
        const char *name = h->head[i]->name;
        if (h->head[FROM] == h->head[TO] && i != CHANGE)
            name = module_text(m, "%s.%s", name, i == FROM ? "from" : "to");
        segmentor_add_answer(m, name, h->head[i], label_of[i]);
        segmentor_note_labels(h->head[i], label_of[i]);
    }
    m->model->covers_unchanged = c->postprocess_pred_and_label != NULL;
    for (size_t i = FROM; i < m->model->heads.n && m->model->covers_unchanged; i++)
        m->model->heads.at[i].num_classes++;
}

/* What each head sees of both dates' maps. */
static features seen_by(const scd_head *h, graph *g, const features date[2], int answer)
{
    return answer == CHANGE ? neck_fuse(h->neck, g, date[0], date[1]) : date[answer - FROM];
}

static tensor *logits(module *m, graph *g, tensor *img, int answer)
{
    multi_decoder *s = m->state;
    const scd_head *h = s->head->state;
    features date[2];
    segmentor_pair(s->parts, g, img, NULL, date);
    return segmentor_logits(h->head[answer], g, seen_by(h, g, date, answer), img);
}

static void loss(module *m, graph *g, tensor *img)
{
    static const char *const prefix[ANSWERS] = {"decode.binary_cd", "decode.semantic_cd_from", "decode.semantic_cd_to"};
    multi_decoder *s = m->state;
    const scd_head *h = s->head->state;
    features date[2];
    segmentor_pair(s->parts, g, img, NULL, date);
    for (int i = 0; i < ANSWERS; i++) {
        head_io io = segmentor_learning_io(h->head[i], g, seen_by(h, g, date, i), label_of[i]);
        segmentor_learn(h->head[i], g, &io, prefix[i]);
    }
}

const kind kind_siam_encoder_multi_decoder = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_OPENCD,
    .name = "SiamEncoderMultiDecoder",
    .about = "Semantic change detection: a backbone that sees the two dates of a pair one after the other, a head that "
             "says what changed, and one for the classes of each date.",
    .fields = &table,
    .build = build,
    .as.segmentor = {.splits_dates = true, .siamese = true, .logits = logits, .loss = loss},
};
