#include "model/layers/detr.h"

#include "model/layers/transformer_config.h"

typedef struct layer_config {
    const value *self_attn_cfg, *cross_attn_cfg, *ffn_cfg, *norm_cfg, *init_cfg;
} layer_config;

#define ATTENTION "dict(embed_dims=256, num_heads=8, dropout=0.0)"
#define LAYER_FIELDS                                                                                                   \
    FIELD(layer_config, F_VALUE, self_attn_cfg, ATTENTION, "arguments of MultiheadAttention"),                         \
        FIELD(layer_config, F_VALUE, ffn_cfg,                                                                          \
              "dict(embed_dims=256, feedforward_channels=1024, num_fcs=2, ffn_drop=0., "                               \
              "act_cfg=dict(type='ReLU', inplace=True))",                                                              \
              "arguments of FFN"),                                                                                     \
        FIELD(layer_config, F_VALUE, norm_cfg, "dict(type='LN')", "of tokens"),                                        \
        FIELD(layer_config, F_VALUE, init_cfg, "None", "how the weights start")
static const field encoder_layer_fields[] = {LAYER_FIELDS};
static const field_table encoder_layer_table = FIELD_TABLE(encoder_layer_fields, layer_config);
static const field decoder_layer_fields[] = {
    LAYER_FIELDS,
    FIELD(layer_config, F_VALUE, cross_attn_cfg, ATTENTION, "arguments of MultiheadAttention, to the memory"),
};
static const field_table decoder_layer_table = FIELD_TABLE(decoder_layer_fields, layer_config);

typedef struct stack_config {
    int64_t num_layers, num_cp;
    bool return_intermediate;
    const value *layer_cfg, *post_norm_cfg, *init_cfg;
} stack_config;

#define STACK_FIELDS                                                                                                   \
    FIELD_RANGE(stack_config, F_INT, num_layers, NULL, 1, 256, "layers"),                                              \
        FIELD(stack_config, F_VALUE, layer_cfg, NULL, "arguments of each layer"),                                      \
        FIELD(stack_config, F_VALUE, init_cfg, "None", "how the weights start")
static const field encoder_fields[] = {
    STACK_FIELDS,
    FIELD_RANGE(stack_config, F_INT, num_cp, "-1", -1, 256, "so many layers are computed again in the backward pass"),
};
static const field_table encoder_table = FIELD_TABLE(encoder_fields, stack_config);
static const field decoder_fields[] = {
    STACK_FIELDS,
    FIELD(stack_config, F_VALUE, post_norm_cfg, "dict(type='LN')", "of what each layer gives"),
    FIELD(stack_config, F_BOOL, return_intermediate, "True", "all layers' results count, not the last alone"),
};
static const field_table decoder_table = FIELD_TABLE(decoder_fields, stack_config);

/* Encoders attend with all tokens, or deformably; decoders to each other first, or to the memory. */
typedef enum { ATTENDS, DEFORMS, SELF_FIRST, CROSS_FIRST } stack_form;

typedef struct detr_layer {
    module *self_attn, *cross_attn, *ffn, *norms; /* cross_attn NULL: an encoder's */
    stack_form form;
    int64_t channels;
} detr_layer;

typedef struct detr_stack {
    detr_decoder decoder; /* post_norm NULL: an encoder */
    int64_t recomputed;
} detr_stack;

static module *attention_of(module *m, const char *name, const value *cfg, int64_t *channels)
{
    attention_spec s;
    if (!attention_spec_read(m, cfg, &s))
        return NULL;
    if (*channels && *channels != s.channels)
        model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "embed_dims"),
                   "%s: %s has embed_dims=%lld, but what comes before it %lld", m->name, name, (long long)s.channels,
                   (long long)*channels);
    *channels = s.channels;
    return attention_new(m, name, s);
}

static module *deform_of(module *m, const value *cfg, int64_t *channels)
{
    module *self = deform_attention_new(m, "self_attn", cfg);
    *channels = self ? deform_attention_channels(self) : 0;
    return self;
}

static module *ffn_of(module *m, const value *cfg, int64_t channels)
{
    ffn_spec s;
    if (!ffn_spec_read(m, cfg, &s))
        return NULL;
    if (s.channels != channels)
        model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "embed_dims"),
                   "%s: the ffn has embed_dims=%lld, but the attention %lld", m->name, (long long)s.channels,
                   (long long)channels);
    return ffn_new(m, "ffn", s);
}

static void layer_new(module *parent, int64_t i, const value *cfg, stack_form form)
{
    bool decodes = form == SELF_FIRST || form == CROSS_FIRST;
    module *m = module_new(parent, module_index(parent, i));
    detr_layer *s = module_state(m, sizeof *s);
    layer_config c = {0};
    if (!s || fields_parse(decodes ? &decoder_layer_table : &encoder_layer_table, "layer_cfg", cfg, NULL, m->model->mem,
                           &c, &m->model->error) != CSEG_OK)
        return;
    m->class_name = decodes ? "DetrTransformerDecoderLayer" : "DetrTransformerEncoderLayer";
    m->base = true;
    m->cfg = cfg;
    m->init_cfg = c.init_cfg;
    m->state = s;
    s->form = form;
    if (form == DEFORMS)
        s->self_attn = deform_of(m, c.self_attn_cfg, &s->channels);
    else
        s->self_attn = attention_of(m, "self_attn", c.self_attn_cfg, &s->channels);
    if (decodes)
        s->cross_attn = attention_of(m, "cross_attn", c.cross_attn_cfg, &s->channels);
    s->ffn = ffn_of(m, c.ffn_cfg, s->channels);
    s->norms = module_list_new(m, "norms");
    for (int64_t n = 0; s->norms && n < 2 + decodes; n++)
        norm_new_of(s->norms, module_index(m, n), c.norm_cfg, s->channels, NORM_OF_TOKENS);
}

