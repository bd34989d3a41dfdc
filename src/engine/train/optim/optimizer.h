/* Optimizers over a model's flat buffers, with parameter groups as the reference's constructor makes them. */
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

typedef struct optimizer {
    model *model;
    const char *type; /* SGD, Adam, AdamW */
    optim_rule rule;
    bool nesterov, amsgrad;
    double dampening, beta2, eps;
    bool per_parameter; /* groups by paramwise_cfg */
    optim_group *groups;
    int n_groups;
    int n_paced;          /* groups that schedules move: with groups of their own for parameters, 1.x has one more,
                             groups[n_groups]          without parameters, which only tells what the base rate has become */
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

/* `cfg` is the optimizer's dict. paramwise_cfg stands beside it in 1.x, and in it in 0.x, where `paramwise` is NULL:
 * the groups then follow mmcv's rules instead of mmengine's. Owned by `mem`.
 * CSEG_CONFIG with file and line: unknown optimizer or key. */
cseg_status optimizer_build(const value *cfg, const value *paramwise, model *m, arena *mem, optimizer **out,
                            cseg_error *err);
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
