/* Traces the forward functions of the families, each under its module's name. */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

tensor *layer_run(module *m, graph *g, tensor *x)
{
    graph_push_scope(g, m->name);
    tensor *y = m->forward(m, g, x);
    graph_pop_scope(g);
    return y;
}

features backbone_run(module *m, graph *g, tensor *x)
{
    graph_push_scope(g, m->name);
    features f = m->kind->as.backbone.forward(m, g, x);
    graph_pop_scope(g);
    f.from = m;
    return f;
}

features features_of_date(features x, int date)
{
    features one = {.n = x.n / 2, .dates = 1, .from = x.from};
    for (int i = 0; i < one.n; i++)
        one.at[i] = x.at[date * one.n + i];
    return one;
}

features neck_run(module *m, graph *g, features x)
{
    graph_push_scope(g, m->name);
    features y;
    if (x.dates == 2) {
        y = m->kind->as.neck.forward(m, g, features_of_date(x, 0));
        features second = m->kind->as.neck.forward(m, g, features_of_date(x, 1));
        for (int i = 0; i < second.n && y.n + i < FEATURES_MAX; i++)
            y.at[y.n + i] = second.at[i];
        y.n += second.n;
        y.dates = 2;
    } else {
        y = m->kind->as.neck.forward(m, g, x);
    }
    graph_pop_scope(g);
    y.from = m;
    return y;
}

tensor *head_run(module *m, graph *g, features x)
{
    graph_push_scope(g, m->name);
    tensor *y = m->kind->as.head.forward(m, g, x);
    graph_pop_scope(g);
    return y;
}

tensor *loss_run(module *m, graph *g, tensor *logits, loss_inputs in, int64_t ignore_index)
{
    graph_push_scope(g, m->name);
    tensor *y = m->kind->as.loss.forward(m, g, logits, in, ignore_index);
    graph_pop_scope(g);
    return y;
}

static tensor *find_input(graph *g, const char *name)
{
    for (size_t i = 0; i < g->inputs.n; i++)
        if (strcmp(g->inputs.at[i]->name, name) == 0)
            return g->inputs.at[i];
    return NULL;
}

static tensor *map_input(model *m, graph *g, const char *name, dtype type)
{
    tensor *t = find_input(g, name);
    return t ? t : graph_input(g, name, type, 3, (int64_t[]){m->trace.n, m->trace.h, m->trace.w});
}

tensor *model_label_input(model *m, graph *g, const char *key)
{
    return map_input(m, g, key, DT_I32);
}

tensor *model_weight_input(model *m, graph *g, const char *key)
{
    char name[256];
    for (size_t i = 0; i < m->labels.n && i < MODEL_WEIGHTED_MAX; i++)
        if (m->weighted >> i & 1 && strcmp(m->labels.at[i].key, key) == 0) {
            snprintf(name, sizeof name, "weightmaps.%s", key);
            return map_input(m, g, name, DT_F32);
        }
    return m->trace.weight_map ? map_input(m, g, "seg_weight_map", DT_F32) : NULL;
}

void model_add_loss(model *m, graph *g, const char *prefix, const char *name, tensor *loss)
{
    char full[256];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    if (!loss)
        return;
    const char *copy = arena_strdup(g->mem, full);
    if (!copy) {
        graph_fail(g, CSEG_NO_MEMORY, "out of memory");
        return;
    }
    graph_add_output(g, copy, loss);
    if (strstr(full, "loss"))
        m->trace.loss = m->trace.loss ? op_add(g, m->trace.loss, loss) : loss;
}
