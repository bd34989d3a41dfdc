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

/* A parameter group. Without paramwise_cfg there is one group; with it each parameter has its own, or each depth has
 * two, as in MMSegmentation. */
typedef struct optim_group {
    double lr, initial_lr;
    double momentum, initial_momentum; /* SGD's momentum, Adam's first beta */
    double weight_decay;
    int64_t first, n; /* range of entries */
    /* Of groups by depth: layer_3_no_decay, the depth, the factor of the rate, and whether weights decay. name NULL:
     * others. */
    const char *name;
    int64_t depth;
    double lr_scale;
    bool decays;
} optim_group;

typedef struct optim_entry {
    param *p;
    bool used; /* the graph computes its gradient; others are not updated, not even by weight decay */
    int group;
} optim_entry;

/* What may decide the factor of a parameter's weight decay: its module, its role, or its shape. */
typedef enum { DECAY_NORM, DECAY_BIAS, DECAY_DEPTHWISE, DECAY_FLAT, DECAY_RULES } decay_rule;

/* Which of the constructors goes by a parameter's depth in the backbone: the deeper, the higher its rate. */
typedef enum { DEPTH_NONE, DEPTH_DECAY, DEPTH_LAYER_DECAY } depth_rule;

/* How groups follow from paramwise_cfg. The constructors of MMEngine and MMCV differ in this. */
typedef struct group_rules {
    decay_rule order[DECAY_RULES]; /* order of precedence: the first that applies decides */
    int n_order;
    bool passes_ungiven;  /* a rule without a multiplier leaves the decision to the next one */
    bool keys_set_values; /* custom_keys may also set lr, momentum and weight_decay directly */
    bool frozen_too;      /* frozen parameters have groups too */
    bool tells_base;      /* if there are several groups, one more group holds the base rate */
    depth_rule depth;     /* not DEPTH_NONE: groups follow from the depth, and nothing above but tells_base counts */
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
    /* Groups that schedules change; with group_rules.tells_base one more, groups[n_groups], without parameters. */
    int n_paced;
    optim_entry *entries; /* in the order of named_parameters(); where groups go by depth, within each group */
    int64_t n_entries;
    float *first, *second, *largest; /* state, where and laid out as model->data; second, largest: Adam's */
    bool *started;                   /* by entry: it has state */
    int64_t *steps;                  /* by entry: Adam's step count */
    /* Arguments and results of the backend's functions in a step and in clipping. */
    sgd_part *sgd;
    adam_part *adam;
    vector_part *clipped;
    double *norms;
} optimizer;

/* Builds an optimizer in `mem`. `cfg` is the optimizer's dict; paramwise_cfg is passed separately, since dialects have
 * it in different places (NULL: none; rules may then be NULL too).
 * CSEG_CONFIG with file and line: unknown optimizer or key. */
cseg_status optimizer_build(const value *cfg, const value *paramwise_cfg, const group_rules *rules, model *m,
                            arena *mem, optimizer **out, cseg_error *err);
/* Scales the rates for auto_scale_lr; call it before the schedules are built. The group that only holds the base rate
 * is not scaled, as in MMEngine. */
void optimizer_scale_rates(optimizer *o, double by);
/* Updates the weights from the gradients at model->grad, times `scale` (1 / accumulated iterations). Each element is
 * computed in PyTorch's order of operations; the number of threads does not change the result. */
void optimizer_step(optimizer *o, double scale);

/* Clip the gradients of used parameters, as torch.nn.utils.clip_grad_norm_ and clip_grad_value_. clip_norm returns the
 * norm. */
double optimizer_clip_norm(optimizer *o, double max_norm, double norm_type);
void optimizer_clip_value(optimizer *o, double limit);

/* Returns torch's optimizer.state_dict(): state by index, and param_groups. */
pth_value *optimizer_state(const optimizer *o, pth_builder *b);
/* Loads a state dict. CSEG_SHAPE: other groups or parameters. CSEG_CORRUPT: rates or step counts are out of range or
 * missing. */
cseg_status optimizer_load(optimizer *o, pth *file, const pickle_node *state, cseg_error *err);

#endif
