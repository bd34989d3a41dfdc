/* PointHead: refines the logits of the head before it where these are least certain, point by point (Kirillov et al.
 * 2019, PointRend, arXiv:1912.08193). It learns at random points, most of them uncertain ones; its answer are those
 * logits, enlarged step by step, with its own at the most uncertain pixels of each step. */
#include <string.h>

#include "model/heads/decode_head.h"
#include "model/losses/loss_config.h"

typedef struct point_config {
    head_config head;
    int64_t num_fcs;
    bool coarse_pred_each_layer;
} point_config;

static const field fields[] = {
    HEAD_FIELDS_DEFAULTS(point_config, "dict(type='Conv1d')", "None",
                         "dict(type='Normal', std=0.01, override=dict(name='fc_seg'))"),
    FIELD_RANGE(point_config, F_INT, num_fcs, "3", 0, 64, "layers before the classifying one"),
    FIELD(point_config, F_BOOL, coarse_pred_each_layer, "True",
          "each layer sees the logits of the head before, not the first alone"),
};
static const field_table table = FIELD_TABLE(fields, point_config);

/* What the segmentor's train_cfg and test_cfg say. The defaults stand for what is missing, which matters only where it
 * is used. */
typedef struct point_plan {
    int64_t num_points, subdivision_steps, subdivision_num_points;
    double oversample_ratio, importance_sample_ratio;
    floats scale_factor;
} point_plan;

enum { MISSING = -1, MOST_POINTS = 1 << 24 };
static const field train_fields[] = {
    FIELD_RANGE(point_plan, F_INT, num_points, "-1", MISSING, MOST_POINTS, "points of an image that it learns from"),
    FIELD_RANGE(point_plan, F_FLOAT, oversample_ratio, "-1", MISSING, 1024, "times num_points are looked at"),
    FIELD_RANGE(point_plan, F_FLOAT, importance_sample_ratio, "-1", MISSING, 1,
                "share of num_points that are the most uncertain of these"),
};
static const field_table train_table = FIELD_TABLE(train_fields, point_plan);
static const field test_fields[] = {
    FIELD_RANGE(point_plan, F_INT, subdivision_steps, "-1", MISSING, 16, "times that the map is enlarged"),
    FIELD_RANGE(point_plan, F_INT, subdivision_num_points, "-1", MISSING, INT32_MAX, "most points of a step"),
    FIELD_RANGE(point_plan, F_FLOATS, scale_factor, "None", 1e-3, 64, "of a step, or of its rows and columns"),
};
static const field_table test_table = FIELD_TABLE(test_fields, point_plan);

typedef struct point_head {
    decode_head base;
    module *fcs, *fc_seg, *dropout;
    point_plan train, test;
} point_head;

/* Reads the keys that concern this head; the others are for other readers. */
static void read_plan(module *m, const field_table *t, const char *what, const value *cfg, point_plan *to)
{
    if (cfg && cfg->kind != V_DICT)
        model_fail(m->model, CSEG_CONFIG, cfg, "%s is a dict, not %s", what, value_kind_name(cfg));
    else if (!model_failed(m->model))
        fields_parse(t, what, NULL, cfg, m->model->mem, to, &m->model->error);
}

/* What the reference's class sets itself, and what it cannot be without. */
static bool check(module *m)
{
    const head_config *c = m->config;
    const value *init = value_get(m->cfg, "init_cfg");
    const char *conv = value_type_name(c->conv_cfg);
    if (init)
        model_fail(m->model, CSEG_CONFIG, init, "%s: PointHead sets its init_cfg itself; leave it out", m->name);
    else if (!conv || strcmp(conv, "Conv1d") != 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "conv_cfg"),
                   "%s: PointHead's layers work on points in a line: conv_cfg is dict(type='Conv1d')", m->name);
    else if (m->head->out_channels != c->num_classes || c->num_classes < 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_classes"),
                   "%s: PointHead compares the two largest of num_classes logits: it needs at least two classes, each "
                   "with its own channel",
                   m->name);
    return !model_failed(m->model);
}

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin_unclassified(m, sizeof(point_head)) || !check(m))
        return;
    const point_config *c = m->config;
    point_head *h = m->state;
    read_plan(m, &train_table, "train_cfg", m->model->train_cfg, &h->train);
    read_plan(m, &test_table, "test_cfg", m->model->test_cfg, &h->test);
    int64_t coarse = c->head.num_classes, in = h->base.in_channels + coarse;
    h->fcs = module_new(m, "fcs");
    for (int64_t i = 0; i < c->num_fcs; i++) {
        head_conv(m, h->fcs, module_index(m, i), in, c->head.channels, 1);
        in = c->head.channels + (c->coarse_pred_each_layer ? coarse : 0);
    }
    conv_spec last = conv_square(in, coarse, 1, 1, 0, 1);
    last.bias = true;
    h->fc_seg = conv2d_new(m, "fc_seg", module_literal(m, "dict(type='Conv1d')"), last);
    h->dropout = dropout_new(m, "dropout", c->head.dropout_ratio); /* of elements, in place of the base class's */
}

