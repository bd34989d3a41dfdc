/* BiSeNetV1: a shallow path that keeps detail beside a deep one that sees context (Yu et al. 2018, arXiv:1808.00897).
 */
#include "model/backbones/inner_backbone.h"
#include "model/backbones/out_indices.h"
#include "model/layers/layers.h"

typedef struct bisenet_config {
    int64_t in_channels, out_channels;
    ints spatial_channels, context_channels, out_indices;
    const value *backbone_cfg, *init_cfg;
} bisenet_config;

enum { SPATIAL = 4, CONTEXT = 3, MAPS = 3, INNER_MAPS = 4 };

static const field fields[] = {
    FIELD(bisenet_config, F_VALUE, backbone_cfg, NULL, "the backbone that sees context: any kind that gives four maps"),
    FIELD_RANGE(bisenet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(bisenet_config, F_INTS, spatial_channels, "(64, 64, 64, 128)", 1, 1 << 16,
                "of each layer of the path that keeps detail"),
    FIELD_RANGE(bisenet_config, F_INTS, context_channels, "(128, 256, 512)", 1, 1 << 16,
                "of the context that is handed on, and of backbone_cfg's last two maps"),
    FIELD_RANGE(bisenet_config, F_INTS, out_indices, "(0, 1, 2)", -MAPS, MAPS - 1,
                "of the fused map (0) and the context at 1/8 (1) and 1/16 (2), those that are given"),
    FIELD_IGNORED(align_corners, "the only maps that are resized here are resized by the nearest pixel"),
    FIELD_RANGE(bisenet_config, F_INT, out_channels, "256", 1, 1 << 16, "of the fused map"),
    FIELD_IGNORED(conv_cfg, "the reference hands it to no layer"),
    FIELD_IGNORED(norm_cfg, "the reference hands it to no layer: all are batch norms; backbone_cfg has its own"),
    FIELD_IGNORED(act_cfg, "the reference hands it to no layer: all are ReLU"),
    FIELD(bisenet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, bisenet_config);

typedef struct bisenet {
    module *inner, *refine16, *refine32, *head16, *head32, *whole; /* the path of context */
    module *spatial, *fusion;
} bisenet;

static bool check(module *m, const bisenet_config *c)
{
    const ints *s = &c->spatial_channels, *x = &c->context_channels;
    if (s->n != SPATIAL || x->n != CONTEXT)
        model_fail(m->model, CSEG_CONFIG, module_at(m, s->n != SPATIAL ? "spatial_channels" : "context_channels"),
                   "BiSeNetV1: spatial_channels has %d entries and context_channels %d, not %zu and %zu", SPATIAL,
                   CONTEXT, s->n, x->n);
    else if (s->at[SPATIAL - 1] + x->at[0] != x->at[1])
        model_fail(m->model, CSEG_CONFIG, module_at(m, "context_channels"),
                   "BiSeNetV1: both paths join into context_channels[1] = %lld channels, but spatial_channels[3] + "
                   "context_channels[0] = %lld + %lld",
                   (long long)x->at[1], (long long)s->at[SPATIAL - 1], (long long)x->at[0]);
    return out_maps_check(m, c->out_indices, MAPS) && !model_failed(m->model);
}

static module *conv(module *parent, const char *name, conv_spec s)
{
    return conv_module_new(parent, name, conv_bn_relu(parent, s));
}

static module *part_new(module *m, const char *name, bool sequence)
{
    module *part = sequence ? sequential_new(m, name) : module_new(m, name);
    if (part)
        part->base = true;
    return part;
}

static void context_new(module *m, bisenet *s, const bisenet_config *c)
{
    module *path = part_new(m, "context_path", false);
    const int64_t *channels = c->context_channels.at;
    s->inner = inner_backbone_new(path, module_at(m, "backbone_cfg"));
    s->refine16 = attention_refinement_new(path, "arm16", channels[1], channels[0]);
    s->refine32 = attention_refinement_new(path, "arm32", channels[2], channels[0]);
    s->head32 = conv(path, "conv_head32", conv_square(channels[0], channels[0], 3, 1, 1, 1));
    s->head16 = conv(path, "conv_head16", conv_square(channels[0], channels[0], 3, 1, 1, 1));
    s->whole = sequential_new(path, "gap_conv");
    conv(s->whole, "1", conv_square(channels[2], channels[0], 1, 1, 0, 1));
}

static void spatial_new(module *m, bisenet *s, const bisenet_config *c)
{
    const int64_t *channels = c->spatial_channels.at;
    s->spatial = part_new(m, "spatial_path", true);
    conv(s->spatial, "layer1", conv_square(c->in_channels, channels[0], 7, 2, 3, 1));
    conv(s->spatial, "layer2", conv_square(channels[0], channels[1], 3, 2, 1, 1));
    conv(s->spatial, "layer3", conv_square(channels[1], channels[2], 3, 2, 1, 1));
    conv(s->spatial, "layer4", conv_square(channels[2], channels[3], 1, 1, 0, 1));
}

static void build(module *m)
{
    const bisenet_config *c = m->config;
    bisenet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    m->init_cfg = c->init_cfg;
    context_new(m, s, c);
    spatial_new(m, s, c);
    s->fusion = gated_conv_new(m, "ffm", true);
    conv(s->fusion, "conv1", conv_square(c->context_channels.at[1], c->out_channels, 1, 1, 0, 1));
    conv(sequential_new(s->fusion, "conv_atten"), "0", conv_square(c->out_channels, c->out_channels, 1, 1, 0, 1));
    if (!model_failed(m->model) && m->model->in_channels != c->in_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "BiSeNetV1: in_channels is %lld, but the %s of backbone_cfg takes %d", (long long)c->in_channels,
                   s->inner->class_name, m->model->in_channels);
}

/* The context at 1/8 and 1/16 of the image's size. */
static bool run_context(module *m, graph *g, tensor *img, tensor *context[2])
{
    const bisenet_config *c = m->config;
    bisenet *s = m->state;
    const int64_t *channels = c->context_channels.at;
    features x = backbone_run(s->inner, g, img);
    char place[512];
    if (x.n != INNER_MAPS) {
        graph_fail(g, CSEG_SHAPE, "%sBiSeNetV1 takes %d maps of its backbone_cfg, but %s gives %d",
                   value_place(c->backbone_cfg, place), INNER_MAPS, s->inner->class_name, x.n);
        return false;
    }
    tensor *x16 = inner_backbone_map(m, g, x, 2, "context_channels", channels[1]);
    tensor *x32 = inner_backbone_map(m, g, x, 3, "context_channels", channels[2]);
    tensor *whole = layer_run(s->whole, g, op_adaptive_avg_pool(g, x32, 1, 1));
    tensor *y = op_add(g, layer_run(s->refine32, g, x32), whole);
    context[1] = layer_run(s->head32, g, resize_nearest_like(g, y, x16));
    y = op_add(g, layer_run(s->refine16, g, x16), context[1]);
    context[0] = layer_run(s->head16, g, resize_nearest_like(g, y, x.at[1]));
    return context[0] != NULL;
}

static features forward(module *m, graph *g, tensor *x)
{
    const bisenet_config *c = m->config;
    bisenet *s = m->state;
    features maps = features_new(g, 0);
    tensor *context[2], *fused;
    if (!run_context(m, g, x, context))
        return maps;
    fused = op_concat(g, (tensor *[]){layer_run(s->spatial, g, x), context[0]}, 2, -1);
    features_add(g, &maps, layer_run(s->fusion, g, fused));
    features_add(g, &maps, context[0]);
    features_add(g, &maps, context[1]);
    return out_maps(g, maps, c->out_indices);
}

const kind kind_bisenet_v1 = {
    .family = FAMILY_BACKBONE,
    .name = "BiSeNetV1",
    .about = "A shallow path that keeps detail beside a backbone of any kind that sees context (arXiv:1808.00897).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
