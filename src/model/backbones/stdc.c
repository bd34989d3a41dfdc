/* STDCNet: stages that join convolutions of fewer and fewer channels (Fan et al. 2021, arXiv:2104.13188). */
#include <string.h>

#include "model/layers/layers.h"

typedef struct stdc_config {
    int64_t in_channels, num_convs;
    ints channels;
    const char *stdc_type, *bottleneck_type;
    bool with_final_conv;
    const value *norm_cfg, *act_cfg, *init_cfg;
} stdc_config;

enum { ENTRIES = 5, SHALLOW = 2, STAGES = 5, CONVS_MAX = 16, FINAL_LEAST = 1024 };

static const field fields[] = {
    FIELD_CHOICE(stdc_config, stdc_type, NULL, "STDCNet1|STDCNet2", "how many modules a stage has"),
    FIELD_RANGE(stdc_config, F_INT, in_channels, NULL, 1, 4096, "channels of an image"),
    FIELD_RANGE(stdc_config, F_INTS, channels, NULL, 1, 1 << 20, "of each of the five stages"),
    FIELD_CHOICE(stdc_config, bottleneck_type, NULL, "add|cat",
                 "whether a module's maps are added to its input or only joined"),
    FIELD(stdc_config, F_VALUE, norm_cfg, NULL, "kind of normalisation"),
    FIELD(stdc_config, F_VALUE, act_cfg, NULL, "kind of activation"),
    FIELD_RANGE(stdc_config, F_INT, num_convs, "4", 2, CONVS_MAX, "convolutions of a module"),
    FIELD(stdc_config, F_BOOL, with_final_conv, "False", "a 1x1 convolution behind the last stage, to 1024 channels"),
    FIELD_IGNORED(pretrained, "the reference loads nothing for it; init_cfg=dict(type='Pretrained') does"),
    FIELD(stdc_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, stdc_config);

/* Modules of the third to fifth stage; the first of each strides. */
static const int modules[2][STAGES - SHALLOW] = {{2, 2, 2}, {4, 5, 3}};

typedef struct stdc_net {
    module *stages, *final;
} stdc_net;

/* mmseg's STDCModule. `skip` NULL: it does not stride. */
typedef struct stdc_module {
    bool add;
    module *layers, *shrink, *skip;
} stdc_module;

static const pool_attr halving = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .count_include_pad = true};

/* Joins x, and what each further layer makes of the one before. */
static tensor *joined(const stdc_module *s, graph *g, tensor *first, tensor *x)
{
    features all = features_new(g, 0);
    features_add(g, &all, first);
    for (size_t i = 1; i < s->layers->children.n; i++)
        features_add(g, &all, x = layer_run(s->layers->children.at[i], g, x));
    return op_concat(g, all.at, all.n, -1);
}

static tensor *run_module(module *m, graph *g, tensor *x)
{
    const stdc_module *s = m->state;
    tensor *first = layer_run(s->layers->children.at[0], g, x);
    if (s->add)
        return op_add(g, joined(s, g, first, first), s->skip ? layer_run(s->skip, g, x) : x);
    if (s->skip)
        return joined(s, g, layer_run(s->skip, g, first), layer_run(s->shrink, g, first));
    return joined(s, g, first, first);
}

static module *list_new(module *parent, const char *name, bool sequence)
{
    module *list = sequence ? sequential_new(parent, name) : module_new(parent, name);
    if (list)
        list->base = true;
    return list;
}

static conv_module_spec conv(const stdc_config *c, conv_spec s, const value *act_cfg)
{
    return (conv_module_spec){.conv = s, .norm_cfg = c->norm_cfg, .act_cfg = act_cfg};
}

/* A depthwise convolution that halves both sides. */
static module *halve_new(module *parent, const char *name, const stdc_config *c, int64_t channels)
{
    conv_spec s = conv_square(channels, channels, 3, 2, 1, 1);
    s.groups = channels;
    return conv_module_new(parent, name, conv(c, s, NULL));
}

/* The first layer, whose activation is ReLU whatever act_cfg says. Where maps are added it halves them too, and the
 * convolution that does so is an attribute of the module as well. */
