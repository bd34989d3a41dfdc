/* STAHead: the distance between what two dates' pixels hold, after each has looked at the pixels of both (Chen & Shi
 * 2020, "A Spatial-Temporal Attention-Based Method"). */
#include <math.h>
#include <string.h>

#include "model/heads/decode_head.h"
#include "model/init.h"

typedef struct sta_config {
    head_config head;
    const char *sa_mode;
    int64_t sa_in_channels, sa_ds;
    double distance_threshold;
} sta_config;

static const field fields[] = {
    HEAD_SIZE_FIELDS(sta_config, NULL, NULL),
    HEAD_MORE_FIELDS(sta_config, "None", "None", "dict(type='ReLU')",
                     "dict(type='Normal', std=0.01, override=dict(name='conv_seg'))"),
    FIELD_CHOICE(
        sta_config, sa_mode, "'PAM'", "BAM|PAM|None",
        "pixels look at those of the whole map (BAM); of the parts of grids of 1, 2, 4 and 8 parts a side (PAM); "
        "or at none ('None')"),
    FIELD_RANGE(sta_config, F_INT, sa_in_channels, "256", 8, 1 << 16, "channels of the maps that look at each other"),
    FIELD_RANGE(sta_config, F_INT, sa_ds, "1", 1, 1 << 10, "by how much they are smaller while they do"),
    FIELD(sta_config, F_FLOAT, distance_threshold, "1", "a pixel of a larger distance has changed"),
};
static const field_table table = FIELD_TABLE(fields, sta_config);

static const int64_t grids[] = {1, 2, 4, 8};
enum { GRIDS = sizeof grids / sizeof *grids };

/* Pixels that look at others: of the whole map, or of their part of a grid. */
typedef struct looking {
    module *query, *key, *value;
} looking;

typedef struct sta_head {
    decode_head base;
    module *laterals, *bottleneck;
    looking look[GRIDS]; /* BAM: one */
    module *join;        /* PAM */
} sta_head;

/* weights_init of the class: its convolutions and norms start narrower than PyTorch's. */
static void start_narrow(module *m)
{
    param *weight = module_own(m, "weight");
    bool norm = strcmp(m->class_name, "BatchNorm2d") == 0;
    if (weight)
        init_set(weight, INIT_NORMAL, norm ? 1 : 0, 0.02F, false);
    if (norm && weight)
        init_set(module_own(m, "bias"), INIT_CONSTANT, 0, 0, false);
}

static module *conv_and_norm(module *m, module *parent, const char *name, int64_t in, int64_t out)
{
    module *list = sequential_new(parent, name);
    pointwise_conv_new(list, "0", in, out);
    norm_new(list, "1", module_literal(m, "dict(type='BN')"), out);
    return list;
}

static void build_whole(module *attention, sta_head *h, int64_t channels)
{
    if (!attention)
        return;
    module_param(attention, "gamma", 1, (int64_t[]){1}, INIT_ZERO, 0, 0); /* nothing reads it in the reference either */
    h->look[0] = (looking){.query = pointwise_conv_new(attention, "query_conv", channels, channels / 8),
                           .key = pointwise_conv_new(attention, "key_conv", channels, channels / 8),
                           .value = pointwise_conv_new(attention, "value_conv", channels, channels)};
}

static void build_parts(module *m, module *attention, sta_head *h, int64_t channels)
{
    module *stages = attention ? module_new(attention, "stages") : NULL;
    for (int i = 0; stages && i < GRIDS; i++) {
        module *stage = module_new(stages, module_index(m, i));
        h->look[i].key = conv_and_norm(m, stage, "f_key", channels, channels / 8);
        h->look[i].query = conv_and_norm(m, stage, "f_query", channels, channels / 8);
        h->look[i].value = stage ? pointwise_conv_new(stage, "f_value", channels, channels) : NULL;
    }
    h->join = sequential_new(attention, "conv_bn");
    conv2d_new(h->join, "0", NULL, conv_square(GRIDS * channels, channels, 1, 1, 0, 1));
}

static void build(module *m)
{
    sta_config *c = m->config;
    c->head.num_classes = 1;
    if (!head_selects_maps(m) || !head_begin(m, sizeof(sta_head)))
        return;
    m->head->num_classes = 2; /* a distance tells two classes apart, though the class says num_classes=1 */
    head_unclassify(m);
    sta_head *h = m->state;
    const ints *in = &c->head.in_channels;
    int64_t channels = c->sa_in_channels;
    h->laterals = module_new(m, "fpn_convs");
    for (size_t i = 0; i < in->n; i++)
        head_conv(m, h->laterals, module_index(m, (int64_t)i), in->at[i], c->head.channels, 1);
    h->bottleneck = sequential_new(m, "fpn_bottleneck");
    head_conv(m, h->bottleneck, "0", (int64_t)in->n * c->head.channels, channels, 3);
    dropout_new(h->bottleneck, "1", 0.5);
    head_conv(m, h->bottleneck, "2", channels, channels, 3);
    module *attention = module_new(module_new(m, "netA"), "Self_Att");
    if (strcmp(c->sa_mode, "BAM") == 0)
        build_whole(attention, h, channels);
    else if (strcmp(c->sa_mode, "PAM") == 0)
        build_parts(m, attention, h, channels);
    if (!model_failed(m->model))
        module_each(attention, start_narrow);
}

static tensor *fused(module *m, graph *g, features x)
{
    const sta_head *h = m->state;
    for (int i = 0; i < x.n; i++)
        x.at[i] = resize_like(g, layer_run(h->laterals->children.at[i], g, x.at[i]), x.at[0], m->head->align_corners);
    return layer_run(h->bottleneck, g, op_concat(g, x.at, x.n, -1));
}

