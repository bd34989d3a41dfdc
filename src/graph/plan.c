#include "graph/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "base/usage.h"
#include "graph/fixed.h"
#include "graph/op.h"
#include "graph/plan_internal.h"

static bool is_fixed(const plan *p, const tensor *t)
{
    return t->role == TENSOR_TEMP ? p->fixed[t->id] : graph_leaf_is_fixed(p->graph, t);
}

/* In training no kernel keeps anything of its weights: frozen ones are computed with as all others are, bit for bit. */
static uint32_t fixed_inputs(const plan *p, const node *n)
{
    uint32_t fixed = 0;
    for (int i = 0; !p->graph->train && i < n->n_in && i < 32; i++)
        fixed |= (uint32_t)(n->in[i] && is_fixed(p, n->in[i])) << i;
    return fixed;
}

static cseg_status prepare_step(plan *p, step *s, const node *n, cseg_error *err)
{
    s->node = n;
    s->in = ARENA_ARRAY(p->mem, (size_t)n->n_in + 1, void *);
    s->out = ARENA_ARRAY(p->mem, (size_t)n->n_out + 1, void *);
    if (!s->in || !s->out)
        return fail_memory(err);
    if (op_does_nothing(n))
        return CSEG_OK; /* the same memory under another shape */
    kernel_setting setting = {.fixed = fixed_inputs(p, n)};
    TRY(p->backend->prepare(p->backend, n, &setting, p->mem, &s->kernel, err));
    s->kernel->stale = true;
    if (s->kernel->scratch > p->scratch_bytes)
        p->scratch_bytes = s->kernel->scratch;
    p->kept_bytes += s->kernel->kept;
    return CSEG_OK;
}

/* Adds the steps of the nodes that end a run, or of all others. */
static cseg_status add_steps(plan *p, const char *keep, bool ending, cseg_error *err)
{
    for (size_t i = 0; i < p->graph->nodes.n; i++) {
        const node *n = p->graph->nodes.at[i];
        if (!keep[i] || op_define(n->op)->ends_run != ending)
            continue;
        step *s = &p->steps[p->n_steps++];
        s->fixed = n->n_out > 0 && p->fixed[n->out[0]->id];
        TRY(prepare_step(p, s, n, err));
    }
    return CSEG_OK;
}

static cseg_status make_steps(plan *p, cseg_error *err)
{
    const graph *g = p->graph;
    bool *needed = ARENA_ARRAY(p->mem, g->tensors.n + 1, bool);
    char *keep = ARENA_ARRAY(p->mem, g->nodes.n + 1, char);
    p->steps = ARENA_ARRAY(p->mem, g->nodes.n + 1, step);
    p->fixed = graph_fixed(g, p->mem);
    if (!needed || !keep || !p->steps || !p->fixed)
        return fail_memory(err);
    for (size_t i = 0; i < g->outputs.n; i++)
        needed[g->outputs.at[i].value->id] = true;
    for (size_t i = g->nodes.n; i-- > 0;) {
        const node *n = g->nodes.at[i];
        keep[i] = n->has_effect;
        for (int k = 0; k < n->n_out; k++)
            keep[i] |= needed[n->out[k]->id];
        for (int k = 0; keep[i] && k < n->n_in; k++)
            if (n->in[k])
                needed[n->in[k]->id] = true;
    }
    TRY(add_steps(p, keep, false, err));
    return add_steps(p, keep, true, err);
}

/* Checks that parameters and gradients have memory, which is not the plan's. */
static cseg_status check_params(const graph *g, cseg_error *err)
{
    for (size_t i = 0; i < g->params.n; i++)
        if (!g->params.at[i]->param->data)
            return fail(err, CSEG_USAGE, "parameter %s has no memory yet", g->params.at[i]->param->name);
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.at[i].grad_of && !g->outputs.at[i].grad_of->grad)
            return fail(err, CSEG_USAGE, "parameter %s has no memory for its gradient", g->outputs.at[i].name);
    return CSEG_OK;
}

void *plan_address(const plan *p, const tensor *t)
{
    if (!t)
        return NULL;
    const place *at = &p->place[t->id];
    switch (t->role) {
    case TENSOR_PARAM:
        return t->param->data;
    case TENSOR_CONST:
        return p->staged ? p->fixed_memory + at->offset : (void *)(uintptr_t)t->data;
    case TENSOR_INPUT:
        return p->bound[t->id] && !p->staged ? (void *)(uintptr_t)p->bound[t->id] : p->fixed_memory + at->offset;
    case TENSOR_TEMP:
        break;
    }
    if (at->same)
        return plan_address(p, at->same);
    if (at->external)
        return at->external;
    return (at->fixed ? p->fixed_memory : p->memory) + at->offset;
}

