/* SNUNet_ECAM of Open-CD: a nested U-Net (UNet++) on both dates' maps, whose four answers of full size are weighed by
 * channel attention (Fang et al. 2021, doi:10.1109/LGRS.2021.3056416). */
#include "model/init.h"
#include "model/layers/layers.h"

enum { LEVELS = 5, ANSWERS = LEVELS - 1 };

typedef struct snunet_config {
    int64_t in_channels, base_channel;
} snunet_config;

static const field fields[] = {
    FIELD_RANGE(snunet_config, F_INT, in_channels, NULL, 1, 4096, "channels of a date"),
    FIELD_RANGE(snunet_config, F_INT, base_channel, "32", 4, 4096, "channels of the first level, doubled by each one"),
};
static const field_table table = FIELD_TABLE(fields, snunet_config);

typedef struct block {
    module *conv[2], *norm[2];
} block;

typedef struct gate {
    module *first, *second;
} gate;

/* at[i][j]: block j of level i; block 0 is of the encoder, which sees each date. */
typedef struct snunet {
    block at[LEVELS][LEVELS];
    module *up[LEVELS][LEVELS];
    gate of_all, of_sum;
} snunet;

static block block_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *m = module_new(parent, name);
    block b = {0};
    for (int i = 0; i < 2; i++) {
        conv_spec c = conv_square(i ? out : in, out, 3, 1, 1, 1);
        c.bias = true;
        b.conv[i] = conv2d_new(m, module_text(parent, "conv%d", i + 1), NULL, c);
        b.norm[i] = norm_new(m, module_text(parent, "bn%d", i + 1), module_literal(parent, "dict(type='BN')"), out);
    }
    return b;
}

static module *up_new(module *parent, const char *name, int64_t channels)
{
    conv_spec c = conv_square(channels, channels, 2, 2, 0, 1);
    c.bias = true;
    return conv_transpose2d_new(module_new(parent, name), "up", c, 0);
}

static gate gate_new(module *parent, const char *name, int64_t channels, int64_t ratio)
{
    module *m = module_new(parent, name);
    int64_t inner = channels / ratio;
    return (gate){conv2d_new(m, "fc1", NULL, conv_square(channels, inner, 1, 1, 0, 1)),
                  conv2d_new(m, "fc2", NULL, conv_square(inner, channels, 1, 1, 0, 1))};
}

static void build(module *m)
{
    const snunet_config *c = m->config;
    snunet *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    m->base = false;
    for (int j = 0; j < LEVELS; j++)
        for (int i = 0; i < LEVELS - j; i++) {
            int64_t out = c->base_channel << i, in = i ? out / 2 : c->in_channels;
            s->at[i][j] = block_new(m, module_text(m, "conv%d_%d", i, j), j ? out * (j + 1) + 2 * out : in, out);
            if (i)
                s->up[i][j] = up_new(m, module_text(m, "Up%d_%d", i, j), out);
        }
    s->of_all = gate_new(m, "ca", c->base_channel * ANSWERS, 16);
    s->of_sum = gate_new(m, "ca1", c->base_channel, 4);
    if (model_failed(m->model))
        return;
    init_kaiming_below(m);
    m->model->in_channels = (int)c->in_channels;
}

/* Residual around the second convolution. */
static tensor *run_block(const block *b, graph *g, tensor *x)
{
    x = layer_run(b->conv[0], g, x);
    tensor *y = op_relu(g, layer_run(b->norm[0], g, x));
    return op_relu(g, op_add(g, layer_run(b->norm[1], g, layer_run(b->conv[1], g, y)), x));
}

static void encode(const snunet *s, graph *g, tensor *x, int levels, tensor *maps[LEVELS])
{
    for (int i = 0; i < levels; i++) {
        if (i)
            x = op_max_pool(g, x, (pool_attr){.kernel = {2, 2}, .stride = {2, 2}});
        maps[i] = x = run_block(&s->at[i][0], g, x);
    }
}

static tensor *weigh(const snunet *s, graph *g, tensor *const *answers)
{
    tensor *sum = answers[0];
    for (int i = 1; i < ANSWERS; i++)
        sum = op_add(g, sum, answers[i]);
    tensor *all = op_concat(g, answers, ANSWERS, -1), *each = channel_gate(g, sum, s->of_sum.first, s->of_sum.second);
    tensor *repeated = op_concat(g, (tensor *[ANSWERS]){each, each, each, each}, ANSWERS, -1);
    return op_mul(g, channel_gate(g, all, s->of_all.first, s->of_all.second), op_add(g, all, repeated));
}

/* Only the second date's maps go up. */
static features forward(module *m, graph *g, tensor *first, tensor *second)
{
    const snunet *s = m->state;
    tensor *of_first[LEVELS], *x[LEVELS][LEVELS], *column[LEVELS];
    encode(s, g, first, LEVELS - 1, of_first);
    encode(s, g, second, LEVELS, column);
    for (int i = 0; i < LEVELS; i++)
        x[i][0] = column[i];
    for (int j = 1; j < LEVELS; j++)
        for (int i = 0; i < LEVELS - j; i++) {
            tensor *seen[LEVELS + 1] = {of_first[i]};
            for (int k = 0; k < j; k++)
                seen[k + 1] = x[i][k];
            seen[j + 1] = layer_run(s->up[i + 1][j - 1], g, x[i + 1][j - 1]);
            x[i][j] = run_block(&s->at[i][j], g, op_concat(g, seen, j + 2, -1));
        }
    features y = features_new(g, 0);
    features_add(g, &y, weigh(s, g, &x[0][1]));
    return y;
}

const kind kind_snunet_ecam = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "SNUNet_ECAM",
    .about = "A nested U-Net on both dates' maps, with channel attention over its answers (SNUNet-CD).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_both = forward},
};
