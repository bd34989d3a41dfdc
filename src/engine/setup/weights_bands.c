#include "engine/setup/weights_bands.h"

#include <string.h>

#include "graph/graph.h"
#include "graph/memory.h"

/* The weight of a convolution, also where something is computed of it first (ConvWS). */
static param *weight_of(const tensor *t, int depth)
{
    if (t && t->role == TENSOR_PARAM)
        return t->param->rank == 4 ? t->param : NULL;
    param *found = NULL;
    for (int i = 0; t && t->from && depth > 0 && !found && i < t->from->n_in; i++)
        found = weight_of(t->from->in[i], depth - 1);
    return found;
}

static void mark(const model *m, const param *p, bool *reads)
{
    for (size_t k = 0; k < m->params.n; k++)
        reads[k] |= m->params.at[k] == p;
}

/* What is computed of the image alone (slices, resizes, sums of dates) counts as the image; a convolution is where it
 * ends. */
static void follow(const model *m, const graph *g, bool *is_image, bool *reads)
{
    enum { STEPS = 16 };
    for (size_t i = 0; i < g->inputs.n; i++)
        is_image[g->inputs.at[i]->id] = true;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const node *n = g->nodes.at[i];
        bool image = false, others = false;
        for (int k = 0; k < n->n_in; k++) {
            const tensor *t = n->in[k];
            image |= t && is_image[t->id];
            others |= t && !is_image[t->id] && t->role != TENSOR_CONST;
        }
        if (!image)
            continue;
        if (n->op == OP_conv2d && n->in[0] && is_image[n->in[0]->id]) {
            param *p = weight_of(n->in[1], STEPS);
            if (p)
                mark(m, p, reads);
        } else if (!others) {
            for (int k = 0; k < n->n_out; k++)
                is_image[n->out[k]->id] = true;
        }
    }
}

static cseg_status trace_and_follow(model *m, int64_t size, bool *reads, bool *traced, cseg_error *err)
{
    tensor *logits;
    cseg_error ignored = {0};
    graph *g = graph_new(false);
    if (!g)
        return fail_memory(err);
    cseg_status status = model_trace_logits(m, g, 1, size, size, -1, &logits, &ignored);
    *traced = status == CSEG_OK;
    if (*traced) {
        bool *is_image = mem_alloc(g->tensors.n + 1);
        if (is_image)
            follow(m, g, is_image, reads);
        status = is_image ? CSEG_OK : fail_memory(err);
        mem_free(is_image);
    } else if (status == CSEG_NO_MEMORY) {
        status = fail_memory(err);
    } else {
        status = CSEG_OK;
    }
    graph_free(g);
    return status;
}

cseg_status weights_find_image(model *m, bool *reads, cseg_error *err)
{
    /* Any size does on which the model can be traced; some take one alone. */
    enum { FIRST = 128, STEP = 32, LAST = 1024 };
    bool traced = false;
    memset(reads, 0, m->params.n * sizeof *reads);
    TRY(trace_and_follow(m, FIRST, reads, &traced, err));
    for (int64_t size = STEP; size <= LAST && !traced; size += STEP)
        TRY(trace_and_follow(m, size, reads, &traced, err));
    return CSEG_OK;
}

bool weights_other_bands(const model *m, const pth_tensor *t, const param *p)
{
    bool ours = p->rank == 4 && (p->dim[1] == m->in_channels || p->dim[1] * m->dates == m->in_channels);
    return ours && p->type == DT_F32 && t->ndim == 4 && t->shape[0] == p->dim[0] && t->shape[1] != p->dim[1] &&
           t->shape[1] > 0 && t->shape[2] == p->dim[2] && t->shape[3] == p->dim[3];
}

static cseg_status adapt(const model *m, const float *from, const pth_tensor *t, param *p, const weight_bands *how,
                         cseg_error *err)
{
    backend *home = model_home(m, p);
    size_t bytes = (size_t)p->count * sizeof(float);
    float *room = memory_open(home, p->data, bytes);
    if (!room)
        return fail_memory(err);
    cseg_status status =
        weight_bands_apply(how, from, p->dim[0], t->shape[1], p->dim[2] * p->dim[3], p->dim[1], room, err);
    memory_close(home, p->data, room, bytes);
    return status;
}

cseg_status weights_adapt(const model *m, pth *file, const pth_tensor *t, param *p, const weight_bands *how,
                          cseg_error *err)
{
    float *from = mem_alloc_raw((size_t)t->count * sizeof *from);
    if (!from)
        return fail_memory(err);
    cseg_status status = pth_tensor_f32(file, t, from, err);
    if (status == CSEG_OK && adapt(m, from, t, p, how, err) != CSEG_OK)
        status = fail_within(err, "%s: %s: ", pth_path(file), t->name);
    mem_free(from);
    return status;
}
