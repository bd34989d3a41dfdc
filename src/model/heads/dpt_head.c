/* DPTHead: four maps of a vision transformer become a pyramid, whose maps are fused from the coarsest on (Ranftl et al.
 * 2021, arXiv:2103.13413). */
#include <string.h>

#include "model/heads/decode_head.h"

enum { MAPS = 4 };

typedef struct dpt_config {
    head_config head;
    int64_t embed_dims;
    ints post_process_channels;
    const char *readout_type;
} dpt_config;

/* The class keeps norm_cfg and act_cfg to itself. */
static const field fields[] = {
    HEAD_FIELDS_DEFAULTS(dpt_config, "None", "dict(type='BN')",
                         "dict(type='Normal', std=0.01, override=dict(name='conv_seg'))"),
    FIELD_RANGE(dpt_config, F_INT, embed_dims, "768", 1, 1 << 16, "channels of the backbone's tokens"),
    FIELD_RANGE(dpt_config, F_INT_LIST, post_process_channels, "[96, 192, 384, 768]", 1, 1 << 20,
                "channels of each map of the pyramid, the finest first"),
    FIELD_CHOICE(dpt_config, readout_type, "'ignore'", "ignore|add|project",
                 "what becomes of a map's class token: nothing, it is added to each pixel, or a layer joins both"),
    FIELD_IGNORED(patch_size, "the reference does not use it either"),
    FIELD_FIXED(expand_channels, "False", "the reference stops where it is True: it makes fractions of channels"),
};
static const field_table table = FIELD_TABLE(fields, dpt_config);

/* mmseg's FeatureFusionBlock. */
typedef struct fusion {
    module *project, *unit1, *unit2; /* unit1 NULL: of the first, which has nothing to add */
} fusion;

typedef struct dpt_head {
    decode_head base;
    module *projects, *resize_layers, *readout_projects; /* the last NULL unless readout_type is 'project' */
    module *convs, *project;
    fusion fusion[MAPS];
} dpt_head;

static bool check(module *m)
{
    const dpt_config *c = m->config;
    const char *how = c->head.input_transform;
    if (!how || strcmp(how, "multiple_select") != 0 || c->head.in_index.n != MAPS)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_index"),
                   "%s: DPTHead takes %d maps: in_index and in_channels are lists of as many numbers, and "
                   "input_transform is 'multiple_select'",
                   m->name, MAPS);
    if (c->post_process_channels.n != MAPS)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "post_process_channels"),
                   "%s: post_process_channels is a list of %d numbers", m->name, MAPS);
    for (size_t i = 0; i < c->head.in_channels.n; i++)
        if (c->head.in_channels.at[i] != c->embed_dims)
            model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                       "%s: in_channels[%zu]=%lld is not embed_dims=%lld, the channels of the tokens", m->name, i,
                       (long long)c->head.in_channels.at[i], (long long)c->embed_dims);
    return !model_failed(m->model);
}

/* mmseg's ReassembleBlocks: maps of one size become four of 4, 2, 1 and 1/2 times that. */
static void build_reassembly(module *m, const dpt_config *c, dpt_head *h)
{
    const int64_t *out = c->post_process_channels.at;
    if (m)
        m->base = true;
    h->projects = module_new(m, "projects");
    h->resize_layers = module_new(m, "resize_layers");
    for (int64_t i = 0; i < MAPS; i++)
        conv_module_new(h->projects, module_index(m, i),
                        (conv_module_spec){.conv = conv_square(c->embed_dims, out[i], 1, 1, 0, 1)});
    static const int64_t sides[] = {4, 2};
    for (int64_t i = 0; i < 2; i++) {
        conv_spec up = conv_square(out[i], out[i], sides[i], sides[i], 0, 1);
        up.bias = true;
        conv_transpose2d_new(h->resize_layers, module_index(m, i), up, 0);
    }
    sequential_new(h->resize_layers, "2");
    conv_spec down = conv_square(out[3], out[3], 3, 2, 1, 1);
    down.bias = true;
    conv2d_new(h->resize_layers, "3", NULL, down);
    if (strcmp(c->readout_type, "project") != 0)
        return;
    h->readout_projects = module_new(m, "readout_projects");
    for (int64_t i = 0; i < MAPS; i++) {
        module *list = sequential_new(h->readout_projects, module_index(m, i));
        linear_new(list, "0", 2 * c->embed_dims, c->embed_dims, true);
        act_new(list, "1", module_literal(m, "dict(type='GELU')"));
    }
}

/* mmseg's PreActResidualConvUnit. */
static module *unit_new(module *parent, const char *name, const dpt_config *c)
{
    module *unit = module_new(parent, name);
    conv_module_spec spec = {.conv = conv_square(c->head.channels, c->head.channels, 3, 1, 1, 1),
                             .bias = BIAS_NO,
                             .norm_cfg = c->head.norm_cfg,
                             .act_cfg = c->head.act_cfg,
                             .order = ORDER_ACT_CONV_NORM};
    if (unit)
        unit->base = true;
    conv_module_new(unit, "conv1", spec);
    conv_module_new(unit, "conv2", spec);
    return unit;
}

