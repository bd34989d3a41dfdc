#include "model/heads/mask_match.h"

#include <float.h>
#include <string.h>

typedef struct cost_config {
    double weight, alpha, gamma, eps;
    bool binary_input, pred_act, naive_dice, use_sigmoid;
} cost_config;

typedef tensor *cost_of(const cost_config *c, graph *g, const match_io *io);

static const field class_fields[] = {FIELD(cost_config, F_FLOAT, weight, "1", "multiplies the cost")};
static const field focal_fields[] = {
    FIELD(cost_config, F_FLOAT, weight, "1.", "multiplies the cost"),
    FIELD(cost_config, F_FLOAT, alpha, "0.25", "share of the mask against what is outside"),
    FIELD_RANGE(cost_config, F_FLOAT, gamma, "2", 0, 64, "power of the probability that the right answer lacks"),
    FIELD_RANGE(cost_config, F_FLOAT, eps, "1e-12", 0, 1, "added to what a logarithm is taken of"),
    FIELD(cost_config, F_BOOL, binary_input, "False", "compares masks, not classes"),
};
static const field dice_fields[] = {
    FIELD(cost_config, F_FLOAT, weight, "1.", "multiplies the cost"),
    FIELD(cost_config, F_BOOL, pred_act, "False", "takes the sigmoid of masks"),
    FIELD_RANGE(cost_config, F_FLOAT, eps, "1e-3", 0, 1e6, "added to numerator and denominator"),
    FIELD(cost_config, F_BOOL, naive_dice, "True", "sums in the denominator are of values, not of squares"),
};
static const field entropy_fields[] = {
    FIELD(cost_config, F_FLOAT, weight, "1.", "multiplies the cost"),
    FIELD(cost_config, F_BOOL, use_sigmoid, "True", "must be True: the reference has no other form"),
};

typedef struct assigner_config {
    const value *match_costs;
} assigner_config;
static const field assigner_fields[] = {
    FIELD(assigner_config, F_VALUE, match_costs, NULL, "a cost or a list of costs, which are added up"),
};
static const field_table assigner_table = FIELD_TABLE(assigner_fields, assigner_config);

static tensor *power(graph *g, tensor *x, double exponent)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_POW, .alpha = (float)exponent});
}

static tensor *logarithm(graph *g, tensor *x, double eps)
{
    return op_unary(g, op_scale(g, x, 1, (float)eps), (unary_attr){.kind = UNARY_LOG});
}

/* The scores of the classes themselves. */
static tensor *of_classes(graph *g, tensor *scores, const match_io *io)
{
    return scores ? op_slice(g, scores, 2, 0, io->present->dim[1]) : NULL;
}

static tensor *over_pixels(graph *g, tensor *x)
{
    return op_reduce_sum(g, x, 1u << 2, true);
}

static tensor *class_cost(const cost_config *c, graph *g, const match_io *io)
{
    (void)c;
    return op_scale(g, of_classes(g, op_softmax(g, io->scores), io), -1, 0);
}

/* What it costs to say yes, less what it costs to say no; *no may be NULL. */
static tensor *focal_terms(const cost_config *c, graph *g, tensor *x, tensor **no)
{
    tensor *p = op_sigmoid(g, x), *q = op_scale(g, p, -1, 1);
    tensor *neg = op_scale(g, op_mul(g, logarithm(g, q, c->eps), power(g, p, c->gamma)), (float)(c->alpha - 1), 0);
    tensor *pos = op_scale(g, op_mul(g, logarithm(g, p, c->eps), power(g, q, c->gamma)), (float)-c->alpha, 0);
    if (no)
        *no = neg;
    return op_sub(g, pos, neg);
}

static tensor *focal_cost(const cost_config *c, graph *g, const match_io *io)
{
    tensor *no;
    if (!c->binary_input)
        return focal_terms(c, g, of_classes(g, io->scores, io), NULL);
    tensor *more = focal_terms(c, g, io->masks, &no);
    tensor *sum = op_add(g, op_matmul(g, more, io->targets, false, false), over_pixels(g, no));
    return op_scale(g, sum, 1 / (float)io->masks->dim[2], 0);
}

static tensor *dice_cost(const cost_config *c, graph *g, const match_io *io)
{
    const unary_attr square = {.kind = UNARY_SQUARE};
    tensor *p = c->pred_act ? op_sigmoid(g, io->masks) : io->masks, *y = io->targets;
    tensor *both = op_scale(g, op_matmul(g, p, y, false, false), 2, (float)c->eps);
    tensor *own = over_pixels(g, c->naive_dice ? p : op_unary(g, p, square));
    tensor *theirs = op_reduce_sum(g, c->naive_dice ? y : op_unary(g, y, square), 1u << 1, true);
    tensor *sum = op_scale(g, op_add(g, own, theirs), 1, (float)c->eps);
    return op_scale(g, op_binary(g, both, sum, BINARY_DIV), -1, 1);
}

