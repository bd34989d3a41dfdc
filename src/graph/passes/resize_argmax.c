/* resize -> argmax becomes one node, so that logits of the image's size are never written. */
#include "base/error.h"
#include "graph/passes/rewrite.h"

cseg_status pass_resize_argmax(graph *g, cseg_error *err)
{
    rewrite r;
    if (!rewrite_count(&r, g))
        return fail_memory(err);
    size_t n = g->nodes.n;
    for (size_t i = 0; i < n; i++) {
        node *argmax = g->nodes.at[i];
        node *resize = argmax->op == OP_argmax ? rewrite_maker(&r, argmax->in[0], OP_resize) : NULL;
        if (!resize || resize->attr.resize.cubic)
            continue;
        node *now = graph_add_node(g, OP_resize_argmax, 1, resize->in, 1, &resize->attr);
        if (!now)
            return graph_status(g, err);
        now->scope = argmax->scope;
        rewrite_replace(g, argmax->out[0], now->out[0]);
    }
    return CSEG_OK;
}
