#include "model/segmentors/segmentor.h"

#include <stdio.h>

#include "model/init.h"

/* A name for the weights that is given to the segmentor is meant for its backbone. */
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

segmentor *segmentor_begin(module *m)
{
    const segmentor_config *c = m->config;
    segmentor *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->init_cfg = c->init_cfg;
    s->backbone = module_build(m, "backbone", FAMILY_BACKBONE, backbone_cfg(m, c), NULL);
    if (!value_is_none(c->neck))
        s->neck = module_build(m, "neck", FAMILY_NECK, c->neck, NULL);
    return model_failed(m->model) ? NULL : s;
}

static void add_head(module *parent, const char *name, const value *cfg, head_list *out)
{
    module *h = module_build(parent, name, FAMILY_HEAD, cfg, NULL);
    if (h && !vec_push(h->model->mem, &out->heads, h))
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

const head_config *segmentor_head_config(const module *head)
{
    return ((const decode_head *)head->state)->config;
}

void segmentor_add_answer(module *m, const char *name, module *head, const char *gt_key)
{
    if (model_failed(m->model) || !head)
        return;
    const decode_head *h = head->state;
    model_head answer = {.name = name,
                         .head = head,
                         .num_classes = h->config->num_classes,
                         .out_channels = h->out_channels,
                         .threshold = h->threshold,
                         .align_corners = h->config->align_corners,
                         .ignore_index = h->config->ignore_index,
                         .gt_key = gt_key};
    if (!vec_push(m->model->mem, &m->model->heads, answer))
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

void segmentor_note_labels(module *head, const char *gt_key)
{
    if (!head || model_failed(head->model))
        return;
    const decode_head *h = head->state;
    model_labels l = {.head = head,
                      .key = gt_key,
                      .classes = h->labels.classes,
                      .ignore_index = h->config->ignore_index,
                      .ignores_negative = h->labels.ignores_negative};
    if (h->losses.n && !vec_push(head->model->mem, &head->model->labels, l))
        model_fail(head->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

void segmentor_note_list(const head_list *l)
{
    for (size_t i = 0; i < l->heads.n; i++)
        segmentor_note_labels(l->heads.at[i], segmentor_head_config(l->heads.at[i])->gt_key);
}

features segmentor_features(segmentor *s, graph *g, tensor *img)
{
    features x = backbone_run(s->backbone, g, img);
    return s->neck ? neck_run(s->neck, g, x) : x;
}

tensor *segmentor_logits(module *head, graph *g, features x, tensor *img)
{
    tensor *y = head_run(head, g, x);
    return y && img ? op_resize_to(g, y, img->dim[1], img->dim[2], segmentor_head_config(head)->align_corners) : NULL;
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
        const char *key = segmentor_head_config(head)->gt_key;
        loss_inputs in = {.label = model_label_input(head->model, g, key),
                          .weight = model_weight_input(head->model, g, key)};
        head_run_loss(head, g, x, in, name);
    }
}
