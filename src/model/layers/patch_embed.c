/* mmseg's PatchEmbed, and the AdaptivePadding in front of its convolution. */
#include "model/layers/layers.h"

typedef struct patch_embed {
    module *projection, *norm;
    conv_spec conv;
    patch_padding padding;
} patch_embed;

/* Rows (axis 0) or columns (1) that are missing for the last stride to fit a whole kernel. */
static int64_t missing(const conv_spec *c, int axis, int64_t size)
{
    int64_t out = (size + c->stride[axis] - 1) / c->stride[axis];
    int64_t needed = (out - 1) * c->stride[axis] + (c->kernel[axis] - 1) * c->dilation[axis] + 1;
    return needed > size ? needed - size : 0;
}

tensor *map_pad_adaptive(graph *g, tensor *x, const conv_spec *c, patch_padding padding)
{
    if (!x || padding == PATCH_PAD_FIXED)
        return x;
    int64_t more[2] = {missing(c, 0, x->dim[1]), missing(c, 1, x->dim[2])};
    return padding == PATCH_PAD_SAME ? map_pad(g, x, more) : map_pad_corner(g, x, more);
}

void patch_embed_size(const conv_spec *c, patch_padding padding, const int64_t image[2], int64_t out[2])
{
    for (int i = 0; i < 2; i++) {
        int64_t pad = padding == PATCH_PAD_FIXED ? 2 * c->pad[i] : missing(c, i, image[i]);
        int64_t room = image[i] + pad - c->dilation[i] * (c->kernel[i] - 1) - 1;
        out[i] = room < 0 ? 0 : room / c->stride[i] + 1;
    }
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const patch_embed *s = m->state;
    x = layer_run(s->projection, g, map_pad_adaptive(g, x, &s->conv, s->padding));
    return s->norm ? layer_run(s->norm, g, x) : x;
}

module *patch_embed_new(module *parent, const char *name, patch_embed_spec c)
{
    module *m = module_new(parent, name);
    patch_embed *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "PatchEmbed";
    m->base = true;
    m->init_cfg = c.init_cfg;
    m->forward = forward;
    m->state = s;
    if (c.padding != PATCH_PAD_FIXED)
        c.conv.pad[0] = c.conv.pad[1] = 0;
    s->conv = c.conv;
    s->padding = c.padding;
    s->projection = conv2d_new(m, "projection", NULL, c.conv);
    if (c.norm_cfg)
        s->norm = norm_new_of(m, "norm", c.norm_cfg, c.conv.out, NORM_OF_TOKENS);
    return model_failed(m->model) ? NULL : m;
}
