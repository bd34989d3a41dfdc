#include "model/text/clip_text_encoder.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "model/init.h"
#include "model/layers/layers.h"
#include "model/text/clip_tokenizer.h"
#include "model/text/templates.h"

enum { CONTEXT = 77, PROMPTS = 512 }; /* tokens of a text at most; texts that are encoded at once */

typedef struct text_config {
    const char *dataset_name;
    const value *vocabulary, *templates, *norm_cfg, *init_cfg;
    int64_t total_vocab_size, embed_dims, num_layers, num_heads, mlp_ratio, output_dims;
    bool cat_bg;
} text_config;

static const field fields[] = {
    FIELD(text_config, F_STR, dataset_name, "None",
          "the dataset whose classes are encoded, as mmseg's get_classes knows it: coco-stuff164k, voc ..."),
    FIELD(text_config, F_VALUE, vocabulary, "None", "or a list of their names"),
    FIELD(text_config, F_VALUE, templates, "'vild'",
          "sentences with {} for the name, over which embeddings are averaged: 'vild', 'imagenet', or a list"),
    FIELD_RANGE(text_config, F_INT, total_vocab_size, "49408", CLIP_TOKENS, 1 << 24, "tokens that there are"),
    FIELD_FIXED(context_length, "77", "tokens of a text; the reference's tokenizer makes no others"),
    FIELD_RANGE(text_config, F_INT, embed_dims, "512", 1, 1 << 16, "channels of a token"),
    FIELD_RANGE(text_config, F_INT, num_layers, "12", 0, 1024, "layers of the transformer"),
    FIELD_RANGE(text_config, F_INT, num_heads, "8", 1, 1 << 16, "heads of attention in a layer"),
    FIELD_RANGE(text_config, F_INT, mlp_ratio, "4", 1, 1024, "channels inside a layer's FFN, in those of a token"),
    FIELD_RANGE(text_config, F_INT, output_dims, "512", 1, 1 << 16, "channels of an embedding"),
    FIELD_IGNORED(cache_feature, "in inference embeddings are computed once, whatever it says"),
    FIELD(text_config, F_BOOL, cat_bg, "True", "one more embedding, which is learnt, for what is none of the classes"),
    FIELD(text_config, F_VALUE, norm_cfg, "dict(type='LN')", "of the last norm"),
    FIELD(text_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, text_config);

/* A sentence: its tokens, of which the first CLIP_END stands at `end`. */
typedef struct prompt {
    int32_t tokens[CONTEXT];
    int n, end;
} prompt;

typedef struct text_encoder {
    size_t classes, templates;
    const char *const *class_names, *const *template_texts;
    prompt *prompts; /* [templates][classes] */
    param *positions, *projection, *scale, *background;
    param *tokens;
    module *layers, *norm;
} text_encoder;

/* A list of strings. */
static const char *const *read_list(module *m, const char *key, const value *list, size_t *n)
{
    *n = value_count(list);
    const char **out = module_state(m, (*n + 1) * sizeof *out);
    bool ok = value_is_list(list) && *n;
    for (size_t i = 0; out && ok && i < *n; i++)
        ok = (out[i] = value_text(value_item(list, i)));
    if (!ok && out)
        model_fail(m->model, CSEG_CONFIG, list, "%s: %s is a list of strings", m->name, key);
    return model_failed(m->model) ? NULL : out;
}

/* As in the reference, the first class of a dataset is left out if it is the background. */
static void read_dataset(module *m, const char *name, text_encoder *s)
{
    model_class_names *find = m->model->options.class_names;
    s->class_names = find ? find(name, &s->classes) : NULL;
    if (!s->class_names)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "dataset_name"),
                   "%s: no classes are known of a dataset '%s'; name them by vocabulary=[...]", m->name, name);
    else if (strcasecmp(s->class_names[0], "background") == 0) {
        s->class_names++;
        s->classes--;
    }
}

static bool read_names(module *m, const text_config *c, text_encoder *s)
{
    if (!c->dataset_name == value_is_none(c->vocabulary))
        model_fail(m->model, CSEG_CONFIG, m->cfg, "%s: there is one of dataset_name and vocabulary, not %s", m->name,
                   c->dataset_name ? "both" : "neither");
    else if (c->dataset_name)
        read_dataset(m, c->dataset_name, s);
    else
        s->class_names = read_list(m, "vocabulary", c->vocabulary, &s->classes);
    const char *text = value_text(c->templates);
    if (model_failed(m->model))
        return false;
    s->template_texts =
        text ? templates_named(text, &s->templates) : read_list(m, "templates", c->templates, &s->templates);
    if (!s->template_texts)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "templates"),
                   "%s: templates is 'vild', 'imagenet', or a list of sentences", m->name);
    return !model_failed(m->model);
}

