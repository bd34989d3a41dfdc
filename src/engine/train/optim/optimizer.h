/* Optimizers over a model's flat buffers, with parameter groups as MMSegmentation's optimizer constructor makes them.
 *
 *     optimizer *sgd;
 *     group_rules rules = {0};
 *     TRY(optimizer_build(cfg, NULL, &rules, m, mem, &sgd, err));
 *     optimizer_clip_norm(sgd, 35, 2);
 *     optimizer_step(sgd, 1);
 */
#ifndef ENGINE_TRAIN_OPTIM_OPTIMIZER_H
#define ENGINE_TRAIN_OPTIM_OPTIMIZER_H

#include "graph/backend.h"
#include "io/torch/pth.h"
#include "model/model.h"

typedef enum { OPTIM_SGD, OPTIM_ADAM, OPTIM_ADAMW } optim_rule;

/* A parameter group. Without paramwise_cfg there is one; with it each parameter has its own, as in the reference. */
typedef struct optim_group {
    double lr, initial_lr;
    double momentum, initial_momentum; /* SGD's momentum, Adam's first beta */
    double weight_decay;
    int64_t first, n; /* entries */
} optim_group;

typedef struct optim_entry {
    param *p;
    bool used; /* the graph gives it a gradient; the others are left alone, weight decay included */
    int group;
} optim_entry;

/* What decides by how much a parameter's weight decay is multiplied: of what it is, or how it lies. */
typedef enum { DECAY_NORM, DECAY_BIAS, DECAY_DEPTHWISE, DECAY_FLAT, DECAY_RULES } decay_rule;

/* How groups follow from paramwise_cfg: the reference's constructors differ. */
typedef struct group_rules {
    decay_rule order[DECAY_RULES]; /* the first one that applies decides */
    int n_order;
    bool passes_ungiven;  /* but one whose multiplier is not given leaves it to the next */
    bool keys_set_values; /* custom_keys may also set lr, momentum and weight_decay themselves */
    bool frozen_too;      /* frozen parameters have groups */
    bool tells_base;      /* with groups of their own for parameters, one more tells what the base rate has become */
} group_rules;
extern const group_rules group_rules_mmcv, group_rules_mmengine;

typedef struct optimizer {
    model *model;
    const char *type; /* SGD, Adam, AdamW */
    optim_rule rule;
    bool nesterov, amsgrad;
    double dampening, beta2, eps;
    bool per_parameter; /* groups by paramwise_cfg */
    optim_group *groups;
    int n_groups;
    int n_paced;          /* groups that schedules move: with group_rules.tells_base one more, groups[n_groups],
                             without parameters */
    optim_entry *entries; /* in the order of named_parameters() */
    int64_t n_entries;
    float *first, *second, *largest; /* state, where model->data is and laid out as it; second and largest: Adam's */
    bool *started;                   /* by entry: has state */
    int64_t *steps;                  /* by entry: Adam's step */
    /* Room for what a step and clipping hand to the backend, and get from it. */
    sgd_part *sgd;
    adam_part *adam;
    vector_part *clipped;
    double *norms;
} optimizer;

/* `cfg` is the optimizer's dict, paramwise_cfg its own, wherever that stood (NULL: there is none, nor need there be
 * rules). Owned by `mem`.
 * CSEG_CONFIG with file and line: unknown optimizer or key. */
cseg_status optimizer_build(const value *cfg, const value *paramwise_cfg, const group_rules *rules, model *m,
                            arena *mem, optimizer **out, cseg_error *err);
/* auto_scale_lr: before the schedules are built. What only tells the base rate stays, as in mmengine. */
void optimizer_scale_rates(optimizer *o, double by);
/* Takes the gradients at model->grad, times `scale` (1 / accumulated steps). Element by element in PyTorch's order of
 * operations; the number of threads does not change the result. */
void optimizer_step(optimizer *o, double scale);

/* Clips gradients of used parameters, as torch.nn.utils.clip_grad_norm_ and clip_grad_value_ do. Returns the norm. */
double optimizer_clip_norm(optimizer *o, double max_norm, double norm_type);
void optimizer_clip_value(optimizer *o, double limit);

/* torch's optimizer.state_dict(): state by index, param_groups. */
pth_value *optimizer_state(const optimizer *o, pth_builder *b);
/* CSEG_SHAPE: groups or parameters that do not fit. CSEG_CORRUPT: rates or step counts out of range, or missing. */
cseg_status optimizer_load(optimizer *o, pth *file, const pickle_node *state, cseg_error *err);

#endif
