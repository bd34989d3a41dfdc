#include "model/segmentors/distill.h"

#include "model/layers/layers.h"

enum { LARGE, MEDIUM, SMALL, TEACHERS };
static const char *const names[TEACHERS] = {"teacher_l", "teacher_m", "teacher_s"};
static const char *const init_keys[TEACHERS] = {"init_cfg_t_l", "init_cfg_t_m", "init_cfg_t_s"};

/* The student's dict as a teacher's. */
static const value *teacher_cfg(module *m, const kind *from, int which)
{
    model *mod = m->model;
    value *copy = value_copy(mod->mem, m->cfg), *type = value_str(mod->mem, from->name, m->cfg->at);
    const value *init = value_get(m->cfg, init_keys[which]);
    value *own = init ? value_copy(mod->mem, init) : NULL;
    bool ok = copy && type && (own || !init) && value_set(mod->mem, copy, "type", type);
    for (int i = 0; ok && i < TEACHERS; i++)
        value_remove(copy, init_keys[i]);
    if (ok) {
        value_remove(copy, "distill_loss");
        value_remove(copy, "init_cfg");
        ok = !own || value_set(mod->mem, copy, "init_cfg", own);
    }
    if (!ok)
        model_fail(mod, CSEG_NO_MEMORY, NULL, "out of memory");
    return ok ? copy : NULL;
}

/* A teacher neither answers nor learns. */
static void add_teacher(module *m, const kind *from, int which, teachers_mode mode)
{
    model *mod = m->model;
    size_t heads = mod->heads.n, labels = mod->labels.n, beside = mod->beside.n;
    const value *cfg = teacher_cfg(m, from, which);
    module *teacher = cfg ? module_build(m, names[which], FAMILY_SEGMENTOR, cfg, NULL) : NULL;
    if (!teacher)
        return;
    mod->heads.n = heads;
    mod->labels.n = labels;
    mod->beside.n = beside;
    if (mode == TEACHERS_TEST)
        module_freeze(teacher);
    module_freeze_gradients(teacher);
    norm_hold_statistics(teacher);
}

void distill_build(module *m, const distill_config *c, const kind *from, teachers_mode mode)
{
    from->build(m);
    for (int i = 0; i < TEACHERS && !model_failed(m->model); i++)
        add_teacher(m, from, i, mode);
    module *loss = model_failed(m->model) ? NULL : module_build(m, "distill_loss", FAMILY_LOSS, c->distill_loss, NULL);
    if (loss && !(loss->kind->as.loss.can & LOSS_TWO_INPUTS))
        model_fail(m->model, CSEG_CONFIG, loss->cfg,
                   "distill_loss: %s does not compare two models' logits; there are "
                   "DistillLoss and DistillLossWithPixel",
                   loss->kind->name);
}

static tensor *joined(graph *g, const head_out *out, bool both_orders)
{
    if (!both_orders)
        return out->logits;
    return out->more.n == 2 ? op_concat(g, out->more.at, 2, 0) : NULL;
}

/* The teacher's logits for all images; of both orders those of one after those of the other. */
static tensor *taught(module *teacher, graph *g, tensor *img, tensor *label, bool both_orders, teachers_mode mode,
                      distill_run *run)
{
    head_out out;
    features order[2] = {features_new(g, 0), features_new(g, 0)};
    if (!img || !label)
        return NULL;
    if (mode == TEACHERS_TEST) {
        out = run(teacher, g, img, label);
        return joined(g, &out, both_orders);
    }
    for (int64_t i = 0; i < img->dim[0]; i++) {
        out = run(teacher, g, op_slice(g, img, 0, i, 1), op_slice(g, label, 0, i, 1));
        for (int k = 0; k < (both_orders ? 2 : 1); k++)
            features_add(g, &order[k], !both_orders ? out.logits : k < out.more.n ? out.more.at[k] : NULL);
    }
    tensor *first = op_concat(g, order[0].at, order[0].n, 0);
    return both_orders ? op_concat(g, (tensor *[]){first, op_concat(g, order[1].at, order[1].n, 0)}, 2, 0) : first;
}

/* A mask [N,1,1,1] of the images of which a smaller share than this changed; 255 counts as a change. */
static tensor *changed_less(graph *g, tensor *label, double share, bool both_orders)
{
    if (!label)
        return NULL;
    tensor *ratio =
        op_reduce_mean(g, op_cast(g, op_compare_to(g, label, COMPARE_GT, 0), DT_F32), 1 << 1 | 1 << 2, false);
    tensor *mask = op_reshape(g, op_compare_to(g, ratio, COMPARE_LT, share), 4, (int64_t[]){label->dim[0], 1, 1, 1});
    return both_orders ? op_concat(g, (tensor *[]){mask, mask}, 2, 0) : mask;
}

