/* Copies inputs, constants and outputs between the host and memory that is not the host's. Inputs are sent at each run,
 * so callers may write to plan_input's memory, or to memory that they have bound, as if the plan read it. */
#include "base/error.h"
#include "graph/plan_internal.h"

static cseg_status add(const plan *p, const tensor *t, cseg_error *err)
{
    if (!p->staged[t->id] && !(p->staged[t->id] = mem_alloc(tensor_bytes(t))))
        return fail_memory(err);
    return CSEG_OK;
}

static void send_constants(const plan *p)
{
    const graph *g = p->graph;
    for (size_t i = 0; i < g->tensors.n; i++) {
        const tensor *t = g->tensors.at[i];
        if (t->role == TENSOR_CONST)
            p->backend->memory->set(p->backend, plan_address(p, t), t->data, tensor_bytes(t));
    }
}

cseg_status plan_stage_open(plan *p, cseg_error *err)
{
    const graph *g = p->graph;
    if (p->backend->memory->of_host)
        return CSEG_OK;
    p->staged = ARENA_ARRAY(p->mem, g->tensors.n + 1, void *);
    if (!p->staged)
        return fail_memory(err);
    for (size_t i = 0; i < g->inputs.n; i++)
        TRY(add(p, g->inputs.at[i], err));
    send_constants(p);
    return CSEG_OK;
}

void plan_stage_close(plan *p)
{
    for (size_t i = 0; p->staged && i < p->graph->tensors.n; i++)
        mem_free(p->staged[i]);
}

static const void *on_host(const plan *p, const tensor *t)
{
    return p->bound[t->id] ? p->bound[t->id] : p->staged[t->id];
}

void plan_stage_in(const plan *p)
{
    for (size_t i = 0; p->staged && i < p->graph->inputs.n; i++) {
        const tensor *t = p->graph->inputs.at[i];
        p->backend->memory->set(p->backend, plan_address(p, t), on_host(p, t), tensor_bytes(t));
    }
}

cseg_status plan_stage_out(const plan *p, const tensor *t, const void **out, cseg_error *err)
{
    *out = plan_address(p, t);
    if (!p->staged)
        return CSEG_OK;
    const void *from = *out;
    if (t->role == TENSOR_INPUT) {
        *out = on_host(p, t);
        return CSEG_OK;
    }
    TRY(add(p, t, err)); /* room for those alone that somebody wants on the host */
    *out = p->staged[t->id];
    return p->backend->memory->get(p->backend, p->staged[t->id], from, tensor_bytes(t), err);
}
