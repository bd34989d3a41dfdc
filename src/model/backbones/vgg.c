/* VGG16 (Simonyan and Zisserman 2015, arXiv:1409.1556). */
#include "model/backbones/vgg.h"

#include "model/init.h"

static const struct {
    int convs;
    int64_t channels;
} stages[VGG_STAGES] = {{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}};

void vgg_stage_new(vgg_stage *s, module *into, int stage, bool norm)
{
    int at = 0;
    int64_t in = stage ? stages[stage - 1].channels : 3, out = stages[stage].channels;
    for (int i = 0; i < stage; i++)
        at += stages[i].convs * (norm ? 3 : 2) + 1; /* and the pool */
    *s = (vgg_stage){.convs = stages[stage].convs, .channels = out, .pools = stage > 0};
    for (int i = 0; i < s->convs && into; i++, in = out) {
        conv_spec c = conv_square(in, out, 3, 1, 1, 1);
        c.bias = true;
        s->conv[i] = conv2d_new(into, module_index(into, at++), NULL, c);
        init_layer(s->conv[i], INIT_KAIMING_NORMAL, 0, 0, true);
        if (norm)
            s->norm[i] = norm_new(into, module_index(into, at++), module_literal(into, "dict(type='BN')"), out);
        at++; /* the ReLU */
    }
}

tensor *vgg_stage_run(const vgg_stage *s, graph *g, tensor *x)
{
    if (s->pools)
        x = op_max_pool(g, x, (pool_attr){.kernel = {2, 2}, .stride = {2, 2}});
    for (int i = 0; i < s->convs; i++) {
        x = layer_run(s->conv[i], g, i ? op_relu(g, x) : x);
        if (s->norm[i])
            x = layer_run(s->norm[i], g, x);
    }
    return x;
}
