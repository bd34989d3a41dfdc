#include "model/heads/decode_head.h"

#include <string.h>

#include "base/least.h"
#include "base/log.h"
#include "model/losses/loss_config.h"

/* in_channels and in_index are lists with input_transform, and one number without it. */
static bool check_input_kinds(module *m, const head_config *c)
{
    static const char *const keys[] = {"in_channels", "in_index"};
    bool list = c->input_transform;
    if (!list && c->in_index.n != 1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_index"),
                   "%s: several inputs need input_transform='resize_concat' or 'multiple_select'", m->name);
    for (int i = 0; list && i < 2; i++) {
        const value *v = value_get(m->cfg, keys[i]);
        if (v && value_is_list(v))
            continue;
        model_fail(m->model, CSEG_CONFIG, module_at(m, keys[i]),
                   "%s: %s must be a list of ints: %s takes several maps (input_transform='%s')", m->name, keys[i],
                   m->kind->name, c->input_transform);
        return false;
    }
    if (list && strcmp(c->input_transform, "multiple_select") == 0 && !c->takes_maps)
        model_fail(
            m->model, CSEG_CONFIG, module_at(m, "input_transform"),
            "%s: %s takes one map: input_transform='resize_concat' joins several, and without it in_index selects "
            "one",
            m->name, m->kind->name);
    return !model_failed(m->model);
}

static bool check_inputs(module *m, decode_head *h)
{
    const head_config *c = h->config;
    model *mod = m->model;
    if (!c->in_channels.n || !c->in_index.n) {
        model_fail(mod, CSEG_CONFIG, module_at(m, "in_channels"), "%s: in_channels and in_index may not be empty",
                   m->name);
    } else if (c->in_channels.n != c->in_index.n) {
        model_fail(mod, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: in_channels has %zu entries, but in_index has %zu", m->name, c->in_channels.n, c->in_index.n);
    } else if (check_input_kinds(m, c)) {
        for (size_t i = 0; i < c->in_channels.n; i++)
            h->in_channels += c->in_channels.at[i];
    }
    return !model_failed(mod);
}

static bool check_outputs(module *m, const head_config *c)
{
    head_info *h = m->head;
    *h = (head_info){.num_classes = c->num_classes,
                     .out_channels = c->num_classes,
                     .threshold = 0.3,
                     .align_corners = c->align_corners,
                     .ignore_index = c->ignore_index,
                     .gt_key = c->gt_key};
    if (!value_is_none(c->out_channels) && !value_integer(c->out_channels, &h->out_channels))
        model_fail(m->model, CSEG_CONFIG, c->out_channels, "%s: out_channels is an int, not %s", m->name,
                   value_kind_name(c->out_channels));
    if (h->out_channels != c->num_classes && h->out_channels != 1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "out_channels"),
                   "%s: out_channels is num_classes, or 1; not %lld with num_classes=%lld", m->name,
                   (long long)h->out_channels, (long long)c->num_classes);
    if (!value_is_none(c->threshold) && !value_number(c->threshold, &h->threshold))
        model_fail(m->model, CSEG_CONFIG, c->threshold, "%s: threshold is a number, not %s", m->name,
                   value_kind_name(c->threshold));
    if (!c->gt_key)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "gt_key"), "%s: gt_key is a string, not None", m->name);
    return !model_failed(m->model);
}

static bool has_sigmoid(const kind *loss)
{
    for (size_t i = 0; i < loss->fields->n; i++)
        if (strcmp(loss->fields->at[i].name, "use_sigmoid") == 0)
            return true;
    return false;
}

