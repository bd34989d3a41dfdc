#include "engine/parity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/parity_values.h"
#include "graph/passes/passes.h"
#include "graph/plan.h"

enum { BATCH = 2, HEIGHT = 96, WIDTH = 128, PIXELS = HEIGHT * WIDTH };

/* One config at work. */
typedef struct session {
    const parity_options *options;
    arena *mem;
    value *config;
    config_dialect dialect;
    model *model;
} session;

/* ---- the config and its model ----------------------------------------------------------------------------------- */

static bool set_none(arena *mem, value *dict, const char *key)
{
    return !value_get(dict, key) || value_set(mem, dict, key, value_new(mem, V_NONE, (where){0}));
}

/* The oracle's weights come from names: nothing is to be loaded. */
static bool forget_pretrained(arena *mem, value *cfg)
{
    static const char *const parts[] = {"backbone", "decode_head", "auxiliary_head", "neck"};
    bool ok = set_none(mem, cfg, "pretrained");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        value *part = value_get(cfg, parts[i]);
        bool list = value_is_list(part);
        for (size_t j = 0; j < (list ? value_count(part) : 1); j++) {
            value *one = list ? value_item(part, j) : part;
            ok = ok && set_none(mem, one, "init_cfg") && set_none(mem, one, "pretrained");
        }
    }
    return ok;
}

static cseg_status load_config(session *s, const char *path, cseg_error *err)
{
    const char *root = s->options->root;
    const char *full = root && !file_exists(path) ? path_join(s->mem, root, path) : path;
    if (!full)
        return fail_memory(err);
    TRY(config_load(full, s->mem, &s->config, err));
    s->dialect = config_dialect_of(s->config);
    return CSEG_OK;
}

static cseg_status load_model(session *s, const char *path, cseg_error *err)
{
    TRY(load_config(s, path, err));
    value *cfg = value_get(s->config, "model");
    if (!cfg || cfg->kind != V_DICT)
        return fail(err, CSEG_CONFIG, "%s: there is no model", path);
    if (!forget_pretrained(s->mem, cfg))
        return fail_memory(err);
    bool old = s->dialect == DIALECT_0X;
    model_options o = {.no_dropout = true,
                       .average_over_pixels = old,
                       .train_cfg = old ? value_get(s->config, "train_cfg") : NULL,
                       .test_cfg = old ? value_get(s->config, "test_cfg") : NULL};
    TRY(model_build(cfg, &o, &s->model, err));
    parity_fill_weights(s->model);
    return CSEG_OK;
}

static void begin_line(const session *s, const char *path, FILE *out)
{
    fputs("{\"config\": ", out);
    parity_print_string(out, path);
    fprintf(out, ", \"mmseg\": \"%s\"", s->config && s->dialect == DIALECT_0X ? "0.30.0" : "1.2.2");
}

static void print_error(FILE *out, const char *key, const cseg_error *e)
{
    fprintf(out, ", \"%s\": ", key);
    parity_print_string(out, e->text);
}

static cseg_status end_line(session *s, const char *path, FILE *out, cseg_error *err)
{
    model_free(s->model);
    arena_free(s->mem);
    fputs("}\n", out);
    if (fflush(out) != 0 || ferror(out))
        return fail_errno(err, path, "write the answer to");
    return CSEG_OK;
}