static void connect(plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        step *s = &p->steps[i];
        for (int k = 0; k < s->node->n_in; k++)
            s->in[k] = plan_address(p, s->node->in[k]);
        for (int k = 0; k < s->node->n_out; k++)
            s->out[k] = plan_address(p, s->node->out[k]);
    }
    p->connected = true;
}

/* Checks that maps have the types that the backend computes in: the caller assigns them. */
static cseg_status check_types(const graph *g, const backend *b, cseg_error *err)
{
    if (g->mixed && !b->port_of)
        return fail(err, CSEG_USAGE, "the graph's maps are bfloat16, the backend computes in float32");
    if (!g->mixed && b->port_of)
        return fail(err, CSEG_USAGE, "the backend computes in bfloat16, but the graph has not been through graph_bf16");
    return CSEG_OK;
}

cseg_status plan_build(const graph *g, backend *b, plan **out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    TRY(graph_status(g, err));
    TRY(check_types(g, b, err));
    TRY(check_params(g, err));
    arena *mem = arena_new();
    plan *p = mem ? ARENA_NEW(mem, plan) : NULL;
    if (!p) {
        arena_free(mem);
        return fail_memory(err);
    }
    p->mem = mem;
    p->graph = g;
    p->backend = b;
    p->weights_changed = true;
    if (b->enter)
        b->enter(b);
    TRY_DONE(make_steps(p, err));
    TRY_DONE(plan_place(p, err));
    p->bound = ARENA_ARRAY(mem, g->tensors.n + 1, const void *);
    p->memory = b->memory->alloc(b, p->bytes, false);
    p->fixed_memory = b->memory->alloc(b, p->fixed_bytes, false);
    p->scratch = b->memory->alloc(b, p->scratch_bytes, false);
    if (!p->bound || !p->memory || !p->fixed_memory || !p->scratch) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(plan_stage_open(p, err));
    TRY_DONE(plan_find_label_rules(p, err));
    plan_tell_naive(p);
    *out = p;
done:
    if (status != CSEG_OK)
        plan_free(p);
    return status;
}

void plan_free(plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].kernel && p->steps[i].kernel->release)
            p->steps[i].kernel->release(p->steps[i].kernel);
    plan_stage_close(p);
    const memory_calls *m = p->backend->memory;
    m->free(p->backend, p->memory);
    m->free(p->backend, p->fixed_memory);
    m->free(p->backend, p->scratch);
    arena_free(p->mem);
}

static const graph_output *output_named(const plan *p, const char *name)
{
    for (size_t i = 0; i < p->graph->outputs.n; i++) {
        const graph_output *o = &p->graph->outputs.at[i];
        if (!o->grad_of && strcmp(o->name, name) == 0)
            return o;
    }
    return NULL;
}

static cseg_status find_output(const plan *p, const char *name, const tensor **out, cseg_error *err)
{
    const graph_output *o = output_named(p, name);
    if (!o)
        return fail(err, CSEG_NOT_FOUND, "the graph has no output '%s'", name);
    *out = o->value;
    return CSEG_OK;
}

cseg_status plan_get_output(plan *p, const char *name, const void **data, const tensor **shape, cseg_error *err)
{
    const tensor *t;
    TRY(find_output(p, name, &t, err));
    if (shape)
        *shape = t;
    return plan_stage_out(p, t, data, err);
}

cseg_status plan_locate_output(const plan *p, const char *name, const void **at, const tensor **shape, cseg_error *err)
{
    const tensor *t;
    TRY(find_output(p, name, &t, err));
    if (shape)
        *shape = t;
    *at = plan_address(p, t);
    return CSEG_OK;
}

const void *plan_output(plan *p, const char *name, const tensor **shape)
{
    const void *data;
    return plan_get_output(p, name, &data, shape, NULL) == CSEG_OK ? data : NULL;
}

void plan_weights_changed(plan *p)
{
    p->weights_changed = true;
    p->connected = false; /* weights may have moved */
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].kernel)
            p->steps[i].kernel->stale = true;
}

