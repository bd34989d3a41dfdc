#include "model/heads/side_adapter.h"

typedef struct recognition_config {
    const char *sos_token_format;
    int64_t sos_token_num, num_layers, embed_dims, num_heads, mlp_ratio, out_dims;
    bool qkv_bias, final_norm, cross_attn;
    const value *act_cfg, *norm_cfg, *frozen_exclude;
} recognition_config;

static const field fields[] = {
    FIELD_CHOICE(recognition_config, sos_token_format, "'cls_token'", "cls_token",
                 "what queries begin as; the reference's other formats end in errors"),
    FIELD_RANGE(recognition_config, F_INT, sos_token_num, "100", 1, 1 << 16, "queries, as many as san_cfg has"),
    FIELD_RANGE(recognition_config, F_INT, num_layers, "3", 1, 1024, "CLIP's last layers"),
    FIELD(recognition_config, F_BOOL, cross_attn, "False",
          "queries look at the pixels from outside, each layer's with that layer's weights, instead of standing among "
          "them"),
    FIELD_RANGE(recognition_config, F_INT, embed_dims, "768", 1, 1 << 16, "channels of a token"),
    FIELD_RANGE(recognition_config, F_INT, num_heads, "12", 1, 1 << 16, "heads of attention in a layer"),
    FIELD_RANGE(recognition_config, F_INT, mlp_ratio, "4", 1, 1024, "channels inside an FFN, in those of a token"),
    FIELD_IGNORED(num_fcs, "the class makes its FFNs of two layers"),
    FIELD(recognition_config, F_BOOL, qkv_bias, "True", "the attention's projections have a bias"),
    FIELD_RANGE(recognition_config, F_INT, out_dims, "512", 1, 1 << 16, "channels of the text encoder's embeddings"),
    FIELD(recognition_config, F_BOOL, final_norm, "True", "embeddings are normalised"),
    FIELD(recognition_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation"),
    FIELD(recognition_config, F_VALUE, norm_cfg, "dict(type='LN')", "of the norm behind the layers"),
    FIELD(recognition_config, F_VALUE, frozen_exclude, "[]", "parts of names of the parameters that learn; 'all': all"),
};
static const field_table table = FIELD_TABLE(fields, recognition_config);

typedef struct recognition {
    recognition_config c;
    module *layers, *norm, *proj;
} recognition;

static void declare(module *m, recognition *s)
{
    s->layers = module_new(m, "layers");
    for (int64_t i = 0; s->layers && i < s->c.num_layers; i++)
        base_layer_new(s->layers, module_index(m, i),
                       (encoder_layer_spec){.channels = s->c.embed_dims,
                                            .heads = s->c.num_heads,
                                            .hidden = s->c.mlp_ratio * s->c.embed_dims,
                                            .num_fcs = 2,
                                            .qkv_bias = s->c.qkv_bias,
                                            .act_cfg = s->c.act_cfg,
                                            .norm_cfg = module_literal(m, "dict(type='LN')")});
    s->norm = norm_new_of(m, "ln_post", s->c.norm_cfg, s->c.embed_dims, NORM_OF_TOKENS);
    s->proj = linear_new(m, "proj", s->c.embed_dims, s->c.out_dims, false);
}

module *mask_recognition_new(module *parent, const char *name, const value *cfg)
{
    module *m = module_new(parent, name);
    recognition *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "RecWithAttnbias";
    m->cfg = cfg;
    m->state = s;
    if (cfg && cfg->kind != V_DICT)
        model_fail(m->model, CSEG_CONFIG, cfg, "%s: maskgen_cfg is a dict, not %s", m->name, value_kind_name(cfg));
    if (model_failed(m->model) ||
        fields_parse(&table, "maskgen_cfg", cfg, NULL, m->model->mem, &s->c, &m->model->error) != CSEG_OK)
        return NULL;
    declare(m, s);
    if (!model_failed(m->model))
        module_freeze_gradients_but(m, "frozen_exclude", s->c.frozen_exclude);
    return model_failed(m->model) ? NULL : m;
}

int64_t mask_recognition_queries(const module *m)
{
    return ((const recognition *)m->state)->c.sos_token_num;
}

int64_t mask_recognition_heads(const module *m)
{
    return ((const recognition *)m->state)->c.num_heads;
}

int64_t mask_recognition_layers(const module *m)
{
    return ((const recognition *)m->state)->c.num_layers;
}

static const float HIDDEN = -100; /* e to this power counts for nothing */

/* Rows [from, from + rows) of what hides tokens: Q queries, the class token, L pixels. Nobody sees a query but itself,
 * and queries do not see the class token. */
static tensor *hiding(graph *g, int64_t queries, int64_t from, int64_t rows, int64_t columns)
{
    float *at = ARENA_ARRAY(g->mem, rows * columns, float);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            bool query = from + i < queries, itself = from + i == j;
            at[i * columns + j] = (j < queries && !itself) || (query && j == queries) ? HIDDEN : 0;
        }
    return graph_const(g, DT_F32, 4, (int64_t[]){1, 1, rows, columns}, at);
}

