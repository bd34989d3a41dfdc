/* IterativeDecodeHead: another head's classifier is one kernel a class; stage after stage updates the kernels for each
 * image (K-Net, Zhang et al. 2021, arXiv:2106.14855). */
#include "base/str.h"
#include "model/heads/decode_head.h"
#include "model/heads/kernel_update.h"

typedef struct iterative_config {
    int64_t num_stages;
    const value *kernel_generate_head, *kernel_update_head, *init_cfg;
} iterative_config;

static const field fields[] = {
    FIELD_RANGE(iterative_config, F_INT, num_stages, NULL, 0, 1 << 10, "stages in the list"),
    FIELD(iterative_config, F_VALUE, kernel_generate_head, NULL,
          "dict of a decode head: its classifier's weights are the first kernels, its losses are taken of each stage"),
    FIELD(iterative_config, F_VALUE, kernel_update_head, NULL, "list of dicts, a KernelUpdateHead for each stage"),
    FIELD(iterative_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, iterative_config);

typedef struct iterative_head {
    module *first;  /* the kernel_generate_head */
    module *stages; /* list */
} iterative_head;

/* Heads that hand out the map before their classifier. */
static const char *possible_heads(module *m)
{
    strbuf b = {.mem = m->model->mem};
    const kind *k;
    for (size_t i = 0; (k = kind_at(i)); i++)
        if (k->family == FAMILY_HEAD && k->as.head.features)
            strbuf_addf(&b, "%s%s", b.n ? ", " : "", k->name);
    return b.failed || !b.text ? "" : b.text;
}

static module *build_first(module *m, const value *cfg)
{
    module *first = module_build(m, "kernel_generate_head", FAMILY_HEAD, cfg, NULL);
    if (!first || first->kind->as.head.features)
        return first;
    model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "type"),
               "%s: %s hands out no map before its classifier, as in the reference; there are %s", first->name,
               first->kind->name, possible_heads(m));
    return NULL;
}

/* The reference keeps the stages in a plain list, into which MMEngine's init_weights() does not descend: they start as
 * PyTorch starts them, not by KernelUpdateHead's own rule. So the list is no `base` here. */
static void build_stages(module *m, iterative_head *h, const value *cfg)
{
    const decode_head *first = h->first->state;
    int64_t channels = first->config->channels;
    kernel_shape shape = {.kernels = h->first->head->out_channels, .numbers = channels, .map = channels};
    h->stages = module_new(m, "kernel_update_head");
    for (size_t i = 0; i < value_count(cfg) && !model_failed(m->model); i++)
        kernel_update_new(h->stages, module_index(m, (int64_t)i), value_item(cfg, i), &shape);
}

static void build(module *m)
{
    const iterative_config *c = m->config;
    iterative_head *h = m->state = module_state(m, sizeof *h);
    if (!h)
        return;
    m->init_cfg = c->init_cfg;
    if (!value_is_list(c->kernel_update_head))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "kernel_update_head"),
                   "%s: kernel_update_head is a list of dicts, not %s", m->name,
                   value_kind_name(c->kernel_update_head));
    else if ((int64_t)value_count(c->kernel_update_head) != c->num_stages)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_stages"),
                   "%s: num_stages is %lld, but kernel_update_head is a list of %zu: it is the number of stages",
                   m->name, (long long)c->num_stages, value_count(c->kernel_update_head));
    h->first = build_first(m, c->kernel_generate_head);
    if (!h->first)
        return;
    *m->head = *h->first->head;
    build_stages(m, h, c->kernel_update_head);
}

/* The classifier's weights [P,C,1,1], for all images: [1,P,1,C]. */
static tensor *first_kernels(const decode_head *first, graph *g)
{
    param *w = module_own(first->conv_seg, "weight");
    return op_reshape(g, graph_param(g, w), 4, (int64_t[]){1, w->dim[0], 1, w->dim[1]});
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    iterative_head *h = m->state;
    head_out out = {.more = features_new(g, 0)};
    tensor *x = head_run_features(h->first, g, io);
    tensor *masks = head_classify(h->first, g, x), *kernels = first_kernels(h->first->state, g);
    for (size_t i = 0; i < h->stages->children.n; i++) {
        features_add(g, &out.more, masks);
        kernel_update_run(h->stages->children.at[i], g, x, &kernels, &masks);
    }
    features_add(g, &out.more, masks);
    out.logits = masks;
    return out;
}

/* Every stage learns, and the first head too: decode.loss_ce.s0, .s1 ... */
static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    iterative_head *h = m->state;
    for (int i = 0; i < out->more.n; i++) {
        head_out stage = {.logits = out->more.at[i]};
        char suffix[24];
        snprintf(suffix, sizeof suffix, ".s%d", i);
        m->model->trace.loss_suffix = suffix;
        head_run_loss(h->first, g, io, &stage, prefix);
    }
    m->model->trace.loss_suffix = NULL;
}

const kind kind_iterative_decode_head = {
    .family = FAMILY_HEAD,
    .name = "IterativeDecodeHead",
    .about = "Another head's classifier, whose kernels are updated for each image, stage after stage (K-Net, "
             "arXiv:2106.14855).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