static cseg_status run_step(plan *p, step *s, cseg_error *err)
{
    if (!s->kernel)
        return CSEG_OK;
    double begin = p->profiling ? usage_seconds() : 0;
    cseg_status status = s->kernel->run(s->kernel, s->in, s->out, p->scratch, err);
    if (p->profiling) {
        TRY(p->backend->memory->synchronise(p->backend, err));
        double took = usage_seconds() - begin;
        s->seconds += took;
        s->fastest = s->runs == 0 || took < s->fastest ? took : s->fastest;
        s->runs++;
    }
    return status;
}

/* Copies gradients that are computed in another place (an output twice, a reshape, a shared sum) to their
 * parameters. */
static void store_gradients(const plan *p)
{
    for (size_t i = 0; i < p->graph->outputs.n; i++) {
        const graph_output *o = &p->graph->outputs.at[i];
        void *from = o->grad_of ? plan_address(p, o->value) : NULL;
        if (from && from != o->grad_of->grad)
            p->backend->memory->copy(p->backend, o->grad_of->grad, from, (size_t)o->grad_of->count * sizeof(float));
    }
}

static bool is_finite(const plan *p, const tensor *t, const void *data)
{
    bool numbers = t->type == DT_F32 || t->type == DT_BF16;
    return !numbers || !data || p->backend->vectors->all_finite(p->backend, data, t->type, tensor_count(t));
}

/* Checks inputs, and parameters before the run changes them. */
static cseg_status check_leaves(const plan *p, cseg_error *err)
{
    const graph *g = p->graph;
    for (size_t i = 0; i < g->inputs.n; i++)
        if (!is_finite(p, g->inputs.at[i], plan_address(p, g->inputs.at[i])))
            return fail(err, CSEG_NUMERIC, "input %s holds a NaN or infinity", g->inputs.at[i]->name);
    for (size_t i = 0; i < g->params.n; i++) {
        const param *q = g->params.at[i]->param;
        /* The failed run has already written its NaN into running statistics, so these are skipped. */
        bool written = g->train && q->role == PARAM_BUFFER;
        if (!written && !is_finite(p, g->params.at[i], q->data))
            return fail(err, CSEG_NUMERIC, "parameter %s holds a NaN or infinity", q->name);
    }
    return CSEG_OK;
}

static cseg_status check_step(const plan *p, const step *s, cseg_error *err)
{
    const node *n = s->node;
    char shape[96];
    for (int k = 0; k < n->n_out; k++)
        if (!is_finite(p, n->out[k], s->out[k]))
            return fail(err, CSEG_NUMERIC,
                        "the first tensor with a NaN or infinity is output %d of %s%s in %s, shape %s", k,
                        op_name(n->op), n->is_grad ? " (gradient)" : "", n->scope && *n->scope ? n->scope : "the model",
                        tensor_shape_text(n->out[k], shape));
    return CSEG_OK;
}

static cseg_status run_all(plan *p, bool check, cseg_error *err)
{
    if (!p->connected)
        connect(p);
    if (p->backend->enter)
        p->backend->enter(p->backend);
    plan_stage_in(p);
    if (check)
        TRY(check_leaves(p, err));
    for (size_t i = 0; i < p->n_steps; i++) {
        step *s = &p->steps[i];
        if (s->fixed && !p->weights_changed && !check)
            continue;
        TRY(run_step(p, s, err));
        if (check)
            TRY(check_step(p, s, err));
    }
    p->weights_changed = false;
    store_gradients(p);
    return p->backend->memory->synchronise(p->backend, err);
}

cseg_status plan_run(plan *p, cseg_error *err)
{
    return run_all(p, false, err);
}

cseg_status plan_find_nan(plan *p, cseg_error *err)
{
    return run_all(p, true, err);
}

size_t plan_bytes(const plan *p)
{
    return p->bytes + p->fixed_bytes + p->scratch_bytes + p->kept_bytes;
}

void plan_profile(plan *p, bool on)
{
    p->profiling = on;
    for (size_t i = 0; on && i < p->n_steps; i++) {
        p->steps[i].seconds = 0;
        p->steps[i].runs = 0;
    }
}

size_t plan_step_count(const plan *p)
{
    return p->n_steps;
}

plan_step plan_step_at(const plan *p, size_t i)
{
    const step *s = &p->steps[i];
    return (plan_step){s->node, s->fixed, s->runs, s->seconds, s->fastest, s->kernel && s->kernel->naive};
}