void distill_compare(module *m, graph *g, tensor *img, const head_out *student, bool both_orders, teachers_mode mode,
                     distill_run *run)
{
    tensor *label = model_label_input(m->model, g, m->model->heads.at[0].gt_key), *by[TEACHERS];
    for (int i = 0; i < TEACHERS; i++)
        by[i] = taught(module_child(m, names[i]), g, img, label, both_orders, mode, run);
    tensor *little = changed_less(g, label, 0.05, both_orders), *some = changed_less(g, label, 0.2, both_orders);
    tensor *teacher = op_where(g, little, by[SMALL], op_where(g, some, by[MEDIUM], by[LARGE]));
    loss_io in = {.x = joined(g, student, both_orders), .x2 = teacher};
    tensor *apart = op_detach(g, loss_run(module_child(m, "distill_loss"), g, &in));
    if (apart)
        graph_add_output(g, "distill", apart);
}

/* ---- Siam- and DIEncoderDecoder -------------------------------------------------------------------------------- */

extern const kind kind_di_encoder_decoder, kind_siam_encoder_decoder, kind_distill_change_star;

static const field fields[] = {
    CHANGE_DETECTOR_FIELDS,
    FIELD(segmentor_config, F_VALUE, decode_head, NULL, "dict of a head"),
    DISTILL_FIELDS(segmentor_config),
};
static const field_table table = FIELD_TABLE(fields, segmentor_config);

static teachers_mode mode_of(const module *m)
{
    return m->kind->as.segmentor.siamese ? TEACHERS_TEST : TEACHERS_TRAIN;
}

static void build(module *m)
{
    const segmentor_config *c = m->config;
    bool siamese = m->kind->as.segmentor.siamese;
    distill_build(m, &c->distill, siamese ? &kind_siam_encoder_decoder : &kind_di_encoder_decoder, mode_of(m));
}

static tensor *logits(module *m, graph *g, tensor *img, int head)
{
    return kind_siam_encoder_decoder.as.segmentor.logits(m, g, img, head);
}

static head_out run_head(const segmentor *s, graph *g, features x, tensor *label)
{
    head_io io = segmentor_io(x, label);
    io.label = label;
    return head_run(s->decode.heads.at[0], g, &io);
}

static head_out run(module *teacher, graph *g, tensor *img, tensor *label)
{
    segmentor *s = teacher->state;
    return run_head(s, g, segmentor_features(s, g, img), label);
}

/* The student's head runs once more, as in the reference, whose norms' running statistics move twice. */
static void loss(module *m, graph *g, tensor *img)
{
    segmentor *s = m->state;
    features x = segmentor_features(s, g, img);
    segmentor_losses(&s->decode, g, x, "decode");
    segmentor_losses(&s->auxiliary, g, x, "aux");
    head_out again = run_head(s, g, x, model_label_input(m->model, g, s->decode.heads.at[0]->head->gt_key));
    distill_compare(m, g, img, &again, m->kind == &kind_distill_change_star, mode_of(m), run);
}

const kind kind_distill_di = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_OPENCD,
    .name = "DistillDIEncoderDecoder",
    .about = "DIEncoderDecoder with three teachers like itself, with which it is compared (arXiv:2502.13407).",
    .fields = &table,
    .build = build,
    .as.segmentor = {.splits_dates = true, .logits = logits, .loss = loss},
};

const kind kind_distill_siam = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_OPENCD,
    .name = "DistillSiamEncoderDecoder",
    .about = "SiamEncoderDecoder with three teachers like itself, with which it is compared (arXiv:2502.13407).",
    .fields = &table,
    .build = build,
    .as.segmentor = {.splits_dates = true, .siamese = true, .logits = logits, .loss = loss},
};

const kind kind_distill_change_star = {
    .family = FAMILY_SEGMENTOR,
    .scopes = SCOPE_OPENCD,
    .name = "DistillSiamEncoderDecoder_ChangeStar",
    .about = "DistillSiamEncoderDecoder for ChangeStarHead: both orders of the dates are compared.",
    .fields = &table,
    .build = build,
    .as.segmentor = {.splits_dates = true, .siamese = true, .logits = logits, .loss = loss},
};