/* Values of x [N,h,w,C] at points [N,P,2], as a map of one row [N,1,P,C]. */
static tensor *sample(graph *g, tensor *x, tensor *points, points_attr how)
{
    tensor *y = op_point_sample(g, x, points, how);
    return y ? op_reshape(g, y, 4, (int64_t[]){y->dim[0], 1, y->dim[1], y->dim[2]}) : NULL;
}

static tensor *joined(graph *g, tensor *a, tensor *b)
{
    return op_concat(g, (tensor *[]){a, b}, 2, -1);
}

/* The head's own logits at points [N,P,2], as [N,1,P,K], from its maps and the logits of the head before. */
static tensor *logits_at(module *m, graph *g, const head_io *io, tensor *points)
{
    const point_config *c = m->config;
    const point_head *h = m->state;
    const points_attr how = {.align_corners = m->head->align_corners};
    features in = head_inputs(m, g, io);
    for (int i = 0; i < in.n; i++)
        in.at[i] = sample(g, in.at[i], points, how);
    if (!in.n)
        return NULL;
    tensor *coarse = sample(g, io->prev, points, how);
    tensor *x = joined(g, op_concat(g, in.at, in.n, -1), coarse);
    for (size_t i = 0; i < h->fcs->children.n; i++) {
        x = layer_run(h->fcs->children.at[i], g, x);
        if (c->coarse_pred_each_layer)
            x = joined(g, x, coarse);
    }
    return layer_run(h->fc_seg, g, layer_run(h->dropout, g, x));
}

static bool fits(module *m, graph *g, const head_io *io)
{
    char place[512];
    const head_config *c = m->config;
    if (!io->prev || tensor_channels(io->prev) == c->num_classes)
        return io->prev;
    graph_fail(g, CSEG_SHAPE, "%s%s (PointHead) has num_classes=%lld, but the head before it gives %lld channels",
               value_place(module_at(m, "num_classes"), place), m->name, (long long)c->num_classes,
               (long long)tensor_channels(io->prev));
    return false;
}

/* false: an error was recorded, since the config does not say how. */
static bool planned(module *m, graph *g, bool known, const char *keys)
{
    char place[512];
    if (!known)
        graph_fail(g, CSEG_CONFIG, "%s%s (PointHead) needs %s of the model", value_place(m->cfg, place), m->name, keys);
    return known;
}

/* The places of the k least certain of logits [N,..,K] with `length` pixels an image: i32 [N,k]. */
static tensor *uncertain(graph *g, tensor *logits, int64_t length, int64_t k)
{
    tensor *y = op_scale(g, op_margin(g, op_detach(g, logits)), -1, 0);
    return y ? op_top_places(g, op_reshape(g, y, 2, (int64_t[]){y->dim[0], length}), k) : NULL;
}

/* The middles of the pixels of a map [N,h,w,C] as points [N,h*w,2], with the reference's roundings. */
static tensor *middles(graph *g, const tensor *like)
{
    int64_t h = like->dim[1], w = like->dim[2];
    float *at = ARENA_ARRAY(g->mem, 2 * h * w, float);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < h * w; i++) {
        at[2 * i] = (float)(1.0 / (double)w / 2) + (float)(i % w) * (float)(1.0 / (double)w);
        at[2 * i + 1] = (float)(1.0 / (double)h / 2) + (float)(i / w) * (float)(1.0 / (double)h);
    }
    tensor *one = graph_const(g, DT_F32, 3, (int64_t[]){1, h * w, 2}, at);
    return op_broadcast(g, one, (int64_t[]){like->dim[0], h * w, 2});
}

static tensor *enlarged(const point_plan *p, graph *g, tensor *x, bool align_corners)
{
    double down = p->scale_factor.at[0], right = p->scale_factor.at[p->scale_factor.n - 1];
    return op_resize(g, x,
                     (resize_attr){.h = (int64_t)((double)x->dim[1] * down),
                                   .w = (int64_t)((double)x->dim[2] * right),
                                   .align_corners = align_corners,
                                   .scale_h = down,
                                   .scale_w = right});
}