/* log(1 + e^-x) - log(1 + e^x) is -x. */
static tensor *entropy_cost(const cost_config *c, graph *g, const match_io *io)
{
    (void)c;
    tensor *no = op_sigmoid_cross_entropy(g, io->masks, op_fill(g, 3, io->masks->dim, 0), NULL);
    tensor *sum = op_sub(g, over_pixels(g, no), op_matmul(g, io->masks, io->targets, false, false));
    return op_scale(g, sum, 1 / (float)io->masks->dim[2], 0);
}

typedef struct cost_type {
    const char *name;
    unsigned scopes;
    cost_of *cost;
    field_table table;
} cost_type;

static const cost_type types[] = {
    {"ClassificationCost", SCOPE_MMSEG | SCOPE_MMDET, class_cost, FIELD_TABLE(class_fields, cost_config)},
    {"FocalLossCost", SCOPE_MMDET, focal_cost, FIELD_TABLE(focal_fields, cost_config)},
    {"DiceCost", SCOPE_MMSEG | SCOPE_MMDET, dice_cost, FIELD_TABLE(dice_fields, cost_config)},
    {"CrossEntropyLossCost", SCOPE_MMSEG | SCOPE_MMDET, entropy_cost, FIELD_TABLE(entropy_fields, cost_config)},
};

typedef struct match_cost {
    const cost_type *type;
    cost_config c;
} match_cost;

struct mask_matcher {
    size_t n;
    match_cost *at;
};

static const char *name_behind_scope(const value *cfg)
{
    const char *type = value_text(value_get(cfg, "type")), *dot = type ? strrchr(type, '.') : NULL;
    return dot ? dot + 1 : type ? type : "";
}

/* Types without a scope are mmseg's, also within mmdet's classes. */
static bool is_in(const value *cfg, unsigned scopes)
{
    type_scope in = scope_of(cfg);
    return (in == SCOPE_UNSAID ? (unsigned)SCOPE_MMSEG : (unsigned)in) & scopes;
}

static bool read_cost(module *m, const value *cfg, match_cost *out)
{
    char full[160];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name_behind_scope(cfg)) != 0 || !is_in(cfg, types[i].scopes))
            continue;
        out->type = &types[i];
        if (fields_parse(&types[i].table, types[i].name, cfg, NULL, m->model->mem, &out->c, &m->model->error) !=
            CSEG_OK)
            return false;
        if (types[i].cost == entropy_cost && !out->c.use_sigmoid)
            model_fail(m->model, CSEG_UNSUPPORTED, value_blame(cfg, "use_sigmoid"),
                       "%s: CrossEntropyLossCost has a sigmoid only; set use_sigmoid=True", m->name);
        return !model_failed(m->model);
    }
    model_fail(m->model, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
               "%s: a match cost of type %s is not supported; of mmdet there are ClassificationCost, FocalLossCost, "
               "DiceCost and CrossEntropyLossCost, of mmseg all but FocalLossCost",
               m->name, scope_full_name(cfg, full));
    return false;
}

/* Refuses any other type than `name` of one scope. */
static bool check_type(module *m, const value *cfg, const char *key, const char *name, type_scope scope)
{
    char full[160];
    if (cfg && cfg->kind == V_DICT && strcmp(name, name_behind_scope(cfg)) == 0 && is_in(cfg, (unsigned)scope))
        return true;
    model_fail(m->model, CSEG_CONFIG, cfg ? value_blame(cfg, "type") : m->cfg,
               "%s: train_cfg.%s is dict(type='%s%s', ...), not %s", m->name, key, scope == SCOPE_MMDET ? "mmdet." : "",
               name, cfg && cfg->kind == V_DICT ? scope_full_name(cfg, full) : value_kind_name(cfg));
    return false;
}

const mask_matcher *mask_matcher_new(module *m, const value *cfg, type_scope scope)
{
    assigner_config c = {0};
    mask_matcher *to = module_state(m, sizeof *to);
    if (!to || !check_type(m, cfg, "assigner", "HungarianAssigner", scope) ||
        fields_parse(&assigner_table, "HungarianAssigner", cfg, NULL, m->model->mem, &c, &m->model->error) != CSEG_OK)
        return NULL;
    const value *costs = c.match_costs;
    to->n = value_is_list(costs) ? value_count(costs) : 1;
    if (!to->n)
        model_fail(m->model, CSEG_CONFIG, costs, "%s: match_costs may not be empty", m->name);
    to->at = module_state(m, to->n * sizeof *to->at);
    for (size_t i = 0; to->at && i < to->n; i++)
        if (!read_cost(m, value_is_list(costs) ? value_item(costs, i) : costs, &to->at[i]))
            return NULL;
    return model_failed(m->model) ? NULL : to;
}

