/* Normalisation layers, as mmcv builds and names them. */
#include <string.h>

#include "model/layers/layers.h"

typedef enum { NORM_BATCH, NORM_GROUP, NORM_LAYER, NORM_INSTANCE } norm_kind;

typedef struct norm_type {
    const char *name;       /* name in configs */
    const char *class_name; /* PyTorch's class name */
    const char *owner;      /* the class whose work it does here */
    norm_kind kind;
    const char *abbreviation;
    unsigned of; /* norm_input, joined: what PyTorch's class takes */
} norm_type;

enum { MAPS = NORM_OF_MAP, LINES = NORM_OF_LINE, BOTH = MAPS | LINES };

static const norm_type types[] = {
    {"BN", "BatchNorm2d", "BatchNorm2d", NORM_BATCH, "bn", MAPS},
    {"BN2d", "BatchNorm2d", "BatchNorm2d", NORM_BATCH, "bn", MAPS},
    {"BN1d", "BatchNorm1d", "BatchNorm1d", NORM_BATCH, "bn", LINES},
    {"BatchNorm2d", "BatchNorm2d", "BatchNorm2d", NORM_BATCH, "bn", MAPS},
    {"SyncBN", "SyncBatchNorm", "BatchNorm2d", NORM_BATCH, "bn", BOTH},
    {"SyncBatchNorm", "SyncBatchNorm", "BatchNorm2d", NORM_BATCH, "bn", BOTH},
    {"GN", "GroupNorm", "GroupNorm", NORM_GROUP, "gn", BOTH},
    {"GroupNorm", "GroupNorm", "GroupNorm", NORM_GROUP, "gn", BOTH},
    {"LN", "LayerNorm", "LayerNorm", NORM_LAYER, "ln", NORM_OF_TOKENS},
    {"LayerNorm", "LayerNorm", "LayerNorm", NORM_LAYER, "ln", NORM_OF_TOKENS},
    /* mmpretrain's, which takes maps. */
    {"LN2d", "LayerNorm2d", "LayerNorm", NORM_LAYER, "ln", MAPS},
    {"mmpretrain.LN2d", "LayerNorm2d", "LayerNorm", NORM_LAYER, "ln", MAPS},
    {"mmcls.LN2d", "LayerNorm2d", "LayerNorm", NORM_LAYER, "ln", MAPS},
    {"IN", "InstanceNorm2d", "InstanceNorm2d", NORM_INSTANCE, "in", MAPS},
    {"IN1d", "InstanceNorm1d", "InstanceNorm1d", NORM_INSTANCE, "in", LINES},
    {"IN2d", "InstanceNorm2d", "InstanceNorm2d", NORM_INSTANCE, "in", MAPS},
    {"InstanceNorm2d", "InstanceNorm2d", "InstanceNorm2d", NORM_INSTANCE, "in", MAPS},
};
enum { TYPES = sizeof types / sizeof *types };

typedef struct norm_config {
    bool requires_grad, affine, track_running_stats, elementwise_affine;
    double eps, momentum;
    int64_t num_groups;
} norm_config;

#define COMMON                                                                                                         \
    FIELD(norm_config, F_BOOL, requires_grad, "True", "whether gamma and beta learn"),                                 \
        FIELD_RANGE(norm_config, F_FLOAT, eps, "1e-5", 0, 1, "added to the variance")
#define MOMENTUM FIELD_RANGE(norm_config, F_FLOAT, momentum, "0.1", 0, 1, "weight of a new batch's statistics")

static const field batch_fields[] = {
    COMMON, MOMENTUM, FIELD(norm_config, F_BOOL, affine, "True", "has gamma and beta"),
    FIELD(norm_config, F_BOOL, track_running_stats, "True", "keeps statistics for testing")};
static const field instance_fields[] = {
    COMMON, MOMENTUM, FIELD(norm_config, F_BOOL, affine, "False", "has gamma and beta"),
    FIELD(norm_config, F_BOOL, track_running_stats, "False", "keeps statistics for testing")};
