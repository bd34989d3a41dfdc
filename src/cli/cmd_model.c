/* cseg model: prints a table of modules with output shape, parameters and multiply-adds. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/common.h"
#include "data/datasets/alias.h"
#include "engine/dialect/experiment.h"
#include "engine/verify/model_memory.h"
#include "graph/work.h"
#include "model/model.h"

typedef struct model_args {
    str_list cfg_options, shape;
    int64_t depth, batch, threads;
    bool kinds, memory;
} model_args;

typedef struct row {
    const char *name, *kind;
    const tensor *out;
    int64_t params;
    double macs;
    int depth;
} row;
typedef VEC(row) rows;

static bool is_below(const char *scope, const char *name)
{
    size_t n = strlen(name);
    return n == 0 || (scope && strncmp(scope, name, n) == 0 && (scope[n] == 0 || scope[n] == '.'));
}

static int64_t count_params(const module *m)
{
    int64_t n = 0;
    for (size_t i = 0; i < m->params.n; i++)
        n += m->params.at[i]->count;
    for (size_t i = 0; i < m->children.n; i++)
        n += count_params(m->children.at[i]);
    return n;
}

static bool collect(const module *m, const graph *g, int depth, int64_t deepest, arena *mem, rows *out)
{
    row r = {.name = depth ? m->name : "(model)",
             .kind = m->kind ? m->kind->name : m->class_name,
             .depth = depth,
             .params = count_params(m)};
    for (size_t i = 0; i < g->nodes.n; i++)
        if (is_below(g->nodes.at[i]->scope, m->name)) {
            r.out = g->nodes.at[i]->out[0];
            r.macs += node_multiply_adds(g->nodes.at[i]);
        }
    if (!vec_push(mem, out, r))
        return false;
    for (size_t i = 0; depth < deepest && i < m->children.n; i++)
        if (m->children.at[i]->name && !collect(m->children.at[i], g, depth + 1, deepest, mem, out))
            return false;
    return true;
}

static void with_unit(double v, char to[static 16])
{
    if (v >= 1e9)
        snprintf(to, 16, "%.2f G", v / 1e9);
    else if (v >= 1e6)
        snprintf(to, 16, "%.2f M", v / 1e6);
    else if (v >= 1e3)
        snprintf(to, 16, "%.2f k", v / 1e3);
    else
        snprintf(to, 16, "%.0f", v);
}

static void print_rows(const rows *all)
{
    int name_w = 6, kind_w = 4;
    for (size_t i = 0; i < all->n; i++) {
        int n = (int)strlen(all->at[i].name) + 2 * all->at[i].depth, k = (int)strlen(all->at[i].kind);
        name_w = n > name_w ? n : name_w;
        kind_w = k > kind_w ? k : kind_w;
    }
    text_fprintf(stdout, "%-*s  %-*s  %-24s %12s %14s\n", name_w, "module", kind_w, "kind", "output [N,H,W,C]",
                 "parameters", "multiply-adds");
    for (size_t i = 0; i < all->n; i++) {
        const row *r = &all->at[i];
        char shape[96] = "-", macs[16] = "-";
        if (r->out) {
            tensor_shape_text(r->out, shape);
            with_unit(r->macs, macs);
        }
        text_fprintf(stdout, "%*s%-*s  %-*s  %-24s %12lld %14s\n", 2 * r->depth, "", name_w - 2 * r->depth, r->name,
                     kind_w, r->kind, shape, (long long)r->params, macs);
    }
}

/* H and W: given, or the crop of the config, or 512. */
static cseg_status input_size(const value *cfg, const model_args *o, int64_t size[2], cseg_error *err)
{
    size[0] = size[1] = 512;
    const value *crop = value_get(cfg, "crop_size");
    if (!value_is_list(crop))
        crop = value_find(cfg, "data_preprocessor.size");
    if (value_is_list(crop) && value_count(crop) == 2)
        for (size_t i = 0; i < 2; i++)
            value_integer(value_item(crop, i), &size[i]);
    for (size_t i = 0; i < o->shape.n; i++) {
        char *end;
        long long v = strtoll(o->shape.at[i], &end, 10);
        if (*end || v < 1 || v > 65536 || o->shape.n > 2)
            return fail(err, CSEG_USAGE, "--shape takes a height and a width");
        size[i] = v;
        if (o->shape.n == 1)
            size[1] = v;
    }
    return CSEG_OK;
}