cseg_status parity_config(const char *path, const parity_options *o, FILE *out, cseg_error *err)
{
    session s = {.options = o, .mem = arena_new()};
    cseg_error e = {0};
    if (!s.mem)
        return fail_memory(err);
    cseg_status status = load_config(&s, path, &e);
    const char *json = status == CSEG_OK ? value_json(s.mem, s.config, 0) : NULL;
    begin_line(&s, path, out);
    if (json)
        fprintf(out, ", \"resolved\": %s", json);
    else
        print_error(out, "error", &e);
    return end_line(&s, path, out, err);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

typedef struct program {
    graph *graph;
    plan *plan;
} program;

static void program_release(program *p)
{
    plan_free(p->plan);
    graph_free(p->graph);
    *p = (program){0};
}

static cseg_status compile_logits(session *s, program *p, cseg_error *err)
{
    tensor *logits = NULL;
    p->graph = graph_new(false);
    if (!p->graph)
        return fail_memory(err);
    TRY(model_trace_logits(s->model, p->graph, 1, HEIGHT, WIDTH, -1, &logits, err));
    graph_add_output(p->graph, "logits", logits);
    TRY(graph_optimize(p->graph, s->options->passes, err));
    return plan_build(p->graph, s->options->backend, &p->plan, err);
}

static cseg_status compile_loss(session *s, program *p, cseg_error *err)
{
    tensor *loss = NULL;
    p->graph = graph_new(true);
    if (!p->graph)
        return fail_memory(err);
    TRY(model_trace_loss(s->model, p->graph, BATCH, HEIGHT, WIDTH, false, &loss, err));
    TRY(graph_optimize(p->graph, s->options->passes, err));
    for (size_t i = 0; i < p->graph->outputs.n; i++)
        if (strcmp(p->graph->outputs.at[i].name, "loss") == 0)
            loss = p->graph->outputs.at[i].value;
    TRY(graph_backward(p->graph, loss, err));
    return plan_build(p->graph, s->options->backend, &p->plan, err);
}

static void fill_labels(const session *s, program *p, const char *name)
{
    for (size_t i = 0; i < p->graph->inputs.n; i++) {
        const tensor *t = p->graph->inputs.at[i];
        if (t->type == DT_I32)
            parity_fill_labels(plan_input(p->plan, t->name, NULL), name, tensor_count(t), s->model->num_classes,
                               s->model->ignore_index);
    }
}

/* ---- the answer about a model ----------------------------------------------------------------------------------- */

static void print_state(const model *m, FILE *out)
{
    int64_t parameters = 0;
    fputs(", \"state\": [", out);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        fprintf(out, "%s[\"%s\", [", i ? ", " : "", p->name);
        for (int j = 0; j < p->rank; j++)
            fprintf(out, "%s%lld", j ? ", " : "", (long long)p->dim[j]);
        fprintf(out, "], \"%s\"]", dtype_name(p->type));
        parameters += p->role == PARAM_TRAINED ? p->count : 0;
    }
    fprintf(out, "], \"params\": %lld", (long long)parameters);
}

/* [h,w,k] to [k,h,w]. */
static float *to_planes(const float *nhwc, int64_t k)
{
    float *planes = mem_alloc((size_t)(k * PIXELS) * sizeof *planes);
    for (int64_t i = 0; planes && i < PIXELS; i++)
        for (int64_t c = 0; c < k; c++)
            planes[c * PIXELS + i] = nhwc[i * k + c];
    return planes;
}

static cseg_status print_logits(session *s, FILE *out, cseg_error *err)
{
    program p = {0};
    const tensor *shape = NULL;
    float *planes = NULL;
    cseg_status status;
    TRY_DONE(compile_logits(s, &p, err));
    parity_fill_input(plan_input(p.plan, "img", NULL), "input", 1, HEIGHT, WIDTH, s->model->in_channels);
    TRY_DONE(plan_run(p.plan, err));
    const float *y = plan_output(p.plan, "logits", &shape);
    planes = to_planes(y, shape->dim[3]);
    if (!planes) {
        status = fail_memory(err);
        goto done;
    }
    fprintf(out, ", \"logits\": {\"shape\": [1, %lld, %d, %d], ", (long long)shape->dim[3], HEIGHT, WIDTH);
    parity_print_sample(out, "logits", planes, shape->dim[3] * PIXELS);
    fputc('}', out);
done:
    mem_free(planes);
    program_release(&p);
    return status;
}