static const field group_fields[] = {
    COMMON, FIELD(norm_config, F_BOOL, affine, "True", "has gamma and beta"),
    FIELD_RANGE(norm_config, F_INT, num_groups, NULL, 1, 1 << 20, "groups of channels")};
static const field layer_fields[] = {COMMON,
                                     FIELD(norm_config, F_BOOL, elementwise_affine, "True", "has gamma and beta")};

#define TABLE(fields_) FIELD_TABLE(fields_, norm_config)
static const field_table tables[] = {[NORM_BATCH] = TABLE(batch_fields),
                                     [NORM_GROUP] = TABLE(group_fields),
                                     [NORM_LAYER] = TABLE(layer_fields),
                                     [NORM_INSTANCE] = TABLE(instance_fields)};

typedef struct norm_state {
    norm_kind kind;
    param *gamma, *beta, *mean, *var, *counter;
    norm_attr attr;
    int64_t channels;
    bool eval;
    int calls; /* forward passes in training mode of the current trace */
} norm_state;

static const norm_type *find_type(module *parent, const value *cfg)
{
    if (!parent || model_failed(parent->model))
        return NULL;
    const char *name = value_type_name(cfg);
    for (int i = 0; name && i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    model_fail(parent->model, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
               "%s: norm_cfg of type %s is not supported; there are BN, SyncBN, GN, LN, LN2d and IN", parent->name,
               name ? name : value_kind_name(cfg));
    return NULL;
}

const char *norm_name(module *parent, const value *norm_cfg, const char *postfix)
{
    const norm_type *t = find_type(parent, norm_cfg);
    return t ? module_text(parent, "%s%s", t->abbreviation, postfix) : NULL;
}

/* What PyTorch's class cannot normalise, or only along other axes, is refused. */
static bool check_input(module *parent, const value *cfg, const norm_type *t, norm_input of)
{
    static const char *const inputs[] = {
        [NORM_OF_MAP] =
            "a map: there are BN, SyncBN, GN, IN and LN2d; GN with num_groups=1 is the nearest to LN, which "
            "in PyTorch normalises the last axis, a map's columns",
        [NORM_OF_LINE] = "points in a line: there are BN1d, SyncBN, GN and IN1d",
        [NORM_OF_TOKENS] = "tokens: there is LN"};
    if (!t || t->of & of)
        return t;
    model_fail(parent->model, CSEG_CONFIG, value_blame(cfg, "type"), "%s: norm_cfg of type %s does not fit %s",
               parent->name, t->name, inputs[of]);
    return false;
}

/* A batch norm without gamma and beta still needs these numbers as constants. */
static tensor *channel_constant(graph *g, int64_t channels, float v)
{
    return op_fill(g, 1, &channels, v);
}

/* Statistics of the axes are the batch's, in testing too. */
static tensor *untracked(const norm_state *s, graph *g, tensor *x)
{
    if (!x)
        return NULL;
    unsigned axes = (1u << (x->rank - 1)) - 1;
    tensor *y = op_sub(g, x, op_reduce_mean(g, x, axes, true));
    tensor *var = op_reduce_mean(g, op_unary(g, y, (unary_attr){.kind = UNARY_SQUARE}), axes, true);
    tensor *by = op_unary(g, op_scale(g, var, 1, s->attr.eps), (unary_attr){.kind = UNARY_POW, .alpha = -0.5f});
    y = op_mul(g, y, by);
    if (!s->gamma)
        return y;
    int64_t dim[TENSOR_MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        dim[i] = i == x->rank - 1 ? s->channels : 1;
    y = op_mul(g, y, op_reshape(g, graph_param(g, s->gamma), x->rank, dim));
    return op_add(g, y, op_reshape(g, graph_param(g, s->beta), x->rank, dim));
}

static tensor *batch_norm(norm_state *s, graph *g, tensor *x)
{
    tensor *gamma = s->gamma ? graph_param(g, s->gamma) : channel_constant(g, s->channels, 1);
    tensor *beta = s->beta ? graph_param(g, s->beta) : channel_constant(g, s->channels, 0);
    tensor *mean = graph_param(g, s->mean), *var = graph_param(g, s->var);
    if (!g->train || s->eval)
        return op_batch_norm(g, x, gamma, beta, mean, var, s->attr.eps);
    s->calls += s->attr.update;
    return op_batch_norm_train(g, x, gamma, beta, mean, var, s->attr);
}

/* The mean over images of an instance's statistic [N,..,C] moves the running one. */
static void move_running(const norm_state *s, graph *g, param *running, tensor *batch, float by)
{
    if (!batch)
        return;
    batch = op_reduce_mean(g, batch, (1u << (batch->rank - 1)) - 1, false);
    tensor *kept = op_scale(g, graph_param(g, running), 1 - s->attr.momentum, 0);
    op_assign(g, running, op_add(g, kept, op_scale(g, batch, s->attr.momentum * by, 0)));
}

static void update_instance_statistics(const norm_state *s, graph *g, tensor *x)
{
    tensor *d = op_detach(g, x);
    if (!d)
        return;
    unsigned axes = (1u << (x->rank - 1)) - 2;
    float values = (float)(tensor_count(x) / (x->dim[0] * s->channels));
    tensor *mean = op_reduce_mean(g, d, axes, true);
    tensor *var = op_reduce_mean(g, op_unary(g, op_sub(g, d, mean), (unary_attr){.kind = UNARY_SQUARE}), axes, true);
    move_running(s, g, s->mean, mean, 1);
    move_running(s, g, s->var, var, values / (values - 1));
}

/* Returns whether mean and variance would be taken over a single value, which normalises it away. PyTorch refuses that
 * too: in training for batch norm (also SyncBatchNorm, with one process), always for group norm and instance norm. */
static bool is_alone(const norm_state *s, const graph *g, const tensor *x)
{
    int64_t values = tensor_count(x) / s->channels; /* values of a channel in the batch */
    switch (s->kind) {
    case NORM_BATCH:
        return ((g->train && !s->eval) || !s->mean) && values == 1;
    case NORM_GROUP:
        return values * (s->channels / s->attr.groups) == 1;
    case NORM_INSTANCE:
        return values == x->dim[0] && (!s->mean || (g->train && !s->eval));
    case NORM_LAYER:
        break;
    }
    return false;
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    norm_state *s = m->state;
    char shape[96];
    if (x && x->dim[x->rank - 1] != s->channels)
        return graph_fail(g, CSEG_SHAPE, "the norm layer %s takes %lld channels, but gets %lld", m->name,
                          (long long)s->channels, (long long)x->dim[x->rank - 1]);
    if (x && is_alone(s, g, x))
        return graph_fail(g, CSEG_DATA,
                          "the norm layer %s (%s) needs more than one value to normalise, but gets %s: %lld image%s, "
                          "and a map of one pixel",
                          m->name, m->class_name, tensor_shape_text(x, shape), (long long)x->dim[0],
                          x->dim[0] == 1 ? "" : "s");
    bool running = s->mean && (!g->train || s->eval);
    if (s->kind == NORM_BATCH && !s->mean)
        return untracked(s, g, x);
    if (s->kind == NORM_BATCH || running)
        return batch_norm(s, g, x);
    if (s->mean && s->attr.update)
        update_instance_statistics(s, g, x);
    tensor *gamma = s->gamma ? graph_param(g, s->gamma) : NULL, *beta = s->beta ? graph_param(g, s->beta) : NULL;
    if (s->kind != NORM_LAYER)
        return op_group_norm(g, x, gamma, beta, s->attr.groups, s->attr.eps);
    if (!gamma) {
        gamma = channel_constant(g, s->channels, 1);
        beta = channel_constant(g, s->channels, 0);
    }
    return op_layer_norm(g, x, gamma, beta, s->attr.eps);
}

tensor *norm_run_with(module *norm, graph *g, tensor *x, tensor *gamma, tensor *beta)
{
    const norm_state *s = norm->state;
    graph_push_scope(g, norm->name);
    tensor *y = op_layer_norm(g, x, gamma, beta, s->attr.eps);
    graph_pop_scope(g);
    return y;
}

static bool check_config(module *m, const value *cfg, const norm_config *c, norm_kind which, int64_t channels)
{
    if (which == NORM_GROUP && channels % c->num_groups) {
        model_fail(m->model, CSEG_CONFIG, cfg, "%s: %lld channels do not divide into %lld groups", m->name,
                   (long long)channels, (long long)c->num_groups);
        return false;
    }
    return true;
}

static void declare(module *m, norm_state *s, const norm_config *c, const char *owner)
{
    if (s->kind == NORM_LAYER ? c->elementwise_affine : c->affine) {
        s->gamma = module_param(m, "weight", 1, &s->channels, INIT_CONSTANT, 1, 0);
        s->beta = module_param(m, "bias", 1, &s->channels, INIT_ZERO, 0, 0);
    }
    if (c->track_running_stats) {
        s->mean = module_buffer(m, "running_mean", DT_F32, 1, &s->channels, 0);
        s->var = module_buffer(m, "running_var", DT_F32, 1, &s->channels, 1);
        s->counter = module_buffer(m, "num_batches_tracked", DT_I64, 0, NULL, 0);
    }
    param *own[] = {s->gamma, s->beta, s->mean, s->var, s->counter};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!own[i])
            continue;
        own[i]->owner = owner;
        own[i]->requires_grad = own[i]->role == PARAM_TRAINED && c->requires_grad;
    }
}

