#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "graph/memory.h"
#include "graph/passes/passes.h"
#include "graph/plan_internal.h"
#include "guard.h"

static int parse_shape(const char *text, int64_t *dim)
{
    int rank = 0;
    while (*text) {
        char *end;
        dim[rank++] = strtoll(text, &end, 10);
        text = *end ? end + 1 : end;
    }
    return rank;
}

static bool is_float(holds h)
{
    return h <= HOLDS_LARGE;
}

static tensor *make_input(case_run *r, int i)
{
    static const char *const names[CASE_INPUTS] = {"in0", "in1", "in2", "in3", "in4", "in5", "in6", "in7"};
    const case_input *in = &r->c->in[i];
    int64_t dim[TENSOR_MAX_RANK];
    if (!in->shape)
        return NULL;
    int rank = parse_shape(in->shape, dim);
    if (in->holds == HOLDS_SEED)
        return graph_input(r->g, "seed", DT_I64, rank, dim);
    if (!is_float(in->holds))
        return graph_input(r->g, names[i], DT_I32, rank, dim);
    param *p = &r->params[i];
    *p = (param){.name = names[i],
                 .owner = "",
                 .role = in->fixed ? PARAM_BUFFER : PARAM_TRAINED,
                 .type = DT_F32,
                 .rank = rank,
                 .count = 1,
                 .requires_grad = !in->fixed};
    for (int k = 0; k < rank; k++)
        p->count *= p->dim[k] = dim[k];
    p->data = r->b->memory->alloc(r->b, (size_t)p->count * sizeof(float), true);
    p->grad = r->b->memory->alloc(r->b, (size_t)p->count * sizeof(float), true);
    return p->data && p->grad ? graph_param(r->g, p) : NULL;
}

/* A weight for each element of y that is a small integer and not the same for neighbours. */
static tensor *weights_of(case_run *r)
{
    static const float some[] = {2, -1, 3, -2, 1};
    int64_t n = tensor_count(r->y);
    float *seed = ARENA_ARRAY(r->g->mem, (size_t)n, float);
    for (int64_t i = 0; seed && i < n; i++)
        seed[i] = some[rng_mix((uint64_t)i) % 5];
    r->seed = seed;
    return seed ? graph_const(r->g, DT_F32, r->y->rank, r->y->dim, seed) : NULL;
}

static cseg_status trace_loss(case_run *r, bool backward, cseg_error *err)
{
    tensor *seed = weights_of(r);
    if (!backward)
        return graph_status(r->g, err);
    tensor *loss = op_reduce_sum(r->g, op_mul(r->g, r->y, seed), (1u << r->y->rank) - 1, false);
    return graph_backward(r->g, loss, err);
}

static tensor *as_map(const case_run *r, tensor *t)
{
    bool other = !t || !r->c->as_maps || t->type != DT_F32 || t->rank < 3;
    return other ? t : op_cast(r->g, t, DT_F32);
}

static cseg_status open_case(case_run *r, const op_case *c, case_trace *trace, backend *b, bool train, bool backward,
                             cseg_error *err)
{
    *r = (case_run){.c = c, .g = graph_new(train), .b = b};
    if (!r->g)
        return fail_memory(err);
    graph_push_scope(r->g, c->name);
    tensor *in[CASE_INPUTS];
    for (int i = 0; i < CASE_INPUTS; i++)
        in[i] = as_map(r, r->in[i] = make_input(r, i));
    r->y = as_map(r, trace(r->g, in, c));
    graph_add_output(r->g, "y", r->y);
    TRY(graph_status(r->g, err));
    if (!r->y)
        return fail(err, CSEG_SHAPE, "%s: no result and no error", c->name);
    if (train && r->y->needs_grad)
        TRY(trace_loss(r, backward, err));
    return graph_plan(r->g, b, &r->p, err);
}

cseg_status case_open(case_run *r, const op_case *c, case_trace *trace, backend *b, bool train, cseg_error *err)
{
    guard_allocations(true);
    cseg_status status = open_case(r, c, trace, b, train, true, err);
    guard_allocations(false);
    return status == CSEG_OK ? guard_plan(r->p, err) : status;
}

cseg_status case_open_bare(case_run *r, const op_case *c, backend *b, bool train, cseg_error *err)
{
    return open_case(r, c, c->trace, b, train, true, err);
}

cseg_status case_open_forward(case_run *r, const op_case *c, backend *b, cseg_error *err)
{
    return open_case(r, c, c->trace, b, true, false, err);
}

void case_close(case_run *r)
{
    plan_free(r->p);
    graph_free(r->g);
    for (int i = 0; r->b && i < CASE_INPUTS; i++) {
        r->b->memory->free(r->b, r->params[i].data);
        r->b->memory->free(r->b, r->params[i].grad);
    }
}

/* Leaves 8 bits of each number, as bfloat16 does. */
static void cut(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int exponent;
        float digits = frexpf(x[i], &exponent);
        x[i] = ldexpf(rintf(ldexpf(digits, 8)), exponent - 8);
    }
}

void case_set(case_run *r, int round)
{
    const memory_calls *m = r->b->memory;
    for (int i = 0; i < CASE_INPUTS; i++) {
        tensor *t = r->in[i];
        void *own = r->params[i].data;
        if (!t)
            continue;
        void *to = own ? memory_open(r->b, own, tensor_bytes(t)) : plan_input(r->p, t->name, NULL);
        if (to)
            case_fill(r->c, i, round, t, to);
        if (r->c->as_maps && t->type == DT_F32)
            cut(to, tensor_count(t));
        if (own)
            memory_close(r->b, own, to, tensor_bytes(t));
        if (r->params[i].grad)
            m->fill(r->b, r->params[i].grad, 0xff, (size_t)r->params[i].count * sizeof(float));
    }
    m->fill(r->b, r->p->memory, 0xff, r->p->bytes);
    m->fill(r->b, r->p->scratch, 0xff, r->p->scratch_bytes);
    plan_weights_changed(r->p);
}

static const void *on_host(const case_run *r, const void *at, size_t bytes)
{
    const void *out;
    return memory_view(r->b, at, bytes, r->g->mem, &out, NULL) == CSEG_OK ? out : NULL;
}

bool case_get(const case_run *r, size_t i, case_result *out)
{
    const graph *g = r->g;
    if (i < g->outputs.n) {
        const graph_output *o = &g->outputs.at[i];
        const tensor *t = o->value;
        *out = (case_result){.type = t->type, .count = tensor_count(t)};
        snprintf(out->name, sizeof out->name, "%s%s", o->grad_of ? "gradient of " : "", o->name);
        out->data = o->grad_of ? on_host(r, o->grad_of->grad, tensor_bytes(t)) : plan_output(r->p, o->name, NULL);
        return out->data != NULL;
    }
    i -= g->outputs.n;
    for (int k = 0; k < CASE_INPUTS; k++)
        if (r->params[k].data && r->params[k].role == PARAM_BUFFER && i-- == 0) {
            *out = (case_result){.type = DT_F32, .count = r->params[k].count};
            out->data = on_host(r, r->params[k].data, (size_t)out->count * sizeof(float));
            snprintf(out->name, sizeof out->name, "buffer %s", r->params[k].name);
            return true;
        }
    return false;
}