static void print_losses(const program *p, FILE *out)
{
    bool first = true;
    fputc('{', out);
    for (size_t i = 0; i < p->graph->outputs.n; i++) {
        const graph_output *o = &p->graph->outputs.at[i];
        if (o->grad_of || strcmp(o->name, "loss") == 0)
            continue;
        fprintf(out, "%s\"%s\": ", first ? "" : ", ", o->name);
        parity_print_number(out, *(const float *)plan_output(p->plan, o->name, NULL));
        first = false;
    }
    fputc('}', out);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(param *const *)a)->name, (*(param *const *)b)->name);
}

/* The parameters that do, or do not, get a gradient, sorted by name. */
static size_t by_gradient(const program *p, const model *m, bool gets_one, param **found)
{
    size_t n = 0;
    for (size_t i = 0; i < m->params.n; i++) {
        bool gets = false;
        for (size_t j = 0; j < p->graph->outputs.n && !gets; j++)
            gets = p->graph->outputs.at[j].grad_of == m->params.at[i];
        if (m->params.at[i]->role == PARAM_TRAINED && gets == gets_one)
            found[n++] = m->params.at[i];
    }
    qsort(found, n, sizeof *found, by_name);
    return n;
}

static void print_gradients(param *const *with, size_t n, const bool *chosen, FILE *out)
{
    bool first = true;
    char name[512];
    fputs(", \"grads\": {", out);
    for (size_t i = 0; i < n; i++) {
        if (!chosen[i])
            continue;
        snprintf(name, sizeof name, "grad:%s", with[i]->name);
        fprintf(out, "%s\"%s\": {", first ? "" : ", ", with[i]->name);
        parity_print_sample(out, name, with[i]->grad, with[i]->count);
        fputc('}', out);
        first = false;
    }
    fputc('}', out);
}

static double length_of(param *const *with, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (int64_t j = 0; j < with[i]->count; j++)
            sum += (double)with[i]->grad[j] * with[i]->grad[j];
    return sqrt(sum);
}

static cseg_status print_training(session *s, FILE *out, cseg_error *err)
{
    program p = {0};
    model *m = s->model;
    param **found = arena_array(s->mem, m->params.n, sizeof *found);
    bool *chosen = arena_array(s->mem, m->params.n, sizeof *chosen);
    cseg_status status;
    if (!found || !chosen)
        return fail_memory(err);
    TRY_DONE(compile_loss(s, &p, err));
    parity_fill_input(plan_input(p.plan, "img", NULL), "input", BATCH, HEIGHT, WIDTH, m->in_channels);
    fill_labels(s, &p, "label");
    TRY_DONE(plan_run(p.plan, err));
    fputs(", \"train\": {\"losses\": ", out);
    print_losses(&p, out);
    size_t n = by_gradient(&p, m, false, found);
    fputs(", \"no_grad\": [", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", found[i]->name);
    n = by_gradient(&p, m, true, found);
    fputs("], \"grad_norm\": ", out);
    parity_print_number(out, length_of(found, n));
    parity_choose("grads", n, chosen);
    print_gradients(found, n, chosen, out);
    fputc('}', out);
done:
    program_release(&p);
    return status;
}

cseg_status parity_model(const char *path, const parity_options *o, FILE *out, cseg_error *err)
{
    session s = {.options = o, .mem = arena_new()};
    cseg_error e = {0};
    if (!s.mem)
        return fail_memory(err);
    cseg_status status = load_model(&s, path, &e);
    begin_line(&s, path, out);
    if (status != CSEG_OK) {
        print_error(out, "error", &e);
        return end_line(&s, path, out, err);
    }
    print_state(s.model, out);
    if (print_logits(&s, out, &e) != CSEG_OK)
        print_error(out, "logits_error", &e);
    if (print_training(&s, out, &e) != CSEG_OK)
        print_error(out, "train_error", &e);
    return end_line(&s, path, out, err);
}