module *norm_new(module *parent, const char *name, const value *norm_cfg, int64_t channels)
{
    return norm_new_of(parent, name, norm_cfg, channels, NORM_OF_MAP);
}

module *norm_new_of(module *parent, const char *name, const value *norm_cfg, int64_t channels, norm_input of)
{
    const norm_type *t = find_type(parent, norm_cfg);
    module *m = check_input(parent, norm_cfg, t, of) ? module_new(parent, name) : NULL;
    norm_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    norm_config c = {0};
    if (fields_parse(&tables[t->kind], t->name, norm_cfg, NULL, m->model->mem, &c, &m->model->error) != CSEG_OK)
        return NULL;
    m->class_name = t->class_name;
    if (!check_config(m, norm_cfg, &c, t->kind, channels))
        return NULL;
    m->state = s;
    m->forward = forward;
    s->kind = t->kind;
    s->channels = channels;
    s->attr = (norm_attr){.eps = (float)c.eps, .momentum = (float)c.momentum, .update = true};
    s->attr.groups = (int)(t->kind == NORM_INSTANCE ? channels : c.num_groups);
    declare(m, s, &c, t->owner);
    return model_failed(m->model) ? NULL : m;
}

static void use_running_statistics(module *m)
{
    if (m->forward == forward)
        ((norm_state *)m->state)->eval = true;
}

void norm_freeze_statistics(module *m)
{
    module_each(m, use_running_statistics);
}

static void hold_running_statistics(module *m)
{
    if (m->forward == forward)
        ((norm_state *)m->state)->attr.update = false;
}

void norm_hold_statistics(module *m)
{
    module_each(m, hold_running_statistics);
}

bool norm_counter(const module *m, param **counter, int **calls)
{
    if (m->forward != forward)
        return false;
    norm_state *s = m->state;
    *counter = s->counter;
    *calls = &s->calls;
    return s->counter && s->kind == NORM_BATCH; /* PyTorch's instance norm has one and does not count */
}
