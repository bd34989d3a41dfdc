#include "model/backbones/hr_module.h"

typedef struct hr_module {
    int branches, outputs;
    module *branch[HR_BRANCHES_MAX];
    module *fuse[HR_BRANCHES_MAX][HR_BRANCHES_MAX]; /* [to][from]; NULL on the diagonal */
} hr_module;

static void build_branches(module *m, hr_module *h, const hr_module_spec *s)
{
    module *list = module_new(m, "branches");
    if (list)
        list->base = true;
    for (int i = 0; i < s->branches; i++) {
        res_block_spec b = {.bottleneck = s->bottleneck,
                            .in = s->channels[i],
                            .planes = s->planes[i],
                            .stride = 1,
                            .with_cp = s->with_cp,
                            .conv_cfg = s->conv_cfg,
                            .norm_cfg = s->norm_cfg};
        h->branch[i] = res_layer_new(list, module_index(m, i), b, s->blocks[i], NULL);
    }
}

/* From a coarser branch: 1x1, norm, upsampling. */
static module *fuse_up(module *list, const char *name, const hr_module_spec *s, int to, int from)
{
    module *f = sequential_new(list, name);
    conv2d_new(f, "0", s->conv_cfg, conv_square(s->channels[from], s->channels[to], 1, 1, 0, 1));
    norm_new(f, "1", s->norm_cfg, s->channels[to]);
    upsample_new(f, "2", (double)((int64_t)1 << (from - to)), "bilinear", false);
    return f;
}

/* From a finer branch: strided 3x3 convolutions, the last of which sets the channels and has no ReLU. */
static module *fuse_down(module *list, const char *name, const hr_module_spec *s, int to, int from)
{
    module *f = sequential_new(list, name);
    for (int k = 0; k < to - from; k++) {
        bool last = k == to - from - 1;
        int64_t in = s->channels[from], out = last ? s->channels[to] : in;
        module *step = sequential_new(f, module_index(list, k));
        conv2d_new(step, "0", s->conv_cfg, conv_square(in, out, 3, 2, 1, 1));
        norm_new(step, "1", s->norm_cfg, out);
        if (!last)
            relu_new(step, "2");
    }
    return f;
}

static void build_fuse(module *m, hr_module *h, const hr_module_spec *s)
{
    module *rows = module_new(m, "fuse_layers");
    for (int to = 0; to < s->outputs; to++) {
        module *row = module_new(rows, module_index(m, to));
        for (int from = 0; from < s->branches; from++) {
            const char *name = module_index(m, from);
            if (from > to)
                h->fuse[to][from] = fuse_up(row, name, s, to, from);
            else if (from < to)
                h->fuse[to][from] = fuse_down(row, name, s, to, from);
        }
    }
}

module *hr_module_new(module *parent, const char *name, const hr_module_spec *s)
{
    module *m = module_new(parent, name);
    hr_module *h = module_state(m, sizeof *h);
    if (!h)
        return NULL;
    m->class_name = "HRModule";
    m->base = true;
    m->state = h;
    h->branches = s->branches;
    h->outputs = s->outputs;
    build_branches(m, h, s);
    if (s->branches > 1)
        build_fuse(m, h, s);
    return model_failed(m->model) ? NULL : m;
}

/* Each branch has half the sides of the one before, as a strided convolution makes them. */
static bool check_sizes(graph *g, features x)
{
    for (int i = 1; i < x.n; i++) {
        const tensor *fine = x.at[i - 1], *coarse = x.at[i];
        if (!fine || !coarse)
            return false;
        if (coarse->dim[1] == (fine->dim[1] + 1) / 2 && coarse->dim[2] == (fine->dim[2] + 1) / 2)
            continue;
        graph_fail(
            g, CSEG_SHAPE,
            "branch %d has maps of %lld x %lld, branch %d of %lld x %lld, which is not half of it: from one stage "
            "to the next only the channels of the coarsest branch may change",
            i - 1, (long long)fine->dim[1], (long long)fine->dim[2], i, (long long)coarse->dim[1],
            (long long)coarse->dim[2]);
        return false;
    }
    return true;
}

static tensor *fuse(hr_module *h, graph *g, features x, int to)
{
    tensor *sum = NULL;
    for (int from = 0; from < h->branches; from++) {
        tensor *y = x.at[from];
        if (!x.at[to] || !y)
            return NULL;
        if (from != to)
            y = layer_run(h->fuse[to][from], g, y);
        /* For odd sizes the enlarged map has one row or column more than the map it is added to. */
        if (from > to && y)
            y = op_resize_to(g, y, x.at[to]->dim[1], x.at[to]->dim[2], false);
        sum = sum ? op_add(g, sum, y) : y;
    }
    return op_relu(g, sum);
}

features hr_module_run(module *m, graph *g, features x)
{
    hr_module *h = m->state;
    features y = features_new(g, h->branches == 1 ? 1 : h->outputs), in = features_new(g, h->branches);
    graph_push_scope(g, m->name);
    for (int i = 0; i < in.n; i++)
        in.at[i] = layer_run(h->branch[i], g, i < x.n ? x.at[i] : NULL);
    bool fits = h->outputs == 1 || check_sizes(g, in);
    for (int i = 0; i < y.n && in.n && fits; i++)
        y.at[i] = h->branches == 1 ? in.at[i] : fuse(h, g, in, i);
    graph_pop_scope(g);
    return y;
}
