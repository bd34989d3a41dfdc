/* HAN of Open-CD (HANet): both dates' maps of four sizes, joined by dilated grouped convolutions and then by attention
 * along channels, columns and rows (Han et al. 2023, doi:10.1109/JSTARS.2023.3264802). */
#include "model/init.h"
#include "model/layers/layers.h"

enum { LEVELS = 4, DILATIONS = 4 };

typedef struct han_config {
    int64_t in_channels, base_channel;
} han_config;

static const field fields[] = {
    FIELD_RANGE(han_config, F_INT, in_channels, NULL, 1, 4096, "channels of a date"),
    FIELD_RANGE(han_config, F_INT, base_channel, "40", 2, 4096,
                "channels of the first level, doubled by each one; even"),
};
static const field_table table = FIELD_TABLE(fields, han_config);

/* The class's FEC. */
typedef struct cell {
    module *conv[2], *norm[2];
} cell;

/* Attention from each pixel to those of its row or column. */
typedef struct lines {
    module *query, *key, *value;
    param *gamma;
} lines;

typedef struct level {
    cell cell;
    module *dilated[DILATIONS], *join;
    module *channels; /* the Sequential around attention along channels */
    lines row, column;
} level;

typedef struct han {
    module *stem, *out;
    level level[LEVELS];
} han;

static conv_spec with_bias(conv_spec c)
{
    c.bias = true;
    return c;
}

static module *batch_norm_new(module *parent, const char *name, int64_t channels)
{
    return norm_new(parent, name, module_literal(parent, "dict(type='BN')"), channels);
}

static cell cell_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *m = module_new(parent, name);
    cell c;
    c.conv[0] = conv2d_new(m, "conv1", NULL, with_bias(conv_square(in, out, 3, 1, 1, 1)));
    c.norm[0] = batch_norm_new(m, "bn1", out);
    c.conv[1] = conv2d_new(m, "conv2", NULL, conv_square(out, out, 1, 1, 0, 1));
    c.norm[1] = batch_norm_new(m, "bn2", out);
    return c;
}

static tensor *run_cell(const cell *c, graph *g, tensor *x)
{
    x = layer_run(c->conv[0], g, x);
    tensor *y = layer_run(c->conv[1], g, op_relu(g, layer_run(c->norm[0], g, x)));
    return op_relu(g, op_add(g, layer_run(c->norm[1], g, y), x));
}

/* ---- attention -------------------------------------------------------------------------------------------------- */

static tensor *scaled(graph *g, tensor *x, param *gamma)
{
    return op_mul(g, x, op_reshape(g, graph_param(g, gamma), 4, (int64_t[]){1, 1, 1, 1}));
}

static param *gamma_new(module *m)
{
    return module_param(m, "gamma", 1, (int64_t[]){1}, INIT_ZERO, 0, 0);
}

static tensor *run_channels(module *m, graph *g, tensor *x)
{
    return op_add(g, scaled(g, channels_gathered(g, x), m->state), x);
}

/* The class's Conv_CAM_Layer: 32 channels within, whatever there are without. */
static module *channels_new(module *parent, const char *name, int64_t channels)
{
    enum { WITHIN = 32 };
    module *list = sequential_new(module_new(parent, name), "attn");
    const value *prelu = module_literal(parent, "dict(type='PReLU')");
    conv2d_new(list, "0", NULL, with_bias(conv_square(channels, WITHIN, 3, 1, 1, 1)));
    batch_norm_new(list, "1", WITHIN);
    act_new(list, "2", prelu);
    module *gather = module_new(list, "3");
    if (gather) {
        gather->forward = run_channels;
        gather->state = gamma_new(gather);
    }
    conv2d_new(list, "4", NULL, with_bias(conv_square(WITHIN, channels, 3, 1, 1, 1)));
    batch_norm_new(list, "5", channels);
    act_new(list, "6", prelu);
    return list;
}

static lines lines_new(module *parent, const char *name, int64_t channels)
{
    module *m = module_new(parent, name);
    lines s = {.gamma = m ? gamma_new(m) : NULL};
    s.query = pointwise_conv_new(m, "query_conv", channels, channels);
    s.key = pointwise_conv_new(m, "key_conv", channels, channels);
    s.value = pointwise_conv_new(m, "value_conv", channels, channels);
    return s;
}

/* [N,h,w,C] -> the same, for attention along rows. */
static tensor *along_rows(const lines *s, graph *g, tensor *x)
{
    if (!x)
        return NULL;
    module *const projection[] = {s->query, s->key, s->value};
    tensor *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = op_reshape(g, layer_run(projection[i], g, x), 3, (int64_t[]){x->dim[0] * x->dim[1], x->dim[2], -1});
    tensor *y = op_attention(g, &(attention_operands){.q = t[0], .k = t[1], .v = t[2]},
                             (attention_attr){.heads = 1, .scale = 1});
    return op_add(g, scaled(g, op_reshape(g, y, 4, x->dim), s->gamma), x);
}