static void tokenize(module *m, text_encoder *s, const clip_tokenizer *t, size_t i)
{
    const char *sentence = s->template_texts[i / s->classes];
    strbuf text = {.mem = m->model->mem};
    strbuf_add(&text, "");
    prompt *p = &s->prompts[i];
    cseg_error err = {0};
    if (!prompt_fill(&text, sentence, s->class_names[i % s->classes]))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "templates"), "%s: '%s' has braces other than {}", m->name,
                   sentence);
    else if (text.failed)
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
    else if ((p->n = clip_tokenize(t, text.text, CONTEXT, p->tokens, &err)) < 0)
        model_fail(m->model, err.code, m->cfg, "%s: %s", m->name, err.text);
    while (p->end < p->n && p->tokens[p->end] != CLIP_END)
        p->end++;
}

static void tokenize_all(module *m, text_encoder *s)
{
    arena *mem = arena_new();
    const clip_tokenizer *t = mem ? clip_tokenizer_new(mem) : NULL;
    s->prompts = module_state(m, s->classes * s->templates * sizeof *s->prompts);
    if (!t)
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; !model_failed(m->model) && i < s->classes * s->templates; i++)
        tokenize(m, s, t, i);
    arena_free(mem);
}

/* PyTorch leaves positions and projection unset where no file gives them; here they start as CLIP's do. */
static void declare(module *m, const text_config *c, text_encoder *s)
{
    float std = 1 / sqrtf((float)c->embed_dims);
    s->positions =
        module_param(m, "positional_embedding", 2, (int64_t[]){CONTEXT, c->embed_dims}, INIT_NORMAL, 0, 0.01f);
    s->projection =
        module_param(m, "text_projection", 2, (int64_t[]){c->embed_dims, c->output_dims}, INIT_NORMAL, 0, std);
    s->scale = module_param(m, "logit_scale", 0, NULL, INIT_CONSTANT, logf(1 / 0.07f), 0);
    if (c->cat_bg)
        s->background = module_param(m, "bg_embed", 2, (int64_t[]){1, c->output_dims}, INIT_NORMAL, 0,
                                     1 / sqrtf((float)c->output_dims));
    module *tokens = module_new(m, "token_embedding");
    if (tokens)
        tokens->class_name = "Embedding";
    s->tokens = module_param(tokens, "weight", 2, (int64_t[]){c->total_vocab_size, c->embed_dims}, INIT_NORMAL, 0, 1);
    s->layers = module_list_new(m, "transformer");
    for (int64_t i = 0; i < c->num_layers; i++)
        base_layer_new(s->layers, module_index(m, i),
                       (encoder_layer_spec){.channels = c->embed_dims,
                                            .heads = c->num_heads,
                                            .hidden = c->mlp_ratio * c->embed_dims,
                                            .num_fcs = 2,
                                            .qkv_bias = true,
                                            .act_cfg = module_literal(m, "dict(type='QuickGELU')"),
                                            .norm_cfg = module_literal(m, "dict(type='LN')")});
    s->norm = norm_new_of(m, "ln_final", c->norm_cfg, c->embed_dims, NORM_OF_TOKENS);
}

static void build(module *m)
{
    const text_config *c = m->config;
    text_encoder *s = m->state = module_state(m, sizeof *s);
    if (!s || !read_names(m, c, s))
        return;
    tokenize_all(m, s);
    declare(m, c, s);
    if (model_failed(m->model))
        return;
    m->init_cfg = c->init_cfg;
    module_freeze_gradients(m);
    if (s->background)
        s->background->requires_grad = true;
    init_from_part(m, c->init_cfg, "text_encoder.");
}

/* Tokens of prompts [from, from + n) in `length` columns, zeros behind a shorter one. */
static tensor *token_numbers(graph *g, const text_encoder *s, size_t from, int64_t n, int64_t length)
{
    int32_t *at = ARENA_ARRAY(g->mem, n * length, int32_t);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < n; i++)
        memcpy(at + i * length, s->prompts[from + (size_t)i].tokens,
               (size_t)s->prompts[from + (size_t)i].n * sizeof *at);
    return graph_const(g, DT_I32, 2, (int64_t[]){1, n * length}, at);
}