static module *stack_new(module *parent, const char *name, const value *cfg, stack_form form)
{
    bool decodes = form == SELF_FIRST || form == CROSS_FIRST;
    module *m = module_new(parent, name);
    detr_stack *s = module_state(m, sizeof *s);
    stack_config c = {0};
    const char *class_name = decodes ? "DetrTransformerDecoder" : "DetrTransformerEncoder";
    if (!s || fields_parse(decodes ? &decoder_table : &encoder_table, class_name, cfg, NULL, m->model->mem, &c,
                           &m->model->error) != CSEG_OK)
        return NULL;
    m->class_name = class_name;
    m->base = true;
    m->cfg = cfg;
    m->init_cfg = c.init_cfg;
    m->state = s;
    s->recomputed = c.num_cp;
    s->decoder.return_intermediate = c.return_intermediate;
    if (c.num_cp > c.num_layers)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_cp"), "%s: num_cp=%lld, but there are %lld layers", m->name,
                   (long long)c.num_cp, (long long)c.num_layers);
    s->decoder.layers = module_list_new(m, "layers");
    for (int64_t i = 0; i < c.num_layers && s->decoder.layers; i++)
        layer_new(s->decoder.layers, i, c.layer_cfg, form);
    if (model_failed(m->model))
        return NULL;
    s->decoder.channels = ((const detr_layer *)s->decoder.layers->children.at[0]->state)->channels;
    if (decodes)
        s->decoder.post_norm = norm_new_of(m, "post_norm", c.post_norm_cfg, s->decoder.channels, NORM_OF_TOKENS);
    return model_failed(m->model) ? NULL : m;
}

module *detr_encoder_new(module *parent, const char *name, const value *cfg, bool deforms)
{
    return stack_new(parent, name, cfg, deforms ? DEFORMS : ATTENDS);
}

void detr_encoder_restart(module *m)
{
    const module *layers = detr_decoder_of(m)->layers;
    for (size_t i = 0; i < layers->children.n; i++) {
        const detr_layer *s = layers->children.at[i]->state;
        if (s->form == DEFORMS)
            s->self_attn->init(s->self_attn);
    }
}

module *detr_decoder_new(module *parent, const char *name, const value *cfg, detr_order order)
{
    return stack_new(parent, name, cfg, order == DETR_CROSS_FIRST ? CROSS_FIRST : SELF_FIRST);
}

const detr_decoder *detr_decoder_of(const module *m)
{
    return &((const detr_stack *)m->state)->decoder;
}

int64_t detr_channels(const module *m)
{
    return m ? detr_decoder_of(m)->channels : 0;
}

static tensor *attend_to_each_other(const detr_layer *s, graph *g, const detr_inputs *in, tensor *x)
{
    if (s->form == DEFORMS)
        return deform_attention_run(s->self_attn, g, x, in->query_pos, in->maps);
    return attention_run(s->self_attn, g,
                         (attention_inputs){.query = x, .query_pos = in->query_pos, .key_pos = in->query_pos});
}

static tensor *attend_to_memory(const detr_layer *s, graph *g, const detr_inputs *in, tensor *x)
{
    return attention_run(s->cross_attn, g,
                         (attention_inputs){.query = x,
                                            .key = in->memory,
                                            .query_pos = in->query_pos,
                                            .key_pos = in->memory_pos,
                                            .hidden = in->hidden});
}

tensor *detr_layer_run(module *layer, graph *g, const detr_inputs *in)
{
    const detr_layer *s = layer->state;
    tensor *x = in->query;
    size_t norm = 0;
    graph_push_scope(g, layer->name);
    for (int step = 0; step < (s->cross_attn ? 2 : 1); step++) {
        bool cross = s->cross_attn && (step == 0) == (s->form == CROSS_FIRST);
        x = cross ? attend_to_memory(s, g, in, x) : attend_to_each_other(s, g, in, x);
        x = layer_run(s->norms->children.at[norm++], g, x);
    }
    x = layer_run(s->norms->children.at[norm], g, ffn_run(s->ffn, g, x, NULL));
    graph_pop_scope(g);
    return x;
}

/* Runs the layers; those of a decoder that gives them all add what they make to `each`. */
static tensor *run_layers(const detr_stack *s, graph *g, const detr_inputs *in, features *each)
{
    detr_inputs now = *in;
    const module *layers = s->decoder.layers;
    for (size_t i = 0; i < layers->children.n; i++) {
        int outer = graph_push_checkpoint(g, (int64_t)i < s->recomputed);
        now.query = detr_layer_run(layers->children.at[i], g, &now);
        graph_pop_checkpoint(g, outer);
        bool counts = s->decoder.return_intermediate || i + 1 == layers->children.n;
        if (each && counts)
            features_add(g, each, layer_run(s->decoder.post_norm, g, now.query));
    }
    return now.query;
}

tensor *detr_encoder_run(module *m, graph *g, tensor *x, tensor *pos, const deform_maps *maps)
{
    graph_push_scope(g, m->name);
    x = run_layers(m->state, g, &(detr_inputs){.query = x, .query_pos = pos, .maps = maps}, NULL);
    graph_pop_scope(g);
    return x;
}

features detr_decoder_run(module *m, graph *g, const detr_inputs *in)
{
    features each = features_new(g, 0);
    graph_push_scope(g, m->name);
    run_layers(m->state, g, in, &each);
    graph_pop_scope(g);
    return each;
}
