/* IdentityHead and DSIdentityHead of Open-CD: the backbone's maps are the logits. The second learns from several. */
#include <stdio.h>
#include <string.h>

#include "model/heads/decode_head.h"
#include "model/losses/loss_config.h"

typedef struct identity_config {
    head_config head;
} identity_config;

/* The class sets channels=1, and deletes what would use them. */
static const field fields[] = {
    HEAD_IN_CHANNELS_FIELD(identity_config, NULL),
    HEAD_CLASSES_FIELD(identity_config),
    HEAD_MORE_FIELDS(identity_config, "None", "None", "dict(type='ReLU')", "None"),
};
static const field_table table = FIELD_TABLE(fields, identity_config);

static void check_channels(module *m, int64_t channels)
{
    if (!model_failed(m->model) && channels != m->head->out_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: %s takes maps as logits, but in_channels has %lld and out_channels is %lld", m->name,
                   m->class_name, (long long)channels, (long long)m->head->out_channels);
}

static void build(module *m)
{
    if (head_begin_unclassified(m, sizeof(decode_head)))
        check_channels(m, ((decode_head *)m->state)->in_channels);
}

static void build_ds(module *m)
{
    head_takes_maps(m);
    if (!head_begin_unclassified(m, sizeof(decode_head)))
        return;
    const head_config *c = m->config;
    if (!c->input_transform || strcmp(c->input_transform, "multiple_select") != 0)
        model_fail(m->model, CSEG_CONFIG,
                   value_get(m->cfg, "input_transform") ? module_at(m, "input_transform") : m->cfg,
                   "%s: %s learns from several maps: set input_transform='multiple_select'", m->name, m->class_name);
    for (size_t i = 0; i < c->in_channels.n; i++)
        check_channels(m, c->in_channels.at[i]);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    return (head_out){.logits = head_input(m, g, io)};
}

static head_out forward_ds(module *m, graph *g, const head_io *io)
{
    char place[512];
    if (!io->label)
        graph_fail(g, CSEG_CONFIG, "%s%s (%s) gives several maps, none of which is the answer: it is an auxiliary_head",
                   value_place(m->cfg, place), m->name, m->class_name);
    return (head_out){.more = head_inputs(m, g, io)};
}

/* Of losses with one name the last counts, as in the reference. */
static bool is_last_of_name(const decode_head *h, size_t i)
{
    for (size_t j = i + 1; j < h->losses.n; j++)
        if (strcmp(loss_name(h->losses.at[i]), loss_name(h->losses.at[j])) == 0)
            return false;
    return true;
}

static void losses_of_map(module *m, graph *g, loss_io *at, int map, const char *prefix)
{
    const decode_head *h = m->state;
    if (h->sampler) {
        tensor *hard = sampler_run(h->sampler, g, at);
        at->weight = at->weight ? op_mul(g, hard, at->weight) : hard;
    }
    for (size_t i = 0; i < h->losses.n; i++) {
        char name[256];
        snprintf(name, sizeof name, "aux_%d_%s", map, loss_name(h->losses.at[i]));
        if (is_last_of_name(h, i))
            model_add_loss(m->model, g, prefix, name, loss_run(h->losses.at[i], g, at));
    }
}

/* acc_seg is the last map's. */
static void loss_ds(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    loss_io at = {.target = io->label, .ignore_index = m->head->ignore_index};
    for (int i = 0; i < out->more.n; i++) {
        at.x = resize_like(g, out->more.at[i], io->label, m->head->align_corners);
        at.weight = io->weight;
        losses_of_map(m, g, &at, i, prefix);
    }
    model_add_loss(m->model, g, prefix, "acc_seg", op_accuracy(g, at.x, at.target, at.ignore_index));
}

const kind kind_identity_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "IdentityHead",
    .about = "The backbone's map is the logits.",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};

const kind kind_ds_identity_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "DSIdentityHead",
    .about = "Several of the backbone's maps are logits to learn from (deep supervision); an auxiliary head.",
    .fields = &table,
    .build = build_ds,
    .as.head = {.forward = forward_ds, .loss = loss_ds},
};
