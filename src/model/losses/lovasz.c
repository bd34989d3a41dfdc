/* LovaszLoss: the Lovasz extension of the Jaccard index's loss (Berman et al. 2018, arXiv:1705.08790). */
#include <string.h>

#include "model/losses/class_weight.h"
#include "model/losses/loss_config.h"

typedef struct lovasz_config {
    loss_config loss;
    const char *loss_type, *reduction;
    const value *classes, *class_weight;
    bool per_image;
} lovasz_config;

static const field fields[] = {
    FIELD_CHOICE(lovasz_config, loss_type, "'multi_class'", "multi_class|binary",
                 "a softmax over the classes, or a hinge of one channel's logits"),
    FIELD(lovasz_config, F_VALUE, classes, "'present'",
          "'present' in the labels, 'all', or a list of classes; no effect for binary"),
    FIELD(lovasz_config, F_BOOL, per_image, "False", "a loss for each image instead of one for the batch"),
    FIELD_CHOICE(lovasz_config, reduction, "'mean'", "none|mean|sum",
                 "over images; must be 'none' without per_image; none is mean"),
    FIELD(lovasz_config, F_VALUE, class_weight, "None",
          "a number for each class, or a file that holds them; no effect for binary"),
    LOSS_FIELDS(lovasz_config, "'loss_lovasz'"),
};
static const field_table table = FIELD_TABLE(fields, lovasz_config);

typedef struct lovasz_state {
    floats weight; /* class weights; n == 0: none */
    bool present, binary;
} lovasz_state;

static void check_classes(module *m, lovasz_state *s)
{
    const value *v = ((const lovasz_config *)m->config)->classes;
    const char *word = v && v->kind == V_STR ? value_text(v) : "";
    int64_t k;
    bool ok = strcmp(word, "present") == 0 || strcmp(word, "all") == 0 || (value_is_list(v) && value_count(v) > 0);
    s->present = strcmp(word, "present") == 0;
    for (size_t i = 0; value_is_list(v) && i < value_count(v); i++)
        ok = ok && value_integer(value_item(v, i), &k);
    if (!ok)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "classes"), "classes is 'present', 'all' or a list of classes");
}

static void build(module *m)
{
    const lovasz_config *c = m->config;
    lovasz_state *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    loss_begin(m);
    s->binary = strcmp(c->loss_type, "binary") == 0;
    if (!c->per_image && strcmp(c->reduction, "none") != 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "reduction"),
                   "without per_image there is one loss to reduce; set reduction='none', or per_image=True");
    check_classes(m, s);
    if (!model_failed(m->model))
        class_weight_read(m, c->class_weight, &s->weight);
}

/* How often each class counts [1,K]: once, or as often as the list names it. NULL: the list names another one. */
static tensor *chosen(module *m, graph *g, int64_t classes)
{
    const value *list = ((const lovasz_config *)m->config)->classes;
    float *times = arena_array(g->mem, (size_t)classes, sizeof *times);
    char place[512];
    int64_t k = 0;
    if (!times)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < classes; i++)
        times[i] = (float)!value_is_list(list);
    for (size_t i = 0; value_is_list(list) && i < value_count(list); i++) {
        if (!value_integer(value_item(list, i), &k) || k < 0 || k >= classes)
            return graph_fail(g, CSEG_CONFIG, "%sLovaszLoss has class %lld of %lld classes in its list",
                              value_place(value_item(list, i), place), (long long)k, (long long)classes);
        times[k]++;
    }
    return graph_const(g, DT_F32, 2, (int64_t[]){1, classes}, times);
}