/* Makes a loss of loss_decode, if it can be one. */
static void add_loss(module *m, decode_head *h, module *parent, const char *name, const value *cfg)
{
    module *loss = module_build(parent, name, FAMILY_LOSS, cfg, NULL);
    if (!loss)
        return;
    if (!loss->kind->as.loss.labels)
        model_fail(m->model, CSEG_UNSUPPORTED, loss->cfg,
                   "%s: %s compares numbers with numbers, and loss_decode is to compare logits with a label map: the "
                   "reference stops there too. It can be the loss_se_decode of EncHead",
                   m->name, loss->kind->name);
    else if (loss->kind->as.loss.labels(loss, m->head->out_channels).classes < 2)
        model_fail(m->model, CSEG_CONFIG, value_get(m->cfg, "loss_decode") ? loss->cfg : m->cfg,
                   "%s: %s is a softmax over one channel, which is 1 whatever the network says: nothing would be "
                   "learnt. %s, or give each class a channel (num_classes=2, out_channels=2)",
                   m->name, loss->kind->name,
                   has_sigmoid(loss->kind) ? "Set use_sigmoid=True in it" : "Take a loss that has a sigmoid");
    else if (!vec_push(m->model->mem, &h->losses, loss))
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

void head_meet_labels(module *m, const module *but)
{
    const decode_head *h = m->state;
    loss_labels *all = &m->head->labels;
    bool first = true;
    for (size_t i = 0; i < h->losses.n; i++) {
        const module *loss = h->losses.at[i];
        if (loss == but)
            continue;
        loss_labels l = loss->kind->as.loss.labels(loss, m->head->out_channels);
        bool known = !first && all->has_ignored && all->ignored == l.ignored;
        if (first)
            *all = l;
        all->classes = least_of(all->classes, l.classes);
        all->ignores_negative = all->ignores_negative && l.ignores_negative;
        all->has_ignored = l.has_ignored && (first || known) && l.ignored != m->head->ignore_index;
        first = false;
    }
}

static void build_losses(module *m, decode_head *h)
{
    const value *cfg = h->config->loss_decode;
    if (!value_is_list(cfg)) {
        add_loss(m, h, m, "loss_decode", cfg);
        return;
    }
    module *list = module_new(m, "loss_decode");
    for (size_t i = 0; i < value_count(cfg); i++)
        add_loss(m, h, list, module_index(m, (int64_t)i), value_item(cfg, i));
}

module *head_loss(module *m, const char *name, const value *cfg, unsigned needs)
{
    module *loss = module_build(m, name, FAMILY_LOSS, cfg, NULL);
    if (loss && needs & ~loss->kind->as.loss.can)
        model_fail(m->model, CSEG_UNSUPPORTED, cfg,
                   "%s: %s compares logits with a label map alone; there is "
                   "CrossEntropyLoss",
                   m->name, loss->kind->name);
    return loss;
}

bool head_selects_maps(module *m)
{
    const value *given = m->cfg ? value_get(m->cfg, "input_transform") : NULL;
    if (given)
        model_fail(m->model, CSEG_CONFIG, given, "%s: %s selects its maps itself; leave input_transform out", m->name,
                   m->kind->name);
    ((head_config *)m->config)->input_transform = "multiple_select";
    head_takes_maps(m);
    return !model_failed(m->model);
}

bool head_check_strides(module *m, ints strides)
{
    ints in = ((const head_config *)m->config)->in_channels;
    if (strides.n != in.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "feature_strides"),
                   "%s: feature_strides has %zu entries, but in_channels has %zu", m->name, strides.n, in.n);
    for (size_t i = 1; i < strides.n; i++)
        if (strides.at[i] < strides.at[0])
            model_fail(m->model, CSEG_CONFIG, module_at(m, "feature_strides"),
                       "%s: feature_strides[%zu]=%lld is below the first, %lld: the finest map comes first", m->name, i,
                       (long long)strides.at[i], (long long)strides.at[0]);
    return !model_failed(m->model);
}

void head_takes_maps(module *m)
{
    ((head_config *)m->config)->takes_maps = true;
}

bool head_begin_unclassified(module *m, size_t state_size)
{
    decode_head *h = m->state = module_state(m, state_size);
    if (!h)
        return false;
    h->config = m->config;
    if (!check_inputs(m, h) || !check_outputs(m, h->config))
        return false;
    m->init_cfg = h->config->init_cfg;
    build_losses(m, h);
    head_meet_labels(m, NULL);
    if (!value_is_none(h->config->sampler))
        h->sampler = module_build(m, "sampler", FAMILY_SAMPLER, h->config->sampler, NULL);
    h->dropout = dropout2d_new(m, "dropout", h->config->dropout_ratio);
    return !model_failed(m->model);
}

bool head_begin(module *m, size_t state_size)
{
    if (!head_begin_unclassified(m, state_size))
        return false;
    decode_head *h = m->state;
    h->conv_seg = pointwise_conv_new(m, "conv_seg", h->config->channels, m->head->out_channels);
    return !model_failed(m->model);
}

static tensor *pass_on(module *m, graph *g, tensor *x)
{
    (void)m, (void)g;
    return x;
}

void head_unclassify(module *head)
{
    module *conv = head ? module_child(head, "conv_seg") : NULL;
    if (!conv)
        return;
    conv->class_name = "Identity";
    conv->forward = pass_on;
    conv->params.n = conv->buffers.n = conv->children.n = 0;
}

module *head_conv_spec(module *head, module *parent, const char *name, conv_spec spec)
{
    const head_config *c = head->config;
    return conv_module_new(
        parent, name,
        (conv_module_spec){.conv = spec, .conv_cfg = c->conv_cfg, .norm_cfg = c->norm_cfg, .act_cfg = c->act_cfg});
}

module *head_conv(module *head, module *parent, const char *name, int64_t in, int64_t out, int64_t kernel)
{
    return head_conv_spec(head, parent, name, conv_square(in, out, kernel, 1, kernel / 2, 1));
}

module *head_pyramid_pool(module *head, const char *name, int64_t in, ints scales)
{
    const head_config *c = head->config;
    return pyramid_pool_new(head, name,
                            (pyramid_pool_spec){.scales = scales,
                                                .in = in,
                                                .channels = c->channels,
                                                .align_corners = c->align_corners,
                                                .conv_cfg = c->conv_cfg,
                                                .norm_cfg = c->norm_cfg,
                                                .act_cfg = c->act_cfg});
}

