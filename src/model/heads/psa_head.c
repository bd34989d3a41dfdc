/* PSAHead: each pixel predicts how much it takes from, or gives to, every other one (Zhao et al. 2018, PSANet:
 * Point-wise Spatial Attention Network for Scene Parsing). */
#include <string.h>

#include "model/heads/decode_head.h"

typedef struct psa_config {
    head_config head;
    ints mask_size;
    const char *psa_type;
    bool compact, psa_softmax;
    int64_t shrink_factor;
    const value *normalization_factor;
} psa_config;

static const field fields[] = {
    HEAD_FIELDS(psa_config),
    FIELD_RANGE(psa_config, F_INTS, mask_size, NULL, 1, 4096, "height and width of each pixel's mask"),
    FIELD_CHOICE(psa_config, psa_type, "'bi-direction'", "collect|distribute|bi-direction",
                 "whether pixels take, give, or both"),
    FIELD(psa_config, F_BOOL, compact, "False",
          "a mask is the whole map, not centred on its pixel; it fits one size only"),
    FIELD_RANGE(psa_config, F_INT, shrink_factor, "2", 1, 1024, "the map is so much smaller while pixels exchange"),
    FIELD(psa_config, F_VALUE, normalization_factor, "1.0",
          "what is exchanged is divided by it; None: by the mask's size"),
    FIELD(psa_config, F_BOOL, psa_softmax, "True", "what a pixel gets is an average"),
};
static const field_table table = FIELD_TABLE(fields, psa_config);

/* One direction. */
typedef struct exchange {
    module *reduce, *attention;
    bool distributes;
    bool transposed; /* compact: rows of the matrix are the mask's places */
} exchange;

typedef struct psa_head {
    decode_head base;
    exchange way[2];
    int ways;
    double divisor;
    module *proj, *bottleneck;
} psa_head;

static void build_way(module *m, psa_head *h, const char *suffix, bool distributes)
{
    const psa_config *c = m->config;
    int64_t channels = c->head.channels;
    exchange *e = &h->way[h->ways++];
    e->distributes = distributes;
    /* As the class has it: the two directions alone are compact the other way round than together. */
    e->transposed = distributes == (strcmp(c->psa_type, "bi-direction") == 0);
    e->reduce = head_conv(m, m, module_text(m, "reduce%s", suffix), h->base.in_channels, channels, 1);
    e->attention = sequential_new(m, module_text(m, "attention%s", suffix));
    head_conv(m, e->attention, "0", channels, channels, 1);
    conv2d_new(e->attention, "1", NULL, conv_square(channels, c->mask_size.at[0] * c->mask_size.at[1], 1, 1, 0, 1));
}

static bool read_fields(module *m, psa_head *h, const psa_config *c)
{
    if (c->mask_size.n != 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "mask_size"), "mask_size is height and width, not %zu numbers",
                   c->mask_size.n);
    else if (value_is_none(c->normalization_factor))
        h->divisor = (double)c->mask_size.at[0] * (double)c->mask_size.at[1];
    else if (!value_number(c->normalization_factor, &h->divisor) || h->divisor == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "normalization_factor"),
                   "normalization_factor is a number other than 0, or None");
    return !model_failed(m->model);
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(psa_head)))
        return;
    const psa_config *c = m->config;
    psa_head *h = m->state;
    if (!read_fields(m, h, c))
        return;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    bool both = strcmp(c->psa_type, "bi-direction") == 0;
    build_way(m, h, "", strcmp(c->psa_type, "distribute") == 0);
    if (both)
        build_way(m, h, "_p", true);
    h->proj = head_conv_spec(m, m, "proj", conv_square(channels * h->ways, in, 1, 1, 1, 1));
    h->bottleneck = head_conv(m, m, "bottleneck", in * 2, channels, 3);
}

/* The part of a mask's axis that lies on a map of `size` pixels for some of them; its middle stays the middle. */
static void middle(int64_t mask, int64_t size, int64_t *from, int64_t *count)
{
    int64_t half = (mask - 1) / 2, first = half - (size - 1), end = half + size;
    *from = first < 0 ? 0 : first;
    *count = (end < mask ? end : mask) - *from;
}

/* The masks of all pixels, without what lies outside of the map for each of them: masks may be far larger than maps.
 * Sets the size that they have. */