static cseg_status print_table(const value *cfg, model *m, const model_args *o, arena *mem, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    int64_t size[2];
    TRY(input_size(cfg, o, size, err));
    graph *g = graph_new(false);
    if (!g)
        return fail_memory(err);
    rows all = {0};
    tensor *logits;
    TRY_DONE(model_trace_logits(m, g, 1, size[0], size[1], -1, &logits, err));
    if (!collect(m->root, g, 0, o->depth ? o->depth : 2, mem, &all)) {
        status = fail_memory(err);
        goto done;
    }
    printf("input: 1 image of %lld x %lld, %d channels\n", (long long)size[0], (long long)size[1], m->in_channels);
    print_rows(&all);
done:
    graph_free(g);
    return status;
}

/* Of a training step with the config's batch, and of inference. */
static cseg_status print_memory(value *cfg, const char *path, const model_args *o, arena *mem, cseg_error *err)
{
    enum { LARGEST = 12 };
    experiment *e;
    int64_t size[2];
    char *text;
    TRY(input_size(cfg, o, size, err));
    TRY(experiment_read(cfg, path, mem, &e, err));
    for (int train = 1; train >= 0; train--) {
        int64_t usual = train && e->train.batch_size > 0 ? e->train.batch_size : 1;
        memory_options how = {.train = train,
                              .n = o->batch ? o->batch : usual,
                              .h = size[0],
                              .w = size[1],
                              .threads = (int)o->threads,
                              .largest = LARGEST};
        TRY(memory_of(e, &how, mem, &text, err));
        printf("%s, %lld x %lld x %lld:\n%s%s", train ? "A training step" : "Label maps from images", (long long)how.n,
               (long long)how.h, (long long)how.w, text, train ? "\n" : "");
    }
    return CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const model_args *o = options;
    if (o->kinds) {
        kinds_document(stdout);
        return CSEG_OK;
    }
    if (!args->n)
        return fail(err, CSEG_USAGE, "CONFIG is missing; see cseg model --help");
    value *cfg;
    TRY(common_config(args->at[0], &o->cfg_options, mem, &cfg, err));
    if (o->memory)
        return print_memory(cfg, args->at[0], o, mem, err);
    const value *dict = value_get(cfg, "model");
    if (!dict)
        return fail(err, CSEG_CONFIG, "%s has no `model`", args->at[0]);
    model *m;
    experiment about;
    experiment_begin(cfg, &about);
    model_options how = {.train_cfg = about.train_cfg,
                         .test_cfg = about.test_cfg,
                         .class_names = dataset_classes_named,
                         .no_grad = true};
    TRY(model_build(dict, &how, &m, err));
    cseg_status status = print_table(cfg, m, o, mem, err);
    model_free(m);
    return status;
}

static const cli_option options[] = {
    {.names = "--shape",
     .type = O_LIST,
     .offset = offsetof(model_args, shape),
     .value = "H W",
     .about = "size of the input; default: the config's crop, else 512 512"},
    {.names = "--depth",
     .type = O_INT,
     .offset = offsetof(model_args, depth),
     .min = 1,
     .max = 16,
     .about = "how deep to go into the modules (default 2)"},
    {.names = "--memory",
     .type = O_FLAG,
     .offset = offsetof(model_args, memory),
     .about = "print instead what a training step and inference hold in memory: the plan, its bound, the largest "
              "tensors"},
    {.names = "--batch",
     .type = O_INT,
     .offset = offsetof(model_args, batch),
     .min = 1,
     .max = 4096,
     .about = "images, for --memory; default: the config's for training, 1 for inference"},
    OPTION_THREADS(model_args),
    {.names = "--kinds",
     .type = O_FLAG,
     .offset = offsetof(model_args, kinds),
     .about = "print all kinds that can be built and their fields, as Markdown; needs no CONFIG"},
    OPTION_CFG(model_args),
    OPTIONS_END,
};
const cli_command command_model = {
    .name = "model",
    .arguments = "CONFIG",
    .about = "print a table of modules: output shape, parameters, multiply-adds",
    .details = "Counts the products of convolutions and matrix products at inference, as traced, before any "
               "optimisation.",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .size = sizeof(model_args),
    .run = run,
};
