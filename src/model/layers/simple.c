/* Layers without parameters, and sequences. */
#include "model/layers/layers.h"

static tensor *run_children(module *m, graph *g, tensor *x)
{
    for (size_t i = 0; i < m->children.n; i++)
        x = layer_run(m->children.at[i], g, x);
    return x;
}

module *sequential_new(module *parent, const char *name)
{
    module *m = module_new(parent, name);
    if (m) {
        m->class_name = "Sequential";
        m->forward = run_children;
    }
    return m;
}

tensor *branches_run(module *list, graph *g, tensor *first, tensor *x)
{
    features all = features_new(g, 0);
    features_add(g, &all, first);
    for (size_t i = 0; i < list->children.n; i++)
        features_add(g, &all, layer_run(list->children.at[i], g, x));
    return op_concat(g, all.at, all.n, -1);
}

static tensor *run_avg_pool(module *m, graph *g, tensor *x)
{
    return op_avg_pool(g, x, *(const pool_attr *)m->state);
}

module *avg_pool_new(module *parent, const char *name, pool_attr a)
{
    module *m = module_new(parent, name);
    pool_attr *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    *s = a;
    m->class_name = "AvgPool2d";
    m->state = s;
    m->forward = run_avg_pool;
    return m;
}

typedef struct upsample_state {
    double scale;
    resize_attr how;
} upsample_state;

/* mmseg's Upsample computes the size itself, so source positions follow from the sizes. */
static tensor *run_upsample(module *m, graph *g, tensor *x)
{
    const upsample_state *s = m->state;
    if (!x)
        return NULL;
    resize_attr a = s->how;
    a.h = (int64_t)((double)x->dim[1] * s->scale);
    a.w = (int64_t)((double)x->dim[2] * s->scale);
    return op_resize(g, x, a);
}

module *upsample_new(module *parent, const char *name, double scale, const char *mode, bool align_corners)
{
    module *m = module_new(parent, name);
    upsample_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    *s = (upsample_state){scale, resize_by(mode, align_corners)};
    m->class_name = "Upsample";
    m->state = s;
    m->forward = run_upsample;
    return m;
}