static void build_fusion(module *m, const dpt_config *c, bool first, fusion *f)
{
    int64_t channels = c->head.channels;
    f->project = conv_module_new(
        m, "project", (conv_module_spec){.conv = conv_square(channels, channels, 1, 1, 0, 1), .bias = BIAS_YES});
    f->unit1 = first ? NULL : unit_new(m, "res_conv_unit1", c);
    f->unit2 = unit_new(m, "res_conv_unit2", c);
}

static void build(module *m)
{
    head_takes_maps(m);
    if (!head_begin(m, sizeof(dpt_head)) || !check(m))
        return;
    const dpt_config *c = m->config;
    dpt_head *h = m->state;
    int64_t channels = c->head.channels;
    build_reassembly(module_new(m, "reassemble_blocks"), c, h);
    h->convs = module_new(m, "convs");
    for (int64_t i = 0; i < MAPS; i++)
        conv_module_new(h->convs, module_index(m, i),
                        (conv_module_spec){.conv = conv_square(c->post_process_channels.at[i], channels, 3, 1, 1, 1),
                                           .bias = BIAS_NO});
    module *list = module_new(m, "fusion_blocks");
    for (int64_t i = 0; i < MAPS; i++)
        build_fusion(module_new(list, module_index(m, i)), c, i == 0, &h->fusion[i]);
    h->project = conv_module_new(m, "project",
                                 (conv_module_spec){.conv = conv_square(channels, channels, 3, 1, 1, 1),
                                                    .norm_cfg = c->head.norm_cfg,
                                                    .act_cfg = module_literal(m, "dict(type='ReLU')")});
}

/* The layer's product with a map's pixels [N,h,w,C], each beside the class token [N,1,1,C]: the product with the token,
 * which they have in common, is made once. */
static tensor *join(module *layers, graph *g, tensor *map, tensor *token)
{
    module *linear = layers->children.at[0];
    tensor *w = graph_param(g, module_own(linear, "weight")), *bias = graph_param(g, module_own(linear, "bias"));
    int64_t channels = tensor_channels(map);
    tensor *of_map = op_linear(g, map, op_slice(g, w, 1, 0, channels), bias);
    tensor *of_token = op_linear(g, token, op_slice(g, w, 1, channels, channels), NULL);
    return layer_run(layers->children.at[1], g, op_add(g, of_map, of_token));
}

/* A map of the pyramid. */
static tensor *reassemble(const module *m, graph *g, features x, int i)
{
    const dpt_config *c = m->config;
    const dpt_head *h = m->state;
    tensor *map = x.at[i], *token = x.cls[i];
    if (!map || !token)
        return NULL;
    token = op_reshape(g, token, 4, (int64_t[]){map->dim[0], 1, 1, c->embed_dims});
    if (strcmp(c->readout_type, "add") == 0)
        map = op_add(g, map, token);
    else if (h->readout_projects)
        map = join(h->readout_projects->children.at[i], g, map, token);
    map = layer_run(h->projects->children.at[i], g, map);
    map = layer_run(h->resize_layers->children.at[i], g, map);
    return layer_run(h->convs->children.at[i], g, map);
}

static tensor *residual(module *unit, graph *g, tensor *x)
{
    tensor *y = layer_run(unit->children.at[1], g, layer_run(unit->children.at[0], g, x));
    return op_add(g, y, x);
}

/* x, plus what `finer` has to add, at twice its size. */
static tensor *fuse(const fusion *f, graph *g, tensor *x, tensor *finer)
{
    if (f->unit1)
        x = op_add(g, x, residual(f->unit1, g, resize_like(g, finer, x, false)));
    x = residual(f->unit2, g, x);
    return x ? layer_run(f->project, g, op_resize_to(g, x, 2 * x->dim[1], 2 * x->dim[2], true)) : NULL;
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const dpt_head *h = m->state;
    char place[512];
    if (io->x.n != MAPS || !io->x.cls) {
        graph_fail(g, CSEG_SHAPE,
                   "%s%s (DPTHead) takes %d maps and their class tokens, but %s (%s) gives %d maps%s; set out_indices "
                   "and output_cls_token=True there",
                   value_place(m->cfg, place), m->name, MAPS, io->x.from ? io->x.from->name : "",
                   io->x.from ? io->x.from->class_name : "", io->x.n, io->x.cls ? "" : " alone");
        return (head_out){0};
    }
    features x = head_inputs(m, g, io);
    tensor *y = NULL;
    for (int i = 0; i < MAPS && x.n == MAPS && x.cls; i++)
        y = fuse(&h->fusion[i], g, i ? y : reassemble(m, g, x, MAPS - 1), i ? reassemble(m, g, x, MAPS - 1 - i) : NULL);
    return (head_out){.logits = head_classify(m, g, layer_run(h->project, g, y))};
}

const kind kind_dpt_head = {
    .family = FAMILY_HEAD,
    .name = "DPTHead",
    .about = "Four maps of a vision transformer as a pyramid, fused from the coarsest on (DPT, arXiv:2103.13413).",
    .fields = &table,
    .build = build,
    .as.head = {.takes_class_tokens = true, .forward = forward},
};
