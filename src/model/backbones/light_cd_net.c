/* LightCDNet of Open-CD: both dates' maps of half the size are fused, and go on through ShuffleNet's blocks with
 * criss-cross attention behind each stage (Xing et al. 2023, doi:10.1109/LGRS.2023.3304309). */
#include <string.h>

#include "model/layers/layers.h"

typedef struct light_config {
    ints stage_repeat_num;
    const char *net_type;
} light_config;

enum { STAGES = 3, CHANNELS = 3, STEM = 24 };

static const field fields[] = {
    FIELD_RANGE(light_config, F_INT_LIST, stage_repeat_num, NULL, 1, 1024,
                "blocks of each stage, behind which attention stands. Maps are given behind the fusion and, for each "
                "sum n of the first entries, behind part n - 1, attention counting as a part"),
    FIELD_CHOICE(light_config, net_type, "'small'", "small|base|large", "channels, and blocks before the fusion"),
};
static const field_table table = FIELD_TABLE(fields, light_config);

static const struct {
    const char *name;
    int64_t channels[STAGES], blocks; /* blocks: before the fusion */
} types[] = {{"small", {48, 96, 192}, 4}, {"base", {116, 232, 464}, 8}, {"large", {176, 352, 704}, 16}};

typedef struct fusion {
    module *stages, *single, *mlp, *final;
} fusion;

typedef struct light {
    module *conv1, *stages; /* children of `stages`: blocks, and the attention behind each stage */
    fusion fuse;
} light;

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

/* Appends a convolution without bias, a batch norm and, if `act`, a ReLU to a Sequential. */
static void conv_norm(module *list, int *at, conv_spec c, bool act)
{
    conv2d_new(list, list ? module_index(list, (*at)++) : NULL, NULL, c);
    norm_new(list, list ? module_index(list, (*at)++) : NULL, module_literal(list, "dict(type='BN')"), c.out);
    if (act && list)
        relu_new(list, module_index(list, (*at)++));
}

static module *pointwise_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *list = sequential_new(parent, name);
    int at = 0;
    conv_norm(list, &at, conv_square(in, out, 1, 1, 0, 1), true);
    return list;
}

static conv_spec depthwise(int64_t channels, int64_t stride)
{
    conv_spec c = conv_square(channels, channels, 3, stride, 1, 1);
    c.groups = channels;
    return c;
}

/* The channels of both halves by turns. */
static tensor *shuffle(graph *g, tensor *x)
{
    if (!x)
        return NULL;
    const int64_t *d = x->dim;
    tensor *halves = op_reshape(g, x, 5, (int64_t[]){d[0], d[1], d[2], 2, d[3] / 2});
    return op_reshape(g, op_transpose(g, halves, (int[]){0, 1, 2, 4, 3}), 4, d);
}

static tensor *run_shrinking(module *m, graph *g, tensor *x)
{
    tensor *y[] = {layer_run(m->children.at[0], g, x), layer_run(m->children.at[1], g, x)};
    return shuffle(g, op_concat(g, y, 2, -1));
}

static tensor *run_block(module *m, graph *g, tensor *x)
{
    tensor *half[2];
    op_split(g, x, -1, 2, NULL, half);
    half[1] = layer_run(m->children.at[0], g, half[1]);
    return shuffle(g, op_concat(g, half, 2, -1));
}

/* The class's ShuffleBlock. in == out unless it shrinks the map. */
static void block_new(module *parent, const char *name, int64_t in, int64_t out, bool shrinks)
{
    module *m = module_new(parent, name);
    if (!m)
        return;
    int64_t half = out / 2, stride = shrinks ? 2 : 1;
    int at = 0;
    m->forward = shrinks ? run_shrinking : run_block;
    if (shrinks) {
        module *first = sequential_new(m, "branch1");
        conv_norm(first, &at, depthwise(in, 2), false);
        conv_norm(first, &at, conv_square(in, half, 1, 1, 0, 1), true);
    }
    at = 0;
    module *second = sequential_new(m, "branch2");
    conv_norm(second, &at, conv_square(shrinks ? in : half, half, 1, 1, 0, 1), true);
    conv_norm(second, &at, depthwise(half, stride), false);
    conv_norm(second, &at, conv_square(half, half, 1, 1, 0, 1), true);
}

/* Criss-cross attention, twice with the same weights. */
static tensor *run_attention(module *m, graph *g, tensor *x)
{
    return layer_run(m->children.at[0], g, layer_run(m->children.at[0], g, x));
}

static void attention_behind(module *list, int64_t at, int64_t channels)
{
    module *m = module_new(list, module_index(list, at));
    if (m && criss_cross_new(m, "cca", channels))
        m->forward = run_attention;
}

