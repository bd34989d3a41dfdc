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

void backbone_run_pair(module *m, graph *g, tensor *x, features date[2])
{
    tensor *img[2];
    graph_push_scope(g, m->name);
    if (m->kind->as.backbone.forward_pair) {
        m->kind->as.backbone.forward_pair(m, g, x, date);
    } else {
        op_split(g, x, 3, 2, NULL, img);
        for (int i = 0; i < 2; i++)
            date[i] = m->kind->as.backbone.forward(m, g, img[i]);
    }
    graph_pop_scope(g);
    date[0].from = date[1].from = m;
}

features backbone_run_both(module *m, graph *g, tensor *first, tensor *second)
{
    graph_push_scope(g, m->name);
    features f = m->kind->as.backbone.forward_both(m, g, first, second);
    graph_pop_scope(g);
    f.from = m;
    return f;
}

/* Class tokens that nobody reads must be a mistake; the reference stops there too. */
static bool tokens_fit(const module *m, graph *g, features x, bool taken)
{
    char place[512];
    if (!x.cls || taken)
        return true;
    graph_fail(
        g, CSEG_SHAPE,
        "%s%s (%s) takes maps alone, but %s (%s) gives class tokens beside them; set output_cls_token=False there",
        value_place(m->cfg, place), m->name, m->kind->name, x.from ? x.from->name : "the backbone",
        x.from ? x.from->class_name : "");
    return false;
}

features neck_run(module *m, graph *g, features x)
{
    graph_push_scope(g, m->name);
    features y = {0};
    if (tokens_fit(m, g, x, false))
        y = m->kind->as.neck.forward(m, g, x);
    graph_pop_scope(g);
    y.from = m;
    return y;
}

features neck_fuse(module *m, graph *g, features first, features second)
{
    graph_push_scope(g, m->name);
    features y = {0};
    if (tokens_fit(m, g, first, false))
        y = m->kind->as.neck.fuse(m, g, first, second);
    graph_pop_scope(g);
    y.from = m;
    return y;
}

head_out head_run(module *m, graph *g, const head_io *io)
{
    graph_push_scope(g, m->name);
    head_out y = {0};
    if (tokens_fit(m, g, io->x, m->kind->as.head.takes_class_tokens))
        y = m->kind->as.head.forward(m, g, io);
    graph_pop_scope(g);
    return y;
}

tensor *head_run_features(module *m, graph *g, const head_io *io)
{
    graph_push_scope(g, m->name);
    tensor *y = m->kind->as.head.features(m, g, io);
    graph_pop_scope(g);
    return y;
}

static tensor *loss_refused(module *m, graph *g, const char *what)
{
    char place[512];
    return graph_fail(g, CSEG_UNSUPPORTED, "%s%s gives no %s", value_place(m->cfg, place), m->kind->name, what);
}

tensor *loss_run(module *m, graph *g, const loss_io *io)
{
    unsigned can = m->kind->as.loss.can;
    tensor *y = NULL;
    graph_push_scope(g, m->name);
    if (io->per_pixel && !(can & LOSS_PER_PIXEL))
        loss_refused(m, g, "loss for each pixel, which a sampler of pixels needs");
    else if (io->x2 && !(can & LOSS_TWO_INPUTS))
        loss_refused(m, g, "loss of two inputs");
    else if (io->target && io->target->type == DT_F32 && !(can & LOSS_FLOAT_TARGET))
        loss_refused(m, g, "loss on a target of numbers; it takes a label map");
    else if ((io->avg_factor && !(can & LOSS_AVG_FACTOR)) || (io->rows && !(can & LOSS_MASKS)))
        loss_refused(m, g, "loss that is divided by a number of the head's, as losses of masks are");
    else
        y = m->kind->as.loss.forward(m, g, io);
    graph_pop_scope(g);
    return y;
}

tensor *sampler_run(module *m, graph *g, const loss_io *io)
{
    graph_push_scope(g, m->name);
    tensor *y = m->kind->as.sampler.weight(m, g, io);
    graph_pop_scope(g);
    return y;
}

features pixel_decoder_run(module *m, graph *g, features x)
{
    graph_push_scope(g, m->name);
    features y = m->kind->as.pixel_decoder.forward(m, g, x);
    graph_pop_scope(g);
    y.from = m;
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
        if (m->trace.options.weighted >> i & 1 && strcmp(m->labels.at[i].key, key) == 0) {
            snprintf(name, sizeof name, "weightmaps.%s", key);
            return map_input(m, g, name, DT_F32);
        }
    return m->trace.options.weight_map ? map_input(m, g, "seg_weight_map", DT_F32) : NULL;
}

void model_add_loss(model *m, graph *g, const char *prefix, const char *name, tensor *loss)
{
    char full[256];
    const char *suffix = m->trace.loss_suffix;
    snprintf(full, sizeof full, "%s.%s%s", prefix, name, suffix ? suffix : "");
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