static tensor *masks_of(const psa_config *c, const exchange *e, graph *g, tensor *x, psa_attr *a)
{
    if (!x)
        return NULL;
    int64_t from[2], count[2], mask[2] = {c->mask_size.at[0], c->mask_size.at[1]};
    for (int i = 0; i < 2; i++)
        middle(mask[i], x->dim[1 + i], &from[i], &count[i]);
    a->mask_h = count[0];
    a->mask_w = count[1];
    if (count[0] == mask[0] && count[1] == mask[1])
        return layer_run(e->attention, g, x);
    x = layer_run(e->attention->children.at[0], g, x);
    if (!x)
        return NULL;
    tensor *w = graph_param(g, module_own(e->attention->children.at[1], "weight")); /* it has no bias */
    int64_t in = tensor_channels(x);
    w = op_reshape(g, w, 3, (int64_t[]){mask[0], mask[1], in});
    w = op_slice(g, op_slice(g, w, 0, from[0], count[0]), 1, from[1], count[1]);
    w = op_reshape(g, w, 4, (int64_t[]){count[0] * count[1], in, 1, 1});
    return op_conv2d(g, x, w, NULL, (conv_attr){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1});
}

/* compact: masks [N,h,w,h * w] are the matrix, from each pixel (rows) to what it gets of the others (columns). */
static tensor *compact_exchange(const psa_config *c, const exchange *e, graph *g, tensor *masks, tensor *v)
{
    if (!masks || !v)
        return NULL;
    int64_t pixels = masks->dim[1] * masks->dim[2];
    if (masks->dim[3] != pixels)
        return graph_fail(g, CSEG_SHAPE,
                          "compact=True needs maps of %lld pixels, as many as mask_size has, but they have %lld x %lld",
                          (long long)masks->dim[3], (long long)masks->dim[1], (long long)masks->dim[2]);
    masks = op_reshape(g, masks, 3, (int64_t[]){masks->dim[0], pixels, pixels});
    if (e->transposed)
        masks = op_transpose(g, masks, (int[]){0, 2, 1});
    return op_matmul(g, c->psa_softmax ? op_softmax(g, masks) : masks, v, false, false);
}

static tensor *exchanged(module *m, const exchange *e, graph *g, tensor *x, const resize_attr *small)
{
    const psa_config *c = m->config;
    const psa_head *h = m->state;
    x = layer_run(e->reduce, g, x);
    if (c->shrink_factor != 1)
        x = op_resize_to(g, x, small->h, small->w, small->align_corners);
    if (!x)
        return NULL;
    int64_t dim[4] = {x->dim[0], x->dim[1], x->dim[2], x->dim[3]};
    tensor *y, *v = op_reshape(g, x, 3, (int64_t[]){dim[0], dim[1] * dim[2], dim[3]});
    psa_attr a = {.distribute = e->distributes, .softmax = c->psa_softmax};
    if (c->compact) {
        y = compact_exchange(c, e, g, layer_run(e->attention, g, x), v);
    } else {
        tensor *masks = masks_of(c, e, g, x, &a);
        y = op_psa_exchange(g, masks, v, a);
    }
    y = op_reshape(g, y, 4, dim);
    return h->divisor == 1 ? y : op_scale(g, y, (float)(1 / h->divisor), 0);
}

/* The size at which pixels exchange. It is rounded up only if neither side divides, as in the reference. */
static resize_attr small_size(const module *m, int64_t h, int64_t w)
{
    const psa_config *c = m->config;
    int64_t by = c->shrink_factor;
    if (by == 1)
        return (resize_attr){.h = h, .w = w, .align_corners = m->head->align_corners};
    if (h % by && w % by)
        return (resize_attr){.h = (h - 1) / by + 1, .w = (w - 1) / by + 1, .align_corners = true};
    return (resize_attr){.h = h / by, .w = w / by};
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    psa_head *h = m->state;
    tensor *x = head_input(m, g, io), *got[2] = {NULL, NULL};
    if (!x)
        return (head_out){0};
    resize_attr small = small_size(m, x->dim[1], x->dim[2]);
    if (small.h < 1 || small.w < 1) {
        graph_fail(g, CSEG_SHAPE, "nothing is left of maps of %lld x %lld that are made smaller by shrink_factor",
                   (long long)x->dim[1], (long long)x->dim[2]);
        return (head_out){0};
    }
    for (int i = 0; i < h->ways; i++)
        got[i] = exchanged(m, &h->way[i], g, x, &small);
    tensor *y = layer_run(h->proj, g, h->ways == 1 ? got[0] : op_concat(g, got, 2, -1));
    y = op_resize_to(g, y, x->dim[1], x->dim[2], small.align_corners);
    y = layer_run(h->bottleneck, g, op_concat(g, (tensor *[]){x, y}, 2, -1));
    return (head_out){.logits = head_classify(m, g, y)};
}

const kind kind_psa_head = {
    .family = FAMILY_HEAD,
    .name = "PSAHead",
    .about = "Each pixel predicts how much it takes from, or gives to, every other one (PSANet, ECCV 2018).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
