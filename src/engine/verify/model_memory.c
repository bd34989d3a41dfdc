#include "engine/verify/model_memory.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "engine/setup/build.h"
#include "graph/passes/passes.h"

typedef struct table {
    strbuf text;
    size_t sum;
} table;

static void row(table *t, size_t bytes, const char *what)
{
    strbuf_addf(&t->text, "%8.1f %s\n", (double)bytes / 0x1p20, what);
    t->sum += bytes;
}

/* The optimizer's state is one or more times as large as the trained weights. */
static size_t state_bytes(const optimizer *o)
{
    int arrays = (o->first != NULL) + (o->second != NULL) + (o->largest != NULL);
    return (size_t)arrays * o->model->flat_count * sizeof(float);
}

static void add_model(table *t, const memory_parts *p)
{
    size_t weights = p->m->flat_count * sizeof(float), buffers = p->m->buffer_count * sizeof(float);
    row(t, weights + buffers, "weights and running statistics");
    if (p->m->grad)
        row(t, weights, "gradients");
    if (p->o)
        row(t, state_bytes(p->o), "the optimizer's state");
    if (p->sum)
        row(t, weights, "sums of gradients");
    if (p->average)
        row(t, weights + (p->average->buffers ? buffers : 0), "averaged weights");
}

static void add_plan(table *t, const plan_memory *m)
{
    char text[128];
    snprintf(text, sizeof text, "arena: what the %zu steps make, laid out by lifetime", m->steps);
    row(t, m->arena, text);
    strbuf_addf(&t->text, "%8s its bound, what lives at step %zu, is %.1f\n", "", m->peak + 1,
                (double)m->bound / 0x1p20);
    row(t, m->fixed, "inputs, and what weights alone decide");
    row(t, m->kept, "weights in the kernels' layouts");
    row(t, m->scratch, "scratch of the kernel that needs most");
}

cseg_status memory_text(const memory_parts *parts, int largest, arena *mem, char **out, cseg_error *err)
{
    table t = {.text = {.mem = mem}};
    plan_memory m;
    TRY(plan_measure(parts->p, &m, err));
    strbuf_add(&t.text, "     MiB\n");
    add_plan(&t, &m);
    add_model(&t, parts);
    strbuf_addf(&t.text, "%8.1f in all, beside the program, its libraries and the images in work\n",
                (double)t.sum / 0x1p20);
    if (m.at) {
        char *tensors = plan_memory_text(parts->p, &m, (size_t)largest, mem);
        if (!tensors)
            return fail_memory(err);
        strbuf_addf(&t.text, "Of %zu tensors that live at step %zu, %s%s\nin %s:\n%s", m.alive, m.peak + 1,
                    op_name(m.at->op), m.at->is_grad ? " of the backward pass" : "",
                    m.at->scope && *m.at->scope ? m.at->scope : "the model", tensors);
    }
    *out = t.text.text;
    return t.text.failed ? fail_memory(err) : CSEG_OK;
}

/* ---- a model for this alone -------------------------------------------------------------------------------------- */

typedef struct made {
    model *m;
    backend *b;
    graph *g;
    plan *p;
    optimizer *o;
} made;

static cseg_status make(made *x, const experiment *e, const memory_options *o, arena *mem, cseg_error *err)
{
    unsigned passes;
    TRY(passes_from_text(getenv("CSEG_PASSES"), &passes, err));
    cpu_options cpu = {.threads = o->threads, .deterministic = e->deterministic, .bf16 = o->train && e->amp};
    TRY(build_backend(NULL, &cpu, &x->b, err));
    TRY(build_model(e, x->b, !o->train, &x->m, err));
    if (o->train && !value_is_none(e->optimizer) && !e->optimizer_refused)
        TRY(optimizer_build(e->optimizer, e->paramwise, e->groups, x->m, mem, &x->o, err));
    batch_shape s = {o->n, o->h, o->w};
    TRY(o->train ? build_loss_graph(x->m, s, NULL, true, passes, &x->g, err)
                 : build_label_graph(x->m, s, passes, &x->g, err));
    return graph_plan(x->g, x->b, &x->p, err);
}

cseg_status memory_of(const experiment *e, const memory_options *o, arena *mem, char **out, cseg_error *err)
{
    made x = {0};
    arena *own = arena_new(); /* the optimizer's state is freed before its backend */
    if (!own)
        return fail_memory(err);
    cseg_status status = make(&x, e, o, own, err);
    if (status == CSEG_OK)
        status = memory_text(&(memory_parts){.p = x.p, .m = x.m, .o = x.o}, o->largest, mem, out, err);
    plan_free(x.p);
    graph_free(x.g);
    arena_free(own);
    model_free(x.m);
    backend_free(x.b);
    return status;
}
