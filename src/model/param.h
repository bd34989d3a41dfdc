/* Says how a parameter is initialised: what the model knows of it beyond what graphs need.
 *
 *     model_param one = {.start = {INIT_NORMAL, 0, 0.01f, false}};
 *     param_start_of(&one.p)->b = 0.02f;
 */
#ifndef MODEL_PARAM_H
#define MODEL_PARAM_H

#include "graph/tensor.h"

typedef enum {
    INIT_ZERO,
    INIT_CONSTANT,        /* a */
    INIT_UNIFORM,         /* [a, b) */
    INIT_NORMAL,          /* mean a, std b */
    INIT_TRUNC_NORMAL,    /* mean 0, std a, truncated to [-2, 2] (absolute, as torch's trunc_normal_ by default) */
    INIT_KAIMING_NORMAL,  /* a: negative slope; fan_out */
    INIT_KAIMING_UNIFORM, /* a: negative slope (sqrt(5) is PyTorch's default for convolutions and linear layers) */
    INIT_XAVIER_UNIFORM,  /* gain a */
    INIT_XAVIER_NORMAL,
    INIT_NORMAL_UNIT, /* mean a, std b, then normalised to length 1 along axis 1 */
    INIT_UNIFORM_UNIT /* [a, b), the same */
} init_rule;

typedef struct param_start {
    init_rule rule;
    float a, b;
    bool fan_out; /* kaiming: fan_out instead of fan_in */
} param_start;

/* module_param and module_buffer make each parameter as the first member of one of these. */
typedef struct model_param {
    param p;
    param_start start;
    const float *values; /* NULL, or all that it starts with, whatever `start` says; see init_values */
    param *twin_of;      /* NULL, or whose second name in the state dict this is; see module_twin */
    /* NULL, or what a DT_I64 entry holds for ever: kernels compute it (relative_position_index). See module_constant.
     */
    const int64_t *constant;
    bool late; /* the reference makes it in its first forward pass: its fresh models do not have it */
} model_param;

static inline param_start *param_start_of(const param *p)
{
    return &((model_param *)(uintptr_t)p)->start;
}

static inline param *param_twin_of(const param *p)
{
    return ((model_param *)(uintptr_t)p)->twin_of;
}

static inline const int64_t *param_constant(const param *p)
{
    const param *of = param_twin_of(p);
    return ((model_param *)(uintptr_t)(of ? of : p))->constant;
}

static inline bool param_is_late(const param *p)
{
    return ((model_param *)(uintptr_t)p)->late;
}

static inline void param_set_late(param *p)
{
    ((model_param *)p)->late = true;
}

#endif
