#include "model/segmentors/segmentor.h"

#include <stdio.h>

#include "model/init.h"

/* Weights that `pretrained` of the segmentor names are for its backbone. */
static const value *backbone_cfg(module *m, const segmentor_config *c)
{
    model *mod = m->model;
    const value *pretrained = value_get(m->cfg, "pretrained");
    if (!c->pretrained || !c->backbone || c->backbone->kind != V_DICT)
        return c->backbone;
    if (!value_is_none(value_get(c->backbone, "pretrained"))) {
        model_fail(mod, CSEG_CONFIG, pretrained, "pretrained is set in the model and in its backbone");
        return NULL;
    }
    value *copy = value_copy(mod->mem, c->backbone), *name = value_copy(mod->mem, pretrained);
    if (!copy || !name || !value_set(mod->mem, copy, "pretrained", name)) {
        model_fail(mod, CSEG_NO_MEMORY, NULL, "out of memory");
        return NULL;
    }
    return copy;
}

/* Whether the backbone sees what the segmentor shows it, and for a kind that splits dates what the model then sees. */
static void take_dates(module *m, const module *backbone)
{
    const segmentor_config *c = m->config;
    model *mod = m->model;
    bool splits = m->kind->as.segmentor.splits_dates, both = backbone->kind->as.backbone.forward_both;
    bool siamese = m->kind->as.segmentor.siamese;
    if (siamese && !backbone->kind->as.backbone.forward)
        model_fail(mod, CSEG_CONFIG, backbone->cfg, "backbone: %s sees two images, but %s shows it one after the other",
                   backbone->class_name, m->class_name);
    else if (!siamese && both != splits)
        model_fail(mod, CSEG_CONFIG, backbone->cfg,
                   both ? "backbone: %s sees two images: its place is an opencd.DIEncoderDecoder, not %s"
                        : "backbone: %s does not take two images, which %s gives it",
                   backbone->class_name, m->class_name);
    else if (splits && c->backbone_inchannels != mod->in_channels)
        model_fail(mod, CSEG_CONFIG, module_at(m, "backbone_inchannels"),
                   "%s: dates have backbone_inchannels=%lld channels, but the backbone (%s) takes %d", m->class_name,
                   (long long)c->backbone_inchannels, backbone->class_name, mod->in_channels);
    if (splits && !model_failed(mod)) {
        mod->in_channels *= 2;
        mod->dates = 2;
    }
}

segmentor *segmentor_begin(module *m)
{
    const segmentor_config *c = m->config;
    segmentor *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->init_cfg = c->init_cfg;
    s->backbone = module_build(m, "backbone", FAMILY_BACKBONE, backbone_cfg(m, c), NULL);
    if (s->backbone && !model_failed(m->model))
        take_dates(m, s->backbone);
    if (!value_is_none(c->neck))
        s->neck = module_build(m, "neck", FAMILY_NECK, c->neck, NULL);
    bool both = s->backbone && s->backbone->kind->as.backbone.forward_both;
    if (s->neck && s->neck->kind->as.neck.fuse && (m->model->dates != 2 || both))
        model_fail(m->model, CSEG_CONFIG, s->neck->cfg, "neck: %s fuses the maps of two dates, but %s %s",
                   s->neck->class_name, s->backbone->class_name, both ? "has done so" : "sees one image");
    return model_failed(m->model) ? NULL : s;
}

const value *segmentor_part_cfg(module *m, const value *cfg)
{
    arena *mem = m->model->mem;
    const value *file = value_get(m->cfg, "pretrained");
    if (value_is_none(file) || !cfg || cfg->kind != V_DICT)
        return cfg;
    value *copy = value_copy(mem, cfg), *init = value_new(mem, V_DICT, file->at);
    value *type = value_str(mem, "Pretrained_Part", file->at), *name = value_copy(mem, file);
    if (copy && init && type && name && value_set(mem, init, "type", type) &&
        value_set(mem, init, "checkpoint", name) && value_set(mem, copy, "init_cfg", init))
        return copy;
    model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
    return NULL;
}

/* The head's class decides whether it needs another head's logits; its place must agree. */
static void check_place(const module *h, const head_list *l)
{
    bool behind = l->cascade && l->heads.n > 0;
    if (h->kind->as.head.takes_names != l->takes_names)
        model_fail(h->model, CSEG_CONFIG, h->cfg,
                   l->takes_names ? "%s: %s does not compare names of classes: its place is an EncoderDecoder"
                                  : "%s: %s compares names of classes: its place is a MultimodalEncoderDecoder",
                   h->name, h->class_name);
    else if (h->kind->as.head.takes_pair != l->takes_pair)
        model_fail(h->model, CSEG_CONFIG, h->cfg,
                   l->takes_pair ? "%s: %s does not take two images beside their maps, which a BAN gives it"
                                 : "%s: %s takes two images beside their maps: its place is a BAN",
                   h->name, h->class_name);
    else if (h->kind->as.head.takes_prev && !behind)
        model_fail(h->model, CSEG_CONFIG, h->cfg,
                   "%s: %s refines what a head before it says: its place is the decode_head list of a "
                   "CascadeEncoderDecoder, behind the first",
                   h->name, h->class_name);
    else if (!h->kind->as.head.takes_prev && behind)
        model_fail(h->model, CSEG_CONFIG, h->cfg,
                   "%s: %s does not look at what the head before it says: in a cascade it can only be the first",
                   h->name, h->class_name);
}

