/* PIDNet: three branches as the parts of a PID controller: proportional (details), integral (context) and derivative
 * (borders) (Xu et al. 2022, arXiv:2206.02066). */
#include "model/backbones/pid_fusion.h"
#include "model/init.h"

typedef struct pidnet_config {
    int64_t in_channels, channels, ppm_channels, num_stem_blocks, num_branch_blocks;
    bool align_corners;
    const value *norm_cfg, *act_cfg, *init_cfg;
} pidnet_config;

static const field fields[] = {
    FIELD_RANGE(pidnet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(pidnet_config, F_INT, channels, "64", 1, 1 << 14, "of the first stage"),
    FIELD_RANGE(pidnet_config, F_INT, ppm_channels, "96", 1, 1 << 16, "of each average of the integral branch"),
    FIELD_RANGE(pidnet_config, F_INT, num_stem_blocks, "2", 1, 64,
                "blocks of a layer of the stem and of the proportional branch; 2 makes the light form of the borders' "
                "branch and of the fusion too"),
    FIELD_RANGE(pidnet_config, F_INT, num_branch_blocks, "3", 1, 64, "blocks of a layer of the integral branch"),
    FIELD(pidnet_config, F_BOOL, align_corners, "False", "of resizing the integral branch's maps"),
    FIELD(pidnet_config, F_VALUE, norm_cfg, "dict(type='BN')",
          "kind of normalisation; blocks, averages and the attention to pixels have BN"),
    FIELD(pidnet_config, F_VALUE, act_cfg, "dict(type='ReLU', inplace=True)",
          "kind of activation between the blocks of a layer, and in the stem"),
    FIELD(pidnet_config, F_VALUE, init_cfg, "None",
          "dict(type='Pretrained', checkpoint=...) or None: weights that the file has replace those that are drawn"),
};
static const field_table table = {
    .at = fields, .n = sizeof fields / sizeof *fields, .size = sizeof(pidnet_config), .any_more = true};

enum { STAGES = 3, FUSIONS = 2 };

typedef struct pidnet {
    module *stem, *i[STAGES], *p[STAGES], *d[STAGES];
    module *compression[FUSIONS], *pag[FUSIONS], *diff[FUSIONS], *spp, *dfm;
} pidnet;

static module *layer_new(const pidnet_config *c, module *parent, const char *name, branch_block_spec s, int64_t n)
{
    s.act_cfg_out = c->act_cfg;
    s.downsample = DOWNSAMPLE_CONV_MODULE;
    s.downsample_norm_cfg = c->norm_cfg;
    return branch_layer_new(parent, name, s, n, NULL);
}

static module *block_new(const pidnet_config *c, module *parent, const char *name, int64_t in, int64_t channels)
{
    return branch_block_new(parent, name,
                            (branch_block_spec){.in = in,
                                                .channels = channels,
                                                .stride = 1,
                                                .downsample = DOWNSAMPLE_CONV_MODULE,
                                                .downsample_norm_cfg = c->norm_cfg});
}

static module *conv_new(const pidnet_config *c, module *parent, const char *name, conv_spec conv)
{
    return conv_module_new(parent, name, (conv_module_spec){.conv = conv, .bias = BIAS_NO, .norm_cfg = c->norm_cfg});
}

/* A Sequential in which ReLUs have the places 3 and 5. */
static void build_stem(module *m, pidnet *s)
{
    const pidnet_config *c = m->config;
    int64_t n = c->channels, blocks = c->num_stem_blocks;
    conv_module_spec conv = {
        .conv = conv_square(c->in_channels, n, 3, 2, 1, 1), .norm_cfg = c->norm_cfg, .act_cfg = c->act_cfg};
    s->stem = sequential_new(m, "stem");
    conv_module_new(s->stem, "0", conv);
    conv.conv.in = n;
    conv_module_new(s->stem, "1", conv);
    layer_new(c, s->stem, "2", (branch_block_spec){.in = n, .channels = n, .stride = 1}, blocks);
    relu_new(s->stem, "3");
    layer_new(c, s->stem, "4", (branch_block_spec){.in = n, .channels = 2 * n, .stride = 2}, blocks);
    relu_new(s->stem, "5");
}

static void build_branches(module *m, pidnet *s)
{
    const pidnet_config *c = m->config;
    int64_t n = c->channels;
    module *list = module_new(m, "i_branch_layers");
    for (int k = 0; k < STAGES; k++)
        s->i[k] =
            layer_new(c, list, module_index(m, k),
                      (branch_block_spec){
                          .bottleneck = k == 2, .in = n * (2 << k), .channels = k > 0 ? 8 * n : 4 * n, .stride = 2},
                      k < 2 ? c->num_branch_blocks : 2);
    list = module_new(m, "p_branch_layers");
    for (int k = 0; k < STAGES; k++)
        s->p[k] = layer_new(c, list, module_index(m, k),
                            (branch_block_spec){.bottleneck = k == 2, .in = 2 * n, .channels = 2 * n, .stride = 1},
                            k < 2 ? c->num_stem_blocks : 1);
}

static void build_borders(module *m, pidnet *s, bool light)
{
    const pidnet_config *c = m->config;
    int64_t n = c->channels;
    module *list = module_new(m, "d_branch_layers");
    s->d[0] = block_new(c, list, "0", 2 * n, light ? n : 2 * n);
    s->d[1] =
        light ? layer_new(c, list, "1", (branch_block_spec){.bottleneck = true, .in = n, .channels = n, .stride = 1}, 1)
              : block_new(c, list, "1", 2 * n, 2 * n);
    s->d[2] = layer_new(c, list, "2",
                        (branch_block_spec){.bottleneck = true, .in = 2 * n, .channels = 2 * n, .stride = 1}, 1);
    s->diff[0] = conv_new(c, m, "diff_1", conv_square(4 * n, light ? n : 2 * n, 3, 1, 1, 1));
    s->diff[1] = conv_new(c, m, "diff_2", conv_square(8 * n, 2 * n, 3, 1, 1, 1));
}

/* A class with an init_weights of its own. */
static void init(module *m)
{
    init_kaiming_below(m);
    init_from_file(m, ((const pidnet_config *)m->config)->init_cfg);
}

static void build(module *m)
{
    const pidnet_config *c = m->config;
    pidnet *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    int64_t n = c->channels;
    bool light = c->num_stem_blocks == 2;
    m->init = init;
    build_stem(m, s);
    build_branches(m, s);
    s->compression[0] = conv_new(c, m, "compression_1", conv_square(4 * n, 2 * n, 1, 1, 0, 1));
    s->compression[1] = conv_new(c, m, "compression_2", conv_square(8 * n, 2 * n, 1, 1, 0, 1));
    s->pag[0] = pid_pixel_attention_new(m, "pag_1", 2 * n, n);
    s->pag[1] = pid_pixel_attention_new(m, "pag_2", 2 * n, n);
    build_borders(m, s, light);
    s->spp = context_pool_new(
        m, "spp", (context_pool_spec){.in = 16 * n, .channels = c->ppm_channels, .out = 4 * n, .parallel = light});
    s->dfm = pid_border_attention_new(m, "dfm", 4 * n, light, c->norm_cfg, c->act_cfg);
    m->model->in_channels = (int)c->in_channels;
}

/* Gives [proportional, the sum of all, derivative]; the first and the last are from within, for PIDHead's losses. */
static features forward(module *m, graph *g, tensor *x)
{
    const pidnet_config *c = m->config;
    const pidnet *s = m->state;
    x = layer_run(s->stem, g, x);
    tensor *i = x, *p = x, *d = x, *early_p = NULL, *early_d = NULL;
    for (int k = 0; k < FUSIONS; k++) {
        i = op_relu(g, layer_run(s->i[k], g, i));
        p = pid_pixel_attention_run(s->pag[k], g, layer_run(s->p[k], g, p), layer_run(s->compression[k], g, i));
        d = layer_run(s->d[k], g, d);
        d = op_add(g, d, resize_like(g, layer_run(s->diff[k], g, i), d, c->align_corners));
        early_p = k == 0 ? p : early_p;
        early_d = d;
        p = op_relu(g, p);
        d = op_relu(g, d);
    }
    p = layer_run(s->p[2], g, p);
    d = layer_run(s->d[2], g, d);
    i = resize_like(g, layer_run(s->spp, g, layer_run(s->i[2], g, i)), p, c->align_corners);
    features out = features_new(g, 0);
    features_add(g, &out, early_p);
    features_add(g, &out, pid_border_attention_run(s->dfm, g, p, i, d));
    features_add(g, &out, early_d);
    return out;
}

const kind kind_pidnet = {
    .family = FAMILY_BACKBONE,
    .name = "PIDNet",
    .about =
        "Branches for details, context and borders (arXiv:2206.02066). It gives three maps: of details, the sum of "
        "all branches, of borders.",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