/* Puts two maps [N,h,w,C] into one [N,2h,w,C], `parts` rows of parts of the first date each above those of the second
 * at the same place: a part of both dates is a window of 2h/parts x w/parts pixels. No layer here asks for the order of
 * pixels otherwise. */
static tensor *interleave(graph *g, tensor *const x[2], int64_t parts)
{
    if (!x[0] || !x[1])
        return NULL;
    const int64_t *d = x[0]->dim;
    int64_t split[] = {d[0], parts, d[1] / parts, d[2], d[3]};
    tensor *both[] = {op_reshape(g, x[0], 5, split), op_reshape(g, x[1], 5, split)};
    return op_reshape(g, op_concat(g, both, 2, 2), 4, (int64_t[]){d[0], 2 * d[1], d[2], d[3]});
}

static void separate(graph *g, tensor *x, int64_t parts, tensor *out[2])
{
    out[0] = out[1] = NULL;
    if (!x)
        return;
    const int64_t *d = x->dim;
    op_split(g, op_reshape(g, x, 5, (int64_t[]){d[0], parts, d[1] / parts, d[2], d[3]}), 2, 2, NULL, out);
    for (int i = 0; i < 2; i++)
        out[i] = op_reshape(g, out[i], 4, (int64_t[]){d[0], d[1] / 2, d[2], d[3]});
}

/* Each pixel looks at those of its part of both dates. */
static void look(const looking *s, graph *g, tensor *const x[2], int64_t parts, tensor *out[2])
{
    tensor *both = interleave(g, x, parts);
    attention_operands in = {
        .q = layer_run(s->query, g, both), .k = layer_run(s->key, g, both), .v = layer_run(s->value, g, both)};
    if (!in.q || !in.v) {
        out[0] = out[1] = NULL;
        return;
    }
    attention_attr a = {.heads = 1,
                        .scale = (float)(1 / sqrt((double)tensor_channels(in.q))),
                        .d = tensor_channels(in.q),
                        .e = tensor_channels(in.v)};
    for (int i = 0; i < 2 && parts > 1; i++)
        a.window[i] = both->dim[1 + i] / parts;
    separate(g, op_attention(g, &in, a), parts, out);
}

static bool fits(module *m, graph *g, const tensor *x, int64_t by)
{
    char place[512], shape[96];
    if (x && (x->dim[1] % by || x->dim[2] % by))
        graph_fail(g, CSEG_SHAPE,
                   "%s%s (%s): a map of %s does not divide into parts of equal size: height and width must "
                   "be multiples of %lld",
                   value_place(module_at(m, "sa_mode"), place), m->name, m->kind->name, tensor_shape_text(x, shape),
                   (long long)by);
    return x && x->dim[1] % by == 0 && x->dim[2] % by == 0;
}

/* Changes the maps of both dates. */
static void attend(module *m, graph *g, tensor *x[2])
{
    const sta_config *c = m->config;
    const sta_head *h = m->state;
    bool parts = h->join;
    if (!h->look[0].value || !fits(m, g, x[0], c->sa_ds * (parts ? grids[GRIDS - 1] : 1)))
        return;
    tensor *small[2], *seen[GRIDS][2];
    int side = (int)c->sa_ds, n = parts ? GRIDS : 1;
    for (int i = 0; i < 2; i++)
        small[i] = side == 1 ? x[i] : op_avg_pool(g, x[i], (pool_attr){.kernel = {side, side}, .stride = {side, side}});
    for (int k = 0; k < n; k++)
        look(&h->look[k], g, small, parts ? grids[k] : 1, seen[k]);
    for (int i = 0; i < 2; i++) {
        tensor *each[GRIDS];
        for (int k = 0; k < n; k++)
            each[k] = resize_nearest_like(g, seen[k][i], x[i]);
        x[i] = parts ? layer_run(h->join, g, op_concat(g, each, GRIDS, -1)) : op_add(g, each[0], x[i]);
    }
}

/* torch's PairwiseDistance of pixels: [N,h,w,1]. */
static tensor *distance(graph *g, tensor *a, tensor *b)
{
    tensor *apart = op_scale(g, op_sub(g, a, b), 1, 1e-6F);
    tensor *sum = op_reduce_sum(g, op_unary(g, apart, (unary_attr){.kind = UNARY_SQUARE}), 1 << 3, true);
    return op_unary(g, sum, (unary_attr){.kind = UNARY_SQRT});
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const sta_config *c = m->config;
    features date[2];
    tensor *x[2];
    head_inputs_of_dates(m, g, io, true, date);
    const tensor *finest = date[0].n ? date[0].at[0] : NULL;
    for (int i = 0; i < 2; i++)
        x[i] = fused(m, g, date[i]);
    attend(m, g, x);
    tensor *y = resize_like(g, distance(g, x[0], x[1]), finest, true);
    if (io->label)
        return (head_out){.logits = y};
    /* The answer is a distance beyond or below the threshold, as logits that a sigmoid makes 1 or 0. */
    tensor *beyond = op_cast(g, op_compare_to(g, y, COMPARE_GT, c->distance_threshold), DT_F32);
    return (head_out){.logits = op_scale(g, beyond, 200, -100)};
}

const kind kind_sta_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "STAHead",
    .about =
        "The distance between two dates' pixels after each has looked at those of both (STANet). Takes both dates' "
        "maps along the channels; in_channels are those of one. Its loss is BCLLoss.",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