/* One step: the enlarged logits, with the head's own at the most uncertain pixels. */
static tensor *subdivided(module *m, graph *g, const head_io *io, tensor *logits)
{
    const point_plan *p = &((const point_head *)m->state)->test;
    tensor *x = enlarged(p, g, logits, m->head->align_corners);
    if (!x)
        return NULL;
    int64_t n = x->dim[0], length = x->dim[1] * x->dim[2], classes = x->dim[3], most = p->subdivision_num_points;
    int64_t points = most < length ? most : length;
    tensor *places = uncertain(g, x, length, points);
    tensor *own = logits_at(m, g, io, op_take_rows(g, middles(g, x), places));
    tensor *rows = op_reshape(g, own, 3, (int64_t[]){n, points, classes});
    tensor *map = op_reshape(g, x, 3, (int64_t[]){n, length, classes});
    return op_reshape(g, op_put_rows(g, map, rows, places), 4, x->dim);
}

/* Where it learns, it has no map: see loss. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    const point_plan *p = &((const point_head *)m->state)->test;
    bool known = p->subdivision_steps >= 0 &&
                 (p->subdivision_steps == 0 ||
                  (p->subdivision_num_points > 0 && p->scale_factor.n > 0 && p->scale_factor.n <= 2));
    tensor *logits = io->prev;
    if (io->label || !fits(m, g, io))
        return (head_out){0};
    if (!planned(m, g, known, "subdivision_steps, subdivision_num_points and scale_factor in the test_cfg"))
        return (head_out){0};
    for (int64_t i = 0; i < p->subdivision_steps && logits; i++)
        logits = subdivided(m, g, io, logits);
    return (head_out){.logits = logits};
}

/* Points [N,num_points,2]: of random ones those where logits [N,h,w,K] are least certain, and new random ones. */
static tensor *draw_points(const point_plan *p, graph *g, tensor *logits)
{
    int64_t n = logits->dim[0], all = (int64_t)((double)p->num_points * p->oversample_ratio);
    int64_t chosen = (int64_t)(p->importance_sample_ratio * (double)p->num_points), rest = p->num_points - chosen;
    tensor *seen = op_uniform(g, 3, (int64_t[]){n, all, 2}), *points = NULL;
    if (chosen) /* mmcv's point_sample here, without the head's align_corners */
        points =
            op_take_rows(g, seen, uncertain(g, sample(g, op_detach(g, logits), seen, (points_attr){0}), all, chosen));
    if (!rest)
        return points;
    tensor *random = op_uniform(g, 3, (int64_t[]){n, rest, 2});
    return points ? op_concat(g, (tensor *[]){points, random}, 2, 1) : random;
}

/* The labels of the nearest pixels, i32 [N,1,P]: ignored ones stay ignored. */
static tensor *labels_at(module *m, graph *g, tensor *label, tensor *points)
{
    const int64_t *d = label->dim;
    tensor *map = op_reshape(g, op_cast(g, label, DT_F32), 4, (int64_t[]){d[0], d[1], d[2], 1});
    tensor *at = sample(g, map, points, (points_attr){.nearest = true, .align_corners = m->head->align_corners});
    return at ? op_cast(g, op_reshape(g, at, 3, at->dim), DT_I32) : NULL;
}

/* Of losses of one name the last one counts. */
static bool hidden(const decode_head *h, size_t i)
{
    for (size_t j = i + 1; j < h->losses.n; j++) {
        const module *a = h->losses.at[i], *b = h->losses.at[j];
        if (strcmp(loss_name(a), loss_name(b)) == 0)
            return true;
    }
    return false;
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    (void)out;
    point_head *h = m->state;
    const point_plan *p = &h->train;
    bool known = p->num_points > 0 && p->oversample_ratio >= 1 && p->importance_sample_ratio >= 0;
    if (!planned(
            m, g, known,
            "num_points (from 1), oversample_ratio (from 1) and importance_sample_ratio (0 to 1) in the train_cfg") ||
        !fits(m, g, io))
        return;
    tensor *points = draw_points(p, g, io->prev);
    loss_io at = {.x = logits_at(m, g, io, points),
                  .target = labels_at(m, g, io->label, points),
                  .ignore_index = m->head->ignore_index};
    for (size_t i = 0; i < h->base.losses.n && at.x && at.target; i++) {
        module *one = h->base.losses.at[i];
        if (!hidden(&h->base, i))
            model_add_loss(m->model, g, prefix, module_text(m, "point%s", loss_name(one)), loss_run(one, g, &at));
    }
    model_add_loss(m->model, g, prefix, "acc_point", op_accuracy(g, at.x, at.target, at.ignore_index));
}

const kind kind_point_head = {
    .family = FAMILY_HEAD,
    .name = "PointHead",
    .about = "Refines another head's logits at the points where they are least certain (PointRend, arXiv:1912.08193).",
    .fields = &table,
    .build = build,
    .as.head = {.takes_prev = true, .forward = forward, .loss = loss},
};
