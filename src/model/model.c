/* Builds a model from its dict, and traces it. */
#include "model/model.h"

#include <string.h>

#include "graph/backend.h"
#include "model/init.h"
#include "model/layers/layers.h"
#include "model/params.h"

/* The oldest style of 0.x has them at the top level; having them in both places is an error, as MMSegmentation's. */
static const value *choose_cfg(model *m, const char *key, const value *outer)
{
    const value *inner = value_get(m->config, key);
    if (!value_is_none(outer) && !value_is_none(inner))
        model_fail(m, CSEG_CONFIG, inner, "%s is set both at the top level and in the model", key);
    return !value_is_none(inner) ? inner : !value_is_none(outer) ? outer : NULL;
}

static void choose_head(model *m)
{
    int64_t index = 0;
    const value *at = value_get(m->test_cfg, "head_index");
    if (model_failed(m) || !m->heads.n)
        return;
    if (!value_is_none(at) && (!value_integer(at, &index) || index < 0 || index >= (int64_t)m->heads.n)) {
        model_fail(m, CSEG_CONFIG, at, "test_cfg.head_index must be an int from 0 to %zu: the model gives %zu map%s",
                   m->heads.n - 1, m->heads.n, m->heads.n == 1 ? "" : "s");
        return;
    }
    m->n_heads = (int)m->heads.n;
    m->answer_head = (int)index;
}

static void construct(model *m)
{
    m->root = ARENA_NEW(m->mem, module);
    if (!m->root) {
        fail_memory(&m->error);
        return;
    }
    m->root->model = m;
    m->root->name = "";
    m->root->class_name = "";
    m->train_cfg = choose_cfg(m, "train_cfg", m->options.train_cfg);
    m->test_cfg = choose_cfg(m, "test_cfg", m->options.test_cfg);
    module_build(m->root, "model", FAMILY_SEGMENTOR, m->config, NULL);
    choose_head(m);
    if (!model_failed(m))
        init_resolve(m);
    if (!model_failed(m))
        params_collect(m);
    if (!model_failed(m))
        params_allocate(m);
}

cseg_status model_build(const value *cfg, const model_options *options, model **out, cseg_error *err)
{
    *out = NULL;
    arena *mem = arena_new();
    model *m = mem ? ARENA_NEW(mem, model) : NULL;
    if (!m) {
        arena_free(mem);
        return fail_memory(err);
    }
    m->mem = mem;
    m->config = cfg;
    if (options)
        m->options = *options;
    m->backend = m->options.backend ? m->options.backend : backend_host();
    m->dates = 1;
    construct(m);
    if (model_failed(m)) {
        cseg_status status = fail(err, m->error.code, "%-s", m->error.text);
        arena_free(mem);
        return status;
    }
    *out = m;
    return CSEG_OK;
}

void model_free(model *m)
{
    if (m)
        arena_free(m->mem);
}

const model_head *model_head_at(const model *m, int head)
{
    return &m->heads.at[head < 0 ? m->answer_head : head];
}

static tensor *begin_trace(model *m, graph *g, int64_t n, int64_t h, int64_t w)
{
    m->trace.n = n;
    m->trace.h = h;
    m->trace.w = w;
    m->trace.options = (trace_options){0};
    g->draws_given = m->options.draws_given;
    m->trace.loss = NULL;
    tensor *img = graph_input(g, "img", DT_F32, 4, (int64_t[]){n, h, w, m->in_channels});
    if (img && m->dates == 2)
        img->dates = 2;
    return img;
}

cseg_status model_trace_logits(model *m, graph *g, int64_t n, int64_t h, int64_t w, int head, tensor **logits,
                               cseg_error *err)
{
    if (head < -1 || head >= m->n_heads)
        return fail(err, CSEG_USAGE, "there is no head %d: the model gives %d map%s", head, m->n_heads,
                    m->n_heads == 1 ? "" : "s");
    tensor *img = begin_trace(m, g, n, h, w);
    *logits = m->root->kind->as.segmentor.logits(m->root, g, img, head < 0 ? m->answer_head : head);
    return graph_status(g, err);
}

static void reset_calls(module *m)
{
    param *counter;
    int *calls;
    if (norm_counter(m, &counter, &calls))
        *calls = 0;
}

cseg_status model_trace_loss(model *m, graph *g, int64_t n, int64_t h, int64_t w, const trace_options *options,
                             tensor **loss, cseg_error *err)
{
    if (g->train)
        module_each(m->root, reset_calls);
    tensor *img = begin_trace(m, g, n, h, w);
    if (options)
        m->trace.options = *options;
    m->root->kind->as.segmentor.loss(m->root, g, img);
    *loss = m->trace.loss;
    TRY(graph_status(g, err));
    if (!*loss)
        return fail(err, CSEG_CONFIG, "no loss has \"loss\" in its name: there is nothing to train on");
    graph_add_output(g, "loss", *loss);
    return graph_status(g, err);
}

static void count(module *m)
{
    param *counter;
    int *calls;
    if (norm_counter(m, &counter, &calls))
        *(int64_t *)counter->data += *calls;
}

void model_count_batch(model *m)
{
    module_each(m->root, count);
}
