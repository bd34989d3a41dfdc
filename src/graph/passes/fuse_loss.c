/* resize -> cross_entropy, and accuracy beside it, becomes one node: logits of the label's size (157 MB an image for
 * 150 classes at 512x512) are made row by row and never written, nor is their gradient. */
#include "base/error.h"
#include "graph/passes/rewrite.h"

static node *bilinear(const tensor *t)
{
    node *n = t->from;
    return n && n->op == OP_resize && !n->attr.resize.nearest && !n->attr.resize.cubic && n->attr.resize.scale_h == 0 &&
                   n->attr.resize.scale_w == 0
               ? n
               : NULL;
}

/* Returns the accuracy node of the same logits and labels. */
static node *accuracy_beside(const graph *g, const node *loss)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        node *n = g->nodes.at[i];
        if (n->op == OP_accuracy && n->in[0] == loss->in[0] && n->in[1] == loss->in[1] &&
            n->attr.loss.ignore_index == loss->attr.loss.ignore_index)
            return n;
    }
    return NULL;
}

cseg_status pass_fuse_loss(graph *g, cseg_error *err)
{
    size_t n = g->nodes.n;
    for (size_t i = 0; i < n; i++) {
        node *loss = g->nodes.at[i];
        node *resize = loss->op == OP_cross_entropy && !loss->attr.loss.resized ? bilinear(loss->in[0]) : NULL;
        if (!resize)
            continue;
        /* Only beside the loss that is trained on; losses for a sampler have no accuracy. */
        node *accuracy = loss->attr.loss.avg == AVG_NONE ? NULL : accuracy_beside(g, loss);
        op_attr a = loss->attr;
        a.loss.resized = true;
        a.loss.align_corners = resize->attr.resize.align_corners;
        tensor *in[4] = {resize->in[0], loss->in[1], loss->n_in > 2 ? loss->in[2] : NULL,
                         loss->n_in > 3 ? loss->in[3] : NULL};
        node *now = graph_add_node(g, OP_cross_entropy, 4, in, accuracy ? 3 : 2, &a);
        if (!now)
            return graph_status(g, err);
        now->scope = loss->scope;
        rewrite_replace(g, loss->out[0], now->out[0]);
        if (accuracy)
            rewrite_replace(g, accuracy->out[0], now->out[2]);
    }
    return CSEG_OK;
}