tensor *head_map(module *m, graph *g, features x, int64_t index, const char *key, int64_t channels)
{
    int64_t at = index < 0 ? index + x.n : index;
    char place[512];
    const char *from = x.from ? x.from->name : "", *class_name = x.from ? x.from->class_name : "";
    if (at < 0 || at >= x.n)
        return graph_fail(g, CSEG_SHAPE, "%s%s (%s) takes map %lld, but %s (%s) gives %d",
                          value_place(module_at(m, "in_index"), place), m->name, m->kind->name, (long long)index, from,
                          class_name, x.n);
    tensor *t = x.at[at];
    if (t && channels >= 0 && tensor_channels(t) != channels)
        return graph_fail(g, CSEG_SHAPE, "%s%s (%s) has %s=%lld, but map %lld of %s (%s) has %lld channels",
                          value_place(module_at(m, key), place), m->name, m->kind->name, key, (long long)channels,
                          (long long)at, from, class_name, (long long)tensor_channels(t));
    return t;
}

features head_inputs(module *m, graph *g, const head_io *io)
{
    const head_config *c = ((decode_head *)m->state)->config;
    features f = features_new(g, (int)c->in_index.n);
    f.from = io->x.from;
    for (int i = 0; i < f.n; i++)
        f.at[i] = head_map(m, g, io->x, c->in_index.at[i], "in_channels", c->in_channels.at[i]);
    f.cls = io->x.cls ? features_new(g, f.n).at : NULL;
    for (int i = 0; f.cls && i < f.n; i++) {
        int64_t at = c->in_index.at[i] < 0 ? c->in_index.at[i] + io->x.n : c->in_index.at[i];
        f.cls[i] = at >= 0 && at < io->x.n ? io->x.cls[at] : NULL; /* else head_map has recorded the error */
    }
    return f;
}

void head_inputs_of_dates(module *m, graph *g, const head_io *io, bool checked, features date[2])
{
    const head_config *c = ((decode_head *)m->state)->config;
    for (int i = 0; i < 2; i++)
        date[i] = features_new(g, 0);
    for (size_t i = 0; i < c->in_index.n; i++) {
        tensor *half[2] = {NULL, NULL};
        int64_t channels = checked ? 2 * c->in_channels.at[i] : -1;
        tensor *both = head_map(m, g, io->x, c->in_index.at[i], "in_channels", channels);
        op_split(g, both, 3, 2, NULL, half);
        for (int k = 0; k < 2; k++)
            features_add(g, &date[k], half[k]);
    }
    for (int i = 0; i < 2; i++)
        date[i].from = io->x.from;
}

tensor *head_input(module *m, graph *g, const head_io *io)
{
    features f = head_inputs(m, g, io);
    for (int i = 1; i < f.n; i++)
        f.at[i] = resize_like(g, f.at[i], f.at[0], m->head->align_corners);
    return f.n == 1 ? f.at[0] : op_concat(g, f.at, f.n, -1);
}

tensor *head_classify(module *m, graph *g, tensor *x)
{
    decode_head *h = m->state;
    return layer_run(h->conv_seg, g, layer_run(h->dropout, g, x));
}

void head_leaves_out(module *m, const module *part)
{
    char place[512];
    if (part)
        log_warn_once("%s%s: %s has no effect on a kernel_generate_head, as in the reference",
                      value_place(m->cfg, place), m->kind->name, part->name);
}

/* Returns the sum of the losses, from the i-th on, that have its name; NULL if an earlier loss has that name, since its
 * sum includes this one. */
static tensor *sum_of_name(decode_head *h, size_t i, graph *g, const loss_io *io)
{
    const char *name = loss_name(h->losses.at[i]);
    for (size_t j = 0; j < i; j++)
        if (strcmp(loss_name(h->losses.at[j]), name) == 0)
            return NULL;
    tensor *sum = loss_run(h->losses.at[i], g, io);
    for (size_t j = i + 1; j < h->losses.n; j++)
        if (strcmp(loss_name(h->losses.at[j]), name) == 0)
            sum = op_add(g, sum, loss_run(h->losses.at[j], g, io));
    return sum;
}

void head_add_losses(module *m, graph *g, const head_io *io, tensor *logits, const char *prefix)
{
    decode_head *h = m->state;
    loss_io at = {.x = resize_like(g, logits, io->label, m->head->align_corners),
                  .target = io->label,
                  .weight = io->weight,
                  .ignore_index = m->head->ignore_index};
    if (!at.x)
        return;
    if (h->sampler) {
        tensor *hard = sampler_run(h->sampler, g, &at);
        at.weight = at.weight ? op_mul(g, hard, at.weight) : hard;
    }
    for (size_t i = 0; i < h->losses.n; i++) {
        tensor *sum = sum_of_name(h, i, g, &at);
        if (sum)
            model_add_loss(m->model, g, prefix, loss_name(h->losses.at[i]), sum);
    }
    model_add_loss(m->model, g, prefix, "acc_seg", op_accuracy(g, at.x, at.target, at.ignore_index));
}

void head_run_loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    graph_push_scope(g, m->name);
    if (m->kind->as.head.loss)
        m->kind->as.head.loss(m, g, io, out, prefix);
    else
        head_add_losses(m, g, io, out->logits, prefix);
    graph_pop_scope(g);
}
