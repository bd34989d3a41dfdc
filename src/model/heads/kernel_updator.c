/* KernelUpdator: gates choose how much of a kernel stays and how much comes from what it has found in the map. */
#include "model/heads/kernel_update.h"

typedef struct updator_config {
    int64_t in_channels, feat_channels;
    const value *out_channels, *norm_cfg, *act_cfg;
    bool gate_sigmoid, gate_norm_act, activate_out;
} updator_config;

static const field fields[] = {
    FIELD_RANGE(updator_config, F_INT, in_channels, "256", 1, 1 << 20,
                "channels of a group; a kernel of more is several groups, which share the weights"),
    FIELD_RANGE(updator_config, F_INT, feat_channels, "64", 1, 1 << 20,
                "channels inside; must be in_channels, or the reference stops"),
    FIELD(updator_config, F_VALUE, out_channels, "None", "channels of a group's result; None or 0: in_channels"),
    FIELD(updator_config, F_BOOL, gate_sigmoid, "True", "gates lie between 0 and 1"),
    FIELD(updator_config, F_BOOL, gate_norm_act, "False", "normalisation and activation before the gates"),
    FIELD(updator_config, F_BOOL, activate_out, "False", "activation before the gates are applied"),
    FIELD(updator_config, F_VALUE, norm_cfg, "dict(type='LN')", "kind of normalisation"),
    FIELD(updator_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
};
static const field_table table = FIELD_TABLE(fields, updator_config);

typedef struct kernel_updator {
    module *of_found, *of_kernels; /* each gives two parts: for the gates, and for the result */
    module *keep_gate, *new_gate;
    module *gate_norm; /* NULL: none */
    module *norm_new_gate, *norm_new, *norm_keep_gate, *norm_keep;
    module *act, *out, *norm_out;
    kernel_shape shape;
    int64_t out_channels;
} kernel_updator;

static module *norm(module *m, const char *name, int64_t channels)
{
    return norm_new_of(m, name, ((const updator_config *)m->config)->norm_cfg, channels, NORM_OF_TOKENS);
}

static void build(module *m)
{
    const updator_config *c = m->config;
    kernel_updator *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    int64_t in = c->in_channels;
    s->out_channels = in;
    if (!value_is_none(c->out_channels) && (!value_integer(c->out_channels, &s->out_channels) || s->out_channels < 0))
        model_fail(m->model, CSEG_CONFIG, c->out_channels, "%s: out_channels is an int from 0 or None", m->name);
    if (c->feat_channels != in)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "feat_channels"),
                   "%s: feat_channels is %lld, but must be in_channels, %lld: kernels are cut into groups of it",
                   m->name, (long long)c->feat_channels, (long long)in);
    s->out_channels = s->out_channels ? s->out_channels : in;
    s->of_found = linear_new(m, "dynamic_layer", in, 2 * in, true);
    s->of_kernels = linear_new(m, "input_layer", in, 2 * in, true);
    s->keep_gate = linear_new(m, "input_gate", in, in, true);
    s->new_gate = linear_new(m, "update_gate", in, in, true);
    if (c->gate_norm_act)
        s->gate_norm = norm(m, "gate_norm", in);
    s->norm_new_gate = norm(m, "norm_in", in);
    s->norm_new = norm(m, "norm_out", in);
    s->norm_keep_gate = norm(m, "input_norm_in", in);
    s->norm_keep = norm(m, "input_norm_out", in);
    s->act = act_new(m, "activation", c->act_cfg);
    s->out = linear_new(m, "fc_layer", in, s->out_channels, true);
    s->norm_out = norm(m, "fc_norm", s->out_channels);
}

extern const kind kind_kernel_updator;

module *kernel_updator_new(module *parent, const char *name, const value *cfg, kernel_shape *shape)
{
    module *m = module_build_part(parent, name, &kind_kernel_updator, cfg);
    if (!m)
        return NULL;
    kernel_updator *s = m->state;
    int64_t in = ((const updator_config *)m->config)->in_channels;
    if (shape->numbers % shape->map)
        model_fail(m->model, CSEG_CONFIG, m->cfg, "%s: kernels of %lld numbers do not divide by a map of %lld channels",
                   m->name, (long long)shape->numbers, (long long)shape->map);
    else if (shape->kernels * shape->map % in)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: %lld kernels for a map of %lld channels do not divide into groups of in_channels=%lld", m->name,
                   (long long)shape->kernels, (long long)shape->map, (long long)in);
    else if (shape->numbers * s->out_channels % in)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "out_channels"),
                   "%s: kernels of %lld numbers in groups of %lld cannot become groups of out_channels=%lld", m->name,
                   (long long)shape->numbers, (long long)in, (long long)s->out_channels);
    if (model_failed(m->model))
        return NULL;
    s->shape = *shape;
    shape->numbers = shape->numbers * s->out_channels / in;
    return m;
}

/* The weight of a part: [N,groups,members,channels]. */
static tensor *gate(const updator_config *c, graph *g, tensor *x, module *linear, module *normal)
{
    x = layer_run(normal, g, layer_run(linear, g, x));
    return c->gate_sigmoid ? op_sigmoid(g, x) : x;
}

static tensor *part(const updator_config *c, const kernel_updator *s, graph *g, tensor *x, module *normal)
{
    x = layer_run(normal, g, x);
    return c->activate_out ? layer_run(s->act, g, x) : x;
}

static tensor *update(const updator_config *c, const kernel_updator *s, graph *g, tensor *found, tensor *kernels)
{
    tensor *new[2], *kept[2];
    op_split(g, layer_run(s->of_found, g, found), -1, 2, NULL, new);
    op_split(g, layer_run(s->of_kernels, g, kernels), -1, 2, NULL, kept);
    tensor *gates = op_mul(g, kept[0], new[0]);
    if (s->gate_norm)
        gates = layer_run(s->act, g, layer_run(s->gate_norm, g, gates));
    tensor *by_old = gate(c, g, gates, s->keep_gate, s->norm_keep_gate);
    tensor *by_new = gate(c, g, gates, s->new_gate, s->norm_new_gate);
    tensor *y = op_add(g, op_mul(g, by_new, part(c, s, g, new[1], s->norm_new)),
                       op_mul(g, by_old, part(c, s, g, kept[1], s->norm_keep)));
    return layer_run(s->act, g, layer_run(s->norm_out, g, layer_run(s->out, g, y)));
}

tensor *kernel_updator_run(module *m, graph *g, tensor *found, tensor *kernels)
{
    const kernel_updator *s = m->state;
    const kernel_shape *from = &s->shape;
    const updator_config *c = m->config;
    if (!found || !kernels)
        return NULL;
    int64_t n = found->dim[0], in = c->in_channels, groups = from->kernels * from->map / in;
    int64_t members = from->numbers / from->map;
    graph_push_scope(g, m->name);
    found = op_reshape(g, found, 4, (int64_t[]){n, groups, 1, in});
    kernels = op_reshape(g, kernels, 4, (int64_t[]){kernels->dim[0], groups, members, in});
    tensor *y = update(c, s, g, found, kernels);
    y = op_reshape(g, y, 3, (int64_t[]){n, from->kernels, from->numbers * s->out_channels / in});
    graph_pop_scope(g);
    return y;
}

const kind kind_kernel_updator = {
    .family = FAMILY_PART,
    .name = "KernelUpdator",
    .about = "Of a KernelUpdateHead: gates choose how much of a kernel stays and how much comes from what it found.",
    .fields = &table,
    .build = build,
};
