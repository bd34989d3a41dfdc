/* PIDHead: classifies PIDNet's integral branch and, in training, the proportional one; the derivative branch learns the
 * borders between classes (Xu et al. 2022, arXiv:2206.02066). */
#include "model/heads/branch_head.h"

typedef struct pid_config {
    head_config head;
} pid_config;

static const field fields[] = {BRANCH_HEAD_FIELDS(pid_config)};
static const field_table table = FIELD_TABLE(fields, pid_config);

enum { P, I, D, BRANCHES };
enum { BORDER_LOSS = 2, LOSSES = 4 };
static const float CERTAIN = 0.8F; /* a border of this probability is one */

typedef struct pid_head {
    decode_head base;
    module *branch[BRANCHES], *p_cls_seg, *d_cls_seg;
} pid_head;

static const label_beside edges = {.key = "gt_edge_map", .maker = "GenerateEdge"};

static void build(module *m)
{
    static const char *const parts[] = {"conv", "norm", "act"};
    if (!branch_head_begin(m, sizeof(pid_head), LOSSES))
        return;
    pid_head *h = m->state;
    const head_config *c = h->base.config;
    int64_t in = h->base.in_channels, channels = c->channels;
    if (in < 4) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: in_channels is 4 or more: a quarter of it is the border branch's", m->name);
        return;
    }
    h->branch[I] = branch_head_block(m, "i_head", in, channels, parts, c->act_cfg);
    h->branch[P] = branch_head_block(m, "p_head", in / 2, channels, parts, c->act_cfg);
    h->branch[D] =
        branch_head_block(m, "d_head", in / 2, in / 4, parts, module_literal(m, "dict(type='ReLU', inplace=True)"));
    h->p_cls_seg = pointwise_conv_new(m, "p_cls_seg", channels, m->head->out_channels);
    h->d_cls_seg = pointwise_conv_new(m, "d_cls_seg", in / 4, 1);
    head_meet_labels(m, h->base.losses.at[BORDER_LOSS]);
    m->head->beside = &edges;
    m->head->n_beside = 1;
}

static tensor *branch(module *m, graph *g, const head_io *io, int i, module *classifier)
{
    const pid_head *h = m->state;
    int64_t channels = h->base.in_channels / (i == I ? 1 : 2);
    tensor *y = layer_run(h->branch[i], g, head_map(m, g, io->x, i, "in_channels", channels));
    return classifier ? layer_run(classifier, g, y) : head_classify(m, g, y);
}

/* The maps are [proportional, integral, derivative]. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    const pid_head *h = m->state;
    head_out out = {.more = features_new(g, 0)};
    out.logits = branch(m, g, io, I, NULL);
    if (!io->label)
        return out;
    features_add(g, &out.more, branch(m, g, io, P, h->p_cls_seg));
    features_add(g, &out.more, branch(m, g, io, D, h->d_cls_seg));
    return out;
}

/* The label map where a border is certain, and nothing to learn elsewhere. */
static tensor *labels_at_borders(module *m, graph *g, tensor *label, tensor *border)
{
    int32_t ignored = (int32_t)m->head->ignore_index;
    tensor *nothing = graph_const(g, DT_I32, 3, (int64_t[]){1, 1, 1}, &ignored);
    tensor *likely = op_sigmoid(g, border);
    tensor *mask = op_compare_to(g, likely, COMPARE_GT, (double)CERTAIN);
    return mask ? op_where(g, op_reshape(g, mask, 3, mask->dim), label, nothing) : NULL;
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    if (out->more.n < 2)
        return;
    loss_io p = branch_head_io(m, g, io, out->more.at[0]), i = branch_head_io(m, g, io, out->logits);
    loss_io d = {.target = model_label_input(m->model, g, edges.key), .ignore_index = m->head->ignore_index};
    d.x = resize_like(g, out->more.at[1], d.target, m->head->align_corners);
    loss_io at_borders = i;
    at_borders.target = labels_at_borders(m, g, io->label, d.x);
    branch_head_add_loss(m, g, 0, "loss_sem_p", &p, prefix);
    branch_head_add_loss(m, g, 1, "loss_sem_i", &i, prefix);
    branch_head_add_loss(m, g, BORDER_LOSS, "loss_bd", &d, prefix);
    branch_head_add_loss(m, g, 3, "loss_sem_bd", &at_borders, prefix);
    model_add_loss(m->model, g, prefix, "acc_seg", op_accuracy(g, i.x, i.target, i.ignore_index));
}

const kind kind_pid_head = {
    .family = FAMILY_HEAD,
    .name = "PIDHead",
    .about = "Classifies PIDNet's maps; loss_decode has the losses of the first map (loss_sem_p), of the second, which "
             "answers (loss_sem_i), of the borders (loss_bd, on gt_edge_map, which GenerateEdge makes), and of the "
             "second map where borders are certain (loss_sem_bd); in_index has no effect (arXiv:2206.02066).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
