/* TinyHead and DS_FPNHead of Open-CD: the maps of a feature pyramid, each after a 1x1 convolution, at the first one's
 * size and added. In TinyHead how far two dates differ may weigh the sum. */
#include "model/heads/decode_head.h"

typedef struct tiny_config {
    head_config head;
    ints feature_strides;
    bool priori_attn;
} tiny_config;

static const field tiny_fields[] = {
    HEAD_FIELDS(tiny_config),
    FIELD_RANGE(tiny_config, F_INT_LIST, feature_strides, NULL, 1, 1 << 16,
                "of each map; only their number counts, and that none is below the first"),
    FIELD(tiny_config, F_BOOL, priori_attn, "False",
          "the first map has the channels of both dates; how far they differ weighs the sum of the others"),
};
static const field_table tiny_table = FIELD_TABLE(tiny_fields, tiny_config);

static const field ds_fields[] = {HEAD_FIELDS(tiny_config)};
static const field_table ds_table = FIELD_TABLE(ds_fields, tiny_config);

typedef struct tiny_head {
    decode_head base;
    module *scales; /* a Sequential for each map but that of both dates */
    module *gate;   /* NULL: nothing weighs the sum */
} tiny_head;

static bool check_strides(module *m, const tiny_config *c)
{
    ints strides = c->feature_strides;
    head_check_strides(m, strides);
    if (c->priori_attn && (strides.n < 2 || c->head.in_channels.at[0] % 2))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: with priori_attn the first map has the channels of both dates, an even number, and there are "
                   "others",
                   m->name);
    return !model_failed(m->model);
}

/* The class does not hand conv_cfg on. */
static module *pointwise_new(module *m, module *parent, const char *name, int64_t in, bool bare)
{
    const head_config *c = m->config;
    return conv_module_new(parent, name,
                           (conv_module_spec){.conv = conv_square(in, c->channels, 1, 1, 0, 1),
                                              .norm_cfg = bare ? NULL : c->norm_cfg,
                                              .act_cfg = bare ? NULL : c->act_cfg});
}

static void build_scales(module *m, size_t first)
{
    const head_config *c = m->config;
    tiny_head *h = m->state;
    h->scales = module_new(m, "scale_heads");
    for (size_t i = first; i < c->in_channels.n; i++)
        pointwise_new(m, sequential_new(h->scales, module_index(m, (int64_t)(i - first))), "0", c->in_channels.at[i],
                      false);
}

static void build_tiny(module *m)
{
    const tiny_config *c = m->config;
    if (!head_selects_maps(m) || !head_begin(m, sizeof(tiny_head)) || !check_strides(m, c))
        return;
    build_scales(m, c->priori_attn);
    if (c->priori_attn)
        ((tiny_head *)m->state)->gate = pointwise_new(m, m, "gen_diff_attn", c->head.in_channels.at[0] / 2, true);
}

static void build_ds(module *m)
{
    if (head_selects_maps(m) && head_begin(m, sizeof(tiny_head)))
        build_scales(m, 0);
}

static tensor *sum_of(module *m, graph *g, features x)
{
    const tiny_head *h = m->state;
    tensor *sum = x.n ? layer_run(h->scales->children.at[0], g, x.at[0]) : NULL;
    for (int i = 1; i < x.n; i++)
        sum = op_add(g, sum,
                     resize_like(g, layer_run(h->scales->children.at[i], g, x.at[i]), sum, m->head->align_corners));
    return sum;
}

static tensor *weigh(module *m, graph *g, tensor *x, tensor *both)
{
    const tiny_head *h = m->state;
    tensor *date[2];
    op_split(g, both, -1, 2, NULL, date);
    tensor *apart = op_unary(g, op_sub(g, date[0], date[1]), (unary_attr){.kind = UNARY_ABS});
    apart = layer_run(h->gate, g, apart);
    x = resize_like(g, x, apart, m->head->align_corners);
    return op_add(g, op_mul(g, x, op_sigmoid(g, apart)), x);
}

static head_out forward_tiny(module *m, graph *g, const head_io *io)
{
    const tiny_head *h = m->state;
    features x = head_inputs(m, g, io);
    tensor *y = sum_of(m, g, h->gate ? features_from(x, 1) : x);
    if (h->gate && x.n)
        y = weigh(m, g, y, x.at[0]);
    return (head_out){.logits = head_classify(m, g, y)};
}

/* in_index counts from the second map on. */
static head_out forward_ds(module *m, graph *g, const head_io *io)
{
    head_io behind = *io;
    behind.x = features_from(io->x, 1);
    return (head_out){.logits = head_classify(m, g, sum_of(m, g, head_inputs(m, g, &behind)))};
}

const kind kind_tiny_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "TinyHead",
    .about = "The maps of a feature pyramid after 1x1 convolutions, added, and weighed by how far two dates differ "
             "(TinyCDv2).",
    .fields = &tiny_table,
    .build = build_tiny,
    .as.head = {.forward = forward_tiny},
};

const kind kind_ds_fpn_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "DS_FPNHead",
    .about = "The maps of a feature pyramid after 1x1 convolutions, added; in_index counts from the second map on "
             "(LightCDNet).",
    .fields = &ds_table,
    .build = build_ds,
    .as.head = {.forward = forward_ds},
};
