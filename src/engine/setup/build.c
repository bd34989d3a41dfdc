#include "engine/setup/build.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "data/datasets/alias.h"
#include "graph/passes/passes.h"
#include "io/npy.h"

cseg_status build_read_numbers(void *arg, const char *path, arena *mem, floats *out, cseg_error *err)
{
    (void)arg;
    return numbers_read(path, mem, &out->at, &out->n, err);
}

cseg_status build_model(const experiment *e, backend *b, bool no_grad, model **out, cseg_error *err)
{
    model_options o = {.train_cfg = e->train_cfg,
                       .test_cfg = e->test_cfg,
                       .default_scope = scope_default(e->cfg),
                       .read_numbers = build_read_numbers,
                       .class_names = dataset_classes_named,
                       .backend = b,
                       .no_grad = no_grad,
                       .average_over_pixels = e->profile->average_over_pixels,
                       .dice_by_class = e->profile->dice_by_class,
                       .adapt_in_channels = e->adapt_in_channels,
                       .patches_have_bias = e->profile->patches_have_bias};
    return model_build(e->model, &o, out, err);
}

cseg_status build_backend(const char *name, const cpu_options *o, backend **out, cseg_error *err)
{
    bool cpu = !name || strcmp(name, "cpu") == 0;
    if (o->bf16 && !cpu)
        log_say(LOG_WARNING, "the backend %s computes in float32 alone", name);
    else if (o->bf16 && !backend_cpu_has_bf16())
        log_say(LOG_WARNING, "this CPU computes bf16 no faster than float32 (it has neither AVX512-BF16 nor AMX): "
                             "float32 is used");
    if (cpu)
        *out = backend_cpu_new(o);
    else if (strcmp(name, "ref") == 0)
        *out = backend_ref_new();
    else
        return fail(err, CSEG_USAGE, "there is no backend '%s'; known are cpu and ref", name);
    return *out ? CSEG_OK : fail_memory(err);
}

cseg_status build_preprocessor(const experiment *e, arena *mem, preprocessor *out, cseg_error *err)
{
    TRY(preprocessor_build(e->preprocessor, mem, out, err));
    out->same_size = e->profile->words.same_size;
    return CSEG_OK;
}

cseg_status build_predictor(model *m, backend *b, predictor **out, cseg_error *err)
{
    predict_options o;
    TRY(predict_options_read(m->test_cfg, &o, err));
    return predictor_new(m, b, &o, out, err);
}

/* A pass may have replaced the traced tensor by another one. */
static tensor *output_named(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->outputs.n; i++)
        if (!g->outputs.at[i].grad_of && strcmp(g->outputs.at[i].name, name) == 0)
            return g->outputs.at[i].value;
    return NULL;
}

cseg_status build_loss_graph(model *m, batch_shape s, const trace_options *data, bool train, unsigned passes,
                             graph **out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    tensor *loss;
    graph *g = graph_new(train);
    if (!g)
        return fail_memory(err);
    TRY_DONE(model_trace_loss(m, g, s.n, s.h, s.w, data, &loss, err));
    TRY_DONE(graph_optimize(g, passes, err));
    if (train)
        TRY_DONE(graph_optimize_backward(g, output_named(g, "loss"), passes, err));
    *out = g;
done:
    if (status != CSEG_OK)
        graph_free(g);
    return status;
}

cseg_status build_label_graph(model *m, batch_shape s, unsigned passes, graph **out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    tensor *logits;
    graph *g = graph_new(false);
    if (!g)
        return fail_memory(err);
    TRY_DONE(model_trace_logits(m, g, s.n, s.h, s.w, -1, &logits, err));
    graph_add_output(g, "labels", op_argmax(g, logits));
    TRY_DONE(graph_optimize(g, passes, err));
    *out = g;
done:
    if (status != CSEG_OK)
        graph_free(g);
    return status;
}
