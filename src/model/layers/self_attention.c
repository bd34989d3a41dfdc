/* mmseg's SelfAttentionBlock: attention between two maps by 1x1 convolutions (models/utils/self_attention_block.py). */
#include <math.h>

#include "model/init.h"
#include "model/layers/layers.h"

typedef struct self_attention {
    module *key, *query, *value, *out; /* out NULL: none */
    float scale;                       /* factor of the products; 1: none */
} self_attention;

/* Makes the i-th convolution of a projection. */
static module *project_conv(module *parent, const char *name, const self_attention_spec *s, bool norm, int64_t in,
                            int64_t out)
{
    if (!norm)
        return pointwise_conv_new(parent, name, in, out);
    conv_spec conv = conv_square(in, out, 1, 1, 0, 1);
    return conv_module_new(
        parent, name,
        (conv_module_spec){.conv = conv, .conv_cfg = s->conv_cfg, .norm_cfg = s->norm_cfg, .act_cfg = s->act_cfg});
}

/* Makes a projection: one convolution as it is, several as a Sequential. */
static module *project(module *parent, const char *name, const self_attention_spec *s, int64_t convs, bool norm,
                       int64_t in, int64_t out)
{
    if (convs <= 1)
        return project_conv(parent, name, s, norm, in, out);
    module *list = sequential_new(parent, name);
    for (int64_t i = 0; i < convs; i++)
        project_conv(list, module_index(list, i), s, norm, i ? out : in, out);
    return list;
}

/* If the block ends in one plain convolution, that starts as zeros; everything else starts as its layers do. */
static void init(module *m)
{
    self_attention *s = m->state;
    init_layer(s->out, INIT_ZERO, 0, 0, false);
}

module *self_attention_new(module *parent, const char *name, self_attention_spec c)
{
    module *m = module_new(parent, name);
    self_attention *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "SelfAttentionBlock";
    m->state = s;
    m->init = init;
    s->scale = c.matmul_norm ? (float)(1 / sqrt((double)c.channels)) : 1;
    s->key = project(m, "key_project", &c, c.key_query_convs, c.key_query_norm, c.key_in, c.channels);
    if (c.share_key_query) {
        s->query = s->key;
        module_twin(m, "query_project", s->key);
    } else {
        s->query = project(m, "query_project", &c, c.key_query_convs, c.key_query_norm, c.query_in, c.channels);
    }
    s->value =
        project(m, "value_project", &c, c.value_out_convs, c.value_out_norm, c.key_in, c.with_out ? c.channels : c.out);
    if (c.with_out)
        s->out = project(m, "out_project", &c, c.value_out_convs, c.value_out_norm, c.channels, c.out);
    if (model_failed(m->model))
        return NULL;
    init(m);
    return m;
}

/* Returns the pixels of a map as a sequence [N,L,C]; sequences are returned unchanged. */
static tensor *tokens(graph *g, tensor *x)
{
    return x && x->rank == 4 ? map_tokens(g, x) : x;
}

static tensor *downsample(module *m, const char *name, graph *g, tensor *x)
{
    module *layer = module_child(m, name);
    return tokens(g, layer ? layer_run(layer, g, x) : x);
}

static tensor *attend(module *m, graph *g, tensor *query_map, tensor *key_map)
{
    self_attention *s = m->state;
    tensor *q = downsample(m, "query_downsample", g, layer_run(s->query, g, query_map));
    tensor *k = downsample(m, "key_downsample", g, layer_run(s->key, g, key_map));
    tensor *v = downsample(m, "key_downsample", g, layer_run(s->value, g, key_map));
    tensor *y = op_attention(g, &(attention_operands){.q = q, .k = k, .v = v}, (attention_attr){.scale = s->scale});
    if (!y)
        return NULL;
    if (y->dim[1] != query_map->dim[1] * query_map->dim[2])
        return graph_fail(g, CSEG_SHAPE, "query_downsample of %s leaves %lld of the map's %lld x %lld queries", m->name,
                          (long long)y->dim[1], (long long)query_map->dim[1], (long long)query_map->dim[2]);
    y = op_reshape(g, y, 4, (int64_t[]){y->dim[0], query_map->dim[1], query_map->dim[2], y->dim[2]});
    return s->out ? layer_run(s->out, g, y) : y;
}

tensor *self_attention_run(module *m, graph *g, tensor *query, tensor *key)
{
    graph_push_scope(g, m->name);
    tensor *y = attend(m, g, query, key);
    graph_pop_scope(g);
    return y;
}
