/* mmcv's GeneralizedAttention (Zhu et al. 2019, arXiv:1904.05873). */
#include <math.h>

#include "model/init.h"
#include "model/layers/layers.h"

enum { QUERY_KEY, QUERY_PLACE, KEY, PLACE };

typedef struct general_attention {
    general_attention_spec spec;
    int64_t dim;                      /* channels of a head */
    param *key_bias, *place_bias;     /* of the terms without a query; NULL: none */
    param *gamma;                     /* weighs the result */
    module *query, *key, *value;      /* query, key: NULL if no term has it */
    module *along_x, *along_y, *proj; /* along_x, along_y: NULL if no term has positions */
} general_attention;

/* Sines and cosines of the distances from each query to each key along an axis: [queries * keys, position_dim / 2]. */
static tensor *distances(const general_attention *s, graph *g, int64_t queries, int64_t keys)
{
    const general_attention_spec *c = &s->spec;
    int64_t waves = c->position_dim / 4, width = 2 * waves;
    float *v = arena_array(g->mem, (size_t)(queries * keys * width), sizeof *v), *to = v;
    if (!v)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < queries; i++)
        for (int64_t j = 0; j < keys; j++, to += width)
            for (int64_t k = 0; k < waves; k++) {
                float from = (float)((double)(i * c->q_stride - j * c->kv_stride) * c->magnitude);
                float length = (float)pow(1000, 4.0 / (double)c->position_dim * (double)k);
                to[k] = sinf(from / length);
                to[waves + k] = cosf(from / length);
            }
    return graph_const(g, DT_F32, 2, (int64_t[]){queries * keys, width}, v);
}

/* Places along an axis, for each head: [heads, queries, keys, dim]. */
static tensor *places(const general_attention *s, module *layer, graph *g, int64_t queries, int64_t keys)
{
    tensor *y = op_scale(g, layer_run(layer, g, distances(s, g, queries, keys)), (float)(1 / sqrt(2)), 0);
    y = op_reshape(g, y, 4, (int64_t[]){queries, keys, s->spec.heads, s->dim});
    return op_transpose(g, y, (int[]){2, 0, 1, 3});
}

static tensor *bias_of(const general_attention *s, graph *g, param *p)
{
    return op_reshape(g, graph_param(g, p), 5, (int64_t[]){1, 1, 1, s->spec.heads, s->dim});
}

/* A term's left side for queries [N,h,w,heads,dim], NULL if it has none: the queries and a bias, or the bias alone. */
static tensor *asking(const general_attention *s, graph *g, tensor *query, param *bias)
{
    if (query && bias)
        return op_add(g, query, bias_of(s, g, bias));
    return query ? query : bias_of(s, g, bias);
}

/* [N,h,w,heads,dim] -> [N,heads,h * w,dim] */
static tensor *by_head(const general_attention *s, graph *g, tensor *x)
{
    if (!x)
        return NULL;
    x = op_reshape(g, x, 4, (int64_t[]){x->dim[0], x->dim[1] * x->dim[2], s->spec.heads, s->dim});
    return op_transpose(g, x, (int[]){0, 2, 1, 3});
}

static tensor *project(const general_attention *s, module *layer, graph *g, tensor *x)
{
    tensor *y = layer_run(layer, g, x);
    return y ? op_reshape(g, y, 5, (int64_t[]){y->dim[0], y->dim[1], y->dim[2], s->spec.heads, s->dim}) : NULL;
}

/* What content says: [N,heads,queries,keys], or one query for all. NULL: nothing. */
static tensor *by_content(const general_attention *s, graph *g, tensor *query, tensor *kv)
{
    const bool *terms = s->spec.terms;
    if (!terms[QUERY_KEY] && !terms[KEY])
        return NULL;
    tensor *ask = asking(s, g, terms[QUERY_KEY] ? query : NULL, s->key_bias);
    if (!terms[QUERY_KEY])
        ask = op_broadcast(g, ask, (int64_t[]){kv->dim[0], 1, 1, s->spec.heads, s->dim});
    return op_matmul(g, by_head(s, g, ask), by_head(s, g, project(s, s->key, g, kv)), false, true);
}

/* ask [N,h,w,heads,dim] by places along one axis (1: h, 2: w) -> [N * heads * h * w, 1, keys] for w, or
 * [N * heads * h * w, keys, 1]. */
static tensor *along(const general_attention *s, graph *g, tensor *ask, int axis, int64_t keys)
{
    if (!ask)
        return NULL;
    int64_t n = ask->dim[0], size = ask->dim[axis], other = ask->dim[3 - axis], heads = s->spec.heads;
    tensor *place = places(s, axis == 1 ? s->along_y : s->along_x, g, size, keys);
    /* The batch is the heads and the axis, so that no place is repeated for each image. */
    tensor *x = op_transpose(g, ask, axis == 1 ? (int[]){3, 1, 0, 2, 4} : (int[]){3, 2, 0, 1, 4});
    x = op_reshape(g, x, 4, (int64_t[]){heads, size, n * other, s->dim});
    x = op_reshape(g, op_matmul(g, x, place, false, true), 5, (int64_t[]){heads, size, n, other, keys});
    x = op_transpose(g, x, axis == 1 ? (int[]){2, 0, 1, 3, 4} : (int[]){2, 0, 3, 1, 4});
    int64_t rows = n * heads * size * other;
    return op_reshape(g, x, 3, axis == 1 ? (int64_t[]){rows, keys, 1} : (int64_t[]){rows, 1, keys});
}

