/* STDCHead: FCNHead that learns where classes border on each other (Fan et al. 2021, arXiv:2104.13188). */
#include "model/heads/fcn_head.h"
#include "model/init.h"

typedef struct stdc_config {
    head_config head;
    int64_t num_convs;
    fcn_fields fcn;
    double boundary_threshold;
} stdc_config;

static const field fields[] = {
    HEAD_FIELDS(stdc_config),
    FIELD_RANGE(stdc_config, F_INT, num_convs, "2", 0, 64, "convolutions before the classifier"),
    FCN_FIELDS(stdc_config),
    FIELD_RANGE(stdc_config, F_FLOAT, boundary_threshold, "0.1", -1e6, 1e6,
                "a border is where the label map's Laplacian is above it"),
};
static const field_table table = FIELD_TABLE(fields, stdc_config);

enum { SCALES = 3 };

/* The weights of both kernels, by which borders are found: buffers in effect, though the first is a parameter. */
static const float first_fusion[SCALES] = {0.6f, 0.3f, 0.1f};
static const float first_laplacian[9] = {-1, -1, -1, -1, 8, -1, -1, -1, -1};

static void build(module *m)
{
    const stdc_config *c = m->config;
    if (!fcn_begin(m, &c->fcn, c->num_convs))
        return;
    param *laplacian = module_buffer(m, "laplacian_kernel", DT_F32, 4, (int64_t[]){1, 1, 3, 3}, 0);
    param *fusion = module_param(m, "fusion_kernel", 4, (int64_t[]){1, SCALES, 1, 1}, INIT_ZERO, 0, 0);
    if (model_failed(m->model))
        return;
    fusion->requires_grad = false;
    init_values(laplacian, first_laplacian);
    init_values(fusion, first_fusion);
    m->head->labels = (loss_labels){0}; /* it is trained on borders: any label may lie beside them */
}

/* The mask of every `step`-th pixel, each repeated for those around it. */
static tensor *coarse(graph *g, tensor *mask, int step)
{
    tensor *x = op_max_pool(g, op_cast(g, mask, DT_F32), (pool_attr){.kernel = {1, 1}, .stride = {step, step}});
    return op_compare_to(g, resize_nearest_like(g, x, mask), COMPARE_GT, 0.5);
}

/* Where the label map i32 [N,H,W] has a border, at three scales that are weighted against each other: i32 [N,H,W]. */
static tensor *borders(module *m, graph *g, tensor *label)
{
    tensor *laplacian = graph_param(g, m->buffers.at[0]), *fusion = graph_param(g, module_own(m, "fusion_kernel"));
    double threshold = ((const stdc_config *)m->config)->boundary_threshold;
    if (!label)
        return NULL;
    tensor *x =
        op_reshape(g, op_cast(g, label, DT_F32), 4, (int64_t[]){label->dim[0], label->dim[1], label->dim[2], 1});
    conv_attr same = {.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 1};
    tensor *sharp = op_compare_to(g, op_conv2d(g, x, laplacian, NULL, same), COMPARE_GT, threshold);
    tensor *masks[SCALES] = {sharp, coarse(g, sharp, 2), coarse(g, sharp, 4)}, *sum = NULL;
    tensor *weights = op_reshape(g, fusion, 4, (int64_t[]){1, 1, 1, SCALES});
    tensor *none = op_fill(g, 4, (int64_t[]){1, 1, 1, 1}, 0);
    for (int i = 0; i < SCALES; i++) {
        tensor *part = op_where(g, masks[i], op_slice(g, weights, 3, i, 1), none);
        sum = i ? op_add(g, sum, part) : part;
    }
    return op_reshape(g, op_cast(g, op_compare_to(g, sum, COMPARE_GT, threshold), DT_I32), 3, label->dim);
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    head_io of_borders = *io;
    of_borders.label = borders(m, g, io->label);
    if (of_borders.label)
        head_add_losses(m, g, &of_borders, out->logits, prefix);
}

const kind kind_stdc_head = {
    .family = FAMILY_HEAD,
    .name = "STDCHead",
    .about = "FCNHead that learns where classes border on each other, for detail in training (arXiv:2104.13188).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward, .features = fcn_features, .loss = loss},
};