/* Where the prompts' ends stand among all tokens. */
static tensor *ends(graph *g, const text_encoder *s, size_t from, int64_t n, int64_t length)
{
    int32_t *at = ARENA_ARRAY(g->mem, n, int32_t);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < n; i++)
        at[i] = (int32_t)(i * length) + s->prompts[from + (size_t)i].end;
    return graph_const(g, DT_I32, 2, (int64_t[]){1, n}, at);
}

/* Hides from each token those behind it. */
static tensor *causal(graph *g, int64_t length)
{
    uint8_t *at = ARENA_ARRAY(g->mem, length * length, uint8_t);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < length * length; i++)
        at[i] = i % length > i / length;
    return graph_const(g, DT_U8, 4, (int64_t[]){1, 1, length, length}, at);
}

static tensor *param_as(graph *g, param *p, int rank, const int64_t *dim)
{
    return op_reshape(g, graph_param(g, p), rank, dim);
}

/* Embeddings [n,C] of some prompts. No token sees those behind it, so what stands behind the longest is left out. */
static tensor *encode(const module *m, graph *g, size_t from, int64_t n)
{
    const text_encoder *s = m->state;
    int64_t length = 1, channels = s->tokens->dim[1];
    for (int64_t i = 0; i < n; i++)
        length = s->prompts[from + (size_t)i].n > length ? s->prompts[from + (size_t)i].n : length;
    tensor *rows = param_as(g, s->tokens, 3, (int64_t[]){1, s->tokens->dim[0], channels});
    tensor *x = op_take_rows(g, rows, token_numbers(g, s, from, n, length));
    x = op_reshape(g, x, 3, (int64_t[]){n, length, channels});
    tensor *positions = param_as(g, s->positions, 3, (int64_t[]){1, CONTEXT, channels});
    x = op_add(g, x, op_slice(g, positions, 1, 0, length));
    tensor *hidden = causal(g, length);
    for (size_t i = 0; i < s->layers->children.n; i++)
        x = encoder_layer_run(s->layers->children.at[i], g, x, NULL, hidden);
    x = op_take_rows(g, op_reshape(g, x, 3, (int64_t[]){1, n * length, channels}), ends(g, s, from, n, length));
    x = op_reshape(g, layer_run(s->norm, g, x), 2, (int64_t[]){n, channels});
    return normalize_along(g, op_matmul(g, x, graph_param(g, s->projection), false, false), 1, 2);
}

/* The mean over the templates, [K,C]. */
static tensor *encode_classes(const module *m, graph *g)
{
    const text_encoder *s = m->state;
    size_t all = s->classes * s->templates;
    features parts = features_new(g, 0);
    for (size_t from = 0; from < all; from += PROMPTS)
        features_add(g, &parts, encode(m, g, from, (int64_t)(all - from < PROMPTS ? all - from : PROMPTS)));
    tensor *each = parts.n ? op_concat(g, parts.at, parts.n, 0) : NULL;
    each = op_reshape(g, each, 3, (int64_t[]){(int64_t)s->templates, (int64_t)s->classes, s->projection->dim[1]});
    return normalize_along(g, op_reduce_mean(g, each, 1u << 0, false), 1, 2);
}

tensor *clip_text_encoder_run(module *m, graph *g)
{
    const text_encoder *s = m->state;
    graph_push_scope(g, m->name);
    tensor *x = encode_classes(m, g);
    if (s->background) {
        x = op_concat(g, (tensor *[]){x, graph_param(g, s->background)}, 2, 0);
        x = normalize_along(g, x, 1, 2);
    }
    tensor *scale = op_unary(g, graph_param(g, s->scale), (unary_attr){.kind = UNARY_EXP});
    x = op_mul(g, x, op_reshape(g, scale, 2, (int64_t[]){1, 1}));
    graph_pop_scope(g);
    return x;
}

int64_t clip_text_encoder_rows(const module *m)
{
    const text_encoder *s = m->state;
    return (int64_t)s->classes + (s->background ? 1 : 0);
}

int64_t clip_text_encoder_channels(const module *m)
{
    return ((const text_encoder *)m->state)->projection->dim[1];
}

const kind kind_clip_text_encoder = {
    .family = FAMILY_PART,
    .name = "CLIPTextEncoder",
    .about = "CLIP's text encoder: makes the classes' embeddings of their names (arXiv:2103.00020).",
    .fields = &table,
    .build = build,
};
