/* ANNHead: each pixel gathers from a map's averages over grids of several sizes, first those of a lower map, then of
 * its own (Zhu et al. 2019, arXiv:1908.07678). */
#include "model/heads/decode_head.h"

typedef struct ann_config {
    head_config head;
    int64_t project_channels;
    ints query_scales, key_pool_scales;
} ann_config;

static const field fields[] = {
    HEAD_FIELDS(ann_config),
    FIELD_RANGE(ann_config, F_INT, project_channels, NULL, 1, 1 << 20, "channels by which pixels are compared"),
    FIELD_RANGE(ann_config, F_INT_LIST, query_scales, "(1, )", 1, 256, "as many gather and are summed; each must be 1"),
    FIELD_RANGE(ann_config, F_INT_LIST, key_pool_scales, "(1, 3, 6, 8)", 1, 256, "sides of the grids"),
};
static const field_table table = FIELD_TABLE(fields, ann_config);

/* The reference's AFNB and APNB. */
typedef struct ann_block {
    module *stages, *bottleneck;
} ann_block;

typedef struct ann_head {
    decode_head base;
    ann_block fusion, context;
    module *bottleneck;
} ann_head;

static module *stages_new(module *m, module *parent, self_attention_spec spec)
{
    const ann_config *c = m->config;
    module *stages = module_new(parent, "stages");
    spec.channels = c->project_channels;
    spec.key_query_convs = spec.value_out_convs = 1;
    spec.key_query_norm = spec.matmul_norm = spec.with_out = true;
    spec.conv_cfg = c->head.conv_cfg;
    spec.norm_cfg = c->head.norm_cfg;
    spec.act_cfg = c->head.act_cfg;
    for (size_t i = 0; i < c->query_scales.n; i++)
        pyramid_tokens_new(self_attention_new(stages, module_index(m, (int64_t)i), spec), "key_downsample",
                           c->key_pool_scales);
    return stages;
}

/* Gathers from the lower map, which has other channels. */
static ann_block fusion_new(module *m, int64_t low, int64_t high)
{
    const head_config *c = m->config;
    module *all = module_new(m, "fusion");
    return (ann_block){
        .stages = stages_new(m, all, (self_attention_spec){.key_in = low, .query_in = high, .out = high}),
        .bottleneck = conv_module_new(all, "bottleneck",
                                      (conv_module_spec){.conv = conv_square(2 * high, high, 1, 1, 0, 1),
                                                         .conv_cfg = c->conv_cfg,
                                                         .norm_cfg = c->norm_cfg}),
    };
}

/* Gathers from the map itself. */
static ann_block context_new(module *m, int64_t channels)
{
    module *all = module_new(m, "context");
    self_attention_spec spec = {.key_in = channels, .query_in = channels, .out = channels, .share_key_query = true};
    ann_block b = {.stages = stages_new(m, all, spec)};
    b.bottleneck = head_conv(m, all, "bottleneck", 2 * channels, channels, 1);
    return b;
}

static void check(module *m, const ann_config *c)
{
    if (c->head.in_channels.n != 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: takes two maps, a lower and a higher one; in_channels has %zu", m->name, c->head.in_channels.n);
    if (c->query_scales.n == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "query_scales"), "%s: query_scales is empty", m->name);
    if (c->key_pool_scales.n == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "key_pool_scales"), "%s: key_pool_scales is empty", m->name);
    for (size_t i = 0; i < c->query_scales.n; i++)
        if (c->query_scales.at[i] != 1)
            model_fail(m->model, CSEG_UNSUPPORTED, module_at(m, "query_scales"),
                       "%s: a query scale of %lld is not supported: above 1 the reference's queries are fewer than the "
                       "map's pixels, and it cannot run either. Leave it at 1",
                       m->name, (long long)c->query_scales.at[i]);
}

static void build(module *m)
{
    const ann_config *c = m->config;
    check(m, c);
    if (model_failed(m->model) || !head_selects_maps(m) || !head_begin(m, sizeof(ann_head)))
        return;
    ann_head *h = m->state;
    int64_t low = c->head.in_channels.at[0], high = c->head.in_channels.at[1];
    h->fusion = fusion_new(m, low, high);
    h->bottleneck = head_conv(m, m, "bottleneck", high, c->head.channels, 3);
    h->context = context_new(m, c->head.channels);
}

static tensor *run_block(const ann_block *b, graph *g, tensor *query, tensor *key)
{
    tensor *sum = NULL;
    for (size_t i = 0; i < b->stages->children.n; i++) {
        tensor *y = self_attention_run(b->stages->children.at[i], g, query, key);
        sum = i ? op_add(g, sum, y) : y;
    }
    return layer_run(b->bottleneck, g, op_concat(g, (tensor *[]){sum, query}, 2, -1));
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    ann_head *h = m->state;
    features x = head_inputs(m, g, io);
    if (x.n != 2)
        return (head_out){0};
    tensor *y = run_block(&h->fusion, g, x.at[1], x.at[0]);
    y = layer_run(h->bottleneck, g, layer_run(h->base.dropout, g, y));
    return (head_out){.logits = head_classify(m, g, run_block(&h->context, g, y, y))};
}

const kind kind_ann_head = {
    .family = FAMILY_HEAD,
    .name = "ANNHead",
    .about = "Each pixel gathers from averages over grids of several sizes, of a lower map and of its own "
             "(arXiv:1908.07678).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