void mask_sampler_check(module *m, const value *cfg)
{
    check_type(m, cfg, "sampler", "MaskPseudoSampler", SCOPE_MMDET);
}

static tensor *total_cost(const mask_matcher *m, graph *g, const match_io *io)
{
    tensor *sum = NULL;
    for (size_t i = 0; i < m->n; i++) {
        const match_cost *c = &m->at[i];
        tensor *one = op_scale(g, c->type->cost(&c->c, g, io), (float)c->c.weight, 0);
        sum = sum ? op_add(g, sum, one) : one;
    }
    return sum;
}

mask_pairs mask_match(const mask_matcher *m, graph *g, const match_io *io)
{
    tensor *out[3];
    match_io in = {op_detach(g, io->scores), op_detach(g, io->masks), io->targets, io->present};
    if (!in.scores || !in.masks || !in.targets || !in.present)
        return (mask_pairs){0};
    op_hungarian(g, total_cost(m, g, &in), in.present, out);
    tensor *real = op_compare_to(g, out[2], COMPARE_LT, (double)in.present->dim[1]);
    mask_pairs p = {.classes = out[0], .query = out[1], .class_of = out[2], .weight = op_cast(g, real, DT_F32)};
    tensor *of_image = op_reduce_sum(g, p.weight, 1u << 1, false);
    of_image = op_unary(g, of_image, (unary_attr){.kind = UNARY_CLAMP, .alpha = 1, .beta = FLT_MAX});
    p.avg_factor = op_reduce_sum(g, of_image, 1u << 0, false);
    return p;
}

/* Counted with one more class: op_presence takes one class alone for present everywhere. */
tensor *mask_present(graph *g, tensor *label, int64_t classes, int64_t ignore_index)
{
    tensor *all = op_slice(g, op_presence(g, label, classes + 1), 1, 0, classes);
    if (ignore_index < 0 || ignore_index >= classes)
        return all;
    float *counts = ARENA_ARRAY(g->mem, classes, float);
    if (!counts)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t k = 0; k < classes; k++)
        counts[k] = (float)(k != ignore_index);
    return op_mul(g, all, graph_const(g, DT_F32, 2, (int64_t[]){1, classes}, counts));
}

tensor *mask_label_resized(graph *g, tensor *label, int64_t h, int64_t w)
{
    if (!label || (label->dim[1] == h && label->dim[2] == w))
        return label;
    int64_t n = label->dim[0];
    tensor *map = op_reshape(g, op_cast(g, label, DT_F32), 4, (int64_t[]){n, label->dim[1], label->dim[2], 1});
    map = op_resize(g, map, (resize_attr){.h = h, .w = w, .nearest = true});
    return op_cast(g, op_reshape(g, map, 3, (int64_t[]){n, h, w}), DT_I32);
}

/* A constant [rows,columns] of what `of` says; `length` is the number of rows of an image. */
static tensor *grid(graph *g, int64_t rows, int64_t columns, float (*of)(int64_t row, int64_t column, int64_t length),
                    int64_t length)
{
    float *at = arena_array(g->mem, (size_t)(rows * columns), sizeof *at);
    if (!at)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < rows * columns; i++)
        at[i] = of(i / columns, i % columns, length);
    return graph_const(g, DT_F32, 2, (int64_t[]){rows, columns}, at);
}

static float earlier(int64_t row, int64_t column, int64_t length)
{
    (void)length;
    return column < row ? 1 : 0;
}

static float place(int64_t row, int64_t column, int64_t length)
{
    return (float)(row * length + column);
}

/* Row i of an image with `own` pairs, behind images with `before` pairs, is at before + i if it is a pair; else behind
 * all pairs, where the rows of earlier images that are none stand first. */
tensor *mask_row_order(graph *g, const mask_pairs *p)
{
    if (!p->weight)
        return NULL;
    int64_t n = p->weight->dim[0], rows = p->weight->dim[1];
    tensor *own = op_reduce_sum(g, p->weight, 1u << 1, true); /* [N,1] */
    tensor *before = op_matmul(g, grid(g, n, n, earlier, rows), own, false, false);
    tensor *all = op_reduce_sum(g, own, 1u << 0, true); /* [1,1] */
    tensor *at = op_broadcast(g, grid(g, 1, rows, place, rows), (int64_t[]){n, rows});
    tensor *pair = op_add(g, at, before);
    tensor *first = op_sub(g, op_sub(g, grid(g, n, 1, place, rows), before), own); /* of those before this image's */
    tensor *none = op_add(g, op_add(g, at, all), first);
    return op_cast(g, op_where(g, op_cast(g, p->weight, DT_U8), pair, none), DT_I32);
}