/* How the queries of one layer look at the pixels, [N,heads,Q,L]. */
static tensor *own_bias(const recognition *s, graph *g, tensor *pooled, int64_t layer, int64_t layers)
{
    if (!pooled)
        return NULL;
    int64_t n = pooled->dim[0], length = pooled->dim[1], queries = s->c.sos_token_num;
    int64_t channels = pooled->dim[2] / layers, heads = channels / queries;
    tensor *own = op_transpose(g, op_slice(g, pooled, 2, layer * channels, channels), (int[]){0, 2, 1});
    return op_reshape(g, own, 4, (int64_t[]){n, heads, queries, length});
}

/* The bias of all tokens of a layer, [N,heads,T,T]: `own`, and what is hidden. */
static tensor *bias_of_all(const recognition *s, graph *g, tensor *own)
{
    if (!own)
        return NULL;
    int64_t n = own->dim[0], heads = own->dim[1], length = own->dim[3], queries = s->c.sos_token_num;
    int64_t all = queries + 1 + length;
    tensor *left =
        op_broadcast(g, hiding(g, queries, 0, queries, queries + 1), (int64_t[]){n, heads, queries, queries + 1});
    tensor *below =
        op_broadcast(g, hiding(g, queries, queries, 1 + length, all), (int64_t[]){n, heads, 1 + length, all});
    tensor *above = op_concat(g, (tensor *[]){left, own}, 2, 3);
    return op_concat(g, (tensor *[]){above, below}, 2, 2);
}

/* Queries, class token and pixels look at each other. */
static tensor *among(const recognition *s, graph *g, tensor *queries, tensor *tokens, tensor *pooled, int64_t layers)
{
    tensor *x = op_concat(g, (tensor *[]){queries, tokens}, 2, 1), *bias = NULL;
    for (int64_t i = 0; i < s->c.num_layers; i++) {
        bias = i && layers == 1 ? bias : bias_of_all(s, g, own_bias(s, g, pooled, i, layers));
        x = encoder_layer_run(s->layers->children.at[i], g, x, bias, NULL);
    }
    return op_slice(g, x, 1, 0, s->c.sos_token_num);
}

/* Hides from each query, behind L pixels, all queries but itself. */
static tensor *others(graph *g, int64_t queries, int64_t length)
{
    int64_t columns = length + queries;
    uint8_t *at = ARENA_ARRAY(g->mem, queries * columns, uint8_t);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < queries; i++)
        for (int64_t j = length; j < columns; j++)
            at[i * columns + j] = j != length + i;
    return graph_const(g, DT_U8, 4, (int64_t[]){1, 1, queries, columns}, at);
}

/* Queries look at the pixels, of which each layer makes those of the next, and at themselves. */
static tensor *across(const recognition *s, graph *g, tensor *x, tensor *tokens, tensor *pooled, int64_t layers)
{
    if (!pooled)
        return NULL;
    int64_t length = pooled->dim[1], queries = s->c.sos_token_num;
    tensor *bias = NULL, *hidden = others(g, queries, length);
    for (int64_t i = 0; i < s->c.num_layers; i++) {
        module *layer = s->layers->children.at[i];
        if (i == 0 || layers > 1) {
            tensor *own = own_bias(s, g, pooled, i, layers);
            tensor *itself = own ? op_fill(g, 4, (int64_t[]){own->dim[0], own->dim[1], queries, queries}, 0) : NULL;
            bias = op_concat(g, (tensor *[]){own, itself}, 2, 3);
        }
        tensor *keys = op_concat(g, (tensor *[]){op_slice(g, tokens, 1, 1, length), x}, 2, 1);
        x = encoder_layer_look(layer, g, x, keys, bias, hidden);
        tokens = i + 1 < s->c.num_layers ? encoder_layer_run(layer, g, tokens, NULL, NULL) : NULL;
    }
    return x;
}

static tensor *run(const recognition *s, graph *g, const side_masks *said, int64_t layers, features clip)
{
    tensor *map = clip.at[clip.n - 1], *cls = clip.cls[clip.n - 1];
    if (!map || !cls || !said->bias)
        return NULL;
    int64_t n = map->dim[0], h = map->dim[1], w = map->dim[2], channels = map->dim[3];
    tensor *pooled = op_adaptive_max_pool(g, said->bias, h, w);
    pooled = op_reshape(g, pooled, 3, (int64_t[]){n, h * w, said->bias->dim[3]});
    tensor *queries = op_broadcast(g, cls, (int64_t[]){n, s->c.sos_token_num, channels});
    map = op_reshape(g, map, 3, (int64_t[]){n, h * w, channels});
    tensor *tokens = op_concat(g, (tensor *[]){cls, map}, 2, 1);
    tensor *x = (s->c.cross_attn ? across : among)(s, g, queries, tokens, pooled, layers);
    x = layer_run(s->proj, g, layer_run(s->norm, g, x));
    return s->c.final_norm ? normalize_along(g, x, 2, 2) : x;
}

tensor *mask_recognition_run(module *m, graph *g, const side_masks *said, int64_t layers, features clip)
{
    const recognition *s = m->state;
    char place[512];
    tensor *y = NULL;
    graph_push_scope(g, m->name);
    if (clip.n && !clip.cls)
        graph_fail(g, CSEG_CONFIG, "%s%s needs CLIP's class tokens: set output_cls_token=True in the image encoder",
                   value_place(m->cfg, place), m->name);
    else if (clip.n)
        y = run(s, g, said, layers, clip);
    graph_pop_scope(g);
    return y;
}