static void first_new(module *m, stdc_module *s, const stdc_config *c, int64_t in, int64_t out, bool stride)
{
    bool both = stride && s->add;
    module *at = both ? sequential_new(s->layers, "0") : s->layers;
    conv_module_new(at, "0", conv(c, conv_square(in, out, 1, 1, 0, 1), module_literal(m, "dict(type='ReLU')")));
    if (both)
        s->shrink = halve_new(at, "1", c, out);
}

static void module_make(module *list, int64_t index, const stdc_config *c, int64_t in, int64_t out, bool stride)
{
    module *m = module_new(list, module_index(list, index));
    stdc_module *s = module_state(m, sizeof *s);
    if (!s)
        return;
    m->base = true;
    m->class_name = "STDCModule";
    m->state = s;
    m->forward = run_module;
    s->add = strcmp(c->bottleneck_type, "add") == 0;
    s->layers = list_new(m, "layers", false);
    first_new(m, s, c, in, out / 2, stride);
    for (int64_t i = 1; i < c->num_convs; i++) {
        int64_t from = out >> i, to = i < c->num_convs - 1 ? out >> (i + 1) : from;
        conv_module_new(s->layers, module_index(m, i), conv(c, conv_square(from, to, 3, 1, 1, 1), c->act_cfg));
    }
    if (!stride)
        return;
    if (!s->add) {
        s->shrink = halve_new(m, "downsample", c, out / 2);
        s->skip = avg_pool_new(m, "skip", halving);
        return;
    }
    module_twin(m, "downsample", s->shrink);
    s->skip = list_new(m, "skip", true);
    halve_new(s->skip, "0", c, in);
    conv_module_new(s->skip, "1", conv(c, conv_square(in, out, 1, 1, 0, 1), NULL));
}

static bool check(module *m, const stdc_config *c)
{
    if (c->channels.n != ENTRIES)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "channels"), "STDCNet: channels has %d entries, not %zu",
                   ENTRIES, c->channels.n);
    for (int i = SHALLOW; i < ENTRIES && !model_failed(m->model); i++)
        if (c->channels.at[i] % ((int64_t)1 << (c->num_convs - 1)))
            model_fail(m->model, CSEG_CONFIG, module_at(m, "channels"),
                       "STDCNet: %lld channels cannot be halved %lld times, as the %lld convolutions of a module do",
                       (long long)c->channels.at[i], (long long)c->num_convs - 1, (long long)c->num_convs);
    return !model_failed(m->model);
}

static void build(module *m)
{
    const stdc_config *c = m->config;
    stdc_net *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    const int64_t *channels = c->channels.at;
    bool larger = strcmp(c->stdc_type, "STDCNet2") == 0;
    int64_t in = c->in_channels;
    m->init_cfg = c->init_cfg;
    s->stages = list_new(m, "stages", false);
    for (int64_t i = 0; i < STAGES; i++) {
        int64_t out = channels[i];
        if (i < SHALLOW) {
            conv_module_new(s->stages, module_index(m, i), conv(c, conv_square(in, out, 3, 2, 1, 1), c->act_cfg));
        } else {
            module *stage = list_new(s->stages, module_index(m, i), true);
            for (int64_t k = 0; k < modules[larger][i - SHALLOW]; k++)
                module_make(stage, k, c, k ? out : in, out, k == 0);
        }
        in = out;
    }
    if (c->with_final_conv)
        s->final = conv_module_new(
            m, "final_conv", conv(c, conv_square(in, in < FINAL_LEAST ? FINAL_LEAST : in, 1, 1, 0, 1), c->act_cfg));
    m->model->in_channels = (int)c->in_channels;
}

/* The maps of all but the two shallow stages. */
static features forward(module *m, graph *g, tensor *x)
{
    const stdc_net *s = m->state;
    features out = features_new(g, 0);
    for (int i = 0; i < STAGES; i++) {
        x = layer_run(s->stages->children.at[i], g, x);
        if (i >= SHALLOW)
            features_add(g, &out, i == STAGES - 1 && s->final ? layer_run(s->final, g, x) : x);
    }
    return out;
}

const kind kind_stdc_net = {
    .family = FAMILY_BACKBONE,
    .name = "STDCNet",
    .about = "Stages that join convolutions of fewer and fewer channels (arXiv:2104.13188).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
