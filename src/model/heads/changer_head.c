/* Changer: the maps of two dates, each warped onto the other by a flow that both say, beside each other (Fang et al.
 * 2022, arXiv:2209.08290). */
#include "model/heads/decode_head.h"
#include "model/heads/joined_maps.h"

typedef struct changer_config {
    head_config head;
    const char *interpolate_mode;
} changer_config;

static const field fields[] = {
    HEAD_FIELDS(changer_config),
    FIELD_CHOICE(changer_config, interpolate_mode, "'bilinear'", "bilinear|bicubic", "how maps are resized"),
};
static const field_table table = FIELD_TABLE(fields, changer_config);

typedef struct changer {
    decode_head base;
    joined_maps joined;
    module *flow, *discriminator;
} changer;

/* FDAF: what both dates' maps of `channels` say about where each lies on the other. */
static module *flow_new(module *m, int64_t channels)
{
    conv_spec around = conv_square(2 * channels, 2 * channels, 5, 1, 2, 1);
    around.groups = 2 * channels;
    around.bias = true;
    module *layer = module_list_new(m, "neck_layer"), *list = sequential_new(layer, "flow_make");
    conv2d_new(list, "0", NULL, around);
    norm_new(list, "1", module_literal(m, "dict(type='IN')"), 2 * channels);
    act_new(list, "2", module_literal(m, "dict(type='GELU')"));
    conv2d_new(list, "3", NULL, conv_square(2 * channels, 4, 1, 1, 0, 1));
    return list;
}

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(changer)))
        return;
    const changer_config *c = m->config;
    int64_t channels = c->head.channels;
    changer *h = m->state;
    if (channels % 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "channels"),
                   "%s: channels=%lld is odd, but each of two dates gives half of them", m->name, (long long)channels);
    joined_maps_new(m, &h->joined,
                    (joined_maps_spec){.in = c->head.in_channels,
                                       .channels = channels,
                                       .out = channels / 2,
                                       .norm_cfg = c->head.norm_cfg,
                                       .act_cfg = c->head.act_cfg});
    h->flow = flow_new(m, channels / 2);
    h->discriminator = mix_ffn_new(
        m, "discriminator",
        (mix_ffn_spec){.channels = channels, .hidden = channels, .act_cfg = module_literal(m, "dict(type='GELU')")});
}

/* The middle of each pixel of a map [N,h,w,C], (x, y) from 0 to 1: [h*w,2]. */
static tensor *pixel_places(graph *g, const tensor *x)
{
    int64_t h = x->dim[1], w = x->dim[2];
    float *at = arena_array(g->mem, (size_t)(h * w), 2 * sizeof *at);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < h * w; i++) {
        at[2 * i] = (float)(((double)(i % w) + 0.5) / (double)w);
        at[2 * i + 1] = (float)(((double)(i / w) + 0.5) / (double)h);
    }
    return graph_const(g, DT_F32, 2, (int64_t[]){h * w, 2}, at);
}

/* The reference divides a flow by the map's size, and takes -1 to 1 for the way between the centres of the outermost
 * pixels. Returns it in pixels. */
static tensor *flow_in_pixels(graph *g, tensor *flow, const tensor *x)
{
    float right = (float)(x->dim[2] - 1) / (2 * (float)x->dim[2]),
          down = (float)(x->dim[1] - 1) / (2 * (float)x->dim[1]);
    return op_mul(g, flow, graph_const(g, DT_F32, 4, (int64_t[]){1, 1, 1, 4}, (float[]){right, down, right, down}));
}

/* Reads x [N,h,w,C] where `flow` [N,h,w,2], in pixels, points from each pixel; beyond the map all is 0. */
static tensor *warp(graph *g, tensor *x, tensor *places, tensor *flow)
{
    if (!x || !flow)
        return NULL;
    int64_t n = x->dim[0], h = x->dim[1], w = x->dim[2], pixels = h * w;
    tensor *pixel = op_reshape(g, x, 4, (int64_t[]){n, pixels, 1, x->dim[3]});
    tensor *offset = op_reshape(g, flow, 6, (int64_t[]){n, pixels, 1, 1, 1, 2});
    tensor *share = op_fill(g, 5, (int64_t[]){n, pixels, 1, 1, 1}, 1);
    deform_attr a = {.levels = 1, .h = {h}, .w = {w}};
    return op_reshape(g, op_deform_attention(g, pixel, places, offset, share, a), 4, x->dim);
}

static tensor *aligned(module *m, graph *g, const head_io *io)
{
    const changer_config *c = m->config;
    const changer *h = m->state;
    resize_attr how = resize_by(c->interpolate_mode, m->head->align_corners);
    features date[2];
    tensor *x[2], *flow[2], *y[2];
    head_inputs_of_dates(m, g, io, true, date);
    for (int i = 0; i < 2; i++)
        x[i] = joined_maps_run(&h->joined, g, date[i], how);
    if (!x[0] || !x[1])
        return NULL;
    tensor *both = flow_in_pixels(g, layer_run(h->flow, g, op_concat(g, x, 2, -1)), x[0]);
    tensor *places = pixel_places(g, x[0]);
    op_split(g, both, 3, 2, NULL, flow);
    for (int i = 0; i < 2; i++)
        y[i] = op_sub(g, warp(g, x[i], places, flow[i]), x[1 - i]);
    return op_concat(g, y, 2, -1);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    changer *h = m->state;
    tensor *x = aligned(m, g, io);
    return (head_out){.logits = x ? head_classify(m, g, mix_ffn_run(h->discriminator, g, x, NULL)) : NULL};
}

const kind kind_changer_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "Changer",
    .about =
        "Two dates' maps, each warped onto the other by a flow that both say (arXiv:2209.08290). Takes both dates' "
        "maps along the channels; in_channels are those of one.",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
