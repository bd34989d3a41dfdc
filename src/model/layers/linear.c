/* torch.nn.Linear. */
#include <math.h>

#include "model/layers/layers.h"

typedef struct linear_state {
    param *weight, *bias;
} linear_state;

static tensor *forward(module *m, graph *g, tensor *x)
{
    linear_state *s = m->state;
    int64_t in = s->weight->dim[1];
    if (x && x->dim[x->rank - 1] != in)
        return graph_fail(g, CSEG_SHAPE, "the linear layer %s takes %lld channels, but gets %lld", m->name,
                          (long long)in, (long long)x->dim[x->rank - 1]);
    return op_linear(g, x, graph_param(g, s->weight), s->bias ? graph_param(g, s->bias) : NULL);
}

module *linear_new(module *parent, const char *name, int64_t in, int64_t out, bool bias)
{
    module *m = module_new(parent, name);
    linear_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "Linear";
    m->state = s;
    m->forward = forward;
    s->weight = module_param(m, "weight", 2, (int64_t[]){out, in}, INIT_KAIMING_UNIFORM, sqrtf(5), 0);
    if (s->weight && bias) {
        float bound = 1 / sqrtf((float)in);
        s->bias = module_param(m, "bias", 1, &out, INIT_UNIFORM, -bound, bound);
    }
    return model_failed(m->model) ? NULL : m;
}
