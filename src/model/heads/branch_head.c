#include "model/heads/branch_head.h"

#include "model/init.h"

static void check(module *m, const decode_head *h, size_t losses)
{
    const head_config *c = h->config;
    if (c->input_transform || c->in_channels.n != 1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, c->input_transform ? "input_transform" : "in_channels"),
                   "%s: %s takes its maps itself: in_channels is one number, and there is no input_transform", m->name,
                   m->kind->name);
    if (h->sampler)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "sampler"),
                   "%s: %s has no use for a sampler; OhemCrossEntropy chooses pixels itself", m->name, m->kind->name);
    if (h->losses.n != losses || !value_is_list(c->loss_decode))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "loss_decode"),
                   "%s: loss_decode of %s is a list of %zu losses, one for each of its outputs", m->name, m->kind->name,
                   losses);
}

bool branch_head_begin(module *m, size_t state_size, size_t losses)
{
    m->init = init_kaiming_below;
    if (!head_begin(m, state_size))
        return false;
    check(m, m->state, losses);
    return !model_failed(m->model);
}

module *branch_head_block(module *m, const char *name, int64_t in, int64_t channels, const char *const names[3],
                          const value *act_cfg)
{
    const head_config *c = ((decode_head *)m->state)->config;
    module *block = sequential_new(m, name);
    conv_module_new(block, names[0],
                    (conv_module_spec){.conv = conv_square(in, channels, 3, 1, 1, 1),
                                       .norm_cfg = c->norm_cfg,
                                       .act_cfg = act_cfg,
                                       .order = ORDER_NORM_ACT_CONV});
    norm_new(block, names[1], c->norm_cfg, channels);
    act_new(block, names[2], act_cfg);
    return model_failed(m->model) ? NULL : block;
}

loss_io branch_head_io(module *m, graph *g, const head_io *io, tensor *logits)
{
    return (loss_io){.x = resize_like(g, logits, io->label, m->head->align_corners),
                     .target = io->label,
                     .weight = io->weight,
                     .ignore_index = m->head->ignore_index};
}

void branch_head_add_loss(module *m, graph *g, size_t i, const char *name, const loss_io *io, const char *prefix)
{
    const decode_head *h = m->state;
    model_add_loss(m->model, g, prefix, name, loss_run(h->losses.at[i], g, io));
}
