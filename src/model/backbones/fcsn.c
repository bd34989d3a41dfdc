/* FC_EF, FC_Siam_conc and FC_Siam_diff of Open-CD: a small U-Net on both dates' channels, or with a shared encoder for
 * each date, whose maps the decoder sees side by side or by how they differ (Daudt et al. 2018, arXiv:1810.08462). */
#include <stdio.h>

#include "model/layers/layers.h"

enum { STAGES = 4 };
static const int convs_of[STAGES] = {2, 2, 3, 3};

typedef struct fcsn_config {
    int64_t in_channels, base_channel;
} fcsn_config;

static const field fields[] = {
    FIELD_RANGE(fcsn_config, F_INT, in_channels, NULL, 1, 4096,
                "channels of an image; of FC_EF, which sees both dates at once, those of both"),
    FIELD_RANGE(fcsn_config, F_INT, base_channel, "16", 1, 4096, "channels of the first stage, doubled by each one"),
};
static const field_table table = FIELD_TABLE(fields, fcsn_config);

/* Convolution, norm, dropout of channels; the last convolution of all stands alone. */
typedef struct step {
    module *conv, *norm, *drop;
} step;

typedef struct fcsn {
    step encoder[STAGES][3], decoder[STAGES][3];
    module *up[STAGES];
} fcsn;

extern const kind kind_fc_ef, kind_fc_siam_conc, kind_fc_siam_diff;

/* "conv43d" */
static const char *name_of(module *m, const char *what, int stage, int at, const char *end)
{
    return module_text(m, "%s%d%d%s", what, stage + 1, at + 1, end);
}

static step step_new(module *m, int stage, int at, bool up, int64_t in, int64_t out)
{
    const char *end = up ? "d" : "";
    conv_spec c = conv_square(in, out, 3, 1, 1, 1);
    c.bias = true;
    const char *name = name_of(m, "conv", stage, at, end);
    step s = {.conv = up ? conv_transpose2d_new(m, name, c, 0) : conv2d_new(m, name, NULL, c)};
    if (up && stage == 0 && at == 0)
        return s;
    s.norm = norm_new(m, name_of(m, "bn", stage, at, end), module_literal(m, "dict(type='BN')"), out);
    s.drop = dropout2d_new(m, name_of(m, "do", stage, at, end), 0.2);
    return s;
}

static void encoder_new(module *m, fcsn *s, int64_t in, int64_t base)
{
    for (int i = 0; i < STAGES; i++) {
        int64_t out = base << i;
        for (int k = 0; k < convs_of[i]; k++) {
            s->encoder[i][k] = step_new(m, i, k, false, in, out);
            in = out;
        }
    }
}

/* From the last stage to the first; within one from the last convolution to the first, which goes over to the channels
 * of the stage before. */
static void decoder_new(module *m, fcsn *s, int64_t base, int64_t maps)
{
    for (int i = STAGES - 1; i >= 0; i--) {
        int64_t channels = base << i;
        conv_spec up = conv_square(channels, channels, 3, 2, 1, 1);
        up.bias = true;
        s->up[i] = conv_transpose2d_new(m, module_text(m, "upconv%d", i + 1), up, 1);
        for (int k = convs_of[i] - 1; k >= 0; k--) {
            bool first = k == convs_of[i] - 1;
            int64_t out = k == 0 && i > 0 ? channels / 2 : channels;
            s->decoder[i][k] = step_new(m, i, k, true, first ? maps * channels : channels, out);
        }
    }
}

static void build(module *m)
{
    const fcsn_config *c = m->config;
    fcsn *s = m->state = module_state(m, sizeof *s);
    bool early = m->kind == &kind_fc_ef;
    if (!s)
        return;
    m->base = false;
    if (early && c->in_channels % 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "FC_EF: in_channels=%lld are those of both dates, so an even number", (long long)c->in_channels);
    encoder_new(m, s, c->in_channels, c->base_channel);
    decoder_new(m, s, c->base_channel, m->kind == &kind_fc_siam_conc ? 3 : 2);
    m->model->in_channels = (int)(early ? c->in_channels / 2 : c->in_channels);
}

static tensor *run_step(const step *s, graph *g, tensor *x)
{
    x = layer_run(s->conv, g, x);
    return s->norm ? layer_run(s->drop, g, op_relu(g, layer_run(s->norm, g, x))) : x;
}

/* Returns the pooled map behind the last stage; `maps`: those of the stages. */
static tensor *encode(const fcsn *s, graph *g, tensor *x, tensor *maps[STAGES])
{
    for (int i = 0; i < STAGES; i++) {
        for (int k = 0; k < convs_of[i]; k++)
            x = run_step(&s->encoder[i][k], g, x);
        maps[i] = x;
        x = op_max_pool(g, x, (pool_attr){.kernel = {2, 2}, .stride = {2, 2}});
    }
    return x;
}

/* Repeats the last row and column of a map that is one short, since a pool left out an odd one. */
static tensor *widen_to(graph *g, tensor *x, const tensor *like)
{
    for (int axis = 1; axis < 3; axis++)
        if (x && like && x->dim[axis] < like->dim[axis])
            x = op_concat(g, (tensor *[]){x, op_slice(g, x, axis, x->dim[axis] - 1, 1)}, 2, axis);
    return x;
}

static features decode(const fcsn *s, graph *g, tensor *x, tensor *const *first, tensor *const *second, bool apart)
{
    for (int i = STAGES - 1; i >= 0; i--) {
        x = widen_to(g, layer_run(s->up[i], g, x), first[i]);
        tensor *seen =
            !second || apart ? first[i] : op_unary(g, op_sub(g, first[i], second[i]), (unary_attr){.kind = UNARY_ABS});
        x = op_concat(g, (tensor *[]){x, seen, apart ? second[i] : NULL}, apart ? 3 : 2, -1);
        for (int k = convs_of[i] - 1; k >= 0; k--)
            x = run_step(&s->decoder[i][k], g, x);
    }
    features y = features_new(g, 0);
    features_add(g, &y, x);
    return y;
}

static features forward_early(module *m, graph *g, tensor *first, tensor *second)
{
    tensor *maps[STAGES];
    tensor *x = encode(m->state, g, op_concat(g, (tensor *[]){first, second}, 2, -1), maps);
    return decode(m->state, g, x, maps, NULL, false);
}

/* What goes through all stages is the second date's. */
static features forward_siamese(module *m, graph *g, tensor *first, tensor *second)
{
    tensor *maps[2][STAGES];
    encode(m->state, g, first, maps[0]);
    tensor *x = encode(m->state, g, second, maps[1]);
    return decode(m->state, g, x, maps[0], maps[1], m->kind == &kind_fc_siam_conc);
}

const kind kind_fc_ef = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "FC_EF",
    .about = "A small U-Net that sees the channels of both dates at once (arXiv:1810.08462).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_both = forward_early},
};

const kind kind_fc_siam_conc = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "FC_Siam_conc",
    .about = "A small U-Net whose encoder sees each date; the decoder sees the maps of both (arXiv:1810.08462).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_both = forward_siamese},
};

const kind kind_fc_siam_diff = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "FC_Siam_diff",
    .about = "A small U-Net whose encoder sees each date; the decoder sees how far the maps differ (arXiv:1810.08462).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_both = forward_siamese},
};