/* The mean of the classes' losses [G,K] -> [G]. Without any present class it is 0. */
static tensor *mean_of_classes(module *m, graph *g, tensor *loss, tensor *foreground)
{
    const lovasz_state *s = m->state;
    int64_t classes = loss ? tensor_channels(loss) : 0;
    tensor *times = loss ? chosen(m, g, classes) : NULL;
    if (!times)
        return NULL;
    if (s->weight.n)
        loss = op_mul(g, loss, op_reshape(g, class_weight_trace(m, g, s->weight, classes), 2, (int64_t[]){1, classes}));
    if (s->present)
        times = op_cast(g, op_compare_to(g, op_reduce_sum(g, foreground, 1 << 1, false), COMPARE_GT, 0), DT_F32);
    tensor *sum = op_reduce_sum(g, op_mul(g, loss, times), 1 << 1, false);
    tensor *count = op_reduce_sum(g, times, 1 << 1, false);
    return op_binary(g, sum, op_binary(g, count, op_fill(g, 1, (int64_t[]){1}, 1), BINARY_MAX), BINARY_DIV);
}

/* Pixels with an ignored label weigh nothing; images of them alone have the loss 0. */
static tensor *of_groups(module *m, graph *g, const loss_io *io)
{
    const lovasz_state *s = m->state;
    int64_t classes = tensor_channels(io->x), pixels = io->x->dim[1] * io->x->dim[2], groups = io->x->dim[0];
    if (!((const lovasz_config *)m->config)->per_image) {
        pixels *= groups;
        groups = 1;
    }
    tensor *label = op_reshape(g, io->target, 2, (int64_t[]){groups, pixels});
    tensor *x = op_reshape(g, io->x, 3, (int64_t[]){groups, pixels, classes});
    tensor *valid = op_compare_to(g, label, COMPARE_NE, (double)io->ignore_index);
    tensor *each = op_reshape(g, op_cast(g, valid, DT_F32), 3, (int64_t[]){groups, pixels, 1});
    tensor *fg = s->binary ? op_reshape(g, op_cast(g, op_compare_to(g, label, COMPARE_EQ, 1), DT_F32), 3,
                                        (int64_t[]){groups, pixels, 1})
                           : op_one_hot(g, label, classes);
    tensor *error = s->binary ? op_scale(g, op_mul(g, x, op_scale(g, fg, 2, -1)), -1, 1)
                              : op_unary(g, op_sub(g, fg, op_softmax(g, x)), (unary_attr){.kind = UNARY_ABS});
    tensor *weight = op_jaccard_weight(g, error, fg, valid);
    tensor *loss = op_reduce_sum(g, op_mul(g, s->binary ? op_relu(g, error) : error, weight), 1 << 1, false);
    return s->binary ? op_reshape(g, loss, 1, (int64_t[]){groups}) : mean_of_classes(m, g, loss, op_mul(g, fg, each));
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const lovasz_config *c = m->config;
    const lovasz_state *s = m->state;
    char place[512];
    if (!io->x || !io->target)
        return NULL;
    if (s->binary != (tensor_channels(io->x) == 1))
        return graph_fail(g, CSEG_CONFIG,
                          "%sLovaszLoss takes one channel with loss_type='binary' and several with 'multi_class'; the "
                          "logits have %lld",
                          value_place(m->cfg, place), (long long)tensor_channels(io->x));
    if (io->weight)
        loss_weighs_no_pixels(m);
    tensor *y = of_groups(m, g, io);
    y = strcmp(c->reduction, "sum") == 0 ? op_reduce_sum(g, y, 1 << 0, false) : op_reduce_mean(g, y, 1 << 0, false);
    return op_scale(g, y, (float)c->loss.loss_weight, 0);
}

static loss_labels labels(const module *m, int64_t channels)
{
    bool binary = ((const lovasz_state *)m->state)->binary;
    return (loss_labels){.classes = binary && channels == 1 ? 2 : channels};
}

static bool of_batch(const module *m)
{
    return !((const lovasz_config *)m->config)->per_image;
}

const kind kind_lovasz_loss = {
    .family = FAMILY_LOSS,
    .name = "LovaszLoss",
    .about = "What the intersection over union loses, of the batch or of each image, as a sum of errors weighted in "
             "the order of their size (arXiv:1705.08790).",
    .fields = &table,
    .build = build,
    .as.loss = {.forward = forward, .labels = labels, .of_batch = of_batch},
};