/* What positions say: [N,heads,queries,keys]. NULL: nothing. */
static tensor *by_place(const general_attention *s, graph *g, tensor *query, const tensor *xq, const tensor *kv)
{
    const bool *terms = s->spec.terms;
    if (!terms[QUERY_PLACE] && !terms[PLACE])
        return NULL;
    tensor *ask = asking(s, g, terms[QUERY_PLACE] ? query : NULL, s->place_bias);
    if (!terms[QUERY_PLACE])
        ask = op_broadcast(g, ask, (int64_t[]){xq->dim[0], xq->dim[1], xq->dim[2], s->spec.heads, s->dim});
    tensor *across = ask;
    if (!terms[PLACE]) { /* The class takes the query of the pixel mirrored at the diagonal here. */
        if (xq->dim[1] != xq->dim[2])
            return graph_fail(
                g, CSEG_SHAPE,
                "GeneralizedAttention with attention_type '%d1%d0' needs square maps, as in MMSegmentation, "
                "but gets %lld x %lld pixels",
                terms[QUERY_KEY], terms[KEY], (long long)xq->dim[1], (long long)xq->dim[2]);
        across = op_transpose(g, ask, (int[]){0, 2, 1, 3, 4});
    }
    tensor *y = op_add(g, along(s, g, ask, 2, kv->dim[2]), along(s, g, across, 1, kv->dim[1]));
    return op_reshape(g, y, 4,
                      (int64_t[]){xq->dim[0], s->spec.heads, xq->dim[1] * xq->dim[2], kv->dim[1] * kv->dim[2]});
}

/* What each pixel takes of each key [N,heads,queries,keys]; one query for all where none has a say. */
static tensor *shares(const general_attention *s, graph *g, tensor *xq, tensor *kv)
{
    const bool *terms = s->spec.terms;
    tensor *query = terms[QUERY_KEY] || terms[QUERY_PLACE] ? project(s, s->query, g, xq) : NULL;
    tensor *content = by_content(s, g, query, kv), *place = by_place(s, g, query, xq, kv);
    if (content && place)
        return op_softmax(g, op_add(g, content, place));
    if (content || place)
        return op_softmax(g, content ? content : place);
    int64_t keys = kv->dim[1] * kv->dim[2];
    return op_fill(g, 4, (int64_t[]){kv->dim[0], s->spec.heads, 1, keys}, 1 / (float)keys);
}

static tensor *strided(graph *g, tensor *x, int64_t stride)
{
    int k = (int)stride;
    return k > 1 ? op_avg_pool(g, x, (pool_attr){.kernel = {1, 1}, .stride = {k, k}}) : x;
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const general_attention *s = m->state;
    tensor *xq = strided(g, x, s->spec.q_stride), *kv = strided(g, x, s->spec.kv_stride);
    if (!xq || !kv)
        return NULL;
    tensor *y = op_matmul(g, shares(s, g, xq, kv), by_head(s, g, project(s, s->value, g, kv)), false, false);
    if (!y)
        return NULL;
    bool one = y->dim[2] == 1;
    y = op_transpose(g, y, (int[]){0, 2, 1, 3});
    y = op_reshape(g, y, 4,
                   (int64_t[]){xq->dim[0], one ? 1 : xq->dim[1], one ? 1 : xq->dim[2], s->spec.heads * s->dim});
    y = layer_run(s->proj, g, y);
    if (!one && s->spec.q_stride > 1)
        y = resize_like(g, y, x, false);
    tensor *gamma = op_reshape(g, graph_param(g, s->gamma), 4, (int64_t[]){1, 1, 1, 1});
    return op_add(g, x, op_mul(g, y, gamma));
}

/* Caffe2's rule, without biases. */
static void init(module *m)
{
    const general_attention *s = m->state;
    module *layer[] = {s->query, s->key, s->value, s->along_x, s->along_y, s->proj};
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++)
        init_layer(layer[i], INIT_KAIMING_UNIFORM, 1, 0, false);
}

static param *bias_new(module *m, const char *name, const general_attention *s)
{
    float bound = 1 / sqrtf((float)(2 * s->dim));
    return module_param(m, name, 1, (int64_t[]){s->dim * s->spec.heads}, INIT_UNIFORM, -bound, bound);
}

module *general_attention_new(module *parent, const char *name, general_attention_spec c)
{
    module *m = module_new(parent, name);
    general_attention *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "GeneralizedAttention";
    m->state = s;
    m->forward = forward;
    m->init = init;
    s->spec = c;
    s->dim = c.channels / c.heads;
    int64_t all = s->dim * c.heads;
    conv_spec conv = conv_square(c.channels, all, 1, 1, 0, 1);
    s->key_bias = c.terms[KEY] ? bias_new(m, "appr_bias", s) : NULL;
    s->place_bias = c.terms[PLACE] ? bias_new(m, "geom_bias", s) : NULL;
    s->gamma = module_param(m, "gamma", 1, (int64_t[]){1}, INIT_ZERO, 0, 0);
    if (c.terms[QUERY_KEY] || c.terms[QUERY_PLACE])
        s->query = conv2d_new(m, "query_conv", NULL, conv);
    if (c.terms[QUERY_KEY] || c.terms[KEY])
        s->key = conv2d_new(m, "key_conv", NULL, conv);
    s->value = conv2d_new(m, "value_conv", NULL, conv);
    if (c.terms[QUERY_PLACE] || c.terms[PLACE]) {
        s->along_x = linear_new(m, "appr_geom_fc_x", c.position_dim / 2, all, false);
        s->along_y = linear_new(m, "appr_geom_fc_y", c.position_dim / 2, all, false);
    }
    s->proj = pointwise_conv_new(m, "proj_conv", all, c.channels);
    if (model_failed(m->model))
        return NULL;
    init(m);
    return m;
}