/* ---- the fusion of dates ---------------------------------------------------------------------------------------- */

static void fusion_new(module *parent, fusion *f, int64_t channels, int64_t blocks)
{
    enum { WIDEN = 4 };
    module *m = module_new(parent, "fusion_conv");
    int64_t wide = WIDEN * channels, inner = channels / 16 < 8 ? 8 : channels / 16;
    f->stages = sequential_new(m, "stages");
    pointwise_new(f->stages, "0", channels, wide);
    for (int64_t i = 0; i < blocks; i++)
        block_new(f->stages, module_index(parent, i + 1), wide, wide, false);
    f->single = pointwise_new(m, "single_conv", wide, channels);
    f->mlp = sequential_new(module_new(m, "time_attn"), "mlp");
    int at = 0;
    conv_norm(f->mlp, &at, conv_square(2 * channels, inner, 1, 1, 0, 1), true);
    conv2d_new(f->mlp, module_index(parent, at), NULL, conv_square(inner, 2 * channels, 1, 1, 0, 1));
    f->final = pointwise_new(m, "final_conv", 2 * channels, channels);
}

/* Each date's channels are raised by what the means of both dates' maps say. */
static tensor *fuse(const fusion *f, graph *g, tensor *first, tensor *second)
{
    tensor *x[] = {first, second}, *gate[2];
    for (int i = 0; i < 2; i++)
        x[i] = op_add(g, x[i], layer_run(f->single, g, layer_run(f->stages, g, x[i])));
    tensor *means = op_adaptive_avg_pool(g, op_concat(g, x, 2, -1), 1, 1);
    op_split(g, layer_run(f->mlp, g, means), -1, 2, NULL, gate);
    for (int i = 0; i < 2; i++)
        x[i] = op_add(g, op_mul(g, x[i], op_sigmoid(g, gate[i])), x[i]);
    return layer_run(f->final, g, shuffle(g, op_concat(g, x, 2, -1)));
}

/* ---- the network ------------------------------------------------------------------------------------------------ */

static size_t type_of(const light_config *c)
{
    size_t i = 0;
    while (strcmp(types[i].name, c->net_type) != 0)
        i++;
    return i;
}

static void build(module *m)
{
    const light_config *c = m->config;
    light *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    m->base = false;
    ints repeat = c->stage_repeat_num;
    if (!repeat.n || repeat.n > STAGES) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "stage_repeat_num"),
                   "LightCDNet has 1 to %d stages, but stage_repeat_num has %zu entries", STAGES, repeat.n);
        return;
    }
    size_t type = type_of(c);
    s->conv1 = sequential_new(m, "conv1");
    conv2d_new(s->conv1, "0", NULL, conv_square(CHANNELS, STEM, 3, 2, 1, 1));
    norm_new(s->conv1, "1", module_literal(m, "dict(type='mmpretrain.LN2d', eps=1e-6)"), STEM);
    act_new(s->conv1, "2", module_literal(m, "dict(type='GELU')"));
    fusion_new(m, &s->fuse, STEM, types[type].blocks);
    s->stages = sequential_new(m, "stages");
    int64_t in = STEM, at = 0;
    for (size_t i = 0; i < repeat.n; i++) {
        int64_t out = types[type].channels[i];
        for (int64_t k = 0; k < repeat.at[i]; k++, in = out)
            block_new(s->stages, module_index(m, at++), in, out, k == 0);
        attention_behind(s->stages, at++, out);
    }
    m->model->in_channels = CHANNELS;
}

/* The reference's index_list. */
static bool is_given(const light_config *c, size_t child)
{
    int64_t sum = -1;
    for (size_t i = 0; i < c->stage_repeat_num.n; i++)
        if ((sum += c->stage_repeat_num.at[i]) == (int64_t)child)
            return true;
    return false;
}

static features forward(module *m, graph *g, tensor *first, tensor *second)
{
    const light *s = m->state;
    features y = features_new(g, 0);
    first = layer_run(s->conv1, g, first);
    tensor *x = fuse(&s->fuse, g, first, layer_run(s->conv1, g, second));
    features_add(g, &y, x);
    for (size_t i = 0; i < s->stages->children.n; i++) {
        x = layer_run(s->stages->children.at[i], g, x);
        if (is_given(m->config, i))
            features_add(g, &y, x);
    }
    return y;
}

const kind kind_light_cd_net = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "LightCDNet",
    .about = "Both dates' maps fused early, then ShuffleNet's blocks with criss-cross attention.",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_both = forward},
};
