/* OHEMPixelSampler: only hard pixels count in the loss (Shrivastava et al. 2016, arXiv:1604.03540). Both
 * ways of choosing need only losses, and no logits of the label's size in memory (PASS_FUSE_LOSS). */
#include "model/heads/decode_head.h"
#include "model/losses/hard_pixels.h"

typedef struct ohem_config {
    const value *thresh;
    int64_t min_kept;
} ohem_config;

static const field fields[] = {
    FIELD(ohem_config, F_VALUE, thresh, "None",
          "pixels learn whose class has a smaller probability; None: those of the largest losses"),
    FIELD_RANGE(ohem_config, F_INT, min_kept, "100000", 2, 1 << 30,
                "so many pixels an image of the batch learn in any "
                "case"),
};
static const field_table table = FIELD_TABLE(fields, ohem_config);

typedef struct ohem {
    bool by_probability;
    double thresh;
} ohem;

/* A loss of the batch as a whole is the same for all pixels, and decides nothing between them. */
static bool is_compared(const module *loss)
{
    return !loss->kind->as.loss.of_batch || !loss->kind->as.loss.of_batch(loss);
}

static void check_losses(module *m, const decode_head *h)
{
    size_t compared = 0;
    for (size_t i = 0; i < h->losses.n; i++) {
        const module *loss = h->losses.at[i];
        compared += is_compared(loss);
        if ((is_compared(loss) || (i + 1 == h->losses.n && !compared)) && !(loss->kind->as.loss.can & LOSS_PER_PIXEL))
            model_fail(m->model, CSEG_UNSUPPORTED, m->cfg,
                       "%s: without thresh the sampler compares the losses of pixels, and %s gives none for each; set "
                       "thresh",
                       m->name, loss->kind->name);
    }
}

static void build(module *m)
{
    const ohem_config *c = m->config;
    ohem *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    s->by_probability = !value_is_none(c->thresh);
    if (!s->by_probability)
        check_losses(m, m->parent->state);
    else if (!value_number(c->thresh, &s->thresh))
        model_fail(m->model, CSEG_CONFIG, c->thresh, "%s: thresh is a number or None, not %s", m->name,
                   value_kind_name(c->thresh));
    else if (m->parent->head->out_channels == 1)
        model_fail(
            m->model, CSEG_CONFIG, c->thresh,
            "%s: thresh is compared with a softmax over the classes, of which the head has one channel; leave it "
            "out, or give each class a channel",
            m->name);
}

/* Chooses the pixels with the largest sums of the head's losses. */
static tensor *costly(const decode_head *h, graph *g, const loss_io *io, tensor *valid, int64_t kept)
{
    loss_io each = *io;
    each.per_pixel = true;
    each.weight = NULL;
    tensor *sum = NULL;
    for (size_t i = 0; i < h->losses.n; i++) {
        if (!is_compared(h->losses.at[i]))
            continue;
        tensor *one = loss_run(h->losses.at[i], g, &each);
        sum = sum ? op_add(g, sum, one) : one;
    }
    return op_largest(g, sum, valid, kept);
}

static tensor *weight(module *m, graph *g, const loss_io *io)
{
    const ohem *s = m->state;
    if (!io->x || !io->target)
        return NULL;
    int64_t kept = ((const ohem_config *)m->config)->min_kept * io->target->dim[0];
    tensor *valid = op_compare_to(g, io->target, COMPARE_NE, (double)io->ignore_index);
    tensor *hard =
        s->by_probability ? hard_pixels(g, io, valid, s->thresh, kept) : costly(m->parent->state, g, io, valid, kept);
    return op_cast(g, hard, DT_F32);
}

const kind kind_ohem_pixel_sampler = {
    .family = FAMILY_SAMPLER,
    .name = "OHEMPixelSampler",
    .about = "Hard pixels learn, the others do not: by their class's probability or by their losses "
             "(arXiv:1604.03540).",
    .fields = &table,
    .build = build,
    .as.sampler = {.weight = weight},
};
