#include "engine/verify/parity_session.h"

#include <string.h>

#include "base/file.h"
#include "data/datasets/alias.h"
#include "engine/setup/build.h"
#include "graph/passes/passes.h"

static bool set_none(arena *mem, value *dict, const char *key)
{
    return !value_get(dict, key) || value_set(mem, dict, key, value_new(mem, V_NONE, (where){0}));
}

/* Weights are derived from names: nothing is loaded. */
static bool forget_pretrained(arena *mem, value *cfg)
{
    static const char *const parts[] = {"backbone",    "image_encoder",  "text_encoder",
                                        "decode_head", "auxiliary_head", "neck"};
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

/* Backbones with tables for images of one size are built for these. */
static bool fit_images(const parity_session *s, value *cfg)
{
    value *backbone = value_get(cfg, "backbone"), *size = value_new(s->mem, V_TUPLE, (where){0});
    return size && value_append(s->mem, size, value_int(s->mem, s->h, (where){0})) &&
           value_append(s->mem, size, value_int(s->mem, s->w, (where){0})) &&
           (!backbone || value_set(s->mem, backbone, "img_size", size));
}

cseg_status parity_load_config(parity_session *s, const char *path, cseg_error *err)
{
    experiment_begin(NULL, &s->about); /* what is printed for a config that cannot be read */
    const char *root = s->options->root;
    s->h = s->options->h ? s->options->h : PARITY_HEIGHT;
    s->w = s->options->w ? s->options->w : PARITY_WIDTH;
    const char *full = root && !file_exists(path) ? path_join(s->mem, root, path) : path;
    if (!full)
        return fail_memory(err);
    TRY(config_load(full, s->mem, &s->config, err));
    experiment_begin(s->config, &s->about);
    return CSEG_OK;
}

cseg_status parity_load_model(parity_session *s, const char *path, cseg_error *err)
{
    TRY(parity_load_config(s, path, err));
    value *cfg = value_get(s->config, "model");
    if (!cfg || cfg->kind != V_DICT)
        return fail(err, CSEG_CONFIG, "%s: there is no model", path);
    if (!forget_pretrained(s->mem, cfg) || (s->options->fit && !fit_images(s, cfg)))
        return fail_memory(err);
    model_options o = {.backend = s->options->backend,
                       .no_dropout = true,
                       .draws_given = true,
                       .default_scope = scope_default(s->config),
                       .read_numbers = build_read_numbers,
                       .class_names = dataset_classes_named,
                       .average_over_pixels = s->about.profile->average_over_pixels,
                       .dice_by_class = s->about.profile->dice_by_class,
                       .patches_have_bias = s->about.profile->patches_have_bias,
                       .train_cfg = s->about.train_cfg,
                       .test_cfg = s->about.test_cfg};
    TRY(model_build(cfg, &o, &s->model, err));
    parity_fill_weights(s->model);
    return CSEG_OK;
}

void parity_begin_line(const parity_session *s, const char *path, FILE *out)
{
    fputs("{\"config\": ", out);
    parity_print_string(out, path);
    fprintf(out, ", \"mmseg\": \"%s\"", s->about.profile->reference);
}

void parity_print_error(FILE *out, const char *key, const cseg_error *e)
{
    fprintf(out, ", \"%s\": ", key);
    parity_print_string(out, e->text);
}

cseg_status parity_end_line(parity_session *s, const char *path, FILE *out, cseg_error *err)
{
    model_free(s->model);
    arena_free(s->mem);
    fputs("}\n", out);
    if (fflush(out) != 0 || ferror(out))
        return fail_errno(err, path, "write the answer to");
    return CSEG_OK;
}

void parity_release(parity_program *p)
{
    plan_free(p->plan);
    graph_free(p->graph);
    *p = (parity_program){0};
}

cseg_status parity_compile_logits(parity_session *s, parity_program *p, cseg_error *err)
{
    tensor *logits = NULL;
    p->graph = graph_new(false);
    if (!p->graph)
        return fail_memory(err);
    TRY(model_trace_logits(s->model, p->graph, 1, s->h, s->w, -1, &logits, err));
    graph_add_output(p->graph, "logits", logits);
    TRY(graph_optimize(p->graph, s->options->passes, err));
    return graph_plan(p->graph, s->options->backend, &p->plan, err);
}

/* Maps beside the labels are there only if they are asked for, as in the reference. */
static cseg_status check_beside(const parity_session *s, cseg_error *err)
{
    for (size_t i = 0; i < s->model->beside.n; i++) {
        const model_beside *b = &s->model->beside.at[i];
        bool edge = strcmp(b->map.key, "gt_edge_map") == 0;
        if (!edge || !s->options->edge)
            return fail(err, CSEG_CONFIG, "%s learns from %s beside the labels%s", b->head->name, b->map.key,
                        edge ? "; --edge makes it" : ", which is not made here");
    }
    return CSEG_OK;
}

cseg_status parity_compile_loss(parity_session *s, parity_program *p, cseg_error *err)
{
    TRY(check_beside(s, err));
    batch_shape shape = {PARITY_BATCH, s->h, s->w};
    TRY(build_loss_graph(s->model, shape, NULL, true, s->options->passes, &p->graph, err));
    return graph_plan(p->graph, s->options->backend, &p->plan, err);
}

void parity_fill(const parity_session *s, parity_program *p, const char *input, const char *label)
{
    const model_head *answer = model_head_at(s->model, -1);
    for (size_t i = 0; i < p->graph->inputs.n; i++) {
        const tensor *t = p->graph->inputs.at[i];
        void *data = plan_input(p->plan, t->name, NULL);
        if (strcmp(t->name, "img") == 0)
            parity_fill_input(data, input, t->dim[0], t->dim[1], t->dim[2], t->dim[3]);
        else if (strcmp(t->name, "gt_edge_map") == 0)
            parity_fill_classes(data, "edge", tensor_count(t), 2);
        else if (t->type == DT_I32 && s->options->label_all)
            parity_fill_classes(data, label, tensor_count(t), answer->num_classes);
        else if (t->type == DT_I32)
            parity_fill_labels(data, label, tensor_count(t), answer->num_classes, answer->ignore_index);
        else if (strncmp(t->name, "rand:", strlen("rand:")) == 0)
            parity_fill_draws(data, t->name, tensor_count(t));
    }
}

cseg_status parity_print_losses(const parity_program *p, FILE *out, cseg_error *err)
{
    bool first = true;
    fputc('{', out);
    for (size_t i = 0; i < p->graph->outputs.n; i++) {
        const graph_output *o = &p->graph->outputs.at[i];
        if (o->grad_of || strcmp(o->name, "loss") == 0)
            continue;
        const void *v;
        TRY(plan_get_output(p->plan, o->name, &v, NULL, err));
        fprintf(out, "%s\"%s\": ", first ? "" : ", ", o->name);
        parity_print_number(out, (double)*(const float *)v);
        first = false;
    }
    fputc('}', out);
    return CSEG_OK;
}