static void add_head(module *parent, const char *name, const value *cfg, head_list *out)
{
    module *h = module_build(parent, name, FAMILY_HEAD, cfg, NULL);
    if (!h)
        return;
    check_place(h, out);
    if (!vec_push(h->model->mem, &out->heads, h))
        model_fail(h->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

void segmentor_build_heads(module *m, const char *name, const value *cfg, head_list *out)
{
    out->listed = value_is_list(cfg);
    if (value_is_none(cfg))
        return;
    if (!out->listed) {
        add_head(m, name, cfg, out);
        return;
    }
    module *list = module_new(m, name);
    for (size_t i = 0; i < value_count(cfg); i++)
        add_head(list, module_index(m, (int64_t)i), value_item(cfg, i), out);
}

void segmentor_add_answer(module *m, const char *name, module *head, const char *gt_key)
{
    if (model_failed(m->model) || !head)
        return;
    const head_info *h = head->head;
    model_head answer = {.name = name,
                         .head = head,
                         .num_classes = h->num_classes,
                         .out_channels = h->out_channels,
                         .threshold = h->threshold,
                         .align_corners = h->align_corners,
                         .ignore_index = h->ignore_index,
                         .gt_key = gt_key};
    if (!vec_push(m->model->mem, &m->model->heads, answer))
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

void segmentor_note_labels(module *head, const char *gt_key)
{
    if (!head || model_failed(head->model))
        return;
    const head_info *h = head->head;
    model_labels l = {.head = head,
                      .key = gt_key,
                      .classes = h->labels.classes,
                      .ignore_index = h->ignore_index,
                      .ignores_negative = h->labels.ignores_negative,
                      .has_ignored = h->labels.has_ignored,
                      .ignored = h->labels.ignored};
    bool ok = !h->labels.classes || vec_push(head->model->mem, &head->model->labels, l);
    for (int i = 0; i < h->n_beside && ok; i++) {
        model_beside beside = {.head = head, .map = h->beside[i]};
        ok = vec_push(head->model->mem, &head->model->beside, beside);
    }
    if (!ok)
        model_fail(head->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

void segmentor_note_list(const head_list *l)
{
    for (size_t i = 0; i < l->heads.n; i++)
        segmentor_note_labels(l->heads.at[i], l->heads.at[i]->head->gt_key);
}

features segmentor_pair(segmentor *s, graph *g, tensor *img, const char *policy, features date[2])
{
    const kind *neck = s->neck ? s->neck->kind : NULL;
    backbone_run_pair(s->backbone, g, img, date);
    if (neck && neck->as.neck.fuse)
        return neck_fuse(s->neck, g, date[0], date[1]);
    for (int i = 0; i < 2 && neck; i++)
        date[i] = neck_run(s->neck, g, date[i]);
    return policy ? features_fused(g, date[0], date[1], policy) : features_joined(g, date[0], date[1]);
}

static features both_dates(segmentor *s, graph *g, tensor *img)
{
    tensor *date[2];
    op_split(g, img, 3, 2, NULL, date);
    return backbone_run_both(s->backbone, g, date[0], date[1]);
}

features segmentor_features(segmentor *s, graph *g, tensor *img)
{
    features date[2];
    if (s->backbone->kind->as.backbone.forward_pair || s->backbone->parent->kind->as.segmentor.siamese)
        return segmentor_pair(s, g, img, NULL, date);
    features x =
        s->backbone->kind->as.backbone.forward_both ? both_dates(s, g, img) : backbone_run(s->backbone, g, img);
    return s->neck ? neck_run(s->neck, g, x) : x;
}

head_io segmentor_io(features x, const tensor *img)
{
    return (head_io){.x = x, .h = img ? img->dim[1] : 0, .w = img ? img->dim[2] : 0};
}

head_io segmentor_learning_io(module *head, graph *g, features x, const char *gt_key)
{
    tensor *label = model_label_input(head->model, g, gt_key);
    head_io io = segmentor_io(x, label); /* at the image's size */
    io.label = label;
    io.weight = model_weight_input(head->model, g, gt_key);
    return io;
}

tensor *segmentor_resize(const module *head, graph *g, const head_io *io, tensor *logits)
{
    return logits ? op_resize_to(g, logits, io->h, io->w, head->head->align_corners) : NULL;
}

tensor *segmentor_logits(module *head, graph *g, features x, tensor *img)
{
    head_io io = segmentor_io(x, img);
    return segmentor_resize(head, g, &io, head_run(head, g, &io).logits);
}

head_out segmentor_learn(module *head, graph *g, const head_io *io, const char *prefix)
{
    head_out out = head_run(head, g, io);
    if (io->label)
        head_run_loss(head, g, io, &out, prefix);
    return out;
}

void segmentor_losses(const head_list *l, graph *g, features x, const char *prefix)
{
    for (size_t i = 0; i < l->heads.n; i++) {
        module *head = l->heads.at[i];
        char name[64];
        if (l->listed)
            snprintf(name, sizeof name, "%s_%zu", prefix, i);
        else
            snprintf(name, sizeof name, "%s", prefix);
        head_io io = segmentor_learning_io(head, g, x, head->head->gt_key);
        segmentor_learn(head, g, &io, name);
    }
}
