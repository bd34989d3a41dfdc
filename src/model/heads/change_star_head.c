/* ChangeStarHead of Open-CD: a segmentation head's map of each of two dates, in both orders (Zheng et al. 2021,
 * arXiv:2108.07002). */
#include <string.h>

#include "model/heads/decode_head.h"
#include "model/losses/loss_config.h"

typedef struct change_star_config {
    head_config head;
    const char *inference_mode;
    const value *seg_head_cfg, *changemixin_cfg;
} change_star_config;

static const field fields[] = {
    HEAD_FIELDS(change_star_config),
    FIELD_CHOICE(change_star_config, inference_mode, "'t1t2'", "t1t2|t2t1|mean",
                 "which order of the dates answers, or the mean of both orders' logits"),
    FIELD(change_star_config, F_VALUE, seg_head_cfg, NULL,
          "dict of a head, whose map before its classifier is taken of each date"),
    FIELD(change_star_config, F_VALUE, changemixin_cfg, NULL,
          "in_channels (default 256), inner_channels (16; the same as channels) and num_convs (4) of the convolutions "
          "over both dates' maps"),
};
static const field_table table = FIELD_TABLE(fields, change_star_config);

typedef struct mixin_config {
    int64_t in_channels, inner_channels, num_convs;
} mixin_config;

static const field mixin_fields[] = {
    FIELD_RANGE(mixin_config, F_INT, in_channels, "256", 1, 1 << 20, "channels of both dates' maps"),
    FIELD_RANGE(mixin_config, F_INT, inner_channels, "16", 1, 1 << 20, "channels of the convolutions"),
    FIELD_RANGE(mixin_config, F_INT, num_convs, "4", 1, 1024, "convolutions"),
};
static const field_table mixin_table = FIELD_TABLE(mixin_fields, mixin_config);

typedef struct change_star {
    decode_head base;
    module *seg_head, *convs;
    mixin_config mixin;
} change_star;

/* What the class sets in the segmentation head's dict. */
static const value *seg_head_cfg(module *m, const value *given)
{
    static const char *const own[][2] = {
        {"num_classes", "2"},
        {"out_channels", "1"},
        {"dropout_ratio", "0."},
        {"loss_decode", "dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.)"}};
    model *mod = m->model;
    value *copy = given && given->kind == V_DICT ? value_copy(mod->mem, given) : NULL;
    if (!copy)
        return given; /* which the maker refuses */
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        const value *set = module_literal(m, own[i][1]);
        value *v = set ? value_copy(mod->mem, set) : NULL;
        if (!v || !value_set(mod->mem, copy, own[i][0], v)) {
            model_fail(mod, CSEG_NO_MEMORY, NULL, "out of memory");
            return NULL;
        }
    }
    return copy;
}

static void build_convs(module *m, change_star *h)
{
    module *mixin = module_new(m, "changemixin");
    h->convs = sequential_new(mixin, "convs");
    for (int64_t i = 0; i < h->mixin.num_convs; i++) {
        module *step = sequential_new(h->convs, module_index(m, i));
        conv_spec conv =
            conv_square(i ? h->mixin.inner_channels : h->mixin.in_channels, h->mixin.inner_channels, 3, 1, 1, 1);
        conv.bias = true;
        conv2d_new(step, "0", NULL, conv);
        norm_new(step, "1", module_literal(m, "dict(type='BN')"), h->mixin.inner_channels);
        relu_new(step, "2");
    }
}

/* Of two losses of one name the reference keeps the last alone. */
static void check_names(module *m, const decode_head *h)
{
    for (size_t i = 1; i < h->losses.n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(loss_name(h->losses.at[i]), loss_name(h->losses.at[j])) == 0)
                model_fail(m->model, CSEG_CONFIG, h->losses.at[i]->cfg,
                           "%s: two losses of %s are called '%s', of which the reference would keep the last alone; "
                           "give one another loss_name",
                           m->name, m->kind->name, loss_name(h->losses.at[i]));
}

static void build(module *m)
{
    const change_star_config *c = m->config;
    if (!head_selects_maps(m) || !head_begin(m, sizeof(change_star)))
        return;
    change_star *h = m->state;
    model *mod = m->model;
    check_names(m, &h->base);
    if (fields_parse(&mixin_table, "changemixin_cfg", c->changemixin_cfg, NULL, mod->mem, &h->mixin, &mod->error) !=
        CSEG_OK)
        return;
    if (h->mixin.inner_channels != c->head.channels)
        model_fail(mod, CSEG_CONFIG, module_at(m, "changemixin_cfg"),
                   "%s: channels=%lld, but inner_channels of changemixin_cfg is %lld; they must be equal", m->name,
                   (long long)c->head.channels, (long long)h->mixin.inner_channels);
    h->seg_head = module_build(m, "seg_head", FAMILY_HEAD, seg_head_cfg(m, c->seg_head_cfg), NULL);
    const kind *k = h->seg_head ? h->seg_head->kind : NULL;
    if (k && (k->as.head.takes_prev || k->as.head.takes_names || !module_child(h->seg_head, "conv_seg")))
        model_fail(
            mod, CSEG_UNSUPPORTED, h->seg_head->cfg,
            "%s: seg_head_cfg is to be a head that makes a map of the backbone's maps alone and classifies it by "
            "conv_seg; %s does not",
            m->name, k->name);
    head_unclassify(h->seg_head);
    build_convs(m, h);
}

static tensor *changes(module *m, graph *g, tensor *first, tensor *second)
{
    const change_star *h = m->state;
    tensor *both = op_concat(g, (tensor *[]){first, second}, 2, -1);
    return head_classify(m, g, layer_run(h->convs, g, both));
}

/* `more` has the logits of both orders of the dates. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    const change_star_config *c = m->config;
    const change_star *h = m->state;
    features date[2];
    tensor *x[2];
    head_out out = {0};
    head_inputs_of_dates(m, g, io, false, date); /* in_channels are any */
    for (int i = 0; i < 2; i++) {
        head_io own = {.x = date[i], .h = io->h, .w = io->w};
        x[i] = head_run(h->seg_head, g, &own).logits; /* not classified */
    }
    bool mean = strcmp(c->inference_mode, "mean") == 0, backward = strcmp(c->inference_mode, "t2t1") == 0;
    bool all = io->label || mean;
    tensor *there = all || !backward ? changes(m, g, x[0], x[1]) : NULL;
    tensor *back = all || backward ? changes(m, g, x[1], x[0]) : NULL;
    out.logits = mean ? op_scale(g, op_add(g, there, back), 0.5F, 0) : backward ? back : there;
    features_add(g, &out.more, there);
    features_add(g, &out.more, back);
    return out;
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    static const char *const orders[] = {"t1t2", "t2t1"};
    for (int i = 0; i < out->more.n; i++) {
        const char *name = arena_printf(g->mem, "%s.%s", prefix, orders[i]);
        if (name)
            head_add_losses(m, g, io, out->more.at[i], name);
        else
            graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    }
}

const kind kind_change_star_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "ChangeStarHead",
    .about =
        "Another head's map of each of two dates, in both orders (ChangeStar, arXiv:2108.07002). Takes both dates' "
        "maps along the channels; in_channels are not compared with them.",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
