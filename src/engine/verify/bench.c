#include "engine/verify/bench.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/usage.h"
#include "engine/setup/build.h"
#include "engine/train/optim/optimizer.h"
#include "engine/verify/parity_values.h"
#include "graph/passes/passes.h"

struct bench {
    arena *mem;
    const experiment *e;
    bench_options o;
    model *m;
    backend *b;
    graph *g;
    plan *p;
    optimizer *opt; /* training */
    double build;   /* seconds, made-up weights left out */
};

static cseg_status make_optimizer(bench *b, cseg_error *err)
{
    value *sgd;
    TRY(config_parse_literal("dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)", "bench", b->mem, &sgd,
                             err));
    return optimizer_build(sgd, NULL, NULL, b->m, b->mem, &b->opt, err);
}

static cseg_status prepare(bench *b, cseg_error *err)
{
    unsigned passes;
    double begin = usage_seconds();
    if (b->o.bf16 && !backend_cpu_has_bf16())
        return fail(err, CSEG_UNSUPPORTED,
                    "this CPU has neither AVX512-BF16 nor AMX for bf16; leave out --precision or say fp32");
    TRY(passes_from_text(getenv("CSEG_PASSES"), &passes, err));
    TRY(build_backend(NULL,
                      &(cpu_options){.threads = b->o.threads, .deterministic = b->e->deterministic, .bf16 = b->o.bf16},
                      &b->b, err));
    TRY(build_model(b->e, b->b, !b->o.train, &b->m, err));
    batch_shape s = {b->o.batch, b->o.size, b->o.size};
    if (b->o.train) {
        TRY(build_loss_graph(b->m, s, NULL, true, passes, &b->g, err));
        TRY(make_optimizer(b, err));
    } else {
        TRY(build_label_graph(b->m, s, passes, &b->g, err));
    }
    TRY(graph_plan(b->g, b->b, &b->p, err));
    b->build = usage_seconds() - begin;
    return CSEG_OK;
}

/* Fills everything that the plan reads: values do not influence time, but uninitialised memory may hold NaN. */
static void fill(bench *b)
{
    parity_fill_weights(b->m);
    double classes = (double)model_head_at(b->m, -1)->num_classes;
    for (size_t i = 0; i < b->g->inputs.n; i++) {
        const tensor *t = b->g->inputs.at[i];
        void *to = plan_input(b->p, t->name, NULL);
        if (strcmp(t->name, "img") == 0)
            parity_fill_input(to, "input", t->dim[0], t->dim[1], t->dim[2], t->dim[3]);
        else if (t->type == DT_I32)
            for (int64_t k = 0; k < tensor_count(t); k++)
                ((int32_t *)to)[k] = (int32_t)floor(parity_uniform("label", (uint64_t)k) * classes);
        else
            memset(to, 0, tensor_bytes(t)); /* the seed of the dropout masks */
    }
}

cseg_status bench_open(const experiment *e, const bench_options *o, bench **out, cseg_error *err)
{
    arena *mem = arena_new();
    bench *b = mem ? ARENA_NEW(mem, bench) : NULL;
    if (!b) {
        arena_free(mem);
        return fail_memory(err);
    }
    *b = (bench){.mem = mem, .e = e, .o = *o};
    if (b->o.threads < 1)
        b->o.threads = omp_get_num_procs();
    cseg_status status = prepare(b, err);
    if (status != CSEG_OK) {
        bench_close(b);
        return status;
    }
    fill(b);
    *out = b;
    return CSEG_OK;
}

void bench_close(bench *b)
{
    if (!b)
        return;
    plan_free(b->p);
    graph_free(b->g);
    model_free(b->m);
    backend *own = b->b;
    arena_free(b->mem); /* the optimizer's state is in the backend's memory */
    backend_free(own);
}

static cseg_status call(bench *b, double *took, double *update, cseg_error *err)
{
    double begin = usage_seconds();
    TRY(plan_run(b->p, err));
    double computed = usage_seconds();
    if (b->opt)
        optimizer_step(b->opt, 1);
    *took = usage_seconds() - begin;
    *update = b->opt ? begin + *took - computed : 0.0;
    return CSEG_OK;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

cseg_status bench_run(bench *b, bench_result *out, cseg_error *err)
{
    size_t n = (size_t)b->o.repeat;
    double update, *took = ARENA_ARRAY(b->mem, n, double);
    if (!took)
        return fail_memory(err);
    *out = (bench_result){.build = b->build};
    TRY(call(b, &out->warm_up, &out->optimizer, err));
    plan_profile(b->p, b->o.profile);
    for (size_t i = 0; i < n; i++) {
        TRY(call(b, &took[i], &update, err));
        out->optimizer = update < out->optimizer ? update : out->optimizer;
    }
    qsort(took, n, sizeof *took, by_size);
    out->fastest = took[0];
    out->median = (took[(n - 1) / 2] + took[n / 2]) / 2;
    out->peak_rss = (int64_t)usage_peak_memory();
    return CSEG_OK;
}

const plan *bench_plan(const bench *b)
{
    return b->p;
}

int bench_threads(const bench *b)
{
    return b->o.threads;
}

/* `heads` is a head, a list of heads, or missing. */
static bool set_classes(value *heads, int64_t classes, arena *mem)
{
    static const where nowhere = {0};
    for (size_t i = 0; value_is_list(heads) && i < value_count(heads); i++)
        if (!set_classes(value_item(heads, i), classes, mem))
            return false;
    if (!heads || heads->kind != V_DICT)
        return true;
    value *n = value_int(mem, classes, nowhere);
    return n && value_set(mem, heads, "num_classes", n);
}

cseg_status bench_set_classes(value *cfg, int64_t classes, arena *mem, cseg_error *err)
{
    value *m = value_get(cfg, "model");
    if (!value_get(m, "decode_head"))
        return fail(err, CSEG_CONFIG, "the config has no model.decode_head whose classes could be set");
    bool done = set_classes(value_get(m, "decode_head"), classes, mem) &&
                set_classes(value_get(m, "auxiliary_head"), classes, mem);
    return done ? CSEG_OK : fail_memory(err);
}
