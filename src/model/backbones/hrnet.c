/* HRNet: branches of several resolutions that exchange their maps after each module (Sun et al. 2019,
 * arXiv:1904.04514). */
#include <string.h>

#include "model/backbones/hr_module.h"
#include "model/init.h"

enum { STAGES = 4, STEM_CHANNELS = 64 };

typedef struct hrnet_config {
    int64_t in_channels, frozen_stages;
    bool norm_eval, multiscale_output, with_cp;
    const char *pretrained;
    const value *extra, *conv_cfg, *norm_cfg, *init_cfg;
} hrnet_config;

static const field fields[] = {
    FIELD(hrnet_config, F_VALUE, extra, NULL,
          "dict(stage1=..., ..., stage4=...), each with num_modules, num_branches, block (BASIC or BOTTLENECK), "
          "num_blocks and num_channels"),
    FIELD_RANGE(hrnet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD(hrnet_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(hrnet_config, F_VALUE, norm_cfg, "dict(type='BN', requires_grad=True)", "kind of normalisation"),
    FIELD(hrnet_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),
    FIELD(hrnet_config, F_BOOL, with_cp, "False",
          "blocks are computed again in the backward pass, not kept: less memory, more time, the same numbers"),
    FIELD_RANGE(hrnet_config, F_INT, frozen_stages, "-1", -1, STAGES, "the stem (0) and this many stages do not learn"),
    FIELD_IGNORED(zero_init_residual, "has no effect in mmseg either"),
    FIELD(hrnet_config, F_BOOL, multiscale_output, "True", "give the maps of all branches, not the finest alone"),
    FIELD(hrnet_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(hrnet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, hrnet_config);

typedef struct stage_config {
    int64_t num_modules, num_branches;
    const char *block;
    ints num_blocks, num_channels;
} stage_config;

static const field stage_fields[] = {
    FIELD_RANGE(stage_config, F_INT, num_modules, NULL, 1, 64, "modules in a row"),
    FIELD_RANGE(stage_config, F_INT, num_branches, NULL, 1, HR_BRANCHES_MAX, "resolutions"),
    FIELD_CHOICE(stage_config, block, NULL, "BASIC|BOTTLENECK", "kind of block"),
    FIELD_RANGE(stage_config, F_INTS, num_blocks, NULL, 1, 256, "blocks of each branch"),
    FIELD_RANGE(stage_config, F_INTS, num_channels, NULL, 1, 1 << 16, "channels of each branch"),
};
static const field_table stage_table = FIELD_TABLE(stage_fields, stage_config);

typedef struct hrnet {
    module *conv[2], *norm[2], *layer1;
    module *transition[STAGES - 1]; /* children by branch; a branch that continues unchanged has none */
    module *stage[STAGES];          /* [0] is unused */
    int64_t branches[STAGES];
} hrnet;

static bool read_stages(module *m, const hrnet_config *c, stage_config s[STAGES])
{
    model *mod = m->model;
    if (!c->extra || c->extra->kind != V_DICT)
        model_fail(mod, CSEG_CONFIG, module_at(m, "extra"), "HRNet: extra is a dict of four stages, not %s",
                   value_kind_name(c->extra));
    for (int i = 0; i < STAGES && !model_failed(mod); i++) {
        const char *key = module_text(m, "stage%d", i + 1);
        const value *cfg = key ? value_get(c->extra, key) : NULL;
        if (!cfg || cfg->kind != V_DICT) {
            model_fail(mod, CSEG_CONFIG, c->extra, "HRNet: extra has no dict called stage%d", i + 1);
            return false;
        }
        if (fields_parse(&stage_table, key, cfg, NULL, mod->mem, &s[i], &mod->error) != CSEG_OK)
            return false;
        if ((int64_t)s[i].num_blocks.n != s[i].num_branches || (int64_t)s[i].num_channels.n != s[i].num_branches)
            model_fail(mod, CSEG_CONFIG, cfg,
                       "HRNet: stage%d has num_branches=%lld, but num_blocks has %zu entries and num_channels %zu",
                       i + 1, (long long)s[i].num_branches, s[i].num_blocks.n, s[i].num_channels.n);
    }
    return !model_failed(mod);
}

static bool is_bottleneck(const stage_config *s)
{
    return strcmp(s->block, "BOTTLENECK") == 0;
}

static void build_stem(module *m, hrnet *h, const hrnet_config *c)
{
    for (int i = 0; i < 2; i++) {
        h->conv[i] = conv2d_new(m, module_text(m, "conv%d", i + 1), c->conv_cfg,
                                conv_square(i ? STEM_CHANNELS : c->in_channels, STEM_CHANNELS, 3, 2, 1, 1));
        h->norm[i] = norm_new(m, norm_name(m, c->norm_cfg, module_index(m, i + 1)), c->norm_cfg, STEM_CHANNELS);
    }
}

static void conv_norm_relu(module *parent, int64_t name, const hrnet_config *c, int64_t in, int64_t out, int64_t stride)
{
    module *s = sequential_new(parent, module_index(parent, name));
    conv2d_new(s, "0", c->conv_cfg, conv_square(in, out, 3, stride, 1, 1));
    norm_new(s, "1", c->norm_cfg, out);
    relu_new(s, "2");
}

/* Makes the transition between two stages: strided convolutions of the coarsest branch give the new branches. */
static module *build_transition(module *m, const char *name, const hrnet_config *c, const int64_t *before,
                                int64_t n_before, const int64_t *after, int64_t n_after)
{
    module *t = module_new(m, name);
    for (int64_t i = 0; i < n_after; i++) {
        if (i < n_before) {
            if (before[i] != after[i])
                conv_norm_relu(t, i, c, before[i], after[i], 1);
            continue;
        }
        module *down = sequential_new(t, module_index(m, i));
        int64_t in = before[n_before - 1];
        for (int64_t j = 0; j <= i - n_before; j++)
            conv_norm_relu(down, j, c, in, j == i - n_before ? after[i] : in, 2);
    }
    return t;
}

static module *build_stage(module *m, const char *name, const hrnet_config *c, const stage_config *s, int64_t *channels,
                           bool multiscale_output)
{
    module *stage = module_new(m, name);
    hr_module_spec spec = {.branches = (int)s->num_branches,
                           .bottleneck = is_bottleneck(s),
                           .blocks = s->num_blocks.at,
                           .planes = s->num_channels.at,
                           .channels = channels,
                           .with_cp = c->with_cp,
                           .conv_cfg = c->conv_cfg,
                           .norm_cfg = c->norm_cfg};
    if (stage)
        stage->base = true;
    for (int64_t i = 0; i < s->num_modules; i++) {
        spec.outputs = multiscale_output || i + 1 < s->num_modules ? spec.branches : 1;
        hr_module_new(stage, module_index(m, i), &spec);
    }
    return stage;
}

static void build_stages(module *m, hrnet *h, const hrnet_config *c, const stage_config s[STAGES])
{
    int64_t before[HR_BRANCHES_MAX], after[HR_BRANCHES_MAX], n_before = 1;
    res_block_spec first = {.bottleneck = is_bottleneck(&s[0]),
                            .in = STEM_CHANNELS,
                            .planes = s[0].num_channels.at[0],
                            .stride = 1,
                            .with_cp = c->with_cp,
                            .conv_cfg = c->conv_cfg,
                            .norm_cfg = c->norm_cfg};
    h->layer1 = res_layer_new(m, "layer1", first, s[0].num_blocks.at[0], NULL);
    before[0] = first.planes * res_block_expansion(first.bottleneck);
    for (int i = 1; i < STAGES; i++) {
        h->branches[i] = s[i].num_branches;
        for (int64_t j = 0; j < s[i].num_branches; j++)
            after[j] = s[i].num_channels.at[j] * res_block_expansion(is_bottleneck(&s[i]));
        h->transition[i - 1] =
            build_transition(m, module_text(m, "transition%d", i), c, before, n_before, after, s[i].num_branches);
        h->stage[i] =
            build_stage(m, module_text(m, "stage%d", i + 1), c, &s[i], after, i < STAGES - 1 || c->multiscale_output);
        memcpy(before, after, sizeof before);
        n_before = s[i].num_branches;
    }
}

/* Stage i + 1 includes the transition after it; the last stage has none. */
static void freeze(hrnet *h, const hrnet_config *c)
{
    if (c->frozen_stages >= 0)
        for (int i = 0; i < 2; i++) {
            module_freeze(h->conv[i]);
            module_freeze(h->norm[i]);
        }
    for (int64_t i = 0; i < c->frozen_stages; i++) {
        module_freeze(i ? h->stage[i] : h->layer1);
        if (i < STAGES - 1)
            module_freeze(h->transition[i]);
    }
}

static void build(module *m)
{
    const hrnet_config *c = m->config;
    stage_config s[STAGES] = {0};
    hrnet *h = m->state = module_state(m, sizeof *h);
    if (!h || !read_stages(m, c, s))
        return;
    init_choose(m, c->init_cfg, c->pretrained,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    build_stem(m, h, c);
    build_stages(m, h, c, s);
    if (model_failed(m->model))
        return;
    freeze(h, c);
    if (c->norm_eval)
        norm_freeze_statistics(m);
    m->model->in_channels = (int)c->in_channels;
}

static features run_stage(hrnet *h, graph *g, int stage, features x)
{
    features y = features_new(g, (int)h->branches[stage]);
    module *t = h->transition[stage - 1];
    for (int i = 0; i < y.n; i++) {
        module *branch = module_child(t, (char[]){(char)('0' + i), '\0'});
        tensor *last = x.n ? x.at[x.n - 1] : NULL;
        y.at[i] = branch ? layer_run(branch, g, last) : i < x.n ? x.at[i] : NULL;
    }
    for (size_t i = 0; i < h->stage[stage]->children.n; i++)
        y = hr_module_run(h->stage[stage]->children.at[i], g, y);
    return y;
}

static features forward(module *m, graph *g, tensor *x)
{
    hrnet *h = m->state;
    for (int i = 0; i < 2; i++)
        x = op_relu(g, layer_run(h->norm[i], g, layer_run(h->conv[i], g, x)));
    features y = features_new(g, 0);
    features_add(g, &y, layer_run(h->layer1, g, x));
    for (int i = 1; i < STAGES; i++)
        y = run_stage(h, g, i, y);
    return y;
}

const kind kind_hrnet = {
    .family = FAMILY_BACKBONE,
    .name = "HRNet",
    .about = "Branches of several resolutions that exchange their maps (arXiv:1904.04514).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