static tensor *turned(graph *g, tensor *x)
{
    return op_transpose(g, x, (int[]){0, 2, 1, 3});
}

static tensor *attend(const level *l, graph *g, tensor *x)
{
    tensor *y = along_rows(&l->row, g, turned(g, along_rows(&l->column, g, turned(g, x))));
    return op_add(g, layer_run(l->channels, g, x), y);
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* Two outputs of each group see four channels of both dates. */
static void dilated_new(module *m, level *l, int i, int64_t channels)
{
    for (int k = 0; k < DILATIONS; k++) {
        conv_spec c = with_bias(conv_square(channels * 2, channels, 3, 1, k + 1, k + 1));
        c.groups = channels / 2;
        l->dilated[k] = conv2d_new(m, module_text(m, "conv6_%d_%d", i + 1, k + 1), NULL, c);
    }
    l->join = pointwise_conv_new(m, module_text(m, "conv%d_1", i + 1), channels * DILATIONS, channels);
}

static void build(module *m)
{
    static const char *const cells[LEVELS] = {"conv0", "conv2", "conv4", "conv5"};
    const han_config *c = m->config;
    han *s = m->state = module_state(m, sizeof *s);
    int64_t n[LEVELS];
    if (!s)
        return;
    m->base = false;
    if (c->base_channel % 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "base_channel"),
                   "HAN: base_channel=%lld, but its convolutions have groups of 2 channels: it is even",
                   (long long)c->base_channel);
    for (int i = 0; i < LEVELS; i++)
        n[i] = c->base_channel << i;
    s->stem = conv2d_new(m, "conv0_0", NULL, with_bias(conv_square(c->in_channels, n[0], 5, 1, 2, 1)));
    for (int i = 0; i < LEVELS; i++)
        s->level[i].cell = cell_new(m, cells[i], n[i ? i - 1 : 0], n[i]);
    s->out = pointwise_conv_new(m, "conv6", n[0] + n[1] + n[2] + n[3], n[1]);
    for (int i = 0; i < LEVELS; i++)
        dilated_new(m, &s->level[i], i, n[i]);
    for (int i = 0; i < LEVELS; i++)
        s->level[i].channels = channels_new(m, module_text(m, "cam_attention_%d", i + 1), n[i]);
    for (int i = 0; i < LEVELS; i++)
        s->level[i].row = lines_new(m, module_text(m, "row_attention_%d", i + 1), n[i]);
    for (int i = 0; i < LEVELS; i++)
        s->level[i].column = lines_new(m, module_text(m, "col_attention_%d", i + 1), n[i]);
    for (int i = LEVELS - 1; i >= 0; i--) /* the class has these, and never runs them */
        conv2d_new(m, module_text(m, "c%d_conv", i + 1), NULL, with_bias(conv_square(n[i], n[i ? 1 : 0], 3, 1, 1, 1)));
    if (model_failed(m->model))
        return;
    init_kaiming_below(m);
    m->model->in_channels = (int)c->in_channels;
}

static void encode(const han *s, graph *g, tensor *x, tensor *maps[LEVELS])
{
    x = layer_run(s->stem, g, x);
    for (int i = 0; i < LEVELS; i++) {
        if (i)
            x = op_avg_pool(g, x, (pool_attr){.kernel = {2, 2}, .stride = {2, 2}, .count_include_pad = true});
        maps[i] = x = run_cell(&s->level[i].cell, g, x);
    }
}

static tensor *join(const level *l, graph *g, tensor *first, tensor *second)
{
    tensor *both = op_concat(g, (tensor *[]){first, second}, 2, -1), *seen[DILATIONS];
    for (int k = 0; k < DILATIONS; k++)
        seen[k] = layer_run(l->dilated[k], g, both);
    return layer_run(l->join, g, op_concat(g, seen, DILATIONS, -1));
}

/* From the smallest map on: each beside the larger ones, doubled in size. */
static features forward(module *m, graph *g, tensor *first, tensor *second)
{
    const han *s = m->state;
    tensor *maps[2][LEVELS], *x = NULL;
    encode(s, g, first, maps[0]);
    encode(s, g, second, maps[1]);
    for (int i = LEVELS - 1; i >= 0; i--) {
        tensor *own = attend(&s->level[i], g, join(&s->level[i], g, maps[0][i], maps[1][i]));
        if (x)
            x = op_resize(g, x, (resize_attr){.h = 2 * x->dim[1], .w = 2 * x->dim[2], .scale_h = 2, .scale_w = 2});
        x = i == LEVELS - 1 ? own : op_concat(g, (tensor *[]){own, x}, 2, -1);
    }
    features y = features_new(g, 0);
    features_add(g, &y, layer_run(s->out, g, x));
    return y;
}

const kind kind_han = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "HAN",
    .about = "Both dates' maps of four sizes, joined by attention along channels, columns and rows (HANet).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_both = forward},
};
